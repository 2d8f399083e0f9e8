/* SPDX-License-Identifier: MIT */
#include "service/claims.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

static void add_host(struct writer *out, json_object *all, const struct cloister_claims *claims)
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
    if (claims->heartbeat) {
        add_number(out, object, "refusals", claims->refusals);
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
    add_text(&out, all, "iss", frame->issuer);
    add_hex(&out, all, "sub", frame->host, CLAIMS_ID);
    if (frame->audience) {
        add_text(&out, all, "aud", frame->audience);
    }
    add_number(&out, all, "iat", (uint64_t)frame->now);
    add_number(&out, all, "nbf", (uint64_t)(frame->now - CLAIMS_LEEWAY_S));
    add_number(&out, all, "exp", (uint64_t)frame->expires);
    add_hex(&out, all, "jti", frame->token, CLAIMS_ID);
    add_text(&out, all, "ueid", text);
    add_hex(&out, all, "eat_nonce", frame->nonce, sizeof(frame->nonce));
    add_host(&out, all, claims);
    if (claims->enclave_count) {
        submods = add_object(&out, all, "submods");
        for (uint32_t i = 0; i < claims->enclave_count && !out.bad; i++) {
            add_enclave(&out, submods, i, &claims->enclaves[i]);
        }
    }
    if (out.bad) {
        json_object_put(all);
        return NULL;
    }
    return all;
}
