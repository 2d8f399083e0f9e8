/* SPDX-License-Identifier: MIT */
/* What dom0 may of the machine (cloister/lockdown.h), as the monitor tells it. */
#ifndef CLOISTER_HOST_LOCKDOWN_H
#define CLOISTER_HOST_LOCKDOWN_H

#include <json-c/json.h>

#include "monitor/hypercall.h"

/* The rule's name ("port-sleep"), what it refuses, what to do instead; NULL: a newer monitor's. */
const char *lockdown_rule_name(uint32_t rule);
const char *lockdown_rule_refuses(uint32_t rule);
const char *lockdown_rule_instead(uint32_t rule);

/*
 * The whole table: {"ok", "closed", "watch", "open": [option], "hash", "refused", "rules": [{"rule", "refuses", "instead",
 * "option", "open", "refused"}], "rows": [{"kind", "access", "first", "last", "machine"}]}. NULL: refused, with errno in
 * *error and the reason in *head.
 */
json_object *lockdown_view(struct hypercalls *monitor, int *error, struct cloister_head *head);

#endif
