/* SPDX-License-Identifier: MIT */
/*
 * dom0 asks for dumps while the monitor uses a secret (test build).
 *
 *   shadow secrets                     the secrets of this boot: JSON, a list of hexadecimal strings
 *   shadow show 0|1                    dumps show what the mark hides (1), or not any more (0)
 *   shadow dump OPERATION KEYS COUNT   COUNT times the debug keys from CPU 0, while CPU 1 has the monitor do
 *                                      OPERATION (heartbeat, load) in a loop: {"operations": N}
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "monitor.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/sysctl.h>

#define SECRETS 4u
#define SECRET_SIZE 32u
#define PAUSE_US 1000

static void test_op(struct cloister_test *op)
{
    long rc = monitor_op(CLOISTER_OP_TEST, op, sizeof(*op));

    if (rc) {
        report_cannot("%s: is this a test build?", errno_name(rc));
    }
}

static int secrets(void)
{
    for (unsigned int i = 0; i < SECRETS; i++) {
        struct cloister_test op = {.kind = CLOISTER_TEST_SECRET, .page = i};

        test_op(&op);
        printf("%s\"", i ? ", " : "[");
        for (unsigned int byte = 0; byte < SECRET_SIZE; byte++) {
            printf("%02x", op.data[byte]);
        }
        printf("\"");
    }
    puts("]");
    return 0;
}

static void heartbeat(void)
{
    struct cloister_heartbeat op = {.data = {0}};

    if (monitor_op(CLOISTER_OP_HEARTBEAT, &op, sizeof(op))) {
        report_cannot("the monitor signs nothing");
    }
}

/* A copy that nobody vouches for: the monitor computes its HMAC, and refuses it. */
static void load(void)
{
    static void *image;
    struct cloister_counters_load op = {.size = sizeof(struct cloister_counters_image)};

    image = image ? image : hyper_memory(op.size);
    op.image = (uintptr_t)image;
    if (monitor_op(CLOISTER_OP_COUNTERS_LOAD, &op, sizeof(op)) == 0 ||
        op.head.reason != CLOISTER_REASON_COUNTERS_IMAGE) {
        report_cannot("a forged copy of the counters: %s", cloister_reason_name(op.head.reason));
    }
}

static void on_cpu(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set)) {
        report_cannot("dom0 has no CPU %d", cpu);
    }
}

static void press(const char *keys)
{
    static char *buffer;
    struct xen_sysctl op;

    buffer = buffer ? buffer : hyper_memory(4096);
    strcpy(buffer, keys);
    memset(&op, 0, sizeof(op));
    op.cmd = XEN_SYSCTL_debug_keys;
    op.u.debug_keys.nr_keys = strlen(keys);
    set_xen_guest_handle_raw(op.u.debug_keys.keys, buffer);
    long rc = sysctl(&op);
    if (rc) {
        report_cannot("debug keys %s: %s", keys, errno_name(rc));
    }
}

static int dump(const char *operation, const char *keys, unsigned long count)
{
    void (*const perform)(void) = strcmp(operation, "load") ? heartbeat : load;
    volatile unsigned long *done =
        mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = done == MAP_FAILED ? -1 : fork();

    if (child < 0) {
        report_cannot("no second process");
    }
    if (!child) {
        on_cpu(1);
        for (;; ++*done) {
            perform();
        }
    }
    on_cpu(0);
    while (!*done && !waitpid(child, NULL, WNOHANG)) {
        usleep(PAUSE_US);
    }
    for (unsigned long i = 0; i < count; i++) {
        press(keys);
        usleep(PAUSE_US);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    printf("{\"operations\": %lu}\n", *done);
    return !*done;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";

    if (!strcmp(what, "secrets")) {
        return secrets();
    }
    if (!strcmp(what, "show") && count == 3) {
        struct cloister_test op = {.kind = CLOISTER_TEST_SHOW_SECRETS, .page = atoi(arguments[2])};

        test_op(&op);
        return 0;
    }
    if (!strcmp(what, "dump") && count == 5) {
        return dump(arguments[2], arguments[3], strtoul(arguments[4], NULL, 10));
    }
    fprintf(stderr, "shadow: unknown command; see the head of shadow.c\n");
    return 2;
}
