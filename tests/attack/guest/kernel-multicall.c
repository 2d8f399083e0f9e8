/* SPDX-License-Identifier: MIT */
/* ENTER and control operations inside a multicall of the tenant's kernel: kernel-multicall H0 H1 */
#include <string.h>
#include <sys/mman.h>

#include "call.h"
#include "door_client.h"
#include "report.h"
#include "xen_interface.h"

int main(int count, char **arguments)
{
    static _Alignas(4096) multicall_entry_t calls[4];

    if (count < 3) {
        return 2;
    }
    struct handle handle = handle_of(arguments + 1);

    mlock(calls, sizeof(calls));
    calls[0] = (multicall_entry_t){.op = __HYPERVISOR_xen_version, .args = {0}};
    calls[1] = (multicall_entry_t){.op = CLOISTER_HYPERCALL,
                                   .args = {CLOISTER_CALL_ENTER, handle.word[0], handle.word[1]}};
    calls[2] = (multicall_entry_t){.op = CLOISTER_HYPERCALL,
                                   .args = {CLOISTER_CALL_RESUME, handle.word[0], handle.word[1]}};
    calls[3] = (multicall_entry_t){.op = CLOISTER_HYPERCALL, .args = {CLOISTER_OP_INFO, 0}};
    long rc = kernel_hypercall(__HYPERVISOR_multicall, (uintptr_t)calls, 4, 0, 0, 0);
    report_control(!rc && (long)calls[0].result > 0, "xen_version inside the multicall");
    report_errno((long)calls[1].result, 1, "ENTER inside a multicall");
    report_errno((long)calls[2].result, 1, "RESUME inside a multicall");
    report_errno((long)calls[3].result, 1, "INFO inside a multicall");
    return report_end();
}
