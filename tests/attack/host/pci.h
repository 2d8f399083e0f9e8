/* SPDX-License-Identifier: MIT */
/* Configuration space through Linux: /sys/bus/pci/devices. */
#ifndef ATTACK_PCI_H
#define ATTACK_PCI_H

#include <stdbool.h>
#include <stdint.h>

/* "0000:00:1f.0" is there. */
bool pci_there(const char *function);
/* The first function with these numbers, or (vendor 0) of the class base << 8 | sub; false: none. */
bool pci_find(unsigned int vendor, unsigned int device, unsigned int class, char function[16]);
/* ~0: not readable. */
uint32_t pci_read(const char *function, unsigned int offset, unsigned int size);
bool pci_write(const char *function, unsigned int offset, unsigned int size, uint32_t value);
/* Lets the function decode its BARs, and takes a driver from it, if it has one. */
bool pci_free(const char *function);

#endif
