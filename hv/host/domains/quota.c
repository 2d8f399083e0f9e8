/* SPDX-License-Identifier: MIT */
#include "domains/quota.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "base/textfile.h"

static const char *skip_space(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/* Behind "<enclave-memory" or "<prefix:enclave-memory"; NULL if it is another element. */
static const char *element_start(const char *xml)
{
    static const char name[] = "enclave-memory";

    xml = skip_space(xml);
    if (*xml++ != '<')
        return NULL;
    size_t length = strcspn(xml, " \t\r\n/>");
    const char *colon = memchr(xml, ':', length), *end = xml + length;
    const char *local = colon ? colon + 1 : xml;
    if ((size_t)(end - local) != sizeof(name) - 1 || memcmp(local, name, sizeof(name) - 1))
        return NULL;
    return end;
}

/* One attribute: moves *xml behind it. */
static bool parse_attribute(const char **xml, const char **name, size_t *name_size,
                            const char **value, size_t *value_size)
{
    *name = *xml;
    *name_size = strcspn(*xml, "= \t\r\n/><'\"");
    const char *at = skip_space(*xml + *name_size);
    if (!*name_size || *at++ != '=')
        return false;
    at = skip_space(at);
    char quote = *at++;
    if (quote != '\'' && quote != '"')
        return false;
    const char *end = strchr(at, quote);
    if (!end)
        return false;
    *value = at;
    *value_size = (size_t)(end - at);
    *xml = end + 1;
    return true;
}

bool quota_parse_metadata(const char *xml, uint64_t *frames)
{
    /* libvirt's virScaleInteger: b and bytes, k/K.. and ..iB powers of 1,024, ..B powers of 1,000. */
    static const struct size_unit units[] = {
        {"b", 1},         {"bytes", 1},       {"k", SIZE_KI},
        {"K", SIZE_KI},   {"KiB", SIZE_KI},   {"M", SIZE_MI},
        {"MiB", SIZE_MI}, {"G", SIZE_GI},     {"GiB", SIZE_GI},
        {"T", SIZE_TI},   {"TiB", SIZE_TI},   {"KB", 1000},
        {"MB", 1000000},  {"GB", 1000000000}, {"TB", UINT64_C(1000000000000)},
        {NULL, 0},
    };
    uint64_t unit = SIZE_KI, value;

    xml = element_start(xml);
    if (!xml)
        return false;
    for (;;) {
        const char *name, *text, *start = xml;
        size_t name_size, size;

        xml = skip_space(xml);
        if (*xml == '>')
            break;
        if (xml == start || !parse_attribute(&xml, &name, &name_size, &text, &size))
            return false;
        if (name_size == 4 && !memcmp(name, "unit", 4) && !size_find_unit(units, text, size, &unit))
            return false;
    }
    xml = skip_space(xml + 1);
    if (!size_digits(&xml, &value) || strncmp(skip_space(xml), "</", 2))
        return false;
    return size_to_frames(value, unit, frames);
}

bool quota_is_uuid(const char *uuid)
{
    for (unsigned int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool digit = (uuid[i] >= '0' && uuid[i] <= '9') || (uuid[i] >= 'a' && uuid[i] <= 'f');

        if (dash ? uuid[i] != '-' : !digit)
            return false;
    }
    return !uuid[36];
}

static int override_path(const char *directory, const char *uuid, char **path)
{
    if (!quota_is_uuid(uuid))
        return -EINVAL;
    return asprintf(path, "%s/%s", directory, uuid) < 0 ? -ENOMEM : 0;
}

int quota_override(const char *directory, const char *uuid, uint64_t *frames)
{
    char *path, *text;
    size_t size;
    int rc = override_path(directory, uuid, &path);

    if (rc)
        return rc == -EINVAL ? -ENOENT : rc;
    rc = textfile_read(path, 64, &text, &size);
    free(path);
    if (rc)
        return rc;
    text[strcspn(text, "\n")] = 0;
    if (!size_parse(text, frames))
        rc = -EINVAL;
    free(text);
    return rc;
}

int quota_set_override(const char *directory, const char *uuid, const uint64_t *frames)
{
    char *path, text[48];
    int rc = override_path(directory, uuid, &path);

    if (rc)
        return rc;
    if (frames) {
        if (mkdir(directory, 0700) && errno != EEXIST)
            rc = -errno;
        snprintf(text, sizeof(text), "%" PRIu64 "K\n", *frames * 4);
        if (!rc)
            rc = textfile_replace(path, text);
    } else if (unlink(path) && errno != ENOENT) {
        rc = -errno;
    }
    free(path);
    return rc;
}
