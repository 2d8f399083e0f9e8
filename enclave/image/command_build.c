/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assemble.h"
#include "author.h"
#include "base/hex.h"
#include "base/number.h"
#include "base/size.h"
#include "command.h"

#define KIB UINT64_C(1024)
#define DEFAULT_HEAP (1024 * KIB)
#define DEFAULT_STACK (64 * KIB)
#define DEFAULT_SLOT (64 * KIB) /* of the shared window, for each thread */

static const char help[] =
    "usage: cloister-image build --key KEY --name NAME [OPTION...] PROGRAM -o IMAGE\n\n"
    "Makes a signed enclave image of PROGRAM, a static ELF file that was linked with the enclave\n"
    "runtime and its linker script (pkg-config cloister-enclave).\n\n"
    "  --key FILE            the author's private key (see keygen)\n"
    "  --name NAME           for people; at most 63 bytes\n"
    "  -o, --output FILE     the image\n"
    "  --family HEX          family id, 16 bytes in hexadecimal (default: zeros)\n"
    "  --image-id HEX        image id, the same\n"
    "  --version N           version of the image (default: 0)\n"
    "  --security-version N  counts fixes of the author's security bugs (default: 0)\n"
    "  --threads N           calls that can be inside at the same time, 1 to 64 (default: 1)\n"
    "  --heap SIZE           of all threads together (default: 1M)\n"
    "  --stack SIZE          of each thread (default: 64K)\n"
    "  --shared SIZE         of the window shared with the application, at most 4M; a call's data\n"
    "                        must fit into SIZE / threads (default: 64K for each thread)\n"
    "  --debug               a debug image: promises no secrecy, gets other keys, and every\n"
    "                        verifier refuses it by default\n\n"
    "SIZE is in bytes, or with K, M, G; it is rounded up to whole pages of 4K. The same program "
    "and\n"
    "options give the same bytes, but for the signature. Exit status: see cloister-image --help.\n";

struct arguments {
    struct image_options options;
    const char *key;
    const char *program;
    const char *image;
};

static bool parse_number(const char *text, uint32_t *number)
{
    uint64_t value;

    if (!number_read(text, 10, 0, UINT32_MAX, &value)) {
        return false;
    }
    *number = (uint32_t)value;
    return true;
}

static bool parse_size(const char *text, uint64_t *size)
{
    static const struct size_unit units[] = {
        {"", 1}, {"K", SIZE_KI}, {"M", SIZE_MI}, {"G", SIZE_GI}, {NULL, 0}};
    uint64_t unit;

    return size_digits(&text, size) && size_find_unit(units, text, strlen(text), &unit) &&
           !__builtin_mul_overflow(*size, unit, size) && *size <= UINT64_C(1) << 40;
}

enum {
    OPTION_KEY = 256,
    OPTION_NAME,
    OPTION_FAMILY,
    OPTION_IMAGE_ID,
    OPTION_VERSION,
    OPTION_SECURITY,
    OPTION_THREADS,
    OPTION_HEAP,
    OPTION_STACK,
    OPTION_SHARED,
    OPTION_DEBUG
};

static const struct option long_options[] = {
    {"key", required_argument, NULL, OPTION_KEY},
    {"name", required_argument, NULL, OPTION_NAME},
    {"family", required_argument, NULL, OPTION_FAMILY},
    {"image-id", required_argument, NULL, OPTION_IMAGE_ID},
    {"version", required_argument, NULL, OPTION_VERSION},
    {"security-version", required_argument, NULL, OPTION_SECURITY},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"heap", required_argument, NULL, OPTION_HEAP},
    {"stack", required_argument, NULL, OPTION_STACK},
    {"shared", required_argument, NULL, OPTION_SHARED},
    {"debug", no_argument, NULL, OPTION_DEBUG},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* What a value must be that was refused. */
static const char *wanted(int option)
{
    switch (option) {
    case OPTION_NAME:
        return "1 to 63 bytes";
    case OPTION_FAMILY:
    case OPTION_IMAGE_ID:
        return "32 hexadecimal digits";
    case OPTION_HEAP:
    case OPTION_STACK:
    case OPTION_SHARED:
        return "a size such as 64K, 16M or 1G, of 1024G at the most,";
    default:
        return "a number from 0 to 4294967295";
    }
}

/* Takes the option's value; false if it is none. */
static bool take_value(struct arguments *arguments, int option)
{
    struct image_options *options = &arguments->options;

    switch (option) {
    case OPTION_NAME:
        if (strlen(optarg) == 0 || strlen(optarg) >= sizeof(options->name)) {
            return false;
        }
        memset(options->name, 0, sizeof(options->name));
        memcpy(options->name, optarg, strlen(optarg));
        return true;
    case OPTION_FAMILY:
        return hex_decode(optarg, options->family_id, sizeof(options->family_id));
    case OPTION_IMAGE_ID:
        return hex_decode(optarg, options->image_id, sizeof(options->image_id));
    case OPTION_VERSION:
        return parse_number(optarg, &options->image_version);
    case OPTION_SECURITY:
        return parse_number(optarg, &options->security_version);
    case OPTION_THREADS:
        return parse_number(optarg, &options->thread_count);
    case OPTION_HEAP:
        return parse_size(optarg, &options->heap_size);
    case OPTION_STACK:
        return parse_size(optarg, &options->stack_size);
    default:
        return parse_size(optarg, &options->shared_size);
    }
}

static int take(char **argv, int option, void *context)
{
    struct arguments *arguments = context;
    const struct option *row = long_options;

    switch (option) {
    case OPTION_KEY:
        arguments->key = optarg;
        return 0;
    case OPTION_DEBUG:
        arguments->options.debug = true;
        return 0;
    case 'o':
        arguments->image = optarg;
        return 0;
    default:
        break;
    }
    if (take_value(arguments, option)) {
        return 0;
    }
    while (row->val != option) {
        row++;
    }
    return complain_usage(argv[0], "--%s: %s is expected, not '%s'", row->name, wanted(option),
                          optarg);
}

/* STATUS_GOOD with *arguments filled; STATUS_USAGE after having complained; OPTIONS_DONE. */
static int parse(int argc, char **argv, struct arguments *arguments)
{
    const struct options options = {.program = PROGRAM,
                                    .command = "build",
                                    .letters = "o:",
                                    .list = long_options,
                                    .help = help,
                                    .arguments = true,
                                    .take = take};
    int status;

    *arguments = (struct arguments){
        .options = {.thread_count = 1, .heap_size = DEFAULT_HEAP, .stack_size = DEFAULT_STACK}};
    status = options_take(&options, argc, argv, arguments);
    if (status) {
        return status;
    }
    if (optind + 1 != argc) {
        return complain_usage("build",
                              optind == argc ? "no program given" : "more than one program given");
    }
    arguments->program = argv[optind];
    if (!arguments->key || !arguments->image || !arguments->options.name[0]) {
        return complain_usage("build", "--%s is missing",
                              !arguments->key     ? "key"
                              : !arguments->image ? "output"
                                                  : "name");
    }
    if (arguments->options.shared_size == 0) {
        arguments->options.shared_size = arguments->options.thread_count * DEFAULT_SLOT;
    }
    return STATUS_GOOD;
}

static int make(const struct arguments *arguments, EVP_PKEY *key, const uint8_t *elf,
                size_t elf_size)
{
    struct program program;
    uint8_t *image = NULL;
    size_t size;
    char text[256];
    int status = STATUS_REFUSED;

    if (program_read(elf, elf_size, &program, text)) {
        complain("%s: %s", arguments->program, text);
        return STATUS_REFUSED;
    }
    if (image_assemble(&program, &arguments->options, &image, &size, text)) {
        complain("%s: %s", arguments->program, text);
    } else if (author_sign((void *)image, key)) {
        complain("the image cannot be signed: the crypto library failed");
    } else {
        status = file_write(arguments->image, image, size);
    }
    free(image);
    return status;
}

int command_build(int argc, char **argv)
{
    struct arguments arguments;
    EVP_PKEY *key;
    uint8_t *elf;
    size_t elf_size;
    int status = parse(argc, argv, &arguments);

    if (status) {
        return status < 0 ? STATUS_GOOD : status;
    }
    switch (author_read(arguments.key, &key)) {
    case 0:
        break;
    case -EINVAL:
        complain("%s: not a P-256 private key in PEM", arguments.key);
        return STATUS_REFUSED;
    default:
        complain("%s cannot be read: %s", arguments.key, strerror(errno));
        return STATUS_FILE;
    }
    status = file_read(arguments.program, MAX_PROGRAM_SIZE, &elf, &elf_size);
    if (!status) {
        status = make(&arguments, key, elf, elf_size);
        free(elf);
    }
    EVP_PKEY_free(key);
    return status;
}
