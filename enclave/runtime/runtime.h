/* SPDX-License-Identifier: MIT */
/* What the parts of the runtime share among themselves. */
#ifndef CLOISTER_RUNTIME_H
#define CLOISTER_RUNTIME_H

#include <cloister/enclave.h>

#include "layout.h"

/* What the image tool has filled in; it may say other than what the compiler sees. */
extern const volatile struct cloister_layout cloister_layout_page;

/* start.S: the values of an exit, and of its answer. */
struct runtime_values {
    uint64_t number; /* CLOISTER_ENCLAVE_*; the answer's RAX */
    uint64_t value[2];
};

static inline struct runtime_values runtime_leave(struct runtime_values values)
{
    asm volatile("call cloister_leave"
                 : "+a"(values.number), "+D"(values.value[0]), "+S"(values.value[1])
                 :
                 : "memory", "cc");
    return values;
}

static inline struct cloister_thread *runtime_thread(void)
{
    struct cloister_thread *self;

    asm("movq %%fs:0, %0" : "=r"(self));
    return self;
}

/* begin.c: makes the thread, and with the first one the enclave, ready. -EIO: no randomness. */
CLOISTER_CHECK_RESULT int runtime_begin(struct cloister_thread *thread);

/* memory.c */
void runtime_heap_begin(uint64_t cookie);

/* random.c, start.S: one word, checked against the one before of this thread. -EIO. */
CLOISTER_CHECK_RESULT int random_word(uint64_t *word);
int random_step_rdrand(uint64_t *value);
int random_step_rdseed(uint64_t *value);

#endif
