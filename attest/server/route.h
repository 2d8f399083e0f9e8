/* SPDX-License-Identifier: MIT */
/* What can be asked: one table of methods, paths, who may, how large, and who answers. */
#ifndef CLOISTER_SERVICE_ROUTE_H
#define CLOISTER_SERVICE_ROUTE_H

#include "server/request.h"

enum route_method { ROUTE_GET, ROUTE_PUT, ROUTE_POST, ROUTE_DELETE };

enum route_who {
    WHO_ANYBODY,
    WHO_HOST,          /* bearer token of a host */
    WHO_TICKET,        /* bearer token: an enrolment ticket */
    WHO_ADMINISTRATOR, /* client certificate */
};

struct route {
    enum route_method method;
    const char *path; /* "{id}" stands for 1 to 64 letters, digits, '.', '_', '-' */
    enum route_who who;
    enum role role; /* that an administrator needs; ROLE_NONE for others */
    size_t most;    /* bytes of body */
    void (*handle)(struct worker *worker, struct request *request);
    bool now;    /* answered by the event thread: it waits for nothing */
    bool begins; /* another request shall follow: see has_room() in http.c */
};

/* What the service above has: it defines this one, and the linker finds it. */
struct routes {
    const struct route *list;
    size_t count;
    /* Does the store know the token of this request, of which only the head is here? */
    void (*look_up)(struct worker *worker, struct request *request);
    /* Refuses an administrator whose role is not enough. */
    void (*forbidden)(struct worker *worker, struct request *request);
};
extern const struct routes server_routes;

/*
 * The route, with request->argument set; NULL: 404, or, if *other, 405. `allow` gets the methods
 * that the path knows, as the header Allow has them (RFC 9110, 10.2.1); "" if it knows none.
 */
#define ROUTE_ALLOW 64u
const struct route *route_find(enum route_method method, const char *path, struct request *request,
                               bool *other, char allow[ROUTE_ALLOW]);

#endif
