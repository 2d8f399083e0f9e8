/* SPDX-License-Identifier: MIT */
/* Which process a connection came from, so that it can be recognised after the agent's restart. */
#ifndef CLOISTER_AGENT_PROCESS_H
#define CLOISTER_AGENT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The start time (proc(5), field 22 of stat) makes a pid unique until the next boot. */
struct process {
    pid_t pid;
    uint64_t start;
};

/* -ESRCH if there is no such process (any more). */
__attribute__((warn_unused_result)) int process_find(pid_t pid, struct process *process);
/* Is it this very process, and does it still run? */
bool process_alive(const struct process *process);

#endif
