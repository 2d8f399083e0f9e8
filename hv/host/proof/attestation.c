/* SPDX-License-Identifier: MIT */
#include "proof/attestation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonbytes.h"
#include "cloister/evidence.h"
#include "base/digest.h"
#include "monitor/views.h"

static const struct config *config_;
static struct hypercalls *monitor_;

void attestation_initialise(const struct config *config, struct hypercalls *monitor)
{
    config_ = config;
    monitor_ = monitor;
    helper_initialise(config);
}

void attestation_finalise(void)
{
    helper_finalise();
}

static void add_text(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_object_new_string(text));
}

/* --- jobs of the TPM's (tpm/jobs.h) ----------------------------------------------------------- */

static json_object *new_job(const char *command)
{
    json_object *job = json_object_new_object();

    add_text(job, "command", command);
    add_text(job, "tpm", config_->tpm);
    json_object_object_add(job, "key_handle", json_object_new_int64(config_->tpm_key_handle));
    return job;
}

/* NULL: it is on its way. */
static json_object *hand_over(json_object *job, helper_done *done, void *context)
{
    int rc;

    if (!config_->tpm[0]) {
        json_object_put(job);
        return view_refusal(-ENODEV, "cloisterd.conf says that this host has no TPM (tpm = none)");
    }
    rc = helper_ask(job, done, context);
    return rc ? view_refusal(rc, rc == -EBUSY
                                     ? "too many requests wait for the TPM: try again later"
                                     : "out of memory")
              : NULL;
}

static json_object *answer_tpm(json_object *request, helper_done *done, void *context)
{
    (void)request;
    return hand_over(new_job("identity"), done, context);
}

static json_object *answer_activate(json_object *request, helper_done *done, void *context)
{
    static const char *const members[] = {"credential_blob", "encrypted_secret"};
    json_object *job = new_job("activate"), *member;

    for (size_t i = 0; i < 2; i++) {
        if (!json_object_object_get_ex(request, members[i], &member) ||
            !json_object_is_type(member, json_type_string)) {
            json_object_put(job);
            return view_refusal(-EINVAL,
                                "credential_blob and encrypted_secret are expected, both base64, "
                                "as the enrolling service gave them");
        }
        json_object_object_add(job, members[i], json_object_get(member));
    }
    return hand_over(job, done, context);
}

/* --- the monitor's share ---------------------------------------------------------------------- */

struct challenge {
    uint8_t nonce[CLOISTER_NONCE_MAX];
    size_t size;
    struct cloister_record record;
    struct cloister_heartbeat heartbeat;
};

/* NULL: *challenge has the nonce. */
static json_object *take_nonce(json_object *request, struct challenge *challenge)
{
    const char *text = json_member_text(request, "nonce");

    if (!text)
        return view_refusal(-EINVAL, "a nonce is expected: the verifier's, as hexadecimal digits");
    challenge->size = strlen(text) / 2;
    if (challenge->size < CLOISTER_NONCE_MIN || challenge->size > CLOISTER_NONCE_MAX ||
        strlen(text) % 2 || !hex_decode(text, challenge->nonce, challenge->size))
        return view_refusal(-EINVAL, "a nonce has 16 to 64 bytes, as hexadecimal digits");
    return NULL;
}

/* What the monitor says to this challenge, now. NULL: *challenge has it. */
static json_object *ask_monitor(struct challenge *challenge)
{
    const struct cloister_bytes nonce = {challenge->nonce, challenge->size};

    challenge->record = (struct cloister_record){0};
    challenge->heartbeat = (struct cloister_heartbeat){0};
    int rc = hypercall_record(monitor_, &challenge->record);
    if (rc)
        return view_monitor_refusal(rc, &challenge->record.head);
    rc = cloister_challenge_binding(nonce, &challenge->record.record, challenge->heartbeat.data);
    if (rc)
        return view_refusal(rc, "the challenge cannot be hashed");
    rc = hypercall_heartbeat(monitor_, &challenge->heartbeat);
    return rc ? view_monitor_refusal(rc, &challenge->heartbeat.head) : NULL;
}

static json_object *answer_heartbeat(json_object *request, helper_done *done, void *context)
{
    struct challenge challenge;
    json_object *answer = take_nonce(request, &challenge);

    (void)done;
    (void)context;
    if (!answer)
        answer = ask_monitor(&challenge);
    if (answer)
        return answer;
    answer = json_object_new_object();
    json_object_object_add(answer, "ok", json_object_new_boolean(true));
    json_object_object_add(
        answer, "report",
        json_bytes_new(&challenge.heartbeat.report, sizeof(challenge.heartbeat.report)));
    return answer;
}

/* --- evidence --------------------------------------------------------------------------------- */

/* The given reports, checked where they are read: tpm/evidence.c. NULL: `all` has them. */
static json_object *take_reports(json_object *request, json_object *all)
{
    json_object *list;

    if (!json_object_object_get_ex(request, "reports", &list))
        return NULL;
    if (!json_object_is_type(list, json_type_array) ||
        json_object_array_length(list) >= CLOISTER_EVIDENCE_MAX_REPORTS)
        return view_refusal(-E2BIG, "reports are a list of at most 15");
    for (size_t i = 0; i < json_object_array_length(list); i++)
        json_object_array_add(all, json_object_get(json_object_array_get_idx(list, i)));
    return NULL;
}

static json_object *answer_evidence(json_object *request, helper_done *done, void *context)
{
    json_object *reports = json_object_new_array();
    struct challenge challenge;
    json_object *refusal = take_nonce(request, &challenge);

    if (!refusal)
        refusal = take_reports(request, reports);
    if (!refusal)
        refusal = ask_monitor(&challenge);
    if (refusal) {
        json_object_put(reports);
        return refusal;
    }
    json_object_array_add(
        reports, json_bytes_new(&challenge.heartbeat.report, sizeof(challenge.heartbeat.report)));
    json_object *job = new_job("evidence"), *nonce;
    json_object_object_get_ex(request, "nonce", &nonce);
    json_object_object_add(job, "nonce", json_object_get(nonce));
    json_object_object_add(
        job, "record", json_bytes_new(&challenge.record.record, sizeof(challenge.record.record)));
    json_object_object_add(job, "reports", reports);
    if (config_->event_log[0])
        add_text(job, "event_log", config_->event_log);
    return hand_over(job, done, context);
}

/* --- all -------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    json_object *(*answer)(json_object *request, helper_done *done, void *context);
} commands[] = {
    {"tpm", answer_tpm},
    {"activate", answer_activate},
    {"evidence", answer_evidence},
    {"heartbeat", answer_heartbeat},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static size_t find(const char *command)
{
    size_t i = 0;

    while (i < COMMANDS && strcmp(command, commands[i].name) != 0)
        i++;
    return i;
}

bool attestation_serves(const char *command)
{
    return find(command) < COMMANDS;
}

json_object *attestation_answer(const char *command, json_object *request, helper_done *done,
                                void *context)
{
    return commands[find(command)].answer(request, done, context);
}
