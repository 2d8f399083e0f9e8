/* SPDX-License-Identifier: MIT */
#include "verify/uefi.h"

#include <stdio.h>
#include <string.h>

#include "verify/reader.h"

#define MAX_NAME 1024u /* characters of a variable's name */

/* EFI_GLOBAL_VARIABLE, 8be4df61-93ca-11d2-aa0d-00e098032b8c: UEFI, 3.3. */
static const uint8_t global_guid[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                        0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
/*
 * What EDK2 puts behind an entry that it made by itself, 8108ac4e-9f11-4d59-850e-e21a522c59b2
 * (MdeModulePkg, UefiBootManagerLib, BmBoot.c); it starts such an entry without options.
 */
static const uint8_t automatic_guid[16] = {0x4e, 0xac, 0x08, 0x81, 0x11, 0x9f, 0x59, 0x4d,
                                           0x85, 0x0e, 0xe2, 0x1a, 0x52, 0x2c, 0x59, 0xb2};

/* A device path's nodes: UEFI, 10.3; type << 8 | subtype. */
enum {
    NODE_URI = 0x0318,   /* 10.3.4.23 */
    NODE_DISK = 0x0401,  /* 10.3.5.1 */
    NODE_CDROM = 0x0402, /* 10.3.5.2 */
    NODE_FILE = 0x0404,  /* 10.3.5.4 */
    NODE_END = 0x7fff,   /* 10.3.1 */
};

/* UTF-16 as ASCII; a character that is not printable ASCII as '?'. A zero ends it. */
static size_t put_ascii(struct cloister_bytes wide, char *text, size_t used, size_t capacity)
{
    for (size_t i = 0; i + 1 < wide.size && used + 1 < capacity; i += 2) {
        uint8_t low = wide.data[i], high = wide.data[i + 1];

        if (!low && !high) {
            break;
        }
        text[used++] = !high && low >= 0x20 && low <= 0x7e ? (char)low : '?';
    }
    text[used] = 0;
    return used;
}

bool uefi_variable_read(struct cloister_bytes event, struct uefi_variable *variable)
{
    struct reader in = reader_begin(event);
    struct cloister_bytes guid = reader_bytes(&in, sizeof(global_guid)), name;
    uint64_t characters = reader_little(&in, 8), size = reader_little(&in, 8);

    if (characters > MAX_NAME || size > event.size) {
        return false;
    }
    name = reader_bytes(&in, 2 * (size_t)characters);
    variable->data = reader_bytes(&in, (size_t)size);
    if (!reader_complete(&in)) {
        return false;
    }
    variable->global = !memcmp(guid.data, global_guid, sizeof(global_guid));
    variable->name[0] = 0;
    if (characters < sizeof(variable->name)) {
        put_ascii(name, variable->name, 0, sizeof(variable->name));
    }
    return true;
}

/* `prefix` and four hexadecimal digits. */
static bool is_numbered(const char *name, const char *prefix)
{
    size_t size = strlen(prefix);

    return !strncmp(name, prefix, size) && strlen(name) == size + 4 &&
           strspn(name + size, "0123456789abcdefABCDEF") == 4;
}

bool uefi_starts_early(const struct uefi_variable *variable)
{
    const char *name = variable->name;

    return variable->global && variable->data.size &&
           (is_numbered(name, "Driver") || is_numbered(name, "SysPrep") ||
            !strcmp(name, "DriverOrder") || !strcmp(name, "SysPrepOrder"));
}

bool uefi_is_boot_entry(const struct uefi_variable *variable)
{
    return variable->global && variable->data.size && is_numbered(variable->name, "Boot");
}

bool uefi_load_options(struct cloister_bytes entry, struct cloister_bytes *options)
{
    struct reader in = reader_begin(entry);
    size_t path;

    reader_little(&in, 4); /* attributes */
    path = (size_t)reader_little(&in, 2);
    while (!in.bad && reader_little(&in, 2)) { /* the description, with its zero */
    }
    reader_bytes(&in, path);
    if (in.bad) {
        return false;
    }
    *options = (struct cloister_bytes){in.data, in.left};
    if (options->size == sizeof(automatic_guid) &&
        !memcmp(options->data, automatic_guid, sizeof(automatic_guid))) {
        options->size = 0;
    }
    return true;
}

bool uefi_driver_place(struct cloister_bytes event, bool *from_file, char *text, size_t capacity)
{
    struct reader in = reader_begin(event);
    size_t used = 0;
    struct cloister_bytes path;
    uint64_t size;

    *from_file = false;
    text[0] = 0;
    reader_bytes(&in,
                 24); /* where it is in memory, its length, the address that it was linked for */
    size = reader_little(&in, 8);
    path = reader_bytes(&in, size <= event.size ? (size_t)size : SIZE_MAX);
    if (!reader_complete(&in)) {
        return false;
    }
    in = reader_begin(path);
    while (in.left) {
        unsigned int node = (unsigned int)reader_big(&in, 2);
        size_t length = (size_t)reader_little(&in, 2);
        struct cloister_bytes body = reader_bytes(&in, length >= 4 ? length - 4 : SIZE_MAX);

        if (in.bad) {
            return false;
        }
        if (node == NODE_END) {
            break;
        }
        *from_file |=
            node == NODE_URI || node == NODE_DISK || node == NODE_CDROM || node == NODE_FILE;
        if (node == NODE_FILE) {
            used = put_ascii(body, text, used, capacity);
        }
    }
    return true;
}
