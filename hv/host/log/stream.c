/* SPDX-License-Identifier: MIT */
#include "log/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/logfiles.h"
#include "log/logstate.h"

static int open_file(const char *directory, uint32_t number)
{
    char name[LOG_FILE_NAME], *path;

    log_file_name(number, name);
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return -ENOMEM;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int rc = fd < 0 ? -errno : fd;
    free(path);
    return rc;
}

static uint64_t file_end(int fd, uint32_t number, struct stream_end end)
{
    struct stat status;

    if (number == end.number)
        return end.size;
    return fstat(fd, &status) ? 0 : (uint64_t)status.st_size;
}

/*
 * The offset of the file's last *lines lines; *lines is reduced by those that were found. 0 where
 * the file has fewer.
 */
static uint64_t seek_lines(int fd, uint64_t size, uint64_t *lines)
{
    char block[65536];

    for (uint64_t at = size; at > 0 && *lines;) {
        size_t part = at < sizeof(block) ? (size_t)at : sizeof(block);

        at -= part;
        if (pread(fd, block, part, (off_t)at) != (ssize_t)part)
            return 0;
        for (size_t i = part; i-- > 0;) {
            /* The newline that ends the last line of all starts no line. */
            if (block[i] == '\n' && at + i + 1 < size && --*lines == 0)
                return at + i + 1;
        }
    }
    if (*lines && size)
        --*lines; /* the file's first line */
    return 0;
}

int stream_open(struct stream *stream, const char *directory, uint64_t lines, struct stream_end end)
{
    uint32_t *numbers;
    int count = log_files_list(directory, &numbers);

    *stream =
        (struct stream){.directory = directory, .number = end.number, .offset = end.size, .fd = -1};
    if (count < 0)
        return count;
    for (int i = count - 1; i >= 0 && lines; i--) {
        if (numbers[i] > end.number)
            continue;
        int fd = open_file(directory, numbers[i]);
        if (fd < 0)
            continue;
        stream->number = numbers[i];
        stream->offset = seek_lines(fd, file_end(fd, numbers[i], end), &lines);
        close(fd);
        if (stream->offset)
            break;
    }
    free(numbers);
    return 0;
}

void stream_close(struct stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

/* The first file behind `number`, or at it; 0: there is none. */
static uint32_t next_file(const char *directory, uint32_t number, uint32_t last)
{
    uint32_t *numbers, found = 0;
    int count = log_files_list(directory, &numbers);

    for (int i = 0; i < count && !found; i++) {
        if (numbers[i] >= number && numbers[i] <= last)
            found = numbers[i];
    }
    free(numbers);
    return found;
}

/* Makes stream->fd the file to read from; false: there is none yet. */
static bool find_file(struct stream *stream, struct stream_end end)
{
    if (stream->fd >= 0)
        return true;
    uint32_t number = next_file(stream->directory, stream->number, end.number);
    if (!number)
        return false;
    if (number != stream->number)
        stream->offset = 0;
    stream->number = number;
    stream->fd = open_file(stream->directory, number);
    return stream->fd >= 0;
}

int stream_read(struct stream *stream, char *buffer, size_t size, struct stream_end end)
{
    while (find_file(stream, end)) {
        uint64_t limit = file_end(stream->fd, stream->number, end);
        size_t part = limit > stream->offset ? (size_t)(limit - stream->offset) : 0;

        if (part > size)
            part = size;
        ssize_t got = part ? pread(stream->fd, buffer, part, (off_t)stream->offset) : 0;
        if (got < 0)
            return -errno;
        const char *last = got ? memrchr(buffer, '\n', (size_t)got) : NULL;
        if (last) {
            stream->offset += (uint64_t)(last + 1 - buffer);
            return (int)(last + 1 - buffer);
        }
        if (stream->number >= end.number)
            return 0;
        stream_close(stream); /* this file is read to its end */
        stream->number++;
        stream->offset = 0;
    }
    return 0;
}

int stream_find_end(const char *directory, struct stream_end *end)
{
    uint32_t *numbers;
    int count = log_files_list(directory, &numbers);

    *end = (struct stream_end){0};
    if (count > 0) {
        int fd = open_file(directory, numbers[count - 1]);

        end->number = numbers[count - 1];
        if (fd >= 0) {
            end->size = file_end(fd, 0, *end);
            close(fd);
        }
    }
    free(numbers);
    return count < 0 ? count : 0;
}
