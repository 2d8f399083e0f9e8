/* SPDX-License-Identifier: MIT */
/*
 * What UEFI firmware measures of an application: its Authenticode digest, which leaves out the
 * signature and what signing changes (Windows Authenticode Portable Executable Signature Format
 * 1.0, "Calculating the PE Image Hash"; TCG PC Client Platform Firmware Profile 1.05, 3.3.4.5).
 * Offsets: Microsoft PE Format.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "verify/application.h"
#include "cloister/predict.h"

#define MAX_APPLICATION (512u << 20)
#define COFF_SIZE 24u        /* the "PE" signature and the COFF header */
#define CHECKSUM_OFFSET 64u  /* in the optional header */
#define CERTIFICATE_ENTRY 4u /* of the data directories */
#define SIGNED_ALIGNMENT                                                                           \
    8u /* "The Attribute Certificate Table": of what stands before a signature */

uint32_t application_number(const struct application *image, size_t offset, size_t size)
{
    uint32_t value = 0;

    for (size_t i = size; i-- > 0;) {
        value = value << 8 | image->data[offset + i];
    }
    return value;
}

/* Is [offset, offset + size) in the file? */
static bool within(const struct application *image, size_t offset, size_t size)
{
    return offset <= image->size && size <= image->size - offset;
}

static int compare_pieces(const void *a, const void *b)
{
    const struct application_piece *left = a, *right = b;

    return (left->offset > right->offset) - (left->offset < right->offset);
}

static int read_sections(struct application *image, size_t table)
{
    if (!within(image, table, (size_t)image->section_count * APPLICATION_SECTION_SIZE)) {
        return -EBADMSG;
    }
    for (uint32_t i = 0; i < image->section_count; i++) {
        struct application_piece *section = &image->sections[i];

        section->size = application_number(image, table + i * APPLICATION_SECTION_SIZE + 16, 4);
        section->offset =
            section->size ? application_number(image, table + i * APPLICATION_SECTION_SIZE + 20, 4)
                          : 0;
        if (!within(image, section->offset, section->size)) {
            return -EBADMSG;
        }
    }
    image->table = table;
    qsort(image->sections, image->section_count, sizeof(image->sections[0]), compare_pieces);
    return 0;
}

static int read_image(struct application *image)
{
    size_t coff, optional, optional_size, directories;
    uint32_t magic;

    if (!within(image, 0, 64) || memcmp(image->data, "MZ", 2) != 0) {
        return -EBADMSG;
    }
    coff = application_number(image, 60, 4);
    if (!within(image, coff, COFF_SIZE + 2) || memcmp(image->data + coff, "PE\0\0", 4) != 0) {
        return -EBADMSG;
    }
    image->section_count = application_number(image, coff + 6, 2);
    optional_size = application_number(image, coff + 20, 2);
    optional = coff + COFF_SIZE;
    magic = application_number(image, optional, 2);
    directories = magic == 0x20b ? 112 : 96; /* PE32+ or PE32 */
    if ((magic != 0x20b && magic != 0x10b) || image->section_count > APPLICATION_MAX_SECTIONS ||
        optional_size < directories + 8 * (CERTIFICATE_ENTRY + 1) ||
        !within(image, optional, optional_size) ||
        application_number(image, optional + directories - 4, 4) <= CERTIFICATE_ENTRY) {
        return -EBADMSG;
    }
    image->header_size = application_number(image, optional + 60, 4);
    image->checksum = optional + CHECKSUM_OFFSET;
    image->certificate = optional + directories + 8 * CERTIFICATE_ENTRY;
    image->certificate_size = application_number(image, image->certificate + 4, 4);
    if (!within(image, image->header_size, 0) || image->header_size < image->certificate + 8) {
        return -EBADMSG;
    }
    return read_sections(image, optional + optional_size);
}

static bool add(EVP_MD_CTX *context, const struct application *image, size_t from, size_t to)
{
    return from <= to && EVP_DigestUpdate(context, image->data + from, to - from) == 1;
}

static int digest_image(const struct application *image, uint8_t digest[32])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t hashed = image->header_size, end = image->size - image->certificate_size;
    bool good = context && EVP_DigestInit_ex2(context, EVP_sha256(), NULL) == 1 &&
                add(context, image, 0, image->checksum) &&
                add(context, image, image->checksum + 4, image->certificate) &&
                add(context, image, image->certificate + 8, image->header_size);

    for (uint32_t i = 0; i < image->section_count && good; i++) {
        const struct application_piece *section = &image->sections[i];

        good = add(context, image, section->offset, (size_t)section->offset + section->size);
        hashed += section->size;
    }
    if (good && hashed < end) { /* what follows the sections, but not the signatures */
        good = add(context, image, hashed, end);
    }
    good = good && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    return good ? 0 : -EIO;
}

static int read_file(const char *path, struct application *image, uint8_t **data)
{
    FILE *file = fopen(path, "re");
    long size = -1;
    int rc = 0;

    *data = NULL;
    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET)) {
        rc = errno ? -errno : -EIO;
    } else if (size > (long)MAX_APPLICATION) {
        rc = -EFBIG;
    } else if (!(*data = malloc((size_t)size + 1))) {
        rc = -ENOMEM;
    } else if (fread(*data, 1, (size_t)size, file) != (size_t)size) {
        rc = -EIO;
    }
    if (file) {
        fclose(file);
    }
    image->data = *data;
    image->size = rc ? 0 : (size_t)size;
    return rc;
}

/* Adds the event, with what there is to be said about the file. */
static int add_event(struct cloister_plan *plan, uint32_t pcr, const uint8_t digest[32],
                     const char *path, const struct application *image)
{
    struct cloister_planned *event;
    char *name;
    int rc;

    if (asprintf(&name, "application %s", path) < 0) {
        return -ENOMEM;
    }
    rc = cloister_plan_digest(plan, pcr, digest, name);
    free(name);
    if (!rc) {
        event = &plan->events[plan->count - 1];
        event->application = true;
        event->outside = application_outside(image);
        event->unaligned = !image->certificate_size && image->size % SIGNED_ALIGNMENT;
    }
    return rc;
}

int cloister_plan_application(struct cloister_plan *plan, uint32_t pcr, const char *path)
{
    struct application image = {0};
    uint8_t *data, digest[32];
    int rc = read_file(path, &image, &data);

    if (!rc) {
        rc = read_image(&image);
    }
    if (!rc && image.certificate_size > image.size) {
        rc = -EBADMSG;
    }
    if (!rc) {
        rc = digest_image(&image, digest);
    }
    if (!rc) {
        rc = add_event(plan, pcr, digest, path, &image);
    }
    free(data);
    return rc;
}
