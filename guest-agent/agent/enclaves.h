/* SPDX-License-Identifier: MIT */
/*
 * The enclaves of this tenant that the agent knows of: who owns each, and in which step it is.
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
#ifndef CLOISTER_AGENT_ENCLAVES_H
#define CLOISTER_AGENT_ENCLAVES_H

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

struct enclaves {
    const struct config *config;
    struct hostlink *link;
    struct enclaves_events events;
    void *context;
    struct enclave *first;
    uint32_t list_start; /* of the page of the host's list that was asked for last */
    uint64_t now;
};

void enclaves_start(struct enclaves *table, const struct config *config, struct hostlink *link,
                    const struct enclaves_events *events, void *context);
/* Releases everything here; enclaves that live go on living. */
void enclaves_stop(struct enclaves *table);
/* Takes over the enclaves of an earlier agent whose processes still run. */
void enclaves_adopt(struct enclaves *table);

/*
 * May the owner load what this header says? 0, or a refusal (*refusal filled):
 *   -EDQUOT     the user's max_enclaves or max_frames, or all users' total_enclaves or
 *               total_frames (agent.conf)
 *   -EHOSTDOWN  no link to the host
 */
__attribute__((warn_unused_result)) int enclaves_admit(const struct enclaves *table,
                                                       const struct owner *owner,
                                                       const struct cloister_launch *launch,
                                                       struct app_reply *refusal);
/*
 * Begins to load; *image, with its records, is taken over in any case. The answer comes by the
 * event. A refusal (negative errno, *refusal filled) means that nothing was begun: what
 * enclaves_admit says, and -ENOMEM, and what grant_allocate says
 */
__attribute__((warn_unused_result)) int enclaves_load(struct enclaves *table,
                                                      const struct owner *owner, uint32_t number,
                                                      struct image *image,
                                                      struct app_reply *refusal);
/*
 * Begins to unload; the answer comes by the event.
 *   -ENOENT  no such enclave, or not the asker's, or another handle
 *   -EALREADY  it is being unloaded
 *   -EHOSTDOWN no link to the host; it will be destroyed as soon as there is one
 */
__attribute__((warn_unused_result)) int enclaves_unload(struct enclaves *table,
                                                        const struct owner *asker, uint32_t number,
                                                        const struct app_unload *unload,
                                                        struct app_reply *refusal);
/* The connection is gone. */
void enclaves_owner_gone(struct enclaves *table, uint64_t app);

void enclaves_link_up(struct enclaves *table);
void enclaves_link_down(struct enclaves *table);
/* Now and then: the balloon, owners that died, requests that could not be queued. */
void enclaves_tick(struct enclaves *table, uint64_t now);

/* The enclaves of one account (account.h) and their frames. */
void enclaves_usage(const struct enclaves *table, uid_t account, uint32_t *count, uint64_t *frames);
uint32_t enclaves_count(const struct enclaves *table);
/* May the user see it in a list? */
bool enclaves_visible(const struct enclaves *table, uid_t uid, uint32_t id);

/* Between enclaves.c and loading.c */
void loading_begin(struct enclave *enclave);
/* Remembers the first failure and stops loading. */
void loading_failed(struct enclave *enclave, const struct app_reply *why);
void loading_failed_by_host(struct enclave *enclave, int error,
                            const struct cloister_msg_reply *reply, const char *doing);
void enclave_settle(struct enclave *enclave);

#endif
