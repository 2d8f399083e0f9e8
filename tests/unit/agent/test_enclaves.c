/* SPDX-License-Identifier: MIT */
/*
 * Loading and ending enclaves, with a host, an agent and applications that fail at every step:
 * whatever happens, each application gets one answer, everything is released once, and the host
 * keeps no enclave that nobody owns.
 */
#include "suite.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/enclaves.h"
#include "fake_host.h"
#include "fake_image.h"
#include "fake_system.h"
#include "base/say.h"
#include "agent/state.h"

#define TIMEOUT 5000u
#define APP 5u
#define NUMBER 17u

static struct fake_host host;
static struct hostlink *channel;
static struct enclaves table;
static struct config config;
static uint64_t now;
static unsigned int images; /* copies that are not freed */

static struct {
    unsigned int count;
    struct app_reply reply;
    struct app_loaded loaded;
    int descriptor;
} answers;

/* These take the place of imagefile.c's: the whole image is at `head`. */
void image_close(struct image *image)
{
    if (image->head)
        images--;
    free(image->head);
    *image = IMAGE_NONE;
}

static uint32_t unreadable; /* content from this page on cannot be read; 0: all can */

int image_read(const struct image *image, uint32_t first, uint32_t count, void *pages)
{
    REQUIRE(image->content_offset + (uint64_t)(first + count) * CLOISTER_PAGE_SIZE <= image->size);
    if (unreadable && first + count > unreadable)
        return -EIO;
    memcpy(pages, image->head + image->content_offset + (size_t)first * CLOISTER_PAGE_SIZE,
           (size_t)count * CLOISTER_PAGE_SIZE);
    return 0;
}

static struct image copy_of(struct fake_image fake)
{
    images++;
    return (struct image){
        .descriptor = -1,
        .head = fake.data,
        .size = fake.size,
        .header = (const void *)fake.data,
        .records = (const void *)(fake.data + CLOISTER_IMAGE_HEADER_SIZE),
        .content_offset = fake.content,
    };
}

static void answer(void *context, uint64_t app, uint32_t number, const struct app_reply *reply,
                   const void *body, size_t size, int descriptor)
{
    (void)context;
    REQUIRE(app == APP && number == NUMBER);
    answers.count++;
    answers.reply = *reply;
    answers.descriptor = descriptor;
    if (size) {
        REQUIRE(size == sizeof(answers.loaded) && !reply->error && descriptor >= 0);
        memcpy(&answers.loaded, body, size);
    }
}

static void up(void *context)
{
    (void)context;
    enclaves_link_up(&table);
}

static void down(void *context)
{
    (void)context;
    enclaves_link_down(&table);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void run(void)
{
    hostlink_run(channel, now);
    enclaves_tick(&table, now);
    hostlink_run(channel, now);
}

static void later(uint64_t milliseconds)
{
    now += milliseconds;
    run();
}

static void agent_starts(void)
{
    static const struct hostlink_events link_events = {up, down};
    static const struct enclaves_events events = {answer};
    struct transport transport;
    struct fake_host keep = {0};

    /* The host stays as it is; only the transport is made anew. */
    memcpy(&keep, &host, offsetof(struct fake_host, in));
    fake_host_start(&host, &transport);
    memcpy(&host, &keep, offsetof(struct fake_host, in));
    REQUIRE(!hostlink_new(&transport, &link_events, NULL, TIMEOUT, &channel));
    enclaves_start(&table, &config, channel, &events, NULL);
    enclaves_adopt(&table);
    run();
}

static void agent_ends(void)
{
    hostlink_free(channel);
    enclaves_stop(&table);
    REQUIRE(images == 0);
    REQUIRE(fake_system.granted == 0);
}

static void start(void)
{
    char folder[] = "/tmp/cloister-test-XXXXXX";

    say_initialise("test", 0);
    memset(&host, 0, offsetof(struct fake_host, in));
    memset(&answers, 0, sizeof(answers));
    images = 0;
    unreadable = 0;
    now = 1;
    fake_system_start();
    config_defaults(&config);
    REQUIRE(mkdtemp(folder));
    snprintf(config.state, sizeof(config.state), "%s", folder);
    agent_starts();
    REQUIRE(hostlink_state(channel) == HOSTLINK_UP);
}

static void stop(void)
{
    agent_ends();
    nftw(config.state, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

static struct owner me(void)
{
    struct owner owner = {.app = APP, .uid = 1000, .account = 1000};

    REQUIRE(!process_find(getpid(), &owner.process));
    return owner;
}

static int load(uint32_t pages, uint32_t zeros)
{
    struct owner owner = me();
    struct image image = copy_of(fake_image(pages, zeros, 2, 4));
    struct app_reply refusal = {0};
    int error = enclaves_load(&table, &owner, NUMBER, &image, &refusal);

    REQUIRE(error == refusal.error);
    REQUIRE(!error || refusal.text[0]);
    return error;
}

static int unload(uint32_t id, uint64_t handle0, uint64_t handle1, uint64_t app, uid_t uid)
{
    struct owner owner = {.app = app, .uid = uid};
    struct app_unload request = {.enclave = id, .handle = {handle0, handle1}};
    struct app_reply refusal = {0};

    return enclaves_unload(&table, &owner, NUMBER, &request, &refusal);
}

static unsigned int state_files;

static void count_state(void *context, const struct state_entry *entry)
{
    (void)context;
    (void)entry;
    state_files++;
}

static unsigned int states(void)
{
    state_files = 0;
    state_load(config.state, count_state, NULL);
    return state_files;
}

START_TEST(loads)
{
    const struct fake_enclave *enclave;
    struct fake_image image = fake_image(70, 5000, 2, 4);
    uint64_t sum = 0;

    for (size_t i = image.content; i < image.size; i++)
        sum = sum * 31 + image.data[i];
    free(image.data);

    start();
    ck_assert_int_eq(load(70, 5000), 0);
    ck_assert_uint_eq(answers.count, 0);
    run();
    ck_assert_uint_eq(answers.count, 1);
    ck_assert_int_eq(answers.reply.error, 0);
    enclave = fake_host_find(&host, answers.loaded.enclave);
    ck_assert_ptr_nonnull(enclave);
    ck_assert(enclave->ready);
    ck_assert_uint_eq(enclave->added, 5070);
    ck_assert(enclave->sum == sum);
    ck_assert_uint_eq(answers.loaded.handle[0], enclave->handle[0]);
    ck_assert_uint_eq(answers.loaded.shared_pages, 4);
    ck_assert_uint_eq(answers.loaded.thread_count, 2);
    ck_assert_uint_eq(answers.loaded.measurement[0], 0xab);
    /* 70 pages in runs of 32, 5,000 zeros in two. */
    ck_assert_uint_eq(host.types[CLOISTER_MSG_ADD], 5);
    ck_assert_uint_eq(host.types[CLOISTER_MSG_SHARE], 1);
    /* The agent has let go of what only loading needs. */
    ck_assert_uint_eq(images, 0);
    ck_assert_uint_eq(fake_system.granted, 0);
    ck_assert_uint_eq(states(), 1);

    enclaves_owner_gone(&table, APP);
    run();
    ck_assert_uint_eq(fake_host_count(&host), 0);
    ck_assert_uint_eq(answers.count, 1);
    ck_assert_uint_eq(states(), 0);
    stop();
}
END_TEST

START_TEST(unloads)
{
    start();
    ck_assert_int_eq(load(3, 0), 0);
    run();
    const struct app_loaded loaded = answers.loaded;
    const uint32_t id = loaded.enclave;

    ck_assert_int_eq(unload(id + 1, loaded.handle[0], loaded.handle[1], APP, 1000), -ENOENT);
    ck_assert_int_eq(unload(id, loaded.handle[0] + 1, loaded.handle[1], APP, 1000), -ENOENT);
    ck_assert_int_eq(unload(id, loaded.handle[0], loaded.handle[1] + 1, APP, 1000), -ENOENT);
    ck_assert_int_eq(unload(id, loaded.handle[0], loaded.handle[1], APP + 1, 1000), -ENOENT);
    ck_assert_uint_eq(fake_host_count(&host), 1);
    ck_assert_int_eq(unload(id, loaded.handle[0], loaded.handle[1], APP, 1000), 0);
    ck_assert_int_eq(unload(id, loaded.handle[0], loaded.handle[1], APP, 1000), -EALREADY);
    ck_assert_uint_eq(answers.count, 1);
    run();
    ck_assert_uint_eq(answers.count, 2);
    ck_assert_int_eq(answers.reply.error, 0);
    ck_assert_uint_eq(fake_host_count(&host), 0);
    ck_assert_uint_eq(enclaves_count(&table), 0);
    stop();
}
END_TEST

/* How many messages a load of this size takes, HELLO and the first LIST included. */
static uint32_t messages_of_a_load(void)
{
    start();
    REQUIRE(!load(70, 10));
    run();
    REQUIRE(answers.count == 1);
    uint32_t count = host.messages;
    stop();
    return count;
}

START_TEST(survives_the_host_dying_at_every_step)
{
    const uint32_t messages = messages_of_a_load();

    for (enum fake_death death = FAKE_DIES_BEFORE; death <= FAKE_LIES_TYPE; death++)
        for (uint32_t at = 3; at <= messages; at++)
            for (size_t chunk = 0; chunk <= 5000; chunk += 5000) {
                start();
                host.die_at = at;
                host.death = death;
                host.chunk = chunk;
                REQUIRE(!load(70, 10));
                run();
                if (death == FAKE_IS_SILENT)
                    later(TIMEOUT + 1);
                REQUIRE(answers.count == 1);
                REQUIRE(answers.reply.error < 0 && answers.reply.text[0]);
                REQUIRE(images == 0 && fake_system.granted == 0);
                REQUIRE(enclaves_count(&table) == 0);
                later(HOSTLINK_RETRY);
                later(1);
                REQUIRE(hostlink_state(channel) == HOSTLINK_UP);
                REQUIRE(fake_host_count(&host) == 0);
                /* And it works again. */
                host.die_at = 0;
                REQUIRE(!load(70, 10));
                run();
                REQUIRE(answers.count == 2 && !answers.reply.error);
                REQUIRE(fake_host_count(&host) == 1);
                stop();
            }
}
END_TEST

START_TEST(survives_refusals_at_every_step)
{
    static const uint16_t types[] = {CLOISTER_MSG_CREATE, CLOISTER_MSG_ADD, CLOISTER_MSG_SHARE,
                                     CLOISTER_MSG_INIT};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        for (uint32_t after = 0; after < (types[i] == CLOISTER_MSG_ADD ? 4 : 1); after++) {
            start();
            host.refuse_type = types[i];
            host.refuse_error = -EDQUOT;
            host.refuse_reason = CLOISTER_REASON_QUOTA;
            host.refuse_after = after;
            REQUIRE(!load(70, 10));
            run();
            REQUIRE(answers.count == 1);
            REQUIRE(answers.reply.error == -EDQUOT);
            REQUIRE(answers.reply.reason == CLOISTER_REASON_QUOTA);
            REQUIRE(answers.reply.origin == APP_ORIGIN_HOST);
            REQUIRE(strstr(answers.reply.text, "quota"));
            REQUIRE(fake_host_count(&host) == 0);
            REQUIRE(enclaves_count(&table) == 0);
            REQUIRE(images == 0 && fake_system.granted == 0);
            stop();
        }
}
END_TEST

START_TEST(survives_replies_without_body)
{
    start();
    host.short_bodies = true;
    ck_assert_int_eq(load(3, 0), 0);
    run();
    ck_assert_uint_eq(answers.count, 1);
    ck_assert_int_eq(answers.reply.error, -EPROTO);
    ck_assert_uint_eq(enclaves_count(&table), 0);
    stop();
}
END_TEST

START_TEST(survives_the_application_dying_at_every_step)
{
    unsigned int told = 0, deaths = 0;

    for (size_t bytes = 0; !told; bytes += 1500) {
        start();
        REQUIRE(!load(70, 10));
        host.deaf = true;
        host.hears = host.heard + bytes;
        run();
        told = answers.count;
        deaths++;
        enclaves_owner_gone(&table, APP);
        host.deaf = false;
        run();
        run();
        REQUIRE(answers.count == told); /* nobody is there to be answered */
        REQUIRE(fake_host_count(&host) == 0);
        REQUIRE(enclaves_count(&table) == 0);
        REQUIRE(images == 0 && fake_system.granted == 0);
        REQUIRE(states() == 0);
        stop();
    }
    ck_assert_uint_gt(deaths, 190);
}
END_TEST

START_TEST(survives_the_application_dying_before_each_reply)
{
    /* The host is silent from message `at` on; the application goes; the host comes back. */
    const uint32_t messages = messages_of_a_load();

    for (uint32_t at = 3; at <= messages; at++) {
        start();
        host.die_at = at;
        host.death = FAKE_DIES_AFTER;
        REQUIRE(!load(70, 10));
        hostlink_run(channel, now);
        enclaves_owner_gone(&table, APP);
        later(HOSTLINK_RETRY);
        later(1);
        REQUIRE(fake_host_count(&host) == 0 && enclaves_count(&table) == 0);
        stop();
    }
}
END_TEST

START_TEST(asks_again_where_destroying_is_refused)
{
    start();
    ck_assert_int_eq(load(3, 0), 0);
    run();
    host.refuse_type = CLOISTER_MSG_DESTROY;
    host.refuse_error = -EBUSY;
    enclaves_owner_gone(&table, APP);
    later(1000);
    later(1000);
    ck_assert_uint_eq(fake_host_count(&host), 1);
    ck_assert_uint_eq(enclaves_count(&table), 1);
    host.refuse_error = 0;
    later(1000);
    ck_assert_uint_eq(fake_host_count(&host), 0);
    ck_assert_uint_eq(enclaves_count(&table), 0);
    stop();
}
END_TEST

START_TEST(unloads_when_the_host_is_away)
{
    start();
    ck_assert_int_eq(load(3, 0), 0);
    run();
    fake_host_kill(&host);
    host.absent = true;
    run();
    /* It lives: the host's absence is no reason to end it. */
    ck_assert_uint_eq(enclaves_count(&table), 1);
    ck_assert_int_eq(load(3, 0), -EHOSTDOWN);
    ck_assert_int_eq(unload(answers.loaded.enclave, answers.loaded.handle[0],
                            answers.loaded.handle[1], APP, 1000),
                     -EHOSTDOWN);
    ck_assert_uint_eq(enclaves_count(&table), 0);
    ck_assert_uint_eq(fake_host_count(&host), 1);
    host.absent = false;
    later(HOSTLINK_RETRY);
    host.state = TRANSPORT_OPEN;
    later(HOSTLINK_RETRY);
    ck_assert_uint_eq(fake_host_count(&host), 0);
    stop();
}
END_TEST

START_TEST(keeps_living_enclaves_when_the_host_comes_back)
{
    start();
    ck_assert_int_eq(load(3, 0), 0);
    run();
    fake_host_kill(&host);
    run();
    later(HOSTLINK_RETRY);
    later(1);
    ck_assert_int_eq(hostlink_state(channel), HOSTLINK_UP);
    ck_assert_uint_eq(enclaves_count(&table), 1);
    ck_assert_uint_eq(fake_host_count(&host), 1);
    ck_assert_uint_eq(host.types[CLOISTER_MSG_DESTROY], 0);

    /* One that the host has lost is forgotten, others that it has are destroyed: 40 of them. */
    memset(host.enclaves, 0, sizeof(host.enclaves));
    for (uint32_t i = 0; i < 40; i++)
        host.enclaves[i] = (struct fake_enclave){.id = 100 + i * 3};
    fake_host_kill(&host);
    run();
    later(HOSTLINK_RETRY);
    later(1);
    ck_assert_uint_eq(enclaves_count(&table), 0);
    ck_assert_uint_eq(fake_host_count(&host), 0);
    ck_assert_uint_eq(host.destroyed, 40);
    ck_assert_uint_eq(states(), 0);
    stop();
}
END_TEST

START_TEST(takes_over_after_a_restart)
{
    struct app_loaded loaded;

    start();
    ck_assert_int_eq(load(3, 0), 0);
    run();
    loaded = answers.loaded;
    /* A second enclave whose process will be gone. */
    struct state_entry dead = {
        .id = 50, .uid = 1000, .process = {.pid = getpid(), .start = 1}, .handle = {1, 2}};
    host.enclaves[9] = (struct fake_enclave){.id = 50, .ready = true};
    /* And one that nobody has written down. */
    host.enclaves[10] = (struct fake_enclave){.id = 51, .ready = true};
    agent_ends();
    ck_assert_uint_eq(states(), 1);
    ck_assert_int_eq(state_save(config.state, &dead), 0);

    agent_starts();
    later(HOSTLINK_RETRY);
    ck_assert_uint_eq(enclaves_count(&table), 1);
    ck_assert_uint_eq(fake_host_count(&host), 1);
    ck_assert_ptr_nonnull(fake_host_find(&host, loaded.enclave));
    ck_assert(enclaves_visible(&table, 1000, loaded.enclave));
    ck_assert(!enclaves_visible(&table, 1001, loaded.enclave));
    ck_assert(enclaves_visible(&table, 0, loaded.enclave));

    /* Another user, another handle: no. The same user over a new connection: yes. */
    ck_assert_int_eq(unload(loaded.enclave, loaded.handle[0], loaded.handle[1], APP, 1001),
                     -ENOENT);
    ck_assert_int_eq(unload(loaded.enclave, loaded.handle[0], 0, APP, 1000), -ENOENT);
    ck_assert_int_eq(unload(loaded.enclave, loaded.handle[0], loaded.handle[1], APP, 1000), 0);
    run();
    ck_assert_uint_eq(fake_host_count(&host), 0);
    ck_assert_uint_eq(states(), 0);
    stop();
}
END_TEST

START_TEST(notices_that_an_adopted_owner_died)
{
    start();
    ck_assert_int_eq(load(3, 0), 0);
    run();
    agent_ends();
    agent_starts();
    ck_assert_uint_eq(enclaves_count(&table), 1);
    table.first->owner.process.start++; /* another process has the pid now */
    later(1000);
    later(1000);
    ck_assert_uint_eq(enclaves_count(&table), 0);
    ck_assert_uint_eq(fake_host_count(&host), 0);
    stop();
}
END_TEST

START_TEST(cleans_up_after_an_agent_that_died_while_loading)
{
    const uint32_t messages = messages_of_a_load();

    for (uint32_t at = 3; at <= messages; at++) {
        start();
        host.die_at = at;
        host.death = FAKE_IS_SILENT;
        REQUIRE(!load(70, 10));
        hostlink_run(channel, now);
        agent_ends();
        host.die_at = 0;
        agent_starts();
        later(HOSTLINK_RETRY);
        later(1);
        REQUIRE(fake_host_count(&host) == 0 && enclaves_count(&table) == 0);
        stop();
    }
}
END_TEST

START_TEST(keeps_the_limits_of_users)
{
    start();
    config.limits.max_enclaves = 2;
    config.limits.max_frames = 100;
    ck_assert_int_eq(load(101, 0), -EDQUOT);
    ck_assert_int_eq(load(60, 0), 0);
    ck_assert_int_eq(load(41, 0), -EDQUOT); /* the first one counts while it loads */
    run();
    ck_assert_int_eq(load(10, 31), -EDQUOT);
    ck_assert_int_eq(load(20, 20), 0);
    run();
    ck_assert_int_eq(load(1, 0), -EDQUOT);
    ck_assert_uint_eq(answers.count, 2);
    ck_assert_uint_eq(fake_host_count(&host), 2);
    /* What is refused leaves nothing behind. */
    ck_assert_uint_eq(images, 0);
    ck_assert_uint_eq(fake_system.granted, 0);
    enclaves_owner_gone(&table, APP);
    run();
    ck_assert_int_eq(load(100, 0), 0);
    config.users[0] = (struct user_limits){.uid = 1000};
    config.user_count = 1;
    run();
    ck_assert_int_eq(load(1, 0), -EDQUOT);
    stop();
}
END_TEST

static int load_of(uid_t account, uint32_t pages)
{
    struct owner owner = {.app = APP, .uid = account, .account = account};
    struct image image = copy_of(fake_image(pages, 0, 2, 4));
    struct app_reply refusal = {0};

    return enclaves_load(&table, &owner, NUMBER, &image, &refusal);
}

/* Each within his own limits, and all together beyond theirs. */
START_TEST(keeps_the_limits_of_all_users_together)
{
    start();
    config.total_enclaves = 3;
    config.total_frames = 100;
    ck_assert_int_eq(load_of(1, 50), 0);
    ck_assert_int_eq(load_of(2, 51), -EDQUOT);
    ck_assert_int_eq(load_of(2, 20), 0);
    ck_assert_int_eq(load_of(3, 20), 0);
    ck_assert_int_eq(load_of(4, 1), -EDQUOT);
    run();
    ck_assert_uint_eq(fake_host_count(&host), 3);
    ck_assert_uint_eq(images, 0);
    config.total_frames = 0;
    config.total_enclaves = 4;
    ck_assert_int_eq(load_of(4, 1), -EDQUOT);
    stop();
}
END_TEST

/* Numbers of a user namespace count for whoever may make it. */
START_TEST(counts_for_who_answers)
{
    start();
    config.limits.max_enclaves = 2;
    for (uid_t uid = 100000; uid < 100003; uid++) {
        struct owner owner = {.app = APP, .uid = uid, .account = 1000};
        struct image image = copy_of(fake_image(1, 0, 2, 4));
        struct app_reply refusal = {0};

        ck_assert_int_eq(enclaves_load(&table, &owner, NUMBER, &image, &refusal),
                         uid == 100002 ? -EDQUOT : 0);
    }
    run();
    stop();
}
END_TEST

/* At each page. */
START_TEST(notices_content_that_is_gone)
{
    for (unreadable = 0; unreadable < 70; unreadable++) {
        const uint32_t from = unreadable;

        start();
        unreadable = from;
        (void)load(70, 10);
        run();
        ck_assert_uint_eq(answers.count, 1);
        ck_assert_int_eq(answers.reply.error, from ? -EIO : 0);
        ck_assert_uint_eq(images, 0);
        ck_assert_uint_eq(fake_host_count(&host), from ? 0 : 1);
        stop();
        unreadable = from;
    }
}
END_TEST

START_TEST(refuses_without_grants)
{
    static const int errors[] = {-ENODEV, -ENOENT, -ENOSPC, -ENOMEM};

    for (size_t i = 0; i < 4; i++) {
        start();
        fake_system.grant_error = errors[i];
        ck_assert_int_eq(load(3, 0), errors[i]);
        ck_assert_uint_eq(images, 0);
        ck_assert_uint_eq(host.types[CLOISTER_MSG_CREATE], 0);
        stop();
    }
}
END_TEST

START_TEST(pays_with_the_balloon)
{
    start();
    config.balloon = true;
    fake_system.balloon_stuck = true;
    ck_assert_int_eq(load(3, 0), 0);
    later(100);
    ck_assert_uint_eq(host.types[CLOISTER_MSG_CREATE], 0);
    ck_assert(fake_system.ballooned_kb >= 12);
    int64_t once = fake_system.ballooned_kb;

    fake_system.balloon_stuck = false;
    later(100);
    ck_assert_uint_eq(answers.count, 1);
    ck_assert_int_eq(fake_system.ballooned_kb, once);

    /* It is paid back when the enclave ends, even by the next agent. */
    agent_ends();
    ck_assert_int_eq(fake_system.ballooned_kb, once);
    agent_starts();
    enclaves_tick(&table, now);
    later(1000);
    ck_assert_int_eq(unload(answers.loaded.enclave, answers.loaded.handle[0],
                            answers.loaded.handle[1], APP, 1000),
                     0);
    run();
    ck_assert_int_eq(fake_system.ballooned_kb, 0);
    stop();
}
END_TEST

START_TEST(goes_on_without_a_balloon_that_moves)
{
    start();
    config.balloon = true;
    fake_system.balloon_stuck = true;
    ck_assert_int_eq(load(3, 0), 0);
    later(6000);
    later(1);
    ck_assert_uint_eq(answers.count, 1);
    ck_assert_int_eq(answers.reply.error, 0);
    stop();
}
END_TEST

START_TEST(refuses_where_the_balloon_would_take_too_much)
{
    start();
    config.balloon = true;
    fake_system.balloon_error = -ENOMEM;
    ck_assert_int_eq(load(3, 0), 0);
    ck_assert_uint_eq(answers.count, 1);
    ck_assert_int_eq(answers.reply.error, -ENOMEM);
    ck_assert_uint_eq(enclaves_count(&table), 0);

    fake_system.balloon_error = 0;
    fake_system.balloon_stuck = true;
    ck_assert_int_eq(load(3, 0), 0);
    fake_host_kill(&host);
    run();
    ck_assert_uint_eq(answers.count, 2);
    ck_assert_int_eq(answers.reply.error, -ECONNRESET);
    ck_assert_int_eq(fake_system.ballooned_kb, 0);
    stop();
}
END_TEST

SUITE_MAIN("enclaves", loads, unloads, survives_the_host_dying_at_every_step,
           survives_refusals_at_every_step, survives_replies_without_body,
           survives_the_application_dying_at_every_step,
           survives_the_application_dying_before_each_reply, asks_again_where_destroying_is_refused,
           unloads_when_the_host_is_away, keeps_living_enclaves_when_the_host_comes_back,
           takes_over_after_a_restart, notices_that_an_adopted_owner_died,
           cleans_up_after_an_agent_that_died_while_loading, keeps_the_limits_of_users,
           keeps_the_limits_of_all_users_together, counts_for_who_answers,
           notices_content_that_is_gone, refuses_without_grants, pays_with_the_balloon,
           goes_on_without_a_balloon_that_moves, refuses_where_the_balloon_would_take_too_much)
