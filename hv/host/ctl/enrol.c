/* SPDX-License-Identifier: MIT */
/* enrol, attest: done by cloister-attest, the one program of the host that speaks with the network. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

#define HELPER CLOISTER_LIBEXEC "/cloister-attest"

/* Becomes the helper. `words`: its command, and what belongs to that, up to a NULL. */
static int become(const struct ctl_options *options, const char *const words[])
{
    const char *helper = options->helper ? options->helper : HELPER, *arguments[12];
    size_t count = 0;

    arguments[count++] = helper;
    arguments[count++] = "--socket";
    arguments[count++] = options->socket;
    if (options->json)
        arguments[count++] = "--json";
    while (*words)
        arguments[count++] = *words++;
    arguments[count] = NULL;
    execv(helper, (char *const *)(uintptr_t)arguments);
    return ctl_fail(options, CTL_PROBLEM, strerrorname_np(errno),
                    "%s cannot be started: %s; it comes with the package cloister-attest", helper,
                    strerror(errno));
}

int command_enrol(const struct ctl_options *options)
{
    const char *words[] = {"enrol",
                           "--ticket",
                           options->ticket,
                           options->ca ? "--ca" : "--",
                           options->ca ? options->ca : options->arguments[0],
                           NULL,
                           NULL,
                           NULL};

    if (!options->ticket)
        return ctl_fail(options, CTL_USAGE, "EINVAL",
                        "enrol needs --ticket: the service's operator makes one for each host");
    if (options->ca) {
        words[5] = "--";
        words[6] = options->arguments[0];
    }
    return become(options, words);
}

int command_attest(const struct ctl_options *options)
{
    const char *what = options->count ? options->arguments[0] : "status";

    if (strcmp(what, "status") && strcmp(what, "now"))
        return ctl_fail(options, CTL_USAGE, "EINVAL",
                        "attest: status or now is expected, not '%.140s'", what);
    return become(options, (const char *const[]){what, NULL});
}
