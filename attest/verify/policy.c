/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/abi.h"
#include "flags.h"
#include "json.h"

#define MAX_BOOTS 4096u
#define MAX_ENCLAVES 4096u
#define MAX_FLAGS 8u
/* TCG PC Client Platform Firmware Profile 1.05, 3.3.4.5 and 3.3.1. */
#define LOADER_PCR 4u
#define LAST_STATIC_PCR 15u /* those from 16 on can be reset at run time */
#define MAX_AGE (366u * 24 * 60 * 60)

typedef void take_member(struct json_reader *in, const char *path, json_object *value,
                         struct cloister_policy *policy);

static void take_keys(struct json_reader *in, const char *path, json_object *value,
                      struct cloister_policy *policy)
{
    if (json_object_is_type(value, json_type_string) &&
        !strcmp(json_object_get_string(value), "enrolled")) {
        policy->enrolled_key = true;
        return;
    }
    json_alternatives(in, path, value, CLOISTER_DIGEST_SIZE, &policy->keys);
}

/* A PCR's index as a member's name: no sign, no leading zero. */
static bool pcr_index(const char *text, uint32_t *index)
{
    char again[12];

    *index = (uint32_t)strtoul(text, NULL, 10);
    snprintf(again, sizeof(again), "%u", *index);
    return !strcmp(again, text) && *index <= LAST_STATIC_PCR;
}

static void take_pcrs(struct json_reader *in, const char *path, json_object *value,
                      struct policy_boot *boot)
{
    char inner[128];

    if (!json_object_is_type(value, json_type_object)) {
        json_refuse(in, path, "an object expected");
        return;
    }
    json_object_object_foreach(value, key, member) {
        uint32_t index;

        if (!pcr_index(key, &index)) {
            json_refuse(in, path, "a PCR's index, 0..%u, expected, not '%.20s'", LAST_STATIC_PCR,
                        key);
            return;
        }
        snprintf(inner, sizeof(inner), "%s.%u", path, index);
        boot->mask |= 1u << index;
        json_alternatives(in, inner, member, CLOISTER_DIGEST_SIZE, &boot->pcrs[index]);
    }
}

static void take_boot(struct json_reader *in, const char *path, json_object *value,
                      struct policy_boot *boot)
{
    char inner[96];

    if (!json_object_is_type(value, json_type_object)) {
        json_refuse(in, path, "an object expected");
        return;
    }
    json_object_object_foreach(value, key, member) {
        snprintf(inner, sizeof(inner), "%s.%.20s", path, key);
        if (!strcmp(key, "name")) {
            json_name(in, inner, member, boot->name);
        } else if (!strcmp(key, "pcrs")) {
            take_pcrs(in, inner, member, boot);
        } else {
            json_refuse(in, inner, "unknown member");
        }
    }
    if (!boot->name[0] || !boot->mask) {
        json_refuse(in, path, "name and at least one PCR expected");
    }
}

static void take_boots(struct json_reader *in, const char *path, json_object *value,
                       struct cloister_policy *policy)
{
    size_t count = json_count(in, path, value, MAX_BOOTS);
    char inner[48];

    policy->boots = calloc(count ? count : 1, sizeof(*policy->boots));
    if (!policy->boots) {
        in->rc = -ENOMEM;
        return;
    }
    policy->boot_count = count;
    for (size_t i = 0; i < count && !in->rc; i++) {
        snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
        take_boot(in, inner, json_object_array_get_idx(value, i), &policy->boots[i]);
    }
}

static void take_enclave(struct json_reader *in, const char *path, json_object *value,
                         struct policy_enclave *enclave)
{
    char inner[96];

    if (!json_object_is_type(value, json_type_object)) {
        json_refuse(in, path, "an object expected");
        return;
    }
    json_object_object_foreach(value, key, member) {
        snprintf(inner, sizeof(inner), "%s.%.40s", path, key);
        if (!strcmp(key, "name")) {
            json_name(in, inner, member, enclave->name);
        } else if (!strcmp(key, "measurement")) {
            json_alternatives(in, inner, member, CLOISTER_MEASUREMENT_SIZE, &enclave->measurement);
        } else if (!strcmp(key, "author")) {
            json_alternatives(in, inner, member, 32, &enclave->author);
        } else if (!strcmp(key, "family-id")) {
            json_alternatives(in, inner, member, 16, &enclave->family_id);
        } else if (!strcmp(key, "image-id")) {
            json_alternatives(in, inner, member, 16, &enclave->image_id);
        } else if (!strcmp(key, "minimum-security-version")) {
            json_number(in, inner, member, 0, UINT32_MAX, &enclave->security_version);
        } else {
            json_refuse(in, inner, "unknown member");
        }
    }
    if (!enclave->name[0] || (!enclave->measurement.count && !enclave->author.count)) {
        json_refuse(in, path, "name, and measurement or author, expected");
    }
}

static void take_enclaves(struct json_reader *in, const char *path, json_object *value,
                          struct cloister_policy *policy)
{
    size_t count = json_count(in, path, value, MAX_ENCLAVES);
    char inner[48];

    policy->enclaves = calloc(count ? count : 1, sizeof(*policy->enclaves));
    if (!policy->enclaves) {
        in->rc = -ENOMEM;
        return;
    }
    policy->enclave_count = count;
    for (size_t i = 0; i < count && !in->rc; i++) {
        snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
        take_enclave(in, inner, json_object_array_get_idx(value, i), &policy->enclaves[i]);
    }
}

static void take_flags(struct json_reader *in, const char *path, json_object *value,
                       struct cloister_policy *policy)
{
    const uint32_t possible = CLOISTER_INFO_SVM | CLOISTER_INFO_VMX | CLOISTER_INFO_IOMMU_STRICT |
                              CLOISTER_INFO_IBPB | CLOISTER_INFO_TPM_REQUIRED;
    size_t count = json_count(in, path, value, MAX_FLAGS);

    for (size_t i = 0; i < count && !in->rc; i++) {
        char name[CLOISTER_NAME_SIZE] = "";
        uint32_t flag;

        json_name(in, path, json_object_array_get_idx(value, i), name);
        flag = flags_by_name(name);
        if (!(flag & possible)) {
            json_refuse(in, path, "'%s' is no flag that can be required", name);
        }
        policy->require_flags |= flag;
    }
}

static void take_name(struct json_reader *in, const char *path, json_object *value,
                      struct cloister_policy *policy)
{
    json_name(in, path, value, policy->name);
}

static void take_record_pcr(struct json_reader *in, const char *path, json_object *value,
                            struct cloister_policy *policy)
{
    json_number(in, path, value, 0, LAST_STATIC_PCR, &policy->record_pcr);
}

static void take_version(struct json_reader *in, const char *path, json_object *value,
                         struct cloister_policy *policy)
{
    json_version(in, path, value, &policy->minimum_version);
}

static void take_age(struct json_reader *in, const char *path, json_object *value,
                     struct cloister_policy *policy)
{
    json_number(in, path, value, 1, MAX_AGE, &policy->maximum_age);
}

static const struct {
    const char *name;
    take_member *take;
} members[] = {
    {"name", take_name},
    {"attestation-keys", take_keys},
    {"boot", take_boots},
    {"record-pcr", take_record_pcr},
    {"minimum-monitor-version", take_version},
    {"require-flags", take_flags},
    {"enclaves", take_enclaves},
    {"maximum-report-age", take_age},
};

static const struct {
    const char *name;
    size_t offset;
    bool insecure;
} truths[] = {
    {"require-event-log", offsetof(struct cloister_policy, require_log), false},
    {"host-only", offsetof(struct cloister_policy, host_only), false},
    {"allow-update-key", offsetof(struct cloister_policy, allow_update_key), false},
    {"insecure-any-attestation-key", offsetof(struct cloister_policy, any_key), true},
    {"insecure-any-boot", offsetof(struct cloister_policy, any_boot), true},
    {"insecure-unmeasured-loader", offsetof(struct cloister_policy, unmeasured_loader), true},
    {"insecure-tpm-optional", offsetof(struct cloister_policy, tpm_optional), true},
    {"insecure-allow-dma", offsetof(struct cloister_policy, allow_dma), true},
    {"insecure-allow-smt", offsetof(struct cloister_policy, allow_smt), true},
    {"insecure-allow-test-build", offsetof(struct cloister_policy, allow_test), true},
    {"insecure-allow-debug", offsetof(struct cloister_policy, allow_debug), true},
    {"insecure-any-enclave", offsetof(struct cloister_policy, any_enclave), true},
    {"insecure-any-age", offsetof(struct cloister_policy, any_age), true},
};

static void take_any(struct json_reader *in, const char *key, json_object *value,
                     struct cloister_policy *policy)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (!strcmp(key, members[i].name)) {
            members[i].take(in, key, value, policy);
            return;
        }
    }
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++) {
        if (!strcmp(key, truths[i].name)) {
            bool *truth = (bool *)((char *)policy + truths[i].offset);

            json_truth(in, key, value, truth);
            policy->insecure = policy->insecure || (*truth && truths[i].insecure);
            return;
        }
    }
    json_refuse(in, "", "unknown member '%.40s'", key);
}

/* What must hold between members. */
static void check_boots(struct json_reader *in, const struct cloister_policy *policy)
{
    char path[48];

    for (size_t i = 0; i < policy->boot_count; i++) {
        snprintf(path, sizeof(path), "boot[%zu].pcrs", i);
        if (!policy->unmeasured_loader && !(policy->boots[i].mask & 1u << LOADER_PCR)) {
            json_refuse(in, path, "PCR %u is missing: whoever replaces the boot loader can make up "
                        "what it measures", LOADER_PCR);
        }
        if (policy->boots[i].mask & 1u << policy->record_pcr) {
            json_refuse(in, path, "PCR %u is the record's: it differs in each boot",
                        policy->record_pcr);
        }
    }
}

int cloister_policy_parse(const char *json, size_t size, struct cloister_policy **policy,
                          char *why, size_t why_size)
{
    struct json_reader in = {.why = why, .why_size = why_size};
    struct cloister_policy *parsed = calloc(1, sizeof(*parsed));
    json_object *document = json_document(&in, json, size);

    *policy = NULL;
    if (!parsed) {
        in.rc = -ENOMEM;
    }
    if (!in.rc) {
        parsed->record_pcr = CLOISTER_RECORD_PCR;
        json_object_object_foreach(document, key, value) {
            take_any(&in, key, value, parsed);
        }
        check_boots(&in, parsed);
    }
    json_object_put(document);
    if (!in.rc && EVP_Digest(json, size, parsed->digest, NULL, EVP_sha256(), NULL) != 1) {
        in.rc = -ENOMEM;
    }
    if (in.rc) {
        cloister_policy_free(parsed);
        return in.rc;
    }
    *policy = parsed;
    return 0;
}

void cloister_policy_free(struct cloister_policy *policy)
{
    if (!policy) {
        return;
    }
    for (size_t i = 0; i < policy->boot_count; i++) {
        for (size_t pcr = 0; pcr < CLOISTER_EVIDENCE_PCRS; pcr++) {
            free(policy->boots[i].pcrs[pcr].values);
        }
    }
    for (size_t i = 0; i < policy->enclave_count; i++) {
        free(policy->enclaves[i].measurement.values);
        free(policy->enclaves[i].author.values);
        free(policy->enclaves[i].family_id.values);
        free(policy->enclaves[i].image_id.values);
    }
    free(policy->boots);
    free(policy->enclaves);
    free(policy->keys.values);
    free(policy);
}

const char *cloister_policy_name(const struct cloister_policy *policy)
{
    return policy->name;
}

void cloister_policy_digest(const struct cloister_policy *policy,
                            uint8_t digest[CLOISTER_DIGEST_SIZE])
{
    memcpy(digest, policy->digest, CLOISTER_DIGEST_SIZE);
}

bool cloister_policy_is_insecure(const struct cloister_policy *policy)
{
    return policy->insecure;
}

bool alternatives_contain(const struct alternatives *alternatives, const uint8_t *value)
{
    for (size_t i = 0; i < alternatives->count; i++) {
        if (!memcmp(alternatives->values + i * alternatives->size, value, alternatives->size)) {
            return true;
        }
    }
    return false;
}
