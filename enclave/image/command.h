/* SPDX-License-Identifier: MIT */
/* What the subcommands of cloister-image share. */
#ifndef CLOISTER_IMAGE_COMMAND_H
#define CLOISTER_IMAGE_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "image.h"

#define PROGRAM "cloister-image"

/* Exit status. */
enum {
    STATUS_GOOD = 0,
    STATUS_REFUSED = 1, /* the input is not valid, or does not verify */
    STATUS_USAGE = 2,
    STATUS_FILE = 3, /* a file cannot be read or written */
};

/* Each takes the arguments after the subcommand's name, argv[0] being that name. */
int command_build(int argc, char **argv);
int command_info(int argc, char **argv);
int command_measure(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_keygen(int argc, char **argv);

/* Says what is wrong on standard error, as one line. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Complains, points to the subcommand's --help, returns STATUS_USAGE. */
int complain_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reads a whole file, or what comes from a pipe, into memory that the caller frees; `limit`: the
 * largest that makes sense. STATUS_GOOD, or STATUS_FILE or STATUS_REFUSED (too large) after having
 * complained. */
int file_read(const char *path, uint64_t limit, uint8_t **data, size_t *size);
/*
 * Makes a regular file, or replaces one in one step: nobody ever sees a part of it. What is no regular
 * file is never replaced: a character device or pipe gets the data, a link's target is written anew; a
 * folder, socket or block device is refused. STATUS_GOOD or STATUS_FILE.
 */
int file_write(const char *path, const uint8_t *data, size_t size);

/* The largest image there can be. */
#define MAX_IMAGE_SIZE                                                                             \
    (2ull * CLOISTER_PAGE_SIZE + (uint64_t)CLOISTER_MAX_PAGES * (8 + CLOISTER_PAGE_SIZE))
#define MAX_PROGRAM_SIZE (1ull << 32)

#endif
