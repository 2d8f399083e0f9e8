/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>

void sample_make(struct sample *sample)
{
    *sample = (struct sample){
        .header =
            {
                .magic = CLOISTER_IMAGE_MAGIC,
                .version = CLOISTER_IMAGE_VERSION,
                .header_size = CLOISTER_IMAGE_HEADER_SIZE,
                .launch =
                    {
                        .page_count = 5,
                        .record_count = SAMPLE_RECORDS,
                        .thread_count = 2,
                        .shared_count = 1,
                        .cr3_page = 4,
                        .entry = CLOISTER_ENCLAVE_BASE,
                        .stack_top = CLOISTER_ENCLAVE_BASE + 0x2000,
                        .stack_stride = 0x1000,
                        .tls_base = CLOISTER_ENCLAVE_BASE + 0x3000,
                        .tls_stride = 64,
                        .tss_base = CLOISTER_ENCLAVE_BASE + 0x3100,
                        .tss_stride = 128,
                        .gdt_base = CLOISTER_ENCLAVE_BASE + 0x100,
                        .idt_base = CLOISTER_ENCLAVE_BASE + 0x200,
                        .gdt_limit = 23,
                        .idt_limit = 511,
                        .code_selector = 8,
                        .data_selector = 16,
                    },
                .image_version = 3,
                .security_version = 4,
                .name = "sample",
            },
        .records = {{0, CLOISTER_PAGE_R | CLOISTER_PAGE_X},
                    {1, CLOISTER_PAGE_R | CLOISTER_PAGE_W | CLOISTER_PAGE_ZERO},
                    {3, CLOISTER_PAGE_R | CLOISTER_PAGE_ZERO},
                    {4, CLOISTER_PAGE_R | CLOISTER_PAGE_W}},
    };
    for (size_t i = 0; i < 4096; i++) {
        sample->content[0][i] = (uint8_t)(i * 7 + 1);
        sample->content[1][i] = (uint8_t)(i * 11 + 2);
    }
}

EVP_PKEY *sample_key(void)
{
    static EVP_PKEY *key;

    if (!key) {
        key = EVP_EC_gen("prime256v1");
    }
    ck_assert_ptr_nonnull(key);
    return key;
}

void sample_sign(struct sample *sample)
{
    struct cloister_image image;

    ck_assert_int_eq(cloister_image_open((const void *)sample, sizeof(*sample), &image, NULL), 0);
    ck_assert_int_eq(cloister_image_measure(&image, sample->header.measurement), 0);
    ck_assert_int_eq(author_sign(&sample->header, sample_key()), 0);
}

int sample_open(const void *data, size_t size, struct cloister_image_error *error)
{
    uint8_t *copy = malloc(size ? size : 1);
    struct cloister_image image;
    int result;

    ck_assert_ptr_nonnull(copy);
    if (size) {
        memcpy(copy, data, size);
    }
    result = cloister_image_open(copy, size, &image, error);
    free(copy);
    return result;
}

void sample_refused(const struct sample *sample, enum cloister_reason reason, const char *field)
{
    struct cloister_image_error error;

    ck_assert_int_eq(sample_open(sample, sizeof(*sample), &error), -EINVAL);
    ck_assert_str_eq(cloister_reason_name(error.reason), cloister_reason_name(reason));
    ck_assert_str_eq(error.field, field);
    ck_assert_int_eq(strncmp(error.text, field, strlen(field)), 0);
    ck_assert_uint_gt(strlen(error.text), strlen(field) + 10);
    ck_assert_int_eq(sample_open(sample, sizeof(*sample), NULL), -EINVAL);
}

static Elf64_Phdr segment(uint32_t type, uint32_t flags, size_t offset, size_t size)
{
    return (Elf64_Phdr){.p_type = type,
                        .p_flags = flags,
                        .p_offset = offset,
                        .p_vaddr = CLOISTER_ENCLAVE_BASE + offset,
                        .p_filesz = size,
                        .p_memsz = size,
                        .p_align = 4096};
}

void sample_program_make(struct sample_program *program)
{
    *program = (struct sample_program){
        .header =
            {
                .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                            EV_CURRENT},
                .e_type = ET_EXEC,
                .e_machine = EM_X86_64,
                .e_version = EV_CURRENT,
                .e_entry = CLOISTER_ENCLAVE_BASE + offsetof(struct sample_program, code) + 16,
                .e_phoff = offsetof(struct sample_program, headers),
                .e_ehsize = sizeof(Elf64_Ehdr),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_phnum = PROGRAM_HEADERS,
            },
        .headers =
            {
                [PROGRAM_CODE] =
                    segment(PT_LOAD, PF_R | PF_X, offsetof(struct sample_program, code), 4096),
                [PROGRAM_RODATA] =
                    segment(PT_LOAD, PF_R, offsetof(struct sample_program, layout), 2 * 4096),
                [PROGRAM_DATA] =
                    segment(PT_LOAD, PF_R | PF_W, offsetof(struct sample_program, data), 2 * 4096),
                [PROGRAM_TLS] = segment(PT_TLS, PF_R, offsetof(struct sample_program, tls), 24),
                [PROGRAM_NOTE] = segment(PT_NOTE, PF_R, offsetof(struct sample_program, note),
                                         sizeof(Elf64_Nhdr) + 12 + sizeof(struct cloister_start)),
            },
        .note = {.n_namesz = 9,
                 .n_descsz = sizeof(struct cloister_start),
                 .n_type = CLOISTER_START_NOTE},
        .owner = CLOISTER_START_OWNER,
        .start = {.version = CLOISTER_START_VERSION,
                  .vector_count = CLOISTER_VECTOR_COUNT,
                  .vectors = CLOISTER_ENCLAVE_BASE + offsetof(struct sample_program, code) + 1024,
                  .vector_stride = 16,
                  .layout = CLOISTER_ENCLAVE_BASE + offsetof(struct sample_program, layout)},
    };
    program->headers[PROGRAM_TLS].p_align = 16;
    program->headers[PROGRAM_TLS].p_memsz = 100;
    program->headers[PROGRAM_DATA].p_memsz = 5 * 4096 + 1; /* with .bss */
    memset(program->code, 0x90, sizeof(program->code));
    memset(program->data, 0xda, sizeof(program->data));
    memset(program->tls, 0x71, 24);
}
