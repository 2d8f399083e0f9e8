/* SPDX-License-Identifier: MIT */
/*
 * A key that signs and never leaves: ECDSA on P-256 with SHA-256. The key is made inside or comes from a key
 * service, lives as long as the enclave, and no function gives it out. A signature is ASN.1 DER, as
 * `openssl dgst -sha256 -verify` takes it.
 *
 * ## A key from a key service
 *
 * The service, which has the key and wants to know whom it gives it to, names a challenge. REQUEST makes a
 * transport key (P-256, this once) and has the monitor sign a report with
 *
 *   report_data = SHA-256("cloister keyvault transport 1" || challenge || transport key) || 0^32
 *
 * The report goes to an attestation service as part of a host's evidence, and the token that comes of it, with
 * the transport key, to the key service. It compares report_data and wraps the key so that only this enclave
 * can take it, which IMPORT does:
 *
 *   wrapped = ephemeral key || AES-256-GCM(k, IV 0^12, no associated data, the private key) || tag
 *   k       = HKDF-SHA256(salt challenge, secret X of ECDH(ephemeral, transport),
 *                         info "cloister keyvault wrap 1" || transport key || ephemeral key), 32 bytes
 *
 * The service is sure of the enclave, not the enclave of the service: IMPORT takes a key from whoever has seen the
 * request, so from the tenant and the host, too. Whoever imports such a key knows it and could sign with it himself.
 * What the enclave's signatures are worth therefore rests on the key that they are checked with: it must come from the
 * key service, and never from this enclave's PUBLIC or IMPORT.
 *
 * Sources: ECDH SP 800-56A 5.7.1.2, HKDF RFC 5869, GCM SP 800-38D; k is used once, so that its IV can be 0.
 */
#ifndef CLOISTER_SAMPLE_KEYVAULT_H
#define CLOISTER_SAMPLE_KEYVAULT_H

#define KEYVAULT_PUBLIC_SIZE 64    /* X || Y, big-endian */
#define KEYVAULT_DIGEST_SIZE 32    /* SHA-256 */
#define KEYVAULT_SIGNATURE_SIZE 72 /* at most */
#define KEYVAULT_STREAM_SIZE 8     /* a stream's number */
#define KEYVAULT_STREAMS 16        /* open at the same time */
#define KEYVAULT_THREADS 4
#define KEYVAULT_CHALLENGE_SIZE 32
#define KEYVAULT_REQUEST_SIZE                                                                      \
    (KEYVAULT_PUBLIC_SIZE + 512) /* transport key, struct cloister_report */
#define KEYVAULT_PRIVATE_SIZE 32 /* of P-256, big-endian */
#define KEYVAULT_TAG_SIZE 16
#define KEYVAULT_WRAPPED_SIZE (KEYVAULT_PUBLIC_SIZE + KEYVAULT_PRIVATE_SIZE + KEYVAULT_TAG_SIZE)

#define KEYVAULT_TRANSPORT_LABEL "cloister keyvault transport 1" /* without its zero */
#define KEYVAULT_WRAP_LABEL "cloister keyvault wrap 1"

/*
 * Functions. Errors of all that use the key: -ENOENT there is no key yet. Of all: -EINVAL wrong size of
 * `in`, -EMSGSIZE too little room for `out`.
 */
enum {
    KEYVAULT_GENERATE = 1, /* out: the public key. -EEXIST: there is a key. -EIO: no randomness */
    KEYVAULT_PUBLIC = 2,   /* out: the public key */
    KEYVAULT_SIGN_DIGEST = 3,  /* in: SHA-256 of the message. out: signature */
    KEYVAULT_SIGN_MESSAGE = 4, /* in: the message. out: signature */
    /* A message of any length, in pieces. */
    KEYVAULT_BEGIN = 5,  /* out: the stream's number. -EBUSY: too many are open */
    KEYVAULT_UPDATE = 6, /* in: the number, then any bytes. -EBADMSG: no such stream, or in use by
                            another thread */
    KEYVAULT_END = 7,    /* in: the number. out: signature. The stream is closed in any case but
                            -EBADMSG */
    KEYVAULT_CANCEL = 8, /* in: the number. Closes the stream */
    /* From a key service. -EEXIST: there is a key. */
    KEYVAULT_REQUEST =
        9, /* in: the challenge. out: transport key, report. A second request forgets the
                             first. -EIO: no randomness. -EOPNOTSUPP: the monitor has no identity */
    KEYVAULT_IMPORT =
        10, /* in: the wrapped key, of anybody's (see above). out: its public key. -ENOENT: nothing was requested.
                             -EBADMSG: it is not wrapped for the last request, or is no private key */
};

#endif
