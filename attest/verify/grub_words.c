/* SPDX-License-Identifier: MIT */
/*
 * What GRUB's script reader does with the words behind a command: cloister/predict.h. Reserved
 * words (if, done, case) are ordinary words there, and so are # and = inside of a word.
 */
#include <string.h>

#include "cloister/predict.h"

#define MAX_WORD 8191u /* its scanner gives up on a longer one (flex's YYLMAX, "%option array") */

/* Characters that are something else wherever they stand. */
static const struct {
    const char *characters, *why;
} special[] = {
    {"\"'", "quotation marks are taken away, and what they enclose is one word"},
    {"\\", "a backslash is taken away, or doubled"},
    {"$", "$ begins a variable"},
    {"{}", "braces enclose a block of commands"},
    {";|&", "; | & end a command"},
    {"<>", "< and > are no part of a word"},
    {"*?", "* and ? are a pattern, which the names of files that match replace"},
};

static const char *judge_word(const char *word, size_t size)
{
    if (*word == '#') {
        return "# at the start of a word begins a comment";
    }
    if (size == 2 && (!strncmp(word, "[[", 2) || !strncmp(word, "]]", 2))) {
        return "[[ and ]] are no words";
    }
    return size > MAX_WORD ? "a word has more than 8191 bytes" : NULL;
}

const char *cloister_grub_changes(const char *text)
{
    const char *why = NULL;

    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return "tabs, line breaks and other control characters separate words, or are left out";
        }
        for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
            if (strchr(special[i].characters, *c)) {
                return special[i].why;
            }
        }
    }
    for (const char *word = text; *word && !why;) {
        const size_t size = strcspn(word, " ");

        if (!size || (word[size] && !word[size + 1])) {
            return "blanks at the start or end, and more than one between words, are left out";
        }
        why = judge_word(word, size);
        word += size + (word[size] == ' ');
    }
    return why;
}

const char *cloister_grub_changes_path(const char *text)
{
    return strchr(text, ' ') ? "a blank ends a word" : cloister_grub_changes(text);
}
