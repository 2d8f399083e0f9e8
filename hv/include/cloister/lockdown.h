/* SPDX-License-Identifier: MIT */
/*
 * What dom0 may of the machine: the table's rules, rooms and rows.
 *
 * dom0 drives devices. It has its own RAM, the BARs, interrupts and ports of its devices, read-only firmware tables
 * and the toolstack's hypercalls; everything else of the machine is Xen's. *Rows* give ranges to dom0; a *rule* refuses
 * what no row gives. A rule belongs to a *room*, which the boot option `cloister-lockdown=` can open; a room that is
 * open shows as a flag (CLOISTER_INFO_*), which verifiers refuse. The table is made at boot, and only tightens.
 */
#ifndef CLOISTER_LOCKDOWN_H
#define CLOISTER_LOCKDOWN_H

#include <stdint.h>

/* X(ROOM, "option"): the word of cloister-lockdown= that opens it, and its flag CLOISTER_INFO_<ROOM>. */
#define CLOISTER_LOCKDOWN_ROOMS(X)                                                                 \
    X(OPEN_PORTS, "ports")                                                                         \
    X(OPEN_MEMORY, "memory")                                                                       \
    X(OPEN_PCI, "pci")                                                                             \
    X(OPEN_MSR, "msr")                                                                             \
    X(RUNTIME_SERVICES, "runtime-services")                                                        \
    X(SLEEP, "sleep")                                                                              \
    X(DEBUG, "debug")                                                                              \
    X(MICROCODE, "microcode")                                                                      \
    X(HOT_ADD, "hot-add")                                                                          \
    X(DMA_RESERVED, "dma-reserved")

/* X(number, NAME, ROOM, "name", "what is refused", "what to do instead"). Numbers are ABI and without gaps. */
#define CLOISTER_LOCKDOWN_RULES(X)                                                                 \
    X(0, PORT, OPEN_PORTS, "port", "an I/O port that no row gives",                                \
      "a driver that needs it: see OPERATING.md, \"A device that does not work\"")                 \
    X(1, PORT_SLEEP, SLEEP, "port-sleep",                                                          \
      "the sleep bits of the power management control registers",                                  \
      "shut dom0 down or reboot it: Xen switches the machine off")                                 \
    X(2, PORT_RESET, SLEEP, "port-reset", "a port that resets the machine",                        \
      "reboot dom0: Xen clears its secrets and resets the machine")                                \
    X(3, PORT_SMI, OPEN_PORTS, "port-smi", "the command port of system management mode",           \
      "firmware settings: in the firmware's setup")                                                \
    X(4, CMOS_RESUME, SLEEP, "cmos-resume",                                                        \
      "the CMOS byte that lets a reset go on in dom0's code", "nothing needs it")                  \
    X(5, MEMORY, OPEN_MEMORY, "memory", "a physical address that no row gives",                    \
      "a driver that needs it: see OPERATING.md, \"A device that does not work\"")                 \
    X(6, MEMORY_WRITE, OPEN_MEMORY, "memory-write", "writing memory that the firmware keeps",      \
      "nothing needs it")                                                                          \
    X(7, XEN_ADDRESS, OPEN_MEMORY, "xen-address",                                                  \
      "an address for Xen to map that is not the device's own",                                    \
      "load the device's driver after its BARs are where the firmware put them")                   \
    X(8, PCI_SYSTEM, OPEN_PCI, "pci-system", "configuring a function of the chipset",              \
      "firmware settings: in the setup")                                                           \
    X(9, PCI_MOVE, OPEN_PCI, "pci-move",                                                           \
      "moving a device, or a bridge's window, to where no row is",                                 \
      "boot dom0 with pci=realloc=off; hot-plug below a bridge whose window has room")             \
    X(10, MSR, OPEN_MSR, "msr", "writing a register of the CPU that is not dom0's",                \
      "xenpm, for frequencies")                                                                    \
    X(11, SLEEP, SLEEP, "sleep", "putting the machine to sleep", "shut it down")                   \
    X(12, FIRMWARE_CALL, RUNTIME_SERVICES, "firmware-call",                                        \
      "a call of the firmware's runtime services",                                                 \
      "boot entries and updates: see OPERATING.md, \"Firmware\"")                                  \
    X(13, MICROCODE, MICROCODE, "microcode", "loading microcode at run time",                      \
      "boot Xen with ucode=scan: before dom0 exists, from the measured boot")                      \
    X(14, HOT_ADD, HOT_ADD, "hot-add", "adding memory or a CPU", "reboot with it in the machine")  \
    X(15, POWER_DATA, SLEEP, "power-data", "power states whose registers are not the CPU's own",   \
      "cpufreq=xen with states of fixed hardware")                                                 \
    X(16, PLATFORM, OPEN_MSR, "platform", "a platform operation that no row gives",                \
      "see OPERATING.md, \"Toolstack\"")                                                           \
    X(17, SYSCTL, OPEN_MSR, "sysctl", "a system operation that no row gives",                      \
      "see OPERATING.md, \"Toolstack\"")                                                           \
    X(18, DEBUG_KEY, DEBUG, "debug-key", "a debug key that no row gives",                          \
      "the keys that xl debug-keys h lists")                                                       \
    X(19, CONSOLE_INPUT, DEBUG, "console-input", "the serial line's input for Xen itself",         \
      "xl debug-keys in dom0")                                                                     \
    X(20, MACHINE_CHECK, DEBUG, "machine-check", "injecting a machine check", "nothing needs it")  \
    X(21, PHYSDEV, OPEN_PCI, "physdev", "a physical device operation that no row gives",           \
      "see OPERATING.md, \"Toolstack\"")

#define CLOISTER_RULE_ENUM(number, name, room, text, refused, instead)                             \
    CLOISTER_RULE_##name = (number),
enum cloister_lockdown_rule {
    CLOISTER_LOCKDOWN_RULES(CLOISTER_RULE_ENUM) CLOISTER_RULE_LIMIT,
};
#undef CLOISTER_RULE_ENUM

/* What a row's range counts, X(number, NAME, "name"). Numbers are ABI. */
#define CLOISTER_LOCKDOWN_KINDS(X)                                                                 \
    X(0, RULE, "rule")     /* first = last = the rule; its counter, over all it refused */         \
    X(1, PORT, "port")     /* I/O ports */                                                         \
    X(2, MEMORY, "memory") /* frame numbers */                                                     \
    X(3, PCI, "pci")       /* functions: segment << 16 | bus << 8 | slot << 3 | function */        \
    X(4, MSR, "msr")                                                                               \
    X(5, PLATFORM, "platform") /* XENPF_* */                                                       \
    X(6, SYSCTL, "sysctl")     /* XEN_SYSCTL_* */                                                  \
    X(7, PHYSDEV, "physdev")   /* PHYSDEVOP_* */                                                   \
    X(8, MCA, "mca")           /* XEN_MC_* */                                                      \
    X(9, KEY, "key")           /* debug keys, ASCII */                                             \
    X(10, CLASS, "class")      /* PCI classes, base << 8 | sub, whose functions are the chipset's */

#define CLOISTER_KIND_ENUM(number, name, text) CLOISTER_KIND_##name = (number),
enum cloister_lockdown_kind { CLOISTER_LOCKDOWN_KINDS(CLOISTER_KIND_ENUM) CLOISTER_KIND_LIMIT };
#undef CLOISTER_KIND_ENUM

/*
 * Of a row. A rule's row: ACCESS_OPEN if its room is open. Of rows that overlap the one with less access holds; neither READ
 * nor WRITE: what it names is nobody's.
 */
#define CLOISTER_ACCESS_READ 1u
#define CLOISTER_ACCESS_WRITE 2u
#define CLOISTER_ACCESS_OPEN 4u
/* Rows that this machine has; those without are the same on every machine, and alone make the table's hash. */
#define CLOISTER_ACCESS_MACHINE 8u

struct cloister_lockdown_row {
    uint16_t kind;   /* enum cloister_lockdown_kind */
    uint16_t access; /* CLOISTER_ACCESS_* */
    uint32_t reserved0;
    uint64_t first; /* the range, both ends in it */
    uint64_t last;
    uint64_t refused; /* RULE: how often since boot */
};

_Static_assert(sizeof(struct cloister_lockdown_row) == 32, "ABI");

#endif
