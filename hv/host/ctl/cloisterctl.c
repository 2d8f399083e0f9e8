/* SPDX-License-Identifier: MIT */
/* The operator's command: see cloisterctl(1). */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/options.h"
#include "base/output.h"
#include "settings/config.h"
#include "ctl/ctl.h"

#define PROGRAM "cloisterctl"

struct command {
    const char *name, *synopsis, *summary, *help;
    int least, most; /* arguments */
    int (*run)(const struct ctl_options *options);
};

static const struct command commands[] = {
    {"status", "", "how the host is doing",
     "Shows the monitor's figures, the trace log's state, how many agents answer, and under\n"
     "'degraded' everything that is not as it should be. Exit status 1 if there is such a thing.\n"
     "Without cloisterd the monitor's own figures are shown, and the exit status is 3.\n",
     0, 0, command_status},
    {"domains", "", "running domains, their quotas and agents",
     "One line per running domain: its enclave-memory quota (\"(set)\": by 'cloisterctl quota'; "
     "else\n"
     "from libvirt's metadata), what its enclaves use, calls and hypercalls of it that were "
     "refused,\n"
     "and its agent: good, unhealthy, stale (no status for 15 s), connecting, absent.\n",
     0, 0, command_domains},
    {"enclaves", "[DOMAIN]", "living enclaves",
     "One line per enclave, of all domains or of DOMAIN (name, UUID or number). --json shows all "
     "of\n"
     "the measurement and the author's key hash, as admission rules want them.\n",
     0, 1, command_enclaves},
    {"quota", "DOMAIN [SIZE|default]", "show or set a domain's enclave-memory quota",
     "Without SIZE: shows it. SIZE is 64M, 1G, 512K or a number of MiB; 0 forbids enclaves. It "
     "holds\n"
     "at once and for every later start of the domain, and overrides libvirt's metadata until\n"
     "'cloisterctl quota DOMAIN default'. Lowering it takes nothing away from living enclaves.\n"
     "\n"
     "In libvirt's metadata the quota is\n"
     "  <cloister:enclave-memory xmlns:cloister='https://cloister.dev/xmlns/domain/1'\n"
     "                           unit='MiB'>64</cloister:enclave-memory>\n",
     1, 2, command_quota},
    {"counters", "forget UUID", "remove a domain's counters",
     "Removes the monotonic counters of the domain with this UUID, which need not run or exist any "
     "more, and\n"
     "says how many. Its enclaves see that at once: what they sealed against a rollback does not "
     "open any\n"
     "more as the newest. How many counters there are is in 'cloisterctl status'.\n",
     2, 2, command_counters},
    {"trace", "[-f] [-n N]", "what was refused and done",
     "Shows the last N lines of the trace log (20); -f goes on with what comes. --json shows the\n"
     "lines as they stand in the log: cloister-log(5).\n",
     0, 0, command_trace},
    {"audit", "", "can anybody reach an enclave's memory, or more of the machine than is given?",
     "Lets the monitor compare every table through which memory can be reached with its frame "
     "table, and what\n"
     "dom0 has of the machine with the table of what it may. Needs no cloisterd. Exit status 1 if "
     "there is a violation.\n",
     0, 0, command_audit},
    {"lockdown", "[rows]", "what dom0 may of the machine",
     "Shows what the monitor refuses to dom0, how often it did, and what to do instead; 'rows' "
     "also shows each\n"
     "range that dom0 has. Needs no cloisterd. Exit status 1 if an option of Xen's "
     "(cloister-lockdown=) has\n"
     "opened something, or if it only watches: verifiers refuse such a host. Each refusal stands "
     "in the trace.\n",
     0, 1, command_lockdown},
    {"boot", "[order LIST|next ENTRY]", "what the firmware boots, and in what order",
     "Shows the firmware's boot entries, in their order, and which one this boot is by.\n"
     "  boot order 3,1,0   the entries that the firmware tries from now on, first one first\n"
     "  boot next 3        the next boot, and no other, is by this entry\n"
     "  boot next none     the next boot is by the order\n"
     "Entries are named by the hexadecimal digits that are shown. Entries are neither made nor "
     "changed: that is done in\n"
     "the firmware's setup. Changes are recorded and counted in heartbeats. For UEFI hosts on "
     "which nothing is open\n"
     "('cloisterctl lockdown'). Needs no cloisterd.\n",
     0, 2, command_boot},
    {"verify-log", "[--anchor HASH] [DIR]", "is the trace log whole and unchanged?",
     "Verifies the hash chain of every line of every file, that no record is doubled, and that the "
     "records are\n"
     "those that the monitor signed in the log's anchors: see cloister-log(5). Names the first "
     "line that is\n"
     "wrong; exit status 1 then. Says how many records the anchors vouch for, and how many are "
     "missing.\n"
     "  --anchor HASH   also wants to find the line with that hash: note the head that this "
     "command prints\n"
     "                  somewhere else, and nobody can write the log anew without being noticed\n"
     "  --monitor HEX   also wants the last boot's anchors to be of the monitor record with this "
     "SHA-256, as\n"
     "                  'cloister-verify verify' shows it: without that, a monitor's key is only "
     "the log's word\n"
     "Needs no cloisterd.\n",
     0, 1, command_verify_log},
    {"destroy", "ENCLAVE", "end an enclave",
     "Stops the threads of enclave number ENCLAVE, scrubs its memory and frees it. Its tenant "
     "sees\n"
     "-ENOENT at the next call.\n",
     1, 1, command_destroy},
    {"evidence", "--nonce HEX [--report FILE]... -o FILE", "prove what this host runs",
     "Writes evidence: the TPM's quote, the monitor's record, a heartbeat, and up to 15 reports of "
     "enclaves,\n"
     "all for the challenge that the verifier gave. cloister-verify(1) judges it. FILE - is "
     "standard output.\n"
     "--json: {\"ok\", \"evidence\" (base64), \"key\" (SHA-256 of the attestation key)}.\n",
     0, 0, command_evidence},
    {"heartbeat", "--nonce HEX -o FILE", "prove that the monitor still runs",
     "Writes a report that the monitor signs about itself, now, for this challenge: cheaper than "
     "evidence,\n"
     "for a verifier that has had that (cloister-verify heartbeat).\n",
     0, 0, command_heartbeat},
    {"tpm", "", "the keys of this host's TPM, for enrolment",
     "Shows the attestation key, as a verifier wants to know it. --json: what an enrolling service "
     "wants,\n"
     "{\"ek_public\", \"ek_certificate\", \"ak_public\"}.\n",
     0, 0, command_tpm},
    {"activate", "FILE", "answer the enrolling service",
     "FILE (- is standard input) is the service's reply to 'tpm --json', {\"enrolment\", "
     "\"credential_blob\",\n"
     "\"encrypted_secret\"}. Only the TPM with both keys can say what is hidden in it: the answer, "
     "in JSON,\n"
     "is {\"enrolment\", \"secret\"}.\n",
     1, 1, command_activate},
    {"enrol", "URL --ticket TICKET [--ca FILE]", "enrol this host at an attestation service",
     "Gives the TPM's keys to the cloister-attestd at URL (https://HOST:PORT), proves that they "
     "are in one TPM,\n"
     "and keeps the host's token. The service's operator makes TICKET for one host; - reads it "
     "from standard\n"
     "input. FILE has the CA of the service's certificate, where that is none of the system's. "
     "Where an answer\n"
     "was lost, the same command goes on. Then: systemctl restart cloister-attest.\n",
     1, 1, command_enrol},
    {"attest", "[status|now]", "is this host attested?",
     "Shows where the host is enrolled, when it was attested, until when its token is good, and "
     "what went\n"
     "wrong last. Exit status 1 if there is no good token. 'now' attests at once: "
     "cloister-attest(8).\n",
     0, 1, command_attest},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *stream)
{
    fputs("Usage: cloisterctl [OPTION]... COMMAND [ARGUMENT]...\n\n", stream);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(stream, "  %-10s %-23s %s\n", commands[i].name,
                strlen(commands[i].synopsis) <= 23 ? commands[i].synopsis
                : commands[i].run == command_enrol ? "URL --ticket TICKET ..."
                                                   : "--nonce HEX -o FILE ...",
                commands[i].summary);
    fputs("\n"
          "  --json         answer in JSON, for programs\n"
          "  --socket PATH  where cloisterd listens (" CONFIG_SOCKET ")\n"
          "  -h, --help     this text; 'cloisterctl COMMAND --help' for one command\n"
          "  -V, --version\n"
          "\n"
          "Exit status: 0 good, 1 refused or a problem found, 2 usage, 3 cloisterd does not "
          "answer.\n",
          stream);
}

static void print_command_help(const struct command *command)
{
    printf("Usage: cloisterctl %s%s%s [--json]\n\n%s", command->name,
           command->synopsis[0] ? " " : "", command->synopsis, command->help);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (!strcmp(name, commands[i].name))
            return &commands[i];
    }
    exit(options_complain(PROGRAM, NULL, "there is no command '%s'", name));
}

static void refuse_option(const struct command *command, const char *wanted, const char *option)
{
    if (strcmp(command->name, wanted)) {
        fprintf(stderr, "cloisterctl: %s is for '%s' only\n", option, wanted);
        exit(CTL_USAGE);
    }
}

static void refuse_options(const struct command *command, const struct ctl_options *options)
{
    if (options->follow || options->lines >= 0)
        refuse_option(command, "trace", options->follow ? "-f" : "-n");
    if (options->anchor)
        refuse_option(command, "verify-log", "--anchor");
    if (options->monitor)
        refuse_option(command, "verify-log", "--monitor");
    if (options->report_count)
        refuse_option(command, "evidence", "--report");
    if ((options->nonce || options->output) && strcmp(command->name, "heartbeat"))
        refuse_option(command, "evidence", options->nonce ? "--nonce" : "-o");
    if (options->ticket || options->ca)
        refuse_option(command, "enrol", options->ticket ? "--ticket" : "--ca");
    if (options->helper && strcmp(command->name, "attest"))
        refuse_option(command, "enrol", "--helper");
}

struct words {
    struct ctl_options options;
    bool help;
};

static int take(char **argv, int option, void *context)
{
    struct words *words = context;
    struct ctl_options *options = &words->options;
    uint64_t lines;

    (void)argv;
    switch (option) {
    case 'j':
        options->json = true;
        return 0;
    case 's':
        options->socket = optarg;
        return 0;
    case 'f':
        options->follow = true;
        return 0;
    case 'n':
        if (!number_read(optarg, 10, 0, LONG_MAX, &lines))
            return options_complain(PROGRAM, NULL, "a number of lines is expected, not '%s'",
                                    optarg);
        options->lines = (long)lines;
        return 0;
    case 'a':
        options->anchor = optarg;
        return 0;
    case 'm':
        options->monitor = optarg;
        return 0;
    case 'c':
        options->nonce = optarg;
        return 0;
    case 'r':
        if (options->report_count == CTL_MAX_REPORTS)
            return options_complain(PROGRAM, NULL, "at most %u reports fit into one evidence",
                                    CTL_MAX_REPORTS);
        options->reports[options->report_count++] = optarg;
        return 0;
    case 'o':
        options->output = optarg;
        return 0;
    case 't':
        options->ticket = optarg;
        return 0;
    case 'C':
        options->ca = optarg;
        return 0;
    case 'H':
        options->helper = optarg;
        return 0;
    case 'h':
        words->help = true;
        return 0;
    default: /* --version */
        puts(PROGRAM " " CLOISTER_VERSION);
        return OPTIONS_DONE;
    }
}

static const struct option table[] = {
    {"json", no_argument, NULL, 'j'},
    {"socket", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"follow", no_argument, NULL, 'f'},
    {"lines", required_argument, NULL, 'n'},
    {"anchor", required_argument, NULL, 'a'},
    {"monitor", required_argument, NULL, 'm'},
    {"nonce", required_argument, NULL, 'c'},
    {"report", required_argument, NULL, 'r'},
    {"output", required_argument, NULL, 'o'},
    {"ticket", required_argument, NULL, 't'},
    {"ca", required_argument, NULL, 'C'},
    {"helper", required_argument, NULL, 'H'},
    {NULL, 0, NULL, 0},
};
/* (The help is that of the command, which is not known yet.) */
static const struct options known = {
    .program = PROGRAM, .letters = "fn:o:hV", .list = table, .arguments = true, .take = take};

int main(int argc, char **argv)
{
    struct words words = {.options = {.socket = CONFIG_SOCKET, .lines = -1}};

    if (output_begin())
        return CTL_PROBLEM;
    int rc = options_take(&known, argc, argv, &words);
    if (rc)
        return rc == OPTIONS_DONE ? output_end(PROGRAM, CTL_OK, CTL_PROBLEM) : rc;
    if (optind == argc) {
        print_usage(words.help ? stdout : stderr);
        return output_end(PROGRAM, words.help ? CTL_OK : CTL_USAGE, CTL_PROBLEM);
    }
    const struct command *command = find_command(argv[optind++]);
    if (words.help) {
        print_command_help(command);
        return output_end(PROGRAM, CTL_OK, CTL_PROBLEM);
    }
    refuse_options(command, &words.options);
    words.options.arguments = argv + optind;
    words.options.count = argc - optind;
    if (words.options.count < command->least || words.options.count > command->most) {
        fprintf(stderr, "Usage: cloisterctl %s %s\n", command->name, command->synopsis);
        return CTL_USAGE;
    }
    return output_end(PROGRAM, command->run(&words.options), CTL_PROBLEM);
}
