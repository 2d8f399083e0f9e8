/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"

int file_read(const char *path, size_t limit, uint8_t **data, size_t *size)
{
    FILE *file = fopen(path, "re");
    uint8_t *buffer = malloc(limit + 2);
    const char *why = NULL;

    *data = NULL;
    *size = 0;
    if (!file || !buffer) {
        why = strerror(errno);
    } else {
        *size = fread(buffer, 1, limit + 1, file);
        why = ferror(file) ? strerror(errno) : *size > limit ? "too large" : NULL;
    }
    if (file) {
        fclose(file);
    }
    if (why) {
        complain("%s cannot be read: %s", path, why);
        free(buffer);
        return STATUS_INPUT;
    }
    buffer[*size] = 0;
    *data = buffer;
    return 0;
}

int policy_read(const char *path, struct cloister_policy **policy)
{
    uint8_t *text;
    size_t size;
    char why[400] = "out of memory";
    int rc = file_read(path, CLOISTER_POLICY_MAX_SIZE, &text, &size);

    if (rc) {
        return rc;
    }
    rc = cloister_policy_parse((const char *)text, size, policy, why, sizeof(why));
    free(text);
    if (rc) {
        complain("%s: %s", path, why);
        return STATUS_INPUT;
    }
    return 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int hex_read(const char *text, uint8_t *bytes, size_t room)
{
    size_t size = strlen(text) / 2;

    if (strlen(text) % 2 || size > room) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return -1;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return (int)size;
}
