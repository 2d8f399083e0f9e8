/* SPDX-License-Identifier: MIT */
/* What dom0 can know of the machine's memory. */
#ifndef ATTACK_MACHINE_H
#define ATTACK_MACHINE_H

#include <stddef.h>
#include <stdint.h>

struct xen_domctl;
struct xen_mc;
struct xen_platform_op;
struct xen_sysctl;

struct range {
    uint64_t first, count; /* frames */
};

/* One past the highest frame of memory. */
uint64_t machine_limit(void);
/* The machine's memory, at most `capacity` ranges; returns how many. */
unsigned int machine_memory(struct range *ranges, unsigned int capacity);
/* The frames named on the command line from arguments[first] on. */
unsigned int frame_arguments(int count, char **arguments, int first, uint64_t *frames,
                             unsigned int capacity);
/* The hypercalls as they are; the version is filled in. 0 (or more) or a negative errno. */
long domctl(struct xen_domctl *op);
long sysctl(struct xen_sysctl *op);
/* The same with a command and its structure, at most a page. */
long memory_op(unsigned int command, void *op, size_t size);
long hvm_op(unsigned int command, void *op, size_t size);
long physdev_op(unsigned int command, void *op, size_t size);
/* As domctl and sysctl. */
long platform_op(struct xen_platform_op *op);
long machine_check_op(struct xen_mc *op);
/* First frame of the first memory area of QEMU's edu device; 0: there is none. */
uint64_t edu_frame(char path[64]);
/* Of any device; 0: none has memory. */
uint64_t device_frame(void);

#endif
