/* SPDX-License-Identifier: MIT */
/* The author's key and signature: ECDSA on P-256 with SHA-256, as cloister/image.h lays them out. */
#ifndef CLOISTER_IMAGE_AUTHOR_H
#define CLOISTER_IMAGE_AUTHOR_H

#include <openssl/evp.h>

#include "image.h"

/* -EACCES: the key is no point of the curve, or the signature does not verify. -EIO: out of memory. */
CLOISTER_IMAGE_CHECKED int author_verify(const struct cloister_image_header *header);

/* Puts the author's public key and signature into the header, whose other fields must be complete.
 * -EINVAL: the key is no P-256 key. -EIO: the crypto library failed. */
CLOISTER_IMAGE_CHECKED int author_sign(struct cloister_image_header *header, EVP_PKEY *key);

/* Reads a private key (PEM). -EINVAL: it is no P-256 private key; -EIO and errno: cannot be read. */
CLOISTER_IMAGE_CHECKED int author_read(const char *path, EVP_PKEY **key);

/* Makes a key and writes it to a new file that only its owner can read (PEM, PKCS #8).
 * -EEXIST: the file exists. -EIO and errno: it cannot be written. */
CLOISTER_IMAGE_CHECKED int author_generate(const char *path);

#endif
