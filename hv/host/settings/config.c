/* SPDX-License-Identifier: MIT */
#include "settings/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/textfile.h"

#define MAX_FILE (64u * 1024u)
#define MIN_LOG_FILE 64u /* KiB */

void config_initialise(struct config *config)
{
    *config = (struct config){
        .log_directory = CONFIG_LOG_DIRECTORY,
        .state_directory = CONFIG_STATE_DIRECTORY,
        .socket = CONFIG_SOCKET,
        .admission = CONFIG_ADMISSION,
        .libvirt_uri = "xen:///system",
        .log_file_size = 16u << 20,
        .log_files = 64,
        .tpm = "device:" CONFIG_TPM,
        .tpm_key_handle = CONFIG_KEY_HANDLE,
        .tpm_timeout = CONFIG_TPM_TIMEOUT,
        .tpm_helper = CONFIG_TPM_HELPER,
        .event_log = CONFIG_EVENT_LOG,
        .counter_interval = CONFIG_COUNTER_INTERVAL,
        .counter_commits = CONFIG_COUNTER_COMMITS,
        .anchor_interval = CONFIG_ANCHOR_INTERVAL,
    };
}

static int set_text(char *field, const char *value)
{
    if (!*value || strlen(value) >= CONFIG_TEXT)
        return -EINVAL;
    strcpy(field, value);
    return 0;
}

static int set_path(char *field, const char *value)
{
    return *value == '/' ? set_text(field, value) : -EINVAL;
}

static int set_file_size(struct config *config, const char *value)
{
    uint64_t frames;

    if (!size_parse(value, &frames) || frames < MIN_LOG_FILE / 4 || frames > (1u << 20))
        return -EINVAL;
    config->log_file_size = frames * 4096;
    return 0;
}

static int set_files(struct config *config, const char *value)
{
    char *end;
    unsigned long number = strtoul(value, &end, 10);

    if (*value < '0' || *value > '9' || *end || number > 1000000 || number == 1)
        return -EINVAL;
    config->log_files = (unsigned int)number;
    return 0;
}

/* A device, or what tpm2-tss calls a TCTI: "swtpm:path=/run/tpm". */
static int set_tpm(struct config *config, const char *value)
{
    char name[CONFIG_TEXT];

    if (!strcmp(value, "none"))
        return config->tpm[0] = 0;
    if (*value != '/')
        return strchr(value, ':') ? set_text(config->tpm, value) : -EINVAL;
    if (strlen(value) + sizeof("device:") > sizeof(name))
        return -EINVAL;
    snprintf(name, sizeof(name), "device:%s", value);
    return set_text(config->tpm, name);
}

/* TPM 2.0 part 2, 7.4 and TCG's registry of reserved handles: those that the owner may give away. */
static int set_key_handle(struct config *config, const char *value)
{
    char *end;
    unsigned long handle = strtoul(value, &end, 16);

    if (!strcmp(value, "none"))
        return config->tpm_key_handle = 0;
    if (strncmp(value, "0x", 2) || *end || handle < 0x81000000 || handle > 0x817fffff)
        return -EINVAL;
    config->tpm_key_handle = (uint32_t)handle;
    return 0;
}

static int set_timeout(struct config *config, const char *value)
{
    char *end;
    unsigned long seconds = strtoul(value, &end, 10);

    if (*value < '0' || *value > '9' || *end || !seconds || seconds > 600)
        return -EINVAL;
    config->tpm_timeout = (unsigned int)seconds;
    return 0;
}

/* 1 to 86,400; or `zero`, which is 0. */
static int set_count(unsigned int *field, const char *zero, const char *value)
{
    char *end;
    unsigned long count = strtoul(value, &end, 10);

    if (!strcmp(value, zero))
        count = 0;
    else if (*value < '0' || *value > '9' || *end || !count || count > 86400)
        return -EINVAL;
    *field = (unsigned int)count;
    return 0;
}

int config_set(struct config *config, const char *key, const char *value)
{
    if (!strcmp(key, "log-directory"))
        return set_path(config->log_directory, value);
    if (!strcmp(key, "state-directory"))
        return set_path(config->state_directory, value);
    if (!strcmp(key, "socket"))
        return set_path(config->socket, value);
    if (!strcmp(key, "admission"))
        return set_path(config->admission, value);
    if (!strcmp(key, "libvirt-uri"))
        return !strcmp(value, "none") ? (config->libvirt_uri[0] = 0)
                                      : set_text(config->libvirt_uri, value);
    if (!strcmp(key, "log-file-size"))
        return set_file_size(config, value);
    if (!strcmp(key, "log-files"))
        return set_files(config, value);
    if (!strcmp(key, "tpm"))
        return set_tpm(config, value);
    if (!strcmp(key, "tpm-key-handle"))
        return set_key_handle(config, value);
    if (!strcmp(key, "tpm-timeout"))
        return set_timeout(config, value);
    if (!strcmp(key, "tpm-helper"))
        return set_path(config->tpm_helper, value);
    if (!strcmp(key, "counter-interval"))
        return set_count(&config->counter_interval, "none", value);
    if (!strcmp(key, "counter-commits-per-day"))
        return set_count(&config->counter_commits, "unlimited", value);
    if (!strcmp(key, "anchor-interval"))
        return set_count(&config->anchor_interval, "none", value);
    if (!strcmp(key, "event-log"))
        return !strcmp(value, "none") ? (config->event_log[0] = 0)
                                      : set_path(config->event_log, value);
    return -ENOENT;
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t size = strlen(text);
    while (size && strchr(" \t\r", text[size - 1]))
        text[--size] = 0;
    return text;
}

static int parse_line(struct config *config, char *text, unsigned int line, char *why,
                      size_t why_size)
{
    text[strcspn(text, "#")] = 0;
    text = trim(text);
    if (!*text)
        return 0;
    char *equals = strchr(text, '=');
    if (!equals) {
        snprintf(why, why_size, "line %u: 'key = value' is expected, not '%.60s'", line, text);
        return -EINVAL;
    }
    *equals = 0;
    char *key = trim(text), *value = trim(equals + 1);
    int rc = config_set(config, key, value);
    if (rc == -ENOENT)
        snprintf(why, why_size, "line %u: there is no setting '%.60s'", line, key);
    else if (rc)
        snprintf(why, why_size, "line %u: '%.60s' is no value for %s", line, value, key);
    return rc ? -EINVAL : 0;
}

int config_parse(struct config *config, const char *text, char *why, size_t why_size)
{
    struct config fresh = *config;
    char *copy = strdup(text), *rest = copy;
    int rc = copy ? 0 : -ENOMEM;

    for (unsigned int line = 1; rest && !rc; line++)
        rc = parse_line(&fresh, strsep(&rest, "\n"), line, why, why_size);
    free(copy);
    if (!rc)
        *config = fresh;
    return rc;
}

int config_load(struct config *config, const char *path, char *why, size_t why_size)
{
    char *text, detail[256] = "out of memory";
    size_t size;
    int rc = textfile_read(path, MAX_FILE, &text, &size);

    if (rc) {
        snprintf(why, why_size, "%s: %s", path, strerror(-rc));
        return rc;
    }
    rc = config_parse(config, text, detail, sizeof(detail));
    if (rc)
        snprintf(why, why_size, "%s: %s", path, detail);
    free(text);
    return rc;
}
