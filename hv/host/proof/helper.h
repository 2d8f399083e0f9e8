/* SPDX-License-Identifier: MIT */
/*
 * Jobs for the TPM, done by a process of its own (tpm/jobs.h), one at a time. Nothing here waits.
 *
 * Each command that the TPM is given must end within the time-out. If one does not, the process is
 * killed and the job is answered; where the kernel does not let it die yet, jobs are refused until
 * it has. Main thread only.
 */
#ifndef CLOISTER_HOST_HELPER_H
#define CLOISTER_HOST_HELPER_H

#include <json-c/json.h>

#include "settings/config.h"

#define HELPER_MAX_WAITING 64u
#define HELPER_OWN_PLACES                                                                          \
    1u /* more, for a job with questions: guests' evidence does not keep counters out */
#define HELPER_REPLIES 3 /* the process's descriptor on which it reads what it asked for */
#define HELPER_MAX_ANSWER (512u * 1024u) /* bytes: evidence of the largest size as base64 */

/* `config` must stay. */
void helper_initialise(const struct config *config);
/* Ends the job under way. Nobody is answered any more. */
void helper_finalise(void);

/* Gets the answer, {"ok":...}, to be released. Not called from within helper_ask(). */
typedef void helper_done(void *context, json_object *answer);

/*
 * Queues a job; `request` is released here. The answer comes later, also if the job cannot be done,
 * except after helper_forget(). -EBUSY: too many wait; -ENOMEM.
 */
__attribute__((warn_unused_result)) int helper_ask(json_object *request, helper_done *done,
                                                   void *context);

/*
 * What a job asks back while it is under way, with the TPM's work half done: the text for it, one line without its
 * end and at most HELPER_MAX_REPLY bytes, to be freed; NULL ends the job, which then fails (-ECANCELED).
 */
typedef char *helper_question(void *context, json_object *question);
#define HELPER_MAX_REPLY 1000u

/*
 * The same for a job with questions; it is done before all others that wait. Whether it fails is not said here: who
 * asks knows whether it is news.
 */
__attribute__((warn_unused_result)) int
helper_converse(json_object *request, helper_question *question, helper_done *done, void *context);

/* Whoever asked with this context has gone: the job goes on, its answer goes nowhere. */
void helper_forget(const void *context);

#endif
