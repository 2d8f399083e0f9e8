/* SPDX-License-Identifier: MIT */
/* The table of the enclaves that the agent knows of, and its comparison with the host's list. */
#ifndef CLOISTER_AGENT_ENCLAVES_H
#define CLOISTER_AGENT_ENCLAVES_H

#include "agent/enclave.h"

void enclaves_start(struct enclaves *table, const struct config *config, struct hostlink *link,
                    const struct enclaves_events *events, void *context);
/* Releases everything here; enclaves that live go on living. */
void enclaves_stop(struct enclaves *table);
/* Takes over the enclaves of an earlier agent whose processes still run. */
void enclaves_adopt(struct enclaves *table);

/*
 * May the owner load what this header says? 0, or a refusal (*refusal filled):
 *   -EDQUOT     the user's max_enclaves or max_frames, or all users' total_enclaves or
 *               total_frames (agent.conf)
 *   -EHOSTDOWN  no link to the host
 */
__attribute__((warn_unused_result)) int enclaves_admit(const struct enclaves *table,
                                                       const struct owner *owner,
                                                       const struct cloister_launch *launch,
                                                       struct app_reply *refusal);
/*
 * Begins to load; *image, with its records, is taken over in any case. The answer comes by the
 * event. A refusal (negative errno, *refusal filled) means that nothing was begun: what
 * enclaves_admit says, and -ENOMEM, and what grant_allocate says
 */
__attribute__((warn_unused_result)) int enclaves_load(struct enclaves *table,
                                                      const struct owner *owner, uint32_t number,
                                                      struct image *image,
                                                      struct app_reply *refusal);
/*
 * Begins to unload; the answer comes by the event.
 *   -ENOENT  no such enclave, or not the asker's, or another handle
 *   -EALREADY  it is being unloaded
 *   -EHOSTDOWN no link to the host; it will be destroyed as soon as there is one
 */
__attribute__((warn_unused_result)) int enclaves_unload(struct enclaves *table,
                                                        const struct owner *asker, uint32_t number,
                                                        const struct app_unload *unload,
                                                        struct app_reply *refusal);
/* The connection is gone. */
void enclaves_owner_gone(struct enclaves *table, uint64_t app);

void enclaves_link_up(struct enclaves *table);
void enclaves_link_down(struct enclaves *table);
/* Now and then: the balloon, owners that died, requests that could not be queued. */
void enclaves_tick(struct enclaves *table, uint64_t now);

/* The enclaves of one account (account.h) and their frames. */
void enclaves_usage(const struct enclaves *table, uid_t account, uint32_t *count, uint64_t *frames);
uint32_t enclaves_count(const struct enclaves *table);
/* May the user see it in a list? */
bool enclaves_visible(const struct enclaves *table, uid_t uid, uint32_t id);

#endif
