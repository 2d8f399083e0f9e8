/* SPDX-License-Identifier: MIT */
#include "agent/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"

/* One application's question; the host may have to be asked several times for it. */
struct listing {
    struct agent *agent;
    struct owner from;
    uint32_t number;
    uint32_t start; /* of the page that was asked for */
    uint32_t count;
    struct cloister_enclave_info entries[APP_MAX_LIST];
};

static int ask(struct listing *listing);

static void finish(struct listing *listing, int error)
{
    struct app_reply reply = {0};

    if (error)
        app_refuse(&reply, error, APP_ORIGIN_AGENT, "the host gives no list: %s", strerror(-error));
    apps_answer(listing->agent->apps, listing->from.app, listing->number, &reply, listing->entries,
                error ? 0 : listing->count * sizeof(listing->entries[0]), -1);
    free(listing);
}

static void listed(void *context, int error, const struct cloister_msg_reply *reply,
                   const void *body, size_t size)
{
    struct listing *listing = context;
    struct cloister_enclave_info entry;
    uint32_t last = 0;

    (void)reply;
    if (!error && size % sizeof(entry))
        error = -EPROTO;
    if (error) {
        finish(listing, error);
        return;
    }
    for (size_t at = 0; at < size && listing->count < APP_MAX_LIST; at += sizeof(entry)) {
        memcpy(&entry, (const uint8_t *)body + at, sizeof(entry));
        last = entry.enclave;
        if (enclaves_visible(&listing->agent->enclaves, listing->from.uid, entry.enclave))
            listing->entries[listing->count++] = entry;
    }
    if (size == 0 || listing->count == APP_MAX_LIST || last < listing->start ||
        last == UINT32_MAX) {
        finish(listing, 0);
        return;
    }
    listing->start = last + 1;
    error = ask(listing);
    if (error)
        finish(listing, error);
}

static int ask(struct listing *listing)
{
    const struct cloister_msg_enclave body = {.enclave = listing->start};
    const struct hostlink_part part = {&body, sizeof(body)};
    const struct hostlink_asker asker = {listing->from.app, listing->from.account};

    return hostlink_request(listing->agent->link, &asker, CLOISTER_MSG_LIST, &part, 1, listed,
                            listing);
}

int listing_begin(struct agent *agent, const struct owner *from, uint32_t number, uint32_t start)
{
    struct listing *listing = calloc(1, sizeof(*listing));
    int error;

    if (!listing)
        return -ENOMEM;
    listing->agent = agent;
    listing->number = number;
    listing->from = *from;
    listing->start = start;
    error = ask(listing);
    if (error)
        free(listing);
    return error;
}
