/* SPDX-License-Identifier: MIT */
#include "log/notes.h"

#include <pthread.h>
#include <string.h>

static struct {
    const char *kind;
    size_t size;
    char text[NOTE_TEXT];
} kept[NOTES_KEPT];
static size_t first, count;
static uint64_t lost_notes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void note_begin(struct note *note, const char *kind)
{
    note->kind = kind;
    note->line = (struct line){.text = note->text, .capacity = sizeof(note->text)};
}

void note_end(const struct note *note)
{
    pthread_mutex_lock(&lock);
    if (count == NOTES_KEPT || note->line.overflow) {
        lost_notes++;
    } else {
        size_t slot = (first + count++) % NOTES_KEPT;

        kept[slot].kind = note->kind;
        kept[slot].size = note->line.used;
        memcpy(kept[slot].text, note->text, note->line.used);
    }
    pthread_mutex_unlock(&lock);
}

bool notes_peek(size_t position, const char **kind, char text[NOTE_TEXT], size_t *size)
{
    pthread_mutex_lock(&lock);
    bool there = position < count;
    if (there) {
        size_t slot = (first + position) % NOTES_KEPT;

        *kind = kept[slot].kind;
        *size = kept[slot].size;
        memcpy(text, kept[slot].text, *size);
    }
    pthread_mutex_unlock(&lock);
    return there;
}

uint64_t notes_lost(void)
{
    pthread_mutex_lock(&lock);
    uint64_t lost = lost_notes;
    pthread_mutex_unlock(&lock);
    return lost;
}

void notes_drop(size_t number, uint64_t lost)
{
    pthread_mutex_lock(&lock);
    if (number > count)
        number = count;
    first = (first + number) % NOTES_KEPT;
    count -= number;
    lost_notes -= lost;
    pthread_mutex_unlock(&lock);
}
