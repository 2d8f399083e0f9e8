/* SPDX-License-Identifier: MIT */
/* Asking cloisterd over its socket. */
#ifndef CLOISTER_CTL_CLIENT_H
#define CLOISTER_CTL_CLIENT_H

#include <json-c/json.h>
#include <stdio.h>

/* Connects. NULL: it is not reachable, errno says why. */
FILE *client_connect(const char *socket);

/*
 * Sends `request` (released here) and reads one answer, to be released. NULL: the daemon went away
 * in the middle, or what it said is no answer; errno says why.
 */
json_object *client_ask(FILE *daemon, json_object *request);

#endif
