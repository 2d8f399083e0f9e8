/* SPDX-License-Identifier: MIT */
#include "domains/domains.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "domains/libvirtd.h"
#include "base/loop.h"
#include "log/names.h"
#include "log/notes.h"
#include "domains/quota.h"
#include "base/number.h"
#include "base/say.h"
#include "domains/store.h"

#define REFRESH 5000u /* milliseconds between scans without an event */

static struct domain *domains;
static size_t count;
static struct hypercalls *monitor_;
static struct domain_hooks hooks_;
static char quota_directory[CONFIG_TEXT + 16];
static bool wanted = true;
static uint64_t scanned; /* when; 0: never */

static void note_domain(const struct domain *domain, const char *event)
{
    struct note note;

    note_begin(&note, "domain");
    line_text(&note.line, "event", event);
    line_number(&note.line, "domain", domain->id);
    line_text(&note.line, "domain_name", domain->name);
    line_text(&note.line, "domain_uuid", domain->uuid);
    note_end(&note);
    say_info("domain %u (%s) %s", domain->id, domain->name[0] ? domain->name : "no name", event);
}

static void note_quota(const struct domain *domain)
{
    static const char *const sources[] = {"none", "metadata", "override"};
    struct note note;

    note_begin(&note, "quota");
    line_number(&note.line, "domain", domain->id);
    line_text(&note.line, "domain_name", domain->name);
    line_text(&note.line, "domain_uuid", domain->uuid);
    line_number(&note.line, "frames", domain->frames);
    line_text(&note.line, "source", sources[domain->source]);
    note_end(&note);
}

static void problem(struct domain *domain, const char *text)
{
    if (strcmp(domain->problem, text) && text[0])
        say_warning("quota of domain %u (%s): %s", domain->id, domain->name, text);
    snprintf(domain->problem, sizeof(domain->problem), "%s", text);
}

/* What the quota is to be. False: nobody says, or it cannot be found out. */
static bool choose_quota(struct domain *domain, enum domain_quota_source *source, uint64_t *frames)
{
    int rc = quota_override(quota_directory, domain->uuid, frames);

    *source = QUOTA_OVERRIDE;
    if (rc && rc != -ENOENT) {
        char text[200];

        snprintf(text, sizeof(text), "%s/%s: %s", quota_directory, domain->uuid,
                 rc == -EINVAL ? "this is not a size" : strerror(-rc));
        problem(domain, text);
        return false;
    }
    if (!rc)
        return true;
    *source = domain->has_metadata ? QUOTA_METADATA : QUOTA_UNSET;
    *frames = domain->has_metadata ? domain->metadata_frames : 0;
    /* What we set once and nobody wants any more goes back to nothing. */
    return domain->has_metadata || domain->source != QUOTA_UNSET;
}

static int apply_quota(struct domain *domain)
{
    struct cloister_domain now = {.domain = domain->id};
    int rc = hypercall_domain(monitor_, &now);
    char text[200];

    if (!rc && now.quota == domain->frames)
        return 0; /* as after a restart of ours */
    struct cloister_quota op = {.domain = domain->id, .set = 1, .limit = domain->frames};
    rc = hypercall_quota(monitor_, &op);
    if (rc) {
        hypercall_describe(rc, &op.head, text, sizeof(text));
        problem(domain, text);
    } else {
        note_quota(domain);
        say_info("domain %u (%s): enclave-memory quota is %llu KiB", domain->id, domain->name,
                 (unsigned long long)domain->frames * 4);
    }
    return rc;
}

static void update_quota(struct domain *domain)
{
    enum domain_quota_source source;
    uint64_t frames;

    if (!choose_quota(domain, &source, &frames))
        return;
    if (domain->applied && domain->source == source && domain->frames == frames)
        return;
    domain->source = source;
    domain->frames = frames;
    domain->applied = apply_quota(domain) == 0;
    if (domain->applied)
        problem(domain, "");
}

static void identify(struct domain *domain)
{
    char name[sizeof(domain->name)], uuid[sizeof(domain->uuid)];

    store_identity(domain->id, name, uuid, sizeof(uuid));
    if (!quota_is_uuid(uuid))
        uuid[0] = 0;
    if (!strcmp(name, domain->name) && !strcmp(uuid, domain->uuid))
        return;
    strcpy(domain->name, name);
    strcpy(domain->uuid, uuid);
    names_set(domain->id, name, uuid);
}

static void take_metadata(struct domain *domain, const struct libvirtd_domain *known, size_t number,
                          bool connected)
{
    for (size_t i = 0; i < number; i++) {
        if (known[i].id != domain->id || strcmp(known[i].uuid, domain->uuid))
            continue;
        domain->libvirt = true;
        domain->has_metadata = known[i].has_quota && !known[i].bad_quota;
        domain->metadata_frames = known[i].frames;
        return;
    }
    if (connected)
        domain->libvirt = domain->has_metadata = false;
}

static bool contains(const uint16_t *ids, int number, uint16_t id)
{
    for (int i = 0; i < number; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

static void remove_gone(const uint16_t *ids, int number)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (contains(ids, number, domains[i].id)) {
            domains[kept++] = domains[i];
            continue;
        }
        note_domain(&domains[i], "stopped");
        hooks_.gone(&domains[i]);
    }
    count = kept;
}

static struct domain *add(uint16_t id)
{
    struct domain *grown = realloc(domains, (count + 1) * sizeof(*grown));
    size_t place = count;

    if (!grown)
        return NULL;
    domains = grown;
    while (place && domains[place - 1].id > id)
        place--;
    memmove(&domains[place + 1], &domains[place], (count - place) * sizeof(*domains));
    count++;
    domains[place] = (struct domain){.id = id};
    return &domains[place];
}

/* `first`: they ran before this daemon did. */
static void add_new(const uint16_t *ids, int number, bool first)
{
    for (int i = 0; i < number; i++) {
        bool known = false;

        for (size_t j = 0; j < count; j++)
            known = known || domains[j].id == ids[i];
        struct domain *domain = known ? NULL : add(ids[i]);
        if (domain) {
            identify(domain);
            note_domain(domain, first ? "found" : "started");
            hooks_.appeared(domain);
        }
    }
}

static void scan(uint64_t now)
{
    uint16_t *ids;
    int number = store_domains(&ids);
    bool connected, first = scanned == 0;
    size_t known_count;

    scanned = now;
    wanted = false;
    if (number < 0) {
        say_error("xenstore does not list the domains: %s", strerror(-number));
        return;
    }
    remove_gone(ids, number);
    add_new(ids, number, first);
    free(ids);
    struct libvirtd_domain *known = libvirtd_domains(&known_count, &connected);
    for (size_t i = 0; i < count; i++) {
        identify(&domains[i]);
        take_metadata(&domains[i], known, known_count, connected);
        update_quota(&domains[i]);
    }
    free(known);
}

static void changed(void)
{
    wanted = true;
}

static void libvirt_ready(struct loop_watch *watch, uint32_t events)
{
    uint64_t value;

    (void)events;
    if (read(watch->fd, &value, sizeof(value)) == sizeof(value))
        wanted = true;
}

static struct loop_watch libvirt_watch = {.ready = libvirt_ready};

static bool round_(uint64_t now)
{
    if (wanted || now - scanned > REFRESH)
        scan(now);
    return false;
}

int domains_initialise(const struct config *config, struct hypercalls *monitor,
                       const struct domain_hooks *hooks, char *why, size_t why_size)
{
    monitor_ = monitor;
    hooks_ = *hooks;
    snprintf(quota_directory, sizeof(quota_directory), "%s/quota.d", config->state_directory);
    int rc = store_initialise(why, why_size);
    if (rc)
        return rc;
    store_on_domains(changed);
    rc = libvirtd_initialise(config->libvirt_uri);
    if (!rc) {
        libvirt_watch.fd = libvirtd_descriptor();
        rc = loop_add(&libvirt_watch, EPOLLIN);
    }
    if (rc)
        snprintf(why, why_size, "cannot follow libvirt: %s", strerror(-rc));
    loop_on_round(round_);
    return rc;
}

void domains_finalise(void)
{
    loop_remove(&libvirt_watch);
    store_finalise();
    free(domains);
    domains = NULL;
    count = 0;
}

const struct domain *domains_all(size_t *number)
{
    *number = count;
    return domains;
}

const struct domain *domains_find(const char *text)
{
    char name[RECORD_NAME];
    uint64_t id;
    bool is_id = number_read(text, 10, 0, UINT16_MAX, &id);
    const struct domain *found = NULL;

    names_fit(name, text);
    for (size_t i = 0; *text && i < count; i++) {
        if (!strcasecmp(domains[i].uuid, text))
            return &domains[i];
        if (strcmp(domains[i].name, name) != 0)
            continue;
        if (found)
            return NULL;
        found = &domains[i];
    }
    if (found)
        return found;
    for (size_t i = 0; is_id && i < count; i++) {
        if (domains[i].id == id)
            return &domains[i];
    }
    return NULL;
}

int domains_set_quota(const struct domain *domain, const uint64_t *frames, char *why,
                      size_t why_size)
{
    struct domain *entry = &domains[domain - domains];

    if (!entry->uuid[0]) {
        snprintf(why, why_size, "domain %u has no UUID to keep the quota for", entry->id);
        return -EINVAL;
    }
    int rc = quota_set_override(quota_directory, entry->uuid, frames);
    if (rc) {
        snprintf(why, why_size, "cannot keep the quota in %s: %s", quota_directory, strerror(-rc));
        return rc;
    }
    entry->applied = false;
    update_quota(entry);
    if (entry->problem[0]) {
        snprintf(why, why_size, "%s", entry->problem);
        return -EIO;
    }
    return 0;
}
