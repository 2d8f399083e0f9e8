/* SPDX-License-Identifier: MIT */
/*
 * UEFI firmware with the variables of MemoryOverwriteRequest, for host_variable_get() and host_variable_set(): firmware
 * as it should be (TCG PC Client Platform Reset Attack Mitigation 1.10, 4 and 6; Secure MOR), and as it should not.
 * Each but FIRMWARE_NONE has Boot####, BootOrder, BootNext and BootCurrent, too (UEFI 2.10, 3.3, 8.2).
 */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include "core/host.h"

enum firmware_kind {
    FIRMWARE_NONE,    /* no runtime services */
    FIRMWARE_PLAIN,   /* stores whatever it is given, and knows nothing of MemoryOverwriteRequest */
    FIRMWARE_NO_LOCK, /* knows the request only */
    FIRMWARE_SECURE,  /* knows both */
    FIRMWARE_KEYLESS, /* the same, revision 1: knows no keys */
    FIRMWARE_DEAF_LOCK, /* says yes to the lock, and does not keep to it */
    FIRMWARE_OPEN_LOCK, /* keeps the lock, and lets anybody open it */
    FIRMWARE_DEAF,      /* says yes to the request, and does not keep it */
};

#define FIRMWARE_ROOM 4200u
#define FIRMWARE_BOOT 140u /* variables that have to do with boot entries */

struct firmware_variable {
    bool there;
    uint32_t attributes;
    size_t size;
    uint8_t data[FIRMWARE_ROOM];
};

struct firmware_boot {
    char name[16];
    struct firmware_variable variable;
};

/* A test sets what was so before Xen, and looks at what is so after it. */
extern struct firmware {
    enum firmware_kind kind;
    struct firmware_variable request;
    struct firmware_variable lock;
    uint8_t key[8];
    /* The n-th write from now on (1: the next) fails like this, once. */
    unsigned int fail_write;
    int fail_with;
    int fail_read; /* every read; or, from 1 on, the n-th only */
    unsigned int fail_read_at;
    struct firmware_boot boot[FIRMWARE_BOOT];
    unsigned int reads;
    unsigned int writes; /* that were asked for */
} firmware;

/* As the firmware makes it at each boot: the request as given, the lock open. */
void firmware_boot(enum firmware_kind kind, uint8_t request);

/* A variable of the boot entries, before Xen; size 0: none. */
void firmware_put(const char *name, const void *data, size_t size);
/* The same variable, as it is now: one that is not `there` if there is none. */
const struct firmware_variable *firmware_look(const char *name);

#endif
