/* SPDX-License-Identifier: MIT */
/* A policy, parsed. What its members mean stands in cloister/verify.h. */
#ifndef CLOISTER_VERIFY_POLICY_H
#define CLOISTER_VERIFY_POLICY_H

#include "cloister/verify.h"
#include "verify/xen_version.h"

/* Values of one size, any of which is accepted. count 0: the policy does not say. */
struct alternatives {
    uint8_t *values; /* count * size bytes */
    size_t count;
    size_t size;
};

struct policy_boot {
    char name[CLOISTER_NAME_SIZE];
    bool unified;  /* "loader": Xen's unified image, not GRUB */
    uint32_t mask; /* bit n: PCR n is given */
    struct alternatives pcrs[CLOISTER_EVIDENCE_PCRS];
};

struct policy_enclave {
    char name[CLOISTER_NAME_SIZE];
    struct alternatives measurement, author, family_id, image_id;
    uint32_t security_version;
};

struct cloister_policy {
    char name[CLOISTER_NAME_SIZE];
    uint8_t digest[CLOISTER_DIGEST_SIZE];
    struct alternatives keys;
    bool enrolled_key;
    struct policy_boot *boots;
    size_t boot_count;
    uint32_t record_pcr;
    bool require_log;
    uint32_t minimum_version;
    struct xen_version *xens; /* the least of each series that is accepted; xen_count 0: not said */
    size_t xen_count;
    uint32_t require_flags;
    uint32_t open_allowed;      /* CLOISTER_INFO_* of what may be open */
    struct alternatives tables; /* of what dom0 may */
    struct policy_enclave *enclaves;
    size_t enclave_count;
    bool host_only;
    bool allow_update_key, accept_no_mor, accept_bmc;
    uint32_t maximum_age; /* s; 0: not said */
    bool insecure;        /* one of these is true: */
    bool any_key, any_boot, incomplete_boot, empty_pcrs, tpm_optional, allow_dma, allow_smt;
    bool allow_test, allow_debug, any_enclave, any_age;
    bool no_lockdown, no_intremap, boot_drivers, boot_options;
};

/* Is it one of them? */
bool alternatives_contain(const struct alternatives *alternatives, const uint8_t *value);

#endif
