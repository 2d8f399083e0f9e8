/* SPDX-License-Identifier: MIT */
/* The structure of an image: every rule of cloister/image.h that needs no cryptography. */
#include "image.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "refuse.h"

#define TSS_SIZE 104u
#define PAGE_FLAGS (CLOISTER_PAGE_R | CLOISTER_PAGE_W | CLOISTER_PAGE_X | CLOISTER_PAGE_ZERO)

int image_refuse(struct cloister_image_error *error, int code,
                 const struct cloister_image_error *why, const char *format, ...)
{
    char sentence[160];
    va_list arguments;

    if (!error) {
        return code;
    }
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    *error = *why;
    if (why->reason == CLOISTER_REASON_PAGE_RANGE || why->reason == CLOISTER_REASON_PAGE_FLAGS ||
        why->reason == CLOISTER_REASON_PAGE_DUPLICATE) {
        snprintf(error->text, sizeof(error->text), "%s %" PRIu64 ": %s", why->field, why->index,
                 sentence);
    } else {
        snprintf(error->text, sizeof(error->text), "%s: %s", why->field, sentence);
    }
    return code;
}

#define REFUSE(error, reason_, field_, index_, found_, allowed_, ...)                              \
    image_refuse(error, -EINVAL,                                                                   \
                 &(struct cloister_image_error){.reason = CLOISTER_REASON_##reason_,               \
                                                .field = field_,                                   \
                                                .index = index_,                                   \
                                                .found = found_,                                   \
                                                .allowed = allowed_},                              \
                 __VA_ARGS__)

static bool is_zero(const void *memory, size_t size)
{
    const uint8_t *bytes = memory;

    while (size > 0 && !bytes[size - 1]) {
        size--;
    }
    return size == 0;
}

static int check_identity(const struct cloister_image_header *header,
                          struct cloister_image_error *error)
{
    const struct cloister_launch *launch = &header->launch;

    if (header->magic != CLOISTER_IMAGE_MAGIC) {
        return REFUSE(error, IMAGE_MAGIC, "magic", 0, header->magic, CLOISTER_IMAGE_MAGIC,
                      "this is no Cloister image (found 0x%016" PRIx64 ", expected 0x%016" PRIx64
                      ")",
                      header->magic, CLOISTER_IMAGE_MAGIC);
    }
    if (header->version != CLOISTER_IMAGE_VERSION) {
        return REFUSE(error, IMAGE_VERSION, "version", 0, header->version, CLOISTER_IMAGE_VERSION,
                      "format version %" PRIu32 ", only %u is supported", header->version,
                      CLOISTER_IMAGE_VERSION);
    }
    if (header->header_size != CLOISTER_IMAGE_HEADER_SIZE) {
        return REFUSE(error, IMAGE_VERSION, "header_size", 0, header->header_size,
                      CLOISTER_IMAGE_HEADER_SIZE, "%" PRIu32 " bytes, must be %u",
                      header->header_size, CLOISTER_IMAGE_HEADER_SIZE);
    }
    if (launch->flags & ~CLOISTER_IMAGE_DEBUG) {
        return REFUSE(error, IMAGE_FLAGS, "launch.flags", 0, launch->flags, CLOISTER_IMAGE_DEBUG,
                      "unknown flags in 0x%" PRIx32 ", known are 0x%x", launch->flags,
                      CLOISTER_IMAGE_DEBUG);
    }
    if (!is_zero(launch->reserved, sizeof(launch->reserved))) {
        return REFUSE(error, RESERVED_NOT_ZERO, "launch.reserved", 0, 0, 0, "must be zero");
    }
    if (!is_zero(header->reserved, sizeof(header->reserved))) {
        return REFUSE(error, RESERVED_NOT_ZERO, "reserved", 0, 0, 0, "must be zero");
    }
    return 0;
}

static int check_counts(const struct cloister_launch *launch, struct cloister_image_error *error)
{
    const struct {
        enum cloister_reason reason;
        const char *field;
        uint32_t found;
        uint32_t highest;
    } counts[] = {
        {CLOISTER_REASON_IMAGE_SIZE, "launch.page_count", launch->page_count, CLOISTER_MAX_PAGES},
        {CLOISTER_REASON_IMAGE_SIZE, "launch.record_count", launch->record_count,
         launch->page_count},
        {CLOISTER_REASON_IMAGE_THREADS, "launch.thread_count", launch->thread_count,
         CLOISTER_MAX_THREADS},
        {CLOISTER_REASON_IMAGE_SHARED, "launch.shared_count", launch->shared_count,
         CLOISTER_MAX_SHARED_PAGES},
    };

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i].found < 1 || counts[i].found > counts[i].highest) {
            const struct cloister_image_error why = {.reason = (uint16_t)counts[i].reason,
                                                     .field = counts[i].field,
                                                     .found = counts[i].found,
                                                     .allowed = counts[i].highest};

            return image_refuse(error, -EINVAL, &why,
                                "found %" PRIu32 ", allowed are 1 to %" PRIu32, counts[i].found,
                                counts[i].highest);
        }
    }
    return 0;
}

/* [address, address + size) lies in the enclave's linear range. */
static bool inside(const struct cloister_launch *launch, uint64_t address, uint64_t size)
{
    uint64_t end = CLOISTER_ENCLAVE_BASE + (uint64_t)launch->page_count * CLOISTER_PAGE_SIZE;

    return address >= CLOISTER_ENCLAVE_BASE && address <= end && size <= end - address;
}

/* One area for each thread. A stride is at most the enclave's size, so nothing overflows. */
static bool all_inside(const struct cloister_launch *launch, uint64_t base, uint64_t stride,
                       uint64_t size)
{
    uint64_t whole = (uint64_t)launch->page_count * CLOISTER_PAGE_SIZE;

    return stride <= whole && inside(launch, base, (launch->thread_count - 1) * stride + size);
}

/* A present descriptor's selector: privilege 0, of the GDT, all eight bytes below its limit. */
static bool selects(const struct cloister_launch *launch, uint16_t selector)
{
    return !(selector & 7) && selector + 7u <= launch->gdt_limit;
}

static int check_launch(const struct cloister_launch *launch, struct cloister_image_error *error)
{
    const uint64_t end = CLOISTER_ENCLAVE_BASE + (uint64_t)launch->page_count * CLOISTER_PAGE_SIZE;
    const struct {
        const char *field;
        uint64_t found;
        bool valid;
    } fields[] = {
        {"launch.cr3_page", launch->cr3_page, launch->cr3_page < launch->page_count},
        {"launch.entry", launch->entry, inside(launch, launch->entry, 1)},
        {"launch.stack_top", launch->stack_top,
         all_inside(launch, launch->stack_top, launch->stack_stride, 0)},
        {"launch.tls_base", launch->tls_base,
         all_inside(launch, launch->tls_base, launch->tls_stride, 0)},
        {"launch.tss_base", launch->tss_base,
         all_inside(launch, launch->tss_base, launch->tss_stride, TSS_SIZE)},
        {"launch.gdt_base", launch->gdt_base,
         inside(launch, launch->gdt_base, launch->gdt_limit + 1u)},
        {"launch.idt_base", launch->idt_base,
         inside(launch, launch->idt_base, launch->idt_limit + 1u)},
        {"launch.code_selector", launch->code_selector, selects(launch, launch->code_selector)},
        {"launch.data_selector", launch->data_selector, selects(launch, launch->data_selector)},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (!fields[i].valid) {
            const struct cloister_image_error why = {.reason = CLOISTER_REASON_IMAGE_LAYOUT,
                                                     .field = fields[i].field,
                                                     .found = fields[i].found,
                                                     .allowed = end};

            return image_refuse(error, -EINVAL, &why,
                                "0x%" PRIx64 " with what belongs to it is not inside the enclave "
                                "(0x%" PRIx64 " to 0x%" PRIx64 ")",
                                fields[i].found, CLOISTER_ENCLAVE_BASE, end);
        }
    }
    return 0;
}

static int check_record(const struct cloister_image_header *header,
                        const struct cloister_page_record *records, uint32_t index,
                        struct cloister_image_error *error)
{
    const struct cloister_page_record record = records[index];
    const uint32_t last = header->launch.page_count - 1;

    if (record.page > last) {
        return REFUSE(error, PAGE_RANGE, "record", index, record.page, last,
                      "page %" PRIu32 " is outside the enclave, the last one is %" PRIu32,
                      record.page, last);
    }
    if (index > 0 && record.page <= records[index - 1].page) {
        return REFUSE(error, PAGE_DUPLICATE, "record", index, record.page,
                      (uint64_t)records[index - 1].page + 1,
                      "page %" PRIu32 " comes after page %" PRIu32 " (sorted, each only once)",
                      record.page, records[index - 1].page);
    }
    if (!(record.flags & CLOISTER_PAGE_R) || (record.flags & ~PAGE_FLAGS) ||
        (record.flags & (CLOISTER_PAGE_W | CLOISTER_PAGE_X)) ==
            (CLOISTER_PAGE_W | CLOISTER_PAGE_X)) {
        return REFUSE(error, PAGE_FLAGS, "record", index, record.flags, PAGE_FLAGS,
                      "flags 0x%" PRIx32 " of page %" PRIu32
                      ": must be readable, not both writable and executable, nothing unknown",
                      record.flags, record.page);
    }
    return 0;
}

int cloister_image_check_header(const struct cloister_image_header *header,
                                struct cloister_image_error *error)
{
    int result = check_identity(header, error);

    if (!result) {
        result = check_counts(&header->launch, error);
    }
    return result ? result : check_launch(&header->launch, error);
}

uint64_t cloister_image_head_size(const struct cloister_image_header *header)
{
    return CLOISTER_IMAGE_HEADER_SIZE +
           (uint64_t)header->launch.record_count * sizeof(struct cloister_page_record);
}

/* What must follow the records, and nothing else. */
static int check_end(uint64_t size, uint64_t expected, struct cloister_image_error *error)
{
    if (size == expected) {
        return 0;
    }
    return REFUSE(error, IMAGE_INCOMPLETE, "file", 0, size, expected,
                  "%s: %" PRIu64 " bytes, the header and records say %" PRIu64,
                  size < expected ? "truncated" : "too long", size, expected);
}

int cloister_image_open_head(const uint8_t *head, uint64_t size, struct cloister_image *image,
                             struct cloister_image_error *error)
{
    const struct cloister_image_header *header = (const void *)head;
    const struct cloister_page_record *records = (const void *)(head + CLOISTER_IMAGE_HEADER_SIZE);
    uint64_t offset, expected;
    uint32_t content_count = 0;
    int result;

    if (size < CLOISTER_IMAGE_HEADER_SIZE) {
        return REFUSE(error, IMAGE_MAGIC, "file", 0, size, CLOISTER_IMAGE_HEADER_SIZE,
                      "%" PRIu64 " bytes are too few for the header of %u", size,
                      CLOISTER_IMAGE_HEADER_SIZE);
    }
    result = cloister_image_check_header(header, error);
    if (result) {
        return result;
    }
    offset = expected = cloister_image_head_size(header);
    if (size < offset) {
        return REFUSE(error, IMAGE_INCOMPLETE, "file", 0, size, offset,
                      "truncated in the page records: %" PRIu64 " bytes of %" PRIu64, size, offset);
    }
    for (uint32_t i = 0; i < header->launch.record_count; i++) {
        result = check_record(header, records, i, error);
        if (result) {
            return result;
        }
        content_count += !(records[i].flags & CLOISTER_PAGE_ZERO);
    }
    /* Without content nothing needs to be aligned: the file may end behind the records. */
    if (content_count > 0) {
        offset = (offset + CLOISTER_PAGE_SIZE - 1) & ~(uint64_t)(CLOISTER_PAGE_SIZE - 1);
        expected = offset + (uint64_t)content_count * CLOISTER_PAGE_SIZE;
    }
    result = check_end(size, expected, error);
    if (result) {
        return result;
    }
    *image = (struct cloister_image){
        .header = header,
        .records = records,
        .content_count = content_count,
        .content_offset = offset,
        .size = size,
    };
    return 0;
}

int cloister_image_open(const uint8_t *data, size_t size, struct cloister_image *image,
                        struct cloister_image_error *error)
{
    int result = cloister_image_open_head(data, size, image, error);

    if (!result && image->content_count > 0) {
        image->content = data + image->content_offset;
    }
    return result;
}

const uint8_t *cloister_image_page(const struct cloister_image *image, uint32_t index)
{
    uint32_t before = 0;

    if (image->records[index].flags & CLOISTER_PAGE_ZERO) {
        return NULL;
    }
    for (uint32_t i = 0; i < index; i++) {
        before += !(image->records[i].flags & CLOISTER_PAGE_ZERO);
    }
    return image->content + (size_t)before * CLOISTER_PAGE_SIZE;
}
