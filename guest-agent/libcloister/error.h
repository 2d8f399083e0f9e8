/* SPDX-License-Identifier: MIT */
/* Fills a struct cloister_error, if the caller wants one. */
#ifndef CLOISTER_LIBRARY_ERROR_H
#define CLOISTER_LIBRARY_ERROR_H

#include "libcloister/app_protocol.h"
#include "libcloister/cloister.h"

/* Each returns -code, so that a refusal is one statement. */
__attribute__((format(printf, 4, 5))) int error_set(struct cloister_error *error, int code,
                                                    enum cloister_origin origin, const char *format,
                                                    ...);
/* As error_set, for a rule with a reason and a pair of values. */
__attribute__((format(printf, 7, 8))) int error_rule(struct cloister_error *error, int code,
                                                     enum cloister_origin origin,
                                                     enum cloister_reason reason, uint64_t found,
                                                     uint64_t allowed, const char *format, ...);
/* What the agent said. */
int error_reply(struct cloister_error *error, const struct app_reply *reply);

#endif
