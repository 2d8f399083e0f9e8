/* SPDX-License-Identifier: MIT */
/* chainlog_open: finding out where a log stands, whatever happened to the daemon before. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/chainlog.h"
#include "log/logfiles.h"

/* The last line of a file, without newline: the daemon was stopped within write(). */
static int note_torn(struct chainlog *log, uint32_t number, const char *text, size_t size)
{
    log->torn_file = number;
    log->torn_bytes = size;
    digest_sha256_hex(text, size, log->torn_hash);
    return 0;
}

static void note_broken(struct chainlog *log, uint32_t number, uint64_t line, const char *wrong)
{
    char name[LOG_FILE_NAME];

    log->state.lenient = true;
    log->rotate = true;
    if (log->broken[0])
        return;
    log_file_name(number, name);
    snprintf(log->broken, sizeof(log->broken), "%s line %llu: %s", name, (unsigned long long)line,
             wrong);
}

/* Reads one file into log->state; returns its number of whole lines or a negative errno. */
static int read_file(struct chainlog *log, uint32_t number, FILE *file)
{
    char *text = NULL;
    size_t capacity = 0;
    int lines = 0;
    ssize_t size;

    log_state_initialise(&log->state, false);
    log->size = 0;
    while ((size = getline(&text, &capacity, file)) > 0) {
        if (text[size - 1] != '\n') {
            note_torn(log, number, text, (size_t)size);
            break;
        }
        const char *wrong = log_state_apply(&log->state, text, (size_t)size - 1);
        lines++;
        if (wrong) {
            note_broken(log, number, (uint64_t)lines, wrong);
            (void)log_state_apply(&log->state, text, (size_t)size - 1);
        }
        log->size += (uint64_t)size;
    }
    int rc = ferror(file) ? -EIO : lines;
    free(text);
    log->state.lenient = false;
    return rc;
}

/*
 * Takes the file as the current one if it has a line. A file without one is what a daemon leaves
 * that was killed while it began the file: it goes, and the one before is the last.
 */
static int take_file(struct chainlog *log, uint32_t number)
{
    char name[LOG_FILE_NAME];

    log_file_name(number, name);
    int fd = openat(log->lock, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    int copy = fd < 0 ? -1 : dup(fd);
    FILE *file = copy < 0 ? NULL : fdopen(copy, "r");
    if (!file) {
        int rc = -errno;

        close(copy);
        close(fd);
        return rc;
    }
    int lines = read_file(log, number, file);
    fclose(file);
    if (lines > 0) {
        log->fd = fd;
        log->number = number;
        log->rotate = log->rotate || log->size >= log->options.file_size;
        return lines;
    }
    close(fd);
    if (lines == 0 && unlinkat(log->lock, name, 0))
        lines = -errno;
    return lines;
}

static int find_end(struct chainlog *log, char *why, size_t why_size)
{
    uint32_t *numbers;
    int count = log_files_list(log->directory, &numbers);
    int rc = count < 0 ? count : 0;

    for (int i = count - 1; i >= 0 && rc == 0; i--) {
        log->number = numbers[i] - 1;
        rc = take_file(log, numbers[i]);
        if (rc < 0)
            snprintf(why, why_size, "%s: cannot read its file number %u: %s", log->directory,
                     numbers[i], strerror(-rc));
    }
    if (count > 0 && log->fd < 0)
        log->number = numbers[0] - 1;
    free(numbers);
    if (log->fd < 0)
        log_state_initialise(&log->state, true);
    return rc < 0 ? rc : 0;
}

static int cut_torn_line(struct chainlog *log, char *why, size_t why_size)
{
    if (!log->torn_bytes || log->fd < 0 || log->torn_file != log->number)
        return 0;
    if (!log->options.io->truncate(log->fd, (off_t)log->size))
        return 0;
    int rc = -errno;
    snprintf(why, why_size, "%s: cannot cut off an incomplete last line: %s", log->directory,
             strerror(-rc));
    return rc;
}

static int lock_directory(struct chainlog *log, char *why, size_t why_size)
{
    int rc = 0;

    if (mkdir(log->directory, 0700) && errno != EEXIST)
        rc = -errno;
    if (!rc) {
        log->lock = open(log->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (log->lock < 0)
            rc = -errno;
    }
    if (rc) {
        snprintf(why, why_size, "%s: cannot open the log directory: %s", log->directory,
                 strerror(-rc));
    } else if (flock(log->lock, LOCK_EX | LOCK_NB)) {
        rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
        snprintf(why, why_size, "%s: another cloisterd writes this log", log->directory);
    }
    return rc;
}

int chainlog_open(struct chainlog *log, const struct chainlog_options *options, char *why,
                  size_t why_size)
{
    memset(log, 0, sizeof(*log));
    log->options = *options;
    if (!log->options.io)
        log->options.io = &chainlog_real_io;
    log->lock = log->fd = -1;
    log->directory = strdup(options->directory);
    log->buffer = malloc(CHAINLOG_BUFFER);
    if (!log->directory || !log->buffer) {
        snprintf(why, why_size, "out of memory");
        chainlog_close(log);
        return -ENOMEM;
    }
    log->batch = (struct line){.text = log->buffer, .capacity = CHAINLOG_BUFFER};
    log_state_initialise(&log->state, true);
    int rc = lock_directory(log, why, why_size);
    if (!rc)
        rc = find_end(log, why, why_size);
    if (!rc)
        rc = cut_torn_line(log, why, why_size);
    if (rc)
        chainlog_close(log);
    else
        log->pending = log->state;
    return rc;
}
