/* SPDX-License-Identifier: MIT */
/* What the socket's commands answer, but trace, which is control.c's, and attestation.h's. */
#ifndef CLOISTER_HOST_COMMANDS_H
#define CLOISTER_HOST_COMMANDS_H

#include <json-c/json.h>

#include "settings/config.h"
#include "monitor/hypercall.h"

void commands_initialise(const struct config *config, struct hypercalls *monitor);

/* The answer to `request`, to be released by the caller; never NULL but without memory. */
json_object *commands_answer(const char *command, json_object *request);

#endif
