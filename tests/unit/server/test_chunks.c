/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/chunks.h"
#include "../suite.h"

/* Reads it in pieces of `piece` bytes. The last result; `body` gets the data, `used` the bytes. */
static enum chunks_result read_all(const char *text, size_t size, size_t piece, char *body,
                                   size_t *used)
{
    struct chunks chunks = {0};
    enum chunks_result result = CHUNKS_MORE;
    size_t filled = 0, taken, data;

    for (*used = 0; *used < size && result < CHUNKS_END; *used += taken) {
        size_t length = size - *used < piece ? size - *used : piece;
        char *exact = malloc(length);

        memcpy(exact, text + *used, length);
        result = chunks_next(&chunks, exact, length, &taken, &data);
        if (result == CHUNKS_DATA) {
            memcpy(body + filled, exact + taken - data, data);
            filled += data;
        }
        free(exact);
    }
    body[filled] = 0;
    return result;
}

static const struct {
    const char *text, *body;
} good[] = {
    {"0\r\n\r\n", ""},
    {"3\r\nabc\r\n0\r\n\r\n", "abc"},
    {"A\r\n0123456789\r\n00000000\r\n\r\n", "0123456789"},
    {"a;x\r\n0123456789\r\n1;y=\"z\"\r\n!\r\n0;end\r\n\r\n", "0123456789!"},
    {"1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n", "\r\n"},
    {"1\r\na\r\n0\r\nX: y\r\nContent-Length: 7\r\n\r\n", "a"},
};

START_TEST(taken)
{
    size_t size = strlen(good[_i].text), used;
    char text[128], body[64];

    snprintf(text, sizeof(text), "%sGET", good[_i].text);
    for (size_t piece = 1; piece <= size + 3; piece++) {
        ck_assert_int_eq(read_all(text, size + 3, piece, body, &used), CHUNKS_END);
        ck_assert_uint_eq(used, size); /* what follows is left alone */
        ck_assert_str_eq(body, good[_i].body);
    }
    for (size_t less = 0; less < size; less++) {
        ck_assert_int_lt(read_all(text, less, 64, body, &used), CHUNKS_END);
    }
}
END_TEST

static const char *const wrong[] = {
    "\r\n",
    "x\r\n",
    "+1\r\na\r\n",
    "-1\r\n",
    "0x1\r\na\r\n",
    " 1\r\na\r\n",
    "1 \r\na\r\n",
    "1\na\r\n",
    "1\r\na\n0",
    "1\r\nab\r\n",
    "1\r\n\r\n",
    "000000001\r\n",
    "10000000000000001\r\n",
    "1\r\na\r\n\r\n",
    "1;\1\r\n",
    "1;a\nb\r\n",
    "1\ra\r\n",
    "0\r\n X: y\r\n",
    "0\r\nX\r\n",
    "0\r\nX : y\r\n",
    "0\r\n: y\r\n",
    "0\r\nX: \x7f",
    "0\r\nX: y\n",
    "0\r\n\n",
    "0\r\n\r\r",
};

START_TEST(refused)
{
    size_t used;
    char body[64];

    for (size_t piece = 1; piece < 20; piece++) {
        ck_assert_msg(read_all(wrong[_i], strlen(wrong[_i]), piece, body, &used) == CHUNKS_BAD,
                      "%s", wrong[_i]);
    }
}
END_TEST

/* What is hardly data at all ends; chunks of one byte do not. */
START_TEST(mostly_nothing)
{
    static char text[65536], body[65536];
    size_t used, size = 0;

    for (int i = 0; i < 9000; i++) {
        size += (size_t)sprintf(text + size, "1\r\nx\r\n");
    }
    ck_assert_int_lt(read_all(text, size, 4096, body, &used), CHUNKS_END);
    ck_assert_uint_eq(used, size);
    memset(text, 'x', sizeof(text));
    memcpy(text, "1;", 2);
    ck_assert_int_eq(read_all(text, sizeof(text), 4096, body, &used), CHUNKS_BAD);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chunks");
    TCase *tcase = tcase_create("chunks");

    tcase_add_loop_test(tcase, taken, 0, sizeof(good) / sizeof(good[0]));
    tcase_add_loop_test(tcase, refused, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tcase, mostly_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
