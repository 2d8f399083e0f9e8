/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "author.h"
#include "command.h"

static const char help[] =
    "usage: cloister-image keygen -o FILE\n\n"
    "Makes an author's key (ECDSA P-256) and writes it to FILE (PEM, PKCS #8), which only its "
    "owner\n"
    "can read. A file that exists is never replaced: who loses the key loses the identity.\n\n"
    "  -o, --output FILE\n";

static int take(char **argv, int option, void *path)
{
    (void)argv;
    (void)option; /* there is one */
    *(const char **)path = optarg;
    return 0;
}

int command_keygen(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const struct options options = {.program = PROGRAM,
                                    .command = "keygen",
                                    .letters = "o:",
                                    .list = long_options,
                                    .help = help,
                                    .take = take};
    const char *path = NULL;
    int status = options_take(&options, argc, argv, &path);

    if (status) {
        return status == OPTIONS_DONE ? STATUS_GOOD : status;
    }
    if (!path) {
        return complain_usage("keygen", "--output is missing");
    }
    if (author_generate(path)) {
        complain("%s cannot be written: %s", path, strerror(errno));
        return STATUS_FILE;
    }
    return STATUS_GOOD;
}
