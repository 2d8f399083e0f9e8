// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A hostile kernel's powers for user programs: door.h. Only for tests. */
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/memblock.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include <asm/msr.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/interface/grant_table.h>
#include <xen/interface/xen.h>
#include <xen/xen.h>

#include "door.h"
#include "pattern.h"

#define ENTRY_FLAGS (_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_NX)

static struct page *slots[DOOR_SLOTS];
static DEFINE_MUTEX(lock);

/* --- hypercalls ------------------------------------------------------------------------------- */

static long do_hypercall(struct door_hypercall *door)
{
    const __u64 *a = door->argument;

    if (door->number >= 64)
        return -EINVAL;
    door->result = privcmd_call(door->number, a[0], a[1], a[2], a[3], a[4]);
    return 0;
}

/* --- physical memory -------------------------------------------------------------------------- */

static void scan_hit(struct door_scan *scan, __u64 frame)
{
    if (!scan->found++)
        scan->at = frame;
}

static void scan_memory(struct door_scan *scan, __u64 frame, __u64 first)
{
    static __u64 copy[PATTERN_WORDS]; /* never holds the whole pattern unless it is found */
    const __u64 *page = page_address(pfn_to_page(frame));
    unsigned int i;

    scan->memory++;
    for (i = 0; i < PATTERN_PAGE_WORDS; i += PATTERN_WORDS) {
        if (copy_from_kernel_nofault(copy, page + i, sizeof(copy[0]))) {
            scan->memory--;
            scan->unmapped++;
            return;
        }
        if (copy[0] == first && pattern_at(page + i, scan->seed)) {
            scan_hit(scan, frame);
            return;
        }
    }
}

static void scan_other(struct door_scan *scan, __u64 frame, __u64 first)
{
    void __iomem *page = ioremap(frame << PAGE_SHIFT, PAGE_SIZE);

    if (!page) {
        scan->unmapped++;
        return;
    }
    scan->other++;
    if (readq(page) == first)
        scan_hit(scan, frame);
    iounmap(page);
}

static long do_scan(struct door_scan *scan)
{
    __u64 first = pattern_word(scan->seed, 0);
    __u64 frame;

    scan->memory = scan->other = scan->unmapped = scan->found = 0;
    for (frame = scan->first; frame < scan->first + scan->count; frame++) {
        if (pfn_valid(frame) && page_is_ram(frame))
            scan_memory(scan, frame, first);
        else if (!scan->step || frame % scan->step == 0)
            scan_other(scan, frame, first);
        if (frame % 256 == 0) {
            cond_resched();
            if (fatal_signal_pending(current))
                return -EINTR;
        }
    }
    return 0;
}

/* --- pages of our own --------------------------------------------------------------------------- */

static long do_page(struct door_page *door)
{
    void *page;

    if (door->slot >= DOOR_SLOTS)
        return -EINVAL;
    if (!slots[door->slot])
        slots[door->slot] = alloc_page(GFP_KERNEL | __GFP_ZERO);
    if (!slots[door->slot])
        return -ENOMEM;
    page = page_address(slots[door->slot]);
    if (door->write)
        memcpy(page, door->data, PAGE_SIZE);
    else
        memcpy(door->data, page, PAGE_SIZE);
    door->frame = xen_pv_domain() ? pfn_to_mfn(page_to_pfn(slots[door->slot]))
                                  : page_to_pfn(slots[door->slot]);
    return 0;
}

/* --- page tables of a PV kernel -------------------------------------------------------------------- */

#define ENTRIES 64

/* Pages of vmalloc whose mappings are replaced for a while, and what a multicall for them needs. */
static struct {
    void *pages;
    __u64 address[ENTRIES]; /* machine address of each page's entry */
    __u64 original[ENTRIES];
    struct mmu_update update[ENTRIES];
    struct multicall_entry call[ENTRIES];
} area;

static long area_open(void)
{
    unsigned int i, level;
    pte_t *pte;

    if (!xen_pv_domain())
        return -ENODEV;
    if (area.pages)
        return 0;
    area.pages = vzalloc(ENTRIES * PAGE_SIZE);
    if (!area.pages)
        return -ENOMEM;
    for (i = 0; i < ENTRIES; i++) {
        pte = lookup_address((unsigned long)area.pages + i * PAGE_SIZE, &level);
        if (!pte || level != PG_LEVEL_4K) {
            vfree(area.pages);
            area.pages = NULL;
            return -EFAULT;
        }
        area.address[i] = arbitrary_virt_to_machine(pte).maddr;
        area.original[i] = pte->pte;
    }
    return 0;
}

static void area_prepare(unsigned int i, __u64 value, unsigned int command, unsigned int domain)
{
    area.update[i] = (struct mmu_update){.ptr = area.address[i] | command, .val = value};
    area.call[i] = (struct multicall_entry){.op = __HYPERVISOR_mmu_update,
                                            .args = {(unsigned long)&area.update[i], 1, 0, domain}};
}

static void area_flush(void)
{
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    HYPERVISOR_mmuext_op(&flush, 1, NULL, DOMID_SELF);
}

/*
 * Maps `count` frames from `first` on, one try each; `look` sees the pages that could be mapped, and the
 * original mappings come back. results[i] is what Xen said. Preemption would make one flush too few.
 */
static long area_try(__u64 first, unsigned int count, unsigned int command, unsigned int domain,
                     __s64 *results, void (*look)(__u64 frame, const void *page, void *context),
                     void *context)
{
    bool bad = false;
    unsigned int i;
    long rc;

    preempt_disable();
    for (i = 0; i < count; i++)
        area_prepare(i, (first + i) << PAGE_SHIFT | ENTRY_FLAGS, command, domain);
    rc = HYPERVISOR_multicall(area.call, count);
    area_flush();
    for (i = 0; !rc && i < count; i++) {
        results[i] = area.call[i].result;
        if (!results[i])
            look(first + i, area.pages + i * PAGE_SIZE, context);
        area_prepare(i, area.original[i], MMU_NORMAL_PT_UPDATE, DOMID_SELF);
    }
    if (!rc) {
        rc = HYPERVISOR_multicall(area.call, count);
        for (i = 0; i < count; i++)
            bad = bad || area.call[i].result;
        area_flush();
    }
    preempt_enable();
    if (bad)
        pr_err("attack_door: a mapping cannot be restored\n");
    return rc;
}

static void look_copy(__u64 frame, const void *page, void *context)
{
    copy_from_kernel_nofault(context, page, 64);
}

static long do_entry(struct door_entry *door)
{
    long rc = area_open();

    memset(door->data, 0, sizeof(door->data));
    return rc ? rc
              : area_try(door->frame, 1, door->command & 3, door->domain, &door->result, look_copy,
                         door->data);
}

static void look_search(__u64 frame, const void *page, void *context)
{
    struct door_entries *door = context;

    if (pattern_in_page(page, door->seed, pattern_word(door->seed, 0)) && !door->found++)
        door->at = frame;
}

static long do_entries(struct door_entries *door)
{
    static __s64 results[ENTRIES];
    __u64 frame, last = door->first + door->count;
    long rc = area_open();
    unsigned int i, count;

    door->mapped = door->refused = door->found = 0;
    for (frame = door->first; !rc && frame < last; frame += count) {
        count = min_t(__u64, ENTRIES, last - frame);
        rc = area_try(frame, count, door->command & 3, door->domain, results, look_search, door);
        for (i = 0; i < count; i++) {
            door->mapped += !results[i];
            door->refused += !!results[i];
        }
        cond_resched();
        if (fatal_signal_pending(current))
            rc = -EINTR;
    }
    return rc;
}

/* --- the caller's flags ------------------------------------------------------------------------------ */

static long do_flags(struct door_flags *door)
{
    struct pt_regs *regs = task_pt_regs(current);

    regs->flags = (regs->flags & ~door->clear) | door->set;
    return 0;
}

/* --- the grant table ---------------------------------------------------------------------------------- */

/* Not exported: found through a probe, which knows every symbol. */
static void *symbol(const char *name)
{
    struct kprobe probe = {.symbol_name = "kallsyms_lookup_name"};
    unsigned long (*lookup)(const char *);

    if (register_kprobe(&probe))
        return NULL;
    lookup = (void *)probe.addr;
    unregister_kprobe(&probe);
    return (void *)lookup(name);
}

static long do_grant(struct door_grant *door)
{
    static struct grant_entry_v1 **table;
    struct grant_entry_v1 *entry;
    static unsigned int *frames;

    if (!table)
        table = symbol("gnttab_shared");
    if (!frames)
        frames = symbol("nr_grant_frames");
    if (!table || !frames)
        return -ENOSYS;
    if (door->reference >= *frames * (PAGE_SIZE / sizeof(**table)))
        return -ERANGE;
    entry = *table + door->reference;
    if (door->write) {
        entry->domid = door->domain;
        entry->frame = door->frame;
        wmb();
        entry->flags = door->flags;
    }
    door->flags = entry->flags;
    door->domain = entry->domid;
    door->frame = entry->frame;
    return 0;
}

/* --- physical addresses that are no memory -------------------------------------------------------------- */

static long do_poke(struct door_poke *door)
{
    void __iomem *page = ioremap(door->address & PAGE_MASK, PAGE_SIZE);
    void __iomem *word = page + (door->address & ~PAGE_MASK);

    door->mapped = !!page;
    if (!page)
        return 0;
    door->before = readl(word);
    writel(door->before ^ door->bits, word);
    door->got = readl(word);
    if (door->got != door->before)
        writel(door->before, word);
    iounmap(page);
    return 0;
}

/* --- registers of the CPU ------------------------------------------------------------------------------- */

static long do_msr(struct door_msr *door)
{
    door->result = door->write ? wrmsrl_safe(door->index, door->value)
                               : rdmsrl_safe(door->index, &door->value);
    return 0;
}

/* --- the device ------------------------------------------------------------------------------------------ */

union door_any {
    struct door_hypercall hypercall;
    struct door_scan scan;
    struct door_page page;
    struct door_entry entry;
    struct door_entries entries;
    struct door_flags flags;
    struct door_grant grant;
    struct door_msr msr;
    struct door_poke poke;
};

static long serve(unsigned int command, union door_any *any)
{
    switch (command) {
    case DOOR_HYPERCALL:
        return do_hypercall(&any->hypercall);
    case DOOR_SCAN:
        return do_scan(&any->scan);
    case DOOR_PAGE:
        return do_page(&any->page);
    case DOOR_ENTRY:
        return do_entry(&any->entry);
    case DOOR_ENTRIES:
        return do_entries(&any->entries);
    case DOOR_FLAGS:
        return do_flags(&any->flags);
    case DOOR_GRANT:
        return do_grant(&any->grant);
    case DOOR_MSR:
        return do_msr(&any->msr);
    case DOOR_POKE:
        return do_poke(&any->poke);
    default:
        return -ENOTTY;
    }
}

static long door_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
    size_t size = _IOC_SIZE(command);
    union door_any *any;
    long rc = -EFAULT;

    if (_IOC_TYPE(command) != 'a' || size > sizeof(*any))
        return -ENOTTY;
    any = kzalloc(sizeof(*any), GFP_KERNEL);
    if (!any)
        return -ENOMEM;
    mutex_lock(&lock);
    if (!copy_from_user(any, (void __user *)argument, size)) {
        rc = serve(command, any);
        if (!rc && copy_to_user((void __user *)argument, any, size))
            rc = -EFAULT;
    }
    mutex_unlock(&lock);
    kfree_sensitive(any);
    return rc;
}

static const struct file_operations operations = {
    .owner = THIS_MODULE,
    .unlocked_ioctl = door_ioctl,
};

static struct miscdevice device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = "attack",
    .fops = &operations,
    .mode = 0600,
};

static int __init door_init(void)
{
    return misc_register(&device);
}

static void __exit door_exit(void)
{
    unsigned int i;

    misc_deregister(&device);
    vfree(area.pages);
    for (i = 0; i < DOOR_SLOTS; i++)
        if (slots[i])
            __free_page(slots[i]);
}

module_init(door_init);
module_exit(door_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Cloister's attack suite: a hostile kernel's powers, for tests only");
