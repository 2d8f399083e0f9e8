/* SPDX-License-Identifier: MIT */
/* What the library knows of an enclave. load.c makes it, call.c uses it. */
#ifndef CLOISTER_LIBRARY_ENCLAVE_H
#define CLOISTER_LIBRARY_ENCLAVE_H

#include "libcloister/cloister.h"
#include "libcloister/connection.h"
#include "libcloister/threads.h"

struct ocall {
    uint32_t function;
    cloister_ocall_handler *handler; /* NULL: this place is free */
    void *context;
};

struct cloister_enclave {
    /* Fixed when it is loaded; what a call needs comes first. */
    uint64_t handle[2];
    uint8_t *window; /* shared with the enclave: read once, believe nothing */
    uint32_t slot;   /* bytes of one thread's part of the window */
    uint32_t flags;  /* CLOISTER_OPTION_* */
    uint32_t forks;  /* library_forks when it was loaded */
    size_t window_size;
    struct threads threads;
    pthread_mutex_t ocall_lock; /* protects ocalls */
    struct ocall ocalls[CLOISTER_MAX_OCALLS];
    struct connection connection;
    char *agent_socket; /* NULL: the usual place */
    struct cloister_details details;
};

/* How often this process was forked from one that used the library. */
extern uint32_t library_forks;

/* The enclave whose OCALL handler runs in this thread; NULL: none. */
extern _Thread_local const struct cloister_enclave *library_in_handler;

#endif
