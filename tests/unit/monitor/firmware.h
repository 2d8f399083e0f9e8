/* SPDX-License-Identifier: MIT */
/*
 * UEFI firmware with the variables of MemoryOverwriteRequest, for host_variable_get() and host_variable_set(): firmware
 * as it should be (TCG PC Client Platform Reset Attack Mitigation 1.10, 4 and 6; Secure MOR), and as it should not.
 */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include "host.h"

enum firmware_kind {
    FIRMWARE_NONE,      /* no runtime services */
    FIRMWARE_PLAIN,     /* stores whatever it is given, and knows nothing of MemoryOverwriteRequest */
    FIRMWARE_NO_LOCK,   /* knows the request only */
    FIRMWARE_SECURE,    /* knows both */
    FIRMWARE_KEYLESS,   /* the same, revision 1: knows no keys */
    FIRMWARE_DEAF_LOCK, /* says yes to the lock, and does not keep to it */
    FIRMWARE_OPEN_LOCK, /* keeps the lock, and lets anybody open it */
    FIRMWARE_DEAF,      /* says yes to the request, and does not keep it */
};

#define FIRMWARE_ROOM 16u

struct firmware_variable {
    bool there;
    uint32_t attributes;
    size_t size;
    uint8_t data[FIRMWARE_ROOM];
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
    int fail_read;          /* every read */
    unsigned int writes;    /* that were asked for */
} firmware;

/* As the firmware makes it at each boot: the request as given, the lock open. */
void firmware_boot(enum firmware_kind kind, uint8_t request);

#endif
