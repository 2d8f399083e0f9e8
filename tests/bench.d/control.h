/* SPDX-License-Identifier: MIT */
/* Control operations of the monitor from a program in dom0. What fails ends the program and says why. */
#ifndef BENCH_CONTROL_H
#define BENCH_CONTROL_H

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <xencall.h>

#include <cloister/abi.h>

#define QUOTA_FRAMES                                                                               \
    (400u << 10) /* the largest enclave, its tables, and what else the domain has */

static xencall_handle *xencall;

static inline void control_begin(void)
{
    xencall = xencall_open(NULL, 0);
    if (!xencall)
        err(1, "privcmd");
}

/* Zeroed memory that a hypercall may name. */
static inline void *buffer(size_t size)
{
    void *memory = xencall_alloc_buffer(xencall, size);

    if (!memory)
        err(1, "hypercall buffer");
    memset(memory, 0, size);
    return memory;
}

static inline void control(unsigned int operation, void *argument)
{
    const struct cloister_head *head = argument;

    if (xencall2(xencall, CLOISTER_HYPERCALL, operation, (uint64_t)argument))
        err(1, "control operation %u: %s (found %llu, allowed %llu)", operation,
            cloister_reason_name(head->reason), (unsigned long long)head->found,
            (unsigned long long)head->allowed);
}

/* An image file in a hypercall buffer. */
static inline struct cloister_image_header *read_image(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct cloister_image_header *header;

    if (!file || fseek(file, 0, SEEK_END))
        err(1, "%s", path);
    *size = (size_t)ftell(file);
    header = buffer(*size);
    rewind(file);
    if (fread(header, 1, *size, file) != *size)
        err(1, "%s", path);
    fclose(file);
    return header;
}

static inline uint32_t create(uint16_t domain, const struct cloister_image_header *header)
{
    struct cloister_quota *quota = buffer(sizeof(*quota));
    struct cloister_create *op = buffer(sizeof(*op));

    quota->domain = domain;
    quota->set = 1;
    quota->limit = QUOTA_FRAMES;
    control(CLOISTER_OP_QUOTA, quota);
    op->domain = domain;
    op->header = (uint64_t)header;
    control(CLOISTER_OP_CREATE, op);
    return op->enclave;
}

#endif
