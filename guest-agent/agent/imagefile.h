/* SPDX-License-Identifier: MIT */
/*
 * An application's image, as a file in memory that stays the application's. The agent copies the
 * header first, then the records, and checks both before it relies on them. It reads the content
 * only when it sends it: so an image costs the agent 8 bytes a page and no long copy, whatever the
 * file's size is.
 *
 * Nothing keeps the application from changing the file meanwhile. The copies stay as they were
 * checked; content that was changed is what the monitor measures, and it refuses.
 */
#ifndef CLOISTER_AGENT_IMAGEFILE_H
#define CLOISTER_AGENT_IMAGEFILE_H

#include <stddef.h>
#include <stdint.h>

#include "libcloister/app_protocol.h"

struct image {
    int descriptor; /* a duplicate of the application's, or -1 */
    uint64_t size;  /* bytes of the file */
    uint8_t *head;  /* header, and from image_take_records on the records; or NULL */
    const struct cloister_image_header *header;
    const struct cloister_page_record *records;
    uint64_t content_offset; /* pages of the records without CLOISTER_PAGE_ZERO */
};

#define IMAGE_NONE ((struct image){.descriptor = -1})

/*
 * Opens what `descriptor` holds, which stays open, and copies and checks the header. It must be a
 * file in memory (memfd, tmpfs): reading from anything else could make the agent wait for
 * somebody's disk, network or FUSE process. Returns 0 or a negative errno with *refusal filled and
 * *image empty:
 *   -EINVAL  no file in memory, or no valid header
 *   -EFBIG   larger than `max` bytes
 *   -EMFILE, -ENOMEM  the agent has no descriptor or memory left
 *   -EIO     it cannot be read
 */
__attribute__((warn_unused_result)) int image_open(int descriptor, uint64_t max,
                                                   struct image *image, struct app_reply *refusal);
/*
 * Copies and checks the records.
 *   -EINVAL  they are not valid, or do not fit the file's size
 *   -ENOMEM  less than `reserve` bytes of the guest's memory would stay available
 *   -EIO     it cannot be read, or became shorter
 */
__attribute__((warn_unused_result)) int image_take_records(struct image *image, uint64_t reserve,
                                                           struct app_reply *refusal);
/* Reads `count` pages of content from the `first` on. -EIO: it cannot be read, or became shorter.
 */
__attribute__((warn_unused_result)) int image_read(const struct image *image, uint32_t first,
                                                   uint32_t count, void *pages);
/* Closes and frees what is there; may be called on an empty one and more than once. */
void image_close(struct image *image);

#endif
