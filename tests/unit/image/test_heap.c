/* SPDX-License-Identifier: MIT */
/* The enclave's heap, as an ordinary program. */
#include "sample.h"

#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include "runtime/heap.h"
#include "suite.h"

#define SIZE 65536u

static uint8_t memory[SIZE] __attribute__((aligned(16)));
static struct heap heap;
static jmp_buf ended;
static const void *where;

void heap_corrupt(const void *address)
{
    where = address;
    longjmp(ended, 1);
}

/* The statement must end in heap_corrupt(). */
#define CORRUPT(statement)                                                                         \
    do {                                                                                           \
        if (!setjmp(ended)) {                                                                      \
            statement;                                                                             \
            ck_abort_msg("not found out: %s", #statement);                                         \
        }                                                                                          \
    } while (0)

static void setup(void)
{
    memset(memory, 0, sizeof(memory));
    heap_init(&heap, memory, SIZE, UINT64_C(0x1122334455667788));
}

static bool all(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

START_TEST(sizes)
{
    for (size_t size = 0; size < 5000; size += size < 100 ? 1 : 97) {
        uint8_t *block = heap_alloc(&heap, size);

        REQUIRE(block && (uintptr_t)block % 16 == 0);
        REQUIRE(heap_capacity(&heap, block) >= size && heap_capacity(&heap, block) < size + 32);
        REQUIRE(all(block, size, 0));
        memset(block, 0xaa, size);
        heap_free(&heap, block);
        REQUIRE(heap_check(&heap) == 0);
    }
}
END_TEST

START_TEST(all_of_it)
{
    uint8_t *block = heap_alloc(&heap, SIZE - 16);

    ck_assert_ptr_nonnull(block);
    ck_assert_ptr_null(heap_alloc(&heap, 0));
    heap_free(&heap, block);
    ck_assert_ptr_null(heap_alloc(&heap, SIZE - 15));
    ck_assert_ptr_null(heap_alloc(&heap, SIZE_MAX));
    ck_assert_ptr_null(heap_alloc(&heap, SIZE_MAX - 15));
    ck_assert_ptr_null(heap_alloc(&heap, UINT64_C(1) << 32));
    ck_assert_ptr_nonnull(heap_alloc(&heap, SIZE - 16));
}
END_TEST

START_TEST(until_full)
{
    uint8_t *blocks[SIZE / 32 + 1];
    size_t count = 0;

    while ((blocks[count] = heap_alloc(&heap, 16))) {
        count++;
    }
    ck_assert_uint_eq(count, SIZE / 32);
    /* Every second one, then the others: everything becomes one block again. */
    for (size_t i = 0; i < count; i += 2) {
        heap_free(&heap, blocks[i]);
    }
    ck_assert_ptr_null(heap_alloc(&heap, 17));
    for (size_t i = 1; i < count; i += 2) {
        heap_free(&heap, blocks[i]);
    }
    ck_assert_uint_eq(heap_check(&heap), 0);
    ck_assert_ptr_nonnull(heap_alloc(&heap, SIZE - 16));
}
END_TEST

START_TEST(freed_memory_is_wiped)
{
    uint8_t *first = heap_alloc(&heap, 1000), *second = heap_alloc(&heap, 1000);

    memset(first, 0x5e, 1000);
    memset(second, 0x5e, 1000);
    heap_free(&heap, second);
    heap_free(&heap, first);
    for (size_t i = 0; i + 8 <= SIZE; i++) {
        REQUIRE(memory[i] != 0x5e || memory[i + 1] != 0x5e);
    }
    first = heap_alloc(&heap, SIZE - 16);
    ck_assert(all(first, SIZE - 16, 0));
}
END_TEST

START_TEST(small_heaps)
{
    heap_init(&heap, memory, 0, 1);
    ck_assert_ptr_null(heap_alloc(&heap, 0));
    heap_init(&heap, memory, 16, 1);
    ck_assert_ptr_null(heap_alloc(&heap, 0));
    heap_init(&heap, memory, 32, 1);
    ck_assert_ptr_nonnull(heap_alloc(&heap, 16));
    ck_assert_ptr_null(heap_alloc(&heap, 1));
    heap_free(&heap, NULL);
}
END_TEST

START_TEST(double_free)
{
    uint8_t *before = heap_alloc(&heap, 40), *block = heap_alloc(&heap, 40);
    uint8_t *after = heap_alloc(&heap, 40);

    heap_free(&heap, block);
    CORRUPT(heap_free(&heap, block));
    ck_assert_ptr_eq(where, block);
    CORRUPT(heap_capacity(&heap, block));
    heap_free(&heap, before); /* swallows it */
    CORRUPT(heap_free(&heap, block));
    CORRUPT(heap_free(&heap, before));
    heap_free(&heap, after);
    CORRUPT(heap_free(&heap, after));
    ck_assert_uint_eq(heap_check(&heap), 0);
}
END_TEST

START_TEST(foreign_pointers)
{
    uint8_t *block = heap_alloc(&heap, 400);
    uint8_t other[64] __attribute__((aligned(16)));

    memset(other, 0, sizeof(other));
    for (size_t i = 1; i < 400; i++) {
        CORRUPT(heap_free(&heap, block + i));
    }
    CORRUPT(heap_free(&heap, other + 32));
    CORRUPT(heap_free(&heap, memory));
    CORRUPT(heap_free(&heap, memory + SIZE));
    CORRUPT(heap_free(&heap, (void *)((uintptr_t)memory + SIZE + 16)));
    CORRUPT(heap_free(&heap, (void *)8));
    CORRUPT(heap_free(&heap, (void *)(UINTPTR_MAX - 15)));
    ck_assert_uint_eq(heap_check(&heap), 416);
    heap_free(&heap, block);
}
END_TEST

/* One byte written behind a block hits the next header and is found at the next free of either. */
START_TEST(overflow)
{
    for (size_t i = 0; i < 16; i++) {
        uint8_t *block, *next;

        setup();
        block = heap_alloc(&heap, 48);
        next = heap_alloc(&heap, 48);
        block[48 + i] ^= 1;
        CORRUPT(heap_free(&heap, next));
        setup();
        block = heap_alloc(&heap, 48);
        next = heap_alloc(&heap, 48);
        block[48 + i] ^= 0x80;
        CORRUPT(heap_free(&heap, block));
        /* the same with a free block behind it */
        setup();
        block = heap_alloc(&heap, 48);
        block[48 + i] ^= 0x10;
        CORRUPT(heap_free(&heap, block));
        CORRUPT(heap_alloc(&heap, 10));
    }
}
END_TEST

/* Writing to freed memory damages the links of the free list. */
START_TEST(use_after_free)
{
    uint8_t *a = heap_alloc(&heap, 48), *gap1 = heap_alloc(&heap, 48);
    uint8_t *b = heap_alloc(&heap, 48), *gap2 = heap_alloc(&heap, 48);
    const uintptr_t evil = (uintptr_t)memory + 64; /* the block gap1 */

    heap_free(&heap, a);
    heap_free(&heap, b);
    memcpy(b, &evil, sizeof(evil));
    CORRUPT(heap_alloc(&heap, 48));
    setup();
    a = heap_alloc(&heap, 48);
    gap1 = heap_alloc(&heap, 48);
    heap_free(&heap, a);
    memcpy(a + 8, &evil, sizeof(evil));
    CORRUPT(heap_free(&heap, gap1));
    (void)gap2;
}
END_TEST

/* A copied header is not valid elsewhere, nor with another secret. */
START_TEST(marks_are_bound)
{
    uint8_t *a = heap_alloc(&heap, 48), *b = heap_alloc(&heap, 48), *c = heap_alloc(&heap, 48);

    memcpy(c - 16, b - 16, 16);
    CORRUPT(heap_free(&heap, c));
    heap.cookie++;
    CORRUPT(heap_free(&heap, a));
}
END_TEST

START_TEST(random_use)
{
    uint8_t *blocks[200] = {0};
    size_t sizes[200] = {0}, used = 0;

    srand(3);
    for (unsigned int round = 0; round < 200000; round++) {
        const size_t i = (size_t)rand() % 200;

        if (blocks[i]) {
            REQUIRE(all(blocks[i], sizes[i], (uint8_t)i));
            used -= heap_capacity(&heap, blocks[i]) + 16;
            heap_free(&heap, blocks[i]);
            blocks[i] = NULL;
        } else {
            sizes[i] = (size_t)rand() % (rand() % 10 ? 300 : 5000);
            blocks[i] = heap_alloc(&heap, sizes[i]);
            if (blocks[i]) {
                used += heap_capacity(&heap, blocks[i]) + 16;
                REQUIRE(all(blocks[i], sizes[i], 0));
                memset(blocks[i], (int)i, sizes[i]);
            }
        }
        if (round % 64 == 0) {
            REQUIRE(heap_check(&heap) == used);
        }
    }
    for (size_t i = 0; i < 200; i++) {
        heap_free(&heap, blocks[i]);
    }
    ck_assert_uint_eq(heap_check(&heap), 0);
    ck_assert_ptr_nonnull(heap_alloc(&heap, SIZE - 16));
}
END_TEST

SUITE_MAIN("runtime heap", setup, sizes, all_of_it, until_full, freed_memory_is_wiped, small_heaps,
           double_free, foreign_pointers, overflow, use_after_free, marks_are_bound, random_use)
