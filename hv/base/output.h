/* SPDX-License-Identifier: MIT */
/* Standard output of a command: that it was written is part of success. */
#ifndef CLOISTER_BASE_OUTPUT_H
#define CLOISTER_BASE_OUTPUT_H

/*
 * First thing in main(). Where a shell has closed one of the three standard descriptors (`>&-`), the next file that is
 * opened would take its place, and what is printed would go there. What stands there afterwards can be neither read nor
 * written, so that errors come as they must. 0 or a negative errno.
 */
__attribute__((warn_unused_result)) int output_begin(void);

/*
 * Last thing: `status`, or `failed` where that is 0 and something could not be written (a full disk, a closed pipe or
 * descriptor). What could not is said on standard error, after the program's name.
 */
__attribute__((warn_unused_result)) int output_end(const char *program, int status, int failed);

#endif
