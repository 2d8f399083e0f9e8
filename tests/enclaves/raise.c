/* SPDX-License-Identifier: MIT */
#include "raise.h"

#include <cloister/enclave.h>

#include <stdlib.h>
#include <string.h>

#define NOWHERE UINT64_C(0x0000100000000000) /* the enclave's first page, which does not exist */
#define NON_CANONICAL UINT64_C(0x8000000000000000)

enum {
    VECTOR_DE = 0,
    VECTOR_DB = 1,
    VECTOR_BP = 3,
    VECTOR_UD = 6,
    VECTOR_SS = 12,
    VECTOR_GP = 13,
    VECTOR_PF = 14
};

/*
 * A trial: raise.S does the thing with `landing` set. What is raised is noted, and the thread goes on at
 * the landing with the stack as it was.
 */
static __thread struct {
    uint64_t landing; /* 0: no trial */
    uint64_t stack;
    struct probe_raised raised;
} trial;

/* raise.S */
void try_access(uint64_t address, uint32_t access, uint64_t *landing, uint64_t *stack);
void try_instruction(uint32_t instruction, uint64_t *landing, uint64_t *stack);
uint64_t try_registers(uint64_t spins, uint32_t changed[4]);
__attribute__((noreturn)) void fault_stack_pointer(void);

static bool note(struct cloister_registers *registers, uint64_t address)
{
    if (!trial.landing) {
        return false;
    }
    trial.raised = (struct probe_raised){
        .raised = 1,
        .vector = (uint32_t)registers->vector,
        .error_code = registers->error_code,
        .address = address,
    };
    registers->rip = trial.landing;
    registers->rsp = trial.stack;
    trial.landing = 0;
    return true;
}

static void handle(cloister_exception_handler *handler)
{
    static const uint8_t vectors[] = {VECTOR_DE, VECTOR_DB, VECTOR_BP, VECTOR_UD,
                                      VECTOR_SS, VECTOR_GP, VECTOR_PF};

    for (size_t i = 0; i < sizeof(vectors); i++) {
        if (cloister_set_exception_handler(vectors[i], handler)) {
            abort();
        }
    }
}

__attribute__((constructor)) static void begin(void)
{
    handle(note);
}

struct probe_raised raise_touch(const struct probe_touch *touch)
{
    uint64_t landing, stack;

    trial.raised = (struct probe_raised){0};
    try_access(touch->address, touch->access, touch->handle ? &trial.landing : &landing,
               touch->handle ? &trial.stack : &stack);
    trial.landing = 0;
    return trial.raised;
}

struct probe_raised raise_instruction(uint32_t instruction)
{
    trial.raised = (struct probe_raised){0};
    try_instruction(instruction, &trial.landing, &trial.stack);
    trial.landing = 0;
    return trial.raised;
}

struct probe_registers raise_registers(uint64_t millions)
{
    uint32_t changed[4] = {0};

    try_registers(millions * 1000000, changed);
    return (struct probe_registers){
        .general = changed[0], .x87 = changed[1], .sse = changed[2], .flags = changed[3]};
}

/* --- the five --------------------------------------------------------------------------------------- */

/* What the interrupted code must have kept, and where it goes on: RBX and the instruction's size. */
#define KEPT UINT64_C(0x5afe5afe5afe5afe)

static __thread struct probe_exceptions *counting;

static bool count(struct cloister_registers *registers, uint64_t address)
{
    if (!counting) {
        return note(registers, address);
    }
    counting->wrong += registers->rbx != KEPT;
    switch (registers->vector) {
    case VECTOR_PF:
        counting->page_faults++;
        counting->wrong += address != NOWHERE + 8;
        break;
    case VECTOR_UD:
        counting->invalid_opcodes++;
        break;
    case VECTOR_DE:
        counting->divide_errors++;
        break;
    case VECTOR_BP: /* a trap: goes on by itself */
        counting->breakpoints++;
        return true;
    case VECTOR_GP:
        counting->protection_faults++;
        break;
    default:
        return false;
    }
    registers->rip = registers->rcx;
    return true;
}

#define RAISE(instruction, ...)                                                                    \
    asm volatile("leaq 1f(%%rip), %%rcx\n\t" instruction "\n1:"                                    \
                 : "+b"(kept)                                                                      \
                 : __VA_ARGS__                                                                     \
                 : "rcx", "rax", "rdx", "memory", "cc")

void raise_all(struct probe_exceptions *counted)
{
    uint64_t kept = KEPT;

    handle(count);
    counting = counted;
    RAISE("movb $1, 8(%1)", "r"(NOWHERE));
    RAISE("ud2", "r"(0));
    RAISE("xorl %%eax, %%eax\n\txorl %%edx, %%edx\n\tdivl %k1", "r"(0));
    RAISE("int3", "r"(0));
    RAISE("movb $1, (%1)", "r"(NON_CANONICAL));
    counting->wrong += kept != KEPT;
    counting = NULL;
}

/* --- faults that nobody handles --------------------------------------------------------------------- */

__attribute__((noinline)) static int recurse(int depth, volatile int *above)
{
    volatile int here = depth + (*above & 1);

    return here < 0 ? 0 : recurse(depth + 1, &here) + here;
}

__attribute__((noinline)) static void smash(volatile size_t size)
{
    volatile uint8_t buffer[16];

    for (size_t i = 0; i < size; i++) {
        ((volatile uint8_t *)buffer)[i] = 0x55;
    }
}

static void free_twice(void)
{
    void *volatile memory = malloc(100);

    free(memory);
    free(memory);
}

static bool fault_again(struct cloister_registers *registers, uint64_t address)
{
    (void)registers;
    *(volatile uint8_t *)(address + 1) = 0;
    return true;
}

static void execute(uint64_t address)
{
    ((void (*)(void))address)();
}

void raise_fault(uint32_t kind)
{
    static uint8_t data[16];
    volatile int zero = 0;

    handle(NULL);
    switch (kind) {
    case PROBE_FAULT_UD:
        asm volatile("ud2");
        break;
    case PROBE_FAULT_PAGE:
        asm volatile("movb $1, (%0)" : : "r"(NOWHERE) : "memory");
        break;
    case PROBE_FAULT_STACK:
        zero = recurse(0, &zero);
        break;
    case PROBE_FAULT_FREE:
        free_twice();
        break;
    case PROBE_FAULT_ABORT:
        abort();
    case PROBE_FAULT_SMASH:
        smash(64);
        break;
    case PROBE_FAULT_DIVIDE:
        asm volatile("divl %0" : : "r"(0), "a"(1), "d"(0));
        break;
    case PROBE_FAULT_CODE:
        asm volatile("movb $1, (%0)" : : "r"(raise_fault) : "memory");
        break;
    case PROBE_FAULT_EXECUTE:
        execute((uint64_t)data);
        break;
    case PROBE_FAULT_ADDRESS:
        asm volatile("movb $1, (%0)" : : "r"(NON_CANONICAL) : "memory");
        break;
    case PROBE_FAULT_POINTER:
        fault_stack_pointer();
    case PROBE_FAULT_NESTED:
        if (cloister_set_exception_handler(VECTOR_PF, fault_again)) {
            abort();
        }
        asm volatile("movb $1, (%0)" : : "r"(NOWHERE) : "memory");
        break;
    case PROBE_FAULT_SHARED:
        execute(UINT64_C(0x0000200000000000));
        break;
    }
}
