/* SPDX-License-Identifier: MIT */
#include "service/instances.h"

#include <stdio.h>
#include <string.h>

#include "base/say.h"

struct search {
    const struct store_instance *ours;
    char why[400];
};

static bool announces(const struct store_instance *instance, const char *key)
{
    return !strcmp(instance->key, key) || !strcmp(instance->next_key, key);
}

const char *instances_differ(const struct store_instance *ours, const struct store_instance *other)
{
    if (strcmp(ours->issuer, other->issuer) != 0) {
        return "issuer";
    }
    return announces(ours, other->key) && announces(other, ours->key) ? NULL : "signing-key";
}

static void look_at(void *context, const struct store_instance *other)
{
    struct search *search = context;
    const struct store_instance *ours = search->ours;
    const char *differs = strcmp(other->id, ours->id) ? instances_differ(ours, other) : NULL;
    const bool issuer = differs && !strcmp(differs, "issuer");

    if (differs && !*search->why) {
        snprintf(search->why, sizeof(search->why),
                 "%s: an instance with the same store has %.120s, this one %.120s%s", differs,
                 issuer ? other->issuer : other->key, issuer ? ours->issuer : ours->key,
                 issuer ? "" : "; each must be signing-key or next-signing-key of both");
    }
}

static void describe(const struct instances *instances, struct service *service,
                     struct store_instance *ours)
{
    struct material *material = service_material(service);

    *ours = (struct store_instance){.seen = clock_seconds()};
    snprintf(ours->id, sizeof(ours->id), "%s", instances->id);
    snprintf(ours->issuer, sizeof(ours->issuer), "%s", service->config.issuer);
    snprintf(ours->key, sizeof(ours->key), "%s", material->signer.kid);
    if (material->next_signer.key) {
        snprintf(ours->next_key, sizeof(ours->next_key), "%s", material->next_signer.kid);
    }
    material_put(material);
}

/* Inside a transaction. 0 or -EIO; search->why: who does not fit. */
static int meet(struct instances *instances, struct db *db, struct search *search)
{
    const struct store_instance *ours = search->ours;
    int rc = store_instance_list(db, ours->seen - INSTANCES_GONE_S, look_at, search);

    if (!rc && (!*search->why || instances->joined)) {
        rc = store_instance_put(db, ours, ours->seen - INSTANCES_GONE_S);
    }
    return rc;
}

void instances_tick(struct instances *instances, struct service *service, struct db *db)
{
    int64_t now = clock_nanoseconds() / 1000000000;
    struct store_instance ours;
    struct search search = {.ours = &ours};
    int rc = 0;

    if (now < instances->next) {
        return;
    }
    instances->next = now + INSTANCES_PERIOD_S;
    if (!*instances->id) {
        rc = store_event_id(instances->id);
    }
    describe(instances, service, &ours);
    rc = rc ? rc : store_begin(db);
    rc = rc ? rc : meet(instances, db, &search);
    rc = rc ? rc : store_commit(db);
    if (rc) {
        store_rollback(db);
        return;
    }
    if (*search.why && (!instances->joined || !instances->misfits)) {
        say_error("%s", search.why);
        atomic_store(&service->misfit, !instances->joined);
    }
    instances->misfits = *search.why;
    instances->joined = instances->joined || !*search.why;
}

void instances_leave(struct instances *instances, struct db *db)
{
    if (instances->joined &&
        (store_begin(db) || store_instance_delete(db, instances->id) || store_commit(db))) {
        store_rollback(db);
    }
}
