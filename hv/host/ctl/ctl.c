/* SPDX-License-Identifier: MIT */
#include "ctl/ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/size.h"
#include "ctl/client.h"
#include "log/record.h"

static char turns[8][32];
static unsigned int turn;

const char *ctl_size(uint64_t frames)
{
    char *text = turns[turn++ % 8];

    size_print(frames, text);
    return text;
}

const char *ctl_decimal(uint64_t number)
{
    char *text = turns[turn++ % 8];

    snprintf(text, sizeof(turns[0]), "%" PRIu64, number);
    return text;
}

json_object *ctl_member(json_object *object, const char *key)
{
    json_object *member = NULL;

    json_object_object_get_ex(object, key, &member);
    return member;
}

const char *ctl_text(json_object *object, const char *key)
{
    json_object *member = ctl_member(object, key);

    return member ? json_object_get_string(member) : "";
}

/* Writes a byte of a name within $'...'. */
static size_t escape(char *out, unsigned char byte)
{
    if (byte == '\'' || byte == '\\')
        return (size_t)sprintf(out, "\\%c", byte);
    if (byte < 0x20 || byte == 0x7f)
        return (size_t)sprintf(out, "\\%03o", byte);
    *out = (char)byte;
    return 1;
}

const char *ctl_name(json_object *object, const char *key)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                               "%+,-./:=@_";
    static char texts[4][4 * 3 * RECORD_NAME + 4];
    static unsigned int turn;
    const char *name = ctl_text(object, key);
    char *text = texts[turn++ % 4];
    bool plain = true, controls = false;
    size_t used = 0;

    for (const char *at = name; *at; at++) {
        const unsigned char byte = (unsigned char)*at;

        plain = plain && (byte >= 0x80 || strchr(safe, byte));
        controls = controls || byte < 0x20 || byte == 0x7f || byte == '\'';
    }
    if (plain || strlen(name) >= 3 * RECORD_NAME)
        return plain ? name : "?";
    if (controls)
        text[used++] = '$';
    text[used++] = '\'';
    for (const char *at = name; *at; at++) {
        if (controls)
            used += escape(text + used, (unsigned char)*at);
        else
            text[used++] = *at;
    }
    text[used++] = '\'';
    text[used] = 0;
    return text;
}

uint64_t ctl_number(json_object *object, const char *key)
{
    return json_object_get_uint64(ctl_member(object, key));
}

bool ctl_flag(json_object *object, const char *key)
{
    return json_object_get_boolean(ctl_member(object, key));
}

void ctl_print_json(json_object *object)
{
    puts(json_object_to_json_string_ext(object,
                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

json_object *ctl_request(const char *name)
{
    json_object *request = json_object_new_object();

    json_object_object_add(request, "command", json_object_new_string(name));
    return request;
}

int ctl_fail(const struct ctl_options *options, int status, const char *error, const char *format,
             ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (options->json) {
        json_object *object = json_object_new_object();

        json_object_object_add(object, "ok", json_object_new_boolean(false));
        json_object_object_add(object, "error", json_object_new_string(error));
        json_object_object_add(object, "message", json_object_new_string(text));
        ctl_print_json(object);
        json_object_put(object);
    } else {
        fprintf(stderr, "cloisterctl: %s\n", text);
    }
    return status;
}

int ctl_no_daemon(const struct ctl_options *options)
{
    if (errno == EACCES || errno == EPERM)
        return ctl_fail(options, CTL_NO_DAEMON, "EACCES", "%s is for root only: use sudo",
                        options->socket);
    return ctl_fail(options, CTL_NO_DAEMON, "ENOENT",
                    "cloisterd does not answer at %s (%s): start it with 'systemctl start "
                    "cloisterd', or 'cloisterd' without systemd",
                    options->socket, strerror(errno));
}

json_object *ctl_ask(const struct ctl_options *options, json_object *request, int *status)
{
    FILE *daemon = client_connect(options->socket);

    if (!daemon) {
        json_object_put(request);
        *status = ctl_no_daemon(options);
        return NULL;
    }
    json_object *answer = client_ask(daemon, request);
    if (!answer)
        *status = ctl_no_daemon(options);
    fclose(daemon);
    if (answer && !ctl_flag(answer, "ok")) {
        if (options->json)
            ctl_print_json(answer);
        else
            fprintf(stderr, "cloisterctl: %s\n", ctl_text(answer, "message"));
        json_object_put(answer);
        *status = CTL_PROBLEM;
        return NULL;
    }
    return answer;
}
