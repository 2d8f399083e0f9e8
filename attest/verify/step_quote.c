/* SPDX-License-Identifier: MIT */
/* Steps 4 to 7: the TPM's word. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "verify/refuse.h"
#include "verify/verification.h"

#define ATTRIBUTES_SET                                                                             \
    (TPM_OBJECT_FIXED_TPM | TPM_OBJECT_FIXED_PARENT | TPM_OBJECT_SENSITIVE_DATA_ORIGIN |           \
     TPM_OBJECT_RESTRICTED | TPM_OBJECT_SIGN)

static int accept_key(struct verification *v, const uint8_t digest[CLOISTER_DIGEST_SIZE])
{
    const struct cloister_policy *policy = v->policy;
    const uint8_t *enrolled = policy->enrolled_key ? v->challenge->enrolled_key : NULL;
    char found[2 * CLOISTER_DIGEST_SIZE + 1];

    if (policy->any_key || (enrolled && !memcmp(enrolled, digest, CLOISTER_DIGEST_SIZE)) ||
        alternatives_contain(&policy->keys, digest)) {
        return 0;
    }
    hex_text(digest, CLOISTER_DIGEST_SIZE, found, sizeof(found));
    if (policy->keys.count == 1 || enrolled) {
        return refuse_bytes(v->refusal, CLOISTER_REFUSED_KEY_NOT_ACCEPTED,
                            enrolled ? enrolled : policy->keys.values, digest, CLOISTER_DIGEST_SIZE,
                            "SHA-256 of quote.key");
    }
    return refuse_text(v->refusal, CLOISTER_REFUSED_KEY_NOT_ACCEPTED,
                       policy->keys.count     ? "one of the policy's"
                       : policy->enrolled_key ? "the enrolled key, but none was named"
                                              : "nothing: the policy accepts no key",
                       found, "SHA-256 of quote.key");
}

int step_key(struct verification *v)
{
    const struct cloister_bytes *public = &v->evidence.quote.key;
    uint32_t attributes;
    char expected[32], found[32];
    int rc;

    if (v->evidence.quote.attest.size == 0) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_NO_QUOTE, "a quote", "none", "quote");
    }
    rc = tpm_read_key(*public, &v->key);
    if (rc == -ENOTSUP) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_KEY_ALGORITHM,
                           "ECDSA P-256 or RSASSA 2048, SHA-256", "another", "quote.key");
    }
    if (rc) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_KEY_MALFORMED, "a TPMT_PUBLIC",
                           "something else", "quote.key");
    }
    attributes = v->key.attributes & (ATTRIBUTES_SET | TPM_OBJECT_DECRYPT);
    if (attributes != ATTRIBUTES_SET) {
        snprintf(expected, sizeof(expected), "0x%08x", ATTRIBUTES_SET);
        snprintf(found, sizeof(found), "0x%08x", attributes);
        return refuse_text(v->refusal, CLOISTER_REFUSED_KEY_ATTRIBUTES, expected, found,
                           "attributes of quote.key, of 0x%08x",
                           ATTRIBUTES_SET | TPM_OBJECT_DECRYPT);
    }
    if (crypto_hash(v->crypto, public, 1, v->claims->attestation_key)) {
        return -EIO;
    }
    return accept_key(v, v->claims->attestation_key);
}

int step_signature(struct verification *v)
{
    const struct cloister_quote *quote = &v->evidence.quote;
    const bool ecc = v->key.type == TPM_ALG_ECC;
    struct tpm_signature signature;
    uint8_t digest[CLOISTER_DIGEST_SIZE];
    bool good;
    int rc = tpm_read_signature(quote->signature, &signature);

    if (rc == -EBADMSG) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_SIGNATURE_MALFORMED, "a TPMT_SIGNATURE",
                           "something else", "quote.signature");
    }
    if (rc || signature.scheme != (ecc ? TPM_ALG_ECDSA : TPM_ALG_RSASSA)) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_SIGNATURE_ALGORITHM,
                           ecc ? "ECDSA, SHA-256" : "RSASSA, SHA-256", "another",
                           "quote.signature");
    }
    if (crypto_hash(v->crypto, &quote->attest, 1, digest)) {
        return -EIO;
    }
    good =
        ecc ? crypto_p256_verify(v->crypto, v->key.point, signature.pair, digest)
            : crypto_rsa_verify(v->crypto, v->key.modulus, v->key.exponent, signature.rsa, digest);
    if (!good) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_SIGNATURE_WRONG, "a signature by quote.key",
                           "something else", "quote.signature");
    }
    return 0;
}

int step_quote(struct verification *v)
{
    struct tpm_quote *quote = &v->quote;
    char found[16];
    int rc = tpm_read_quote(v->evidence.quote.attest, quote);

    if (rc == -ENOTSUP) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_QUOTE_BANK, "SHA-256, PCRs 0..23",
                           "another, or several", "quote.attest.pcrSelect");
    }
    if (rc) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_QUOTE_MALFORMED, "a TPMS_ATTEST",
                           "something else", "quote.attest");
    }
    if (quote->magic != TPM_GENERATED_VALUE) {
        snprintf(found, sizeof(found), "0x%08x", quote->magic);
        return refuse_text(v->refusal, CLOISTER_REFUSED_QUOTE_NOT_BY_TPM, "0xff544347", found,
                           "quote.attest.magic");
    }
    if (quote->type != TPM_ST_ATTEST_QUOTE) {
        snprintf(found, sizeof(found), "0x%04x", quote->type);
        return refuse_text(v->refusal, CLOISTER_REFUSED_QUOTE_TYPE, "0x8018", found,
                           "quote.attest.type");
    }
    if (quote->extra_data.size != sizeof(v->binding)) {
        return refuse_number(v->refusal, CLOISTER_REFUSED_QUOTE_CHALLENGE, sizeof(v->binding),
                             quote->extra_data.size, "size of quote.attest.extraData");
    }
    if (memcmp(quote->extra_data.data, v->binding, sizeof(v->binding)) != 0) {
        return refuse_bytes(v->refusal, CLOISTER_REFUSED_QUOTE_CHALLENGE, v->binding,
                            quote->extra_data.data, sizeof(v->binding), "quote.attest.extraData");
    }
    v->claims->tpm_clock = quote->clock;
    v->claims->tpm_reset_count = quote->reset_count;
    v->claims->tpm_restart_count = quote->restart_count;
    v->claims->tpm_clock_safe = quote->safe;
    v->claims->tpm_firmware_version = quote->firmware_version;
    return 0;
}

/* TPM 2.0 part 1, 18.4: the digest of the selected PCRs, lowest index first. */
int step_pcrs(struct verification *v)
{
    const struct cloister_quote *quote = &v->evidence.quote;
    struct cloister_bytes values[CLOISTER_EVIDENCE_PCRS];
    uint8_t digest[CLOISTER_DIGEST_SIZE];
    uint32_t listed = 0;
    char expected[16], found[16];

    for (uint32_t i = 0; i < quote->pcr_count; i++) {
        listed |= 1u << quote->pcrs[i].index;
        values[i] = (struct cloister_bytes){quote->pcrs[i].value, sizeof(quote->pcrs[i].value)};
    }
    if (listed != v->quote.selected) {
        snprintf(expected, sizeof(expected), "0x%06x", v->quote.selected);
        snprintf(found, sizeof(found), "0x%06x", listed);
        return refuse_text(v->refusal, CLOISTER_REFUSED_PCR_SELECTION, expected, found,
                           "quote.pcrs, as bits");
    }
    if (crypto_hash(v->crypto, values, quote->pcr_count, digest)) {
        return -EIO;
    }
    if (v->quote.pcr_digest.size != sizeof(digest)) {
        return refuse_number(v->refusal, CLOISTER_REFUSED_PCR_DIGEST, sizeof(digest),
                             v->quote.pcr_digest.size, "size of quote.attest.pcrDigest");
    }
    if (memcmp(v->quote.pcr_digest.data, digest, sizeof(digest)) != 0) {
        return refuse_bytes(v->refusal, CLOISTER_REFUSED_PCR_DIGEST, v->quote.pcr_digest.data,
                            digest, sizeof(digest), "digest of quote.pcrs");
    }
    v->claims->pcr_count = quote->pcr_count;
    memcpy(v->claims->pcrs, quote->pcrs, quote->pcr_count * sizeof(quote->pcrs[0]));
    return 0;
}
