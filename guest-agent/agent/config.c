/* SPDX-License-Identifier: MIT */
#include "agent/config.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/settings.h"
#include "base/size.h"
#include "libcloister/app_protocol.h"

#define MAX_FRAMES (UINT64_C(1) << 40)

const struct limits *config_limits(const struct config *config, uid_t uid)
{
    for (unsigned int i = 0; i < config->user_count; i++)
        if (config->users[i].uid == uid)
            return &config->users[i].limits;
    return &config->limits;
}

/* Bytes, with an optional K, M or G. */
static bool read_bytes(const struct setting *setting, void *field, const char *value,
                       char expected[SETTINGS_EXPECTED])
{
    static const struct size_unit units[] = {
        {"", 1}, {"K", SIZE_KI}, {"M", SIZE_MI}, {"G", SIZE_GI}, {NULL, 0}};
    uint64_t bytes, unit;

    if (!size_digits(&value, &bytes) || !size_find_unit(units, value, strlen(value), &unit) ||
        __builtin_mul_overflow(bytes, unit, &bytes)) {
        snprintf(expected, SETTINGS_EXPECTED, "a size such as %s", setting->fallback);
        return false;
    }
    memcpy(field, &bytes, setting->size);
    return true;
}

static bool read_mode(const struct setting *setting, void *field, const char *value,
                      char expected[SETTINGS_EXPECTED])
{
    uint64_t mode;

    if (!number_read(value, 8, 0, 0777, &mode)) {
        snprintf(expected, SETTINGS_EXPECTED, "an octal mode up to 0777");
        return false;
    }
    memcpy(field, &(mode_t){(mode_t)mode}, setting->size);
    return true;
}

static bool read_group(const struct setting *setting, void *field, const char *value,
                       char expected[SETTINGS_EXPECTED])
{
    const struct group *group = getgrnam(value);
    uint64_t number;

    if (group) {
        number = group->gr_gid;
    } else if (!number_read(value, 10, 0, UINT32_MAX - 1, &number)) {
        snprintf(expected, SETTINGS_EXPECTED, "a group's name or number");
        return false;
    }
    memcpy(field, &(gid_t){(gid_t)number}, setting->size);
    return true;
}

#define ROW(key, structure, field, reader) key, reader, SETTING_FIELD(structure, field)
#define ENCLAVES(key, structure, field)                                                            \
    ROW(key, structure, field, setting_number), .most = 65536, .unit = "enclaves"
#define FRAMES(key, structure, field)                                                              \
    ROW(key, structure, field, setting_number), .most = MAX_FRAMES, .unit = "4 KiB frames"

static const struct setting list[] = {
    {ROW("socket", struct config, socket, setting_path), .fallback = CLOISTER_AGENT_SOCKET},
    {ROW("state", struct config, state, setting_path), .fallback = "/run/cloister/enclaves"},
    {ROW("group", struct config, group, read_group), .fallback = "0"},
    {ROW("mode", struct config, mode, read_mode), .fallback = "0660"},
    {ROW("balloon", struct config, balloon, setting_truth), .fallback = "no"},
    {ROW("balloon_keep", struct config, balloon_keep, read_bytes), .fallback = "64M"},
    {ROW("max_image", struct config, max_image, read_bytes), .fallback = "256M"},
    {ROW("low_memory", struct config, low_memory, read_bytes), .fallback = "16M"},
    {ROW("timeout", struct config, timeout, setting_number), .fallback = "60", .least = 1,
     .most = 3600, .unit = "seconds"},
    {ROW("grant_limit", struct config, grant_limit, setting_number), .fallback = "0",
     .most = 1u << 20, .unit = "pages"},
    {ROW("max_connections", struct config, max_connections, setting_number), .fallback = "64",
     .least = 1, .most = 65536},
    {ROW("requests_per_second", struct config, requests_per_second, setting_number),
     .fallback = "50", .least = 1, .most = 1000},
    {ENCLAVES("total_enclaves", struct config, total_enclaves), .fallback = "512"},
    {FRAMES("total_frames", struct config, total_frames), .fallback = "4194304"}, /* 16 GiB */
    {ENCLAVES("max_enclaves", struct config, limits.max_enclaves), .fallback = "16"},
    {FRAMES("max_frames", struct config, limits.max_frames), .fallback = "262144"}, /* 1 GiB */
};

static const struct setting user_list[] = {
    {ENCLAVES("max_enclaves", struct limits, max_enclaves)},
    {FRAMES("max_frames", struct limits, max_frames)},
};

static const struct settings user_settings = {.list = user_list,
                                              .count = sizeof(user_list) / sizeof(user_list[0]),
                                              .size = sizeof(struct limits)};

/* `user NAME`: the place of this user's limits, which are those of all users until a line says otherwise. */
static void *open_section(void *values, const char *words, const struct settings **table,
                          char expected[SETTINGS_EXPECTED])
{
    struct config *config = values;
    uint64_t uid;

    snprintf(expected, SETTINGS_EXPECTED, "[user NAME], with a user's name or number,");
    if (strncmp(words, "user ", 5) != 0)
        return NULL;
    const char *name = words + 5 + strspn(words + 5, " \t");
    const struct passwd *user = getpwnam(name);
    if (user)
        uid = user->pw_uid;
    else if (!number_read(name, 10, 0, UINT32_MAX - 1, &uid))
        return NULL;
    for (unsigned int i = 0; i < config->user_count; i++) {
        if (config->users[i].uid == uid) {
            snprintf(expected, SETTINGS_EXPECTED, "one section for each user");
            return NULL;
        }
    }
    if (config->user_count == CONFIG_MAX_USERS) {
        snprintf(expected, SETTINGS_EXPECTED, "no more than %u sections", CONFIG_MAX_USERS);
        return NULL;
    }
    struct user_limits *limits = &config->users[config->user_count++];
    *limits = (struct user_limits){(uid_t)uid, config->limits};
    *table = &user_settings;
    return &limits->limits;
}

static const struct settings settings = {list, sizeof(list) / sizeof(list[0]),
                                         sizeof(struct config), open_section};

void config_defaults(struct config *config)
{
    settings_initialise(&settings, config);
}

int config_read(struct config *config, const char *path, char *problem, size_t problem_size)
{
    return settings_load(&settings, config, path, problem, problem_size);
}
