/* SPDX-License-Identifier: MIT */
/* The errno values of the ABI: Linux's and Xen's, which agree for all of these. */
#ifndef CLOISTER_MONITOR_ERRORS_H
#define CLOISTER_MONITOR_ERRORS_H

#ifndef EPERM
#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EIO 5
#define ENXIO 6
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define EINVAL 22
#define ENOSPC 28
#define ENOSYS 38
#endif
#ifndef EOPNOTSUPP
#define EOPNOTSUPP 95
#endif
#ifndef EDQUOT
#define EDQUOT 122
#endif
/* Within the monitor: the TPM gave no answer in time. */
#ifndef ETIMEDOUT
#define ETIMEDOUT 110
#endif
/* Not for callers: the operation was preempted and will be called again. */
#ifndef ERESTART
#define ERESTART 85
#endif

#endif
