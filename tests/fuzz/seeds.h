/* SPDX-License-Identifier: MIT */
#ifndef SEEDS_H
#define SEEDS_H

/* Writes a few good programs to start from into a folder. 0, or -1 with a message. */
int seeds_write(const char *folder);

#endif
