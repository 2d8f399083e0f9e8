/* SPDX-License-Identifier: MIT */
#include "pci.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/sys/bus/pci/devices/"
#define COMMAND 4
#define COMMAND_MEMORY 2
#define CLASS 10

static void path_of(char path[128], const char *function, const char *file)
{
    snprintf(path, 128, FOLDER "%s/%s", function, file);
}

static int config(const char *function, int flags)
{
    char path[128];

    path_of(path, function, "config");
    return open(path, flags);
}

bool pci_there(const char *function)
{
    return pci_read(function, 0, 2) != UINT32_MAX;
}

uint32_t pci_read(const char *function, unsigned int offset, unsigned int size)
{
    uint32_t value = 0;
    int file = config(function, O_RDONLY);

    if (file < 0 || pread(file, &value, size, offset) != (ssize_t)size) {
        value = UINT32_MAX;
    }
    if (file >= 0) {
        close(file);
    }
    return value;
}

bool pci_write(const char *function, unsigned int offset, unsigned int size, uint32_t value)
{
    int file = config(function, O_RDWR);
    bool done = file >= 0 && pwrite(file, &value, size, offset) == (ssize_t)size;

    if (file >= 0) {
        close(file);
    }
    return done;
}

bool pci_find(unsigned int vendor, unsigned int device, unsigned int class, char function[16])
{
    bool found = false;
    glob_t names;

    if (glob(FOLDER "*", 0, NULL, &names)) {
        return false;
    }
    for (size_t i = 0; i < names.gl_pathc && !found; i++) {
        const char *name = names.gl_pathv[i] + strlen(FOLDER);
        found = vendor ? pci_read(name, 0, 2) == vendor && pci_read(name, 2, 2) == device
                       : pci_read(name, CLASS, 2) == class;
        if (found) {
            snprintf(function, 16, "%s", name);
        }
    }
    globfree(&names);
    return found;
}

static void write_word(const char *path, const char *word)
{
    int file = open(path, O_WRONLY);

    if (file >= 0) {
        if (write(file, word, strlen(word)) < 0) {
            perror(path);
        }
        close(file);
    }
}

bool pci_free(const char *function)
{
    char path[128];

    path_of(path, function, "driver/unbind");
    if (!access(path, F_OK)) {
        write_word(path, function);
    }
    return pci_write(function, COMMAND, 2, pci_read(function, COMMAND, 2) | COMMAND_MEMORY);
}
