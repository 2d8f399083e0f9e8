/* SPDX-License-Identifier: MIT */
#include "tables.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/layout.h"

#define PAGE ((uint64_t)CLOISTER_PAGE_SIZE)
#define LEVELS 4u
#define ENTRIES 512u
#define LEVEL_BITS 9u

#define ENTRY_PRESENT (UINT64_C(1) << 0)
#define ENTRY_WRITE (UINT64_C(1) << 1)
#define ENTRY_ACCESSED (UINT64_C(1) << 5)
#define ENTRY_DIRTY (UINT64_C(1) << 6)
#define ENTRY_LARGE (UINT64_C(1) << 7)
#define ENTRY_NX (UINT64_C(1) << 63)
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)

#define VECTOR_DOUBLE_FAULT 8u
#define VECTOR_PAGE_FAULT 14u
#define GATE_INTERRUPT UINT64_C(0x8e00) /* present, DPL 0, 64-bit interrupt gate */

int pages_init(struct pages *pages, uint32_t count)
{
    *pages = (struct pages){.pages = calloc(count, sizeof(struct page)), .count = count};
    return pages->pages ? 0 : -ENOMEM;
}

void pages_free(struct pages *pages)
{
    for (uint32_t i = 0; pages->pages && i < pages->count; i++) {
        free(pages->pages[i].content);
    }
    free(pages->pages);
    *pages = (struct pages){0};
}

int pages_add(struct pages *pages, uint64_t first, uint64_t count, uint32_t flags)
{
    if (first > pages->count || count > pages->count - first) {
        return -EINVAL;
    }
    for (uint64_t page = first; page < first + count; page++) {
        if (pages->pages[page].flags) {
            return -EINVAL;
        }
        pages->pages[page].flags = flags;
    }
    return 0;
}

static uint8_t *content_of(struct page *page)
{
    if (!page->content) {
        page->content = calloc(1, PAGE);
    }
    return page->content;
}

int pages_write(struct pages *pages, uint64_t address, const void *data, uint64_t size)
{
    const uint8_t *from = data;

    while (size > 0) {
        uint64_t page = (address - CLOISTER_ENCLAVE_BASE) / PAGE;
        uint64_t offset = address % PAGE;
        uint64_t part = size < PAGE - offset ? size : PAGE - offset;
        uint8_t *content;

        if (page >= pages->count || !pages->pages[page].flags) {
            return -EINVAL;
        }
        content = content_of(&pages->pages[page]);
        if (!content) {
            return -ENOMEM;
        }
        memcpy(content + offset, from, part);
        from += part;
        address += part;
        size -= part;
    }
    return 0;
}

static bool is_zero(const uint8_t *content)
{
    return !content[0] && !memcmp(content, content + 1, PAGE - 1);
}

void pages_squeeze(struct pages *pages)
{
    for (uint32_t i = 0; i < pages->count; i++) {
        if (pages->pages[i].content && is_zero(pages->pages[i].content)) {
            free(pages->pages[i].content);
            pages->pages[i].content = NULL;
        }
    }
}

/* Appends an empty table; its page number, or 0 if it cannot be had. */
static uint32_t append_table(struct pages *pages, int *result)
{
    struct page *grown;

    if (pages->count == CLOISTER_MAX_PAGES) {
        *result = -E2BIG;
        return 0;
    }
    grown = realloc(pages->pages, (pages->count + 1) * sizeof(*grown));
    if (!grown) {
        *result = -ENOMEM;
        return 0;
    }
    pages->pages = grown;
    grown[pages->count] = (struct page){.flags = CLOISTER_PAGE_R | CLOISTER_PAGE_W};
    if (!content_of(&grown[pages->count])) {
        *result = -ENOMEM;
        return 0;
    }
    return pages->count++;
}

/* Maps one linear address at a level; the tables' entries have every permission, the leaf decides. */
static int map(struct pages *pages, uint32_t root, uint64_t address, unsigned int last,
               uint64_t leaf)
{
    uint32_t table = root;
    int result = 0;

    for (unsigned int level = LEVELS - 1;; level--) {
        uint64_t slot = address >> (12 + LEVEL_BITS * level) & (ENTRIES - 1);
        uint64_t *entries = (void *)pages->pages[table].content;
        uint32_t next;

        if (level == last) {
            entries[slot] = leaf;
            return 0;
        }
        if (entries[slot] & ENTRY_PRESENT) {
            table = (uint32_t)((entries[slot] & ENTRY_ADDRESS) / PAGE);
            continue;
        }
        next = append_table(pages, &result);
        if (result) {
            return result;
        }
        entries = (void *)pages->pages[table].content;
        entries[slot] = next * PAGE | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_ACCESSED;
        table = next;
    }
}

static uint64_t leaf_of(uint64_t page, uint32_t flags)
{
    return page * PAGE | ENTRY_PRESENT | ENTRY_ACCESSED |
           (flags & CLOISTER_PAGE_W ? ENTRY_WRITE | ENTRY_DIRTY : 0) |
           (flags & CLOISTER_PAGE_X ? 0 : ENTRY_NX);
}

/* A leaf of 2 MiB can begin at this page: there are so many with its permissions, and none is code. The monitor makes
 * large leaves of its own of the same pages. */
static bool begins_large(const struct pages *pages, uint32_t page, uint32_t mapped)
{
    const uint32_t flags = pages->pages[page].flags;
    uint32_t same = 0;

    if (page % ENTRIES || mapped - page < ENTRIES || !flags || flags & CLOISTER_PAGE_X) {
        return false;
    }
    while (same < ENTRIES && pages->pages[page + same].flags == flags) {
        same++;
    }
    return same == ENTRIES;
}

int tables_build(struct pages *pages, uint64_t shared_count, uint32_t *root)
{
    const uint32_t mapped = pages->count;
    int result = 0;

    *root = append_table(pages, &result);
    for (uint32_t page = 0, step; !result && page < mapped; page += step) {
        const bool large = begins_large(pages, page, mapped);

        step = large ? ENTRIES : 1;
        if (pages->pages[page].flags) {
            result = map(pages, *root, CLOISTER_ENCLAVE_BASE + page * PAGE, large,
                         leaf_of(page, pages->pages[page].flags) | (large ? ENTRY_LARGE : 0));
        }
    }
    for (uint64_t page = 0; !result && page < shared_count; page++) {
        result = map(pages, *root, CLOISTER_SHARED_BASE + page * PAGE, 0,
                     leaf_of(CLOISTER_SHARED_GPFN + page, CLOISTER_PAGE_R | CLOISTER_PAGE_W));
    }
    pages->present = pages->with_content = 0;
    for (uint32_t page = 0; page < pages->count; page++) {
        pages->present += pages->pages[page].flags != 0;
        pages->with_content += pages->pages[page].content != NULL;
    }
    return result;
}

void tables_gate(uint64_t gate[2], uint64_t handler, uint32_t vector)
{
    const uint64_t stack = vector == VECTOR_DOUBLE_FAULT ? CLOISTER_IST_DOUBLE_FAULT
                           : vector == VECTOR_PAGE_FAULT ? CLOISTER_IST_PAGE_FAULT
                                                         : 0;

    gate[0] = (handler & 0xffff) | (uint64_t)CLOISTER_CODE_SELECTOR << 16 | stack << 32 |
              GATE_INTERRUPT << 32 | (handler & 0xffff0000) << 32;
    gate[1] = handler >> 32;
}
