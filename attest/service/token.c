/* SPDX-License-Identifier: MIT */
#include "service/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/base64.h"
#include "service/cwt.h"

static char *make_jwt(json_object *claims, const struct signer *signer, EVP_PKEY_CTX *context)
{
    size_t size, used;
    const char *payload = json_object_to_json_string_length(
        claims, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
    uint8_t signature[SIGNER_SIGNATURE];
    char head[128], *text;

    if (!payload) {
        return NULL;
    }
    snprintf(head, sizeof(head), "{\"alg\":\"ES256\",\"typ\":\"eat+jwt\",\"kid\":\"%s\"}",
             signer->kid);
    text = malloc(BASE64_ROOM(sizeof(head)) + BASE64_ROOM(size) + BASE64_ROOM(sizeof(signature)));
    if (!text) {
        return NULL;
    }
    used = base64_encode(BASE64_URL, (const uint8_t *)head, strlen(head), text);
    text[used++] = '.';
    used += base64_encode(BASE64_URL, (const uint8_t *)payload, size, text + used);
    if (signer_sign(context, text, used, signature)) {
        free(text);
        return NULL;
    }
    text[used++] = '.';
    base64_encode(BASE64_URL, signature, sizeof(signature), text + used);
    return text;
}

static char *make_cwt(json_object *claims, const struct signer *signer, EVP_PKEY_CTX *context)
{
    uint8_t *bytes = malloc(CWT_MAX);
    size_t size = bytes ? cwt_encode(claims, signer, context, bytes) : 0;
    char *text = size ? malloc(BASE64_ROOM(size)) : NULL;

    if (text) {
        base64_encode(BASE64_STANDARD, bytes, size, text);
    }
    free(bytes);
    return text;
}

char *token_make(enum token_format format, json_object *claims, const struct signer *signer,
                 EVP_PKEY_CTX *context)
{
    return (format == TOKEN_JWT ? make_jwt : make_cwt)(claims, signer, context);
}
