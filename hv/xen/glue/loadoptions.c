/* SPDX-License-Identifier: MIT */
/*
 * Included into Xen's common/efi/boot.c, whose console and PE parser are for its own files: the words that a boot entry
 * gives to the image that it starts (UEFI 2.10, 3.1.3, OptionalData).
 *
 * A unified image has its configuration in a section, measured into PCR 4 and signed with the rest. Xen would take from
 * the entry, too: the name of another section of that configuration, -mapbs, and options behind "--" that go before the
 * signed ones. The entry is in PCR 1 alone, and who made it is not known. So where there is such a section the entry says
 * nothing.
 */
#include <asm/cloister.h>

char __initdata cloister_load_options[128];

static void __init cloister_ignore_options(EFI_LOADED_IMAGE *image)
{
    const CHAR16 *words = image->LoadOptions;
    UINTN count = image->LoadOptionsSize / sizeof(*words);

    if ( !count || !pe_find_section(image->ImageBase, image->ImageSize, L"config", NULL) )
        return;
    for ( UINTN i = 0; i < count && i < sizeof(cloister_load_options) - 1; i++ )
        cloister_load_options[i] = words[i] > ' ' && words[i] <= '~' ? words[i] : ' ';
    image->LoadOptionsSize = 0;
    PrintStr(L"Cloister: this image has its own options; its boot entry's are not taken\r\n");
}
