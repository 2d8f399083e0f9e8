/* SPDX-License-Identifier: MIT */
/*
 * The host's side of an attestation service: enrols it and attests by itself. cloisterctl(1) runs it
 * for `enrol` and `attest`, the unit cloister-attest.service runs `run`. It alone on the host speaks
 * with the network.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "attest/client.h"
#include "base/options.h"
#include "base/output.h"
#include "settings/config.h"

#define PROGRAM "cloister-attest"

struct arguments {
    struct client client;
    const char *state, *ticket, *ca;
};

static const char help[] =
    "Usage: cloister-attest [OPTION]... enrol URL --ticket TICKET [--ca FILE]\n"
    "       cloister-attest [OPTION]... now|status|run\n"
    "\n"
    "  --config FILE  settings, in place of " CLIENT_CONFIG "\n"
    "  --state DIR    what is kept, in place of " STATE_FOLDER "\n"
    "  --socket PATH  where cloisterd listens (" CONFIG_SOCKET ")\n"
    "  --json         answer in JSON, for programs\n"
    "  -h, --help, -V, --version\n";

static int usage(const struct arguments *options, const char *why)
{
    return client_fail(&options->client, CLIENT_USAGE, "%s", why);
}

static int run(const struct arguments *options, int count, char **arguments)
{
    const char *name = count ? arguments[0] : "";
    char why[STATE_WHY];

    if (!strcmp(name, "enrol") ? count != 2 : count != 1)
        return usage(options, "enrol URL, now, status or run is expected");
    if (!strcmp(name, "enrol") && !options->ticket)
        return usage(options, "enrol needs --ticket: the service's operator makes one for each "
                              "host, with POST /v1/tickets");
    if (strcmp(name, "enrol") != 0 && (options->ticket || options->ca))
        return usage(options, "--ticket and --ca are for 'enrol' only");
    if (!state_open(options->state, why))
        return client_fail(&options->client, CLIENT_PROBLEM, "%s", why);
    if (!strcmp(name, "enrol"))
        return client_enrol(&options->client, arguments[1], options->ticket, options->ca);
    if (!strcmp(name, "now"))
        return client_once(&options->client);
    if (!strcmp(name, "status"))
        return client_status(&options->client);
    if (!strcmp(name, "run"))
        return client_run(&options->client);
    return usage(options, "enrol URL, now, status or run is expected");
}

/* They are waited for (client_sleep()), and end a request (web.c). SIGINT ends the commands at once. */
static void block_signals(void)
{
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGHUP);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int take(char **argv, int option, void *context)
{
    struct arguments *arguments = context;

    (void)argv;
    switch (option) {
    case 'c':
        arguments->client.config = optarg;
        return 0;
    case 'd':
        arguments->state = optarg;
        return 0;
    case 's':
        arguments->client.socket = optarg;
        return 0;
    case 't':
        arguments->ticket = optarg;
        return 0;
    case 'a':
        arguments->ca = optarg;
        return 0;
    case 'j':
        arguments->client.json = true;
        return 0;
    default: /* --version */
        puts(PROGRAM " " CLOISTER_VERSION);
        return OPTIONS_DONE;
    }
}

static const struct option table[] = {
    {"config", required_argument, NULL, 'c'},
    {"state", required_argument, NULL, 'd'},
    {"socket", required_argument, NULL, 's'},
    {"ticket", required_argument, NULL, 't'},
    {"ca", required_argument, NULL, 'a'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};
static const struct options known = {.program = PROGRAM,
                                     .letters = "V",
                                     .list = table,
                                     .help = help,
                                     .arguments = true,
                                     .take = take};

int main(int argc, char **argv)
{
    struct arguments arguments = {.client = {.socket = CONFIG_SOCKET}, .state = STATE_FOLDER};
    int status;

    if (output_begin())
        return CLIENT_PROBLEM;
    status = options_take(&known, argc, argv, &arguments);
    if (status)
        return status == OPTIONS_DONE ? output_end(PROGRAM, CLIENT_OK, CLIENT_PROBLEM) : status;
    umask(077);
    block_signals();
    if (!web_initialise())
        return client_fail(&arguments.client, CLIENT_PROBLEM, "libcurl does not start");
    status = run(&arguments, argc - optind, argv + optind);
    web_finalise();
    return output_end(PROGRAM, status, CLIENT_PROBLEM);
}
