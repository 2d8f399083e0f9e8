/* SPDX-License-Identifier: MIT */
/*
 * Threads of one application that call one enclave at the same time: callers IMAGE THREADS SECONDS [MILLIONS].
 *
 * IMAGE is the test enclave probe. Each thread computes sums and checks its registers inside, again and
 * again, MILLIONS of steps each time: 2 are longer than a time slice under emulation, with 0 a call is little more
 * than the way in and out. A timer sends the process a signal each millisecond. Prints {"calls": N, "wrong": N,
 * "interruptions": N, "alarms": N} at the end; status 0 if no call was wrong.
 * SECONDS 0: prints "inside", and each thread spins inside until somebody ends it.
 */
#include <err.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "cloister.h"
#include "probe.h"

static uint64_t millions = 2;
static volatile sig_atomic_t alarms;

static struct cloister_enclave *enclave;
static time_t deadline;
static uint64_t sum;

struct caller {
    pthread_t thread;
    uint64_t calls, wrong;
};

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static bool ask(uint32_t function, size_t in_size, void *out, size_t size)
{
    struct cloister_error error;
    size_t got = 0;

    if (cloister_enclave_call(enclave, function, &millions, in_size, out, size, &got, &error)) {
        warnx("%s", error.text);
        return false;
    }
    return got == size;
}

static bool sum_is_right(void)
{
    uint64_t found;

    return ask(PROBE_SUM, sizeof(millions), &found, sizeof(found)) && found == sum;
}

static bool registers_are_kept(void)
{
    struct probe_registers changed;

    return ask(PROBE_REGISTERS, sizeof(millions), &changed, sizeof(changed)) &&
           !(changed.general | changed.x87 | changed.sse | changed.flags);
}

static void *call(void *argument)
{
    struct caller *caller = argument;

    do {
        caller->wrong += !sum_is_right() + !registers_are_kept();
        caller->calls += 2;
    } while (now() < deadline);
    return NULL;
}

static void *spin(void *argument)
{
    (void)argument;
    ask(PROBE_SPIN, 0, NULL, 0);
    return NULL;
}

static void alarm_rings(int number)
{
    (void)number;
    alarms++;
}

static void ring_each_millisecond(void)
{
    const struct sigaction action = {.sa_handler = alarm_rings, .sa_flags = SA_RESTART};
    const struct itimerval time = {{0, 1000}, {0, 1000}};

    if (sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &time, NULL)) {
        err(1, "timer");
    }
}

int main(int count, char **words)
{
    struct cloister_options options = {.size = sizeof(options), .flags = CLOISTER_OPTION_WAIT};
    struct caller callers[PROBE_THREADS] = {0};
    struct cloister_threads threads;
    struct cloister_error error;
    uint64_t calls = 0, wrong = 0;
    int number, seconds;

    if ((count != 4 && count != 5) || (number = atoi(words[2])) < 1 || number > PROBE_THREADS) {
        errx(2, "usage: callers IMAGE THREADS SECONDS [MILLIONS]");
    }
    seconds = atoi(words[3]);
    millions = count == 5 ? strtoull(words[4], NULL, 10) : millions;
    if (cloister_enclave_create(words[1], &options, &enclave, &error)) {
        errx(1, "%s", error.text);
    }
    sum = probe_sum(millions);
    deadline = now() + seconds;
    if (!seconds) {
        puts("inside");
        fflush(stdout);
    }
    ring_each_millisecond();
    for (int i = 0; i < number; i++) {
        if (pthread_create(&callers[i].thread, NULL, seconds ? call : spin, &callers[i])) {
            errx(1, "no thread");
        }
    }
    for (int i = 0; i < number; i++) {
        pthread_join(callers[i].thread, NULL);
        calls += callers[i].calls;
        wrong += callers[i].wrong;
    }
    if (cloister_enclave_threads(enclave, &threads, &error)) {
        errx(1, "%s", error.text);
    }
    printf("{\"calls\": %" PRIu64 ", \"wrong\": %" PRIu64 ", \"interruptions\": %" PRIu64
           ", \"alarms\": %d}\n",
           calls, wrong, threads.interruptions, (int)alarms);
    return cloister_enclave_terminate(enclave, &error) || wrong;
}
