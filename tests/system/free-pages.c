/* SPDX-License-Identifier: MIT */
/* Prints Xen's free memory in pages; `xl info` knows only MiB. */
#include <inttypes.h>
#include <stdio.h>
#include <xenctrl.h>

int main(void)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xc_physinfo_t info = {0};

    if (!xc || xc_physinfo(xc, &info)) {
        perror("free-pages");
        return 1;
    }
    printf("%" PRIu64 "\n", info.free_pages);
    xc_interface_close(xc);
    return 0;
}
