/* SPDX-License-Identifier: MIT */
/*
 * From a head to a request, and from a request to its reply. Whether a request is refused, its head
 * says: method and path, who asks, how long its body would be, and whether the store knows its
 * token. Its place in the queue it gets when it is whole.
 */
#ifndef CLOISTER_SERVER_EXCHANGE_H
#define CLOISTER_SERVER_EXCHANGE_H

#include "server/connection.h"

/*
 * A request of this head; its status is set where it is refused. NULL: no memory. `fault`: of
 * head_parse(); where that gave no length, all of `head` but `close` is zeros.
 */
struct request *exchange_begin(struct connection *connection, const struct head *head,
                               const struct head_fault *fault);

/* Must a worker look its token up, or note that it is forbidden, before its body is read? */
bool exchange_must_look_up(const struct request *request);
/* connection_resume() follows, at once or from the worker. */
void exchange_look_up(struct request *request);

/* It is whole: answered now, or handed to the workers. */
void exchange_dispatch(struct request *request);
/* Its place of the queue is given back. */
void exchange_leave(struct request *request);
/* Sends its reply, and frees it. */
void exchange_reply(struct request *request);

#endif
