/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
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

int command_keygen(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *path = NULL;
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "o:h", long_options, NULL)) >= 0) {
        switch (option) {
        case 'h':
            fputs(help, stdout);
            return STATUS_GOOD;
        case 'o':
            path = optarg;
            break;
        default:
            return complain_usage("keygen", "'%s': unknown option, or its value is missing",
                                  argv[optind - 1]);
        }
    }
    if (optind != argc || !path) {
        return complain_usage("keygen", path ? "too many arguments" : "--output is missing");
    }
    if (author_generate(path)) {
        complain("%s cannot be written: %s", path, strerror(errno));
        return STATUS_FILE;
    }
    return STATUS_GOOD;
}
