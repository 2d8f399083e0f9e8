/* SPDX-License-Identifier: MIT */
/*
 * How an attack program says what happened: each try is a line on standard error, the end is one line
 * of JSON on standard output,
 *
 *   {"control": true, "refused": true, "how": "...", "tries": 5}
 *
 * control: the same access to something ordinary succeeded. refused: every try failed as it must.
 * how: the refusal that stands for all of them; the first one that was not as it must be, else the
 * first. Exit status 0 if both hold, 1 if one does not, 2 if the program could not try.
 */
#ifndef ATTACK_REPORT_H
#define ATTACK_REPORT_H

#include <stdbool.h>

/* The positive control; it may have several parts, all of which must hold. */
__attribute__((format(printf, 2, 3))) void report_control(bool ok, const char *format, ...);
/* One try: `refused` as it must be. */
__attribute__((format(printf, 2, 3))) void report_try(bool refused, const char *format, ...);
/* A try that must end with -`wanted` (or one of two) in `got` (0 or a negative errno). */
bool report_errno(long got, int wanted, const char *what);
bool report_errno2(long got, int wanted, int also, const char *what);
/* A number for the driver: another member of the JSON line. */
void report_number(const char *name, unsigned long value);
/* Prints the line; the exit status. */
int report_end(void);
/* The attack cannot be tried: says why and ends the program with status 2. */
__attribute__((format(printf, 1, 2), noreturn)) void report_cannot(const char *format, ...);

/* "EPERM" for 1 or -1. */
const char *errno_name(long error);

#endif
