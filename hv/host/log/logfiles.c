/* SPDX-License-Identifier: MIT */
#include "log/logfiles.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void log_file_name(uint32_t number, char name[LOG_FILE_NAME])
{
    snprintf(name, LOG_FILE_NAME, "trace-%08u.jsonl", number);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

int log_files_list(const char *directory, uint32_t **numbers)
{
    DIR *stream = opendir(directory);
    size_t count = 0, capacity = 0;
    struct dirent *entry;

    *numbers = NULL;
    if (!stream)
        return -errno;
    while ((entry = readdir(stream))) {
        char name[LOG_FILE_NAME];
        unsigned int number;

        if (sscanf(entry->d_name, "trace-%8u.jsonl", &number) != 1)
            continue;
        log_file_name(number, name);
        if (strcmp(name, entry->d_name))
            continue;
        if (count == capacity) {
            uint32_t *grown = realloc(*numbers, (capacity = capacity * 2 + 16) * sizeof(*grown));

            if (!grown) {
                closedir(stream);
                free(*numbers);
                *numbers = NULL;
                return -ENOMEM;
            }
            *numbers = grown;
        }
        (*numbers)[count++] = number;
    }
    closedir(stream);
    if (count)
        qsort(*numbers, count, sizeof(**numbers), compare);
    return (int)count;
}
