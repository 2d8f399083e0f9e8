/* SPDX-License-Identifier: MIT */
/*
 * The enclave's own user mode asks the monitor, and its kernel mode for a report, a key, a counter in its page
 * tables: user-calls H0 H1 BUFFER ROOT, the numbers of a page of its own and of its root table.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <cloister/image.h>

#include "call.h"
#include "report.h"

#define THREAD 3

/* How the victim's call number `number` ends: 1 served, with *answer; 0 refused; else neither. */
static int ask(struct handle handle, enum victim_function mode, uint64_t number, uint64_t page,
               int64_t *answer)
{
    uint64_t value[2] = {~UINT64_C(0), 0};
    uint64_t argument = (page * CLOISTER_PAGE_SIZE) << 8 | number;

    if (victim_call(handle, THREAD, mode, argument, value) != CLOISTER_EXIT_RETURN) {
        return -1;
    }
    *answer = (int64_t)value[1];
    return value[0] > 1 ? -1 : (int)value[0];
}

int main(int count, char **arguments)
{
    int64_t answer = -1;

    if (count < 5) {
        return 2;
    }
    struct handle handle = handle_of(arguments + 1);
    uint64_t buffer = strtoull(arguments[3], NULL, 0), root = strtoull(arguments[4], NULL, 0);

    report_control(ask(handle, VICTIM_KERNEL, CLOISTER_ENCLAVE_AEX_COUNT, buffer, &answer) == 1 &&
                       answer >= 0,
                   "AEX_COUNT in kernel mode: %" PRId64, answer);
    report_control(ask(handle, VICTIM_KERNEL, CLOISTER_ENCLAVE_REPORT, buffer, &answer) == 1 &&
                       !answer,
                   "REPORT in kernel mode: %" PRId64, answer);
    for (uint64_t number = CLOISTER_ENCLAVE_RETURN; number <= CLOISTER_ENCLAVE_COUNTER + 1;
         number++) {
        int end = ask(handle, VICTIM_USER, number, buffer, &answer);
        report_try(!end && answer == (int64_t)number,
                   "call %" PRIu64 " in user mode: #GP at the call", number);
    }
    for (uint64_t number = CLOISTER_ENCLAVE_REPORT; number <= CLOISTER_ENCLAVE_COUNTER; number++) {
        int end = ask(handle, VICTIM_KERNEL, number, root, &answer);
        report_try(end == 1 && answer == -14, "call %" PRIu64 " into the page tables: EFAULT",
                   number);
    }
    report_control(victim_answers(handle, THREAD), "the thread goes on");
    return report_end();
}
