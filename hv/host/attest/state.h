/* SPDX-License-Identifier: MIT */
/*
 * What the host remembers of its attestation service: a folder that is root's alone, each file 0600
 * and replaced as a whole.
 *
 *   enrolment.json  where the host is enrolled, and its bearer token
 *   pending.json    an enrolment whose last answer has not come yet: what must be asked again
 *   token           the attestation token as it came, for who shows it to others
 *   last.json       what became of the last attempt
 *   lock            held while one of these is changed
 */
#ifndef CLOISTER_ATTEST_STATE_H
#define CLOISTER_ATTEST_STATE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#define STATE_FOLDER "/var/lib/cloister-attest"
#define STATE_PATH 256u
#define STATE_WHY 512u

#define STATE_ENROLMENT "enrolment.json"
#define STATE_PENDING "pending.json"
#define STATE_TOKEN "token"
#define STATE_LAST "last.json"

/*
 * The folder is made where there is none. False after `why`: it cannot be, or others than its owner
 * can look into it.
 */
__attribute__((warn_unused_result)) bool state_open(const char *folder, char why[STATE_WHY]);
/* Waits until nobody else changes anything. The descriptor to close; -1 after `why`. */
__attribute__((warn_unused_result)) int state_lock(char why[STATE_WHY]);

/* An object; NULL: there is no such file, and `why` is "", or it cannot be read. */
json_object *state_read(const char *name, char why[STATE_WHY]);
/* False after `why`. */
__attribute__((warn_unused_result)) bool state_write(const char *name, const char *text,
                                                     char why[STATE_WHY]);
__attribute__((warn_unused_result)) bool state_write_json(const char *name, json_object *object,
                                                          char why[STATE_WHY]);
void state_remove(const char *name);

/* A member; "" and 0 where there is none. */
const char *state_text(json_object *object, const char *key);
int64_t state_number(json_object *object, const char *key);
void state_add(json_object *object, const char *key, const char *text);

#endif
