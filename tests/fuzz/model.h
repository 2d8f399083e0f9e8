/* SPDX-License-Identifier: MIT */
/*
 * What a tenant may expect: a model of all enclaves' threads, written from the manual
 * (cloister/abi.h) and not from the monitor, to compare the monitor's answers with.
 */
#ifndef MODEL_H
#define MODEL_H

#include "fake_host.h"

void model_start(void);
/* INIT gave this handle. */
void model_ready(uint32_t enclave, const uint64_t handle[2]);
/* One of the handles given until now, by a number; zeroes if there is none. */
void model_handle(uint8_t choice, uint64_t handle[2]);

/* Aborts if the answer is not what it must be. */
void model_check_call(uint16_t domain, const struct thread_call *call, const struct thread *thread,
                      const struct thread_result *result);
void model_check_exit(uint32_t enclave, uint32_t thread, const struct thread_exit *exit,
                      enum thread_next next, const struct thread_result *result);
void model_interrupted(uint32_t enclave, uint32_t thread, bool suspend);
/* Every enclave that can be entered is one that INIT has made so. */
void model_check(void);

#endif
