/* SPDX-License-Identifier: MIT */
/*
 * What must survive a restart of the agent: which process owns which enclave. One small file per
 * enclave, named by its id, in a folder that only root can read and that a reboot clears.
 */
#ifndef CLOISTER_AGENT_STATE_H
#define CLOISTER_AGENT_STATE_H

#include <stdint.h>
#include <sys/types.h>

#include "agent/process.h"

struct state_entry {
    uint32_t id;
    uid_t uid;
    struct process process;
    uint64_t handle[2];
    uint64_t frames;
    uint64_t balloon_kb; /* to be taken back when the enclave ends */
};

/* Makes the folder. 0 or a negative errno. */
__attribute__((warn_unused_result)) int state_open(const char *folder);
/* Writes one entry, whole or not at all. */
__attribute__((warn_unused_result)) int state_save(const char *folder,
                                                   const struct state_entry *entry);
void state_remove(const char *folder, uint32_t id);
/* Calls `found` for each entry; removes files that are none. */
void state_load(const char *folder, void (*found)(void *context, const struct state_entry *entry),
                void *context);

#endif
