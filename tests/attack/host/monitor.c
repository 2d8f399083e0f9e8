/* SPDX-License-Identifier: MIT */
#include "monitor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xencall.h>

static xencall_handle *xencall(void)
{
    static xencall_handle *handle;

    if (!handle && !(handle = xencall_open(NULL, 0))) {
        perror("xencall");
        exit(2);
    }
    return handle;
}

void *hyper_memory(size_t size)
{
    size_t pages = (size + CLOISTER_PAGE_SIZE - 1) / CLOISTER_PAGE_SIZE;
    void *memory = xencall_alloc_buffer_pages(xencall(), pages);

    if (!memory) {
        perror("hypercall buffer");
        exit(2);
    }
    memset(memory, 0, pages * CLOISTER_PAGE_SIZE);
    return memory;
}

static long result(long outcome)
{
    return outcome == -1 ? -errno : outcome;
}

long hypercall2(unsigned int number, uint64_t a, uint64_t b)
{
    return result(xencall2(xencall(), number, a, b));
}

long hypercall4(unsigned int number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return result(xencall4(xencall(), number, a, b, c, d));
}

long monitor_op(uint32_t op, void *argument, size_t size)
{
    static void *buffer;

    buffer = buffer ? buffer : hyper_memory(CLOISTER_PAGE_SIZE);
    memcpy(buffer, argument, size);
    long outcome = hypercall2(CLOISTER_HYPERCALL, op, (uintptr_t)buffer);
    memcpy(argument, buffer, size);
    return outcome;
}

uint64_t monitor_frame(uint32_t enclave, uint32_t page)
{
    struct cloister_test test = {.kind = CLOISTER_TEST_FRAME, .enclave = enclave, .page = page};

    return monitor_op(CLOISTER_OP_TEST, &test, sizeof(test)) ? UINT64_MAX : test.frame;
}

long monitor_read(uint64_t frame, uint8_t data[64])
{
    struct cloister_test test = {.kind = CLOISTER_TEST_READ, .frame = frame};
    long outcome = monitor_op(CLOISTER_OP_TEST, &test, sizeof(test));

    memcpy(data, test.data, sizeof(test.data));
    return outcome;
}
