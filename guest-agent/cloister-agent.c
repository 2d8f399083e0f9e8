/* SPDX-License-Identifier: MIT */
/* cloister-agent: the tenant's end of Cloister. Options, start, the one loop, end. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "listing.h"
#include "log.h"
#include "state.h"
#include "status.h"
#include "vchan.h"

#define TICK 1000      /* milliseconds between two looks at what has no descriptor */
#define TICK_BUSY 50   /* while an enclave waits for the balloon */

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

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

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
        log_error("%s", problem);
        return error;
    }
    if (options->socket) {
        if (options->socket[0] != '/' || strlen(options->socket) >= sizeof(config->socket)) {
            log_error("--socket needs an absolute path of up to 107 bytes");
            return -EINVAL;
        }
        strcpy(config->socket, options->socket);
    }
    config->balloon |= options->balloon;
    return 0;
}

static void link_up(void *context)
{
    struct agent *agent = context;

    enclaves_link_up(&agent->enclaves);
}

static void link_down(void *context)
{
    struct agent *agent = context;

    enclaves_link_down(&agent->enclaves);
}

static void answer(void *context, uint64_t app, uint32_t number, const struct app_reply *reply,
                   const void *body, size_t size, int descriptor)
{
    struct agent *agent = context;

    apps_answer(agent->apps, app, number, reply, body, size, descriptor);
}

static int serve_status(void *context, uint64_t app, uint32_t number, uid_t uid)
{
    return status_begin(context, app, number, uid);
}

static int serve_list(void *context, uint64_t app, uint32_t number, uid_t uid, uint32_t start)
{
    return listing_begin(context, app, number, uid, start);
}

static int start(struct agent *agent)
{
    static const struct hostlink_events link_events = {.up = link_up, .down = link_down};
    static const struct enclaves_events enclave_events = {.answer = answer};
    const struct apps_services services = {
        .status = serve_status, .list = serve_list, .context = agent};
    struct transport transport;
    int error = state_open(agent->config.state);

    if (error) {
        log_error("%s: %s", agent->config.state, strerror(-error));
        return error;
    }
    vchan_transport(&transport);
    error = hostlink_new(&transport, &link_events, agent, agent->config.timeout * 1000u,
                         &agent->link);
    if (error)
        return error;
    enclaves_start(&agent->enclaves, &agent->config, agent->link, &enclave_events, agent);
    error = apps_new(&agent->config, &agent->enclaves, &services, &agent->apps);
    if (error) {
        log_error("%s: %s", agent->config.socket,
                  error == -EADDRINUSE ? "another agent listens there" : strerror(-error));
        hostlink_free(agent->link);
        return error;
    }
    if (agent->config.grant_limit)
        grant_raise_limit(agent->config.grant_limit);
    enclaves_adopt(&agent->enclaves);
    agent->started = now_ms();
    log_info("version " CLOISTER_VERSION ", applications: %s", agent->config.socket);
    return 0;
}

static void stop(struct agent *agent)
{
    /* First whoever could answer, then those who wait for answers. */
    hostlink_free(agent->link);
    enclaves_stop(&agent->enclaves);
    apps_free(agent->apps);
}

static int patience(const struct agent *agent)
{
    for (const struct enclave *enclave = agent->enclaves.first; enclave; enclave = enclave->next)
        if (enclave->step == ENCLAVE_BALLOONING)
            return TICK_BUSY;
    return TICK;
}

static void run(struct agent *agent, int signals)
{
    static struct pollfd events[APPS_MAX + 3];
    unsigned int count;

    for (;;) {
        events[0] = (struct pollfd){.fd = signals, .events = POLLIN};
        events[1] = (struct pollfd){.fd = hostlink_descriptor(agent->link), .events = POLLIN};
        count = apps_poll(agent->apps, events + 2);
        if (poll(events, count + 2, patience(agent)) < 0) {
            if (errno == EINTR)
                continue;
            log_error("poll: %s", strerror(errno));
            return;
        }
        agent->now = now_ms();
        if (events[0].revents)
            return;
        if (events[1].revents)
            hostlink_wake(agent->link);
        hostlink_run(agent->link, agent->now);
        apps_handle(agent->apps, events + 2, count);
        enclaves_tick(&agent->enclaves, agent->now);
        status_tick(agent);
        /* Sends what the others have queued; answers may show that an application has gone. */
        do
            hostlink_run(agent->link, agent->now);
        while (apps_sweep(agent->apps));
    }
}

int main(int count, char **words)
{
    static struct agent agent;
    struct options options = {0};
    sigset_t set;
    int signals;

    parse_options(count, words, &options);
    log_start(options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    if (configure(&agent.config, &options))
        return EXIT_FAILURE;
    if (options.check) {
        puts("the configuration is right");
        return EXIT_SUCCESS;
    }

    /* Images and handles pass through here: nothing of that belongs into a core file. */
    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) {
        log_error("signalfd: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    if (start(&agent))
        return EXIT_FAILURE;
    run(&agent, signals);
    log_info("ending");
    stop(&agent);
    close(signals);
    return EXIT_SUCCESS;
}
