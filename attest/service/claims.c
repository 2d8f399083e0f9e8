/* SPDX-License-Identifier: MIT */
#include "service/claims.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cloister/token.h"
#include "verify/base64.h"
#include "verify/refuse.h"

/* Adds members; after a failure `bad` stays set. */
struct writer {
    bool bad;
};

static void add(struct writer *out, json_object *object, const char *key, json_object *value)
{
    if (!value || json_object_object_add(object, key, value)) {
        json_object_put(value);
        out->bad = true;
    }
}

static void add_text(struct writer *out, json_object *object, const char *key, const char *text)
{
    add(out, object, key, json_object_new_string(text));
}

static void add_number(struct writer *out, json_object *object, const char *key, uint64_t number)
{
    add(out, object, key, json_object_new_uint64(number));
}

static void add_truth(struct writer *out, json_object *object, const char *key, bool truth)
{
    add(out, object, key, json_object_new_boolean(truth));
}

static void add_hex(struct writer *out, json_object *object, const char *key, const uint8_t *data,
                    size_t size)
{
    char text[2 * 64 + 1];

    hex_text(data, size, text, sizeof(text));
    add_text(out, object, key, text);
}

/* A new object in `object`; where there is no memory, one that is added nowhere. */
static json_object *add_object(struct writer *out, json_object *object, const char *key)
{
    json_object *inner = json_object_new_object();

    add(out, object, key, inner);
    return out->bad ? NULL : inner;
}

static void add_flags(struct writer *out, json_object *object, const char *key, uint32_t flags)
{
    json_object *list = json_object_new_array();
    const char *name;
    uint32_t flag;

    for (unsigned int i = 0; list && (name = cloister_flag_name(i, &flag)); i++) {
        if (flags & flag) {
            json_object_array_add(list, json_object_new_string(name));
        }
    }
    add(out, object, key, list);
}

static void add_pcrs(struct writer *out, json_object *object, const struct cloister_claims *claims)
{
    json_object *pcrs = add_object(out, object, "pcrs");
    char index[16];

    for (uint32_t i = 0; i < claims->pcr_count && !out->bad; i++) {
        snprintf(index, sizeof(index), "%u", claims->pcrs[i].index);
        add_hex(out, pcrs, index, claims->pcrs[i].value, sizeof(claims->pcrs[i].value));
    }
}

static void add_host(struct writer *out, json_object *all, const struct claims_frame *frame,
                     const struct cloister_claims *claims)
{
    json_object *object = add_object(out, all, "cloister");
    char text[32];

    if (out->bad) {
        return;
    }
    add_text(out, object, "policy", claims->policy);
    add_hex(out, object, "policy_sha256", claims->policy_digest, sizeof(claims->policy_digest));
    add_truth(out, object, "insecure", claims->insecure);
    add_text(out, object, "boot", claims->boot);
    add_hex(out, object, "attestation_key", claims->attestation_key,
            sizeof(claims->attestation_key));
    add_hex(out, object, "record", claims->record, sizeof(claims->record));
    snprintf(text, sizeof(text), "%u.%u.%u", claims->monitor_version >> 16,
             claims->monitor_version >> 8 & 255, claims->monitor_version & 255);
    add_text(out, object, "monitor_version", text);
    add_flags(out, object, "monitor_flags", claims->monitor_flags);
    add_text(out, object, "xen_version", claims->xen_version);
    add_text(out, object, "xen_source", claims->xen_source);
    add_hex(out, object, "lockdown_table", claims->lockdown, sizeof(claims->lockdown));
    add_text(out, object, "firmware_settings", cloister_settings_name(claims->settings));
    snprintf(text, sizeof(text), "%016" PRIx64, claims->boot_id);
    add_text(out, object, "boot_id", text);
    add_number(out, object, "tpm_reset_count", claims->tpm_reset_count);
    add_number(out, object, "tpm_restart_count", claims->tpm_restart_count);
    if (claims->heartbeat) {
        add_number(out, object, "refusals", claims->refusals);
        add_number(out, object, "boot_changes", claims->boot_changes);
    }
    if (frame->pcrs) {
        add_pcrs(out, object, claims);
    }
}

static void add_enclave(struct writer *out, json_object *submods, uint32_t index,
                        const struct cloister_enclave_claims *enclave)
{
    json_object *submod, *object;
    char text[32];

    snprintf(text, sizeof(text), "enclave-%u", index);
    submod = add_object(out, submods, text);
    object = out->bad ? NULL : add_object(out, submod, "cloister");
    if (out->bad) {
        return;
    }
    /* RFC 9711, 4.2.9: an enclave is built with or without debug access, for good. */
    add_text(out, submod, "dbgstat", enclave->debug ? "enabled" : "disabled-since-boot");
    add_text(out, object, "name", enclave->name);
    add_hex(out, object, "measurement", enclave->measurement, sizeof(enclave->measurement));
    add_hex(out, object, "author", enclave->author, sizeof(enclave->author));
    add_hex(out, object, "family_id", enclave->family_id, sizeof(enclave->family_id));
    add_hex(out, object, "image_id", enclave->image_id, sizeof(enclave->image_id));
    add_number(out, object, "image_version", enclave->image_version);
    add_number(out, object, "security_version", enclave->security_version);
    add_truth(out, object, "debug", enclave->debug);
    add_hex(out, object, "report_data", enclave->report_data, sizeof(enclave->report_data));
    add_hex(out, object, "domain_uuid", enclave->domain_uuid, sizeof(enclave->domain_uuid));
    if (enclave->age_known) {
        add_number(out, object, "age_ns", enclave->age);
    }
}

/* --- what all tokens have ------------------------------------------------------------------- */

static void add_frame(struct writer *out, json_object *all, const struct claims_frame *frame,
                      const char *profile)
{
    add_text(out, all, "iss", frame->issuer);
    add_hex(out, all, "sub", frame->host, CLAIMS_ID);
    if (frame->audience) {
        add_text(out, all, "aud", frame->audience);
    }
    add_number(out, all, "iat", (uint64_t)frame->now);
    add_number(out, all, "nbf", (uint64_t)(frame->now - CLAIMS_LEEWAY_S));
    add_number(out, all, "exp", (uint64_t)frame->expires);
    add_hex(out, all, "jti", frame->token, CLAIMS_ID);
    add_text(out, all, "eat_profile", profile);
}

static void add_nonces(struct writer *out, json_object *all, const struct claims_frame *frame)
{
    char text[2 * 64 + 1];
    json_object *list;

    if (!frame->relying_nonce.size) {
        add_hex(out, all, "eat_nonce", frame->nonce, sizeof(frame->nonce));
        return;
    }
    list = json_object_new_array();
    add(out, all, "eat_nonce", list);
    if (!out->bad) {
        hex_text(frame->nonce, sizeof(frame->nonce), text, sizeof(text));
        json_object_array_add(list, json_object_new_string(text));
        hex_text(frame->relying_nonce.data, frame->relying_nonce.size, text, sizeof(text));
        json_object_array_add(list, json_object_new_string(text));
    }
}

/* NULL after a failure. */
static json_object *finish(const struct writer *out, json_object *all)
{
    if (out->bad) {
        json_object_put(all);
        return NULL;
    }
    return all;
}

json_object *claims_build(const struct claims_frame *frame, const struct cloister_claims *claims)
{
    json_object *all = json_object_new_object(), *submods;
    struct writer out = {.bad = !all};
    uint8_t ueid[1 + CLAIMS_ID] = {0x01};
    char text[BASE64_ROOM(sizeof(ueid))];

    if (out.bad) {
        return NULL;
    }
    memcpy(ueid + 1, frame->host, CLAIMS_ID);
    base64_encode(BASE64_URL, ueid, sizeof(ueid), text);
    add_frame(&out, all, frame, CLOISTER_TOKEN_PROFILE);
    add_text(&out, all, "ueid", text);
    add_nonces(&out, all, frame);
    add_number(&out, all, "bootcount", claims->tpm_reset_count);
    add_host(&out, all, frame, claims);
    if (claims->enclave_count) {
        submods = add_object(&out, all, "submods");
        for (uint32_t i = 0; i < claims->enclave_count && !out.bad; i++) {
            add_enclave(&out, submods, i, &claims->enclaves[i]);
        }
    }
    return finish(&out, all);
}

/* --- EAR ------------------------------------------------------------------------------------- */

#define EAR_PROFILE "tag:github.com,2023:veraison/ear"

/* AR4SI, 2.3.2 and 2.3.4: no claim, affirming, a warning, contraindicated. */
enum { NOTHING = 0, AFFIRMING = 2, WARNING = 32, CONTRAINDICATED = 96 };

/* What is not said here (memory that is encrypted, files, data) is NOTHING, and left out. */
struct appraisal {
    int identity, configuration, executables, hardware;
};

static const char *tier(const struct appraisal *appraisal)
{
    const int all[] = {appraisal->identity, appraisal->configuration, appraisal->executables,
                       appraisal->hardware};
    int worst = NOTHING;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        worst = all[i] > worst ? all[i] : worst;
    }
    return worst >= CONTRAINDICATED ? "contraindicated"
           : worst >= WARNING       ? "warning"
                                    : "affirming";
}

static void add_appraisal(struct writer *out, json_object *submods, const char *name,
                          const char *policy, const struct appraisal *appraisal)
{
    json_object *object = add_object(out, submods, name), *vector;

    if (out->bad) {
        return;
    }
    add_text(out, object, "ear.status", tier(appraisal));
    add_text(out, object, "ear.appraisal-policy-id", policy);
    vector = add_object(out, object, "ear.trustworthiness-vector");
    if (out->bad) {
        return;
    }
    add_number(out, vector, "instance-identity", (uint64_t)appraisal->identity);
    add_number(out, vector, "configuration", (uint64_t)appraisal->configuration);
    add_number(out, vector, "executables", (uint64_t)appraisal->executables);
    add_number(out, vector, "hardware", (uint64_t)appraisal->hardware);
}

json_object *claims_build_ear(const struct claims_frame *frame,
                              const struct cloister_claims *claims)
{
    /* A policy with a bypass says little: of the configuration a warning, of the code nothing. */
    const struct appraisal host = {AFFIRMING, claims->insecure ? WARNING : AFFIRMING,
                                   claims->insecure ? NOTHING : AFFIRMING, AFFIRMING};
    const struct cloister_bytes nonce = frame->relying_nonce.size
                                            ? frame->relying_nonce
                                            : (struct cloister_bytes){frame->nonce, 32};
    json_object *all = json_object_new_object(), *verifier, *submods;
    char text[2 * CLOISTER_DIGEST_SIZE + 1], policy[32 + sizeof(text)], name[32];
    struct writer out = {.bad = !all};

    if (out.bad) {
        return NULL;
    }
    hex_text(claims->policy_digest, CLOISTER_DIGEST_SIZE, text, sizeof(text));
    snprintf(policy, sizeof(policy), "urn:cloister:policy:sha256:%s", text);
    add_frame(&out, all, frame, EAR_PROFILE);
    add_hex(&out, all, "eat_nonce", nonce.data, nonce.size);
    verifier = add_object(&out, all, "ear.verifier-id");
    submods = add_object(&out, all, "submods");
    if (!out.bad) {
        add_text(&out, verifier, "developer", "https://cloister.dev");
        add_text(&out, verifier, "build", "cloister-attestd " CLOISTER_VERSION);
        add_appraisal(&out, submods, "host", policy, &host);
    }
    for (uint32_t i = 0; i < claims->enclave_count && !out.bad; i++) {
        struct appraisal enclave = host;

        enclave.configuration = claims->enclaves[i].debug ? CONTRAINDICATED : host.configuration;
        snprintf(name, sizeof(name), "enclave-%u", i);
        add_appraisal(&out, submods, name, policy, &enclave);
    }
    return finish(&out, all);
}
