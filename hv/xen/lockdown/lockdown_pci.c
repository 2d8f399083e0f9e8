/* SPDX-License-Identifier: MIT */
/*
 * The table's rows that PCI makes: which functions are the chipset's, and where the others' BARs and the bridges'
 * windows are. As long as a function decodes, its BARs are in a row; a function on a root bus keeps those that the
 * firmware gave it, because no bridge above it limits what a larger one would cover.
 */
#include "lockdown/lockdown.h"

#include <xen/init.h>
#include <xen/pci.h>
#include <xen/pci_ids.h>
#include <xen/pci_regs.h>

#include <asm/cloister.h>
#include <asm/msi.h>

#include "glue/compat.h"

#define R CLOISTER_ACCESS_READ
#define W CLOISTER_ACCESS_WRITE
#define MACHINE CLOISTER_ACCESS_MACHINE
#define DECODES (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)
#define HEADER_DWORDS 16
#define BRIDGE_IO 0x1c
#define BRIDGE_MEMORY 0x20
#define BRIDGE_END 0x34 /* behind the windows' registers */
#define CLASS_ISA_BRIDGE 0x0601
#define CLASS_IPMI 0x0c07
#define VENDOR_ASPEED 0x1a03
#define EXT_CAP_REBAR 0x15
#define EXT_CAP_VF_REBAR 0x24

#define MAX_ROOT_BARS 512

static DECLARE_BITMAP(behind_bridge, LOCKDOWN_BUSES);
static DECLARE_BITMAP(seen, LOCKDOWN_BUSES * 256); /* functions that were there at boot */
static DECLARE_BITMAP(chipset, LOCKDOWN_BUSES * 256); /* of those, which have a row: dom0's to read */
static DECLARE_BITMAP(astray, LOCKDOWN_BUSES * 256); /* of those, which decoded where no row is */

/* What the firmware gave to the functions on root buses, by dword of the header. */
static struct {
    uint32_t function, index, value;
} root_bars[MAX_ROOT_BARS];
static unsigned int __ro_after_init root_bar_count;
static bool __ro_after_init has_bmc;

/* Registers 0 .. 63 of a function. */
struct header {
    uint32_t dword[HEADER_DWORDS];
};

static struct header header_read(pci_sbdf_t function)
{
    struct header header;

    for ( unsigned int i = 0; i < HEADER_DWORDS; i++ )
        header.dword[i] = pci_conf_read32(function, 4 * i);
    return header;
}

static unsigned int header_type(const struct header *header)
{
    return (header->dword[PCI_CACHE_LINE_SIZE / 4] >> 16) & 0x7f;
}

static bool is_bridge(const struct header *header)
{
    return header_type(header) == PCI_HEADER_TYPE_BRIDGE;
}

static unsigned int bar_count(const struct header *header)
{
    switch ( header_type(header) )
    {
    case PCI_HEADER_TYPE_NORMAL:
        return 6;
    case PCI_HEADER_TYPE_BRIDGE:
        return 2;
    default:
        return 0;
    }
}

static bool is_io(uint32_t bar)
{
    return (bar & PCI_BASE_ADDRESS_SPACE) == PCI_BASE_ADDRESS_SPACE_IO;
}

static bool is_64(uint32_t bar)
{
    return !is_io(bar) && (bar & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
}

/* Of memory; ROMs have no flags there. */
static uint64_t bar_address(const struct header *header, unsigned int i)
{
    uint64_t address = header->dword[i] & PCI_BASE_ADDRESS_MEM_MASK;

    return is_64(header->dword[i]) ? address | ((uint64_t)header->dword[i + 1] << 32) : address;
}

/* The bridge's windows (PCI-to-PCI bridge architecture 1.2, 3.2.5). False: closed, or at 0. */
static bool window_io(const struct header *h, uint64_t *first, uint64_t *last)
{
    uint32_t low = h->dword[BRIDGE_IO / 4], high = h->dword[PCI_IO_BASE_UPPER16 / 4];

    *first = (low & 0xf0) << 8;
    *last = (low & 0xf000) | 0xfff;
    if ( (low & 0xf) == 1 )
    {
        *first |= (uint64_t)(high & 0xffff) << 16;
        *last |= (uint64_t)(high >> 16) << 16;
    }
    return *first && *first <= *last;
}

/* i: 0, or 1 for the window of prefetchable memory. */
static bool window_memory(const struct header *h, unsigned int i, uint64_t *first, uint64_t *last)
{
    uint32_t low = h->dword[BRIDGE_MEMORY / 4 + i];

    *first = (uint64_t)(low & 0xfff0) << 16;
    *last = (low & 0xfff00000) | 0xfffff;
    if ( i && (low & 0xf) == 1 )
    {
        *first |= (uint64_t)h->dword[PCI_PREF_BASE_UPPER32 / 4] << 32;
        *last |= (uint64_t)h->dword[PCI_PREF_LIMIT_UPPER32 / 4] << 32;
    }
    return *first && *first <= *last;
}

/* --- where rows are ---------------------------------------------------------------------------------------------- */

static bool memory_is_given(uint64_t first, uint64_t last)
{
    return lockdown_gives(CLOISTER_KIND_MEMORY, R | W, PFN_DOWN(first), PFN_DOWN(last));
}

static bool bar_is_given(const struct header *header, unsigned int i)
{
    uint32_t bar = header->dword[i];
    uint64_t address = bar_address(header, i);

    if ( is_io(bar) )
        return lockdown_gives(CLOISTER_KIND_PORT, R | W, bar & 0xfffc, bar & 0xfffc);
    return memory_is_given(address, address);
}

static bool is_as_booted(pci_sbdf_t function, const struct header *header, unsigned int i)
{
    for ( unsigned int k = 0; k < root_bar_count; k++ )
        if ( root_bars[k].function == function.sbdf && root_bars[k].index == i )
            return root_bars[k].value == header->dword[i] &&
                   (!is_64(header->dword[i]) || is_as_booted(function, header, i + 1));
    return false;
}

static bool bar_may_decode(pci_sbdf_t function, const struct header *header, unsigned int i)
{
    uint64_t address = is_io(header->dword[i]) ? header->dword[i] & PCI_BASE_ADDRESS_IO_MASK
                                               : bar_address(header, i);

    if ( !address )
        return true;
    return (test_bit(function.bus, behind_bridge) || is_as_booted(function, header, i)) &&
           bar_is_given(header, i);
}

/* A ROM has no row of its own where the firmware gave it no address: then it stays off. */
static bool rom_may_decode(const struct header *header)
{
    uint32_t rom = header->dword[(is_bridge(header) ? PCI_ROM_ADDRESS1 : PCI_ROM_ADDRESS) / 4];

    return !(rom & PCI_ROM_ADDRESS_ENABLE) ||
           memory_is_given(rom & PCI_ROM_ADDRESS_MASK, rom & PCI_ROM_ADDRESS_MASK);
}

/* The function as it would be: what it decodes is where rows are. */
static bool header_is_given(pci_sbdf_t function, const struct header *header)
{
    unsigned int first = PCI_BASE_ADDRESS_0 / 4;
    uint16_t command = header->dword[PCI_COMMAND / 4];

    for ( unsigned int i = first; i < first + bar_count(header); i += 1 + is_64(header->dword[i]) )
        if ( (command & (is_io(header->dword[i]) ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)) &&
             !bar_may_decode(function, header, i) )
            return false;
    return !(command & PCI_COMMAND_MEMORY) || !bar_count(header) || rom_may_decode(header);
}

static bool windows_are_given(const struct header *next)
{
    uint64_t first, last;

    /* Firmware puts ports of the chipset into a window, too: these are nobody's, the others a device's. */
    if ( window_io(next, &first, &last) && !lockdown_gives(CLOISTER_KIND_PORT, 0, first, last) )
        return false;
    for ( unsigned int i = 0; i < 2; i++ )
        if ( window_memory(next, i, &first, &last) && !memory_is_given(first, last) )
            return false;
    return true;
}

/* --- at boot ------------------------------------------------------------------------------------------------------ */

static void __init give_ports(uint64_t first, uint64_t last)
{
    if ( first && first <= last && last <= 0xffff &&
         !lockdown_gives(CLOISTER_KIND_PORT, R | W, first, last) )
        lockdown_give(CLOISTER_KIND_PORT, R | W | MACHINE, first, last);
}

/* Sizes are found by writing, while the function decodes nothing (PCI 3.0, 6.2.5.1). */
static uint64_t __init io_bar_last(pci_sbdf_t function, unsigned int pos, uint32_t bar)
{
    uint32_t size;

    pci_conf_write32(function, pos, ~0);
    size = ~(pci_conf_read32(function, pos) & PCI_BASE_ADDRESS_IO_MASK) & 0xffff;
    pci_conf_write32(function, pos, bar);
    return (bar & PCI_BASE_ADDRESS_IO_MASK) + (uint64_t)size;
}

static void __init give_bars(pci_sbdf_t function, const struct header *header)
{
    unsigned int count = bar_count(header), rom = is_bridge(header) ? PCI_ROM_ADDRESS1 : PCI_ROM_ADDRESS;
    uint16_t command = header->dword[PCI_COMMAND / 4];
    uint64_t address, size;

    if ( !count )
        return;
    pci_conf_write16(function, PCI_COMMAND, command & ~DECODES);
    for ( unsigned int i = 0; i < count; )
    {
        unsigned int pos = PCI_BASE_ADDRESS_0 + 4 * i;
        uint32_t bar = header->dword[pos / 4];

        if ( is_io(bar) )
        {
            give_ports(bar & PCI_BASE_ADDRESS_IO_MASK, io_bar_last(function, pos, bar));
            i++;
            continue;
        }
        i += pci_size_mem_bar(function, pos, &address, &size, i == count - 1 ? PCI_BAR_LAST : 0);
        lockdown_give_memory(address, size, "a BAR");
    }
    pci_size_mem_bar(function, rom, &address, &size, PCI_BAR_ROM);
    lockdown_give_memory(address, size, "a ROM");
    pci_conf_write16(function, PCI_COMMAND, command);
}

/* Those of functions that come at run time (SR-IOV 1.1, 3.3.14). */
static void __init give_vf_bars(pci_sbdf_t function)
{
    unsigned int pos = pci_find_ext_capability(function, PCI_EXT_CAP_ID_SRIOV);
    uint16_t total = pos ? pci_conf_read16(function, pos + PCI_SRIOV_TOTAL_VF) : 0;
    uint64_t address, size;

    for ( unsigned int i = 0; total && i < PCI_SRIOV_NUM_BARS; )
    {
        unsigned int bar = pos + PCI_SRIOV_BAR + 4 * i;

        if ( is_io(pci_conf_read32(function, bar)) )
            break;
        i += pci_size_mem_bar(function, bar, &address, &size,
                              PCI_BAR_VF | (i == PCI_SRIOV_NUM_BARS - 1 ? PCI_BAR_LAST : 0));
        lockdown_give_memory(address, size * total, "a BAR of virtual functions");
    }
}

static void __init give_windows(pci_sbdf_t function, const struct header *header)
{
    uint64_t first, last;
    uint32_t buses = header->dword[PCI_PRIMARY_BUS / 4];

    if ( window_io(header, &first, &last) )
        give_ports(first, last);
    for ( unsigned int i = 0; i < 2; i++ )
        if ( window_memory(header, i, &first, &last) )
            lockdown_give_memory(first, last - first + 1, "a bridge's window");
    for ( unsigned int bus = (buses >> 8) & 0xff; bus && bus <= ((buses >> 16) & 0xff); bus++ )
        __set_bit(bus, behind_bridge);
}

static void __init remember_bars(pci_sbdf_t function, const struct header *header)
{
    unsigned int first = PCI_BASE_ADDRESS_0 / 4;

    for ( unsigned int i = first; i < first + bar_count(header) && root_bar_count < MAX_ROOT_BARS; i++ )
    {
        if ( !header->dword[i] && (i == first || !is_64(header->dword[i - 1])) )
            continue;
        root_bars[root_bar_count].function = function.sbdf;
        root_bars[root_bar_count].index = i;
        root_bars[root_bar_count++].value = header->dword[i];
    }
}

/* The chipset's, by its class; or with a header whose windows are not known here (CardBus). */
static bool is_chipset(const struct header *header)
{
    uint16_t class = header->dword[PCI_CLASS_REVISION / 4] >> 16;

    return lockdown_gives(CLOISTER_KIND_CLASS, R, class, class) ||
           header_type(header) > PCI_HEADER_TYPE_BRIDGE;
}

/* Every function that answers on a bus of the first segment. */
static void visit_bus(unsigned int bus, void (*visit)(pci_sbdf_t, const struct header *, void *), void *context)
{
    for ( unsigned int devfn = 0; devfn < 256; devfn++ )
    {
        pci_sbdf_t function = PCI_SBDF(0, bus, devfn >> 3, devfn & 7);

        if ( pci_conf_read16(function, PCI_VENDOR_ID) != 0xffff )
        {
            struct header header = header_read(function);

            visit(function, &header, context);
        }
        else if ( !(devfn & 7) )
            devfn |= 7;
    }
}

/*
 * Its ports are nobody's, whatever window or BAR they are in, too. The sizes of its BARs in memory are not asked for,
 * which would move them for a moment: a device over the first page is seen.
 */
static void __init cf_check chipset_start(pci_sbdf_t function, const struct header *header, void *unused)
{
    unsigned int first = PCI_BASE_ADDRESS_0 / 4;

    __set_bit(function.bdf, seen);
    if ( !is_chipset(header) )
        return;
    lockdown_give(CLOISTER_KIND_PCI, R | MACHINE, function.sbdf, function.sbdf);
    __set_bit(function.bdf, chipset);
    for ( unsigned int i = first; i < first + bar_count(header); i += 1 + is_64(header->dword[i]) )
        if ( !is_io(header->dword[i]) )
            lockdown_keep(bar_address(header, i), bar_address(header, i) ? PAGE_SIZE : 0);
        else if ( header->dword[i] & PCI_BASE_ADDRESS_IO_MASK )
        {
            pci_conf_write16(function, PCI_COMMAND, header->dword[PCI_COMMAND / 4] & ~PCI_COMMAND_IO);
            lockdown_give(CLOISTER_KIND_PORT, MACHINE, header->dword[i] & PCI_BASE_ADDRESS_IO_MASK,
                          io_bar_last(function, 4 * i, header->dword[i]));
            pci_conf_write16(function, PCI_COMMAND, header->dword[PCI_COMMAND / 4]);
        }
}

static void __init cf_check function_start(pci_sbdf_t function, const struct header *header, void *unused)
{
    has_bmc |= header->dword[PCI_CLASS_REVISION / 4] >> 16 == CLASS_IPMI ||
               (uint16_t)header->dword[0] == VENDOR_ASPEED;
    if ( is_chipset(header) )
        return;
    if ( is_bridge(header) )
        give_windows(function, header);
    if ( !test_bit(function.bus, behind_bridge) )
        remember_bars(function, header);
    give_bars(function, header);
    give_vf_bars(function);
}

static bool is_astray(pci_sbdf_t function, const struct header *header)
{
    return !is_chipset(header) &&
           !(header_is_given(function, header) && (!is_bridge(header) || windows_are_given(header)));
}

/* Firmware that is at odds with itself, or a table without room: dom0 can only switch such a function off. */
static void __init cf_check astray_start(pci_sbdf_t function, const struct header *header, void *unused)
{
    if ( !is_astray(function, header) )
        return;
    __set_bit(function.bdf, astray);
    printk(XENLOG_WARNING "Cloister: %pp decodes what no row gives: it is not dom0's to use\n", &function);
}

void __init lockdown_pci_start(void)
{
    static void (*const __initconstrel visits[])(pci_sbdf_t, const struct header *, void *) = {
        chipset_start, function_start, astray_start,
    };

    for ( unsigned int i = 0; i < ARRAY_SIZE(visits); i++ )
        for ( unsigned int bus = 0; bus < LOCKDOWN_BUSES; bus++ )
            visit_bus(bus, visits[i], NULL);
}

bool __init lockdown_pci_has_bmc(void)
{
    return has_bmc;
}

/* --- at run time ------------------------------------------------------------------------------------------------ */

/* What kind of BAR it is the function says, and not who writes it (PCI 3.0, 6.2.5.1). */
static void keep_types(const struct header *now, struct header *next)
{
    unsigned int first = PCI_BASE_ADDRESS_0 / 4;

    for ( unsigned int i = first; i < first + bar_count(now); i += 1 + is_64(now->dword[i]) )
    {
        uint32_t type = is_io(now->dword[i]) ? ~PCI_BASE_ADDRESS_IO_MASK : ~PCI_BASE_ADDRESS_MEM_MASK;

        next->dword[i] = (next->dword[i] & ~type) | (now->dword[i] & type);
    }
}

/* Registers by which a function decodes, or a bridge for those behind it: command, BARs, windows, ROM. */
static bool is_decoding(unsigned int reg, unsigned int size)
{
    return (reg < PCI_STATUS && reg + size > PCI_COMMAND) ||
           (reg < PCI_INTERRUPT_LINE && reg + size > PCI_BASE_ADDRESS_0);
}

static bool move_is_given(pci_sbdf_t function, unsigned int reg, unsigned int size, uint32_t data)
{
    struct header now = header_read(function), next = now;

    memcpy((uint8_t *)&next + reg, &data, size);
    keep_types(&now, &next);
    if ( is_bridge(&now) )
    {
        /* Numbers of buses stay as the firmware chose them. */
        if ( (now.dword[PCI_PRIMARY_BUS / 4] ^ next.dword[PCI_PRIMARY_BUS / 4]) & 0xffffff )
            return false;
        if ( reg + size > BRIDGE_IO && reg < BRIDGE_END && !windows_are_given(&next) )
            return false;
    }
    return header_is_given(function, &next);
}

static bool is_in(unsigned int pos, unsigned int first, unsigned int end, unsigned int reg,
                  unsigned int size)
{
    return pos && reg + size > pos + first && reg < pos + end;
}

/* Registers that change what virtual functions decode, or how large a BAR is; all where Xen cannot see which. */
static bool is_extent(pci_sbdf_t f, unsigned int reg, unsigned int size)
{
    return pci_conf_read32(f, PCI_CFG_SPACE_SIZE) == ~0U ||
           is_in(pci_find_ext_capability(f, PCI_EXT_CAP_ID_SRIOV), PCI_SRIOV_BAR,
                 PCI_SRIOV_BAR + 4 * PCI_SRIOV_NUM_BARS, reg, size) ||
           is_in(pci_find_ext_capability(f, EXT_CAP_REBAR), 8, 0x34, reg, size) ||
           is_in(pci_find_ext_capability(f, EXT_CAP_VF_REBAR), 8, 0x34, reg, size);
}

/*
 * Functions of the chipset, and those on a root bus that only show at run time: chipsets hide some. Segments other than
 * the first have not been looked at, so none of their functions is dom0's.
 */
static bool is_system(pci_sbdf_t function)
{
    return function.seg || test_bit(function.bdf, chipset) ||
           (!test_bit(function.bus, behind_bridge) && !test_bit(function.bdf, seen));
}

/*
 * Which of the interrupt controllers' old inputs a device's line reaches (Intel's ISA bridges: PIRQ[A-H]_ROUT): the
 * devices' interrupts are dom0's, and where they go from there is Xen's.
 */
static bool is_interrupt_route(pci_sbdf_t function, unsigned int reg, unsigned int size)
{
    return pci_conf_read16(function, PCI_VENDOR_ID) == PCI_VENDOR_ID_INTEL &&
           pci_conf_read16(function, PCI_CLASS_DEVICE) == CLASS_ISA_BRIDGE &&
           ((reg >= 0x60 && reg + size <= 0x64) || (reg >= 0x68 && reg + size <= 0x6c));
}

/* A driver that writes back what it has read asks for nothing. */
static bool is_same(pci_sbdf_t function, unsigned int reg, unsigned int size, uint32_t data)
{
    switch ( size )
    {
    case 1:
        return pci_conf_read8(function, reg) == (uint8_t)data;
    case 2:
        return pci_conf_read16(function, reg) == (uint16_t)data;
    default:
        return pci_conf_read32(function, reg) == data;
    }
}

/*
 * A chipset's function that dom0 could configure, or a device that is where no row is, although it was not so from the
 * start. Virtual functions do not answer here.
 */
static void cf_check audit_function(pci_sbdf_t function, const struct header *header, void *found)
{
    if ( is_chipset(header) )
        *(uint64_t *)found += test_bit(function.bdf, seen) && !is_system(function);
    else if ( !is_system(function) && !test_bit(function.bdf, astray) )
        *(uint64_t *)found += is_astray(function, header);
}

void lockdown_audit_bus(unsigned int bus, struct cloister_audit *audit)
{
    if ( lockdown_is_closed(CLOISTER_RULE_PCI_MOVE) )
        visit_bus(bus, audit_function, &audit->pci);
}

#ifdef CLOISTER_TEST
bool lockdown_test_chipset(uint32_t bdf, bool is)
{
    return is ? !test_and_set_bit(bdf, chipset) : test_and_clear_bit(bdf, chipset);
}
#endif

int cloister_pci_write(unsigned int seg, unsigned int bdf, unsigned int reg, unsigned int size,
                       uint32_t data)
{
    pci_sbdf_t function = PCI_SBDF(seg, bdf);

    if ( !is_hardware_domain(current->domain) )
        return 0;
    if ( is_system(function) )
        return is_interrupt_route(function, reg, size) ? 0 :
               is_same(function, reg, size, data) && lockdown_is_closed(CLOISTER_RULE_PCI_SYSTEM)
               ? -EPERM
               : lockdown_ask(CLOISTER_RULE_PCI_SYSTEM, ((uint64_t)function.sbdf << 16) | reg, data);
    if ( reg < sizeof(struct header) ? !is_decoding(reg, size) || move_is_given(function, reg, size, data)
                                     : reg < 256 || !is_extent(function, reg, size) )
        return 0;
    return lockdown_ask(CLOISTER_RULE_PCI_MOVE, ((uint64_t)function.sbdf << 16) | reg, data);
}

bool cloister_msix_refused(uint64_t table_bar, uint32_t table, uint64_t pba_bar, uint32_t pba,
                           unsigned int entries)
{
    uint64_t table_first = table_bar + (table & ~PCI_MSIX_BIRMASK);
    uint64_t pba_first = pba_bar + (pba & ~PCI_MSIX_BIRMASK);

    if ( !table_bar ||
         (pba_bar &&
          memory_is_given(table_first, table_first + entries * PCI_MSIX_ENTRY_SIZE - 1) &&
          memory_is_given(pba_first, pba_first + BITS_TO_LONGS(entries) * sizeof(long) - 1)) )
        return false;
    return lockdown_ask(CLOISTER_RULE_XEN_ADDRESS, table_first, pba_first);
}
