/* SPDX-License-Identifier: MIT */
/* The handlers of all routes (route.c); openapi.json describes what each takes and gives. */
#ifndef CLOISTER_SERVICE_API_H
#define CLOISTER_SERVICE_API_H

#include "server/worker.h"
#include "service/store.h"

_Static_assert(REQUEST_ID == STORE_ID_SIZE && REQUEST_ARGUMENT == STORE_POLICY_SIZE &&
                   REQUEST_DIGEST == STORE_DIGEST,
               "what a request has fits into the store");

typedef void api_handler(struct worker *worker, struct request *request);

api_handler api_attest, api_attest_result, api_challenge; /* api_attest.c, api_challenge.c */
api_handler api_enrol, api_activate;                      /* api_enrol.c */
api_handler api_ticket, api_tickets, api_ticket_delete;   /* api_tickets.c */
api_handler api_introspect;                               /* api_introspect.c */
api_handler api_hosts, api_host, api_host_delete;         /* api_hosts.c */
api_handler api_policies, api_policy, api_policy_put, api_policy_delete;   /* api_policies.c */
api_handler api_audit;                                                     /* api_audit.c */
api_handler api_jwks, api_openapi, api_health, api_metrics, api_discovery; /* api_static.c */

/* What was done. NULL: it does not matter here. */
struct api_event {
    const char *event, *host, *subject, *result, *token; /* as struct store_event has them */
};
/* Notes it for the audit, with who asked and from where; inside apply(). 0 or -EIO. */
__attribute__((warn_unused_result)) int api_note(struct db *db, struct request *request,
                                                 const struct api_event *event);

/* The host whose bearer token the request has. False: it is answered. */
__attribute__((warn_unused_result)) bool
api_authenticate(struct worker *worker, struct request *request, struct store_host *host);
/* The host's id in such a token, and SHA-256 of its secret. False: it is no token, and answered. */
__attribute__((warn_unused_result)) bool
api_host_token(struct request *request, char id[STORE_ID_SIZE], uint8_t digest[STORE_DIGEST]);
/* 401. */
void api_unknown_token(struct request *request);
void api_unknown_ticket(struct request *request);
/* Does the store know the token of this request, of which only the head is here? */
void api_look_up(struct worker *worker, struct request *request);
/* 403 to an administrator whose role is not enough; the audit notes it. */
void api_forbidden(struct worker *worker, struct request *request);

/* The query `after=ID`, hexadecimal; "": there is none. False: it is answered; `what` has the ids. */
__attribute__((warn_unused_result)) bool api_after(struct request *request, const char *what,
                                                   const char **after);

#endif
