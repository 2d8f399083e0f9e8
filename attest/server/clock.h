/* SPDX-License-Identifier: MIT */
#ifndef CLOISTER_SERVER_CLOCK_H
#define CLOISTER_SERVER_CLOCK_H

#include <stdint.h>

int64_t clock_seconds(void);     /* since 1970 */
int64_t clock_nanoseconds(void); /* monotonic */

#endif
