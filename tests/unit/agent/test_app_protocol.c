/* SPDX-License-Identifier: MIT */
/* Messages between applications and the agent: what is refused, and why. */
#include "suite.h"

#include <errno.h>
#include <string.h>

#include "libcloister/app_protocol.h"

static uint8_t packet[APP_MAX_PACKET + 64];

static size_t message(uint16_t type, const void *body, size_t size)
{
    struct app_message head = {.magic = APP_MAGIC,
                               .version = APP_VERSION,
                               .type = type,
                               .number = 77,
                               .size = (uint32_t)size};

    memcpy(packet, &head, sizeof(head));
    if (size)
        memcpy(packet + sizeof(head), body, size);
    return sizeof(head) + size;
}

static void set_head(size_t offset, uint32_t value, size_t size)
{
    memcpy(packet + offset, &value, size);
}

static const struct app_load load;
static const struct app_unload unload = {.enclave = 3, .handle = {1, 2}};
static const struct app_list list = {.start = 5};
static struct {
    struct cloister_msg_evidence head;
    struct cloister_report reports[16];
} evidence = {.head.nonce_size = 32};

START_TEST(accepts_each_request)
{
    struct app_request request;

    ck_assert_int_eq(app_decode(packet, message(APP_LOAD, &load, sizeof(load)), 1, &request), 0);
    ck_assert_uint_eq(request.type, APP_LOAD);
    ck_assert_uint_eq(request.number, 77);
    ck_assert_int_eq(app_decode(packet, message(APP_UNLOAD, &unload, sizeof(unload)), 0, &request),
                     0);
    ck_assert_uint_eq(request.unload.enclave, 3);
    ck_assert_uint_eq(request.unload.handle[1], 2);
    ck_assert_int_eq(app_decode(packet, message(APP_STATUS, NULL, 0), 0, &request), 0);
    ck_assert_int_eq(app_decode(packet, message(APP_LIST, &list, sizeof(list)), 0, &request), 0);
    ck_assert_uint_eq(request.list.start, 5);
}
END_TEST

START_TEST(checks_requests_for_evidence)
{
    const struct cloister_msg_collect collect = {.ticket = 1};
    struct app_request request;

    for (uint32_t count = 0; count <= 16; count++) {
        size_t size = sizeof(evidence.head) + count * sizeof(evidence.reports[0]);

        for (uint32_t said = 0; said <= 17; said++) {
            evidence.head.report_count = said;
            if (size + sizeof(struct app_message) > sizeof(packet))
                continue;
            int error = app_decode(packet, message(APP_EVIDENCE, &evidence, size), 0, &request);
            ck_assert_int_eq(error, said > 15 ? -EINVAL : said == count ? 0 : -EMSGSIZE);
            if (!error)
                ck_assert_uint_eq(request.size, size);
        }
    }
    evidence.head.report_count = 0;
    for (uint32_t nonce = 0; nonce < 70; nonce++) {
        evidence.head.nonce_size = nonce;
        ck_assert_int_eq(app_decode(packet, message(APP_EVIDENCE, &evidence, sizeof(evidence.head)),
                                    0, &request),
                         nonce >= 16 && nonce <= 64 ? 0 : -EINVAL);
    }
    evidence.head.nonce_size = 32;
    ck_assert_int_eq(app_decode(packet, message(APP_EVIDENCE, &evidence, sizeof(evidence.head) - 1),
                                0, &request),
                     -EMSGSIZE);
    ck_assert_int_eq(
        app_decode(packet, message(APP_EVIDENCE, &evidence, sizeof(evidence.head)), 1, &request),
        -EINVAL);
    ck_assert_int_eq(app_decode(packet, message(APP_COLLECT, &collect, 8), 0, &request), 0);
    ck_assert_int_eq(app_decode(packet, message(APP_COLLECT, &collect, 7), 0, &request), -EMSGSIZE);
    ck_assert_int_eq(app_decode(packet, message(APP_COLLECT, &collect, 8), 1, &request), -EINVAL);
}
END_TEST

START_TEST(refuses_every_shorter_packet)
{
    struct app_request request;
    size_t size = message(APP_UNLOAD, &unload, sizeof(unload));

    for (size_t cut = 0; cut < size; cut++) {
        /* A copy of exactly that size, so that the sanitizer sees a read beyond it. */
        uint8_t *exact = malloc(cut + 1);

        memcpy(exact + 1, packet, cut);
        ck_assert_int_eq(app_decode(exact + 1, cut, 0, &request),
                         cut < sizeof(struct app_message) ? -EBADMSG : -EMSGSIZE);
        free(exact);
    }
}
END_TEST

START_TEST(refuses_longer_packets)
{
    struct app_request request;
    size_t size = message(APP_UNLOAD, &unload, sizeof(unload));

    ck_assert_int_eq(app_decode(packet, size + 1, 0, &request), -EMSGSIZE);
    ck_assert_int_eq(app_decode(packet, APP_MAX_PACKET, 0, &request), -EMSGSIZE);
    /* And when the head agrees with the length but not with the type. */
    set_head(offsetof(struct app_message, size), sizeof(unload) + 8, 4);
    ck_assert_int_eq(app_decode(packet, size + 8, 0, &request), -EMSGSIZE);
    message(APP_STATUS, &unload, 8);
    ck_assert_int_eq(app_decode(packet, sizeof(struct app_message) + 8, 0, &request), -EMSGSIZE);
    /* A size that would wrap around. */
    message(APP_STATUS, NULL, 0);
    set_head(offsetof(struct app_message, size), UINT32_MAX, 4);
    ck_assert_int_eq(app_decode(packet, sizeof(struct app_message), 0, &request), -EMSGSIZE);
}
END_TEST

START_TEST(refuses_magic_version_type)
{
    struct app_request request;
    size_t size = message(APP_STATUS, NULL, 0);

    set_head(offsetof(struct app_message, magic), APP_MAGIC ^ 1, 4);
    REQUIRE(app_decode(packet, size, 0, &request) == -EBADMSG);
    REQUIRE(request.number == 0);
    message(APP_STATUS, NULL, 0);
    set_head(offsetof(struct app_message, version), APP_VERSION + 1, 2);
    REQUIRE(app_decode(packet, size, 0, &request) == -EPROTONOSUPPORT);
    REQUIRE(request.number == 77);
    for (uint32_t type = 0; type < 65536; type++) {
        if (type >= APP_LOAD && type <= APP_COLLECT)
            continue;
        message((uint16_t)type, NULL, 0);
        REQUIRE(app_decode(packet, size, 0, &request) == -ENOSYS);
    }
}
END_TEST

START_TEST(refuses_reserved_fields)
{
    struct app_request request;
    struct app_load bad_load = {.flags = 1};
    struct app_unload bad_unload = {.enclave = 3, .reserved = 1};
    struct app_list bad_list = {.reserved = 1};

    ck_assert_int_eq(
        app_decode(packet, message(APP_LOAD, &bad_load, sizeof(bad_load)), 1, &request), -EINVAL);
    bad_load = (struct app_load){.reserved = 1};
    ck_assert_int_eq(
        app_decode(packet, message(APP_LOAD, &bad_load, sizeof(bad_load)), 1, &request), -EINVAL);
    ck_assert_int_eq(
        app_decode(packet, message(APP_UNLOAD, &bad_unload, sizeof(bad_unload)), 0, &request),
        -EINVAL);
    bad_unload = (struct app_unload){.enclave = 0};
    ck_assert_int_eq(
        app_decode(packet, message(APP_UNLOAD, &bad_unload, sizeof(bad_unload)), 0, &request),
        -EINVAL);
    ck_assert_int_eq(
        app_decode(packet, message(APP_LIST, &bad_list, sizeof(bad_list)), 0, &request), -EINVAL);
}
END_TEST

START_TEST(refuses_wrong_descriptor_counts)
{
    struct app_request request;

    for (unsigned int count = 0; count < 10; count++) {
        ck_assert_int_eq(
            app_decode(packet, message(APP_LOAD, &load, sizeof(load)), count, &request),
            count == 1 ? 0 : -EINVAL);
        ck_assert_int_eq(app_decode(packet, message(APP_STATUS, NULL, 0), count, &request),
                         count == 0 ? 0 : -EINVAL);
    }
}
END_TEST

/* Changes some bytes, the length and the number of descriptors of a right packet. */
static size_t mutate(uint64_t *seed, size_t size)
{
    unsigned int changes = 1 + (unsigned int)(suite_random(seed) % 4);

    while (changes--)
        packet[suite_random(seed) % size] ^= (uint8_t)(1u << (suite_random(seed) % 8));
    if (suite_random(seed) % 4 == 0)
        size = suite_random(seed) % (size + 16);
    return size;
}

START_TEST(survives_random_requests)
{
    uint64_t seed = 1;
    unsigned int accepted = 0;

    for (unsigned int round = 0; round < 100000; round++) {
        struct app_request request;
        unsigned int descriptors = (unsigned int)(suite_random(&seed) % 3);
        size_t size;
        uint8_t *exact;
        int error;

        memset(packet, 0, 256);
        switch (suite_random(&seed) % 5) {
        case 0:
            size = message(APP_LOAD, &load, sizeof(load));
            break;
        case 1:
            size = message(APP_UNLOAD, &unload, sizeof(unload));
            break;
        case 2:
            size = message(APP_LIST, &list, sizeof(list));
            break;
        case 3:
            size = message(APP_EVIDENCE, &evidence, sizeof(evidence.head));
            break;
        default:
            size = message(APP_STATUS, NULL, 0);
            break;
        }
        size = mutate(&seed, size);
        exact = malloc(size + 1);
        memcpy(exact, packet, size);
        error = app_decode(exact, size, descriptors, &request);
        free(exact);
        REQUIRE(error <= 0);
        if (error)
            continue;
        /* Whatever gets through is in range. */
        accepted++;
        REQUIRE(request.type >= APP_LOAD);
        REQUIRE(request.type <= APP_COLLECT);
        if (request.type == APP_EVIDENCE)
            REQUIRE(request.size >= sizeof(struct cloister_msg_evidence));
        REQUIRE(descriptors == (request.type == APP_LOAD));
        if (request.type == APP_UNLOAD)
            REQUIRE(request.unload.enclave && !request.unload.reserved);
    }
    REQUIRE(accepted > 0);
}
END_TEST

static size_t reply(int32_t error, size_t body)
{
    static struct {
        struct app_reply reply;
        uint8_t body[APP_MAX_PACKET];
    } answer;

    memset(&answer, 0, sizeof(answer));
    answer.reply.error = error;
    memset(answer.reply.text, 'x', sizeof(answer.reply.text)); /* not terminated */
    return message(APP_REPLY, &answer, sizeof(answer.reply) + body);
}

static int decode_reply(size_t size, uint16_t type, unsigned int descriptors)
{
    struct app_reply answer;
    const void *body;
    size_t body_size;
    uint8_t *exact = malloc(size + 1);
    int error;

    memcpy(exact, packet, size);
    error = app_decode_reply(exact, size, type, 77, descriptors, &answer, &body, &body_size);
    if (!error)
        ck_assert_uint_lt(strlen(answer.text), sizeof(answer.text));
    free(exact);
    return error;
}

START_TEST(checks_replies)
{
    size_t size = reply(0, sizeof(struct app_loaded));

    ck_assert_int_eq(decode_reply(size, APP_LOAD, 1), 0);
    ck_assert_int_eq(decode_reply(size, APP_LOAD, 0), -EINVAL);
    ck_assert_int_eq(decode_reply(size, APP_LOAD, 2), -EINVAL);
    ck_assert_int_eq(decode_reply(size, APP_UNLOAD, 0), -EMSGSIZE);
    for (size_t cut = 0; cut < size; cut++)
        ck_assert_int_lt(decode_reply(cut, APP_LOAD, 1), 0);

    ck_assert_int_eq(decode_reply(reply(0, 0), APP_UNLOAD, 0), 0);
    ck_assert_int_eq(decode_reply(reply(-EPERM, 0), APP_LOAD, 0), 0);
    ck_assert_int_eq(decode_reply(reply(-EPERM, 8), APP_LOAD, 0), -EMSGSIZE);
    ck_assert_int_eq(decode_reply(reply(-EPERM, 0), APP_LOAD, 1), -EINVAL);
    ck_assert_int_eq(decode_reply(reply(1, 0), APP_UNLOAD, 0), -EINVAL);
    ck_assert_int_eq(decode_reply(reply(-4096, 0), APP_UNLOAD, 0), -EINVAL);
    ck_assert_int_eq(decode_reply(reply(INT32_MIN, 0), APP_UNLOAD, 0), -EINVAL);

    ck_assert_int_eq(decode_reply(reply(0, 8), APP_EVIDENCE, 0), 0);
    ck_assert_int_eq(decode_reply(reply(0, 7), APP_EVIDENCE, 0), -EMSGSIZE);
    ck_assert_int_eq(decode_reply(reply(0, 8), APP_COLLECT, 0), -EMSGSIZE);
    ck_assert_int_eq(decode_reply(reply(0, 9), APP_COLLECT, 0), 0);
    ck_assert_int_eq(decode_reply(reply(0, 8 + 4032), APP_COLLECT, 0), 0);
    ck_assert_int_eq(decode_reply(reply(0, 8 + 4033), APP_COLLECT, 0), -EMSGSIZE);
    size = reply(0, APP_MAX_LIST * sizeof(struct cloister_enclave_info));
    ck_assert_int_eq(decode_reply(size, APP_LIST, 0), 0);
    ck_assert_int_eq(decode_reply(reply(0, 0), APP_LIST, 0), 0);
    ck_assert_int_eq(decode_reply(reply(0, 100), APP_LIST, 0), -EMSGSIZE);
    size = reply(0, (APP_MAX_LIST + 1) * sizeof(struct cloister_enclave_info));
    ck_assert_int_eq(decode_reply(size, APP_LIST, 0), -EMSGSIZE);
}
END_TEST

START_TEST(refuses_strange_replies)
{
    struct app_reply answer;
    const void *body;
    size_t size = reply(0, 0), body_size;

    ck_assert_int_eq(app_decode_reply(packet, size, APP_UNLOAD, 78, 0, &answer, &body, &body_size),
                     -EPROTO);
    message(APP_UNLOAD, &unload, sizeof(unload));
    ck_assert_int_eq(decode_reply(sizeof(struct app_message) + sizeof(unload), APP_UNLOAD, 0),
                     -EPROTO);
    size = message(APP_REPLY, &answer, sizeof(answer) - 1);
    ck_assert_int_eq(decode_reply(size, APP_UNLOAD, 0), -EMSGSIZE);
}
END_TEST

START_TEST(cuts_long_texts)
{
    struct app_reply refusal;
    char text[1000];

    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    app_refuse(&refusal, -EPERM, APP_ORIGIN_AGENT, "%s", text);
    ck_assert_uint_eq(strlen(refusal.text), sizeof(refusal.text) - 1);
    ck_assert_int_eq(refusal.error, -EPERM);
}
END_TEST

SUITE_MAIN("app protocol", accepts_each_request, checks_requests_for_evidence,
           refuses_every_shorter_packet, refuses_longer_packets, refuses_magic_version_type,
           refuses_reserved_fields, refuses_wrong_descriptor_counts, survives_random_requests,
           checks_replies, refuses_strange_replies, cuts_long_texts)
