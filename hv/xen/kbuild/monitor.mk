# SPDX-License-Identifier: MIT
obj-y += bootorder.o
obj-y += calls.o
obj-y += counters.o
obj-y += enclave.o
obj-y += frame.o
obj-y += identity.o
obj-y += launch.o
obj-y += lockdown.o
obj-y += measure.o
obj-y += mor.o
obj-y += power.o
obj-y += report.o
obj-y += seal.o
obj-y += tenant.o
obj-y += thread.o
obj-y += tpm.o
obj-y += tpm_crb.o
obj-y += tpm_key.o
obj-y += tpm_nv.o
obj-y += tpm_tis.o
obj-y += trace.o
obj-y += view.o

CFLAGS-y += -I$(srctree)/arch/x86/cloister/shim -I$(srctree)/arch/x86/cloister/include
CFLAGS-y += -I$(srctree)/arch/x86/cloister/bearssl/inc
CFLAGS-y += -Wno-declaration-after-statement
