/* SPDX-License-Identifier: MIT */
/*
 * Reading what an agent sends (cloister/protocol.h). Everything here is hostile until checked; a
 * check answers NULL or the rule that the message breaks. A broken message ends the channel.
 */
#ifndef CLOISTER_HOST_MESSAGE_H
#define CLOISTER_HOST_MESSAGE_H

#include "cloister/protocol.h"

/* Magic, type (requests only), reserved, and whether `size` is one that this type can have. */
const char *message_check_head(const struct cloister_message *head);

/* Whether the counts in the body agree with its size. `body` has head->size bytes. */
const char *message_check_body(const struct cloister_message *head, const void *body);

/* The parts of an ADD whose body was checked; they point into the body, content unaligned. */
struct message_add {
    uint32_t enclave, count, content_count, reserved;
    const struct cloister_page_record *records;
    const uint8_t *content;
};
struct message_add message_add(const void *body);

struct message_share {
    uint32_t enclave, first, count, reserved;
    const uint32_t *refs;
};
struct message_share message_share(const void *body);

/* "CREATE"; NULL for what is not a request. */
const char *message_type_name(uint16_t type);

#endif
