/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "service/api.h"

bool api_after(struct request *request, const char *what, const char **after)
{
    *after = strncmp(request->query, "after=", 6) ? "" : request->query + 6;
    if ((*request->query && !**after) || strspn(*after, "0123456789abcdef") != strlen(*after)) {
        reply_error(request, 400, "bad-request", "?after=ID of %s expected", what);
        return false;
    }
    return true;
}
