/* SPDX-License-Identifier: MIT */
/* Bearer tokens of hosts: ID.SECRET, the store knows SHA-256 of the secret's text. */
#include <errno.h>
#include <string.h>

#include "service/api.h"

void api_unknown_token(struct request *request)
{
    reply_error(request, 401, "unauthorized", "this token is not, or no longer, a host's");
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
    }
    return !request->status;
}
