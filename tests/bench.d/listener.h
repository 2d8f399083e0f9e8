/* SPDX-License-Identifier: MIT */
/*
 * How alternatives.c, in a tenant, and listener.c, in dom0, talk by vm_event.
 *
 * A guest request (HVMOP_guest_request_vm_event, from user mode) has a command in RDX and its argument in R10.
 * The answer is in RAX. A write to a watched page is a request, too: instead of being written, RAX is answered
 * as for LISTENER_ASK.
 */
#ifndef BENCH_LISTENER_H
#define BENCH_LISTENER_H

#include <stdint.h>

enum listener_command {
    LISTENER_ASK = 1, /* answers listener_answer(argument) */
    LISTENER_WATCH =
        2, /* writes to the page with this guest frame number are requests from now on; answers 0 */
    LISTENER_END =
        3, /* the last one: nothing is watched any more; its answer is lost with the listener */
};

/* So that no answer is what a register happened to have. */
static inline uint64_t listener_answer(uint64_t argument)
{
    return argument * 3 + 1;
}

#endif
