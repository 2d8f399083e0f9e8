# SPDX-License-Identifier: MIT
obj-y += machine/bootorder.o
obj-y += core/calls.o
obj-y += vault/counters.o
obj-y += core/create.o
obj-y += core/enclave.o
obj-y += core/frame.o
obj-y += vault/identity.o
obj-y += core/launch.o
obj-y += machine/lockdown.o
obj-y += core/measure.o
obj-y += machine/mor.o
obj-y += core/p256.o
obj-y += core/pages.o
obj-y += machine/power.o
obj-y += vault/report.o
obj-y += vault/seal.o
obj-y += core/teardown.o
obj-y += core/tenant.o
obj-y += core/thread.o
obj-y += tpm/tpm.o
obj-y += tpm/tpm_crb.o
obj-y += tpm/tpm_key.o
obj-y += tpm/tpm_nv.o
obj-y += tpm/tpm_tis.o
obj-y += core/trace.o
obj-y += core/view.o

CFLAGS-y += -I$(srctree)/arch/x86/cloister/shim -I$(srctree)/arch/x86/cloister/include
CFLAGS-y += -I$(srctree)/arch/x86/cloister/monitor -I$(srctree)/arch/x86/cloister/bearssl/inc
# core/p256.c includes one of its files.
CFLAGS-y += -isystem $(srctree)/arch/x86/cloister/bearssl/src
CFLAGS-y += -Wno-declaration-after-statement
