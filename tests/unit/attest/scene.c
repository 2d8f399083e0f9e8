/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/abi.h"

struct scene scene;

static EVP_PKEY *monitor_key, *tpm_ecc, *tpm_rsa;
static struct cloister_verifier *verifier;

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "scene: %s failed\n", what);
        abort();
    }
}

void scene_sha256(const void *data, size_t size, uint8_t digest[32])
{
    must(EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) == 1, "EVP_Digest");
}

void scene_prepare(void)
{
    monitor_key = EVP_EC_gen("P-256");
    tpm_ecc = EVP_EC_gen("P-256");
    tpm_rsa = EVP_RSA_gen(2048);
    verifier = cloister_verifier_new();
    must(monitor_key && tpm_ecc && tpm_rsa && verifier, "making keys");
}

/* --- signatures ---------------------------------------------------------------------------- */

static void public_point(EVP_PKEY *key, uint8_t point[64])
{
    BIGNUM *x = NULL, *y = NULL;

    must(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
             EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
             BN_bn2binpad(x, point, 32) == 32 && BN_bn2binpad(y, point + 32, 32) == 32,
         "public key");
    BN_free(x);
    BN_free(y);
}

/* ECDSA as DER, RSASSA as it is. */
static size_t sign(EVP_PKEY *key, const void *data, size_t size, uint8_t *signature, size_t room)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    must(context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
             EVP_DigestSign(context, signature, &room, data, size) == 1,
         "signing");
    EVP_MD_CTX_free(context);
    return room;
}

static void sign_pair(EVP_PKEY *key, const void *data, size_t size, uint8_t pair[64])
{
    uint8_t der[80];
    const uint8_t *cursor = der;
    size_t der_size = sign(key, data, size, der, sizeof(der));
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &cursor, (long)der_size);

    must(signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), pair, 32) == 32 &&
             BN_bn2binpad(ECDSA_SIG_get0_s(signature), pair + 32, 32) == 32,
         "signature");
    ECDSA_SIG_free(signature);
}

/* --- TPM structures ------------------------------------------------------------------------ */

struct output {
    uint8_t *data;
    size_t used;
};

static void put(struct output *out, const void *data, size_t size)
{
    memcpy(out->data + out->used, data, size);
    out->used += size;
}

static void put_big(struct output *out, uint64_t value, size_t size)
{
    while (size-- > 0) {
        out->data[out->used++] = (uint8_t)(value >> (8 * size));
    }
}

static void put_little(struct output *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out->data[out->used++] = (uint8_t)(value >> (8 * i));
    }
}

static void put_sized(struct output *out, const void *data, size_t size)
{
    put_big(out, size, 2);
    put(out, data, size);
}

void scene_key(void)
{
    struct output out = {scene.key, 0};

    put_big(&out, scene.key_type, 2);
    put_big(&out, scene.name_algorithm, 2);
    put_big(&out, scene.attributes, 4);
    put_big(&out, 0, 2);
    put_big(&out, scene.symmetric, 2);
    put_big(&out, scene.scheme, 2);
    put_big(&out, scene.hash, 2);
    if (scene.kind == SCENE_ECC) {
        uint8_t point[64];

        put_big(&out, scene.curve, 2);
        put_big(&out, 0x10, 2);
        public_point(tpm_ecc, point);
        put_sized(&out, point, 32);
        put_sized(&out, point + 32, 32);
    } else {
        uint8_t modulus[256];
        BIGNUM *n = NULL;

        must(EVP_PKEY_get_bn_param(tpm_rsa, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                 BN_bn2binpad(n, modulus, sizeof(modulus)) == sizeof(modulus),
             "modulus");
        BN_free(n);
        put_big(&out, scene.rsa_bits, 2);
        put_big(&out, scene.exponent, 4);
        put_sized(&out, modulus, sizeof(modulus));
    }
    scene.key_size = out.used;
    scene_sha256(scene.key, scene.key_size, scene.enrolled);
    scene_bind();
}

void scene_bind(void)
{
    uint8_t values[CLOISTER_EVIDENCE_PCRS * 32];

    scene.extra_size = 32;
    must(!cloister_challenge_binding((struct cloister_bytes){scene.nonce, scene.nonce_size},
                                     &scene.record, scene.extra),
         "binding");
    scene.selected = 0;
    for (uint32_t i = 0; i < scene.pcr_count; i++) {
        scene.selected |= 1u << scene.pcrs[i].index;
        memcpy(values + 32 * i, scene.pcrs[i].value, 32);
    }
    scene_sha256(values, 32 * scene.pcr_count, scene.pcr_digest);
    scene_quote();
}

void scene_quote(void)
{
    struct output out = {scene.attest, 0};

    put_big(&out, scene.magic, 4);
    put_big(&out, scene.type, 2);
    put_sized(&out, "\0\x0bqualified signer's name, thirty-four", 34);
    put_sized(&out, scene.extra, scene.extra_size);
    put_big(&out, 123456, 8);
    put_big(&out, 7, 4);
    put_big(&out, 1, 4);
    put_big(&out, 1, 1);
    put_big(&out, UINT64_C(0x2020031200000000), 8);
    put_big(&out, scene.selection_count, 4);
    put_big(&out, scene.bank, 2);
    put_big(&out, 3, 1);
    put_little(&out, scene.selected, 3);
    put_sized(&out, scene.pcr_digest, sizeof(scene.pcr_digest));
    scene.attest_size = out.used;
    scene_sign();
}

void scene_sign(void)
{
    struct output out = {scene.signature, 0};

    if (scene.kind == SCENE_ECC) {
        uint8_t pair[64];

        put_big(&out, 0x18, 2);
        put_big(&out, 0x0b, 2);
        sign_pair(tpm_ecc, scene.attest, scene.attest_size, pair);
        put_sized(&out, pair, 32);
        put_sized(&out, pair + 32, 32);
    } else {
        uint8_t signature[256];

        put_big(&out, 0x14, 2);
        put_big(&out, 0x0b, 2);
        put_sized(&out, signature,
                  sign(tpm_rsa, scene.attest, scene.attest_size, signature, sizeof(signature)));
    }
    scene.signature_size = out.used;
}

/* --- the monitor --------------------------------------------------------------------------- */

void scene_sign_report(uint32_t i)
{
    static const uint8_t prefix[] = CLOISTER_REPORT_SIGNED_PREFIX;
    uint8_t content[sizeof(prefix) + CLOISTER_REPORT_SIGNED_SIZE];

    memcpy(content, prefix, sizeof(prefix));
    memcpy(content + sizeof(prefix), &scene.reports[i], CLOISTER_REPORT_SIGNED_SIZE);
    sign_pair(monitor_key, content, sizeof(content), scene.reports[i].signature);
}

void scene_reports(void)
{
    for (uint32_t i = 0; i < scene.report_count; i++) {
        if (scene.reports[i].kind == CLOISTER_REPORT_HEARTBEAT) {
            memset(scene.reports[i].report_data, 0, sizeof(scene.reports[i].report_data));
            must(!cloister_challenge_binding((struct cloister_bytes){scene.nonce, scene.nonce_size},
                                             &scene.record, scene.reports[i].report_data),
                 "binding");
        }
        scene_sign_report(i);
    }
    scene_key();
}

void scene_record(void)
{
    uint8_t both[64] = {0};

    scene_sha256(&scene.record, sizeof(scene.record), both + 32);
    for (uint32_t i = 0; i < scene.report_count; i++) {
        memcpy(scene.reports[i].record, both + 32, 32);
    }
    scene_sha256(both, sizeof(both), scene.pcrs[scene.pcr_count - 1].value);
    scene_reports();
}

static struct cloister_report make_report(enum cloister_report_kind kind, uint64_t sequence,
                                          uint64_t time)
{
    return (struct cloister_report){
        .magic = CLOISTER_REPORT_MAGIC,
        .version = CLOISTER_REPORT_VERSION,
        .size = sizeof(struct cloister_report),
        .kind = kind,
        .sequence = sequence,
        .time = time,
        .flags = SCENE_FLAGS,
        .refusals = 3,
    };
}

static void start_monitor(void)
{
    struct cloister_report *enclave = &scene.reports[0];

    scene.record = (struct cloister_monitor_record){
        .magic = CLOISTER_RECORD_MAGIC,
        .version = CLOISTER_RECORD_VERSION,
        .size = sizeof(struct cloister_monitor_record),
        .flags = SCENE_FLAGS,
        .abi_version = CLOISTER_ABI_VERSION,
        .monitor_version = 0x000100,
        .pcr = CLOISTER_RECORD_PCR,
        .boot_id = 0x1122334455667788,
        .xen_version = "4.17.5",
        .xen_source = "4.17.5+72-g01140da4e8-1",
    };
    public_point(monitor_key, scene.record.public_key);
    memset(scene.record.lockdown, 0x7a, sizeof(scene.record.lockdown));

    scene.report_count = 2;
    *enclave = make_report(CLOISTER_REPORT_ENCLAVE, 10, UINT64_C(60000000000));
    memset(enclave->measurement, 0x4d, sizeof(enclave->measurement));
    memset(enclave->author, 0xa0, sizeof(enclave->author));
    memset(enclave->family_id, 0xf0, sizeof(enclave->family_id));
    memset(enclave->image_id, 0x1d, sizeof(enclave->image_id));
    memset(enclave->report_data, 0xda, sizeof(enclave->report_data));
    memset(enclave->domain_uuid, 0x0d, sizeof(enclave->domain_uuid));
    enclave->image_version = 12;
    enclave->security_version = 5;
    enclave->enclave = 3;
    enclave->domain = 1;
    scene.reports[1] = make_report(CLOISTER_REPORT_HEARTBEAT, 11, UINT64_C(65000000000));
    scene.report_forms[1] = CLOISTER_REPORT_COSE;
}

static void start_tpm(enum scene_key kind)
{
    static const uint32_t indices[SCENE_PCRS] = SCENE_PCR_NUMBERS;

    scene.kind = kind;
    scene.attributes = 1u << 1 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 16 | 1u << 18;
    scene.key_type = kind == SCENE_ECC ? 0x23 : 0x01;
    scene.name_algorithm = 0x0b;
    scene.symmetric = 0x10;
    scene.scheme = kind == SCENE_ECC ? 0x18 : 0x14;
    scene.hash = 0x0b;
    scene.curve = 3;
    scene.rsa_bits = 2048;
    scene.magic = 0xff544347;
    scene.type = 0x8018;
    scene.bank = 0x0b;
    scene.selection_count = 1;
    scene.pcr_count = SCENE_PCRS;
    for (uint32_t i = 0; i < SCENE_PCRS; i++) {
        scene.pcrs[i].index = indices[i];
        memset(scene.pcrs[i].value, (int)indices[i] * 0x11, sizeof(scene.pcrs[i].value));
    }
    memset(scene.pcrs[SCENE_PCR0].value, 0x1f, sizeof(scene.pcrs[0].value));
}

static void repeat(char *text, const char *pair, int count)
{
    for (int i = 0; i < count; i++) {
        memcpy(text + 2 * i, pair, 3);
    }
}

static void start_policy(void)
{
    static const char *const bytes[] = {"1f", "22", "44", "77", "88", "99"};
    static const uint32_t indices[] = SCENE_PCR_NUMBERS;
    char measurement[97], author[65], pcrs[6 * 80] = "";
    char *end = pcrs;

    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        end += sprintf(end, "%s\"%u\": \"", i ? ", " : "", indices[i]);
        repeat(end, bytes[i], 32);
        end = stpcpy(end + 64, "\"");
    }
    repeat(measurement, "4d", 48);
    repeat(author, "a0", 32);
    snprintf(scene.policy, sizeof(scene.policy),
             "{\"name\": \"test\", \"attestation-keys\": \"enrolled\","
             " \"boot\": [{\"name\": \"first\", \"pcrs\": {%s}}],"
             " \"enclaves\": [{\"name\": \"vault\", \"measurement\": \"%s\","
             " \"author\": \"%s\", \"minimum-security-version\": 5}],"
             " \"maximum-report-age\": 10}",
             pcrs, measurement, author);
}

void scene_start(enum scene_key kind)
{
    memset(&scene, 0, sizeof(scene));
    scene.nonce_size = scene.challenge_nonce_size = 32;
    memset(scene.nonce, 0x42, sizeof(scene.nonce));
    memset(scene.challenge_nonce, 0x42, sizeof(scene.challenge_nonce));
    start_monitor();
    start_tpm(kind);
    start_policy();
    scene_record();
}

/* --- evidence ------------------------------------------------------------------------------ */

void scene_evidence(struct cloister_evidence *evidence)
{
    memset(evidence, 0, sizeof(*evidence));
    evidence->nonce = (struct cloister_bytes){scene.nonce, scene.nonce_size};
    evidence->quote.attest = (struct cloister_bytes){scene.attest, scene.attest_size};
    evidence->quote.signature = (struct cloister_bytes){scene.signature, scene.signature_size};
    evidence->quote.key = (struct cloister_bytes){scene.key, scene.key_size};
    evidence->quote.pcr_count = scene.pcr_count;
    memcpy(evidence->quote.pcrs, scene.pcrs, sizeof(scene.pcrs));
    evidence->log = (struct cloister_bytes){scene.log, scene.log_size};
    evidence->record = scene.record;
    evidence->report_count = scene.report_count;
    memcpy(evidence->reports, scene.reports, sizeof(scene.reports));
    memcpy(evidence->report_forms, scene.report_forms, sizeof(scene.report_forms));
}

void scene_encode(void)
{
    static struct cloister_evidence evidence;

    scene_evidence(&evidence);
    must(!cloister_evidence_encode(&evidence, scene.encoded, CLOISTER_EVIDENCE_MAX_SIZE,
                                   &scene.size),
         "encoding");
}

int scene_verify_encoded(void)
{
    const struct cloister_challenge challenge = {
        .nonce = {scene.challenge_nonce, scene.challenge_nonce_size},
        .enrolled_key = scene.enrolled,
        .report_data = scene.report_data,
    };
    struct cloister_policy *policy;
    char why[256];
    int rc = cloister_policy_parse(scene.policy, strlen(scene.policy), &policy, why, sizeof(why));
    /* Exactly as large as it is, so that a byte too many is noticed. */
    uint8_t *exact = malloc(scene.size ? scene.size : 1);

    if (rc) {
        fprintf(stderr, "scene: policy: %s\n", why);
        abort();
    }
    memcpy(exact, scene.encoded, scene.size);
    memset(&scene.refusal, 0, sizeof(scene.refusal));
    rc = cloister_verify(verifier, policy, &challenge, exact, scene.size, &scene.claims,
                         &scene.refusal);
    free(exact);
    cloister_policy_free(policy);
    return rc;
}

int scene_verify(void)
{
    scene_encode();
    return scene_verify_encoded();
}

void scene_policy_replace(const char *from, const char *to)
{
    char *place = strstr(scene.policy, from);
    char rest[sizeof(scene.policy)];

    must(place, "finding the text in the policy");
    strcpy(rest, place + strlen(from));
    must((size_t)(place - scene.policy) + strlen(to) + strlen(rest) < sizeof(scene.policy),
         "a policy so large");
    strcpy(stpcpy(place, to), rest);
}

/* --- event log ----------------------------------------------------------------------------- */

static void log_header(struct output *out)
{
    put_little(out, 0, 4);
    put_little(out, 3, 4);
    memset(out->data + out->used, 0, 20);
    out->used += 20;
    put_little(out, 37, 4);
    put(out, "Spec ID Event03", 16);
    put_little(out, 0, 4);
    put(out, "\0\2\0\2", 4);
    put_little(out, 2, 4);
    put_little(out, 0x04, 2);
    put_little(out, 20, 2);
    put_little(out, 0x0b, 2);
    put_little(out, 32, 2);
    put_little(out, 0, 1);
}

void scene_log_event(uint32_t pcr, uint32_t type, const uint8_t digest[32], const char *text)
{
    scene_log_bytes(pcr, type, digest, text, strlen(text));
}

void scene_log_bytes(uint32_t pcr, uint32_t type, const uint8_t digest[32], const void *data,
                     size_t size)
{
    struct output out = {scene.log, scene.log_size};

    if (!out.used) {
        log_header(&out);
    }
    put_little(&out, pcr, 4);
    put_little(&out, type, 4);
    put_little(&out, 2, 4);
    put_little(&out, 0x04, 2);
    memset(out.data + out.used, 0x5a, 20);
    out.used += 20;
    put_little(&out, 0x0b, 2);
    put(&out, digest, 32);
    put_little(&out, size, 4);
    put(&out, data, size);
    must(out.used <= sizeof(scene.log), "a log so large");
    scene.log_size = out.used;
}
