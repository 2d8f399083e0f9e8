/* SPDX-License-Identifier: MIT */
/*
 * A device of dom0's reads and writes memory that is not dom0's, sealed frames above all: QEMU's edu device
 * (docs/specs/edu.txt of QEMU) does DMA on command. dma CONTROL-SEED SEED [FRAME...]
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
#include "monitor.h"
#include "pattern.h"
#include "report.h"

#define BUFFER 0x40000 /* the device's own memory, for DMA only */
#define SIZE 64
#define MAX_FRAMES 2 /* Xen switches a device off that faults too often */
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

/* What the device reads at an address, by way of its buffer, which held the pattern of `before`. */
static const struct door_page *device_reads(uint64_t frame, uint64_t before)
{
    static struct door_page page;
    uint64_t source = door_pattern_page(0, before), target = door_pattern_page(1, 0);

    transfer(source << 12, false);
    transfer(frame << 12, false);
    transfer(target << 12, true);
    page = (struct door_page){.slot = 1};
    door_must(DOOR_PAGE, &page);
    return &page;
}

static bool reads_pattern(uint64_t frame, uint64_t before, uint64_t seed)
{
    return pattern_at((const pattern_t *)device_reads(frame, before)->data, seed);
}

/* A page of Xen's own memory that everybody may know: the head of a trace ring. */
static bool reads_ring(uint64_t before)
{
    struct cloister_trace_ring ring = {.cpu = 0};
    struct cloister_trace_header header;

    if (monitor_op(CLOISTER_OP_TRACE_RING, &ring, sizeof(ring))) {
        report_cannot("no trace ring");
    }
    memcpy(&header, device_reads(ring.frames[0], before)->data, SIZE);
    return header.magic == CLOISTER_TRACE_MAGIC && header.version == CLOISTER_TRACE_VERSION;
}

int main(int count, char **arguments)
{
    uint64_t frames[64];

    if (count < 3) {
        return 2;
    }
    uint64_t control = strtoull(arguments[1], NULL, 16), seed = strtoull(arguments[2], NULL, 16);
    unsigned int named = frame_arguments(count, arguments, 3, frames, 64);

    device_open();
    report_control(reads_pattern(door_pattern_page(2, seed + 1), control, seed + 1),
                   "DMA from one page of dom0's to another");
    bool ring = reads_ring(control);
    report_try(!ring, "DMA from a page of Xen's memory: the device %s",
               ring ? "read it" : "got nothing");
    for (unsigned int i = 0; i < named && i < MAX_FRAMES; i++) {
        report_try(!reads_pattern(frames[i], control, seed),
                   "DMA from a sealed frame: the device did not get the secret");
        transfer(frames[i] << 12,
                 true); /* whether it was written the suite sees: state_unchanged */
    }
    report_number("ring_read", ring);
    for (unsigned int slot = 0; slot < 3; slot++) {
        door_pattern_page(slot, 0);
    }
    return report_end();
}
