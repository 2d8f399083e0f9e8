/* SPDX-License-Identifier: MIT */
/*
 * The task priority of the vCPU (TPR, CR8), which an application can only set by MSR as root: priority IMAGE.
 *
 * IMAGE is the test enclave probe. With each of some priorities set, it is entered and left the fast way and, after
 * interrupts, the slow way; then it tries to write CR8 inside, and must get #GP. After each the vCPU must still have the
 * priority that was set. Prints {"calls": N, "long": N, "priorities": N, "wrong": N}; status 0 if
 * none was wrong. Needs /dev/cpu/0/msr, and a vCPU whose local APIC is in x2APIC mode.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "cloister.h"
#include "probe.h"

#define X2APIC_TPR 0x808 /* Intel SDM vol. 3, 11.12.1.2 */
#define SHORT_CALLS 200
#define LONG_CALLS 2
#define GENERAL_PROTECTION 13
#define LONG_MILLIONS 2 /* longer than a time slice under emulation */

static int msrs;

static uint64_t priority(void)
{
    uint64_t value;

    if (pread(msrs, &value, sizeof(value), X2APIC_TPR) != sizeof(value)) {
        err(1, "TPR cannot be read");
    }
    return value;
}

static void set_priority(uint64_t value)
{
    if (pwrite(msrs, &value, sizeof(value), X2APIC_TPR) != sizeof(value)) {
        err(1, "TPR cannot be written");
    }
}

/* `count` calls of a sum; ends the program if one is wrong. */
static void compute(struct cloister_enclave *enclave, uint64_t millions, int count)
{
    const uint64_t sum = probe_sum(millions);
    struct cloister_error error;
    uint64_t found = 0;
    size_t size;

    while (count--) {
        if (cloister_enclave_call(enclave, PROBE_SUM, &millions, sizeof(millions), &found,
                                  sizeof(found), &size, &error)) {
            errx(1, "%s", error.text);
        }
        if (found != sum) {
            errx(1, "a sum is wrong");
        }
    }
}

/* 0 is written to CR8 inside. False: nothing stopped that. */
static bool write_inside(struct cloister_enclave *enclave)
{
    const uint32_t instruction = PROBE_MOV_TO_CR8;
    struct probe_raised raised;
    struct cloister_error error;
    size_t size;

    if (cloister_enclave_call(enclave, PROBE_FORBIDDEN, &instruction, sizeof(instruction), &raised,
                              sizeof(raised), &size, &error)) {
        errx(1, "%s", error.text);
    }
    return raised.raised && raised.vector == GENERAL_PROTECTION;
}

int main(int count, char **words)
{
    /* Below all vectors that Linux has in use, so that nothing is held back that must come. */
    static const uint64_t priorities[] = {0x10, 0x20, 0x1f, 0x00};
    const size_t number = sizeof(priorities) / sizeof(priorities[0]);
    struct cloister_options options = {.size = sizeof(options), .flags = CLOISTER_OPTION_WAIT};
    struct cloister_enclave *enclave;
    struct cloister_error error;
    unsigned int wrong = 0;

    if (count != 2) {
        errx(2, "usage: priority IMAGE");
    }
    msrs = open("/dev/cpu/0/msr", O_RDWR | O_CLOEXEC);
    if (msrs < 0) {
        err(1, "/dev/cpu/0/msr");
    }
    const uint64_t first = priority();
    if (cloister_enclave_create(words[1], &options, &enclave, &error)) {
        errx(1, "%s", error.text);
    }
    for (size_t i = 0; i < number; i++) {
        set_priority(priorities[i]);
        compute(enclave, 0, SHORT_CALLS);
        wrong += priority() != priorities[i];
        compute(enclave, LONG_MILLIONS, LONG_CALLS);
        wrong += priority() != priorities[i];
        wrong += !write_inside(enclave);
        wrong += priority() != priorities[i];
    }
    set_priority(first);
    printf("{\"calls\": %zu, \"long\": %zu, \"priorities\": %zu, \"wrong\": %u}\n",
           number * SHORT_CALLS, number * LONG_CALLS, number, wrong);
    return wrong != 0;
}
