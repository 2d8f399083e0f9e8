/* SPDX-License-Identifier: MIT */
#include "agent/imagecopy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image.h"
#include "agent/memory.h"

static int refuse(struct app_reply *refusal, int error, const char *text)
{
    app_refuse(refusal, error, APP_ORIGIN_AGENT, "the image cannot be read: %s", text);
    return error;
}

/*
 * The structure only: what the agent itself must rely on to cut the image into messages. Signature
 * and measurement are the monitor's to check, and it believes nobody.
 */
static int check(struct image *image, struct app_reply *refusal)
{
    struct cloister_image opened;
    struct cloister_image_error error;

    if (cloister_image_open(image->data, image->size, &opened, &error)) {
        app_refuse(refusal, -EINVAL, APP_ORIGIN_AGENT, "not a valid image: %s", error.text);
        refusal->reason = error.reason;
        refusal->found = error.found;
        refusal->allowed = error.allowed;
        return -EINVAL;
    }
    image->header = opened.header;
    image->records = opened.records;
    image->content = opened.content;
    return 0;
}

int image_copy(int descriptor, uint64_t max, uint64_t reserve, struct image *image,
               struct app_reply *refusal)
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
    if (memory_available() < (uint64_t)status.st_size + reserve)
        return refuse(refusal, -ENOMEM, "the guest has too little memory left for a copy");
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
