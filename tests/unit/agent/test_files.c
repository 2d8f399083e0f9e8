/* SPDX-License-Identifier: MIT */
/* What the agent reads: its configuration, its state folder, images, /proc. */
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/config.h"
#include "fake_image.h"
#include "agent/imagefile.h"
#include "base/say.h"
#include "agent/process.h"
#include "agent/state.h"

static char folder[64];

static void start(void)
{
    say_initialise("test", 0);
    strcpy(folder, "/tmp/cloister-test-XXXXXX");
    REQUIRE(mkdtemp(folder));
}

static void stop(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    REQUIRE(!system(command));
}

static const char *path(const char *name)
{
    static char text[128];

    snprintf(text, sizeof(text), "%s/%s", folder, name);
    return text;
}

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(path(name), "w");

    REQUIRE(file && fputs(text, file) >= 0 && !fclose(file));
}

static struct config config;
static char problem[512];

static int configure(const char *text)
{
    write_text("conf", text);
    config_defaults(&config);
    problem[0] = '\0';
    return config_read(&config, path("conf"), problem, sizeof(problem));
}

START_TEST(reads_a_configuration)
{
    start();
    ck_assert_int_eq(configure("# a comment\n"
                               "socket = /tmp/s   # another\n"
                               "  mode=0606\n"
                               "group = 7\n"
                               "balloon = yes\n"
                               "balloon_keep = 1G\n"
                               "max_image = 3M\n"
                               "max_enclaves = 9\n"
                               "timeout = 3\n"
                               "\n"
                               "[user root]\n"
                               "max_frames = 0\n"
                               "[user 4242]\n"
                               "max_enclaves = 1"),
                     0);
    ck_assert_str_eq(config.socket, "/tmp/s");
    ck_assert_uint_eq(config.mode, 0606);
    ck_assert_uint_eq(config.group, 7);
    ck_assert(config.balloon);
    ck_assert_uint_eq(config.balloon_keep, UINT64_C(1) << 30);
    ck_assert_uint_eq(config.max_image, 3u << 20);
    ck_assert_uint_eq(config.timeout, 3);
    ck_assert_uint_eq(config_limits(&config, 1)->max_enclaves, 9);
    ck_assert_uint_eq(config_limits(&config, 0)->max_enclaves, 9);
    ck_assert_uint_eq(config_limits(&config, 0)->max_frames, 0);
    ck_assert_uint_eq(config_limits(&config, 4242)->max_enclaves, 1);
    stop();
}
END_TEST

START_TEST(refuses_wrong_configurations)
{
    static const struct {
        const char *text;
        const char *problem;
    } wrong[] = {
        {"sokket = /tmp/s\n", "line 1: there is no setting 'sokket'"},
        {"\n\nsocket\n", "line 3: 'key = value' is expected, not 'socket'"},
        {"socket =\n", "'' is no value for socket"},
        {"socket = relative\n", "absolute"},
        {"socket = /0123456789012345678901234567890123456789012345678901234567890123456789"
         "01234567890123456789012345678901234567890123456789\n",
         "1 to 107 bytes"},
        {"mode = 1777\n", "octal"},
        {"mode = 9\n", "octal"},
        {"group = no-such-group-here\n", "a group's name or number"},
        {"group = -1\n", "a group's name or number"},
        {"group = 4294967295\n", "a group's name or number"},
        {"mode =\n", "octal"},
        {"mode = 0x1ff\n", "octal"},
        {"balloon = maybe\n", "yes or no"},
        {"balloon_keep = 1T\n", "size"},
        {"balloon_keep = M\n", "size"},
        {"max_image = -5\n", "size"},
        {"max_image = 99999999999999999999\n", "size"},
        {"max_image = 99999999999G\n", "size"},
        {"max_image = 5 M\n", "size"},
        {"max_image = 5MiB\n", "size"},
        {"max_enclaves = 65537\n", "a number of enclaves from 0 to 65536"},
        {"max_enclaves = 5x\n", "a number of enclaves"},
        {"max_enclaves = 1\nmax_enclaves = 2\n", "line 2: max_enclaves is set twice"},
        {"max_frames = many\n", "frames"},
        {"timeout = 0\n", "seconds"},
        {"timeout = 3601\n", "seconds"},
        {"max_connections = 0\n", "from 1"},
        {"requests_per_second = 1001\n", "from 1 to 1000"},
        {"total_enclaves = +1\n", "a number of enclaves"},
        {"total_frames = 1099511627777\n", "a number of 4 KiB frames"},
        {"grant_limit = 2000000\n", "pages"},
        {"[group x]\n", "section"},
        {"[user root\n", "section"},
        {"[user no-such-user-here]\n", "a user's name or number"},
        {"[user ]\n", "a user's name or number"},
        {"[user 4294967295]\n", "a user's name or number"},
        {"[user -1]\n", "a user's name or number"},
        {"[userroot]\n", "section"},
        {"[user 5]\n[user 5]\n", "line 2: '[user 5]' begins no section: one section for each user"},
        {"[user 5]\nmax_enclaves = 1\nmax_enclaves = 2\n", "line 3: max_enclaves is set twice"},
        {"[user 5]\nsocket = /tmp/x\n", "this section"},
        {"[\n", "section"},
        {"=\n", "there is no setting ''"},
        {"= 5\n", "there is no setting ''"},
    };
    struct config before;

    start();
    config_defaults(&before);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_int_eq(configure(wrong[i].text), -EINVAL);
        ck_assert_msg(strstr(problem, wrong[i].problem), "'%s' gives '%s'", wrong[i].text, problem);
        ck_assert_msg(!strncmp(problem, path("conf"), strlen(path("conf"))), "%s", problem);
        ck_assert_mem_eq(&config, &before, sizeof(config));
    }
    ck_assert_int_eq(config_read(&config, path("nothing"), problem, sizeof(problem)), -ENOENT);
    ck_assert_int_eq(config_read(&config, folder, problem, sizeof(problem)), -EISDIR);
    stop();
}
END_TEST

/* What stands behind a zero byte is text for nobody: the file is refused. */
START_TEST(refuses_zero_bytes_in_a_configuration)
{
    static const struct {
        const char *bytes;
        size_t size;
    } files[] = {
        {"\0", 1},
        {"\0\n", 2},
        {"timeout = 3\n\0", 13},
        {"timeout = 3\n\0[user 5]\n", 22},
        {"# a\0b\ntimeout = 3\n", 18},
        {"timeout = 3\0 4\n", 15},
    };

    start();
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        FILE *file = fopen(path("conf"), "w");

        REQUIRE(file && fwrite(files[i].bytes, 1, files[i].size, file) == files[i].size &&
                !fclose(file));
        config_defaults(&config);
        ck_assert_int_eq(config_read(&config, path("conf"), problem, sizeof(problem)), -EINVAL);
        ck_assert_msg(strstr(problem, "zero byte"), "%zu: %s", i, problem);
        ck_assert_uint_eq(config.timeout, 60);
    }
    stop();
}
END_TEST

START_TEST(has_room_for_so_many_users)
{
    char text[8192];
    size_t at = 0;

    start();
    for (unsigned int i = 0; i < CONFIG_MAX_USERS; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "[user %u]\n", i + 10000);
    ck_assert_int_eq(configure(text), 0);
    snprintf(text + at, sizeof(text) - at, "[user 5]\n");
    ck_assert_int_eq(configure(text), -EINVAL);
    stop();
}
END_TEST

START_TEST(survives_random_configurations)
{
    static const char good[] = "socket = /tmp/s # x\nmode = 0660\nmax_image = 3M\n[user 7]\n"
                               "max_frames = 5\n[user 8]\nmax_enclaves = 1\n";
    uint64_t seed = 3;
    char text[sizeof(good)];

    start();
    for (unsigned int round = 0; round < 5000; round++) {
        memcpy(text, good, sizeof(good));
        for (unsigned int i = 0; i < 1 + round % 5; i++)
            text[suite_random(&seed) % (sizeof(good) - 1)] = (char)(1 + suite_random(&seed) % 255);
        int error = configure(text);

        REQUIRE(error == 0 || (error == -EINVAL && problem[0]));
    }
    stop();
}
END_TEST

static struct state_entry entries[8];
static unsigned int entry_count;

static void found(void *context, const struct state_entry *entry)
{
    (void)context;
    REQUIRE(entry_count < 8);
    memcpy(&entries[entry_count++], entry, sizeof(*entry));
}

START_TEST(keeps_state)
{
    struct state_entry entry;
    struct stat status;

    memset(&entry, 0, sizeof(entry)); /* the padding, too */
    entry.id = 4000000000u;
    entry.uid = 4294967294u;
    entry.process.pid = 4194304;
    entry.process.start = UINT64_MAX;
    entry.handle[0] = UINT64_MAX;
    entry.handle[1] = 1;
    entry.frames = 1u << 20;
    entry.balloon_kb = 77;
    start();
    ck_assert_int_eq(state_open(path("a/b")), 0);
    ck_assert_int_eq(state_open(path("a/b")), 0);
    char state[128];
    strcpy(state, path("a/b"));
    ck_assert_int_eq(stat(state, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0700);
    ck_assert_int_eq(state_save(state, &entry), 0);
    ck_assert_int_eq(state_save(state, &entry), 0);
    entry_count = 0;
    state_load(state, found, NULL);
    ck_assert_uint_eq(entry_count, 1);
    ck_assert_mem_eq(&entries[0], &entry, sizeof(entry));
    state_remove(state, entry.id);
    state_remove(state, entry.id);
    entry_count = 0;
    state_load(state, found, NULL);
    ck_assert_uint_eq(entry_count, 0);
    ck_assert_int_lt(state_save(path("nowhere"), &entry), 0);
    state_load(path("nowhere"), found, NULL);
    stop();
}
END_TEST

START_TEST(removes_state_that_is_none)
{
    static const char *const names[] = {"0",          "x",  "5x", "7.new", "99999999999999999999x",
                                        "4294967297", "+5", " 6", "-1",    "8",
                                        "9",          "10", "11"};
    struct stat status;

    start();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        write_text(names[i], i < 9 ? "1 0 1 1 1 1 1 1 .\n" : "");
    write_text("9", "1 0 1 1 1 1 1 1");      /* cut off */
    write_text("10", "2 0 1 1 1 1 1 1 .\n"); /* another version */
    FILE *file = fopen(path("11"), "w");     /* more behind a zero byte */
    REQUIRE(file && fwrite("1 0 1 1 1 1 1 1 .\n\0 x", 21, 1, file) == 1 && !fclose(file));
    entry_count = 0;
    state_load(folder, found, NULL);
    ck_assert_uint_eq(entry_count, 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert_int_ne(stat(path(names[i]), &status), 0);
    /* A link to somewhere else is not followed. */
    write_text("good", "1 0 1 1 1 1 1 1 .\n");
    char target[128];
    strcpy(target, path("good"));
    ck_assert_int_eq(symlink(target, path("12")), 0);
    state_load(folder, found, NULL);
    ck_assert_uint_eq(entry_count, 0);
    stop();
}
END_TEST

START_TEST(finds_processes)
{
    struct process self, child;
    pid_t pid;

    ck_assert_int_eq(process_find(getpid(), &self), 0);
    ck_assert(process_alive(&self));
    self.start++;
    ck_assert(!process_alive(&self));
    ck_assert_int_eq(process_find(0, &self), -ESRCH);
    ck_assert_int_eq(process_find(-1, &self), -ESRCH);
    ck_assert_int_eq(process_find(INT32_MAX, &self), -ESRCH);

    pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    ck_assert_int_eq(process_find(pid, &child), 0);
    ck_assert_uint_ne(child.start, 0);
    ck_assert(process_alive(&child));
    kill(pid, SIGKILL);
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    ck_assert(!process_alive(&child)); /* a zombie */
    waitpid(pid, NULL, 0);
    ck_assert(!process_alive(&child));
}
END_TEST

/* A memfd with the image, changed by `change`. */
static int memory_file(const uint8_t *data, size_t size)
{
    int file = memfd_create("test", MFD_CLOEXEC);

    REQUIRE(file >= 0);
    for (size_t at = 0; at < size;) {
        ssize_t count = write(file, data + at, size - at);

        REQUIRE(count > 0);
        at += (size_t)count;
    }
    return file;
}

/* Header and records, as an application's request leads to them. */
static int take(int file, uint64_t max, uint64_t reserve, struct image *image,
                struct app_reply *refusal)
{
    int error = image_open(file, max, image, refusal);

    if (!error)
        error = image_take_records(image, reserve, refusal);
    if (error) {
        image_close(image);
        REQUIRE(image->descriptor == -1 && !image->head);
        REQUIRE(refusal->error == error && refusal->text[0]);
    }
    return error;
}

static int copy(const uint8_t *data, size_t size, uint64_t max, struct app_reply *refusal)
{
    int file = memory_file(data, size);
    struct image image;
    int error = take(file, max, 0, &image, refusal);

    close(file);
    if (!error) {
        const uint32_t records = image.header->launch.record_count;
        const size_t pages = image.content_offset < size ? (size - image.content_offset) / 4096 : 0;
        uint8_t *content = malloc(pages * 4096 + 1);

        REQUIRE(image.size == size && !memcmp(image.head, data, 1024 + 8 * (size_t)records));
        REQUIRE(!image_read(&image, 0, (uint32_t)pages, content));
        REQUIRE(!memcmp(content, data + image.content_offset, pages * 4096));
        REQUIRE(image_read(&image, (uint32_t)pages, 1, content) == -EIO || !pages);
        free(content);
        image_close(&image);
        image_close(&image);
    }
    return error;
}

START_TEST(takes_images)
{
    struct app_reply refusal;

    for (uint32_t pages = 0; pages < 5; pages++)
        for (uint32_t zeros = 0; zeros < 400; zeros += 133) {
            struct fake_image image;

            if (!(pages + zeros))
                continue;
            image = fake_image(pages, zeros, 1, 1);
            ck_assert_int_eq(copy(image.data, image.size, 1u << 20, &refusal), 0);
            ck_assert_int_eq(copy(image.data, image.size, image.size, &refusal), 0);
            ck_assert_int_eq(copy(image.data, image.size, image.size - 1, &refusal), -EFBIG);
            free(image.data);
        }
}
END_TEST

START_TEST(refuses_cut_and_longer_images)
{
    struct fake_image image = fake_image(3, 2, 1, 1);
    struct app_reply refusal;
    uint8_t *longer = calloc(1, image.size + 5000);

    for (size_t size = 0; size < image.size; size += 1 + size / 64)
        ck_assert_int_eq(copy(image.data, size, 1u << 20, &refusal), -EINVAL);
    memcpy(longer, image.data, image.size);
    ck_assert_int_eq(copy(longer, image.size + 1, 1u << 20, &refusal), -EINVAL);
    ck_assert_int_eq(copy(longer, image.size + 4096, 1u << 20, &refusal), -EINVAL);
    free(longer);
    free(image.data);
}
END_TEST

START_TEST(refuses_wrong_headers)
{
    static const struct {
        size_t offset;
        uint32_t value;
        uint16_t reason;
    } wrong[] = {
        {offsetof(struct cloister_image_header, magic), 0, CLOISTER_REASON_IMAGE_MAGIC},
        {offsetof(struct cloister_image_header, version), 2, CLOISTER_REASON_IMAGE_VERSION},
        {offsetof(struct cloister_image_header, header_size), 512, CLOISTER_REASON_IMAGE_VERSION},
        {offsetof(struct cloister_image_header, launch.page_count), 0, CLOISTER_REASON_IMAGE_SIZE},
        {offsetof(struct cloister_image_header, launch.page_count), CLOISTER_MAX_PAGES + 1,
         CLOISTER_REASON_IMAGE_SIZE},
        {offsetof(struct cloister_image_header, launch.page_count), 4, CLOISTER_REASON_IMAGE_SIZE},
        {offsetof(struct cloister_image_header, launch.page_count), 6, CLOISTER_REASON_PAGE_RANGE},
        {offsetof(struct cloister_image_header, launch.record_count), 0,
         CLOISTER_REASON_IMAGE_SIZE},
        {offsetof(struct cloister_image_header, launch.record_count), UINT32_MAX,
         CLOISTER_REASON_IMAGE_SIZE},
        {offsetof(struct cloister_image_header, launch.thread_count), 0,
         CLOISTER_REASON_IMAGE_THREADS},
        {offsetof(struct cloister_image_header, launch.thread_count), 65,
         CLOISTER_REASON_IMAGE_THREADS},
        {offsetof(struct cloister_image_header, launch.shared_count), 0,
         CLOISTER_REASON_IMAGE_SHARED},
        {offsetof(struct cloister_image_header, launch.shared_count), 1025,
         CLOISTER_REASON_IMAGE_SHARED},
        /* Records: the second one below the first, equal, and outside. */
        {CLOISTER_IMAGE_HEADER_SIZE + 8, 0, CLOISTER_REASON_PAGE_DUPLICATE},
        {CLOISTER_IMAGE_HEADER_SIZE + 16, 2, CLOISTER_REASON_PAGE_DUPLICATE},
        {CLOISTER_IMAGE_HEADER_SIZE + 32, 15, CLOISTER_REASON_PAGE_RANGE},
        {CLOISTER_IMAGE_HEADER_SIZE + 32, UINT32_MAX, CLOISTER_REASON_PAGE_RANGE},
        /* A page with content turned into one without, and the other way round. */
        {CLOISTER_IMAGE_HEADER_SIZE + 4, CLOISTER_PAGE_R | CLOISTER_PAGE_ZERO,
         CLOISTER_REASON_IMAGE_INCOMPLETE},
        {CLOISTER_IMAGE_HEADER_SIZE + 36, CLOISTER_PAGE_R, CLOISTER_REASON_IMAGE_INCOMPLETE},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct fake_image image = fake_image(3, 2, 1, 1);
        struct app_reply refusal = {0};

        memcpy(image.data + wrong[i].offset, &wrong[i].value, sizeof(uint32_t));
        ck_assert_int_eq(copy(image.data, image.size, 1u << 20, &refusal), -EINVAL);
        ck_assert_msg(refusal.reason == wrong[i].reason, "%zu: %s", i, refusal.text);
        free(image.data);
    }
}
END_TEST

START_TEST(survives_random_images)
{
    uint64_t seed = 11;
    struct fake_image image = fake_image(2, 2, 1, 1);
    uint8_t *data = malloc(image.size);

    for (unsigned int round = 0; round < 20000; round++) {
        struct app_reply refusal = {0};
        size_t head = CLOISTER_IMAGE_HEADER_SIZE + 4 * 8;

        memcpy(data, image.data, image.size);
        for (unsigned int i = 0; i < 1 + round % 3; i++) {
            size_t at = round % 2 ? suite_random(&seed) % head
                                  : offsetof(struct cloister_image_header, launch) +
                                        suite_random(&seed) % 24;

            data[at] = (uint8_t)suite_random(&seed);
        }
        /* Whatever it says, nothing outside the file is read (the sanitizer looks). */
        int error = copy(data, image.size, 1u << 20, &refusal);

        REQUIRE(error == 0 || error == -EINVAL);
    }
    free(data);
    free(image.data);
}
END_TEST

START_TEST(refuses_files_that_are_not_in_memory)
{
    struct fake_image fake = fake_image(1, 0, 1, 1);
    struct app_reply refusal;
    struct image image;
    int pipes[2], file;

    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(take(pipes[0], 1u << 20, 0, &image, &refusal), -EINVAL);
    close(pipes[0]);
    close(pipes[1]);
    file = open("/dev/zero", O_RDONLY);
    ck_assert_int_eq(take(file, 1u << 20, 0, &image, &refusal), -EINVAL);
    close(file);
    file = open("/proc/self/exe", O_RDONLY);
    if (fcntl(file, F_GET_SEALS) < 0) /* unless the build folder is a tmpfs */
        ck_assert_int_eq(take(file, UINT64_MAX, 0, &image, &refusal), -EINVAL);
    close(file);
    file = open("/", O_RDONLY);
    ck_assert_int_eq(take(file, 1u << 20, 0, &image, &refusal), -EINVAL);
    close(file);
    ck_assert_int_eq(take(-1, 1u << 20, 0, &image, &refusal), -EINVAL);
    /* Written to only. */
    file = memory_file(fake.data, fake.size);
    char name[64];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
    int write_only = open(name, O_WRONLY);
    ck_assert_int_eq(take(write_only, 1u << 20, 0, &image, &refusal), -EIO);
    close(write_only);
    close(file);
    free(fake.data);
}
END_TEST

START_TEST(leaves_memory_to_others)
{
    struct fake_image fake = fake_image(1, 0, 1, 1);
    struct app_reply refusal;
    struct image image;
    int file = memory_file(fake.data, fake.size);

    ck_assert_int_eq(take(file, 1u << 20, UINT64_C(1) << 60, &image, &refusal), -ENOMEM);
    ck_assert_int_eq(take(file, 1u << 20, 0, &image, &refusal), 0);
    image_close(&image);
    close(file);
    free(fake.data);
}
END_TEST

START_TEST(keeps_header_and_records_as_they_were_checked)
{
    struct fake_image fake = fake_image(2, 0, 1, 1);
    uint8_t junk[4096], page[4096];
    struct app_reply refusal;
    struct image image;
    int file = memory_file(fake.data, fake.size);

    memset(junk, 0xff, sizeof(junk));
    ck_assert_int_eq(take(file, 1u << 20, 0, &image, &refusal), 0);
    ck_assert_int_eq(pwrite(file, junk, sizeof(junk), 0), sizeof(junk));
    ck_assert_mem_eq(image.head, fake.data, 1024 + 16);
    ck_assert_int_eq(image_read(&image, 1, 1, page), 0);
    ck_assert_mem_eq(page, fake.data + fake.content + 4096, 4096);
    /* Cut in the middle of the second page, before it, and to nothing. */
    for (off_t size = (off_t)fake.size - 1; size > 0; size -= 4096) {
        ck_assert_int_eq(ftruncate(file, size), 0);
        ck_assert_int_eq(image_read(&image, 1, 1, page), -EIO);
    }
    image_close(&image);
    close(file);
    free(fake.data);
}
END_TEST

/* The records go after the header was looked at. */
START_TEST(notices_a_file_that_shrinks)
{
    struct fake_image fake = fake_image(1, 300, 1, 1);
    struct app_reply refusal;
    struct image image;

    for (off_t size = 0; size < 1024 + 301 * 8; size += 300) {
        int file = memory_file(fake.data, fake.size);

        ck_assert_int_eq(image_open(file, 1u << 20, &image, &refusal), 0);
        ck_assert_int_eq(ftruncate(file, size), 0);
        ck_assert_int_eq(image_take_records(&image, 0, &refusal), -EIO);
        image_close(&image);
        close(file);
    }
    free(fake.data);
}
END_TEST

/* 256 MiB that nobody has written: refused by the header, with no more than that read. */
START_TEST(reads_no_sparse_file)
{
    const uint64_t size = UINT64_C(256) << 20;
    struct fake_image fake = fake_image(1, 0, 1, 1);
    struct cloister_image_header *header = (void *)fake.data;
    struct app_reply refusal;
    struct image image;
    int file = memfd_create("sparse", MFD_CLOEXEC);

    ck_assert_int_eq(ftruncate(file, (off_t)size), 0);
    ck_assert_int_eq(take(file, size, 0, &image, &refusal), -EINVAL);
    ck_assert_uint_eq(refusal.reason, CLOISTER_REASON_IMAGE_MAGIC);
    /* With a header that is right: its records are not. */
    header->launch.page_count = header->launch.record_count = 65000;
    ck_assert_int_eq(pwrite(file, fake.data, 1024, 0), 1024);
    ck_assert_int_eq(image_open(file, size, &image, &refusal), 0);
    ck_assert_uint_eq(image.header->launch.record_count, 65000);
    ck_assert_int_eq(image_take_records(&image, 0, &refusal), -EINVAL);
    ck_assert_uint_eq(refusal.reason, CLOISTER_REASON_PAGE_FLAGS);
    image_close(&image);
    /* It says more records than the file has bytes. */
    ck_assert_int_eq(ftruncate(file, 4096), 0);
    ck_assert_int_eq(take(file, size, 0, &image, &refusal), -EINVAL);
    ck_assert_uint_eq(refusal.reason, CLOISTER_REASON_IMAGE_INCOMPLETE);
    close(file);
    free(fake.data);
}
END_TEST

SUITE_MAIN("files", reads_a_configuration, refuses_wrong_configurations,
           refuses_zero_bytes_in_a_configuration, has_room_for_so_many_users,
           survives_random_configurations, keeps_state, removes_state_that_is_none, finds_processes,
           takes_images, refuses_cut_and_longer_images, refuses_wrong_headers,
           survives_random_images, refuses_files_that_are_not_in_memory, leaves_memory_to_others,
           keeps_header_and_records_as_they_were_checked, notices_a_file_that_shrinks,
           reads_no_sparse_file)
