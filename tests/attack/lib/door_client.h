/* SPDX-License-Identifier: MIT */
/* /dev/attack for programs; each ends the program if the door does not open. */
#ifndef ATTACK_DOOR_CLIENT_H
#define ATTACK_DOOR_CLIENT_H

#include <stdint.h>

#include "../kernel/door.h"

/* A hypercall from CPL 0: what Xen returned. Memory that the arguments name must be resident. */
long kernel_hypercall(unsigned int number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                      uint64_t e);
/* The ioctl; 0 or a negative errno. */
long door_call(unsigned long command, void *argument);
/* The same; a failure ends the program. */
void door_must(unsigned long command, void *argument);
/* A page of the kernel's own with the pattern in it (seed 0: zeros); its frame. */
uint64_t door_pattern_page(unsigned int slot, uint64_t seed);

#endif
