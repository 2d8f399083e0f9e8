/* SPDX-License-Identifier: MIT */
/*
 * Going into the background without a supervisor: the command that the operator typed returns when
 * the daemon is ready, and fails, with the message on the terminal, when it is not.
 */
#ifndef CLOISTER_BASE_BACKGROUND_H
#define CLOISTER_BASE_BACKGROUND_H

/* Returns in the background process; the foreground one waits and exits. Before any thread. */
__attribute__((warn_unused_result)) int background_enter(void);

/* The daemon is ready: lets the foreground go, leaves the terminal. Nothing if not in background. */
void background_ready(void);

#endif
