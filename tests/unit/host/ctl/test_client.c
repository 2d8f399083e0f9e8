/* SPDX-License-Identifier: MIT */
/* What cloisterctl takes for an answer of cloisterd's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "ctl/client.h"
#include "../../suite.h"

/* The answer of a daemon that says these bytes and goes. */
static json_object *answer(const void *bytes, size_t size)
{
    json_object *request = json_object_new_object(), *found;
    int ends[2];
    char text[64] = "";

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ck_assert_int_eq(write(ends[1], bytes, size), (ssize_t)size);
    ck_assert_int_eq(shutdown(ends[1], SHUT_WR), 0);
    FILE *daemon = fdopen(ends[0], "r+");
    json_object_object_add(request, "command", json_object_new_string("status"));
    found = client_ask(daemon, request);
    int error = errno;
    ck_assert_int_gt(read(ends[1], text, sizeof(text) - 1), 0);
    ck_assert_str_eq(text, "{\"command\":\"status\"}\n");
    fclose(daemon);
    close(ends[1]);
    errno = error;
    return found;
}

#define BYTES(text) text, sizeof(text) - 1

START_TEST(answers)
{
    json_object *found = answer(BYTES("{\"ok\":true,\"records\":18446744073709551615}\n"));
    uint64_t number;

    ck_assert_ptr_nonnull(found);
    ck_assert(json_member_true(found, "ok"));
    ck_assert(json_unsigned(json_member(found, "records"), 0, UINT64_MAX, &number));
    ck_assert_uint_eq(number, UINT64_MAX);
    json_object_put(found);
}
END_TEST

static const struct {
    const char *bytes;
    size_t size;
    int error;
} none[] = {
    {BYTES(""), ECONNRESET},
    {BYTES("\n"), EPROTO},
    {BYTES("ok\n"), EPROTO},
    {BYTES("[]\n"), EPROTO},
    {BYTES("{\"ok\":true"), EPROTO},
    {BYTES("{\"ok\":true}\0{\"ok\":false}\n"), EPROTO},
    {BYTES("{\"ok\":true,\"message\":\"a\\u0000b\"}\n"), EPROTO},
    {BYTES("{\"ok\\u0000\":true}\n"), EPROTO},
    {BYTES("{\"ok\":true,\"lost\":18446744073709551616}\n"), EPROTO},
    {BYTES("{\"ok\":true,\"ok\":false}\n"), EPROTO},
    {BYTES("{\"ok\":true} {\"ok\":false}\n"), EPROTO},
};

START_TEST(no_answers)
{
    ck_assert_ptr_null(answer(none[_i].bytes, none[_i].size));
    ck_assert_int_eq(errno, none[_i].error);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host client");
    TCase *tcase = tcase_create("client");

    tcase_add_test(tcase, answers);
    tcase_add_loop_test(tcase, no_answers, 0, sizeof(none) / sizeof(none[0]));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
