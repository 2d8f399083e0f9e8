/* SPDX-License-Identifier: MIT */
/*
 * The copies of the monitor's counters in the state directory (cloister/abi.h, "Counters over power failures").
 *
 *   counters       the copy that the monitor loaded in this boot, or has committed since
 *   counters.next  a later one: written, and perhaps vouched for by the TPM already
 *   counters.old   the TPM did not vouch for it when this boot began; it did for the one that was `next`
 *   counters.lost-N, counters.old.lost-N   the TPM vouched for neither, the second was `counters`; N counts from 1
 *
 * No step overwrites a copy that the TPM may vouch for: `counters` is only replaced by a `next` that it vouches for,
 * `next` only by what the monitor saves until then, which is the same copy each time. Each step is on the disk when
 * its function returns 0; where power fails in one, it was done or not.
 *
 * Actions return 0 or a negative errno; -ENOTDIR: there is no such folder.
 */
#ifndef CLOISTER_HOST_COPIES_H
#define CLOISTER_HOST_COPIES_H

#include <stddef.h>

#include "cloister/counter.h"

#define COPIES_LAST "counters"
#define COPIES_NEXT "counters.next"
#define COPIES_OLD "counters.old"

/*
 * The copy that stands at `counters`; one of another size than a copy has is given with its size, cut. -ENOENT: none.
 */
__attribute__((warn_unused_result)) int
copies_read(const char *folder, struct cloister_counters_image *image, size_t *size);
/* `image` becomes `next`. */
__attribute__((warn_unused_result)) int copies_write(const char *folder,
                                                     const struct cloister_counters_image *image);
/* `next` becomes `counters`: the TPM vouches for it. */
__attribute__((warn_unused_result)) int copies_promote(const char *folder);
/* The TPM does not vouch for `counters`: `next` takes its place, to be tried. -ENOENT: there is no `next`. */
__attribute__((warn_unused_result)) int copies_try_next(const char *folder);
/* The TPM vouches for no copy: out of the way with all. *number is the N in their names; 0: there was none. */
__attribute__((warn_unused_result)) int copies_set_aside(const char *folder, unsigned int *number);

#endif
