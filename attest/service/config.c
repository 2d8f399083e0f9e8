/* SPDX-License-Identifier: MIT */
#include "service/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE 65536u

enum kind { TEXT, PATH, URL, NUMBER };

static const struct setting {
    const char *key;
    enum kind kind;
    size_t offset;
    const char *fallback;         /* of a text; NULL: must be set */
    uint32_t least, most, number; /* of a number, and its default; 0: one per CPU or so */
} settings[] = {
    {"listen", TEXT, offsetof(struct config, listen), "0.0.0.0:8443", 0, 0, 0},
    {"certificate", PATH, offsetof(struct config, certificate), NULL, 0, 0, 0},
    {"certificate-key", PATH, offsetof(struct config, certificate_key), NULL, 0, 0, 0},
    {"administrator-ca", PATH, offsetof(struct config, administrator_ca), "", 0, 0, 0},
    {"signing-key", PATH, offsetof(struct config, signing_key), NULL, 0, 0, 0},
    {"next-signing-key", PATH, offsetof(struct config, next_signing_key), "", 0, 0, 0},
    {"issuer", URL, offsetof(struct config, issuer), NULL, 0, 0, 0},
    {"ek-roots", PATH, offsetof(struct config, ek_roots), "", 0, 0, 0},
    {"store", TEXT, offsetof(struct config, store), "sqlite:/var/lib/cloister-attestd/store.sqlite",
     0, 0, 0},
    {"token-lifetime", NUMBER, offsetof(struct config, token_lifetime), NULL, 10, 86400, 600},
    {"challenge-lifetime", NUMBER, offsetof(struct config, challenge_lifetime), NULL, 1, 3600, 300},
    {"enrolment-lifetime", NUMBER, offsetof(struct config, enrolment_lifetime), NULL, 1, 3600, 300},
    {"request-timeout", NUMBER, offsetof(struct config, request_timeout), NULL, 1, 600, 20},
    {"connections", NUMBER, offsetof(struct config, connections), NULL, 1, 100000, 1024},
    {"queue", NUMBER, offsetof(struct config, queue), NULL, 1, 100000, 512},
    {"event-threads", NUMBER, offsetof(struct config, event_threads), NULL, 0, 64, 0},
    {"workers", NUMBER, offsetof(struct config, workers), NULL, 0, 256, 0},
    {"slow-after", NUMBER, offsetof(struct config, slow_after), NULL, 10, 60000, 1000},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

void config_initialise(struct config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < SETTINGS; i++) {
        char *field = (char *)config + settings[i].offset;

        if (settings[i].kind == NUMBER) {
            memcpy(field, &settings[i].number, sizeof(uint32_t));
        } else if (settings[i].fallback) {
            strcpy(field, settings[i].fallback);
        }
    }
    config->workers = processors > 256 ? 256 : processors > 0 ? (uint32_t)processors : 1;
    config->event_threads = (config->workers + 3) / 4;
}

static int set_number(const struct setting *setting, char *field, const char *value, char *why,
                      size_t why_size)
{
    char *end;
    unsigned long found = strtoul(value, &end, 10);
    uint32_t number = (uint32_t)found;

    if (*value < '0' || *value > '9' || *end || found < setting->least || found > setting->most) {
        snprintf(why, why_size, "%s: a number from %u to %u is expected, not '%.60s'", setting->key,
                 setting->least, setting->most, value);
        return -EINVAL;
    }
    if (number) { /* 0 is the default, which is set already */
        memcpy(field, &number, sizeof(number));
    }
    return 0;
}

static int set(const struct setting *setting, struct config *config, const char *value, char *why,
               size_t why_size)
{
    char *field = (char *)config + setting->offset;
    const char *expected = NULL;

    if (setting->kind == NUMBER) {
        return set_number(setting, field, value, why, why_size);
    }
    if (!*value || strlen(value) >= CONFIG_TEXT) {
        expected = "1 to 511 bytes";
    } else if (setting->kind == PATH && *value != '/') {
        expected = "an absolute path";
    } else if (setting->kind == URL &&
               (strncmp(value, "https://", 8) || !value[8] || value[strlen(value) - 1] == '/')) {
        expected = "https://... without a closing slash";
    }
    if (expected) {
        snprintf(why, why_size, "%s: %s expected, not '%.60s'", setting->key, expected, value);
        return -EINVAL;
    }
    strcpy(field, value);
    return 0;
}

static char *trim(char *text)
{
    size_t size;

    text += strspn(text, " \t\r");
    size = strlen(text);
    while (size && strchr(" \t\r", text[size - 1])) {
        text[--size] = 0;
    }
    return text;
}

/* `seen`: a bit for each setting. */
static int parse_line(struct config *config, char *text, uint32_t *seen, char *why, size_t why_size)
{
    char *value;

    text[strcspn(text, "#")] = 0;
    text = trim(text);
    if (!*text) {
        return 0;
    }
    value = strchr(text, '=');
    if (!value) {
        snprintf(why, why_size, "'key = value' is expected, not '%.60s'", text);
        return -EINVAL;
    }
    *value++ = 0;
    text = trim(text);
    for (size_t i = 0; i < SETTINGS; i++) {
        if (!strcmp(text, settings[i].key)) {
            if (*seen & 1u << i) {
                snprintf(why, why_size, "%s is set twice", text);
                return -EINVAL;
            }
            *seen |= 1u << i;
            return set(&settings[i], config, trim(value), why, why_size);
        }
    }
    snprintf(why, why_size, "there is no setting '%.60s'", text);
    return -EINVAL;
}

int config_parse(struct config *config, const char *text, char *why, size_t why_size)
{
    struct config fresh = *config;
    char *copy = strdup(text), *rest = copy, detail[256];
    uint32_t seen = 0;
    int rc = copy ? 0 : -ENOMEM;

    for (unsigned int line = 1; rest && !rc; line++) {
        rc = parse_line(&fresh, strsep(&rest, "\n"), &seen, detail, sizeof(detail));
        if (rc) {
            snprintf(why, why_size, "line %u: %s", line, detail);
        }
    }
    free(copy);
    for (size_t i = 0; i < SETTINGS && !rc; i++) {
        if (settings[i].kind != NUMBER && !settings[i].fallback &&
            !*((char *)&fresh + settings[i].offset)) {
            snprintf(why, why_size, "%s must be set", settings[i].key);
            rc = -EINVAL;
        }
    }
    if (!rc) {
        *config = fresh;
    }
    return rc;
}

int config_load(struct config *config, const char *path, char *why, size_t why_size)
{
    char *text = malloc(MAX_FILE + 1), detail[320] = "out of memory";
    FILE *file = fopen(path, "re");
    size_t size;
    int rc = -EINVAL;

    if (!file || !text) {
        rc = -errno;
        snprintf(detail, sizeof(detail), "%s", strerror(errno));
    } else {
        size = fread(text, 1, MAX_FILE + 1, file);
        if (ferror(file) || size > MAX_FILE || memchr(text, 0, size)) {
            snprintf(detail, sizeof(detail), "no text of at most %u bytes", MAX_FILE);
        } else {
            text[size] = 0;
            rc = config_parse(config, text, detail, sizeof(detail));
        }
    }
    if (file) {
        fclose(file);
    }
    free(text);
    if (rc) {
        snprintf(why, why_size, "%s: %s", path, detail);
    }
    return rc;
}
