/* SPDX-License-Identifier: MIT */
#include "tpm/jobs.h"

#include <errno.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "base/json.h"
#include "base/jsonbytes.h"
#include "tpm/internal.h"

const char *job_text(struct chip *chip, json_object *request, const char *key)
{
    const char *text = json_member_text(request, key);

    if (!text)
        snprintf(chip->why, sizeof(chip->why), "the request has no text '%s'", key);
    return text;
}

int job_bytes(struct chip *chip, json_object *request, const char *key, uint8_t *data,
              size_t capacity, size_t *size)
{
    const char *text = job_text(chip, request, key);

    if (!text)
        return -EINVAL;
    int rc = json_bytes_read(text, data, capacity, size);
    if (rc)
        snprintf(chip->why, sizeof(chip->why), "%s is not base64, or has more than %zu bytes", key,
                 capacity);
    return rc;
}

static int add_public(struct chip *chip, json_object *answer, const char *key,
                      const TPM2B_PUBLIC *public)
{
    uint8_t bytes[sizeof(*public)];
    size_t size = 0;

    int rc = chip_end(chip, Tss2_MU_TPM2B_PUBLIC_Marshal(public, bytes, sizeof(bytes), &size));
    if (!rc)
        json_object_object_add(answer, key, json_bytes_new(bytes, size));
    return rc;
}

int job_identity(struct chip *chip, json_object *request, json_object *answer)
{
    struct chip_key attestation = {0}, endorsement = {0};
    struct chip_certificate certificate = {0};

    (void)request;
    int rc = chip_attestation_key(chip, &attestation);
    if (!rc)
        rc = chip_endorsement_key(chip, &endorsement, &certificate);
    if (!rc)
        rc = chip_certificate_chain(chip, &certificate);
    if (!rc)
        rc = add_public(chip, answer, "ek_public", &endorsement.public);
    if (!rc) {
        json_object_object_add(answer, "ek_certificate",
                               certificate.size ? json_bytes_new(certificate.der, certificate.size)
                                                : NULL);
        rc = add_public(chip, answer, "ak_public", &attestation.public);
    }
    chip_release(chip, &endorsement);
    chip_release(chip, &attestation);
    return rc;
}

/* The two structures of a credential, each whole and nothing behind it. */
static int read_credential(struct chip *chip, json_object *request, TPM2B_ID_OBJECT *credential,
                           TPM2B_ENCRYPTED_SECRET *secret)
{
    uint8_t bytes[2 + sizeof(TPMU_ENCRYPTED_SECRET)];
    size_t size, offset = 0;

    int rc = job_bytes(chip, request, "credential_blob", bytes, sizeof(bytes), &size);
    if (rc)
        return rc;
    if (Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(bytes, size, &offset, credential) || offset != size) {
        snprintf(chip->why, sizeof(chip->why), "credential_blob is no TPM2B_ID_OBJECT");
        return -EINVAL;
    }
    rc = job_bytes(chip, request, "encrypted_secret", bytes, sizeof(bytes), &size);
    offset = 0;
    if (!rc && (Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(bytes, size, &offset, secret) ||
                offset != size)) {
        snprintf(chip->why, sizeof(chip->why), "encrypted_secret is no TPM2B_ENCRYPTED_SECRET");
        rc = -EINVAL;
    }
    return rc;
}

int job_activate(struct chip *chip, json_object *request, json_object *answer)
{
    struct chip_key attestation = {0}, endorsement = {0};
    struct chip_certificate certificate = {0};
    TPM2B_ENCRYPTED_SECRET secret;
    TPM2B_ID_OBJECT credential;
    TPM2B_DIGEST out;

    int rc = read_credential(chip, request, &credential, &secret);
    if (!rc)
        rc = chip_attestation_key(chip, &attestation);
    if (!rc)
        rc = chip_endorsement_key(chip, &endorsement, &certificate);
    if (!rc)
        rc = chip_activate(chip, &attestation, &endorsement, &credential, &secret, &out);
    if (!rc)
        json_object_object_add(answer, "secret", json_bytes_new(out.buffer, out.size));
    chip_release(chip, &endorsement);
    chip_release(chip, &attestation);
    return rc;
}
