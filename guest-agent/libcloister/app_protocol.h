/* SPDX-License-Identifier: MIT */
/*
 * What an application (through libcloister) and cloister-agent say to each other.
 *
 * A Unix socket of type SOCK_SEQPACKET, by default CLOISTER_AGENT_SOCKET. One packet is one
 * message: struct app_message and `size` bytes of body. The application asks, the agent answers
 * each request with one APP_REPLY of the same number; there is one request at a time per connection
 * (a second one is answered with EALREADY). Who the application is, the agent learns from the
 * kernel (SO_PEERCRED), never from a message.
 *
 * An enclave belongs to the connection over which it was loaded and ends with it. After the agent
 * was restarted it belongs to the process that had loaded it and ends with that process, or with an
 * APP_UNLOAD by the same user who knows the handle. Enclaves are usable all the time: calls do not
 * involve the agent.
 *
 * A message that breaks these rules is answered, where its number could be read, and the connection
 * is closed; with it end the enclaves loaded over it.
 */
#ifndef CLOISTER_APP_PROTOCOL_H
#define CLOISTER_APP_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "cloister/protocol.h"

#define CLOISTER_AGENT_SOCKET "/run/cloister/agent.sock"
#define APP_MAGIC UINT32_C(0x50414c43) /* "CLAP" */
#define APP_VERSION 1u
#define APP_MAX_LIST 16u /* enclaves in one reply to APP_LIST */
#define APP_MAX_PACKET 8192u

enum app_type {
    APP_LOAD = 1,   /* body: struct app_load, with one descriptor: the image, in memory (a memfd or
                        a file of a tmpfs). Reply: struct app_loaded, with one descriptor: the
                        shared window, to mmap with MAP_SHARED at map_offset */
    APP_UNLOAD = 2, /* body: struct app_unload; reply when its frames are scrubbed */
    APP_STATUS = 3, /* no body; reply: struct app_status */
    APP_LIST = 4,   /* body: struct app_list; reply: struct cloister_enclave_info[0..APP_MAX_LIST],
                        the user's own enclaves (root: all) */
    APP_EVIDENCE = 5, /* body: struct cloister_msg_evidence, reports; reply: cloister_msg_ticket */
    APP_COLLECT = 6,  /* body: struct cloister_msg_collect; reply: cloister_msg_piece, then bytes.
                         Both as in cloister/protocol.h: the agent only passes them on */
    APP_REPLY = 100,  /* body: struct app_reply, then, if its error is 0, what the request says */
};

struct app_message {
    uint32_t magic;   /* APP_MAGIC */
    uint16_t version; /* APP_VERSION */
    uint16_t type;    /* enum app_type */
    uint32_t number;  /* the application's; repeated in the reply */
    uint32_t size;    /* bytes of body: exactly what the type says */
};

struct app_load {
    uint32_t flags;    /* 0 */
    uint32_t reserved; /* 0 */
};

struct app_unload {
    uint32_t enclave;
    uint32_t reserved; /* 0 */
    uint64_t handle[2];
};

struct app_list {
    uint32_t start;    /* first id wanted; 0: from the first */
    uint32_t reserved; /* 0 */
};

/* Who refused. */
enum app_origin {
    APP_ORIGIN_NONE = 0,
    APP_ORIGIN_LIBRARY = 1, /* libcloister itself */
    APP_ORIGIN_AGENT = 2,
    APP_ORIGIN_HOST = 3, /* cloisterd, or the monitor if reason is set */
};

struct app_reply {
    int32_t error;   /* 0 or a negative errno */
    uint16_t reason; /* enum cloister_reason, if the monitor refused */
    uint16_t origin; /* enum app_origin */
    uint64_t found;
    uint64_t allowed;
    char text[168]; /* one sentence for people, zero-terminated; empty on success */
};

struct app_loaded {
    uint32_t enclave;
    uint32_t thread_count;
    uint32_t shared_pages; /* size of the shared window */
    uint32_t flags;        /* CLOISTER_IMAGE_* */
    uint64_t handle[2];
    uint64_t map_offset;
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE]; /* as the monitor found it */
    uint32_t image_version;
    uint32_t security_version;
    uint8_t name[64];
};

enum app_link {
    APP_LINK_NO_XEN = 0,  /* no channel can be offered: not a Xen guest, or drivers are missing */
    APP_LINK_WAITING = 1, /* offered; cloisterd has not come yet */
    APP_LINK_UP = 2,
};

struct app_status {
    char agent_version[32]; /* zero-terminated */
    uint32_t link;          /* enum app_link */
    uint32_t health;        /* CLOISTER_HEALTH_* */
    uint64_t uptime;        /* seconds */
    uint64_t calls_served;
    uint32_t applications;
    uint32_t enclaves;     /* of all users */
    uint32_t own_enclaves; /* of the asking user */
    uint32_t max_enclaves; /* the asking user's limit */
    uint64_t own_frames;
    uint64_t max_frames;
    uint64_t quota; /* frames the host allows this domain; 0 if the link is not up */
    uint64_t quota_used;
    char message[96]; /* one line for people; empty when healthy */
};

/* A request that was checked: everything in it is in range, nothing in it is believed. */
struct app_request {
    uint16_t type;
    uint32_t number;
    union {
        struct app_unload unload;
        struct app_list list;
    };
    const void *body; /* APP_EVIDENCE, APP_COLLECT: of the packet, with its size */
    size_t size;
};

/*
 * Checks a packet with the number of descriptors that came with it.
 *   -EBADMSG   shorter than a message, or not ours (magic)
 *   -EPROTONOSUPPORT  another version
 *   -ENOSYS    unknown type
 *   -EMSGSIZE  a body that is longer or shorter than the type says
 *   -EINVAL    a reserved field is set, or the number of descriptors is wrong
 * request->number is set, where it could be read, on refusals, too (else 0).
 */
__attribute__((warn_unused_result)) int
app_decode(const void *packet, size_t size, unsigned int descriptors, struct app_request *request);

/*
 * Checks a reply to request `number` of type `type` in the same way (the library does not believe
 * the agent either); *reply is copied out, *body points into the packet. Further: -EPROTO if it is
 * no reply or has another number.
 */
__attribute__((warn_unused_result)) int app_decode_reply(const void *packet, size_t size,
                                                         uint16_t type, uint32_t number,
                                                         unsigned int descriptors,
                                                         struct app_reply *reply, const void **body,
                                                         size_t *body_size);

/* Fills a refusal; the text is cut to fit. */
__attribute__((format(printf, 4, 5))) void
app_refuse(struct app_reply *reply, int error, enum app_origin origin, const char *format, ...);

_Static_assert(sizeof(struct app_message) == 16, "protocol");
_Static_assert(sizeof(struct app_unload) == 24, "protocol");
_Static_assert(sizeof(struct app_reply) == 192, "protocol");
_Static_assert(sizeof(struct app_loaded) == 160, "protocol");
_Static_assert(sizeof(struct app_status) == 200, "protocol");
_Static_assert(sizeof(struct app_message) + sizeof(struct cloister_msg_evidence) +
                       CLOISTER_MAX_EVIDENCE_REPORTS * sizeof(struct cloister_report) <=
                   APP_MAX_PACKET,
               "so does a request with all reports");
_Static_assert(sizeof(struct app_message) + sizeof(struct app_reply) +
                       APP_MAX_LIST * sizeof(struct cloister_enclave_info) <=
                   APP_MAX_PACKET,
               "a full list fits into one packet");

#endif
