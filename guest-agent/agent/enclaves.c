/* SPDX-License-Identifier: MIT */
#include "agent/enclaves.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/account.h"
#include "agent/balloon.h"
#include "agent/loading.h"
#include "base/say.h"
#include "agent/state.h"

void enclaves_start(struct enclaves *table, const struct config *config, struct hostlink *link,
                    const struct enclaves_events *events, void *context)
{
    *table =
        (struct enclaves){.config = config, .link = link, .events = *events, .context = context};
}

static struct enclave *find(const struct enclaves *table, uint32_t id)
{
    /* Those that are being created have no id yet. */
    if (!id)
        return NULL;
    for (struct enclave *enclave = table->first; enclave; enclave = enclave->next)
        if (enclave->id == id)
            return enclave;
    return NULL;
}

void enclaves_stop(struct enclaves *table)
{
    while (table->first) {
        struct enclave *enclave = table->first;

        enclave->waiting = false;
        enclave_forget(enclave, enclave->step == ENCLAVE_LIVING);
    }
}

static void adopt_one(void *context, const struct state_entry *entry)
{
    struct enclaves *table = context;
    struct enclave *enclave;

    if (!process_alive(&entry->process)) {
        /* The host's list still has it, we shall not: it will be destroyed. */
        state_remove(table->config->state, entry->id);
        balloon_grow(entry->balloon_kb);
        return;
    }
    enclave = calloc(1, sizeof(*enclave));
    if (!enclave)
        return;
    enclave->table = table;
    enclave->owner = (struct owner){
        .app = 0, .uid = entry->uid, .account = account_of(entry->uid), .process = entry->process};
    enclave->step = ENCLAVE_LIVING;
    enclave->id = entry->id;
    memcpy(enclave->loaded.handle, entry->handle, sizeof(entry->handle));
    enclave->frames = entry->frames;
    enclave->balloon_kb = entry->balloon_kb;
    enclave->image = IMAGE_NONE;
    enclave->grant = GRANT_NONE;
    enclave->next = table->first;
    table->first = enclave;
    say_info("enclave %" PRIu32 " belongs to process %d, which still runs", entry->id,
             (int)entry->process.pid);
}

void enclaves_adopt(struct enclaves *table)
{
    state_load(table->config->state, adopt_one, table);
}

void enclaves_usage(const struct enclaves *table, uid_t account, uint32_t *count, uint64_t *frames)
{
    *count = 0;
    *frames = 0;
    for (const struct enclave *enclave = table->first; enclave; enclave = enclave->next)
        if (enclave->owner.account == account) {
            (*count)++;
            *frames += enclave->frames;
        }
}

uint32_t enclaves_count(const struct enclaves *table)
{
    uint32_t count = 0;

    for (const struct enclave *enclave = table->first; enclave; enclave = enclave->next)
        count++;
    return count;
}

bool enclaves_visible(const struct enclaves *table, uid_t uid, uint32_t id)
{
    const struct enclave *enclave = find(table, id);

    return uid == 0 || (enclave && enclave->owner.uid == uid);
}

/* Refuses what would make `used` more than `limit`, which is the setting `key`; `whose` begins the
 * sentence. */
static bool too_many(struct app_reply *refusal, const char *whose, uint64_t used, uint64_t more,
                     uint64_t limit, const char *things, const char *key)
{
    if (more <= limit && used <= limit - more)
        return false;
    app_refuse(refusal, -EDQUOT, APP_ORIGIN_AGENT,
               "%s %" PRIu64 " %s, %" PRIu64 " more are wanted, and %" PRIu64
               " are allowed (%s in agent.conf)",
               whose, used, things, more, limit, key);
    refusal->found = used + more;
    refusal->allowed = limit;
    return true;
}

static bool within_limits(const struct enclaves *table, const struct owner *owner, uint64_t frames,
                          struct app_reply *refusal)
{
    const struct config *config = table->config;
    const struct limits *limits = config_limits(config, owner->account);
    uint64_t used, total = 0;
    uint32_t count;
    char user[32];

    enclaves_usage(table, owner->account, &count, &used);
    snprintf(user, sizeof(user), "user %u has", owner->account);
    for (const struct enclave *enclave = table->first; enclave; enclave = enclave->next)
        total += enclave->frames;
    return !too_many(refusal, user, count, 1, limits->max_enclaves, "enclaves", "max_enclaves") &&
           !too_many(refusal, user, used, frames, limits->max_frames, "frames", "max_frames") &&
           !too_many(refusal, "all users together have", enclaves_count(table), 1,
                     config->total_enclaves, "enclaves", "total_enclaves") &&
           !too_many(refusal, "all users together have", total, frames, config->total_frames,
                     "frames", "total_frames");
}

int enclaves_admit(const struct enclaves *table, const struct owner *owner,
                   const struct cloister_launch *launch, struct app_reply *refusal)
{
    if (!within_limits(table, owner, launch->record_count, refusal))
        return refusal->error;
    if (hostlink_state(table->link) == HOSTLINK_UP)
        return 0;
    app_refuse(refusal, -EHOSTDOWN, APP_ORIGIN_AGENT,
               "the host daemon (cloisterd) is not connected");
    return refusal->error;
}

int enclaves_load(struct enclaves *table, const struct owner *owner, uint32_t number,
                  struct image *image, struct app_reply *refusal)
{
    const struct cloister_launch *launch = &image->header->launch;
    struct enclave *enclave = NULL;
    struct grant grant = GRANT_NONE;
    int error;

    if (enclaves_admit(table, owner, launch, refusal))
        goto refused;
    error = grant_allocate(launch->shared_count, &grant);
    if (error) {
        app_refuse(refusal, error, APP_ORIGIN_AGENT,
                   "cannot allocate %" PRIu32 " pages for the shared window: %s%s",
                   launch->shared_count, strerror(-error),
                   error == -ENOSPC                       ? " (grant_limit in agent.conf)"
                   : error == -ENOENT || error == -ENODEV ? " (load xen-gntalloc)"
                                                          : "");
        goto refused;
    }
    enclave = calloc(1, sizeof(*enclave));
    if (!enclave) {
        app_refuse(refusal, -ENOMEM, APP_ORIGIN_AGENT, "the agent has no memory left");
        goto refused;
    }

    enclave->table = table;
    enclave->owner = *owner;
    enclave->number = number;
    enclave->waiting = true;
    enclave->image = *image;
    *image = IMAGE_NONE;
    enclave->grant = grant;
    enclave->frames = launch->record_count;
    enclave->loaded.thread_count = launch->thread_count;
    enclave->loaded.shared_pages = launch->shared_count;
    enclave->loaded.flags = launch->flags;
    enclave->loaded.map_offset = grant.offset;
    enclave->loaded.image_version = enclave->image.header->image_version;
    enclave->loaded.security_version = enclave->image.header->security_version;
    memcpy(enclave->loaded.name, enclave->image.header->name, sizeof(enclave->loaded.name));
    enclave->next = table->first;
    table->first = enclave;
    loading_begin(enclave);
    return 0;

refused:
    grant_release(&grant);
    image_close(image);
    return refusal->error;
}

int enclaves_unload(struct enclaves *table, const struct owner *asker, uint32_t number,
                    const struct app_unload *unload, struct app_reply *refusal)
{
    struct enclave *enclave = find(table, unload->enclave);
    bool own = enclave && (enclave->owner.app ? enclave->owner.app == asker->app
                                              : enclave->owner.uid == asker->uid);

    /* Whoever knows the handle can do worse than measure this comparison. */
    if (!own || enclave->step < ENCLAVE_LIVING || enclave->loaded.handle[0] != unload->handle[0] ||
        enclave->loaded.handle[1] != unload->handle[1]) {
        app_refuse(refusal, -ENOENT, APP_ORIGIN_AGENT, "this application has no enclave %" PRIu32,
                   unload->enclave);
        return refusal->error;
    }
    if (enclave->step == ENCLAVE_ENDING) {
        app_refuse(refusal, -EALREADY, APP_ORIGIN_AGENT, "enclave %" PRIu32 " is being unloaded",
                   unload->enclave);
        return refusal->error;
    }
    if (hostlink_state(table->link) != HOSTLINK_UP) {
        enclave_end(enclave);
        app_refuse(refusal, -EHOSTDOWN, APP_ORIGIN_AGENT,
                   "the host daemon (cloisterd) is not connected; the enclave ends as soon as it "
                   "is back");
        return refusal->error;
    }
    enclave->owner.app = asker->app;
    enclave->number = number;
    enclave->waiting = true;
    enclave_end(enclave);
    return 0;
}

void enclaves_owner_gone(struct enclaves *table, uint64_t app)
{
    struct enclave *enclave, *next;

    for (enclave = table->first; enclave; enclave = next) {
        next = enclave->next;
        if (app && enclave->owner.app == app)
            enclave_abandon(enclave);
    }
}

static void ask_list(struct enclaves *table, uint32_t start);

static void orphan_destroyed(void *context, int error, const struct cloister_msg_reply *reply,
                             const void *body, size_t size)
{
    (void)context;
    (void)body;
    (void)size;
    if (error && reply && error != -ENOENT)
        say_error("an orphaned enclave cannot be destroyed: %s", strerror(-error));
}

static void destroy_orphan(struct enclaves *table, uint32_t id)
{
    const struct cloister_msg_enclave body = {.enclave = id};
    const struct hostlink_part part = {&body, sizeof(body)};

    say_info("enclave %" PRIu32 " belongs to nobody: destroyed", id);
    if (hostlink_request(table->link, NULL, CLOISTER_MSG_DESTROY, &part, 1, orphan_destroyed, NULL))
        say_warning("enclave %" PRIu32 " stays until the next connection", id);
}

/* The list is complete: what the host does not have is gone. */
static void listed_all(struct enclaves *table)
{
    struct enclave *enclave, *next;

    for (enclave = table->first; enclave; enclave = next) {
        next = enclave->next;
        if (enclave->unconfirmed && enclave->step == ENCLAVE_LIVING) {
            say_warning("the host has no enclave %" PRIu32 " any more", enclave->id);
            enclave_forget(enclave, false);
        }
    }
}

static void listed(void *context, int error, const struct cloister_msg_reply *reply,
                   const void *body, size_t size)
{
    struct enclaves *table = context;
    const struct cloister_enclave_info *info = body;
    size_t count = size / sizeof(*info);
    uint32_t last = 0;

    if (error || size % sizeof(*info)) {
        if (reply)
            say_error("the host daemon cannot list our enclaves: %s",
                      error ? strerror(-error) : "malformed list");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct cloister_enclave_info entry;
        struct enclave *enclave;

        memcpy(&entry, (const uint8_t *)body + i * sizeof(entry), sizeof(entry));
        enclave = find(table, entry.enclave);
        if (enclave)
            enclave->unconfirmed = false;
        else if (entry.enclave && entry.state != CLOISTER_ENCLAVE_DYING)
            destroy_orphan(table, entry.enclave);
        if (entry.enclave > last)
            last = entry.enclave;
    }
    if (count && last >= table->list_start && last != UINT32_MAX)
        ask_list(table, last + 1);
    else
        listed_all(table);
}

static void ask_list(struct enclaves *table, uint32_t start)
{
    const struct cloister_msg_enclave body = {.enclave = start};
    const struct hostlink_part part = {&body, sizeof(body)};

    table->list_start = start;
    if (hostlink_request(table->link, NULL, CLOISTER_MSG_LIST, &part, 1, listed, table))
        say_warning("cannot ask the host for our enclaves; trying on the next connection");
}

void enclaves_link_up(struct enclaves *table)
{
    for (struct enclave *enclave = table->first; enclave; enclave = enclave->next)
        enclave->unconfirmed = true;
    ask_list(table, 1);
}

void enclaves_link_down(struct enclaves *table)
{
    struct enclave *enclave, *next;

    /* Those with a request in flight have been told by its end. */
    for (enclave = table->first; enclave; enclave = next) {
        next = enclave->next;
        if (enclave->step != ENCLAVE_LIVING)
            enclave_failed_by_host(enclave, -ECONNRESET, NULL, "load the enclave");
    }
}

void enclaves_tick(struct enclaves *table, uint64_t now)
{
    struct enclave *enclave, *next;

    table->now = now;
    for (enclave = table->first; enclave; enclave = next) {
        next = enclave->next;
        if (enclave->step == ENCLAVE_BALLOONING)
            loading_begin(enclave);
        else if (enclave->step == ENCLAVE_ENDING && !enclave->in_flight)
            enclave_end(enclave);
        else if (enclave->step == ENCLAVE_LIVING && enclave->owner.app == 0 &&
                 !process_alive(&enclave->owner.process))
            enclave_abandon(enclave);
    }
}
