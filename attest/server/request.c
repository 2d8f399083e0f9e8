/* SPDX-License-Identifier: MIT */
#include "server/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_S 2u

struct request *request_new(void)
{
    struct request *request = calloc(1, sizeof(*request));

    if (request) {
        request->reply_type = "application/json";
        request->cache_control = "no-store";
        request->lane = LANE_NONE;
    }
    return request;
}

void request_free(struct request *request)
{
    if (request) {
        free(request->body);
        free(request->reply);
        if (request->context && request->release) {
            request->release(request->context);
        }
        free(request->context);
        free(request);
    }
}

bool request_room(struct request *request, size_t room)
{
    request->body = malloc(room + 1);
    request->room = request->body ? room : 0;
    if (request->body) {
        request->body[0] = 0;
    }
    return request->body != NULL;
}

bool request_append(struct request *request, const char *data, size_t size)
{
    if (size > request->room - request->size) {
        return false;
    }
    memcpy(request->body + request->size, data, size);
    request->size += size;
    request->body[request->size] = 0;
    return true;
}

void reply_text(struct request *request, int status, char *text, size_t size)
{
    free(request->reply);
    request->status = text ? status : 503;
    request->reply = text;
    request->reply_size = text ? size : 0;
    request->retry_after = text ? 0 : RETRY_S;
    request->location[0] = request->etag[0] = 0;
}

void reply_json(struct request *request, int status, json_object *object)
{
    size_t size = 0;
    const char *text =
        object ? json_object_to_json_string_length(
                     object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size)
               : NULL;

    reply_text(request, status, text ? strndup(text, size) : NULL, size);
    json_object_put(object);
}

void reply_error(struct request *request, int status, const char *code, const char *format, ...)
{
    json_object *object = json_object_new_object();
    va_list arguments;
    char text[512];

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (object) {
        json_object_object_add(object, "error", json_object_new_string(code));
        json_object_object_add(object, "message", json_object_new_string(text));
    }
    reply_json(request, status, object);
}

void reply_unavailable(struct request *request)
{
    reply_error(request, 503, "unavailable", "the store cannot be used now; nothing was changed");
    request->retry_after = RETRY_S;
}

void reply_uncertain(struct request *request)
{
    reply_error(request, 503, "uncertain",
                "the store's answer was lost: it is not known whether this was done; make the "
                "same request again");
    request->retry_after = RETRY_S;
}
