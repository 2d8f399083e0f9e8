/* SPDX-License-Identifier: MIT */
/* The conversation with an agent that may do anything, against a pretended monitor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonbytes.h"
#include "fake_monitor.h"
#include "log/notes.h"
#include "agents/session.h"
#include "../../suite.h"

#define DOMAIN 3u
#define RECORD sizeof(struct cloister_page_record)

/* The agent's end of the stream: what it has sent and what it got. */
static struct wire {
    uint8_t sent[1u << 20];
    size_t sent_size, taken;
    size_t step; /* bytes per read or write at most */
    uint8_t got[1u << 20];
    size_t got_size;
    size_t room; /* how much of replies its ring still takes */
    bool gone;
} wire;

static struct fake_monitor monitor;
static struct admission admission;

/* What makes evidence: it was asked so, and answers when the test says. */
static struct {
    json_object *request, *refusal;
    void (*done)(void *context, json_object *answer);
    void *context;
    unsigned int asked;
} maker;

static json_object *attest(const char *command, json_object *request,
                           void (*done)(void *context, json_object *answer), void *context)
{
    ck_assert_str_eq(command, "evidence");
    json_object_put(maker.request);
    maker.request = json_object_get(request);
    maker.done = done;
    maker.context = context;
    maker.asked++;
    return json_object_get(maker.refusal);
}

static void forget(const void *context)
{
    ck_assert_ptr_eq(maker.context, context);
    maker.context = NULL;
}

static struct session_host host = {&monitor.calls, &admission, attest, forget};
static struct session session;
static uint64_t now;

static ssize_t wire_read(void *context, void *data, size_t size)
{
    size_t left = wire.sent_size - wire.taken;

    ck_assert_ptr_eq(context, &wire);
    size = size > left ? left : size;
    size = size > wire.step ? wire.step : size;
    if (!size)
        return wire.gone ? -1 : 0;
    memcpy(data, wire.sent + wire.taken, size);
    wire.taken += size;
    return (ssize_t)size;
}

static ssize_t wire_write(void *context, const void *data, size_t size)
{
    (void)context;
    if (wire.gone)
        return -1;
    size = size > wire.room ? wire.room : size;
    size = size > wire.step ? wire.step : size;
    memcpy(wire.got + wire.got_size, data, size);
    wire.got_size += size;
    wire.room -= size;
    return (ssize_t)size;
}

static const struct session_stream stream = {&wire, wire_read, wire_write};

static void begin(void)
{
    memset(&wire, 0, sizeof(wire));
    wire.step = wire.room = SIZE_MAX;
    session_open(&session, &host, &stream, DOMAIN, now);
}

static void setup(void)
{
    now = 1000;
    admission_initialise(&admission);
    fake_monitor_clear(&monitor);
    begin();
}

static void send_bytes(const void *data, size_t size)
{
    memcpy(wire.sent + wire.sent_size, data, size);
    wire.sent_size += size;
}

static void send_message(uint16_t type, const void *body, size_t size)
{
    static uint32_t number = 100;
    struct cloister_message head = {CLOISTER_MESSAGE_MAGIC, type, 0, number++, (uint32_t)size};

    send_bytes(&head, sizeof(head));
    if (size)
        send_bytes(body, size);
}

static enum session_answer run(void)
{
    enum session_answer answer;

    do
        answer = session_step(&session, now);
    while (answer == SESSION_MORE);
    return answer;
}

/* The next reply; its body behind it. */
static struct cloister_msg_reply take_reply(void *body, size_t size)
{
    static size_t taken;
    struct cloister_message head;
    struct cloister_msg_reply reply;

    if (taken > wire.got_size)
        taken = 0;
    ck_assert_uint_ge(wire.got_size, sizeof(head) + sizeof(reply));
    memcpy(&head, wire.got, sizeof(head));
    ck_assert_uint_eq(head.magic, CLOISTER_MESSAGE_MAGIC);
    ck_assert_uint_eq(head.type, CLOISTER_MSG_REPLY);
    ck_assert_uint_eq(head.size, sizeof(reply) + size);
    memcpy(&reply, wire.got + sizeof(head), sizeof(reply));
    if (size)
        memcpy(body, wire.got + sizeof(head) + sizeof(reply), size);
    size += sizeof(head) + sizeof(reply);
    memmove(wire.got, wire.got + size, wire.got_size - size);
    wire.got_size -= size;
    return reply;
}

static int ask(uint16_t type, const void *body, size_t size, void *answer, size_t answer_size)
{
    send_message(type, body, size);
    ck_assert_int_eq(run(), SESSION_IDLE);
    return take_reply(answer, answer_size).error;
}

static void greet(void)
{
    struct cloister_msg_hello hello = {CLOISTER_PROTOCOL_VERSION, CLOISTER_ABI_VERSION, "1.2",
                                       "6.1"};

    ck_assert_int_eq(ask(CLOISTER_MSG_HELLO, &hello, sizeof(hello), NULL, 0), 0);
}

static uint32_t create(void)
{
    struct cloister_image_header header = {.name = "test"};
    struct cloister_msg_enclave enclave;

    ck_assert_int_eq(ask(CLOISTER_MSG_CREATE, &header, sizeof(header), &enclave, sizeof(enclave)),
                     0);
    return enclave.enclave;
}

static int ask_enclave(uint16_t type, uint32_t id)
{
    struct cloister_msg_enclave body = {.enclave = id};
    struct cloister_msg_handle handle;
    bool init = type == CLOISTER_MSG_INIT && fake_enclave(&monitor, id) &&
                fake_enclave(&monitor, id)->domain == DOMAIN && monitor.fail_after < 0 &&
                fake_enclave(&monitor, id)->state == CLOISTER_ENCLAVE_BUILDING;

    return ask(type, &body, sizeof(body), &handle, init ? sizeof(handle) : 0);
}

/* An ADD of pages: 'z' one of zeros, other characters one full of them. */
static size_t make_add(uint8_t *body, uint32_t enclave, const char *pages)
{
    struct cloister_msg_add add = {.enclave = enclave, .count = (uint32_t)strlen(pages)};
    uint8_t *content = body + sizeof(add) + add.count * RECORD;

    for (uint32_t i = 0; i < add.count; i++) {
        struct cloister_page_record record = {i, CLOISTER_PAGE_R};

        if (pages[i] == 'z')
            record.flags |= CLOISTER_PAGE_ZERO;
        else
            memset(content + CLOISTER_PAGE_SIZE * add.content_count++, pages[i] - '0',
                   CLOISTER_PAGE_SIZE);
        memcpy(body + sizeof(add) + i * RECORD, &record, sizeof(record));
    }
    memcpy(body, &add, sizeof(add));
    return sizeof(add) + add.count * RECORD + add.content_count * CLOISTER_PAGE_SIZE;
}

static uint8_t buffer[CLOISTER_MAX_BODY];

static int add(uint32_t enclave, const char *pages)
{
    size_t size = make_add(buffer, enclave, pages);

    return ask(CLOISTER_MSG_ADD, buffer, size, NULL, 0);
}

static int share(uint32_t enclave, uint32_t ref)
{
    struct cloister_msg_share body = {.enclave = enclave, .count = 2};
    uint32_t refs[2] = {5, ref};

    memcpy(buffer, &body, sizeof(body));
    memcpy(buffer + sizeof(body), refs, sizeof(refs));
    return ask(CLOISTER_MSG_SHARE, buffer, sizeof(body) + sizeof(refs), NULL, 0);
}

START_TEST(whole_life)
{
    greet();
    uint32_t id = create();
    ck_assert_int_eq(add(id, "1z2zz33z"), 0);
    ck_assert_int_eq(share(id, 6), 0);
    ck_assert_uint_eq(fake_enclave(&monitor, id)->pages, 8);
    ck_assert_uint_eq(fake_enclave(&monitor, id)->content, 4096 * (1 + 2 + 3 + 3));
    ck_assert_uint_eq(fake_enclave(&monitor, id)->shares, 2);
    ck_assert_int_eq(ask_enclave(CLOISTER_MSG_INIT, id), 0);
    ck_assert_uint_eq(session.building_count, 0);
    session_close(&session);
    ck_assert_uint_eq(fake_living(&monitor, DOMAIN, CLOISTER_ENCLAVE_READY), 1);
    /* another channel finds it and ends it */
    begin();
    greet();
    struct cloister_msg_enclave first = {0};
    struct cloister_enclave_info found;
    ck_assert_int_eq(ask(CLOISTER_MSG_LIST, &first, sizeof(first), &found, sizeof(found)), 0);
    ck_assert_uint_eq(found.enclave, id);
    ck_assert_int_eq(ask_enclave(CLOISTER_MSG_DESTROY, id), 0);
    ck_assert_uint_eq(fake_living(&monitor, DOMAIN, 0), 0);
    session_close(&session);
}
END_TEST

/* The same in pieces of every small size. */
START_TEST(in_small_pieces)
{
    wire.step = (size_t)_i + 1;
    greet();
    uint32_t id = create();
    ck_assert_int_eq(add(id, "1z2"), 0);
    ck_assert_int_eq(ask_enclave(CLOISTER_MSG_INIT, id), 0);
    ck_assert_uint_eq(fake_enclave(&monitor, id)->content, 4096 * 3);
    session_close(&session);
}
END_TEST

/*
 * The agent goes after every single byte of a whole loading: what was not handed over is gone, what
 * was handed over lives.
 */
START_TEST(agent_goes_at_every_byte)
{
    struct cloister_msg_hello hello = {CLOISTER_PROTOCOL_VERSION, CLOISTER_ABI_VERSION, "", ""};
    struct cloister_image_header header = {.name = "test"};
    struct cloister_msg_share share_body = {.enclave = 1, .count = 1};
    struct cloister_msg_enclave enclave = {.enclave = 1};
    uint32_t ref = 9;
    size_t whole, after_init = 0;

    send_message(CLOISTER_MSG_HELLO, &hello, sizeof(hello));
    send_message(CLOISTER_MSG_CREATE, &header, sizeof(header));
    size_t size = make_add(buffer, 1, "1");
    send_message(CLOISTER_MSG_ADD, buffer, size);
    memcpy(buffer, &share_body, sizeof(share_body));
    memcpy(buffer + sizeof(share_body), &ref, sizeof(ref));
    send_message(CLOISTER_MSG_SHARE, buffer, sizeof(share_body) + sizeof(ref));
    send_message(CLOISTER_MSG_INIT, &enclave, sizeof(enclave));
    after_init = wire.sent_size;
    send_message(CLOISTER_MSG_DESTROY, &enclave, sizeof(enclave));
    whole = wire.sent_size;

    static uint8_t script[1u << 14];
    ck_assert_uint_le(whole, sizeof(script));
    memcpy(script, wire.sent, whole);
    for (size_t cut = 0; cut <= whole; cut++) {
        fake_monitor_clear(&monitor);
        begin();
        send_bytes(script, cut);
        ck_assert_int_eq(run(), SESSION_IDLE);
        wire.gone = true;
        ck_assert_int_eq(run(), SESSION_END);
        session_close(&session);
        ck_assert_uint_eq(fake_living(&monitor, DOMAIN, CLOISTER_ENCLAVE_BUILDING), 0);
        ck_assert_uint_eq(fake_living(&monitor, DOMAIN, 0), cut >= after_init && cut < whole);
    }
}
END_TEST

/* INIT succeeded, but the agent went before the last byte of the handle was out. */
START_TEST(agent_goes_before_the_handle)
{
    struct cloister_msg_enclave body;
    const size_t reply = sizeof(struct cloister_message) + sizeof(struct cloister_msg_reply) +
                         sizeof(struct cloister_msg_handle);

    for (size_t room = 0; room <= reply; room++) {
        fake_monitor_clear(&monitor);
        begin();
        greet();
        body = (struct cloister_msg_enclave){.enclave = create()};
        ck_assert_int_eq(add(body.enclave, "1"), 0);
        wire.room = room;
        send_message(CLOISTER_MSG_INIT, &body, sizeof(body));
        ck_assert_int_eq(run(), SESSION_IDLE);
        ck_assert_uint_eq(fake_living(&monitor, DOMAIN, CLOISTER_ENCLAVE_READY), 1);
        wire.gone = true;
        ck_assert_int_eq(run(), SESSION_END);
        session_close(&session);
        ck_assert_uint_eq(fake_living(&monitor, DOMAIN, 0), room == reply);
    }
}
END_TEST

START_TEST(hello_first)
{
    for (uint16_t type = CLOISTER_MSG_STATUS; type <= CLOISTER_MSG_COLLECT; type++) {
        begin();
        make_add(buffer, 1, "z");
        struct cloister_message head = {CLOISTER_MESSAGE_MAGIC, type, 0, 1,
                                        type == CLOISTER_MSG_STATUS     ? 128
                                        : type == CLOISTER_MSG_CREATE   ? 1024
                                        : type == CLOISTER_MSG_ADD      ? 24
                                        : type == CLOISTER_MSG_SHARE    ? 20
                                        : type == CLOISTER_MSG_QUOTA    ? 0
                                        : type == CLOISTER_MSG_EVIDENCE ? 72
                                                                        : 8};
        send_bytes(&head, sizeof(head));
        ck_assert_int_eq(run(), SESSION_END);
        ck_assert_ptr_nonnull(strstr(session.fault, "HELLO"));
        session_close(&session);
    }
    for (unsigned int op = 0; op < 16; op++)
        ck_assert_uint_eq(monitor.count[op], 0);
}
END_TEST

START_TEST(hello_twice)
{
    struct cloister_msg_hello hello = {CLOISTER_PROTOCOL_VERSION, CLOISTER_ABI_VERSION, "", ""};

    greet();
    send_message(CLOISTER_MSG_HELLO, &hello, sizeof(hello));
    ck_assert_int_eq(run(), SESSION_END);
    session_close(&session);
}
END_TEST

START_TEST(hello_of_another_version)
{
    for (unsigned int i = 0; i < 2; i++) {
        struct cloister_msg_hello hello = {CLOISTER_PROTOCOL_VERSION + (i == 0),
                                           CLOISTER_ABI_VERSION + (i == 1), "", ""};

        begin();
        send_message(CLOISTER_MSG_HELLO, &hello, sizeof(hello));
        ck_assert_int_eq(run(), SESSION_END);
        struct cloister_msg_reply reply = take_reply(NULL, 0);
        ck_assert_int_eq(reply.error, -EPROTONOSUPPORT);
        uint32_t known = i ? CLOISTER_ABI_VERSION : CLOISTER_PROTOCOL_VERSION;
        ck_assert_uint_eq(reply.found, known + 1);
        ck_assert_uint_eq(reply.allowed, known);
        session_close(&session);
    }
}
END_TEST

START_TEST(text_without_end)
{
    struct cloister_msg_hello hello = {CLOISTER_PROTOCOL_VERSION, CLOISTER_ABI_VERSION, "", ""};
    struct cloister_msg_status status;

    memset(hello.agent_version, 'v', sizeof(hello.agent_version));
    memset(hello.kernel, 'k', sizeof(hello.kernel));
    memset(&status, 's', sizeof(status));
    ck_assert_int_eq(ask(CLOISTER_MSG_HELLO, &hello, sizeof(hello), NULL, 0), 0);
    ck_assert_int_eq(ask(CLOISTER_MSG_STATUS, &status, sizeof(status), NULL, 0), 0);
    ck_assert_uint_eq(strlen(session.hello.agent_version), 31);
    ck_assert_uint_eq(strlen(session.hello.kernel), 95);
    ck_assert_uint_eq(strlen(session.status.message), 95);
    session_close(&session);
}
END_TEST

/* Enclaves of others do not exist, whatever is asked of them. */
START_TEST(enclaves_of_others)
{
    uint32_t theirs = fake_create(&monitor, DOMAIN + 1, CLOISTER_ENCLAVE_BUILDING);
    uint32_t ready = fake_create(&monitor, DOMAIN + 1, CLOISTER_ENCLAVE_READY);

    greet();
    for (uint32_t id = 0; id < 5; id++) {
        ck_assert_int_eq(ask_enclave(CLOISTER_MSG_INIT, id), -ENOENT);
        ck_assert_int_eq(ask_enclave(CLOISTER_MSG_DESTROY, id), -ENOENT);
        ck_assert_int_eq(add(id, "1z"), -ENOENT);
        ck_assert_int_eq(share(id, 1), -ENOENT);
    }
    ck_assert_int_eq(ask_enclave(CLOISTER_MSG_DESTROY, UINT32_MAX), -ENOENT);
    struct cloister_msg_enclave first = {0};
    ck_assert_int_eq(ask(CLOISTER_MSG_LIST, &first, sizeof(first), NULL, 0), 0);
    session_close(&session);
    ck_assert_uint_eq(fake_enclave(&monitor, theirs)->pages, 0);
    ck_assert_ptr_nonnull(fake_enclave(&monitor, ready));
    ck_assert_uint_eq(monitor.count[CLOISTER_OP_DESTROY], 0);
}
END_TEST

START_TEST(lists_only_own_in_pages)
{
    struct cloister_enclave_info found[SESSION_LIST];
    struct cloister_msg_enclave first = {0};
    unsigned int total = 0;

    for (unsigned int i = 0; i < 300; i++)
        fake_create(&monitor, i % 7 ? DOMAIN + 1 : DOMAIN, CLOISTER_ENCLAVE_READY);
    greet();
    for (;;) {
        unsigned int left = 43 - total;
        unsigned int expected = left > SESSION_LIST ? SESSION_LIST : left;

        ck_assert_int_eq(
            ask(CLOISTER_MSG_LIST, &first, sizeof(first), found, expected * sizeof(found[0])), 0);
        for (unsigned int i = 0; i < expected; i++)
            ck_assert_uint_eq(found[i].domain, DOMAIN);
        total += expected;
        if (expected < SESSION_LIST)
            break;
        first.enclave = found[SESSION_LIST - 1].enclave + 1;
    }
    ck_assert_uint_eq(total, 43);
    session_close(&session);
}
END_TEST

START_TEST(reserved_fields)
{
    struct cloister_msg_enclave body = {.enclave = 1, .reserved = 1};
    struct cloister_msg_add add_body = {.enclave = 1, .count = 1, .reserved = 7};
    struct cloister_msg_share share_body = {.enclave = 1, .count = 1, .reserved = 7};

    greet();
    ck_assert_int_eq(ask(CLOISTER_MSG_INIT, &body, sizeof(body), NULL, 0), -EINVAL);
    ck_assert_int_eq(ask(CLOISTER_MSG_DESTROY, &body, sizeof(body), NULL, 0), -EINVAL);
    ck_assert_int_eq(ask(CLOISTER_MSG_LIST, &body, sizeof(body), NULL, 0), -EINVAL);
    size_t size = make_add(buffer, 1, "z");
    memcpy(buffer, &add_body, sizeof(add_body));
    ck_assert_int_eq(ask(CLOISTER_MSG_ADD, buffer, size, NULL, 0), -EINVAL);
    memcpy(buffer, &share_body, sizeof(share_body));
    ck_assert_int_eq(ask(CLOISTER_MSG_SHARE, buffer, sizeof(share_body) + 4, NULL, 0), -EINVAL);
    session_close(&session);
}
END_TEST

/* Each hypercall fails once, in each position: the agent is told; nothing is left behind. */
START_TEST(monitor_refuses)
{
    static const int ops[] = {CLOISTER_OP_CREATE, CLOISTER_OP_ADD_PAGES, CLOISTER_OP_SHARE,
                              CLOISTER_OP_INIT};
    struct cloister_image_header header = {.name = "test"};
    struct cloister_msg_enclave enclave;

    for (unsigned int i = 0; i < 4; i++) {
        for (int after = 0; after < (i == 1 ? 4 : 1); after++) {
            fake_monitor_clear(&monitor);
            begin();
            greet();
            monitor.fail_op = ops[i];
            monitor.fail_after = after;
            monitor.fail_error = -EDQUOT;
            monitor.fail_reason = CLOISTER_REASON_QUOTA;
            if (i == 0) {
                send_message(CLOISTER_MSG_CREATE, &header, sizeof(header));
                ck_assert_int_eq(run(), SESSION_IDLE);
                struct cloister_msg_reply reply = take_reply(&enclave, 0);
                ck_assert_int_eq(reply.error, -EDQUOT);
                ck_assert_uint_eq(reply.reason, CLOISTER_REASON_QUOTA);
                ck_assert_uint_eq(reply.found, 1);
                ck_assert_uint_eq(reply.allowed, 2);
            } else {
                uint32_t id = create();

                ck_assert_int_eq(add(id, "1z2z"), i == 1 ? -EDQUOT : 0);
                ck_assert_int_eq(share(id, 1), i == 2 ? -EDQUOT : 0);
                if (i == 3)
                    ck_assert_int_eq(ask_enclave(CLOISTER_MSG_INIT, id), -EDQUOT);
            }
            session_close(&session);
            ck_assert_uint_eq(fake_living(&monitor, DOMAIN, 0), 0);
        }
    }
}
END_TEST

START_TEST(admission_refuses)
{
    struct cloister_image_header header = {.launch.flags = CLOISTER_IMAGE_DEBUG, .name = "dbg\n"};
    char why[128], text[NOTE_TEXT];
    const char *kind;
    size_t size;

    greet();
    send_message(CLOISTER_MSG_CREATE, &header, sizeof(header));
    ck_assert_int_eq(run(), SESSION_IDLE);
    struct cloister_msg_reply reply = take_reply(NULL, 0);
    ck_assert_int_eq(reply.error, -EACCES);
    ck_assert_uint_eq(reply.reason, CLOISTER_REASON_ADMISSION_DEBUG);
    ck_assert(notes_peek(0, &kind, text, &size));
    ck_assert_str_eq(kind, "admission");
    ck_assert_int_eq(admission_parse(&admission, "default deny", 12, why, sizeof(why)), 0);
    send_message(CLOISTER_MSG_CREATE, &header, sizeof(header));
    ck_assert_int_eq(run(), SESSION_IDLE);
    ck_assert_uint_eq(take_reply(NULL, 0).reason, CLOISTER_REASON_ADMISSION);
    ck_assert_uint_eq(monitor.count[CLOISTER_OP_CREATE], 0);
    ck_assert_int_eq(admission_parse(&admission, "allow debug yes", 15, why, sizeof(why)), 0);
    struct cloister_msg_enclave enclave;
    ck_assert_int_eq(ask(CLOISTER_MSG_CREATE, &header, sizeof(header), &enclave, sizeof(enclave)),
                     0);
    session_close(&session);
    admission_free(&admission);
}
END_TEST

START_TEST(too_many_half_built)
{
    struct cloister_image_header header = {.name = "test"};
    unsigned int made = 0;

    greet();
    for (; made < SESSION_MAX_BUILDING; made++) {
        create();
        now += 100;
    }
    send_message(CLOISTER_MSG_CREATE, &header, sizeof(header));
    ck_assert_int_eq(run(), SESSION_IDLE);
    ck_assert_uint_eq(take_reply(NULL, 0).reason, CLOISTER_REASON_TOO_MANY_ENCLAVES);
    session_close(&session);
    ck_assert_uint_eq(fake_living(&monitor, DOMAIN, 0), 0);
}
END_TEST

START_TEST(flood_is_limited)
{
    struct cloister_msg_enclave body = {.enclave = 77};

    greet();
    for (unsigned int i = 0; i < 5000; i++)
        send_message(CLOISTER_MSG_DESTROY, &body, sizeof(body));
    ck_assert_int_eq(run(), SESSION_IDLE);
    ck_assert_uint_eq(session.requests, SESSION_BURST);
    ck_assert_int_eq(run(), SESSION_IDLE);
    ck_assert_uint_eq(session.requests, SESSION_BURST);
    now += 1000;
    ck_assert_int_eq(run(), SESSION_IDLE);
    ck_assert_uint_eq(session.requests, SESSION_BURST + SESSION_RATE);
    /* It is not blamed for the time that we made it wait. */
    now += 10 * SESSION_PATIENCE;
    ck_assert_int_eq(run(), SESSION_IDLE);
    session_close(&session);
}
END_TEST

START_TEST(loading_is_not_limited)
{
    greet();
    uint32_t id = create();
    for (unsigned int i = 0; i < 3 * SESSION_BURST; i++)
        ck_assert_int_eq(add(id, "z"), 0);
    session_close(&session);
}
END_TEST

/* A reply that nobody reads, a message that never ends, no greeting at all. */
START_TEST(patience_ends)
{
    struct cloister_msg_enclave body = {.enclave = 1};

    greet();
    create();
    wire.room = 10;
    send_message(CLOISTER_MSG_LIST, &body, sizeof(body));
    send_message(CLOISTER_MSG_LIST, &body, sizeof(body));
    ck_assert_int_eq(run(), SESSION_IDLE);
    ck_assert_uint_eq(session.requests, 3); /* the next is not read before this reply is out */
    now += SESSION_PATIENCE;
    ck_assert_int_eq(run(), SESSION_IDLE);
    now += 1;
    ck_assert_int_eq(run(), SESSION_END);
    session_close(&session);
    ck_assert_uint_eq(fake_living(&monitor, DOMAIN, 0), 0);

    begin();
    greet();
    send_message(CLOISTER_MSG_LIST, &body, sizeof(body));
    wire.sent_size--;
    ck_assert_int_eq(run(), SESSION_IDLE);
    now += SESSION_PATIENCE + 1;
    ck_assert_int_eq(run(), SESSION_END);
    session_close(&session);

    begin();
    now += SESSION_GREETING;
    ck_assert_int_eq(run(), SESSION_IDLE);
    now += 1;
    ck_assert_int_eq(run(), SESSION_END);
    session_close(&session);

    begin();
    greet();
    now += 1000 * SESSION_PATIENCE; /* silence between messages is no fault */
    ck_assert_int_eq(run(), SESSION_IDLE);
    session_close(&session);
}
END_TEST

static struct {
    struct cloister_msg_evidence head;
    struct cloister_report reports[2];
} wanted;

static int ask_evidence(uint32_t *ticket)
{
    struct cloister_msg_ticket answer = {0};

    send_message(CLOISTER_MSG_EVIDENCE, &wanted,
                 sizeof(wanted.head) + wanted.head.report_count * sizeof(wanted.reports[0]));
    ck_assert_int_eq(run(), SESSION_IDLE);
    bool good = wire.got_size == sizeof(struct cloister_message) +
                                     sizeof(struct cloister_msg_reply) + sizeof(answer);
    int error = take_reply(&answer, good ? sizeof(answer) : 0).error;
    *ticket = answer.ticket;
    return error;
}

/* A piece of at most the largest size; its bytes in buffer. */
static struct cloister_msg_reply collect(uint32_t ticket, uint32_t offset, size_t *size,
                                         struct cloister_msg_piece *piece)
{
    const size_t heads = sizeof(struct cloister_message) + sizeof(struct cloister_msg_reply);
    const struct cloister_msg_collect body = {ticket, offset};

    send_message(CLOISTER_MSG_COLLECT, &body, sizeof(body));
    ck_assert_int_eq(run(), SESSION_IDLE);
    size_t got = wire.got_size - heads;
    struct cloister_msg_reply reply = take_reply(buffer, got);
    *size = got ? got - sizeof(*piece) : 0;
    if (got)
        memcpy(piece, buffer, sizeof(*piece));
    return reply;
}

static void make_evidence(size_t size)
{
    json_object *answer = json_object_new_object();
    uint8_t *data = malloc(size);

    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    json_object_object_add(answer, "ok", json_object_new_boolean(true));
    json_object_object_add(answer, "evidence", json_bytes_new(data, size));
    free(data);
    maker.done(maker.context, answer);
}

static void fail_evidence(const char *error)
{
    json_object *answer = json_object_new_object();

    json_object_object_add(answer, "ok", json_object_new_boolean(false));
    json_object_object_add(answer, "error", json_object_new_string(error));
    maker.done(maker.context, answer);
}

static void evidence_setup(void)
{
    setup();
    greet();
    memset(&wanted, 0, sizeof(wanted));
    wanted.head.nonce_size = 32;
    memset(wanted.head.nonce, 0xab, 32);
    wanted.head.report_count = 2;
    memset(wanted.reports, 0x5a, sizeof(wanted.reports));
    wanted.reports[0].magic = wanted.reports[1].magic = CLOISTER_REPORT_MAGIC;
}

static void evidence_teardown(void)
{
    session_close(&session);
    json_object_put(maker.request);
    maker.request = NULL;
}

static const size_t evidence_sizes[] = {1, 4031, 4032, 4033, 8064, 20000, 262144};

START_TEST(evidence_is_collected)
{
    const size_t size = evidence_sizes[_i];
    struct cloister_msg_piece piece;
    uint32_t ticket, offset = 0;
    json_object *member;
    size_t got;

    ck_assert_int_eq(ask_evidence(&ticket), 0);
    ck_assert(json_object_object_get_ex(maker.request, "nonce", &member));
    ck_assert_str_eq(json_object_get_string(member),
                     "abababababababababababababababababababababababababababababababab");
    ck_assert(json_object_object_get_ex(maker.request, "reports", &member));
    ck_assert_uint_eq(json_object_array_length(member), 2);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(collect(ticket, 0, &got, &piece).error, -EAGAIN);
    make_evidence(size);
    while (offset < size) {
        now += 20;
        ck_assert_int_eq(collect(ticket, offset, &got, &piece).error, 0);
        ck_assert_uint_eq(piece.size, size);
        ck_assert_uint_ge(got, 1);
        for (size_t i = 0; i < got; i++)
            ck_assert_uint_eq(buffer[sizeof(piece) + i], (uint8_t)((offset + i) * 31 >> 3));
        offset += (uint32_t)got;
    }
    ck_assert_uint_eq(offset, size);
    struct cloister_msg_reply past = collect(ticket, offset, &got, &piece);
    ck_assert_int_eq(past.error, -ERANGE);
    ck_assert_uint_eq(past.allowed, size);
    ck_assert_int_eq(collect(ticket, UINT32_MAX, &got, &piece).error, -ERANGE);
    ck_assert_int_eq(collect(ticket, 0, &got, &piece).error, 0); /* it is still there */
}
END_TEST

START_TEST(one_evidence_at_a_time)
{
    struct cloister_msg_piece piece;
    uint32_t first, second;
    size_t got;

    ck_assert_int_eq(ask_evidence(&first), 0);
    ck_assert_int_eq(ask_evidence(&second), -EBUSY);
    make_evidence(5000);
    ck_assert_int_eq(ask_evidence(&second), -EBUSY); /* somebody collects it */
    ck_assert_int_eq(collect(first, 0, &got, &piece).error, 0);
    now += 1000 * CLOISTER_EVIDENCE_KEPT - 1;
    ck_assert_int_eq(ask_evidence(&second), -EBUSY);
    now += 1;
    ck_assert_int_eq(ask_evidence(&second), 0); /* nobody does any more */
    ck_assert_int_eq(collect(first, 0, &got, &piece).error, -ESTALE);
    ck_assert_int_eq(collect(0, 0, &got, &piece).error, -ESTALE);
    ck_assert_int_eq(collect(second + 1, 0, &got, &piece).error, -ESTALE);
    make_evidence(100);
    ck_assert_int_eq(collect(second, 0, &got, &piece).error, 0);
    ck_assert_int_eq(ask_evidence(&first), 0); /* it was collected whole */
    ck_assert_uint_eq(maker.asked, 3);
}
END_TEST

static const struct {
    const char *name;
    int error;
} evidence_errors[] = {{"ETIMEDOUT", -ETIMEDOUT}, {"ENODEV", -ENODEV}, {"EINVAL", -EINVAL},
                       {"EAGAIN", -EIO},          {"EEXIST", -EIO},    {"nonsense", -EIO}};

START_TEST(evidence_that_cannot_be_made)
{
    struct cloister_msg_piece piece;
    uint32_t ticket;
    size_t got;

    ck_assert_int_eq(ask_evidence(&ticket), 0);
    fail_evidence(evidence_errors[_i].name);
    ck_assert_int_eq(collect(ticket, 0, &got, &piece).error, evidence_errors[_i].error);
    ck_assert_int_eq(ask_evidence(&ticket), 0);
    make_evidence(10);
    ck_assert_int_eq(collect(ticket, 0, &got, &piece).error, 0);
    /* at once */
    maker.refusal = json_object_new_object();
    json_object_object_add(maker.refusal, "error",
                           json_object_new_string(evidence_errors[_i].name));
    ck_assert_int_eq(ask_evidence(&ticket), evidence_errors[_i].error);
    json_object_put(maker.refusal);
    maker.refusal = NULL;
}
END_TEST

START_TEST(evidence_that_makes_no_sense)
{
    static const char *const answers[] = {"{}", "{\"ok\":true}", "{\"ok\":true,\"evidence\":7}",
                                          "{\"ok\":true,\"evidence\":\"\"}",
                                          "{\"ok\":true,\"evidence\":\"a\"}"};
    struct cloister_msg_piece piece;
    uint32_t ticket;
    size_t got;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        ck_assert_int_eq(ask_evidence(&ticket), 0);
        maker.done(maker.context, json_tokener_parse(answers[i]));
        ck_assert_int_eq(collect(ticket, 0, &got, &piece).error, -EIO);
    }
    ck_assert_int_eq(ask_evidence(&ticket), 0);
    make_evidence(262145); /* larger than evidence can be */
    ck_assert_int_eq(collect(ticket, 0, &got, &piece).error, -EIO);
}
END_TEST

START_TEST(no_evidence)
{
    uint32_t ticket;

    wanted.head.nonce[40] = 1; /* behind the nonce */
    ck_assert_int_eq(ask_evidence(&ticket), -EINVAL);
    wanted.head.nonce[40] = 0;
    wanted.reports[1].magic ^= 1;
    ck_assert_int_eq(ask_evidence(&ticket), -EINVAL);
    wanted.reports[1].magic ^= 1;
    host.attest = NULL;
    ck_assert_int_eq(ask_evidence(&ticket), -EOPNOTSUPP);
    host.attest = attest;
    ck_assert_uint_eq(maker.asked, 0);
}
END_TEST

/* The agent goes while its evidence is made: nobody is told. */
START_TEST(agent_goes_before_its_evidence)
{
    uint32_t ticket;

    ck_assert_int_eq(ask_evidence(&ticket), 0);
    ck_assert_ptr_eq(maker.context, &session);
    wire.gone = true;
    ck_assert_int_eq(run(), SESSION_END);
    session_close(&session);
    ck_assert_ptr_null(maker.context);
}
END_TEST

/* Noise instead of messages: the session ends, or waits for more; never anything is left. */
START_TEST(noise)
{
    unsigned long long state = 9;

    for (unsigned int round = 0; round < 3000; round++) {
        fake_monitor_clear(&monitor);
        begin();
        greet();
        create();
        size_t size = make_add(buffer, 1, "1z");
        send_message(CLOISTER_MSG_ADD, buffer, size);
        struct cloister_msg_enclave body = {.enclave = 1};
        send_message(CLOISTER_MSG_INIT, &body, sizeof(body));
        for (unsigned int i = 0; i < 3; i++)
            wire.sent[wire.taken + next_random(&state) % (wire.sent_size - wire.taken)] ^=
                (uint8_t)(1u << next_random(&state) % 8);
        (void)run();
        uint32_t ready = fake_living(&monitor, DOMAIN, CLOISTER_ENCLAVE_READY);
        session_close(&session);
        ck_assert_uint_eq(fake_living(&monitor, DOMAIN, 0), ready);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *tests = tcase_create("agents");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, whole_life);
    tcase_add_loop_test(tests, in_small_pieces, 0, 40);
    tcase_add_test(tests, agent_goes_at_every_byte);
    tcase_add_test(tests, agent_goes_before_the_handle);
    tcase_add_test(tests, hello_first);
    tcase_add_test(tests, hello_twice);
    tcase_add_test(tests, hello_of_another_version);
    tcase_add_test(tests, text_without_end);
    tcase_add_test(tests, enclaves_of_others);
    tcase_add_test(tests, lists_only_own_in_pages);
    tcase_add_test(tests, reserved_fields);
    tcase_add_test(tests, monitor_refuses);
    tcase_add_test(tests, admission_refuses);
    tcase_add_test(tests, too_many_half_built);
    tcase_add_test(tests, flood_is_limited);
    tcase_add_test(tests, loading_is_not_limited);
    tcase_add_test(tests, patience_ends);
    tcase_add_test(tests, noise);
    TCase *evidence = tcase_create("evidence");
    tcase_set_timeout(evidence, 120);
    tcase_add_checked_fixture(evidence, evidence_setup, evidence_teardown);
    tcase_add_loop_test(evidence, evidence_is_collected, 0,
                        sizeof(evidence_sizes) / sizeof(evidence_sizes[0]));
    tcase_add_test(evidence, one_evidence_at_a_time);
    tcase_add_loop_test(evidence, evidence_that_cannot_be_made, 0,
                        sizeof(evidence_errors) / sizeof(evidence_errors[0]));
    tcase_add_test(evidence, evidence_that_makes_no_sense);
    tcase_add_test(evidence, no_evidence);
    tcase_add_test(evidence, agent_goes_before_its_evidence);
    suite_add_tcase(suite, evidence);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
