/* SPDX-License-Identifier: MIT */
/* A trace record as members of a log line: every field by name, numbers beside their names. */
#ifndef CLOISTER_HOST_RECORD_H
#define CLOISTER_HOST_RECORD_H

#include "cloister/abi.h"
#include "log/line.h"

#define RECORD_NAME                                                                                \
    512u /* bytes of a domain's name with its zero; a longer one is cut, and ends with "..." */

/* Who a domain is, as far as the host knows; both may be empty. */
struct record_names {
    char name[RECORD_NAME];
    char uuid[40];
};

/*
 * Writes all of `record` but its sequence (chainlog_record has written that). `actor` and `target`
 * name record->domain and record->target.
 */
void record_write(struct line *line, const struct cloister_trace_record *record,
                  const struct record_names *actor, const struct record_names *target);

/* "CREATE" for CLOISTER_OP_CREATE; NULL if there is no such operation. */
const char *record_op_name(uint32_t op);

#endif
