/* SPDX-License-Identifier: MIT */
#ifndef VEXEC_SERVE_H
#define VEXEC_SERVE_H

#include "link.h"

/* Run what the other side asks for until it goes away; then every command left is killed. */
void serve(struct link *link);

#endif
