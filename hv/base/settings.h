/* SPDX-License-Identifier: MIT */
/*
 * A program's settings: one table says what there is, where it is kept, what it may be and what it
 * is by default. Files have lines `key = value`; `#` begins a comment. No setting stands twice in one
 * file or section. What is refused names the line, the value and what is expected, and changes nothing.
 */
#ifndef CLOISTER_BASE_SETTINGS_H
#define CLOISTER_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_MAX 64u                /* of a table */
#define SETTINGS_MAX_FILE (64u * 1024u) /* bytes */
#define SETTINGS_EXPECTED 80u

struct setting {
    const char *key;
    /*
     * Puts `value` into `field`. False: it is no value, and `expected` says what is one ("an absolute
     * path"). Those below, or the program's own.
     */
    bool (*read)(const struct setting *setting, void *field, const char *value,
                 char expected[SETTINGS_EXPECTED]);
    size_t offset, size;  /* of the field in the program's structure, bytes */
    const char *fallback; /* the default, as a file would say it; NULL: zeros */
    uint64_t least, most; /* of a number */
    const char *unit;     /* of a number, for messages ("seconds"); NULL: it has none */
    const char *nothing;  /* the word for "" or 0; NULL: there is none */
    bool needed;          /* a file without it is refused */
};

/* The members of a row for `field` of `structure`. */
#define SETTING_FIELD(structure, field)                                                            \
    .offset = offsetof(structure, field), .size = sizeof(((structure *)0)->field)

/* 1 to size - 1 bytes of text; a path begins with '/'. */
bool setting_text(const struct setting *setting, void *field, const char *value,
                  char expected[SETTINGS_EXPECTED]);
bool setting_path(const struct setting *setting, void *field, const char *value,
                  char expected[SETTINGS_EXPECTED]);
/* Decimal digits alone, `least` to `most`. The field has 4 or 8 bytes. */
bool setting_number(const struct setting *setting, void *field, const char *value,
                    char expected[SETTINGS_EXPECTED]);
/* yes or no. The field is a bool. */
bool setting_truth(const struct setting *setting, void *field, const char *value,
                   char expected[SETTINGS_EXPECTED]);

struct settings {
    const struct setting *list;
    size_t count; /* <= SETTINGS_MAX */
    size_t size;  /* of the program's structure, bytes */
    /*
     * A line `[WORDS]` stands behind the settings without a section and begins one: the place within `values`
     * that the lines behind it fill in, by the table *table. NULL: there is no such section, and `expected` says
     * which there is. A table without this member has no sections.
     */
    void *(*section)(void *values, const char *words, const struct settings **table,
                     char expected[SETTINGS_EXPECTED]);
};

/* Zeros, then every default. */
void settings_initialise(const struct settings *settings, void *values);
/* One setting. -ENOENT: there is none of that key; -EINVAL: `why` says what is expected. */
__attribute__((warn_unused_result)) int settings_set(const struct settings *settings, void *values,
                                                     const char *key, const char *value, char *why,
                                                     size_t why_size);
/* A file's text. -EINVAL: `why` names the line; -ENOMEM. */
__attribute__((warn_unused_result)) int settings_parse(const struct settings *settings,
                                                       void *values, const char *text, char *why,
                                                       size_t why_size);
/* A file. -EINVAL, -EFBIG beyond SETTINGS_MAX_FILE, errors of reading: `why` begins with its name. */
__attribute__((warn_unused_result)) int settings_load(const struct settings *settings, void *values,
                                                      const char *path, char *why, size_t why_size);

#endif
