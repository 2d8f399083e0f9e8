/* SPDX-License-Identifier: MIT */
/*
 * The part of <stdlib.h> (C11, 7.22) that the enclave runtime has. Memory is aligned to 16 bytes. free() and
 * realloc() of what is not allocated, or is free already, end the thread with CLOISTER_FAULT_HEAP.
 */
#ifndef CLOISTER_FREESTANDING_STDLIB_H
#define CLOISTER_FREESTANDING_STDLIB_H

#include <stddef.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *memory, size_t size);
void free(void *memory);
__attribute__((noreturn)) void abort(void);

#endif
