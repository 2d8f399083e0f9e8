/* SPDX-License-Identifier: MIT */
/*
 * Enclaves: creation, pages, initialisation, destruction.
 *
 *   (none) --CREATE--> BUILDING --INIT--> READY
 *   BUILDING, and the author's signature is not valid --> (none)
 *   BUILDING, READY --DESTROY or end of the domain--> DYING --all scrubbed--> (none)
 *
 * CREATE verifies the signature in steps; until it is valid the enclave can only be CREATEd further, and
 * DESTROYed. Only a READY enclave is in its tenant's slots and can be entered.
 *
 * Locking: `enclaves.lock` protects the list and `state`. The builder token (`building`, taken and
 * dropped under that lock) gives one operation at a time the right to change pages, view and
 * measurement; no lock is held while pages are copied and hashed. DESTROY of an enclave whose token
 * is taken makes it DYING at once and comes again for the token. Order: enclaves.lock ->
 * tenant.lock. The counts of pages and frames are changed by who has the token and read without
 * (count.h).
 */
#ifndef CLOISTER_MONITOR_ENCLAVE_H
#define CLOISTER_MONITOR_ENCLAVE_H

#include "core/measure.h"
#include "core/thread.h"
#include "core/view.h"

struct shared_page {
    bool present;
    uint32_t ref;
};

/* Frames in a row that the next pages of the image go into; charged, and not in the frame table yet. */
struct frame_block {
    uint32_t left;  /* 0: there is none */
    uint32_t page;  /* the next page ... */
    uint32_t flags; /* ... with these */
    frame_t frame;  /* ... goes into this one */
};

struct enclave {
    uint32_t id;
    uint8_t state; /* enum cloister_enclave_state */
    bool building; /* an operation has the builder token */
    struct tenant *tenant;
    struct enclave *next; /* in the order of ids */

    uint64_t handle[2]; /* READY only */
    uint32_t slot;
    uint32_t pages_added;
    uint32_t shared_pages;
    uint64_t frames; /* charged */
    uint64_t entries;
    uint64_t faults;
    uint64_t cursor;          /* teardown's */
    struct frame_block block; /* while it is BUILDING */
    struct view view;
    struct measurement measurement;
    struct cloister_image_header header;
    uint8_t author[32];
    struct p256_job *signature; /* NULL: the author's is verified */
    struct shared_page *shared; /* header.launch.shared_count */
    struct thread *threads;     /* header.launch.thread_count */
};

void enclaves_init(void);

/* The operations of abi.h, with its errors. */
MUST_USE int enclave_create(struct cloister_create *op);
MUST_USE int enclave_add_pages(struct cloister_add_pages *op);
MUST_USE int enclave_share(struct cloister_share *op);
MUST_USE int enclave_init(struct cloister_init *op);
MUST_USE int enclave_destroy(struct cloister_destroy *op);
MUST_USE int enclave_list(struct cloister_list *op);

/* Destroys any one enclave of a dying tenant. -ENOENT: it has none; -ERESTART: call again. */
MUST_USE int enclave_destroy_any(struct tenant *tenant);

/*
 * The sealed frame behind a guest-physical address, if it is a page of the enclave's own that it may write, and
 * none of its page tables: those are the pages that CR3, or an entry of a table above the last level, names as a
 * table now. More than ENCLAVE_MAX_TABLES tables above the last level: then every page counts as one.
 * Called for an enclave that one of its threads is inside of, by that thread's vCPU: the page stays.
 */
#define ENCLAVE_MAX_TABLES 64u
bool enclave_own_page(const struct enclave *enclave, uint64_t address, frame_t *frame);

/* Fills the enclaves' part of an INFO. */
void enclaves_count(struct cloister_info *info);
/* Checks every view from enclave cursor[1], page cursor[2] on. -ERESTART: call again. */
MUST_USE int enclaves_audit(struct cloister_audit *op);

#endif
