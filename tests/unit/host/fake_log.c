/* SPDX-License-Identifier: MIT */
#include "fake_log.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/record.h"
#include "base/textfile.h"

struct fake_disk fake_disk;
static char directory[64];

static int fake_open(const char *path)
{
    errno = ENOSPC;
    return fake_disk.open_fails ? -1 : chainlog_real_io.open(path);
}

static ssize_t fake_write(int fd, const void *data, size_t size)
{
    if (fake_disk.room >= 0 && size > (size_t)fake_disk.room)
        size = (size_t)fake_disk.room;
    if (!size) {
        errno = fake_disk.write_error;
        return -1;
    }
    ssize_t written = write(fd, data, size);
    if (fake_disk.room >= 0)
        fake_disk.room -= (long)size;
    return written;
}

static int fake_sync(int fd)
{
    (void)fd;
    fake_disk.syncs++;
    errno = EIO;
    return fake_disk.sync_fails ? -1 : 0;
}

static int fake_truncate(int fd, off_t size)
{
    errno = EIO;
    return fake_disk.truncate_fails ? -1 : ftruncate(fd, size);
}

const struct chainlog_io fake_io = {fake_open, fake_write, fake_sync, fake_truncate};

const char *fake_log_directory(void)
{
    memset(&fake_disk, 0, sizeof(fake_disk));
    fake_disk.room = -1;
    fake_disk.write_error = ENOSPC;
    strcpy(directory, "/tmp/cloister-log-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    return directory;
}

void fake_log_remove(void)
{
    uint32_t *numbers;
    int count = log_files_list(directory, &numbers);

    for (int i = 0; i < count; i++) {
        char name[LOG_FILE_NAME], path[128];

        log_file_name(numbers[i], name);
        snprintf(path, sizeof(path), "%s/%s", directory, name);
        unlink(path);
    }
    free(numbers);
    rmdir(directory);
}

void fake_log_open(struct chainlog *log, uint64_t file_size, unsigned int files)
{
    struct chainlog_options options = {directory, file_size, files, &fake_io};
    char why[256] = "";
    int rc = chainlog_open(log, &options, why, sizeof(why));

    ck_assert_msg(rc == 0, "%s", why);
}

/* As many as there were on all CPUs. */
static uint64_t next_order(const struct chainlog *log)
{
    uint64_t order = 0;

    for (unsigned int cpu = 0; cpu < log->pending.cpus; cpu++)
        order += log->pending.next[cpu];
    return order;
}

void fake_log_records(struct chainlog *log, unsigned int cpu, unsigned int count)
{
    const struct record_names alice = {.name = "alice"}, nobody = {.name = ""};

    if (!log->pending.booted)
        ck_assert_int_eq(chainlog_boot(log, 0x1234, 4), 0);
    for (unsigned int i = 0; i < count; i++) {
        struct cloister_trace_record record = {.sequence = chainlog_next(log, cpu),
                                               .order = next_order(log),
                                               .event = CLOISTER_EVENT_CALL,
                                               .domain = 3,
                                               .vcpu = CLOISTER_NO_VCPU,
                                               .cpl = 0xff,
                                               .pcpu = (uint16_t)cpu,
                                               .target = CLOISTER_NO_DOMAIN,
                                               .page = CLOISTER_NO_PAGE};
        struct line *line = chainlog_begin(log, "trace");

        chainlog_record(log, cpu, record.sequence);
        record_write(line, &record, &alice, &nobody);
        ck_assert_int_eq(chainlog_end(log), 0);
    }
}

static void path_of(uint32_t number, char path[128])
{
    char name[LOG_FILE_NAME];

    log_file_name(number, name);
    snprintf(path, 128, "%s/%s", directory, name);
}

char *fake_log_read(uint32_t number, size_t *size)
{
    char path[128], *text;

    path_of(number, path);
    ck_assert_int_eq(textfile_read(path, 64u << 20, &text, size), 0);
    return text;
}

void fake_log_write(uint32_t number, const char *text, size_t size)
{
    char path[128];

    path_of(number, path);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, size, file), size);
    fclose(file);
}

struct verify_result fake_log_verify(bool broken)
{
    struct verify_result result;

    ck_assert_int_eq(verify_log(directory, NULL, &result), 0);
    ck_assert_msg(result.broken == broken, "%s line %llu: %s", result.file,
                  (unsigned long long)result.line, result.broken ? result.wrong : "good");
    return result;
}
