/* SPDX-License-Identifier: MIT */
/* What the monitor's flags (CLOISTER_INFO_*) mean to a verifier. */
#ifndef CLOISTER_VERIFY_FLAGS_H
#define CLOISTER_VERIFY_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Are there flags that this library does not know? Their meaning could be a danger. */
bool flags_unknown(uint32_t flags);
/* The names of the flags, with spaces between. */
void flags_text(uint32_t flags, char *text, size_t capacity);
/* The flag with this name; 0: there is none. */
uint32_t flags_by_name(const char *name);

#endif
