/* SPDX-License-Identifier: MIT */
/* Control operations and trace rings, as raw as they are; for programs in dom0. */
#ifndef ATTACK_MONITOR_H
#define ATTACK_MONITOR_H

#include <stddef.h>
#include <stdint.h>

#include <cloister/abi.h>

/* Memory that a hypercall can reach, zeroed. Ends the program if there is none. */
void *hyper_memory(size_t size);
/* Any hypercall with two arguments: what Xen returned (0 or more, or a negative errno). */
long hypercall2(unsigned int number, uint64_t a, uint64_t b);
long hypercall4(unsigned int number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

/* A control operation on a structure in ordinary memory. 0 or a negative errno. */
long monitor_op(uint32_t op, void *argument, size_t size);

/* Test builds: the frame of a page of an enclave; ~0: not there, or no test build. */
uint64_t monitor_frame(uint32_t enclave, uint32_t page);
/* Test builds: the first bytes of a frame. */
long monitor_read(uint64_t frame, uint8_t data[64]);

#endif
