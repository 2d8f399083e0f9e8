/* SPDX-License-Identifier: MIT */
/*
 * The protocol by which the test harness runs commands in dom0 and in tenants. Test code only: no
 * part of the product knows it.
 *
 * A frame is struct vexec_frame followed by `size` bytes. A client names each command by an id of
 * its own choice; several may run at once. Integers are little-endian.
 *
 *   client -> server   RUN   u32 time-out in ms (0: none), then argv, each string zero-terminated
 *                      IN    bytes for the command's standard input; no bytes: end of file
 *                      KILL  no body: end the command's process group
 *   server -> client   OUT   bytes of its standard output
 *                      ERR   bytes of its standard error
 *                      EXIT  struct vexec_exit; the last frame of that id
 *
 * A command ends when its process does; what it leaves running in the background loses the pipes.
 */
#ifndef VEXEC_WIRE_H
#define VEXEC_WIRE_H

#include <stdint.h>

#define VEXEC_MAGIC UINT32_C(0x31455856) /* "VXE1" */
#define VEXEC_MAX_BODY (64u * 1024u)

enum vexec_type {
    VEXEC_RUN = 1,
    VEXEC_IN = 2,
    VEXEC_KILL = 3,
    VEXEC_OUT = 16,
    VEXEC_ERR = 17,
    VEXEC_EXIT = 18,
};

struct vexec_frame {
    uint32_t magic;
    uint32_t id;
    uint32_t type;
    uint32_t size; /* bytes of body, <= VEXEC_MAX_BODY */
};

struct vexec_exit {
    uint32_t status; /* exit status, or 128 + signal number, as a shell says it */
    uint32_t flags;  /* VEXEC_TIMED_OUT */
};
#define VEXEC_TIMED_OUT 1u

#endif
