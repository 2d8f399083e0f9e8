/* SPDX-License-Identifier: MIT */
/*
 * dom0's root drives I/O ports that are the machine's: sleep, reset, system management mode, the watchdog, the
 * memory modules' SPD, and what the chipset itself is set up by. Ports of Q35's ICH9 (Intel, 316972), of the FADT
 * (ACPI 6.5, 5.2.9), and of the 8042.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <time.h>
#include <unistd.h>

#include "report.h"
#include "ways.h"

#define FADT "/sys/firmware/acpi/tables/FACP"
#define FADT_SMI_COMMAND 48 /* ACPI 6.5, table 5.9 */
#define FADT_PM1A_EVENT 56
#define FADT_PM1A_CONTROL 64
#define FADT_GPE0 80
#define SLEEP_TYPE 0x1c00
#define SLEEP_TYPE_S3 0x0400 /* as QEMU's DSDT has it */
#define SLEEP_ENABLE 0x2000
#define SMI_ENABLE 0x30  /* from the PM base on; ICH9, 13.8.3 */
#define TCO_TIMER 0x72   /* TCO_TMR */
#define TCO_CONTROL 0x68 /* TCO1_CNT */
#define TCO_RELOAD 0x60
#define SMBUS_FUNCTION 0x8000fb00u /* 00:1f.3, as the port 0xcf8 wants it */
#define SMBUS_BASE 0x20
#define SMBUS_BUSY 1
#define SMBUS_DONE 0x1e      /* an interrupt or an error */
#define SMBUS_BYTE_DATA 0x48 /* start, byte data protocol */
#define SPD_ADDRESS 0x50

static unsigned int pm_base, pm1_control, smi_command, gpe0;

static bool set_and_back(unsigned int port, unsigned char bits)
{
    unsigned char before = inb(port);

    outb(before ^ bits, port);
    unsigned char got = inb(port);
    outb(before, port);
    way_says("port %#x: %#x, then %#x", port, before, got);
    return before != 0xff && got == (before ^ bits);
}

static void wait_ms(unsigned int ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&pause, NULL);
}

/* ---- sleep ---- */

static bool sleep_type(void)
{
    unsigned int before = inw(pm1_control);

    outw((before & ~(SLEEP_TYPE | SLEEP_ENABLE)) | (~before & SLEEP_TYPE), pm1_control);
    unsigned int got = inw(pm1_control);
    outw(before & ~SLEEP_ENABLE, pm1_control);
    way_says("PM1a_CNT at %#x: %#x, then %#x", pm1_control, before, got);
    return before != 0xffff && ((got ^ before) & SLEEP_TYPE) == SLEEP_TYPE;
}

static bool sleep_now(void)
{
    unsigned int before = inw(pm1_control);

    outw((before & ~SLEEP_TYPE) | SLEEP_TYPE_S3 | SLEEP_ENABLE, pm1_control);
    wait_ms(3000);
    way_says("still here");
    return false;
}

/* The same in single bytes: SLP_EN is in the second. */
static bool sleep_byte(void)
{
    outb((SLEEP_TYPE_S3 | SLEEP_ENABLE) >> 8, pm1_control + 1);
    wait_ms(3000);
    way_says("still here");
    return false;
}

/* ... and in four, which begin before the register. */
static bool sleep_across(void)
{
    outl((uint32_t)(SLEEP_TYPE_S3 | SLEEP_ENABLE) << 16, pm1_control - 2);
    wait_ms(3000);
    way_says("still here");
    return false;
}

static bool smi_enable(void)
{
    unsigned int before = inl(pm_base + SMI_ENABLE);

    outl(before ^ 1u << 2, pm_base + SMI_ENABLE); /* BIOS_EN */
    unsigned int got = inl(pm_base + SMI_ENABLE);
    outl(before, pm_base + SMI_ENABLE);
    way_says("SMI_EN: %#x, then %#x", before, got);
    return before != UINT32_MAX && got != before;
}

static bool smi_data(void)
{
    return set_and_back(smi_command + 1, 0x5a); /* APM_STS: a byte beside the command */
}

/* ---- reset ---- */

static bool reset_control(void)
{
    return set_and_back(0xcf9, 2); /* SYS_RST, without RST_CPU */
}

static bool reset_cf9(void)
{
    outb(2, 0xcf9);
    outb(6, 0xcf9);
    wait_ms(1000);
    way_says("still here");
    return false;
}

static bool reset_cf9_wide(void)
{
    outw(0x0600, 0xcf8);
    outl(0x06000600, 0xcf8 - 2);
    wait_ms(1000);
    way_says("still here");
    return false;
}

static bool port_92(void)
{
    return set_and_back(0x92, 0x10);
}

static bool reset_92(void)
{
    unsigned char before = inb(0x92);

    outb(before & ~1, 0x92);
    outb(before | 1, 0x92);
    wait_ms(1000);
    way_says("still here");
    return false;
}

static void keyboard_wait(void)
{
    for (unsigned int i = 0; i < 1000 && inb(0x64) & 2; i++) {
        wait_ms(1);
    }
}

static bool reset_pulse(unsigned char command)
{
    keyboard_wait();
    outb(command, 0x64);
    wait_ms(1000);
    way_says("still here");
    return false;
}

static bool reset_keyboard(void)
{
    return reset_pulse(0xfe);
}

/* Every even command from 0xf0 on pulses the reset line. */
static bool reset_keyboard_f0(void)
{
    return reset_pulse(0xf0);
}

/* The controller's output port, whose bit 0 is the same line. */
static bool reset_output_port(void)
{
    keyboard_wait();
    outb(0xd1, 0x64);
    keyboard_wait();
    outb(0xde, 0x60);
    wait_ms(1000);
    way_says("still here");
    return false;
}

/* The A20 gate: without it every CPU's accesses to odd MiBs go to even ones. */
static bool reset_a20(void)
{
    return reset_pulse(0xdd);
}

static bool watchdog(void)
{
    unsigned int before = inw(pm_base + TCO_TIMER);

    outw(before ^ 0x10, pm_base + TCO_TIMER);
    unsigned int got = inw(pm_base + TCO_TIMER);
    outw(before, pm_base + TCO_TIMER);
    way_says("TCO_TMR: %#x, then %#x", before, got);
    return before != 0xffff && got == (before ^ 0x10);
}

static bool cmos_resume(void)
{
    outb(0x0f, 0x70);
    unsigned char before = inb(0x71);
    outb(0x0f, 0x70);
    outb(before ^ 0x0a, 0x71);
    outb(0x0f, 0x70);
    unsigned char got = inb(0x71);
    outb(0x0f, 0x70);
    outb(before, 0x71);
    way_says("CMOS byte 0x0f: %#x, then %#x", before, got);
    return got == (before ^ 0x0a);
}

/* ---- the memory modules ---- */

static unsigned int smbus_base(void)
{
    outl(SMBUS_FUNCTION | SMBUS_BASE, 0xcf8);
    unsigned int bar = inl(0xcfc);
    return bar == UINT32_MAX || !(bar & 1) ? 0 : bar & 0xffe0;
}

/* A byte of a device on the bus; false: no answer. */
static bool smbus_byte(unsigned int base, unsigned int offset, unsigned char *value, bool write)
{
    outb(SMBUS_DONE, base);
    outb(SPD_ADDRESS << 1 | !write, base + 4);
    outb(offset, base + 3);
    if (write) {
        outb(*value, base + 5);
    }
    outb(SMBUS_BYTE_DATA, base + 2);
    for (unsigned int i = 0; i < 100 && (inb(base) & SMBUS_BUSY || !(inb(base) & SMBUS_DONE));
         i++) {
        wait_ms(1);
    }
    bool ok = (inb(base) & SMBUS_DONE) == 2;
    *value = write ? *value : inb(base + 5);
    outb(SMBUS_DONE, base);
    return ok;
}

static bool spd_write(void)
{
    unsigned int base = smbus_base();
    unsigned char before = 0, changed, got = 0;

    if (!base || !smbus_byte(base, 5, &before, false)) {
        way_says("no SPD, controller at %#x", base);
        return false;
    }
    changed = before ^ 1;
    bool written = smbus_byte(base, 5, &changed, true) && smbus_byte(base, 5, &got, false);
    written = written && got == (before ^ 1);
    smbus_byte(base, 5, &before, true);
    way_says("SPD byte 5 (addressing of the memory module): %#x, then %#x", before, got);
    return written;
}

/* ---- chipset ---- */

static unsigned int config_read(unsigned int address)
{
    outl(address, 0xcf8);
    return inl(0xcfc);
}

static void config_write(unsigned int address, unsigned int value)
{
    outl(address, 0xcf8);
    outl(value, 0xcfc);
}

/* Where the power management ports are: moved, no row and no rule names them any more. */
static bool pm_base_moved(void)
{
    unsigned int address = 0x8000f840u, before = config_read(address);

    config_write(address, (before & ~0xff80u) | 0x4000);
    unsigned int got = config_read(address), status = got == before ? 0xffff : inw(0x4004);
    config_write(address, before);
    way_says("PMBASE: %#x, then %#x; PM1a_CNT at its new place: %#x", before, got, status);
    return (got & 0xff80) == 0x4000 && status != 0xffff;
}

static bool host_bridge(void)
{
    unsigned int address = 0x80000000u | 0x90, before = config_read(address);

    config_write(address, before ^ 0x10); /* PAM0: what 0xf0000 shows */
    unsigned int got = config_read(address);
    config_write(address, before);
    way_says("PAM0: %#x, then %#x", before, got);
    return got == (before ^ 0x10);
}

/* ---- what an ordinary dom0 needs ---- */

static bool need_pm1_status(void)
{
    way_says("PM1 status at %#x: %#x", pm_base, inw(pm_base));
    return inw(pm_base) != 0xffff;
}

static bool need_pm1_control(void)
{
    way_says("PM1a_CNT: %#x", inw(pm1_control));
    return inw(pm1_control) & 1; /* SCI_EN: the machine is in ACPI mode */
}

static bool need_gpe(void)
{
    way_says("GPE0 at %#x: %#x", gpe0, inb(gpe0));
    return inb(gpe0) != 0xff;
}

static bool need_rtc(void)
{
    outb(0, 0x70);
    unsigned int seconds = inb(0x71);
    way_says("the clock's seconds: %02x", seconds);
    return seconds <= 0x59;
}

static bool need_keyboard(void)
{
    way_says("status %#x", inb(0x64));
    return inb(0x64) != 0xff;
}

static bool need_config(void)
{
    way_says("host bridge %#x", config_read(0x80000000u));
    return config_read(0x80000000u) != UINT32_MAX;
}

static const struct way ways[] = {
    {"port-sleep-type", sleep_type, false},
    {"port-smi-enable", smi_enable, false},
    {"port-smi-data", smi_data, false},
    {"port-reset-control", reset_control, false},
    {"port-92", port_92, false},
    {"port-watchdog", watchdog, false},
    {"port-cmos-resume", cmos_resume, false},
    {"port-spd-write", spd_write, false},
    {"port-pmbase", pm_base_moved, false},
    {"port-host-bridge", host_bridge, false},
    {"port-sleep", sleep_now, true},
    {"port-sleep-byte", sleep_byte, true},
    {"port-sleep-across", sleep_across, true},
    {"port-reset-cf9", reset_cf9, true},
    {"port-reset-cf9-wide", reset_cf9_wide, true},
    {"port-reset-92", reset_92, true},
    {"port-reset-keyboard", reset_keyboard, true},
    {"port-reset-keyboard-f0", reset_keyboard_f0, true},
    {"port-reset-output-port", reset_output_port, true},
    {"port-a20", reset_a20, true},
    {0},
};

static const struct need needs[] = {
    {"PM1 status", need_pm1_status},
    {"PM1 control", need_pm1_control},
    {"GPE0", need_gpe},
    {"the clock", need_rtc},
    {"the keyboard's status", need_keyboard},
    {"reading configuration", need_config},
    {0},
};

static void read_fadt(void)
{
    unsigned char table[256];
    int file = open(FADT, O_RDONLY);

    if (file < 0 || read(file, table, sizeof(table)) < 116) {
        report_cannot("no FADT");
    }
    close(file);
    memcpy(&smi_command, table + FADT_SMI_COMMAND, 4);
    memcpy(&pm_base, table + FADT_PM1A_EVENT, 4);
    memcpy(&pm1_control, table + FADT_PM1A_CONTROL, 4);
    memcpy(&gpe0, table + FADT_GPE0, 4);
}

int main(int count, char **arguments)
{
    if (iopl(3)) {
        report_cannot("iopl");
    }
    read_fadt();
    return ways_main(count, arguments, ways, needs);
}
