/* SPDX-License-Identifier: MIT */
#include "service/service.h"

#include <errno.h>
#include <stdio.h>

int service_load(struct service *service, char *why, size_t why_size)
{
    pthread_mutex_init(&service->lock, NULL);
    service->material = material_load(&service->config, clock_seconds(), why, why_size);
    if (!service->material) {
        return -EINVAL;
    }
    service->policies = policies_new();
    service->known = known_new();
    if (!service->policies || !service->known) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    return 0;
}

bool service_reload(struct service *service, const struct config *config, char *why,
                    size_t why_size)
{
    struct material *fresh = material_load(config, clock_seconds(), why, why_size), *former;

    if (!fresh) {
        return false;
    }
    pthread_mutex_lock(&service->lock);
    former = service->material;
    service->material = fresh;
    pthread_mutex_unlock(&service->lock);
    material_put(former);
    return true;
}

void service_release(struct service *service)
{
    known_free(service->known);
    policies_free(service->policies);
    material_put(service->material);
    OPENSSL_cleanse(service->sealing_key, sizeof(service->sealing_key));
}

struct material *service_material(struct service *service)
{
    struct material *material;

    pthread_mutex_lock(&service->lock);
    material = material_take(service->material);
    pthread_mutex_unlock(&service->lock);
    return material;
}

SSL *service_new_tls(struct service *service)
{
    struct material *material = service_material(service);
    SSL *ssl = SSL_new(material->tls); /* it keeps the context */

    material_put(material);
    return ssl;
}

enum role service_role(struct service *service, const char *subject)
{
    struct material *material = service_material(service);
    enum role role = roles_of(material->roles, subject);

    material_put(material);
    return role;
}

bool service_is_current(struct service *service, const SSL *ssl)
{
    struct material *material = service_material(service);
    bool current = SSL_get_SSL_CTX(ssl) == material->tls;

    material_put(material);
    return current;
}

void service_count_reply(struct service *service, int status)
{
    unsigned int first = (unsigned int)status / 100;

    if (first < sizeof(service->counts.replies) / sizeof(service->counts.replies[0])) {
        atomic_fetch_add_explicit(&service->counts.replies[first], 1, memory_order_relaxed);
    }
}
