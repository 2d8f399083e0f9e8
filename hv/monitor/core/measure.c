/* SPDX-License-Identifier: MIT */
#include "core/measure.h"

#include <bearssl_ec.h>

#include "core/hash.h"

#define EC_POINT_SIZE 65u

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

bool measure_signature_valid(const struct cloister_image_header *header)
{
    uint8_t digest[SHA256_SIZE];
    uint8_t point[EC_POINT_SIZE];
    br_ec_public_key key = {.curve = BR_EC_secp256r1, .q = point, .qlen = sizeof(point)};

    sha256(header, CLOISTER_IMAGE_SIGNED_SIZE, NULL, 0, digest);
    point[0] = 0x04; /* uncompressed (SEC 1, 2.3.3) */
    memcpy(point + 1, header->author_key, sizeof(header->author_key));
    return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, digest, sizeof(digest), &key, header->signature,
                                 sizeof(header->signature)) == 1;
}

void measure_author(const struct cloister_image_header *header, uint8_t author[32])
{
    sha256(header->author_key, sizeof(header->author_key), NULL, 0, author);
}
