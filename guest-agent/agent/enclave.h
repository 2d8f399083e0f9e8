/* SPDX-License-Identifier: MIT */
/*
 * One enclave of this tenant: who owns it, in which step it is, and how it ends.
 *
 *   BALLOONING → CREATING → ADDING → SHARING → INITIALISING → LIVING → ENDING → gone
 *        └──────────┴─────────┴─────────┴───────────┴── failed, or its owner went ──^
 *
 * In words: an enclave that fails to load is destroyed before the application hears of the failure;
 * one whose owner goes is destroyed; one that was being built or destroyed when the link to the
 * host ended is forgotten. On the next link the host's LIST tells what there is: enclaves in it
 * that are not in this table are destroyed, enclaves of this table that are not in it are
 * forgotten. So the host's list alone decides, and nothing stays behind after any crash.
 *
 * What an entry holds (image file, grants, balloon, state file) is released in one place,
 * enclave_forget().
 */
#ifndef CLOISTER_AGENT_ENCLAVE_H
#define CLOISTER_AGENT_ENCLAVE_H

#include "libcloister/app_protocol.h"
#include "agent/config.h"
#include "agent/grant.h"
#include "agent/hostlink.h"
#include "agent/imagefile.h"
#include "agent/process.h"

enum enclave_step {
    ENCLAVE_BALLOONING,
    ENCLAVE_CREATING,
    ENCLAVE_ADDING,
    ENCLAVE_SHARING,
    ENCLAVE_INITIALISING,
    ENCLAVE_LIVING,
    ENCLAVE_ENDING,
};

struct owner {
    uint64_t app; /* serial number of the connection; 0: the connection was to an earlier agent */
    uid_t uid;
    uid_t account; /* who answers for this user (account.h) */
    struct process process;
};

struct enclave {
    struct enclave *next;
    struct enclaves *table;
    struct owner owner;
    enum enclave_step step;
    uint32_t id;      /* 0 until the host has created it */
    bool waiting;     /* the application waits for the answer to request `number` */
    bool abandoned;   /* to be destroyed as soon as no request is in flight */
    bool unconfirmed; /* not yet seen in the host's list */
    uint32_t number;
    unsigned int in_flight;   /* requests to the host without reply */
    struct app_reply outcome; /* the first failure */
    struct app_loaded loaded;
    uint64_t frames;
    uint64_t balloon_kb;
    uint64_t balloon_until; /* when to stop waiting for the balloon */
    /* Until LIVING: */
    struct image image;
    struct grant grant;
    uint32_t next_record;
    uint32_t next_content;
};

struct enclaves_events {
    /* Answers an application; `descriptor` is -1 or passed along (and stays the caller's). */
    void (*answer)(void *context, uint64_t app, uint32_t number, const struct app_reply *reply,
                   const void *body, size_t size, int descriptor);
};

/* The table: enclaves.h has what is done to it. */
struct enclaves {
    const struct config *config;
    struct hostlink *link;
    struct enclaves_events events;
    void *context;
    struct enclave *first;
    uint32_t list_start; /* of the page of the host's list that was asked for last */
    uint64_t now;
};

/* Takes it out of the table and releases what it holds; answers whoever still waits. */
void enclave_forget(struct enclave *enclave, bool keep_state);
/* Lets the host destroy it; without a link it is forgotten, and the next link's comparison destroys it. */
void enclave_end(struct enclave *enclave);
/* Goes on with the end of an enclave that failed or was abandoned, if nothing is in flight. */
void enclave_settle(struct enclave *enclave);
/* Nobody wants it any more. */
void enclave_abandon(struct enclave *enclave);
/* Remembers the first failure and stops loading. The second: of a request to the host, `doing` something. */
void enclave_failed(struct enclave *enclave, const struct app_reply *why);
void enclave_failed_by_host(struct enclave *enclave, int error,
                            const struct cloister_msg_reply *reply, const char *doing);

#endif
