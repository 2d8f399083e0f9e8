/* SPDX-License-Identifier: MIT */
/* cloister-agent: the tenant's end of Cloister. Options, configuration, signals. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/say.h"
#include "agent/vchan.h"

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "Usage: cloister-agent [OPTION]...\n"
    "Loads enclaves for the applications of this guest and reports its status to the host.\n"
    "\n"
    "  -c, --config FILE   read FILE instead of " CONFIG_PATH "\n"
    "  -s, --socket PATH   listen at PATH (default " CLOISTER_AGENT_SOCKET ")\n"
    "      --balloon       pay for enclaves with the guest's own memory\n"
    "      --check-config  read the configuration, say what is wrong with it, and exit\n"
    "  -v, --verbose       log more\n"
    "      --version       print the version and exit\n"
    "  -h, --help          print this and exit\n"
    "\n"
    "Runs in the foreground as root and logs to standard error. Ends on SIGTERM; enclaves of\n"
    "applications that still run go on, and a new agent takes them over. Exit status: 0 ended as\n"
    "asked (or the configuration is right), 1 could not start (or it is wrong), 2 wrong usage.\n";

struct options {
    const char *config;
    const char *socket;
    bool balloon;
    bool check;
    bool verbose;
};

static void parse_options(int count, char **words, struct options *options)
{
    enum { BALLOON = 256, CHECK, VERSION };
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'}, {"socket", required_argument, NULL, 's'},
        {"balloon", no_argument, NULL, BALLOON},  {"check-config", no_argument, NULL, CHECK},
        {"verbose", no_argument, NULL, 'v'},      {"version", no_argument, NULL, VERSION},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    int option;

    while ((option = getopt_long(count, words, "c:s:vh", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case 's':
            options->socket = optarg;
            break;
        case BALLOON:
            options->balloon = true;
            break;
        case CHECK:
            options->check = true;
            break;
        case 'v':
            options->verbose = true;
            break;
        case VERSION:
            puts("cloister-agent " CLOISTER_VERSION);
            exit(EXIT_SUCCESS);
        case 'h':
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        default:
            fputs("Try 'cloister-agent --help'.\n", stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < count) {
        fprintf(stderr, "cloister-agent: what is '%s'? Try 'cloister-agent --help'.\n",
                words[optind]);
        exit(EXIT_USAGE);
    }
}

/* The configuration file must exist only where it was named. */
static int configure(struct config *config, const struct options *options)
{
    char problem[512];
    int error;

    config_defaults(config);
    error = config_read(config, options->config ? options->config : CONFIG_PATH, problem,
                        sizeof(problem));
    if (error == -ENOENT && !options->config)
        error = 0;
    if (error) {
        say_error("%s", problem);
        return error;
    }
    if (options->socket) {
        if (options->socket[0] != '/' || strlen(options->socket) >= sizeof(config->socket)) {
            say_error("--socket needs an absolute path of up to 107 bytes");
            return -EINVAL;
        }
        strcpy(config->socket, options->socket);
    }
    config->balloon |= options->balloon;
    return 0;
}

/* As many open files as all connections can need, if that is allowed; apps.c makes do with less. */
static void raise_files(void)
{
    const rlim_t wanted = APPS_SPARE_DESCRIPTORS + APPS_MAX * APPS_DESCRIPTORS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        say_warning("the limit of open files cannot be raised: %s", strerror(errno));
}

int main(int count, char **words)
{
    static struct agent agent;
    struct options options = {0};
    struct transport transport;
    sigset_t set;
    int signals;

    parse_options(count, words, &options);
    say_initialise("cloister-agent", options.verbose ? SAY_DEBUG : SAY_INFO);
    if (configure(&agent.config, &options))
        return EXIT_FAILURE;
    if (options.check) {
        puts("the configuration is right");
        return EXIT_SUCCESS;
    }

    /* Images and handles pass through here: nothing of that belongs into a core file. */
    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    raise_files();
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) {
        say_error("signalfd: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    vchan_transport(&transport);
    if (agent_start(&agent, &transport))
        return EXIT_FAILURE;
    agent_run(&agent, signals);
    say_info("ending");
    agent_stop(&agent);
    close(signals);
    return EXIT_SUCCESS;
}
