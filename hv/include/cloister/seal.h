/* SPDX-License-Identifier: MIT */
/*
 * Sealing keys: secrets of an enclave that nobody else gets, the same in every boot.
 *
 * The machine has a sealing root of 32 random bytes in its TPM, which only the monitor can read, only while
 * it starts, and only if the same firmware, drivers, boot loader, Xen, command line and dom0 kernel were measured
 * as when the root was made (PCRs 0, 2, 3, 4, 7, 8, 9), or such as the operator's update key authorized and has
 * not withdrawn (update.h). A key is
 * HKDF-SHA-256 (RFC 5869) of the root with the salt "Cloister sealing 1" and the info
 *
 *   policy, image flags, security_version, 0 (4 bytes each, little-endian), measurement (48 bytes),
 *   SHA-256 of the author's key (32), family id (16), image id (16), label (32)
 *
 * in which measurement, family id and image id are 0 unless the policy names them. The author's key and the
 * image's flags are part of all: a debug enclave never gets the key of one that is not.
 *
 * A key is the same in every domain: whoever can run the image on this machine, as any tenant can, has an
 * enclave with the same key. What an enclave seals must say for whom it is.
 * A key says nothing about age: an old sealed blob opens like the newest.
 */
#ifndef CLOISTER_SEAL_H
#define CLOISTER_SEAL_H

#include <stdint.h>

/* Who gets the same key. */
enum cloister_seal_policy {
    CLOISTER_SEAL_CODE = 1,   /* the same measurement */
    CLOISTER_SEAL_IMAGE = 2,  /* the same family and image id: every version of it */
    CLOISTER_SEAL_FAMILY = 3, /* the same family id */
    CLOISTER_SEAL_AUTHOR = 4, /* every enclave of the author */
};

/* What an enclave hands the monitor (abi.h, KEY), and gets back. */
struct cloister_seal_key {
    uint32_t policy; /* enum cloister_seal_policy */
    /* at most the enclave's own: a newer one opens what an older one sealed */
    uint32_t security_version;
    uint8_t label[32];    /* tells keys apart that are for different uses */
    uint8_t reserved[56]; /* 0 */
    uint8_t key[32];      /* out */
};

_Static_assert(sizeof(struct cloister_seal_key) == 128, "ABI");

#endif
