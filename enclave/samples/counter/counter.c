/* SPDX-License-Identifier: MIT */
#include "counter.h"

#include <cloister/enclave.h>

#include <errno.h>
#include <string.h>

static struct cloister_lock lock;
static uint64_t total;

static int answer(uint64_t value, void *out, size_t out_capacity, size_t *out_size)
{
    if (out_capacity < sizeof(value)) {
        return -EMSGSIZE;
    }
    memcpy(out, &value, sizeof(value));
    *out_size = sizeof(value);
    return 0;
}

static int add(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    uint64_t value = 1;
    int result = 0;

    if (in_size == sizeof(value)) {
        memcpy(&value, in, sizeof(value));
    } else if (in_size != 0) {
        return -EINVAL;
    }
    cloister_lock_take(&lock);
    if (__builtin_add_overflow(total, value, &value)) {
        result = -EOVERFLOW;
    } else {
        total = value;
    }
    cloister_lock_release(&lock);
    return result ? result : answer(value, out, out_capacity, out_size);
}

static int get(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    uint64_t value;

    (void)in;
    (void)in_size;
    cloister_lock_take(&lock);
    value = total;
    cloister_lock_release(&lock);
    return answer(value, out, out_capacity, out_size);
}

CLOISTER_ECALLS([COUNTER_ADD] = {add, sizeof(uint64_t), sizeof(uint64_t)}, [COUNTER_GET] = {
                                                                               get, 0,
                                                                               sizeof(uint64_t)});
