/* SPDX-License-Identifier: MIT */
/* What the monitor's flags (CLOISTER_INFO_*) mean to a verifier. */
#ifndef CLOISTER_VERIFY_FLAGS_H
#define CLOISTER_VERIFY_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloister/abi.h"
#include "cloister/lockdown.h"

/* What the boot option cloister-lockdown= can open. */
#define FLAGS_ROOM(room, option) CLOISTER_INFO_##room |
#define FLAGS_ROOMS ((uint32_t)(CLOISTER_LOCKDOWN_ROOMS(FLAGS_ROOM) 0))
/* All that a policy must allow by name ("insecure-allow-open"). */
#define FLAGS_OPEN (FLAGS_ROOMS | CLOISTER_INFO_LOCKDOWN_WATCH | CLOISTER_INFO_ATS)

/* Room for the names of all flags. */
#define FLAGS_NAME(bit, flag, text, meaning) text " "
#define FLAGS_TEXT_ROOM sizeof(CLOISTER_INFO_FLAGS(FLAGS_NAME))

/* Are there flags that this library does not know? Their meaning could be a danger. */
bool flags_unknown(uint32_t flags);
/* The names of the flags, with spaces between. */
void flags_text(uint32_t flags, char *text, size_t capacity);
/* The flag with this name; 0: there is none. */
uint32_t flags_by_name(const char *name);

#endif
