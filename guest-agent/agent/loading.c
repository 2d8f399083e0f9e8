/* SPDX-License-Identifier: MIT */
#include "agent/loading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/balloon.h"
#include "base/say.h"
#include "agent/state.h"

/* How many ADD requests are on their way at once: the next one travels while one is worked on. */
#define ADDS_IN_FLIGHT 2u
/* Pages that start as zeros, per ADD: a request should not keep the host for long. */
#define MAX_ZERO_RECORDS 4096u
/* Frames beyond the pages of the image, for the balloon: view tables, per-thread contexts. */
#define OVERHEAD_FRAMES(threads) (16u + 4u * (threads))
#define BALLOON_PATIENCE 5000u /* milliseconds */

_Static_assert(sizeof(struct cloister_msg_add) + CLOISTER_MAX_ADD * (8u + CLOISTER_PAGE_SIZE) <=
                   CLOISTER_MAX_BODY,
               "a full ADD fits into a message");
_Static_assert(sizeof(struct cloister_msg_add) + MAX_ZERO_RECORDS * 8u <= CLOISTER_MAX_BODY,
               "a full ADD of zero pages fits into a message");

static void share(struct enclave *enclave);

/* Sends one request of this enclave; a failure to do so fails the enclave. */
static bool send(struct enclave *enclave, uint16_t type, const struct hostlink_part *parts,
                 unsigned int count, hostlink_done *done)
{
    const struct hostlink_asker asker = {enclave->owner.app, enclave->owner.account};
    int error = hostlink_request(enclave->table->link, &asker, type, parts, count, done, enclave);

    if (error) {
        enclave_failed_by_host(enclave, error, NULL, "load the enclave");
        return false;
    }
    enclave->in_flight++;
    return true;
}

/* Common to all replies: true if the enclave goes on, and the reply has the size it should. */
static bool replied(struct enclave *enclave, int error, const struct cloister_msg_reply *reply,
                    size_t size, size_t wanted, const char *doing)
{
    enclave->in_flight--;
    if (!error && size == wanted && !enclave->outcome.error && !enclave->abandoned)
        return true;
    if (error || size != wanted)
        enclave_failed_by_host(enclave, error ? error : -EPROTO, reply, doing);
    else
        enclave_settle(enclave);
    return false;
}

static void initialised(void *context, int error, const struct cloister_msg_reply *reply,
                        const void *body, size_t size)
{
    struct enclave *enclave = context;
    const struct enclaves *table = enclave->table;
    struct cloister_msg_handle handle;
    struct app_reply good = {0};

    if (!replied(enclave, error, reply, size, sizeof(handle), "initialise the enclave"))
        return;
    memcpy(&handle, body, sizeof(handle));
    memcpy(enclave->loaded.handle, handle.handle, sizeof(handle.handle));
    memcpy(enclave->loaded.measurement, handle.measurement, sizeof(handle.measurement));
    enclave->step = ENCLAVE_LIVING;

    struct state_entry entry = {
        .id = enclave->id,
        .uid = enclave->owner.uid,
        .process = enclave->owner.process,
        .handle = {handle.handle[0], handle.handle[1]},
        .frames = enclave->frames,
        .balloon_kb = enclave->balloon_kb,
    };
    error = state_save(table->config->state, &entry);
    if (error)
        say_warning("enclave %" PRIu32 " will not survive a restart of the agent: %s", enclave->id,
                    strerror(-error));
    say_info("enclave %" PRIu32 " (%.64s, %" PRIu64 " pages) for process %d of user %u",
             enclave->id, enclave->image.header->name, enclave->frames,
             (int)enclave->owner.process.pid, enclave->owner.uid);

    enclave->waiting = false;
    table->events.answer(table->context, enclave->owner.app, enclave->number, &good,
                         &enclave->loaded, sizeof(enclave->loaded), enclave->grant.descriptor);
    /* From here on the application alone keeps the shared pages. */
    image_close(&enclave->image);
    grant_release(&enclave->grant);
}

static void shared(void *context, int error, const struct cloister_msg_reply *reply,
                   const void *body, size_t size)
{
    struct enclave *enclave = context;
    const struct cloister_msg_enclave request = {.enclave = enclave->id};
    const struct hostlink_part part = {&request, sizeof(request)};

    (void)body;
    if (!replied(enclave, error, reply, size, 0, "share memory with the enclave"))
        return;
    enclave->step = ENCLAVE_INITIALISING;
    send(enclave, CLOISTER_MSG_INIT, &part, 1, initialised);
}

static void share(struct enclave *enclave)
{
    const struct cloister_msg_share request = {.enclave = enclave->id,
                                               .count = enclave->grant.count};
    const struct hostlink_part parts[] = {
        {&request, sizeof(request)},
        {enclave->grant.refs, enclave->grant.count * sizeof(uint32_t)},
    };

    enclave->step = ENCLAVE_SHARING;
    send(enclave, CLOISTER_MSG_SHARE, parts, 2, shared);
}

static void added(void *context, int error, const struct cloister_msg_reply *reply,
                  const void *body, size_t size);

static bool read_content(struct enclave *enclave, uint32_t count, uint8_t *pages)
{
    struct app_reply why;

    if (!image_read(&enclave->image, enclave->next_content, count, pages))
        return true;
    app_refuse(&why, -EIO, APP_ORIGIN_AGENT,
               "the image cannot be read: it was changed while it was loaded");
    enclave_failed(enclave, &why);
    return false;
}

/* Sends the next run of records of one kind: with content, or zeros. */
static bool add_run(struct enclave *enclave)
{
    static uint8_t content[CLOISTER_MAX_ADD * CLOISTER_PAGE_SIZE]; /* hostlink copies it */
    const struct cloister_page_record *records = enclave->image.records + enclave->next_record;
    uint32_t left = enclave->image.header->launch.record_count - enclave->next_record;
    bool zero = records[0].flags & CLOISTER_PAGE_ZERO;
    uint32_t most = zero ? MAX_ZERO_RECORDS : CLOISTER_MAX_ADD, count = 0;

    while (count < left && count < most &&
           (bool)(records[count].flags & CLOISTER_PAGE_ZERO) == zero)
        count++;

    const struct cloister_msg_add request = {
        .enclave = enclave->id, .count = count, .content_count = zero ? 0 : count};
    const struct hostlink_part parts[] = {
        {&request, sizeof(request)},
        {records, count * sizeof(*records)},
        {content, (size_t)request.content_count * CLOISTER_PAGE_SIZE},
    };
    if (!zero && !read_content(enclave, count, content))
        return false;
    if (!send(enclave, CLOISTER_MSG_ADD, parts, zero ? 2 : 3, added))
        return false;
    enclave->next_record += count;
    enclave->next_content += request.content_count;
    return true;
}

static void add(struct enclave *enclave)
{
    const uint32_t total = enclave->image.header->launch.record_count;

    enclave->step = ENCLAVE_ADDING;
    while (enclave->in_flight < ADDS_IN_FLIGHT && enclave->next_record < total)
        if (!add_run(enclave))
            return;
    if (!enclave->in_flight)
        share(enclave);
}

static void added(void *context, int error, const struct cloister_msg_reply *reply,
                  const void *body, size_t size)
{
    struct enclave *enclave = context;

    (void)body;
    if (replied(enclave, error, reply, size, 0, "add pages"))
        add(enclave);
}

static void created(void *context, int error, const struct cloister_msg_reply *reply,
                    const void *body, size_t size)
{
    struct enclave *enclave = context;
    struct cloister_msg_enclave answer;

    /* The id first: even one that nobody wants any more must be destroyed. */
    if (!error && size == sizeof(answer)) {
        memcpy(&answer, body, sizeof(answer));
        enclave->id = answer.enclave;
        enclave->loaded.enclave = answer.enclave;
    }
    if (replied(enclave, error, reply, size, sizeof(answer), "create the enclave"))
        add(enclave);
}

static void create(struct enclave *enclave)
{
    const struct hostlink_part part = {enclave->image.header, CLOISTER_IMAGE_HEADER_SIZE};

    enclave->step = ENCLAVE_CREATING;
    send(enclave, CLOISTER_MSG_CREATE, &part, 1, created);
}

/* Gives memory back to the host first, if that was asked for. */
static int shrink(struct enclave *enclave)
{
    const struct config *config = enclave->table->config;
    uint64_t kb = 4 * (enclave->frames + OVERHEAD_FRAMES((uint64_t)enclave->loaded.thread_count));
    int error = balloon_shrink(kb, config->balloon_keep);
    struct app_reply why;

    if (!error) {
        enclave->balloon_kb = kb;
        enclave->balloon_until = enclave->table->now + BALLOON_PATIENCE;
        return 0;
    }
    app_refuse(&why, error, APP_ORIGIN_AGENT,
               error == -ENOMEM ? "the tenant cannot give %" PRIu64
                                  " KiB to the host and keep enough for itself"
                                : "the balloon driver cannot give %" PRIu64 " KiB to the host",
               kb);
    enclave_failed(enclave, &why);
    return error;
}

void loading_begin(struct enclave *enclave)
{
    enclave->step = ENCLAVE_BALLOONING;
    if (enclave->table->config->balloon) {
        if (!enclave->balloon_kb && shrink(enclave))
            return;
        if (!balloon_settled() && enclave->table->now < enclave->balloon_until)
            return; /* the next tick comes here again */
    }
    create(enclave);
}
