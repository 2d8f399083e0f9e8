/* SPDX-License-Identifier: MIT */
/*
 * The members of a request's JSON object, each of a known name, type and size. Unknown, repeated,
 * missing and malformed ones are answered with 400, saying which.
 */
#ifndef CLOISTER_SERVICE_BODY_H
#define CLOISTER_SERVICE_BODY_H

#include "cloister/evidence.h"
#include "server/request.h"

#define BODY_FIELDS 8u

enum field_type {
    FIELD_TEXT,   /* printable ASCII */
    FIELD_BASE64, /* standard, with padding; sizes are of the bytes */
    FIELD_HEX,    /* sizes are of the bytes */
    FIELD_NUMBER, /* least and most are its range */
};

struct field {
    const char *name;
    enum field_type type;
    bool optional; /* may be absent or null */
    uint32_t least, most;
};

struct body {
    json_object *document;
    struct taken {
        bool given;
        const char *text;            /* with its zero */
        struct cloister_bytes bytes; /* of FIELD_BASE64 and FIELD_HEX */
        int64_t number;
    } fields[BODY_FIELDS]; /* in the order of the description */
    uint8_t *memory[BODY_FIELDS];
};

/* True, and body_release() is needed; or false, and the request is answered. */
__attribute__((warn_unused_result)) bool body_take(struct request *request, struct body *body,
                                                   const struct field *fields, size_t count);
/* The same with text that is no request's: what is wrong goes to `why`. */
__attribute__((warn_unused_result)) bool body_parse(const char *text, size_t size,
                                                    struct body *body, const struct field *fields,
                                                    size_t count, char *why, size_t why_size);
void body_release(struct body *body);

#endif
