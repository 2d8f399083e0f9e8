/* SPDX-License-Identifier: MIT */
/* The two keys of chip.h. */
#include <errno.h>
#include <string.h>

#include "tpm/chip.h"
#include "cloister/certificate.h"
#include "tpm/internal.h"

/* EK Credential Profile, 2.2.1.4: where manufacturers put the certificates. */
#define CERTIFICATE_RSA 0x01c00002u
#define CERTIFICATE_ECC 0x01c0000au
/* 2.2.1.5: those of the CAs between, from the first index on, one behind the other. */
#define CERTIFICATE_CHAIN 0x01c00100u
#define CERTIFICATE_CHAIN_LAST 0x01c001ffu
#define NV_PIECE 512u /* every TPM gives that much at once */

/* --- templates -------------------------------------------------------------------------------- */

static const TPM2B_PUBLIC attestation_template = {
    .publicArea =
        {
            .type = TPM2_ALG_ECC,
            .nameAlg = TPM2_ALG_SHA256,
            .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                                TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED |
                                TPMA_OBJECT_SIGN_ENCRYPT,
            .parameters.eccDetail =
                {
                    .symmetric.algorithm = TPM2_ALG_NULL,
                    .scheme = {.scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256},
                    .curveID = TPM2_ECC_NIST_P256,
                    .kdf.scheme = TPM2_ALG_NULL,
                },
            /* Another key than what anybody else derives from the same parameters. */
            .unique.ecc = {.x = {.size = 32, .buffer = "Cloister attestation key 1"},
                           .y = {.size = 32}},
        },
};

#define EK_ATTRIBUTES                                                                              \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |            \
     TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
/* EK Credential Profile, B.6.3: PolicyA for SHA-256, TPM2_PolicySecret(TPM_RH_ENDORSEMENT). */
/* clang-format off */
#define EK_POLICY                                                                                  \
    {.size = 32,                                                                                   \
     .buffer = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,                  \
                0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,                  \
                0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa}}
/* clang-format on */
/* clang-format off */
#define EK_SYMMETRIC                                                                               \
    {.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB}
/* clang-format on */

static const TPM2B_PUBLIC rsa_template = {
    .publicArea =
        {
            .type = TPM2_ALG_RSA,
            .nameAlg = TPM2_ALG_SHA256,
            .objectAttributes = EK_ATTRIBUTES,
            .authPolicy = EK_POLICY,
            .parameters.rsaDetail = {.symmetric = EK_SYMMETRIC,
                                     .scheme.scheme = TPM2_ALG_NULL,
                                     .keyBits = 2048},
            .unique.rsa.size = 256,
        },
};

static const TPM2B_PUBLIC ecc_template = {
    .publicArea =
        {
            .type = TPM2_ALG_ECC,
            .nameAlg = TPM2_ALG_SHA256,
            .objectAttributes = EK_ATTRIBUTES,
            .authPolicy = EK_POLICY,
            .parameters.eccDetail = {.symmetric = EK_SYMMETRIC,
                                     .scheme.scheme = TPM2_ALG_NULL,
                                     .curveID = TPM2_ECC_NIST_P256,
                                     .kdf.scheme = TPM2_ALG_NULL},
            .unique.ecc = {.x.size = 32, .y.size = 32},
        },
};

static int make(struct chip *chip, const TPM2B_PUBLIC *template, struct chip_key *key)
{
    const TPM2B_SENSITIVE_CREATE sensitive = {0};
    const TPML_PCR_SELECTION no_pcrs = {0};
    const TPM2B_DATA outside = {0};
    TPM2B_PUBLIC *public = NULL;

    chip_begin(chip, "TPM2_CreatePrimary");
    int rc = chip_end(chip,
                      Esys_CreatePrimary(chip->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD,
                                         ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, template, &outside,
                                         &no_pcrs, &key->handle, &public, NULL, NULL, NULL));
    if (!rc) {
        key->transient = true;
        key->public = *public;
    }
    Esys_Free(public);
    return rc;
}

/* --- the attestation key ---------------------------------------------------------------------- */

static bool is_attestation_key(const TPMT_PUBLIC *public)
{
    const TPMT_PUBLIC *wanted = &attestation_template.publicArea;
    const TPMS_ECC_PARMS *ecc = &public->parameters.eccDetail;

    return public->type == wanted->type && public->nameAlg == wanted->nameAlg &&
           public->objectAttributes == wanted->objectAttributes && public->authPolicy.size == 0 &&
           ecc->symmetric.algorithm == TPM2_ALG_NULL && ecc->scheme.scheme == TPM2_ALG_ECDSA &&
           ecc->scheme.details.ecdsa.hashAlg == TPM2_ALG_SHA256 &&
           ecc->curveID == TPM2_ECC_NIST_P256;
}

/* *found: there is a key at the handle, and it is ours. */
static int load(struct chip *chip, struct chip_key *key, bool *found)
{
    TPM2B_PUBLIC *public = NULL;

    chip_begin(chip, "TPM2_ReadPublic");
    TSS2_RC got = Esys_TR_FromTPMPublic(chip->esys, chip->key_handle, ESYS_TR_NONE, ESYS_TR_NONE,
                                        ESYS_TR_NONE, &key->handle);
    *found = !got;
    if (got)
        return chip_is_absent(got) ? 0 : chip_end(chip, got);
    chip_begin(chip, "TPM2_ReadPublic");
    int rc = chip_end(chip, Esys_ReadPublic(chip->esys, key->handle, ESYS_TR_NONE, ESYS_TR_NONE,
                                            ESYS_TR_NONE, &public, NULL, NULL));
    if (!rc && !is_attestation_key(&public->publicArea))
        rc = chip_fail(chip, -EEXIST,
                       "the TPM's handle %#x holds a key that is not cloisterd's: name another as "
                       "'tpm-key-handle' in cloisterd.conf",
                       chip->key_handle);
    if (!rc)
        key->public = *public;
    Esys_Free(public);
    return rc;
}

/* So that it need not be made again; it works without, only slower. */
static void keep(struct chip *chip, struct chip_key *key)
{
    ESYS_TR kept = ESYS_TR_NONE;

    chip_begin(chip, "TPM2_EvictControl");
    TSS2_RC rc = Esys_EvictControl(chip->esys, ESYS_TR_RH_OWNER, key->handle, ESYS_TR_PASSWORD,
                                   ESYS_TR_NONE, ESYS_TR_NONE, chip->key_handle, &kept);
    if (chip_end(chip, rc))
        snprintf(chip->warning, sizeof(chip->warning),
                 "the attestation key cannot be kept in the TPM: %.300s", chip->why);
}

int chip_attestation_key(struct chip *chip, struct chip_key *key)
{
    bool found = false;
    int rc = 0;

    *key = (struct chip_key){.handle = ESYS_TR_NONE};
    if (chip->key_handle)
        rc = load(chip, key, &found);
    if (rc || found)
        return rc;
    rc = make(chip, &attestation_template, key);
    if (!rc && chip->key_handle)
        keep(chip, key);
    return rc;
}

/* --- the endorsement key ---------------------------------------------------------------------- */

static int read_nv(struct chip *chip, ESYS_TR index, uint16_t size, uint8_t *to)
{
    int rc = 0;

    for (uint16_t done = 0; !rc && done < size;) {
        uint16_t left = size - done, piece = left < NV_PIECE ? left : NV_PIECE;
        TPM2B_MAX_NV_BUFFER *data = NULL;

        chip_begin(chip, "TPM2_NV_Read");
        rc = chip_end(chip, Esys_NV_Read(chip->esys, index, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                         ESYS_TR_NONE, piece, done, &data));
        if (!rc && data->size != piece)
            rc = chip_fail(chip, -EIO, "%u bytes came instead of %u", data->size, piece);
        if (!rc)
            memcpy(to + done, data->buffer, piece);
        done += piece;
        Esys_Free(data);
    }
    return rc;
}

static void warn(struct chip *chip, uint32_t handle, const char *what)
{
    snprintf(chip->warning, sizeof(chip->warning), "the TPM's index %#x: %s", handle, what);
}

/* What stands at an index, as to[*size]; 0 bytes: there is none, or not for us. */
static int read_index(struct chip *chip, uint32_t handle, uint8_t *to, size_t room, size_t *size)
{
    const TPMA_NV readable = TPMA_NV_AUTHREAD | TPMA_NV_WRITTEN;
    TPM2B_NV_PUBLIC *public = NULL;
    ESYS_TR index;

    *size = 0;
    chip_begin(chip, "TPM2_NV_ReadPublic");
    TSS2_RC got =
        Esys_TR_FromTPMPublic(chip->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &index);
    if (got)
        return chip_is_absent(got) ? 0 : chip_end(chip, got);
    chip_begin(chip, "TPM2_NV_ReadPublic");
    int rc = chip_end(chip, Esys_NV_ReadPublic(chip->esys, index, ESYS_TR_NONE, ESYS_TR_NONE,
                                               ESYS_TR_NONE, &public, NULL));
    if (rc)
        return rc;
    const uint16_t held = public->nvPublic.dataSize;
    const TPMA_NV attributes = public->nvPublic.attributes;
    Esys_Free(public);
    if ((attributes & readable) != readable || held > room) {
        warn(chip, handle,
             held > room ? "more than there is room for"
                         : "it has no content that anybody may read");
        return 0;
    }
    rc = read_nv(chip, index, held, to);
    if (!rc)
        *size = held;
    return rc;
}

/*
 * Keeps the certificates of what stands from der[size] on, `more` bytes, one behind the other; what fills
 * up an index goes. Returns how many bytes at the end are the beginning of another.
 */
static size_t keep_certificates(struct chip *chip, uint32_t handle,
                                struct chip_certificate *certificate, size_t more)
{
    struct cloister_bytes rest = {certificate->der + certificate->size, more}, one;
    const char *why = NULL;
    int rc;

    while ((rc = cloister_certificate_next(&rest, &one, &why)) == 1) {
        memmove(certificate->der + certificate->size, one.data, one.size);
        certificate->size += one.size;
    }
    if (rc == -EBADMSG)
        warn(chip, handle, why);
    if (rc != -ENODATA)
        return 0;
    memmove(certificate->der + certificate->size, rest.data, rest.size);
    return rest.size;
}

static int read_certificate(struct chip *chip, uint32_t handle,
                            struct chip_certificate *certificate)
{
    size_t size;

    certificate->size = 0;
    int rc = read_index(chip, handle, certificate->der, sizeof(certificate->der), &size);
    if (!rc && keep_certificates(chip, handle, certificate, size))
        warn(chip, handle, "a certificate that is cut off");
    return rc;
}

int chip_certificate_chain(struct chip *chip, struct chip_certificate *certificate)
{
    size_t begun = 0, size = 1; /* a certificate may go on in the next index */
    uint32_t handle = CERTIFICATE_CHAIN;
    int rc = 0;

    for (; !rc && certificate->size && size && handle <= CERTIFICATE_CHAIN_LAST; handle++) {
        const size_t used = certificate->size + begun;

        rc = read_index(chip, handle, certificate->der + used, sizeof(certificate->der) - used,
                        &size);
        if (!rc && size)
            begun = keep_certificates(chip, handle, certificate, begun + size);
    }
    if (!rc && begun)
        warn(chip, CERTIFICATE_CHAIN, "the last certificate from here on is cut off");
    return rc;
}

int chip_endorsement_key(struct chip *chip, struct chip_key *key,
                         struct chip_certificate *certificate)
{
    const TPM2B_PUBLIC *template = &rsa_template;

    *key = (struct chip_key){.handle = ESYS_TR_NONE};
    int rc = read_certificate(chip, CERTIFICATE_RSA, certificate);
    if (!rc && !certificate->size) {
        rc = read_certificate(chip, CERTIFICATE_ECC, certificate);
        if (certificate->size)
            template = &ecc_template;
    }
    return rc ? rc : make(chip, template, key);
}
