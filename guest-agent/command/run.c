/* SPDX-License-Identifier: MIT */
/* cloister run: load an image, call it, end it. */
#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct run {
    const char *image;
    const char *socket;
    const char *out_path; /* NULL: hexadecimal on standard output */
    uint32_t function;
    bool call;
    bool json;
    uint64_t repeat;
    uint64_t capacity; /* of the output; UINT64_MAX: what fits */
    struct bytes in;
};

enum {
    OPTION_CALL = 256,
    OPTION_IN,
    OPTION_IN_HEX,
    OPTION_IN_TEXT,
    OPTION_OUT,
    OPTION_OUT_SIZE,
    OPTION_REPEAT,
    OPTION_JSON,
    OPTION_SOCKET
};

static const struct option known[] = {
    {"call", required_argument, NULL, OPTION_CALL},
    {"in", required_argument, NULL, OPTION_IN},
    {"in-hex", required_argument, NULL, OPTION_IN_HEX},
    {"in-text", required_argument, NULL, OPTION_IN_TEXT},
    {"out", required_argument, NULL, OPTION_OUT},
    {"out-size", required_argument, NULL, OPTION_OUT_SIZE},
    {"repeat", required_argument, NULL, OPTION_REPEAT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {0},
};

/* 0, or the exit code of a wrong option. */
static int take_input(struct run *run, int option)
{
    int error;

    if (run->in.data)
        return command_usage("run", "give one of --in, --in-hex and --in-text, once");
    if (option == OPTION_IN)
        error = read_file(optarg, &run->in);
    else if (option == OPTION_IN_HEX)
        error = read_hex(optarg, &run->in);
    else
        error = (run->in.data = (uint8_t *)strdup(optarg)) ? 0 : -ENOMEM;
    if (option == OPTION_IN_TEXT && run->in.data)
        run->in.size = strlen(optarg);
    if (!error)
        return 0;
    if (option == OPTION_IN_HEX)
        return command_usage("run", "--in-hex: not pairs of hexadecimal digits");
    fprintf(stderr, "cloister: %s: %s\n", option == OPTION_IN ? optarg : "--in-text",
            strerror(-error));
    return EXIT_FILE;
}

static int take(char **words, int option, void *context)
{
    struct run *run = context;
    uint64_t number;

    (void)words;
    switch (option) {
    case OPTION_CALL:
        if (!parse_number(optarg, UINT32_MAX, &number))
            return command_usage("run", "--call: a function's number is expected, not '%s'",
                                 optarg);
        run->function = (uint32_t)number;
        run->call = true;
        return 0;
    case OPTION_OUT:
        run->out_path = optarg;
        return 0;
    case OPTION_OUT_SIZE:
        if (!parse_number(optarg, UINT32_MAX, &run->capacity))
            return command_usage("run", "--out-size: a number of bytes is expected, not '%s'",
                                 optarg);
        return 0;
    case OPTION_REPEAT:
        if (!parse_number(optarg, UINT64_MAX, &run->repeat) || !run->repeat)
            return command_usage("run", "--repeat: a number from 1 on is expected, not '%s'",
                                 optarg);
        return 0;
    case OPTION_JSON:
        run->json = true;
        return 0;
    case OPTION_SOCKET:
        run->socket = optarg;
        return 0;
    default:
        return take_input(run, option);
    }
}

static int parse(int count, char **words, struct run *run)
{
    int wrong = command_options(count, words, known, NULL, true, take, run);

    if (wrong)
        return wrong;
    if (optind + 1 != count)
        return command_usage("run", "give one IMAGE");
    run->image = words[optind];
    if (!run->call && (run->in.data || run->out_path || run->repeat > 1))
        return command_usage("run", "nothing is called without --call FUNCTION");
    return 0;
}

static int load_exit_code(const struct cloister_error *error)
{
    if (error->reason)
        return EXIT_REFUSED;
    if (error->origin == CLOISTER_ORIGIN_LIBRARY)
        return error->code == EISDIR || error->code == EIO || error->code == EFBIG ? EXIT_FILE
                                                                                   : EXIT_AGENT;
    return error->code == EHOSTDOWN || error->code == ECONNRESET || error->code == ETIMEDOUT
               ? EXIT_AGENT
               : EXIT_REFUSED;
}

static int call_exit_code(const struct cloister_error *error)
{
    return (error->code == EFAULT && error->reason) || error->code == EIO ||
                   (error->code == ENOENT && error->origin == CLOISTER_ORIGIN_HOST)
               ? EXIT_FAULT
               : EXIT_CALL;
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void print_details(const struct cloister_details *details)
{
    printf("{\"ok\": true, \"enclave\": %" PRIu32 ", \"name\": ", details->enclave);
    json_text(stdout, details->name);
    printf(", \"threads\": %" PRIu32 ", \"debug\": %s, \"measurement\": \"", details->thread_count,
           details->debug ? "true" : "false");
    print_hex(stdout, details->measurement, sizeof(details->measurement));
    putchar('"');
}

static int give_output(const struct run *run, const uint8_t *out, size_t size)
{
    int error = 0;

    if (run->out_path)
        error = write_file(run->out_path, out, size);
    else if (!run->json && size) {
        print_hex(stdout, out, size);
        putchar('\n');
    }
    if (error) {
        fprintf(stderr, "cloister: %s: %s\n", run->out_path, strerror(-error));
        return EXIT_FILE;
    }
    return 0;
}

/* Calls as often as asked; the output is that of the last call. */
static int call(const struct run *run, struct cloister_enclave *enclave,
                const struct cloister_details *details)
{
    size_t rounded = (run->in.size + 15) & ~(size_t)15;
    size_t room = details->call_capacity > rounded ? details->call_capacity - rounded : 0;
    size_t capacity = run->capacity < room || run->capacity != UINT64_MAX ? run->capacity : room;
    struct cloister_error error;
    struct timespec start;
    size_t size = 0;
    uint8_t *out = malloc(capacity + 1);
    double seconds;
    int result = 0;

    if (!out) {
        fputs("cloister: no memory\n", stderr);
        return EXIT_CALL;
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (uint64_t i = 0; i < run->repeat && !result; i++)
        result = cloister_enclave_call(enclave, run->function, run->in.data, run->in.size, out,
                                       capacity, &size, &error);
    seconds = seconds_since(&start);
    if (result) {
        result = command_failed(&error, call_exit_code(&error), run->json);
    } else {
        result = give_output(run, out, size);
        if (run->json && !result) {
            print_details(details);
            printf(", \"calls\": %" PRIu64 ", \"seconds\": %.6f, \"out_size\": %zu, \"out\": \"",
                   run->repeat, seconds, size);
            print_hex(stdout, out, run->out_path ? 0 : size);
            puts("\"}");
        } else if (run->repeat > 1 && !result) {
            fprintf(stderr, "%" PRIu64 " calls in %.3f s\n", run->repeat, seconds);
        }
    }
    free(out);
    return result;
}

int command_run(int count, char **words)
{
    struct run run = {.repeat = 1, .capacity = UINT64_MAX};
    struct cloister_options options = {.size = sizeof(options)};
    struct cloister_enclave *enclave;
    struct cloister_details details;
    struct cloister_error error;
    int result = parse(count, words, &run), image;

    if (result)
        goto out;
    image = open(run.image, O_RDONLY | O_CLOEXEC);
    if (image < 0) {
        fprintf(stderr, "cloister: %s: %s\n", run.image, strerror(errno));
        result = EXIT_FILE;
        goto out;
    }
    options.agent_socket = run.socket;
    result = cloister_enclave_create_fd(image, &options, &enclave, &error);
    close(image);
    if (result) {
        result = command_failed(&error, load_exit_code(&error), run.json);
        goto out;
    }
    cloister_enclave_details(enclave, &details);
    if (run.call) {
        result = call(&run, enclave, &details);
    } else if (run.json) {
        print_details(&details);
        puts("}");
    } else {
        printf("enclave %" PRIu32 " (%s), %" PRIu32 " threads, measurement ", details.enclave,
               details.name, details.thread_count);
        print_hex(stdout, details.measurement, sizeof(details.measurement));
        putchar('\n');
    }
    if (cloister_enclave_terminate(enclave, &error) && !result)
        result = command_failed(&error, EXIT_AGENT, false);
out:
    free(run.in.data);
    return result;
}
