/* SPDX-License-Identifier: MIT */
/* What the operator gives us as files: are certificates valid today, and keys nobody else's? */
#ifndef CLOISTER_SERVER_CERTIFICATES_H
#define CLOISTER_SERVER_CERTIFICATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERTIFICATES_NAME 192u

/* The certificate or revocation list that ends first, of those that were looked at. Zeros: none was
 * yet. */
struct certificates_end {
    int64_t time;                 /* s since 1970; 0: there is none */
    char name[CERTIFICATES_NAME]; /* setting and subject, printable */
};

/*
 * All certificates in a PEM file are valid at `now` (s since 1970), and there is one at least.
 * `setting` names the file in messages. With `some` it is enough that one is valid: those that are
 * not are passed over. False after `why`, which names the file, the subject and the date.
 */
__attribute__((warn_unused_result)) bool certificates_check(const char *setting, const char *path,
                                                            int64_t now, bool some,
                                                            struct certificates_end *end, char *why,
                                                            size_t why_size);

/*
 * The same of revocation lists: each has been made before `now`, and its successor is due after it.
 * One that says nothing of a successor is an error, for nobody would know when it is old.
 */
__attribute__((warn_unused_result)) bool certificates_check_crl(const char *setting,
                                                                const char *path, int64_t now,
                                                                struct certificates_end *end,
                                                                char *why, size_t why_size);

/*
 * A file with a private key is a regular one that others can neither read nor write, nor its group
 * write. False after `why`.
 */
__attribute__((warn_unused_result)) bool certificates_private(const char *setting, const char *path,
                                                              char *why, size_t why_size);

#endif
