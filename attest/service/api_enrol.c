/* SPDX-License-Identifier: MIT */
/*
 * Enrolment: the host shows a ticket (api_tickets.c) with its endorsement and attestation keys and
 * gets a secret that only the TPM with both can unwrap; with the secret it is entered and gets its
 * token. The ticket is used up in that moment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "service/api.h"
#include "verify/base64.h"
#include "server/body.h"
#include "service/credential.h"
#include "service/ekcert.h"
#include "verify/refuse.h"

#define SECRET 32u

/* What the sealed context of an enrolment carries. */
struct enrolment {
    int64_t expires;
    uint8_t ticket[STORE_DIGEST], ak_digest[STORE_DIGEST];
    uint8_t ek_digest[STORE_DIGEST]; /* of the key alone: what the host is known by */
    /* of the TPM2B_PUBLIC that was sent: what a ticket may name */
    uint8_t sent_digest[STORE_DIGEST];
    uint8_t secret_digest[STORE_DIGEST];
};

static const uint8_t no_digest[STORE_DIGEST];

static bool sha256(const void *data, size_t size, uint8_t digest[STORE_DIGEST])
{
    return EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) == 1;
}

/*
 * The secret of a host's token: who repeats the request that enrolled it, because the reply was
 * lost, gets the same one. It can be computed only with the secret that the TPM has unwrapped.
 */
static bool token_secret(const uint8_t sealing_key[SEAL_KEY_SIZE],
                         const struct enrolment *enrolment, const uint8_t secret[CREDENTIAL_SECRET],
                         char text[BASE64_ROOM(SECRET)])
{
    static const char purpose[] = "cloister-attestd host token";
    uint8_t input[sizeof(purpose) + CREDENTIAL_SECRET + sizeof(*enrolment)], mac[SECRET];
    bool good;

    memcpy(input, purpose, sizeof(purpose));
    memcpy(input + sizeof(purpose), secret, CREDENTIAL_SECRET);
    memcpy(input + sizeof(purpose) + CREDENTIAL_SECRET, enrolment, sizeof(*enrolment));
    good = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, sealing_key, SEAL_KEY_SIZE, input,
                     sizeof(input), mac, sizeof(mac), NULL) != NULL;
    base64_encode(BASE64_URL, mac, sizeof(mac), text);
    OPENSSL_cleanse(input, sizeof(input));
    OPENSSL_cleanse(mac, sizeof(mac));
    return good;
}

/* --- the two steps ------------------------------------------------------------------------- */

enum { EK_PUBLIC, EK_CERTIFICATE, AK_PUBLIC, ENROL_FIELDS };

static void refuse_key(struct request *request, const char *field, const char *why)
{
    reply_error(request, 403, "refused", "%s: %s", field, why);
}

/* Is this endorsement key to be believed? Either the ticket names it, or its certificate is good.
 */
static bool believe(struct worker *worker, struct request *request, const struct body *body,
                    EVP_PKEY *ek, const struct enrolment *enrolment)
{
    const struct taken *certificate = &body->fields[EK_CERTIFICATE];
    uint8_t named[STORE_DIGEST];
    char why[400];
    int rc = store_ticket_get(worker->db, enrolment->ticket, clock_seconds(), named);

    if (rc == -EIO) {
        reply_unavailable(request);
    } else if (rc) {
        api_unknown_ticket(request);
    } else if (memcmp(named, no_digest, sizeof(named))) {
        if (memcmp(named, enrolment->ek_digest, sizeof(named)) &&
            memcmp(named, enrolment->sent_digest, sizeof(named))) {
            refuse_key(request, "ek_public", "the ticket is for another endorsement key");
        }
    } else if (!certificate->given) {
        refuse_key(request, "ek_certificate",
                   "it is needed, for the ticket does not name the endorsement key");
    } else if (!ekcert_check(worker->material->ek_roots, certificate->bytes, ek, why,
                             sizeof(why))) {
        refuse_key(request, "ek_certificate", why);
    }
    return !request->status;
}

static void add_base64(json_object *object, const char *key, const uint8_t *data, size_t size)
{
    char text[BASE64_ROOM(512)];

    base64_encode(BASE64_STANDARD, data, size, text);
    json_object_object_add(object, key, json_object_new_string(text));
}

static void offer(struct worker *worker, struct request *request, EVP_PKEY *ek,
                  struct enrolment *enrolment)
{
    uint8_t secret[CREDENTIAL_SECRET], blob[CREDENTIAL_BLOB], encrypted[CREDENTIAL_ENCRYPTED_MAX];
    char text[SEAL_MAX_TEXT + 1];
    json_object *object = json_object_new_object();
    size_t size;

    enrolment->expires = clock_seconds() + worker->service->config.enrolment_lifetime;
    if (!object || RAND_bytes(secret, sizeof(secret)) != 1 ||
        !sha256(secret, sizeof(secret), enrolment->secret_digest) ||
        credential_make(ek, enrolment->ak_digest, secret, blob, encrypted, &size) ||
        seal(worker->service->sealing_key, SEAL_ENROLMENT, enrolment, sizeof(*enrolment), text)) {
        json_object_put(object);
        reply_unavailable(request);
    } else {
        json_object_object_add(object, "enrolment", json_object_new_string(text));
        add_base64(object, "credential_blob", blob, sizeof(blob));
        add_base64(object, "encrypted_secret", encrypted, size);
        json_object_object_add(object, "expires", json_object_new_int64(enrolment->expires));
        reply_json(request, 200, object);
    }
    OPENSSL_cleanse(secret, sizeof(secret));
}

void api_enrol(struct worker *worker, struct request *request)
{
    static const struct field fields[] = {
        [EK_PUBLIC] = {"ek_public", FIELD_BASE64, false, 1, CREDENTIAL_PUBLIC_MAX},
        [EK_CERTIFICATE] = {"ek_certificate", FIELD_BASE64, true, 1, EKCERT_MAX},
        [AK_PUBLIC] = {"ak_public", FIELD_BASE64, false, 1, CREDENTIAL_PUBLIC_MAX},
    };
    struct enrolment enrolment = {0};
    const char *why = NULL;
    EVP_PKEY *ek = NULL;
    struct body body;

    if (!body_take(request, &body, fields, ENROL_FIELDS)) {
        return;
    }
    ek = credential_ek(body.fields[EK_PUBLIC].bytes, &why);
    if (!ek) {
        refuse_key(request, "ek_public", why);
    } else if (!credential_ak(body.fields[AK_PUBLIC].bytes, enrolment.ak_digest, &why)) {
        refuse_key(request, "ak_public", why);
    } else if (!sha256(request->token, strlen(request->token), enrolment.ticket) ||
               !sha256(body.fields[EK_PUBLIC].bytes.data, body.fields[EK_PUBLIC].bytes.size,
                       enrolment.sent_digest) ||
               !credential_ek_digest(ek, enrolment.ek_digest)) {
        reply_unavailable(request);
    } else if (believe(worker, request, &body, ek, &enrolment)) {
        offer(worker, request, ek, &enrolment);
    }
    EVP_PKEY_free(ek);
    body_release(&body);
}

struct activation {
    struct enrolment enrolment;
    struct store_host host;
    char secret[BASE64_ROOM(SECRET)]; /* of its token */
};

static int apply_activation(struct db *db, struct request *request)
{
    struct activation *activation = request->context;
    struct store_host host = activation->host;
    char token[STORE_ID_SIZE + sizeof(activation->secret)];
    json_object *object;
    char ek[2 * STORE_DIGEST + 1];
    int rc = store_host_enrol(db, activation->enrolment.ticket, clock_seconds(),
                              activation->enrolment.sent_digest, &host);
    bool repeated = rc == -EALREADY;

    rc = repeated ? 0 : rc;

    if (rc == -ENOENT) {
        reply_error(request, 401, "unauthorized", "the ticket has been used, or is too old");
        return 0;
    }
    hex_text(host.ek_digest, STORE_DIGEST, ek, sizeof(ek));
    if (!rc && !repeated) {
        rc = api_note(db, request,
                      &(struct api_event){.event = "enrolled", .host = host.id, .subject = ek});
    }
    if (rc) {
        return rc;
    }
    snprintf(token, sizeof(token), "%s.%s", host.id, activation->secret);
    object = json_object_new_object();
    if (object) {
        json_object_object_add(object, "host", json_object_new_string(host.id));
        json_object_object_add(object, "token", json_object_new_string(token));
    }
    reply_json(request, 200, object);
    return object ? 0 : -EIO;
}

static bool read_enrolment(struct worker *worker, const struct body *body,
                           struct enrolment *enrolment)
{
    const char *text = body->fields[0].text;
    const struct cloister_bytes secret = body->fields[1].bytes;
    uint8_t content[SEAL_MAX_CONTENT], digest[STORE_DIGEST];

    if (unseal(worker->service->sealing_key, SEAL_ENROLMENT, text, strlen(text), content) !=
        sizeof(*enrolment)) {
        return false;
    }
    memcpy(enrolment, content, sizeof(*enrolment));
    return clock_seconds() < enrolment->expires && sha256(secret.data, secret.size, digest) &&
           !CRYPTO_memcmp(digest, enrolment->secret_digest, sizeof(digest));
}

void api_activate(struct worker *worker, struct request *request)
{
    static const struct field fields[] = {
        {"enrolment", FIELD_TEXT, false, 1, SEAL_MAX_TEXT},
        {"secret", FIELD_BASE64, false, CREDENTIAL_SECRET, CREDENTIAL_SECRET},
    };
    struct activation *activation;
    struct store_host *host;
    struct body body;
    uint8_t id[16];

    if (!body_take(request, &body, fields, 2)) {
        return;
    }
    activation = calloc(1, sizeof(*activation));
    host = activation ? &activation->host : NULL;
    if (!activation || RAND_bytes(id, sizeof(id)) != 1) {
        reply_unavailable(request);
        free(activation);
    } else if (!read_enrolment(worker, &body, &activation->enrolment)) {
        reply_error(request, 403, "refused",
                    "the enrolment is not this service's, too old, or the secret is not its");
        free(activation);
    } else if (!token_secret(worker->service->sealing_key, &activation->enrolment,
                             body.fields[1].bytes.data, activation->secret) ||
               !sha256(activation->secret, strlen(activation->secret), host->token_digest)) {
        reply_unavailable(request);
        free(activation);
    } else {
        hex_text(id, sizeof(id), host->id, sizeof(host->id));
        memcpy(host->ek_digest, activation->enrolment.ek_digest, STORE_DIGEST);
        memcpy(host->ak_digest, activation->enrolment.ak_digest, STORE_DIGEST);
        host->enrolled = clock_seconds();
        request->context = activation;
        request->apply = apply_activation;
    }
    body_release(&body);
}
