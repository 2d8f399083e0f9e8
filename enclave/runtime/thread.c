/* SPDX-License-Identifier: MIT */
/* The beginning of threads and of the enclave, and what a thread can ask about itself. */
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

void cloister_fault(uint32_t vector, uint64_t page)
{
    for (;;) {
        runtime_leave((struct runtime_values){CLOISTER_ENCLAVE_FAULT, {vector, page}});
    }
}

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

uint64_t cloister_interruptions(void)
{
    return runtime_leave((struct runtime_values){.number = CLOISTER_ENCLAVE_AEX_COUNT}).number;
}

uint32_t cloister_thread_index(void)
{
    return runtime_thread()->index;
}

uint32_t cloister_thread_count(void)
{
    return cloister_layout_page.thread_count;
}

/* Where GCC and Clang go when a stack's canary has changed. */
__attribute__((noreturn)) void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
    cloister_fault(CLOISTER_FAULT_STACK, 0);
}

bool cloister_is_inside(const void *memory, size_t size)
{
    const uint64_t first = (uint64_t)memory - CLOISTER_ENCLAVE_BASE;
    const uint64_t limit = (uint64_t)CLOISTER_MAX_PAGES * CLOISTER_PAGE_SIZE;

    return first < limit && size <= limit - first;
}

/* --- locks ---------------------------------------------------------------------------------------- */

bool cloister_lock_try(struct cloister_lock *lock)
{
    return !__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE);
}

void cloister_lock_take(struct cloister_lock *lock)
{
    while (!cloister_lock_try(lock)) {
        while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED)) {
            __builtin_ia32_pause();
        }
    }
}

void cloister_lock_release(struct cloister_lock *lock)
{
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}
