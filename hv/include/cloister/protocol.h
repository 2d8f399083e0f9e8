/* SPDX-License-Identifier: MIT */
/*
 * What cloister-agent and cloisterd say to each other over libxenvchan.
 *
 * The agent is the vchan server, at xenstore path data/cloister/agent below its own domain's home
 * (it can write there, dom0 can read there); cloisterd connects as the client. Xen stamps the
 * domain: whatever comes over the channel of domain N is domain N's and can name only domain N's
 * enclaves. Nothing in a message is believed beyond that.
 *
 * A message is struct cloister_message followed by `size` bytes of body. The agent sends requests,
 * numbered as it likes, one at a time or several in flight; cloisterd answers each with exactly one
 * CLOISTER_MSG_REPLY of the same number, in order. A message that breaks these rules (magic, size, type)
 * ends the channel: both sides close it and start again. Enclaves survive that: LIST finds them.
 *
 * Integers are little-endian; structures have no hidden padding.
 */
#ifndef CLOISTER_PROTOCOL_H
#define CLOISTER_PROTOCOL_H

#include "abi.h"

#define CLOISTER_VCHAN_PATH "data/cloister/agent"
#define CLOISTER_MESSAGE_MAGIC UINT32_C(0x4d534c43) /* "CLSM" */
#define CLOISTER_PROTOCOL_VERSION 1u
#define CLOISTER_MAX_BODY (256u * 1024u)
#define CLOISTER_MAX_ADD 32u      /* records with content per ADD */
#define CLOISTER_STATUS_PERIOD 5u /* seconds between STATUS messages; stale after three */

enum cloister_message_type {
    CLOISTER_MSG_HELLO = 1,     /* body: struct cloister_msg_hello; first message of a channel */
    CLOISTER_MSG_STATUS = 2,    /* body: struct cloister_msg_status */
    CLOISTER_MSG_CREATE = 3,    /* body: struct cloister_image_header; reply: msg_enclave */
    CLOISTER_MSG_ADD = 4,       /* body: struct cloister_msg_add, records, content */
    CLOISTER_MSG_SHARE = 5,     /* body: struct cloister_msg_share, refs */
    CLOISTER_MSG_INIT = 6,      /* body: struct cloister_msg_enclave; reply: msg_handle */
    CLOISTER_MSG_DESTROY = 7,   /* body: struct cloister_msg_enclave */
    CLOISTER_MSG_LIST = 8,      /* body: struct cloister_msg_enclave (first id wanted);
                                 reply: struct cloister_enclave_info[0..16], own domain only */
    CLOISTER_MSG_QUOTA = 9,     /* no body; reply: struct cloister_msg_quota */
    CLOISTER_MSG_EVIDENCE = 10, /* body: struct cloister_msg_evidence, reports; reply: msg_ticket */
    CLOISTER_MSG_COLLECT = 11, /* body: struct cloister_msg_collect; reply: msg_piece, then bytes */
    CLOISTER_MSG_REPLY = 100,  /* body: struct cloister_msg_reply, then the reply of the request */
};

struct cloister_message {
    uint32_t magic;
    uint16_t type;
    uint16_t reserved; /* 0 */
    uint32_t number;   /* request number, repeated in the reply */
    uint32_t size;     /* bytes of body, <= CLOISTER_MAX_BODY */
};

struct cloister_msg_hello {
    uint32_t protocol;      /* CLOISTER_PROTOCOL_VERSION */
    uint32_t abi;           /* CLOISTER_ABI_VERSION */
    char agent_version[32]; /* zero-terminated */
    char kernel[96];        /* uname release and machine */
};

struct cloister_msg_status {
    uint64_t uptime;       /* seconds the agent has run */
    uint64_t calls_served; /* requests of applications since it started */
    uint32_t applications; /* connected now */
    uint32_t enclaves;     /* it knows of */
    uint32_t health;       /* 0 good; else a bit set of CLOISTER_HEALTH_* */
    uint32_t shield;       /* 0: no shield profile active */
    char message[96];      /* one line for people; empty when healthy */
};
#define CLOISTER_HEALTH_NO_GNTALLOC (1u << 0)
#define CLOISTER_HEALTH_LOW_MEMORY (1u << 1)

struct cloister_msg_enclave {
    uint32_t enclave;
    uint32_t reserved; /* 0 */
};

/* The records, then the contents of those without CLOISTER_PAGE_ZERO, 4,096 bytes each. */
struct cloister_msg_add {
    uint32_t enclave;
    uint32_t count;         /* records, all in the order of the image */
    uint32_t content_count; /* pages of content that follow: records without CLOISTER_PAGE_ZERO */
    uint32_t reserved;      /* 0 */
};

struct cloister_msg_share {
    uint32_t enclave;
    uint32_t first;    /* first page of the shared window */
    uint32_t count;    /* grant references that follow, uint32_t each, granted to domain 0 */
    uint32_t reserved; /* 0 */
};

struct cloister_msg_handle {
    uint64_t handle[2];
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE];
};

struct cloister_msg_quota {
    uint64_t limit; /* frames */
    uint64_t used;
};

/*
 * EVIDENCE begins to make evidence of the host (cloister/evidence.h in attest/include) for a verifier's
 * nonce; a heartbeat is always in it. The reply says with which ticket COLLECT gets it, piece by piece,
 * when it is made, which the TPM takes its time for: nothing else waits meanwhile. One at a time per
 * channel. Errors: EVIDENCE
 *   -EINVAL      not zeros behind the nonce; a report that has not a report's magic
 *   -EBUSY       one is being made, or collected: whoever does asked less than CLOISTER_EVIDENCE_KEPT ago
 *   -EOPNOTSUPP, -ENODEV  this host has no identity, no TPM
 * COLLECT
 *   -EAGAIN      it is not ready: ask again later
 *   -ESTALE      not the last ticket of this channel
 *   -ERANGE      the offset is not within it (found, allowed: its size)
 *   others       why it could not be made: the host's operator finds it in cloisterd's journal
 */
#define CLOISTER_MAX_EVIDENCE_REPORTS 15u
#define CLOISTER_EVIDENCE_PIECE 4032u /* bytes of evidence in one reply, at most */
#define CLOISTER_EVIDENCE_KEPT 5u     /* seconds */

struct cloister_msg_evidence {
    uint32_t nonce_size; /* CLOISTER_NONCE_MIN .. CLOISTER_NONCE_MAX */
    uint32_t
        report_count; /* struct cloister_report that follow: 0 .. CLOISTER_MAX_EVIDENCE_REPORTS */
    uint8_t nonce[CLOISTER_NONCE_MAX]; /* zeros behind the nonce */
};

struct cloister_msg_ticket {
    uint32_t ticket; /* never 0 */
    uint32_t reserved;
};

struct cloister_msg_collect {
    uint32_t ticket;
    uint32_t offset; /* of the first byte wanted */
};

struct cloister_msg_piece {
    /* of the whole evidence; the piece ends with it, or has CLOISTER_EVIDENCE_PIECE */
    uint32_t size;
    uint32_t reserved;
};

struct cloister_msg_reply {
    int32_t error;   /* 0 or a negative errno */
    uint16_t reason; /* enum cloister_reason */
    uint16_t reserved;
    uint64_t found;
    uint64_t allowed;
};

_Static_assert(sizeof(struct cloister_message) == 16, "ABI");
_Static_assert(sizeof(struct cloister_msg_hello) == 136, "ABI");
_Static_assert(sizeof(struct cloister_msg_status) == 128, "ABI");
_Static_assert(sizeof(struct cloister_msg_reply) == 24, "ABI");
_Static_assert(sizeof(struct cloister_msg_evidence) == 72, "ABI");
_Static_assert(sizeof(struct cloister_msg_handle) == 64, "ABI");

#endif
