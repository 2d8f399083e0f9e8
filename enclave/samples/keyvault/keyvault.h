/* SPDX-License-Identifier: MIT */
/*
 * A key that signs and never leaves: ECDSA on P-256 with SHA-256. The key is made inside, lives as long as
 * the enclave, and no function gives it out. A signature is ASN.1 DER, as `openssl dgst -sha256 -verify`
 * takes it.
 */
#ifndef CLOISTER_SAMPLE_KEYVAULT_H
#define CLOISTER_SAMPLE_KEYVAULT_H

#define KEYVAULT_PUBLIC_SIZE 64    /* X || Y, big-endian */
#define KEYVAULT_DIGEST_SIZE 32    /* SHA-256 */
#define KEYVAULT_SIGNATURE_SIZE 72 /* at most */
#define KEYVAULT_STREAM_SIZE 8     /* a stream's number */
#define KEYVAULT_STREAMS 16        /* open at the same time */
#define KEYVAULT_THREADS 4

/*
 * Functions. Errors of all that use the key: -ENOENT there is no key yet. Of all: -EINVAL wrong size of
 * `in`, -EMSGSIZE too little room for `out`.
 */
enum {
    KEYVAULT_GENERATE = 1,     /* out: the public key. -EEXIST: there is a key. -EIO: no randomness */
    KEYVAULT_PUBLIC = 2,       /* out: the public key */
    KEYVAULT_SIGN_DIGEST = 3,  /* in: SHA-256 of the message. out: signature */
    KEYVAULT_SIGN_MESSAGE = 4, /* in: the message. out: signature */
    /* A message of any length, in pieces. */
    KEYVAULT_BEGIN = 5,  /* out: the stream's number. -EBUSY: too many are open */
    KEYVAULT_UPDATE = 6, /* in: the number, then any bytes. -EBADMSG: no such stream, or in use by
                            another thread */
    KEYVAULT_END = 7,    /* in: the number. out: signature. The stream is closed in any case but
                            -EBADMSG */
    KEYVAULT_CANCEL = 8, /* in: the number. Closes the stream */
};

#endif
