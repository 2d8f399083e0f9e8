/* SPDX-License-Identifier: MIT */
#include "verify/flags.h"

#include <stdio.h>
#include <string.h>

#include "cloister/abi.h"
#include "cloister/verify.h"

static const struct {
    uint32_t flag;
    const char *name;
} names[] = {
#define FLAG_NAME(bit, flag, text, meaning) {CLOISTER_INFO_##flag, text},
    CLOISTER_INFO_FLAGS(FLAG_NAME)
#undef FLAG_NAME
};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

const char *cloister_flag_name(unsigned int index, uint32_t *flag)
{
    if (index >= NAME_COUNT) {
        return NULL;
    }
    *flag = names[index].flag;
    return names[index].name;
}

bool flags_unknown(uint32_t flags)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        flags &= ~names[i].flag;
    }
    return flags != 0;
}

void flags_text(uint32_t flags, char *text, size_t capacity)
{
    size_t used = 0;

    text[0] = 0;
    for (size_t i = 0; i < NAME_COUNT && used < capacity; i++) {
        if (flags & names[i].flag) {
            used += (size_t)snprintf(text + used, capacity - used, "%s%s", used ? " " : "",
                                     names[i].name);
        }
    }
}

uint32_t flags_by_name(const char *name)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (!strcmp(names[i].name, name)) {
            return names[i].flag;
        }
    }
    return 0;
}
