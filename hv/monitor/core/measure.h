/* SPDX-License-Identifier: MIT */
/*
 * Measurement and signature of an image (image.h says over what): SHA-384 and ECDSA P-256 by
 * BearSSL.
 */
#ifndef CLOISTER_MONITOR_MEASURE_H
#define CLOISTER_MONITOR_MEASURE_H

#include <bearssl_hash.h>

#include "core/host.h"
#include "core/p256.h"

struct measurement {
    br_sha384_context hash;
};

void measure_begin(struct measurement *measurement, const struct cloister_launch *launch);
/* `content`: the page as it stands in its sealed frame; NULL for a zero page. */
void measure_page(struct measurement *measurement, const struct cloister_page_record *record,
                  const void *content);
/* The value of what was added until now; more may be added after. */
void measure_value(const struct measurement *measurement, uint8_t value[CLOISTER_MEASUREMENT_SIZE]);

/* A step of looking whether the author's key signed this header. 0, -EACCES; -EAGAIN: not known yet. */
MUST_USE int measure_signature_step(const struct cloister_image_header *header,
                                    struct p256_job *job);
/* The author's identity: SHA-256 of the key. */
void measure_author(const struct cloister_image_header *header, uint8_t author[32]);

#endif
