/* SPDX-License-Identifier: MIT */
#include "proof/counters.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proof/allowance.h"
#include "proof/copies.h"
#include "base/digest.h"
#include "proof/helper.h"
#include "base/json.h"
#include "base/jsonbytes.h"
#include "base/loop.h"
#include "log/notes.h"
#include "base/say.h"
#include "monitor/views.h"
#include "base/worker.h"

#define LONGEST_PAUSE 300000u /* ms, after failures */
#define FIRST_PAUSE 1000u

static const struct config *config_;
static struct hypercalls *monitor_;

/* What is being committed; the worker reads `image` while it writes. */
static struct {
    bool under_way;
    struct cloister_counters_image image;
    uint8_t extend[DIGEST_SIZE], expected[DIGEST_SIZE];
    struct cloister_counters_commit proof;
} commit;

static struct {
    uint64_t commits;
    uint64_t next_look, pause;  /* ms */
    struct allowance allowance; /* of extensions: each wears the TPM */
    uint8_t
        counted[DIGEST_SIZE]; /* the last that was taken from it: what the index was extended to */
    bool lost;
    char problem[400]; /* "": all is well */
} state;

/* --- what goes wrong -------------------------------------------------------------------------- */

/* Said if it is news; then tried again, later each time. */
__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...)
{
    char text[sizeof(state.problem)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (strcmp(text, state.problem) != 0)
        say_error("counters: %s", text);
    strcpy(state.problem, text);
    commit.under_way = false;
    state.pause = state.pause ? 2 * state.pause : FIRST_PAUSE;
    if (state.pause < 1000ull * config_->counter_interval)
        state.pause = 1000ull * config_->counter_interval;
    if (state.pause > LONGEST_PAUSE)
        state.pause = LONGEST_PAUSE;
    state.next_look = loop_now() + state.pause;
}

static void fail_monitor(const char *what, int error, const struct cloister_head *head)
{
    char text[256];

    hypercall_describe(error, head, text, sizeof(text));
    fail("%s: %s", what, text);
}

static void succeed(const char *news)
{
    if (state.problem[0])
        say_info("counters: %s", news);
    state.problem[0] = 0;
    state.pause = 0;
}

static void note(const char *event, unsigned int number)
{
    struct note note;

    note_begin(&note, "counters");
    line_text(&note.line, "event", event);
    if (number)
        line_number(&note.line, "kept", number);
    note_end(&note);
}

/* --- the begin of a boot ---------------------------------------------------------------------- */

enum verdict { LOADED, REFUSED, FAILED };

static enum verdict load(size_t size)
{
    struct cloister_counters_load op = {.image = (uintptr_t)&commit.image, .size = (uint32_t)size};

    /* What has another size than a copy is none: the monitor need not say so. */
    if (size && size != sizeof(commit.image))
        return REFUSED;
    int rc = hypercall_counters_load(monitor_, &op);
    if (!rc || (rc == -EBUSY && op.head.reason == CLOISTER_REASON_COUNTERS_LOADED))
        return LOADED;
    if (rc == -EINVAL && op.head.reason == CLOISTER_REASON_COUNTERS_IMAGE)
        return REFUSED;
    fail_monitor("the monitor does not load them", rc, &op.head);
    return FAILED;
}

static void load_none(void)
{
    if (load(0) != LOADED)
        return;
    note("begun", 0);
    say_info("counters: they begin anew; there is no copy of an earlier boot in %s",
             config_->state_directory);
    state.problem[0] = 0;
    state.pause = 0;
}

static void lose(void)
{
    unsigned int number = 0;
    int rc = copies_set_aside(config_->state_directory, &number);

    if (rc) {
        fail("the TPM does not vouch for the copy in %s, and it cannot be moved: %s",
             config_->state_directory, strerror(-rc));
        return;
    }
    say_error("ALL COUNTERS ARE LOST: the TPM does not vouch for the copy in %s: it is older than "
              "the last, of another machine, or changed. Enclaves will see that. It is kept as "
              "counters*.lost-%u.",
              config_->state_directory, number);
    note("lost", number);
    state.lost = true;
    load_none();
}

/* `counters`, else `next`, which then stands there; else none. An I/O error is no reason for it. */
static void load_copy(void)
{
    const char *folder = config_->state_directory;
    bool refused = false;

    for (int attempt = 0; attempt < 2; attempt++) {
        size_t size = 0;
        int rc = copies_read(folder, &commit.image, &size);

        if (rc && rc != -ENOENT) {
            fail("%s/" COPIES_LAST " cannot be read: %s; until it can, or is moved away, enclaves "
                 "get none",
                 folder, strerror(-rc));
            return;
        }
        enum verdict verdict = rc || !size ? REFUSED : load(size);
        if (verdict == LOADED) {
            note(attempt ? "loaded, saved but not committed in the last boot" : "loaded", 0);
            succeed("loaded now");
        }
        if (verdict != REFUSED)
            return;
        refused = refused || !rc;
        rc = attempt ? -ENOENT : copies_try_next(folder);
        if (rc && rc != -ENOENT) {
            fail("%s/" COPIES_NEXT " cannot be tried: %s", folder, strerror(-rc));
            return;
        }
        if (rc)
            break;
    }
    if (refused)
        lose();
    else
        load_none();
}

/* --- a commit --------------------------------------------------------------------------------- */

static void promoted(int result)
{
    if (result) {
        fail("%s/" COPIES_NEXT " cannot be renamed: %s", config_->state_directory,
             strerror(-result));
        return;
    }
    int rc = hypercall_counters_commit(monitor_, &commit.proof);
    if (rc && rc != -ENOENT) {
        fail_monitor("the monitor does not believe the TPM's word", rc, &commit.proof.head);
        return;
    }
    commit.under_way = false;
    state.commits++;
    succeed("increments become durable again");
    state.next_look = loop_now() + 1000ull * config_->counter_interval;
}

static int promote(void *context)
{
    (void)context;
    return copies_promote(config_->state_directory);
}

static bool take_bytes(json_object *answer, const char *key, uint8_t out[DIGEST_SIZE])
{
    const char *text = json_member_text(answer, key);
    size_t size = 0;

    return text && !json_bytes_read(text, out, DIGEST_SIZE, &size) && size == DIGEST_SIZE;
}

static void extended(void *context, json_object *answer)
{
    (void)context;
    commit.proof = (struct cloister_counters_commit){0};
    if (!json_member_true(answer, "ok")) {
        const char *message = json_member_text(answer, "message");

        fail("increments do not become durable: %s", message ? message : "");
    } else if (!take_bytes(answer, "value", commit.proof.value) ||
               !take_bytes(answer, "nonce_tpm", commit.proof.nonce_tpm) ||
               !take_bytes(answer, "hmac", commit.proof.hmac)) {
        fail("increments do not become durable: %s gave an answer that is none",
             config_->tpm_helper);
    } else if (memcmp(commit.proof.value, commit.expected, DIGEST_SIZE) != 0) {
        fail("increments do not become durable: the TPM's index has another value than it was "
             "extended to");
    } else {
        int rc = worker_run(promote, NULL, promoted);

        if (rc)
            fail("no thread can be started: %s", strerror(-rc));
    }
    json_object_put(answer);
}

/* Once for each extension, however often a try fails before or after it. */
static void count_extension(void)
{
    if (!config_->counter_commits || !memcmp(state.counted, commit.expected, DIGEST_SIZE))
        return;
    memcpy(state.counted, commit.expected, DIGEST_SIZE);
    allowance_take(&state.allowance, loop_now());
}

/* The TPM's nonce; the monitor makes the authorization for the reading: "NONCE HMAC". */
static char *authorize(void *context, json_object *question)
{
    struct cloister_counters_read op = {0};
    char *reply = NULL;

    (void)context;
    /* It asks when the index has the expected value: extended now, or in a try before. */
    count_extension();
    if (!take_bytes(question, "nonce_tpm", op.nonce_tpm))
        return NULL;
    int rc = hypercall_counters_read(monitor_, &op);
    if (rc)
        return NULL;
    json_object *nonce = json_bytes_new(op.nonce_caller, sizeof(op.nonce_caller));
    json_object *hmac = json_bytes_new(op.hmac, sizeof(op.hmac));
    if (asprintf(&reply, "%s %s", json_object_get_string(nonce), json_object_get_string(hmac)) < 0)
        reply = NULL;
    json_object_put(nonce);
    json_object_put(hmac);
    return reply;
}

static void written(int result)
{
    if (result) {
        fail("%s/" COPIES_NEXT " cannot be written: %s; increments do not become durable",
             config_->state_directory, strerror(-result));
        return;
    }
    json_object *job = json_object_new_object();
    json_object_object_add(job, "command", json_object_new_string("counters"));
    json_object_object_add(job, "tpm", json_object_new_string(config_->tpm));
    json_object_object_add(job, "key_handle", json_object_new_int64(0));
    json_object_object_add(job, "index", json_object_new_int64(CLOISTER_COUNTERS_INDEX));
    json_object_object_add(job, "extend", json_bytes_new(commit.extend, DIGEST_SIZE));
    json_object_object_add(job, "expected", json_bytes_new(commit.expected, DIGEST_SIZE));
    int rc = helper_converse(job, authorize, extended, &commit);
    if (rc)
        fail("the TPM cannot be asked now: %s", strerror(-rc));
}

static int write_copy(void *context)
{
    (void)context;
    return copies_write(config_->state_directory, &commit.image);
}

static void begin_commit(void)
{
    struct cloister_counters_save op = {.image = (uintptr_t)&commit.image};

    if (!config_->tpm[0]) {
        fail("cloisterd.conf says that this host has no TPM (tpm = none): increments do not "
             "become durable");
        return;
    }
    int rc = hypercall_counters_save(monitor_, &op);
    if (rc == -ENOENT)
        return;
    if (rc) {
        fail_monitor("the monitor does not save them", rc, &op.head);
        return;
    }
    memcpy(commit.extend, op.extend, DIGEST_SIZE);
    memcpy(commit.expected, op.expected, DIGEST_SIZE);
    commit.under_way = true;
    rc = worker_run(write_copy, NULL, written);
    if (rc)
        fail("no thread can be started: %s", strerror(-rc));
}

/* The day's commits are used up: it is said, and that is all that is wrong. */
static bool must_wait(uint64_t now)
{
    const uint64_t wait = config_->counter_commits ? allowance_wait(&state.allowance, now) : 0;

    if (wait) {
        fail("the day's %u commits are used up (counter-commits-per-day): increments become "
             "durable more slowly now",
             config_->counter_commits);
        state.pause = 0;
        state.next_look = now + wait;
    }
    return wait;
}

static void look(uint64_t now)
{
    struct cloister_info info = {0};

    if (commit.under_way || now < state.next_look)
        return;
    state.next_look = now + LOOP_TICK;
    int rc = hypercall_info(monitor_, &info);
    if (rc)
        fail_monitor("the monitor does not answer", rc, &info.head);
    else if (info.counters_reason == CLOISTER_REASON_COUNTERS_UNLOADED)
        load_copy();
    else if (info.counters_reason != CLOISTER_REASON_NONE ||
             info.counters_value <= info.counters_committed)
        succeed("nothing is left to do");
    else if (config_->counter_interval && !must_wait(now))
        begin_commit();
}

/* --- for others ------------------------------------------------------------------------------- */

int counters_initialise(const struct config *config, struct hypercalls *monitor)
{
    config_ = config;
    monitor_ = monitor;
    memset(&state, 0, sizeof(state));
    state.allowance.per_day = config->counter_commits;
    commit.under_way = false;
    int rc = worker_initialise();
    if (rc)
        return rc;
    look(loop_now());
    loop_on_tick(look);
    return 0;
}

void counters_finalise(void)
{
    worker_finalise();
}

json_object *counters_status(void)
{
    json_object *object = json_object_new_object();

    json_object_object_add(object, "commits", json_object_new_uint64(state.commits));
    json_object_object_add(object, "under_way", json_object_new_boolean(commit.under_way));
    json_object_object_add(object, "lost", json_object_new_boolean(state.lost));
    if (state.problem[0])
        json_object_object_add(object, "problem", view_text(state.problem, sizeof(state.problem)));
    return object;
}

/* 8-4-4-4-12 hexadecimal digits, as libvirt and Xen write them. */
static bool parse_uuid(const char *text, uint8_t uuid[16])
{
    char digits[33];
    size_t used = 0;

    if (strlen(text) != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash != (text[i] == '-'))
            return false;
        if (!dash)
            digits[used++] = text[i] >= 'A' && text[i] <= 'F' ? text[i] + ('a' - 'A') : text[i];
    }
    digits[used] = 0;
    return hex_decode(digits, uuid, 16);
}

json_object *counters_answer(json_object *request)
{
    struct cloister_counters_forget op = {0};
    const char *uuid = json_member_text(request, "forget");

    if (!uuid || !parse_uuid(uuid, op.domain_uuid))
        return view_refusal(-EINVAL, "a domain's UUID is expected: 'virsh domuuid DOMAIN' says it");
    int rc = hypercall_counters_forget(monitor_, &op);
    if (rc)
        return view_monitor_refusal(rc, &op.head);
    if (op.removed) {
        struct note note;

        note_begin(&note, "counters");
        line_text(&note.line, "event", "forgotten");
        line_text(&note.line, "domain_uuid", uuid);
        line_number(&note.line, "removed", op.removed);
        note_end(&note);
    }
    json_object *answer = json_object_new_object();
    json_object_object_add(answer, "ok", json_object_new_boolean(true));
    json_object_object_add(answer, "removed", json_object_new_uint64(op.removed));
    return answer;
}
