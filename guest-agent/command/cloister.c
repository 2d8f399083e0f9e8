/* SPDX-License-Identifier: MIT */
/* cloister: enclaves from a shell. */
#include "command/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/output.h"

static const char usage[] =
    "Usage: cloister run IMAGE [--call FUNCTION [--in FILE | --in-hex HEX | --in-text TEXT]\n"
    "                    [--out FILE] [--out-size BYTES] [--repeat N]] [--json]\n"
    "       cloister status [--wait SECONDS] [--json]\n"
    "       cloister list [--json]\n"
    "       cloister evidence --nonce HEX [--report FILE]... -o FILE [--json]\n"
    "\n"
    "run     loads an enclave, calls one of its functions, and ends it. Output is printed in\n"
    "        hexadecimal, or written to FILE as it is ('-': standard output). Without --call the\n"
    "        enclave is loaded, described, and ended.\n"
    "status  how the agent of this guest is, and whether it is connected to the host\n"
    "list    your enclaves in this guest (root: everybody's)\n"
    "evidence  proof of what the host runs, for a verifier's nonce, with reports of enclaves\n"
    "\n"
    "  --socket PATH   the agent's socket (default /run/cloister/agent.sock)\n"
    "  --version       print the version and exit\n"
    "  -h, --help      print this and exit\n"
    "\n"
    "Exit status: 0 good, 2 wrong usage, 3 a file cannot be read or written, 4 no agent or no\n"
    "connection to the host, 5 the image was refused, 6 the call failed, 7 the enclave faulted\n"
    "or is gone.\n";

int main(int count, char **words)
{
    static const struct {
        const char *name;
        int (*run)(int count, char **words);
    } commands[] = {{"run", command_run},
                    {"status", command_status},
                    {"list", command_list},
                    {"evidence", command_evidence}};

    if (output_begin())
        return EXIT_FILE;
    for (int i = 1; i < count; i++) {
        if (!strcmp(words[i], "--help") || !strcmp(words[i], "-h")) {
            fputs(usage, stdout);
            return output_end("cloister", EXIT_SUCCESS, EXIT_FILE);
        }
        if (!strcmp(words[i], "--"))
            break;
    }
    if (count < 2)
        return command_usage(NULL, "what should be done?");
    if (!strcmp(words[1], "--version")) {
        printf("cloister %s\n", cloister_version());
        return output_end("cloister", EXIT_SUCCESS, EXIT_FILE);
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (!strcmp(words[1], commands[i].name))
            return output_end("cloister", commands[i].run(count - 1, words + 1), EXIT_FILE);
    return command_usage(NULL, "there is no command '%s'", words[1]);
}
