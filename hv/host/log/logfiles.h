/* SPDX-License-Identifier: MIT */
/* The files of a trace log: trace-00000001.jsonl and on, in one directory. */
#ifndef CLOISTER_HOST_LOGFILES_H
#define CLOISTER_HOST_LOGFILES_H

#include <stddef.h>
#include <stdint.h>

#define LOG_FILE_NAME 32u

/* "trace-00000042.jsonl" */
void log_file_name(uint32_t number, char name[LOG_FILE_NAME]);

/*
 * The numbers of the files in `directory`, ascending; *numbers is to be freed. Returns how many, or
 * a negative errno. Files of other names are not looked at.
 */
int log_files_list(const char *directory, uint32_t **numbers);

#endif
