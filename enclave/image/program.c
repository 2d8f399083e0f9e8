/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_TLS_SIZE (UINT64_C(1) << 20)

/* The file as it is being read. */
struct elf {
    const uint8_t *data;
    size_t size;
    Elf64_Ehdr header;
    char *text;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct elf *elf, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(elf->text, 256, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static bool in_file(const struct elf *elf, uint64_t offset, uint64_t size)
{
    return offset <= elf->size && size <= elf->size - offset;
}

static int read_header(struct elf *elf)
{
    Elf64_Ehdr *header = &elf->header;

    if (elf->size < sizeof(*header) || memcmp(elf->data, ELFMAG, SELFMAG)) {
        return refuse(elf, "not an ELF file");
    }
    memcpy(header, elf->data, sizeof(*header));
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB) {
        return refuse(elf, "not a 64-bit little-endian ELF file");
    }
    if (header->e_ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT) {
        return refuse(elf, "unknown ELF version %" PRIu32, header->e_version);
    }
    if (header->e_machine != EM_X86_64) {
        return refuse(elf, "machine %u, must be x86-64 (%d)", header->e_machine, EM_X86_64);
    }
    if (header->e_type == ET_DYN) {
        return refuse(elf, "it is position-independent: link with -no-pie and the enclave's linker "
                           "script");
    }
    if (header->e_type != ET_EXEC) {
        return refuse(elf, "ELF type %u, must be an executable (%d)", header->e_type, ET_EXEC);
    }
    if (header->e_phentsize != sizeof(Elf64_Phdr)) {
        return refuse(elf, "program headers of %u bytes, must be %zu", header->e_phentsize,
                      sizeof(Elf64_Phdr));
    }
    if (header->e_phnum == 0 || header->e_phnum == PN_XNUM ||
        !in_file(elf, header->e_phoff, (uint64_t)header->e_phnum * sizeof(Elf64_Phdr))) {
        return refuse(elf, "the program headers (%u at offset %" PRIu64 ") are not in the file",
                      header->e_phnum, (uint64_t)header->e_phoff);
    }
    return 0;
}

static uint64_t round_up(uint64_t value)
{
    return (value + CLOISTER_PAGE_SIZE - 1) & ~(uint64_t)(CLOISTER_PAGE_SIZE - 1);
}

/* Common rules of PT_LOAD and PT_TLS: where the bytes are. */
static int read_bytes(struct elf *elf, const Elf64_Phdr *header, struct program_segment *segment)
{
    const uint64_t limit =
        CLOISTER_ENCLAVE_BASE + (uint64_t)CLOISTER_MAX_PAGES * CLOISTER_PAGE_SIZE;

    if (header->p_filesz > header->p_memsz) {
        return refuse(elf,
                      "a segment has %" PRIu64 " bytes in the file, but only %" PRIu64 " in memory",
                      (uint64_t)header->p_filesz, (uint64_t)header->p_memsz);
    }
    if (!in_file(elf, header->p_offset, header->p_filesz)) {
        return refuse(elf,
                      "a segment (offset %" PRIu64 ", %" PRIu64 " bytes) is not in the file of "
                      "%zu bytes",
                      (uint64_t)header->p_offset, (uint64_t)header->p_filesz, elf->size);
    }
    if (header->p_vaddr < CLOISTER_ENCLAVE_BASE || header->p_vaddr > limit ||
        header->p_memsz > limit - header->p_vaddr) {
        return refuse(elf,
                      "a segment at 0x%" PRIx64 " of 0x%" PRIx64 " bytes: enclaves stand at "
                      "0x%" PRIx64 " to 0x%" PRIx64 " (use the enclave's linker script)",
                      (uint64_t)header->p_vaddr, (uint64_t)header->p_memsz, CLOISTER_ENCLAVE_BASE,
                      limit);
    }
    *segment = (struct program_segment){
        .address = header->p_vaddr,
        .size = header->p_memsz,
        .content = elf->data + header->p_offset,
        .content_size = header->p_filesz,
        .flags = (header->p_flags & PF_R ? CLOISTER_PAGE_R : 0) |
                 (header->p_flags & PF_W ? CLOISTER_PAGE_W : 0) |
                 (header->p_flags & PF_X ? CLOISTER_PAGE_X : 0),
    };
    return 0;
}

static int read_load(struct elf *elf, const Elf64_Phdr *header, struct program *program)
{
    struct program_segment segment;
    int result = read_bytes(elf, header, &segment);

    if (result) {
        return result;
    }
    if (segment.address % CLOISTER_PAGE_SIZE) {
        return refuse(elf, "the segment at 0x%" PRIx64 " does not start at a page",
                      segment.address);
    }
    if (segment.address < program->end) {
        return refuse(elf,
                      "the segment at 0x%" PRIx64 " overlaps or precedes the one before it, "
                      "which ends at 0x%" PRIx64,
                      segment.address, program->end);
    }
    if ((segment.flags & CLOISTER_PAGE_W) && (segment.flags & CLOISTER_PAGE_X)) {
        return refuse(elf, "the segment at 0x%" PRIx64 " is writable and executable",
                      segment.address);
    }
    if (!(segment.flags & CLOISTER_PAGE_R)) {
        return refuse(elf, "the segment at 0x%" PRIx64 " is not readable", segment.address);
    }
    if (program->segment_count == PROGRAM_MAX_SEGMENTS) {
        return refuse(elf, "more than %u segments", PROGRAM_MAX_SEGMENTS);
    }
    program->segments[program->segment_count++] = segment;
    program->end = round_up(segment.address + segment.size);
    return 0;
}

static int read_tls(struct elf *elf, const Elf64_Phdr *header, struct program *program)
{
    uint64_t align = header->p_align > 0 ? header->p_align : 1;
    int result = read_bytes(elf, header, &program->tls);

    if (result) {
        return result;
    }
    if ((align & (align - 1)) || align > CLOISTER_PAGE_SIZE) {
        return refuse(elf,
                      "thread-local variables aligned to %" PRIu64 ", at most a page is possible",
                      align);
    }
    if (program->tls.size > MAX_TLS_SIZE) {
        return refuse(
            elf, "%" PRIu64 " bytes of thread-local variables, at most %" PRIu64 " are possible",
            program->tls.size, MAX_TLS_SIZE);
    }
    program->tls_align = align;
    return 0;
}

/* Looks for the start note among the notes of one segment. */
static int read_notes(struct elf *elf, const Elf64_Phdr *header, struct program *program)
{
    uint64_t offset = header->p_offset, left = header->p_filesz;

    if (!in_file(elf, offset, left)) {
        return refuse(elf, "a note segment is not in the file");
    }
    while (left >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        uint64_t name_size, size;

        memcpy(&note, elf->data + offset, sizeof(note));
        name_size = ((uint64_t)note.n_namesz + 3) & ~UINT64_C(3);
        size = sizeof(note) + name_size + (((uint64_t)note.n_descsz + 3) & ~UINT64_C(3));
        if (size > left) {
            return refuse(elf, "a note is larger than its segment");
        }
        if (note.n_type == CLOISTER_START_NOTE && note.n_namesz == sizeof(CLOISTER_START_OWNER) &&
            !memcmp(elf->data + offset + sizeof(note), CLOISTER_START_OWNER, note.n_namesz)) {
            if (note.n_descsz != sizeof(program->start)) {
                return refuse(elf, "the runtime's start note has %" PRIu32 " bytes, must be %zu",
                              note.n_descsz, sizeof(program->start));
            }
            memcpy(&program->start, elf->data + offset + sizeof(note) + name_size,
                   sizeof(program->start));
        }
        offset += size;
        left -= size;
    }
    return 0;
}

static int read_segment(struct elf *elf, const Elf64_Phdr *header, struct program *program)
{
    switch (header->p_type) {
    case PT_LOAD:
        return header->p_memsz || header->p_filesz ? read_load(elf, header, program) : 0;
    case PT_TLS:
        return header->p_memsz || header->p_filesz ? read_tls(elf, header, program) : 0;
    case PT_NOTE:
        return read_notes(elf, header, program);
    case PT_INTERP:
    case PT_DYNAMIC:
        return refuse(elf, "it is dynamically linked: link with -static -no-pie");
    default:
        return 0;
    }
}

/* [address, address + size) stands in the file and in a segment with exactly these permissions. */
static const struct program_segment *find(const struct program *program, uint64_t address,
                                          uint64_t size, uint32_t flags)
{
    for (uint32_t i = 0; i < program->segment_count; i++) {
        const struct program_segment *segment = &program->segments[i];

        if (address >= segment->address && address - segment->address <= segment->content_size &&
            size <= segment->content_size - (address - segment->address)) {
            return segment->flags == flags ? segment : NULL;
        }
    }
    return NULL;
}

static int check_start(struct elf *elf, const struct program *program)
{
    const struct cloister_start *start = &program->start;

    if (start->version == 0) {
        return refuse(elf, "it has no start note: link with the runtime (cloister-enclave)");
    }
    if (start->version != CLOISTER_START_VERSION || start->vector_count != CLOISTER_VECTOR_COUNT) {
        return refuse(elf,
                      "its runtime has version %" PRIu32 " with %" PRIu32 " vectors, this tool "
                      "makes images for version %u with %u",
                      start->version, start->vector_count, CLOISTER_START_VERSION,
                      CLOISTER_VECTOR_COUNT);
    }
    if (!find(program, program->entry, 1, CLOISTER_PAGE_R | CLOISTER_PAGE_X)) {
        return refuse(elf, "the entry point 0x%" PRIx64 " is not in executable code",
                      program->entry);
    }
    if (start->vector_stride == 0 || start->vector_stride > CLOISTER_PAGE_SIZE ||
        !find(program, start->vectors, start->vector_stride * CLOISTER_VECTOR_COUNT,
              CLOISTER_PAGE_R | CLOISTER_PAGE_X)) {
        return refuse(elf, "the exception stubs at 0x%" PRIx64 " are not in executable code",
                      start->vectors);
    }
    if (start->layout % CLOISTER_PAGE_SIZE ||
        !find(program, start->layout, CLOISTER_PAGE_SIZE, CLOISTER_PAGE_R)) {
        return refuse(elf, "the layout page at 0x%" PRIx64 " is not a whole page of read-only data",
                      start->layout);
    }
    return 0;
}

int program_read(const uint8_t *data, size_t size, struct program *program, char text[256])
{
    struct elf elf = {.data = data, .size = size, .text = text};
    int result = read_header(&elf);

    *program = (struct program){.end = CLOISTER_ENCLAVE_BASE, .tls_align = 1};
    for (uint32_t i = 0; !result && i < elf.header.e_phnum; i++) {
        Elf64_Phdr header;

        memcpy(&header, data + elf.header.e_phoff + i * sizeof(header), sizeof(header));
        result = read_segment(&elf, &header, program);
    }
    program->entry = elf.header.e_entry;
    if (!result && program->segment_count == 0) {
        result = refuse(&elf, "it has no segments to load");
    }
    return result ? result : check_start(&elf, program);
}
