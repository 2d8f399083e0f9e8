/* SPDX-License-Identifier: MIT */
/* dom0's accesses to ports, memory and CPU registers that its permissions do not have. */
#include "lockdown/lockdown.h"

#include <xen/acpi.h>
#include <xen/bitmap.h>
#include <xen/iocap.h>
#include <xen/mm.h>
#include <xen/rangeset.h>

#include <asm/cloister.h>
#include <asm/e820.h>
#include <asm/io.h>
#include <asm/mc146818rtc.h>
#include <asm/msr.h>
#include <asm/paging.h>
#include <asm/pv/domain.h>

#include "../../pv/mm.h"

#define R CLOISTER_ACCESS_READ
#define W CLOISTER_ACCESS_WRITE

/* --- ports ------------------------------------------------------------------------------------------------------ */

#define KEYBOARD_COMMAND 0x64
#define SLEEP_BITS 0x3c           /* SLP_TYP, SLP_EN in the second byte (ACPI 6.5, 4.8.3.2.1) */

static uint32_t port_in(unsigned int port, unsigned int bytes)
{
    return bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);
}

static void port_out(unsigned int port, unsigned int bytes, uint32_t data)
{
    if ( bytes == 1 )
        outb(data, port);
    else if ( bytes == 2 )
        outw(data, port);
    else
        outl(data, port);
}

/* Those that Xen keeps for itself on every machine, or emulates. */
static bool is_xens(unsigned int port)
{
    return (port & ~1U) == 0x20 || (port & ~1U) == 0xa0 || (port & ~3U) == 0x40 || port == 0x61 ||
           (port & ~1U) == RTC_PORT(0) || ((port & ~7U) == 0xcf8 && port != 0xcf9) ||
           (pmtmr_ioport && (port & ~3U) == pmtmr_ioport);
}

static bool is_control_block(const struct acpi_generic_address *block, unsigned int port,
                             unsigned int bytes)
{
    return block->address && port < block->address + 2 && port + bytes > block->address;
}

static bool is_sleep_control(unsigned int port, unsigned int bytes)
{
    return is_control_block(&acpi_gbl_FADT.xpm1a_control_block, port, bytes) ||
           is_control_block(&acpi_gbl_FADT.xpm1b_control_block, port, bytes);
}

static bool covers(unsigned int port, unsigned int bytes, uint64_t wanted)
{
    return port <= wanted && port + bytes > wanted;
}

static enum cloister_lockdown_rule rule_of(unsigned int port, unsigned int bytes)
{
    const struct acpi_generic_address *reset = &acpi_gbl_FADT.reset_register;

    if ( is_sleep_control(port, bytes) )
        return CLOISTER_RULE_PORT_SLEEP;
    if ( covers(port, bytes, 0xcf9) || covers(port, bytes, 0x92) ||
         covers(port, bytes, KEYBOARD_COMMAND) ||
         (reset->space_id == ACPI_ADR_SPACE_SYSTEM_IO && covers(port, bytes, reset->address)) )
        return CLOISTER_RULE_PORT_RESET;
    if ( acpi_gbl_FADT.smi_command && covers(port, bytes, acpi_gbl_FADT.smi_command) )
        return CLOISTER_RULE_PORT_SMI;
    return CLOISTER_RULE_PORT;
}

/*
 * Xen looks a port up in a list of ranges, of which the table makes many. dom0's are kept by bit, too, from its first access
 * on, until the toolstack changes them.
 */
static DECLARE_BITMAP(ports, 0x10000);
static bool ports_changed;

static int cf_check mark_ports(unsigned long first, unsigned long last, void *unused)
{
    bitmap_set(ports, first, last - first + 1);
    return 0;
}

void cloister_ports_change(const struct domain *d)
{
    if ( d == hardware_domain )
        ACCESS_ONCE(ports_changed) = true;
}

bool cloister_ports_permitted(const struct domain *d, unsigned int first, unsigned int last)
{
    static bool marked;

    if ( d != hardware_domain || ACCESS_ONCE(ports_changed) )
        return ioports_access_permitted(d, first, last);
    if ( unlikely(!ACCESS_ONCE(marked)) )
    {
        rangeset_report_ranges(d->arch.ioport_caps, 0, 0xffff, mark_ports, NULL);
        smp_wmb();
        ACCESS_ONCE(marked) = true;
    }
    while ( first < last && test_bit(first, ports) )
        first++;
    return test_bit(first, ports);
}

bool cloister_port_read(unsigned int port, unsigned int bytes, uint32_t *data)
{
    unsigned int last = port + bytes - 1;

    if ( !is_hardware_domain(current->domain) || is_xens(port) || is_xens(last) ||
         lockdown_gives(CLOISTER_KIND_PORT, R | W, port, last) )
        return false;
    if ( lockdown_gives(CLOISTER_KIND_PORT, R, port, last) ||
         !lockdown_ask(rule_of(port, bytes), port, ~0ULL) )
        *data = port_in(port, bytes);
    else
        *data = ~0;
    return true;
}

/* Commands of the keyboard controller that have to do with keyboards: none for its output port, whose lines are the
 * CPU's reset and address line 20. */
static bool is_keyboard_command(uint32_t command)
{
    switch ( command )
    {
    case 0x20: /* read and write its configuration */
    case 0x60:
    case 0xa7 ... 0xab: /* auxiliary device off, on, test; self test, keyboard test */
    case 0xad ... 0xae: /* keyboard off, on */
    case 0xc0:
    case 0xd0: /* read ports */
    case 0xd2 ... 0xd4: /* write keyboard's and auxiliary device's buffers, and the device */
        return true;
    }
    return false;
}

/* What may be written to a port that is dom0's for reading. */
static bool is_harmless(unsigned int port, unsigned int bytes, uint32_t data)
{
    if ( port == KEYBOARD_COMMAND && bytes == 1 )
        return is_keyboard_command(data);
    if ( !is_sleep_control(port, bytes) ||
         !lockdown_gives(CLOISTER_KIND_PORT, R, port, port + bytes - 1) )
        return lockdown_gives(CLOISTER_KIND_PORT, W, port, port + bytes - 1);
    /* Only what it does not change: drivers write back what they have read. */
    return bytes == 2 && !(((port_in(port, 2) ^ data) >> 8) & SLEEP_BITS);
}

bool cloister_port_write(unsigned int port, unsigned int bytes, uint32_t data)
{
    unsigned int last = port + bytes - 1;

    if ( bytes < 4 )
        data &= (1U << (8 * bytes)) - 1;
    if ( !is_hardware_domain(current->domain) || is_xens(port) || is_xens(last) ||
         lockdown_gives(CLOISTER_KIND_PORT, R | W, port, last) )
        return false;
    if ( is_harmless(port, bytes, data) || !lockdown_ask(rule_of(port, bytes), port, data) )
        port_out(port, bytes, data);
    return true;
}

/* The clock and its century are dom0's; what a firmware reads at a reset is not. */
bool cloister_cmos_refused(unsigned int index, unsigned int data)
{
    index &= 0x7f;
    if ( !is_hardware_domain(current->domain) || index <= RTC_REG_D ||
         index == (acpi_gbl_FADT.century ?: 0x32) )
        return false;
    return lockdown_ask(index == 0xf ? CLOISTER_RULE_CMOS_RESUME : CLOISTER_RULE_PORT,
                        RTC_PORT(1), (index << 8) | (data & 0xff));
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

static enum cloister_lockdown_rule rule_of_frame(unsigned long mfn)
{
    for ( unsigned int i = 0; i < e820.nr_map; i++ )
        if ( mfn >= PFN_DOWN(e820.map[i].addr) &&
             mfn < PFN_UP(e820.map[i].addr + e820.map[i].size) )
            return CLOISTER_RULE_MEMORY_WRITE;
    return CLOISTER_RULE_MEMORY;
}

static int write_ask(unsigned long mfn)
{
    return lockdown_gives(CLOISTER_KIND_MEMORY, W, mfn, mfn)
           ? 0 : lockdown_ask(rule_of_frame(mfn), pfn_to_paddr(mfn), 0);
}

void cloister_kernel_write(unsigned long mfn)
{
    if ( write_ask(mfn) )
        return; /* recorded; Xen's emulation drops it */
}

/* A kernel's write vanishes; a program's ends in #GP, so that it learns of it. */
bool cloister_user_write(unsigned long address, const struct cpu_user_regs *regs)
{
    const struct vcpu *v = current;
    l1_pgentry_t entry;

    if ( !is_hardware_domain(v->domain) || !is_pv_vcpu(v) || guest_kernel_mode(v, regs) ||
         (regs->error_code & (PFEC_page_present | PFEC_write_access)) !=
             (PFEC_page_present | PFEC_write_access) )
        return false;
    entry = guest_get_eff_kern_l1e(address);
    if ( (l1e_get_flags(entry) & (_PAGE_PRESENT | _PAGE_RW)) != _PAGE_PRESENT ||
         !rangeset_contains_singleton(mmio_ro_ranges, l1e_get_pfn(entry)) ||
         !write_ask(l1e_get_pfn(entry)) )
        return false;
    pv_inject_hw_exception(X86_EXC_GP, 0);
    return true;
}

void cloister_memory_map(const struct domain *d, unsigned long mfn, bool write)
{
    if ( write && d == hardware_domain && system_state >= SYS_STATE_active &&
         (lockdown_flags() & CLOISTER_INFO_LOCKDOWN_WATCH) && write_ask(mfn) )
        ASSERT_UNREACHABLE(); /* it only watches */
}

/* --- CPU registers ---------------------------------------------------------------------------------------------- */

/* Those that Xen would hand on to the CPU for dom0. All others are Xen's own, or virtual. */
bool cloister_msr_refused(uint32_t msr, uint64_t value)
{
    uint64_t now;

    if ( !is_hardware_domain(current->domain) )
        return false;
    switch ( msr )
    {
    case MSR_K7_FID_VID_STATUS:
    case MSR_K7_FID_VID_CTL:
    case MSR_K8_PSTATE_LIMIT ... MSR_K8_PSTATE7:
    case MSR_K8_HWCR:
    case MSR_AMD64_NB_CFG:
    case MSR_FAM10H_MMIO_CONF_BASE:
    case MSR_IA32_MPERF:
    case MSR_IA32_APERF:
    case MSR_IA32_THERM_CONTROL:
    case MSR_IA32_ENERGY_PERF_BIAS:
        return (rdmsr_safe(msr, now) || now != value) && lockdown_ask(CLOISTER_RULE_MSR, msr, value);
    }
    return false;
}
