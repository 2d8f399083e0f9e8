/* SPDX-License-Identifier: MIT */
#include "log/logstate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

void log_state_initialise(struct log_state *state, bool anchored)
{
    memset(state, 0, sizeof(*state));
    state->anchored = anchored;
    memcpy(state->head, LOG_ZERO_HASH, DIGEST_HEX + 1);
}

void log_state_boot(struct log_state *state, uint64_t boot_id, unsigned int cpus)
{
    state->booted = true;
    state->boot_id = boot_id;
    state->cpus = cpus;
    memset(state->next, 0, sizeof(state->next));
}

static bool has_suffix(const char *line, size_t size)
{
    return size > LOG_SUFFIX && !memcmp(line + size - LOG_SUFFIX, ",\"hash\":\"", 9) &&
           !memcmp(line + size - 2, "\"}", 2);
}

bool log_line_intact(const char *line, size_t size)
{
    char hash[DIGEST_HEX + 1];

    if (!has_suffix(line, size))
        return false;
    digest_sha256_hex(line, size - LOG_SUFFIX, hash);
    return !memcmp(hash, line + size - 2 - DIGEST_HEX, DIGEST_HEX);
}

/* The bytes of BODY's start, strictly: what the chain rests on is not left to a JSON parser. */
static bool parse_start(const char *line, size_t size, uint64_t *index, const char **prev)
{
    static const char first[] = "{\"index\":", second[] = ",\"prev\":\"", third[] = "\",\"at\":\"";
    const char *at = line, *end = line + size;
    uint64_t value = 0;
    unsigned int digits = 0;

    if (size < sizeof(first) - 1 || memcmp(at, first, sizeof(first) - 1))
        return false;
    at += sizeof(first) - 1;
    for (; at < end && *at >= '0' && *at <= '9'; at++, digits++) {
        if (digits == 19 || (digits == 1 && value == 0))
            return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (!digits || (size_t)(end - at) < sizeof(second) - 1 + DIGEST_HEX + sizeof(third) - 1 ||
        memcmp(at, second, sizeof(second) - 1))
        return false;
    at += sizeof(second) - 1;
    if (memcmp(at + DIGEST_HEX, third, sizeof(third) - 1))
        return false;
    *index = value;
    *prev = at;
    return true;
}

static bool get_number(json_object *object, const char *key, uint64_t *value)
{
    return json_unsigned(json_member(object, key), 0, UINT64_MAX, value);
}

/* 16 hexadecimal digits, as line.c writes them. */
static bool get_boot(json_object *object, uint64_t *boot_id)
{
    const char *text = json_member_text(object, "boot");

    if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return false;
    *boot_id = strtoull(text, NULL, 16);
    return true;
}

static const char *apply_open(struct log_state *state, json_object *object)
{
    uint64_t format, boot_id;
    json_object *next;

    if (!get_number(object, "format", &format) || format != LOG_FORMAT)
        return "written in a format that this program does not know";
    if (!json_object_object_get_ex(object, "next", &next) ||
        !json_object_is_type(next, json_type_array) ||
        json_object_array_length(next) > LOG_MAX_CPUS)
        return "its list of positions is malformed";
    size_t cpus = json_object_array_length(next);
    if (!cpus)
        return NULL; /* no ring was ever read */
    if (!get_boot(object, &boot_id))
        return "it names no boot";

    uint64_t positions[LOG_MAX_CPUS];
    for (size_t i = 0; i < cpus; i++) {
        if (!json_unsigned(json_object_array_get_idx(next, i), 0, UINT64_MAX, &positions[i]))
            return "its list of positions is malformed";
    }
    if (state->booted && !state->lenient &&
        (state->boot_id != boot_id || state->cpus != cpus ||
         memcmp(state->next, positions, cpus * sizeof(positions[0]))))
        return "its positions are not those of the lines before";
    log_state_boot(state, boot_id, (unsigned int)cpus);
    memcpy(state->next, positions, cpus * sizeof(positions[0]));
    return NULL;
}

static const char *apply_boot(struct log_state *state, json_object *object)
{
    uint64_t boot_id, cpus;

    if (!get_boot(object, &boot_id) || !get_number(object, "cpus", &cpus) || !cpus ||
        cpus > LOG_MAX_CPUS)
        return "it names no boot or no CPUs";
    log_state_boot(state, boot_id, (unsigned int)cpus);
    return NULL;
}

/* Recovery behind a broken line: go on from the furthest position that any line names. */
static void believe(struct log_state *state, uint64_t boot_id, uint64_t cpu, uint64_t *sequence)
{
    if (!state->booted || state->boot_id != boot_id)
        log_state_boot(state, boot_id, 1);
    if (cpu < LOG_MAX_CPUS && cpu >= state->cpus)
        state->cpus = (unsigned int)cpu + 1;
    if (cpu<state->cpus && * sequence> state->next[cpu])
        state->next[cpu] = *sequence;
    else if (cpu < state->cpus)
        *sequence = state->next[cpu];
}

/* A trace record, or `count` lost ones. */
static const char *apply_records(struct log_state *state, json_object *object, bool lost)
{
    uint64_t boot_id, cpu, sequence, count = 1;

    if (!get_boot(object, &boot_id) || !get_number(object, "cpu", &cpu) ||
        !get_number(object, "seq", &sequence) || (lost && !get_number(object, "count", &count)))
        return "it does not say which record it is";
    if (state->lenient)
        believe(state, boot_id, cpu, &sequence);
    if (!state->booted || boot_id != state->boot_id || cpu >= state->cpus)
        return "its record belongs to a boot or CPU that no line before has announced";
    if (sequence < state->next[cpu])
        return "its record was logged before";
    if (sequence > state->next[cpu])
        return "records are missing before it";
    if (count > UINT64_MAX - sequence)
        return "it counts more records than there can be";
    state->next[cpu] = sequence + count;
    if (lost)
        state->lost += count;
    else
        state->traces++;
    return NULL;
}

static const char *apply_kind(struct log_state *state, json_object *object)
{
    const char *name = json_member_text(object, "kind");

    if (!name)
        return "it has no kind";
    if (!strcmp(name, "open"))
        return apply_open(state, object);
    if (!strcmp(name, "boot"))
        return apply_boot(state, object);
    if (!strcmp(name, "trace") || !strcmp(name, "lost"))
        return apply_records(state, object, name[0] == 'l');
    return NULL;
}

static const char *apply_content(struct log_state *state, const char *line, size_t size)
{
    static _Thread_local char why[240];
    char detail[200];
    json_object *object;
    int rc = json_read(line, size, &object, detail, sizeof(detail));

    if (rc) {
        snprintf(why, sizeof(why), "it is not a JSON object: %s", detail);
        return why;
    }
    const char *wrong = apply_kind(state, object);
    json_object_put(object);
    return wrong;
}

const char *log_state_apply(struct log_state *state, const char *line, size_t size)
{
    uint64_t index;
    const char *prev;

    if (size > LOG_MAX_LINE || !has_suffix(line, size) || !parse_start(line, size, &index, &prev))
        return "it is not a line of this log";
    if (!log_line_intact(line, size))
        return "its hash is not that of its content";
    bool check = state->anchored && !state->lenient;
    if (check && index != state->index)
        return "its index does not follow: lines were removed, inserted or moved";
    if ((check || index == 0) && memcmp(prev, state->head, DIGEST_HEX))
        return "its prev is not the hash of the line before";
    const char *wrong = apply_content(state, line, size);
    if (wrong)
        return wrong;
    state->anchored = true;
    state->index = index + 1;
    memcpy(state->head, line + size - 2 - DIGEST_HEX, DIGEST_HEX);
    return NULL;
}
