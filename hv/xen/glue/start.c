/* SPDX-License-Identifier: MIT */
/* How the monitor starts: after Xen has its CPUs and devices, before there is a dom0. */
#include "glue/glue.h"

#include <xen/init.h>
#include <xen/lib.h>
#include <xen/mm.h>

#include "glue/compat.h"
#include "lockdown/lockdown.h"
#include "world/world.h"

/*
 * Xen gives the first MiB to dom_io, for dom0 to map, and keeps the code in it that starts a CPU and wakes
 * the machine: who writes there runs beneath Xen. These pages become nobody's, with a count of zero.
 */
static void __init trampoline_hide(void)
{
    unsigned long last = PFN_DOWN(bootsym_phys(trampoline_end) - 1);

    for ( unsigned long mfn = PFN_DOWN(bootsym_phys(trampoline_start)); mfn <= last; mfn++ )
    {
        struct page_info *page = mfn_to_page(_mfn(mfn));

        page_set_owner(page, NULL);
        page->u.inuse.type_info = 0;
        page->count_info &= ~(PGC_allocated | PGC_count_mask);
    }
}

static void __init identity_say(void)
{
    const struct identity_status *status = identity_status();
    const struct cloister_monitor_record *record = identity_record();

    if ( status->tpm_started )
        printk("Cloister: the firmware had not started the TPM\n");
    if ( status->reason == CLOISTER_REASON_TPM_FAILED )
        printk(XENLOG_WARNING "Cloister: the TPM failed (%d, response code %#x)\n", status->error,
               status->tpm_code);
    if ( !record )
        printk(XENLOG_WARNING "Cloister: no entropy, no identity: no reports\n");
    else if ( record->pcr == CLOISTER_RECORD_NO_TPM )
        printk(XENLOG_WARNING "Cloister: identity made; no TPM vouches for it\n");
    else
        printk("Cloister: identity made, PCR %u extended%s\n", record->pcr,
               status->pcr_used ? " (it was not zero: verifiers will refuse it)" : "");
}

/* Before there is a dom0 that could do anything with the PCR. A panic's own text has room for little. */
static void __init identity_demand(void)
{
    const struct identity_status *status = identity_status();

    if ( !opt_tpm_required || (!status->reason && !status->pcr_used) )
        return;
    printk(XENLOG_ERR "Cloister: %s\n", status->reason ? cloister_reason_text(status->reason)
                                                        : "the record's PCR was used before Xen");
    printk(XENLOG_ERR "Cloister: switch the TPM on in the firmware's setup and reset the machine; with "
           "cloister-tpm=optional Xen boots, and no verifier accepts it\n");
    panic("Cloister: cloister-tpm=required, and no TPM vouches for this boot\n");
}

static void __init seal_say(void)
{
    const struct seal_status *status = seal_status();

    if ( update_key_status == -EINVAL )
        printk(XENLOG_ERR "Cloister: cloister-update-key= must stand there once, with 64 hexadecimal digits\n");
    if ( !update_key_status && status->reason != CLOISTER_REASON_TPM_ABSENT )
        printk("Cloister: the update key's statements hold from number %"PRIu64" on\n",
               be64_to_cpup((const void *)status->floor));
    if ( !status->reason )
        printk("Cloister: sealing root %s\n", status->fresh ? "made" : "read, and locked");
    else if ( status->reason != CLOISTER_REASON_TPM_ABSENT )
        printk(XENLOG_WARNING "Cloister: no sealing keys: %s (%d, response code %#x)\n",
               cloister_reason_text(status->reason), status->error, status->tpm_code);
}

static int __init cf_check cloister_start(void)
{
    bool available = world_init();
    int rc;

    machine_init();

    trampoline_hide();
    lockdown_start();
    power_init();
    rc = memory_init() ?: monitor_init();
    if ( rc )
        panic("Cloister: the monitor cannot start (%d)\n", rc);
    printk("Cloister: monitor ready, worlds by %s%s\n",
           world_ops.flag == CLOISTER_INFO_SVM ? "SVM" :
           world_ops.flag == CLOISTER_INFO_VMX ? "VMX" : "nothing",
           available ? "" : ": no enclaves on this CPU");
    identity_say();
    seal_say();
    identity_demand();
    return 0;
}
__initcall(cloister_start);
