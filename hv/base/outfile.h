/* SPDX-License-Identifier: MIT */
/* Files that a user names for output. */
#ifndef CLOISTER_BASE_OUTFILE_H
#define CLOISTER_BASE_OUTFILE_H

#include <stddef.h>

/*
 * Writes all of `data` to what `path` names. Where there is nothing, or a regular file, a new file takes the name once it is
 * whole and on the disk; nobody ever sees a part of it. A terminal, a pipe, a character device, or what a link names, stays and
 * takes the data. Folders, block devices and sockets are refused.
 * NULL, or why it was not written, in words; errno says it, too. A file that was there is then as it was.
 */
__attribute__((warn_unused_result)) const char *outfile_write(const char *path, const void *data,
                                                              size_t size);

#endif
