/* SPDX-License-Identifier: MIT */
#include "agent/imagefile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image.h"
#include "agent/memory.h"

static int refuse(struct app_reply *refusal, int error, const char *text)
{
    app_refuse(refusal, error, APP_ORIGIN_AGENT, "the image cannot be read: %s", text);
    return error;
}

static int refuse_image(struct app_reply *refusal, const struct cloister_image_error *error)
{
    app_refuse(refusal, -EINVAL, APP_ORIGIN_AGENT, "not a valid image: %s", error->text);
    refusal->reason = error->reason;
    refusal->found = error->found;
    refusal->allowed = error->allowed;
    return -EINVAL;
}

/* All of it: 0, or -EIO with errno, which is 0 where the file has become shorter. */
static int read_whole(int descriptor, void *data, size_t size, uint64_t offset)
{
    for (size_t at = 0; at < size;) {
        ssize_t count = pread(descriptor, (uint8_t *)data + at, size - at, (off_t)(offset + at));

        if (count < 0 && errno == EINTR)
            continue;
        if (count == 0)
            errno = 0;
        if (count <= 0)
            return -EIO;
        at += (size_t)count;
    }
    return 0;
}

static const char *cause(void)
{
    return errno ? strerror(errno) : "it became shorter";
}

static int check_file(int descriptor, uint64_t max, uint64_t *size, struct app_reply *refusal)
{
    struct stat status;

    /* Only files in memory can be sealed (fcntl(2), F_GET_SEALS): everything else may block. */
    if (fstat(descriptor, &status) || !S_ISREG(status.st_mode) ||
        fcntl(descriptor, F_GET_SEALS) < 0)
        return refuse(refusal, -EINVAL, "it must be given as a file in memory");
    if (status.st_size <= 0)
        return refuse(refusal, -EINVAL, "it is empty");
    *size = (uint64_t)status.st_size;
    if (*size > max) {
        app_refuse(refusal, -EFBIG, APP_ORIGIN_AGENT,
                   "the image has %" PRIu64 " bytes; %" PRIu64
                   " are allowed (max_image in agent.conf)",
                   *size, max);
        refusal->found = *size;
        refusal->allowed = max;
        return -EFBIG;
    }
    return 0;
}

/*
 * The structure only: what the agent itself must rely on to cut the image into messages. Signature
 * and measurement are the monitor's to check, and it believes nobody.
 */
static int take_header(struct image *image, struct app_reply *refusal)
{
    const size_t there =
        image->size < CLOISTER_IMAGE_HEADER_SIZE ? (size_t)image->size : CLOISTER_IMAGE_HEADER_SIZE;
    struct cloister_image_error error;
    struct cloister_image unused;

    image->head = calloc(1, CLOISTER_IMAGE_HEADER_SIZE);
    if (!image->head)
        return refuse(refusal, -ENOMEM, "the agent has no memory left");
    image->header = (const void *)image->head;
    if (read_whole(image->descriptor, image->head, there, 0))
        return refuse(refusal, -EIO, cause());
    if (there < CLOISTER_IMAGE_HEADER_SIZE) /* says so */
        return cloister_image_open_head(image->head, there, &unused, &error)
                   ? refuse_image(refusal, &error)
                   : refuse(refusal, -EINVAL, "it is too short");
    return cloister_image_check_header(image->header, &error) ? refuse_image(refusal, &error) : 0;
}

int image_open(int descriptor, uint64_t max, struct image *image, struct app_reply *refusal)
{
    uint64_t size = 0;
    int error = check_file(descriptor, max, &size, refusal);

    *image = IMAGE_NONE;
    if (error)
        return error;
    image->size = size;
    image->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    error = image->descriptor < 0 ? refuse(refusal, -errno, strerror(errno))
                                  : take_header(image, refusal);
    if (error)
        image_close(image);
    return error;
}

int image_take_records(struct image *image, uint64_t reserve, struct app_reply *refusal)
{
    const uint64_t size = cloister_image_head_size(image->header);
    struct cloister_image_error error;
    struct cloister_image opened;
    uint8_t *whole;

    /* A file that is too short for them is refused for that, with the numbers. */
    if (size <= image->size) {
        if (memory_available() < size + reserve)
            return refuse(refusal, -ENOMEM, "the guest has too little memory left to load it");
        whole = realloc(image->head, size);
        if (!whole)
            return refuse(refusal, -ENOMEM, "the agent has no memory left");
        image->head = whole;
        image->header = (const void *)whole;
        if (read_whole(image->descriptor, whole + CLOISTER_IMAGE_HEADER_SIZE,
                       size - CLOISTER_IMAGE_HEADER_SIZE, CLOISTER_IMAGE_HEADER_SIZE))
            return refuse(refusal, -EIO, cause());
    }
    if (cloister_image_open_head(image->head, image->size, &opened, &error))
        return refuse_image(refusal, &error);
    image->records = opened.records;
    image->content_offset = opened.content_offset;
    return 0;
}

int image_read(const struct image *image, uint32_t first, uint32_t count, void *pages)
{
    return read_whole(image->descriptor, pages, (size_t)count * CLOISTER_PAGE_SIZE,
                      image->content_offset + (uint64_t)first * CLOISTER_PAGE_SIZE);
}

void image_close(struct image *image)
{
    if (image->descriptor >= 0)
        close(image->descriptor);
    free(image->head);
    *image = IMAGE_NONE;
}
