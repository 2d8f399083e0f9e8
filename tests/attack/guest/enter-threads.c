/* SPDX-License-Identifier: MIT */
/* Thread numbers that do not exist, and those that would if they were cut off: enter-threads H0 H1. */
#include <inttypes.h>
#include <stdio.h>

#include "call.h"
#include "report.h"

int main(int count, char **arguments)
{
    static const uint64_t numbers[] = {VICTIM_THREADS,
                                       63,
                                       64,
                                       0xffff,
                                       UINT64_C(1) << 16,
                                       UINT64_C(1) << 31,
                                       UINT64_C(1) << 32,
                                       UINT64_C(1) << 63,
                                       UINT64_C(0xffffffff00000001),
                                       UINT64_MAX};

    if (count < 3) {
        return 2;
    }
    struct handle handle = handle_of(arguments + 1);

    report_control(victim_answers(handle, VICTIM_THREADS - 1), "ENTER of the last thread");
    for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        for (uint64_t call = CLOISTER_CALL_STATUS; call <= CLOISTER_CALL_RESUME; call++) {
            char text[64];
            snprintf(text, sizeof(text), "thread %#" PRIx64 ", call %" PRIu64, numbers[i], call);
            report_errno(raw_call(call, handle, numbers[i], 0, 0, NULL), 22, text);
        }
    }
    return report_end();
}
