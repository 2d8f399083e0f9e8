/* SPDX-License-Identifier: MIT */
#include "service/seal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "verify/base64.h"

#define VERSION 1u
#define HEAD 2u
#define NONCE 12u
#define TAG 16u

_Static_assert(SEAL_OVERHEAD == HEAD + NONCE + TAG, "what sealing adds");

int seal(const uint8_t key[SEAL_KEY_SIZE], enum seal_purpose purpose, const void *content,
         size_t size, char *text)
{
    uint8_t sealed[SEAL_MAX_CONTENT + SEAL_OVERHEAD] = {VERSION, (uint8_t)purpose};
    uint8_t *nonce = sealed + HEAD, *body = nonce + NONCE;
    EVP_CIPHER_CTX *context = NULL;
    int used, rc = -EIO;

    if (size > SEAL_MAX_CONTENT) {
        return -EINVAL;
    }
    context = EVP_CIPHER_CTX_new();
    if (context && RAND_bytes(nonce, NONCE) == 1 &&
        EVP_EncryptInit_ex2(context, EVP_aes_256_gcm(), key, nonce, NULL) == 1 &&
        EVP_EncryptUpdate(context, NULL, &used, sealed, HEAD) == 1 &&
        EVP_EncryptUpdate(context, body, &used, content, (int)size) == 1 &&
        EVP_EncryptFinal_ex(context, body + used, &used) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, body + size) == 1) {
        base64_encode(BASE64_URL, sealed, size + SEAL_OVERHEAD, text);
        rc = 0;
    }
    EVP_CIPHER_CTX_free(context);
    return rc;
}

ssize_t unseal(const uint8_t key[SEAL_KEY_SIZE], enum seal_purpose purpose, const char *text,
               size_t length, uint8_t content[SEAL_MAX_CONTENT])
{
    uint8_t sealed[SEAL_MAX_CONTENT + SEAL_OVERHEAD + 4];
    EVP_CIPHER_CTX *context;
    ssize_t total, size;
    int used;

    if (length > SEAL_MAX_TEXT) {
        return -EBADMSG;
    }
    total = base64_decode(BASE64_URL, text, length, sealed);
    size = total - (ssize_t)SEAL_OVERHEAD;
    if (size < 0 || size > (ssize_t)SEAL_MAX_CONTENT || sealed[0] != VERSION ||
        sealed[1] != (uint8_t)purpose) {
        return -EBADMSG;
    }
    context = EVP_CIPHER_CTX_new();
    if (!context ||
        EVP_DecryptInit_ex2(context, EVP_aes_256_gcm(), key, sealed + HEAD, NULL) != 1 ||
        EVP_DecryptUpdate(context, NULL, &used, sealed, HEAD) != 1 ||
        EVP_DecryptUpdate(context, content, &used, sealed + HEAD + NONCE, (int)size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, sealed + total - TAG) != 1) {
        size = -EIO;
    } else if (EVP_DecryptFinal_ex(context, content + used, &used) != 1) {
        size = -EBADMSG;
    }
    EVP_CIPHER_CTX_free(context);
    return size;
}
