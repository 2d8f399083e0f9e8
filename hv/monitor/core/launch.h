/* SPDX-License-Identifier: MIT */
/* Checks of an image header before anything is made of it. */
#ifndef CLOISTER_MONITOR_LAUNCH_H
#define CLOISTER_MONITOR_LAUNCH_H

#include "core/host.h"

/* -EINVAL with an IMAGE_* reason, or RESERVED_NOT_ZERO, in *head. */
MUST_USE int launch_check(const struct cloister_image_header *header, struct cloister_head *head);

#endif
