/* SPDX-License-Identifier: MIT */
#include "seal.h"

#include <bearssl_kdf.h>
#include <cloister/update.h>

#include "wipe.h"

#define ROOT_SIZE 32u
#define ATTRIBUTES (TPM_NV_POLICY_WRITE | TPM_NV_POLICY_READ | TPM_NV_NO_DA | TPM_NV_READ_STCLEAR)

static struct {
    uint8_t root[ROOT_SIZE];
    struct seal_status status;
} seal;

/* --- the root -------------------------------------------------------------------------------- */

/* What one go at the TPM needs. */
struct root_session {
    struct tpm *tpm;
    uint32_t session;
    uint32_t pcrs;
    struct tpm_nv_public expected; /* the index as it must be */
    uint8_t key_name[TPM_NAME_SIZE];
    uint32_t key;                  /* the update key, loaded; 0: this boot has none */
    uint8_t boot[TPM_DIGEST_SIZE]; /* PolicyPCR in this boot, ... */
    struct tpm_ticket ticket;      /* ... and the TPM's word that the key signed it */
};

static int approve(const struct root_session *at)
{
    return tpm_policy_authorize(at->tpm, at->session, at->boot, at->key_name, &at->ticket);
}

/* A policy is used up by the command that it authorized (part 1, 19.7.8). */
static int authorize(const struct root_session *at)
{
    int rc = tpm_policy_pcr(at->tpm, at->session, at->pcrs);

    return rc || !at->key ? rc : approve(at);
}

/*
 * Finds the statement for this boot, whose policy the session has, and puts the key's in its place.
 * Which key that is nobody compares: the TPM takes no ticket for another's signature.
 */
static int update_apply(struct root_session *at)
{
    struct cloister_update update;
    const struct cloister_update_statement *statement = update.statements;
    uint8_t digest[TPM_DIGEST_SIZE];
    br_sha256_context hash;

    int rc = tpm_nv_read(at->tpm, CLOISTER_UPDATE_INDEX, TPM_RS_PASSWORD, &update, sizeof(update));
    if (!rc) {
        rc = tpm_policy_digest(at->tpm, at->session, at->boot);
    }
    if (!rc) {
        rc = tpm_load_key(at->tpm, update.public_key, &at->key);
    }
    if (rc) {
        return rc;
    }
    while (memcmp(statement->policy, at->boot, sizeof(at->boot))) {
        if (++statement == update.statements + CLOISTER_UPDATE_STATEMENTS) {
            return -EACCES;
        }
    }
    br_sha256_init(&hash);
    br_sha256_update(&hash, at->boot, sizeof(at->boot)); /* no policyRef (part 3, 23.16.1) */
    br_sha256_out(&hash, digest);
    rc = tpm_verify(at->tpm, at->key, digest, statement->signature, &at->ticket);
    return rc ? rc : approve(at);
}

static int session_start(struct root_session *at, bool updates, br_hmac_drbg_context *generator)
{
    uint8_t nonce[TPM_DIGEST_SIZE];

    br_hmac_drbg_generate(generator, nonce, sizeof(nonce));
    int rc = tpm_policy_start(at->tpm, nonce, &at->session);
    if (rc) {
        return rc;
    }
    at->expected.attributes = ATTRIBUTES;
    at->expected.size = ROOT_SIZE;
    rc = authorize(at);
    if (!rc && updates) {
        rc = update_apply(at);
        rc = at->tpm->code ? -EACCES : rc; /* it refused what stands in the index */
    }
    if (!rc) {
        rc = tpm_policy_digest(at->tpm, at->session, at->expected.policy);
    }
    return rc;
}

/* Sees to it that the index is there, and is ours. *written: it has a root. */
static int index_find(const struct root_session *at, bool *written)
{
    const uint32_t changing = TPM_NV_WRITTEN | TPM_NV_READ_LOCKED;
    struct tpm_nv_public found;

    int rc = tpm_nv_read_public(at->tpm, SEAL_INDEX, &found);
    if (rc == -ENOENT) {
        *written = false;
        return tpm_nv_define(at->tpm, SEAL_INDEX, &at->expected);
    }
    if (rc) {
        return rc;
    }
    *written = found.attributes & TPM_NV_WRITTEN;
    /* Locked in this boot: somebody was here before. */
    return (found.attributes & ~changing) == ATTRIBUTES && found.size == ROOT_SIZE &&
                   !memcmp(found.policy, at->expected.policy, sizeof(found.policy)) &&
                   !(found.attributes & TPM_NV_READ_LOCKED)
               ? 0
               : -EACCES;
}

/* Until the next reset nobody reads it: the TPM must say so. */
static int index_lock(const struct root_session *at)
{
    struct tpm_nv_public locked;

    int rc = authorize(at);
    if (!rc) {
        rc = tpm_nv_read_lock(at->tpm, SEAL_INDEX, at->session);
    }
    if (!rc) {
        rc = tpm_nv_read_public(at->tpm, SEAL_INDEX, &locked);
    }
    if (!rc && !(locked.attributes & TPM_NV_READ_LOCKED)) {
        rc = -EIO;
    }
    return rc;
}

/* The session has an unused policy when this is called. */
static int root_get(const struct root_session *at, br_hmac_drbg_context *generator)
{
    bool written;

    int rc = index_find(at, &written);
    if (!rc && !written) {
        br_hmac_drbg_generate(generator, seal.root, ROOT_SIZE);
        rc = tpm_nv_write(at->tpm, SEAL_INDEX, at->session, seal.root, ROOT_SIZE);
        seal.status.fresh = !rc;
        if (!rc) {
            rc = authorize(at);
        }
    }
    /* What was just written is read back, too: it is what the next boot will find. */
    if (!rc) {
        rc = tpm_nv_read(at->tpm, SEAL_INDEX, at->session, seal.root, ROOT_SIZE);
    }
    return rc ? rc : index_lock(at);
}

static void flush(struct tpm *tpm, uint32_t handle)
{
    int rc = handle ? tpm_flush(tpm, handle) : 0;
    (void)rc; /* the next reset does it, too */
}

void seal_init(struct tpm *tpm, uint32_t pcr, br_hmac_drbg_context *generator)
{
    struct root_session at = {.tpm = tpm,
                              .pcrs = CLOISTER_SEAL_PCRS | UINT32_C(1) << pcr,
                              .key_name = {TPM_ALG_SHA256 >> 8, TPM_ALG_SHA256 & 0xff}};
    enum cloister_reason denied = CLOISTER_REASON_SEAL_AUTHORIZATION;

    seal_init_without(CLOISTER_REASON_NONE);
    int rc = host_update_key(at.key_name + 2);
    if (!rc || rc == -ENOENT) {
        rc = session_start(&at, !rc, generator);
    }
    if (!rc) {
        denied = CLOISTER_REASON_SEAL_ROOT;
        rc = root_get(&at, generator);
    }
    if (rc) {
        wipe(seal.root, sizeof(seal.root));
        seal.status.reason = rc == -EACCES || rc == -EINVAL ? denied : CLOISTER_REASON_TPM_FAILED;
        seal.status.error = rc;
        seal.status.tpm_code = tpm->code;
    }
    flush(tpm, at.key);
    flush(tpm, at.session);
}

void seal_init_without(enum cloister_reason reason)
{
    memset(&seal, 0, sizeof(seal));
    seal.status.reason = reason;
}

const struct seal_status *seal_status(void)
{
    return &seal.status;
}

/* --- keys ----------------------------------------------------------------------------------- */

/* HKDF's info (cloister/seal.h). */
struct key_info {
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
_Static_assert(sizeof(struct key_info) == 160, "what keys are made of never changes");

static void derive(const struct enclave *enclave, struct cloister_seal_key *request)
{
    static const char salt[] = "Cloister sealing 1";
    const struct cloister_image_header *header = &enclave->header;
    struct key_info info = {.policy = request->policy,
                            .image_flags = header->launch.flags,
                            .security_version = request->security_version};
    br_hkdf_context kdf;

    if (request->policy == CLOISTER_SEAL_CODE) {
        memcpy(info.measurement, header->measurement, sizeof(info.measurement));
    }
    memcpy(info.author, enclave->author, sizeof(info.author));
    if (request->policy == CLOISTER_SEAL_IMAGE || request->policy == CLOISTER_SEAL_FAMILY) {
        memcpy(info.family_id, header->family_id, sizeof(info.family_id));
    }
    if (request->policy == CLOISTER_SEAL_IMAGE) {
        memcpy(info.image_id, header->image_id, sizeof(info.image_id));
    }
    memcpy(info.label, request->label, sizeof(info.label));

    br_hkdf_init(&kdf, &br_sha256_vtable, salt, sizeof(salt) - 1);
    br_hkdf_inject(&kdf, seal.root, sizeof(seal.root));
    br_hkdf_flip(&kdf);
    br_hkdf_produce(&kdf, &info, sizeof(info), request->key, sizeof(request->key));
    wipe(&kdf, sizeof(kdf));
    wipe_stack();
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    while (size > 0 && !bytes[size - 1]) {
        size--;
    }
    return size == 0;
}

static int decode(const struct enclave *enclave, const struct cloister_seal_key *request,
                  enum cloister_reason *reason)
{
    *reason = CLOISTER_REASON_SEAL_POLICY;
    if (request->policy < CLOISTER_SEAL_CODE || request->policy > CLOISTER_SEAL_AUTHOR) {
        return -EINVAL;
    }
    *reason = CLOISTER_REASON_RESERVED_NOT_ZERO;
    if (!is_zero(request->reserved, sizeof(request->reserved))) {
        return -EINVAL;
    }
    *reason = CLOISTER_REASON_SEAL_VERSION;
    if (request->security_version > enclave->header.security_version) {
        return -EPERM;
    }
    *reason = CLOISTER_REASON_NONE;
    return 0;
}

int seal_key(const struct thread *thread, uint64_t address, uint64_t zero,
             enum cloister_reason *reason)
{
    struct cloister_seal_key request;
    frame_t frame;

    *reason = seal.status.reason;
    if (*reason) {
        return -EOPNOTSUPP;
    }
    *reason = CLOISTER_REASON_ENCLAVE_BUFFER;
    if (zero || address % sizeof(request)) {
        return -EINVAL;
    }
    if (!enclave_own_page(thread->enclave, address, &frame)) {
        return -EFAULT;
    }
    uint8_t *page = host_frame_map(frame);
    uint8_t *buffer = page + address % CLOISTER_PAGE_SIZE;
    memcpy(&request, buffer, sizeof(request));
    int rc = decode(thread->enclave, &request, reason);
    if (!rc) {
        derive(thread->enclave, &request);
        memcpy(buffer, &request, sizeof(request));
    }
    host_frame_unmap(page);
    wipe(&request, sizeof(request));
    return rc;
}
