# SPDX-License-Identifier: MIT
obj-y += bearssl/
obj-y += monitor/
obj-y += glue/audit.o
obj-y += glue/caller.o
obj-y += glue/freeze.o
obj-y += glue/hooks.o
obj-y += lockdown/lockdown.o
obj-y += lockdown/lockdown_io.o
obj-y += lockdown/lockdown_pci.o
obj-y += glue/machine.o
obj-y += glue/memory.o
obj-y += glue/options.o
obj-y += glue/power.o
obj-y += glue/secrets.o
obj-y += glue/start.o
obj-y += world/svm.o
obj-y += glue/test.o
obj-y += glue/tpm.o
obj-y += world/vmx.o
obj-y += world/world.o

CFLAGS-y += -I$(srctree)/arch/x86/cloister/shim -I$(srctree)/arch/x86/cloister/include
CFLAGS-y += -I$(srctree)/arch/x86/cloister -I$(srctree)/arch/x86/cloister/monitor
CFLAGS-y += -I$(srctree)/arch/x86/cloister/bearssl/inc
