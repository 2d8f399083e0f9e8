/* SPDX-License-Identifier: MIT */
#include "service/supervise.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/say.h"
#include "server/http.h"
#include "server/worker.h"
#include "server/writer.h"

#define DAY_S 86400
#define STUCK_S                                                                                    \
    60 /* of a thread that has done nothing: longer than anything that it may wait for */

/* What ends soon is said once a day, and after each reading. */
static void warn_of_end(struct service *service, int64_t *next)
{
    struct material *material = service_material(service);
    int64_t now = clock_seconds(), left = material->end.time - now;

    *next = clock_nanoseconds() / 1000000000 + DAY_S;
    if (left < 0) {
        say_error("%s: the certificate has expired", material->end.name);
    } else if (left < (int64_t)service->config.expiry_warning * DAY_S) {
        say_warning("%s: the certificate ends in %lld days and %lld hours", material->end.name,
                    (long long)(left / DAY_S), (long long)(left % DAY_S / 3600));
    }
    material_put(material);
}

/* The settings that name files are taken over; the others count when the service is started. */
static void merge(struct config *to, const struct config *fresh)
{
    memcpy(to->certificate, fresh->certificate, sizeof(to->certificate));
    memcpy(to->certificate_key, fresh->certificate_key, sizeof(to->certificate_key));
    memcpy(to->administrator_ca, fresh->administrator_ca, sizeof(to->administrator_ca));
    memcpy(to->administrator_crl, fresh->administrator_crl, sizeof(to->administrator_crl));
    memcpy(to->administrator_roles, fresh->administrator_roles, sizeof(to->administrator_roles));
    memcpy(to->signing_key, fresh->signing_key, sizeof(to->signing_key));
    memcpy(to->next_signing_key, fresh->next_signing_key, sizeof(to->next_signing_key));
    memcpy(to->ek_roots, fresh->ek_roots, sizeof(to->ek_roots));
}

static void reload(const struct supervised *all)
{
    struct config fresh, merged = all->service->config;
    char why[700];
    int64_t now = clock_nanoseconds() / 1000;

    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now);
    config_initialise(&fresh);
    if (config_load(&fresh, all->config_path, why, sizeof(why))) {
        say_error("reloading: %s; what was read before is used on", why);
    } else {
        merge(&merged, &fresh);
        if (!service_reload(all->service, &merged, why, sizeof(why))) {
            say_error("reloading: %s; what was read before is used on", why);
        } else {
            say_info("keys, certificates and CAs were read again%s",
                     memcmp(&merged, &fresh, sizeof(merged))
                         ? "; other settings have changed, too: they count after a restart"
                         : "");
        }
    }
    sd_notify(0, "READY=1");
}

/* Is each thread doing something, or has nothing to do? */
static bool is_alive(const struct supervised *all)
{
    int64_t since = clock_nanoseconds() / 1000000000 - STUCK_S;

    return http_is_alive(all->http, since) && workers_are_alive(all->workers, since) &&
           writer_is_alive(all->writer, since);
}

void supervise(const struct supervised *all, const sigset_t *signals)
{
    const struct timespec second = {1, 0};
    int64_t next_warning;
    bool alive = true;
    int number = 0;

    warn_of_end(all->service, &next_warning);
    sd_notify(0, "READY=1");
    while (number != SIGTERM && number != SIGINT && !atomic_load(&all->service->misfit)) {
        number = sigtimedwait(signals, NULL, &second);
        if (number == SIGHUP) {
            reload(all);
            next_warning = 0;
        }
        if (clock_nanoseconds() / 1000000000 >= next_warning) {
            warn_of_end(all->service, &next_warning);
        }
        if (is_alive(all)) {
            sd_notify(0, "WATCHDOG=1");
            alive = true;
        } else if (alive) {
            say_error("a thread has done nothing for %d s", STUCK_S);
            alive = false;
        }
    }
    sd_notify(0, "STOPPING=1");
    say_info("ending: %s", number > 0 ? strsignal(number) : "it does not fit to other instances");
}
