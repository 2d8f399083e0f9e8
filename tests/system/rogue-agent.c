/* SPDX-License-Identifier: MIT */
/*
 * An agent that does not keep to the protocol: rogue-agent LIE IMAGE. Prints each answer of the host daemon:
 * "reply ERRNO REASON", or "closed" when it ended the channel.
 *
 *   magic, long, first, version  breaks the form of a message
 *   strangers                    names an enclave that is not its domain's
 *   grants                       shares pages that were never granted, read-only, another domain's, twice
 *   pages                        adds a page twice, outside the enclave, writable and executable
 *   vanish                       ends in the middle of an ADD
 *   flood                        asks without end and never reads a reply: "sent COUNT" after 5 seconds
 *   hold                         builds an enclave half, says "half" and waits to be killed
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xengnttab.h>

#include <cloister/image.h>
#include <cloister/protocol.h>
#include <cloister/reason.h>

#include "agent/vchan.h"

#define PATIENCE 40 /* seconds */
#define FLOOD 5     /* seconds */
#define NEVER_GRANTED 30000u
#define SOME_OTHER_DOMAIN 77

static struct transport host;
static struct cloister_image_header header;
static const uint8_t *records, *contents;

static _Noreturn void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

static void wait_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    host.acknowledge(host.context);
}

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

/* Moves all of it; false: the host has closed the channel. */
static bool move(ssize_t (*step)(void *, char *, size_t), void *data, size_t size)
{
    time_t end = now() + PATIENCE;

    for (size_t done = 0; done < size;) {
        ssize_t part = step(host.context, (char *)data + done, size - done);
        if (part < 0 || (part == 0 && host.state(host.context) == TRANSPORT_CLOSED))
            return false;
        done += (size_t)part;
        if (part == 0)
            wait_a_little();
        if (now() > end)
            fail("no answer in %d s", PATIENCE);
    }
    return true;
}

static ssize_t step_write(void *context, char *data, size_t size)
{
    return host.write(context, data, size);
}

static ssize_t step_read(void *context, char *data, size_t size)
{
    return host.read(context, data, size);
}

static bool send_head(uint16_t type, size_t size)
{
    struct cloister_message message = {
        .magic = CLOISTER_MESSAGE_MAGIC, .type = type, .number = 1, .size = (uint32_t)size};

    return move(step_write, &message, sizeof(message));
}

/* The reply's error; its body, if any, to `body`. A closed channel is an error, too. */
static int take_reply(void *body, size_t size)
{
    struct cloister_message message;
    struct cloister_msg_reply reply;
    uint8_t rest[4096];

    if (!move(step_read, &message, sizeof(message)) || !move(step_read, &reply, sizeof(reply)))
        return -EPIPE;
    if (message.size - sizeof(reply) > sizeof(rest))
        fail("a reply of %u bytes", message.size);
    move(step_read, rest, message.size - sizeof(reply));
    if (body && !reply.error)
        memcpy(body, rest, size);
    if (reply.error)
        printf("reply %d %s\n", reply.error, cloister_reason_name(reply.reason));
    return reply.error;
}

static int ask(uint16_t type, const void *body, size_t size)
{
    if (!send_head(type, size) || !move(step_write, (void *)body, size))
        return -EPIPE;
    return take_reply(NULL, 0);
}

static int greet(uint32_t version)
{
    const struct cloister_msg_hello hello = {.protocol = version,
                                             .abi = CLOISTER_ABI_VERSION,
                                             .agent_version = "rogue",
                                             .kernel = "test"};

    return ask(CLOISTER_MSG_HELLO, &hello, sizeof(hello));
}

/* After what the host must not forgive. */
static void expect_closed(void)
{
    uint8_t byte;

    puts(move(step_read, &byte, 1) ? "answered" : "closed");
}

static uint32_t create(void)
{
    struct cloister_msg_enclave made;

    if (!send_head(CLOISTER_MSG_CREATE, sizeof(header)) ||
        !move(step_write, &header, sizeof(header)) || take_reply(&made, sizeof(made)))
        fail("CREATE was refused");
    return made.enclave;
}

/* The first `count` pages of the image, or this one record instead. */
static int add(uint32_t enclave, const struct cloister_page_record *instead)
{
    static struct {
        struct cloister_msg_add head;
        struct cloister_page_record record;
        uint8_t content[CLOISTER_PAGE_SIZE];
    } message;

    message.head = (struct cloister_msg_add){.enclave = enclave, .count = 1, .content_count = 1};
    memcpy(&message.record, instead ? (const void *)instead : records, sizeof(message.record));
    memcpy(message.content, contents, sizeof(message.content));
    return ask(CLOISTER_MSG_ADD, &message, sizeof(message));
}

static void lie_about_pages(void)
{
    uint32_t enclave = create();
    const struct cloister_page_record outside = {header.launch.page_count, CLOISTER_PAGE_R};
    const struct cloister_page_record both = {1,
                                              CLOISTER_PAGE_R | CLOISTER_PAGE_W | CLOISTER_PAGE_X};

    if (add(enclave, NULL))
        fail("ADD of the first page was refused");
    add(enclave, NULL);
    add(enclave, &outside);
    add(enclave, &both);
    ask(CLOISTER_MSG_INIT, &(struct cloister_msg_enclave){.enclave = enclave},
        sizeof(struct cloister_msg_enclave));
}

static void share(uint32_t enclave, uint32_t first, uint32_t ref)
{
    struct {
        struct cloister_msg_share head;
        uint32_t ref;
    } message = {{.enclave = enclave, .first = first, .count = 1}, ref};

    if (!ask(CLOISTER_MSG_SHARE, &message, sizeof(message)))
        puts("reply 0 NONE");
}

static void lie_about_grants(void)
{
    xengntshr_handle *grants = xengntshr_open(NULL, 0);
    uint32_t enclave = create(), read_only, foreign, good;

    if (!grants || !xengntshr_share_pages(grants, 0, 1, &read_only, 0) ||
        !xengntshr_share_pages(grants, SOME_OTHER_DOMAIN, 1, &foreign, 1) ||
        !xengntshr_share_pages(grants, 0, 1, &good, 1))
        fail("granting pages: %s", strerror(errno));
    share(enclave, 0, NEVER_GRANTED);
    share(enclave, 0, UINT32_MAX);
    share(enclave, 0, read_only);
    share(enclave, 0, foreign);
    share(enclave, header.launch.shared_count, good);
    share(enclave, 0, good);
    share(enclave, 0, good);
    share(enclave, 1, good);
}

static void vanish(void)
{
    struct {
        struct cloister_msg_add head;
        struct cloister_page_record record;
    } half = {{.enclave = create(), .count = 1, .content_count = 1}, {0, CLOISTER_PAGE_R}};

    add(half.head.enclave, NULL);
    send_head(CLOISTER_MSG_ADD, sizeof(half) + CLOISTER_PAGE_SIZE);
    move(step_write, &half, sizeof(half));
    fflush(stdout);
    _exit(0); /* as a kill would: nothing is closed in order */
}

static void flood(void)
{
    const struct cloister_message request = {.magic = CLOISTER_MESSAGE_MAGIC,
                                             .type = CLOISTER_MSG_QUOTA};
    unsigned long sent = 0;

    for (time_t end = now() + FLOOD; now() < end && host.state(host.context) == TRANSPORT_OPEN;) {
        ssize_t part = host.write(host.context, &request, sizeof(request));
        if (part == sizeof(request))
            sent++;
        else
            wait_a_little();
    }
    printf("sent %lu\n", sent);
}

static void hold(void)
{
    add(create(), NULL);
    puts("half");
    fflush(stdout);
    pause();
}

static void read_image(const char *path)
{
    FILE *file = fopen(path, "rb");
    static uint8_t image[1 << 20];
    size_t size = file ? fread(image, 1, sizeof(image), file) : 0;
    size_t table;

    if (size < sizeof(header) || size == sizeof(image))
        fail("%s: not an image of less than 1 MiB", path);
    memcpy(&header, image, sizeof(header));
    table = header.launch.record_count * sizeof(struct cloister_page_record);
    records = image + CLOISTER_IMAGE_HEADER_SIZE;
    contents = image + (CLOISTER_IMAGE_HEADER_SIZE + table + CLOISTER_PAGE_SIZE - 1) /
                           CLOISTER_PAGE_SIZE * CLOISTER_PAGE_SIZE;
    fclose(file);
}

static void connect_host(void)
{
    time_t end = now() + PATIENCE;

    vchan_transport(&host);
    if (host.open(host.context))
        fail("the channel: %s", strerror(errno));
    while (host.state(host.context) != TRANSPORT_OPEN) {
        if (now() > end)
            fail("the host daemon does not come");
        wait_a_little();
    }
}

static void break_form(const char *lie)
{
    if (!strcmp(lie, "first"))
        send_head(CLOISTER_MSG_QUOTA, 0);
    else if (!strcmp(lie, "version"))
        greet(CLOISTER_PROTOCOL_VERSION + 1);
    else if (!greet(CLOISTER_PROTOCOL_VERSION) && !strcmp(lie, "long"))
        send_head(CLOISTER_MSG_ADD, CLOISTER_MAX_BODY + 1);
    else
        move(step_write, (char[sizeof(struct cloister_message)]){"no message"},
             sizeof(struct cloister_message));
    expect_closed();
}

static void name_strangers(void)
{
    const struct cloister_msg_enclave alien = {.enclave = 1};

    ask(CLOISTER_MSG_DESTROY, &alien, sizeof(alien));
    ask(CLOISTER_MSG_INIT, &alien, sizeof(alien));
    add(alien.enclave, NULL);
    share(alien.enclave, 0, NEVER_GRANTED);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*tell)(void);
    } lies[] = {{"strangers", name_strangers},
                {"grants", lie_about_grants},
                {"pages", lie_about_pages},
                {"vanish", vanish},
                {"flood", flood},
                {"hold", hold}};

    if (count != 3)
        fail("usage: rogue-agent LIE IMAGE");
    read_image(arguments[2]);
    connect_host();
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        if (!strcmp(arguments[1], lies[i].name)) {
            if (greet(CLOISTER_PROTOCOL_VERSION))
                fail("HELLO was refused");
            lies[i].tell();
            host.close(host.context);
            return 0;
        }
    }
    break_form(arguments[1]);
    host.close(host.context);
    return 0;
}
