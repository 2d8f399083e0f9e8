/* SPDX-License-Identifier: MIT */
#include "vault/seal.h"

#include <bearssl_kdf.h>
#include <cloister/update.h>

#include "core/hash.h"
#include "core/refuse.h"
#include "core/wipe.h"

#define ROOT_SIZE 32u
#define ATTRIBUTES (TPM_NV_POLICY_WRITE | TPM_NV_POLICY_READ | TPM_NV_NO_DA | TPM_NV_READ_STCLEAR)
#define FLOOR_ATTRIBUTES (TPM_NV_COUNTER | TPM_NV_POLICY_WRITE | TPM_NV_AUTH_READ | TPM_NV_NO_DA)
#define PIECE 488u /* of the statements: what fits into a response */

static struct {
    uint8_t root[ROOT_SIZE];
    struct seal_status status;
} seal;

/* --- the root -------------------------------------------------------------------------------- */

/* What one go at the TPM needs. */
struct root_session {
    struct tpm *tpm;
    uint32_t session;
    uint32_t record, pcrs;         /* PCR masks: of the record alone, of all that binds the root */
    struct tpm_nv_public expected; /* the index as it must be */
    uint8_t key_name[TPM_NAME_SIZE];
    uint32_t key; /* the update key, loaded; 0: this boot has none */
    struct cloister_update update;
    const struct cloister_update_statement *statement; /* the one for this boot, ... */
    uint8_t approved[TPM_DIGEST_SIZE];                 /* ... the policy that it approves, ... */
    struct tpm_ticket ticket; /* ... and the TPM's word that the key signed it */
};

static int approve(const struct root_session *at)
{
    return tpm_policy_authorize(at->tpm, at->session, at->approved, CLOISTER_UPDATE_REFERENCE,
                                at->key_name, &at->ticket);
}

static int above_floor(const struct root_session *at)
{
    return tpm_policy_nv(at->tpm, at->session, CLOISTER_FLOOR_INDEX, at->statement->number);
}

/* A policy is used up by the command that it authorized (part 1, 19.7.8). */
static int authorize(const struct root_session *at)
{
    int rc = tpm_policy_pcr(at->tpm, at->session, at->pcrs);

    rc = rc || !at->statement ? rc : above_floor(at);
    return rc || !at->statement ? rc : approve(at);
}

/* --- the floor ------------------------------------------------------------------------------- */

static int floor_read(const struct root_session *at)
{
    return tpm_nv_read(at->tpm, CLOISTER_FLOOR_INDEX, TPM_RS_PASSWORD, 0, seal.status.floor,
                       TPM_COUNTER_SIZE);
}

/*
 * Sees to it that the floor is there, and reads it. Whether it is ours nobody compares: its name is part of what
 * was signed. A counter's first step goes above all that this TPM ever had (part 3, 31.8).
 */
static int floor_find(const struct root_session *at)
{
    struct tpm_nv_public public = {.attributes = FLOOR_ATTRIBUTES, .size = TPM_COUNTER_SIZE};
    int rc = floor_read(at);
    const bool absent = at->tpm->code == TPM_RC_HANDLE_1;

    if (!absent && at->tpm->code != TPM_RC_NV_UNINITIALIZED) {
        return rc;
    }
    rc = tpm_policy_pcr(at->tpm, at->session, at->record);
    if (!rc && absent) {
        rc = tpm_policy_digest(at->tpm, at->session, public.policy);
        rc = rc ? rc : tpm_nv_define(at->tpm, CLOISTER_FLOOR_INDEX, &public, NULL);
    }
    rc = rc ? rc : tpm_nv_increment(at->tpm, CLOISTER_FLOOR_INDEX, at->session);
    return rc ? rc : floor_read(at);
}

static bool is_below(const uint8_t number[TPM_COUNTER_SIZE], const uint8_t other[TPM_COUNTER_SIZE])
{
    return memcmp(number, other, TPM_COUNTER_SIZE) < 0; /* big-endian */
}

/* Raises the floor to what the key's holder signed. A boot does not shut itself out. */
static int floor_raise(struct root_session *at)
{
    const uint8_t *to = at->update.floor;
    uint8_t digest[TPM_DIGEST_SIZE];

    if (!is_below(seal.status.floor, to) || is_below(at->statement->number, to)) {
        return 0;
    }
    sha256(CLOISTER_UPDATE_FLOOR, strlen(CLOISTER_UPDATE_FLOOR), to, TPM_COUNTER_SIZE, digest);
    int rc = tpm_verify(at->tpm, at->key, digest, at->update.floor_signature, &at->ticket);
    rc = at->tpm->code ? -EACCES : rc;
    for (unsigned int i = 0; !rc && i < CLOISTER_FLOOR_STEPS && is_below(seal.status.floor, to);
         i++) {
        rc = tpm_policy_pcr(at->tpm, at->session, at->record);
        rc = rc ? rc : tpm_nv_increment(at->tpm, CLOISTER_FLOOR_INDEX, at->session);
        rc = rc ? rc : floor_read(at);
    }
    return rc;
}

/* --- statements ------------------------------------------------------------------------------ */

static int update_read(struct root_session *at)
{
    static const uint8_t magic[] = CLOISTER_UPDATE_MAGIC;
    int rc = 0;

    for (uint16_t offset = 0; !rc && offset < sizeof(at->update); offset += PIECE) {
        rc = tpm_nv_read(at->tpm, CLOISTER_UPDATE_INDEX, TPM_RS_PASSWORD, offset,
                         (uint8_t *)&at->update + offset, PIECE);
    }
    return !rc && memcmp(at->update.magic, magic, sizeof(magic)) ? -EACCES : rc;
}
_Static_assert(sizeof(struct cloister_update) % PIECE == 0, "it is read in whole pieces");

/* -EACCES: there is no statement for this boot. -EPERM: there is, below the floor. */
static int statement_find(struct root_session *at, const uint8_t boot[TPM_DIGEST_SIZE])
{
    const struct cloister_update_statement *statement = at->update.statements;
    int rc = -EACCES;

    for (; statement < at->update.statements + CLOISTER_UPDATE_STATEMENTS; statement++) {
        if (memcmp(statement->policy, boot, TPM_DIGEST_SIZE)) {
            continue;
        }
        if (!is_below(statement->number, seal.status.floor)) {
            at->statement = statement;
            return 0;
        }
        rc = -EPERM;
    }
    return rc;
}

/*
 * Finds the statement for this boot, whose policy the session has, and puts the key's in its place.
 * Which key that is nobody compares: the TPM takes no ticket for another's signature.
 */
static int update_apply(struct root_session *at)
{
    uint8_t digest[TPM_DIGEST_SIZE];

    int rc = update_read(at);
    rc = rc ? rc : tpm_policy_digest(at->tpm, at->session, digest);
    rc = rc ? rc : tpm_load_key(at->tpm, at->update.public_key, &at->key);
    rc = rc ? rc : statement_find(at, digest);
    rc = rc ? rc : above_floor(at);
    rc = rc ? rc : tpm_policy_digest(at->tpm, at->session, at->approved);
    if (rc) {
        return rc;
    }
    sha256(at->approved, sizeof(at->approved), CLOISTER_UPDATE_REFERENCE,
           strlen(CLOISTER_UPDATE_REFERENCE), digest);
    rc = tpm_verify(at->tpm, at->key, digest, at->statement->signature, &at->ticket);
    return rc ? rc : approve(at);
}

static int session_start(struct root_session *at, bool updates, br_hmac_drbg_context *generator)
{
    uint8_t nonce[TPM_DIGEST_SIZE];

    br_hmac_drbg_generate(generator, nonce, sizeof(nonce));
    int rc = tpm_policy_start(at->tpm, nonce, &at->session);
    rc = rc || !updates ? rc : floor_find(at);
    if (rc) {
        return rc;
    }
    at->expected.attributes = ATTRIBUTES;
    at->expected.size = ROOT_SIZE;
    rc = tpm_policy_pcr(at->tpm, at->session, at->pcrs);
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
        return tpm_nv_define(at->tpm, SEAL_INDEX, &at->expected, NULL);
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
        rc = tpm_nv_read(at->tpm, SEAL_INDEX, at->session, 0, seal.root, ROOT_SIZE);
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
                              .record = UINT32_C(1) << pcr,
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
    if (!rc && at.statement) {
        denied = CLOISTER_REASON_SEAL_AUTHORIZATION;
        rc = floor_raise(&at);
    }
    if (rc) {
        wipe(seal.root, sizeof(seal.root));
        seal.status.reason = rc == -EACCES || rc == -EINVAL ? denied
                             : rc == -EPERM                 ? CLOISTER_REASON_SEAL_FLOOR
                                                            : CLOISTER_REASON_TPM_FAILED;
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

void seal_wipe(void)
{
    seal.status.reason = CLOISTER_REASON_SEAL_ROOT; /* first: nobody derives from zeros */
    wipe(seal.root, sizeof(seal.root));
}

/* --- keys ----------------------------------------------------------------------------------- */

void seal_describe(const struct enclave *enclave, uint32_t policy, uint32_t security_version,
                   const uint8_t label[32], struct seal_info *info)
{
    const struct cloister_image_header *header = &enclave->header;

    *info = (struct seal_info){.policy = policy,
                               .image_flags = header->launch.flags,
                               .security_version = security_version};
    if (policy == CLOISTER_SEAL_CODE) {
        memcpy(info->measurement, header->measurement, sizeof(info->measurement));
    }
    memcpy(info->author, enclave->author, sizeof(info->author));
    if (policy == CLOISTER_SEAL_IMAGE || policy == CLOISTER_SEAL_FAMILY) {
        memcpy(info->family_id, header->family_id, sizeof(info->family_id));
    }
    if (policy == CLOISTER_SEAL_IMAGE) {
        memcpy(info->image_id, header->image_id, sizeof(info->image_id));
    }
    memcpy(info->label, label, sizeof(info->label));
}

void seal_derive(const char *salt, const struct seal_info *info, uint8_t key[32])
{
    br_hkdf_context kdf;

    host_secret_expect();
    br_hkdf_init(&kdf, &br_sha256_vtable, salt, strlen(salt));
    br_hkdf_inject(&kdf, seal.root, sizeof(seal.root));
    br_hkdf_flip(&kdf);
    br_hkdf_produce(&kdf, info, info ? sizeof(*info) : 0, key, 32);
}

int seal_check(uint32_t policy, const uint8_t *reserved, size_t size, enum cloister_reason *reason)
{
    *reason = CLOISTER_REASON_SEAL_POLICY;
    if (policy < CLOISTER_SEAL_CODE || policy > CLOISTER_SEAL_AUTHOR) {
        return -EINVAL;
    }
    *reason = CLOISTER_REASON_RESERVED_NOT_ZERO;
    if (!is_zero(reserved, size)) {
        return -EINVAL;
    }
    *reason = CLOISTER_REASON_NONE;
    return 0;
}

int seal_key(const struct enclave *enclave, void *buffer, enum cloister_reason *reason)
{
    struct cloister_seal_key request;
    struct seal_info info;

    *reason = seal.status.reason;
    if (*reason) {
        return -EOPNOTSUPP;
    }
    memcpy(&request, buffer, sizeof(request));
    int rc = seal_check(request.policy, request.reserved, sizeof(request.reserved), reason);
    if (rc) {
        return rc;
    }
    if (request.security_version > enclave->header.security_version) {
        *reason = CLOISTER_REASON_SEAL_VERSION;
        return -EPERM;
    }
    seal_describe(enclave, request.policy, request.security_version, request.label, &info);
    seal_derive("Cloister sealing 1", &info, request.key);
    memcpy(buffer, &request, sizeof(request));
    return 0;
}

#ifdef CLOISTER_TEST
void seal_test_secret(uint8_t inverted[32])
{
    for (size_t i = 0; i < 32; i++) {
        inverted[i] = (uint8_t)~seal.root[i];
    }
}

const uint8_t *seal_test_root(void)
{
    return seal.root;
}
#endif
