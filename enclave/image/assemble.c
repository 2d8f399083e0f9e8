/* SPDX-License-Identifier: MIT */
#include "assemble.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tables.h"

#define PAGE ((uint64_t)CLOISTER_PAGE_SIZE)
#define READ CLOISTER_PAGE_R
#define WRITE (CLOISTER_PAGE_R | CLOISTER_PAGE_W)
#define MIN_SLOT 128u

static uint64_t pages_of(uint64_t bytes)
{
    return bytes / PAGE + (bytes % PAGE > 0);
}

static uint64_t address_of(uint64_t page)
{
    return CLOISTER_ENCLAVE_BASE + page * PAGE;
}

static uint64_t page_of(uint64_t address)
{
    return (address - CLOISTER_ENCLAVE_BASE) / PAGE;
}

/* Where everything stands, in pages; those of a thread are of thread 0. See runtime/layout.h. */
struct plan {
    uint64_t thread_count;
    uint64_t tss;
    uint64_t stack, stack_pages;
    uint64_t fault_stack;
    uint64_t double_fault_stack;
    uint64_t tls, tls_pages;
    uint64_t thread_offset; /* of struct cloister_thread in the TLS pages, bytes */
    uint64_t scratch, scratch_pages;
    uint64_t thread_stride;
    uint64_t heap, heap_pages;
    uint64_t mapped; /* pages before the page tables */
    uint64_t shared_pages;
    uint64_t slot_size;
};

static int make_plan(const struct program *program, const struct image_options *options,
                     struct plan *plan, char text[256])
{
    const uint64_t align = program->tls_align > 64 ? program->tls_align : 64;
    uint64_t next;

    *plan = (struct plan){
        .thread_count = options->thread_count,
        .stack_pages = pages_of(options->stack_size),
        .heap_pages = pages_of(options->heap_size),
        .shared_pages = pages_of(options->shared_size),
    };
    if (plan->thread_count < 1 || plan->thread_count > CLOISTER_MAX_THREADS) {
        snprintf(text, 256, "threads: %" PRIu64 ", possible are 1 to %u", plan->thread_count,
                 CLOISTER_MAX_THREADS);
        return -EINVAL;
    }
    if (plan->shared_pages < 1 || plan->shared_pages > CLOISTER_MAX_SHARED_PAGES) {
        snprintf(text, 256, "shared window: %" PRIu64 " pages, possible are 1 to %u",
                 plan->shared_pages, CLOISTER_MAX_SHARED_PAGES);
        return -EINVAL;
    }
    plan->slot_size = plan->shared_pages * PAGE / plan->thread_count & ~UINT64_C(63);
    if (plan->slot_size < MIN_SLOT) {
        snprintf(text, 256,
                 "shared window: %" PRIu64 " bytes for each thread, at least %u are needed",
                 plan->slot_size, MIN_SLOT);
        return -EINVAL;
    }
    if (plan->stack_pages < 1 || plan->stack_pages > CLOISTER_MAX_PAGES ||
        plan->heap_pages > CLOISTER_MAX_PAGES) {
        snprintf(text, 256,
                 "stack of %" PRIu64 " pages (at least 1), heap of %" PRIu64
                 " pages: at most %u each",
                 plan->stack_pages, plan->heap_pages, CLOISTER_MAX_PAGES);
        return -EINVAL;
    }

    /* The thread-local variables end, aligned, where struct cloister_thread begins. */
    plan->thread_offset = (program->tls.size + align - 1) & ~(align - 1);
    plan->tls_pages = pages_of(plan->thread_offset + sizeof(struct cloister_thread));
    plan->scratch_pages = pages_of(plan->slot_size);

    next = page_of(program->end);
    plan->tss = next;
    next += pages_of(plan->thread_count * CLOISTER_TSS_STRIDE);
    plan->stack = next + 1;
    plan->fault_stack = plan->stack + plan->stack_pages + 1;
    plan->double_fault_stack = plan->fault_stack + CLOISTER_FAULT_STACK_PAGES + 1;
    plan->tls = plan->double_fault_stack + CLOISTER_DOUBLE_FAULT_STACK_PAGES + 1;
    plan->scratch = plan->tls + plan->tls_pages + 1;
    plan->thread_stride = plan->scratch + plan->scratch_pages - next;
    next += plan->thread_stride * plan->thread_count;
    plan->heap = next + 1;
    plan->mapped = plan->heap + plan->heap_pages + 1;
    if (plan->mapped > CLOISTER_MAX_PAGES) {
        snprintf(text, 256, "the enclave would have %" PRIu64 " pages, at most %u are possible",
                 plan->mapped, CLOISTER_MAX_PAGES);
        return -EINVAL;
    }
    return 0;
}

/* --- content ----------------------------------------------------------------------------------- */

static int add_program(struct pages *pages, const struct program *program)
{
    int result = 0;

    for (uint32_t i = 0; !result && i < program->segment_count; i++) {
        const struct program_segment *segment = &program->segments[i];

        result =
            pages_add(pages, page_of(segment->address), pages_of(segment->size), segment->flags);
        if (!result) {
            result = pages_write(pages, segment->address, segment->content, segment->content_size);
        }
    }
    return result;
}

static int add_thread(struct pages *pages, const struct program *program, const struct plan *plan,
                      uint64_t index)
{
    const uint64_t offset = index * plan->thread_stride;
    const uint64_t thread = address_of(plan->tls + offset) + plan->thread_offset;
    const struct cloister_thread content = {
        .self = (void *)(uintptr_t)thread,
        .index = (uint32_t)index,
        .slot = (void *)(uintptr_t)(CLOISTER_SHARED_BASE + index * plan->slot_size),
        .scratch = (void *)(uintptr_t)address_of(plan->scratch + offset),
    };
    int result = pages_add(pages, plan->stack + offset, plan->stack_pages, WRITE);

    if (!result) {
        result = pages_add(pages, plan->fault_stack + offset, CLOISTER_FAULT_STACK_PAGES, WRITE);
    }
    if (!result) {
        result = pages_add(pages, plan->double_fault_stack + offset,
                           CLOISTER_DOUBLE_FAULT_STACK_PAGES, WRITE);
    }
    if (!result) {
        result = pages_add(pages, plan->tls + offset, plan->tls_pages, WRITE);
    }
    if (!result) {
        result = pages_add(pages, plan->scratch + offset, plan->scratch_pages, WRITE);
    }
    if (!result) {
        const uint64_t align = program->tls_align;
        const uint64_t size = (program->tls.size + align - 1) & ~(align - 1);

        result = pages_write(pages, thread - size, program->tls.content, program->tls.content_size);
    }
    return result ? result : pages_write(pages, thread, &content, sizeof(content));
}

/* 64-bit TSS (Intel SDM vol. 3, 8.7): only the interrupt-stack table matters. */
static int add_tss(struct pages *pages, const struct plan *plan, uint64_t index)
{
    const uint64_t offset = index * plan->thread_stride;
    const uint64_t stacks[] = {
        [CLOISTER_IST_DOUBLE_FAULT] =
            address_of(plan->double_fault_stack + offset + CLOISTER_DOUBLE_FAULT_STACK_PAGES),
        [CLOISTER_IST_PAGE_FAULT] =
            address_of(plan->fault_stack + offset + CLOISTER_FAULT_STACK_PAGES),
    };
    uint8_t tss[104] = {[102] = sizeof(tss)}; /* the I/O map stands behind the limit: none */

    for (size_t i = 1; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
        memcpy(tss + 36 + 8 * (i - 1), &stacks[i], sizeof(stacks[i]));
    }
    return pages_write(pages, address_of(plan->tss) + index * CLOISTER_TSS_STRIDE, tss,
                       sizeof(tss));
}

static int fill_layout(struct pages *pages, const struct program *program, const struct plan *plan)
{
    const struct cloister_layout layout = {
        .magic = CLOISTER_LAYOUT_MAGIC,
        .version = CLOISTER_START_VERSION,
        .thread_count = (uint32_t)plan->thread_count,
        .heap_base = address_of(plan->heap),
        .heap_size = plan->heap_pages * PAGE,
        .shared_base = CLOISTER_SHARED_BASE,
        .shared_size = plan->shared_pages * PAGE,
        .slot_size = plan->slot_size,
        .thread_stride = plan->thread_stride * PAGE,
        .stack_base = address_of(plan->stack),
        .stack_size = plan->stack_pages * PAGE,
        .fault_stack_base = address_of(plan->fault_stack),
        .fault_stack_size = CLOISTER_FAULT_STACK_PAGES * PAGE,
        .scratch_base = address_of(plan->scratch),
        .scratch_size = plan->scratch_pages * PAGE,
    };
    const uint64_t gdt[] = {0, CLOISTER_GDT_CODE, CLOISTER_GDT_DATA};
    const uint64_t place = program->start.layout;
    uint64_t idt[CLOISTER_VECTOR_COUNT][2];
    int result;

    for (uint32_t vector = 0; vector < CLOISTER_VECTOR_COUNT; vector++) {
        tables_gate(idt[vector], program->start.vectors + vector * program->start.vector_stride,
                    vector);
    }
    result = pages_write(pages, place, &layout, sizeof(layout));
    if (!result) {
        result = pages_write(pages, place + CLOISTER_LAYOUT_GDT, gdt, sizeof(gdt));
    }
    return result ? result : pages_write(pages, place + CLOISTER_LAYOUT_IDT, idt, sizeof(idt));
}

static int fill(struct pages *pages, const struct program *program, const struct plan *plan)
{
    int result = add_program(pages, program);

    if (!result) {
        result = fill_layout(pages, program, plan);
    }
    if (!result) {
        result =
            pages_add(pages, plan->tss, pages_of(plan->thread_count * CLOISTER_TSS_STRIDE), READ);
    }
    for (uint64_t i = 0; !result && i < plan->thread_count; i++) {
        result = add_tss(pages, plan, i);
        if (!result) {
            result = add_thread(pages, program, plan, i);
        }
    }
    return result ? result : pages_add(pages, plan->heap, plan->heap_pages, WRITE);
}

/* --- the file ---------------------------------------------------------------------------------- */

static void fill_header(struct cloister_image_header *header, const struct program *program,
                        const struct image_options *options, const struct plan *plan)
{
    const uint64_t stride = plan->thread_stride * PAGE;

    header->magic = CLOISTER_IMAGE_MAGIC;
    header->version = CLOISTER_IMAGE_VERSION;
    header->header_size = CLOISTER_IMAGE_HEADER_SIZE;
    header->launch = (struct cloister_launch){
        .flags = options->debug ? CLOISTER_IMAGE_DEBUG : 0,
        .thread_count = options->thread_count,
        .shared_count = (uint32_t)plan->shared_pages,
        .entry = program->entry,
        .stack_top = address_of(plan->stack + plan->stack_pages),
        .stack_stride = stride,
        .tls_base = address_of(plan->tls) + plan->thread_offset,
        .tls_stride = stride,
        .tss_base = address_of(plan->tss),
        .tss_stride = CLOISTER_TSS_STRIDE,
        .gdt_base = program->start.layout + CLOISTER_LAYOUT_GDT,
        .idt_base = program->start.layout + CLOISTER_LAYOUT_IDT,
        .gdt_limit = CLOISTER_GDT_SIZE - 1,
        .idt_limit = CLOISTER_IDT_SIZE - 1,
        .code_selector = CLOISTER_CODE_SELECTOR,
        .data_selector = CLOISTER_DATA_SELECTOR,
    };
    memcpy(header->family_id, options->family_id, sizeof(header->family_id));
    memcpy(header->image_id, options->image_id, sizeof(header->image_id));
    header->image_version = options->image_version;
    header->security_version = options->security_version;
    memcpy(header->name, options->name, sizeof(header->name));
}

static int write_file(const struct pages *pages, const struct cloister_image_header *header,
                      uint8_t **data, size_t *size)
{
    struct cloister_page_record *records;
    uint64_t offset = sizeof(*header) + (uint64_t)pages->present * sizeof(*records);
    uint8_t *content;

    if (pages->with_content > 0) {
        offset = pages_of(offset) * PAGE;
    }
    *size = (size_t)(offset + (uint64_t)pages->with_content * PAGE);
    *data = calloc(1, *size);
    if (!*data) {
        return -ENOMEM;
    }
    memcpy(*data, header, sizeof(*header));
    records = (void *)(*data + sizeof(*header));
    content = *data + offset;
    for (uint32_t page = 0; page < pages->count; page++) {
        const struct page *from = &pages->pages[page];

        if (!from->flags) {
            continue;
        }
        *records++ = (struct cloister_page_record){
            .page = page, .flags = from->flags | (from->content ? 0 : CLOISTER_PAGE_ZERO)};
        if (from->content) {
            memcpy(content, from->content, PAGE);
            content += PAGE;
        }
    }
    return 0;
}

/* The finished file, checked by the same code that checks everybody's. */
static int measure(uint8_t *data, size_t size, char text[256])
{
    struct cloister_image_header *header = (void *)data;
    struct cloister_image_error error;
    struct cloister_image image;

    if (cloister_image_open(data, size, &image, &error)) {
        snprintf(text, 256, "the image made is not valid: %.200s", error.text);
        return -EINVAL;
    }
    return cloister_image_measure(&image, header->measurement);
}

int image_assemble(const struct program *program, const struct image_options *options,
                   uint8_t **data, size_t *size, char text[256])
{
    struct cloister_image_header header = {0};
    struct pages pages = {0};
    struct plan plan;
    int result = make_plan(program, options, &plan, text);

    *data = NULL;
    if (result) {
        return result;
    }
    fill_header(&header, program, options, &plan);
    result = pages_init(&pages, (uint32_t)plan.mapped);
    if (!result) {
        result = fill(&pages, program, &plan);
    }
    if (!result) {
        pages_squeeze(&pages);
        result = tables_build(&pages, plan.shared_pages, &header.launch.cr3_page);
    }
    if (!result) {
        header.launch.page_count = pages.count;
        header.launch.record_count = pages.present;
        result = write_file(&pages, &header, data, size);
    }
    pages_free(&pages);
    if (result == -E2BIG) {
        snprintf(text, 256, "with its page tables the enclave would have more than %u pages",
                 CLOISTER_MAX_PAGES);
        result = -EINVAL;
    }
    if (!result) {
        result = measure(*data, *size, text);
    }
    if (result) {
        free(*data);
        *data = NULL;
        if (result == -ENOMEM || result == -EIO) {
            snprintf(text, 256, "%s",
                     result == -EIO ? "the crypto library failed" : "out of memory");
        }
    }
    return result;
}
