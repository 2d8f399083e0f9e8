/* SPDX-License-Identifier: MIT */
/*
 * The tenant's kernel calls: ENTER from CPL 0, and every control operation: kernel-enter H0 H1. From
 * there hypercall 55 is a control operation, whatever was meant.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "call.h"
#include "door_client.h"
#include "report.h"

#define XEN_VERSION 17

int main(int count, char **arguments)
{
    static _Alignas(4096) uint8_t memory[4096];

    if (count < 3) {
        return 2;
    }
    struct handle handle = handle_of(arguments + 1);

    mlock(memory, sizeof(memory));
    memset(memory, 0, sizeof(memory));
    report_control(kernel_hypercall(XEN_VERSION, 0, 0, 0, 0, 0) > 0, "a hypercall from the kernel");
    report_control(victim_answers(handle, 0), "ENTER from user mode");
    for (uint64_t call = CLOISTER_CALL_STATUS; call <= CLOISTER_CALL_RESUME; call++) {
        static const char *const names[] = {"STATUS from CPL 0", "ENTER from CPL 0",
                                            "RESUME from CPL 0"};
        report_errno(
            kernel_hypercall(CLOISTER_HYPERCALL, call, handle.word[0], handle.word[1], 0, 0), 1,
            names[call]);
    }
    for (uint64_t op = CLOISTER_OP_INFO; op <= CLOISTER_OP_LIMIT; op++) {
        char text[64];
        snprintf(text, sizeof(text), "control operation %" PRIu64, op);
        report_errno(kernel_hypercall(CLOISTER_HYPERCALL, op, (uintptr_t)memory, 0, 0, 0), 1, text);
    }
    report_errno(kernel_hypercall(CLOISTER_HYPERCALL, CLOISTER_OP_TEST, (uintptr_t)memory, 0, 0, 0),
                 1, "TEST");
    report_errno(kernel_hypercall(CLOISTER_HYPERCALL, UINT64_MAX, UINT64_MAX, 0, 0, 0), 1,
                 "all ones");
    for (unsigned int i = 0; i < sizeof(memory); i++) {
        if (memory[i]) {
            report_try(false, "something was written");
            break;
        }
    }
    return report_end();
}
