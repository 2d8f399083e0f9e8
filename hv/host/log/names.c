/* SPDX-License-Identifier: MIT */
#include "log/names.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "log/line.h"

#define NAMES_KEPT 4096u

static struct entry {
    bool used;
    uint16_t domain;
    uint64_t touched;
    struct record_names names;
} entries[NAMES_KEPT];
static uint64_t clock_;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct entry *find(uint16_t domain)
{
    for (unsigned int i = 0; i < NAMES_KEPT && entries[i].used; i++) {
        if (entries[i].domain == domain)
            return &entries[i];
    }
    return NULL;
}

static struct entry *make_room(void)
{
    struct entry *oldest = &entries[0];

    for (unsigned int i = 0; i < NAMES_KEPT; i++) {
        if (!entries[i].used)
            return &entries[i];
        if (entries[i].touched < oldest->touched)
            oldest = &entries[i];
    }
    return oldest;
}

void names_set(uint16_t domain, const char *name, const char *uuid)
{
    pthread_mutex_lock(&lock);
    struct entry *entry = find(domain);
    if (!entry)
        entry = make_room();
    entry->used = true;
    entry->domain = domain;
    entry->touched = ++clock_;
    names_fit(entry->names.name, name);
    snprintf(entry->names.uuid, sizeof(entry->names.uuid), "%s", uuid);
    pthread_mutex_unlock(&lock);
}

void names_fit(char kept[RECORD_NAME], const char *name)
{
    static const char mark[] = "...";
    size_t size = strlen(name);

    if (size < RECORD_NAME) {
        memcpy(kept, name, size + 1);
        return;
    }
    size = RECORD_NAME - sizeof(mark);
    /* Not within a character of UTF-8, whose bytes after the first are 10xxxxxx. */
    while (size && ((unsigned char)name[size] & 0xc0) == 0x80)
        size--;
    memcpy(kept, name, size);
    memcpy(kept + size, mark, sizeof(mark));
}

void names_get(uint16_t domain, struct record_names *names)
{
    memset(names, 0, sizeof(*names));
    pthread_mutex_lock(&lock);
    struct entry *entry = find(domain);
    if (entry) {
        entry->touched = ++clock_;
        *names = entry->names;
    }
    pthread_mutex_unlock(&lock);
}

json_object *names_view(const char *name)
{
    static const char replacement[] = "\xef\xbf\xbd";
    char copy[3 * RECORD_NAME];
    size_t used = 0, size = strnlen(name, RECORD_NAME);

    for (size_t i = 0; i < size;) {
        const size_t length = line_utf8(name + i, size - i);

        memcpy(copy + used, length ? name + i : replacement, length ? length : 3);
        used += length ? length : 3;
        i += length ? length : 1;
    }
    return json_object_new_string_len(copy, (int)used);
}
