/* SPDX-License-Identifier: MIT */
#include "streams.h"

#include <cloister/enclave.h>

#include <errno.h>

#include "keyvault.h"

static struct cloister_lock lock;
static struct stream streams[KEYVAULT_STREAMS];
static uint64_t last;

int stream_open(uint64_t *number)
{
    int result = -EBUSY;

    cloister_lock_take(&lock);
    for (size_t i = 0; i < KEYVAULT_STREAMS; i++) {
        if (!streams[i].number) {
            streams[i].number = *number = ++last;
            br_sha256_init(&streams[i].hash);
            result = 0;
            break;
        }
    }
    cloister_lock_release(&lock);
    return result;
}

struct stream *stream_claim(uint64_t number)
{
    struct stream *found = NULL;

    cloister_lock_take(&lock);
    for (size_t i = 0; number && i < KEYVAULT_STREAMS; i++) {
        if (streams[i].number == number && !streams[i].claimed) {
            streams[i].claimed = 1;
            found = &streams[i];
        }
    }
    cloister_lock_release(&lock);
    return found;
}

void stream_release(struct stream *stream)
{
    cloister_lock_take(&lock);
    stream->claimed = 0;
    cloister_lock_release(&lock);
}

void stream_close(struct stream *stream)
{
    cloister_lock_take(&lock);
    cloister_wipe(stream, sizeof(*stream));
    cloister_lock_release(&lock);
}
