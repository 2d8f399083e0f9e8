/* SPDX-License-Identifier: MIT */
#include "server/route.h"

#include <stdio.h>
#include <string.h>

static bool allowed(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool matches(const char *pattern, const char *path, struct request *request)
{
    const char *hole = strstr(pattern, "{id}");
    size_t head = hole ? (size_t)(hole - pattern) : 0, length;

    if (!hole) {
        return !strcmp(pattern, path);
    }
    if (strncmp(pattern, path, head)) {
        return false;
    }
    length = strlen(path + head);
    if (length < 1 || length >= sizeof(request->argument)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!allowed(path[head + i])) {
            return false;
        }
    }
    strcpy(request->argument, path + head);
    return true;
}

static void add_method(char allow[ROUTE_ALLOW], const char *name)
{
    size_t used = strlen(allow);

    snprintf(allow + used, ROUTE_ALLOW - used, "%s%s", used ? ", " : "", name);
}

const struct route *route_find(enum route_method method, const char *path, struct request *request,
                               bool *other, char allow[ROUTE_ALLOW])
{
    static const char *const names[] = {"GET, HEAD", "PUT", "POST", "DELETE"};
    const struct route *found = NULL;
    bool whole = false; /* a path without a hole is this one: /v1/hosts/enrol is no host */

    *other = false;
    allow[0] = 0;
    for (size_t i = 0; i < server_routes.count; i++) {
        bool hole = strchr(server_routes.list[i].path, '{') != NULL;

        if ((hole && whole) || !matches(server_routes.list[i].path, path, request)) {
            continue;
        }
        whole = whole || !hole;
        add_method(allow, names[server_routes.list[i].method]);
        if (server_routes.list[i].method == method) {
            found = &server_routes.list[i];
        }
    }
    if (*allow) {
        add_method(allow, "OPTIONS");
    }
    *other = !found && *allow;
    return found;
}
