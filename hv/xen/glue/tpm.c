/* SPDX-License-Identifier: MIT */
/* Where the TPM is, and how its registers are reached (monitor/core/host.h); at boot only. */
#include "glue/glue.h"

#include <xen/acpi.h>
#include <xen/delay.h>
#include <xen/init.h>
#include <xen/pfn.h>
#include <xen/softirq.h>
#include <xen/vmap.h>

#include <asm/io.h>

#include "monitor/tpm/tpm.h"

#define TPM_MAPPINGS 3

/* TCG ACPI specification 1.3, 8: the table TPM2, revision 4. Later fields are not needed. */
struct acpi_table_tpm2_head {
    struct acpi_table_header header;
    uint16_t platform_class;
    uint16_t reserved;
    uint64_t control_area;
    uint32_t start_method;
} __packed;
#define START_TIS 6
#define START_CRB 7

static struct {
    uint64_t address;
    uint32_t size;
    uint8_t __iomem *virtual;
} mappings[TPM_MAPPINGS];
static unsigned int mapped;

bool host_tpm_place(struct tpm_place *place)
{
    struct acpi_table_header *header;
    const struct acpi_table_tpm2_head *table;

    /* Without a table there may be a TPM all the same: one look at its registers tells. */
    *place = (struct tpm_place){ .address = TPM_BASE };
    if ( acpi_disabled || ACPI_FAILURE(acpi_get_table("TPM2", 0, &header)) )
        return true;
    table = container_of(header, const struct acpi_table_tpm2_head, header);
    if ( header->length < sizeof(*table) )
        return false;
    if ( table->start_method == START_CRB )
        *place = (struct tpm_place){ .crb = true, .address = table->control_area };
    else if ( table->start_method != START_TIS )
    {
        printk(XENLOG_WARNING "Cloister: the TPM is started by method %u, which is not supported\n",
               table->start_method);
        return false;
    }
    return true;
}

int host_mmio_map(uint64_t address, uint32_t size)
{
    unsigned long first = PFN_DOWN(address), last = PFN_DOWN(address + size - 1);
    uint8_t __iomem *virtual;

    if ( mapped == TPM_MAPPINGS || address + size < address )
        return -ENXIO;
    virtual = ioremap((paddr_t)first << PAGE_SHIFT, (last - first + 1) << PAGE_SHIFT);
    if ( !virtual )
        return -ENXIO;
    mappings[mapped].address = address;
    mappings[mapped].size = size;
    mappings[mapped++].virtual = virtual + (address & (PAGE_SIZE - 1));
    return 0;
}

static void __iomem *find(uint64_t address, unsigned int size)
{
    for ( unsigned int i = 0; i < mapped; i++ )
        if ( address >= mappings[i].address &&
             address - mappings[i].address + size <= mappings[i].size )
            return mappings[i].virtual + (address - mappings[i].address);
    host_panic("a TPM register that is not mapped");
}

uint8_t host_mmio_read8(uint64_t address)
{
    return readb(find(address, 1));
}

uint32_t host_mmio_read32(uint64_t address)
{
    return readl(find(address, 4));
}

void host_mmio_write8(uint64_t address, uint8_t value)
{
    writeb(value, find(address, 1));
}

void host_mmio_write32(uint64_t address, uint32_t value)
{
    writel(value, find(address, 4));
}

void host_pause(void)
{
    process_pending_softirqs();
    udelay(100);
}
