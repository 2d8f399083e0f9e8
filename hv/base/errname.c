/* SPDX-License-Identifier: MIT */
#include "base/errname.h"

#include <stdio.h>
#include <string.h>

const char *errname(int error)
{
    static _Thread_local char number[24];
    const char *name = error ? strerrorname_np(error < 0 ? -error : error) : "OK";

    if (name)
        return name;
    snprintf(number, sizeof(number), "errno %d", error < 0 ? -error : error);
    return number;
}
