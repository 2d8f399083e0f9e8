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

#include "service/store.h"

#define REQUEST_MAX_BODY (384u * 1024u) /* of any route */
#define REQUEST_TOKEN_SIZE 128u

struct route;
struct worker;
struct evhttp_request;

struct request {
    struct request *next;
    struct loop *loop;              /* http.c */
    struct evhttp_request *carrier; /* the loop's own */
    const struct route *route;
    int64_t queued; /* ns, CLOCK_MONOTONIC */
    bool respond_async;
    char argument[STORE_POLICY_SIZE]; /* the {id} of its path */
    char query[128];                  /* behind '?', as it came */
    char token[REQUEST_TOKEN_SIZE];   /* its bearer token, or "" */
    char administrator[96];           /* the subject of its certificate, or "" */
    char *body;                       /* with a zero behind */
    size_t size;

    int status; /* of the reply; 0: there is none yet */
    char *reply;
    size_t reply_size;
    const char *reply_type;
    char location[80], etag[72]; /* or "" */
    uint32_t retry_after;        /* s; 0: none */

    /*
     * The change of the store on which the reply depends, if there is one: gives the reply and
     * returns 0, or -EIO without one. Runs in a transaction, perhaps more than once: only what a
     * committed one said is sent.
     */
    int (*apply)(struct db *db, struct request *request);
    void *context;                  /* of apply(); freed with the request, */
    void (*release)(void *context); /* after this, if not NULL */
};

struct request *request_new(void);
void request_free(struct request *request);

/* Each gives the reply; a former one is forgotten. Out of memory becomes 503. */
void reply_json(struct request *request, int status, json_object *object);     /* releases it */
void reply_text(struct request *request, int status, char *text, size_t size); /* frees it */
/* {"error": code, "message": text} */
void reply_error(struct request *request, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The store cannot be used: 503, Retry-After. */
void reply_unavailable(struct request *request);

#endif
