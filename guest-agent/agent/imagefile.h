/* SPDX-License-Identifier: MIT */
/*
 * An application's image, copied into the agent's own memory before anybody looks at it: what was
 * checked is what is sent.
 */
#ifndef CLOISTER_AGENT_IMAGECOPY_H
#define CLOISTER_AGENT_IMAGECOPY_H

#include <stddef.h>
#include <stdint.h>

#include "libcloister/app_protocol.h"

struct image {
    uint8_t *data; /* a private mapping, or NULL */
    size_t size;
    const struct cloister_image_header *header;
    const struct cloister_page_record *records;
    const uint8_t *content; /* pages of the records without CLOISTER_PAGE_ZERO */
};

/*
 * Copies and checks what `descriptor` holds; the descriptor stays open. It must be a file in memory
 * (memfd, tmpfs): reading from anything else could make the agent wait for somebody's disk,
 * network or FUSE process. Returns 0 or a negative errno with *refusal filled:
 *   -EINVAL  no file in memory, or no valid image
 *   -EFBIG   larger than `max` bytes
 *   -ENOMEM  less than `reserve` bytes of the guest's memory would stay available
 *   -EIO     it cannot be read, or became shorter
 */
__attribute__((warn_unused_result)) int image_copy(int descriptor, uint64_t max, uint64_t reserve,
                                                   struct image *image, struct app_reply *refusal);
/* Frees the copy; may be called on an empty one and more than once. */
void image_free(struct image *image);

#endif
