/* SPDX-License-Identifier: MIT */
#include "monitor/bootentries.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errname.h"

#define ENTRIES 0x10000u
#define OPTION_ACTIVE 0x1u /* LOAD_OPTION_* */
#define OPTION_HIDDEN 0x8u
#define PATH_MEDIA 4u /* device path node types: 10.3.1 */
#define PATH_MEDIA_FILE 4u
#define PATH_END 0x7fu

/* --- an entry's content ------------------------------------------------------------------------- */

static uint32_t number_at(const uint8_t *data, size_t size)
{
    uint32_t number = 0;

    for (size_t i = 0; i < size; i++)
        number |= (uint32_t)data[i] << 8 * i;
    return number;
}

/* Letters that stay where they are printed: no controls, no half pairs, none that turn the line's direction. */
static bool is_plain(uint32_t c)
{
    return c >= 0x20 && (c < 0x7f || c >= 0xa0) && (c < 0x200b || c > 0x200f) &&
           (c < 0x2028 || c > 0x202e) && (c < 0x2060 || c > 0x206f) && (c < 0xd800 || c > 0xdfff) &&
           c < 0xfeff;
}

/* UCS-2 up to its NUL, or `size` bytes, as UTF-8. True: the NUL was there; *end is behind it. */
static bool read_text(const uint8_t *data, size_t size, char text[BOOT_TEXT], size_t *end)
{
    size_t used = 0, at = 0;
    uint32_t c = 1;

    for (; at + 2 <= size && (c = number_at(data + at, 2)); at += 2) {
        if (!is_plain(c))
            c = '?';
        if (used + 4 > BOOT_TEXT)
            continue; /* the rest is not shown */
        if (c >= 0x800) {
            text[used++] = (char)(0xe0 | c >> 12);
            text[used++] = (char)(0x80 | (c >> 6 & 0x3f));
            text[used++] = (char)(0x80 | (c & 0x3f));
        } else if (c >= 0x80) {
            text[used++] = (char)(0xc0 | c >> 6);
            text[used++] = (char)(0x80 | (c & 0x3f));
        } else {
            text[used++] = (char)c;
        }
    }
    text[used] = '\0';
    *end = at + 2;
    return !c;
}

static void read_path(const uint8_t *path, size_t size, char file[BOOT_TEXT])
{
    size_t length, end;

    for (; size >= 4; path += length, size -= length) {
        length = number_at(path + 2, 2);
        if (length < 4 || length > size || path[0] == PATH_END)
            return;
        if (path[0] == PATH_MEDIA && path[1] == PATH_MEDIA_FILE)
            read_text(path + 4, length - 4, file, &end);
    }
}

void boot_option_read(const uint8_t *data, size_t size, struct boot_option *option)
{
    size_t end;

    memset(option, 0, sizeof(*option));
    if (size < 6)
        return;
    uint32_t attributes = number_at(data, 4), path_size = number_at(data + 4, 2);
    option->active = attributes & OPTION_ACTIVE;
    option->hidden = attributes & OPTION_HIDDEN;
    option->valid =
        read_text(data + 6, size - 6, option->description, &end) && path_size <= size - 6 - end;
    if (option->valid)
        read_path(data + 6 + end, path_size, option->file);
}

/* --- what operators write ------------------------------------------------------------------------ */

int boot_entry_read(const char *text, uint32_t *entry)
{
    if (!strncmp(text, "Boot", 4))
        text += 4;
    size_t length = strspn(text, "0123456789abcdefABCDEF");
    if (!length || length > 4 || text[length])
        return -EINVAL;
    *entry = (uint32_t)strtoul(text, NULL, 16);
    return 0;
}

int boot_order_read(const char *text, struct cloister_boot *op, char wrong[16])
{
    char word[16];
    uint32_t entry;

    for (op->count = 0;; text++) {
        size_t length = strcspn(text, ",");

        snprintf(word, sizeof(word), "%.*s", (int)(length < sizeof(word) ? length : sizeof(word)),
                 text);
        if (length >= sizeof(word) || boot_entry_read(word, &entry)) {
            memcpy(wrong, word, sizeof(word));
            return -EINVAL;
        }
        if (op->count == CLOISTER_BOOT_MAX)
            return -E2BIG;
        op->order[op->count++] = (uint16_t)entry;
        text += length;
        if (!*text)
            return 0;
    }
}

/* --- what the monitor says ------------------------------------------------------------------------- */

static json_object *entry_or_null(uint32_t entry)
{
    return entry == CLOISTER_BOOT_NONE ? NULL : json_object_new_int64(entry);
}

static json_object *entry_view(uint32_t entry, int position, const struct boot_option *option)
{
    json_object *view = json_object_new_object();
    char name[16];

    snprintf(name, sizeof(name), "Boot%04X", entry & (ENTRIES - 1));
    json_object_object_add(view, "entry", json_object_new_int64(entry));
    json_object_object_add(view, "name", json_object_new_string(name));
    json_object_object_add(view, "position", position < 0 ? NULL : json_object_new_int(position));
    json_object_object_add(view, "valid", json_object_new_boolean(option->valid));
    json_object_object_add(view, "active", json_object_new_boolean(option->active));
    json_object_object_add(view, "hidden", json_object_new_boolean(option->hidden));
    json_object_object_add(view, "description", json_object_new_string(option->description));
    json_object_object_add(view, "file", json_object_new_string(option->file));
    return view;
}

/* Adds it if it exists and was not added before. */
static int add_entry(struct hypercalls *monitor, uint32_t entry, int position, bool *added,
                     json_object *entries, struct cloister_head *head)
{
    uint8_t data[CLOISTER_BOOT_ENTRY_SIZE];
    struct cloister_boot op = {.kind = CLOISTER_BOOT_ENTRY,
                               .entry = entry,
                               .size = sizeof(data),
                               .buffer = (uintptr_t)data};
    struct boot_option option;

    if (entry >= ENTRIES || added[entry])
        return 0;
    added[entry] = true;
    int rc = hypercall_boot(monitor, &op);
    *head = op.head;
    if (rc || !op.size)
        return rc;
    boot_option_read(data, op.size <= sizeof(data) ? op.size : 0, &option);
    json_object_array_add(entries, entry_view(entry, position, &option));
    return 0;
}

static int add_entries(struct hypercalls *monitor, const struct cloister_boot *op, bool *added,
                       json_object *entries, struct cloister_head *head)
{
    int rc = 0;

    for (uint32_t i = 0; i < op->count && !rc; i++)
        rc = add_entry(monitor, op->order[i], (int)i, added, entries, head);
    for (uint32_t entry = 0; entry < BOOT_ENTRIES_SOUGHT && !rc; entry++)
        rc = add_entry(monitor, entry, -1, added, entries, head);
    if (!rc)
        rc = add_entry(monitor, op->booted, -1, added, entries, head);
    return rc ? rc : add_entry(monitor, op->next, -1, added, entries, head);
}

json_object *boot_view(struct hypercalls *monitor, int *error, struct cloister_head *head)
{
    struct cloister_boot op = {.kind = CLOISTER_BOOT_READ};
    json_object *entries = json_object_new_array(), *order = json_object_new_array();
    bool *added = calloc(ENTRIES, sizeof(*added));

    *error = added ? hypercall_boot(monitor, &op) : -ENOMEM;
    *head = op.head;
    if (!*error)
        *error = add_entries(monitor, &op, added, entries, head);
    free(added);
    if (*error) {
        json_object_put(entries);
        json_object_put(order);
        return NULL;
    }
    for (uint32_t i = 0; i < op.count; i++)
        json_object_array_add(order, json_object_new_int(op.order[i]));
    json_object *view = json_object_new_object();
    json_object_object_add(view, "ok", json_object_new_boolean(true));
    json_object_object_add(view, "current", entry_or_null(op.booted));
    json_object_object_add(view, "next", entry_or_null(op.next));
    json_object_object_add(view, "order", order);
    json_object_object_add(view, "changes", json_object_new_uint64(op.changes));
    json_object_object_add(view, "entries", entries);
    return view;
}

void boot_describe(int error, const struct cloister_head *head, char *text, size_t size)
{
    unsigned int entry = (unsigned int)head->found;
    char detail[300];

    hypercall_describe(error, head, detail, sizeof(detail));
    switch (head->reason) {
    case CLOISTER_REASON_BOOT_ENTRY:
        snprintf(text, size,
                 "the firmware has no boot entry %04X: 'cloisterctl boot' lists those that it has",
                 entry);
        break;
    case CLOISTER_REASON_BOOT_TWICE:
        snprintf(text, size, "boot entry %04X stands in the order twice: name each once", entry);
        break;
    case CLOISTER_REASON_BOOT_FIRMWARE:
        snprintf(text, size,
                 "this host has no runtime services of UEFI firmware (a BIOS host, or Xen with "
                 "efi=no-rs): "
                 "choose what boots in the firmware's setup");
        break;
    case CLOISTER_REASON_BOOT_OPEN:
        snprintf(text, size, "%s; 'cloisterctl lockdown' says what is open",
                 cloister_reason_text(head->reason));
        break;
    case CLOISTER_REASON_BOOT_FAILED:
        snprintf(text, size, "the firmware did not do it (%s): nothing was changed; its setup can",
                 errname(-(int)head->found));
        break;
    default:
        snprintf(text, size, "%s", detail);
        break;
    }
}
