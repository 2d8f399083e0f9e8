/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer of libcloister-verify: evidence, policies, event logs. Signatures and digests are
 * replaced by ones that the fuzzer can satisfy (verify_crypto.c), so that every step is reached.
 *
 * The input's first byte chooses: below 0x80 a policy and options for the evidence that follows;
 * below 0xc0 a policy as text; else an event log. What must hold: evidence that is accepted has one
 * encoding only; what is refused says why, in printable ASCII; a policy that is parsed can be used.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/eventlog.h"
#include "cloister/predict.h"
#include "cloister/verify.h"
#include "verify_seeds.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cloister_verifier *verifier;
static struct cloister_policy *policies[VERIFY_POLICIES];
static struct cloister_plan plan;
static uint8_t again[CLOISTER_EVIDENCE_MAX_SIZE];

static void must(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

static void check_text(const char *text, size_t room)
{
    must(memchr(text, 0, room) != NULL, "a text ends");
    for (; *text; text++) {
        must(*text >= 0x20 && *text <= 0x7e, "a text is printable");
    }
}

static void check_refusal(const struct cloister_refusal *refusal)
{
    must(refusal->step >= CLOISTER_STEP_DECODE && refusal->step <= CLOISTER_STEP_FRESHNESS,
         "a refusal has a step");
    must(refusal->code != CLOISTER_ACCEPTED, "a refusal has a code");
    must(refusal->what[0], "a refusal names the item");
    check_text(refusal->what, sizeof(refusal->what));
    check_text(refusal->expected, sizeof(refusal->expected));
    check_text(refusal->found, sizeof(refusal->found));
}

static void check_canonical(const uint8_t *data, size_t size)
{
    static struct cloister_evidence evidence;
    size_t again_size;

    must(!cloister_evidence_decode(data, size, &evidence, NULL), "what is accepted is decoded");
    must(!cloister_evidence_encode(&evidence, again, sizeof(again), &again_size),
         "what is decoded can be encoded");
    must(again_size == size && !memcmp(again, data, size), "there is one encoding");
}

static int judge(const struct cloister_policy *policy, unsigned int options, const uint8_t *data,
                 size_t size)
{
    static const uint8_t zeros[64];
    const struct cloister_challenge challenge = {
        .nonce = {verify_nonce, sizeof(verify_nonce)},
        .enrolled_key = options & 1 ? zeros : NULL,
        .report_data = options & 2 ? zeros : NULL,
    };
    struct cloister_claims claims;
    struct cloister_refusal refusal = {0};
    int rc = cloister_verify(verifier, policy, &challenge, data, size, &claims, &refusal);

    if (rc == 0) {
        check_canonical(data, size);
        check_text(claims.xen_version, sizeof(claims.xen_version));
        check_text(claims.xen_source, sizeof(claims.xen_source));
        must(claims.enclave_count <= CLOISTER_EVIDENCE_MAX_REPORTS, "claims within bounds");
    } else {
        must(rc == -EACCES, "refused, or accepted");
        check_refusal(&refusal);
    }
    return rc;
}

static void parse_policy(const uint8_t *data, size_t size)
{
    struct cloister_policy *policy;
    char why[200] = "";
    int rc = cloister_policy_parse((const char *)data, size, &policy, why, sizeof(why));

    if (rc) {
        must(rc == -EINVAL && !policy && *why, "a refused policy says why");
        return;
    }
    judge(policy, 3, verify_seed_evidence.data, verify_seed_evidence.size);
    cloister_policy_free(policy);
}

static void replay(const uint8_t *data, size_t size)
{
    const struct cloister_bytes log = {data, size};
    struct cloister_difference difference;
    struct cloister_replay values;
    struct cloister_pcr pcrs[2] = {{8, {0}}, {9, {0}}};
    int rc = cloister_log_replay(log, &values);

    must(rc == 0 || (rc == -EBADMSG && values.wrong), "replayed, or what is wrong");
    for (int options = 0; options < 2; options++) {
        struct cloister_log_finding finding;
        int found = cloister_log_judge(log, options, &finding);

        must(found == 0 || found == 1 || found == -EBADMSG, "judged");
        must(rc == 0 ? found >= 0 : found != 0, "a log that ends too early is never found good");
        if (found == 1) {
            must(finding.meaning && finding.pcr < CLOISTER_EVIDENCE_PCRS, "a finding says what");
            check_text(finding.said, sizeof(finding.said));
        }
    }
    memcpy(pcrs[0].value, values.pcrs[8], 32);
    memcpy(pcrs[1].value, values.pcrs[9], 32);
    rc = cloister_plan_compare(&plan, pcrs, 2, log, &difference);
    must(rc == 0 || rc == 1 || rc == -EBADMSG, "compared");
    if (rc == 1) {
        check_text(difference.said, sizeof(difference.said));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned int choice;

    if (!size) {
        return 0;
    }
    choice = *data;
    data++;
    size--;
    if (choice < 0x80) {
        judge(policies[choice % VERIFY_POLICIES], choice >> 5, data, size);
    } else if (choice < 0xc0) {
        parse_policy(data, size);
    } else {
        replay(data, size);
    }
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    verify_seeds_make();
    if (*argc == 3 && !strcmp((*argv)[1], "--make-seeds")) {
        exit(verify_seeds_write((*argv)[2]) ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    verifier = cloister_verifier_new();
    must(verifier != NULL, "a verifier");
    for (int i = 0; i < VERIFY_POLICIES; i++) {
        must(!cloister_policy_parse(verify_policies[i], strlen(verify_policies[i]), &policies[i],
                                    NULL, 0),
             "the policies are valid");
    }
    must(!cloister_plan_text(&plan, 8, "command", "a") &&
             !cloister_plan_text(&plan, 9, "file", "b"),
         "the plan");
    /* The seeds are as good as they are meant to be. */
    for (int i = 0; i < 2; i++) {
        must(!judge(policies[i], 1, verify_seed_evidence.data, verify_seed_evidence.size),
             "the seed is accepted");
    }
    return 0;
}
