/* SPDX-License-Identifier: MIT */
/*
 * The table of what dom0 may of the machine (cloister/lockdown.h): rows that give, rules that refuse.
 *
 * Two states: *open for rows*, while the machine starts and before there is a dom0; and *sealed*, for ever.
 * Invariant: once sealed no row changes, so that rows are read without a lock; counters are shared (count.h).
 */
#ifndef CLOISTER_MONITOR_LOCKDOWN_H
#define CLOISTER_MONITOR_LOCKDOWN_H

#include "core/tenant.h"

#define LOCKDOWN_MAX_ROWS 512u

/*
 * What cloister-lockdown= says (cloister/lockdown.h), words with commas between: adds CLOISTER_INFO_* of its rooms, and
 * LOCKDOWN_WATCH for the word "watch", to *open. Returns where the first word stands that is none of these and not empty
 * (it opens nothing, the others do what they say), or NULL.
 */
const char *lockdown_parse(const char *text, uint32_t *open);
/* Begins an empty table. `open`: CLOISTER_INFO_* of the rooms that are open; `watch`: nothing is refused. */
void lockdown_init(uint32_t open, bool watch);
/* Gives [first, last]. Beyond LOCKDOWN_MAX_ROWS rows nothing more is given: the closed answer. */
void lockdown_give(enum cloister_lockdown_kind kind, uint32_t access, uint64_t first,
                   uint64_t last);
/* How many rows had no room. */
uint32_t lockdown_left_out(void);
/* No more rows; makes the hash over those that every machine has, and over what is open. */
void lockdown_seal(void);

/* Row `index` of the table, rules first; NULL: there are no more. */
const struct cloister_lockdown_row *lockdown_row(uint32_t index);
/*
 * Does a single row give all of [first, last], with this access, and takes no row any of it? Where rows overlap the one
 * with less access holds; one without any says that something is nobody's. `access` 0: does a row name all of it?
 */
bool lockdown_gives(enum cloister_lockdown_kind kind, uint32_t access, uint64_t first,
                    uint64_t last);
/*
 * The table does not give what `actor` (NULL: nobody that is known) asks for: counts and records it. 0: let it pass all
 * the same, because the rule's room is open or the table only watches; -EPERM.
 */
MUST_USE int lockdown_refuse(struct tenant *actor, enum cloister_lockdown_rule rule,
                             uint64_t address, uint64_t value);
/* The same question without counting or recording: would it be refused? */
bool lockdown_is_closed(enum cloister_lockdown_rule rule);

/* CLOISTER_INFO_* of the rooms that are open, LOCKDOWN_WATCH, or LOCKDOWN if nothing is open. */
uint32_t lockdown_flags(void);
const uint8_t *lockdown_hash(void);
/* The operation of abi.h, with its errors. */
MUST_USE int lockdown_list(struct cloister_lockdown *op);

#endif
