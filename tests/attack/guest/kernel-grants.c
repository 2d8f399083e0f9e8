/* SPDX-License-Identifier: MIT */
/*
 * The tenant's kernel looks for the secret through all of its grants, and ends the grants of the shared
 * window while the enclave uses it: kernel-grants H0 H1 SEED CONTROL-SEED REF...
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "call.h"
#include "door_client.h"
#include "pattern.h"
#include "report.h"
#include "xen_interface.h"

#define SPARE_REFERENCE 500 /* beyond what a small guest uses */

static gnttab_copy_t *copy;

/* Copies what a grant of our own names into a page of our own. GNTST_*. */
static int copy_grant(uint32_t reference, uint64_t target)
{
    *copy = (gnttab_copy_t){.source = {.u.ref = reference, .domid = DOMID_SELF},
                            .dest = {.u.gmfn = target, .domid = DOMID_SELF},
                            .len = 4096,
                            .flags = GNTCOPY_source_gref};
    long rc =
        kernel_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uintptr_t)copy, 1, 0, 0);
    return rc ? (int)rc : copy->status;
}

static bool page_has(unsigned int slot, uint64_t seed)
{
    static struct door_page page;

    page = (struct door_page){.slot = slot};
    door_must(DOOR_PAGE, &page);
    return pattern_in_page((pattern_t *)page.data, seed, pattern_word(seed, 0));
}

static struct door_grant grant_read(uint32_t reference)
{
    struct door_grant grant = {.reference = reference};

    if (door_call(DOOR_GRANT, &grant)) {
        grant.frame = 0;
        grant.flags = 0;
        grant.reference = UINT32_MAX;
    }
    return grant;
}

static void grant_write(struct door_grant grant)
{
    grant.write = 1;
    door_must(DOOR_GRANT, &grant);
}

int main(int count, char **arguments)
{
    if (count < 6) {
        return 2;
    }
    struct handle handle = handle_of(arguments + 1);
    uint64_t seed = strtoull(arguments[3], NULL, 16), control = strtoull(arguments[4], NULL, 16);
    uint64_t target = door_pattern_page(0, 0), own = door_pattern_page(1, control);
    unsigned int seen = 0, found = 0, self = 0;
    uint64_t value[2];

    copy =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    memset(copy, 0, 4096);
    /* The control: a grant to ourselves of a page of our own. Our own domain id is what dom0 grants to;
     * the copy of a grant by its owner needs the entry to name him: the suite tells nothing, so ask. */
    uint16_t us = strtoul(arguments[5], NULL, 0);
    struct door_grant spare = {
        .reference = SPARE_REFERENCE, .flags = GTF_permit_access, .domain = us, .frame = own};
    grant_write(spare);
    int status = copy_grant(SPARE_REFERENCE, target);
    report_control(status == GNTST_okay && page_has(0, control),
                   "the pattern through a grant of a page of its own: %d", status);

    for (uint32_t reference = 0; reference < 100000; reference++) {
        struct door_grant grant = grant_read(reference);
        if (grant.reference == UINT32_MAX) {
            break;
        }
        if (!(grant.flags & GTF_type_mask) || reference == SPARE_REFERENCE) {
            continue;
        }
        seen++;
        /* The same page, granted to ourselves. */
        spare.frame = grant.frame;
        grant_write(spare);
        self += copy_grant(SPARE_REFERENCE, target) == GNTST_okay;
        found += page_has(0, seed);
    }
    report_try(!found && seen, "the secret in %u of %u granted pages (%u could be read)", found,
               seen, self);
    spare.flags = 0;
    spare.frame = 0;
    grant_write(spare);

    for (int i = 6; i < count; i++) {
        uint32_t reference = strtoul(arguments[i], NULL, 10);
        struct door_grant grant = grant_read(reference), ended = grant;

        ended.flags = 0;
        grant_write(ended);
        long outcome = victim_call(handle, 0, VICTIM_PEEK, (uint64_t)(i - 6) * 4096, value);
        report_try(!outcome, "the window's grant %u ended by force: the enclave still reads it",
                   reference);
        /* Something else in its place, which the enclave must not get. */
        ended.flags = GTF_permit_access;
        ended.domain = 0;
        ended.frame = own;
        grant_write(ended);
        outcome = victim_call(handle, 0, VICTIM_PEEK, (uint64_t)(i - 6) * 4096, value);
        report_try(!outcome && value[0] != pattern_word(control, 0),
                   "another page under the same grant: the enclave still sees the first");
        grant_write(grant);
    }
    door_pattern_page(1, 0);
    return report_end();
}
