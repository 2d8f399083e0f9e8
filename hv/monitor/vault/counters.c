/* SPDX-License-Identifier: MIT */
#include "vault/counters.h"

#include <bearssl_hmac.h>

#include "core/hash.h"
#include "core/refuse.h"
#include "vault/seal.h"
#include "tpm/tpm_transport.h"
#include "core/wipe.h"

#define INDEX CLOISTER_COUNTERS_INDEX
#define ATTRIBUTES                                                                                 \
    (TPM_NV_OWNER_WRITE | TPM_NV_EXTEND | TPM_NV_OWNER_READ | TPM_NV_AUTH_READ | TPM_NV_NO_DA)

static struct {
    struct host_lock lock;
    enum cloister_reason reason; /* as in struct cloister_info */
    bool loading;                /* LOAD has `saved` for itself */
    bool saving;                 /* `saved` waits for COMMIT */
    uint64_t committed;
    uint8_t auth[SHA256_SIZE];     /* of the index */
    uint8_t key[SHA256_SIZE];      /* of a copy's HMAC */
    uint8_t vouched[SHA256_SIZE];  /* the index's value, as the TPM said last ... */
    uint8_t extend[SHA256_SIZE];   /* ... and what makes it ... */
    uint8_t expected[SHA256_SIZE]; /* ... the one that vouches for `saved` */
    struct cloister_counters_image now;
    struct cloister_counters_image saved;
} counters;

static const uint8_t nonce_caller[SHA256_SIZE]; /* counters.h says why zero will do */

static void hmac(const uint8_t key[SHA256_SIZE], const void *data, size_t size,
                 uint8_t mac[SHA256_SIZE])
{
    br_hmac_key_context keyed;
    br_hmac_context context;

    host_secret_expect();
    br_hmac_key_init(&keyed, &br_sha256_vtable, key, SHA256_SIZE);
    br_hmac_init(&context, &keyed, 0);
    br_hmac_update(&context, data, size);
    br_hmac_out(&context, mac);
}

/* In a time that does not tell where. */
static bool differs(const uint8_t a[SHA256_SIZE], const uint8_t b[SHA256_SIZE])
{
    uint8_t bits = 0;

    for (size_t i = 0; i < SHA256_SIZE; i++) {
        bits |= a[i] ^ b[i];
    }
    return bits;
}

/* --- at boot -------------------------------------------------------------------------------- */

/*
 * The response is about the index itself (part 2, 6.6: format one, and the codes of NV memory), not about the TPM's
 * health: it is not there, not extended yet, of another root, or made by somebody else.
 */
static bool is_not_ours(uint32_t code)
{
    return code & 0x80 || (code & ~0xfu) == 0x140;
}

static int index_open(struct tpm *tpm, br_hmac_drbg_context *generator)
{
    const struct tpm_nv_public public = {.attributes = ATTRIBUTES, .size = SHA256_SIZE};
    uint8_t start[SHA256_SIZE];

    int rc = tpm_nv_read_secret(tpm, INDEX, counters.auth, counters.vouched, SHA256_SIZE);
    if (!rc || !is_not_ours(tpm->code)) {
        return rc;
    }
    rc = tpm_nv_undefine(tpm, INDEX);
    if (!rc) {
        rc = tpm_nv_define(tpm, INDEX, &public, counters.auth);
    }
    if (!rc) {
        br_hmac_drbg_generate(generator, start, sizeof(start));
        rc = tpm_nv_extend(tpm, INDEX, start);
    }
    if (!rc) {
        rc = tpm_nv_read_secret(tpm, INDEX, counters.auth, counters.vouched, SHA256_SIZE);
    }
    return rc;
}

static enum cloister_reason counters_open(struct tpm *tpm, br_hmac_drbg_context *generator)
{
    if (seal_status()->reason) {
        return seal_status()->reason;
    }
    counters.now.magic = CLOISTER_COUNTERS_MAGIC;
    counters.now.version = CLOISTER_COUNTERS_VERSION;
    counters.now.count = CLOISTER_COUNTERS;
    br_hmac_drbg_generate(generator, counters.now.table, sizeof(counters.now.table));
    seal_derive("Cloister counters 1: copy", NULL, counters.key);
    seal_derive("Cloister counters 1: index", NULL, counters.auth);
    counters.auth[SHA256_SIZE - 1] |= 1; /* the TPM drops zeros at the end (part 1, 19.6.4.3) */
    return index_open(tpm, generator) ? CLOISTER_REASON_TPM_FAILED
                                      : CLOISTER_REASON_COUNTERS_UNLOADED;
}

void counters_init(struct tpm *tpm, br_hmac_drbg_context *generator)
{
    memset(&counters, 0, sizeof(counters));
    host_lock_init(&counters.lock);
    counters.reason = counters_open(tpm, generator);
}

/* What is answered where counters.reason says why there are none. */
static int unavailable(void)
{
    return counters.reason == CLOISTER_REASON_COUNTERS_UNLOADED ? -EAGAIN : -EOPNOTSUPP;
}

/* --- for enclaves --------------------------------------------------------------------------- */

static int decode(const struct cloister_counter *request, enum cloister_reason *reason)
{
    *reason = CLOISTER_REASON_COUNTER_OPERATION;
    if (request->operation < CLOISTER_COUNTER_READ ||
        request->operation > CLOISTER_COUNTER_REMOVE) {
        return -EINVAL;
    }
    return seal_check(request->policy, request->reserved, sizeof(request->reserved), reason);
}

/* Under the lock. `wanted` has no value yet. */
static int perform(struct cloister_counter *request, const struct cloister_counters_entry *wanted,
                   enum cloister_reason *reason)
{
    struct cloister_counters_entry *found = NULL, *space = NULL;
    unsigned int of_domain = 0;

    host_lock_expect(&counters.lock);
    if (counters.reason) {
        *reason = counters.reason;
        return unavailable();
    }
    for (unsigned int i = 0; i < CLOISTER_COUNTERS; i++) {
        struct cloister_counters_entry *entry = &counters.now.counters[i];
        if (!entry->value) {
            space = space ? space : entry;
        } else if (!memcmp(entry->domain_uuid, wanted->domain_uuid, sizeof(entry->domain_uuid))) {
            of_domain++;
            found = memcmp(entry->id, wanted->id, sizeof(entry->id)) ? found : entry;
        }
    }
    if (!found && request->operation != CLOISTER_COUNTER_INCREMENT) {
        *reason = CLOISTER_REASON_COUNTER_ABSENT;
        return -ENOENT;
    }
    if (request->operation == CLOISTER_COUNTER_INCREMENT &&
        request->value != (found ? found->value : 0)) {
        *reason = CLOISTER_REASON_COUNTER_VALUE;
        return -EBUSY;
    }
    if (!found && (!space || of_domain >= CLOISTER_COUNTERS_PER_DOMAIN)) {
        *reason = CLOISTER_REASON_COUNTER_LIMIT;
        return -ENOSPC;
    }
    if (!found) {
        found = space;
        *found = *wanted;
    }
    if (request->operation != CLOISTER_COUNTER_READ) {
        found->value = ++counters.now.value;
    }
    if (request->operation == CLOISTER_COUNTER_INCREMENT) {
        memcpy(found->tag, request->tag, sizeof(found->tag));
    }
    memcpy(request->tag, found->tag, sizeof(request->tag));
    request->value = found->value;
    request->committed = counters.committed;
    memcpy(request->table, counters.now.table, sizeof(request->table));
    if (request->operation == CLOISTER_COUNTER_REMOVE) {
        memset(found, 0, sizeof(*found));
    }
    return 0;
}

int counters_use(const struct enclave *enclave, void *buffer, enum cloister_reason *reason)
{
    struct cloister_counters_entry wanted = {.value = 0};
    struct cloister_counter request;
    struct seal_info info;
    uint8_t id[SHA256_SIZE];

    memcpy(&request, buffer, sizeof(request));
    int rc = decode(&request, reason);
    if (rc) {
        return rc;
    }
    seal_describe(enclave, request.policy, 0, request.label, &info);
    seal_derive("Cloister counter 1", &info, id);
    memcpy(wanted.id, id, sizeof(wanted.id));
    host_domain_uuid(enclave->tenant->domain, wanted.domain_uuid);
    host_lock(&counters.lock);
    rc = perform(&request, &wanted, reason);
    host_unlock(&counters.lock);
    if (!rc) {
        memcpy(buffer, &request, sizeof(request));
    }
    return rc;
}

/* --- for the host --------------------------------------------------------------------------- */

/* What vouches for a copy, and what the index has then. */
static void vouch(const struct cloister_counters_image *image, uint8_t extend[SHA256_SIZE],
                  uint8_t expected[SHA256_SIZE])
{
    hmac(counters.key, image, sizeof(*image), extend);
    sha256(image->previous, SHA256_SIZE, extend, SHA256_SIZE, expected);
}

/* Whoever may load, and nobody else meanwhile: `saved` is used for it. */
static int load_begin(struct cloister_head *head)
{
    int rc = 0;

    host_lock(&counters.lock);
    if (counters.reason == CLOISTER_REASON_NONE || counters.loading) {
        rc = refuse(head, -EBUSY, CLOISTER_REASON_COUNTERS_LOADED, 0, 0);
    } else if (counters.reason != CLOISTER_REASON_COUNTERS_UNLOADED) {
        rc = refuse(head, -EOPNOTSUPP, counters.reason, 0, 0);
    }
    counters.loading |= !rc;
    host_unlock(&counters.lock);
    return rc;
}

static int load(struct cloister_counters_load *op)
{
    const struct cloister_counters_image *image = &counters.saved;
    uint8_t extend[SHA256_SIZE], expected[SHA256_SIZE];

    if (host_copy_in(&counters.saved, op->image, sizeof(counters.saved))) {
        return refuse(&op->head, -EFAULT, CLOISTER_REASON_BAD_POINTER, op->image, 0);
    }
    vouch(image, extend, expected);
    if (differs(expected, counters.vouched) ||
        memcmp(image, &counters.now, offsetof(struct cloister_counters_image, table))) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_COUNTERS_IMAGE, image->value, 0);
    }
    counters.now = *image;
    counters.committed = image->value;
    return 0;
}

int counters_load(struct cloister_counters_load *op)
{
    if (op->reserved0) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, op->reserved0, 0);
    }
    if (op->size && op->size != sizeof(counters.now)) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_BATCH, op->size, sizeof(counters.now));
    }
    int rc = load_begin(&op->head);
    if (rc) {
        return rc;
    }
    rc = op->size ? load(op) : 0;
    host_lock(&counters.lock);
    counters.loading = false;
    counters.reason = rc ? CLOISTER_REASON_COUNTERS_UNLOADED : CLOISTER_REASON_NONE;
    host_unlock(&counters.lock);
    return rc;
}

/* Counters are loaded; `waiting`: and a copy waits for COMMIT. */
static int need(struct cloister_head *head, bool waiting)
{
    if (counters.reason) {
        return refuse(head, unavailable(), counters.reason, 0, 0);
    }
    return waiting ? 0 : refuse(head, -ENOENT, CLOISTER_REASON_COUNTERS_COMMITTED, 0, 0);
}

int counters_save(struct cloister_counters_save *op)
{
    host_lock(&counters.lock);
    int rc = need(&op->head, counters.saving || counters.now.value > counters.committed);
    if (!rc && !counters.saving) {
        counters.saved = counters.now;
        memcpy(counters.saved.previous, counters.vouched, sizeof(counters.vouched));
        vouch(&counters.saved, counters.extend, counters.expected);
        counters.saving = true;
    }
    if (!rc) {
        memcpy(op->extend, counters.extend, sizeof(op->extend));
        memcpy(op->expected, counters.expected, sizeof(op->expected));
    }
    host_unlock(&counters.lock);
    /* Only COMMIT lets the copy change: a host that does so meanwhile spoils its own. */
    if (!rc && host_copy_out(op->image, &counters.saved, sizeof(counters.saved))) {
        rc = refuse(&op->head, -EFAULT, CLOISTER_REASON_BAD_POINTER, op->image, 0);
    }
    return rc;
}

/* An HMAC of the session: of a command's or a response's hash (part 1, 19.6.5). */
static void session_hmac(const uint8_t hash[SHA256_SIZE], const uint8_t newer[SHA256_SIZE],
                         const uint8_t older[SHA256_SIZE], uint8_t mac[SHA256_SIZE])
{
    uint8_t message[3 * SHA256_SIZE + 1];

    memcpy(message, hash, SHA256_SIZE);
    memcpy(message + SHA256_SIZE, newer, SHA256_SIZE);
    memcpy(message + 2 * SHA256_SIZE, older, SHA256_SIZE);
    message[3 * SHA256_SIZE] = TPM_CONTINUE_SESSION;
    hmac(counters.auth, message, sizeof(message), mac);
}

int counters_read(struct cloister_counters_read *op)
{
    /* cpHash (part 1, 16.7): of TPM2_NV_Read, the index's name twice, its size, 0. It never changes. */
    static const uint8_t command[SHA256_SIZE] = {0xb5, 0xe0, 0x34, 0x53, 0xb5, 0x5d, 0x65, 0x4e,
                                                 0x45, 0x12, 0x60, 0x49, 0x2e, 0x7c, 0x97, 0xaf,
                                                 0xc5, 0xf1, 0x0f, 0x5e, 0xbe, 0x9d, 0x2e, 0xb3,
                                                 0x4d, 0x0e, 0x0b, 0xd4, 0x42, 0xcf, 0x2c, 0x95};

    host_lock(&counters.lock);
    int rc = need(&op->head, counters.saving);
    host_unlock(&counters.lock);
    if (!rc) {
        memcpy(op->nonce_caller, nonce_caller, sizeof(op->nonce_caller));
        session_hmac(command, nonce_caller, op->nonce_tpm, op->hmac);
    }
    return rc;
}

int counters_commit(struct cloister_counters_commit *op)
{
    /* rpHash (part 1, 16.8): success, TPM2_NV_Read, the value with its size. */
    static const uint8_t head[] = {
        0, 0, 0, 0, 0, 0, TPM_CC_NV_READ >> 8, TPM_CC_NV_READ & 0xff, 0, SHA256_SIZE};
    uint8_t hash[SHA256_SIZE], mac[SHA256_SIZE];

    sha256(head, sizeof(head), op->value, sizeof(op->value), hash);
    session_hmac(hash, op->nonce_tpm, nonce_caller, mac);
    host_lock(&counters.lock);
    int rc = need(&op->head, counters.saving);
    if (!rc && (differs(mac, op->hmac) || differs(op->value, counters.expected))) {
        rc = refuse(&op->head, -EACCES, CLOISTER_REASON_COUNTERS_PROOF, 0, 0);
    }
    if (!rc) {
        memcpy(counters.vouched, counters.expected, sizeof(counters.vouched));
        counters.committed = counters.saved.value;
        counters.saving = false;
    }
    host_unlock(&counters.lock);
    return rc;
}

int counters_forget(struct cloister_counters_forget *op)
{
    if (op->reserved0) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, op->reserved0, 0);
    }
    host_lock(&counters.lock);
    int rc = need(&op->head, true);
    op->removed = 0;
    for (unsigned int i = 0; !rc && i < CLOISTER_COUNTERS; i++) {
        struct cloister_counters_entry *entry = &counters.now.counters[i];
        if (entry->value &&
            !memcmp(entry->domain_uuid, op->domain_uuid, sizeof(entry->domain_uuid))) {
            memset(entry, 0, sizeof(*entry));
            counters.now.value++;
            op->removed++;
        }
    }
    host_unlock(&counters.lock);
    return rc;
}

bool counters_has(const uint8_t domain_uuid[16])
{
    host_lock(&counters.lock);
    bool has = counters.reason == CLOISTER_REASON_COUNTERS_UNLOADED;
    for (unsigned int i = 0; !counters.reason && !has && i < CLOISTER_COUNTERS; i++) {
        const struct cloister_counters_entry *entry = &counters.now.counters[i];
        has = entry->value && !memcmp(entry->domain_uuid, domain_uuid, sizeof(entry->domain_uuid));
    }
    host_unlock(&counters.lock);
    return has;
}

void counters_count(struct cloister_info *info)
{
    host_lock(&counters.lock);
    info->counters_reason = counters.reason;
    for (unsigned int i = 0; !counters.reason && i < CLOISTER_COUNTERS; i++) {
        info->counters += counters.now.counters[i].value != 0;
    }
    info->counters_value = counters.reason ? 0 : counters.now.value;
    info->counters_committed = counters.committed;
    host_unlock(&counters.lock);
}

void counters_wipe(void)
{
    counters.reason = CLOISTER_REASON_SEAL_ROOT;
    counters.loading = counters.saving = false;
    wipe(counters.auth, sizeof(counters.auth));
    wipe(counters.key, sizeof(counters.key));
    wipe(counters.extend, sizeof(counters.extend));
    wipe(&counters.now, sizeof(counters.now));
    wipe(&counters.saved, sizeof(counters.saved));
}

#ifdef CLOISTER_TEST
const uint8_t *counters_test_key(void)
{
    return counters.key;
}

const uint8_t *counters_test_auth(void)
{
    return counters.auth;
}
#endif
