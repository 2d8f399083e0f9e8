/* SPDX-License-Identifier: MIT */
#include "service/config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/settings.h"

static bool read_url(const struct setting *setting, void *field, const char *value,
                     char expected[SETTINGS_EXPECTED])
{
    if (strncmp(value, "https://", 8) || !value[8] || value[strlen(value) - 1] == '/') {
        snprintf(expected, SETTINGS_EXPECTED, "https://... without a closing slash");
        return false;
    }
    return setting_text(setting, field, value, expected);
}

static bool read_store(const struct setting *setting, void *field, const char *value,
                       char expected[SETTINGS_EXPECTED])
{
    if (strncmp(value, "sqlite:/", 8) && strncmp(value, "postgresql://", 13)) {
        snprintf(expected, SETTINGS_EXPECTED, "sqlite:PATH, absolute, or postgresql://...");
        return false;
    }
    return setting_text(setting, field, value, expected);
}

#define ROW(key, field, reader) key, reader, SETTING_FIELD(struct config, field)
#define NUMBER(key, field, from, to, usual)                                                        \
    {                                                                                              \
        ROW(key, field, setting_number), .fallback = (usual), .least = (from), .most = (to)        \
    }

static const struct setting list[] = {
    {ROW("listen", listen, setting_text), .fallback = "0.0.0.0:8443"},
    {ROW("certificate", certificate, setting_path), .needed = true},
    {ROW("certificate-key", certificate_key, setting_path), .needed = true},
    {ROW("administrator-ca", administrator_ca, setting_path)},
    {ROW("administrator-crl", administrator_crl, setting_path)},
    {ROW("administrator-roles", administrator_roles, setting_path)},
    {ROW("signing-key", signing_key, setting_path), .needed = true},
    {ROW("next-signing-key", next_signing_key, setting_path)},
    {ROW("issuer", issuer, read_url), .needed = true},
    {ROW("ek-roots", ek_roots, setting_path)},
    {ROW("store", store, read_store), .fallback = "sqlite:/var/lib/cloister-attestd/store.sqlite"},
    NUMBER("token-lifetime", token_lifetime, 10, 86400, "600"),
    NUMBER("challenge-lifetime", challenge_lifetime, 1, 3600, "300"),
    NUMBER("enrolment-lifetime", enrolment_lifetime, 1, 3600, "300"),
    NUMBER("request-timeout", request_timeout, 1, 600, "20"),
    NUMBER("handshake-timeout", handshake_timeout, 1, 600, "5"),
    NUMBER("connections", connections, 1, 100000, "1024"),
    NUMBER("connections-per-address", connections_per_address, 0, 100000, "0"),
    NUMBER("queue", queue, 1, 100000, "512"),
    NUMBER("event-threads", event_threads, 0, 64, "0"),
    NUMBER("workers", workers, 0, 256, "0"),
    NUMBER("expiry-warning", expiry_warning, 1, 3650, "30"),
    NUMBER("audit-retention", audit_retention, 1, 3650, "90"),
    NUMBER("slow-after", slow_after, 10, 60000, "1000"),
};

static const struct settings settings = {
    .list = list, .count = sizeof(list) / sizeof(list[0]), .size = sizeof(struct config)};

/*
 * 0 stands for one worker for each CPU, an event thread for four of those, and a quarter of all
 * connections for one address.
 */
static void fill_in(struct config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t count = processors > 256 ? 256 : processors > 0 ? (uint32_t)processors : 1;

    if (!config->workers) {
        config->workers = count;
    }
    if (!config->event_threads) {
        config->event_threads = (count + 3) / 4;
    }
    if (!config->connections_per_address) {
        config->connections_per_address = (config->connections + 3) / 4;
    }
}

void config_initialise(struct config *config)
{
    settings_initialise(&settings, config);
}

int config_parse(struct config *config, const char *text, char *why, size_t why_size)
{
    int rc = settings_parse(&settings, config, text, why, why_size);

    if (!rc) {
        fill_in(config);
    }
    return rc;
}

int config_load(struct config *config, const char *path, char *why, size_t why_size)
{
    int rc = settings_load(&settings, config, path, why, why_size);

    if (!rc) {
        fill_in(config);
    }
    return rc;
}
