/* SPDX-License-Identifier: MIT */
/*
 * What is measured inside a tenant.
 *
 *   bench-tenant null                 a call that Xen refuses because it comes from user mode
 *   bench-tenant enter HANDLE0 HANDLE1  enter an enclave that returns at once
 *   bench-tenant report HANDLE0 HANDLE1  enter an enclave that asks for a report and returns; prints nothing
 *   bench-tenant library IMAGE        the same through libcloister, raw and through its API
 *   bench-tenant hypercalls           the kernel's hypercall for notifying an event channel
 *   bench-tenant faults               page faults in anonymous memory
 *
 * Prints lines as in timing.h; a measurement that fails says so and ends with status 1.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cloister/abi.h>

#include "libcloister/enclave.h"
#include "timing.h"

#define UNKNOWN_HYPERCALL 63u /* no such entry in Xen's table */
#define BATCH 100u
#define FAULT_PAGES 16u

static uint64_t nothing;

/* One VMCALL or VMMCALL; returns what is in RAX, and the instructions from before it until after it. */
#define CALL_BY(instruction)                                                                       \
    static int64_t instruction(uint64_t number, uint64_t operation, const uint64_t handle[2],      \
                               uint64_t *spent)                                                    \
    {                                                                                              \
        register uint64_t thread __asm__("r10") = 0;                                               \
        register uint64_t arg0 __asm__("r8") = 0;                                                  \
        register uint64_t arg1 __asm__("r9") = 0;                                                  \
        uint64_t first = handle[0], start = ticks();                                               \
        int64_t outcome = (int64_t)number;                                                         \
                                                                                                   \
        __asm__ volatile(#instruction                                                              \
                         : "+a"(outcome), "+D"(operation), "+S"(first)                             \
                         : "d"(handle[1]), "r"(thread), "r"(arg0), "r"(arg1)                       \
                         : "memory");                                                              \
        *spent = ticks() - start;                                                                  \
        return outcome;                                                                            \
    }

CALL_BY(vmcall)
CALL_BY(vmmcall)

static int64_t (*call)(uint64_t number, uint64_t operation, const uint64_t handle[2],
                       uint64_t *spent);

static void measure_null(void)
{
    const uint64_t handle[2] = {0};
    struct least least = {0};
    uint64_t spent;

    for (unsigned int i = 0; i < REPETITIONS; i++) {
        int64_t outcome = call(UNKNOWN_HYPERCALL, 0, handle, &spent);

        if (outcome != -EPERM)
            errx(1, "the null call was not refused with EPERM but gave %lld", (long long)outcome);
        least_add(&least, spent);
    }
    least_print("null_call", &least, nothing);
}

static void measure_enter(const char *name, const uint64_t handle[2])
{
    struct least least = {0};
    uint64_t spent;

    while (least.samples < REPETITIONS) {
        int64_t outcome = call(CLOISTER_HYPERCALL, CLOISTER_CALL_ENTER, handle, &spent);

        if (outcome == CLOISTER_EXIT_RETURN)
            least_add(&least, spent);
        while (outcome == -EAGAIN)
            outcome = call(CLOISTER_HYPERCALL, CLOISTER_CALL_RESUME, handle, &spent);
        if (outcome != CLOISTER_EXIT_RETURN)
            errx(1, "ENTER: %lld", (long long)outcome);
    }
    least_print(name, &least, nothing);
}

/* Until it has its report: the monitor measures. */
static void enter_once(const uint64_t handle[2])
{
    uint64_t unused;
    int64_t outcome = call(CLOISTER_HYPERCALL, CLOISTER_CALL_ENTER, handle, &unused);

    while (outcome == -EAGAIN)
        outcome = call(CLOISTER_HYPERCALL, CLOISTER_CALL_RESUME, handle, &unused);
    if (outcome != CLOISTER_EXIT_RETURN)
        errx(1, "ENTER: %lld: no report", (long long)outcome);
}

static void measure_library(const char *image)
{
    struct cloister_enclave *enclave;
    struct cloister_error error;
    struct least least = {0};

    if (cloister_enclave_create(image, NULL, &enclave, &error))
        errx(1, "%s", error.text);
    for (unsigned int i = 0; i < REPETITIONS; i++) {
        uint64_t start = ticks();
        int result = cloister_enclave_call(enclave, 0, NULL, 0, NULL, 0, NULL, &error);

        least_add(&least, ticks() - start);
        if (result)
            errx(1, "%s", error.text);
    }
    least_print("library_call", &least, nothing);
    if (cloister_enclave_terminate(enclave, &error))
        errx(1, "%s", error.text);
}

/* From include/uapi/xen/evtchn.h of Linux. */
struct bind_unbound_port {
    unsigned int remote_domain;
};
struct notify {
    unsigned int port;
};
#define IOCTL_EVTCHN_BIND_UNBOUND_PORT _IOC(_IOC_NONE, 'E', 2, sizeof(struct bind_unbound_port))
#define IOCTL_EVTCHN_NOTIFY _IOC(_IOC_NONE, 'E', 4, sizeof(struct notify))

static void measure_hypercalls(void)
{
    struct bind_unbound_port bind = {0};
    struct least least = {0};
    struct notify notify;
    int device = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
    int port;

    if (device < 0)
        err(1, "/dev/xen/evtchn");
    port = ioctl(device, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
    if (port < 0)
        err(1, "event channel");
    notify.port = (unsigned int)port;
    for (unsigned int i = 0; i < REPETITIONS; i++) {
        uint64_t start = ticks();

        for (unsigned int j = 0; j < BATCH; j++)
            if (ioctl(device, IOCTL_EVTCHN_NOTIFY, &notify))
                err(1, "notify");
        least_add(&least, ticks() - start);
    }
    least_print("hypercalls", &least, nothing);
}

static void measure_faults(void)
{
    const size_t size = FAULT_PAGES * CLOISTER_PAGE_SIZE;
    volatile char *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct least least = {0};

    if (memory == MAP_FAILED)
        err(1, "mmap");
    for (unsigned int i = 0; i < REPETITIONS; i++) {
        uint64_t start = ticks();

        for (size_t at = 0; at < size; at += CLOISTER_PAGE_SIZE)
            memory[at] = 1;
        if (madvise((void *)memory, size, MADV_DONTNEED))
            err(1, "madvise");
        least_add(&least, ticks() - start);
    }
    least_print("faults", &least, nothing);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    call = __builtin_cpu_is("intel") ? vmcall : vmmcall;
    nothing = ticks_begin();
    if (argc == 2 && !strcmp(what, "null")) {
        measure_null();
    } else if (argc == 4 && !strcmp(what, "enter")) {
        const uint64_t handle[2] = {strtoull(argv[2], NULL, 16), strtoull(argv[3], NULL, 16)};
        measure_enter("enter_exit", handle);
    } else if (argc == 4 && !strcmp(what, "report")) {
        const uint64_t handle[2] = {strtoull(argv[2], NULL, 16), strtoull(argv[3], NULL, 16)};
        enter_once(handle);
    } else if (argc == 3 && !strcmp(what, "library")) {
        measure_library(argv[2]);
    } else if (argc == 2 && !strcmp(what, "hypercalls")) {
        measure_hypercalls();
    } else if (argc == 2 && !strcmp(what, "faults")) {
        measure_faults();
    } else {
        errx(1, "unknown measurement");
    }
    return 0;
}
