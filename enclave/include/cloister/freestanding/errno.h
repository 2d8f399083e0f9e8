/* SPDX-License-Identifier: MIT */
/* Error numbers as on Linux. There is no variable errno: functions return -E*. */
#ifndef CLOISTER_FREESTANDING_ERRNO_H
#define CLOISTER_FREESTANDING_ERRNO_H

#define EPERM 1
#define ENOENT 2
#define EIO 5
#define E2BIG 7
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define EINVAL 22
#define ENOSPC 28
#define EDOM 33
#define ERANGE 34
#define ENOSYS 38
#define ENODATA 61
#define EPROTO 71
#define EBADMSG 74
#define EOVERFLOW 75
#define EMSGSIZE 90
#define EOPNOTSUPP 95
#define EALREADY 114
#define ESTALE 116

#endif
