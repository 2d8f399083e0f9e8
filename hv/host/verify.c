/* SPDX-License-Identifier: MIT */
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fault(struct verify_result *result, uint64_t line, const char *wrong)
{
    result->broken = true;
    result->line = line;
    result->wrong = wrong;
}

/* One line with its newline, if it has one. False at the first fault. */
static bool verify_line(struct log_state *state, const char *text, size_t size, uint64_t line,
                        bool last_file, struct verify_result *result)
{
    if (text[size - 1] != '\n') {
        result->torn = last_file;
        fault(result, line, "it has no end: the writer was stopped, or something was cut off");
        return false;
    }
    bool first = !state->anchored;
    const char *wrong = log_state_apply(state, text, size - 1);
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
                       struct log_state *state, struct verify_result *result)
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
        if (!verify_line(state, text, (size_t)size, line, last_file, result))
            break;
        if (anchor && !strcmp(anchor, state->head))
            result->anchored = true;
    }
    if (ferror(file) || (size < 0 && errno == ENOMEM))
        rc = errno ? -errno : -EIO;
    free(text);
    fclose(file);
    return rc;
}

int verify_log(const char *directory, const char *anchor, struct verify_result *result)
{
    uint32_t *numbers;
    int count = log_files_list(directory, &numbers);
    int rc = count < 0 ? count : 0;
    struct log_state *state = malloc(sizeof(*state));

    memset(result, 0, sizeof(*result));
    if (!state)
        rc = -ENOMEM;
    else
        log_state_initialise(state, false);
    for (int i = 0; i < count && !rc && !result->broken; i++) {
        log_file_name(numbers[i], result->file);
        rc = verify_file(directory, i == count - 1, anchor, state, result);
        result->files++;
    }
    if (!rc) {
        memcpy(result->head, state->head, sizeof(result->head));
        result->traces = state->traces;
        result->lost = state->lost;
    }
    free(state);
    free(numbers);
    return rc;
}
