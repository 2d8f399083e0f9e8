/* SPDX-License-Identifier: MIT */
#include "domains/libvirtd.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "domains/quota.h"
#include "base/say.h"

#define REFRESH 10000  /* milliseconds between looks without an event */
#define RETRY_FIRST 1u /* seconds between attempts to connect, doubled up to RETRY_LAST */
#define RETRY_LAST 16u

static char uri_[128];
static int wakeup = -1;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct libvirtd_domain *domains; /* under lock, as are the two below */
static size_t domain_count;
static char state[256] = "not used";

/* Of the thread alone. */
static bool dirty, lost;

static void set_state(const char *text)
{
    pthread_mutex_lock(&lock);
    bool news = strcmp(state, text) != 0;
    snprintf(state, sizeof(state), "%s", text);
    pthread_mutex_unlock(&lock);
    if (news)
        say(strcmp(text, "connected") ? SAY_WARNING : SAY_INFO, "libvirt: %s", text);
    if (news && write(wakeup, &(uint64_t){1}, sizeof(uint64_t)) < 0)
        say_debug("nobody took the last wake-up yet");
}

void libvirtd_state(char *text, size_t size)
{
    pthread_mutex_lock(&lock);
    snprintf(text, size, "%s", state);
    pthread_mutex_unlock(&lock);
}

struct libvirtd_domain *libvirtd_domains(size_t *count, bool *connected)
{
    struct libvirtd_domain *copy = NULL;

    pthread_mutex_lock(&lock);
    *count = domain_count;
    *connected = !strcmp(state, "connected");
    if (domain_count)
        copy = malloc(domain_count * sizeof(*copy));
    if (copy)
        memcpy(copy, domains, domain_count * sizeof(*copy));
    else
        *count = 0;
    pthread_mutex_unlock(&lock);
    return copy;
}

int libvirtd_descriptor(void)
{
    return wakeup;
}

static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail,
                        void *unused)
{
    (void)connection, (void)domain, (void)event, (void)detail, (void)unused;
    dirty = true;
    return 0;
}

static void on_metadata(virConnectPtr connection, virDomainPtr domain, int type,
                        const char *namespace, void *unused)
{
    (void)connection, (void)domain, (void)type, (void)namespace, (void)unused;
    dirty = true;
}

static void on_close(virConnectPtr connection, int reason, void *unused)
{
    (void)connection, (void)reason, (void)unused;
    lost = true;
}

static void on_timer(int timer, void *unused)
{
    (void)timer, (void)unused;
    dirty = true;
}

static void on_error(void *unused, virErrorPtr error)
{
    (void)unused, (void)error; /* asked for where it matters; libvirt would print it */
}

static void describe(virDomainPtr domain, struct libvirtd_domain *entry)
{
    memset(entry, 0, sizeof(*entry));
    entry->id = (int)virDomainGetID(domain);
    snprintf(entry->name, sizeof(entry->name), "%s", virDomainGetName(domain));
    char uuid[VIR_UUID_STRING_BUFLEN];
    if (!virDomainGetUUIDString(domain, uuid))
        snprintf(entry->uuid, sizeof(entry->uuid), "%s", uuid);
    char *xml = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, QUOTA_NAMESPACE, 0);
    if (xml) {
        entry->has_quota = true;
        entry->bad_quota = !quota_parse_metadata(xml, &entry->frames);
        if (entry->bad_quota)
            say_warning("domain %s: its metadata element enclave-memory is not a size",
                        entry->name);
    }
    free(xml);
}

static bool look(virConnectPtr connection)
{
    virDomainPtr *list;
    int count = virConnectListAllDomains(connection, &list, VIR_CONNECT_LIST_DOMAINS_ACTIVE);

    if (count < 0)
        return false;
    struct libvirtd_domain *fresh = calloc((size_t)count + 1, sizeof(*fresh));
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        if (fresh && virDomainGetID(list[i]) != 0 && virDomainGetID(list[i]) != (unsigned int)-1)
            describe(list[i], &fresh[used++]);
        virDomainFree(list[i]);
    }
    free(list);
    if (!fresh)
        return false;
    pthread_mutex_lock(&lock);
    bool news = used != domain_count || (used && memcmp(fresh, domains, used * sizeof(*fresh)));
    free(domains);
    domains = fresh;
    domain_count = used;
    pthread_mutex_unlock(&lock);
    if (news && write(wakeup, &(uint64_t){1}, sizeof(uint64_t)) < 0)
        say_debug("nobody took the last wake-up yet");
    return true;
}

/* Follows one connection until it is lost. */
static void follow(virConnectPtr connection)
{
    dirty = true;
    lost = false;
    virConnectRegisterCloseCallback(connection, on_close, NULL, NULL);
    virConnectSetKeepAlive(connection, 5, 3);
    virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                     VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), NULL, NULL);
    /* Not every libvirt has this event for Xen; the refresh covers those. */
    virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
                                     VIR_DOMAIN_EVENT_CALLBACK(on_metadata), NULL, NULL);
    int timer = virEventAddTimeout(REFRESH, on_timer, NULL, NULL);
    while (!lost) {
        if (dirty) {
            dirty = false;
            if (!look(connection))
                break;
            set_state("connected");
        }
        if (virEventRunDefaultImpl())
            break;
    }
    if (timer >= 0)
        virEventRemoveTimeout(timer);
    virConnectUnregisterCloseCallback(connection, on_close);
}

static void *run(void *unused)
{
    unsigned int pause = RETRY_FIRST;

    (void)unused;
    for (;;) {
        virConnectPtr connection = virConnectOpenReadOnly(uri_);

        if (connection) {
            pause = RETRY_FIRST;
            follow(connection);
            virConnectClose(connection);
            set_state("the connection to libvirtd was lost; trying again");
        } else {
            virErrorPtr error = virGetLastError();
            char text[256];

            snprintf(text, sizeof(text), "no connection to libvirtd at %s: %s", uri_,
                     error && error->message ? error->message : "unknown error");
            set_state(text);
        }
        sleep(pause);
        pause = pause * 2 > RETRY_LAST ? RETRY_LAST : pause * 2;
    }
    return NULL;
}

int libvirtd_initialise(const char *uri)
{
    pthread_t thread;

    wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wakeup < 0)
        return -errno;
    snprintf(uri_, sizeof(uri_), "%s", uri);
    if (!uri_[0])
        return 0;
    snprintf(state, sizeof(state), "connecting");
    virSetErrorFunc(NULL, on_error);
    if (virInitialize() || virEventRegisterDefaultImpl()) {
        set_state("the library does not start");
        return 0;
    }
    int rc = pthread_create(&thread, NULL, run, NULL);
    if (!rc)
        pthread_detach(thread); /* it may hang in libvirtd; the process does not wait for it */
    return -rc;
}
