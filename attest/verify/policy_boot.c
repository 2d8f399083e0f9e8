/* SPDX-License-Identifier: MIT */
#include "verify/policy_boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/predict.h"
#include "verify/empty_pcr.h"

#define MAX_BOOTS 4096u

/* A PCR's index as a member's name: no sign, no leading zero. */
static bool pcr_index(const char *text, uint32_t *index)
{
    char again[12];

    *index = (uint32_t)strtoul(text, NULL, 10);
    snprintf(again, sizeof(again), "%u", *index);
    return !strcmp(again, text) && *index <= POLICY_LAST_PCR;
}

static void take_pcrs(struct json_reader *in, const char *path, json_object *value,
                      struct policy_boot *boot)
{
    char inner[128];

    if (!json_object_is_type(value, json_type_object)) {
        json_refuse(in, path, "an object expected");
        return;
    }
    json_object_object_foreach(value, key, member)
    {
        uint32_t index;

        if (!pcr_index(key, &index)) {
            json_refuse(in, path, "a PCR's index, 0..%u, expected, not '%.20s'", POLICY_LAST_PCR,
                        key);
            return;
        }
        snprintf(inner, sizeof(inner), "%s.%u", path, index);
        boot->mask |= 1u << index;
        json_alternatives(in, inner, member, CLOISTER_DIGEST_SIZE, &boot->pcrs[index]);
    }
}

static void take_loader(struct json_reader *in, const char *path, json_object *value,
                        struct policy_boot *boot)
{
    char name[CLOISTER_NAME_SIZE] = "";

    json_name(in, path, value, name);
    boot->unified = !strcmp(name, "unified");
    if (!boot->unified && strcmp(name, "grub")) {
        json_refuse(in, path, "\"grub\" or \"unified\" expected, not '%s'", name);
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
    json_object_object_foreach(value, key, member)
    {
        snprintf(inner, sizeof(inner), "%s.%.20s", path, key);
        if (!strcmp(key, "name")) {
            json_name(in, inner, member, boot->name);
        } else if (!strcmp(key, "pcrs")) {
            take_pcrs(in, inner, member, boot);
        } else if (!strcmp(key, "loader")) {
            take_loader(in, inner, member, boot);
        } else {
            json_refuse(in, inner, "unknown member");
        }
    }
    if (!boot->name[0] || !boot->mask) {
        json_refuse(in, path, "name and at least one PCR expected");
    }
}

void policy_boots_take(struct json_reader *in, const char *path, json_object *value,
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

/* The PCRs of this configuration that have a value which proves nothing; *why is the first's. */
static uint32_t empty_pcrs(const struct policy_boot *boot, const char **why)
{
    uint32_t mask = 0;

    for (uint32_t pcr = 0; pcr < CLOISTER_EVIDENCE_PCRS; pcr++) {
        const struct alternatives *given = &boot->pcrs[pcr];

        for (size_t i = 0; i < given->count && !(mask & 1u << pcr); i++) {
            const char *empty = cloister_pcr_empty(pcr, given->values + i * given->size);

            if (empty) {
                *why = mask ? *why : empty;
                mask |= 1u << pcr;
            }
        }
    }
    return mask;
}

static void check_boot(struct json_reader *in, const char *path,
                       const struct cloister_policy *policy, const struct policy_boot *boot)
{
    const uint32_t needed = cloister_boot_pcrs(boot->unified), missing = needed & ~boot->mask;
    const char *why = NULL;
    const uint32_t empty = policy->empty_pcrs ? 0 : empty_pcrs(boot, &why);
    char list[PCR_LIST_ROOM], whole[PCR_LIST_ROOM];

    if (boot->mask & 1u << policy->record_pcr) {
        json_refuse(in, path, "PCR %u is the record's: it differs in each boot",
                    policy->record_pcr);
    }
    if (empty) {
        pcr_list(empty, list, sizeof(list));
        json_refuse(in, path, "%s: a value that proves nothing (%s)", list, why);
    }
    if (missing && !policy->incomplete_boot) {
        pcr_list(missing, list, sizeof(list));
        pcr_list(needed, whole, sizeof(whole));
        json_refuse(in, path, "%s missing: a boot by %s needs %s", list,
                    boot->unified ? "a unified image" : "GRUB", whole);
    }
}

void policy_boots_check(struct json_reader *in, const struct cloister_policy *policy)
{
    char path[48];

    for (size_t i = 0; i < policy->boot_count && !in->rc; i++) {
        snprintf(path, sizeof(path), "boot[%zu].pcrs", i);
        check_boot(in, path, policy, &policy->boots[i]);
    }
}
