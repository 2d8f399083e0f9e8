/* SPDX-License-Identifier: MIT */
/* Every CPU's trace ring, mapped read-only from Xen. */
#ifndef CLOISTER_HOST_RINGMAP_H
#define CLOISTER_HOST_RINGMAP_H

#include "log/ring.h"

struct ringmap;

/* 0, or a negative errno and a sentence in `why`. */
__attribute__((warn_unused_result)) int ringmap_open(struct ringmap **map, char *why,
                                                     size_t why_size);
void ringmap_close(struct ringmap *map);
const struct ring *ringmap_rings(const struct ringmap *map, unsigned int *cpus);

#endif
