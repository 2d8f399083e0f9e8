/* SPDX-License-Identifier: MIT */
/*
 * The writer makes all changes of the store that requests ask for: those that have come together
 * in one transaction, so that waiting for the disk is shared. A request is answered after its
 * change was committed; where it could not be, with 503. If a transaction of several fails, each is
 * tried alone, so that none suffers for another. If the database's answer to a COMMIT is lost, each
 * change is made again: it sees whether it was made before. Only where that cannot be found out,
 * the client is told that it is not known.
 *
 * It also prepares the store, as soon as it can be reached, and forgets what has expired.
 */
#ifndef CLOISTER_SERVICE_WRITER_H
#define CLOISTER_SERVICE_WRITER_H

#include "server/request.h"
#include "service/service.h"

struct writer;

/* Tries to prepare the store once before it returns. NULL: no memory or no thread. */
struct writer *writer_start(struct service *service);
/* After the last request was answered. */
void writer_stop(struct writer *writer);
/* Has it made its round since then (s, monotonic)? */
bool writer_is_alive(const struct writer *writer, int64_t since);
void writer_submit(struct writer *writer, struct request *request);

#endif
