/* SPDX-License-Identifier: MIT */
/*
 * libcloister and the whole agent over a real socket, in one process: only the host, the drivers
 * and the instruction are made up.
 */
#ifndef CLOISTER_TEST_LIBRARY_SCENE_H
#define CLOISTER_TEST_LIBRARY_SCENE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/agent.h"
#include "fake_host.h"
#include "libcloister/cloister.h"
#include "libcloister/enclave.h"
#include "suite.h"

extern char folder[64];
extern struct agent agent;
extern struct fake_host host;
extern struct cloister_options options;
extern struct cloister_error error;

extern struct cloister_enclave *subject; /* the one that is called: it gives back what it gets */
extern bool no_monitor;
extern _Atomic bool stuck; /* calls do not return */

/* All of a test stands between these two. */
void start(void);
void stop(void);
/* The agent alone; with another host, or the one that was there. */
void agent_begins(bool fresh_host);
void agent_ends(void);
/* Waits until the agent has a link and no connection but the one that asks. */
void settle(void);

/* How many files are open; waits until there are so many: the agent has closed what it should. */
unsigned int open_files(void);
bool has_open_files(unsigned int wanted);
/* The agent works in its own thread: waits until the host has so many enclaves. */
bool host_has(uint32_t count);

/* A file with an image; an enclave of such a file, as cloister_enclave_create_fd(). */
int image_file(uint32_t pages, uint32_t zeros);
int create(struct cloister_enclave **enclave);

/* A connection to the agent past libcloister. */
int connect_raw(void);
/* A packet with `count` descriptors, the same again and again. */
void send_raw(int raw, const void *packet, size_t size, unsigned int count);

#endif
