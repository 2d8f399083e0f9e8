/* SPDX-License-Identifier: MIT */
/* The commands that look at an image: info, measure, verify. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "command.h"

static const char help_info[] =
    "usage: cloister-image info [--json] IMAGE\n\n"
    "Shows what an image says about itself, and whether its signature and measurement hold. An "
    "image\n"
    "whose structure is not valid is refused (status 1); one that does not verify is shown.\n";
static const char help_measure[] =
    "usage: cloister-image measure IMAGE\n\n"
    "Computes the measurement (SHA-384) of the image's launch state and pages, as the monitor "
    "will,\n"
    "and prints it in hexadecimal. The signature is not looked at.\n";
static const char help_verify[] =
    "usage: cloister-image verify [--author HEX] IMAGE\n\n"
    "Checks the author's signature over the header, and the measurement there against the "
    "pages.\n\n"
    "  --author HEX  also require this author: the identity that `info` prints (SHA-256 of the "
    "key)\n\n"
    "Exit status: 0 it verifies; 1 it does not, or it is no image; 2 usage; 3 it cannot be read.\n";

struct view {
    uint8_t *data;
    struct cloister_image image;
    bool json;
    const char *author;
};

/* (Which of these there are, the table of each command says.) */
static int take(char **argv, int option, void *context)
{
    struct view *view = context;

    (void)argv;
    if (option == 'j') {
        view->json = true;
    } else {
        view->author = optarg;
    }
    return 0;
}

static const struct option no_options[] = {{"help", no_argument, NULL, 'h'}, {0}},
                           info_options[] = {{"json", no_argument, NULL, 'j'},
                                             {"help", no_argument, NULL, 'h'},
                                             {0}},
                           verify_options[] = {{"author", required_argument, NULL, 'a'},
                                               {"help", no_argument, NULL, 'h'},
                                               {0}};

/* Parses the arguments and opens the image. STATUS_GOOD: the caller frees view->data. OPTIONS_DONE. */
static int open_image(int argc, char **argv, const char *help, struct view *view)
{
    const struct options options = {.program = PROGRAM,
                                    .command = argv[0],
                                    .help = help,
                                    .arguments = true,
                                    .take = take,
                                    .list = help == help_info     ? info_options
                                            : help == help_verify ? verify_options
                                                                  : no_options};
    struct cloister_image_error error;
    size_t size;
    int status;

    *view = (struct view){0};
    status = options_take(&options, argc, argv, view);
    if (status) {
        return status;
    }
    if (optind + 1 != argc) {
        return complain_usage(argv[0],
                              optind == argc ? "no image given" : "more than one image given");
    }
    status = file_read(argv[optind], MAX_IMAGE_SIZE, &view->data, &size);
    if (!status && cloister_image_open(view->data, size, &view->image, &error)) {
        complain("%s: %s", argv[optind], error.text);
        free(view->data);
        status = STATUS_REFUSED;
    }
    return status;
}

/* A name is not trusted: nothing in it may move the cursor or end a JSON string. */
static void print_name(const uint8_t name[64])
{
    for (size_t i = 0; i < 64 && name[i]; i++) {
        putchar(name[i] < 0x20 || name[i] >= 0x7f || name[i] == '"' || name[i] == '\\' ? '?'
                                                                                       : name[i]);
    }
}

struct summary {
    uint64_t frames; /* the pages that exist */
    uint64_t executable;
    uint64_t writable;
    char measurement[2 * CLOISTER_MEASUREMENT_SIZE + 1];
    char author[65];
    char family[33];
    char image[33];
    const char *verdict; /* "good" or what is wrong */
};

static int summarise(const struct cloister_image *image, struct summary *summary,
                     struct cloister_image_error *error)
{
    const struct cloister_image_header *header = image->header;
    uint8_t author[32];
    int result = cloister_image_author(header, author);

    *summary = (struct summary){.frames = header->launch.record_count, .verdict = "good"};
    for (uint32_t i = 0; i < header->launch.record_count; i++) {
        summary->executable += !!(image->records[i].flags & CLOISTER_PAGE_X);
        summary->writable += !!(image->records[i].flags & CLOISTER_PAGE_W);
    }
    hex_encode(header->measurement, sizeof(header->measurement), summary->measurement);
    hex_encode(author, sizeof(author), summary->author);
    hex_encode(header->family_id, sizeof(header->family_id), summary->family);
    hex_encode(header->image_id, sizeof(header->image_id), summary->image);
    if (!result) {
        result = cloister_image_verify(image, error);
    }
    if (result == -EACCES) {
        summary->verdict = error->text;
        result = 0;
    }
    return result;
}

static void print_text(const struct cloister_image_header *header, const struct summary *summary)
{
    const struct cloister_launch *launch = &header->launch;

    printf("name              ");
    print_name(header->name);
    printf("\nmeasurement       %s\nauthor            %s\nfamily            %s\n"
           "image             %s\nversion           %" PRIu32 "\nsecurity version  %" PRIu32 "\n",
           summary->measurement, summary->author, summary->family, summary->image,
           header->image_version, header->security_version);
    printf("debug             %s\nthreads           %" PRIu32 "\n",
           launch->flags & CLOISTER_IMAGE_DEBUG ? "YES: promises no secrecy" : "no",
           launch->thread_count);
    printf("pages             %" PRIu64 " (%" PRIu64 " executable, %" PRIu64
           " writable) in %" PRIu32 " of address space\n",
           summary->frames, summary->executable, summary->writable, launch->page_count);
    printf("shared window     %" PRIu32 " pages\nsignature         %s\n", launch->shared_count,
           summary->verdict);
}

static void print_json(const struct cloister_image_header *header, const struct summary *summary)
{
    const struct cloister_launch *launch = &header->launch;

    printf("{\"name\": \"");
    print_name(header->name);
    printf("\", \"measurement\": \"%s\", \"author\": \"%s\", \"family_id\": \"%s\", "
           "\"image_id\": \"%s\", \"image_version\": %" PRIu32 ", \"security_version\": %" PRIu32
           ", ",
           summary->measurement, summary->author, summary->family, summary->image,
           header->image_version, header->security_version);
    printf("\"debug\": %s, \"threads\": %" PRIu32 ", \"pages\": %" PRIu64
           ", \"executable_pages\": %" PRIu64 ", \"writable_pages\": %" PRIu64
           ", \"address_space_pages\": %" PRIu32 ", \"shared_pages\": %" PRIu32
           ", \"verified\": %s}\n",
           launch->flags & CLOISTER_IMAGE_DEBUG ? "true" : "false", launch->thread_count,
           summary->frames, summary->executable, summary->writable, launch->page_count,
           launch->shared_count, strcmp(summary->verdict, "good") ? "false" : "true");
}

int command_info(int argc, char **argv)
{
    struct cloister_image_error error;
    struct summary summary;
    struct view view;
    int status = open_image(argc, argv, help_info, &view);

    if (status) {
        return status < 0 ? STATUS_GOOD : status;
    }
    if (summarise(&view.image, &summary, &error)) {
        complain("the crypto library failed");
        status = STATUS_REFUSED;
    } else if (view.json) {
        print_json(view.image.header, &summary);
    } else {
        print_text(view.image.header, &summary);
    }
    free(view.data);
    return status;
}

int command_measure(int argc, char **argv)
{
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE];
    char text[2 * sizeof(measurement) + 1];
    struct view view;
    int status = open_image(argc, argv, help_measure, &view);

    if (status) {
        return status < 0 ? STATUS_GOOD : status;
    }
    if (cloister_image_measure(&view.image, measurement)) {
        complain("the crypto library failed");
        status = STATUS_REFUSED;
    } else {
        hex_encode(measurement, sizeof(measurement), text);
        puts(text);
    }
    free(view.data);
    return status;
}

int command_verify(int argc, char **argv)
{
    struct cloister_image_error error;
    uint8_t author[32];
    char text[65];
    struct view view;
    int status = open_image(argc, argv, help_verify, &view);

    if (status) {
        return status < 0 ? STATUS_GOOD : status;
    }
    status = STATUS_REFUSED;
    if (cloister_image_verify(&view.image, &error)) {
        complain("%s: %s", argv[optind], error.text);
    } else if (cloister_image_author(view.image.header, author)) {
        complain("the crypto library failed");
    } else {
        hex_encode(author, sizeof(author), text);
        if (view.author && strcasecmp(view.author, text)) {
            complain("%s: author_key: the author is %s, not %s", argv[optind], text, view.author);
        } else {
            status = STATUS_GOOD;
        }
    }
    free(view.data);
    return status;
}
