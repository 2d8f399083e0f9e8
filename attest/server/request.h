/* SPDX-License-Identifier: MIT */
/*
 * One request on its way: the event thread that read it hands it to a worker, which answers it or
 * leaves a change of the store to the writer; at last its event thread sends the reply. One thread
 * at a time has it, so nothing is locked.
 */
#ifndef CLOISTER_SERVICE_REQUEST_H
#define CLOISTER_SERVICE_REQUEST_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/head.h"
#include "server/roles.h"
#include "server/shares.h"

#define REQUEST_ID 33u       /* of an event: 16 bytes as hexadecimal, with its zero */
#define REQUEST_ARGUMENT 65u /* of a path, with its zero */
#define REQUEST_DIGEST 32u
#define REQUEST_ADDRESS 46u             /* INET6_ADDRSTRLEN */
#define REQUEST_MAX_BODY (384u * 1024u) /* of any route */

struct route;
struct worker;
struct loop;
struct connection;
struct evhttp_request;
struct db;

/* Where a request waits. Nobody who is not known can fill the place of those who are. */
enum request_lane { LANE_KNOWN, LANE_STRANGER, LANE_NONE };

struct request {
    struct request *next;
    struct loop *loop;              /* http.c */
    struct evhttp_request *carrier; /* the loop's own, */
    struct connection *connection;  /* as this; NULL: the client has gone */
    const struct route *route;      /* NULL: it is answered already */
    enum request_lane lane;         /* in which it has a place of the queue */
    struct shares_key address, token_key;
    char address_text[REQUEST_ADDRESS];
    char event[REQUEST_ID];        /* the id of what the audit notes of it, or "" */
    uint8_t shown[REQUEST_DIGEST]; /* SHA-256 of its bearer token, as it was shown */
    bool looks_up;                 /* a worker shall only say whether its body is to be read */
    bool authenticated;            /* the store has known its token */
    bool unsure;                   /* apply() may have been committed before */
    int64_t queued;                /* ns, CLOCK_MONOTONIC */
    bool respond_async, continues;
    bool head_only;                    /* HEAD: the reply's body is not sent */
    char argument[REQUEST_ARGUMENT];   /* the {id} of its path */
    char query[HEAD_QUERY];            /* behind '?', as it came */
    char token[HEAD_TOKEN];            /* its bearer token, or "" */
    char if_match[HEAD_TAG];           /* or "" */
    char administrator[ROLES_SUBJECT]; /* the subject of its certificate (RFC 4514), or "" */
    enum role role;                    /* that this subject has */
    bool forbidden;                    /* its route needs another role */
    char *body;                        /* with a zero behind */
    size_t size, room;

    int status; /* of the reply; 0: there is none yet */
    char *reply;
    size_t reply_size;
    const char *reply_type;
    char location[80], etag[72]; /* or "" */
    char allow[64];              /* of 405 and OPTIONS, or "" */
    const char *cache_control;
    uint32_t retry_after; /* s; 0: none */

    /*
     * The change of the store on which the reply depends, if there is one: gives the reply and
     * returns 0, or -EIO without one. Runs in a transaction, perhaps more than once: only what a
     * committed one said is sent. Where the answer to a COMMIT was lost it runs again, with
     * `unsure` set, and must see whether it was done before: then it gives the same reply.
     */
    int (*apply)(struct db *db, struct request *request);
    void *context;                  /* of apply(); freed with the request, */
    void (*release)(void *context); /* after this, if not NULL */
};

struct request *request_new(void);
void request_free(struct request *request);
/* Room for a body of so many bytes. False: no memory. */
__attribute__((warn_unused_result)) bool request_room(struct request *request, size_t room);
/* More of its body. False: there is no room for it. */
__attribute__((warn_unused_result)) bool request_append(struct request *request, const char *data,
                                                        size_t size);

/* Each gives the reply; a former one is forgotten. Out of memory becomes 503. */
void reply_json(struct request *request, int status, json_object *object);     /* releases it */
void reply_text(struct request *request, int status, char *text, size_t size); /* frees it */
/* {"error": code, "message": text} */
void reply_error(struct request *request, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The store cannot be used, and nothing was changed: 503, Retry-After. */
void reply_unavailable(struct request *request);
/* Nobody can say whether it was done: 503, Retry-After; the same request can be made again. */
void reply_uncertain(struct request *request);

#endif
