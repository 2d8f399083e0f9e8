/* SPDX-License-Identifier: MIT */
#include "core/measure.h"

#include "core/hash.h"

void measure_begin(struct measurement *measurement, const struct cloister_launch *launch)
{
    br_sha384_init(&measurement->hash);
    br_sha384_update(&measurement->hash, launch, sizeof(*launch));
}

void measure_page(struct measurement *measurement, const struct cloister_page_record *record,
                  const void *content)
{
    br_sha384_update(&measurement->hash, record, sizeof(*record));
    if (content) {
        br_sha384_update(&measurement->hash, content, CLOISTER_PAGE_SIZE);
    }
}

void measure_value(const struct measurement *measurement, uint8_t value[CLOISTER_MEASUREMENT_SIZE])
{
    br_sha384_out(&measurement->hash, value);
}

int measure_signature_step(const struct cloister_image_header *header, struct p256_job *job)
{
    uint8_t digest[SHA256_SIZE];
    uint8_t point[P256_POINT_SIZE];

    if (p256_advance(job)) {
        return -EAGAIN;
    }
    sha256(header, CLOISTER_IMAGE_SIGNED_SIZE, NULL, 0, digest);
    point[0] = 0x04; /* uncompressed (SEC 1, 2.3.3) */
    memcpy(point + 1, header->author_key, sizeof(header->author_key));
    return p256_verify(job, digest, point, header->signature);
}

void measure_author(const struct cloister_image_header *header, uint8_t author[32])
{
    sha256(header->author_key, sizeof(header->author_key), NULL, 0, author);
}
