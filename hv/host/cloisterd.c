/* SPDX-License-Identifier: MIT */
/* The host daemon: see cloisterd(8). Modules start in order and stop in reverse. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/admission.h"
#include "agents/agents.h"
#include "proof/attestation.h"
#include "base/background.h"
#include "settings/config.h"
#include "control/control.h"
#include "proof/counters.h"
#include "domains/domains.h"
#include "base/loop.h"
#include "base/options.h"
#include "log/notes.h"
#include "base/say.h"
#include "base/supervisor.h"
#include "log/tracer.h"

/* Exit statuses, as in cloisterd(8). */
enum { EXIT_CONFIG = OPTIONS_WRONG, EXIT_NO_MONITOR = 4 };

static struct config config;
static struct admission admission;
static struct session_host host = {
    .admission = &admission, .attest = attestation_answer, .forget = helper_forget};

static const char usage[] =
    "Usage: cloisterd [OPTION]...\n"
    "Runs the host's side of Cloister in Xen's control domain: writes the trace log, answers the\n"
    "tenants' agents, keeps enclave-memory quotas, admits images.\n"
    "\n"
    "  -f, --foreground       do not go into the background\n"
    "  -c, --config FILE      read settings from FILE (" CONFIG_FILE ")\n"
    "      --check-config     check settings and admission policy, then exit\n"
    "      --log-dir DIR      keep the trace log in DIR (" CONFIG_LOG_DIRECTORY ")\n"
    "      --state-dir DIR    keep quotas and counters in DIR (" CONFIG_STATE_DIRECTORY ")\n"
    "      --socket PATH      listen at PATH (" CONFIG_SOCKET ")\n"
    "      --admission FILE   read the admission policy from FILE (" CONFIG_ADMISSION ")\n"
    "      --libvirt URI      follow libvirt at URI (xen:///system); none: do without\n"
    "  -v, --verbose          say more\n"
    "  -h, --help\n"
    "  -V, --version\n";

struct arguments {
    const char *config_file;
    bool foreground, check;
    const char *settings[7]; /* by option: see keys[] */
};

/* Settings of the file that stand on the command line, too: 2 and up. */
static const char *const keys[] = {[2] = "log-directory",
                                   [3] = "state-directory",
                                   [4] = "socket",
                                   [5] = "admission",
                                   [6] = "libvirt-uri"};

static int take(char **argv, int option, void *context)
{
    struct arguments *arguments = context;

    (void)argv;
    switch (option) {
    case 'f':
        arguments->foreground = true;
        return 0;
    case 'c':
        arguments->config_file = optarg;
        return 0;
    case 1:
        arguments->check = true;
        return 0;
    case 'v':
        config.verbose = true;
        return 0;
    case 'V':
        puts("cloisterd " CLOISTER_VERSION);
        return OPTIONS_DONE;
    default:
        arguments->settings[option] = optarg;
        return 0;
    }
}

static const struct option list[] = {
    {"foreground", no_argument, NULL, 'f'},    {"config", required_argument, NULL, 'c'},
    {"check-config", no_argument, NULL, 1},    {"log-dir", required_argument, NULL, 2},
    {"state-dir", required_argument, NULL, 3}, {"socket", required_argument, NULL, 4},
    {"admission", required_argument, NULL, 5}, {"libvirt", required_argument, NULL, 6},
    {"verbose", no_argument, NULL, 'v'},       {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0},
};
static const struct options options = {
    .program = "cloisterd", .letters = "fc:vV", .list = list, .help = usage, .take = take};

/* A file that is not named on the command line may be absent. */
static int load_config(const struct arguments *arguments, char *why, size_t why_size)
{
    const char *file = arguments->config_file ? arguments->config_file : CONFIG_FILE;
    int rc = config_load(&config, file, why, why_size);

    if (rc == -ENOENT && !arguments->config_file)
        rc = 0;
    for (size_t i = 2; i < sizeof(keys) / sizeof(keys[0]) && !rc; i++) {
        if (arguments->settings[i])
            rc = config_set(&config, keys[i], arguments->settings[i], why, why_size);
    }
    return rc;
}

static int load_admission(char *why, size_t why_size)
{
    int rc = admission_load(&admission, config.admission, why, why_size);

    if (rc == -ENOENT && !strcmp(config.admission, CONFIG_ADMISSION)) {
        admission_free(&admission); /* the default policy */
        rc = 0;
    }
    return rc;
}

/* A policy that cannot be read leaves the old one in force. */
static void reload(void)
{
    char why[400];

    if (load_admission(why, sizeof(why)))
        say_error("the admission policy stays as it was: %s", why);
    else
        say_info("admission policy read: %u rules, default %s", admission.count,
                 admission.default_allow ? "allow" : "deny");
}

static void signal_ready(struct loop_watch *watch, uint32_t events)
{
    struct signalfd_siginfo info;

    (void)events;
    if (read(watch->fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP)
        reload();
    else
        loop_stop();
}

static struct loop_watch signals = {.ready = signal_ready};

/* Before any thread starts: they inherit the mask. */
static void block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void note_daemon(const char *event)
{
    struct note note;

    note_begin(&note, "daemon");
    line_text(&note.line, "event", event);
    line_text(&note.line, "version", CLOISTER_VERSION);
    line_number(&note.line, "pid", (uint64_t)getpid());
    note_end(&note);
}

static void fail(const char *why, int status)
{
    say_error("%s", why);
    exit(status);
}

/* The state directory of a system that has no supervisor to make it. */
static void make_state_directory(void)
{
    if (mkdir(config.state_directory, 0700) && errno != EEXIST)
        say_warning("%s cannot be made: %s; quotas and counters cannot be kept",
                    config.state_directory, strerror(errno));
}

static void run(void)
{
    static const struct domain_hooks hooks = {agents_domain_appeared, agents_domain_gone};
    char why[400] = "";
    int rc = hypercall_open(&host.monitor, why, sizeof(why));

    if (rc)
        fail(why, rc == -ENOSYS || rc == -ENODEV ? EXIT_NO_MONITOR : 1);
    make_state_directory();
    note_daemon("started");
    if (loop_initialise() || signals.fd < 0 || loop_add(&signals, EPOLLIN))
        fail("no descriptors are left", 1);
    attestation_initialise(&config, host.monitor);
    rc = counters_initialise(&config, host.monitor);
    if (rc)
        fail("no descriptors are left", 1);
    if (tracer_initialise(&config, why, sizeof(why)) ||
        control_initialise(&config, host.monitor, why, sizeof(why)) ||
        domains_initialise(&config, host.monitor, &hooks, why, sizeof(why)) ||
        agents_initialise(&host))
        fail(why, 1);

    say_info("version %s: ready, log in %s", CLOISTER_VERSION, config.log_directory);
    supervisor_tell("READY=1");
    background_ready();
    loop_run();
    supervisor_tell("STOPPING=1");
    say_info("stopping");

    agents_finalise();
    domains_finalise();
    control_finalise();
    counters_finalise();
    attestation_finalise();
    note_daemon("stopped");
    tracer_finalise();
    hypercall_close(host.monitor);
    loop_finalise();
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    char why[400] = "";

    config_initialise(&config);
    admission_initialise(&admission);
    int wrong = options_take(&options, argc, argv, &arguments);
    if (wrong)
        return wrong == OPTIONS_DONE ? 0 : wrong;
    say_initialise("cloisterd", config.verbose ? SAY_DEBUG : SAY_INFO);
    if (load_config(&arguments, why, sizeof(why)) || load_admission(why, sizeof(why)))
        fail(why, EXIT_CONFIG);
    if (arguments.check) {
        printf("cloisterd: the settings are good; admission policy: %u rules, default %s\n",
               admission.count, admission.default_allow ? "allow" : "deny");
        return 0;
    }
    if (!arguments.foreground && background_enter())
        fail("cannot go into the background", 1);
    block_signals();
    run();
    admission_free(&admission);
    return 0;
}
