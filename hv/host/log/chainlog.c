/* SPDX-License-Identifier: MIT */
#include "log/chainlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log/logfiles.h"

static int real_open(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

const struct chainlog_io chainlog_real_io = {real_open, write, fdatasync, ftruncate};

static void end_line(struct chainlog *log)
{
    struct line *line = &log->batch;
    char hash[DIGEST_HEX + 1];

    if (line->overflow)
        return;
    digest_sha256_hex(line->text + log->line_start, line->used - log->line_start, hash);
    line_raw(line, ",\"hash\":\"", 9);
    line_raw(line, hash, DIGEST_HEX);
    line_raw(line, "\"}\n", 3);
    if (line->overflow)
        return;
    memcpy(log->pending.head, hash, sizeof(hash));
    log->pending.anchored = true;
    log->pending.index++;
    if (log->move.set) {
        log->pending.next[log->move.cpu] = log->move.next;
        log->pending.traces += log->move.traces;
        log->pending.lost += log->move.lost;
    }
}

static void begin_line(struct chainlog *log, const char *kind)
{
    struct line *line = &log->batch;
    struct timespec now;
    struct tm utc;
    char start[160], stamp[32];

    log->line_start = line->used;
    memset(&log->move, 0, sizeof(log->move));
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    int length = snprintf(
        start, sizeof(start), "{\"index\":%llu,\"prev\":\"%s\",\"at\":\"%s.%03ldZ\"",
        (unsigned long long)log->pending.index, log->pending.head, stamp, now.tv_nsec / 1000000);
    line_raw(line, start, (size_t)length);
    line_text(line, "kind", kind);
}

/* What stands at the start of every file. */
static void compose_open(struct chainlog *log)
{
    begin_line(log, "open");
    line_number(&log->batch, "format", LOG_FORMAT);
    line_text(&log->batch, "version", CLOISTER_VERSION);
    line_number(&log->batch, "file", log->number + 1);
    if (log->pending.booted)
        line_identifier(&log->batch, "boot", log->pending.boot_id);
    line_numbers(&log->batch, "next", log->pending.next,
                 log->pending.booted ? log->pending.cpus : 0);
    end_line(log);
}

static void compose_recovered(struct chainlog *log)
{
    char name[LOG_FILE_NAME];

    log_file_name(log->torn_file, name);
    begin_line(log, "recovered");
    line_text(&log->batch, "file", name);
    line_number(&log->batch, "torn_bytes", log->torn_bytes);
    line_text(&log->batch, "torn_sha256", log->torn_hash);
    end_line(log);
}

struct line *chainlog_begin(struct chainlog *log, const char *kind)
{
    if (!log->batch.used) {
        log->fresh = log->fd < 0 || log->rotate;
        if (log->fresh)
            compose_open(log);
        if (log->torn_bytes)
            compose_recovered(log);
    }
    begin_line(log, kind);
    return &log->batch;
}

int chainlog_end(struct chainlog *log)
{
    if (log->batch.used - log->line_start + LOG_SUFFIX > LOG_MAX_LINE)
        log->batch.overflow = true;
    end_line(log);
    if (!log->batch.overflow)
        return 0;
    log->batch.used = log->line_start;
    log->batch.overflow = false;
    return -ENOBUFS;
}

int chainlog_boot(struct chainlog *log, uint64_t boot_id, unsigned int cpus)
{
    struct line *line = chainlog_begin(log, "boot");

    line_identifier(line, "boot", boot_id);
    line_number(line, "cpus", cpus);
    int rc = chainlog_end(log);
    if (!rc)
        log_state_boot(&log->pending, boot_id, cpus);
    return rc;
}

static void say_position(struct chainlog *log, unsigned int cpu, uint64_t sequence)
{
    line_identifier(&log->batch, "boot", log->pending.boot_id);
    line_number(&log->batch, "cpu", cpu);
    line_number(&log->batch, "seq", sequence);
    log->move.set = true;
    log->move.cpu = cpu;
}

void chainlog_record(struct chainlog *log, unsigned int cpu, uint64_t sequence)
{
    say_position(log, cpu, sequence);
    log->move.next = sequence + 1;
    log->move.traces = 1;
}

int chainlog_lost(struct chainlog *log, unsigned int cpu, uint64_t sequence, uint64_t count)
{
    struct line *line = chainlog_begin(log, "lost");

    say_position(log, cpu, sequence);
    line_number(line, "count", count);
    log->move.next = sequence + count;
    log->move.lost = count;
    return chainlog_end(log);
}

uint64_t chainlog_next(const struct chainlog *log, unsigned int cpu)
{
    return log->pending.next[cpu];
}

bool chainlog_full(const struct chainlog *log)
{
    return log->batch.used >= CHAINLOG_FULL;
}

static void remove_old_files(struct chainlog *log)
{
    uint32_t *numbers;
    int count = log_files_list(log->directory, &numbers);

    for (int i = 0; log->options.files && i + (int)log->options.files < count; i++) {
        char name[LOG_FILE_NAME];

        log_file_name(numbers[i], name);
        (void)unlinkat(log->lock, name, 0);
    }
    free(numbers);
}

/* Opens file number + 1; the current one stays as it is until the batch is written. */
static int open_next(struct chainlog *log)
{
    char name[LOG_FILE_NAME];
    char *path;

    log_file_name(log->number + 1, name);
    if (asprintf(&path, "%s/%s", log->directory, name) < 0)
        return -ENOMEM;
    int fd = log->options.io->open(path);
    int rc = fd < 0 ? -errno : fd;
    free(path);
    return rc;
}

/* All of the batch or a negative errno. */
static int write_all(struct chainlog *log, int fd)
{
    for (size_t done = 0; done < log->batch.used;) {
        ssize_t size = log->options.io->write(fd, log->batch.text + done, log->batch.used - done);

        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return size ? -errno : -EIO;
        done += (size_t)size;
    }
    return 0;
}

static int cut_back(struct chainlog *log)
{
    if (log->dirty && log->options.io->truncate(log->fd, (off_t)log->size))
        return -errno;
    log->dirty = false;
    return 0;
}

static int write_fresh(struct chainlog *log)
{
    char name[LOG_FILE_NAME];
    int rc = chainlog_sync(log);
    int fd = rc ? rc : open_next(log);

    if (fd < 0)
        return fd;
    rc = write_all(log, fd);
    if (rc) {
        log_file_name(log->number + 1, name);
        (void)unlinkat(log->lock, name, 0);
        close(fd);
        return rc;
    }
    if (log->fd >= 0)
        close(log->fd);
    log->fd = fd;
    log->number++;
    log->size = 0;
    log->rotate = false;
    (void)log->options.io->sync(log->lock); /* the directory's new entry */
    remove_old_files(log);
    return 0;
}

static int write_batch(struct chainlog *log)
{
    int rc = log->fd >= 0 ? cut_back(log) : 0;

    if (rc)
        return rc;
    if (log->fresh)
        return write_fresh(log);
    rc = write_all(log, log->fd);
    if (rc) {
        log->dirty = true;
        (void)cut_back(log);
    }
    return rc;
}

int chainlog_flush(struct chainlog *log)
{
    if (!log->batch.used)
        return 0;
    log->error = write_batch(log);
    if (log->error) {
        log->pending = log->state;
    } else {
        log->size += log->batch.used;
        log->state = log->pending;
        log->unsynced = true;
        log->torn_bytes = 0;
        log->rotate = log->size >= log->options.file_size;
    }
    log->batch.used = 0;
    log->fresh = false;
    return log->error;
}

int chainlog_sync(struct chainlog *log)
{
    if (!log->unsynced || log->fd < 0)
        return 0;
    if (log->options.io->sync(log->fd))
        return log->error = -errno;
    log->unsynced = false;
    return 0;
}

void chainlog_close(struct chainlog *log)
{
    int rc = chainlog_sync(log); /* kept in log->error; there is nobody left to tell */
    (void)rc;
    if (log->fd >= 0)
        close(log->fd);
    if (log->lock >= 0)
        close(log->lock);
    free(log->buffer);
    free(log->directory);
    log->fd = log->lock = -1;
    log->buffer = log->directory = NULL;
}
