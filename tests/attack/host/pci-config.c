/* SPDX-License-Identifier: MIT */
/*
 * dom0 configures functions that are the chipset's, and moves its devices' memory to where the machine's is. Registers
 * of Q35 and ICH9 (Intel 316966, 316972), of bridges (PCI-to-PCI Bridge Architecture 1.2). Each write is undone at once.
 */
#include <stdio.h>

#include "pci.h"
#include "ways.h"

#define HOST_BRIDGE "0000:00:00.0"
#define ISA_BRIDGE "0000:00:1f.0"
#define SMBUS "0000:00:1f.3"
#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8
#define CLASS_BRIDGE 0x0604
#define COMMAND 4
#define BAR0 0x10
#define BRIDGE_WINDOW 0x20
#define BRIDGE_CONTROL 0x3e

/* Writes, looks, and writes back. */
static bool takes(const char *function, unsigned int offset, unsigned int size, uint32_t mask,
                  uint32_t value)
{
    uint32_t before = pci_read(function, offset, size);

    if (!pci_there(function)) {
        way_says("no %s", function);
        return false;
    }
    bool done = pci_write(function, offset, size, (before & ~mask) | value);
    uint32_t got = pci_read(function, offset, size);
    if (got != before) {
        pci_write(function, offset, size, before);
    }
    way_says("%s at %#x: %#x, then %#x%s", function, offset, before, got, done ? "" : ", an error");
    return got != before && (got & mask) == value;
}

static bool flips(const char *function, unsigned int offset, unsigned int size, uint32_t bits)
{
    return takes(function, offset, size, bits, ~pci_read(function, offset, size) & bits);
}

static bool host_bridge_window(void)
{
    return takes(HOST_BRIDGE, 0x60, 4, 0xf0000000, 0xd0000000); /* PCIEXBAR */
}

static bool host_bridge_memory(void)
{
    return flips(HOST_BRIDGE, 0x91, 1, 0x30); /* PAM1 */
}

static bool host_bridge_smram(void)
{
    return flips(HOST_BRIDGE, 0x9d, 1, 0x20); /* SMRAM: D_CLS, or D_OPEN's neighbour */
}

static bool power_base(void)
{
    return takes(ISA_BRIDGE, 0x40, 4, 0xff80, 0x4000); /* PMBASE */
}

static bool root_complex_base(void)
{
    return takes(ISA_BRIDGE, 0xf0, 4, 0xffffc000, 0xfed00000); /* RCBA, over the HPET */
}

static bool flash_lock(void)
{
    return flips(ISA_BRIDGE, 0xdc, 1, 1); /* BIOS_CNTL: BIOSWE */
}

static bool power_settings(void)
{
    return flips(ISA_BRIDGE, 0xa4, 1, 1); /* GEN_PMCON_3: AFTERG3_EN */
}

static bool smbus_settings(void)
{
    return flips(SMBUS, 0x40, 1, 1); /* HOSTC: HST_EN */
}

static bool smbus_base(void)
{
    return takes(SMBUS, 0x20, 4, 0xffe0, 0x4100);
}

static bool move_device(uint32_t address)
{
    char function[16];

    return pci_find(EDU_VENDOR, EDU_DEVICE, 0, function) &&
           takes(function, BAR0, 4, 0xfff00000, address);
}

static bool move_over_chipset(void)
{
    return move_device(0xfed00000); /* HPET, TPM, IOMMU */
}

static bool move_over_io_apic(void)
{
    return move_device(0xfec00000);
}

static bool move_over_interrupts(void)
{
    return move_device(0xfee00000);
}

static bool move_over_memory(void)
{
    return move_device(0x10000000);
}

/* The lowest bit says that a BAR is of ports. In one of memory it cannot be set: the rest of the value counts. */
static bool move_as_port(void)
{
    char function[16];

    if (!pci_find(EDU_VENDOR, EDU_DEVICE, 0, function)) {
        return false;
    }
    uint32_t command = pci_read(function, COMMAND, 2), before = pci_read(function, BAR0, 4);
    pci_write(function, COMMAND, 2, (command & ~1u) | 2);
    pci_write(function, BAR0, 4, 0xfed00001);
    uint32_t got = pci_read(function, BAR0, 4);
    pci_write(function, BAR0, 4, before);
    pci_write(function, COMMAND, 2, command);
    way_says("BAR %#x, then %#x", before, got);
    return (got & ~15u) == 0xfed00000;
}

static bool move_window(uint32_t window)
{
    char function[16];

    return pci_find(0, 0, CLASS_BRIDGE, function) &&
           takes(function, BRIDGE_WINDOW, 4, 0xfff0fff0, window);
}

static bool window_over_chipset(void)
{
    return move_window(0xfed0fed0);
}

static bool window_over_memory(void)
{
    return move_window(0x10001000);
}

static bool need_read(void)
{
    way_says("host bridge %#x", pci_read(HOST_BRIDGE, 0, 4));
    return pci_there(HOST_BRIDGE) && pci_there(ISA_BRIDGE);
}

static bool need_command(void)
{
    char function[16];

    return pci_find(EDU_VENDOR, EDU_DEVICE, 0, function) &&
           flips(function, COMMAND, 2, 4); /* bus master */
}

/* How Linux finds out how large a BAR is. */
static bool need_sizing(void)
{
    char function[16];

    if (!pci_find(EDU_VENDOR, EDU_DEVICE, 0, function)) {
        return false;
    }
    uint32_t before = pci_read(function, BAR0, 4), command = pci_read(function, COMMAND, 2);
    pci_write(function, COMMAND, 2, command & ~3u);
    pci_write(function, BAR0, 4, UINT32_MAX);
    uint32_t got = pci_read(function, BAR0, 4);
    pci_write(function, BAR0, 4, before);
    pci_write(function, COMMAND, 2, command);
    way_says("BAR %#x: %#x", before, got);
    return got == 0xfff00000 && pci_read(function, BAR0, 4) == before;
}

static const struct way ways[] = {
    {"config-window", host_bridge_window, false},
    {"config-memory", host_bridge_memory, false},
    {"config-smram", host_bridge_smram, false},
    {"config-power-base", power_base, false},
    {"config-root-complex", root_complex_base, false},
    {"config-flash-lock", flash_lock, false},
    {"config-power-settings", power_settings, false},
    {"config-smbus", smbus_settings, false},
    {"config-smbus-base", smbus_base, false},
    {"move-over-chipset", move_over_chipset, false},
    {"move-over-io-apic", move_over_io_apic, false},
    {"move-over-interrupts", move_over_interrupts, false},
    {"move-over-memory", move_over_memory, false},
    {"move-as-port", move_as_port, false},
    {"window-over-chipset", window_over_chipset, false},
    {"window-over-memory", window_over_memory, false},
    {0},
};

static const struct need needs[] = {
    {"reading configuration", need_read},
    {"a device's bus mastering", need_command},
    {"a BAR's size", need_sizing},
    {0},
};

int main(int count, char **arguments)
{
    return ways_main(count, arguments, ways, needs);
}
