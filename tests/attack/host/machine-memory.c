/* SPDX-License-Identifier: MIT */
/*
 * dom0 maps physical addresses that are the machine's and not a device's, and writes there: the chipset's registers,
 * configuration space, interrupt controllers, IOMMU, TPM localities, flash, what the firmware keeps in memory. And it
 * gives ports and addresses to itself. Addresses: Q35 and ICH9 (Intel 316966, 316972), TCG PC Client TPM Profile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenforeignmemory.h>

#include "door_client.h"
#include "machine.h"
#include "monitor.h"
#include "report.h"
#include "ways.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/domctl.h>

#define ROOT_COMPLEX 0xfed1f /* with the general control register: RCBA + 0x3410 */
#define CONTROL 0x410
#define IO_APIC 0xfec00
#define HPET 0xfed00
#define HPET_COMPARATOR_2 0x148
#define LOCAL_APIC 0xfee00
#define AMD_IOMMU 0xfed80
#define INTEL_IOMMU 0xfed90
#define TPM_LOCALITY 0xfed40 /* of locality 0; the next ones follow */
#define TXT 0xfed20
#define FLASH_VARIABLES 0xffc00
#define FLASH_END 0xfffff
#define E820_ENTRIES 128
#define E820_RESERVED 2
#define E820_ACPI 3
#define E820_NVS 4

struct e820_entry {
    uint64_t start, size;
    uint32_t type;
} __attribute__((packed));

static xenforeignmemory_handle *memory;

static volatile uint8_t *map(uint64_t frame)
{
    xen_pfn_t number = frame;
    int error = 0;
    void *page = xenforeignmemory_map(memory, DOMID_IO, PROT_READ | PROT_WRITE, 1, &number, &error);

    if (!page || error) {
        way_says("frame %#lx: %s", (unsigned long)frame, errno_name(error ? error : errno));
        return NULL;
    }
    return page;
}

static void unmap(volatile uint8_t *page)
{
    xenforeignmemory_unmap(memory, (void *)page, 1);
}

/* Writes back what is there: of registers where nothing more can be tried without harm. A write that is not let through
 * ends in a fault. */
static bool touched(uint64_t frame)
{
    volatile uint32_t *page = (volatile uint32_t *)map(frame);

    if (!page) {
        return false;
    }
    *page = *page;
    way_says("frame %#lx written", (unsigned long)frame);
    unmap((volatile uint8_t *)page);
    return true;
}

static bool mapped(uint64_t frame)
{
    volatile uint8_t *page = map(frame);

    if (page) {
        way_says("frame %#lx mapped", (unsigned long)frame);
        unmap(page);
    }
    return page;
}

/* Changes bits of a word, looks, and changes them back. */
static bool changes(volatile uint8_t *page, uint64_t frame, unsigned int offset, uint32_t bits)
{
    volatile uint32_t *word = (volatile uint32_t *)(page + offset);
    uint32_t before = *word;

    *word = before ^ bits;
    uint32_t got = *word;
    if (got != before) {
        *word = before;
    }
    way_says("frame %#lx + %#x: %#x, then %#x", (unsigned long)frame, offset, before, got);
    return got == (before ^ bits);
}

static bool writable(uint64_t frame, unsigned int offset, uint32_t bits)
{
    volatile uint8_t *page = map(frame);
    bool done = page && changes(page, frame, offset, bits);

    if (page) {
        unmap(page);
    }
    return done;
}

static uint64_t mmconfig(void)
{
    uint8_t table[256];
    uint64_t base = 0;
    int file = open("/sys/firmware/acpi/tables/MCFG", O_RDONLY);

    if (file >= 0 && read(file, table, sizeof(table)) >= 60) {
        memcpy(&base, table + 44, sizeof(base)); /* PCI Firmware Specification 3.3, table 4-3 */
    }
    if (file >= 0) {
        close(file);
    }
    return base >> 12;
}

/* The same by dom0's kernel, for whom Xen completes a write to a read-only mapping. */
static bool kernel_writes(uint64_t frame, unsigned int offset, uint32_t bits)
{
    struct door_poke poke = {.address = (frame << 12) + offset, .bits = bits};

    door_must(DOOR_POKE, &poke);
    way_says("frame %#lx + %#x: %s %#x, then %#x", (unsigned long)frame, offset,
             poke.mapped ? "mapped," : "not mapped,", poke.before, poke.got);
    return poke.mapped && poke.got == (poke.before ^ bits);
}

static bool configuration(void)
{
    return kernel_writes(mmconfig(), 0x90, 0x10); /* the host bridge's PAM0 */
}

static bool configuration_user(void)
{
    return writable(mmconfig(), 0x90, 0x10);
}

static bool root_complex_kernel(void)
{
    return kernel_writes(ROOT_COMPLEX, CONTROL, 1 << 5);
}

static bool hpet_kernel(void)
{
    return kernel_writes(HPET, HPET_COMPARATOR_2, 0x10);
}

static bool root_complex(void)
{
    return writable(ROOT_COMPLEX, CONTROL, 1 << 5); /* NO_REBOOT */
}

static bool root_complex_dev_mem(void)
{
    int file = open("/dev/mem", O_RDWR | O_SYNC);
    volatile uint8_t *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)ROOT_COMPLEX << 12);

    if (page == MAP_FAILED) {
        way_says("/dev/mem: %s", errno_name(errno));
        return false;
    }
    return changes(page, ROOT_COMPLEX, CONTROL, 1 << 5);
}

static bool hpet(void)
{
    return writable(HPET, HPET_COMPARATOR_2, 0x10);
}

static bool io_apic(void)
{
    return writable(IO_APIC, 0, 1);
}

static bool local_apic(void)
{
    return touched(LOCAL_APIC);
}

static bool iommu(void)
{
    return touched(AMD_IOMMU);
}

static bool iommu_intel(void)
{
    return touched(INTEL_IOMMU);
}

static bool tpm_locality_1(void)
{
    return touched(TPM_LOCALITY + 1);
}

static bool tpm_locality_4(void)
{
    return touched(TPM_LOCALITY + 4);
}

static bool txt(void)
{
    return touched(TXT);
}

static bool flash_end(void)
{
    volatile uint8_t *page = map(FLASH_END);

    if (!page) {
        return false;
    }
    page[0] = 0xff; /* a flash chip's "show the array" */
    way_says("frame %#x written", FLASH_END);
    unmap(page);
    return true;
}

/* The variables' flash answers the command "read status" (Intel 28F008SA), and is made to show its array again. */
static bool flash_status(void)
{
    volatile uint8_t *page = map(FLASH_VARIABLES);

    if (!page) {
        return false;
    }
    uint8_t before = page[0];
    page[0] = 0x70;
    uint8_t got = page[0];
    page[0] = 0xff;
    unmap(page);
    way_says("flash: %#x, then %#x", before, got);
    return before != got && got & 0x80;
}

/*
 * A page of this kind in the machine's map, above the first MiB, can be written at its end; `used`: whatever stands there,
 * else only where a zero does.
 */
static bool firmware_memory(uint32_t type, bool used)
{
    struct e820_entry *entries = hyper_memory(E820_ENTRIES * sizeof(*entries));
    struct xen_memory_map table = {.nr_entries = E820_ENTRIES};
    unsigned int tried = 0;

    set_xen_guest_handle_raw(table.buffer, entries);
    if (memory_op(XENMEM_machine_memory_map, &table, sizeof(table))) {
        way_says("no map");
        return false;
    }
    way_says("none of this kind");
    for (unsigned int i = 0; i < table.nr_entries; i++) {
        uint64_t first = (entries[i].start + 4095) >> 12,
                 end = (entries[i].start + entries[i].size) >> 12;
        if (entries[i].type != type || first < 0x100 || first >= mmconfig()) {
            continue;
        }
        for (uint64_t frame = end - 1; frame >= first && tried < 64; frame--) {
            volatile uint8_t *page = map(frame);
            tried++;
            bool fit = page && (used || !*(volatile uint32_t *)(page + 4092));
            bool done = fit && changes(page, frame, 4092, 1);
            if (page) {
                unmap(page);
            }
            if (done) {
                return true;
            }
        }
    }
    return false;
}

static bool reserved(void)
{
    return firmware_memory(E820_RESERVED, false);
}

static bool acpi_tables(void)
{
    return firmware_memory(E820_ACPI, true);
}

static bool acpi_nvs(void)
{
    return firmware_memory(E820_NVS, false);
}

/* ---- what dom0 may give away, it has ---- */

static bool give_port(uint32_t port)
{
    struct xen_domctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_DOMCTL_ioport_permission;
    op.u.ioport_permission.first_port = port;
    op.u.ioport_permission.nr_ports = 1;
    op.u.ioport_permission.allow_access = 1;
    return way_outcome(domctl(&op));
}

static bool give_reset(void)
{
    return give_port(0xcf9);
}

static bool give_smi(void)
{
    return give_port(0xb2);
}

/* ---- what an ordinary dom0 needs ---- */

static bool need_device(void)
{
    return mapped(device_frame());
}

static bool need_vga(void)
{
    return mapped(0xa0);
}

static bool need_bios(void)
{
    return mapped(0xf0);
}

static bool need_give_serial(void)
{
    return give_port(0x2f8);
}

static const struct way ways[] = {
    {"memory-configuration", configuration, false},
    {"memory-configuration-user", configuration_user, false},
    {"memory-root-complex", root_complex, false},
    {"memory-root-complex-kernel", root_complex_kernel, false},
    {"memory-hpet-kernel", hpet_kernel, false},
    {"memory-dev-mem", root_complex_dev_mem, false},
    {"memory-hpet", hpet, false},
    {"memory-io-apic", io_apic, false},
    {"memory-local-apic", local_apic, false},
    {"memory-iommu", iommu, false},
    {"memory-iommu-intel", iommu_intel, false},
    {"memory-tpm-locality-1", tpm_locality_1, false},
    {"memory-tpm-locality-4", tpm_locality_4, false},
    {"memory-txt", txt, false},
    {"memory-flash", flash_end, false},
    {"memory-flash-status", flash_status, false},
    {"memory-reserved", reserved, false},
    {"memory-acpi-tables", acpi_tables, false},
    {"memory-acpi-nvs", acpi_nvs, false},
    {"give-reset", give_reset, false},
    {"give-smi", give_smi, false},
    {0},
};

static const struct need needs[] = {
    {"a device's memory", need_device},
    {"VGA's memory", need_vga},
    {"the BIOS", need_bios},
    {"a serial line's port given", need_give_serial},
    {0},
};

int main(int count, char **arguments)
{
    memory = xenforeignmemory_open(NULL, 0);
    if (!memory) {
        report_cannot("libxenforeignmemory: %s", strerror(errno));
    }
    return ways_main(count, arguments, ways, needs);
}
