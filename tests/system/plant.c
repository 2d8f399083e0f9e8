/* SPDX-License-Identifier: MIT */
/*
 * Breaks, behind the monitor's back, what the audit must find (test build only):
 *   plant reference|second-stage|iommu ENCLAVE DOMAIN on|off
 *   plant port|memory|dma|pci|bar WHAT on|off|VALUE
 * A reference on a page of the enclave; that page in DOMAIN's second-stage or IOMMU table. Of the
 * machine: a port for dom0; a frame that dom0 can write; a frame for its devices; a function of the
 * chipset for it to configure; VALUE into a function's first BAR: prints what stood there.
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

struct kind {
    const char *name;
    uint32_t kind;
};

static const struct kind *find(const struct kind *kinds, const char *name)
{
    while (kinds->name && strcmp(kinds->name, name))
        kinds++;
    return kinds->name ? kinds : NULL;
}

static int plant(struct cloister_test *op, const char *name)
{
    if (!test_op(op))
        return 0;
    perror(name);
    return 1;
}

static int plant_enclave(uint32_t kind, char **arguments)
{
    bool on = !strcmp(arguments[4], "on");
    uint64_t frame = frame_of((uint32_t)strtoul(arguments[2], NULL, 10));

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
    return plant(&op, arguments[1]);
}

static int plant_machine(uint32_t kind, char **arguments)
{
    bool off = !strcmp(arguments[3], "off");
    uint32_t what = (uint32_t)strtoul(arguments[2], NULL, 0);
    struct cloister_test op = {.kind = kind, .page = what, .frame = off ? UNMAP : what};

    if (kind == CLOISTER_TEST_IOMMU)
        op.page = UNUSED_GFN;
    if (kind == CLOISTER_TEST_BAR)
        op.frame = strtoul(arguments[3], NULL, 0);
    int status = plant(&op, arguments[1]);
    if (!status && kind == CLOISTER_TEST_BAR)
        printf("%#llx\n", (unsigned long long)op.frame);
    return status;
}

int main(int count, char **arguments)
{
    static const struct kind enclaves[] = {{"reference", CLOISTER_TEST_REFERENCE},
                                           {"second-stage", CLOISTER_TEST_SECOND_STAGE},
                                           {"iommu", CLOISTER_TEST_IOMMU},
                                           {NULL, 0}};
    static const struct kind machine[] = {
        {"port", CLOISTER_TEST_PORT}, {"memory", CLOISTER_TEST_MEMORY},
        {"dma", CLOISTER_TEST_IOMMU}, {"pci", CLOISTER_TEST_PCI},
        {"bar", CLOISTER_TEST_BAR},   {NULL, 0}};
    const struct kind *kind;

    if (count == 5 && (kind = find(enclaves, arguments[1])))
        return plant_enclave(kind->kind, arguments);
    if (count == 4 && (kind = find(machine, arguments[1])))
        return plant_machine(kind->kind, arguments);
    fputs("usage: plant reference|second-stage|iommu ENCLAVE DOMAIN on|off\n"
          "       plant port|memory|dma|pci|bar WHAT on|off|VALUE\n",
          stderr);
    return 2;
}
