/* SPDX-License-Identifier: MIT */
/* Steps 8 and 10: the record's PCR, and what was booted. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "verify/refuse.h"
#include "verify/verification.h"

/* TCG PC Client Platform Firmware Profile 1.05, 3.3.4: settings and boot entries, and how they were used. */
#define ENTRIES_PCR (1u << 1)
#define SETTINGS_PCRS (ENTRIES_PCR | 1u << 5)

const uint8_t *quoted_pcr(const struct cloister_evidence *evidence, uint32_t index)
{
    for (uint32_t i = 0; i < evidence->quote.pcr_count; i++) {
        if (evidence->quote.pcrs[i].index == index) {
            return evidence->quote.pcrs[i].value;
        }
    }
    return NULL;
}

/*
 * The monitor extends its record before dom0 runs. Later extensions cannot lead back to this value,
 * and an index of the host's choice could be a PCR that dom0 extended.
 */
int step_binding(struct verification *v)
{
    static const uint8_t zeros[CLOISTER_DIGEST_SIZE];
    const struct cloister_bytes extension[] = {{zeros, sizeof(zeros)},
                                               {v->record, sizeof(v->record)}};
    const uint32_t pcr = v->policy->record_pcr;
    const uint8_t *found = quoted_pcr(&v->evidence, pcr);
    uint8_t expected[CLOISTER_DIGEST_SIZE];

    if (v->evidence.record.pcr != pcr) {
        return refuse_number(v->refusal, CLOISTER_REFUSED_RECORD_PCR, pcr, v->evidence.record.pcr,
                             "record.pcr");
    }
    if (!found) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_RECORD_PCR_NOT_QUOTED, "a value", "none",
                           "PCR %u", pcr);
    }
    if (crypto_hash(v->crypto, extension, 2, expected)) {
        return -EIO;
    }
    if (memcmp(expected, found, sizeof(expected)) != 0) {
        return refuse_bytes(v->refusal, CLOISTER_REFUSED_RECORD_NOT_MEASURED, expected, found,
                            sizeof(expected), "PCR %u", pcr);
    }
    return 0;
}

/* How many PCRs of this configuration are as quoted; *first is the lowest that is not. */
static unsigned int compare_boot(const struct verification *v, const struct policy_boot *boot,
                                 uint32_t *first)
{
    unsigned int same = 0;

    *first = CLOISTER_EVIDENCE_PCRS;
    for (uint32_t index = 0; index < CLOISTER_EVIDENCE_PCRS; index++) {
        const uint8_t *value = quoted_pcr(&v->evidence, index);

        if (!(boot->mask & 1u << index)) {
            continue;
        }
        if (value && alternatives_contain(&boot->pcrs[index], value)) {
            same++;
        } else if (*first == CLOISTER_EVIDENCE_PCRS) {
            *first = index;
        }
    }
    return same;
}

static int refuse_boot(struct verification *v, const struct policy_boot *nearest, uint32_t index)
{
    const uint8_t *found = quoted_pcr(&v->evidence, index);
    char expected[2 * CLOISTER_DIGEST_SIZE + 1];

    if (found) {
        return refuse_bytes(v->refusal, CLOISTER_REFUSED_BOOT_NOT_ACCEPTED,
                            nearest->pcrs[index].values, found, CLOISTER_DIGEST_SIZE,
                            "PCR %u, boot '%s'", index, nearest->name);
    }
    hex_text(nearest->pcrs[index].values, CLOISTER_DIGEST_SIZE, expected, sizeof(expected));
    return refuse_text(v->refusal, CLOISTER_REFUSED_BOOT_NOT_ACCEPTED, expected, "not quoted",
                       "PCR %u, boot '%s'", index, nearest->name);
}

/*
 * What the firmware's settings have to do with the boot stands in PCRs 1 and 5, which a configuration
 * seldom has. Of a unified image they hold the options (PCR 1). `boot`: the one accepted, or NULL.
 */
static int judge_settings(struct verification *v, const struct policy_boot *boot)
{
    const uint32_t mask = boot ? boot->mask : 0;

    if ((mask & SETTINGS_PCRS) == SETTINGS_PCRS) {
        v->claims->settings = CLOISTER_SETTINGS_PINNED;
    } else if (v->claims->log_checked && !v->policy->boot_drivers) {
        v->claims->settings = CLOISTER_SETTINGS_LOG;
    }
    if (!boot || !boot->unified || mask & ENTRIES_PCR || !v->claims->log_checked ||
        v->policy->boot_options) {
        return 0;
    }
    return judge_log(v, true, CLOISTER_REFUSED_BOOT_OPTIONS);
}

int step_boot(struct verification *v)
{
    const struct policy_boot *nearest = NULL;
    unsigned int most = 0;
    uint32_t differs = 0;

    if (v->policy->any_boot) {
        return judge_settings(v, NULL);
    }
    for (size_t i = 0; i < v->policy->boot_count; i++) {
        const struct policy_boot *boot = &v->policy->boots[i];
        uint32_t first;
        unsigned int same = compare_boot(v, boot, &first);

        if (first == CLOISTER_EVIDENCE_PCRS) {
            memcpy(v->claims->boot, boot->name, sizeof(boot->name));
            return judge_settings(v, boot);
        }
        if (!nearest || same > most) {
            nearest = boot;
            most = same;
            differs = first;
        }
    }
    if (!nearest) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_BOOT_NOT_ACCEPTED,
                           "nothing: the policy accepts no boot", "a boot", "PCRs");
    }
    return refuse_boot(v, nearest, differs);
}
