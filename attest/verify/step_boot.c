/* SPDX-License-Identifier: MIT */
/* Steps 8 to 11: what was booted, and how the monitor runs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloister/abi.h"
#include "cloister/eventlog.h"
#include "flags.h"
#include "refuse.h"
#include "verification.h"

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

/* A log that ends with the boot loader knows nothing of the record's PCR. */
int step_log(struct verification *v)
{
    const struct cloister_bytes *log = &v->evidence.log;
    struct cloister_replay replay;
    char where[48];
    int rc;

    if (log->size == 0) {
        return v->policy->require_log
                   ? refuse_text(v->refusal, CLOISTER_REFUSED_LOG_MISSING, "a log", "none", "log")
                   : 0;
    }
    rc = cloister_log_replay(*log, &replay);
    if (rc == -EBADMSG) {
        snprintf(where, sizeof(where), "event %u, byte %zu", replay.events, replay.offset);
        return refuse_text(v->refusal, CLOISTER_REFUSED_LOG_MALFORMED, "an event", replay.wrong,
                           "log, %s", where);
    }
    if (rc) {
        return rc;
    }
    for (uint32_t i = 0; i < v->evidence.quote.pcr_count; i++) {
        const struct cloister_pcr *pcr = &v->evidence.quote.pcrs[i];

        if (pcr->index != v->policy->record_pcr &&
            memcmp(pcr->value, replay.pcrs[pcr->index], sizeof(pcr->value)) != 0) {
            return refuse_bytes(v->refusal, CLOISTER_REFUSED_LOG_DIFFERS, pcr->value,
                                replay.pcrs[pcr->index], sizeof(pcr->value),
                                "PCR %u of the log (expected: quoted)", pcr->index);
        }
    }
    v->claims->log_checked = true;
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

int step_boot(struct verification *v)
{
    const struct policy_boot *nearest = NULL;
    unsigned int most = 0;
    uint32_t differs = 0;

    if (v->policy->any_boot) {
        return 0;
    }
    for (size_t i = 0; i < v->policy->boot_count; i++) {
        const struct policy_boot *boot = &v->policy->boots[i];
        uint32_t first;
        unsigned int same = compare_boot(v, boot, &first);

        if (first == CLOISTER_EVIDENCE_PCRS) {
            memcpy(v->claims->boot, boot->name, sizeof(boot->name));
            return 0;
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

int accept_flags(struct verification *v, uint32_t flags, enum cloister_refusal_code code,
                 const char *what)
{
    const struct cloister_policy *policy = v->policy;
    uint32_t required = policy->require_flags, refused = 0;
    char expected[96], names[96], found[96];

    if (!policy->allow_dma) {
        required |= CLOISTER_INFO_IOMMU_STRICT;
        refused |= CLOISTER_INFO_INSECURE_DMA;
    }
    required |= policy->tpm_optional ? 0 : CLOISTER_INFO_TPM_REQUIRED;
    refused |= policy->allow_smt ? 0 : CLOISTER_INFO_SMT;
    refused |= policy->allow_test ? 0 : CLOISTER_INFO_TEST;
    refused |= policy->allow_update_key ? 0 : CLOISTER_INFO_UPDATE_KEY;
    if ((flags & required) == required && !(flags & refused)) {
        return 0;
    }
    flags_text(flags, found, sizeof(found));
    if (flags & refused) {
        flags_text(flags & refused, names, sizeof(names));
        snprintf(expected, sizeof(expected), "without %.80s", names);
    } else {
        flags_text(required & ~flags, names, sizeof(names));
        snprintf(expected, sizeof(expected), "with %.80s", names);
    }
    return refuse_text(v->refusal, code, expected, found, "%s", what);
}

int step_monitor(struct verification *v)
{
    const struct cloister_monitor_record *record = &v->evidence.record;
    const uint32_t least = v->policy->minimum_version, found = record->monitor_version;
    char expected_text[32], found_text[32];

    if (found < least) {
        snprintf(expected_text, sizeof(expected_text), "%u.%u.%u or later", least >> 16,
                 least >> 8 & 255, least & 255);
        snprintf(found_text, sizeof(found_text), "%u.%u.%u", found >> 16, found >> 8 & 255,
                 found & 255);
        return refuse_text(v->refusal, CLOISTER_REFUSED_MONITOR_VERSION, expected_text, found_text,
                           "record.monitor_version");
    }
    return accept_flags(v, record->flags, CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
}
