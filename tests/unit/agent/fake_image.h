/* SPDX-License-Identifier: MIT */
/* Images for tests: right in structure, signed by nobody. */
#ifndef CLOISTER_TEST_FAKE_IMAGE_H
#define CLOISTER_TEST_FAKE_IMAGE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/image.h"

struct fake_image {
    uint8_t *data;
    size_t size;
    size_t content; /* where it starts */
};

/* `pages` pages with content, then `zeros` without, 3 pages apart; `shared` pages of window. */
static inline struct fake_image fake_image(uint32_t pages, uint32_t zeros, uint32_t threads,
                                           uint32_t shared)
{
    uint32_t records = pages + zeros;
    size_t head = CLOISTER_IMAGE_HEADER_SIZE + records * sizeof(struct cloister_page_record);
    struct fake_image image = {.content = (head + 4095) & ~(size_t)4095};
    struct cloister_image_header header = {
        .magic = CLOISTER_IMAGE_MAGIC,
        .version = CLOISTER_IMAGE_VERSION,
        .header_size = CLOISTER_IMAGE_HEADER_SIZE,
        .launch = {.page_count = records * 3,
                   .record_count = records,
                   .thread_count = threads,
                   .shared_count = shared,
                   .entry = CLOISTER_ENCLAVE_BASE,
                   .stack_top = CLOISTER_ENCLAVE_BASE + CLOISTER_PAGE_SIZE,
                   .tls_base = CLOISTER_ENCLAVE_BASE,
                   .tss_base = CLOISTER_ENCLAVE_BASE,
                   .gdt_base = CLOISTER_ENCLAVE_BASE,
                   .idt_base = CLOISTER_ENCLAVE_BASE,
                   .gdt_limit = 23,
                   .idt_limit = 15,
                   .code_selector = 8,
                   .data_selector = 16},
        .image_version = 4,
        .security_version = 2,
        .name = "fake",
    };

    image.size = pages ? image.content + (size_t)pages * CLOISTER_PAGE_SIZE : head;
    image.data = calloc(1, image.size);
    memcpy(image.data, &header, sizeof(header));
    for (uint32_t i = 0; i < records; i++) {
        struct cloister_page_record record = {
            .page = i * 3, .flags = CLOISTER_PAGE_R | (i < pages ? 0 : CLOISTER_PAGE_ZERO)};

        memcpy(image.data + CLOISTER_IMAGE_HEADER_SIZE + i * sizeof(record), &record,
               sizeof(record));
    }
    for (size_t i = image.content; pages && i < image.size; i++)
        image.data[i] = (uint8_t)(i * 7 + i / 4096);
    return image;
}

#endif
