/* SPDX-License-Identifier: MIT */
#include "door_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "pattern.h"
#include "report.h"

long door_call(unsigned long command, void *argument)
{
    static int device = -1;

    if (device < 0 && (device = open("/dev/attack", O_RDWR | O_CLOEXEC)) < 0) {
        report_cannot("/dev/attack: %s: is attack_door.ko loaded?", strerror(errno));
    }
    return ioctl(device, command, argument) ? -errno : 0;
}

void door_must(unsigned long command, void *argument)
{
    long rc = door_call(command, argument);

    if (rc) {
        report_cannot("/dev/attack: %s", errno_name(rc));
    }
}

long kernel_hypercall(unsigned int number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                      uint64_t e)
{
    struct door_hypercall door = {.number = number, .argument = {a, b, c, d, e}};

    door_must(DOOR_HYPERCALL, &door);
    return door.result;
}

uint64_t door_pattern_page(unsigned int slot, uint64_t seed)
{
    static struct door_page page;

    page = (struct door_page){.slot = slot, .write = 1};
    if (seed) {
        pattern_fill((pattern_t *)page.data, seed);
    }
    door_must(DOOR_PAGE, &page);
    memset(page.data, 0, sizeof(page.data));
    return page.frame;
}
