/* SPDX-License-Identifier: MIT */
/* Measurement of an image, and what the author's signature says about it. */
#include "image.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "author.h"
#include "refuse.h"

static int digest_pages(EVP_MD_CTX *digest, const struct cloister_image *image)
{
    const uint8_t *content = image->content;
    int good = 1;

    for (uint32_t i = 0; good && i < image->header->launch.record_count; i++) {
        const struct cloister_page_record *record = &image->records[i];

        good = EVP_DigestUpdate(digest, record, sizeof(*record));
        if (good && !(record->flags & CLOISTER_PAGE_ZERO)) {
            good = EVP_DigestUpdate(digest, content, CLOISTER_PAGE_SIZE);
            content += CLOISTER_PAGE_SIZE;
        }
    }
    return good;
}

int cloister_image_measure(const struct cloister_image *image,
                           uint8_t measurement[CLOISTER_MEASUREMENT_SIZE])
{
    const struct cloister_launch *launch = &image->header->launch;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    int good = digest && EVP_DigestInit_ex(digest, EVP_sha384(), NULL) &&
               EVP_DigestUpdate(digest, launch, sizeof(*launch)) && digest_pages(digest, image) &&
               EVP_DigestFinal_ex(digest, measurement, NULL);

    EVP_MD_CTX_free(digest);
    return good ? 0 : -EIO;
}

int cloister_image_author(const struct cloister_image_header *header, uint8_t author[32])
{
    return EVP_Digest(header->author_key, sizeof(header->author_key), author, NULL, EVP_sha256(),
                      NULL)
               ? 0
               : -EIO;
}

int cloister_image_verify(const struct cloister_image *image, struct cloister_image_error *error)
{
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE];
    int result = author_verify(image->header);

    if (result == -EACCES) {
        return image_refuse(error, result,
                            &(struct cloister_image_error){
                                .reason = CLOISTER_REASON_IMAGE_SIGNATURE, .field = "signature"},
                            "the key in the header did not sign this header");
    }
    if (!result) {
        result = cloister_image_measure(image, measurement);
    }
    if (!result && memcmp(measurement, image->header->measurement, sizeof(measurement))) {
        return image_refuse(
            error, -EACCES,
            &(struct cloister_image_error){.reason = CLOISTER_REASON_IMAGE_MEASUREMENT,
                                           .field = "measurement"},
            "the launch state and the pages do not have the measurement that was "
            "signed");
    }
    if (result && error) {
        *error =
            (struct cloister_image_error){.field = "file", .text = "the crypto library failed"};
    }
    return result;
}
