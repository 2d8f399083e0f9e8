/* SPDX-License-Identifier: MIT */
#include "machine/bootorder.h"

#include "core/count.h"
#include "core/refuse.h"

#define ENTRIES 0x10000u

#define NEEDED (CLOISTER_INFO_LOCKDOWN | CLOISTER_INFO_IOMMU_STRICT)
#define LOOKED_AT (NEEDED | CLOISTER_INFO_ATS)

/* EFI_GLOBAL_VARIABLE, as in memory (UEFI 2.10, 3.3, appendix A). */
static const uint8_t global[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                   0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};

static uint64_t changes;

uint64_t bootorder_changes(void)
{
    return count_read(&changes);
}

static int failed(struct cloister_boot *op, int error)
{
    if (error == -EOPNOTSUPP) {
        return refuse(&op->head, error, CLOISTER_REASON_BOOT_FIRMWARE, 0, 0);
    }
    return refuse(&op->head, -EIO, CLOISTER_REASON_BOOT_FAILED, (uint64_t)-error, 0);
}

/* --- reading ------------------------------------------------------------------------------------ */

static int get(const char *name, void *data, size_t *size)
{
    uint32_t attributes;

    return host_variable_get(global, name, &attributes, data, size);
}

static int get_entry(uint32_t entry, void *data, size_t *size)
{
    char name[] = "Boot####";

    if (entry >= ENTRIES) {
        return -ENOENT;
    }
    for (unsigned int i = 0; i < 4; i++) {
        name[4 + i] = "0123456789ABCDEF"[entry >> (12 - 4 * i) & 0xf];
    }
    return get(name, data, size);
}

/* BootCurrent or BootNext. */
static int get_number(const char *name, uint32_t *number)
{
    uint16_t value;
    size_t size = sizeof(value);
    int rc = get(name, &value, &size);

    *number = rc ? CLOISTER_BOOT_NONE : value;
    if (!rc && size != sizeof(value)) {
        rc = -EINVAL;
    }
    return rc == -ENOENT ? 0 : rc;
}

static int read_order(struct cloister_boot *op)
{
    size_t size = sizeof(op->order);
    int rc = get_number("BootCurrent", &op->booted);

    if (!rc) {
        rc = get_number("BootNext", &op->next);
    }
    if (!rc) {
        memset(op->order, 0, sizeof(op->order));
        rc = get("BootOrder", op->order, &size);
    }
    op->count = rc ? 0 : (uint32_t)(size / sizeof(op->order[0]));
    return rc && rc != -ENOENT ? failed(op, rc) : 0;
}

static int read_entry(struct cloister_boot *op)
{
    size_t size = op->size;

    if (!size || size > CLOISTER_BOOT_ENTRY_SIZE) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_BATCH, size, CLOISTER_BOOT_ENTRY_SIZE);
    }
    void *data = host_alloc(size);
    if (!data) {
        return refuse(&op->head, -ENOMEM, CLOISTER_REASON_NO_MEMORY, 0, 0);
    }
    int rc = get_entry(op->entry, data, &size);
    if (rc == -ENOENT) {
        size = 0;
    }
    if (rc && rc != -ENOENT && rc != -E2BIG) {
        rc = failed(op, rc);
    } else if (size <= op->size && host_copy_out(op->buffer, data, size)) {
        rc = refuse(&op->head, -EFAULT, CLOISTER_REASON_BAD_POINTER, op->buffer, 0);
    } else {
        op->size = (uint32_t)size;
        rc = 0;
    }
    host_free(data);
    return rc;
}

/* --- changing ----------------------------------------------------------------------------------- */

static int need_entry(struct cloister_boot *op, uint32_t entry)
{
    uint8_t nothing;
    size_t size = 0;
    int rc = get_entry(entry, &nothing, &size);

    if (rc == -ENOENT) {
        return refuse(&op->head, rc, CLOISTER_REASON_BOOT_ENTRY, entry, 0);
    }
    return rc && rc != -E2BIG ? failed(op, rc) : 0; /* it has more than nothing */
}

static int set(struct cloister_boot *op, const char *name, const void *data, size_t size)
{
    int rc = host_variable_set(global, name, HOST_VARIABLE_ATTRIBUTES, data, size);

    if (!rc) {
        count_add_shared(&changes, 1);
    }
    return rc && rc != -ENOENT ? failed(op, rc) : 0; /* it was removed already */
}

static int set_order(struct cloister_boot *op)
{
    if (!op->count || op->count > CLOISTER_BOOT_MAX) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_BATCH, op->count, CLOISTER_BOOT_MAX);
    }
    for (uint32_t i = 0; i < op->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (op->order[j] == op->order[i]) {
                return refuse(&op->head, -EEXIST, CLOISTER_REASON_BOOT_TWICE, op->order[i], 0);
            }
        }
    }
    for (uint32_t i = 0; i < op->count; i++) {
        int rc = need_entry(op, op->order[i]);

        if (rc) {
            return rc;
        }
    }
    return set(op, "BootOrder", op->order, op->count * sizeof(op->order[0]));
}

static int set_next(struct cloister_boot *op)
{
    const uint16_t entry = (uint16_t)op->entry;

    if (op->entry == CLOISTER_BOOT_NONE) {
        return set(op, "BootNext", &entry, 0);
    }
    int rc = need_entry(op, op->entry);
    return rc ? rc : set(op, "BootNext", &entry, sizeof(entry));
}

static int dispatch(struct cloister_boot *op)
{
    switch (op->kind) {
    case CLOISTER_BOOT_READ:
        return read_order(op);
    case CLOISTER_BOOT_ENTRY:
        return read_entry(op);
    case CLOISTER_BOOT_ORDER:
        return set_order(op);
    case CLOISTER_BOOT_NEXT:
        return set_next(op);
    default:
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_UNKNOWN_OP, op->kind, CLOISTER_BOOT_NEXT);
    }
}

int bootorder_serve(struct cloister_boot *op)
{
    uint32_t flags = host_flags();
    int rc = (flags & LOOKED_AT) == NEEDED
                 ? dispatch(op)
                 : refuse(&op->head, -EPERM, CLOISTER_REASON_BOOT_OPEN, flags, NEEDED);

    op->changes = bootorder_changes();
    return rc;
}
