/* SPDX-License-Identifier: MIT */
/*
 * Makes the dishonest page-table entries of probe.image (enum probe_hole) and signs the result: an author
 * can put into page tables whatever he likes, and the second stage must stop it.
 *
 * usage: probe-holes AUTHOR.pem IN OUT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "author.h"
#include "image.h"
#include "probe.h"

#define PRESENT UINT64_C(0x21)  /* and accessed */
#define WRITABLE UINT64_C(0x42) /* and dirty */
#define NX (UINT64_C(1) << 63)
#define ADDRESS UINT64_C(0x000ffffffffff000)
#define PAGE ((uint64_t)CLOISTER_PAGE_SIZE)

static uint8_t data[16 << 20] __attribute__((aligned(8)));

__attribute__((noreturn)) static void fail(const char *text)
{
    fprintf(stderr, "probe-holes: %s\n", text);
    exit(1);
}

/* The content of a page of the enclave; it must have some. */
static uint64_t *page_content(const struct cloister_image *image, uint64_t page)
{
    for (uint32_t i = 0; i < image->header->launch.record_count; i++) {
        if (image->records[i].page == page) {
            uint8_t *content = (uint8_t *)(uintptr_t)cloister_image_page(image, i);

            if (content) {
                return (void *)content;
            }
        }
    }
    fail("a page table is missing");
}

/* The leaf entry of a linear address; its table must be there. */
static uint64_t *leaf(const struct cloister_image *image, uint64_t address)
{
    uint64_t *table = page_content(image, image->header->launch.cr3_page);

    for (unsigned int shift = 39; shift > 12; shift -= 9) {
        table = page_content(image, (table[address >> shift & 511] & ADDRESS) / PAGE);
    }
    return &table[address >> 12 & 511];
}

static void make_holes(const struct cloister_image *image)
{
    const struct cloister_launch *launch = &image->header->launch;
    const uint64_t code = *leaf(image, launch->entry) & ADDRESS;
    const uint64_t stack = *leaf(image, launch->stack_top - 8) & ADDRESS;
    const uint64_t entries[PROBE_HOLES] = {
        [PROBE_HOLE_BEHIND] = launch->page_count * PAGE | PRESENT | WRITABLE,
        [PROBE_HOLE_WINDOW] =
            (CLOISTER_SHARED_GPFN + launch->shared_count) * PAGE | PRESENT | WRITABLE,
        [PROBE_HOLE_LOW] = (UINT64_C(1) << 32) | PRESENT | WRITABLE,
        [PROBE_HOLE_HIGH] = ((UINT64_C(1) << 40) - PAGE) | PRESENT | WRITABLE,
        [PROBE_HOLE_SHARED_X] = CLOISTER_SHARED_GPFN * PAGE | PRESENT | WRITABLE,
        [PROBE_HOLE_CODE_W] = code | PRESENT | WRITABLE | NX,
        [PROBE_HOLE_DATA_X] = stack | PRESENT | WRITABLE,
    };

    if (launch->shared_count != PROBE_SHARED_PAGES) {
        fail("the shared window is not as probe.h says");
    }
    for (uint32_t i = 0; i < PROBE_HOLES; i++) {
        uint64_t *entry = leaf(image, PROBE_HOLE(i));

        if (*entry) {
            fail("an entry is in use");
        }
        *entry = entries[i];
    }
}

int main(int argc, char **argv)
{
    struct cloister_image_header *header = (void *)data;
    struct cloister_image_error error;
    struct cloister_image image;
    EVP_PKEY *key;
    FILE *file;
    size_t size;

    if (argc != 4) {
        fail("usage: probe-holes AUTHOR.pem IN OUT");
    }
    file = fopen(argv[2], "re");
    if (!file) {
        fail("IN cannot be read");
    }
    size = fread(data, 1, sizeof(data), file);
    fclose(file);
    if (cloister_image_open(data, size, &image, &error)) {
        fail(error.text);
    }
    make_holes(&image);
    if (cloister_image_measure(&image, header->measurement) || author_read(argv[1], &key) ||
        author_sign(header, key)) {
        fail("it cannot be signed");
    }
    EVP_PKEY_free(key);
    file = fopen(argv[3], "we");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) {
        fail("OUT cannot be written");
    }
    return 0;
}
