/* SPDX-License-Identifier: MIT */
/*
 * identity record          prints the monitor record, in hexadecimal
 * identity heartbeat HEX   has the monitor sign a heartbeat with 64 bytes (128 digits); prints the report
 */
#include <stdio.h>
#include <string.h>

#include "monitor/hypercall.h"

static void print(const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        printf("%02x", ((const uint8_t *)data)[i]);
    puts("");
}

int main(int argc, char **argv)
{
    struct cloister_record record = {.head = {.reason = 0}};
    struct cloister_heartbeat beat = {.head = {.reason = 0}};
    struct hypercalls *monitor;
    char why[400];
    int rc = hypercall_open(&monitor, why, sizeof(why));

    if (rc) {
        fprintf(stderr, "identity: %s\n", why);
        return 2;
    }
    if (argc == 2 && !strcmp(argv[1], "record")) {
        rc = hypercall_record(monitor, &record);
        hypercall_describe(rc, &record.head, why, sizeof(why));
        if (!rc)
            print(&record.record, sizeof(record.record));
    } else if (argc == 3 && !strcmp(argv[1], "heartbeat") && strlen(argv[2]) == 128) {
        for (size_t i = 0; i < 64; i++)
            sscanf(argv[2] + 2 * i, "%2hhx", &beat.data[i]);
        rc = hypercall_heartbeat(monitor, &beat);
        hypercall_describe(rc, &beat.head, why, sizeof(why));
        if (!rc)
            print(&beat.report, sizeof(beat.report));
    } else {
        rc = 2;
        snprintf(why, sizeof(why), "usage: identity record | heartbeat HEX");
    }
    if (rc)
        fprintf(stderr, "identity: %s\n", why);
    hypercall_close(monitor);
    return rc ? 1 : 0;
}
