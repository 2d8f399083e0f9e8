/* SPDX-License-Identifier: MIT */
/*
 * What the files of enclaves share, and nobody else uses: the list, the builder token, the account. enclave.c has
 * these, INIT and the reports; create.c an enclave's begin and its last end; pages.c what is put into it; teardown.c
 * how it is taken apart. enclave.h says which lock protects what.
 */
#ifndef CLOISTER_MONITOR_ENCLAVES_H
#define CLOISTER_MONITOR_ENCLAVES_H

#include "core/enclave.h"

extern struct enclave_list {
    struct host_lock lock;
    struct enclave *first;
    uint32_t next_id;
    uint64_t created;
    uint64_t destroyed;
} enclaves;

/* Where the list, in the order of ids, has or would have the first one of at least `id`. Under enclaves.lock. */
struct enclave **enclaves_link(uint64_t id);
/* NULL: there is none of this id. Under enclaves.lock. */
struct enclave *enclaves_find(uint32_t id);

/* Takes the builder token of a BUILDING enclave; NULL with the refusal in *rc and *head. */
struct enclave *builder_take(uint32_t id, struct cloister_head *head, int *rc);
void builder_drop(struct enclave *enclave);

/* Charges frames to the enclave and its tenant. -EDQUOT, with the refusal in *head. */
MUST_USE int enclave_charge(struct enclave *enclave, struct cloister_head *head, uint64_t frames);
void enclave_uncharge(struct enclave *enclave, uint64_t frames);

/* Gives back what is left of the block. */
void enclave_drop_block(struct enclave *enclave);
/* With the token, and the view gone or without leaves: nothing is left of the enclave. */
void enclave_remove(struct enclave *enclave);

#endif
