/* SPDX-License-Identifier: MIT */
/*
 * Versions of Xen, compared: "4.17.7" as Xen has it, "4.17.7+13-g1a2b3c4d5e-1" as Debian has that
 * of its source.
 *
 * What counts are the numbers with points between them at the start: series (two numbers) and patch
 * level; one that is not said is 0. What may follow without a meaning: nothing, '+' and anything,
 * '-' and a digit. Anything else marks what came before that version was released ("4.17.6-pre",
 * "4.20.0-rc2", "4.17.7~a"): it counts as the patch level before, and that of level 0 as -1.
 */
#ifndef CLOISTER_VERIFY_XEN_VERSION_H
#define CLOISTER_VERIFY_XEN_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xen_version {
    uint32_t major, minor;
    int32_t patch; /* -1: before the series' first */
};

/* Reads text[size], which may end earlier with a zero. False: it does not start with a version. */
bool xen_version_read(const uint8_t *text, size_t size, struct xen_version *version);
bool xen_same_series(const struct xen_version *a, const struct xen_version *b);

#endif
