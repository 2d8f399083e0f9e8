/* SPDX-License-Identifier: MIT */
/* Tables for people: columns as wide as their widest cell; numbers to the right. */
#ifndef CLOISTER_CTL_TABLE_H
#define CLOISTER_CTL_TABLE_H

#include <stdio.h>

#define TABLE_COLUMNS 12u

struct table {
    unsigned int columns;
    const char *titles[TABLE_COLUMNS]; /* one that starts with '>' is for numbers */
    char ***rows;
    size_t count;
};

void table_initialise(struct table *table, unsigned int columns, const char *const *titles);
/* As many strings as there are columns; copied. */
void table_add(struct table *table, ...);
void table_print(const struct table *table, FILE *stream);
void table_free(struct table *table);

#endif
