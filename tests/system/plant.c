/* SPDX-License-Identifier: MIT */
/*
 * Breaks, behind the monitor's back, what the audit must find (test build only):
 *   plant reference|second-stage|iommu ENCLAVE DOMAIN on|off
 * A reference on a page of the enclave; that page in DOMAIN's second-stage or IOMMU table.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cloister/abi.h>
#include <xencall.h>

#define UNUSED_GFN 0x70000u /* of a small tenant, and above dom0's memory */
#define UNMAP UINT64_MAX
#define PAGES 4096 /* where one is looked for: the first are guard pages */

static int test_op(struct cloister_test *op)
{
    static xencall_handle *call;
    static struct cloister_test *buffer;

    if (!buffer && (call = xencall_open(NULL, 0)))
        buffer = xencall_alloc_buffer(call, sizeof(*op));

    if (!buffer)
        return -1;
    *buffer = *op;
    int rc = xencall2(call, CLOISTER_HYPERCALL, CLOISTER_OP_TEST, (uintptr_t)buffer);
    *op = *buffer;
    return rc;
}

/* A page that the enclave has. */
static uint64_t frame_of(uint32_t enclave)
{
    for (uint32_t page = 0; page < PAGES; page++) {
        struct cloister_test find = {.kind = CLOISTER_TEST_FRAME, .enclave = enclave, .page = page};

        if (!test_op(&find))
            return find.frame;
    }
    return UNMAP;
}

int main(int count, char **arguments)
{
    static const char *const kinds[] = {[CLOISTER_TEST_REFERENCE] = "reference",
                                        [CLOISTER_TEST_SECOND_STAGE] = "second-stage",
                                        [CLOISTER_TEST_IOMMU] = "iommu"};
    unsigned int kind = CLOISTER_TEST_REFERENCE;

    if (count != 5) {
        fputs("usage: plant reference|second-stage|iommu ENCLAVE DOMAIN on|off\n", stderr);
        return 2;
    }
    bool on = !strcmp(arguments[4], "on");
    uint64_t frame = frame_of((uint32_t)strtoul(arguments[2], NULL, 10));
    while (kind < CLOISTER_TEST_IOMMU && strcmp(kinds[kind], arguments[1]))
        kind++;
    if (frame == UNMAP) {
        perror("a page of the enclave");
        return 1;
    }
    struct cloister_test op = {.kind = kind, .page = on, .frame = frame};
    if (kind != CLOISTER_TEST_REFERENCE) {
        op.enclave = (uint32_t)strtoul(arguments[3], NULL, 10);
        op.page = UNUSED_GFN;
        op.frame = on ? frame : UNMAP;
    }
    if (test_op(&op)) {
        perror(arguments[1]);
        return 1;
    }
    return 0;
}
