/* SPDX-License-Identifier: MIT */
/* The little of xenstore that is needed: which domains there are, who they are, and watches. */
#ifndef CLOISTER_HOST_STORE_H
#define CLOISTER_HOST_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/record.h"

/* -EIO and others: xenstored does not answer; `why` says what to do. Main thread only. */
__attribute__((warn_unused_result)) int store_initialise(char *why, size_t why_size);
void store_finalise(void);

/*
 * Ids of all domains but domain 0 that are alive: *ids is to be freed. Returns how many, or a
 * negative errno.
 */
int store_domains(uint16_t **ids);

/* Name and UUID as the toolstack wrote them (a guest cannot); empty where it wrote none. A name as names_fit() makes it. */
void store_identity(uint16_t domain, char name[RECORD_NAME], char *uuid, size_t uuid_size);

/* Domains come or go. */
void store_on_domains(void (*changed)(void));

/*
 * The place where a domain's agent offers its channel: is there an offer; and a watch on it that
 * tells once that something was written there, then has to be armed again (so a guest that
 * writes without end costs one event for each time it is armed).
 */
bool store_agent_offered(uint16_t domain);
void store_agent_path(uint16_t domain, char *path, size_t size);
void store_arm_agent(uint16_t domain);
void store_disarm_agent(uint16_t domain);
void store_on_agent(void (*changed)(uint16_t domain));

#endif
