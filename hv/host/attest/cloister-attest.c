/* SPDX-License-Identifier: MIT */
/*
 * The host's side of an attestation service: enrols it and attests by itself. cloisterctl(1) runs it
 * for `enrol` and `attest`, the unit cloister-attest.service runs `run`. It alone on the host speaks
 * with the network.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "attest/client.h"
#include "base/output.h"
#include "settings/config.h"

struct options {
    struct client client;
    const char *state, *ticket, *ca;
};

static void print_usage(FILE *stream)
{
    fputs("Usage: cloister-attest [OPTION]... enrol URL --ticket TICKET [--ca FILE]\n"
          "       cloister-attest [OPTION]... now|status|run\n"
          "\n"
          "  --config FILE  settings, in place of " CLIENT_CONFIG "\n"
          "  --state DIR    what is kept, in place of " STATE_FOLDER "\n"
          "  --socket PATH  where cloisterd listens (" CONFIG_SOCKET ")\n"
          "  --json         answer in JSON, for programs\n"
          "  -h, --help, -V, --version\n",
          stream);
}

static int usage(const struct options *options, const char *why)
{
    return client_fail(&options->client, CLIENT_USAGE, "%s", why);
}

static int run(const struct options *options, int count, char **arguments)
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

int main(int argc, char **argv)
{
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
    struct options options = {.client = {.socket = CONFIG_SOCKET}, .state = STATE_FOLDER};
    int option, status;

    if (output_begin())
        return CLIENT_PROBLEM;
    while ((option = getopt_long(argc, argv, "hV", table, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.client.config = optarg;
            break;
        case 'd':
            options.state = optarg;
            break;
        case 's':
            options.client.socket = optarg;
            break;
        case 't':
            options.ticket = optarg;
            break;
        case 'a':
            options.ca = optarg;
            break;
        case 'j':
            options.client.json = true;
            break;
        case 'h':
            print_usage(stdout);
            return output_end("cloister-attest", CLIENT_OK, CLIENT_PROBLEM);
        case 'V':
            puts("cloister-attest " CLOISTER_VERSION);
            return output_end("cloister-attest", CLIENT_OK, CLIENT_PROBLEM);
        default:
            fputs("Try 'cloister-attest --help'.\n", stderr);
            return CLIENT_USAGE;
        }
    }
    umask(077);
    block_signals();
    if (!web_initialise())
        return client_fail(&options.client, CLIENT_PROBLEM, "libcurl does not start");
    status = run(&options, argc - optind, argv + optind);
    web_finalise();
    return output_end("cloister-attest", status, CLIENT_PROBLEM);
}
