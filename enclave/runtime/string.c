/* SPDX-License-Identifier: MIT */
/*
 * What a C compiler expects even where there is no library (GCC manual, "Standards": memcpy, memmove,
 * memset, memcmp), and a few functions more. Compiled so that a loop is not turned into a call of itself.
 */
#include <cloister/enclave.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* From here on the CPU's string instructions are the fastest way. */
#define LARGE 256u

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *target = to;
    const uint8_t *source = from;

    if (size >= LARGE) {
        asm volatile("rep movsb" : "+D"(target), "+S"(source), "+c"(size) : : "memory");
        return to;
    }
    for (; size >= sizeof(word); size -= sizeof(word)) {
        *(word *)target = *(const word *)source;
        target += sizeof(word);
        source += sizeof(word);
    }
    for (; size > 0; size--) {
        *target++ = *source++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *target = to;
    const uint8_t *source = from;

    if ((uintptr_t)to - (uintptr_t)from >= size) {
        return memcpy(to, from, size);
    }
    for (; size >= sizeof(word); size -= sizeof(word)) {
        *(word *)(target + size - sizeof(word)) = *(const word *)(source + size - sizeof(word));
    }
    for (; size > 0; size--) {
        target[size - 1] = source[size - 1];
    }
    return to;
}

void *memset(void *memory, int value, size_t size)
{
    uint8_t *target = memory;
    const uint64_t pattern = UINT64_C(0x0101010101010101) * (uint8_t)value;

    if (size >= LARGE) {
        asm volatile("rep stosb" : "+D"(target), "+c"(size) : "a"(value) : "memory");
        return memory;
    }
    for (; size >= sizeof(word); size -= sizeof(word)) {
        *(word *)target = pattern;
        target += sizeof(word);
    }
    for (; size > 0; size--) {
        *target++ = (uint8_t)value;
    }
    return memory;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a, *y = b;

    for (size_t i = 0; i < size; i++) {
        if (x[i] != y[i]) {
            return x[i] - y[i];
        }
    }
    return 0;
}

void *memchr(const void *memory, int value, size_t size)
{
    const uint8_t *bytes = memory;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == (uint8_t)value) {
            return (void *)(uintptr_t)&bytes[i];
        }
    }
    return NULL;
}

size_t strlen(const char *text)
{
    size_t size = 0;

    while (text[size]) {
        size++;
    }
    return size;
}

size_t strnlen(const char *text, size_t max)
{
    size_t size = 0;

    while (size < max && text[size]) {
        size++;
    }
    return size;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
    for (; max > 0; max--, a++, b++) {
        if (*a != *b) {
            return (uint8_t)*a - (uint8_t)*b;
        }
        if (!*a) {
            break;
        }
    }
    return 0;
}

char *strchr(const char *text, int character)
{
    for (;; text++) {
        if (*text == (char)character) {
            return (char *)(uintptr_t)text;
        }
        if (!*text) {
            return NULL;
        }
    }
}

/* --- those of <cloister/enclave.h> --------------------------------------------------------------- */

void cloister_wipe(void *memory, size_t size)
{
    memset(memory, 0, size);
    asm volatile("" : : "r"(memory) : "memory");
}

bool cloister_equal(const void *a, const void *b, size_t size)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t difference = 0;

    for (size_t i = 0; i < size; i++) {
        difference |= x[i] ^ y[i];
    }
    return !difference;
}
