/* SPDX-License-Identifier: MIT */
#include "server/route.h"

#include <stdio.h>
#include <string.h>

#include "service/api.h"

#define KIB 1024u

static const struct route routes[] = {
    {ROUTE_POST, "/v1/attest", WHO_HOST, ROLE_NONE, 384 * KIB, api_attest, false, false},
    {ROUTE_POST, "/v1/challenge", WHO_HOST, ROLE_NONE, 1 * KIB, api_challenge, false, true},
    {ROUTE_GET, "/v1/attest/{id}", WHO_HOST, ROLE_NONE, 0, api_attest_result, false, false},
    {ROUTE_POST, "/v1/hosts/enrol", WHO_TICKET, ROLE_NONE, 16 * KIB, api_enrol, false, true},
    {ROUTE_POST, "/v1/hosts/activate", WHO_ANYBODY, ROLE_NONE, 4 * KIB, api_activate, false, false},
    {ROUTE_POST, "/v1/tickets", WHO_ADMINISTRATOR, ROLE_OPERATOR, 1 * KIB, api_ticket, false,
     false},
    {ROUTE_GET, "/v1/tickets", WHO_ADMINISTRATOR, ROLE_VIEWER, 0, api_tickets, false, false},
    {ROUTE_DELETE, "/v1/tickets/{id}", WHO_ADMINISTRATOR, ROLE_OPERATOR, 0, api_ticket_delete,
     false, false},
    {ROUTE_POST, "/v1/introspect", WHO_ADMINISTRATOR, ROLE_RELYING_PARTY, 64 * KIB, api_introspect,
     false, false},
    {ROUTE_GET, "/v1/hosts", WHO_ADMINISTRATOR, ROLE_VIEWER, 0, api_hosts, false, false},
    {ROUTE_GET, "/v1/hosts/{id}", WHO_ADMINISTRATOR, ROLE_VIEWER, 0, api_host, false, false},
    {ROUTE_DELETE, "/v1/hosts/{id}", WHO_ADMINISTRATOR, ROLE_OPERATOR, 0, api_host_delete, false,
     false},
    {ROUTE_GET, "/v1/policies", WHO_ADMINISTRATOR, ROLE_VIEWER, 0, api_policies, false, false},
    {ROUTE_GET, "/v1/policies/{id}", WHO_ADMINISTRATOR, ROLE_VIEWER, 0, api_policy, false, false},
    {ROUTE_PUT, "/v1/policies/{id}", WHO_ADMINISTRATOR, ROLE_ADMIN, 384 * KIB, api_policy_put,
     false, false},
    {ROUTE_DELETE, "/v1/policies/{id}", WHO_ADMINISTRATOR, ROLE_ADMIN, 0, api_policy_delete, false,
     false},
    {ROUTE_GET, "/v1/audit", WHO_ADMINISTRATOR, ROLE_VIEWER, 0, api_audit, false, false},
    {ROUTE_GET, "/v1/jwks.json", WHO_ANYBODY, ROLE_NONE, 0, api_jwks, true, false},
    {ROUTE_GET, "/v1/openapi.json", WHO_ANYBODY, ROLE_NONE, 0, api_openapi, true, false},
    {ROUTE_GET, "/v1/health", WHO_ANYBODY, ROLE_NONE, 0, api_health, true, false},
    {ROUTE_GET, "/v1/metrics", WHO_ADMINISTRATOR, ROLE_VIEWER, 0, api_metrics, true, false},
    {ROUTE_GET, "/.well-known/openid-configuration", WHO_ANYBODY, ROLE_NONE, 0, api_discovery, true,
     false},
};

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
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        bool hole = strchr(routes[i].path, '{') != NULL;

        if ((hole && whole) || !matches(routes[i].path, path, request)) {
            continue;
        }
        whole = whole || !hole;
        add_method(allow, names[routes[i].method]);
        if (routes[i].method == method) {
            found = &routes[i];
        }
    }
    if (*allow) {
        add_method(allow, "OPTIONS");
    }
    *other = !found && *allow;
    return found;
}
