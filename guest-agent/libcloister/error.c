/* SPDX-License-Identifier: MIT */
#include "libcloister/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int fill(struct cloister_error *error, int code, enum cloister_origin origin,
                const char *format, va_list arguments)
{
    if (error) {
        memset(error, 0, sizeof(*error));
        error->code = code;
        error->origin = (uint16_t)origin;
        vsnprintf(error->text, sizeof(error->text), format, arguments);
    }
    return -code;
}

int error_set(struct cloister_error *error, int code, enum cloister_origin origin,
              const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fill(error, code, origin, format, arguments);
    va_end(arguments);
    return -code;
}

int error_rule(struct cloister_error *error, int code, enum cloister_origin origin,
               enum cloister_reason reason, uint64_t found, uint64_t allowed, const char *format,
               ...)
{
    va_list arguments;

    va_start(arguments, format);
    fill(error, code, origin, format, arguments);
    va_end(arguments);
    if (error) {
        error->reason = (uint16_t)reason;
        error->found = found;
        error->allowed = allowed;
    }
    return -code;
}

int error_reply(struct cloister_error *error, const struct app_reply *reply)
{
    return error_rule(error, -reply->error,
                      reply->origin == APP_ORIGIN_HOST ? CLOISTER_ORIGIN_HOST
                                                       : CLOISTER_ORIGIN_AGENT,
                      reply->reason, reply->found, reply->allowed, "%s", reply->text);
}
