/* SPDX-License-Identifier: MIT */
/*
 * The table of what dom0 may of the machine: the rows that every machine has, those that the firmware's tables make,
 * and what becomes of dom0 by them. The rules stand in cloister/lockdown.h.
 */
#include "lockdown/lockdown.h"

#include <xen/acpi.h>
#include <xen/delay.h>
#include <xen/guest_access.h>
#include <xen/init.h>
#include <xen/iocap.h>
#include <xen/iommu.h>
#include <xen/param.h>
#include <xen/pci.h>
#include <xen/rangeset.h>
#include <xen/vmap.h>

#include <asm/cloister.h>
#include <asm/cloister_variables.h>
#include <asm/e820.h>
#include <asm/hpet.h>
#include <asm/io.h>
#include <asm/io_apic.h>
#include <asm/setup.h>
#include <public/arch-x86/xen-mca.h>
#include <public/physdev.h>
#include <public/platform.h>
#include <public/sysctl.h>

#include "../../../../drivers/passthrough/ats.h"

#include "glue/compat.h"

#define SCI_EN 1u
#define ACPI_MODE_MS 3000
#define KCS_STATUS_PORT 0xca3 /* of IPMI's keyboard controller style interface: ones where there is none */

#define R CLOISTER_ACCESS_READ
#define W CLOISTER_ACCESS_WRITE
#define RW (R | W)
#define ROW(kind, access, first, last) { CLOISTER_KIND_##kind, access, 0, first, last, 0 }
#define PORTS(access, first, last) ROW(PORT, access, first, last)
#define ONE(kind, name) ROW(kind, RW, name, name)

/* The same on every machine, and in the table's hash. */
static const struct cloister_lockdown_row __initconstrel rows[] = {
    /* Devices without BARs. CMOS and keyboard are looked at more closely (lockdown_io.c). */
    PORTS(RW, 0x60, 0x60), PORTS(R, 0x64, 0x64), /* keyboard and mouse */
    PORTS(RW, 0x62, 0x62), PORTS(RW, 0x66, 0x66), /* embedded controller */
    PORTS(RW, 0x70, 0x71), PORTS(RW, 0x80, 0x80), /* clock; the firmware's progress display */
    PORTS(R, 0x81, 0x8f), PORTS(R, 0x4d0, 0x4d1), /* DMA pages, trigger modes: drivers look at them */
    PORTS(RW, 0xe4, 0xe6), PORTS(RW, 0xca2, 0xca3), PORTS(RW, 0xca8, 0xcab), /* IPMI: BT, KCS, SMIC */
    PORTS(RW, 0x170, 0x177), PORTS(RW, 0x376, 0x376), PORTS(RW, 0x1f0, 0x1f7), PORTS(RW, 0x3f6, 0x3f6), /* IDE */
    PORTS(RW, 0x278, 0x27f), PORTS(RW, 0x378, 0x37f), PORTS(RW, 0x778, 0x77a), /* parallel */
    /* Serial; Xen keeps its own. */
    PORTS(RW, 0x2e8, 0x2ef), PORTS(RW, 0x2f8, 0x2ff), PORTS(RW, 0x3e8, 0x3ef), PORTS(RW, 0x3f8, 0x3ff),
    PORTS(RW, 0x3b0, 0x3df), ROW(MEMORY, RW, 0xa0, 0xbf), /* VGA */
    ROW(MEMORY, RW, 0xfed40, 0xfed40), /* TPM, locality 0 */

    /* The chipset's functions: configured by the firmware, and by nobody after it. */
    ROW(CLASS, R, 0x0500, 0x0501), ROW(CLASS, R, 0x0580, 0x0580), /* memory controllers */
    ROW(CLASS, R, 0x0600, 0x0603), ROW(CLASS, R, 0x0680, 0x0680), /* host, ISA, EISA, other bridges */
    ROW(CLASS, R, 0x0800, 0x0804), ROW(CLASS, R, 0x0806, 0x0806), /* system peripherals, IOMMU */
    ROW(CLASS, R, 0x0880, 0x0880), ROW(CLASS, R, 0x0c05, 0x0c05), /* others, SMBus */
    /* Flash; AMD's secure processor, a DMA engine; performance, thermal. */
    ROW(CLASS, R, 0x0c80, 0x0c80), ROW(CLASS, R, 0x1080, 0x1080), ROW(CLASS, R, 0x1101, 0x1101), ROW(CLASS, R, 0x1180, 0x1180),

    ONE(PLATFORM, XENPF_settime32), ONE(PLATFORM, XENPF_settime64), ONE(PLATFORM, XENPF_read_memtype),
    ONE(PLATFORM, XENPF_firmware_info), ONE(PLATFORM, XENPF_getidletime),
    ONE(PLATFORM, XENPF_set_processor_pminfo), ONE(PLATFORM, XENPF_get_cpuinfo),
    ONE(PLATFORM, XENPF_enter_acpi_sleep), /* soft-off, which Xen does by itself: cloister_sleep() refuses the others */
    ONE(PLATFORM, XENPF_get_cpu_version), ONE(PLATFORM, XENPF_cpu_online),
    ONE(PLATFORM, XENPF_cpu_offline), ONE(PLATFORM, XENPF_core_parking), ONE(PLATFORM, XENPF_get_symbol),

    ONE(SYSCTL, XEN_SYSCTL_readconsole), ONE(SYSCTL, XEN_SYSCTL_tbuf_op), ONE(SYSCTL, XEN_SYSCTL_physinfo),
    ONE(SYSCTL, XEN_SYSCTL_sched_id), ONE(SYSCTL, XEN_SYSCTL_perfc_op),
    ONE(SYSCTL, XEN_SYSCTL_getdomaininfolist), ONE(SYSCTL, XEN_SYSCTL_debug_keys),
    ONE(SYSCTL, XEN_SYSCTL_getcpuinfo), ONE(SYSCTL, XEN_SYSCTL_availheap),
    ONE(SYSCTL, XEN_SYSCTL_get_pmstat), ONE(SYSCTL, XEN_SYSCTL_cpu_hotplug),
    ONE(SYSCTL, XEN_SYSCTL_pm_op), ONE(SYSCTL, XEN_SYSCTL_page_offline_op),
    ONE(SYSCTL, XEN_SYSCTL_lockprof_op), ONE(SYSCTL, XEN_SYSCTL_cputopoinfo),
    ONE(SYSCTL, XEN_SYSCTL_numainfo), ONE(SYSCTL, XEN_SYSCTL_cpupool_op),
    ONE(SYSCTL, XEN_SYSCTL_scheduler_op), ONE(SYSCTL, XEN_SYSCTL_coverage_op),
    ONE(SYSCTL, XEN_SYSCTL_pcitopoinfo), ONE(SYSCTL, XEN_SYSCTL_get_cpu_levelling_caps),
    ONE(SYSCTL, XEN_SYSCTL_get_cpu_featureset), ONE(SYSCTL, XEN_SYSCTL_livepatch_op),
    ONE(SYSCTL, XEN_SYSCTL_get_cpu_policy),

    ONE(PHYSDEV, PHYSDEVOP_eoi), ONE(PHYSDEV, PHYSDEVOP_pirq_eoi_gmfn_v1),
    ONE(PHYSDEV, PHYSDEVOP_pirq_eoi_gmfn_v2), ONE(PHYSDEV, PHYSDEVOP_IRQ_UNMASK_NOTIFY),
    ONE(PHYSDEV, PHYSDEVOP_irq_status_query), ONE(PHYSDEV, PHYSDEVOP_map_pirq),
    ONE(PHYSDEV, PHYSDEVOP_unmap_pirq), ONE(PHYSDEV, PHYSDEVOP_apic_read),
    ONE(PHYSDEV, PHYSDEVOP_apic_write), ONE(PHYSDEV, PHYSDEVOP_alloc_irq_vector),
    ONE(PHYSDEV, PHYSDEVOP_set_iopl), ONE(PHYSDEV, PHYSDEVOP_set_iobitmap),
    ONE(PHYSDEV, PHYSDEVOP_manage_pci_add), ONE(PHYSDEV, PHYSDEVOP_manage_pci_remove),
    ONE(PHYSDEV, PHYSDEVOP_manage_pci_add_ext), ONE(PHYSDEV, PHYSDEVOP_prepare_msix),
    ONE(PHYSDEV, PHYSDEVOP_release_msix), ONE(PHYSDEV, PHYSDEVOP_pci_mmcfg_reserved),
    ONE(PHYSDEV, PHYSDEVOP_restore_msi), ONE(PHYSDEV, PHYSDEVOP_restore_msi_ext),
    ONE(PHYSDEV, PHYSDEVOP_setup_gsi), ONE(PHYSDEV, PHYSDEVOP_get_free_pirq),
    ONE(PHYSDEV, PHYSDEVOP_dbgp_op), ONE(PHYSDEV, PHYSDEVOP_pci_device_add),
    ONE(PHYSDEV, PHYSDEVOP_pci_device_remove),

    ONE(MCA, XEN_MC_fetch), ONE(MCA, XEN_MC_notifydomain), ONE(MCA, XEN_MC_physcpuinfo),

    /* Counts, lists and times: no registers, no memory's content. */
    ONE(KEY, 'A'), ONE(KEY, 'H'), ONE(KEY, 'M'), ONE(KEY, 'V'), ONE(KEY, 'a'), ONE(KEY, 'c'),
    ONE(KEY, 'e'), ONE(KEY, 'g'), ONE(KEY, 'h'), ONE(KEY, 'i'), ONE(KEY, 'm'), ONE(KEY, 'q'),
    ONE(KEY, 'r'), ONE(KEY, 's'), ONE(KEY, 't'), ONE(KEY, 'u'), ONE(KEY, 'z'),
};

static uint32_t __initdata opt_open;
static char __initdata opt_unknown[32];

/* cloister-lockdown=watch, or the rooms to open, with commas between. The console is not there yet. */
static int __init cf_check parse_lockdown(const char *s)
{
    const char *unknown = lockdown_parse(s, &opt_open);

    if ( !unknown )
        return 0;
    strlcpy(opt_unknown, unknown, sizeof(opt_unknown));
    return -EINVAL;
}
custom_param("cloister-lockdown", parse_lockdown);

static bool __ro_after_init has_bmc;

uint32_t lockdown_host_flags(void)
{
    return lockdown_flags() | (ats_enabled ? CLOISTER_INFO_ATS : 0) | (has_bmc ? CLOISTER_INFO_BMC : 0);
}

/* --- what is nobody's ---------------------------------------------------------------------------------------- */

/* Frames that no row of this machine may give, whatever a BAR, a bridge or a table of the firmware's says. */
static struct rangeset *__initdata kept;
/* The firmware says that configuration space is where memory is: its address, for Xen never to go there. */
static uint64_t __ro_after_init wrong_mmcfg;

void __init lockdown_keep(uint64_t first, uint64_t size)
{
    uint64_t last = first + size - 1 < first ? ~0ULL : first + size - 1;

    if ( kept && size && rangeset_add_range(kept, PFN_DOWN(first), PFN_DOWN(last)) )
    {
        rangeset_destroy(kept);
        kept = NULL; /* without memory for the list everything is kept */
    }
}

static bool __init is_kept(uint64_t first, uint64_t last)
{
    return !kept || last < first || rangeset_overlaps_range(kept, PFN_DOWN(first), PFN_DOWN(last));
}

/* Xen's own devices. */
static void __init keep_devices(void)
{
    kept = rangeset_new(NULL, "kept", 0);
    lockdown_keep(APIC_DEFAULT_PHYS_BASE, MB(1));
    lockdown_keep(hpet_address, hpet_address ? PAGE_SIZE : 0);
    for ( int i = 0; i < nr_ioapics; i++ )
        lockdown_keep(mp_ioapics[i].mpc_apicaddr, PAGE_SIZE);
}

/* RAM, ACPI's tables, NVS, memory that is no good. */
static bool __init is_memory(uint64_t first, uint64_t last)
{
    for ( unsigned int i = 0; i < e820.nr_map; i++ )
        if ( e820.map[i].type != E820_RESERVED && e820.map[i].addr <= last &&
             e820.map[i].addr + e820.map[i].size > first )
            return true;
    return false;
}

/* All of that; and configuration space. */
static void __init keep_memory(void)
{
    for ( unsigned int i = 0; i < e820.nr_map; i++ )
        if ( e820.map[i].type != E820_RESERVED )
            lockdown_keep(e820.map[i].addr, e820.map[i].size);
    for ( int i = 0; i < pci_mmcfg_config_num; i++ )
    {
        const struct acpi_mcfg_allocation *space = &pci_mmcfg_config[i];
        uint64_t first = space->address + ((uint64_t)space->start_bus_number << 20);
        uint64_t size = (space->end_bus_number - space->start_bus_number + 1ULL) << 20;

        if ( is_memory(first, first + size - 1) )
        {
            wrong_mmcfg = first;
            printk(XENLOG_WARNING "Cloister: the firmware puts PCI's configuration space at %#"PRIx64", into memory: "
                   "dom0 cannot have Xen use it\n", first);
        }
        if ( space->pci_segment )
            printk(XENLOG_WARNING "Cloister: PCI segment %u: none of its devices is dom0's\n",
                   space->pci_segment);
        lockdown_keep(first, size);
    }
}

/* --- rows of this machine --------------------------------------------------------------------------------- */

void __init lockdown_give_memory(uint64_t first, uint64_t size, const char *what)
{
    uint64_t last = first + size - 1, start = PFN_DOWN(first), end = PFN_DOWN(last);

    if ( !first || !size || lockdown_gives(CLOISTER_KIND_MEMORY, RW, start, end) )
        return;
    if ( is_kept(first, last) || cloister_is_firmware(first, last) )
        printk(XENLOG_WARNING "Cloister: %s at %#"PRIx64"-%#"PRIx64" is not dom0's: memory, the firmware's things or Xen's"
               " are there\n", what, first, last);
    else
        lockdown_give(CLOISTER_KIND_MEMORY, RW | CLOISTER_ACCESS_MACHINE, start, end);
}

static void __init give_block(const struct acpi_generic_address *block, unsigned int length,
                              uint32_t access)
{
    if ( block->address && length && block->space_id == ACPI_ADR_SPACE_SYSTEM_IO &&
         block->address + length <= 0x10000 )
        lockdown_give(CLOISTER_KIND_PORT, access | CLOISTER_ACCESS_MACHINE, block->address,
                      block->address + length - 1);
}

/* The firmware hands the power management events over (ACPI 6.5, 4.8.2.5): dom0 has no port to ask it by. */
static void __init acpi_enable_mode(const struct acpi_table_fadt *fadt)
{
    uint64_t control = fadt->xpm1a_control_block.address;

    if ( !fadt->smi_command || !fadt->acpi_enable || !control ||
         fadt->xpm1a_control_block.space_id != ACPI_ADR_SPACE_SYSTEM_IO || (inw(control) & SCI_EN) )
        return;
    outb(fadt->acpi_enable, fadt->smi_command);
    for ( unsigned int ms = 0; ms < ACPI_MODE_MS && !(inw(control) & SCI_EN); ms++ )
        mdelay(1);
    if ( !(inw(control) & SCI_EN) )
        printk(XENLOG_WARNING "Cloister: the firmware does not enter ACPI mode: dom0 gets no power events\n");
}

/*
 * The firmware's control structure (ACPI 6.5, 5.2.10). Linux takes the global lock there while it looks for devices,
 * whatever length it says; the ports keep its waking vector idle.
 */
static void __init give_facs(uint64_t address)
{
    struct acpi_table_facs *facs = NULL, copy = {};

    if ( !address )
        return;
    if ( !is_kept(address, address + sizeof(copy) - 1) &&
         !page_is_ram_type(PFN_DOWN(address), RAM_TYPE_CONVENTIONAL) )
        facs = acpi_os_map_memory(address, sizeof(copy));
    if ( facs )
    {
        copy = *facs;
        acpi_os_unmap_memory(facs, sizeof(copy));
    }
    if ( memcmp(copy.signature, ACPI_SIG_FACS, 4) || copy.length < sizeof(copy) )
        printk(XENLOG_WARNING "Cloister: the firmware's FACS at %#"PRIx64" is none, or has no length (%u)\n", address,
               copy.length);
    if ( !memcmp(copy.signature, ACPI_SIG_FACS, 4) )
        lockdown_give(CLOISTER_KIND_MEMORY, RW | CLOISTER_ACCESS_MACHINE, PFN_DOWN(address), PFN_DOWN(address));
}

/* Fixed hardware (ACPI 6.5, 4.8.3): status and enable registers are dom0's, control is for reading. */
static void __init acpi_start(void)
{
    const struct acpi_table_fadt *fadt = &acpi_gbl_FADT;

    if ( acpi_disabled )
        return;
    acpi_enable_mode(fadt);
    give_block(&fadt->xpm1a_event_block, fadt->pm1_event_length, RW);
    give_block(&fadt->xpm1b_event_block, fadt->pm1_event_length, RW);
    give_block(&fadt->xpm1a_control_block, fadt->pm1_control_length, R);
    give_block(&fadt->xpm1b_control_block, fadt->pm1_control_length, R);
    give_block(&fadt->xpm2_control_block, fadt->pm2_control_length, RW);
    give_block(&fadt->xgpe0_block, fadt->gpe0_block_length, RW);
    give_block(&fadt->xgpe1_block, fadt->gpe1_block_length, RW);
    give_facs(fadt->Xfacs ?: fadt->facs);
}

void __init lockdown_start(void)
{
    if ( cloister_load_options[0] )
        printk(XENLOG_WARNING "Cloister: this image has its own options; its boot entry's are not taken: %s\n",
               cloister_load_options);
    /* Xen's own options say the same. */
    if ( iommu_hwdom_reserved == 1 || iommu_hwdom_inclusive )
        opt_open |= CLOISTER_INFO_DMA_RESERVED;
    lockdown_init(opt_open, opt_open & CLOISTER_INFO_LOCKDOWN_WATCH);
    if ( *opt_unknown )
        printk(XENLOG_ERR "Cloister: cloister-lockdown= knows no '%s': it opens nothing\n", opt_unknown);
    for ( unsigned int i = 0; i < ARRAY_SIZE(rows); i++ )
        lockdown_give(rows[i].kind, rows[i].access, rows[i].first, rows[i].last);
    keep_devices();
    acpi_start();
    keep_memory();
    lockdown_pci_start();
    if ( lockdown_left_out() )
        printk(XENLOG_WARNING "Cloister: the table is full: %u ranges of this machine are not dom0's\n",
               lockdown_left_out());
    rangeset_destroy(kept);
    has_bmc = inb(KCS_STATUS_PORT) != 0xff || lockdown_pci_has_bmc();
    lockdown_seal();
    if ( lockdown_is_closed(CLOISTER_RULE_MEMORY_WRITE) && iommu_hwdom_reserved == -1 &&
         !(lockdown_flags() & CLOISTER_INFO_DMA_RESERVED) )
        iommu_hwdom_reserved = 0;
    printk("Cloister: dom0 has of the machine what the table lists%s\n",
           lockdown_flags() & CLOISTER_INFO_LOCKDOWN_WATCH ? "; it only watches" :
           lockdown_flags() & CLOISTER_INFO_LOCKDOWN ? "" : "; options have opened it");
}

/* --- dom0 ---------------------------------------------------------------------------------------------------- */

static int __init cf_check deny_ports(unsigned long first, unsigned long last, void *domain)
{
    return ioports_deny_access(domain, first, last);
}

static int __init cf_check add_range(unsigned long first, unsigned long last, void *set)
{
    return rangeset_add_range(set, first, last);
}

/* A device's firmware, or the machine's by way of it, works there (reserved memory regions of DMAR, IVRS). */
static int __init cf_check take_reserved(unsigned long first, unsigned long count, u32 id, void *set)
{
    return count ? rangeset_remove_range(set, first, first + count - 1) : 1;
}

/* Of [0, last] what no row gives to read and write. NULL: no memory. */
static struct rangeset *__init closed_ranges(enum cloister_lockdown_kind kind, unsigned long last)
{
    struct rangeset *closed = rangeset_new(NULL, "closed", 0);
    const struct cloister_lockdown_row *row;
    int rc = closed ? rangeset_add_range(closed, 0, last) : -ENOMEM;

    for ( uint32_t i = 0; !rc && (row = lockdown_row(i)); i++ )
        if ( row->kind == kind && (row->access & RW) == RW )
            rc = rangeset_remove_range(closed, row->first, row->last);
    for ( uint32_t i = 0; !rc && (row = lockdown_row(i)); i++ )
        if ( row->kind == kind && (row->access & RW) != RW )
            rc = rangeset_add_range(closed, row->first, row->last);
    if ( !rc )
        return closed;
    rangeset_destroy(closed);
    return NULL;
}

/* RAM is guarded by its owners; but the first MiB is dom0's to look at, all of it. */
static int __init leave_ram(struct rangeset *closed)
{
    int rc = 0;

    for ( unsigned int i = 0; i < e820.nr_map; i++ )
    {
        uint64_t first = max_t(uint64_t, PFN_UP(e820.map[i].addr), PFN_DOWN(MB(1)));
        uint64_t end = PFN_DOWN(e820.map[i].addr + e820.map[i].size);

        if ( e820.map[i].type == E820_RAM && first < end )
            rc |= rangeset_remove_range(closed, first, end - 1);
    }
    return rc;
}

struct rangeset *__ro_after_init lockdown_closed[CLOSED_END];

/*
 * Ports are denied even where the room is open: then each access asks. Of memory all that no row gives, and that is not
 * RAM, can be read at most: a write vanishes, and is recorded. (A mapping that fails would be the end of a PV kernel.)
 */
int __init cloister_lockdown(struct domain *d)
{
    struct rangeset *ports = closed_ranges(CLOISTER_KIND_PORT, 0xffff), *dma = rangeset_new(NULL, "dma", 0);
    struct rangeset *memory = closed_ranges(CLOISTER_KIND_MEMORY,
                                            (1UL << (paddr_bits - PAGE_SHIFT)) - 1);
    int rc = ports && memory && dma ? rangeset_report_ranges(ports, 0, 0xffff, deny_ports, d) : -ENOMEM;

    rc = rc ?: leave_ram(memory) ?: rangeset_merge(dma, memory);
    if ( !rc && lockdown_is_closed(CLOISTER_RULE_MEMORY) )
        rc = rangeset_report_ranges(memory, 0, ~0UL, add_range, mmio_ro_ranges);
    /* Who owns the first MiB the IOMMU's tables show as for other RAM. */
    rc = rc ?: rangeset_remove_range(dma, 0, PFN_DOWN(MB(1)) - 1);
    if ( !rc && iommu_get_reserved_device_memory(take_reserved, dma) < 0 )
        rc = -ENOMEM;
    lockdown_closed[CLOSED_PORTS] = ports;
    lockdown_closed[CLOSED_MEMORY] = memory;
    lockdown_closed[CLOSED_DMA] = dma;
    return rc;
}

/* --- the toolstack's operations ------------------------------------------------------------------------------ */

int cloister_platform_op(uint32_t cmd)
{
    enum cloister_lockdown_rule rule = CLOISTER_RULE_PLATFORM;

    switch ( cmd )
    {
    case XENPF_microcode_update:
#if XENPF_MICROCODE_LAST != XENPF_microcode_update
    case XENPF_MICROCODE_LAST:
#endif
        rule = CLOISTER_RULE_MICROCODE;
        break;
    case XENPF_efi_runtime_call:
        rule = CLOISTER_RULE_FIRMWARE_CALL;
        break;
    case XENPF_cpu_hotadd:
    case XENPF_mem_hotadd:
        rule = CLOISTER_RULE_HOT_ADD;
        break;
    }
    return lockdown_gives(CLOISTER_KIND_PLATFORM, RW, cmd, cmd) ? 0 : lockdown_ask(rule, cmd, 0);
}

/* Registers of the CPU itself, no port or address of dom0's choice. */
int cloister_power_state(uint8_t space, uint64_t address)
{
    return space == ACPI_ADR_SPACE_FIXED_HARDWARE
           ? 0 : lockdown_ask(CLOISTER_RULE_POWER_DATA, address, space);
}

bool cloister_key_refused(unsigned char key)
{
    return !lockdown_gives(CLOISTER_KIND_KEY, R, key, key) && lockdown_is_closed(CLOISTER_RULE_DEBUG_KEY);
}

/* The keys are looked at again when they are pressed: by then dom0 may have changed them. */
static int keys_ask(const struct xen_sysctl_debug_keys *op)
{
    char key;

    for ( uint32_t i = 0; i < op->nr_keys && !copy_from_guest_offset(&key, op->keys, i, 1); i++ )
        if ( !lockdown_gives(CLOISTER_KIND_KEY, R, key, key) )
        {
            int rc = lockdown_ask(CLOISTER_RULE_DEBUG_KEY, key, 0);

            if ( rc )
                return rc;
        }
    return 0;
}

int cloister_sysctl(const struct xen_sysctl *op)
{
    if ( op->cmd == XEN_SYSCTL_debug_keys )
        return keys_ask(&op->u.debug_keys);
    if ( op->cmd == XEN_SYSCTL_cpu_hotplug &&
         op->u.cpu_hotplug.op == XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE )
        return lockdown_ask(CLOISTER_RULE_SYSCTL, op->cmd, op->u.cpu_hotplug.op);
    return lockdown_gives(CLOISTER_KIND_SYSCTL, RW, op->cmd, op->cmd)
           ? 0 : lockdown_ask(CLOISTER_RULE_SYSCTL, op->cmd, 0);
}

int cloister_machine_check_op(uint32_t cmd)
{
    return lockdown_gives(CLOISTER_KIND_MCA, RW, cmd, cmd)
           ? 0 : lockdown_ask(CLOISTER_RULE_MACHINE_CHECK, cmd, 0);
}

int cloister_physdev_op(int cmd)
{
    if ( !is_hardware_domain(current->domain) )
        return 0;
    if ( cmd == PHYSDEVOP_pci_mmcfg_reserved && wrong_mmcfg )
        return lockdown_ask(CLOISTER_RULE_XEN_ADDRESS, wrong_mmcfg, 0);
    if ( lockdown_gives(CLOISTER_KIND_PHYSDEV, RW, cmd, cmd) )
        return 0;
    return lockdown_ask(CLOISTER_RULE_PHYSDEV, cmd, 0);
}

/* In an interrupt, where a record cannot be written: it is, as soon as nothing else runs. */
static void cf_check console_record(void *unused)
{
    if ( lockdown_refuse(NULL, CLOISTER_RULE_CONSOLE_INPUT, 0, 0) )
        printk("Cloister: the serial line's input stays dom0's\n");
}
static DECLARE_TASKLET(console_tasklet, console_record, NULL);

bool cloister_console_refused(void)
{
    tasklet_schedule(&console_tasklet);
    return lockdown_is_closed(CLOISTER_RULE_CONSOLE_INPUT);
}
