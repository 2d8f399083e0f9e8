/* SPDX-License-Identifier: MIT */
/* An enclave that is inside, and asks the monitor with a buffer in a page of its own. */
#ifndef ASKER_H
#define ASKER_H

#include "scene.h"

#define ASKER_OFFSET 128u /* of the buffer in its page */

extern struct asker {
    struct thread *thread;
    uint32_t writable; /* the page */
} asker;

/* Measures and signs the image, makes an enclave of it in that domain, and enters it; and leaves it. */
void asker_enter(struct image *image, uint16_t domain);
void asker_leave(void);

/* CLOISTER_ENCLAVE_<number> with these values, which the enclave must survive: its RAX. */
int64_t asker_call(uint64_t number, uint64_t address, uint64_t zero);
/* The same with this request in the buffer, which is written back. */
int64_t asker_request(uint64_t number, void *request, size_t size);

#endif
