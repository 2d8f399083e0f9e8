/* SPDX-License-Identifier: MIT */
/* A policy's boot configurations. */
#ifndef CLOISTER_VERIFY_POLICY_BOOT_H
#define CLOISTER_VERIFY_POLICY_BOOT_H

#include "verify/json.h"

#define POLICY_LAST_PCR 15u /* those from 16 on can be reset at run time */

/* The member "boot". */
void policy_boots_take(struct json_reader *in, const char *path, json_object *value,
                       struct cloister_policy *policy);
/*
 * Once all members are known: no configuration has the record's PCR, a value that proves nothing,
 * or too few PCRs, as far as the policy does not say that it may.
 */
void policy_boots_check(struct json_reader *in, const struct cloister_policy *policy);

#endif
