/* SPDX-License-Identifier: MIT */
/*
 * Counters over power failures: the daemon's part with a pretended monitor, a pretended TPM, and a disk that loses
 * what was not brought to it. Each daemon is a process of its own that can be ended before any step.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proof/copies.h"
#include "proof/counters.h"
#include "base/digest.h"
#include "proof/helper.h"
#include "base/jsonbytes.h"
#include "base/loop.h"
#include "base/say.h"
#include "base/worker.h"
#include "../../suite.h"

#define CRASHED 99
#define MAX_RENAMES 8

/* What outlives a daemon. */
static struct world {
    char folder[64];
    /* the monitor, until a reboot */
    bool loaded, saving;
    uint64_t value, committed, saves, loads, lost_loads;
    uint8_t table, vouched[32];
    struct cloister_counters_image saved;
    /* the TPM */
    uint8_t index[32];
    uint64_t extensions;
    /* the disk: what power failure takes */
    bool unsynced_file;
    struct {
        char from[40], to[40];
        bool replaced; /* what stood at `to` is at to.bakN */
    } renames[MAX_RENAMES];
    unsigned int rename_count;
    /* what is wrong */
    unsigned int event, crash_at, fail_at;
    char once[24];   /* the step of this name fails, and is cleared */
    char always[24]; /* the step of this name fails each time ... */
    int error;       /* ... with this */
    /* what was seen */
    char trace[1024];
    unsigned int said[8]; /* by enum say_level */
    char problem[400];
    uint64_t commits, longest;
    bool lost;
} * world;

static struct config config;

/* One step. 0, or the error with which it fails. */
static int step(const char *name)
{
    world->event++;
    if (world->event == world->crash_at)
        _exit(CRASHED);
    if (strlen(world->trace) + strlen(name) + 2 < sizeof(world->trace))
        strcat(strcat(world->trace, name), " ");
    if (world->once[0] && !strcmp(world->once, name)) {
        world->once[0] = 0;
        return EIO;
    }
    if (world->event == world->fail_at || !strcmp(world->always, name))
        return world->error ? world->error : EIO;
    return 0;
}

void say(enum say_level level, const char *format, ...)
{
    (void)format;
    world->said[level]++;
}

/* --- the disk --------------------------------------------------------------------------------- */

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    if (size <= 8)
        return __real_write(fd, data, size);
    world->unsynced_file = true;
    int error = step("write");
    if (error) {
        size = (size_t)__real_write(fd, data, size / 2); /* some of it went */
        errno = error;
        return -1;
    }
    return __real_write(fd, data, size);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    struct stat status;

    ck_assert_int_eq(fstat(fd, &status), 0);
    const bool folder = S_ISDIR(status.st_mode);
    errno = step(folder ? "fsync-folder" : "fsync-file");
    if (errno)
        return -1;
    if (folder)
        world->rename_count = 0;
    else
        world->unsynced_file = false;
    return 0;
}

static char *path_of(const char *name, const char *suffix)
{
    static char paths[4][128];
    static int turn;
    char *path = paths[turn++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s%s", world->folder, name, suffix);
    return path;
}

int __real_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to)
{
    char name[64];

    snprintf(name, sizeof(name), "%s>%s", strcmp(from, "counters") ? from + 9 : "last",
             strcmp(to, "counters") ? to + 9 : "last");
    errno = step(name);
    if (errno)
        return -1;
    ck_assert_uint_lt(world->rename_count, MAX_RENAMES);
    snprintf(name, sizeof(name), ".bak%u", world->rename_count);
    unlink(path_of(to, name));
    bool replaced = !link(path_of(to, ""), path_of(to, name));
    int rc = __real_renameat(a, from, b, to);
    if (!rc) {
        strcpy(world->renames[world->rename_count].from, from);
        strcpy(world->renames[world->rename_count].to, to);
        world->renames[world->rename_count++].replaced = replaced;
    }
    return rc;
}

/* What is not on the disk may be there all the same (`undo` false). */
static void power_failure(bool undo)
{
    if (world->unsynced_file) {
        if (truncate(path_of("counters.new", ""), 1000))
            ck_assert_int_eq(errno, ENOENT);
    }
    while (undo && world->rename_count) {
        typeof(world->renames[0]) *one = &world->renames[--world->rename_count];

        ck_assert_int_eq(rename(path_of(one->to, ""), path_of(one->from, "")), 0);
        char backup[16];

        snprintf(backup, sizeof(backup), ".bak%u", world->rename_count);
        if (one->replaced)
            ck_assert_int_eq(rename(path_of(one->to, backup), path_of(one->to, "")), 0);
    }
    world->rename_count = 0;
    world->unsynced_file = false;
    world->loaded = world->saving = false;
    world->committed = world->value = 0;
    world->table++; /* unless a copy is loaded */
    memcpy(world->vouched, world->index, 32);
}

/* --- the monitor ------------------------------------------------------------------------------ */

static void vouch(const struct cloister_counters_image *image, uint8_t extend[32],
                  uint8_t expected[32])
{
    uint8_t both[64];

    digest_sha256(image, sizeof(*image), extend);
    memcpy(both, image->previous, 32);
    memcpy(both + 32, extend, 32);
    digest_sha256(both, 64, expected);
}

static int refuse(struct cloister_head *head, int error, uint16_t reason)
{
    head->reason = reason;
    return -error;
}

static int load(struct cloister_counters_load *op)
{
    const struct cloister_counters_image *image = (const void *)(uintptr_t)op->image;
    uint8_t extend[32], expected[32];

    world->loads++;
    if (world->loaded)
        return refuse(&op->head, EBUSY, CLOISTER_REASON_COUNTERS_LOADED);
    if (op->size) {
        ck_assert_uint_eq(op->size, sizeof(*image));
        vouch(image, extend, expected);
        if (memcmp(expected, world->vouched, 32) != 0)
            return refuse(&op->head, EINVAL, CLOISTER_REASON_COUNTERS_IMAGE);
        world->value = world->committed = image->value;
        world->table = image->table[0];
    }
    world->lost_loads += !op->size;
    world->loaded = true;
    return 0;
}

static int save(struct cloister_counters_save *op)
{
    world->saves++;
    if (!world->loaded)
        return refuse(&op->head, EAGAIN, CLOISTER_REASON_COUNTERS_UNLOADED);
    if (!world->saving && world->value <= world->committed)
        return refuse(&op->head, ENOENT, CLOISTER_REASON_COUNTERS_COMMITTED);
    if (!world->saving) {
        world->saved = (struct cloister_counters_image){.value = world->value};
        world->saved.table[0] = world->table;
        memcpy(world->saved.previous, world->vouched, 32);
    }
    world->saving = true;
    memcpy((void *)(uintptr_t)op->image, &world->saved, sizeof(world->saved));
    vouch(&world->saved, op->extend, op->expected);
    return 0;
}

static int commit(struct cloister_counters_commit *op)
{
    uint8_t extend[32], expected[32];

    vouch(&world->saved, extend, expected);
    if (!world->saving)
        return refuse(&op->head, ENOENT, CLOISTER_REASON_COUNTERS_COMMITTED);
    if (memcmp(op->value, expected, 32) != 0 || op->hmac[0] != 0x77 || op->nonce_tpm[0] != 0x66)
        return refuse(&op->head, EACCES, CLOISTER_REASON_COUNTERS_PROOF);
    memcpy(world->vouched, expected, 32);
    world->committed = world->saved.value;
    world->saving = false;
    return 0;
}

static int call(struct hypercalls *calls, uint32_t number, void *arg)
{
    static const char *const names[] = {"load", "save", "read", "commit"};
    struct cloister_info *info = arg;
    struct cloister_counters_read *read = arg;

    (void)calls;
    if (number == CLOISTER_OP_INFO) {
        info->counters_reason =
            world->loaded ? CLOISTER_REASON_NONE : CLOISTER_REASON_COUNTERS_UNLOADED;
        info->counters_value = world->value;
        info->counters_committed = world->committed;
        return 0;
    }
    if (number >= CLOISTER_OP_COUNTERS_LOAD && number <= CLOISTER_OP_COUNTERS_COMMIT) {
        int error = step(names[number - CLOISTER_OP_COUNTERS_LOAD]);

        if (error)
            return refuse(arg, error, CLOISTER_REASON_NONE);
    }
    switch (number) {
    case CLOISTER_OP_COUNTERS_LOAD:
        return load(arg);
    case CLOISTER_OP_COUNTERS_SAVE:
        return save(arg);
    case CLOISTER_OP_COUNTERS_READ:
        ck_assert_uint_eq(read->nonce_tpm[0], 0x55);
        memset(read->hmac, 0x44, 32);
        return 0;
    case CLOISTER_OP_COUNTERS_COMMIT:
        return commit(arg);
    case CLOISTER_OP_COUNTERS_FORGET:
        ((struct cloister_counters_forget *)arg)->removed =
            ((struct cloister_counters_forget *)arg)->domain_uuid[15];
        return 0;
    default:
        return -ENOSYS;
    }
}

/* --- the TPM ---------------------------------------------------------------------------------- */

static struct {
    json_object *request;
    helper_question *question;
    helper_done *done;
    void *context;
} job;

static unsigned int too_many_wait; /* so often: the queue is full */

int helper_converse(json_object *request, helper_question *question, helper_done *done,
                    void *context)
{
    if (too_many_wait) {
        too_many_wait--;
        json_object_put(request);
        return -EBUSY;
    }
    ck_assert_ptr_null(job.request);
    job.request = request;
    job.question = question;
    job.done = done;
    job.context = context;
    return 0;
}

static void bytes_at(const char *key, uint8_t out[32])
{
    json_object *member;
    size_t size;

    ck_assert(json_object_object_get_ex(job.request, key, &member));
    ck_assert_int_eq(json_bytes_read(json_object_get_string(member), out, 32, &size), 0);
    ck_assert_uint_eq(size, 32);
}

/* As tpm/counters.c, which is tried with a real TPM in test_tpm.py. */
static const char *work(json_object *answer)
{
    uint8_t both[64], expected[32], bytes[32];

    bytes_at("expected", expected);
    bytes_at("extend", both + 32);
    if (memcmp(world->index, expected, 32) != 0) {
        memcpy(both, world->index, 32);
        if (step("extend"))
            return "TPM2_NV_Extend: no";
        digest_sha256(both, 64, world->index);
        world->extensions++;
    }
    if (step("session"))
        return "TPM2_StartAuthSession: no";
    memset(bytes, 0x55, 32);
    json_object *question = json_object_new_object();
    json_object_object_add(question, "nonce_tpm", json_bytes_new(bytes, 32));
    char *reply = job.question(job.context, question);
    json_object_put(question);
    if (!reply)
        return "given up";
    ck_assert_uint_eq(strlen(reply), 44 + 1 + 44);
    free(reply);
    if (step("read-index"))
        return "TPM2_NV_Read: no";
    json_object_object_add(answer, "value", json_bytes_new(world->index, 32));
    memset(bytes, 0x66, 32);
    json_object_object_add(answer, "nonce_tpm", json_bytes_new(bytes, 32));
    memset(bytes, 0x77, 32);
    json_object_object_add(answer, "hmac", json_bytes_new(bytes, 32));
    return NULL;
}

static void do_job(void)
{
    json_object *answer = json_object_new_object();
    const char *error = work(answer);

    json_object_object_add(answer, "ok", json_object_new_boolean(!error));
    if (error)
        json_object_object_add(answer, "message", json_object_new_string(error));
    json_object_put(job.request);
    job.request = NULL;
    job.done(job.context, answer);
}

/* --- the daemon ------------------------------------------------------------------------------- */

static uint64_t deadline, last_round;
static bool (*enough)(void);
static bool tpm_hangs;

static bool all_committed(void)
{
    return world->loaded && world->committed == world->value && !world->saving;
}

static bool never(void)
{
    return false;
}

static bool round_(uint64_t now)
{
    if (last_round && now - last_round > world->longest)
        world->longest = now - last_round;
    last_round = now;
    if (job.request && !tpm_hangs)
        do_job();
    if (enough() || now > deadline)
        loop_stop();
    return false;
}

static void see(void)
{
    json_object *status = counters_status(), *member;

    world->problem[0] = 0;
    if (json_object_object_get_ex(status, "problem", &member))
        snprintf(world->problem, sizeof(world->problem), "%s", json_object_get_string(member));
    ck_assert(json_object_object_get_ex(status, "commits", &member));
    world->commits = json_object_get_uint64(member);
    ck_assert(json_object_object_get_ex(status, "lost", &member));
    world->lost = json_object_get_boolean(member);
    json_object_put(status);
}

/* Its exit status: 0 enough, 1 not within `ms`, CRASHED. */
static int daemon_(bool (*until)(void), unsigned int ms)
{
    static struct hypercalls monitor = {.call = call};
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid) {
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(WIFEXITED(status), "the daemon died of signal %d", WTERMSIG(status));
        world->crash_at = 0;
        return WEXITSTATUS(status);
    }
    enough = until;
    deadline = loop_now() + ms;
    last_round = 0;
    world->event = 0;
    world->trace[0] = 0;
    memset(world->said, 0, sizeof(world->said));
    if (loop_initialise() || counters_initialise(&config, &monitor))
        _exit(2);
    loop_on_round(round_);
    if (!enough())
        loop_run();
    see();
    counters_finalise();
    _exit(enough() ? 0 : 1);
}

static void setup(void)
{
    world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(world, MAP_FAILED);
    strcpy(world->folder, "/tmp/cloister-counters-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(world->folder));
    memset(world->index, 0x11, 32);
    memcpy(world->vouched, world->index, 32);
    config_initialise(&config);
    strcpy(config.state_directory, world->folder);
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", world->folder);
    ck_assert_int_eq(system(command), 0);
    munmap(world, sizeof(*world));
}

/* A machine that has committed `value`. */
static void machine_with(uint64_t value)
{
    if (!world->loaded)
        ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    world->value = value;
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    ck_assert_uint_eq(world->committed, value);
}

static void reboot(void)
{
    power_failure(false);
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
}

static bool there(const char *name)
{
    return !access(path_of(name, ""), F_OK);
}

static void copy(const char *from, const char *to)
{
    char command[300];

    snprintf(command, sizeof(command), "cp %s %s", path_of(from, ""), path_of(to, ""));
    ck_assert_int_eq(system(command), 0);
}

/* --- what is to come -------------------------------------------------------------------------- */

START_TEST(steps_in_their_order)
{
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    ck_assert_str_eq(world->trace, "load ");
    ck_assert_uint_eq(world->said[SAY_ERROR] + world->said[SAY_WARNING],
                      0); /* the first boot is quiet */
    world->value = 7;
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    ck_assert_str_eq(world->trace,
                     "save write fsync-file new>next fsync-folder extend session read read-index "
                     "next>last fsync-folder commit ");
    ck_assert(there("counters") && !there("counters.next") && !there("counters.new"));
    struct stat status;
    ck_assert_int_eq(stat(path_of("counters", ""), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    reboot();
    ck_assert_str_eq(world->trace, "load ");
    ck_assert_uint_eq(world->value, 7);
    ck_assert_uint_eq(world->table, 0);
    ck_assert(!world->lost);
}
END_TEST

/* _i: 0 the daemon dies; 1 power fails, and what was not synced is gone; 2 it is there all the same. */
START_TEST(crash_before_each_step)
{
    unsigned int crash_at = 1;
    uint64_t value = 10;
    int ended;

    machine_with(value);
    do {
        const uint64_t before = world->committed;

        ck_assert_uint_eq(before, value);
        value += 10;
        world->value = value;
        world->crash_at = crash_at++;
        ended = daemon_(all_committed, 5000);
        ck_assert(ended == CRASHED || ended == 0);
        if (_i)
            power_failure(_i == 1);
        ck_assert_int_eq(daemon_(all_committed, 5000), 0);
        ck_assert_msg(!world->lost && world->table == 0, "lost by a crash before step %u",
                      crash_at - 1);
        ck_assert_msg(world->value == before || world->value == value, "step %u: %lu", crash_at - 1,
                      (unsigned long)world->value);
        if (!_i)
            ck_assert_uint_eq(world->value, value);
        world->value = value;
        ck_assert_int_eq(daemon_(all_committed, 5000), 0);
        reboot();
        ck_assert(!world->lost && world->value == value);
    } while (ended == CRASHED);
    ck_assert_uint_gt(crash_at, 12);
}
END_TEST

/* Crashes while the daemon recovers from a crash between extension and renaming. */
START_TEST(crash_while_loading)
{
    int ended = CRASHED;
    uint64_t value = 10;

    machine_with(value);
    for (unsigned int crash_at = 1; ended == CRASHED; crash_at++) {
        value += 10;
        world->value = value;
        world->crash_at = 7; /* after the extension */
        ck_assert_int_eq(daemon_(all_committed, 5000), CRASHED);
        power_failure(_i);
        ck_assert(there("counters") && there("counters.next"));
        world->crash_at = crash_at;
        ended = daemon_(all_committed, 5000);
        power_failure(_i);
        ck_assert_int_eq(daemon_(all_committed, 5000), 0);
        ck_assert_msg(!world->lost && world->value == value, "lost by a crash before step %u",
                      crash_at);
    }
}
END_TEST

START_TEST(each_step_fails_once)
{
    uint64_t value = 10;

    machine_with(value);
    for (world->fail_at = 1; world->fail_at <= 12; world->fail_at++) {
        world->value = ++value;
        ck_assert_int_eq(daemon_(all_committed, 5000), 0);
        ck_assert_uint_eq(world->said[SAY_ERROR], 1);
        ck_assert_uint_eq(world->said[SAY_INFO], 1); /* that it is over */
        ck_assert_str_eq(world->problem, "");
    }
    world->fail_at = 0;
    ck_assert_uint_eq(world->extensions, 13);
    reboot();
    ck_assert(!world->lost && world->value == value);
}
END_TEST

static const struct {
    const char *step, *says;
    int error;
} failures[] = {
    {"save", "the monitor does not save them", ENOMEM},
    {"write", "counters.next cannot be written: No space left on device", ENOSPC},
    {"fsync-file", "counters.next cannot be written: Input/output error", EIO},
    {"new>next", "counters.next cannot be written: Read-only file system", EROFS},
    {"fsync-folder", "counters.next cannot be written: Input/output error", EIO},
    {"extend", "increments do not become durable: TPM2_NV_Extend: no", EIO},
    {"session", "increments do not become durable: TPM2_StartAuthSession: no", EIO},
    {"read", "increments do not become durable: given up", EIO},
    {"read-index", "increments do not become durable: TPM2_NV_Read: no", EIO},
    {"next>last", "counters.next cannot be renamed: Input/output error", EIO},
    {"commit", "the monitor does not believe the TPM's word", EACCES},
};

START_TEST(a_step_fails_always)
{
    machine_with(10);
    const uint64_t saves = world->saves, extensions = world->extensions;
    world->value = 20;
    strcpy(world->always, failures[_i].step);
    world->error = failures[_i].error;
    ck_assert_int_eq(daemon_(all_committed, 3600), 1);
    ck_assert_msg(strstr(world->problem, failures[_i].says) != NULL, "%s", world->problem);
    ck_assert_uint_eq(world->said[SAY_ERROR], 1);
    ck_assert_uint_le(world->saves - saves, 3); /* at 0, 1 and 3 s */
    ck_assert_uint_le(world->extensions - extensions, 1);
    ck_assert(!there("counters.new"));
    /* Nothing was lost by it, and it heals. */
    power_failure(true);
    world->always[0] = 0;
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    ck_assert(!world->lost && (world->value == 10 || world->value == 20));
    world->value = 30;
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
}
END_TEST

/* --- copies ----------------------------------------------------------------------------------- */

static void is_lost(bool has_old)
{
    power_failure(false);
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    ck_assert(world->lost && world->value == 0);
    ck_assert_uint_eq(world->said[SAY_ERROR], 1);
    ck_assert(there("counters.lost-1") && !there("counters") && !there("counters.next"));
    ck_assert_int_eq(there("counters.old.lost-1"), has_old);
    /* What comes after it is another table, and good. */
    world->value = 3;
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    reboot();
    ck_assert(!world->lost && world->value == 3);
}

START_TEST(an_older_copy)
{
    machine_with(10);
    copy("counters", "kept");
    machine_with(20);
    copy("kept", "counters");
    is_lost(false);
    /* And once more: what was kept is not touched. */
    copy("counters.lost-1", "counters");
    power_failure(false);
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    ck_assert(world->lost && there("counters.lost-1") && there("counters.lost-2"));
}
END_TEST

START_TEST(two_older_copies)
{
    machine_with(10);
    copy("counters", "kept");
    machine_with(20);
    copy("counters", "counters.next");
    machine_with(30);
    copy("kept", "counters");
    copy("kept", "counters.next");
    is_lost(true);
}
END_TEST

START_TEST(a_copy_of_another_size)
{
    static const off_t sizes[] = {0, 1, 65535, 65537, 1 << 20};

    machine_with(10);
    const uint64_t loads = world->loads;
    ck_assert_int_eq(truncate(path_of("counters", ""), sizes[_i]), 0);
    is_lost(false);
    ck_assert_uint_eq(world->loads,
                      loads + 2); /* none; then the new one: the monitor was not asked about this */
}
END_TEST

START_TEST(no_copy)
{
    machine_with(10);
    ck_assert_int_eq(unlink(path_of("counters", "")), 0);
    power_failure(false);
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    ck_assert(!world->lost && world->value == 0 && world->table == 1);
    ck_assert_uint_eq(world->said[SAY_ERROR] + world->said[SAY_WARNING], 0);
}
END_TEST

START_TEST(only_the_next)
{
    machine_with(10);
    ck_assert_int_eq(rename(path_of("counters", ""), path_of("counters.next", "")), 0);
    reboot();
    ck_assert(!world->lost && world->value == 10);
    ck_assert(there("counters") && !there("counters.next"));
}
END_TEST

/* What cannot be read is no reason to go without. */
START_TEST(a_copy_that_cannot_be_read)
{
    machine_with(10);
    ck_assert_int_eq(rename(path_of("counters", ""), path_of("kept", "")), 0);
    ck_assert_int_eq(mkdir(path_of("counters", ""), 0700), 0);
    power_failure(false);
    const uint64_t loads = world->loads;
    ck_assert_int_eq(daemon_(never, 2500), 1);
    ck_assert_uint_eq(world->loads, loads);
    ck_assert_msg(strstr(world->problem, "cannot be read: Is a directory") != NULL, "%s",
                  world->problem);
    ck_assert_uint_eq(world->said[SAY_ERROR], 1);
    ck_assert_int_eq(rmdir(path_of("counters", "")), 0);
    ck_assert_int_eq(rename(path_of("kept", ""), path_of("counters", "")), 0);
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    ck_assert(!world->lost && world->value == 10);
}
END_TEST

/* A disk that is not mounted yet. */
START_TEST(no_folder)
{
    char away[80];

    machine_with(10);
    snprintf(away, sizeof(away), "%s.away", world->folder);
    ck_assert_int_eq(rename(world->folder, away), 0);
    power_failure(false);
    ck_assert_int_eq(daemon_(never, 1500), 1);
    ck_assert(!world->loaded);
    ck_assert_msg(strstr(world->problem, "cannot be read: Not a directory") != NULL, "%s",
                  world->problem);
    ck_assert_int_eq(rename(away, world->folder), 0);
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    ck_assert(!world->lost && world->value == 10);
}
END_TEST

/* The monitor's trouble is not the copy's fault. */
START_TEST(a_monitor_that_does_not_load)
{
    machine_with(10);
    power_failure(false);
    strcpy(world->always, "load");
    world->error = ENOMEM;
    ck_assert_int_eq(daemon_(never, 2500), 1);
    ck_assert(there("counters") && !there("counters.lost-1") && !world->loaded);
    ck_assert_uint_eq(world->said[SAY_ERROR], 1);
    world->always[0] = 0;
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
    ck_assert(!world->lost && world->value == 10);
}
END_TEST

/* --- time ------------------------------------------------------------------------------------- */

static bool keeps_counting(void)
{
    world->value++; /* all the time */
    return false;
}

START_TEST(one_commit_for_many)
{
    machine_with(1);
    const uint64_t extensions = world->extensions, value = world->value;
    ck_assert_int_eq(daemon_(keeps_counting, 3300), 1);
    ck_assert_uint_ge(world->extensions - extensions, 3);
    ck_assert_uint_le(world->extensions - extensions, 4); /* at 0, 1, 2 and 3 s */
    ck_assert_uint_gt(world->value - value, 12);
}
END_TEST

START_TEST(a_longer_interval)
{
    config.counter_interval = 3;
    machine_with(1);
    const uint64_t extensions = world->extensions;
    ck_assert_int_eq(daemon_(keeps_counting, 2600), 1);
    ck_assert_uint_eq(world->extensions - extensions, 1);
    config.counter_interval = 0;
    world->saves = 0;
    ck_assert_int_eq(daemon_(keeps_counting, 1500), 1);
    ck_assert_uint_eq(world->saves, 0);
}
END_TEST

/* However much enclaves count, the TPM is not worn. */
START_TEST(a_day_s_commits)
{
    config.counter_commits = 2;
    machine_with(1);
    const uint64_t extensions = world->extensions;
    ck_assert_int_eq(daemon_(keeps_counting, 4300), 1);
    ck_assert_uint_eq(world->extensions - extensions, 2);
    ck_assert_ptr_nonnull(strstr(world->problem, "the day's 2 commits are used up"));
    config.counter_commits = 0;
    ck_assert_int_eq(daemon_(keeps_counting, 4300), 1);
    ck_assert_uint_ge(world->extensions - extensions, 5);
}
END_TEST

/* Two tries that cannot be made, and the day's two commits are still there. */
START_TEST(refused_tries_cost_nothing)
{
    config.counter_commits = 2;
    machine_with(1);
    const uint64_t extensions = world->extensions;
    too_many_wait = 2;
    ck_assert_int_eq(daemon_(keeps_counting, 6000), 1);
    ck_assert_uint_eq(world->extensions - extensions, 2);
    ck_assert_ptr_nonnull(strstr(world->problem, "the day's 2 commits are used up"));
}
END_TEST

/* The index is extended once, whatever fails behind it; and that counts once. */
START_TEST(an_extension_counts_once)
{
    static const char *const steps[] = {"session", "read-index"};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        config.counter_commits = 2;
        machine_with(world->value + 1);
        const uint64_t extensions = world->extensions;
        strcpy(world->once, steps[i]);
        ck_assert_int_eq(daemon_(keeps_counting, 5000), 1);
        ck_assert_uint_eq(world->extensions - extensions, 2);
        ck_assert_ptr_nonnull(strstr(world->problem, "the day's 2 commits are used up"));
        ck_assert(!world->once[0]);
    }
}
END_TEST

START_TEST(a_tpm_that_hangs)
{
    machine_with(1);
    tpm_hangs = true;
    world->value = 2;
    world->longest = world->saves = 0;
    ck_assert_int_eq(daemon_(all_committed, 2500), 1);
    ck_assert_uint_eq(world->saves, 1);
    ck_assert_uint_lt(world->longest, 900);
    tpm_hangs = false;
    ck_assert_int_eq(daemon_(all_committed, 5000), 0);
}
END_TEST

START_TEST(no_tpm_by_configuration)
{
    machine_with(1);
    config.tpm[0] = 0;
    world->value = 2;
    ck_assert_int_eq(daemon_(all_committed, 1500), 1);
    ck_assert_msg(strstr(world->problem, "tpm = none") != NULL, "%s", world->problem);
    ck_assert_uint_eq(world->extensions, 1);
}
END_TEST

/* --- the command ------------------------------------------------------------------------------ */

static const struct {
    const char *uuid;
    int removed; /* -1: refused */
} uuids[] = {
    {"00000000-0000-0000-0000-000000000003", 3},
    {"0123ABCD-abcd-ABCD-ffff-00000000001F", 31},
    {"00000000-0000-0000-0000-00000000000", -1},
    {"00000000-0000-0000-0000-0000000000030", -1},
    {"00000000000000000000000000000003", -1},
    {"0000000-00000-0000-0000-000000000003", -1},
    {"0000000g-0000-0000-0000-000000000003", -1},
    {"------------------------------------", -1},
    {"", -1},
};

START_TEST(forget)
{
    static struct hypercalls monitor = {.call = call};
    json_object *request = json_object_new_object(), *member;

    ck_assert_int_eq(loop_initialise(), 0);
    ck_assert_int_eq(counters_initialise(&config, &monitor), 0);
    json_object_object_add(request, "forget", json_object_new_string(uuids[_i].uuid));
    json_object *answer = counters_answer(request);
    json_object_put(request);
    ck_assert(json_object_object_get_ex(answer, "ok", &member));
    ck_assert_int_eq(json_object_get_boolean(member), uuids[_i].removed >= 0);
    if (json_object_object_get_ex(answer, "removed", &member))
        ck_assert_int_eq(json_object_get_int(member), uuids[_i].removed);
    json_object_put(answer);
    counters_finalise();
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void)
{
    Suite *suite = suite_create("counters");
    TCase *tests = tcase_create("commits");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, steps_in_their_order);
    tcase_add_loop_test(tests, crash_before_each_step, 0, 3);
    tcase_add_loop_test(tests, crash_while_loading, 0, 2);
    tcase_add_test(tests, each_step_fails_once);
    tcase_add_loop_test(tests, a_step_fails_always, 0, COUNT(failures));
    tcase_add_test(tests, an_older_copy);
    tcase_add_test(tests, two_older_copies);
    tcase_add_loop_test(tests, a_copy_of_another_size, 0, 5);
    tcase_add_test(tests, no_copy);
    tcase_add_test(tests, only_the_next);
    tcase_add_test(tests, a_copy_that_cannot_be_read);
    tcase_add_test(tests, no_folder);
    tcase_add_test(tests, a_monitor_that_does_not_load);
    tcase_add_test(tests, one_commit_for_many);
    tcase_add_test(tests, a_longer_interval);
    tcase_add_test(tests, a_day_s_commits);
    tcase_add_test(tests, refused_tries_cost_nothing);
    tcase_add_test(tests, an_extension_counts_once);
    tcase_add_test(tests, a_tpm_that_hangs);
    tcase_add_test(tests, no_tpm_by_configuration);
    tcase_add_loop_test(tests, forget, 0, COUNT(uuids));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
