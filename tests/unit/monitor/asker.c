/* SPDX-License-Identifier: MIT */
#include "asker.h"

#include <check.h>

struct asker asker;

void asker_enter(struct image *image, uint16_t domain)
{
    uint64_t handle[2];

    image_measure(image);
    image_sign(image);
    scene_ready(image, domain, handle);
    asker.thread = scene_enter(domain, 0, handle, 0);
    for (uint32_t i = 0; i < image->count; i++) {
        if (image->records[i].flags & CLOISTER_PAGE_W) {
            asker.writable = image->records[i].page;
        }
    }
}

void asker_leave(void)
{
    struct thread_result result;

    ck_assert_int_eq(scene_exit(asker.thread, CLOISTER_ENCLAVE_RETURN, 0, 0, &result),
                     THREAD_LEAVE);
}

int64_t asker_call(uint64_t number, uint64_t address, uint64_t zero)
{
    struct thread_result result = {.outcome = 99};

    ck_assert_int_eq(scene_exit(asker.thread, number, address, zero, &result), THREAD_ANSWER);
    return result.outcome;
}

int64_t asker_request(uint64_t number, void *request, size_t size)
{
    frame_t frame;

    ck_assert(view_lookup(&asker.thread->enclave->view, asker.writable, &frame));
    uint8_t *page = host_frame_map(frame);
    memcpy(page + ASKER_OFFSET, request, size);
    int64_t rc =
        asker_call(number, (uint64_t)asker.writable * CLOISTER_PAGE_SIZE + ASKER_OFFSET, 0);
    memcpy(request, page + ASKER_OFFSET, size);
    host_frame_unmap(page);
    return rc;
}
