/* SPDX-License-Identifier: MIT */
/*
 * dom0 calls the firmware's runtime services through Xen, and changes their code, which Xen calls (UEFI 2.10, chapter
 * 8). On hosts that booted by UEFI.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <xenforeignmemory.h>

#include "machine.h"
#include "monitor.h"
#include "report.h"
#include "ways.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/platform.h>

#define MEMORY_RUNTIME (UINT64_C(1) << 63)
#define TYPE_RUNTIME_CODE 5
#define TYPE_RUNTIME_DATA 6
#define NAME_SIZE 64

static const struct xenpf_efi_guid global = {
    0x8be4df61, 0x93ca, 0x11d2, {0xaa, 0x0d, 0, 0xe0, 0x98, 3, 0x2b, 0x8c}};
static const struct xenpf_efi_guid own = {0x5a5a5a5a, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

static struct xen_platform_op op;

static struct xenpf_efi_runtime_call *fresh(uint32_t function)
{
    memset(&op, 0, sizeof(op));
    op.cmd = XENPF_efi_runtime_call;
    op.u.efi_runtime_call.function = function;
    return &op.u.efi_runtime_call;
}

/* The firmware was called, and had no error. */
static bool call(void)
{
    long outcome = platform_op(&op);

    way_says("%s%s, firmware's status %#lx", outcome ? "-" : "",
             outcome ? errno_name(outcome) : "called", (unsigned long)op.u.efi_runtime_call.status);
    return !outcome && !op.u.efi_runtime_call.status;
}

static uint16_t *variable_name(const char *name)
{
    uint16_t *wide = hyper_memory(NAME_SIZE * sizeof(*wide));

    for (unsigned int i = 0; name[i] && i < NAME_SIZE - 1; i++) {
        wide[i] = name[i];
    }
    return wide;
}

static bool get_time(void)
{
    fresh(XEN_EFI_get_time);
    return call();
}

static bool get_variable(void)
{
    struct xenpf_efi_runtime_call *efi = fresh(XEN_EFI_get_variable);

    set_xen_guest_handle_raw(efi->u.get_variable.name, variable_name("BootOrder"));
    set_xen_guest_handle_raw(efi->u.get_variable.data, hyper_memory(4096));
    efi->u.get_variable.size = 4096;
    efi->u.get_variable.vendor_guid = global;
    return call();
}

static bool set_variable(const char *name, struct xenpf_efi_guid guid, const void *data,
                         uint64_t size)
{
    struct xenpf_efi_runtime_call *efi = fresh(XEN_EFI_set_variable);
    uint8_t *copy = hyper_memory(4096);

    memcpy(copy, data, size);
    set_xen_guest_handle_raw(efi->u.set_variable.name, variable_name(name));
    set_xen_guest_handle_raw(efi->u.set_variable.data, copy);
    efi->u.set_variable.size = size;
    efi->u.set_variable.vendor_guid = guid;
    efi->misc = XEN_EFI_VARIABLE_NON_VOLATILE | XEN_EFI_VARIABLE_BOOTSERVICE_ACCESS |
                XEN_EFI_VARIABLE_RUNTIME_ACCESS;
    return call();
}

static bool set_own(void)
{
    bool done = set_variable("CloisterTest", own, "anything", 8);

    return done && set_variable("CloisterTest", own, "", 0);
}

/* What the firmware starts before any boot loader, and without a word of it in PCR 4. */
static bool set_driver(void)
{
    /* A load option (UEFI 2.10, 3.1.3): not active, of the name "x", with an empty path; the firmware takes no other. */
    static const uint8_t option[] = {0, 0, 0, 0, 4, 0, 'x', 0, 0, 0, 0x7f, 0xff, 4, 0};
    bool done = set_variable("Driver7FFF", global, option, sizeof(option));

    return done && set_variable("Driver7FFF", global, "", 0);
}

static bool set_time(void)
{
    struct xenpf_efi_runtime_call *efi = fresh(XEN_EFI_get_time);

    if (!call()) {
        return false;
    }
    struct xenpf_efi_time now = efi->u.get_time.time;
    fresh(XEN_EFI_set_time)->u.set_time = now;
    return call();
}

static bool capsule(void)
{
    fresh(XEN_EFI_query_capsule_capabilities);
    return way_asked(platform_op(&op)) && platform_op(&op) != -EOPNOTSUPP;
}

/* A page of the firmware's that stays in use, and has a zero at its end. */
static bool change(uint32_t type)
{
    xenforeignmemory_handle *memory = xenforeignmemory_open(NULL, 0);
    uint64_t next = 0;

    way_says("no memory of this kind");
    for (unsigned int i = 0; memory && i < 512; i++) {
        memset(&op, 0, sizeof(op));
        op.cmd = XENPF_firmware_info;
        op.u.firmware_info.type = XEN_FW_EFI_INFO;
        op.u.firmware_info.index = XEN_FW_EFI_MEM_INFO;
        op.u.firmware_info.u.efi_info.mem.addr = next;
        op.u.firmware_info.u.efi_info.mem.size = ~UINT64_C(0);
        if (platform_op(&op)) {
            next += 4096;
            continue;
        }
        uint64_t start = op.u.firmware_info.u.efi_info.mem.addr,
                 size = op.u.firmware_info.u.efi_info.mem.size;
        next = start + size;
        if (op.u.firmware_info.u.efi_info.mem.type != type ||
            !(op.u.firmware_info.u.efi_info.mem.attr & MEMORY_RUNTIME)) {
            continue;
        }
        for (xen_pfn_t frame = start >> 12; frame < (start + size) >> 12; frame++) {
            int error = 0;
            volatile uint32_t *page =
                xenforeignmemory_map(memory, DOMID_IO, PROT_READ | PROT_WRITE, 1, &frame, &error);
            if (!page || error) {
                way_says("frame %#lx: %s", (unsigned long)frame, errno_name(error ? error : errno));
                return false;
            }
            if (page[1023]) {
                xenforeignmemory_unmap(memory, (void *)page, 1);
                continue;
            }
            page[1023] = 1;
            bool done = page[1023] == 1;
            page[1023] = 0;
            way_says("frame %#lx %s", (unsigned long)frame, done ? "written" : "not written");
            xenforeignmemory_unmap(memory, (void *)page, 1);
            return done;
        }
    }
    return false;
}

static bool change_code(void)
{
    return change(TYPE_RUNTIME_CODE);
}

static bool change_data(void)
{
    return change(TYPE_RUNTIME_DATA);
}

static bool need_info(void)
{
    memset(&op, 0, sizeof(op));
    op.cmd = XENPF_firmware_info;
    op.u.firmware_info.type = XEN_FW_EFI_INFO;
    op.u.firmware_info.index = XEN_FW_EFI_VERSION;
    return way_outcome(platform_op(&op));
}

static const struct way ways[] = {
    {"firmware-get-time", get_time, false},
    {"firmware-set-time", set_time, false},
    {"firmware-get-variable", get_variable, false},
    {"firmware-set-variable", set_own, false},
    {"firmware-set-driver", set_driver, false},
    {"firmware-capsule", capsule, false},
    {"firmware-code", change_code, false},
    {"firmware-data", change_data, false},
    {0},
};

static const struct need needs[] = {{"the firmware's version", need_info}, {0}};

int main(int count, char **arguments)
{
    return ways_main(count, arguments, ways, needs);
}
