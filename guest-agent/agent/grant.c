/* SPDX-License-Identifier: MIT */
#include "agent/grant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xen/sys/gntalloc.h>

#include "cloister/image.h"
#include "base/say.h"

#define DEVICE "/dev/xen/gntalloc"
#define LIMIT "/sys/module/xen_gntalloc/parameters/limit"

static int open_device(void)
{
    int descriptor = open(DEVICE, O_RDWR | O_CLOEXEC);

    return descriptor < 0 ? -errno : descriptor;
}

int grant_probe(void)
{
    int descriptor = open_device();

    if (descriptor < 0)
        return descriptor;
    close(descriptor);
    return 0;
}

int grant_allocate(uint32_t count, struct grant *grant)
{
    struct ioctl_gntalloc_alloc_gref *request;
    int error = 0;

    *grant = GRANT_NONE;
    if (count == 0 || count > CLOISTER_MAX_SHARED_PAGES)
        return -EINVAL;
    request = calloc(1, sizeof(*request) + count * sizeof(uint32_t));
    grant->refs = calloc(count, sizeof(uint32_t));
    if (!request || !grant->refs) {
        error = -ENOMEM;
        goto out;
    }
    grant->descriptor = open_device();
    if (grant->descriptor < 0) {
        error = grant->descriptor;
        goto out;
    }
    request->domid = 0;
    request->flags = GNTALLOC_FLAG_WRITABLE;
    request->count = count;
    if (ioctl(grant->descriptor, IOCTL_GNTALLOC_ALLOC_GREF, request)) {
        error = -errno;
        goto out;
    }
    grant->count = count;
    grant->offset = request->index;
    memcpy(grant->refs, request->gref_ids, count * sizeof(uint32_t));
out:
    free(request);
    if (error)
        grant_release(grant);
    return error;
}

void grant_release(struct grant *grant)
{
    if (grant->descriptor >= 0)
        close(grant->descriptor);
    free(grant->refs);
    *grant = GRANT_NONE;
}

void grant_raise_limit(unsigned long pages)
{
    unsigned long limit = 0;
    FILE *file = fopen(LIMIT, "r+e");

    if (!file) {
        say_debug("%s: %s", LIMIT, strerror(errno));
        return;
    }
    if (fscanf(file, "%lu", &limit) == 1 && limit < pages) {
        rewind(file);
        if (fprintf(file, "%lu\n", pages) < 0 || fflush(file))
            say_warning("cannot raise the limit of xen-gntalloc to %lu pages: %s", pages,
                        strerror(errno));
        else
            say_info("xen-gntalloc may now grant %lu pages (before: %lu)", pages, limit);
    }
    fclose(file);
}
