/* SPDX-License-Identifier: MIT */
/* Heads of requests. What a client sees of them is tried by tests/attest/lib/framing.py. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/head.h"
#include "../suite.h"

#define LINE "GET /v1/x?a=b HTTP/1.1\r\n"
#define HOST "Host: x\r\n"

/* In memory of its exact size, so that a byte too many is noticed. */
static ssize_t parse(const char *text, size_t size, struct head *head, struct head_fault *fault)
{
    char *exact = malloc(size ? size : 1);
    ssize_t used;

    memcpy(exact, text, size);
    used = head_parse(exact, size, head, fault);
    free(exact);
    return used;
}

START_TEST(taken)
{
    static const char text[] =
        "PUT /a/b?c=d HTTP/1.1\r\nHost: x:1\r\nauthorization: bEARER  a.b~c+/= \r\n"
        "Content-Length: 0012\r\nPrefer: wait=5, respond-async\r\n"
        "If-Match: \"x\"\r\nExpect: 100-Continue\r\nConnection: y, close\r\n\r\nbody";
    struct head_fault fault;
    struct head head;

    ck_assert_int_eq(parse(text, sizeof(text) - 1, &head, &fault), sizeof(text) - 5);
    ck_assert_int_eq(fault.status, 0);
    ck_assert_int_eq(head.method, HEAD_PUT);
    ck_assert_str_eq(head.path, "/a/b");
    ck_assert_str_eq(head.query, "c=d");
    ck_assert_str_eq(head.token, "a.b~c+/=");
    ck_assert_str_eq(head.if_match, "\"x\"");
    ck_assert_uint_eq(head.length, 12);
    ck_assert(head.respond_async && head.continues && head.close && !head.chunked);
}
END_TEST

START_TEST(every_prefix)
{
    static const char text[] = LINE HOST "Content-Length: 5\r\nX: y\r\n\r\n";
    struct head_fault fault;
    struct head head;

    for (size_t size = 0; size < sizeof(text) - 1; size++) {
        ck_assert_int_eq(parse(text, size, &head, &fault), 0);
        ck_assert_int_eq(fault.status, 0);
    }
    ck_assert_int_eq(parse(text, sizeof(text) - 1, &head, &fault), sizeof(text) - 1);
}
END_TEST

/* No control character is taken anywhere, whatever stands around it. */
START_TEST(control_characters)
{
    static const char text[] = LINE HOST "Authorization: Bearer abc\r\nX-Y: ab cd\r\n\r\n";
    char changed[sizeof(text)];
    struct head_fault fault;
    struct head head;

    for (size_t at = 0; at < sizeof(text) - 1; at++) {
        for (unsigned int c = 0; c <= 0x20; c++) {
            char before = text[at];

            if (before == '\r' || before == '\n' || c == '\t' || c == ' ') {
                continue;
            }
            memcpy(changed, text, sizeof(text));
            changed[at] = (char)c;
            ck_assert_msg(parse(changed, sizeof(text) - 1, &head, &fault) <= 0, "%02x at %zu", c,
                          at);
        }
    }
}
END_TEST

static const struct {
    const char *text;
    int status;
    const char *reason;
} broken[] = {
    {LINE "Content-Length : 1\r\n", 400, "no token"},
    {LINE "Transfer-Encoding : chunked\r\n", 400, "no token"},
    {LINE "\r\n", 400, "no Host"},
    {LINE HOST HOST "\r\n", 400, "more than one Host"},
    {LINE "Host: a b\r\n", 400, "Host is no"},
    {LINE "Content-Length: +2\r\n", 400, "decimal"},
    {LINE "Content-Length: 0x2\r\n", 400, "decimal"},
    {LINE "Content-Length: 2,2\r\n", 400, "decimal"},
    {LINE "Content-Length: 2 2\r\n", 400, "decimal"},
    {LINE "Content-Length:\r\n", 400, "1 to 18"},
    {LINE "Content-Length: 1000000000000000000\r\n", 400, "1 to 18"},
    {LINE "Content-Length: 2\r\nContent-Length: 2\r\n", 400, "more than one Content-Length"},
    {LINE "Transfer-Encoding: xchunked\r\n", 400, "does not end with chunked"},
    {LINE "Transfer-Encoding: chunked, gzip\r\n", 400, "does not end with chunked"},
    {LINE "Transfer-Encoding: gzip, chunked\r\n", 501, "no transfer coding but"},
    {LINE "Transfer-Encoding: , chunked\r\n", 501, "no transfer coding but"},
    {LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", 400, "more than one Transfer"},
    {LINE HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "on one request"},
    {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.0 has no"},
    {LINE " X: y\r\n", 400, "folded"},
    {LINE "X\r\n", 400, "no colon"},
    {LINE "X: y\n", 400, "LF alone"},
    {LINE "X: y\rz", 400, "CR without LF"},
    {"GET / HTTP/1.1\n", 400, "LF alone"},
    {"GET / HTTP/2.0\r\n", 505, "HTTP/1.1"},
    {"GET / HTTP/1.1x\r\n", 400, "does not end with"},
    {"GET  / HTTP/1.1\r\n", 400, "does not end with"},
    {" GET / HTTP/1.1\r\n", 400, "no method"},
    {"get / HTTP/1.1\r\n", 501, "not known"},
    {"GET * HTTP/1.1\r\n", 400, "absolute path"},
    {"GET https:///x HTTP/1.1\r\n", 400, "authority"},
    {"GET https://a@b/x HTTP/1.1\r\n", 400, "authority"},
    {"\r\n\r\n", 400, "METHOD TARGET"},
};

START_TEST(refused)
{
    struct head_fault fault;
    struct head head;

    ck_assert_int_eq(parse(broken[_i].text, strlen(broken[_i].text), &head, &fault), -EBADMSG);
    ck_assert_msg(fault.status == broken[_i].status && strstr(fault.reason, broken[_i].reason),
                  "%s: %d %s", broken[_i].text, fault.status, fault.reason);
}
END_TEST

/* It is known where these end: the connection can go on. */
static const struct {
    const char *fields;
    int status;
} framed[] = {
    {"Authorization: Basic x\r\n", 401},
    {"Authorization: Bearer\r\n", 401},
    {"Authorization: Bearer \r\n", 401},
    {"Authorization: Bearer a b\r\n", 401},
    {"Authorization: Bearer a,b\r\n", 401},
    {"Authorization: Bearer a\r\nAuthorization: Bearer a\r\n", 400},
    {"Expect: x\r\n", 417},
    {"Content-Encoding: gzip\r\n", 415},
    {"If-Match: \"a\"\r\nIf-Match: \"a\"\r\n", 400},
};

START_TEST(refused_but_framed)
{
    char text[256];
    struct head_fault fault;
    struct head head;
    int size =
        snprintf(text, sizeof(text), LINE HOST "Content-Length: 7\r\n%s\r\n", framed[_i].fields);

    ck_assert_int_eq(parse(text, (size_t)size, &head, &fault), size);
    ck_assert_msg(fault.status == framed[_i].status, "%s: %d", text, fault.status);
    ck_assert_uint_eq(head.length, 7);
}
END_TEST

START_TEST(sizes)
{
    static char text[HEAD_MAX + 64];
    struct head_fault fault;
    struct head head;
    size_t used;

    for (size_t pad = 150; pad < 170; pad++) { /* the longest path */
        used = (size_t)sprintf(text, "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", (int)pad, 0);
        ck_assert_int_eq(parse(text, used, &head, &fault), (ssize_t)used);
        ck_assert_int_eq(fault.status, pad + 2 > HEAD_PATH ? 414 : 0);
    }
    for (size_t size = HEAD_MAX - 2; size < HEAD_MAX + 3; size++) { /* the longest head */
        used = (size_t)sprintf(text, LINE HOST "X: ");
        memset(text + used, 'y', size - used - 4);
        memcpy(text + size - 4, "\r\n\r\n", 5);
        ck_assert_int_eq(parse(text, size, &head, &fault),
                         size > HEAD_MAX ? -EBADMSG : (ssize_t)size);
        ck_assert_int_eq(fault.status, size > HEAD_MAX ? 431 : 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("head");
    TCase *tcase = tcase_create("head");

    tcase_add_test(tcase, taken);
    tcase_add_test(tcase, every_prefix);
    tcase_add_test(tcase, control_characters);
    tcase_add_loop_test(tcase, refused, 0, sizeof(broken) / sizeof(broken[0]));
    tcase_add_loop_test(tcase, refused_but_framed, 0, sizeof(framed) / sizeof(framed[0]));
    tcase_add_test(tcase, sizes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
