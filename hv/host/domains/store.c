/* SPDX-License-Identifier: MIT */
#include "domains/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#include "cloister/protocol.h"
#include "base/loop.h"
#include "log/names.h"

#define EVENTS_PER_ROUND 256

static struct xs_handle *xs;
static void (*domains_changed)(void);
static void (*agent_changed)(uint16_t domain);

static void ready(struct loop_watch *unused, uint32_t events)
{
    (void)unused, (void)events;
    for (int i = 0; i < EVENTS_PER_ROUND; i++) {
        char **event = xs_check_watch(xs);
        unsigned int domain;

        if (!event)
            return;
        if (!strcmp(event[XS_WATCH_TOKEN], "domains") && domains_changed)
            domains_changed();
        else if (sscanf(event[XS_WATCH_TOKEN], "agent:%5u", &domain) == 1 && agent_changed)
            agent_changed((uint16_t)domain);
        free(event);
    }
}

static struct loop_watch watch = {.ready = ready};

int store_initialise(char *why, size_t why_size)
{
    xs = xs_open(0);
    if (!xs) {
        int rc = errno ? -errno : -EIO;

        snprintf(why, why_size, "cannot reach xenstored (%s): is it running?", strerror(-rc));
        return rc;
    }
    watch.fd = xs_fileno(xs);
    int rc = loop_add(&watch, EPOLLIN);
    if (!rc && (!xs_watch(xs, "@introduceDomain", "domains") ||
                !xs_watch(xs, "@releaseDomain", "domains")))
        rc = -errno;
    if (rc)
        snprintf(why, why_size, "cannot watch xenstore: %s", strerror(-rc));
    return rc;
}

void store_finalise(void)
{
    loop_remove(&watch);
    xs_close(xs);
    xs = NULL;
}

void store_on_domains(void (*changed)(void))
{
    domains_changed = changed;
}

void store_on_agent(void (*changed)(uint16_t domain))
{
    agent_changed = changed;
}

int store_domains(uint16_t **ids)
{
    unsigned int count;
    char **names = xs_directory(xs, XBT_NULL, "/local/domain", &count);
    int used = 0;

    *ids = NULL;
    if (!names)
        return errno == ENOENT ? 0 : -errno;
    *ids = calloc(count + 1, sizeof(**ids));
    for (unsigned int i = 0; *ids && i < count; i++) {
        unsigned int id = (unsigned int)strtoul(names[i], NULL, 10);

        if (id > 0 && id < CLOISTER_NO_DOMAIN && xs_is_domain_introduced(xs, id))
            (*ids)[used++] = (uint16_t)id;
    }
    free(names);
    return *ids ? used : -ENOMEM;
}

static void read_name(const char *path, char name[RECORD_NAME])
{
    unsigned int length;
    char *value = xs_read(xs, XBT_NULL, path, &length);

    names_fit(name, value ? value : "");
    free(value);
}

static void read_text(const char *path, char *text, size_t size)
{
    unsigned int length;
    char *value = xs_read(xs, XBT_NULL, path, &length);

    snprintf(text, size, "%s", value ? value : "");
    free(value);
}

void store_identity(uint16_t domain, char name[RECORD_NAME], char *uuid, size_t uuid_size)
{
    char path[64], vm[64];

    snprintf(path, sizeof(path), "/local/domain/%u/name", domain);
    read_name(path, name);
    snprintf(path, sizeof(path), "/local/domain/%u/vm", domain);
    read_text(path, vm, sizeof(vm));
    snprintf(uuid, uuid_size, "%s", !strncmp(vm, "/vm/", 4) ? vm + 4 : "");
}

void store_agent_path(uint16_t domain, char *path, size_t size)
{
    snprintf(path, size, "/local/domain/%u/%s", domain, CLOISTER_VCHAN_PATH);
}

bool store_agent_offered(uint16_t domain)
{
    char path[96], port[16];

    snprintf(path, sizeof(path), "/local/domain/%u/%s/event-channel", domain, CLOISTER_VCHAN_PATH);
    read_text(path, port, sizeof(port));
    return port[0];
}

static void agent_watch(uint16_t domain, char *path, size_t path_size, char *token,
                        size_t token_size)
{
    store_agent_path(domain, path, path_size);
    snprintf(token, token_size, "agent:%u", domain);
}

void store_arm_agent(uint16_t domain)
{
    char path[96], token[16];

    agent_watch(domain, path, sizeof(path), token, sizeof(token));
    (void)xs_watch(xs, path, token);
}

void store_disarm_agent(uint16_t domain)
{
    char path[96], token[16];

    agent_watch(domain, path, sizeof(path), token, sizeof(token));
    (void)xs_unwatch(xs, path, token);
}
