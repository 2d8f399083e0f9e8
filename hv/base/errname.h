/* SPDX-License-Identifier: MIT */
/* Names of error numbers, for logs and answers: programs compare them, people look them up. */
#ifndef CLOISTER_BASE_ERRNAME_H
#define CLOISTER_BASE_ERRNAME_H

/* "EPERM" for EPERM and -EPERM, "OK" for 0; "errno 4095" for what has no name, until the thread's next call. */
const char *errname(int error);

#endif
