/* SPDX-License-Identifier: MIT */
/*
 * dom0's kernel writes registers of the CPU that are the machine's: a write counts if the register has changed. Numbers:
 * AMD APM volume 2, appendix A; Intel SDM volume 4.
 */
#include <stdio.h>

#include "call.h"
#include "door_client.h"
#include "report.h"
#include "ways.h"

static bool msr(uint32_t index, bool write, uint64_t *value)
{
    struct door_msr door = {.index = index, .write = write, .value = *value};

    door_must(DOOR_MSR, &door);
    *value = door.value;
    return !door.result;
}

/* Writes what is there with one bit changed, and back. */
static bool taken(uint32_t index, uint64_t change)
{
    uint64_t before = 0;

    msr(index, false, &before);
    uint64_t value = before ^ change, got = before;
    bool taken = msr(index, true, &value);
    msr(index, false, &got);
    if (got != before) {
        msr(index, true, &before);
    }
    way_says("register %#x: %s, %s", index, taken ? "taken" : "a fault",
             got != before ? "changed" : "as it was");
    return got != before;
}

#define REGISTER(name, index, change)                                                              \
    static bool name(void)                                                                         \
    {                                                                                              \
        return taken(index, change);                                                               \
    }

REGISTER(hardware_configuration, 0xc0010015, 1 << 18)
REGISTER(performance_state, 0xc0010062, 1)
REGISTER(performance_state_0, 0xc0010064, 1)
REGISTER(mperf, 0xe7, 1)
REGISTER(thermal, 0x19a, 0x10)
REGISTER(energy_bias, 0x1b0, 1)
REGISTER(voltage, 0x150, 1)
REGISTER(frequency, 0x199, 0x100)
REGISTER(mtrr_default, 0x2ff, 1)
REGISTER(smm_base, 0xc0010111, 0x1000)
REGISTER(smm_base_intel, 0x9e, 0x1000)
REGISTER(system_configuration, 0xc0010010, 1 << 23)
REGISTER(mmio_configuration, 0xc0010058, 0x100000)
REGISTER(northbridge, 0xc001001f, UINT64_C(1) << 45)
REGISTER(apic_base, 0x1b, 0x1000)
REGISTER(microcode_intel, 0x79, 0x1000)
REGISTER(microcode_amd, 0xc0010020, 0x1000)
REGISTER(virtual_machine, 0xc0010114, 1 << 4)
REGISTER(host_save, 0xc0010117, 0x1000)
REGISTER(top_of_memory, 0xc001001a, 0x800000)
REGISTER(iorr, 0xc0010016, 0x1000)

static bool need_read(void)
{
    uint64_t value = 0;

    bool done = msr(0x277, false, &value); /* PAT */
    way_says("PAT %#llx", (unsigned long long)value);
    return done && value;
}

static bool need_own(void)
{
    uint64_t value = 0;

    return msr(0xc0000102, false, &value) &&
           msr(0xc0000102, true, &value); /* KernelGSBase: this program's GS */
}

static const struct way ways[] = {
    {"msr-hwcr", hardware_configuration, false},
    {"msr-pstate-control", performance_state, false},
    {"msr-pstate", performance_state_0, false},
    {"msr-mperf", mperf, false},
    {"msr-thermal", thermal, false},
    {"msr-energy-bias", energy_bias, false},
    {"msr-voltage", voltage, false},
    {"msr-frequency", frequency, false},
    {"msr-mtrr", mtrr_default, false},
    {"msr-smm-base", smm_base, false},
    {"msr-smm-base-intel", smm_base_intel, false},
    {"msr-system-configuration", system_configuration, false},
    {"msr-mmio-configuration", mmio_configuration, false},
    {"msr-northbridge", northbridge, false},
    {"msr-apic-base", apic_base, false},
    {"msr-microcode-intel", microcode_intel, false},
    {"msr-microcode-amd", microcode_amd, false},
    {"msr-virtual-machine", virtual_machine, false},
    {"msr-host-save", host_save, false},
    {"msr-top-of-memory", top_of_memory, false},
    {"msr-iorr", iorr, false},
    {0},
};

static const struct need needs[] = {{"reading PAT", need_read}, {"an own register", need_own}, {0}};

int main(int count, char **arguments)
{
    return ways_main(count, arguments, ways, needs);
}
