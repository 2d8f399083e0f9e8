/* SPDX-License-Identifier: MIT */
/* Guest root guesses handles: enter-guess H0 H1. Also run by the neighbour, with the right one. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "call.h"
#include "report.h"

#define RANDOM_TRIES 2000

static void guess(uint64_t low, uint64_t high, const char *what)
{
    static const char *const names[] = {"STATUS", "ENTER", "RESUME"};

    for (uint64_t call = CLOISTER_CALL_STATUS; call <= CLOISTER_CALL_RESUME; call++) {
        char text[64];

        snprintf(text, sizeof(text), "%s, %s", names[call], what);
        report_errno(raw_call(call, (struct handle){{low, high}}, 0, VICTIM_PING, 1, NULL), 2,
                     text);
    }
}

static void guess_slots(struct handle handle)
{
    unsigned long answered = 0;

    for (uint64_t slot = 0; slot < 64; slot++) {
        struct handle probe = {{(handle.word[0] & ~UINT64_C(63)) | slot, handle.word[1] + 1}};
        struct handle zero = {{slot, 0}};
        answered += raw_call(CLOISTER_CALL_STATUS, probe, 0, 0, 0, NULL) != -2;
        answered += raw_call(CLOISTER_CALL_STATUS, zero, 0, 0, 0, NULL) != -2;
    }
    report_try(!answered, "STATUS probing of every slot: %lu of 128 answered", answered);
}

static void guess_random(void)
{
    unsigned long answered = 0;

    for (unsigned int i = 0; i < RANDOM_TRIES; i++) {
        struct handle probe;
        if (getrandom(&probe, sizeof(probe), 0) != sizeof(probe)) {
            report_cannot("no random numbers");
        }
        answered += raw_call(CLOISTER_CALL_ENTER, probe, 0, VICTIM_PING, 1, NULL) != -2;
    }
    report_try(!answered, "random handles: %lu of %u answered", answered, RANDOM_TRIES);
}

int main(int count, char **arguments)
{
    if (count < 3) {
        return 2;
    }
    struct handle right = handle_of(arguments + 1);

    if (count == 4 && !strcmp(arguments[3], "neighbour")) {
        /* The control is the suite's: the enclave answers its tenant, with the same handle. */
        guess(right.word[0], right.word[1], "the right handle from another domain");
        return report_end();
    }
    report_control(victim_answers(right, 0), "ENTER with the right handle");
    guess(right.word[0] ^ 0x100, right.word[1], "low half wrong");
    guess(right.word[0], right.word[1] ^ 1, "high half wrong");
    guess(right.word[1], right.word[0], "halves exchanged");
    guess(0, 0, "zero");
    guess(~UINT64_C(0), ~UINT64_C(0), "all ones");
    guess_slots(right);
    guess_random();
    report_number("guesses", 15 + 128 + RANDOM_TRIES);
    return report_end();
}
