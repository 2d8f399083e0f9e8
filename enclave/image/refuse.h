/* SPDX-License-Identifier: MIT */
/* How libimage fills a struct cloister_image_error. */
#ifndef CLOISTER_IMAGE_REFUSE_H
#define CLOISTER_IMAGE_REFUSE_H

#include "image.h"

/* Copies *why to *error (if that is not NULL), adds its text, returns `code`. */
int image_refuse(struct cloister_image_error *error, int code,
                 const struct cloister_image_error *why, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
