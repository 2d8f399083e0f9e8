/* SPDX-License-Identifier: MIT */
/* <assert.h> (C11, 7.2): a failed assertion ends the thread with CLOISTER_FAULT_ABORT. */
#include <stdlib.h>

#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) ((condition) ? (void)0 : abort())
#endif
#undef static_assert
#define static_assert _Static_assert
