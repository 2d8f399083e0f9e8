/* SPDX-License-Identifier: MIT */
/* The beginning of threads, and with the first one of the enclave. */
#include "runtime.h"

#include <errno.h>

#include "cloister/abi.h"

_Static_assert(CLOISTER_START_VERSION == 1 && CLOISTER_VECTOR_COUNT == 32, "start.S");
_Static_assert(CLOISTER_ENCLAVE_RETURN == 0, "start.S");

static struct {
    struct cloister_lock lock;
    bool ready;
} enclave;

/* The linker script's: functions with __attribute__((constructor)). */
extern void (*const __init_array_start[])(void);
extern void (*const __init_array_end[])(void);

static int begin_enclave(void)
{
    uint64_t cookie;
    int result = random_word(&cookie);

    if (result) {
        return result;
    }
    if (cloister_layout_page.magic != CLOISTER_LAYOUT_MAGIC ||
        cloister_layout_page.version != CLOISTER_START_VERSION) {
        cloister_fault(CLOISTER_FAULT_LAYOUT, 0);
    }
    runtime_heap_begin(cookie);
    for (void (*const *function)(void) = __init_array_start; function < __init_array_end;
         function++) {
        (*function)();
    }
    return 0;
}

/* No function that is active while the guard changes may have it on its stack. */
__attribute__((no_stack_protector, noinline)) int runtime_begin(struct cloister_thread *thread)
{
    uint64_t guard;
    int result = random_word(&guard);

    if (result) {
        return result;
    }
    /* A zero byte first: no string function copies over it (as glibc does). */
    thread->stack_guard = guard & ~UINT64_C(0xff);

    cloister_lock_take(&enclave.lock);
    if (!enclave.ready) {
        result = begin_enclave();
        enclave.ready = !result;
    }
    cloister_lock_release(&enclave.lock);
    thread->ready = !result;
    return result;
}
