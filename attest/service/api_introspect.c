/* SPDX-License-Identifier: MIT */
/*
 * Is this token good now (RFC 7662)? Beside what everybody can see in it, the service knows whether
 * its host is still enrolled, and has been since before the token was issued.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "service/api.h"
#include "verify/base64.h"
#include "verify/json.h"
#include "verify/token_check.h"

/* --- the form (RFC 7662, 2.1; application/x-www-form-urlencoded) --------------------------- */

/* Decodes in place; false: a '%' without two digits, or what is no character of a token. */
static bool decode(char *text, size_t *size)
{
    size_t used = 0;

    for (size_t i = 0; i < *size; i++) {
        char c = text[i];

        if (c == '%') {
            int high = i + 2 < *size ? hex_digit(text[i + 1]) : -1,
                low = high < 0 ? -1 : hex_digit(text[i + 2]);

            if (low < 0) {
                return false;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c <= ' ' || c > '~' || (c == '+' && text[i] == '+')) { /* a '+' stands for a blank */
            return false;
        }
        text[used++] = c;
    }
    *size = used;
    return used > 0;
}

/* Parameters that are not known here are passed over (RFC 6749, 3.2); none may stand there twice. */
static bool take_token(char *form, size_t size, char **token, size_t *length)
{
    char *end = form + size;

    *token = NULL;
    for (char *next = form; next <= end;) {
        char *and = memchr(next, '&', (size_t)(end - next)), *stop = and? and : end;

        if ((size_t)(stop - next) >= 6 && !memcmp(next, "token=", 6)) {
            if (*token) {
                return false;
            }
            *token = next + 6;
            *length = (size_t)(stop - next - 6);
        }
        next = stop + 1;
    }
    return *token && decode(*token, length);
}

/* --- the token ----------------------------------------------------------------------------- */

/* Its claims if this service has signed it. 0; -EACCES; -EIO, -ENOMEM. */
static int open_token(const struct material *material, const char *text, size_t size,
                      json_object **claims)
{
    const struct token_check check = {.keys = material->keys};
    uint8_t *bytes;
    ssize_t used;
    int rc = -EACCES;

    if (memchr(text, '.', size)) {
        return token_open(&check, text, size, claims);
    }
    bytes = malloc(size / 4 * 3 + 2);
    used = bytes ? base64_decode(BASE64_STANDARD, text, size, bytes) : -1;
    if (used > 0) {
        rc = token_open_cwt(&check, bytes, (size_t)used, claims);
    }
    free(bytes);
    return bytes ? rc : -ENOMEM;
}

static const char *text_of(json_object *claims, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(claims, name, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : "";
}

static bool time_of(json_object *claims, const char *name, int64_t *time)
{
    json_object *value;

    return json_object_object_get_ex(claims, name, &value) &&
           json_object_is_type(value, json_type_int) && json_whole(value, time);
}

/* 0, -EACCES, -EIO. */
static int check_now(struct worker *worker, json_object *claims)
{
    int64_t now = clock_seconds(), issued, begins, ends;
    struct store_host host;
    int rc;

    if (strcmp(text_of(claims, "iss"), worker->service->config.issuer) ||
        !time_of(claims, "iat", &issued) || !time_of(claims, "nbf", &begins) ||
        !time_of(claims, "exp", &ends) || now < begins || now >= ends) {
        return -EACCES;
    }
    rc = store_host_get(worker->db, text_of(claims, "sub"), &host);
    return rc == -EIO ? rc : rc || issued < host.enrolled ? -EACCES : 0;
}

/* RFC 7662, 2.2. NULL: no memory. */
static json_object *describe(json_object *claims)
{
    static const char *const members[] = {"iss", "sub", "aud", "iat", "nbf", "exp", "jti"};
    json_object *object = json_object_new_object(), *value;

    if (!object) {
        return NULL;
    }
    json_object_object_add(object, "active", json_object_new_boolean(claims != NULL));
    for (size_t i = 0; claims && i < sizeof(members) / sizeof(members[0]); i++) {
        if (json_object_object_get_ex(claims, members[i], &value)) {
            json_object_object_add(object, members[i], json_object_get(value));
        }
    }
    return object;
}

/* What is no good token of this service's is not active, and nothing else is said (2.2). */
void api_introspect(struct worker *worker, struct request *request)
{
    json_object *claims = NULL;
    size_t size = 0;
    char *token;
    int rc;

    if (!request->body || !take_token(request->body, request->size, &token, &size)) {
        reply_error(request, 400, "bad-request",
                    "one token=TOKEN expected, as application/x-www-form-urlencoded");
        return;
    }
    rc = open_token(worker->material, token, size, &claims);
    rc = rc ? rc : check_now(worker, claims);
    if (!rc || rc == -EACCES) {
        reply_json(request, 200, describe(rc ? NULL : claims));
    } else {
        reply_unavailable(request);
    }
    json_object_put(claims);
}
