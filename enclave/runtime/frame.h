/* SPDX-License-Identifier: MIT */
/* The rules of a call frame; nothing but arithmetic, so that it can be tested anywhere. */
#ifndef CLOISTER_RUNTIME_FRAME_H
#define CLOISTER_RUNTIME_FRAME_H

#include <stdint.h>

#include "cloister/image.h"

#define FRAME_ALIGN 16u
#define FRAME_MAX_ERRNO 4095

/*
 * Is this private copy of a frame one that a call may be made of? Then in and out lie behind the frame in
 * the slot, and in_size rounded up to FRAME_ALIGN plus out_capacity is at most slot_size.
 *   -EINVAL    a reserved field is not zero
 *   -EFAULT    in or out do not lie in the slot
 *   -EMSGSIZE  in and out are together larger than the slot
 */
__attribute__((warn_unused_result)) int frame_check(const struct cloister_call_frame *frame,
                                                    uint64_t slot_size);

/*
 * Places in and out of an OCALL behind each other in the slot.
 *   -EMSGSIZE  they do not fit
 */
__attribute__((warn_unused_result)) int frame_place(struct cloister_call_frame *frame,
                                                    uint64_t slot_size, uint64_t in_size,
                                                    uint64_t out_capacity);

/* What a function says of its end: `status` if it is 0 or a negative errno, else -EPROTO. */
int32_t frame_status(int32_t status);

#endif
