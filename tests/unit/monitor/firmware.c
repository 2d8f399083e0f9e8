/* SPDX-License-Identifier: MIT */
#include "firmware.h"

#include <stdio.h>

#include "fake_host.h"

struct firmware firmware;

static const uint8_t request_guid[16] = {0xbe, 0x39, 0x09, 0xe2, 0xd4, 0x32, 0xbe, 0x41,
                                         0xa1, 0x50, 0x89, 0x7f, 0x85, 0xd4, 0x98, 0x29};
static const uint8_t lock_guid[16] = {0x3f, 0xc1, 0x3c, 0xbb, 0x1d, 0x15, 0xe1, 0x40,
                                      0xa0, 0x7b, 0x4a, 0x17, 0xbe, 0x16, 0x82, 0x92};

static const uint8_t global_guid[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                        0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};

void firmware_boot(enum firmware_kind kind, uint8_t request)
{
    const struct firmware_variable fresh = {
        .there = true, .attributes = HOST_VARIABLE_ATTRIBUTES, .size = 1};

    memset(&firmware, 0, sizeof(firmware));
    firmware.kind = kind;
    if (kind >= FIRMWARE_NO_LOCK) {
        firmware.request = fresh;
        firmware.request.data[0] = request;
    }
    if (kind >= FIRMWARE_SECURE) {
        firmware.lock = fresh;
    }
}

/* Four digits, those above 9 in capitals (UEFI 2.10, 3.3). */
static bool is_entry(const char *name)
{
    return !strncmp(name, "Boot", 4) && strlen(name) == 8 &&
           strspn(name + 4, "0123456789ABCDEF") == 4;
}

/* Where it is, or would be. */
static struct firmware_boot *find_boot(const char *name)
{
    unsigned int i = 0;

    if (!is_entry(name) && strcmp(name, "BootOrder") != 0 && strcmp(name, "BootNext") != 0 &&
        strcmp(name, "BootCurrent") != 0) {
        fake_die("the firmware is asked for %s", name);
    }
    while (firmware.boot[i].name[0] && strcmp(firmware.boot[i].name, name) != 0) {
        if (++i == FIRMWARE_BOOT) {
            fake_die("the firmware has no room for %s", name);
        }
    }
    return &firmware.boot[i];
}

static struct firmware_variable *find(const uint8_t guid[16], const char *name)
{
    if (!strcmp(name, "MemoryOverwriteRequestControl") && !memcmp(guid, request_guid, 16)) {
        return &firmware.request;
    }
    if (!strcmp(name, "MemoryOverwriteRequestControlLock") && !memcmp(guid, lock_guid, 16)) {
        return &firmware.lock;
    }
    if (memcmp(guid, global_guid, 16) != 0) {
        fake_die("the firmware is asked for %s", name);
    }
    return &find_boot(name)->variable;
}

static bool is_boot(const struct firmware_variable *variable)
{
    return variable != &firmware.request && variable != &firmware.lock;
}

int host_variable_get(const uint8_t guid[16], const char *name, uint32_t *attributes, void *data,
                      size_t *size)
{
    const struct firmware_variable *variable = find(guid, name);

    fake_require_quiet("host_variable_get");
    if (firmware.kind == FIRMWARE_NONE) {
        return -EOPNOTSUPP;
    }
    firmware.reads++;
    if (firmware.fail_read && (!firmware.fail_read_at || firmware.fail_read_at == firmware.reads)) {
        return firmware.fail_read;
    }
    if (!variable->there) {
        return -ENOENT;
    }
    if (variable->size > *size) {
        *size = variable->size;
        return -E2BIG;
    }
    *attributes = variable->attributes;
    *size = variable->size;
    memcpy(data, variable->data, variable->size);
    return 0;
}

static void store(struct firmware_variable *variable, uint32_t attributes, const void *data,
                  size_t size)
{
    *variable =
        (struct firmware_variable){.there = size > 0, .attributes = attributes, .size = size};
    if (size) {
        memcpy(variable->data, data, size);
    }
}

static void store_boot(const char *name, uint32_t attributes, const void *data, size_t size)
{
    struct firmware_boot *boot = find_boot(name);

    snprintf(boot->name, sizeof(boot->name), "%s", name);
    store(&boot->variable, attributes, data, size);
}

/* As any variable that means nothing to who stores it (UEFI 2.10, 8.2.3). */
static int write_boot(const char *name, uint32_t attributes, const void *data, size_t size)
{
    const struct firmware_variable *old = &find_boot(name)->variable;

    if (!size && !old->there) {
        return -ENOENT;
    }
    if (old->there && size && old->attributes != attributes) {
        return -EINVAL;
    }
    store_boot(name, attributes, data, size);
    return 0;
}

void firmware_put(const char *name, const void *data, size_t size)
{
    store_boot(name, strcmp(name, "BootCurrent") ? HOST_VARIABLE_ATTRIBUTES : 6, data, size);
}

const struct firmware_variable *firmware_look(const char *name)
{
    return &find_boot(name)->variable;
}

static bool is_locked(void)
{
    return firmware.lock.there && firmware.lock.data[0] && firmware.kind != FIRMWARE_DEAF_LOCK;
}

/* Secure MOR: a key that is wrong once takes away the chance of a right one. */
static int write_lock(const uint8_t *data, size_t size)
{
    if (is_locked() && firmware.kind == FIRMWARE_OPEN_LOCK) {
        firmware.lock.data[0] = 0;
        return 0;
    }
    if (is_locked()) {
        bool opens = firmware.lock.data[0] == 2 && size == 8 && !memcmp(data, firmware.key, 8);

        firmware.lock.data[0] = opens                                     ? 0
                                : firmware.lock.data[0] == 2 && size == 8 ? 1
                                                                          : firmware.lock.data[0];
        return opens ? 0 : -EPERM;
    }
    if (size == 8 && firmware.kind != FIRMWARE_KEYLESS) {
        memcpy(firmware.key, data, 8);
        firmware.lock.data[0] = 2;
        return 0;
    }
    if (size != 1 || data[0] > 1) {
        return -EINVAL;
    }
    firmware.lock.data[0] = data[0];
    return 0;
}

int host_variable_set(const uint8_t guid[16], const char *name, uint32_t attributes,
                      const void *data, size_t size)
{
    struct firmware_variable *variable = find(guid, name);

    fake_require_quiet("host_variable_set");
    firmware.writes++;
    if (firmware.kind == FIRMWARE_NONE) {
        return -EOPNOTSUPP;
    }
    if (firmware.fail_write && !--firmware.fail_write) {
        return firmware.fail_with;
    }
    if (size > FIRMWARE_ROOM) {
        return -ENOMEM;
    }
    if (variable == &firmware.lock && firmware.kind >= FIRMWARE_SECURE) {
        return write_lock(data, size);
    }
    if (variable == &firmware.request && is_locked() && firmware.kind >= FIRMWARE_SECURE) {
        return -EPERM;
    }
    if (variable == &firmware.request && firmware.kind == FIRMWARE_DEAF) {
        return 0;
    }
    if (is_boot(variable)) {
        return write_boot(name, attributes, data, size);
    }
    store(variable, attributes, data, size);
    return 0;
}
