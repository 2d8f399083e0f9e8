/* SPDX-License-Identifier: MIT */
#include "base/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/textfile.h"

static bool is_nothing(const struct setting *setting, const char *value)
{
    return setting->nothing && !strcmp(value, setting->nothing);
}

bool setting_text(const struct setting *setting, void *field, const char *value,
                  char expected[SETTINGS_EXPECTED])
{
    size_t size = strlen(value);

    if (is_nothing(setting, value)) {
        *(char *)field = 0;
        return true;
    }
    if (!size || size >= setting->size) {
        snprintf(expected, SETTINGS_EXPECTED, "1 to %zu bytes", setting->size - 1);
        return false;
    }
    memcpy(field, value, size + 1);
    return true;
}

bool setting_path(const struct setting *setting, void *field, const char *value,
                  char expected[SETTINGS_EXPECTED])
{
    if (*value && *value != '/' && !is_nothing(setting, value)) {
        snprintf(expected, SETTINGS_EXPECTED, "an absolute path");
        return false;
    }
    return setting_text(setting, field, value, expected);
}

bool setting_number(const struct setting *setting, void *field, const char *value,
                    char expected[SETTINGS_EXPECTED])
{
    uint64_t number = 0;

    if (!is_nothing(setting, value) &&
        !number_read(value, 10, setting->least, setting->most, &number)) {
        snprintf(expected, SETTINGS_EXPECTED, "a number%s%s from %" PRIu64 " to %" PRIu64 "%s%s",
                 setting->unit ? " of " : "", setting->unit ? setting->unit : "", setting->least,
                 setting->most, setting->nothing ? " or " : "",
                 setting->nothing ? setting->nothing : "");
        return false;
    }
    memcpy(field, &number, setting->size); /* little-endian: 4 bytes are the lower ones */
    return true;
}

bool setting_truth(const struct setting *setting, void *field, const char *value,
                   char expected[SETTINGS_EXPECTED])
{
    const bool yes = !strcmp(value, "yes");

    (void)setting;
    if (!yes && strcmp(value, "no") != 0) {
        snprintf(expected, SETTINGS_EXPECTED, "yes or no");
        return false;
    }
    memcpy(field, &yes, sizeof(yes));
    return true;
}

static const struct setting *find(const struct settings *settings, const char *key)
{
    for (size_t i = 0; i < settings->count; i++) {
        if (!strcmp(settings->list[i].key, key)) {
            return &settings->list[i];
        }
    }
    return NULL;
}

void settings_initialise(const struct settings *settings, void *values)
{
    char expected[SETTINGS_EXPECTED];

    memset(values, 0, settings->size);
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *setting = &settings->list[i];

        /* A default that is no value is a fault of the table. */
        if (setting->fallback && !setting->read(setting, (char *)values + setting->offset,
                                                setting->fallback, expected)) {
            abort();
        }
    }
}

static int set(const struct setting *setting, void *values, const char *value, char *why,
               size_t why_size)
{
    char expected[SETTINGS_EXPECTED] = "another";

    if (setting->read(setting, (char *)values + setting->offset, value, expected)) {
        return 0;
    }
    snprintf(why, why_size, "'%.60s' is no value for %s: %s is expected", value, setting->key,
             expected);
    return -EINVAL;
}

int settings_set(const struct settings *settings, void *values, const char *key, const char *value,
                 char *why, size_t why_size)
{
    const struct setting *setting = find(settings, key);

    if (!setting) {
        snprintf(why, why_size, "there is no setting '%.60s'", key);
        return -ENOENT;
    }
    return set(setting, values, value, why, why_size);
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t size = strlen(text);
    while (size && strchr(" \t\r", text[size - 1])) {
        text[--size] = 0;
    }
    return text;
}

/* Where a file's lines go. */
struct parsing {
    const struct settings *settings, *table; /* the file's; the section's */
    void *values, *place;                    /* the same */
    uint64_t seen;                           /* a bit for each setting of the table */
};

static int check_needed(const struct parsing *in, char *why, size_t why_size)
{
    for (size_t i = 0; i < in->table->count; i++) {
        if (in->table->list[i].needed && !(in->seen & UINT64_C(1) << i)) {
            snprintf(why, why_size, "%s must be set", in->table->list[i].key);
            return -EINVAL;
        }
    }
    return 0;
}

static int begin_section(struct parsing *in, char *text, char *why, size_t why_size)
{
    char expected[SETTINGS_EXPECTED] = "no section";
    const size_t size = strlen(text);
    const struct settings *table = NULL;
    void *place = NULL;

    if (check_needed(in, why, why_size)) {
        return -EINVAL;
    }
    if (in->settings->section && text[size - 1] == ']') {
        text[size - 1] = 0;
        place = in->settings->section(in->values, trim(text + 1), &table, expected);
        text[size - 1] = ']';
    } else if (in->settings->section) {
        snprintf(expected, sizeof(expected), "a closing bracket");
    }
    if (!place) {
        snprintf(why, why_size, "'%.60s' begins no section: %s is expected", text, expected);
        return -EINVAL;
    }
    in->table = table;
    in->place = place;
    in->seen = 0;
    return 0;
}

static int parse_line(struct parsing *in, char *text, char *why, size_t why_size)
{
    text[strcspn(text, "#")] = 0;
    text = trim(text);
    if (!*text) {
        return 0;
    }
    if (*text == '[') {
        return begin_section(in, text, why, why_size);
    }
    char *equals = strchr(text, '=');
    if (!equals) {
        snprintf(why, why_size, "'key = value' is expected, not '%.60s'", text);
        return -EINVAL;
    }
    *equals = 0;
    const struct setting *setting = find(in->table, trim(text));
    if (!setting) {
        snprintf(why, why_size, "there is no setting '%.60s'%s", trim(text),
                 in->table == in->settings ? "" : " in this section");
        return -EINVAL;
    }
    uint64_t bit = UINT64_C(1) << (setting - in->table->list);
    if (in->seen & bit) {
        snprintf(why, why_size, "%s is set twice", setting->key);
        return -EINVAL;
    }
    in->seen |= bit;
    return set(setting, in->place, trim(equals + 1), why, why_size);
}

static int parse(const struct settings *settings, void *values, char *text, char *why,
                 size_t why_size)
{
    struct parsing in = {settings, settings, values, values, 0};
    char detail[256] = "";

    for (unsigned int line = 1; text; line++) {
        if (parse_line(&in, strsep(&text, "\n"), detail, sizeof(detail))) {
            snprintf(why, why_size, "line %u: %s", line, detail);
            return -EINVAL;
        }
    }
    return check_needed(&in, why, why_size);
}

int settings_parse(const struct settings *settings, void *values, const char *text, char *why,
                   size_t why_size)
{
    char *copy = strdup(text);
    void *fresh = malloc(settings->size);
    int rc = -ENOMEM;

    if (copy && fresh) {
        memcpy(fresh, values, settings->size);
        rc = parse(settings, fresh, copy, why, why_size);
    } else {
        snprintf(why, why_size, "out of memory");
    }
    if (!rc) {
        memcpy(values, fresh, settings->size);
    }
    free(fresh);
    free(copy);
    return rc;
}

int settings_load(const struct settings *settings, void *values, const char *path, char *why,
                  size_t why_size)
{
    char *text, detail[320];
    size_t size;
    int rc = textfile_read(path, SETTINGS_MAX_FILE, &text, &size);

    if (rc) {
        snprintf(why, why_size, "%s: %s", path, strerror(-rc));
        return rc;
    }
    if (memchr(text, 0, size)) {
        snprintf(detail, sizeof(detail), "it holds a zero byte: it is no text");
        rc = -EINVAL;
    } else {
        rc = settings_parse(settings, values, text, detail, sizeof(detail));
    }
    if (rc) {
        snprintf(why, why_size, "%s: %s", path, detail);
    }
    free(text);
    return rc;
}
