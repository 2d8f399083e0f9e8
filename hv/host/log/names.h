/* SPDX-License-Identifier: MIT */
/*
 * Names and UUIDs by domain id, for the trace: the thread that follows the domains writes, the
 * thread that writes the log reads. A domain that has gone stays known for a while, because its last
 * records come after it. Thread-safe; bounded: the longest unused entry makes room.
 */
#ifndef CLOISTER_HOST_NAMES_H
#define CLOISTER_HOST_NAMES_H

#include <json-c/json.h>

#include "log/record.h"

void names_set(uint16_t domain, const char *name, const char *uuid);
/* A domain's name as it is kept: whole, or cut between two characters. */
void names_fit(char kept[RECORD_NAME], const char *name);
/* Empty names where nothing is known. */
void names_get(uint16_t domain, struct record_names *names);

/* A domain's name, as any bytes: what is no UTF-8 becomes U+FFFD. The rest is JSON's to escape. */
json_object *names_view(const char *name);

#endif
