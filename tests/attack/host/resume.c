/* SPDX-License-Identifier: MIT */
/*
 * dom0 has its own code go on after the next reset: CMOS byte 0x0f says so, and 40:67 says where. Firmware that finds
 * it jumps there before it has measured anything, with a TPM that was reset.
 *
 *   resume STATUS      0x05 or 0x0a: jump; prepares it, and leaves the reset to somebody else
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>

#include <xenforeignmemory.h>

#include "report.h"
#include "xen_interface.h"

#define CODE_FRAME 0x50
#define VECTOR 0x467
#define SHUTDOWN_STATUS 0x0f

/* Real mode: writes its text to the serial port, and stays. */
static const uint8_t code[] = {0xba, 0xf8, 0x03,             /* mov dx, 0x3f8 */
                               0xbe, 0x12, 0x00,             /* mov si, 0x12 */
                               0x2e, 0xac,                   /* next: cs lodsb */
                               0x84, 0xc0, 0x74, 0x03,       /* test al, al; jz halt */
                               0xee, 0xeb, 0xf7,             /* out dx, al; jmp next */
                               0xf4, 0xeb, 0xfd,             /* halt: hlt; jmp halt */
                               '\r', '\n', 'd', 'o', 'm', '0', ' ', 'g', 'o', 'e', 's', ' ', 'o', 'n', '\r', '\n', 0};

static void put(xen_pfn_t frame, unsigned int offset, const void *data, size_t size)
{
    static xenforeignmemory_handle *memory;
    int error = 0;

    memory = memory ? memory : xenforeignmemory_open(NULL, 0);
    uint8_t *page = memory ? xenforeignmemory_map(memory, DOMID_IO, PROT_READ | PROT_WRITE, 1, &frame, &error) : NULL;
    if (!page || error) {
        report_cannot("frame %#lx of the first MiB: %s", (unsigned long)frame, strerror(error ? error : errno));
    }
    memcpy(page + offset, data, size);
    xenforeignmemory_unmap(memory, page, 1);
}

int main(int count, char **arguments)
{
    const uint16_t vector[] = {0, CODE_FRAME << 8};

    if (count != 2 || iopl(3)) {
        report_cannot("usage: resume STATUS, as root");
    }
    put(CODE_FRAME, 0, code, sizeof(code));
    put(0, VECTOR, vector, sizeof(vector));
    outb(SHUTDOWN_STATUS, 0x70);
    outb((uint8_t)strtoul(arguments[1], NULL, 0), 0x71);
    outb(SHUTDOWN_STATUS, 0x70);
    return inb(0x71) == (uint8_t)strtoul(arguments[1], NULL, 0) ? 0 : 1;
}
