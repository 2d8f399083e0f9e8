/* SPDX-License-Identifier: MIT */
/*
 * Ways around the wall: what a control domain may do on stock Xen and must not do here. A program is a table of
 * ways, each a function that tries one and says whether it worked:
 *
 *   PROGRAM try [NAME...]   on Cloister: no way may work (report.h's line)
 *   PROGRAM do [NAME...]    on stock Xen: the line {"worked": ["a"], "refused": ["b"]} of what worked
 *
 * Without NAMEs all are tried but those that would end the machine. A way undoes what it did, where it worked.
 */
#ifndef ATTACK_WAYS_H
#define ATTACK_WAYS_H

#include <stdbool.h>
#include <stdint.h>

struct way {
    const char *name;
    bool (*work)(void); /* a fault in it, and one that never ends, count as: it did not work */
    bool ends;          /* it ends the machine, or takes something from it, where it works */
};

/* What an ordinary dom0 needs of the same interface: must work in both modes. */
struct need {
    const char *name;
    bool (*work)(void);
};

/* `main` of such a program; both tables end with a NULL name. The exit status. */
int ways_main(int count, char **arguments, const struct way *ways, const struct need *needs);
/* For people: what the way that is being tried saw. */
__attribute__((format(printf, 1, 2))) void way_says(const char *format, ...);
/* The same for an outcome of a hypercall; whether it is not an error. */
bool way_outcome(long outcome);
/* The same where this machine has not what is asked for: Xen looked for it, it did not refuse to (-EPERM, -EACCES). */
bool way_asked(long outcome);
/* The numbers after the word "--" of the command line; returns how many. */
unsigned int ways_frames(uint64_t *frames, unsigned int capacity);

#endif
