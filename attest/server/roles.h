/* SPDX-License-Identifier: MIT */
/*
 * What an administrator may do. Each role may do what those before it may. A file maps the subjects
 * of certificates to roles: lines `ROLE SUBJECT`, the subject as RFC 4514 writes it; `#` begins a
 * line that is a comment. A subject that has no line has no role.
 */
#ifndef CLOISTER_SERVER_ROLES_H
#define CLOISTER_SERVER_ROLES_H

#include <stdbool.h>
#include <stddef.h>

#define ROLES_SUBJECT 256u /* bytes of a subject, with its zero */
#define ROLES_MAX 4096u    /* lines with a role */

enum role {
    ROLE_NONE,
    ROLE_RELYING_PARTY, /* asks whether a token is good */
    ROLE_VIEWER,        /* reads */
    ROLE_OPERATOR,      /* tickets and hosts */
    ROLE_ADMIN,         /* what hosts are judged by */
    ROLE_COUNT,
};

/* "none", "relying-party", "viewer", "operator", "admin". */
const char *role_name(enum role role);

struct roles;

/*
 * Reads the file. NULL after `why`: the file, the line, and what is expected there. A file that gives
 * nobody a role is an error, and so is a subject that no certificate can have in this form.
 */
struct roles *roles_load(const char *path, char *why, size_t why_size);
/* The same of a text, which `name` stands for in `why`. */
struct roles *roles_parse(const char *name, const char *text, char *why, size_t why_size);
void roles_free(struct roles *roles);
/* `roles` NULL: there is no file, and everybody whom the CA has certified is ROLE_ADMIN. */
enum role roles_of(const struct roles *roles, const char *subject);

#endif
