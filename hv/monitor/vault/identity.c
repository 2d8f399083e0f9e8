/* SPDX-License-Identifier: MIT */
#include "vault/identity.h"

#include <bearssl_ec.h>
#include <bearssl_rand.h>

#include "vault/counters.h"
#include "core/hash.h"
#include "machine/lockdown.h"
#include "vault/seal.h"
#include "tpm/tpm.h"
#include "core/trace.h"
#include "core/wipe.h"

#define POINT_SIZE 65u
#define CLOSE_TRIES 3u
#define SEED_SIZE 48u /* SP 800-90A, 10.1: 256 bits of entropy and half as many for the nonce */

static struct {
    uint8_t key[32];
    bool valid;
    struct cloister_monitor_record record;
    uint8_t digest[IDENTITY_DIGEST_SIZE]; /* of the record */
    struct identity_status status;
} identity;

/* --- the key -------------------------------------------------------------------------------- */

/* The CPU's random numbers and, if there is a TPM, its own: either suffices. -EIO: neither. */
static int seed_generator(br_hmac_drbg_context *generator, struct tpm *tpm)
{
    uint8_t seed[2 * SEED_SIZE] = {0};
    bool cpu = !host_random(seed, SEED_SIZE);
    bool chip = tpm && !tpm_random(tpm, seed + SEED_SIZE, SEED_SIZE);

    br_hmac_drbg_init(generator, &br_sha256_vtable, seed, sizeof(seed));
    return cpu || chip ? 0 : -EIO;
}

static void key_make(br_hmac_drbg_context *generator)
{
    br_ec_private_key key;
    br_ec_public_key public;
    uint8_t point[POINT_SIZE];

    if (br_ec_keygen(&generator->vtable, &br_ec_p256_m31, &key, identity.key, BR_EC_secp256r1) !=
            sizeof(identity.key) ||
        br_ec_compute_pub(&br_ec_p256_m31, &public, point, &key) != sizeof(point)) {
        host_panic("no key can be made");
    }
    memcpy(identity.record.public_key, point + 1, sizeof(identity.record.public_key));
}

/* --- the record ------------------------------------------------------------------------------- */

static void record_fill(void)
{
    struct cloister_monitor_record *record = &identity.record;

    record->magic = CLOISTER_RECORD_MAGIC;
    record->version = CLOISTER_RECORD_VERSION;
    record->size = sizeof(*record);
    record->flags = host_flags();
    record->abi_version = CLOISTER_ABI_VERSION;
    record->monitor_version = CLOISTER_MONITOR_VERSION;
    record->boot_id = trace_boot_id();
    host_version(record->xen_version);
    host_source(record->xen_source);
    memcpy(record->lockdown, lockdown_hash(), sizeof(record->lockdown));
}

static void record_bind(uint32_t pcr)
{
    identity.record.pcr = pcr;
    sha256(&identity.record, sizeof(identity.record), NULL, 0, identity.digest);
}

/* Extends the PCR with the record, and looks whether it has taken it. */
static int record_extend(struct tpm *tpm)
{
    uint8_t before[TPM_DIGEST_SIZE], after[TPM_DIGEST_SIZE], expected[TPM_DIGEST_SIZE];
    uint32_t pcr = identity.record.pcr;

    int rc = tpm_pcr_read(tpm, pcr, before);
    if (!rc) {
        rc = tpm_pcr_extend(tpm, pcr, identity.digest);
    }
    if (!rc) {
        rc = tpm_pcr_read(tpm, pcr, after);
    }
    if (rc) {
        return rc;
    }
    for (size_t i = 0; i < sizeof(before); i++) {
        identity.status.pcr_used |= before[i] != 0;
    }
    sha256(before, sizeof(before), identity.digest, sizeof(identity.digest), expected);
    return memcmp(after, expected, sizeof(after)) ? -EIO : 0;
}

/*
 * A PCR that is still zero would let dom0 satisfy the sealing root's policy: nothing is left
 * untried that changes it (seal.h; hv/CAVEATS.md has the rest).
 */
static void pcr_close(struct tpm *tpm)
{
    for (unsigned int i = 0; i < CLOSE_TRIES; i++) {
        if (!tpm_pcr_extend(tpm, host_record_pcr(), identity.digest)) {
            return;
        }
    }
}

static void tpm_failed(const struct tpm *tpm, int error)
{
    identity.status.reason = CLOISTER_REASON_TPM_FAILED;
    identity.status.error = error;
    identity.status.tpm_code = tpm->code;
}

/* The TPM, opened; NULL: none that works. */
static struct tpm *tpm_find(void)
{
    static struct tpm chip; /* large for a stack */
    struct tpm_place place;

    identity.status.reason = CLOISTER_REASON_TPM_ABSENT;
    if (!host_tpm_place(&place)) {
        return NULL;
    }
    int rc = tpm_open(&chip, &place);
    if (rc) {
        if (rc != -ENXIO) {
            tpm_failed(&chip, rc);
        }
        return NULL;
    }
    identity.status.reason = CLOISTER_REASON_NONE;
    identity.status.tpm_started = chip.started;
    return &chip;
}

void identity_init(void)
{
    br_hmac_drbg_context generator;

    host_secret_expect();
    memset(&identity, 0, sizeof(identity));
    struct tpm *tpm = tpm_find();
    int rc = seed_generator(&generator, tpm);
    if (rc) {
        identity.status.reason = CLOISTER_REASON_HOST_ENTROPY;
        seal_init_without(CLOISTER_REASON_HOST_ENTROPY);
        counters_init(NULL, NULL);
        if (tpm) {
            pcr_close(tpm);
        }
    } else {
        if (tpm) {
            seal_init(tpm, host_record_pcr(), &generator); /* as long as the PCR is not extended */
        } else {
            seal_init_without(identity.status.reason);
        }
        counters_init(tpm, &generator);
        key_make(&generator);
        record_fill();
        record_bind(tpm ? host_record_pcr() : CLOISTER_RECORD_NO_TPM);
        rc = tpm ? record_extend(tpm) : 0;
        if (rc) {
            /* Whatever the PCR holds now, this record does not claim it. */
            tpm_failed(tpm, rc);
            pcr_close(tpm);
            record_bind(CLOISTER_RECORD_NO_TPM);
        }
        identity.valid = true;
    }
    if (tpm) {
        wipe(tpm, sizeof(*tpm)); /* its buffers held the root */
    }
}

const struct identity_status *identity_status(void)
{
    return &identity.status;
}

const struct cloister_monitor_record *identity_record(void)
{
    return identity.valid ? &identity.record : NULL;
}

const uint8_t *identity_record_digest(void)
{
    return identity.valid ? identity.digest : NULL;
}

/* --- signing -------------------------------------------------------------------------------- */

int identity_sign_step(struct cloister_report *report, struct p256_job *job)
{
    static const uint8_t prefix[CLOISTER_REPORT_SIGNED_PREFIX_SIZE] = CLOISTER_REPORT_SIGNED_PREFIX;
    uint8_t digest[IDENTITY_DIGEST_SIZE];

    host_secret_expect();
    if (p256_advance(job)) {
        return -EAGAIN;
    }
    sha256(prefix, sizeof(prefix), report, CLOISTER_REPORT_SIGNED_SIZE, digest);
    return p256_sign(job, digest, identity.key, report->signature);
}

void identity_wipe(void)
{
    identity.valid = false; /* first: nobody signs with zeros */
    wipe(&identity, sizeof(identity));
}

#ifdef CLOISTER_TEST
void identity_test_secret(uint8_t inverted[32])
{
    for (size_t i = 0; i < 32; i++) {
        inverted[i] = (uint8_t)~identity.key[i];
    }
}

const uint8_t *identity_test_key(void)
{
    return identity.key;
}
#endif
