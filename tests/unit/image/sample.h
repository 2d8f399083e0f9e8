/* SPDX-License-Identifier: MIT */
/* Images and programs made by hand, byte by byte, to be broken by the tests. */
#ifndef TEST_IMAGE_SAMPLE_H
#define TEST_IMAGE_SAMPLE_H

#include <elf.h>

#include <check.h>

#include "author.h"
#include "image.h"
#include "runtime/layout.h"

/* A small valid image: 5 pages, of which 4 exist and 2 have content. */
enum { SAMPLE_RECORDS = 4, SAMPLE_CONTENT = 2, SAMPLE_SIZE = 3 * 4096 };

struct sample {
    struct cloister_image_header header;
    struct cloister_page_record records[SAMPLE_RECORDS];
    uint8_t padding[4096 - 1024 - 8 * SAMPLE_RECORDS];
    uint8_t content[SAMPLE_CONTENT][4096];
};
_Static_assert(sizeof(struct sample) == SAMPLE_SIZE, "as the file");

/* Not signed; the measurement is not set. */
void sample_make(struct sample *sample);
/* Measures and signs it with a key that is made once. */
void sample_sign(struct sample *sample);
EVP_PKEY *sample_key(void);

/* Opens `size` bytes of `data`, copied to memory of exactly that size: a byte beyond is found out. */
int sample_open(const void *data, size_t size, struct cloister_image_error *error);
/* It must be refused with this reason and field, and a sentence. */
void sample_refused(const struct sample *sample, enum cloister_reason reason, const char *field);

/* A small valid program: code, read-only data with the start note and the layout page, data, TLS. */
enum { PROGRAM_CODE, PROGRAM_RODATA, PROGRAM_DATA, PROGRAM_TLS, PROGRAM_NOTE, PROGRAM_HEADERS };
enum { PROGRAM_SIZE = 6 * 4096 };
struct sample_program {
    Elf64_Ehdr header;
    Elf64_Phdr headers[PROGRAM_HEADERS];
    uint8_t padding[4096 - sizeof(Elf64_Ehdr) - PROGRAM_HEADERS * sizeof(Elf64_Phdr)];
    uint8_t code[4096];
    uint8_t layout[4096];
    Elf64_Nhdr note;
    char owner[12];
    struct cloister_start start;
    uint8_t rodata[4096 - sizeof(Elf64_Nhdr) - 12 - sizeof(struct cloister_start)];
    uint8_t data[4096];
    uint8_t tls[4096];
};
_Static_assert(sizeof(struct sample_program) == PROGRAM_SIZE, "as the file");

void sample_program_make(struct sample_program *program);

#endif
