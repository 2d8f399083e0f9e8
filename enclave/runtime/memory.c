/* SPDX-License-Identifier: MIT */
/* malloc() and friends on the enclave's heap. */
#include "runtime.h"

#include <stdlib.h>
#include <string.h>

#include "heap.h"

static struct cloister_lock lock;
static struct heap heap;

void runtime_heap_begin(uint64_t cookie)
{
    heap_init(&heap, (void *)cloister_layout_page.heap_base, cloister_layout_page.heap_size,
              cookie);
}

void heap_corrupt(const void *address)
{
    cloister_fault(CLOISTER_FAULT_HEAP, (uint64_t)address / CLOISTER_PAGE_SIZE);
}

void *malloc(size_t size)
{
    void *memory;

    cloister_lock_take(&lock);
    memory = heap_alloc(&heap, size);
    cloister_lock_release(&lock);
    return memory;
}

/* All free memory is zeros already. */
void *calloc(size_t count, size_t size)
{
    size_t whole;

    return __builtin_mul_overflow(count, size, &whole) ? NULL : malloc(whole);
}

void free(void *memory)
{
    cloister_lock_take(&lock);
    heap_free(&heap, memory);
    cloister_lock_release(&lock);
}

void *realloc(void *memory, size_t size)
{
    size_t capacity;
    void *moved;

    if (!memory) {
        return malloc(size);
    }
    cloister_lock_take(&lock);
    capacity = heap_capacity(&heap, memory);
    cloister_lock_release(&lock);
    if (size <= capacity && size >= capacity / 2) {
        return memory;
    }
    moved = malloc(size);
    if (!moved) {
        return size <= capacity ? memory : NULL;
    }
    memcpy(moved, memory, size < capacity ? size : capacity);
    free(memory);
    return moved;
}

void abort(void)
{
    cloister_fault(CLOISTER_FAULT_ABORT, 0);
}
