/* SPDX-License-Identifier: MIT */
/* What can be asked of the attestation service. */
#include "server/route.h"
#include "service/api.h"

#define KIB 1024u

static const struct route list[] = {
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

const struct routes server_routes = {list, sizeof(list) / sizeof(list[0]), api_look_up,
                                     api_forbidden};
