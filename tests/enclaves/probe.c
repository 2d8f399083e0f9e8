/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <cloister/counter.h>
#include <cloister/enclave.h>
#include <cloister/report.h>
#include <cloister/seal.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "raise.h"

#define PAGE 4096u

static int give(const void *value, size_t size, void *out, size_t out_capacity, size_t *out_size)
{
    if (out_capacity < size) {
        return -EMSGSIZE;
    }
    memcpy(out, value, size);
    *out_size = size;
    return 0;
}

/* The arguments of every function; most need only some. */
#define ECALL(name)                                                                                \
    static int name(                                                                               \
        const void *in, __attribute__((unused)) size_t in_size, __attribute__((unused)) void *out, \
        __attribute__((unused)) size_t out_capacity, __attribute__((unused)) size_t *out_size)
#define TAKE(type, variable)                                                                       \
    type variable;                                                                                 \
    if (in_size != sizeof(variable))                                                               \
        return -EINVAL;                                                                            \
    memcpy(&variable, in, sizeof(variable))
#define GIVE(variable) give(&(variable), sizeof(variable), out, out_capacity, out_size)

ECALL(nothing)
{
    (void)in;
    return 0;
}

ECALL(sum)
{
    TAKE(uint64_t, millions);
    const uint64_t result = probe_sum(millions);

    return GIVE(result);
}

ECALL(exceptions)
{
    struct probe_exceptions counted = {0};

    TAKE(uint32_t, rounds);
    while (rounds-- > 0) {
        raise_all(&counted);
    }
    return GIVE(counted);
}

ECALL(touch)
{
    struct probe_raised raised;

    TAKE(struct probe_touch, wanted);
    raised = raise_touch(&wanted);
    return GIVE(raised);
}

ECALL(forbidden)
{
    struct probe_raised raised;

    TAKE(uint32_t, instruction);
    if (instruction >= PROBE_INSTRUCTIONS) {
        return -EINVAL;
    }
    raised = raise_instruction(instruction);
    return GIVE(raised);
}

ECALL(ocall)
{
    size_t size;
    int result;

    if (in_size > out_capacity) {
        return -EMSGSIZE;
    }
    result = cloister_ocall(PROBE_OCALL_ECHO, in, in_size, out, in_size, &size);
    if (result) {
        return result;
    }
    *out_size = size;
    return size == in_size && !memcmp(in, out, size) ? 0 : -EBADMSG;
}

ECALL(ocall_badly)
{
    struct {
        int64_t result;
        uint64_t size;
    } seen = {0};
    uint8_t answer[64];
    size_t size = 0;

    seen.result = cloister_ocall(PROBE_OCALL_BAD, in, in_size, answer, sizeof(answer), &size);
    seen.size = size;
    return GIVE(seen);
}

ECALL(registers)
{
    const uint64_t before = cloister_interruptions();
    struct probe_registers changed;

    TAKE(uint64_t, millions);
    changed = raise_registers(millions);
    changed.interruptions = cloister_interruptions() - before;
    return GIVE(changed);
}

/* --- the secret ------------------------------------------------------------------------------------ */

static uint64_t secret_page[PAGE / sizeof(uint64_t)] __attribute__((aligned(PAGE)));

__attribute__((constructor)) static void make_secret(void)
{
    for (uint32_t i = 0; i < PAGE / sizeof(uint64_t); i++) {
        secret_page[i] = probe_secret_word(i / 8, i % 8);
    }
}

ECALL(secret)
{
    struct probe_secret answer = {.address = (uint64_t)secret_page, .size = PAGE};

    TAKE(uint32_t, line);
    if (line >= PROBE_SECRET_LINES) {
        return -EINVAL;
    }
    answer.page = (uint32_t)((answer.address - UINT64_C(0x0000100000000000)) / PAGE);
    memcpy(answer.line, (const uint8_t *)secret_page + line * PROBE_SECRET_LINE,
           sizeof(answer.line));
    return GIVE(answer);
}

/* --- faults ---------------------------------------------------------------------------------------- */

ECALL(fault)
{
    TAKE(uint32_t, kind);
    if (kind >= PROBE_FAULTS) {
        return -EINVAL;
    }
    raise_fault(kind);
    return -EIO;
}

/* --- heap ------------------------------------------------------------------------------------------ */

#define POINTERS 64

/* Deterministic, and different for each thread. */
static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static uint32_t check_filled(const uint8_t *memory, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        if (memory[i] != value) {
            return 1;
        }
    }
    return 0;
}

ECALL(heap)
{
    uint8_t *pointers[POINTERS] = {0};
    size_t sizes[POINTERS] = {0};
    uint32_t wrong = 0, state = 1 + cloister_thread_index();

    TAKE(uint32_t, rounds);
    while (rounds-- > 0) {
        const uint32_t i = next(&state) % POINTERS;
        const size_t size = next(&state) % 2000;
        uint8_t *memory;

        wrong += check_filled(pointers[i], sizes[i], (uint8_t)i);
        if (pointers[i] && next(&state) % 2) {
            memory = realloc(pointers[i], size);
            wrong += memory && check_filled(memory, size < sizes[i] ? size : sizes[i], (uint8_t)i);
        } else {
            free(pointers[i]);
            memory = calloc(1, size);
            wrong += memory && check_filled(memory, size, 0);
        }
        if (!memory) {
            return -ENOMEM;
        }
        wrong += (uint64_t)memory % 16 != 0;
        memset(memory, (int)i, size);
        pointers[i] = memory;
        sizes[i] = size;
    }
    for (uint32_t i = 0; i < POINTERS; i++) {
        free(pointers[i]);
    }
    return GIVE(wrong);
}

/* --- the rest -------------------------------------------------------------------------------------- */

static __thread uint32_t local = 1000;
static uint64_t total;

ECALL(thread)
{
    const struct probe_thread answer = {
        .index = cloister_thread_index(),
        .local = ++local,
        .total = __atomic_add_fetch(&total, 1, __ATOMIC_RELAXED),
        .address = (uint64_t)&local,
    };

    (void)in;
    return GIVE(answer);
}

ECALL(spin)
{
    (void)in;
    for (;;) {
        __builtin_ia32_pause();
    }
    return 0;
}

ECALL(echo)
{
    return give(in, in_size, out, out_capacity, out_size);
}

ECALL(random)
{
    uint8_t bytes[64];
    int result = cloister_random(bytes, sizeof(bytes));

    (void)in;
    return result ? result : GIVE(bytes);
}

ECALL(status)
{
    TAKE(int32_t, value);
    return value;
}

ECALL(interruptions)
{
    const uint64_t count = cloister_interruptions();

    (void)in;
    return GIVE(count);
}

ECALL(report)
{
    struct cloister_report made;

    TAKE(
        struct { uint8_t bytes[64]; }, data);
    int result = cloister_report(data.bytes, &made);
    return result ? result : GIVE(made);
}

ECALL(call)
{
    TAKE(struct probe_call, wanted);
    asm volatile("call cloister_leave"
                 : "+a"(wanted.number), "+D"(wanted.value[0]), "+S"(wanted.value[1])
                 :
                 : "memory", "cc");
    return GIVE(wanted.number);
}

ECALL(key)
{
    uint8_t made[32];

    TAKE(struct probe_key, wanted);
    int result = cloister_seal_key(wanted.policy, wanted.security_version, wanted.label, made);
    return result ? result : GIVE(made);
}

ECALL(counter)
{
    struct cloister_counter_value now = {0};
    int result = -EINVAL;

    TAKE(struct probe_counter, wanted);
    if (wanted.operation == CLOISTER_COUNTER_INCREMENT) {
        result = cloister_counter_read(wanted.policy, wanted.label, &now);
        if (result && result != -ENOENT) {
            return result;
        }
    }
    for (uint32_t i = 0; i < wanted.times; i++) {
        switch (wanted.operation) {
        case CLOISTER_COUNTER_READ:
            result = cloister_counter_read(wanted.policy, wanted.label, &now);
            break;
        case CLOISTER_COUNTER_INCREMENT:
            result = cloister_counter_increment(wanted.policy, wanted.label, wanted.label, &now);
            break;
        case CLOISTER_COUNTER_REMOVE:
            result = cloister_counter_remove(wanted.policy, wanted.label);
            break;
        }
        if (result) {
            return result;
        }
    }
    struct probe_counted counted = {.value = now.value, .committed = now.committed};
    memcpy(counted.table, now.table, sizeof(counted.table));
    return GIVE(counted);
}

ECALL(oversize)
{
    (void)in;
    *out_size = out_capacity + 1;
    return 0;
}

CLOISTER_ECALLS(
    [PROBE_NOTHING] = {nothing, 0, 0}, [PROBE_SUM] = {sum, 8, 8},
    [PROBE_EXCEPTIONS] = {exceptions, 4, sizeof(struct probe_exceptions)},
    [PROBE_TOUCH] = {touch, sizeof(struct probe_touch), sizeof(struct probe_raised)},
    [PROBE_FORBIDDEN] = {forbidden, 4, sizeof(struct probe_raised)},
    [PROBE_OCALL] = {ocall, SIZE_MAX, SIZE_MAX},
    [PROBE_REGISTERS] = {registers, 8, sizeof(struct probe_registers)},
    [PROBE_SECRET] = {secret, 4, sizeof(struct probe_secret)}, [PROBE_FAULT] = {fault, 4, 0},
    [PROBE_HEAP] = {heap, 4, 4}, [PROBE_THREAD] = {thread, 0, sizeof(struct probe_thread)},
    [PROBE_SPIN] = {spin, 0, 0}, [PROBE_ECHO] = {echo, SIZE_MAX, SIZE_MAX},
    [PROBE_RANDOM] = {random, 0, 64}, [PROBE_STATUS] = {status, 4, 0},
    [PROBE_INTERRUPTIONS] = {interruptions, 0, 8}, [PROBE_OCALL_BADLY] = {ocall_badly, 64, 16},
    [PROBE_OVERSIZE] = {oversize, 0, 16},
    [PROBE_REPORT] = {report, 64, sizeof(struct cloister_report)},
    [PROBE_CALL] = {call, sizeof(struct probe_call), 8},
    [PROBE_KEY] = {key, sizeof(struct probe_key), 32},
    [PROBE_COUNTER] = {counter, sizeof(struct probe_counter), sizeof(struct probe_counted)});
