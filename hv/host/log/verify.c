/* SPDX-License-Identifier: MIT */
#include "log/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/record.h"

struct verifier {
    struct log_state chain;
    struct cloister_tracelog *records;
};

static void fault(struct verify_result *result, uint64_t line, const char *wrong)
{
    result->broken = true;
    result->line = line;
    result->wrong = wrong;
}

/*
 * Does the line say of its record what the daemon would say, reason and operation by name too? Every member that it
 * would write must stand there. Values without names hold no quotation marks, so that nothing in a string is one.
 */
static bool says_the_record(const char *text, size_t size,
                            const struct cloister_trace_record *record)
{
    static const struct record_names nobody;
    char members[2048];
    struct line line = {.text = members, .capacity = sizeof(members)};

    record_write(&line, record, &nobody, &nobody);
    line_raw(&line, ",\"", 2);
    for (size_t at = 0; !line.overflow && at + 2 < line.used;) {
        const char *end = memmem(members + at + 2, line.used - at - 2, ",\"", 2);
        size_t length = (size_t)(end - (members + at)) + 2; /* with what must follow it */

        if (!memmem(text, size, members + at, length))
            return false;
        at += length - 2;
    }
    return !line.overflow;
}

/* What is wrong with a line of the chain as the monitor's word, or NULL. */
static const char *verify_record(struct cloister_tracelog *records, const char *text, size_t size)
{
    const char *wrong = cloister_tracelog_line(records, text, size);
    const struct cloister_trace_record *record = cloister_tracelog_record(records);

    if (!wrong && record && record->order != UINT64_MAX && !says_the_record(text, size, record))
        wrong = "its words are not those for its record";
    return wrong;
}

/* One line with its newline, if it has one. False at the first fault. */
static bool verify_line(struct verifier *verifier, const char *text, size_t size, uint64_t line,
                        bool last_file, struct verify_result *result)
{
    struct log_state *state = &verifier->chain;

    if (text[size - 1] != '\n') {
        result->torn = last_file;
        fault(result, line, "it has no end: the writer was stopped, or something was cut off");
        return false;
    }
    bool first = !state->anchored;
    const char *wrong = log_state_apply(state, text, size - 1);
    if (!wrong)
        wrong = verify_record(verifier->records, text, size - 1);
    if (wrong) {
        fault(result, line, wrong);
        return false;
    }
    if (line == 1 && !strstr(text, "\",\"kind\":\"open\",")) {
        fault(result, line, "a file starts with a line of kind open");
        return false;
    }
    if (first)
        result->first = state->index - 1;
    result->lines++;
    return true;
}

static int verify_file(const char *directory, bool last_file, const char *anchor,
                       struct verifier *verifier, struct verify_result *result)
{
    char *path, *text = NULL;
    size_t capacity = 0;
    ssize_t size;

    if (asprintf(&path, "%s/%s", directory, result->file) < 0)
        return -ENOMEM;
    FILE *file = fopen(path, "re");
    int rc = file ? 0 : -errno;
    free(path);
    if (rc)
        return rc;
    errno = 0;
    for (uint64_t line = 1; (size = getline(&text, &capacity, file)) > 0; line++) {
        if (!verify_line(verifier, text, (size_t)size, line, last_file, result))
            break;
        if (anchor && !strcmp(anchor, verifier->chain.head))
            result->anchored = true;
    }
    if (ferror(file) || (size < 0 && errno == ENOMEM))
        rc = errno ? -errno : -EIO;
    free(text);
    fclose(file);
    return rc;
}

static struct verifier *new_verifier(void)
{
    struct verifier *verifier = malloc(sizeof(*verifier));
    struct cloister_tracelog *records = cloister_tracelog_new();

    if (!verifier || !records) {
        cloister_tracelog_free(records);
        free(verifier);
        return NULL;
    }
    verifier->records = records;
    log_state_initialise(&verifier->chain, false);
    return verifier;
}

static void conclude(const struct verifier *verifier, struct verify_result *result)
{
    memcpy(result->head, verifier->chain.head, sizeof(result->head));
    result->traces = verifier->chain.traces;
    result->lost = verifier->chain.lost;
    result->monitor = cloister_tracelog_summary(verifier->records);
}

int verify_log(const char *directory, const char *anchor, struct verify_result *result)
{
    uint32_t *numbers;
    int count = log_files_list(directory, &numbers);
    int rc = count < 0 ? count : 0;
    struct verifier *verifier = new_verifier();

    memset(result, 0, sizeof(*result));
    if (!verifier)
        rc = -ENOMEM;
    for (int i = 0; i < count && !rc && !result->broken; i++) {
        log_file_name(numbers[i], result->file);
        rc = verify_file(directory, i == count - 1, anchor, verifier, result);
        result->files++;
    }
    if (!rc)
        conclude(verifier, result);
    if (verifier)
        cloister_tracelog_free(verifier->records);
    free(verifier);
    free(numbers);
    return rc;
}
