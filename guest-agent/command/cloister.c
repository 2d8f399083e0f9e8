/* SPDX-License-Identifier: MIT */
/* cloister: enclaves from a shell. */
#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/*
 * Where a shell has closed one of the three (`>&-`), the next file that is opened would take its place, and what is
 * printed would go there. What stands there instead can be neither read nor written, so that errors come as they must.
 */
static void occupy_standard_files(void)
{
    for (int file = 0; file <= 2; file++)
        if (fcntl(file, F_GETFD) < 0 && open("/dev/null", file ? O_RDONLY : O_WRONLY) != file)
            _exit(EXIT_FILE);
}

/* A full disk, a closed pipe or descriptor must not look like success. */
static int finish_output(int result)
{
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout))
        return result;
    fprintf(stderr, "cloister: standard output: %s\n", strerror(errno ? errno : EIO));
    return result ? result : EXIT_FILE;
}

int main(int count, char **words)
{
    static const struct {
        const char *name;
        int (*run)(int count, char **words);
    } commands[] = {{"run", command_run}, {"status", command_status}, {"list", command_list},
                  {"evidence", command_evidence}};

    occupy_standard_files();
    for (int i = 1; i < count; i++) {
        if (!strcmp(words[i], "--help") || !strcmp(words[i], "-h")) {
            fputs(usage, stdout);
            return finish_output(EXIT_SUCCESS);
        }
        if (!strcmp(words[i], "--"))
            break;
    }
    if (count < 2)
        return command_usage("what should be done?");
    if (!strcmp(words[1], "--version")) {
        printf("cloister %s\n", cloister_version());
        return finish_output(EXIT_SUCCESS);
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (!strcmp(words[1], commands[i].name))
            return finish_output(commands[i].run(count - 1, words + 1));
    return command_usage("what is '%s'?", words[1]);
}
