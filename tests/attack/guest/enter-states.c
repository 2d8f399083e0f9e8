/* SPDX-License-Identifier: MIT */
/*
 * ENTER and RESUME on a thread in every state, from two CPUs: enter-states H0 H1 FIRST. Uses the threads
 * FIRST .. FIRST+3; the last of them is dead afterwards.
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "call.h"
#include "report.h"

#define LONG_COUNT UINT64_C(30000000)
#define SUM(n) ((n) * ((n) + 1) / 2)

static struct handle handle;

static long enter(uint64_t thread, uint64_t function, uint64_t argument, uint64_t value[2])
{
    return raw_call(CLOISTER_CALL_ENTER, handle, thread, function, argument, value);
}

static long resume(uint64_t thread, uint64_t arg0, uint64_t arg1, uint64_t value[2])
{
    return raw_call(CLOISTER_CALL_RESUME, handle, thread, arg0, arg1, value);
}

static void try_idle(uint64_t thread)
{
    report_control(victim_answers(handle, thread), "ENTER of an idle thread");
    report_errno(resume(thread, 0, 0, NULL), 22, "RESUME of an idle thread");
}

static void try_interrupted(uint64_t thread)
{
    uint64_t value[2] = {0, 0};
    long outcome = enter(thread, VICTIM_COUNT, LONG_COUNT, value);

    if (outcome != -11) {
        report_cannot("a long call was not interrupted: %ld", outcome);
    }
    report_errno(enter(thread, VICTIM_PING, 1, NULL), 16, "ENTER of an interrupted thread");
    while (outcome == -11) {
        outcome = resume(thread, ~UINT64_C(0), ~UINT64_C(0), value);
    }
    report_control(outcome == CLOISTER_EXIT_RETURN && value[0] == SUM(LONG_COUNT),
                   "RESUME of an interrupted thread: its registers are its own");
}

static void try_ocall(uint64_t thread)
{
    uint64_t value[2] = {0, 0};
    long outcome = victim_call(handle, thread, VICTIM_OCALL, 7, value);

    report_control(outcome == CLOISTER_EXIT_OCALL && value[0] == 7, "OCALL");
    report_errno(enter(thread, VICTIM_PING, 1, NULL), 16, "ENTER of a thread that calls out");
    outcome = resume(thread, 0x77, 0x88, value);
    while (outcome == -11) {
        outcome = resume(thread, 0, 0, value);
    }
    report_control(outcome == CLOISTER_EXIT_RETURN && value[0] == 0x77 && value[1] == 0x88,
                   "RESUME of a thread that calls out");
}

/* The other CPU: stays inside as much as it can until the thread has returned. */
static void *stay_inside(void *argument)
{
    uint64_t thread = *(uint64_t *)argument;
    uint64_t value[2] = {0, 0};
    long outcome = enter(thread, VICTIM_COUNT, 20 * LONG_COUNT, value);

    while (outcome == -11 || outcome == -16) {
        outcome = resume(thread, 0, 0, value);
    }
    return outcome == CLOISTER_EXIT_RETURN && value[0] == SUM(20 * LONG_COUNT) ? argument : NULL;
}

static void try_running(uint64_t thread)
{
    unsigned int entered = 0, refused = 0, seen = 0;
    struct timespec began, now;
    pthread_t other;
    void *right;

    if (pthread_create(&other, NULL, stay_inside, &thread)) {
        report_cannot("no second thread");
    }
    clock_gettime(CLOCK_MONOTONIC, &began);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (thread_state(handle, thread) == CLOISTER_THREAD_IDLE &&
             now.tv_sec < began.tv_sec + 10);
    do {
        int state = thread_state(handle, thread);
        if (state == CLOISTER_THREAD_RUNNING || state == CLOISTER_THREAD_INTERRUPTED) {
            long outcome = enter(thread, VICTIM_PING, 1, NULL);
            seen += state == CLOISTER_THREAD_RUNNING;
            /* It may have come to its end in between. */
            refused += outcome == -16;
            entered += outcome != -16 && thread_state(handle, thread) != CLOISTER_THREAD_IDLE;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (seen < 1000 && now.tv_sec < began.tv_sec + 10 &&
             thread_state(handle, thread) != CLOISTER_THREAD_IDLE);
    pthread_join(other, &right);
    report_try(!entered && refused && seen,
               "ENTER while another CPU is inside: -EBUSY %u times, seen running %u times", refused,
               seen);
    report_control(right, "the one inside counted right");
}

static void try_dead(uint64_t thread)
{
    uint64_t value[2] = {0, 0};
    long outcome = victim_call(handle, thread, VICTIM_FAULT, 0, value);

    report_control(outcome == CLOISTER_EXIT_FAULT, "a fault ends the thread: vector %lu", value[0]);
    report_errno(enter(thread, VICTIM_PING, 1, NULL), 5, "ENTER of a dead thread");
    report_errno(resume(thread, 0, 0, NULL), 5, "RESUME of a dead thread");
}

int main(int count, char **arguments)
{
    if (count < 4) {
        return 2;
    }
    handle = handle_of(arguments + 1);
    uint64_t first = strtoull(arguments[3], NULL, 0);

    try_idle(first);
    try_interrupted(first);
    try_ocall(first + 1);
    try_running(first + 2);
    try_dead(first + 3);
    report_number("dead", first + 3);
    return report_end();
}
