/* SPDX-License-Identifier: MIT */
/* What the tool makes: walked like a CPU would, by a walker of its own. */
#include "sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assemble.h"
#include "suite.h"

#define BASE CLOISTER_ENCLAVE_BASE
#define NX (UINT64_C(1) << 63)

static struct sample_program elf;
static struct program program;
static struct image_options options;
static uint8_t *data;
static size_t size;
static struct cloister_image image;

static void setup(void)
{
    char text[256];

    sample_program_make(&elf);
    options = (struct image_options){.name = "made",
                                     .thread_count = 3,
                                     .heap_size = 10 * 4096,
                                     .stack_size = 2 * 4096,
                                     .shared_size = 4 * 4096,
                                     .image_version = 7,
                                     .security_version = 8,
                                     .image_id = {1},
                                     .family_id = {2}};
    REQUIRE(!program_read((void *)&elf, sizeof(elf), &program, text));
    free(data);
    data = NULL;
}

static void make(void)
{
    char text[256] = "";

    free(data);
    ck_assert_msg(image_assemble(&program, &options, &data, &size, text) == 0, "%s", text);
    ck_assert_int_eq(cloister_image_open(data, size, &image, NULL), 0);
}

static void refused(const char *words)
{
    uint8_t *nothing = NULL;
    char text[256] = "";

    ck_assert_int_eq(image_assemble(&program, &options, &nothing, &size, text), -EINVAL);
    ck_assert_ptr_null(nothing);
    ck_assert_msg(strstr(text, words) != NULL, "'%s' is not in '%s'", words, text);
    setup();
}

static uint32_t record_of(uint64_t page)
{
    for (uint32_t i = 0; i < image.header->launch.record_count; i++) {
        if (image.records[i].page == page) {
            return i;
        }
    }
    return UINT32_MAX;
}

static const uint8_t *content_of(uint64_t page)
{
    static const uint8_t zeros[4096];
    uint32_t record = record_of(page);

    REQUIRE(record != UINT32_MAX);
    return cloister_image_page(&image, record) ?: zeros;
}

/* The last walk ended in a page of 2 MiB. */
static bool was_large;

/* The leaf entry of a linear address, as it would be of 4 KiB; 0: none. Tables must be writable pages. */
static uint64_t walk(uint64_t address)
{
    uint64_t page = image.header->launch.cr3_page, entry = 0;

    for (unsigned int shift = 39; shift >= 12; shift -= 9) {
        REQUIRE(image.records[record_of(page)].flags == (CLOISTER_PAGE_R | CLOISTER_PAGE_W));
        entry = ((const uint64_t *)(const void *)content_of(page))[address >> shift & 511];
        if (!(entry & 1)) {
            return 0;
        }
        REQUIRE(entry & 0x20);    /* accessed */
        REQUIRE(!(entry & 0x1c)); /* no user, no cache attributes */
        was_large = entry & 0x80;
        if (was_large) {
            REQUIRE(shift == 21 && !(entry & 0x1ff000) && entry & NX);
            return (entry & ~UINT64_C(0x80)) + (address & 0x1ff000);
        }
        page = (entry & UINT64_C(0xffffffffff000)) / 4096;
    }
    return entry;
}

static uint32_t flags_at(uint64_t address)
{
    const uint64_t entry = walk(address);

    if (!entry) {
        return 0;
    }
    REQUIRE((entry & UINT64_C(0xffffffffff000)) == ((address - BASE) & ~UINT64_C(0xfff)));
    REQUIRE(!(entry & 0x40) == !(entry & 2)); /* dirty where writable */
    return CLOISTER_PAGE_R | (entry & 2 ? CLOISTER_PAGE_W : 0) | (entry & NX ? 0 : CLOISTER_PAGE_X);
}

static const void *at(uint64_t address)
{
    return content_of((address - BASE) / 4096) + address % 4096;
}

/* Each page is mapped as its record says, or is a page table; nothing else is mapped. */
START_TEST(tables_say_what_records_say)
{
    uint32_t unmapped = 0;

    make();
    for (uint32_t page = 0; page < image.header->launch.page_count + 600; page++) {
        const uint32_t record = record_of(page);
        const uint32_t flags = flags_at(BASE + page * UINT64_C(4096));

        if (record == UINT32_MAX) {
            REQUIRE(flags == 0);
        } else if (flags == 0) {
            unmapped++;
        } else {
            REQUIRE(flags == (image.records[record].flags & ~CLOISTER_PAGE_ZERO));
        }
    }
    ck_assert_uint_eq(unmapped, 7); /* one root; three more for each of enclave and window */
}
END_TEST

/* Large where all pages of 2 MiB are the heap's, and nowhere else. */
static void heap_of(uint64_t heap_size)
{
    uint64_t large = 0;

    options.heap_size = heap_size;
    make();
    const struct cloister_layout *layout = at(elf.start.layout);
    const uint64_t heap = layout->heap_base, end = heap + layout->heap_size;
    for (uint64_t page = 0; page < image.header->launch.page_count; page++) {
        const uint64_t address = BASE + page * 4096, group = address & ~UINT64_C(0x1fffff);
        const uint32_t flags = flags_at(address);

        REQUIRE((flags && was_large) == (group >= heap && group + (2 << 20) <= end));
        large += flags && was_large;
    }
    ck_assert_uint_ge(large / 512 + 1, heap_size / (2 << 20));
    /* One root; three more for each of enclave and window; one for each 2 MiB that are not large. Before: a guard. */
    ck_assert_uint_eq(image.header->launch.page_count - (end - BASE) / 4096 - 1,
                      7 + (end - BASE - 1) / (2 << 20) - large / 512);
}

START_TEST(a_heap_of_large_pages)
{
    heap_of(511 * 4096);
    heap_of(1023 * 4096);
    heap_of(5 << 20);
    heap_of((8 << 20) + 4096);
}
END_TEST

START_TEST(shared_window)
{
    make();
    for (uint64_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(walk(CLOISTER_SHARED_BASE + i * 4096),
                          (CLOISTER_SHARED_GPFN + i) * 4096 | 0x63 | NX);
    }
    ck_assert_uint_eq(walk(CLOISTER_SHARED_BASE + 4 * 4096), 0);
    ck_assert_uint_eq(walk(CLOISTER_SHARED_BASE - 4096), 0);
    ck_assert_uint_eq(walk(0), 0);
}
END_TEST

START_TEST(program_is_there)
{
    struct cloister_layout layout;

    make();
    ck_assert_mem_eq(at(BASE + 0x1000), elf.code, 4096);
    ck_assert_mem_eq(at(BASE + 0x4000), elf.data, 4096);
    ck_assert_uint_eq(flags_at(BASE), 0);
    ck_assert_uint_eq(flags_at(BASE + 0x1000), CLOISTER_PAGE_R | CLOISTER_PAGE_X);
    ck_assert_uint_eq(flags_at(BASE + 0x3000), CLOISTER_PAGE_R);
    ck_assert_uint_eq(flags_at(BASE + 0x9000), CLOISTER_PAGE_R | CLOISTER_PAGE_W); /* end of .bss */
    ck_assert_ptr_null(cloister_image_page(&image, record_of(9)));

    memcpy(&layout, at(elf.start.layout), sizeof(layout));
    ck_assert_uint_eq(layout.magic, CLOISTER_LAYOUT_MAGIC);
    ck_assert_uint_eq(layout.thread_count, 3);
    ck_assert_uint_eq(layout.heap_size, 10 * 4096);
    ck_assert_uint_eq(layout.shared_size, 4 * 4096);
    ck_assert_uint_eq(layout.slot_size, 5440); /* 16384 / 3, down to a multiple of 64 */
    ck_assert_uint_ge(layout.scratch_size, layout.slot_size);
    for (uint64_t i = 0; i < 10; i++) {
        ck_assert_uint_eq(flags_at(layout.heap_base + i * 4096), CLOISTER_PAGE_R | CLOISTER_PAGE_W);
    }
    ck_assert_uint_eq(flags_at(layout.heap_base - 1), 0);
    ck_assert_uint_eq(flags_at(layout.heap_base + layout.heap_size), 0);
}
END_TEST

/* Below and above each stack, and around a thread's own pages, there is nothing. */
static void check_area(uint64_t low, uint64_t high)
{
    for (uint64_t address = low; address < high; address += 4096) {
        ck_assert_uint_eq(flags_at(address), CLOISTER_PAGE_R | CLOISTER_PAGE_W);
    }
    ck_assert_uint_eq(flags_at(low - 1), 0);
    ck_assert_uint_eq(flags_at(high), 0);
}

START_TEST(threads)
{
    make();
    for (uint64_t i = 0; i < 3; i++) {
        const struct cloister_launch *launch = &image.header->launch;
        const uint64_t stack = launch->stack_top + i * launch->stack_stride;
        const uint64_t base = launch->tls_base + i * launch->tls_stride;
        const uint64_t tss = launch->tss_base + i * launch->tss_stride;
        const struct cloister_thread *thread = at(base);
        uint64_t ist[2];

        ck_assert_uint_eq(stack % 16, 0);
        check_area(stack - 2 * 4096, stack);
        ck_assert_uint_eq(flags_at(tss), CLOISTER_PAGE_R);
        memcpy(ist, (const uint8_t *)at(tss) + 36, sizeof(ist));
        check_area(ist[CLOISTER_IST_DOUBLE_FAULT - 1] - 4096, ist[CLOISTER_IST_DOUBLE_FAULT - 1]);
        check_area(ist[CLOISTER_IST_PAGE_FAULT - 1] - 2 * 4096, ist[CLOISTER_IST_PAGE_FAULT - 1]);

        ck_assert_uint_eq((uint64_t)thread->self, base);
        ck_assert_uint_eq(thread->index, i);
        ck_assert_uint_eq(thread->ready, 0);
        ck_assert_uint_eq((uint64_t)thread->slot, CLOISTER_SHARED_BASE + i * 5440);
        ck_assert_uint_eq(flags_at((uint64_t)thread->scratch), CLOISTER_PAGE_R | CLOISTER_PAGE_W);
        ck_assert_uint_eq(flags_at((uint64_t)thread->scratch - 1), 0);
        ck_assert_uint_eq(base % 64, 0);
        ck_assert_mem_eq(at(base - 112), elf.tls, 24); /* 100 bytes aligned to 16 */
        ck_assert_uint_eq(*(const uint8_t *)at(base - 112 + 24), 0);
    }
}
END_TEST

START_TEST(gates)
{
    const struct cloister_launch *launch;
    const uint64_t *gdt;

    make();
    launch = &image.header->launch;
    gdt = at(launch->gdt_base);
    ck_assert_uint_eq(gdt[0], 0);
    ck_assert_uint_eq(gdt[launch->code_selector / 8], UINT64_C(0x00af9b000000ffff));
    ck_assert_uint_eq(gdt[launch->data_selector / 8], UINT64_C(0x00cf93000000ffff));
    ck_assert_uint_eq(launch->idt_limit, 511);
    for (uint64_t vector = 0; vector < 32; vector++) {
        const uint8_t *gate = (const uint8_t *)at(launch->idt_base) + 16 * vector;
        uint64_t handler = (uint64_t)gate[0] | (uint64_t)gate[1] << 8 | (uint64_t)gate[6] << 16 |
                           (uint64_t)gate[7] << 24;

        handler |= (uint64_t)gate[8] << 32 | (uint64_t)gate[9] << 40 | (uint64_t)gate[10] << 48 |
                   (uint64_t)gate[11] << 56;
        REQUIRE(handler == elf.start.vectors + 16 * vector);
        REQUIRE(gate[2] == launch->code_selector && gate[3] == 0 && gate[5] == 0x8e);
        REQUIRE(gate[4] == (vector == 8 ? 1 : vector == 14 ? 2 : 0));
        REQUIRE(!gate[12] && !gate[13] && !gate[14] && !gate[15]);
    }
}
END_TEST

START_TEST(header)
{
    uint8_t measurement[48];

    options.debug = true;
    make();
    ck_assert_uint_eq(image.header->launch.flags, CLOISTER_IMAGE_DEBUG);
    ck_assert_str_eq((const char *)image.header->name, "made");
    ck_assert_uint_eq(image.header->image_version, 7);
    ck_assert_uint_eq(image.header->security_version, 8);
    ck_assert_mem_eq(image.header->image_id, options.image_id, 16);
    ck_assert_mem_eq(image.header->family_id, options.family_id, 16);
    ck_assert_int_eq(cloister_image_measure(&image, measurement), 0);
    ck_assert_mem_eq(image.header->measurement, measurement, 48);
    ck_assert_int_eq(cloister_image_verify(&image, NULL), -EACCES); /* not signed yet */
    ck_assert_int_eq(author_sign((void *)data, sample_key()), 0);
    ck_assert_int_eq(cloister_image_verify(&image, NULL), 0);
}
END_TEST

START_TEST(reproducible)
{
    uint8_t *first, *again;
    size_t first_size;

    make();
    first = data;
    first_size = size;
    data = NULL;
    make();
    ck_assert_uint_eq(size, first_size);
    ck_assert_mem_eq(data, first, size);
    again = data;
    data = NULL;
    /* Where the program lies in memory must not matter, and neither must a name: it is not measured. */
    memcpy(options.name, "other", 6);
    make();
    ck_assert_mem_eq(image.header->measurement,
                     ((struct cloister_image_header *)first)->measurement, 48);
    options.heap_size += 4096;
    make();
    ck_assert_mem_ne(image.header->measurement,
                     ((struct cloister_image_header *)first)->measurement, 48);
    free(first);
    free(again);
}
END_TEST

START_TEST(limits)
{
    options.thread_count = 0;
    refused("threads: 0");
    options.thread_count = 65;
    refused("threads: 65");
    options.shared_size = 0;
    refused("shared window");
    options.shared_size = 1025 * 4096;
    refused("shared window");
    options.shared_size = UINT64_MAX;
    refused("shared window");
    options.shared_size = 4096;
    options.thread_count = 64;
    refused("64 bytes for each thread");
    options.stack_size = 0;
    refused("stack");
    options.stack_size = UINT64_C(1) << 33;
    refused("stack");
    options.heap_size = UINT64_MAX;
    refused("heap");
    options.heap_size = UINT64_C(1) << 32;
    refused("the enclave would have");
    options.stack_size = UINT64_C(2) << 30;
    refused("the enclave would have");
    /* Room for all but the page tables: those of so small a heap are seven. */
    make();
    options.heap_size +=
        (CLOISTER_MAX_PAGES - (image.header->launch.page_count - 7)) * UINT64_C(4096);
    refused("page tables");
}
END_TEST

START_TEST(extremes)
{
    options =
        (struct image_options){.thread_count = 64, .stack_size = 1, .shared_size = 1024 * 4096};
    make();
    ck_assert_uint_eq(image.header->launch.thread_count, 64);
    options.thread_count = 1;
    options.heap_size = UINT64_C(3) << 30; /* three directories of page tables */
    make();
    ck_assert_uint_eq(flags_at(BASE + (UINT64_C(3) << 30)), CLOISTER_PAGE_R | CLOISTER_PAGE_W);
    free(data);
    data = NULL;
}
END_TEST

SUITE_MAIN("image assemble", setup, tables_say_what_records_say, a_heap_of_large_pages,
           shared_window, program_is_there, threads, gates, header, reproducible, limits, extremes)
