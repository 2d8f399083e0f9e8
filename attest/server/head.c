/* SPDX-License-Identifier: MIT */
#include "server/head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define LENGTH_DIGITS 18u /* of Content-Length: 10^18 fits into an int64_t */

static const char *const method_names[HEAD_METHODS] = {"GET",  "HEAD",   "PUT",
                                                       "POST", "DELETE", "OPTIONS"};

struct slice {
    const char *text;
    size_t size;
};

/* What is known of a head while it is read. */
struct reader {
    struct head *head;
    struct head_fault *fault;
    unsigned int minor; /* of HTTP/1.x */
    unsigned int fields, hosts, lengths, encodings, authorizations, matches;
};

const char *head_method_name(enum head_method method)
{
    return method_names[method];
}

bool head_is_token(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool head_is_value(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

/* The head cannot be understood: nothing that follows can be. */
static bool malformed(struct reader *reader, int status, const char *reason)
{
    *reader->fault = (struct head_fault){status,
                                         status == 400   ? "bad-request"
                                         : status == 431 ? "too-large"
                                                         : "not-implemented",
                                         reason};
    return false;
}

/* The first one counts. */
static void refuse(struct reader *reader, int status, const char *code, const char *reason)
{
    if (!reader->fault->status) {
        *reader->fault = (struct head_fault){status, code, reason};
    }
}

static bool is(struct slice slice, const char *word)
{
    return slice.size == strlen(word) && !strncasecmp(slice.text, word, slice.size);
}

static bool copy(struct slice from, char *to, size_t room)
{
    if (from.size >= room) {
        return false;
    }
    memcpy(to, from.text, from.size);
    to[from.size] = 0;
    return true;
}

static struct slice trimmed(struct slice slice)
{
    while (slice.size && (*slice.text == ' ' || *slice.text == '\t')) {
        slice.text++;
        slice.size--;
    }
    while (slice.size &&
           (slice.text[slice.size - 1] == ' ' || slice.text[slice.size - 1] == '\t')) {
        slice.size--;
    }
    return slice;
}

/* The next element of a list (RFC 9110, 5.6.1), which is shortened. False: there is none. */
static bool next_element(struct slice *list, struct slice *element)
{
    const char *comma = memchr(list->text, ',', list->size);
    size_t size = comma ? (size_t)(comma - list->text) : list->size;

    if (!list->size) {
        return false;
    }
    *element = trimmed((struct slice){list->text, size});
    list->text += size + (comma != NULL);
    list->size -= size + (comma != NULL);
    return true;
}

/* --- the request line (RFC 9112, 3) -------------------------------------------------------- */

static bool take_method(struct reader *reader, struct slice method)
{
    for (size_t i = 0; i < method.size; i++) {
        if (!head_is_token((unsigned char)method.text[i])) {
            return malformed(reader, 400, "the method is no token");
        }
    }
    for (unsigned int i = 0; i < HEAD_METHODS; i++) {
        if (method.size == strlen(method_names[i]) &&
            !memcmp(method.text, method_names[i], method.size)) {
            reader->head->method = (enum head_method)i;
            return true;
        }
    }
    return method.size ? malformed(reader, 501, "this method is not known here")
                       : malformed(reader, 400, "the request line begins with no method");
}

/* "HTTP/1.x" */
static bool take_version(struct reader *reader, struct slice version)
{
    const char *text = version.text;

    if (version.size != 8 || memcmp(text, "HTTP/", 5) || text[5] < '0' || text[5] > '9' ||
        text[6] != '.' || text[7] < '0' || text[7] > '9') {
        return malformed(reader, 400, "the request line does not end with HTTP/1.1");
    }
    if (text[5] != '1') {
        return malformed(reader, 505, "HTTP/1.1 is spoken here");
    }
    reader->minor = (unsigned int)(text[7] - '0');
    reader->head->close = reader->minor == 0;
    return true;
}

/* host [":" port], of Host and of an absolute target. It is compared with nothing. */
static bool is_authority(struct slice authority)
{
    for (size_t i = 0; i < authority.size; i++) {
        unsigned char c = (unsigned char)authority.text[i];

        if (c <= 0x20 || c >= 0x7f || strchr("/?#@,\"<>\\^`{|}", c)) {
            return false;
        }
    }
    return true;
}

static bool take_target(struct reader *reader, struct slice target)
{
    struct head *head = reader->head;
    static const char scheme[] = "https://";
    struct slice path = target, query = {"", 0};
    const char *mark;

    for (size_t i = 0; i < target.size; i++) {
        unsigned char c = (unsigned char)target.text[i];

        if (c <= 0x20 || c >= 0x7f || c == '#') {
            return malformed(reader, 400, "the target has characters that no URI has");
        }
    }
    if (target.size >= 8 && !strncasecmp(target.text, scheme, 8)) { /* 3.2.2 */
        const char *end = target.text + target.size, *slash = target.text + 8;

        while (slash < end && *slash != '/' && *slash != '?') {
            slash++;
        }
        if (slash == target.text + 8 ||
            !is_authority((struct slice){target.text + 8, (size_t)(slash - target.text - 8)})) {
            return malformed(reader, 400, "the target's authority is no host and port");
        }
        path = slash < end && *slash == '/' ? (struct slice){slash, (size_t)(end - slash)}
                                            : (struct slice){"/", 1};
    }
    if (!path.size || (*path.text != '/' && !(head->method == HEAD_OPTIONS && is(path, "*")))) {
        return malformed(reader, 400, "the target is no absolute path");
    }
    mark = memchr(path.text, '?', path.size);
    if (mark) {
        query = (struct slice){mark + 1, path.size - (size_t)(mark + 1 - path.text)};
        path.size = (size_t)(mark - path.text);
        head->has_query = true;
    }
    if (!copy(path, head->path, sizeof(head->path)) ||
        !copy(query, head->query, sizeof(head->query))) {
        refuse(reader, 414, "too-large", "the target is too long");
    }
    return true;
}

static bool take_request_line(struct reader *reader, struct slice line)
{
    const char *first = memchr(line.text, ' ', line.size);
    const char *end = line.text + line.size, *second;

    second = first ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
    if (!second) {
        return malformed(reader, 400, "the request line is not METHOD TARGET HTTP/1.1");
    }
    return take_method(reader, (struct slice){line.text, (size_t)(first - line.text)}) &&
           take_version(reader, (struct slice){second + 1, (size_t)(end - second - 1)}) &&
           take_target(reader, (struct slice){first + 1, (size_t)(second - first - 1)});
}

/* --- fields (RFC 9112, 5 and 6) ------------------------------------------------------------ */

static bool take_length(struct reader *reader, struct slice value)
{
    uint64_t length = 0;

    if (reader->lengths++) {
        return malformed(reader, 400, "there is more than one Content-Length");
    }
    if (!value.size || value.size > LENGTH_DIGITS) {
        return malformed(reader, 400, "Content-Length is no number of 1 to 18 digits");
    }
    for (size_t i = 0; i < value.size; i++) {
        if (value.text[i] < '0' || value.text[i] > '9') {
            return malformed(reader, 400, "Content-Length is no number in decimal digits");
        }
        length = length * 10 + (uint64_t)(value.text[i] - '0');
    }
    reader->head->length = length;
    return true;
}

static bool take_encoding(struct reader *reader, struct slice value)
{
    if (reader->encodings++) {
        return malformed(reader, 400, "there is more than one Transfer-Encoding");
    }
    if (!is(value, "chunked")) {
        struct slice rest = value, element = {"", 0};

        while (next_element(&rest, &element)) {
        }
        return is(element, "chunked") && value.size > element.size
                   ? malformed(reader, 501, "no transfer coding but chunked is known here")
                   : malformed(reader, 400, "Transfer-Encoding does not end with chunked");
    }
    reader->head->chunked = true;
    return true;
}

/* "Bearer TOKEN" (RFC 6750, 2.1); the scheme in any case (RFC 9110, 11.1). */
static void take_authorization(struct reader *reader, struct slice value)
{
    struct slice token = {value.text, value.size};

    if (reader->authorizations++) {
        refuse(reader, 400, "bad-request", "there is more than one Authorization header");
        return;
    }
    if (value.size > 7 && !strncasecmp(value.text, "Bearer ", 7)) {
        token = trimmed((struct slice){value.text + 7, value.size - 7});
    } else {
        token.size = 0;
    }
    for (size_t i = 0; i < token.size; i++) {
        unsigned char c = (unsigned char)token.text[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              strchr("-._~+/=", c)) ||
            !c) {
            token.size = 0;
        }
    }
    if (!token.size || !copy(token, reader->head->token, sizeof(reader->head->token))) {
        refuse(reader, 401, "unauthorized", "Authorization: Bearer TOKEN is expected");
    }
}

static bool take_known(struct reader *reader, struct slice name, struct slice value)
{
    struct head *head = reader->head;
    struct slice element;

    if (is(name, "Host")) {
        if (reader->hosts++ || !is_authority(value)) {
            return malformed(reader, 400,
                             reader->hosts > 1 ? "there is more than one Host"
                                               : "Host is no host and port");
        }
    } else if (is(name, "Content-Length")) {
        return take_length(reader, value);
    } else if (is(name, "Transfer-Encoding")) {
        return take_encoding(reader, value);
    } else if (is(name, "Connection")) {
        while (next_element(&value, &element)) {
            head->close = head->close || is(element, "close");
        }
    } else if (is(name, "Expect")) {
        head->continues = is(value, "100-continue");
        if (!head->continues) {
            refuse(reader, 417, "expectation-failed", "nothing but 100-continue can be expected");
        }
    } else if (is(name, "Content-Encoding")) {
        if (!is(value, "identity")) {
            refuse(reader, 415, "bad-request", "bodies without a content coding are expected");
        }
    } else if (is(name, "Authorization")) {
        take_authorization(reader, value);
    } else if (is(name, "Prefer")) {
        while (next_element(&value, &element)) {
            head->respond_async = head->respond_async || is(element, "respond-async");
        }
    } else if (is(name, "If-Match")) {
        if (reader->matches++ || !value.size ||
            !copy(value, head->if_match, sizeof(head->if_match))) {
            refuse(reader, 400, "bad-request", "If-Match: one entity tag is expected");
        }
    }
    return true;
}

static bool take_field(struct reader *reader, struct slice line)
{
    const char *colon = memchr(line.text, ':', line.size);
    struct slice name = {line.text, colon ? (size_t)(colon - line.text) : 0}, value;

    if (*line.text == ' ' || *line.text == '\t') {
        return malformed(reader, 400, "a header is folded, or a blank stands before its name");
    }
    if (!name.size) {
        return malformed(reader, 400, "a header has no name, or no colon");
    }
    for (size_t i = 0; i < name.size; i++) {
        if (!head_is_token((unsigned char)name.text[i])) {
            return malformed(reader, 400, "a header's name is no token");
        }
    }
    value = (struct slice){colon + 1, line.size - name.size - 1};
    for (size_t i = 0; i < value.size; i++) {
        if (!head_is_value((unsigned char)value.text[i])) {
            return malformed(reader, 400, "a header's value has a control character");
        }
    }
    if (++reader->fields > HEAD_FIELDS) {
        return malformed(reader, 431, "there are too many headers");
    }
    return take_known(reader, name, trimmed(value));
}

/* What only the whole head shows. */
static bool check_whole(struct reader *reader)
{
    if (reader->minor && !reader->hosts) {
        return malformed(reader, 400, "there is no Host");
    }
    if (reader->encodings && reader->lengths) {
        return malformed(reader, 400, "Content-Length and Transfer-Encoding on one request");
    }
    if (reader->encodings && !reader->minor) {
        return malformed(reader, 400, "HTTP/1.0 has no Transfer-Encoding");
    }
    return true;
}

/* --- lines (RFC 9112, 2.2) ----------------------------------------------------------------- */

enum line { LINE_GOOD, LINE_INCOMPLETE, LINE_BAD };

/* The line at `text`, without its CRLF. */
static enum line find_line(struct reader *reader, const char *text, size_t size, struct slice *line)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n') {
            malformed(reader, 400, "a line ends with LF alone");
            return LINE_BAD;
        }
        if (text[i] == 0) {
            malformed(reader, 400, "the head has a zero byte");
            return LINE_BAD;
        }
        if (text[i] == '\r') {
            if (i + 1 == size) {
                return LINE_INCOMPLETE;
            }
            if (text[i + 1] != '\n') {
                malformed(reader, 400, "the head has a CR without LF");
                return LINE_BAD;
            }
            *line = (struct slice){text, i};
            return LINE_GOOD;
        }
    }
    return LINE_INCOMPLETE;
}

ssize_t head_parse(const char *text, size_t size, struct head *head, struct head_fault *fault)
{
    struct reader reader = {.head = head, .fault = fault};
    size_t seen = size < HEAD_MAX ? size : HEAD_MAX, used = 0;
    bool first = true, good;
    struct slice line;
    enum line state;

    memset(head, 0, sizeof(*head));
    memset(fault, 0, sizeof(*fault));
    if (seen >= 2 && !memcmp(text, "\r\n", 2)) {
        used = 2;
    }
    while ((state = find_line(&reader, text + used, seen - used, &line)) == LINE_GOOD) {
        used += line.size + 2;
        if (!first && !line.size) {
            return check_whole(&reader) ? (ssize_t)used : -EBADMSG;
        }
        good = first ? take_request_line(&reader, line) : take_field(&reader, line);
        if (!good) {
            return -EBADMSG;
        }
        first = false;
    }
    if (state == LINE_INCOMPLETE && size >= HEAD_MAX) {
        malformed(&reader, 431, "the head is too large");
    }
    return state == LINE_BAD || size >= HEAD_MAX ? -EBADMSG : 0;
}
