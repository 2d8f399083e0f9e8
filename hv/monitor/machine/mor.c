/* SPDX-License-Identifier: MIT */
#include "machine/mor.h"

#define CLEAR_MEMORY 0x01u
#define DISABLE_AUTO_DETECT 0x10u
#define WANTED (CLEAR_MEMORY | DISABLE_AUTO_DETECT)

#define UNLOCKED 0u
#define LOCKED_WITHOUT_KEY 1u

struct variable {
    uint8_t guid[16]; /* as in memory (UEFI 2.10, appendix A) */
    const char *name;
};

static const struct variable control = {{0xbe, 0x39, 0x09, 0xe2, 0xd4, 0x32, 0xbe, 0x41, 0xa1, 0x50,
                                         0x89, 0x7f, 0x85, 0xd4, 0x98, 0x29},
                                        "MemoryOverwriteRequestControl"};
static const struct variable lock = {{0x3f, 0xc1, 0x3c, 0xbb, 0x1d, 0x15, 0xe1, 0x40, 0xa0, 0x7b,
                                      0x4a, 0x17, 0xbe, 0x16, 0x82, 0x92},
                                     "MemoryOverwriteRequestControlLock"};

static struct mor_status status;

/* Both have one byte and these attributes; anything else is not the firmware's. -E2BIG. */
static int get(const struct variable *variable, uint8_t *value)
{
    uint32_t attributes;
    size_t size = sizeof(*value);
    int rc = host_variable_get(variable->guid, variable->name, &attributes, value, &size);

    if (!rc && (size != sizeof(*value) || attributes != HOST_VARIABLE_ATTRIBUTES)) {
        rc = -E2BIG;
    }
    return rc;
}

static int set(const struct variable *variable, uint8_t value)
{
    return host_variable_set(variable->guid, variable->name, HOST_VARIABLE_ATTRIBUTES, &value,
                             sizeof(value));
}

static enum mor_outcome failed(int error)
{
    status.error = error;
    return error == -E2BIG ? MOR_FALSE : MOR_REFUSED;
}

static bool is_wanted(uint8_t value)
{
    return (value & WANTED) == WANTED;
}

/* Nothing can be taken back: tried, and looked at. */
static enum mor_outcome prove(void)
{
    uint8_t request, state;

    bool opened = !set(&lock, UNLOCKED);
    bool withdrawn = !set(&control, 0);
    int rc = get(&lock, &state);
    if (!rc) {
        rc = get(&control, &request);
    }
    if (rc) {
        return failed(rc);
    }
    if (opened || withdrawn || state != LOCKED_WITHOUT_KEY || !is_wanted(request)) {
        /* For what it is worth: the request without the lock. */
        rc = set(&control, WANTED);
        (void)rc;
        return MOR_FALSE;
    }
    return MOR_LOCKED;
}

static enum mor_outcome request(void)
{
    uint8_t value, state;

    int rc = get(&control, &value);
    if (rc == -ENOENT) {
        return MOR_ABSENT;
    }
    if (rc == -EOPNOTSUPP) {
        return MOR_NO_SERVICES;
    }
    int found = rc ? rc : get(&lock, &state);
    if (!rc && !is_wanted(value)) {
        rc = set(&control, WANTED);
        if (rc == -EPERM && !found && state != UNLOCKED) {
            return MOR_TAKEN;
        }
    }
    if (rc || (found && found != -ENOENT)) {
        return failed(rc ? rc : found);
    }
    if (found) {
        return MOR_NO_LOCK;
    }
    if (state == UNLOCKED) {
        rc = set(&lock, LOCKED_WITHOUT_KEY);
        return rc ? failed(rc) : prove();
    }
    return state == LOCKED_WITHOUT_KEY ? prove() : MOR_TAKEN;
}

void mor_init(void)
{
    status = (struct mor_status){.outcome = MOR_NOT_ASKED};
    status.outcome = request();
}

const struct mor_status *mor_status(void)
{
    return &status;
}

const char *mor_text(void)
{
#define MOR_TEXT(name, text) text,
    static const char *const texts[] = {MOR_OUTCOMES(MOR_TEXT)};
#undef MOR_TEXT

    return texts[status.outcome];
}
