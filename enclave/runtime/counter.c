/* SPDX-License-Identifier: MIT */
/* Monotonic counters: what the monitor does for an enclave, and how far the host is with it. */
#include "runtime.h"

#include <string.h>

#include "cloister/abi.h"

/* `was`: what INCREMENT names. `now`: what came of it. */
static int ask(uint32_t operation, uint32_t policy, const uint8_t label[32],
               const struct cloister_counter_value *was, struct cloister_counter_value *now)
{
    /* Its own memory: the caller's may be anywhere, even in the window that the tenant sees. */
    _Alignas(sizeof(struct cloister_counter)) struct cloister_counter request = {
        .operation = operation, .policy = policy, .value = was->value};
    struct runtime_values answer;

    memcpy(request.label, label, sizeof(request.label));
    memcpy(request.tag, was->tag, sizeof(request.tag));
    answer = runtime_leave(
        (struct runtime_values){.number = CLOISTER_ENCLAVE_COUNTER,
                                .value = {(uint64_t)&request - CLOISTER_ENCLAVE_BASE, 0}});
    if (!answer.number) {
        now->value = request.value;
        now->committed = request.committed;
        memcpy(now->tag, request.tag, sizeof(now->tag));
        memcpy(now->table, request.table, sizeof(now->table));
    }
    return (int)answer.number;
}

int cloister_counter_read(uint32_t policy, const uint8_t label[32],
                          struct cloister_counter_value *now)
{
    const struct cloister_counter_value none = {.value = 0};

    return ask(CLOISTER_COUNTER_READ, policy, label, &none, now);
}

int cloister_counter_increment(uint32_t policy, const uint8_t label[32], const uint8_t tag[16],
                               struct cloister_counter_value *now)
{
    struct cloister_counter_value was = {.value = now->value};

    memcpy(was.tag, tag, sizeof(was.tag));
    return ask(CLOISTER_COUNTER_INCREMENT, policy, label, &was, now);
}

int cloister_counter_remove(uint32_t policy, const uint8_t label[32])
{
    const struct cloister_counter_value none = {.value = 0};
    struct cloister_counter_value last;

    return ask(CLOISTER_COUNTER_REMOVE, policy, label, &none, &last);
}
