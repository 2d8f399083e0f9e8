/* SPDX-License-Identifier: MIT */
/*
 * libimage: reads and checks enclave images (cloister/image.h) outside the monitor.
 *
 * It refuses what the monitor would refuse, and says why in words. It trusts no byte of its input, never
 * writes to it and allocates nothing in cloister_image_open(): a struct cloister_image points into the
 * caller's data, which must stay as it is as long as the structure is used.
 */
#ifndef CLOISTER_IMAGE_LIBRARY_H
#define CLOISTER_IMAGE_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

#include "cloister/image.h"
#include "cloister/reason.h"

#define CLOISTER_IMAGE_CHECKED __attribute__((warn_unused_result))

struct cloister_image {
    const struct cloister_image_header *header;
    const struct cloister_page_record *records; /* header->launch.record_count of them */
    const uint8_t *content;                     /* content_count pages; NULL if there are none */
    uint32_t content_count;
    uint32_t reserved;
    uint64_t content_offset; /* of the content in the file */
    size_t size;             /* of the whole file */
};

struct cloister_image_error {
    uint16_t reason;   /* enum cloister_reason: the rule, as the monitor would name it */
    const char *field; /* what is wrong: a member of the header ("launch.page_count"), "file",
                          "record" or "content"; a constant string */
    uint64_t index;    /* which record, where field is "record" */
    uint64_t found;    /* the value that was refused; 0 where nothing is compared */
    uint64_t allowed;  /* the limit, or the value that would have been accepted */
    char text[256];    /* all of this as one sentence, zero-terminated */
};

/*
 * Checks the structure of the `size` bytes at `data` and fills *image: everything but signature and
 * measurement. `data` must be aligned to 8 bytes. *error may be NULL.
 *   -EINVAL  it is no valid image; *error says why, *image is unchanged
 */
CLOISTER_IMAGE_CHECKED int cloister_image_open(const uint8_t *data, size_t size,
                                               struct cloister_image *image,
                                               struct cloister_image_error *error);

/*
 * The same in steps, for whoever will not have all of a file in memory. First the header alone:
 *   -EINVAL  no image has it; *error says why
 * cloister_image_head_size() then says how many bytes header and records have; with these at `head`, of a file of
 * `size` bytes, cloister_image_open_head() does as cloister_image_open(), but leaves image->content NULL: the content
 * stands in the file, at image->content_offset. Where `size` is less than what the header says, only the header is
 * looked at.
 */
CLOISTER_IMAGE_CHECKED int cloister_image_check_header(const struct cloister_image_header *header,
                                                       struct cloister_image_error *error);
uint64_t cloister_image_head_size(const struct cloister_image_header *header);
CLOISTER_IMAGE_CHECKED int cloister_image_open_head(const uint8_t *head, uint64_t size,
                                                    struct cloister_image *image,
                                                    struct cloister_image_error *error);

/*
 * Computes the measurement of an opened image from its pages, as the monitor does.
 *   -EIO  the crypto library failed
 */
CLOISTER_IMAGE_CHECKED int cloister_image_measure(const struct cloister_image *image,
                                                  uint8_t measurement[CLOISTER_MEASUREMENT_SIZE]);

/*
 * Checks the author's signature over the header, then the measurement in the header against the pages.
 *   -EACCES  IMAGE_SIGNATURE or IMAGE_MEASUREMENT; *error (may be NULL) says which
 *   -EIO     the crypto library failed
 */
CLOISTER_IMAGE_CHECKED int cloister_image_verify(const struct cloister_image *image,
                                                 struct cloister_image_error *error);

/* The content of record `index`: 4,096 bytes, or NULL for a page of zeros. Takes O(index) steps. */
const uint8_t *cloister_image_page(const struct cloister_image *image, uint32_t index);

/*
 * The author's identity: SHA-256 of the key in the header.
 *   -EIO  the crypto library failed
 */
CLOISTER_IMAGE_CHECKED int cloister_image_author(const struct cloister_image_header *header,
                                                 uint8_t author[32]);

#endif
