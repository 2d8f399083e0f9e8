/* SPDX-License-Identifier: MIT */
#include "server/chunks.h"

#include <stdbool.h>

#include "server/head.h"

#define SIZE_DIGITS 8u
#define OTHER_FREE 4096u /* bytes that need no data; */
#define OTHER_EACH 8u    /* and for each byte of data: a chunk of one byte has six */

enum state {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    LINE, /* a trailer begins, or the last line */
    NAME,
    VALUE,
    VALUE_LF,
    LAST_LF,
    END,
};

static int digit(unsigned char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool step_size(struct chunks *chunks, unsigned char c)
{
    int value = digit(c);

    if (value >= 0) {
        chunks->left = chunks->left << 4 | (unsigned int)value;
        return ++chunks->digits <= SIZE_DIGITS;
    }
    chunks->state = c == ';' ? EXTENSION : SIZE_LF;
    return chunks->digits && (c == ';' || c == '\r');
}

/* A byte that is no data. False: it must not stand here. */
static bool step(struct chunks *chunks, unsigned char c)
{
    switch (chunks->state) {
    case SIZE:
        return step_size(chunks, c);
    case EXTENSION:
        chunks->state = c == '\r' ? SIZE_LF : EXTENSION;
        return c == '\r' || head_is_value(c);
    case SIZE_LF:
        chunks->state = chunks->left ? DATA : LINE;
        chunks->digits = 0;
        return c == '\n';
    case DATA_CR:
        chunks->state = DATA_LF;
        return c == '\r';
    case DATA_LF:
        chunks->state = SIZE;
        return c == '\n';
    case LINE:
        chunks->state = c == '\r' ? LAST_LF : NAME;
        return c == '\r' || head_is_token(c);
    case NAME:
        chunks->state = c == ':' ? VALUE : NAME;
        return c == ':' || head_is_token(c);
    case VALUE:
        chunks->state = c == '\r' ? VALUE_LF : VALUE;
        return c == '\r' || head_is_value(c);
    case VALUE_LF:
        chunks->state = LINE;
        return c == '\n';
    default: /* LAST_LF */
        chunks->state = END;
        return c == '\n';
    }
}

enum chunks_result chunks_next(struct chunks *chunks, const char *text, size_t size, size_t *taken,
                               size_t *data)
{
    for (*taken = 0; *taken < size && chunks->state != END;) {
        if (chunks->state == DATA) {
            size_t rest = size - *taken;

            *data = rest < chunks->left ? rest : (size_t)chunks->left;
            *taken += *data;
            chunks->left -= *data;
            chunks->data += *data;
            chunks->state = chunks->left ? DATA : DATA_CR;
            return CHUNKS_DATA;
        }
        chunks->other++;
        if (!step(chunks, (unsigned char)text[(*taken)++]) ||
            chunks->other > OTHER_FREE + OTHER_EACH * chunks->data) {
            return CHUNKS_BAD;
        }
    }
    return chunks->state == END ? CHUNKS_END : CHUNKS_MORE;
}
