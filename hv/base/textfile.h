/* SPDX-License-Identifier: MIT */
/* Small text files: read whole and bounded, written so that a crash leaves the old or the new one. */
#ifndef CLOISTER_BASE_TEXTFILE_H
#define CLOISTER_BASE_TEXTFILE_H

#include <stddef.h>

/* *text is to be freed and ends with a zero. -EFBIG: larger than `limit`; other errors of reading. */
__attribute__((warn_unused_result)) int textfile_read(const char *path, size_t limit, char **text,
                                                      size_t *size);
/* Through a temporary file in the same directory, synced before it takes the name. */
__attribute__((warn_unused_result)) int textfile_replace(const char *path, const char *text);
/* All of `data`, and on the disk when it returns 0. */
__attribute__((warn_unused_result)) int textfile_write_synced(int fd, const void *data,
                                                              size_t size);

#endif
