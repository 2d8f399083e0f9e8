/* SPDX-License-Identifier: MIT */
#include "machine/power.h"

#include "vault/counters.h"
#include "core/frame.h"
#include "vault/identity.h"
#include "vault/report.h"
#include "vault/seal.h"
#include "core/wipe.h"

#define SLP_TYP_MAX 7u

/* --- secrets ------------------------------------------------------------------------------------ */

static bool scrub_frame(frame_t frame, struct frame_entry entry, void *context)
{
    void *content = host_frame_map(frame);

    (void)entry;
    (void)context;
    wipe(content, CLOISTER_PAGE_SIZE);
    host_frame_unmap(content);
    return false;
}

void power_scrub(void)
{
    uint64_t cursor = 0;

    /* Keys first: they are few, and open what was sealed. */
    identity_wipe();
    seal_wipe();
    counters_wipe();
    report_wipe();
    (void)frame_walk(&cursor, NULL, scrub_frame, NULL);
}

/* --- switching off ------------------------------------------------------------------------------ */

/* A piece of AML (ACPI 6.5, 20.2); reading never goes beyond `end`. */
struct aml {
    const uint8_t *at;
    const uint8_t *end;
};

static bool aml_bytes(struct aml *aml, unsigned int count, uint64_t *value)
{
    if (count > (size_t)(aml->end - aml->at)) {
        return false;
    }
    *value = 0;
    for (unsigned int i = 0; i < count; i++) {
        *value |= (uint64_t)*aml->at++ << 8 * i;
    }
    return true;
}

/* PkgLength (20.2.4), which counts itself: the package's content. */
static bool aml_package(struct aml *aml, struct aml *content)
{
    const uint8_t *start = aml->at;
    uint64_t lead, rest;

    if (!aml_bytes(aml, 1, &lead) || !aml_bytes(aml, lead >> 6, &rest)) {
        return false;
    }
    uint64_t length = lead >> 6 ? (lead & 0xf) | rest << 4 : lead;
    if (length < (uint64_t)(aml->at - start) || length > (uint64_t)(aml->end - start)) {
        return false;
    }
    *content = (struct aml){aml->at, start + length};
    return true;
}

/* A number (20.2.3). */
static bool aml_number(struct aml *aml, uint64_t *value)
{
    uint64_t prefix;

    if (!aml_bytes(aml, 1, &prefix)) {
        return false;
    }
    switch (prefix) {
    case 0x00: /* ZeroOp */
    case 0x01: /* OneOp */
        *value = prefix;
        return true;
    case 0x0a: /* BytePrefix */
        return aml_bytes(aml, 1, value);
    case 0x0b: /* WordPrefix */
        return aml_bytes(aml, 2, value);
    case 0x0c: /* DWordPrefix */
        return aml_bytes(aml, 4, value);
    default:
        return false;
    }
}

static bool read_off(struct aml *aml, struct power_off *off)
{
    struct aml content;
    uint64_t elements, a, b;

    if (!aml_package(aml, &content) || !aml_bytes(&content, 1, &elements) || !elements ||
        !aml_number(&content, &a)) {
        return false;
    }
    if (elements == 1) {
        /* Both in one number, as some firmware has it. */
        b = a >> 8;
        a &= 0xff;
    } else if (!aml_number(&content, &b)) {
        return false;
    }
    if (a > SLP_TYP_MAX || b > SLP_TYP_MAX) {
        return false;
    }
    *off = (struct power_off){.known = true, .pm1a = (uint8_t)a, .pm1b = (uint8_t)b};
    return true;
}

/* NameOp, the name, with or without the root's prefix, PackageOp. Behind them: the package. */
static bool skip_name(struct aml *aml)
{
    static const uint8_t relative[] = {0x08, '_', 'S', '5', '_', 0x12};
    static const uint8_t absolute[] = {0x08, '\\', '_', 'S', '5', '_', 0x12};
    size_t left = (size_t)(aml->end - aml->at);

    if (left >= sizeof(relative) && !memcmp(aml->at, relative, sizeof(relative))) {
        aml->at += sizeof(relative);
    } else if (left >= sizeof(absolute) && !memcmp(aml->at, absolute, sizeof(absolute))) {
        aml->at += sizeof(absolute);
    } else {
        return false;
    }
    return true;
}

int power_find_off(const void *table, size_t size, struct power_off *off)
{
    const uint8_t *end = (const uint8_t *)table + size;
    int rc = -ENOENT;

    for (const uint8_t *at = table; at < end; at++) {
        struct aml aml = {at, end};
        struct power_off found;

        if (!skip_name(&aml)) {
            continue;
        }
        if (!read_off(&aml, &found) ||
            (off->known && (found.pm1a != off->pm1a || found.pm1b != off->pm1b))) {
            return -EINVAL;
        }
        *off = found;
        rc = 0;
    }
    return rc;
}
