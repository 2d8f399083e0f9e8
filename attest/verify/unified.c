/* SPDX-License-Identifier: MIT */
/*
 * Xen's unified image: an EFI application with the files that it boots as sections (Xen's
 * docs/misc/ efi.pandoc, "Unified Xen kernel image"). What has no section is read from the disk, or
 * taken from the boot entry, and is measured by nobody.
 */
#include <stdbool.h>
#include <string.h>

#include "verify/application.h"

#define NAME_SIZE 8u /* of a section, filled up with zeros */

/* The first section of this name with anything in it; size 0: there is none. */
static struct application_piece find(const struct application *application, const char *name)
{
    char padded[NAME_SIZE + 1] = "";

    strncpy(padded, name, NAME_SIZE);
    for (uint32_t i = 0; i < application->section_count; i++) {
        const size_t entry = application->table + i * APPLICATION_SECTION_SIZE;
        const uint32_t in_memory = application_number(application, entry + 8, 4);
        const uint32_t in_file = application_number(application, entry + 16, 4);

        if (!memcmp(application->data + entry, padded, NAME_SIZE)) {
            return (struct application_piece){application_number(application, entry + 20, 4),
                                              in_memory < in_file ? in_memory : in_file};
        }
    }
    return (struct application_piece){0, 0};
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/*
 * Does a line of the configuration set this? As Xen reads it (xen/common/efi/boot.c, pre_parse()
 * and get_value()): control characters end lines, blanks before a name count for nothing, # begins
 * a comment anywhere and ; at the start of a line. Any section of it counts.
 */
static bool sets(const char *text, size_t size, const char *name)
{
    const size_t length = strlen(name);
    bool start = true;

    for (size_t i = 0; i < size; i++) {
        if (is_control(text[i])) {
            start = true;
        } else if (start && text[i] != ' ') {
            start = false;
            if (size - i > length && !memcmp(text + i, name, length) && text[i + length] == '=') {
                return true;
            }
        }
    }
    return false;
}

const char *application_outside(const struct application *application)
{
    static const struct {
        const char *name, *section, *outside;
    } files[] = {
        {"ramdisk", ".ramdisk", "its configuration names a ramdisk that is no section of it"},
        {"xsm", ".xsm", "its configuration names an xsm policy that is no section of it"},
        {"ucode", ".ucode", "its configuration names a ucode that is no section of it"},
        {"chain", NULL, "its configuration names another one (chain)"},
    };
    const struct application_piece config = find(application, ".config");
    const char *text = (const char *)application->data + config.offset;

    if (!config.size) {
        return "it has no section .config: Xen takes its options from a file, or from its boot "
               "entry";
    }
    if (!find(application, ".kernel").size) {
        return "it has no section .kernel: Xen takes dom0's kernel from a file";
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (sets(text, config.size, files[i].name) &&
            (!files[i].section || !find(application, files[i].section).size)) {
            return files[i].outside;
        }
    }
    return NULL;
}
