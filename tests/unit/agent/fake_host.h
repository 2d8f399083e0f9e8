/* SPDX-License-Identifier: MIT */
/*
 * A host daemon with its monitor, in memory, behind a transport: takes what the agent sends, checks
 * it as strictly as the real one must, keeps enclaves, and can be told to fail in every way.
 */
#ifndef CLOISTER_TEST_FAKE_HOST_H
#define CLOISTER_TEST_FAKE_HOST_H

#include <stdbool.h>

#include "cloister/protocol.h"
#include "agent/transport.h"

#define FAKE_MAX_ENCLAVES 64u

enum fake_death {
    FAKE_LIVES,
    FAKE_DIES_BEFORE, /* the message is lost */
    FAKE_DIES_AFTER,  /* it is served, its reply is lost */
    FAKE_DIES_WITHIN, /* half of its reply arrives */
    FAKE_IS_SILENT,   /* it is served and never answered */
    FAKE_LIES_NUMBER, /* the reply has another number */
    FAKE_LIES_SIZE,   /* the reply says that it is longer than a message may be */
    FAKE_LIES_TYPE,   /* it is no reply */
};

struct fake_enclave {
    uint32_t id;      /* 0: free */
    uint32_t records; /* wanted */
    uint32_t added;
    uint32_t shared;
    uint32_t shared_wanted;
    bool ready;
    uint64_t handle[2];
    uint64_t sum; /* of all content, in order */
};

struct fake_host {
    struct fake_enclave enclaves[FAKE_MAX_ENCLAVES];
    uint32_t next_id;
    uint32_t messages;   /* received so far, HELLO first; counted over all channels */
    uint32_t types[256]; /* of those, by type */
    uint32_t destroyed;  /* enclaves */

    /* Orders: */
    bool absent;     /* nobody comes to the channel */
    bool deaf;       /* takes nothing from the channel ... */
    size_t hears;    /* ... after that many bytes */
    size_t heard;    /* bytes taken over all channels */
    int open_error;  /* opening the channel fails */
    size_t chunk;    /* bytes taken or given at once; 0: any number */
    uint32_t die_at; /* message number, 1 for the first; 0: never */
    enum fake_death death;
    uint16_t refuse_type; /* messages of this type ... */
    int refuse_error;     /* ... are refused so; 0: none */
    uint16_t refuse_reason;
    uint32_t refuse_after;                 /* after that many were served */
    bool short_bodies;                     /* replies lack their bodies */
    uint32_t evidence_size;                /* of the evidence that it makes ... */
    unsigned int not_ready;                /* ... after that many looks */
    bool pieces_lie;                       /* about the size of the whole */
    struct cloister_msg_evidence evidence; /* as it was asked for */

    /* The channel: */
    enum transport_state state;
    bool moved;         /* the guest: nobody finds what it has offered */
    unsigned int looks; /* whether it is still offered */
    uint32_t opened;
    uint32_t closed;
    size_t in_size;
    size_t out_size;
    size_t out_at;
    uint8_t in[2 * (sizeof(struct cloister_message) + CLOISTER_MAX_BODY)];
    uint8_t out[1u << 20];
};

void fake_host_start(struct fake_host *host, struct transport *transport);
/* The daemon dies: the channel closes, enclaves stay. */
void fake_host_kill(struct fake_host *host);
uint32_t fake_host_count(const struct fake_host *host);
struct fake_enclave *fake_host_find(struct fake_host *host, uint32_t id);

#endif
