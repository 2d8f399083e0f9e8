/* SPDX-License-Identifier: MIT */
/*
 * dom0 asks Xen to do with the machine what only Xen may decide: sleep, firmware calls, microcode, hot-add, memory
 * types, registers, power states, machine checks. (XENPF_*, XEN_MC_*)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "monitor.h"
#include "report.h"
#include "ways.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/arch-x86/xen-mca.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

#define SLEEP_ENABLE 0x2000
#define S3_TYPE 0x0400 /* of PM1a_CNT, as QEMU's DSDT has it */
#define STATE_S3 3
#define STATE_S5 5
#define SPACE_SYSTEM_IO 1     /* ACPI 6.5, 5.2.3.2 */
#define STATES_OF_EVERY_CPU 2 /* C0 and C1 */
#define MEMORY_TYPE_WRITE_BACK 6
#define DEVICE_FRAMES 0x100000 /* 4 GiB: no memory on this machine */

static struct xen_platform_op *fresh(uint32_t command)
{
    static struct xen_platform_op op;

    memset(&op, 0, sizeof(op));
    op.cmd = command;
    return &op;
}

static bool ask(struct xen_platform_op *op)
{
    return way_outcome(platform_op(op));
}

/* ---- sleep ---- */

/* Xen looks for its wake-up vector before it looks at the state: which of its errors tells that it was asked. */
static bool sleep_op(uint32_t state, uint16_t value)
{
    const struct timespec pause = {.tv_sec = 5};
    struct xen_platform_op *op = fresh(XENPF_enter_acpi_sleep);

    op->u.enter_acpi_sleep.val_a = value;
    op->u.enter_acpi_sleep.sleep_state = state;
    bool done = ask(op);
    nanosleep(&pause, NULL);
    return done;
}

/* A state that there is not: Xen gets as far as its own check of the state. */
static bool sleep_asked(void)
{
    struct xen_platform_op *op = fresh(XENPF_enter_acpi_sleep);

    op->u.enter_acpi_sleep.sleep_state = 9;
    return way_asked(platform_op(op));
}

static bool sleep_s3(void)
{
    return sleep_op(STATE_S3, S3_TYPE | SLEEP_ENABLE);
}

/* "S5" with the values of S3: Xen does not prepare a way back, the machine sleeps and wakes up in dom0's code. */
static bool sleep_mislabelled(void)
{
    return sleep_op(STATE_S5, S3_TYPE | SLEEP_ENABLE);
}

/* Where it works the machine sleeps, and nothing wakes it. What Xen answered Linux takes for a sleep that is over. */
static bool sleep_linux(void)
{
    const struct timespec pause = {.tv_sec = 5};
    int file = open("/sys/power/state", O_WRONLY);
    ssize_t done = file < 0 ? -1 : write(file, "mem", 3);

    way_says("Linux came back: %s", done == 3 ? "done" : strerror(errno));
    nanosleep(&pause, NULL);
    return false;
}

/* ---- what Xen would run or add ---- */

/* No microcode at all: the way is open if it was looked at. */
static bool microcode(void)
{
    struct xen_platform_op *op = fresh(XENPF_microcode_update);
    uint8_t *blob = hyper_memory(4096);

    memset(blob, 0x5a, 4096);
    set_xen_guest_handle_raw(op->u.microcode.data, blob);
    op->u.microcode.length = 4096;
    return way_asked(platform_op(op));
}

static bool memory_add(void)
{
    struct xen_platform_op *op = fresh(XENPF_mem_hotadd);

    op->u.mem_add.spfn = DEVICE_FRAMES * 16;
    op->u.mem_add.epfn = op->u.mem_add.spfn + 0x8000;
    return way_asked(platform_op(op)); /* -EINVAL where the firmware tells no node for it */
}

/* One that this machine has already: Xen looks, and says so. */
static bool cpu_add(void)
{
    struct xen_platform_op *op = fresh(XENPF_cpu_hotadd);

    op->u.cpu_add.apic_id = 0;
    return way_asked(platform_op(op));
}

static bool memory_type(void)
{
    struct xen_platform_op *op = fresh(XENPF_add_memtype);

    op->u.add_memtype.mfn = DEVICE_FRAMES * 16;
    op->u.add_memtype.nr_mfns = 0x100;
    op->u.add_memtype.type = MEMORY_TYPE_WRITE_BACK;
    if (!ask(op)) {
        return false;
    }
    uint32_t handle = op->u.add_memtype.handle, reg = op->u.add_memtype.reg;
    op = fresh(XENPF_del_memtype);
    op->u.del_memtype.handle = handle;
    op->u.del_memtype.reg = reg;
    platform_op(op);
    return true;
}

static bool quirk(void)
{
    struct xen_platform_op *op = fresh(XENPF_platform_quirk);

    op->u.platform_quirk.quirk_id = QUIRK_NOIRQBALANCING;
    return ask(op);
}

/* The CPU's performance states, whose control register is a port of dom0's choice: Xen writes the values there. */
static bool power_ports(void)
{
    struct xen_platform_op *op = fresh(XENPF_set_processor_pminfo);
    struct xen_processor_performance *perf = &op->u.set_pminfo.u.perf;
    struct xen_processor_px *states = hyper_memory(4096);

    states[0] = (struct xen_processor_px){.core_frequency = 2000, .control = 0x5a, .status = 0x5a};
    states[1] = (struct xen_processor_px){.core_frequency = 1000, .control = 0x5b, .status = 0x5b};
    op->u.set_pminfo.type = XEN_PM_PX;
    perf->flags = XEN_PX_PCT | XEN_PX_PSS | XEN_PX_PPC | XEN_PX_PSD;
    perf->control_register = (struct xen_pct_register){.descriptor = 0x82,
                                                       .length = 12,
                                                       .bit_width = 8,
                                                       .space_id = SPACE_SYSTEM_IO,
                                                       .address = 0xb3};
    perf->status_register = perf->control_register;
    perf->state_count = 2;
    perf->shared_type = XEN_CPUPERF_SHARED_TYPE_ANY;
    perf->domain_info =
        (struct xen_psd_package){.num_entries = 5, .coord_type = 0xfd, .num_processors = 1};
    set_xen_guest_handle_raw(perf->states, states);
    return ask(op);
}

/* The same of idle states: the register that Xen reads to enter one. Xen leaves out a state that it does not take. */
static bool idle_ports(void)
{
    struct xen_platform_op *op = fresh(XENPF_set_processor_pminfo);
    struct xen_processor_cx *states = hyper_memory(4096);
    struct xen_sysctl taken = {.cmd = XEN_SYSCTL_get_pmstat,
                               .u.get_pmstat.type = PMSTAT_get_max_cx};

    states[0] =
        (struct xen_processor_cx){.type = 1, .reg = {.space_id = SPACE_SYSTEM_IO, .address = 0}};
    states[1] = (struct xen_processor_cx){
        .type = 2,
        .latency = 1,
        .reg = {.space_id = SPACE_SYSTEM_IO, .bit_width = 8, .address = 0xb3}};
    op->u.set_pminfo.type = XEN_PM_CX;
    op->u.set_pminfo.u.power.count = 2;
    op->u.set_pminfo.u.power.flags.has_cst = 1;
    set_xen_guest_handle_raw(op->u.set_pminfo.u.power.states, states);
    if (!ask(op))
        return false;
    long outcome = sysctl(&taken);
    way_says("%ld, idle states: %u", outcome, taken.u.get_pmstat.u.getcx.nr);
    return !outcome && taken.u.get_pmstat.u.getcx.nr > STATES_OF_EVERY_CPU;
}

/* A register of the CPU, written through Xen: none is served on this CPU, and Xen says so in the entry. */
static bool resource(void)
{
    struct xen_platform_op *op = fresh(XENPF_resource_op);
    struct xenpf_resource_entry *entry = hyper_memory(4096);

    entry->u.cmd = XEN_RESOURCE_OP_MSR_WRITE;
    entry->idx = 0x150;
    op->u.resource_op.nr_entries = 1;
    set_xen_guest_handle_raw(op->u.resource_op.entries, entry);
    return ask(op);
}

/* ---- machine checks ---- */

static bool check_registers(void)
{
    struct xen_mc op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_MC_msrinject;
    op.u.mc_msrinject.mcinj_flags = MC_MSRINJ_F_INTERPOSE;
    op.u.mc_msrinject.mcinj_count = 1;
    op.u.mc_msrinject.mcinj_msr[0].reg = 0x17a; /* MCG_STATUS */
    return way_outcome(machine_check_op(&op));
}

static bool check_raised(void)
{
    struct xen_mc op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_MC_mceinject;
    return way_outcome(machine_check_op(&op));
}

static bool check_raised_v2(void)
{
    struct xen_mc op;
    uint8_t *map = hyper_memory(4096);

    map[0] = 1;
    memset(&op, 0, sizeof(op));
    op.cmd = XEN_MC_inject_v2;
    op.u.mc_inject_v2.flags = XEN_MC_INJECT_TYPE_CMCI;
    op.u.mc_inject_v2.cpumap.nr_bits = 1;
    set_xen_guest_handle_raw(op.u.mc_inject_v2.cpumap.bitmap, map);
    return way_asked(machine_check_op(&op)); /* no CMCI on this CPU */
}

/* ---- what an ordinary dom0 needs ---- */

static bool need_cpu_info(void)
{
    return ask(fresh(XENPF_get_cpuinfo));
}

static bool need_cpu_version(void)
{
    return ask(fresh(XENPF_get_cpu_version));
}

static bool need_clock(void)
{
    struct xen_platform_op *op = fresh(XENPF_settime64);
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    op->u.settime64.secs = now.tv_sec;
    op->u.settime64.nsecs = now.tv_nsec;
    clock_gettime(CLOCK_MONOTONIC, &now);
    op->u.settime64.system_time = now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
    return ask(op);
}

static bool need_core_parking(void)
{
    struct xen_platform_op *op = fresh(XENPF_core_parking);

    op->u.core_parking.type = XEN_CORE_PARKING_GET;
    return ask(op);
}

static bool need_check_cpus(void)
{
    struct xen_mc op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_MC_physcpuinfo;
    return way_outcome(machine_check_op(&op));
}

static const struct way ways[] = {
    {"sleep-asked", sleep_asked, false},
    {"microcode", microcode, false},
    {"cpu-add", cpu_add, false},
    {"memory-type", memory_type, false},
    {"quirk", quirk, false},
    {"power-ports", power_ports, false},
    {"idle-ports", idle_ports, false},
    {"resource", resource, false},
    {"check-registers", check_registers, false},
    {"check-raised-v2", check_raised_v2, false},
    {"memory-add", memory_add, false},
    {"check-raised", check_raised, false},
    {"sleep-linux", sleep_linux, true},
    {"sleep-s3", sleep_s3, true},
    {"sleep-mislabelled", sleep_mislabelled, true},
    {0},
};

static const struct need needs[] = {
    {"XENPF_get_cpuinfo", need_cpu_info},    {"XENPF_get_cpu_version", need_cpu_version},
    {"XENPF_settime64", need_clock},         {"XENPF_core_parking", need_core_parking},
    {"XEN_MC_physcpuinfo", need_check_cpus}, {0},
};

int main(int count, char **arguments)
{
    return ways_main(count, arguments, ways, needs);
}
