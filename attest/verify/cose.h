/* SPDX-License-Identifier: MIT */
/* Reports as COSE_Sign1 (RFC 9052, 4.2). */
#ifndef CLOISTER_VERIFY_COSE_H
#define CLOISTER_VERIFY_COSE_H

#include "verify/items.h"

/* Takes #6.18([h'a10126', {}, payload, signature]); `what` names it in a refusal. */
void cose_read(struct items *in, struct cloister_report *report, const char *what);

#endif
