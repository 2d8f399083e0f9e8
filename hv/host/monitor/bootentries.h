/* SPDX-License-Identifier: MIT */
/* The firmware's boot entries (cloister/abi.h, BOOT), as the monitor tells of them, and as operators name them. */
#ifndef CLOISTER_HOST_BOOTENTRIES_H
#define CLOISTER_HOST_BOOTENTRIES_H

#include <json-c/json.h>
#include <stdbool.h>

#include "monitor/hypercall.h"

/* Entries below this one are looked for; above it those that are in the order, current or next are found. */
#define BOOT_ENTRIES_SOUGHT 256u
#define BOOT_TEXT 256u

/* What an EFI_LOAD_OPTION says (UEFI 2.10, 3.1.3), for people: UTF-8, without anything that moves a cursor. */
struct boot_option {
    bool valid; /* it is one */
    bool active;
    bool hidden; /* from the firmware's menu */
    char description[BOOT_TEXT];
    char file[BOOT_TEXT]; /* the file that its device path names (10.3.5.4); "": it names none */
};

/* Reads any bytes. */
void boot_option_read(const uint8_t *data, size_t size, struct boot_option *option);

/* "3", "0003", "Boot0003": the digits of a Boot####, which are hexadecimal. -EINVAL: it is none. */
__attribute__((warn_unused_result)) int boot_entry_read(const char *text, uint32_t *entry);
/* "3,1,0" into op->order and op->count. -EINVAL: `wrong` is the word that is no entry; -E2BIG: too many. */
__attribute__((warn_unused_result)) int boot_order_read(const char *text, struct cloister_boot *op,
                                                        char wrong[16]);

/*
 * All of it: {"ok", "current", "next", "order": [entry], "changes", "entries": [{"entry", "name": "Boot0003", "position",
 * "valid", "active", "hidden", "description", "file"}]}, first those in the order; an entry is a number, or null: none, and
 * so is a position. NULL: refused, with errno in *error and the reason in *head.
 */
json_object *boot_view(struct hypercalls *monitor, int *error, struct cloister_head *head);

/* As hypercall_describe(), with entries as they are written, and with what to do. */
void boot_describe(int error, const struct cloister_head *head, char *text, size_t size);

#endif
