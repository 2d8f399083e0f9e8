/* SPDX-License-Identifier: MIT */
/* The options of a command line, by getopt_long(3), and what is said about those that are wrong. */
#ifndef CLOISTER_BASE_OPTIONS_H
#define CLOISTER_BASE_OPTIONS_H

#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>

/* Exit status of wrong usage, for all programs. */
#define OPTIONS_WRONG 2
/* No exit status: what was asked for (--help) is done. */
#define OPTIONS_DONE (-1)

struct options {
    const char *program, *command; /* the second: a subcommand, or NULL; before each message */
    const char *letters;           /* of short options, as for getopt(3); NULL: none */
    const struct option *list;     /* ends with zeros */
    const char *help;              /* --help and -h print it; NULL: `take` gets 'h' as any other */
    bool arguments;                /* something else than options may stand there, too */
    /*
     * One option, by `val` of its row: its value is in `optarg`. 0; or what options_take() is to
     * return at once: an exit status, with the reason said, or OPTIONS_DONE.
     */
    int (*take)(char **argv, int option, void *context);
};

/*
 * Hands over each option of argv[1] and up. 0: argv[optind] and up are the arguments. OPTIONS_DONE; OPTIONS_WRONG,
 * having said which option is wrong and how; or what `take` returned.
 */
__attribute__((warn_unused_result)) int options_take(const struct options *options, int argc,
                                                     char **argv, void *context);

/* "PROGRAM COMMAND: ... (see PROGRAM COMMAND --help)" on standard error. OPTIONS_WRONG. */
__attribute__((format(printf, 3, 4))) int options_complain(const char *program, const char *command,
                                                           const char *format, ...);
__attribute__((format(printf, 3, 0))) int options_complain_list(const char *program,
                                                                const char *command,
                                                                const char *format,
                                                                va_list arguments);

#endif
