/* SPDX-License-Identifier: MIT */
/*
 * Takes the members of a JSON object as a policy says they must be. The first that is wrong is told
 * in `why`; afterwards `rc` is set and everything else does nothing.
 */
#ifndef CLOISTER_VERIFY_JSON_H
#define CLOISTER_VERIFY_JSON_H

#include <json-c/json.h>

#include "base/json.h"
#include "verify/policy.h"

struct json_reader {
    char *why;
    size_t why_size;
    int rc; /* 0, -EINVAL or -ENOMEM */
};

/* Each: the member's value; `path` names it in `why`. */
void json_name(struct json_reader *in, const char *path, json_object *value,
               char name[CLOISTER_NAME_SIZE]);
void json_truth(struct json_reader *in, const char *path, json_object *value, bool *truth);
void json_number(struct json_reader *in, const char *path, json_object *value, uint32_t least,
                 uint32_t most, uint32_t *number);
/* One hexadecimal text of `size` bytes, or a list of them that is not empty. */
void json_alternatives(struct json_reader *in, const char *path, json_object *value, size_t size,
                       struct alternatives *alternatives);
/* One hexadecimal text of `size` bytes. */
void json_hex(struct json_reader *in, const char *path, json_object *value, size_t size,
              uint8_t *bytes);
/* "MAJOR.MINOR.PATCH", as a monitor record has it. */
void json_version(struct json_reader *in, const char *path, json_object *value, uint32_t *version);
/* An array's length, at least 1 and at most `most`; 0 after a refusal. */
size_t json_count(struct json_reader *in, const char *path, json_object *value, size_t most);

/*
 * As json_read(), of CLOISTER_POLICY_MAX_SIZE bytes at the most. NULL: see `why`.
 */
json_object *json_document(struct json_reader *in, const char *text, size_t size);

void json_refuse(struct json_reader *in, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
