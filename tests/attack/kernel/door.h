/* SPDX-License-Identifier: MIT */
/*
 * /dev/attack: what a hostile kernel can do, for user programs. A test-only module (attack_door.c), the
 * same for dom0's kernel (PV) and a tenant's (PVH). Addresses are the caller's.
 */
#ifndef ATTACK_DOOR_H
#define ATTACK_DOOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Any hypercall from CPL 0; `result` is what Xen returned. Pointers may be the caller's memory. */
struct door_hypercall {
    __u64 number;
    __u64 argument[5];
    __s64 result;
};

/* Looks for the pattern in pages [first, first + count) of the physical address space: memory through the
 * kernel's own mapping, everything else through ioremap, one word of each page. */
struct door_scan {
    __u64 seed;
    __u64 first;
    __u64 count;
    __u64 step;     /* look at every step-th page that is no memory */
    __u64 memory;   /* out: pages of memory looked at */
    __u64 other;    /* out: others looked at */
    __u64 unmapped; /* out: the kernel could not map them */
    __u64 found;    /* out: pages with the pattern ... */
    __u64 at;       /* ... and the first of them */
};

/* A page of the kernel's own. frame: as the hypervisor knows it (a machine frame in PV). */
struct door_page {
    __u32 slot;  /* 0 .. DOOR_SLOTS-1 */
    __u32 write; /* 1: data into the page; 0: out of it */
    __u64 frame;
    __u8 data[4096];
};
#define DOOR_SLOTS 4

/* PV only: sets a page-table entry of the kernel's own to `frame` with mmu_update (`command`: MMU_*), as
 * a foreign mapping of `domain`; looks at what is there, and restores the entry. */
struct door_entry {
    __u64 frame;
    __u32 domain;
    __u32 command;
    __s64 result;
    __u8 data[64];
};

/* The same for many frames: looks for the pattern. */
struct door_entries {
    __u64 seed;
    __u64 first;
    __u64 count;
    __u32 domain;
    __u32 command;
    __u64 mapped; /* out */
    __u64 refused;
    __u64 found;
    __u64 at;
};

/* Clears and sets bits of the caller's RFLAGS for when it is back in user mode. */
struct door_flags {
    __u64 clear;
    __u64 set;
};

/* The grant table as this kernel sees it: reads an entry (version 1), and writes it if `write`. */
struct door_grant {
    __u32 reference;
    __u32 write;
    __u16 flags;
    __u16 domain;
    __u32 frame;
};

/* A register of the CPU, as this kernel is let: `result` is 0, or -EIO for a fault. */
struct door_msr {
    __u32 index;
    __u32 write;
    __u64 value;
    __s64 result;
};

/* Four bytes at a physical address that is no memory of dom0's: changes these bits by the kernel's own mapping, looks,
 * and changes them back if they had changed. */
struct door_poke {
    __u64 address;
    __u32 bits;
    __u32 before;
    __u32 got;
    __u32 mapped;
};

#define DOOR_HYPERCALL _IOWR('a', 1, struct door_hypercall)
#define DOOR_SCAN _IOWR('a', 2, struct door_scan)
#define DOOR_PAGE _IOWR('a', 3, struct door_page)
#define DOOR_ENTRY _IOWR('a', 4, struct door_entry)
#define DOOR_ENTRIES _IOWR('a', 5, struct door_entries)
#define DOOR_FLAGS _IOW('a', 6, struct door_flags)
#define DOOR_GRANT _IOWR('a', 7, struct door_grant)
#define DOOR_MSR _IOWR('a', 8, struct door_msr)
#define DOOR_POKE _IOWR('a', 9, struct door_poke)

#endif
