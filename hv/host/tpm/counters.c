/* SPDX-License-Identifier: MIT */
/*
 * The job `counters`: cloister/abi.h, "Counters over power failures", 2 and 3. Only the monitor knows the index's
 * authorization, so it makes the HMAC of the command that reads it and judges that of the response. ESAPI computes
 * HMACs itself; here it is the layer below (SAPI), which takes them as they are.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <tss2/tss2_sys.h>

#include "base/digest.h"
#include "proof/helper.h"
#include "tpm/internal.h"
#include "tpm/jobs.h"
#include "base/json.h"
#include "base/jsonbytes.h"

#define SIZE DIGEST_SIZE
#define TRIES 5 /* as ESAPI's */

struct work {
    TSS2_SYS_CONTEXT *sys;
    TPMI_RH_NV_INDEX index;
    uint8_t extend[SIZE], expected[SIZE];
};

static const TSS2L_SYS_AUTH_COMMAND owner = {.count = 1, .auths = {{.sessionHandle = TPM2_RS_PW}}};

/* The TPM has not begun, and wants to be asked again (part 2, 6.6.3). */
static bool again(TSS2_RC rc, int *tries)
{
    return (rc == TPM2_RC_RETRY || rc == TPM2_RC_YIELDED || rc == TPM2_RC_TESTING) && --*tries;
}

#define TRY(rc, call)                                                                              \
    do {                                                                                           \
        int tries_ = TRIES;                                                                        \
                                                                                                   \
        do                                                                                         \
            (rc) = (call);                                                                         \
        while (again(rc, &tries_));                                                                \
    } while (0)

static int bytes_of(struct chip *chip, json_object *request, const char *key, uint8_t out[SIZE])
{
    size_t size = 0;
    int rc = job_bytes(chip, request, key, out, SIZE, &size);

    if (!rc && size != SIZE) {
        snprintf(chip->why, sizeof(chip->why), "%s has not %u bytes", key, SIZE);
        rc = -EINVAL;
    }
    return rc;
}

static int whole(struct chip *chip, const TPM2B_MAX_NV_BUFFER *data)
{
    return data->size == SIZE
               ? 0
               : chip_fail(chip, -EIO, "%u bytes came instead of %u", data->size, SIZE);
}

/* --- the extension ---------------------------------------------------------------------------- */

/* What the index has; zeros before its first extension (part 3, 31.9). */
static int read_index(struct chip *chip, const struct work *work, uint8_t value[SIZE])
{
    TPM2B_MAX_NV_BUFFER data = {.size = sizeof(data.buffer)};
    TSS2_RC rc;

    chip_begin(chip, "TPM2_NV_Read");
    TRY(rc, Tss2_Sys_NV_Read(work->sys, TPM2_RH_OWNER, work->index, &owner, SIZE, 0, &data, NULL));
    if (rc == TPM2_RC_NV_UNINITIALIZED) {
        memset(value, 0, SIZE);
        return 0;
    }
    if (chip_is_absent(rc))
        return chip_fail(chip, -ENOENT,
                         "the TPM has no index %#x: somebody removed it, and no increment of this "
                         "boot can become durable",
                         work->index);
    int error = chip_end(chip, rc);
    if (!error)
        error = whole(chip, &data);
    if (!error)
        memcpy(value, data.buffer, SIZE);
    return error;
}

/* The index leads to `expected`, or nothing is extended: it would lead nowhere, and wear out the TPM. */
static int extend(struct chip *chip, const struct work *work)
{
    uint8_t both[2 * SIZE], next[SIZE];
    TPM2B_MAX_NV_BUFFER data = {.size = SIZE};
    TSS2_RC rc;

    int error = read_index(chip, work, both);
    if (error || !memcmp(both, work->expected, SIZE))
        return error;
    memcpy(both + SIZE, work->extend, SIZE);
    digest_sha256(both, sizeof(both), next);
    if (memcmp(next, work->expected, SIZE) != 0)
        return chip_fail(chip, -ESTALE,
                         "index %#x was extended by somebody else, and no increment of this boot "
                         "can become durable",
                         work->index);
    memcpy(data.buffer, work->extend, SIZE);
    chip_begin(chip, "TPM2_NV_Extend");
    TRY(rc, Tss2_Sys_NV_Extend(work->sys, TPM2_RH_OWNER, work->index, &owner, &data, NULL));
    return chip_end(chip, rc);
}

/* --- the reading that the monitor believes ---------------------------------------------------- */

static int start_session(struct chip *chip, const struct work *work, TPMI_SH_AUTH_SESSION *session,
                         TPM2B_NONCE *nonce)
{
    const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};
    const TPM2B_ENCRYPTED_SECRET unsalted = {0};
    TPM2B_NONCE caller = {.size = SIZE};
    TSS2_RC rc;

    /* An unbound, unsalted session has no key that this nonce would matter for (part 1, 19.6.8). */
    if (getrandom(caller.buffer, SIZE, 0) != SIZE)
        return chip_fail(chip, -EIO, "the kernel gave no random bytes");
    chip_begin(chip, "TPM2_StartAuthSession");
    *nonce = (TPM2B_NONCE){.size = sizeof(nonce->buffer)};
    TRY(rc,
        Tss2_Sys_StartAuthSession(work->sys, TPM2_RH_NULL, TPM2_RH_NULL, NULL, &caller, &unsalted,
                                  TPM2_SE_HMAC, &none, TPM2_ALG_SHA256, session, nonce, NULL));
    return chip_end(chip, rc);
}

/* "NONCE HMAC" */
static int parse_reply(char *line, TPMS_AUTH_COMMAND *authorization)
{
    char *space = strchr(line, ' ');
    size_t nonce = 0, hmac = 0;

    line[strcspn(line, "\n")] = 0;
    if (!space)
        return -EPROTO;
    *space = 0;
    if (json_bytes_read(line, authorization->nonce.buffer, SIZE, &nonce) ||
        json_bytes_read(space + 1, authorization->hmac.buffer, SIZE, &hmac) || nonce != SIZE ||
        hmac != SIZE)
        return -EPROTO;
    authorization->nonce.size = authorization->hmac.size = SIZE;
    return 0;
}

static int ask_back(struct chip *chip, const TPM2B_NONCE *nonce, TPMS_AUTH_COMMAND *authorization)
{
    json_object *question = json_object_new_object(), *content = json_object_new_object();
    char line[HELPER_MAX_REPLY + 2];
    FILE *replies = fdopen(HELPER_REPLIES, "r");

    json_object_object_add(content, "nonce_tpm", json_bytes_new(nonce->buffer, nonce->size));
    json_object_object_add(question, "question", content);
    fprintf(chip->progress, "%s\n",
            json_object_to_json_string_ext(question, JSON_C_TO_STRING_PLAIN |
                                                         JSON_C_TO_STRING_NOSLASHESCAPE));
    fflush(chip->progress);
    json_object_put(question);
    int rc =
        replies && fgets(line, sizeof(line), replies) ? parse_reply(line, authorization) : -EPROTO;
    if (replies)
        fclose(replies);
    if (rc)
        return chip_fail(chip, rc, "no authorization came from cloisterd");
    return 0;
}

/* The monitor made its HMAC over this very command: its parameters must not change (abi.h). */
static int read_authorized(struct chip *chip, const struct work *work,
                           const TSS2L_SYS_AUTH_COMMAND *authorization, json_object *answer)
{
    TPM2B_MAX_NV_BUFFER data = {.size = sizeof(data.buffer)};
    TSS2L_SYS_AUTH_RESPONSE response = {.count = 1};
    TSS2_RC rc;

    chip_begin(chip, "TPM2_NV_Read");
    TRY(rc, Tss2_Sys_NV_Read(work->sys, work->index, work->index, authorization, SIZE, 0, &data,
                             &response));
    int error = chip_end(chip, rc);
    if (!error)
        error = whole(chip, &data);
    if (!error && (response.count != 1 || response.auths[0].nonce.size != SIZE ||
                   response.auths[0].hmac.size != SIZE))
        error = chip_fail(chip, -EIO, "the response has no authorization of SHA-256");
    if (!error && memcmp(data.buffer, work->expected, SIZE) != 0)
        error = chip_fail(chip, -ESTALE, "index %#x has another value than it was extended to",
                          work->index);
    if (error)
        return error;
    json_object_object_add(answer, "value", json_bytes_new(data.buffer, SIZE));
    json_object_object_add(answer, "nonce_tpm",
                           json_bytes_new(response.auths[0].nonce.buffer, SIZE));
    json_object_object_add(answer, "hmac", json_bytes_new(response.auths[0].hmac.buffer, SIZE));
    return 0;
}

static int prove(struct chip *chip, const struct work *work, json_object *answer)
{
    TSS2L_SYS_AUTH_COMMAND authorization = {
        .count = 1, .auths = {{.sessionAttributes = TPMA_SESSION_CONTINUESESSION}}};
    TPMI_SH_AUTH_SESSION session;
    TPM2B_NONCE nonce;

    int rc = start_session(chip, work, &session, &nonce);
    if (rc)
        return rc;
    if (nonce.size != SIZE)
        rc = chip_fail(chip, -EIO, "a nonce of %u bytes came instead of %u", nonce.size, SIZE);
    authorization.auths[0].sessionHandle = session;
    if (!rc)
        rc = ask_back(chip, &nonce, &authorization.auths[0]);
    if (!rc)
        rc = read_authorized(chip, work, &authorization, answer);
    chip_begin(chip, "TPM2_FlushContext");
    TSS2_RC flushed;
    TRY(flushed, Tss2_Sys_FlushContext(work->sys, session));
    (void)flushed;
    return rc;
}

int job_counters(struct chip *chip, json_object *request, json_object *answer)
{
    struct work work = {0};
    uint64_t index;

    if (!json_unsigned(json_member(request, "index"), 0, UINT32_MAX, &index)) {
        snprintf(chip->why, sizeof(chip->why), "the request has no number 'index'");
        return -EINVAL;
    }
    work.index = (TPMI_RH_NV_INDEX)index;
    int rc = bytes_of(chip, request, "extend", work.extend);
    if (!rc)
        rc = bytes_of(chip, request, "expected", work.expected);
    if (!rc)
        rc = chip_end(chip, Esys_GetSysContext(chip->esys, &work.sys));
    if (!rc)
        rc = extend(chip, &work);
    return rc ? rc : prove(chip, &work, answer);
}
