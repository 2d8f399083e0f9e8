/* SPDX-License-Identifier: MIT */
/*
 * probe: a test enclave that does on request what an enclave can do well or badly. Numbers are
 * little-endian; `in` and `out` of each function are the structures below it, or as said.
 *
 * probe.image comes with page-table entries that no honest image has (see probe_hole); it is signed like
 * any other.
 */
#ifndef CLOISTER_TEST_PROBE_H
#define CLOISTER_TEST_PROBE_H

#include <stdint.h>

#define PROBE_THREADS 4
#define PROBE_SHARED_PAGES 32
#define PROBE_OCALL_ECHO 1 /* the OCALL that the application must serve: gives back what it gets */
#define PROBE_OCALL_BAD 2  /* one that the application may answer as badly as it can */

enum {
    PROBE_NOTHING = 0, /* returns at once */

    /* in: uint64_t n. out: probe_sum(n), in n million steps. */
    PROBE_SUM = 1,

    /* in: uint32_t rounds. out: struct probe_exceptions. Each round raises five exceptions and handles
     * them inside. */
    PROBE_EXCEPTIONS = 2,

    /* in: struct probe_touch. out: struct probe_raised. Without `handle` it does not return from an access
     * that faults. */
    PROBE_TOUCH = 3,

    /* in: uint32_t, enum probe_instruction. out: struct probe_raised */
    PROBE_FORBIDDEN = 4,

    /* in: bytes, out: the same after an OCALL PROBE_OCALL_ECHO brought them back. -EBADMSG: it did not
     * bring back the same; or the OCALL's error */
    PROBE_OCALL = 5,

    /* in: uint64_t n. out: struct probe_registers. Fills every general, x87 and SSE register, spins n
     * million times, and counts those that changed. */
    PROBE_REGISTERS = 6,

    /* in: uint32_t line. out: struct probe_secret, with the line's bytes to compare with. Use it for one
     * line only, and search for others. */
    PROBE_SECRET = 7,

    /* in: uint32_t, enum probe_fault. Does not return. Takes away the enclave's exception handlers until
     * the next PROBE_EXCEPTIONS. */
    PROBE_FAULT = 8,

    /* in: uint32_t rounds. out: uint32_t: checks that failed, 0. Works on the heap. -ENOMEM: heap full */
    PROBE_HEAP = 9,

    /* out: struct probe_thread */
    PROBE_THREAD = 10,

    /* Spins until the enclave ends. */
    PROBE_SPIN = 11,

    /* in: bytes, out: the same. */
    PROBE_ECHO = 12,

    /* out: 64 random bytes */
    PROBE_RANDOM = 13,

    /* in: int32_t. Returns that as its status. */
    PROBE_STATUS = 14,

    /* out: uint64_t, cloister_interruptions() */
    PROBE_INTERRUPTIONS = 15,

    /* in: bytes for PROBE_OCALL_BAD; out: int32_t, what cloister_ocall() returned; uint64_t, out_size */
    PROBE_OCALL_BADLY = 16,

    /* Sets *out_size to more than out_capacity. */
    PROBE_OVERSIZE = 17,

    /* in: 64 bytes of report data; out: struct cloister_report */
    PROBE_REPORT = 18,

    /* in: struct probe_call. out: int64_t, the monitor's answer in RAX */
    PROBE_CALL = 19,

    /* in: struct probe_key. out: 32 bytes, the sealing key */
    PROBE_KEY = 20,

    /* in: struct probe_counter. out: struct probe_counted */
    PROBE_COUNTER = 21,
};

/* One step of the sum that PROBE_SUM computes; anybody can compute it, too. */
static inline uint64_t probe_step(uint64_t sum, uint64_t i)
{
    sum += i * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 29;
}

static inline uint64_t probe_sum(uint64_t millions)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < millions * 1000000; i++) {
        sum = probe_step(sum, i);
    }
    return sum;
}

struct probe_exceptions {
    uint32_t page_faults;
    uint32_t invalid_opcodes;
    uint32_t divide_errors;
    uint32_t breakpoints;
    uint32_t protection_faults;
    uint32_t wrong; /* registers or addresses that were not as they must be, 0 */
};

enum probe_access { PROBE_READ = 0, PROBE_WRITE = 1, PROBE_EXECUTE = 2 };

struct probe_touch {
    uint64_t address; /* linear, in the enclave */
    uint32_t access;  /* enum probe_access; a write writes the byte that was there */
    uint32_t handle;  /* 1: handle what the CPU raises inside, and return it */
};

struct probe_raised {
    uint32_t raised; /* 1: an exception came; 0: all went well, the rest is 0 */
    uint32_t vector;
    uint64_t error_code;
    uint64_t address; /* of a #PF */
};

/*
 * Linear addresses whose page-table entry in probe.image allows what the view must not: an access there
 * passes the enclave's own tables and ends at the second stage (CLOISTER_VECTOR_VIEW).
 */
#define PROBE_HOLE(n) (UINT64_C(0x0000200000000000) + (uint64_t)(PROBE_SHARED_PAGES + (n)) * 4096)
enum probe_hole {
    PROBE_HOLE_BEHIND = 0,   /* the first page behind the enclave's */
    PROBE_HOLE_WINDOW = 1,   /* the first page behind the shared window */
    PROBE_HOLE_LOW = 2,      /* page 0x100000 (4 GiB): ordinary memory of most tenants and hosts */
    PROBE_HOLE_HIGH = 3,     /* the last page that a page-table entry can name */
    PROBE_HOLE_SHARED_X = 4, /* the first page of the shared window, executable */
    PROBE_HOLE_CODE_W = 5,   /* the enclave's first page of code, writable */
    PROBE_HOLE_DATA_X = 6,   /* a page of the first thread's stack, executable */
    PROBE_HOLES = 7,
};

enum probe_instruction {
    PROBE_CPUID,
    PROBE_HLT,
    PROBE_IN,
    PROBE_OUT,
    PROBE_RDMSR,
    PROBE_WRMSR,
    PROBE_MOV_TO_CR0,
    PROBE_MOV_TO_CR3,
    PROBE_MOV_TO_CR4,
    PROBE_MOV_TO_CR8,
    PROBE_MOV_FROM_DR7,
    PROBE_MOV_TO_DR7,
    PROBE_LGDT,
    PROBE_LIDT,
    PROBE_LLDT,
    PROBE_LTR,
    PROBE_RDPMC,
    PROBE_RDTSCP,
    PROBE_INVD,
    PROBE_WBINVD,
    PROBE_MONITOR,
    PROBE_MWAIT,
    PROBE_XSETBV,
    PROBE_VMRUN,
    PROBE_VMLOAD,
    PROBE_VMSAVE,
    PROBE_STGI,
    PROBE_CLGI,
    PROBE_INVLPGA,
    PROBE_SKINIT,
    PROBE_INT_80,
    PROBE_ICEBP,
    PROBE_SYSENTER,
    PROBE_UNKNOWN_CALL, /* VMMCALL or VMCALL with a number that does not exist */
    PROBE_INSTRUCTIONS,
};

struct probe_registers {
    uint32_t general; /* registers that changed, 0 */
    uint32_t x87;
    uint32_t sse;
    uint32_t flags;
    uint64_t interruptions; /* meanwhile */
};

#define PROBE_SECRET_LINE 64
#define PROBE_SECRET_LINES 64

struct probe_secret {
    uint64_t address; /* linear, in the enclave */
    uint32_t page;    /* page number in the enclave */
    uint32_t size;    /* 4,096 */
    uint8_t line[PROBE_SECRET_LINE];
};

/*
 * The secret: word w (0 .. 7) of line l (0 .. 63). A scanner computes it while it compares, so that the
 * pattern stands nowhere in its own memory. The enclave makes the page when it is first entered: it is in
 * no image file. Words 0 are all different, and no word has a zero byte on purpose.
 */
static inline uint64_t probe_secret_word(uint32_t line, uint32_t word)
{
    uint64_t x = UINT64_C(0x436c6f6973746572) + (uint64_t)line * 8 + word; /* splitmix64 */

    x = (x + UINT64_C(0x9e3779b97f4a7c15));
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

enum probe_fault {
    PROBE_FAULT_UD = 0,       /* vector 6 */
    PROBE_FAULT_PAGE = 1,     /* vector 14, page = the first of the enclave, which does not exist */
    PROBE_FAULT_STACK = 2,    /* endless recursion: vector 14, page = the guard below the stack */
    PROBE_FAULT_FREE = 3,     /* double free: CLOISTER_FAULT_HEAP */
    PROBE_FAULT_ABORT = 4,    /* CLOISTER_FAULT_ABORT */
    PROBE_FAULT_SMASH = 5,    /* a buffer overflow on the stack: CLOISTER_FAULT_STACK */
    PROBE_FAULT_DIVIDE = 6,   /* vector 0 */
    PROBE_FAULT_CODE = 7,     /* writes to its own code: vector 14 */
    PROBE_FAULT_EXECUTE = 8,  /* executes its own data: vector 14 */
    PROBE_FAULT_ADDRESS = 9,  /* a non-canonical address: vector 13 */
    PROBE_FAULT_POINTER = 10, /* a stack pointer to nowhere, then a push: vector 12 or 8 */
    PROBE_FAULT_NESTED = 11,  /* a #PF in its #PF handler: vector 14 */
    PROBE_FAULT_SHARED = 12,  /* executes the shared window: vector 14 */
    PROBE_FAULTS = 13,
};

/* A call of the monitor, with any registers. */
struct probe_call {
    uint64_t number; /* CLOISTER_ENCLAVE_* */
    uint64_t value[2];
};

struct probe_key {
    uint32_t policy; /* enum cloister_seal_policy */
    uint32_t security_version;
    uint8_t label[32];
};

struct probe_counter {
    uint32_t operation; /* enum cloister_counter_operation */
    uint32_t policy;    /* enum cloister_seal_policy */
    uint32_t times;     /* do it so often; the last answer counts */
    uint32_t reserved;
    uint8_t label[32];
};

struct probe_counted {
    uint64_t value;
    uint64_t committed;
    uint8_t table[16];
};

struct probe_thread {
    uint32_t index;
    uint32_t local;   /* how often this thread was here: a __thread variable, starts at 1000 */
    uint64_t total;   /* how often all threads were here */
    uint64_t address; /* of `local` */
};

#endif
