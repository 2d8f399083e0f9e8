/* SPDX-License-Identifier: MIT */
/* Telling systemd how the daemon is (sd_notify(3)), without its library; nothing without systemd. */
#ifndef CLOISTER_BASE_SUPERVISOR_H
#define CLOISTER_BASE_SUPERVISOR_H

/* "READY=1", "STOPPING=1", "STATUS=..." */
void supervisor_tell(const char *state);

#endif
