/* SPDX-License-Identifier: MIT */
/*
 * Requests to the attestation service: HTTPS by libcurl, no redirection, answers of bounded size and
 * time. Its certificate must be by a CA that is given, or by one of the system's.
 */
#ifndef CLOISTER_ATTEST_WEB_H
#define CLOISTER_ATTEST_WEB_H

#include <json-c/json.h>
#include <stdbool.h>

#define WEB_URL 256u /* bytes of a service's address, with its zero */
#define WEB_WHY 512u

/* What became of a request. */
enum web_result {
    WEB_DONE,  /* 2xx */
    WEB_LATER, /* perhaps it was done, perhaps not: the same request can be made again */
    WEB_NEVER, /* it was refused, and would be again */
};

struct web_service {
    char url[WEB_URL]; /* https://..., without a slash at its end */
    const char *ca;    /* certificates in PEM; NULL: the system's CAs */
};

struct web_reply {
    long status;       /* HTTP; 0: there was no answer */
    json_object *json; /* an object, or NULL: of 2xx never */
    char location[128];
    long retry_after;  /* seconds; 0: not said */
    char why[WEB_WHY]; /* cause and fix, unless WEB_DONE; one line, printable */
};

/* Before and after all others. False: libcurl does not start. */
__attribute__((warn_unused_result)) bool web_initialise(void);
void web_finalise(void);

/* https://HOST[:PORT][/PATH], into `service`; a slash at its end is left out. False after `why`. */
__attribute__((warn_unused_result)) bool web_set_url(struct web_service *service, const char *url,
                                                     char why[WEB_WHY]);

/*
 * POST with a JSON body (released), or GET where it is NULL. `token`: the bearer token, or NULL.
 * web_reply_release() is needed in each case. It ends at SIGTERM, too, where that is blocked.
 */
enum web_result web_ask(const struct web_service *service, const char *path, const char *token,
                        json_object *body, struct web_reply *reply);
void web_reply_release(struct web_reply *reply);

/* Has SIGTERM come, and is it blocked? */
bool web_is_ending(void);

/* A member that is a text of 1 to `most` printable ASCII characters, or NULL. */
const char *web_text(json_object *object, const char *key, size_t most);

#endif
