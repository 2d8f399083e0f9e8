/* SPDX-License-Identifier: MIT */
#include "ctl/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *memory)
{
    if (!memory) {
        fputs("cloisterctl: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

void table_initialise(struct table *table, unsigned int columns, const char *const *titles)
{
    memset(table, 0, sizeof(*table));
    table->columns = columns;
    for (unsigned int i = 0; i < columns; i++)
        table->titles[i] = titles[i];
}

void table_add(struct table *table, ...)
{
    va_list cells;
    char **row = check(calloc(table->columns, sizeof(*row)));

    va_start(cells, table);
    for (unsigned int i = 0; i < table->columns; i++)
        row[i] = check(strdup(va_arg(cells, const char *)));
    va_end(cells);
    table->rows = check(realloc(table->rows, (table->count + 1) * sizeof(*table->rows)));
    table->rows[table->count++] = row;
}

static bool is_number(const struct table *table, unsigned int column)
{
    return table->titles[column][0] == '>';
}

static void print_row(const struct table *table, const int *widths, char *const *cells,
                      FILE *stream)
{
    for (unsigned int i = 0; i < table->columns; i++) {
        bool last = i + 1 == table->columns;

        if (is_number(table, i))
            fprintf(stream, "%*s", widths[i], cells[i]);
        else
            fprintf(stream, "%-*s", last ? 0 : widths[i], cells[i]);
        fputs(last ? "\n" : "  ", stream);
    }
}

void table_print(const struct table *table, FILE *stream)
{
    int widths[TABLE_COLUMNS];
    char *titles[TABLE_COLUMNS];

    for (unsigned int i = 0; i < table->columns; i++) {
        titles[i] = (char *)(uintptr_t)table->titles[i] + is_number(table, i);
        widths[i] = (int)strlen(titles[i]);
        for (size_t row = 0; row < table->count; row++) {
            int width = (int)strlen(table->rows[row][i]);

            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    print_row(table, widths, titles, stream);
    for (size_t row = 0; row < table->count; row++)
        print_row(table, widths, table->rows[row], stream);
}

void table_free(struct table *table)
{
    for (size_t row = 0; row < table->count; row++) {
        for (unsigned int i = 0; i < table->columns; i++)
            free(table->rows[row][i]);
        free(table->rows[row]);
    }
    free(table->rows);
}
