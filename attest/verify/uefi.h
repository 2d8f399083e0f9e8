/* SPDX-License-Identifier: MIT */
/*
 * What stands in the events of UEFI firmware, read within its bounds: variables, boot entries, the
 * places that images came from. TCG PC Client Platform Firmware Profile 1.05 ("the profile"); UEFI
 * 2.10.
 */
#ifndef CLOISTER_VERIFY_UEFI_H
#define CLOISTER_VERIFY_UEFI_H

#include <stdbool.h>
#include <stddef.h>

#include "cloister/evidence.h"

/* UEFI_VARIABLE_DATA: the profile, 10.2.6. */
struct uefi_variable {
    bool global;                /* it is one of UEFI's own: EFI_GLOBAL_VARIABLE */
    char name[24];              /* ASCII; "" where it is longer, or has other characters */
    struct cloister_bytes data; /* its value */
};

/* False: the bytes are no such structure, from the first to the last. */
bool uefi_variable_read(struct cloister_bytes event, struct uefi_variable *variable);
/*
 * Does it tell the firmware of a driver or program to start before the boot loader (Driver####,
 * DriverOrder, SysPrep####, SysPrepOrder: UEFI, 3.1.3)? One that has no value does not.
 */
bool uefi_starts_early(const struct uefi_variable *variable);
/* Is it a boot entry, Boot####? */
bool uefi_is_boot_entry(const struct uefi_variable *variable);

/*
 * EFI_LOAD_OPTION: UEFI, 3.1.3. *options is what the program is handed over: the optional data, but
 * nothing where EDK2 marks the entry as one that it made by itself, which it hands to nobody.
 * False: malformed.
 */
bool uefi_load_options(struct cloister_bytes entry, struct cloister_bytes *options);

/*
 * UEFI_IMAGE_LOAD_EVENT (the profile, 10.2.3) of a driver: did it come from a disk or the network,
 * and not from the firmware's or a device's own memory? Its path, printable and perhaps cut off, is
 * written to text[capacity]. False in *from_file where its place is not said. False: malformed.
 */
bool uefi_driver_place(struct cloister_bytes event, bool *from_file, char *text, size_t capacity);

#endif
