/* SPDX-License-Identifier: MIT */
/* Programs that cannot become enclaves. */
#include "sample.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "suite.h"

static struct sample_program elf;

static void setup(void)
{
    sample_program_make(&elf);
}

/* Reads `size` bytes from memory of exactly that size. */
static int read_copy(size_t size, struct program *program, char text[256])
{
    uint8_t *copy = malloc(size ? size : 1);
    int result;

    if (size) {
        memcpy(copy, &elf, size);
    }
    memset(text, 0, 256);
    result = program_read(copy, size, program, text);
    free(copy);
    return result;
}

/* Refused, with a sentence that has these words; then the program is made whole again. */
static void refused(const char *words)
{
    struct program program;
    char text[256];

    ck_assert_int_eq(read_copy(sizeof(elf), &program, text), -EINVAL);
    ck_assert_msg(strstr(text, words) != NULL, "'%s' is not in '%s'", words, text);
    setup();
}

START_TEST(good)
{
    struct program program;
    char text[256];

    ck_assert_int_eq(program_read((void *)&elf, sizeof(elf), &program, text), 0);
    ck_assert_uint_eq(program.segment_count, 3);
    ck_assert_uint_eq(program.segments[0].flags, CLOISTER_PAGE_R | CLOISTER_PAGE_X);
    ck_assert_uint_eq(program.segments[1].flags, CLOISTER_PAGE_R);
    ck_assert_uint_eq(program.segments[2].flags, CLOISTER_PAGE_R | CLOISTER_PAGE_W);
    ck_assert_uint_eq(program.segments[2].content_size, 8192);
    ck_assert_uint_eq(program.segments[2].size, 5 * 4096 + 1);
    ck_assert_uint_eq(program.tls.size, 100);
    ck_assert_uint_eq(program.tls.content_size, 24);
    ck_assert_uint_eq(program.tls_align, 16);
    ck_assert_uint_eq(program.end, CLOISTER_ENCLAVE_BASE + 0x4000 + 6 * 4096);
    ck_assert_uint_eq(program.start.layout, CLOISTER_ENCLAVE_BASE + 0x2000);
}
END_TEST

START_TEST(not_elf)
{
    elf.header.e_ident[0] = 0;
    refused("not an ELF");
    elf.header.e_ident[EI_CLASS] = ELFCLASS32;
    refused("64-bit");
    elf.header.e_ident[EI_DATA] = ELFDATA2MSB;
    refused("little-endian");
    elf.header.e_ident[EI_VERSION] = 2;
    refused("version");
    elf.header.e_version = 0;
    refused("version");
}
END_TEST

START_TEST(wrong_kind)
{
    elf.header.e_machine = EM_386;
    refused("machine 3");
    elf.header.e_machine = EM_AARCH64;
    refused("machine 183");
    elf.header.e_type = ET_DYN;
    refused("position-independent");
    elf.header.e_type = ET_REL;
    refused("ELF type 1");
    elf.header.e_type = ET_CORE;
    refused("ELF type 4");
    elf.headers[PROGRAM_TLS].p_type = PT_DYNAMIC;
    refused("dynamically linked");
    elf.headers[PROGRAM_TLS].p_type = PT_INTERP;
    refused("dynamically linked");
}
END_TEST

START_TEST(headers)
{
    elf.header.e_phentsize = 32;
    refused("program headers of 32");
    elf.header.e_phnum = 0;
    refused("program headers");
    elf.header.e_phnum = PN_XNUM;
    refused("program headers");
    elf.header.e_phnum = 1000;
    refused("program headers");
    elf.header.e_phoff = sizeof(elf) - 1;
    refused("program headers");
    elf.header.e_phoff = UINT64_MAX;
    refused("program headers");
    elf.header.e_phoff = UINT64_MAX - 55;
    refused("program headers");
}
END_TEST

START_TEST(segments_outside_the_file)
{
    elf.headers[PROGRAM_DATA].p_filesz = elf.headers[PROGRAM_DATA].p_memsz + 1;
    refused("in the file, but only");
    elf.headers[PROGRAM_DATA].p_offset += 4096;
    refused("not in the file");
    elf.headers[PROGRAM_DATA].p_offset = UINT64_MAX;
    refused("not in the file");
    elf.headers[PROGRAM_DATA].p_offset = UINT64_MAX - 4095;
    refused("not in the file");
    elf.headers[PROGRAM_TLS].p_offset = sizeof(elf);
    refused("not in the file");
    elf.headers[PROGRAM_NOTE].p_offset = UINT64_MAX;
    refused("not in the file");
}
END_TEST

START_TEST(segments_outside_the_enclave)
{
    elf.headers[PROGRAM_CODE].p_vaddr = 0x400000;
    refused("linker script");
    elf.headers[PROGRAM_CODE].p_vaddr = CLOISTER_ENCLAVE_BASE - 4096;
    refused("linker script");
    elf.headers[PROGRAM_DATA].p_vaddr = UINT64_MAX - 4095;
    refused("linker script");
    elf.headers[PROGRAM_DATA].p_vaddr = CLOISTER_ENCLAVE_BASE + (UINT64_C(1) << 32) - 4096;
    refused("linker script");
    elf.headers[PROGRAM_DATA].p_memsz = UINT64_MAX;
    refused("linker script");
    elf.headers[PROGRAM_DATA].p_memsz = UINT64_C(1) << 32;
    refused("linker script");
    elf.headers[PROGRAM_TLS].p_vaddr = 0;
    refused("linker script");
}
END_TEST

START_TEST(segments_unaligned)
{
    elf.headers[PROGRAM_CODE].p_vaddr += 16;
    refused("does not start at a page");
    elf.headers[PROGRAM_DATA].p_vaddr += 1;
    refused("does not start at a page");
    elf.headers[PROGRAM_RODATA].p_vaddr -= 8;
    refused("does not start at a page");
}
END_TEST

START_TEST(segments_overlapping)
{
    elf.headers[PROGRAM_RODATA].p_vaddr = elf.headers[PROGRAM_CODE].p_vaddr;
    refused("overlaps or precedes");
    elf.headers[PROGRAM_CODE].p_memsz = 4097;
    refused("overlaps or precedes");
    elf.headers[PROGRAM_DATA].p_vaddr -= 4096;
    refused("overlaps or precedes");
    elf.headers[PROGRAM_CODE].p_vaddr += 64 * 4096;
    refused("overlaps or precedes");
}
END_TEST

START_TEST(permissions)
{
    elf.headers[PROGRAM_CODE].p_flags = PF_R | PF_W | PF_X;
    refused("writable and executable");
    elf.headers[PROGRAM_DATA].p_flags = PF_W | PF_X;
    refused("writable and executable");
    elf.headers[PROGRAM_CODE].p_flags = PF_X;
    refused("not readable");
    elf.headers[PROGRAM_DATA].p_flags = PF_W;
    refused("not readable");
    elf.headers[PROGRAM_RODATA].p_flags = 0;
    refused("not readable");
}
END_TEST

START_TEST(thread_local)
{
    elf.headers[PROGRAM_TLS].p_align = 24;
    refused("aligned to 24");
    elf.headers[PROGRAM_TLS].p_align = 8192;
    refused("aligned to 8192");
    elf.headers[PROGRAM_TLS].p_align = UINT64_MAX;
    refused("aligned to");
    elf.headers[PROGRAM_TLS].p_memsz = (1 << 20) + 1;
    refused("thread-local variables");
}
END_TEST

START_TEST(start_note)
{
    elf.headers[PROGRAM_NOTE].p_type = PT_NULL;
    refused("no start note");
    elf.note.n_type = 2;
    refused("no start note");
    elf.owner[0] = 'c';
    refused("no start note");
    elf.note.n_descsz = 24;
    refused("has 24 bytes");
    elf.note.n_descsz = 36;
    refused("larger than its segment");
    elf.note.n_namesz = UINT32_MAX;
    refused("larger than its segment");
    elf.note.n_descsz = UINT32_MAX;
    refused("larger than its segment");
    elf.headers[PROGRAM_NOTE].p_filesz = 20;
    elf.headers[PROGRAM_NOTE].p_memsz = 20;
    refused("larger than its segment");
    elf.start.version = 0;
    refused("no start note");
    elf.start.version = 2;
    refused("version 2");
    elf.start.vector_count = 256;
    refused("256 vectors");
}
END_TEST

START_TEST(start_addresses)
{
    elf.header.e_entry = 0;
    refused("entry point");
    elf.header.e_entry = elf.headers[PROGRAM_DATA].p_vaddr;
    refused("entry point");
    elf.header.e_entry = elf.headers[PROGRAM_CODE].p_vaddr + 4096;
    refused("entry point");
    elf.start.vectors = elf.headers[PROGRAM_CODE].p_vaddr + 4096 - 32 * 16 + 1;
    refused("exception stubs");
    elf.start.vectors = UINT64_MAX - 4;
    refused("exception stubs");
    elf.start.vector_stride = 0;
    refused("exception stubs");
    elf.start.vector_stride = UINT64_MAX;
    refused("exception stubs");
    elf.start.layout += 8;
    refused("layout page");
    elf.start.layout = elf.headers[PROGRAM_DATA].p_vaddr;
    refused("layout page");
    elf.start.layout = elf.headers[PROGRAM_CODE].p_vaddr;
    refused("layout page");
    elf.start.layout = elf.headers[PROGRAM_RODATA].p_vaddr + 8192;
    refused("layout page");
    for (size_t i = 0; i < PROGRAM_TLS; i++) {
        elf.headers[i].p_type = PT_NULL;
    }
    refused("no segments");
}
END_TEST

START_TEST(every_truncation)
{
    struct program program;
    char text[256];

    for (size_t size = 0; size < sizeof(elf); size += size < 400 ? 1 : 61) {
        /* The padding behind the thread-local variables is all that may be missing. */
        REQUIRE(read_copy(size, &program, text) == -EINVAL && strlen(text) > 5);
    }
}
END_TEST

START_TEST(random_mutations)
{
    static const size_t hot = sizeof(Elf64_Ehdr) + PROGRAM_HEADERS * sizeof(Elf64_Phdr);
    struct program program;
    char text[256];
    unsigned int accepted = 0;

    srand(2);
    for (unsigned int round = 0; round < 100000; round++) {
        const unsigned int changes = 1 + (unsigned int)rand() % 3;

        for (unsigned int i = 0; i < changes; i++) {
            const bool note = rand() % 3 == 0;
            uint8_t *base = note ? (uint8_t *)&elf.note : (uint8_t *)&elf;
            uint8_t *byte = base + (size_t)rand() % (note ? 60 : hot);

            *byte = rand() % 2 ? (uint8_t)rand() : *byte ^ (uint8_t)(1 << rand() % 8);
        }
        if (read_copy(sizeof(elf), &program, text)) {
            REQUIRE(strlen(text) > 5);
        } else {
            accepted++;
            for (uint32_t i = 0; i < program.segment_count; i++) {
                REQUIRE(program.segments[i].address + program.segments[i].size <= program.end);
            }
        }
        setup();
    }
    ck_assert_uint_gt(accepted, 1000);
}
END_TEST

SUITE_MAIN("image program", setup, good, not_elf, wrong_kind, headers, segments_outside_the_file,
           segments_outside_the_enclave, segments_unaligned, segments_overlapping, permissions,
           thread_local, start_note, start_addresses, every_truncation, random_mutations)
