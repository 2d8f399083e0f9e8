/* SPDX-License-Identifier: MIT */
/* cloister-agent: the tenant's end of Cloister. Options, configuration, signals. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/options.h"
#include "base/say.h"
#include "agent/vchan.h"

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

struct arguments {
    const char *config;
    const char *socket;
    bool balloon;
    bool check;
    bool verbose;
};

enum { BALLOON = 256, CHECK, VERSION };

static int take(char **words, int option, void *context)
{
    struct arguments *arguments = context;

    (void)words;
    switch (option) {
    case 'c':
        arguments->config = optarg;
        return 0;
    case 's':
        arguments->socket = optarg;
        return 0;
    case BALLOON:
        arguments->balloon = true;
        return 0;
    case CHECK:
        arguments->check = true;
        return 0;
    case 'v':
        arguments->verbose = true;
        return 0;
    default: /* --version */
        puts("cloister-agent " CLOISTER_VERSION);
        return OPTIONS_DONE;
    }
}

static const struct option known[] = {
    {"config", required_argument, NULL, 'c'}, {"socket", required_argument, NULL, 's'},
    {"balloon", no_argument, NULL, BALLOON},  {"check-config", no_argument, NULL, CHECK},
    {"verbose", no_argument, NULL, 'v'},      {"version", no_argument, NULL, VERSION},
    {"help", no_argument, NULL, 'h'},         {0},
};

/* The configuration file must exist only where it was named. */
static int configure(struct config *config, const struct arguments *arguments)
{
    char problem[512];
    int error;

    config_defaults(config);
    error = config_read(config, arguments->config ? arguments->config : CONFIG_PATH, problem,
                        sizeof(problem));
    if (error == -ENOENT && !arguments->config)
        error = 0;
    if (error) {
        say_error("%s", problem);
        return error;
    }
    if (arguments->socket) {
        if (arguments->socket[0] != '/' || strlen(arguments->socket) >= sizeof(config->socket)) {
            say_error("--socket needs an absolute path of up to 107 bytes");
            return -EINVAL;
        }
        strcpy(config->socket, arguments->socket);
    }
    config->balloon |= arguments->balloon;
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

static const struct options options = {
    .program = "cloister-agent", .letters = "c:s:v", .list = known, .help = usage, .take = take};

int main(int count, char **words)
{
    static struct agent agent;
    struct arguments arguments = {0};
    struct transport transport;
    sigset_t set;
    int signals;

    int rc = options_take(&options, count, words, &arguments);
    if (rc)
        return rc == OPTIONS_DONE ? EXIT_SUCCESS : rc;
    say_initialise("cloister-agent", arguments.verbose ? SAY_DEBUG : SAY_INFO);
    if (configure(&agent.config, &arguments))
        return EXIT_FAILURE;
    if (arguments.check) {
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
