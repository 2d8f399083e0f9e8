/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assemble.h"
#include "author.h"
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
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    *number = (uint32_t)value;
    return text[0] >= '0' && text[0] <= '9' && !*end && !errno && value <= UINT32_MAX;
}

static bool parse_size(const char *text, uint64_t *size)
{
    static const char units[] = "KMG";
    const char *unit;
    char *end;
    unsigned int shift = 0;

    errno = 0;
    *size = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno) {
        return false;
    }
    if (*end) {
        unit = strchr(units, *end++);
        if (!unit || *end) {
            return false;
        }
        shift = 10 * (unsigned int)(unit - units + 1);
    }
    if (*size > UINT64_C(1) << 40 >> shift) {
        return false;
    }
    *size <<= shift;
    return true;
}

static int hex_digit(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = strchr(digits, digit >= 'A' && digit <= 'F' ? digit - 'A' + 'a' : digit);

    return digit && found ? (int)(found - digits) : -1;
}

static bool parse_id(const char *text, uint8_t id[16])
{
    for (size_t i = 0; i < 32; i++) {
        int digit = hex_digit(text[i]);

        if (digit < 0) {
            return false;
        }
        id[i / 2] = (uint8_t)(id[i / 2] << 4 | digit);
    }
    return !text[32];
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

/* Takes one option; false if its value makes no sense. */
static bool take(struct arguments *arguments, int option)
{
    struct image_options *options = &arguments->options;

    switch (option) {
    case OPTION_KEY:
        arguments->key = optarg;
        return true;
    case OPTION_NAME:
        if (strlen(optarg) == 0 || strlen(optarg) >= sizeof(options->name)) {
            return false;
        }
        memset(options->name, 0, sizeof(options->name));
        memcpy(options->name, optarg, strlen(optarg));
        return true;
    case OPTION_FAMILY:
        return parse_id(optarg, options->family_id);
    case OPTION_IMAGE_ID:
        return parse_id(optarg, options->image_id);
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
    case OPTION_SHARED:
        return parse_size(optarg, &options->shared_size);
    case OPTION_DEBUG:
        options->debug = true;
        return true;
    default:
        arguments->image = optarg;
        return true;
    }
}

/* STATUS_GOOD with *arguments filled; STATUS_USAGE after having complained; -1 after --help. */
static int parse(int argc, char **argv, struct arguments *arguments)
{
    int option, index = 0;

    *arguments = (struct arguments){
        .options = {.thread_count = 1, .heap_size = DEFAULT_HEAP, .stack_size = DEFAULT_STACK}};
    opterr = 0;
    while ((option = getopt_long(argc, argv, "o:h", long_options, &index)) >= 0) {
        if (option == 'h') {
            fputs(help, stdout);
            return -1;
        }
        if (option == '?') {
            return complain_usage("build", "'%s': unknown option, or its value is missing",
                                  argv[optind - 1]);
        }
        if (!take(arguments, option)) {
            return complain_usage("build", "--%s: '%s' makes no sense",
                                  option == 'o' ? "output" : long_options[index].name, optarg);
        }
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
