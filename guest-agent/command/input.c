/* SPDX-License-Identifier: MIT */
/* What the subcommands read: numbers, hexadecimal digits, files. */
#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/number.h"

#define MAX_INPUT ((size_t)CLOISTER_MAX_SHARED_PAGES * CLOISTER_PAGE_SIZE)

bool parse_number(const char *text, uint64_t max, uint64_t *value)
{
    const bool hexadecimal = !strncmp(text, "0x", 2);

    return number_read(text + (hexadecimal ? 2 : 0), hexadecimal ? 16 : 10, 0, max, value);
}

int read_file(const char *path, struct bytes *bytes)
{
    bool standard = !strcmp(path, "-");
    int file = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *data = malloc(MAX_INPUT + 1);
    size_t size = 0;
    int error = 0;

    if (file < 0 || !data) {
        error = data ? -errno : -ENOMEM;
        goto out;
    }
    /* No call takes more than the largest shared window: one byte more is enough to see. */
    while (size <= MAX_INPUT) {
        ssize_t count = read(file, data + size, MAX_INPUT + 1 - size);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            error = -errno;
        if (count <= 0)
            break;
        size += (size_t)count;
    }
    if (size > MAX_INPUT)
        error = -EFBIG;
out:
    if (file >= 0 && !standard)
        close(file);
    if (error) {
        free(data);
        data = NULL;
    }
    *bytes = (struct bytes){data, error ? 0 : size};
    return error;
}

int write_file(const char *path, const uint8_t *data, size_t size)
{
    bool standard = !strcmp(path, "-");
    int file =
        standard ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int error = 0;

    if (file < 0)
        return -errno;
    while (size && !error) {
        ssize_t count = write(file, data, size);

        if (count >= 0) {
            data += count;
            size -= (size_t)count;
        } else if (errno != EINTR) {
            error = -errno;
        }
    }
    if (!standard && close(file) && !error)
        error = -errno;
    return error;
}

int read_hex(const char *text, struct bytes *bytes)
{
    uint8_t *data = malloc(strlen(text) / 2 + 1);
    size_t digits = 0;

    *bytes = (struct bytes){0};
    if (!data)
        return -ENOMEM;
    for (; *text; text++) {
        int value = hex_digit(*text);

        if (*text == ' ' || *text == ':')
            continue;
        if (value < 0)
            break;
        if (digits % 2)
            data[digits / 2] |= (uint8_t)value;
        else
            data[digits / 2] = (uint8_t)(value << 4);
        digits++;
    }
    if (*text || digits % 2) {
        free(data);
        return -EINVAL;
    }
    *bytes = (struct bytes){data, digits / 2};
    return 0;
}
