/* SPDX-License-Identifier: MIT */
/* The link to the host daemon, against one that misbehaves. */
#include "suite.h"

#include <errno.h>
#include <string.h>

#include "fake_host.h"
#include "agent/hostlink.h"
#include "base/say.h"

#define TIMEOUT 5000u

static struct fake_host host;
static struct hostlink *channel;
static unsigned int ups, downs;

static struct {
    unsigned int calls;
    int error;
    bool replied;
    size_t size;
} ends[8192];

static void up(void *context)
{
    (void)context;
    ups++;
}

static void down(void *context)
{
    (void)context;
    downs++;
}

static void start(void)
{
    static const struct hostlink_events events = {up, down};
    struct transport transport;

    say_initialise("test", 0);
    memset(ends, 0, sizeof(ends));
    ups = downs = 0;
    fake_host_start(&host, &transport);
    ck_assert_int_eq(hostlink_new(&transport, &events, NULL, TIMEOUT, &channel), 0);
}

static void stop(void)
{
    hostlink_free(channel);
    ck_assert_uint_eq(host.opened, host.closed);
}

static void ended(void *context, int error, const struct cloister_msg_reply *reply,
                  const void *body, size_t size)
{
    size_t index = (size_t)context;

    (void)body;
    ends[index].calls++;
    ends[index].error = error;
    ends[index].replied = reply != NULL;
    ends[index].size = size;
}

static int ask(size_t index, uint16_t type)
{
    return hostlink_request(channel, NULL, type, NULL, 0, ended, (void *)index);
}

static int ask_list(size_t index)
{
    const struct cloister_msg_enclave body = {0};
    const struct hostlink_part part = {&body, sizeof(body)};

    return hostlink_request(channel, NULL, CLOISTER_MSG_LIST, &part, 1, ended, (void *)index);
}

START_TEST(comes_up)
{
    start();
    ck_assert_int_eq(hostlink_descriptor(channel), -1);
    ck_assert_int_eq(ask(0, CLOISTER_MSG_QUOTA), -EHOSTDOWN);
    hostlink_run(channel, 1);
    ck_assert_int_eq(hostlink_state(channel), HOSTLINK_UP);
    ck_assert_uint_eq(ups, 1);
    ck_assert_uint_eq(host.types[CLOISTER_MSG_HELLO], 1);
    ck_assert_int_eq(ask(0, CLOISTER_MSG_QUOTA), 0);
    ck_assert_uint_eq(ends[0].calls, 0);
    hostlink_run(channel, 2);
    ck_assert_uint_eq(ends[0].calls, 1);
    ck_assert_int_eq(ends[0].error, 0);
    ck_assert_uint_eq(ends[0].size, sizeof(struct cloister_msg_quota));
    stop();
    ck_assert_uint_eq(downs, 1);
}
END_TEST

START_TEST(waits_for_the_host)
{
    start();
    host.absent = true;
    for (uint64_t now = 0; now < 100000; now += 1000)
        hostlink_run(channel, now);
    ck_assert_int_eq(hostlink_state(channel), HOSTLINK_WAITING);
    ck_assert_uint_eq(host.opened, 1);
    host.state = TRANSPORT_OPEN;
    hostlink_run(channel, 100000);
    ck_assert_int_eq(hostlink_state(channel), HOSTLINK_UP);
    stop();
}
END_TEST

/* Restored or migrated: the channel looks open, and nobody is there. */
static void moves(bool waiting)
{
    start();
    host.absent = waiting;
    hostlink_run(channel, 1);
    if (!waiting)
        ck_assert_int_eq(ask(0, CLOISTER_MSG_QUOTA), 0);
    host.deaf = true;
    host.moved = true;
    hostlink_run(channel, HOSTLINK_LOOK);
    ck_assert_uint_eq(host.looks, 0);
    ck_assert_uint_eq(host.closed, 0);
    hostlink_run(channel, 1 + HOSTLINK_LOOK);
    ck_assert_int_eq(hostlink_state(channel), HOSTLINK_DOWN);
    ck_assert_uint_eq(host.looks, 1);
    ck_assert_uint_eq(ends[0].calls, waiting ? 0 : 1);
    ck_assert_int_eq(ends[0].error, waiting ? 0 : -ECONNRESET);
    ck_assert_uint_eq(downs, waiting ? 0 : 1);
    host.absent = host.deaf = false;
    hostlink_run(channel, 1 + HOSTLINK_LOOK + HOSTLINK_RETRY);
    ck_assert_int_eq(hostlink_state(channel), HOSTLINK_UP);
    ck_assert_uint_eq(host.opened, 2);
    stop();
}

START_TEST(offers_again_where_the_guest_has_moved)
{
    moves(false);
    moves(true);
}
END_TEST

START_TEST(looks_now_and_then_whether_the_offer_stands)
{
    start();
    for (uint64_t now = 0; now <= 10 * HOSTLINK_LOOK; now += 100)
        hostlink_run(channel, now);
    ck_assert_uint_eq(host.looks, 10);
    ck_assert_uint_eq(host.opened, 1);
    ck_assert_int_eq(hostlink_state(channel), HOSTLINK_UP);
    stop();
}
END_TEST

START_TEST(tries_again_where_there_is_no_xen)
{
    start();
    host.open_error = -ENODEV;
    for (uint64_t now = 0; now < 10000; now += 100) {
        hostlink_run(channel, now);
        ck_assert_int_eq(hostlink_state(channel), HOSTLINK_DOWN);
    }
    ck_assert_uint_eq(host.opened, 0);
    host.open_error = 0;
    hostlink_run(channel, 20000);
    ck_assert_int_eq(hostlink_state(channel), HOSTLINK_UP);
    stop();
}
END_TEST

START_TEST(streams_in_any_pieces)
{
    static uint8_t body[CLOISTER_MAX_BODY];
    struct cloister_msg_add add = {.enclave = 9, .count = 31, .content_count = 31};
    const struct hostlink_part part = {body, sizeof(add) + 31 * (8 + CLOISTER_PAGE_SIZE)};

    memcpy(body, &add, sizeof(add));
    for (size_t chunk = 1; chunk < 200000; chunk = chunk * 3 + 1) {
        start();
        host.chunk = chunk;
        hostlink_run(channel, 1);
        ck_assert_int_eq(hostlink_state(channel), HOSTLINK_UP);
        for (size_t i = 0; i < 3; i++)
            ck_assert_int_eq(
                hostlink_request(channel, NULL, CLOISTER_MSG_ADD, &part, 1, ended, (void *)i), 0);
        hostlink_run(channel, 2);
        for (size_t i = 0; i < 3; i++) {
            ck_assert_uint_eq(ends[i].calls, 1);
            ck_assert_int_eq(ends[i].error, -ENOENT);
            ck_assert(ends[i].replied);
        }
        stop();
    }
}
END_TEST

START_TEST(joins_parts)
{
    static uint8_t content[CLOISTER_PAGE_SIZE];
    struct cloister_msg_add add = {.enclave = 9, .count = 1, .content_count = 1};
    struct cloister_page_record record = {.page = 1, .flags = CLOISTER_PAGE_R};
    const struct hostlink_part parts[] = {
        {&add, sizeof(add)}, {&record, sizeof(record)}, {NULL, 0}, {content, sizeof(content)}};

    start();
    hostlink_run(channel, 1);
    ck_assert_int_eq(hostlink_request(channel, NULL, CLOISTER_MSG_ADD, parts, 4, ended, (void *)0),
                     0);
    hostlink_run(channel, 2); /* the fake host checks the sizes */
    ck_assert_int_eq(ends[0].error, -ENOENT);
    stop();
}
END_TEST

START_TEST(refuses_what_is_too_much)
{
    static uint8_t body[CLOISTER_MAX_BODY + 1];
    struct hostlink_part part = {body, sizeof(body)};
    const struct hostlink_part wraps[] = {{body, 8}, {body, SIZE_MAX - 4}};
    unsigned int queued = 0;

    start();
    hostlink_run(channel, 1);
    ck_assert_int_eq(hostlink_request(channel, NULL, CLOISTER_MSG_ADD, &part, 1, ended, NULL),
                     -EMSGSIZE);
    ck_assert_int_eq(hostlink_request(channel, NULL, CLOISTER_MSG_ADD, wraps, 2, ended, NULL),
                     -EMSGSIZE);
    while (!ask(0, CLOISTER_MSG_QUOTA))
        ck_assert_uint_lt(++queued, 5000);
    ck_assert_uint_eq(queued, HOSTLINK_MAX_QUEUED);
    ck_assert_int_eq(ask(0, CLOISTER_MSG_QUOTA), -ENOBUFS);
    hostlink_run(channel, 2);
    ck_assert_uint_eq(ends[0].calls, queued);

    part.size = CLOISTER_MAX_BODY;
    for (queued = 0; !hostlink_request(channel, NULL, CLOISTER_MSG_ADD, &part, 1, ended, (void *)1);
         queued++)
        ck_assert_uint_lt(queued, 5000);
    ck_assert_uint_lt(queued, HOSTLINK_MAX_BYTES / CLOISTER_MAX_BODY + 1);
    ck_assert_uint_eq(ends[1].calls, 0);
    stop();
    ck_assert_uint_eq(ends[1].calls, queued);
    ck_assert_int_eq(ends[1].error, -ECANCELED);
}
END_TEST

/* Everything that ends the link ends all requests once, and the link comes back. */
static void check_death(enum fake_death death, uint32_t at, size_t chunk, int expected)
{
    start();
    host.chunk = chunk;
    host.death = death;
    host.die_at = at;
    hostlink_run(channel, 1);
    for (size_t i = 0; i < 5; i++)
        REQUIRE(ask_list(i) == 0);
    hostlink_run(channel, 2);
    /* After silence later replies come out of turn; if none comes, time runs out. */
    if (expected == -ETIMEDOUT)
        hostlink_run(channel, 2 + TIMEOUT);
    REQUIRE(hostlink_state(channel) == HOSTLINK_DOWN);
    REQUIRE(downs == 1);
    for (size_t i = 0; i < 5; i++) {
        REQUIRE(ends[i].calls == 1);
        REQUIRE(ends[i].error == (i + 2 < at ? 0 : expected));
        REQUIRE(ends[i].replied == (i + 2 < at));
    }
    hostlink_run(channel, 3 + TIMEOUT + HOSTLINK_RETRY);
    REQUIRE(hostlink_state(channel) == HOSTLINK_UP);
    REQUIRE(ups == 2);
    stop();
}

START_TEST(survives_every_death)
{
    /* Message 1 is HELLO. */
    for (uint32_t at = 2; at <= 6; at++)
        for (size_t chunk = 0; chunk < 60; chunk += 7) {
            check_death(FAKE_DIES_BEFORE, at, chunk, -ECONNRESET);
            check_death(FAKE_DIES_AFTER, at, chunk, -ECONNRESET);
            check_death(FAKE_DIES_WITHIN, at, chunk, -ECONNRESET);
            check_death(FAKE_LIES_NUMBER, at, chunk, -EPROTO);
            check_death(FAKE_LIES_SIZE, at, chunk, -EPROTO);
            check_death(FAKE_LIES_TYPE, at, chunk, -EPROTO);
        }
}
END_TEST

START_TEST(notices_replies_out_of_turn)
{
    for (uint32_t at = 2; at <= 5; at++)
        check_death(FAKE_IS_SILENT, at, 0, -EPROTO);
    /* The last one: nothing follows that could be out of turn. */
    check_death(FAKE_IS_SILENT, 6, 0, -ETIMEDOUT);
}
END_TEST

START_TEST(survives_death_while_greeting)
{
    for (enum fake_death death = FAKE_DIES_BEFORE; death <= FAKE_LIES_TYPE; death++) {
        start();
        host.death = death;
        host.die_at = 1;
        hostlink_run(channel, 1);
        if (death == FAKE_IS_SILENT)
            hostlink_run(channel, 2 + TIMEOUT);
        ck_assert_int_eq(hostlink_state(channel), HOSTLINK_DOWN);
        ck_assert_uint_eq(ups, 0);
        hostlink_run(channel, 3 + TIMEOUT + HOSTLINK_RETRY);
        ck_assert_int_eq(hostlink_state(channel), HOSTLINK_UP);
        ck_assert_uint_eq(downs, 0);
        stop();
    }
}
END_TEST

START_TEST(goes_on_where_the_greeting_is_refused)
{
    start();
    host.refuse_type = CLOISTER_MSG_HELLO;
    host.refuse_error = -EPROTONOSUPPORT;
    for (uint64_t now = 1; now < 10000; now += 500)
        hostlink_run(channel, now);
    ck_assert_uint_eq(ups, 0);
    ck_assert_uint_ge(host.opened, 5);
    host.refuse_error = 0;
    hostlink_run(channel, 20000);
    ck_assert_int_eq(hostlink_state(channel), HOSTLINK_UP);
    stop();
}
END_TEST

START_TEST(refuses_a_reply_to_nothing)
{
    struct cloister_msg_reply reply = {0};
    struct cloister_message message = {.magic = CLOISTER_MESSAGE_MAGIC,
                                       .type = CLOISTER_MSG_REPLY,
                                       .number = 2,
                                       .size = sizeof(reply)};

    start();
    hostlink_run(channel, 1);
    host.out_at = 0;
    memcpy(host.out, &message, sizeof(message));
    memcpy(host.out + sizeof(message), &reply, sizeof(reply));
    host.out_size = sizeof(message) + sizeof(reply);
    hostlink_run(channel, 2);
    ck_assert_int_eq(hostlink_state(channel), HOSTLINK_DOWN);
    stop();
}
END_TEST

START_TEST(refuses_a_reply_before_its_request)
{
    struct cloister_msg_reply reply = {0};
    struct cloister_message message = {.magic = CLOISTER_MESSAGE_MAGIC,
                                       .type = CLOISTER_MSG_REPLY,
                                       .number = 2,
                                       .size = sizeof(reply)};

    start();
    hostlink_run(channel, 1);
    ck_assert_int_eq(ask(0, CLOISTER_MSG_QUOTA), 0);
    /* The host guesses the number right, but has not seen the request. */
    host.deaf = true;
    host.out_at = 0;
    memcpy(host.out, &message, sizeof(message));
    memcpy(host.out + sizeof(message), &reply, sizeof(reply));
    host.out_size = sizeof(message) + sizeof(reply);
    hostlink_run(channel, 2);
    ck_assert_int_eq(hostlink_state(channel), HOSTLINK_DOWN);
    ck_assert_int_eq(ends[0].error, -EPROTO);
    ck_assert_uint_eq(ends[0].calls, 1);
    stop();
}
END_TEST

START_TEST(refuses_strange_results)
{
    static const int strange[] = {1, -4096, INT32_MIN, INT32_MAX};

    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        start();
        hostlink_run(channel, 1);
        host.refuse_type = CLOISTER_MSG_QUOTA;
        host.refuse_error = strange[i];
        ck_assert_int_eq(ask(0, CLOISTER_MSG_QUOTA), 0);
        hostlink_run(channel, 2);
        ck_assert_int_eq(hostlink_state(channel), HOSTLINK_DOWN);
        ck_assert_int_eq(ends[0].error, -EPROTO);
        stop();
    }
}
END_TEST

START_TEST(survives_random_bytes)
{
    uint64_t seed = 7, now = 1;

    start();
    for (unsigned int round = 0; round < 100000; round++) {
        struct cloister_message message = {.magic = CLOISTER_MESSAGE_MAGIC,
                                           .type = CLOISTER_MSG_REPLY};
        size_t size = 1 + suite_random(&seed) % 64;

        hostlink_run(channel, now += HOSTLINK_RETRY);
        REQUIRE(hostlink_state(channel) == HOSTLINK_UP);
        REQUIRE(ask(0, CLOISTER_MSG_QUOTA) == 0);
        for (size_t i = 0; i < size; i++)
            host.out[i] = (uint8_t)suite_random(&seed);
        message.number = (uint32_t)(suite_random(&seed) % 4);
        message.size = (uint32_t)(suite_random(&seed) % 64);
        if (suite_random(&seed) % 2)
            memcpy(host.out, &message, sizeof(message));
        host.out_at = 0;
        host.out_size = size;
        hostlink_run(channel, now);
        hostlink_run(channel, now += TIMEOUT);
        ends[0].calls--;
        REQUIRE(ends[0].calls == 0);
    }
    stop();
}
END_TEST

static void ask_again(void *context, int error, const struct cloister_msg_reply *reply,
                      const void *body, size_t size)
{
    (void)reply;
    (void)body;
    (void)size;
    /* From within the end of a request: queues while the link is up, is refused when it is not. */
    int result = ask((size_t)context, CLOISTER_MSG_QUOTA);

    ck_assert_int_eq(result, error ? -EHOSTDOWN : 0);
}

START_TEST(takes_requests_from_within_replies)
{
    start();
    hostlink_run(channel, 1);
    ck_assert_int_eq(
        hostlink_request(channel, NULL, CLOISTER_MSG_QUOTA, NULL, 0, ask_again, (void *)5), 0);
    hostlink_run(channel, 2);
    ck_assert_uint_eq(ends[5].calls, 1);
    ck_assert_int_eq(ends[5].error, 0);
    fake_host_kill(&host);
    ck_assert_int_eq(
        hostlink_request(channel, NULL, CLOISTER_MSG_QUOTA, NULL, 0, ask_again, (void *)5), 0);
    hostlink_run(channel, 3);
    ck_assert_uint_eq(ends[5].calls, 1);
    stop();
}
END_TEST

/* Whoever asks for user `account` over connection `app`. */
static int ask_for(size_t index, uint64_t app, uid_t account)
{
    const struct hostlink_asker asker = {app, account};

    return hostlink_request(channel, &asker, CLOISTER_MSG_QUOTA, NULL, 0, ended, (void *)index);
}

/* Lets the host take one message and hear no more. */
static void serve_one(uint64_t now)
{
    host.hears = host.heard + sizeof(struct cloister_message);
    hostlink_run(channel, now);
}

static void start_deaf(void)
{
    start();
    hostlink_run(channel, 1);
    host.deaf = true;
    host.hears = host.heard;
}

START_TEST(keeps_places_for_the_agent)
{
    unsigned int queued = 0;

    start_deaf();
    for (uid_t account = 1; account < 4000; account++)
        queued += ask_for(account, account, account) == 0;
    ck_assert_uint_eq(queued, HOSTLINK_MAX_QUEUED - HOSTLINK_OWN_QUEUED);
    ck_assert_int_eq(ask_for(4000, 4000, 4000), -ENOBUFS);
    for (unsigned int i = 0; i < HOSTLINK_OWN_QUEUED; i++)
        ck_assert_int_eq(ask(4001 + i % 2, CLOISTER_MSG_QUOTA), 0);
    ck_assert_int_eq(ask(4001, CLOISTER_MSG_QUOTA), -ENOBUFS);
    stop();
}
END_TEST

START_TEST(keeps_bytes_for_the_agent)
{
    static uint8_t body[CLOISTER_MAX_BODY];
    const struct hostlink_part part = {body, sizeof(body)};
    unsigned int queued = 0;

    start_deaf();
    for (uid_t account = 1; account < 1000; account++) {
        const struct hostlink_asker asker = {account, account};

        queued += !hostlink_request(channel, &asker, CLOISTER_MSG_ADD, &part, 1, ended, NULL);
    }
    ck_assert_uint_le(queued, HOSTLINK_MAX_BYTES / CLOISTER_MAX_BODY);
    ck_assert_uint_ge(queued, (HOSTLINK_MAX_BYTES - HOSTLINK_OWN_BYTES) / CLOISTER_MAX_BODY - 1);
    ck_assert_int_eq(hostlink_request(channel, NULL, CLOISTER_MSG_ADD, &part, 1, ended, NULL), 0);
    stop();
}
END_TEST

/* The first user gets half, whatever he does; the second finds a place then. */
START_TEST(leaves_places_to_other_users)
{
    const unsigned int all = HOSTLINK_MAX_QUEUED - HOSTLINK_OWN_QUEUED;
    unsigned int first = 0, second = 0;

    start_deaf();
    for (unsigned int i = 0; i < 4000; i++)
        first += ask_for(1, i, 1000) == 0;
    for (unsigned int i = 0; i < 4000; i++)
        second += ask_for(2, i, 1001) == 0;
    ck_assert_uint_eq(first, all / 2);
    ck_assert_uint_eq(second, all / 4);
    ck_assert_int_eq(ask_for(3, 1, 1002), 0);
    stop();
}
END_TEST

START_TEST(sends_its_own_first)
{
    start_deaf();
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(ask_for(10 + i, i, 1000), 0);
    hostlink_run(channel, 2); /* the first is being sent, and stays the first */
    ck_assert_int_eq(ask(1, CLOISTER_MSG_QUOTA), 0);
    serve_one(3);
    serve_one(3);
    ck_assert_uint_eq(ends[10].calls, 1);
    ck_assert_uint_eq(ends[1].calls, 1);
    ck_assert_uint_eq(ends[11].calls, 0);
    stop();
}
END_TEST

/* A host that takes requests and is slow to answer has no more than so many of applications. */
START_TEST(sends_so_many_at_a_time)
{
    start();
    hostlink_run(channel, 1);
    host.death = FAKE_IS_SILENT;
    host.die_at = 2;
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(ask_for(i, i, 1000), 0);
    const uint32_t before = host.messages;
    hostlink_run(channel, 2);
    /* The second answer is out of turn, and ends it: what was sent until then counts. */
    ck_assert_uint_le(host.messages - before, HOSTLINK_WINDOW);
    stop();
}
END_TEST

START_TEST(takes_users_in_turn)
{
    start_deaf();
    for (size_t i = 0; i < 400; i++)
        ck_assert_int_eq(ask_for(100 + i, 1, 1000), 0);
    hostlink_run(channel, 2);
    ck_assert_int_eq(ask_for(1, 2, 1001), 0);
    ck_assert_int_eq(ask_for(2, 3, 1002), 0);
    ck_assert_int_eq(ask_for(3, 2, 1001), 0);
    for (unsigned int i = 0; i < 2 * HOSTLINK_WINDOW; i++)
        serve_one(3);
    for (size_t i = 1; i <= 3; i++)
        ck_assert_uint_eq(ends[i].calls, 1);
    ck_assert_uint_eq(ends[100].calls, 1);
    ck_assert_uint_eq(ends[499].calls, 0);
    stop();
}
END_TEST

START_TEST(drops_what_nobody_waits_for)
{
    start_deaf();
    for (size_t i = 0; i < 50; i++)
        ck_assert_int_eq(ask_for(100 + i, i % 2, 1000), 0);
    hostlink_run(channel, 2); /* the first, of connection 0, is being sent: it must go on */
    ck_assert_int_eq(ask(1, CLOISTER_MSG_QUOTA), 0);
    hostlink_drop(channel, 0);
    hostlink_drop(channel, 7);
    for (size_t i = 0; i < 50; i++) {
        const bool dropped = i && i % 2 == 0;

        REQUIRE(ends[100 + i].calls == dropped);
        REQUIRE(ends[100 + i].error == (dropped ? -ECANCELED : 0) && !ends[100 + i].replied);
    }
    ck_assert_uint_eq(ends[1].calls, 0);
    host.deaf = false;
    hostlink_run(channel, 3);
    for (size_t i = 0; i < 50; i++)
        REQUIRE(ends[100 + i].calls == 1);
    ck_assert_uint_eq(ends[1].calls, 1);
    ck_assert_int_eq(ends[1].error, 0);
    stop();
}
END_TEST

SUITE_MAIN("hostlink", comes_up, waits_for_the_host, offers_again_where_the_guest_has_moved,
           looks_now_and_then_whether_the_offer_stands, tries_again_where_there_is_no_xen,
           streams_in_any_pieces, joins_parts, refuses_what_is_too_much, survives_every_death,
           notices_replies_out_of_turn, survives_death_while_greeting,
           goes_on_where_the_greeting_is_refused, refuses_a_reply_to_nothing,
           refuses_a_reply_before_its_request, refuses_strange_results, survives_random_bytes,
           takes_requests_from_within_replies, keeps_places_for_the_agent,
           keeps_bytes_for_the_agent, leaves_places_to_other_users, sends_its_own_first,
           sends_so_many_at_a_time, takes_users_in_turn, drops_what_nobody_waits_for)
