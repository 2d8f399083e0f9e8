/* SPDX-License-Identifier: MIT */
#include "core/launch.h"

#include "core/refuse.h"

#define TSS_SIZE 104u
#define DESCRIPTOR_SIZE 8

static int check_count(struct cloister_head *head, enum cloister_reason reason, uint32_t found,
                       uint32_t highest)
{
    return found >= 1 && found <= highest ? 0 : refuse(head, -EINVAL, reason, found, highest);
}

/* [address, address + size) lies in the enclave's linear range. */
static bool inside(const struct cloister_launch *launch, uint64_t address, uint64_t size)
{
    uint64_t end = CLOISTER_ENCLAVE_BASE + (uint64_t)launch->page_count * CLOISTER_PAGE_SIZE;

    return address >= CLOISTER_ENCLAVE_BASE && address <= end && size <= end - address;
}

/* Areas of `size` bytes, one a thread, `stride` (at most the enclave) apart: no overflow. */
static bool all_inside(const struct cloister_launch *launch, uint64_t base, uint64_t stride,
                       uint64_t size)
{
    uint64_t whole = (uint64_t)launch->page_count * CLOISTER_PAGE_SIZE;

    return stride <= whole && inside(launch, base, (launch->thread_count - 1) * stride + size);
}

/* The whole descriptor of a selector of the GDT for ring 0 lies within the table's limit. */
static bool is_selector(const struct cloister_launch *launch, uint16_t selector)
{
    return !(selector % DESCRIPTOR_SIZE) && selector + (DESCRIPTOR_SIZE - 1) <= launch->gdt_limit;
}

static int check_layout(const struct cloister_launch *launch, struct cloister_head *head)
{
    const struct {
        uint64_t address;
        bool valid;
    } fields[] = {
        {launch->cr3_page, launch->cr3_page < launch->page_count},
        {launch->entry, inside(launch, launch->entry, 1)},
        {launch->stack_top, all_inside(launch, launch->stack_top, launch->stack_stride, 0)},
        {launch->tls_base, all_inside(launch, launch->tls_base, launch->tls_stride, 0)},
        {launch->tss_base, all_inside(launch, launch->tss_base, launch->tss_stride, TSS_SIZE)},
        {launch->gdt_base, inside(launch, launch->gdt_base, launch->gdt_limit + 1u)},
        {launch->idt_base, inside(launch, launch->idt_base, launch->idt_limit + 1u)},
        {launch->code_selector, is_selector(launch, launch->code_selector)},
        {launch->data_selector, is_selector(launch, launch->data_selector)},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (!fields[i].valid) {
            return refuse(head, -EINVAL, CLOISTER_REASON_IMAGE_LAYOUT, fields[i].address, i);
        }
    }
    return 0;
}

int launch_check(const struct cloister_image_header *header, struct cloister_head *head)
{
    const struct cloister_launch *launch = &header->launch;
    int rc;

    if (header->magic != CLOISTER_IMAGE_MAGIC) {
        return refuse(head, -EINVAL, CLOISTER_REASON_IMAGE_MAGIC, header->magic,
                      CLOISTER_IMAGE_MAGIC);
    }
    if (header->version != CLOISTER_IMAGE_VERSION) {
        return refuse(head, -EINVAL, CLOISTER_REASON_IMAGE_VERSION, header->version,
                      CLOISTER_IMAGE_VERSION);
    }
    if (header->header_size != CLOISTER_IMAGE_HEADER_SIZE) {
        return refuse(head, -EINVAL, CLOISTER_REASON_IMAGE_VERSION, header->header_size,
                      CLOISTER_IMAGE_HEADER_SIZE);
    }
    if (launch->flags & ~CLOISTER_IMAGE_DEBUG) {
        return refuse(head, -EINVAL, CLOISTER_REASON_IMAGE_FLAGS, launch->flags,
                      CLOISTER_IMAGE_DEBUG);
    }
    if (!is_zero(header->reserved, sizeof(header->reserved)) ||
        !is_zero(launch->reserved, sizeof(launch->reserved))) {
        return refuse(head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, 0, 0);
    }
    rc = check_count(head, CLOISTER_REASON_IMAGE_SIZE, launch->page_count, CLOISTER_MAX_PAGES);
    if (!rc) {
        rc =
            check_count(head, CLOISTER_REASON_IMAGE_SIZE, launch->record_count, launch->page_count);
    }
    if (!rc) {
        rc = check_count(head, CLOISTER_REASON_IMAGE_THREADS, launch->thread_count,
                         CLOISTER_MAX_THREADS);
    }
    if (!rc) {
        rc = check_count(head, CLOISTER_REASON_IMAGE_SHARED, launch->shared_count,
                         CLOISTER_MAX_SHARED_PAGES);
    }
    return rc ? rc : check_layout(launch, head);
}
