/* SPDX-License-Identifier: MIT */
#include "verify/refuse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    enum cloister_step step;
    const char *name;
    const char *text;
} refusals[] = {{0, "accepted", "nothing is wrong"},
#define REFUSAL_ROW(step, code, name, text) {CLOISTER_STEP_##step, name, text},
                CLOISTER_REFUSALS(REFUSAL_ROW)
#undef REFUSAL_ROW
};

static const char *const steps[] = {
    "none",         "decode",  "nonce",     "record", "key",     "signature", "quote",
    "pcrs",         "binding", "log",       "boot",   "monitor", "report",    "report-signature",
    "report-flags", "enclave", "freshness",
};

const char *cloister_step_name(enum cloister_step step)
{
    return (size_t)step < sizeof(steps) / sizeof(steps[0]) ? steps[step] : "unknown";
}

static size_t row(enum cloister_refusal_code code)
{
    return (size_t)code < sizeof(refusals) / sizeof(refusals[0]) ? (size_t)code : 0;
}

const char *cloister_refusal_name(enum cloister_refusal_code code)
{
    return refusals[row(code)].name;
}

const char *cloister_refusal_text(enum cloister_refusal_code code)
{
    return refusals[row(code)].text;
}

void hex_text(const uint8_t *data, size_t size, char *text, size_t capacity)
{
    static const char digits[] = "0123456789abcdef";
    size_t shown = size < (capacity - 1) / 2 ? size : (capacity - 1) / 2;

    for (size_t i = 0; i < shown; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * shown] = 0;
}

static void begin(struct cloister_refusal *refusal, enum cloister_refusal_code code,
                  const char *what, va_list arguments)
{
    refusal->step = refusals[row(code)].step;
    refusal->code = code;
    vsnprintf(refusal->what, sizeof(refusal->what), what, arguments);
}

int refuse_text(struct cloister_refusal *refusal, enum cloister_refusal_code code,
                const char *expected, const char *found, const char *what, ...)
{
    va_list arguments;

    if (refusal) {
        va_start(arguments, what);
        begin(refusal, code, what, arguments);
        va_end(arguments);
        snprintf(refusal->expected, sizeof(refusal->expected), "%s", expected);
        snprintf(refusal->found, sizeof(refusal->found), "%s", found);
    }
    return -EACCES;
}

int refuse_number(struct cloister_refusal *refusal, enum cloister_refusal_code code,
                  uint64_t expected, uint64_t found, const char *what, ...)
{
    va_list arguments;

    if (refusal) {
        va_start(arguments, what);
        begin(refusal, code, what, arguments);
        va_end(arguments);
        snprintf(refusal->expected, sizeof(refusal->expected), "%" PRIu64, expected);
        snprintf(refusal->found, sizeof(refusal->found), "%" PRIu64, found);
    }
    return -EACCES;
}

int refuse_bytes(struct cloister_refusal *refusal, enum cloister_refusal_code code,
                 const uint8_t *expected, const uint8_t *found, size_t size, const char *what, ...)
{
    va_list arguments;

    if (refusal) {
        va_start(arguments, what);
        begin(refusal, code, what, arguments);
        va_end(arguments);
        hex_text(expected, size, refusal->expected, sizeof(refusal->expected));
        hex_text(found, size, refusal->found, sizeof(refusal->found));
    }
    return -EACCES;
}
