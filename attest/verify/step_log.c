/* SPDX-License-Identifier: MIT */
/* Step 9: the event log. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloister/eventlog.h"
#include "verify/refuse.h"
#include "verify/verification.h"

int judge_log(struct verification *v, bool options, enum cloister_refusal_code code)
{
    struct cloister_log_finding finding;
    char found[sizeof(v->refusal->found)];
    int rc = cloister_log_judge(v->evidence.log, options, &finding);

    if (rc <= 0) {
        return rc ? -EIO : 0; /* it was replayed: it is well formed */
    }
    if (finding.kind == CLOISTER_FINDING_FORM) {
        code = CLOISTER_REFUSED_LOG_MALFORMED;
    } else if (finding.kind == CLOISTER_FINDING_WORDS) {
        code = CLOISTER_REFUSED_LOG_WORDS;
    }
    snprintf(found, sizeof(found), "%s: %s", finding.said, finding.meaning);
    return refuse_text(v->refusal, code, "none such, or PCR values of its own", found,
                       "log, event %u, PCR %u", finding.event, finding.pcr);
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
    return v->policy->boot_drivers ? 0 : judge_log(v, false, CLOISTER_REFUSED_LOG_DRIVER);
}
