/* SPDX-License-Identifier: MIT */
/*
 * Included into Xen's common/efi/runtime.c, whose way into the firmware is for its own file: the firmware's variables
 * (monitor/core/host.h). They are used while Xen starts, before there is a dom0, and by dom0's requests about boot entries
 * (monitor/machine/bootorder.h). By then the firmware's code must still be what it was: it lies in EFI_MEMORY_RUNTIME regions,
 * which are no RAM in Xen's map, so that dom0 can at most read them (cloister_lockdown()) and its devices, too (Xen maps
 * what is read-only for dom0 read-only for them); no row of the table gives a page of them (cloister_is_firmware()).
 * efi_rs_enter() takes Xen's lock, as for its own calls of the firmware, saves the FPU, and lets interrupts come, in whose
 * wake nothing is scheduled; a firmware that faults takes Xen with it, as in every Xen that calls it.
 */
#include <asm/cloister_variables.h>

#define VARIABLE_NAME 64

static int variable_error(EFI_STATUS status)
{
    switch ( status )
    {
    case EFI_SUCCESS:
        return 0;
    case EFI_NOT_FOUND:
        return -ENOENT;
    case EFI_BUFFER_TOO_SMALL:
        return -E2BIG;
    case EFI_ACCESS_DENIED:
    case EFI_WRITE_PROTECTED:
    case EFI_SECURITY_VIOLATION:
        return -EPERM;
    case EFI_INVALID_PARAMETER:
        return -EINVAL;
    case EFI_OUT_OF_RESOURCES:
        return -ENOMEM;
    case EFI_UNSUPPORTED:
        return -EOPNOTSUPP;
    default:
        return -EIO;
    }
}

/* The firmware has its names in UCS-2. False: it has no runtime services, or the name has no room. */
static bool variable_named(const char *name, CHAR16 wide[VARIABLE_NAME])
{
    unsigned int i = 0;

    do {
        if ( i == VARIABLE_NAME )
            return false;
        wide[i] = name[i];
    } while ( name[i++] );
    return efi_enabled(EFI_RS);
}

int cloister_variable_get(const uint8_t guid[16], const char *name, uint32_t *attributes, void *data,
                          size_t *size)
{
    CHAR16 wide[VARIABLE_NAME];
    EFI_STATUS status = EFI_UNSUPPORTED;
    UINTN room = *size;

    if ( variable_named(name, wide) )
    {
        struct efi_rs_state state = efi_rs_enter();

        if ( state.cr3 )
            status = efi_rs->GetVariable(wide, (EFI_GUID *)guid, attributes, &room, data);
        efi_rs_leave(&state);
    }
    *size = room;
    return variable_error(status);
}

int cloister_variable_set(const uint8_t guid[16], const char *name, uint32_t attributes,
                          const void *data, size_t size)
{
    CHAR16 wide[VARIABLE_NAME];
    EFI_STATUS status = EFI_UNSUPPORTED;

    if ( variable_named(name, wide) )
    {
        struct efi_rs_state state = efi_rs_enter();

        if ( state.cr3 )
            status = efi_rs->SetVariable(wide, (EFI_GUID *)guid, attributes, size, (void *)data);
        efi_rs_leave(&state);
    }
    return variable_error(status);
}

bool cloister_is_firmware(uint64_t first, uint64_t last)
{
    for ( UINTN i = 0; i < efi_memmap_size; i += efi_mdesc_size )
    {
        const EFI_MEMORY_DESCRIPTOR *desc = efi_memmap + i;

        if ( (desc->Attribute & EFI_MEMORY_RUNTIME) && desc->Type != EfiMemoryMappedIO &&
             desc->Type != EfiMemoryMappedIOPortSpace && desc->PhysicalStart <= last &&
             desc->PhysicalStart + (desc->NumberOfPages << EFI_PAGE_SHIFT) > first )
            return true;
    }
    return false;
}
