/* SPDX-License-Identifier: MIT */
#include "imagecopy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(struct app_reply *refusal, int error, const char *text)
{
    app_refuse(refusal, error, APP_ORIGIN_AGENT, "the image cannot be read: %s", text);
    return error;
}

static int invalid(struct app_reply *refusal, enum cloister_reason reason, uint64_t found,
                   uint64_t allowed)
{
    app_refuse(refusal, -EINVAL, APP_ORIGIN_AGENT,
               "not a valid image: %s (found %" PRIu64 ", allowed %" PRIu64 ")",
               cloister_reason_text(reason), found, allowed);
    refusal->reason = (uint16_t)reason;
    refusal->found = found;
    refusal->allowed = allowed;
    return -EINVAL;
}

/*
 * The structure only: what the agent itself must rely on to cut the image into messages. Signature,
 * measurement and launch state are the monitor's to check, and it believes nobody.
 */
static int check(struct image *image, struct app_reply *refusal)
{
    const struct cloister_image_header *header = (const void *)image->data;
    const struct cloister_launch *launch = &header->launch;
    uint64_t content = 0, offset, expected;

    if (image->size < sizeof(*header))
        return invalid(refusal, CLOISTER_REASON_IMAGE_MAGIC, image->size, sizeof(*header));
    if (header->magic != CLOISTER_IMAGE_MAGIC)
        return invalid(refusal, CLOISTER_REASON_IMAGE_MAGIC, header->magic, CLOISTER_IMAGE_MAGIC);
    if (header->version != CLOISTER_IMAGE_VERSION)
        return invalid(refusal, CLOISTER_REASON_IMAGE_VERSION, header->version,
                       CLOISTER_IMAGE_VERSION);
    if (header->header_size != CLOISTER_IMAGE_HEADER_SIZE)
        return invalid(refusal, CLOISTER_REASON_IMAGE_VERSION, header->header_size,
                       CLOISTER_IMAGE_HEADER_SIZE);
    if (launch->page_count == 0 || launch->page_count > CLOISTER_MAX_PAGES)
        return invalid(refusal, CLOISTER_REASON_IMAGE_SIZE, launch->page_count, CLOISTER_MAX_PAGES);
    if (launch->record_count == 0 || launch->record_count > launch->page_count)
        return invalid(refusal, CLOISTER_REASON_IMAGE_SIZE, launch->record_count,
                       launch->page_count);
    if (launch->thread_count == 0 || launch->thread_count > CLOISTER_MAX_THREADS)
        return invalid(refusal, CLOISTER_REASON_IMAGE_THREADS, launch->thread_count,
                       CLOISTER_MAX_THREADS);
    if (launch->shared_count == 0 || launch->shared_count > CLOISTER_MAX_SHARED_PAGES)
        return invalid(refusal, CLOISTER_REASON_IMAGE_SHARED, launch->shared_count,
                       CLOISTER_MAX_SHARED_PAGES);

    offset = CLOISTER_IMAGE_HEADER_SIZE +
             (uint64_t)launch->record_count * sizeof(struct cloister_page_record);
    if (offset > image->size)
        return invalid(refusal, CLOISTER_REASON_IMAGE_INCOMPLETE, image->size, offset);
    image->records = (const void *)(image->data + CLOISTER_IMAGE_HEADER_SIZE);
    for (uint32_t i = 0; i < launch->record_count; i++) {
        const struct cloister_page_record *record = &image->records[i];

        if (record->page >= launch->page_count)
            return invalid(refusal, CLOISTER_REASON_PAGE_RANGE, record->page,
                           launch->page_count - 1);
        if (i && record->page <= record[-1].page)
            return invalid(refusal, CLOISTER_REASON_PAGE_DUPLICATE, record->page,
                           (uint64_t)record[-1].page + 1);
        content += !(record->flags & CLOISTER_PAGE_ZERO);
    }
    offset = (offset + CLOISTER_PAGE_SIZE - 1) & ~(uint64_t)(CLOISTER_PAGE_SIZE - 1);
    expected = content ? offset + content * CLOISTER_PAGE_SIZE : image->size;
    if (image->size != expected || (!content && image->size > offset))
        return invalid(refusal, CLOISTER_REASON_IMAGE_INCOMPLETE, image->size, expected);
    image->header = header;
    image->content = content ? image->data + offset : NULL;
    return 0;
}

int image_copy(int descriptor, uint64_t max, struct image *image, struct app_reply *refusal)
{
    struct stat status;
    int error;

    *image = (struct image){0};
    /* Only files in memory can be sealed (fcntl(2), F_GET_SEALS): everything else may block. */
    if (fstat(descriptor, &status) || !S_ISREG(status.st_mode) ||
        fcntl(descriptor, F_GET_SEALS) < 0)
        return refuse(refusal, -EINVAL, "it must be given as a file in memory");
    if (status.st_size <= 0)
        return refuse(refusal, -EINVAL, "it is empty");
    if ((uint64_t)status.st_size > max) {
        app_refuse(refusal, -EFBIG, APP_ORIGIN_AGENT,
                   "the image has %" PRIu64 " bytes; %" PRIu64
                   " are allowed (max_image in agent.conf)",
                   (uint64_t)status.st_size, max);
        refusal->found = (uint64_t)status.st_size;
        refusal->allowed = max;
        return -EFBIG;
    }
    image->size = (size_t)status.st_size;
    image->data =
        mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (image->data == MAP_FAILED) {
        *image = (struct image){0};
        return refuse(refusal, -ENOMEM, "the agent has no memory left");
    }
    for (size_t at = 0; at < image->size;) {
        ssize_t count = pread(descriptor, image->data + at, image->size - at, (off_t)at);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            error = refuse(refusal, -EIO, count ? strerror(errno) : "it became shorter");
            image_free(image);
            return error;
        }
        at += (size_t)count;
    }
    error = check(image, refusal);
    if (error)
        image_free(image);
    return error;
}

void image_free(struct image *image)
{
    if (image->data)
        munmap(image->data, image->size);
    *image = (struct image){0};
}
