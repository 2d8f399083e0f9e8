/* SPDX-License-Identifier: MIT */
/* What a thread can ask about itself, how it stops, and locks. */
#include "runtime.h"

#include "cloister/abi.h"

void cloister_fault(uint32_t vector, uint64_t page)
{
    for (;;) {
        runtime_leave((struct runtime_values){CLOISTER_ENCLAVE_FAULT, {vector, page}});
    }
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
