/* SPDX-License-Identifier: MIT */
/*
 * HTTPS by libevent: event threads read requests, refuse what is malformed, too large, from the
 * wrong one, or too much, hand the rest to the workers and send the replies. They never wait for
 * cryptography (but TLS's) or the store.
 *
 * A connection has `request-timeout` seconds for each of: the TLS handshake and its first request;
 * being idle and its next request; taking a reply. However slowly bytes come, it is over then.
 */
#ifndef CLOISTER_SERVICE_HTTP_H
#define CLOISTER_SERVICE_HTTP_H

#include "service/service.h"
#include "server/worker.h"

struct http;

/* Could it be opened, but for whether the address is ours and free? False: `why`. */
__attribute__((warn_unused_result)) bool http_check(const struct config *config, char *why,
                                                    size_t why_size);
/* Listens, and reads certificates: NULL after `why`. */
struct http *http_open(struct service *service, char *why, size_t why_size);
/* Serves until http_stop(). False: no thread could be started. */
__attribute__((warn_unused_result)) bool http_start(struct http *http, struct workers *workers);
/* Accepts nothing more, waits some seconds for what is in flight. */
void http_stop(struct http *http);
void http_close(struct http *http);

/* Sends request->reply, and frees the request; from any thread. */
void http_deliver(struct request *request);

#endif
