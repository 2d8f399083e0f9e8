/* SPDX-License-Identifier: MIT */
/*
 * What the daemon itself did or refused, on its way into the log: written by any thread, taken by
 * the one that owns the log. Bounded: what does not fit is counted, and the count is logged.
 *
 *   struct note note;
 *   note_begin(&note, "admission");
 *   line_text(&note.line, "decision", "refused");
 *   note_end(&note);
 */
#ifndef CLOISTER_HOST_NOTES_H
#define CLOISTER_HOST_NOTES_H

#include "log/line.h"

#define NOTE_TEXT 4096u /* a domain's longest name, each byte escaped, and the rest */
#define NOTES_KEPT 512u

struct note {
    const char *kind; /* a string that lives for ever */
    struct line line; /* into text */
    char text[NOTE_TEXT];
};

/* The note's line is set up by note_begin and must not be moved before note_end. */
void note_begin(struct note *note, const char *kind);
void note_end(const struct note *note);

/*
 * The `position`-th note not yet dropped, copied to kind and text; false: there is none.
 */
bool notes_peek(size_t position, const char **kind, char text[NOTE_TEXT], size_t *size);
/* Notes that did not fit and are not accounted for yet. */
uint64_t notes_lost(void);
/* The oldest `count` notes are logged, and `lost` of the lost ones are accounted for. */
void notes_drop(size_t count, uint64_t lost);

#endif
