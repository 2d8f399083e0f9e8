/* SPDX-License-Identifier: MIT */
/*
 * The tenant's kernel lets user mode run with interrupts off, so that an ENTER could hold the CPU for
 * ever: kernel-flags H0 H1
 */
#include "call.h"
#include "door_client.h"
#include "report.h"

#define FLAG_IF 0x200

static uint64_t flags_read(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; pop %0" : "=r"(flags));
    return flags;
}

int main(int count, char **arguments)
{
    struct door_flags off = {.clear = FLAG_IF}, on = {.set = FLAG_IF};

    if (count < 3) {
        return 2;
    }
    struct handle handle = handle_of(arguments + 1);

    report_control(victim_answers(handle, 0), "ENTER with interrupts on");
    door_must(DOOR_FLAGS, &off);
    uint64_t flags = flags_read();
    long enter = raw_call(CLOISTER_CALL_ENTER, handle, 0, VICTIM_PING, 1, NULL);
    long resume = raw_call(CLOISTER_CALL_RESUME, handle, 0, 0, 0, NULL);
    door_must(DOOR_FLAGS, &on);
    if (flags & FLAG_IF) {
        report_cannot("interrupts are still on");
    }
    report_errno(enter, 22, "ENTER with interrupts off");
    report_errno(resume, 22, "RESUME with interrupts off");
    report_control(victim_answers(handle, 0), "ENTER with interrupts on again");
    return report_end();
}
