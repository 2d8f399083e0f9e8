/* SPDX-License-Identifier: MIT */
#include "seeds.h"

#include <stdint.h>
#include <stdio.h>

/* Numbers of fuzz_monitor.c's steps. */
enum {
    CREATE,
    ADD,
    SHARE,
    INIT,
    DESTROY,
    QUOTA,
    LOOK,
    RAW,
    CALL,
    EXIT,
    INTERRUPT,
    FAILURE,
    GRANT,
    CALL2,
    PREEMPTION,
    DOMAIN,
    MACHINE,
    MEET
};

/* Arguments: `GOOD` takes the address that is right, `ON` restarts until done. */
#define GOOD 15
#define ON 1

/* Made, filled, shared, initialised for domain `d`; it is the k-th. */
#define ENCLAVE(d, k)                                                                              \
    CREATE, 0, d, GOOD, 0, ON, GOOD, ADD, k, 0, 7, 0, GOOD, GOOD, 0, ON, GOOD, SHARE, k, 0, 4, 0,  \
        GOOD, ON, GOOD, INIT, k, ON, GOOD

/* vCPU v of domain d asks for `what` of thread t with the k-th handle. */
#define ASK(d, v, what, t, k) CALL, (d) | (v) << 2, what, t, 1, 2, k, 0
#define LEAVE(d, v, number) EXIT, 0, (d) | (v) << 2, number, 3, 4, 5

static const uint8_t life[] = {1,
                               ENCLAVE(1, 0),
                               ASK(1, 0, 1, 0, 0),
                               LEAVE(1, 0, 1),
                               ASK(1, 0, 2, 0, 0),
                               INTERRUPT,
                               1,
                               1,
                               ASK(1, 0, 2, 0, 0),
                               LEAVE(1, 0, 0),
                               LOOK,
                               3,
                               0,
                               ON,
                               GOOD,
                               DESTROY,
                               0,
                               ON,
                               GOOD};
static const uint8_t two[] = {0,
                              ENCLAVE(1, 0),
                              ENCLAVE(2, 1),
                              ASK(1, 0, 1, 0, 0),
                              ASK(2, 1, 1, 1, 1),
                              ASK(2, 2, 1, 0, 0),
                              LEAVE(2, 1, 2),
                              DOMAIN,
                              1 | 4 | 8,
                              LOOK,
                              1,
                              0,
                              16,
                              GOOD,
                              ON,
                              GOOD,
                              DOMAIN,
                              1,
                              QUOTA,
                              1,
                              1,
                              100,
                              ON,
                              GOOD,
                              ENCLAVE(1, 2)};
static const uint8_t slow[] = {1,       PREEMPTION, 3,  ENCLAVE(1, 0), ASK(1, 0, 1, 0, 0),
                               DESTROY, 0,          0,  GOOD,          ASK(1, 1, 2, 0, 0),
                               DESTROY, 0,          ON, GOOD};
static const uint8_t poor[] = {
    1,       FAILURE, 0, 9, ENCLAVE(1, 0), FAILURE, 6, 30,     ENCLAVE(2, 1),
    MACHINE, 1,       3, 3, ENCLAVE(1, 2), DOMAIN,  1, DOMAIN, 2 | 8};
static const uint8_t wild[] = {1,   RAW, 1,     7, 48,  0, 0,       0, 0, RAW, 0, 1, 40,
                               RAW, 3,   2,     3, RAW, 5, 0,       8, 1, 2,   3, 4, GRANT,
                               1,   0,   GRANT, 1, 0,   1, MACHINE, 3, 2, 1,   2, 1, 9};

static const uint8_t meet[] = {1,
                               MEET,
                               0,
                               0,
                               20,
                               ENCLAVE(1, 0),
                               MEET,
                               1,
                               0,
                               9,
                               ENCLAVE(2, 1),
                               MEET,
                               2,
                               0,
                               12,
                               ENCLAVE(1, 2),
                               ASK(2, 0, 1, 0, 0)};

static const struct {
    const char *name;
    const uint8_t *bytes;
    size_t size;
} seeds[] = {{"life", life, sizeof(life)}, {"two", two, sizeof(two)},
             {"slow", slow, sizeof(slow)}, {"poor", poor, sizeof(poor)},
             {"wild", wild, sizeof(wild)}, {"meet", meet, sizeof(meet)}};

int seeds_write(const char *folder)
{
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        char path[4096];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder, seeds[i].name);
        file = fopen(path, "wb");
        if (!file || fwrite(seeds[i].bytes, 1, seeds[i].size, file) != seeds[i].size ||
            fclose(file)) {
            perror(path);
            return -1;
        }
    }
    return 0;
}
