/* SPDX-License-Identifier: MIT */
#include "attest/web.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/number.h"

#define REPLY_MAX (512u * 1024u)
#define CONNECT_S 10L
#define WHOLE_S 60L
#define RETRY_MOST 3600u /* also where it is no number of seconds */

struct answer {
    char *text;
    size_t size;
};

bool web_initialise(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void web_finalise(void)
{
    curl_global_cleanup();
}

bool web_set_url(struct web_service *service, const char *url, char why[WEB_WHY])
{
    size_t size = strlen(url);

    if (size && url[size - 1] == '/')
        size--;
    if (strncmp(url, "https://", 8) || size <= 8 || size >= WEB_URL || url[8] == '/' ||
        strcspn(url, " \t\r\n\"\\<>?#@") < strlen(url)) {
        snprintf(why, WEB_WHY,
                 "'%.140s' is no address of a service: https://HOST:PORT is expected, at most %u "
                 "bytes, as the service's administrator says",
                 url, WEB_URL - 1);
        return false;
    }
    memcpy(service->url, url, size);
    service->url[size] = 0;
    return true;
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t more = size * count;
    char *text =
        more > REPLY_MAX - answer->size ? NULL : realloc(answer->text, answer->size + more + 1);

    if (!text)
        return 0; /* libcurl ends the transfer */
    memcpy(text + answer->size, data, more);
    answer->text = text;
    answer->size += more;
    text[answer->size] = 0;
    return more;
}

bool web_is_ending(void)
{
    sigset_t pending;

    return !sigpending(&pending) && sigismember(&pending, SIGTERM) == 1;
}

/* Whoever wants us to end does not wait for a service. */
static int look(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)context, (void)a, (void)b, (void)c, (void)d;
    return web_is_ending();
}

static void printable(char *text)
{
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e)
            *text = '?';
    }
}

/* --- what went wrong -------------------------------------------------------------------------- */

static void explain_transport(const struct web_service *service, CURLcode code, const char *detail,
                              char why[WEB_WHY])
{
    const char *url = service->url;

    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        snprintf(why, WEB_WHY,
                 "%.200s is not trusted (%.120s): enrol with --ca FILE, the certificate of its CA",
                 url, detail);
        break;
    case CURLE_SSL_CACERT_BADFILE:
        snprintf(why, WEB_WHY, "the CA has no certificates in PEM: enrol with --ca FILE");
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
        snprintf(why, WEB_WHY, "the name in %.200s is not known: is the address right, and DNS up?",
                 url);
        break;
    case CURLE_COULDNT_CONNECT:
        snprintf(why, WEB_WHY,
                 "nobody answers at %.200s: is the port right, and does cloister-attestd run?",
                 url);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        snprintf(why, WEB_WHY, "%.200s does not answer in time", url);
        break;
    case CURLE_WRITE_ERROR:
        snprintf(why, WEB_WHY, "%.200s answers with more than 512 KiB: it is no cloister-attestd",
                 url);
        break;
    case CURLE_ABORTED_BY_CALLBACK:
        snprintf(why, WEB_WHY, "ended by SIGTERM");
        break;
    default:
        snprintf(why, WEB_WHY, "the connection to %.200s failed: %.200s", url,
                 *detail ? detail : curl_easy_strerror(code));
    }
}

/* Is it worth a try to ask again, without anybody changing something? */
static bool heals(CURLcode code)
{
    return code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE &&
           code != CURLE_WRITE_ERROR;
}

static const char *member_text(json_object *object, const char *key)
{
    const char *text = web_text(object, key, 400);

    return text ? text : "?";
}

/* The service's own words, where it has any. */
static void explain_refusal(const struct web_service *service, struct web_reply *reply)
{
    json_object *refused = NULL;

    if (reply->json && json_object_object_get_ex(reply->json, "refused", &refused) &&
        json_object_is_type(refused, json_type_object))
        snprintf(reply->why, WEB_WHY,
                 "refused in step %.30s, %.60s: %.100s; %.60s: expected %.90s, found %.90s",
                 member_text(refused, "step"), member_text(refused, "reason"),
                 member_text(refused, "meaning"), member_text(refused, "what"),
                 member_text(refused, "expected"), member_text(refused, "found"));
    else if (reply->json && web_text(reply->json, "message", 400))
        snprintf(reply->why, WEB_WHY, "%.200s says %ld: %.280s", service->url, reply->status,
                 member_text(reply->json, "message"));
    else
        snprintf(reply->why, WEB_WHY,
                 "%.200s answers %ld, and not as cloister-attestd does: is the address right?",
                 service->url, reply->status);
}

static enum web_result judge(const struct web_service *service, struct web_reply *reply)
{
    if (reply->status / 100 == 2 && reply->json)
        return WEB_DONE;
    explain_refusal(service, reply);
    return reply->status == 429 || reply->status / 100 == 5 ? WEB_LATER : WEB_NEVER;
}

/* --- a request -------------------------------------------------------------------------------- */

static void read_headers(CURL *curl, struct web_reply *reply)
{
    struct curl_header *header;

    if (curl_easy_header(curl, "Location", 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
        strlen(header->value) < sizeof(reply->location))
        strcpy(reply->location, header->value);
    if (curl_easy_header(curl, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
        uint64_t seconds = RETRY_MOST;

        (void)!number_read(header->value, 10, 0, RETRY_MOST, &seconds);
        reply->retry_after = (long)seconds;
    }
}

static json_object *parse(const struct answer *answer)
{
    json_object *object = NULL;
    char why[120];

    return answer->size && !json_read(answer->text, answer->size, &object, why, sizeof(why))
               ? object
               : NULL;
}

static void set_body(CURL *curl, json_object *body)
{
    if (body) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS,
                         json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN |
                                                                  JSON_C_TO_STRING_NOSLASHESCAPE));
    }
}

static void set_trust(CURL *curl, const struct web_service *service)
{
    struct curl_blob blob = {(void *)(uintptr_t)service->ca, 0, CURL_BLOB_COPY};

    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (service->ca) {
        blob.len = strlen(service->ca);
        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
}

static struct curl_slist *headers(const char *token)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    char line[1024];

    if (token && list) {
        snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
        curl_slist_append(list, line);
    }
    return list;
}

static CURLcode perform(CURL *curl, const struct web_service *service, const char *path,
                        struct answer *answer, char detail[CURL_ERROR_SIZE])
{
    char url[2 * WEB_URL];

    snprintf(url, sizeof(url), "%s%s", service->url, path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, WHOLE_S);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    set_trust(curl, service);
    return curl_easy_perform(curl);
}

enum web_result web_ask(const struct web_service *service, const char *path, const char *token,
                        json_object *body, struct web_reply *reply)
{
    struct curl_slist *list = headers(token);
    char detail[CURL_ERROR_SIZE] = "";
    struct answer answer = {NULL, 0};
    CURL *curl = curl_easy_init();
    enum web_result result = WEB_LATER;
    CURLcode code = CURLE_OUT_OF_MEMORY;

    *reply = (struct web_reply){0};
    if (curl && list) {
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
        set_body(curl, body);
        code = perform(curl, service, path, &answer, detail);
    }
    if (code == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
        read_headers(curl, reply);
        reply->json = parse(&answer);
        result = judge(service, reply);
    } else {
        explain_transport(service, code, detail, reply->why);
        result = heals(code) ? WEB_LATER : WEB_NEVER;
    }
    printable(reply->why);
    curl_easy_cleanup(curl);
    curl_slist_free_all(list);
    free(answer.text);
    json_object_put(body);
    return result;
}

void web_reply_release(struct web_reply *reply)
{
    json_object_put(reply->json);
    reply->json = NULL;
}

const char *web_text(json_object *object, const char *key, size_t most)
{
    json_object *member;
    const char *text;
    size_t size;

    if (!json_object_object_get_ex(object, key, &member) ||
        !json_object_is_type(member, json_type_string))
        return NULL;
    text = json_object_get_string(member);
    size = (size_t)json_object_get_string_len(member);
    if (!size || size > most || strlen(text) != size)
        return NULL;
    for (const char *c = text; *c; c++) {
        if (*c < 0x20 || *c > 0x7e)
            return NULL;
    }
    return text;
}
