/* SPDX-License-Identifier: MIT */
/*
 * Monotonic counters: how an enclave finds out that what it sealed is not its newest (rollback).
 *
 * A counter has a value, which only grows, and the tag that came with its last increment: 16 bytes of the enclave's
 * choice. An enclave seals its state with a random tag, has it stored, and then increments a counter with that tag.
 * The increment names the value that the counter has had: of two enclaves that go on from one state, one does. When
 * it opens a state, it reads the counter: another tag, or no counter, says that the state is not the newest, or that
 * the counters were lost. A state is stored before it counts, so whatever dies in between, one that counts
 * is there; and no two states have one tag, so a state that never came to count never will.
 *
 * The table of all counters is the monitor's. dom0 keeps a copy on disk for the next boot, and one NV index of the
 * TPM, which can only be extended (TPM 2.0 part 1, 37.2.5), vouches for the newest copy. All increments since the
 * last copy go into one copy and one extension: the TPM's speed limits how soon an increment is durable, not how
 * many there are. An increment takes effect at once and is durable when `committed` has reached its value: before
 * that, a power failure may take it back, so nothing that depends on it should leave the enclave.
 *
 * Whose counter it is: that of the domain (its UUID) and of the enclaves that get the same sealing key by
 * `policy` (cloister/seal.h), told apart by `label`.
 *
 * Values are drawn from one sequence for all counters of the machine: each is higher than all before it. A value
 * that a power failure took back is drawn again; a counter that was removed and made again never repeats one.
 *
 * dom0 can take counters away (by losing the copy, or removing the NV index): never set them back.
 *
 * A domain that runs keeps its UUID while it has enclaves or counters, and takes no UUID that has counters. But which
 * UUID a new domain gets is dom0's to say. So an enclave that starts without a state cannot know whether it is the
 * first: dom0 can give the same disk, without that state, to a domain with a fresh UUID, as often as it likes. What
 * must not begin anew (tries of a PIN) belongs into a state that is needed to go on, sealed with the secret that it
 * guards: without the state there is nothing to try, and with it a counter that is not there is refused.
 */
#ifndef CLOISTER_COUNTER_H
#define CLOISTER_COUNTER_H

#include <stdint.h>

#define CLOISTER_COUNTERS 1022u /* of a machine */
#define CLOISTER_COUNTERS_PER_DOMAIN 64u

enum cloister_counter_operation {
    CLOISTER_COUNTER_READ = 1,
    CLOISTER_COUNTER_INCREMENT = 2, /* makes it if it is not there */
    CLOISTER_COUNTER_REMOVE = 3,
};

/* What an enclave hands the monitor (abi.h, COUNTER), and gets back. */
struct cloister_counter {
    uint32_t operation; /* enum cloister_counter_operation */
    uint32_t policy;    /* enum cloister_seal_policy */
    uint8_t label[32];
    uint8_t tag[16];      /* in for INCREMENT; out: the counter's */
    uint8_t reserved[40]; /* 0 */
    uint64_t value;       /* in for INCREMENT: what it must have (0: it must not be there); out */
    uint64_t committed;   /* out: values up to this one are durable */
    uint8_t table[16];    /* out: random; another one after a loss */
};

/* The copy that dom0 keeps (COUNTERS_SAVE). To dom0 it is 65,536 bytes. */
#define CLOISTER_COUNTERS_MAGIC UINT64_C(0x5354434f4c435843) /* "CXCLOCTS" */
#define CLOISTER_COUNTERS_VERSION 1u
struct cloister_counters_entry {
    uint8_t id[24]; /* of policy, enclave and label */
    uint8_t domain_uuid[16];
    uint8_t tag[16];
    uint64_t value; /* 0: a free place */
};
struct cloister_counters_image {
    uint64_t magic;
    uint32_t version;
    uint32_t count; /* CLOISTER_COUNTERS */
    uint8_t table[16];
    uint64_t value;       /* the last that was drawn */
    uint8_t previous[32]; /* of the NV index, before the extension that vouches for this copy */
    uint8_t reserved[56];
    struct cloister_counters_entry counters[CLOISTER_COUNTERS];
};

_Static_assert(sizeof(struct cloister_counter) == 128, "ABI");
_Static_assert(sizeof(struct cloister_counters_image) == 65536, "ABI");

#endif
