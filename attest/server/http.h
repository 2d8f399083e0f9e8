/* SPDX-License-Identifier: MIT */
/*
 * HTTPS by libevent: event threads read requests, refuse what is malformed, too large, from the
 * wrong one, or too much, hand the rest to the workers and send the replies. They never wait for
 * cryptography (but TLS's) or the store.
 *
 * A connection has `handshake-timeout` seconds for the TLS handshake and the head of its first
 * request, and `request-timeout` seconds for each of: a body; being idle and its next head; taking
 * a reply. However slowly bytes come, it is over then.
 */
#ifndef CLOISTER_SERVICE_HTTP_H
#define CLOISTER_SERVICE_HTTP_H

#include "service/service.h"
#include "server/worker.h"

struct http;

/* Could it be opened, but for whether the address is ours and free? False: `why`. */
__attribute__((warn_unused_result)) bool http_check(const struct config *config, char *why,
                                                    size_t why_size);
/* Listens: NULL after `why`. */
struct http *http_open(struct service *service, char *why, size_t why_size);
/* Serves until http_stop(). False: no thread could be started. */
__attribute__((warn_unused_result)) bool http_start(struct http *http, struct workers *workers);
/* Has each event thread made its round since then (s, monotonic)? */
bool http_is_alive(const struct http *http, int64_t since);
/* Accepts nothing more, waits some seconds for what is in flight. */
void http_stop(struct http *http);
void http_close(struct http *http);

/* Sends request->reply, and frees the request; from any thread. */
void http_deliver(struct request *request);

#endif
