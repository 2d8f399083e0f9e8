/* SPDX-License-Identifier: MIT */
/* cloister-attestd: see cloister-attestd(8). Modules start in order and stop in reverse. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "server/http.h"
#include "service/jobs.h"
#include "base/say.h"
#include "service/service.h"
#include "service/store.h"
#include "service/supervise.h"
#include "server/writer.h"

/* Exit statuses, as in cloister-attestd(8). */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 3 };

#define DESCRIPTORS 256u /* for everything but connections */

static const char usage[] =
    "Usage: cloister-attestd [OPTION]...\n"
    "Verifies the attestation evidence of Cloister hosts and answers with signed tokens, over "
    "HTTPS.\n"
    "\n"
    "  -c, --config FILE  read settings from FILE (" CONFIG_FILE ")\n"
    "      --check        check settings, keys, certificates and the store, change nothing,\n"
    "                     then exit\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n"
    "Stays in the foreground; SIGTERM ends it after what is in flight was answered, SIGHUP makes "
    "it\n"
    "read keys, certificates and CAs again.\n"
    "Exit status: 0 done; 1 it could not start; 2 usage; 3 the settings are wrong.\n";

static struct service service;

struct arguments {
    const char *config;
    bool check;
};

static void parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            arguments->config = optarg;
            break;
        case 'k':
            arguments->check = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        case 'V':
            puts("cloister-attestd " CLOISTER_VERSION);
            exit(0);
        default:
            fputs("Try 'cloister-attestd --help'.\n", stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "cloister-attestd: what is '%s'? Try 'cloister-attestd --help'.\n",
                argv[optind]);
        exit(EXIT_USAGE);
    }
}

/* For --check: could the store be used? Nothing is made or changed. */
static int check_store(void)
{
    char why[700];

    if (store_check(service.config.store, why, sizeof(why))) {
        say_error("%s", why);
        return EXIT_FAILED;
    }
    return 0;
}

/* A descriptor for each connection, and some for ourselves. */
static bool raise_descriptors(char *why, size_t why_size)
{
    struct rlimit limit;
    rlim_t wanted = service.config.connections + DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max < wanted) {
        snprintf(why, why_size, "connections: %u need %llu descriptors; %llu are allowed",
                 service.config.connections, (unsigned long long)wanted,
                 (unsigned long long)limit.rlim_max);
        return false;
    }
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
        return !setrlimit(RLIMIT_NOFILE, &limit);
    }
    return true;
}

static int run(struct http *http, const char *config_path, const sigset_t *signals)
{
    struct writer *writer = writer_start(&service);
    struct workers *workers = writer ? workers_start(&service, writer) : NULL;
    struct jobs *jobs = workers ? jobs_start(&service) : NULL;
    int rc = EXIT_FAILED;

    if (jobs && atomic_load(&service.misfit)) {
        rc = EXIT_CONFIG;
    } else if (jobs && http_start(http, workers)) {
        say_info("listening at %s", service.config.listen);
        supervise(&(struct supervised){&service, config_path, http, workers, writer}, signals);
        rc = atomic_load(&service.misfit) ? EXIT_CONFIG : 0;
    } else {
        say_error("out of memory or threads");
    }
    http_stop(http); /* also tells the other threads */
    if (jobs) {
        jobs_stop(jobs);
    }
    if (workers) {
        workers_stop(workers);
    }
    if (writer) {
        writer_stop(writer);
    }
    return rc;
}

static int serve(const char *config_path, const sigset_t *signals)
{
    char why[700] = "";
    struct http *http =
        raise_descriptors(why, sizeof(why)) ? http_open(&service, why, sizeof(why)) : NULL;
    int rc;

    if (!http) {
        say_error("%s", why);
        return EXIT_CONFIG;
    }
    rc = run(http, config_path, signals);
    http_close(http);
    return rc;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.config = CONFIG_FILE};
    sigset_t signals;
    char why[700];
    int rc = EXIT_CONFIG;

    parse_arguments(argc, argv, &arguments);
    say_initialise("cloister-attestd", SAY_INFO);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    umask(0077); /* the store has the key of all challenges in it */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that cannot grow is an error of the store */
    config_initialise(&service.config);
    if (config_load(&service.config, arguments.config, why, sizeof(why)) ||
        service_load(&service, why, sizeof(why)) ||
        !http_check(&service.config, why, sizeof(why))) {
        say_error("%s", why);
    } else {
        rc = arguments.check ? check_store() : serve(arguments.config, &signals);
    }
    service_release(&service);
    return rc;
}
