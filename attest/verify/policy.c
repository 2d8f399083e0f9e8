/* SPDX-License-Identifier: MIT */
#include "verify/policy.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/abi.h"
#include "verify/flags.h"
#include "verify/json.h"
#include "verify/policy_boot.h"

#define MAX_ENCLAVES 4096u
#define MAX_FLAGS 32u
#define MAX_TABLES 4096u
#define MAX_SERIES 64u
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

static void take_enclave(struct json_reader *in, const char *path, json_object *value,
                         struct policy_enclave *enclave)
{
    char inner[96];

    if (!json_object_is_type(value, json_type_object)) {
        json_refuse(in, path, "an object expected");
        return;
    }
    json_object_object_foreach(value, key, member)
    {
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

/* The flags of a list of names, each of which must be among `possible`. */
static uint32_t flag_list(struct json_reader *in, const char *path, json_object *value,
                          uint32_t possible, const char *use)
{
    size_t count = json_count(in, path, value, MAX_FLAGS);
    char name[CLOISTER_NAME_SIZE] = "", others[FLAGS_TEXT_ROOM];
    uint32_t flags = 0;

    for (size_t i = 0; i < count && !in->rc; i++) {
        json_name(in, path, json_object_array_get_idx(value, i), name);
        if (!(flags_by_name(name) & possible)) {
            flags_text(possible, others, sizeof(others));
            json_refuse(in, path, "'%s' is no flag that can be %s, which are: %s", name, use,
                        others);
        }
        flags |= flags_by_name(name);
    }
    return flags;
}

static void take_flags(struct json_reader *in, const char *path, json_object *value,
                       struct cloister_policy *policy)
{
    const uint32_t possible = CLOISTER_INFO_SVM | CLOISTER_INFO_VMX | CLOISTER_INFO_IOMMU_STRICT |
                              CLOISTER_INFO_IBPB | CLOISTER_INFO_TPM_REQUIRED |
                              CLOISTER_INFO_LOCKDOWN | CLOISTER_INFO_INTREMAP | CLOISTER_INFO_MOR;

    policy->require_flags = flag_list(in, path, value, possible, "required");
}

/* A table that only watches has all rooms open. */
static void take_open(struct json_reader *in, const char *path, json_object *value,
                      struct cloister_policy *policy)
{
    policy->open_allowed = flag_list(in, path, value, FLAGS_OPEN, "allowed here");
    if (policy->open_allowed & CLOISTER_INFO_LOCKDOWN_WATCH) {
        policy->open_allowed |= FLAGS_ROOMS;
    }
    policy->insecure = true;
}

static void take_tables(struct json_reader *in, const char *path, json_object *value,
                        struct cloister_policy *policy)
{
    static const uint8_t zero[CLOISTER_DIGEST_SIZE];

    if (!json_count(in, path, value, MAX_TABLES)) {
        return;
    }
    json_alternatives(in, path, value, CLOISTER_DIGEST_SIZE, &policy->tables);
    if (!in->rc && alternatives_contain(&policy->tables, zero)) {
        json_refuse(in, path, "all zero is no table's hash");
    }
}

/* "4.17" with "4.17.7", no digit more than that. */
static bool take_least(const char *series, const char *text, struct xen_version *least)
{
    char again[40];
    bool good = xen_version_read((const uint8_t *)text, strlen(text), least) && least->patch >= 0;

    if (good) {
        snprintf(again, sizeof(again), "%u.%u.%d", least->major, least->minor, least->patch);
        good = !strcmp(again, text);
    }
    if (good) {
        snprintf(again, sizeof(again), "%u.%u", least->major, least->minor);
        good = !strcmp(again, series);
    }
    return good;
}

static void take_xens(struct json_reader *in, const char *path, json_object *value,
                      struct cloister_policy *policy)
{
    size_t count;

    if (!json_object_is_type(value, json_type_object)) {
        json_refuse(in, path, "an object expected: {\"4.17\": \"4.17.7\"}");
        return;
    }
    count = (size_t)json_object_object_length(value);
    if (count < 1 || count > MAX_SERIES) {
        json_refuse(in, path, "1..%u series expected, not %zu", MAX_SERIES, count);
        return;
    }
    policy->xens = calloc(count, sizeof(*policy->xens));
    if (!policy->xens) {
        in->rc = -ENOMEM;
        return;
    }
    json_object_object_foreach(value, series, least)
    {
        char text[CLOISTER_NAME_SIZE] = "";

        json_name(in, path, least, text);
        if (!in->rc && !take_least(series, text, &policy->xens[policy->xen_count++])) {
            json_refuse(in, path,
                        "a series and its least version expected, as \"4.17\": "
                        "\"4.17.7\", not \"%.20s\": \"%.20s\"",
                        series, text);
        }
        if (in->rc) {
            return;
        }
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
    json_number(in, path, value, 0, POLICY_LAST_PCR, &policy->record_pcr);
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
    {"boot", policy_boots_take},
    {"record-pcr", take_record_pcr},
    {"minimum-monitor-version", take_version},
    {"require-flags", take_flags},
    {"insecure-allow-open", take_open},
    {"lockdown-tables", take_tables},
    {"least-xen", take_xens},
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
    {"accept-no-mor", offsetof(struct cloister_policy, accept_no_mor), false},
    {"accept-bmc", offsetof(struct cloister_policy, accept_bmc), false},
    {"insecure-any-attestation-key", offsetof(struct cloister_policy, any_key), true},
    {"insecure-any-boot", offsetof(struct cloister_policy, any_boot), true},
    {"insecure-incomplete-boot", offsetof(struct cloister_policy, incomplete_boot), true},
    {"insecure-empty-pcrs", offsetof(struct cloister_policy, empty_pcrs), true},
    {"insecure-allow-boot-drivers", offsetof(struct cloister_policy, boot_drivers), true},
    {"insecure-allow-boot-options", offsetof(struct cloister_policy, boot_options), true},
    {"insecure-no-lockdown", offsetof(struct cloister_policy, no_lockdown), true},
    {"insecure-no-intremap", offsetof(struct cloister_policy, no_intremap), true},
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

int cloister_policy_parse(const char *json, size_t size, struct cloister_policy **policy, char *why,
                          size_t why_size)
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
        json_object_object_foreach(document, key, value)
        {
            take_any(&in, key, value, parsed);
        }
        policy_boots_check(&in, parsed);
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
    free(policy->xens);
    free(policy->tables.values);
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
