/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "command/command.h"
#include "verify/refuse.h"

static json_object *made(json_object *value)
{
    if (!value) {
        complain("out of memory");
        exit(STATUS_INPUT);
    }
    return value;
}

json_object *out_new(void)
{
    return made(json_object_new_object());
}

json_object *out_list(void)
{
    return made(json_object_new_array());
}

void out_add(json_object *object, const char *key, json_object *value)
{
    if (json_object_object_add(object, key, made(value))) {
        made(NULL);
    }
}

void out_text(json_object *object, const char *key, const char *text)
{
    out_add(object, key, json_object_new_string(text));
}

void out_hex(json_object *object, const char *key, const uint8_t *bytes, size_t size)
{
    char text[2 * 64 + 1];

    hex_text(bytes, size, text, sizeof(text));
    out_text(object, key, text);
}

void out_count(json_object *object, const char *key, uint64_t number)
{
    out_add(object, key, json_object_new_uint64(number));
}

void out_truth(json_object *object, const char *key, bool truth)
{
    out_add(object, key, json_object_new_boolean(truth));
}

void out_flags(json_object *object, const char *key, uint32_t flags)
{
    json_object *list = out_list();
    const char *name;
    uint32_t flag;

    for (unsigned int i = 0; (name = cloister_flag_name(i, &flag)); i++) {
        if (flags & flag) {
            json_object_array_add(list, made(json_object_new_string(name)));
        }
    }
    out_add(object, key, list);
}

void out_refusal(json_object *object, const struct cloister_refusal *refusal)
{
    json_object *inner = out_new();

    out_count(inner, "step", refusal->step);
    out_text(inner, "step_name", cloister_step_name(refusal->step));
    out_text(inner, "code", cloister_refusal_name(refusal->code));
    out_text(inner, "meaning", cloister_refusal_text(refusal->code));
    out_text(inner, "what", refusal->what);
    out_text(inner, "expected", refusal->expected);
    out_text(inner, "found", refusal->found);
    out_add(object, "refusal", inner);
}

void refusal_print(const struct cloister_refusal *refusal)
{
    printf("refused at step %d, %s: %s (%s)\n  %s\n    expected  %s\n    found     %s\n",
           refusal->step, cloister_step_name(refusal->step), cloister_refusal_text(refusal->code),
           cloister_refusal_name(refusal->code), refusal->what, refusal->expected, refusal->found);
}

void out_print(json_object *object)
{
    const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
                                                                  JSON_C_TO_STRING_NOSLASHESCAPE);

    if (!text) {
        complain("out of memory");
        exit(STATUS_INPUT);
    }
    puts(text);
    json_object_put(object);
}
