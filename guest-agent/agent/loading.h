/* SPDX-License-Identifier: MIT */
/* The steps of loading one enclave, each a request to the host and its reply. */
#ifndef CLOISTER_AGENT_LOADING_H
#define CLOISTER_AGENT_LOADING_H

#include "agent/enclave.h"

/* Begins, or goes on where the balloon was waited for. What becomes of it: enclave.h. */
void loading_begin(struct enclave *enclave);

#endif
