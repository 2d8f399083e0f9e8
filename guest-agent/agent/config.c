/* SPDX-License-Identifier: MIT */
#include "agent/config.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libcloister/app_protocol.h"

#define MAX_LINE 512

void config_defaults(struct config *config)
{
    memset(config, 0, sizeof(*config));
    strcpy(config->socket, CLOISTER_AGENT_SOCKET);
    strcpy(config->state, "/run/cloister/enclaves");
    config->group = 0;
    config->mode = 0660;
    config->balloon_keep = UINT64_C(64) << 20;
    config->max_image = UINT64_C(256) << 20;
    config->low_memory = UINT64_C(16) << 20;
    config->timeout = 60;
    config->max_connections = 64;
    config->requests_per_second = 50;
    config->total_enclaves = 512;
    config->total_frames = UINT64_C(1) << 22; /* 16 GiB */
    config->limits.max_enclaves = 16;
    config->limits.max_frames = 262144; /* 1 GiB */
}

const struct limits *config_limits(const struct config *config, uid_t uid)
{
    for (unsigned int i = 0; i < config->user_count; i++)
        if (config->users[i].uid == uid)
            return &config->users[i].limits;
    return &config->limits;
}

static bool parse_number(const char *text, int base, uint64_t max, uint64_t *value)
{
    char *end;

    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    *value = strtoull(text, &end, base);
    return !errno && !*end && *value <= max;
}

/* A number with an optional K, M or G. */
static bool parse_size(const char *text, uint64_t *value)
{
    unsigned int shift = 0;
    char digits[24];
    size_t length = strlen(text);

    if (!length || length >= sizeof(digits))
        return false;
    strcpy(digits, text);
    switch (digits[length - 1]) {
    case 'K':
        shift = 10;
        break;
    case 'M':
        shift = 20;
        break;
    case 'G':
        shift = 30;
        break;
    default:
        break;
    }
    if (shift)
        digits[length - 1] = '\0';
    if (!parse_number(digits, 10, UINT64_MAX >> shift, value))
        return false;
    *value <<= shift;
    return true;
}

static bool parse_bool(const char *text, bool *value)
{
    *value = !strcmp(text, "yes");
    return *value || !strcmp(text, "no");
}

static bool parse_path(const char *text, char *path, size_t size)
{
    if (text[0] != '/' || strlen(text) >= size)
        return false;
    strcpy(path, text);
    return true;
}

static bool parse_group(const char *text, gid_t *gid)
{
    const struct group *group = getgrnam(text);
    uint64_t value;

    if (group)
        *gid = group->gr_gid;
    else if (parse_number(text, 10, UINT32_MAX - 1, &value))
        *gid = (gid_t)value;
    else
        return false;
    return true;
}

static bool parse_user(const char *text, uid_t *uid)
{
    const struct passwd *user = getpwnam(text);
    uint64_t value;

    if (user)
        *uid = user->pw_uid;
    else if (parse_number(text, 10, UINT32_MAX - 1, &value))
        *uid = (uid_t)value;
    else
        return false;
    return true;
}

/* NULL, or what is wrong with the value. */
static const char *set_limit(struct limits *limits, const char *key, const char *value)
{
    uint64_t number;

    if (!strcmp(key, "max_enclaves")) {
        if (!parse_number(value, 10, 65536, &number))
            return "needs a number up to 65536";
        limits->max_enclaves = (uint32_t)number;
        return NULL;
    }
    if (!strcmp(key, "max_frames")) {
        if (!parse_number(value, 10, UINT64_C(1) << 40, &limits->max_frames))
            return "needs a number of 4 KiB frames";
        return NULL;
    }
    return "is not a key of this section";
}

static const char *set_totals(struct config *config, const char *key, const char *value)
{
    uint64_t number;

    if (!strcmp(key, "total_enclaves")) {
        if (!parse_number(value, 10, 65536, &number))
            return "needs a number up to 65536";
        config->total_enclaves = (uint32_t)number;
        return NULL;
    }
    if (!strcmp(key, "total_frames")) {
        if (!parse_number(value, 10, UINT64_C(1) << 40, &config->total_frames))
            return "needs a number of 4 KiB frames";
        return NULL;
    }
    return set_limit(&config->limits, key, value);
}

static const char *set_global(struct config *config, const char *key, const char *value)
{
    uint64_t number;

    if (!strcmp(key, "socket"))
        return parse_path(value, config->socket, sizeof(config->socket))
                   ? NULL
                   : "needs an absolute path of up to 107 bytes";
    if (!strcmp(key, "state"))
        return parse_path(value, config->state, sizeof(config->state))
                   ? NULL
                   : "needs an absolute path of up to 199 bytes";
    if (!strcmp(key, "group"))
        return parse_group(value, &config->group) ? NULL : "names no group";
    if (!strcmp(key, "mode")) {
        if (!parse_number(value, 8, 0777, &number))
            return "needs an octal mode up to 0777";
        config->mode = (mode_t)number;
        return NULL;
    }
    if (!strcmp(key, "balloon"))
        return parse_bool(value, &config->balloon) ? NULL : "needs yes or no";
    if (!strcmp(key, "balloon_keep"))
        return parse_size(value, &config->balloon_keep) ? NULL : "needs a size such as 64M";
    if (!strcmp(key, "max_image"))
        return parse_size(value, &config->max_image) ? NULL : "needs a size such as 256M";
    if (!strcmp(key, "low_memory"))
        return parse_size(value, &config->low_memory) ? NULL : "needs a size such as 16M";
    if (!strcmp(key, "timeout")) {
        if (!parse_number(value, 10, 3600, &number) || number == 0)
            return "needs a number of seconds from 1 to 3600";
        config->timeout = (uint32_t)number;
        return NULL;
    }
    if (!strcmp(key, "grant_limit")) {
        if (!parse_number(value, 10, 1u << 20, &number))
            return "needs a number of pages up to 1048576";
        config->grant_limit = (uint32_t)number;
        return NULL;
    }
    if (!strcmp(key, "max_connections")) {
        if (!parse_number(value, 10, 65536, &number) || number == 0)
            return "needs a number from 1 to 65536";
        config->max_connections = (uint32_t)number;
        return NULL;
    }
    if (!strcmp(key, "requests_per_second")) {
        if (!parse_number(value, 10, 1000, &number) || number == 0)
            return "needs a number from 1 to 1000";
        config->requests_per_second = (uint32_t)number;
        return NULL;
    }
    return set_totals(config, key, value);
}

/* Cuts white space off both ends, in place. */
static char *trim(char *text)
{
    char *end;

    while (isspace((unsigned char)*text))
        text++;
    end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return text;
}

/* `[user NAME]`: returns what is wrong, or NULL and the place of this user's limits. */
static const char *open_section(struct config *config, char *line, struct limits **section)
{
    size_t length = strlen(line);
    uid_t uid;

    if (line[length - 1] != ']' || strncmp(line, "[user ", 6))
        return "is no section; there is only [user NAME]";
    line[length - 1] = '\0';
    if (!parse_user(trim(line + 6), &uid))
        return "names no user";
    for (unsigned int i = 0; i < config->user_count; i++)
        if (config->users[i].uid == uid)
            return "is a second section of the same user";
    if (config->user_count == CONFIG_MAX_USERS)
        return "is one section too many (256)";
    config->users[config->user_count] = (struct user_limits){uid, config->limits};
    *section = &config->users[config->user_count++].limits;
    return NULL;
}

static const char *read_line(struct config *config, char *line, struct limits **section)
{
    char *equals = strchr(line, '=');
    char *key, *value;

    if (line[0] == '[')
        return open_section(config, line, section);
    if (!equals)
        return "is neither `key = value` nor a section";
    *equals = '\0';
    key = trim(line);
    value = trim(equals + 1);
    if (!*value)
        return "has no value";
    return *section ? set_limit(*section, key, value) : set_global(config, key, value);
}

int config_read(struct config *config, const char *path, char *problem, size_t problem_size)
{
    char buffer[MAX_LINE], shown[MAX_LINE];
    struct limits *section = NULL;
    unsigned int number = 0;
    int error = 0;
    FILE *file = fopen(path, "re");

    if (!file) {
        error = -errno;
        snprintf(problem, problem_size, "%s: %s", path, strerror(errno));
        return error;
    }
    while (!error && fgets(buffer, sizeof(buffer), file)) {
        const char *wrong = NULL;
        char *line, *comment;

        number++;
        if (strlen(buffer) == sizeof(buffer) - 1) {
            wrong = "is too long";
            strcpy(shown, "...");
        } else {
            comment = strchr(buffer, '#');
            if (comment)
                *comment = '\0';
            line = trim(buffer);
            if (!*line)
                continue;
            strcpy(shown, line);
            wrong = read_line(config, line, &section);
        }
        if (wrong) {
            snprintf(problem, problem_size, "%s:%u: \"%.60s\" %s", path, number, shown, wrong);
            error = -EINVAL;
        }
    }
    if (!error && ferror(file)) {
        snprintf(problem, problem_size, "%s: cannot be read: %s", path, strerror(errno));
        error = -EIO;
    }
    fclose(file);
    return error;
}
