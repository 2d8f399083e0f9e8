/* SPDX-License-Identifier: MIT */
/*
 * Holds the victim enclave of the suite: its shared window, its handle, and calls on demand.
 *
 *   hold raw            takes the window's pages from the kernel, granted to dom0, and says
 *                       "refs R0 R1 ..."; the suite makes the enclave and answers "handle H0 H1"
 *   hold agent IMAGE    asks cloister-agent to load the image and says "handle H0 H1 ENCLAVE"
 *
 * Then serves lines from standard input, one answer each:
 *   call THREAD FUNCTION ARGUMENT   "OUTCOME VALUE0 VALUE1", resumed until it is done
 *   begin THREAD FUNCTION ARGUMENT  the same in the background: "begun"
 *   end                             waits for what was begun and answers as call does
 *   status THREAD                   the thread's state
 *   peek OFFSET, poke OFFSET VALUE  a word of the window
 *   frames                          the window's page frame numbers as this guest knows them
 *   pattern SEED | forget           puts the pattern into a page of its own, and says its number
 * Numbers are hexadecimal. End of file ends the process and with it an enclave that the agent loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen/gntalloc.h>

#include "../../../guest-agent/libcloister/app_protocol.h"
#include "call.h"
#include "pattern.h"

#define WINDOW_SIZE (VICTIM_SHARED_PAGES * CLOISTER_PAGE_SIZE)

static struct handle handle;
static volatile uint64_t *window;
static uint64_t *own; /* the page of `pattern` */

static struct {
    pthread_t thread;
    uint64_t slot, function, argument;
    long outcome;
    uint64_t value[2];
} job;

static void fail(const char *what)
{
    fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Loads every page, so that the hypervisor and pagemap find it. */
static void *page_new(void)
{
    void *page = mmap(NULL, CLOISTER_PAGE_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

    if (page == MAP_FAILED) {
        fail("mmap");
    }
    memset(page, 0, CLOISTER_PAGE_SIZE);
    return page;
}

static uint64_t frame_of(const volatile void *address)
{
    int file = open("/proc/self/pagemap", O_RDONLY);
    uint64_t entry = 0;

    if (file < 0 || pread(file, &entry, sizeof(entry),
                          (uintptr_t)address / CLOISTER_PAGE_SIZE * 8) != sizeof(entry)) {
        fail("pagemap");
    }
    close(file);
    return entry & ((UINT64_C(1) << 55) - 1);
}

static void window_raw(void)
{
    struct {
        struct ioctl_gntalloc_alloc_gref request;
        uint32_t more[VICTIM_SHARED_PAGES];
    } alloc = {
        .request = {.domid = 0, .flags = GNTALLOC_FLAG_WRITABLE, .count = VICTIM_SHARED_PAGES}};
    int file = open("/dev/xen/gntalloc", O_RDWR);
    char line[128];

    if (file < 0 || ioctl(file, IOCTL_GNTALLOC_ALLOC_GREF, &alloc)) {
        fail("gntalloc");
    }
    window = mmap(NULL, WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, alloc.request.index);
    if (window == MAP_FAILED) {
        fail("mmap of the window");
    }
    printf("refs");
    for (unsigned int i = 0; i < VICTIM_SHARED_PAGES; i++) {
        printf(" %u", (&alloc.request.gref_ids[0])[i]);
    }
    printf("\n");
    if (!fgets(line, sizeof(line), stdin) ||
        sscanf(line, "handle %" SCNx64 " %" SCNx64, &handle.word[0], &handle.word[1]) != 2) {
        exit(1);
    }
}

/* One request, one reply with a descriptor: all that is needed of the agent's protocol. */
static void window_agent(const char *path)
{
    struct {
        struct app_message message;
        struct app_load load;
    } ask = {.message = {.magic = APP_MAGIC,
                         .version = APP_VERSION,
                         .type = APP_LOAD,
                         .number = 1,
                         .size = sizeof(struct app_load)}};
    struct {
        struct app_message message;
        struct app_reply reply;
        struct app_loaded loaded;
    } answer;
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = CLOISTER_AGENT_SOCKET};
    struct iovec data = {&ask, sizeof(ask)};
    struct msghdr packet = {.msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    int agent = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    int file = open(path, O_RDONLY), copy = memfd_create("image", 0);
    char part[CLOISTER_PAGE_SIZE];
    ssize_t size;

    if (file < 0 || copy < 0) {
        fail(path);
    }
    while ((size = read(file, part, sizeof(part))) > 0) {
        if (write(copy, part, size) != size) {
            fail("memfd");
        }
    }
    if (connect(agent, (struct sockaddr *)&address, sizeof(address))) {
        fail(CLOISTER_AGENT_SOCKET);
    }
    struct cmsghdr *head = CMSG_FIRSTHDR(&packet);
    *head = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(head), &copy, sizeof(int));
    if (sendmsg(agent, &packet, 0) != sizeof(ask)) {
        fail("sendmsg");
    }
    data = (struct iovec){&answer, sizeof(answer)};
    packet.msg_controllen = sizeof(control);
    size = recvmsg(agent, &packet, 0);
    if (size < (ssize_t)sizeof(answer)) {
        fprintf(stderr, "hold: the agent refuses: %d %s\n", answer.reply.error, answer.reply.text);
        exit(1);
    }
    head = CMSG_FIRSTHDR(&packet);
    if (!head) {
        fail("no window from the agent");
    }
    memcpy(&file, CMSG_DATA(head), sizeof(int));
    window =
        mmap(NULL, WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, answer.loaded.map_offset);
    if (window == MAP_FAILED) {
        fail("mmap of the window");
    }
    handle = (struct handle){{answer.loaded.handle[0], answer.loaded.handle[1]}};
    printf("handle %" PRIx64 " %" PRIx64 " %u\n", handle.word[0], handle.word[1],
           answer.loaded.enclave);
}

static void *work(void *unused)
{
    (void)unused;
    job.outcome = victim_call(handle, job.slot, job.function, job.argument, job.value);
    return NULL;
}

static void answer(long outcome, const uint64_t value[2])
{
    printf("%ld %" PRIx64 " %" PRIx64 "\n", outcome, outcome < 0 ? 0 : value[0],
           outcome < 0 ? 0 : value[1]);
}

static void serve(const char *command, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t value[2] = {0, 0};

    if (!strcmp(command, "call")) {
        long outcome = victim_call(handle, a, b, c, value);
        answer(outcome, value);
    } else if (!strcmp(command, "begin")) {
        job.slot = a, job.function = b, job.argument = c;
        errno = pthread_create(&job.thread, NULL, work, NULL);
        printf("%s\n", errno ? "failed" : "begun");
    } else if (!strcmp(command, "end")) {
        pthread_join(job.thread, NULL);
        answer(job.outcome, job.value);
    } else if (!strcmp(command, "status")) {
        printf("%d\n", thread_state(handle, a));
    } else if (!strcmp(command, "peek")) {
        printf("%" PRIx64 "\n", window[a % WINDOW_SIZE / 8]);
    } else if (!strcmp(command, "poke")) {
        window[a % WINDOW_SIZE / 8] = b;
        printf("done\n");
    } else if (!strcmp(command, "frames")) {
        for (unsigned int i = 0; i < VICTIM_SHARED_PAGES; i++) {
            printf("%s%" PRIx64, i ? " " : "",
                   frame_of(window + i * CLOISTER_PAGE_SIZE / sizeof(*window)));
        }
        printf("\n");
    } else if (!strcmp(command, "pattern")) {
        own = own ? own : page_new();
        pattern_fill(own, a);
        printf("%" PRIx64 "\n", frame_of(own));
    } else if (!strcmp(command, "forget")) {
        memset(own, 0, CLOISTER_PAGE_SIZE);
        printf("done\n");
    } else {
        printf("unknown\n");
    }
}

int main(int count, char **arguments)
{
    char line[256], command[32];

    setlinebuf(stdout);
    if (count == 2 && !strcmp(arguments[1], "raw")) {
        window_raw();
    } else if (count == 3 && !strcmp(arguments[1], "agent")) {
        window_agent(arguments[2]);
    } else {
        fprintf(stderr, "usage: hold raw | hold agent IMAGE\n");
        return 2;
    }
    printf("ready\n");
    while (fgets(line, sizeof(line), stdin)) {
        uint64_t a = 0, b = 0, c = 0;
        if (sscanf(line, "%31s %" SCNx64 " %" SCNx64 " %" SCNx64, command, &a, &b, &c) >= 1) {
            serve(command, a, b, c);
        }
    }
    return 0;
}
