/* SPDX-License-Identifier: MIT */
/*
 * Whose limits a user's requests count against: a user's own, or, for the numbers of the user
 * namespaces that somebody may make (/etc/subuid), that somebody's. Otherwise whoever has 65,536
 * such numbers would have all limits so often.
 */
#ifndef CLOISTER_AGENT_ACCOUNT_H
#define CLOISTER_AGENT_ACCOUNT_H

#include <sys/types.h>

#define ACCOUNT_PATH "/etc/subuid"

/* Reads the file of subuid(5). Where there is none, or a line is none, nobody is another's. */
void account_read(const char *path);
/* The user who answers for `uid`. */
uid_t account_of(uid_t uid);

#endif
