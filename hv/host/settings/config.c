/* SPDX-License-Identifier: MIT */
#include "settings/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/settings.h"
#include "base/size.h"

#define LEAST_LOG_FILE 16u       /* frames */
#define MOST_LOG_FILE (1u << 20) /* frames */

static bool read_file_size(const struct setting *setting, void *field, const char *value,
                           char expected[SETTINGS_EXPECTED])
{
    uint64_t frames;

    if (!size_parse(value, &frames) || frames < LEAST_LOG_FILE || frames > MOST_LOG_FILE) {
        snprintf(expected, SETTINGS_EXPECTED, "a size from 64K to 4G");
        return false;
    }
    frames *= 4096;
    memcpy(field, &frames, setting->size);
    return true;
}

static bool read_files(const struct setting *setting, void *field, const char *value,
                       char expected[SETTINGS_EXPECTED])
{
    if (!strcmp(value, "1")) {
        snprintf(expected, SETTINGS_EXPECTED, "0 or a number from 2 to 1000000");
        return false;
    }
    return setting_number(setting, field, value, expected);
}

/* A device, or what tpm2-tss calls a TCTI: "swtpm:path=/run/tpm". */
static bool read_tpm(const struct setting *setting, void *field, const char *value,
                     char expected[SETTINGS_EXPECTED])
{
    char name[CONFIG_TEXT];

    if (*value == '/' && strlen(value) + sizeof("device:") <= sizeof(name)) {
        snprintf(name, sizeof(name), "device:%s", value);
        return setting_text(setting, field, name, expected);
    }
    if (*value == '/' || (strcmp(value, "none") && !strchr(value, ':'))) {
        snprintf(expected, SETTINGS_EXPECTED, "a device's path, NAME:... of tpm2-tss, or none");
        return false;
    }
    return setting_text(setting, field, value, expected);
}

/* TPM 2.0 part 2, 7.4 and TCG's registry of reserved handles: those that the owner may give away. */
static bool read_key_handle(const struct setting *setting, void *field, const char *value,
                            char expected[SETTINGS_EXPECTED])
{
    uint64_t handle = 0;

    if (strcmp(value, "none") != 0 &&
        (strncmp(value, "0x", 2) || !number_read(value + 2, 16, 0x81000000, 0x817fffff, &handle))) {
        snprintf(expected, SETTINGS_EXPECTED, "a handle from 0x81000000 to 0x817fffff, or none");
        return false;
    }
    memcpy(field, &(uint32_t){(uint32_t)handle}, setting->size);
    return true;
}

#define ROW(key, field, reader) key, reader, SETTING_FIELD(struct config, field)

static const struct setting list[] = {
    {ROW("log-directory", log_directory, setting_path), .fallback = CONFIG_LOG_DIRECTORY},
    {ROW("state-directory", state_directory, setting_path), .fallback = CONFIG_STATE_DIRECTORY},
    {ROW("socket", socket, setting_path), .fallback = CONFIG_SOCKET},
    {ROW("admission", admission, setting_path), .fallback = CONFIG_ADMISSION},
    {ROW("libvirt-uri", libvirt_uri, setting_text), .fallback = "xen:///system", .nothing = "none"},
    {ROW("log-file-size", log_file_size, read_file_size), .fallback = "16M"},
    {ROW("log-files", log_files, read_files), .fallback = "64", .most = 1000000},
    {ROW("tpm", tpm, read_tpm), .fallback = CONFIG_TPM, .nothing = "none"},
    {ROW("tpm-key-handle", tpm_key_handle, read_key_handle), .fallback = CONFIG_KEY_HANDLE},
    {ROW("tpm-timeout", tpm_timeout, setting_number), .fallback = "60", .least = 1, .most = 600},
    {ROW("tpm-helper", tpm_helper, setting_path), .fallback = CONFIG_TPM_HELPER},
    {ROW("counter-interval", counter_interval, setting_number), .fallback = "1", .least = 1,
     .most = 86400, .nothing = "none"},
    {ROW("counter-commits-per-day", counter_commits, setting_number), .fallback = "200", .least = 1,
     .most = 86400, .nothing = "unlimited"},
    {ROW("anchor-interval", anchor_interval, setting_number), .fallback = "60", .least = 1,
     .most = 86400, .nothing = "none"},
    {ROW("event-log", event_log, setting_path), .fallback = CONFIG_EVENT_LOG, .nothing = "none"},
};

static const struct settings settings = {
    .list = list, .count = sizeof(list) / sizeof(list[0]), .size = sizeof(struct config)};

void config_initialise(struct config *config)
{
    settings_initialise(&settings, config);
}

int config_set(struct config *config, const char *key, const char *value, char *why,
               size_t why_size)
{
    return settings_set(&settings, config, key, value, why, why_size);
}

int config_parse(struct config *config, const char *text, char *why, size_t why_size)
{
    return settings_parse(&settings, config, text, why, why_size);
}

int config_load(struct config *config, const char *path, char *why, size_t why_size)
{
    return settings_load(&settings, config, path, why, why_size);
}
