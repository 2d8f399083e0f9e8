/* SPDX-License-Identifier: MIT */
#include "monitor/views.h"

#include <string.h>

#include "base/errname.h"
#include "base/digest.h"

json_object *view_text(const char *text, size_t size)
{
    char copy[256];

    size = strnlen(text, size);
    if (size > sizeof(copy))
        size = sizeof(copy);
    memcpy(copy, text, size);
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)copy[i] < 0x20 || (unsigned char)copy[i] >= 0x7f)
            copy[i] = '?';
    }
    return json_object_new_string_len(copy, (int)size);
}

json_object *view_refusal(int error, const char *message)
{
    json_object *answer = json_object_new_object();

    json_object_object_add(answer, "ok", json_object_new_boolean(false));
    json_object_object_add(answer, "error", json_object_new_string(errname(error)));
    json_object_object_add(answer, "message", view_text(message, strlen(message)));
    return answer;
}

json_object *view_monitor_refusal(int error, const struct cloister_head *head)
{
    char text[256];

    hypercall_describe(error, head, text, sizeof(text));
    json_object *answer = view_refusal(error, text);
    json_object_object_add(answer, "reason",
                           json_object_new_string(cloister_reason_name(head->reason)));
    return answer;
}

static json_object *hex(const uint8_t *data, size_t size)
{
    char text[2 * CLOISTER_MEASUREMENT_SIZE + 1];

    hex_encode(data, size, text);
    return json_object_new_string(text);
}

static void add_number(json_object *object, const char *key, uint64_t value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

static json_object *info_flags(uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {
#define FLAG_NAME(bit, flag, text, meaning) {CLOISTER_INFO_##flag, text},
        CLOISTER_INFO_FLAGS(FLAG_NAME)
#undef FLAG_NAME
    };
    json_object *array = json_object_new_array();

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (flags & names[i].flag)
            json_object_array_add(array, json_object_new_string(names[i].name));
    }
    return array;
}

static json_object *counters(const struct cloister_info *info)
{
    json_object *object = json_object_new_object();
    const char *message = info->counters_reason == CLOISTER_REASON_NONE
                              ? "enclaves get counters"
                              : cloister_reason_text(info->counters_reason);

    json_object_object_add(object, "reason",
                           json_object_new_string(cloister_reason_name(info->counters_reason)));
    json_object_object_add(object, "message", json_object_new_string(message));
    add_number(object, "used", info->counters);
    add_number(object, "limit", CLOISTER_COUNTERS);
    add_number(object, "value", info->counters_value);
    add_number(object, "committed", info->counters_committed);
    return object;
}

json_object *view_info(const struct cloister_info *info)
{
    json_object *object = json_object_new_object();
    char boot[17];

    uint8_t bytes[8];
    for (unsigned int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(info->boot_id >> (56 - 8 * i));
    hex_encode(bytes, sizeof(bytes), boot);
    add_number(object, "abi_version", info->abi_version);
    json_object_object_add(object, "flags", info_flags(info->flags));
    json_object_object_add(object, "ready",
                           json_object_new_boolean(info->create_reason == CLOISTER_REASON_NONE));
    json_object_object_add(object, "create_reason",
                           json_object_new_string(cloister_reason_name(info->create_reason)));
    if (info->create_reason != CLOISTER_REASON_NONE)
        json_object_object_add(object, "create_message",
                               json_object_new_string(cloister_reason_text(info->create_reason)));
    json_object_object_add(object, "identity",
                           json_object_new_string(cloister_reason_name(info->identity_reason)));
    json_object_object_add(
        object, "identity_message",
        json_object_new_string(info->identity_reason == CLOISTER_REASON_NONE
                                   ? "the TPM vouches for the monitor's key"
                                   : cloister_reason_text(info->identity_reason)));
    json_object_object_add(object, "sealing",
                           json_object_new_string(cloister_reason_name(info->seal_reason)));
    json_object_object_add(object, "sealing_message",
                           json_object_new_string(info->seal_reason == CLOISTER_REASON_NONE
                                                      ? "enclaves get sealing keys"
                                                      : cloister_reason_text(info->seal_reason)));
    json_object_object_add(object, "counters", counters(info));
    json_object_object_add(object, "boot", json_object_new_string(boot));
    add_number(object, "max_enclaves", info->max_enclaves);
    add_number(object, "enclaves", info->enclaves);
    add_number(object, "sealed_frames", info->sealed_frames);
    add_number(object, "table_frames", info->table_frames);
    add_number(object, "context_frames", info->context_frames);
    add_number(object, "shared_frames", info->shared_frames);
    add_number(object, "overhead_frames", info->overhead_frames);
    add_number(object, "created", info->created);
    add_number(object, "destroyed", info->destroyed);
    add_number(object, "entries", info->entries);
    add_number(object, "fast_entries", info->fast_entries);
    add_number(object, "interruptions", info->interruptions);
    add_number(object, "reentries", info->reentries);
    add_number(object, "refusals", info->refusals);
    add_number(object, "suppressed", info->suppressed);
    return object;
}

static const char *state_name(uint16_t state)
{
    switch (state) {
    case CLOISTER_ENCLAVE_BUILDING:
        return "building";
    case CLOISTER_ENCLAVE_READY:
        return "ready";
    case CLOISTER_ENCLAVE_DYING:
        return "dying";
    default:
        return "unknown";
    }
}

json_object *view_enclave(const struct cloister_enclave_info *info)
{
    json_object *object = json_object_new_object();

    add_number(object, "enclave", info->enclave);
    add_number(object, "domain", info->domain);
    json_object_object_add(object, "state", json_object_new_string(state_name(info->state)));
    json_object_object_add(object, "name", view_text((const char *)info->name, sizeof(info->name)));
    json_object_object_add(object, "debug",
                           json_object_new_boolean(info->flags & CLOISTER_IMAGE_DEBUG));
    add_number(object, "threads", info->thread_count);
    add_number(object, "threads_running", info->threads_running);
    add_number(object, "threads_dead", info->threads_dead);
    add_number(object, "pages", info->page_count);
    add_number(object, "pages_added", info->pages_added);
    add_number(object, "shared_pages", info->shared_pages);
    add_number(object, "frames", info->frames);
    add_number(object, "entries", info->entries);
    add_number(object, "interruptions", info->interruptions);
    add_number(object, "faults", info->faults);
    json_object_object_add(object, "measurement",
                           hex(info->measurement, sizeof(info->measurement)));
    json_object_object_add(object, "author", hex(info->author, sizeof(info->author)));
    json_object_object_add(object, "family_id", hex(info->family_id, sizeof(info->family_id)));
    json_object_object_add(object, "image_id", hex(info->image_id, sizeof(info->image_id)));
    add_number(object, "image_version", info->image_version);
    add_number(object, "security_version", info->security_version);
    return object;
}

int view_each_enclave(struct hypercalls *monitor,
                      void (*each)(const struct cloister_enclave_info *info, void *context),
                      void *context)
{
    struct cloister_enclave_info page[64];
    uint32_t start = 0;

    for (;;) {
        struct cloister_list op = {.start = start, .capacity = 64, .buffer = (uintptr_t)page};
        int rc = hypercall_list(monitor, &op);

        if (rc)
            return rc;
        for (uint32_t i = 0; i < op.count && i < 64; i++)
            each(&page[i], context);
        if (op.count < 64 || page[63].enclave == UINT32_MAX)
            return 0;
        start = page[63].enclave + 1;
    }
}
