/* SPDX-License-Identifier: MIT */
/* Bearer tokens of hosts: ID.SECRET, the store knows SHA-256 of the secret's text. */
#include <errno.h>
#include <string.h>

#include "server/route.h"
#include "service/api.h"

void api_unknown_token(struct request *request)
{
    reply_error(request, 401, "unauthorized", "this token is not, or no longer, a host's");
}

void api_unknown_ticket(struct request *request)
{
    reply_error(request, 401, "unauthorized", "this ticket is not known, used, or too old");
}

bool api_host_token(struct request *request, char id[STORE_ID_SIZE], uint8_t digest[STORE_DIGEST])
{
    const char *token = request->token;

    if (strspn(token, "0123456789abcdef") != STORE_ID_SIZE - 1 || token[STORE_ID_SIZE - 1] != '.') {
        api_unknown_token(request);
        return false;
    }
    memcpy(id, token, STORE_ID_SIZE - 1);
    id[STORE_ID_SIZE - 1] = 0;
    token += STORE_ID_SIZE;
    if (EVP_Digest(token, strlen(token), digest, NULL, EVP_sha256(), NULL) != 1) {
        reply_unavailable(request);
        return false;
    }
    return true;
}

bool api_authenticate(struct worker *worker, struct request *request, struct store_host *host)
{
    uint8_t digest[STORE_DIGEST];
    char id[STORE_ID_SIZE];
    int rc;

    if (!api_host_token(request, id, digest)) {
        return false;
    }
    rc = store_host_get(worker->db, id, host);
    if (rc == -EIO) {
        reply_unavailable(request);
    } else if (rc || CRYPTO_memcmp(digest, host->token_digest, sizeof(digest))) {
        api_unknown_token(request);
    } else {
        request->authenticated = true;
    }
    return !request->status;
}

/* What a ticket names does not matter yet. */
void api_look_up(struct worker *worker, struct request *request)
{
    uint8_t named[STORE_DIGEST];
    struct store_host host;
    int rc;

    if (request->route->who == WHO_HOST) {
        (void)!api_authenticate(worker, request, &host);
        return;
    }
    rc = store_ticket_get(worker->db, request->shown, service_seconds(), named);
    if (rc == -EIO) {
        reply_unavailable(request);
    } else if (rc) {
        api_unknown_ticket(request);
    } else {
        request->authenticated = true;
    }
}
