/* SPDX-License-Identifier: MIT */
/*
 * A device of dom0's reads and writes sealed frames: QEMU's edu device (docs/specs/edu.txt of QEMU) does
 * DMA on command. dma CONTROL-SEED SEED FRAME...
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "door_client.h"
#include "machine.h"
#include "pattern.h"
#include "report.h"

#define BUFFER 0x40000 /* the device's own memory, for DMA only */
#define SIZE 64
#define REGISTER_SOURCE 0x80
#define REGISTER_TARGET 0x88
#define REGISTER_COUNT 0x90
#define REGISTER_COMMAND 0x98
#define COMMAND_START 1
#define COMMAND_TO_MEMORY 2

static volatile uint8_t *registers;

static void put(unsigned int at, uint64_t value)
{
    *(volatile uint64_t *)(registers + at) = value;
}

static void device_open(void)
{
    char folder[64], path[128];
    uint16_t command = 0;

    if (!edu_frame(folder)) {
        report_cannot("no edu device");
    }
    snprintf(path, sizeof(path), "%s/config", folder);
    int config = open(path, O_RDWR);
    if (config < 0 || pread(config, &command, 2, 4) != 2) {
        report_cannot("the device's configuration: %s", strerror(errno));
    }
    command |= 6; /* memory, bus master */
    if (pwrite(config, &command, 2, 4) != 2) {
        report_cannot("the device's configuration: %s", strerror(errno));
    }
    snprintf(path, sizeof(path), "%s/resource0", folder);
    int resource = open(path, O_RDWR);
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, resource, 0);
    if (resource < 0 || memory == MAP_FAILED) {
        report_cannot("the device's registers: %s", strerror(errno));
    }
    registers = memory;
}

/* Moves SIZE bytes between the device's buffer and an address; waits until it says that it is done. */
static void transfer(uint64_t address, bool to_memory)
{
    const struct timespec pause = {.tv_nsec = 20000000};

    put(REGISTER_SOURCE, to_memory ? BUFFER : address);
    put(REGISTER_TARGET, to_memory ? address : BUFFER);
    put(REGISTER_COUNT, SIZE);
    put(REGISTER_COMMAND, COMMAND_START | (to_memory ? COMMAND_TO_MEMORY : 0));
    for (unsigned int i = 0; i < 250; i++) {
        nanosleep(&pause, NULL);
        if (!(*(volatile uint64_t *)(registers + REGISTER_COMMAND) & COMMAND_START)) {
            return;
        }
    }
    report_cannot("the device does not end its transfer");
}

static bool page_has(unsigned int slot, uint64_t seed)
{
    static struct door_page page;

    page = (struct door_page){.slot = slot};
    door_must(DOOR_PAGE, &page);
    return pattern_at((pattern_t *)page.data, seed);
}

int main(int count, char **arguments)
{
    uint64_t frames[64];

    if (count < 4) {
        return 2;
    }
    uint64_t control = strtoull(arguments[1], NULL, 16), seed = strtoull(arguments[2], NULL, 16);
    unsigned int named = frame_arguments(count, arguments, 3, frames, 64);
    uint64_t source = door_pattern_page(0, control), target = door_pattern_page(1, 0);

    device_open();
    transfer(source << 12, false);
    transfer(target << 12, true);
    report_control(page_has(1, control), "from one page of dom0's to another");
    for (unsigned int i = 0; i < named && i < 2; i++) {
        target = door_pattern_page(1, 0);
        transfer(frames[i] << 12, false);
        transfer(target << 12, true);
        report_try(!page_has(1, seed), "DMA from a sealed frame: the device did not get the secret");
        transfer(source << 12, false);
        transfer(frames[i] << 12, true);
        report_try(true, "DMA into a sealed frame: its content is looked at by the suite");
    }
    door_pattern_page(0, 0);
    return report_end();
}
