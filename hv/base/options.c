/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <stdio.h>
#include <string.h>

int options_complain_list(const char *program, const char *command, const char *format,
                          va_list arguments)
{
    const char *space = command ? " " : "";

    command = command ? command : "";
    fprintf(stderr, "%s%s%s: ", program, space, command);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (see %s%s%s --help)\n", program, space, command);
    return OPTIONS_WRONG;
}

int options_complain(const char *program, const char *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    options_complain_list(program, command, format, arguments);
    va_end(arguments);
    return OPTIONS_WRONG;
}

/* What getopt_long() does not take: `option` is '?' or ':', `word` where it stands. */
static int refuse(const struct options *options, int option, const char *word)
{
    const bool is_long = !strncmp(word, "--", 2);
    const char letter[] = {'-', (char)optopt, 0};

    if (option == ':') {
        return options_complain(options->program, options->command, "%s needs a value",
                                is_long ? word : letter);
    }
    if (is_long && optopt) {
        return options_complain(options->program, options->command, "%.*s takes no value, not '%s'",
                                (int)strcspn(word, "="), word, strchr(word, '=') + 1);
    }
    return options_complain(options->program, options->command, "there is no option '%s'",
                            is_long ? word : letter);
}

int options_take(const struct options *options, int argc, char **argv, void *context)
{
    char letters[32];
    int option, rc = 0;

    /* The colon makes a missing value another thing than an unknown option. */
    snprintf(letters, sizeof(letters), ":%s", options->letters ? options->letters : "");
    if (options->help) {
        strncat(letters, "h", sizeof(letters) - strlen(letters) - 1);
    }
    optind = 1;
    opterr = 0;
    while (!rc && (option = getopt_long(argc, argv, letters, options->list, NULL)) >= 0) {
        if (option == '?' || option == ':') {
            return refuse(options, option, argv[optind - 1]);
        }
        if (option == 'h' && options->help) {
            fputs(options->help, stdout);
            return OPTIONS_DONE;
        }
        rc = options->take(argv, option, context);
    }
    if (!rc && !options->arguments && optind != argc) {
        rc =
            options_complain(options->program, options->command, "'%s' is no option", argv[optind]);
    }
    return rc;
}
