/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of the enclave, handled without leaving it. Nothing here may touch an SSE register before
 * they are saved: the file is compiled for general registers only.
 */
#include "runtime.h"

#include <errno.h>

enum {
    VECTOR_NMI = 2,
    VECTOR_UD = 6,
    VECTOR_DF = 8,
    VECTOR_PF = 14,
    VECTOR_MC = 18,
};

struct fixup {
    uint64_t from;
    uint64_t to;
};

/* Of the section, made by the linker. */
extern const struct fixup __start_cloister_fixups[];
extern const struct fixup __stop_cloister_fixups[];

static cloister_exception_handler *handlers[CLOISTER_VECTOR_COUNT];

int cloister_set_exception_handler(uint32_t vector, cloister_exception_handler *handler)
{
    if (vector >= CLOISTER_VECTOR_COUNT || vector == VECTOR_NMI || vector == VECTOR_DF ||
        vector == VECTOR_MC) {
        return -EINVAL;
    }
    __atomic_store_n(&handlers[vector], handler, __ATOMIC_RELEASE);
    return 0;
}

/* The runtime tries instructions that a CPU may not have. */
static bool fix(struct cloister_registers *registers)
{
    if (registers->vector != VECTOR_UD) {
        return false;
    }
    for (const struct fixup *fixup = __start_cloister_fixups; fixup < __stop_cloister_fixups;
         fixup++) {
        if (fixup->from == registers->rip) {
            registers->rip = fixup->to;
            return true;
        }
    }
    return false;
}

/* The #PF hit a handler of a #PF, whose frame is overwritten by now. */
static bool nested(const struct cloister_registers *registers)
{
    const uint64_t base = cloister_layout_page.fault_stack_base +
                          runtime_thread()->index * cloister_layout_page.thread_stride;

    return registers->vector == VECTOR_PF &&
           registers->rsp - base <= cloister_layout_page.fault_stack_size;
}

/* Calls a handler, which may use SSE, with the interrupted state kept. */
static bool call(cloister_exception_handler *handler, struct cloister_registers *registers,
                 uint64_t address)
{
    uint8_t state[512] __attribute__((aligned(16)));
    bool handled;

    asm volatile("fxsave64 %0" : "=m"(state));
    handled = handler(registers, address);
    asm volatile("fxrstor64 %0" : : "m"(state));
    return handled;
}

/* start.S */
void cloister_exception(struct cloister_registers *registers);
void cloister_exception(struct cloister_registers *registers)
{
    const uint64_t vector = registers->vector;
    cloister_exception_handler *handler;
    uint64_t address = 0;

    if (vector == VECTOR_PF) {
        asm volatile("movq %%cr2, %0" : "=r"(address));
    }
    if (fix(registers)) {
        return;
    }
    handler = vector < CLOISTER_VECTOR_COUNT ? __atomic_load_n(&handlers[vector], __ATOMIC_ACQUIRE)
                                             : NULL;
    if (handler && !nested(registers) && call(handler, registers, address)) {
        return;
    }
    cloister_fault((uint32_t)vector, address / CLOISTER_PAGE_SIZE);
}
