/* SPDX-License-Identifier: MIT */
/*
 * The head of an HTTP/1.1 request, read as RFC 9112 has it and no other way: whatever another
 * program between the client and us could understand differently is refused. Nothing is repaired.
 *
 * Lines end with CRLF. One empty line may come first (2.2). Names are tokens with nothing between
 * them and the colon (5.1); values have no control characters but tabs (RFC 9110, 5.5); a line that
 * begins with a blank is refused (5.2). There is one Host (3.2), and the body's length is said
 * once, by Content-Length in decimal digits or by "Transfer-Encoding: chunked" (6.3).
 *
 * No kept library does this for C in Debian 12: libevent's reader is looser and shows no head as it
 * came, llhttp is packaged for Node.js alone, http-parser has no maintainer any more.
 */
#ifndef CLOISTER_SERVER_HEAD_H
#define CLOISTER_SERVER_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HEAD_MAX 8192u /* bytes, the empty line at its end included */
#define HEAD_FIELDS 64u
#define HEAD_PATH 160u
#define HEAD_QUERY 128u
#define HEAD_TOKEN 128u
#define HEAD_TAG 80u

enum head_method {
    HEAD_GET,
    HEAD_HEAD,
    HEAD_PUT,
    HEAD_POST,
    HEAD_DELETE,
    HEAD_OPTIONS,
    HEAD_METHODS
};

struct head {
    enum head_method method;
    char path[HEAD_PATH];    /* from its first slash; "*" of OPTIONS */
    char query[HEAD_QUERY];  /* behind '?', as it came */
    char token[HEAD_TOKEN];  /* of "Authorization: Bearer TOKEN" (RFC 6750, 2.1), or "" */
    char if_match[HEAD_TAG]; /* the field's value, or "" */
    bool has_query;          /* there was a '?' */
    bool respond_async;      /* Prefer: respond-async (RFC 7240, 4.1) */
    bool close;              /* the client wants no further request on this connection */
    bool continues;          /* Expect: 100-continue */
    bool chunked;            /* how long the body is, its chunks say; else */
    uint64_t length;         /* bytes of body */
};

/* Why a request is answered with an error; `reason` is a sentence for its sender. */
struct head_fault {
    int status; /* HTTP; 0: none */
    const char *code, *reason;
};

/*
 * Reads the head that `text` begins with. The number of bytes that it has: with fault->status the
 * request is to be refused, but it is known where its body and the next request begin. 0: it is not
 * complete yet. -EBADMSG: nothing that follows can be understood; `fault` says why.
 */
__attribute__((warn_unused_result)) ssize_t head_parse(const char *text, size_t size,
                                                       struct head *head, struct head_fault *fault);

/* What stands in the request line for it. */
const char *head_method_name(enum head_method method);

/* A character of a token (RFC 9110, 5.6.2), and one of a field's value (5.5). */
bool head_is_token(unsigned char c);
bool head_is_value(unsigned char c);

#endif
