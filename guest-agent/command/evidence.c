/* SPDX-License-Identifier: MIT */
/* cloister evidence. */
#include "command/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/protocol.h"

struct wanted {
    const char *socket, *output;
    bool json;
    struct bytes nonce;
    uint8_t reports[CLOISTER_MAX_EVIDENCE_REPORTS][sizeof(struct cloister_report)];
    unsigned int report_count;
};

static int take_nonce(struct wanted *wanted, const char *text)
{
    if (read_hex(text, &wanted->nonce) || wanted->nonce.size < CLOISTER_NONCE_MIN ||
        wanted->nonce.size > CLOISTER_NONCE_MAX)
        return command_usage("evidence", "--nonce: 16 to 64 bytes as hexadecimal digits, not '%s'",
                             text);
    return 0;
}

static int take_report(struct wanted *wanted, const char *path)
{
    struct bytes report;

    if (wanted->report_count == CLOISTER_MAX_EVIDENCE_REPORTS)
        return command_usage("evidence", "--report: at most %u", CLOISTER_MAX_EVIDENCE_REPORTS);
    int error = read_file(path, &report);
    if (error) {
        fprintf(stderr, "cloister: %s: %s\n", path, strerror(-error));
        return EXIT_FILE;
    }
    if (report.size == sizeof(wanted->reports[0])) {
        memcpy(wanted->reports[wanted->report_count++], report.data, report.size);
    } else {
        fprintf(stderr, "cloister: %s: a report has %zu bytes, not %zu\n", path,
                sizeof(wanted->reports[0]), report.size);
        error = EXIT_FILE;
    }
    free(report.data);
    return error;
}

enum { JSON = 256, SOCKET, NONCE, REPORT };

static int take(char **words, int option, void *context)
{
    struct wanted *wanted = context;

    (void)words;
    switch (option) {
    case JSON:
        wanted->json = true;
        return 0;
    case SOCKET:
        wanted->socket = optarg;
        return 0;
    case NONCE:
        return take_nonce(wanted, optarg);
    case REPORT:
        return take_report(wanted, optarg);
    default:
        wanted->output = optarg;
        return 0;
    }
}

static int parse(int count, char **words, struct wanted *wanted)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, JSON},         {"socket", required_argument, NULL, SOCKET},
        {"nonce", required_argument, NULL, NONCE}, {"report", required_argument, NULL, REPORT},
        {"out", required_argument, NULL, 'o'},     {0},
    };
    int result = command_options(count, words, known, "o:", false, take, wanted);

    if (result)
        return result;
    if (!wanted->nonce.data || !wanted->output)
        return command_usage("evidence", "--nonce and -o are needed");
    return 0;
}

static int get(const struct wanted *wanted)
{
    uint8_t *evidence = malloc(CLOISTER_EVIDENCE_MAX);
    struct cloister_error error;
    size_t size = 0;

    if (!evidence) {
        fprintf(stderr, "cloister: out of memory\n");
        return EXIT_CALL;
    }
    int code =
        cloister_evidence(wanted->socket, wanted->nonce.data, wanted->nonce.size, wanted->reports,
                          wanted->report_count, evidence, CLOISTER_EVIDENCE_MAX, &size, &error);
    if (code) {
        free(evidence);
        return command_failed(&error, error.origin == CLOISTER_ORIGIN_HOST ? EXIT_CALL : EXIT_AGENT,
                              wanted->json);
    }
    code = write_file(wanted->output, evidence, size);
    free(evidence);
    if (code) {
        fprintf(stderr, "cloister: %s: %s\n", wanted->output, strerror(-code));
        return EXIT_FILE;
    }
    if (wanted->json)
        printf("{\"ok\": true, \"size\": %zu}\n", size);
    return 0;
}

int command_evidence(int count, char **words)
{
    static struct wanted wanted;
    int result = parse(count, words, &wanted);

    if (!result)
        result = get(&wanted);
    free(wanted.nonce.data);
    return result;
}
