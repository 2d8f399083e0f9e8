/* SPDX-License-Identifier: MIT */
/* What an agent may send, and all that it may not. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agents/message.h"
#include "../../suite.h"

#define RECORD sizeof(struct cloister_page_record)

static struct cloister_message head;
static uint8_t *body;

static void make(uint16_t type, uint32_t size)
{
    free(body);
    body = calloc(1, size ? size : 1);
    head = (struct cloister_message){
        .magic = CLOISTER_MESSAGE_MAGIC, .type = type, .number = 1, .size = size};
}

static void teardown(void)
{
    free(body);
    body = NULL;
}

static struct cloister_msg_add *make_add(uint32_t count, uint32_t content)
{
    make(CLOISTER_MSG_ADD, (uint32_t)(sizeof(struct cloister_msg_add) + count * RECORD +
                                      content * CLOISTER_PAGE_SIZE));
    struct cloister_msg_add *add = (struct cloister_msg_add *)body;
    add->count = count;
    add->content_count = content;
    struct cloister_page_record *records = (struct cloister_page_record *)(add + 1);
    for (uint32_t i = 0; i < count; i++)
        records[i] = (struct cloister_page_record){
            i, CLOISTER_PAGE_R | (i < count - content ? CLOISTER_PAGE_ZERO : 0)};
    return add;
}

static bool good(void)
{
    return !message_check_head(&head) && !message_check_body(&head, body);
}

START_TEST(right_sizes)
{
    static const struct {
        uint16_t type;
        uint32_t size;
    } fixed[] = {
        {CLOISTER_MSG_HELLO, 136}, {CLOISTER_MSG_STATUS, 128}, {CLOISTER_MSG_CREATE, 1024},
        {CLOISTER_MSG_INIT, 8},    {CLOISTER_MSG_DESTROY, 8},  {CLOISTER_MSG_LIST, 8},
        {CLOISTER_MSG_QUOTA, 0},   {CLOISTER_MSG_COLLECT, 8},
    };

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        make(fixed[i].type, fixed[i].size);
        ck_assert(good());
        for (uint32_t size = 0; size < 2000; size++) {
            head.size = size;
            ck_assert_int_eq(message_check_head(&head) == NULL, size == fixed[i].size);
        }
    }
}
END_TEST

START_TEST(evidence)
{
    for (uint32_t count = 0; count <= 17; count++) {
        make(CLOISTER_MSG_EVIDENCE, (uint32_t)(sizeof(struct cloister_msg_evidence) +
                                               count * sizeof(struct cloister_report)));
        struct cloister_msg_evidence *wanted = (struct cloister_msg_evidence *)body;
        wanted->report_count = count;
        for (uint32_t nonce = 0; nonce < 80; nonce++) {
            wanted->nonce_size = nonce;
            ck_assert_int_eq(good(), nonce >= 16 && nonce <= 64 && count <= 15);
        }
        wanted->nonce_size = UINT32_MAX;
        ck_assert(!good());
        wanted->nonce_size = 32;
        for (uint32_t other = 0; other < 20; other++) {
            wanted->report_count = other;
            ck_assert_int_eq(good(), other == count && count <= 15);
        }
        wanted->report_count = UINT32_MAX - 7;
        ck_assert(!good());
    }
}
END_TEST

START_TEST(oversized)
{
    for (uint16_t type = 0; type < 200; type++) {
        make(type, 0);
        head.size = CLOISTER_MAX_BODY + 1;
        ck_assert_ptr_nonnull(message_check_head(&head));
        head.size = UINT32_MAX;
        ck_assert_ptr_nonnull(message_check_head(&head));
    }
}
END_TEST

START_TEST(unknown_types)
{
    for (uint32_t type = 0; type <= UINT16_MAX; type++) {
        make((uint16_t)type, 0);
        if (type == 0 || type > CLOISTER_MSG_QUOTA)
            ck_assert_ptr_nonnull(message_check_head(&head));
        ck_assert_int_eq(message_type_name((uint16_t)type) != NULL,
                         type >= 1 && type <= CLOISTER_MSG_COLLECT);
    }
}
END_TEST

START_TEST(wrong_magic_and_reserved)
{
    make(CLOISTER_MSG_QUOTA, 0);
    for (unsigned int bit = 0; bit < 32; bit++) {
        head.magic = CLOISTER_MESSAGE_MAGIC ^ 1u << bit;
        ck_assert_ptr_nonnull(message_check_head(&head));
    }
    head.magic = CLOISTER_MESSAGE_MAGIC;
    head.reserved = 1;
    ck_assert_ptr_nonnull(message_check_head(&head));
    head.reserved = 0;
    ck_assert(good());
}
END_TEST

START_TEST(add_counts)
{
    make_add(1, 1);
    ck_assert(good());
    make_add(32, 32);
    ck_assert(good());
    make_add(33, 32);
    ck_assert(good());
    make_add(33, 33); /* more contents than a message may have */
    ck_assert(!good());
    make_add(30000, 0);
    ck_assert(good());
    make_add(2, 1)->count = 1;
    ck_assert(!good());
    make_add(2, 1)->count = 3;
    ck_assert(!good());
    make_add(2, 1)->count = 0;
    ck_assert(!good());
    make_add(2, 1)->content_count = 0;
    ck_assert(!good());
    make_add(2, 1)->content_count = 2;
    ck_assert(!good());
    make_add(2, 1)->content_count = UINT32_MAX;
    ck_assert(!good());
    /* counts whose product wraps around to the right size */
    struct cloister_msg_add *add = make_add(2, 0);
    add->count = 2 + (UINT32_MAX / RECORD + 1);
    ck_assert(!good());
    add = make_add(1, 1);
    add->content_count = 1 + (1u << 20);
    ck_assert(!good());
}
END_TEST

START_TEST(add_records_lie)
{
    struct cloister_msg_add *add = make_add(5, 2);
    struct cloister_page_record *records = (struct cloister_page_record *)(add + 1);

    ck_assert(good());
    records[0].flags = CLOISTER_PAGE_R;
    ck_assert(!good());
    records[0].flags = CLOISTER_PAGE_R | CLOISTER_PAGE_ZERO;
    records[4].flags |= CLOISTER_PAGE_ZERO;
    ck_assert(!good());
}
END_TEST

START_TEST(share_counts)
{
    for (uint32_t count = 1; count <= CLOISTER_MAX_SHARED_PAGES; count += 31) {
        make(CLOISTER_MSG_SHARE, (uint32_t)sizeof(struct cloister_msg_share) + 4 * count);
        struct cloister_msg_share *share = (struct cloister_msg_share *)body;
        share->count = count;
        ck_assert(good());
        share->count = count + 1;
        ck_assert(!good());
        share->count = count - 1;
        ck_assert(!good());
        share->count = count + (1u << 30); /* times 4 wraps around */
        ck_assert(!good());
    }
    make(CLOISTER_MSG_SHARE,
         (uint32_t)sizeof(struct cloister_msg_share) + 4 * (CLOISTER_MAX_SHARED_PAGES + 1));
    ((struct cloister_msg_share *)body)->count = CLOISTER_MAX_SHARED_PAGES + 1;
    ck_assert(!good());
}
END_TEST

/*
 * Random changes to good messages. What passes the checks is then read to its last byte: the
 * sanitizers say whether a check was missing.
 */
START_TEST(mutations)
{
    unsigned long long state = 42;
    unsigned int passed = 0;
    volatile uint8_t sum = 0;

    for (unsigned int round = 0; round < 100000; round++) {
        switch (next_random(&state) % 4) {
        case 0:
            make_add((uint32_t)(next_random(&state) % 6 + 1), 1);
            break;
        case 1:
            make(CLOISTER_MSG_SHARE, 16 + 4 * 3);
            ((struct cloister_msg_share *)body)->count = 3;
            break;
        case 2:
            make(CLOISTER_MSG_CREATE, 1024);
            break;
        default:
            make((uint16_t)(next_random(&state) % 12), (uint32_t)(next_random(&state) % 200));
        }
        uint32_t held = head.size;
        for (unsigned int i = (unsigned int)(next_random(&state) % 4); i > 0; i--) {
            uint8_t *where = next_random(&state) % 3 || !held ? (uint8_t *)&head : body;
            size_t size = where == body ? held : sizeof(head);

            where[next_random(&state) % (size < 24 ? size : 24)] ^=
                (uint8_t)(1u << next_random(&state) % 8);
        }
        if (message_check_head(&head) || head.size > held || message_check_body(&head, body))
            continue;
        passed++;
        if (head.type == CLOISTER_MSG_ADD) {
            struct message_add add = message_add(body);

            for (uint32_t i = 0; i < add.count; i++)
                sum += (uint8_t)add.records[i].page;
            for (uint32_t i = 0; i < add.content_count * CLOISTER_PAGE_SIZE; i += 512)
                sum += add.content[i];
        } else if (head.type == CLOISTER_MSG_SHARE) {
            struct message_share share = message_share(body);

            for (uint32_t i = 0; i < share.count; i++)
                sum += (uint8_t)share.refs[i];
        }
    }
    ck_assert_uint_gt(passed, 5000);
    ck_assert_uint_lt(passed, 95000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message");
    TCase *tests = tcase_create("decoder");

    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, right_sizes);
    tcase_add_test(tests, evidence);
    tcase_add_test(tests, oversized);
    tcase_add_test(tests, unknown_types);
    tcase_add_test(tests, wrong_magic_and_reserved);
    tcase_add_test(tests, add_counts);
    tcase_add_test(tests, add_records_lie);
    tcase_add_test(tests, share_counts);
    tcase_add_test(tests, mutations);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
