/* SPDX-License-Identifier: MIT */
/* Takes the place of grant.c, balloon.c and memory.c. A grant is a file in memory. */
#include "fake_system.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/balloon.h"
#include "cloister/image.h"
#include "agent/grant.h"
#include "agent/memory.h"
#include "suite.h"

struct fake_system fake_system;

void fake_system_start(void)
{
    fake_system = (struct fake_system){.available = UINT64_C(1) << 30, .ref = 8};
}

int grant_probe(void)
{
    return fake_system.grant_error;
}

int grant_allocate(uint32_t count, struct grant *grant)
{
    *grant = GRANT_NONE;
    if (fake_system.grant_error)
        return fake_system.grant_error;
    grant->descriptor = memfd_create("window", MFD_CLOEXEC);
    grant->refs = calloc(count, sizeof(uint32_t));
    REQUIRE(grant->descriptor >= 0 && grant->refs);
    REQUIRE(!ftruncate(grant->descriptor, (off_t)count * CLOISTER_PAGE_SIZE));
    for (uint32_t i = 0; i < count; i++)
        grant->refs[i] = fake_system.ref++;
    grant->count = count;
    fake_system.granted++;
    fake_system.grants++;
    return 0;
}

void grant_release(struct grant *grant)
{
    if (grant->descriptor >= 0) {
        REQUIRE(!close(grant->descriptor)); /* a second time would fail */
        REQUIRE(fake_system.granted > 0);
        fake_system.granted--;
    }
    free(grant->refs);
    *grant = GRANT_NONE;
}

void grant_raise_limit(unsigned long pages)
{
    (void)pages;
}

int balloon_shrink(uint64_t kb, uint64_t keep)
{
    (void)keep;
    if (fake_system.balloon_error)
        return fake_system.balloon_error;
    fake_system.ballooned_kb += (int64_t)kb;
    return 0;
}

void balloon_grow(uint64_t kb)
{
    fake_system.ballooned_kb -= (int64_t)kb;
    REQUIRE(fake_system.ballooned_kb >= 0);
}

bool balloon_settled(void)
{
    return !fake_system.balloon_stuck;
}

uint64_t memory_available(void)
{
    return fake_system.available;
}
