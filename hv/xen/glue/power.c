/* SPDX-License-Identifier: MIT */
/*
 * The machine's way down (monitor/machine/power.h). Xen comes through cloister_scrub() before it resets the machine, halts it or
 * switches it off: nobody else does any of these (lockdown).
 */
#include "lockdown/lockdown.h"

#include <xen/acpi.h>
#include <xen/console.h>
#include <xen/delay.h>
#include <xen/domain.h>
#include <xen/hypercall.h>
#include <xen/init.h>
#include <xen/sched.h>
#include <xen/shutdown.h>
#include <xen/smp.h>
#include <xen/watchdog.h>

#include <asm/cloister_variables.h>
#include <asm/io.h>
#include <asm/system.h>

#include "monitor/machine/mor.h"
#include "monitor/machine/power.h"
#include "monitor/core/wipe.h"

#define STOPPED_MS 10 /* after its last sign of life a CPU that was told to stop has stopped */
#define SLP_EN (1u << 13)
#define SLP_TYP_SHIFT 10
#define SLP_BITS (SLP_EN | 7u << SLP_TYP_SHIFT)

/* What tells the firmware to go on in somebody's code after a reset instead of starting the machine. */
#define CMOS_SHUTDOWN_STATUS 0x0f
#define BIOS_RESUME_VECTOR 0x467
#define BIOS_RESET_FLAG 0x472

static struct power_off __ro_after_init off;

#ifdef CLOISTER_TEST
bool power_test_keep;
#define KEEPS_SECRETS power_test_keep
#else
#define KEEPS_SECRETS false
#endif

/* --- at boot ------------------------------------------------------------------------------------------ */

int host_variable_get(const uint8_t guid[16], const char *name, uint32_t *attributes, void *data,
                      size_t *size)
{
    return cloister_variable_get(guid, name, attributes, data, size);
}

int host_variable_set(const uint8_t guid[16], const char *name, uint32_t attributes,
                      const void *data, size_t size)
{
    return cloister_variable_set(guid, name, attributes, data, size);
}

/* Looks into all tables of a kind (4.17 takes its name without const). -EINVAL: one of them lies. */
static int __init find_off(const char *signature)
{
    struct acpi_table_header *table;
    int rc = -ENOENT;

    for ( unsigned int i = 1; rc != -EINVAL && !ACPI_FAILURE(acpi_get_table((char *)signature, i, &table)); i++ )
        if ( table->length > sizeof(*table) )
            rc = power_find_off(table + 1, table->length - sizeof(*table), &off);
    return rc;
}

void __init power_init(void)
{
    if ( acpi_disabled || find_off(ACPI_SIG_DSDT) == -EINVAL || find_off(ACPI_SIG_SSDT) == -EINVAL )
        off.known = false;
    if ( !off.known )
        printk(XENLOG_WARNING "Cloister: the firmware's \\_S5_ cannot be read: the machine does not switch itself "
               "off\n");
    mor_init();
    printk("%sCloister: memory over a reset: %s (%d)\n",
           mor_status()->outcome == MOR_LOCKED ? XENLOG_INFO : XENLOG_WARNING, mor_text(), mor_status()->error);
}

/* --- the way down --------------------------------------------------------------------------------------- */

/*
 * Stacks have the secrets of whoever was interrupted. CPUs that are stopped need theirs no more; this one needs `frame`,
 * of the function that called the hook and does not return, and what is below it. (asm/current.h has the pages' order;
 * shadow stacks hold return addresses only.)
 */
static noinline void stack_scrub(unsigned int cpu, uint8_t *frame)
{
    uint8_t *base = stack_base[cpu], *below = __builtin_frame_address(0);
    uint8_t *primary = base + (PRIMARY_SHSTK_SLOT + 1) * PAGE_SIZE;
    uint8_t *end = base + STACK_SIZE - sizeof(struct cpu_info);
    bool here = frame >= base && frame < end;

    if ( !here || frame >= primary )
        wipe(base + PAGE_SIZE, (PRIMARY_SHSTK_SLOT - 1) * PAGE_SIZE);
    if ( here && frame >= primary )
    {
        below -= 512; /* of this function, and of memset() */
        if ( below > primary )
            wipe(primary, below - primary);
        primary = frame + 2 * sizeof(long); /* it has its caller's frame pointer and its return address */
    }
    if ( primary < end )
        wipe(primary, end - primary);
}

static void resume_vector_clear(void)
{
    outb(CMOS_SHUTDOWN_STATUS, 0x70);
    outb(0, 0x71);
    *(volatile uint32_t *)__va(BIOS_RESUME_VECTOR) = 0;
    *(volatile uint16_t *)__va(BIOS_RESET_FLAG) = 0;
}

/*
 * A panic can come where this CPU holds a lock. Another one that waits for it, or for an answer of this CPU, takes no
 * interrupt and never stops, and Xen waits for that for ever: whoever then presses reset must find nothing. What the
 * others do meanwhile with memory that is gone does not matter any more.
 */
void cloister_panicked(void)
{
    static bool begun;

    if ( begun || KEEPS_SECRETS )
        return;
    begun = true;
    power_scrub();
    wbinvd();
}

void cloister_scrub(void *frame)
{
    static bool begun;
    unsigned int cpu;

    /* An exception in here leads back here. */
    if ( begun )
        return;
    begun = true;
    mdelay(STOPPED_MS);
    if ( !KEEPS_SECRETS )
    {
        power_scrub();
        for ( cpu = 0; cpu < nr_cpu_ids; cpu++ )
            if ( stack_base[cpu] )
                stack_scrub(cpu, frame);
    }
    resume_vector_clear();
    wbinvd(); /* zeros that are in a cache only are lost at the reset */
}

/* Xen's own values in place of dom0's: those could be another state's. */
static void sleep_values(void)
{
    u32 control = 0;

    acpi_sinfo.sleep_extended = !acpi_sinfo.pm1a_cnt_blk.address;
    if ( acpi_sinfo.sleep_extended )
    {
        acpi_sinfo.sleep_type_a = off.pm1a;
        return;
    }
    acpi_hw_register_read(ACPI_REGISTER_PM1_CONTROL, &control);
    control &= ~SLP_BITS;
    acpi_sinfo.pm1a_cnt_val = control | off.pm1a << SLP_TYP_SHIFT | SLP_EN;
    acpi_sinfo.pm1b_cnt_val = control | off.pm1b << SLP_TYP_SHIFT | SLP_EN;
}

/* On the boot CPU, for which firmware looks. */
static long cf_check power_off(void *unused)
{
    watchdog_disable();
    console_start_sync();
    printk("Cloister: dom0 is down: clearing secrets and switching the machine off\n");
    smp_send_stop();
    cloister_scrub(__builtin_frame_address(0));
    if ( off.known )
    {
        sleep_values();
        acpi_enter_sleep_state(ACPI_STATE_S5);
    }
    printk(XENLOG_ERR "Cloister: the machine does not switch itself off: secrets are cleared, use its switch\n");
    machine_halt();
}

int cloister_sleep(struct xenpf_enter_acpi_sleep *sleep)
{
    int rc;

    if ( sleep->sleep_state == ACPI_STATE_S5 )
        return continue_hypercall_on_cpu(0, power_off, NULL);
    rc = lockdown_ask(CLOISTER_RULE_SLEEP, sleep->sleep_state, sleep->val_a);
    return rc ?: acpi_enter_sleep(sleep);
}
