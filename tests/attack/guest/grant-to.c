/* SPDX-License-Identifier: MIT */
/* Grants one page to a domain, says its reference, and keeps it until standard input ends: grant-to DOMID */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xen/gntalloc.h>

int main(int count, char **arguments)
{
    struct ioctl_gntalloc_alloc_gref alloc = {
        .domid = count > 1 ? atoi(arguments[1]) : 0, .flags = GNTALLOC_FLAG_WRITABLE, .count = 1};
    int file = open("/dev/xen/gntalloc", O_RDWR);
    char byte;

    if (file < 0 || ioctl(file, IOCTL_GNTALLOC_ALLOC_GREF, &alloc)) {
        perror("gntalloc");
        return 1;
    }
    printf("%u\n", alloc.gref_ids[0]);
    fflush(stdout);
    while (read(0, &byte, 1) > 0) {
    }
    return 0;
}
