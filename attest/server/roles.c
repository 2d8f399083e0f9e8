/* SPDX-License-Identifier: MIT */
#include "server/roles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"

#define FILE_MAX (1024u * 1024u)

static const char *const names[ROLE_COUNT] = {"none", "relying-party", "viewer", "operator",
                                              "admin"};

struct entry {
    enum role role;
    char subject[ROLES_SUBJECT];
};

struct roles {
    size_t count;
    struct entry *entries; /* by subject, once they are sorted */
};

const char *role_name(enum role role)
{
    return role < ROLE_COUNT ? names[role] : names[ROLE_NONE];
}

static int compare(const void *one, const void *other)
{
    return strcmp(((const struct entry *)one)->subject, ((const struct entry *)other)->subject);
}

/* ROLE_NONE: there is no such role. */
static enum role find_role(const char *word, size_t size)
{
    for (enum role role = ROLE_RELYING_PARTY; role < ROLE_COUNT; role++) {
        if (strlen(names[role]) == size && !memcmp(names[role], word, size)) {
            return role;
        }
    }
    return ROLE_NONE;
}

/* What is wrong with it, or NULL: printable, attributes with '=', nothing between comma and name. */
static const char *wrong_subject(const char *subject)
{
    bool equals = false;

    if (*subject == '/') {
        return "a subject is written as RFC 4514 has it (CN=anna,O=Example), not with slashes";
    }
    for (const char *c = subject; *c; c++) {
        if (*c < 0x20 || *c > 0x7e) {
            return "a subject has printable ASCII alone; other characters are \\ and two "
                   "hexadecimal "
                   "digits for each byte of UTF-8";
        }
        if (*c == ',' && c[1] == ' ' && (c == subject || c[-1] != '\\')) {
            return "no blank stands behind a comma of a subject";
        }
        equals = equals || *c == '=';
    }
    return equals ? NULL : "ROLE and the subject of a certificate (CN=anna,O=Example) are expected";
}

/* One line without its end. NULL, or what is wrong. */
static const char *take_line(struct roles *roles, char *line)
{
    size_t length = strlen(line), word;
    struct entry *entry;
    const char *wrong;
    char *subject;

    while (length && strchr(" \t\r", line[length - 1])) {
        line[--length] = 0;
    }
    line += strspn(line, " \t");
    if (!*line || *line == '#') {
        return NULL;
    }
    word = strcspn(line, " \t");
    subject = line + word + strspn(line + word, " \t");
    if (find_role(line, word) == ROLE_NONE) {
        return "a role is one of relying-party, viewer, operator, admin";
    }
    wrong = wrong_subject(subject);
    if (wrong) {
        return wrong;
    }
    if (strlen(subject) >= ROLES_SUBJECT) {
        return "a subject has at most 255 characters";
    }
    if (roles->count == ROLES_MAX) {
        return "at most 4096 subjects can have a role";
    }
    entry = &roles->entries[roles->count++];
    entry->role = find_role(line, word);
    memcpy(entry->subject, subject, strlen(subject) + 1);
    return NULL;
}

/* Sorts them. False after `why`: one stands there twice, or there is none. */
static bool check_whole(struct roles *roles, const char *name, char *why, size_t why_size)
{
    if (!roles->count) {
        snprintf(why, why_size, "administrator-roles: %s: it gives nobody a role", name);
        return false;
    }
    qsort(roles->entries, roles->count, sizeof(roles->entries[0]), compare);
    for (size_t i = 1; i < roles->count; i++) {
        if (!compare(&roles->entries[i - 1], &roles->entries[i])) {
            snprintf(why, why_size, "administrator-roles: %s: '%s' has two lines", name,
                     roles->entries[i].subject);
            return false;
        }
    }
    return true;
}

static bool parse(struct roles *roles, const char *name, char *text, char *why, size_t why_size)
{
    unsigned int number = 1;

    for (char *line = text, *end; line; line = end, number++) {
        const char *wrong;

        end = strchr(line, '\n');
        if (end) {
            *end++ = 0;
        }
        wrong = take_line(roles, line);
        if (wrong) {
            snprintf(why, why_size, "administrator-roles: %s, line %u: %s", name, number, wrong);
            return false;
        }
    }
    return check_whole(roles, name, why, why_size);
}

struct roles *roles_parse(const char *name, const char *text, char *why, size_t why_size)
{
    struct roles *roles = calloc(1, sizeof(*roles));
    char *copy = strdup(text);

    snprintf(why, why_size, "out of memory");
    if (roles) {
        roles->entries = calloc(ROLES_MAX, sizeof(*roles->entries));
    }
    if (!copy || !roles || !roles->entries || !parse(roles, name, copy, why, why_size)) {
        roles_free(roles);
        roles = NULL;
    }
    free(copy);
    return roles;
}

struct roles *roles_load(const char *path, char *why, size_t why_size)
{
    struct roles *roles = NULL;
    size_t size;
    char *text;
    int rc = textfile_read(path, FILE_MAX, &text, &size);

    if (rc) {
        snprintf(why, why_size, "administrator-roles: %s: %s", path, strerror(-rc));
        return NULL;
    }
    if (strlen(text) != size) {
        snprintf(why, why_size, "administrator-roles: %s: it has a zero byte", path);
    } else {
        roles = roles_parse(path, text, why, why_size);
    }
    free(text);
    return roles;
}

void roles_free(struct roles *roles)
{
    if (roles) {
        free(roles->entries);
        free(roles);
    }
}

enum role roles_of(const struct roles *roles, const char *subject)
{
    const struct entry *found;
    struct entry key;

    if (!roles) {
        return ROLE_ADMIN;
    }
    if (strlen(subject) >= sizeof(key.subject)) {
        return ROLE_NONE;
    }
    memcpy(key.subject, subject, strlen(subject) + 1);
    found = bsearch(&key, roles->entries, roles->count, sizeof(key), compare);
    return found ? found->role : ROLE_NONE;
}
