/* SPDX-License-Identifier: MIT */
/*
 * The sealing root, and the keys that enclaves derive from it.
 *
 * The root is 32 bytes in an NV index of the TPM, which the monitor makes at its first boot. Its
 * policy, for reading and for writing, is PolicyPCR (TPM 2.0 part 3, 23.7) of CLOISTER_SEAL_PCRS and
 * of the record's PCR, which is still zero when the monitor reads it and never again until the next
 * reset. With an update key (cloister/update.h) it is PolicyAuthorize (23.16) of that key, and what the
 * key's holder signed must be this boot's PolicyPCR, then PolicyNV (23.9): the floor is not above the
 * statement's number. So
 *   - another boot loader, Xen, command line or dom0 kernel reads nothing, unless it was signed;
 *   - a statement that was withdrawn (its number is below the floor) opens nothing, either;
 *   - once the record's PCR is extended nobody reads or writes it, not even this Xen; it is
 *     read-locked, too;
 *   - whoever owns the TPM can remove the index and define one like it, but cannot write it: the
 *     monitor will find it empty and make a new root. What was sealed is lost then, never known.
 *
 * Keys are HKDF-SHA-256 (RFC 5869) of the root; cloister/seal.h says of what else.
 *
 * Written once, before the first domain exists, and only read after: there is no lock.
 */
#ifndef CLOISTER_MONITOR_SEAL_H
#define CLOISTER_MONITOR_SEAL_H

#include <bearssl_rand.h>

#include "core/enclave.h"
#include "tpm/tpm.h"

#define SEAL_INDEX 0x0180c105u /* of the owner's (TCG registry of reserved handles, 2.2) */

struct seal_status {
    enum cloister_reason reason; /* as in struct cloister_info */
    int error; /* how it failed; SEAL_AUTHORIZATION: -EINVAL, the key has no name */
    uint32_t tpm_code;
    bool fresh; /* the root was made in this boot */
    uint8_t floor
        [TPM_COUNTER_SIZE]; /* the least number that opens it, big-endian; 0: no key, or unknown */
};

/* Reads the root, or makes it. `pcr`: the record's, not extended yet. */
void seal_init(struct tpm *tpm, uint32_t pcr, br_hmac_drbg_context *generator);
/* There will be no root in this boot. */
void seal_init_without(enum cloister_reason reason);
const struct seal_status *seal_status(void);
/* The way down: there is no root any more. */
void seal_wipe(void);

/* HKDF's info (cloister/seal.h): whom a key is for. */
struct seal_info {
    uint32_t policy;
    uint32_t image_flags;
    uint32_t security_version;
    uint32_t reserved0;
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE];
    uint8_t author[32];
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint8_t label[32];
};
_Static_assert(sizeof(struct seal_info) == 160, "what keys are made of never changes");

void seal_describe(const struct enclave *enclave, uint32_t policy, uint32_t security_version,
                   const uint8_t label[32], struct seal_info *info);
/* 32 bytes of HKDF of the root. `salt` says for what; `info` may be NULL: for the monitor itself. */
void seal_derive(const char *salt, const struct seal_info *info, uint8_t key[32]);
/* A request's policy and reserved bytes. -EINVAL. */
MUST_USE int seal_check(uint32_t policy, const uint8_t *reserved, size_t size,
                        enum cloister_reason *reason);

/* CLOISTER_ENCLAVE_KEY, as report_enclave(). */
MUST_USE int seal_key(const struct enclave *enclave, void *buffer, enum cloister_reason *reason);

#ifdef CLOISTER_TEST
/* CLOISTER_TEST_SECRETS. */
void seal_test_secret(uint8_t inverted[32]);
const uint8_t *seal_test_root(void);
#endif

#endif
