/* SPDX-License-Identifier: MIT */
/* tpm, activate, evidence, heartbeat: what the host proves to others. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonbytes.h"
#include "base/outfile.h"
#include "cloister/evidence.h"
#include "ctl/ctl.h"
#include "base/digest.h"
#include "base/textfile.h"

#define MAX_REPLY (64u * 1024u) /* of an enrolling service */

static bool is_stdio(const char *path)
{
    return !strcmp(path, "-");
}

static int write_file(const struct ctl_options *options, const uint8_t *data, size_t size)
{
    const char *path = options->output, *why = NULL;

    if (!is_stdio(path))
        why = outfile_write(path, data, size);
    else if (fwrite(data, 1, size, stdout) != size || fflush(stdout))
        why = strerror(errno);
    return !why ? CTL_OK
                : ctl_fail(options, CTL_PROBLEM, strerrorname_np(errno), "%s cannot be written: %s",
                           path, why);
}

/* The bytes at `key` of the answer go to --output. */
static int write_member(const struct ctl_options *options, json_object *answer, const char *key)
{
    uint8_t *data = malloc(CLOISTER_EVIDENCE_MAX_SIZE);
    size_t size = 0;
    int status;

    if (!data || json_bytes_read(ctl_text(answer, key), data, CLOISTER_EVIDENCE_MAX_SIZE, &size))
        status = ctl_fail(options, CTL_PROBLEM, "EPROTO", "cloisterd's answer has no %s", key);
    else
        status = write_file(options, data, size);
    free(data);
    return status;
}

static void print_warning(json_object *answer)
{
    if (*ctl_text(answer, "warning"))
        fprintf(stderr, "cloisterctl: %s\n", ctl_text(answer, "warning"));
}

/* Asks; the bytes at `key` go to --output, the whole answer to --json. */
static int ask_and_write(const struct ctl_options *options, json_object *request, const char *key)
{
    int status = CTL_OK;
    json_object *answer = ctl_ask(options, request, &status);

    if (!answer)
        return status;
    if (options->output)
        status = write_member(options, answer, key);
    if (options->json && status == CTL_OK)
        ctl_print_json(answer);
    else
        print_warning(answer);
    json_object_put(answer);
    return status;
}

/* The request's "nonce"; CTL_OK, or what was wrong was said. */
static int add_nonce(const struct ctl_options *options, const char *command, json_object *request)
{
    size_t size = options->nonce ? strlen(options->nonce) : 0;

    if (!options->nonce)
        return ctl_fail(
            options, CTL_USAGE, "EINVAL",
            "%s needs --nonce: the verifier's challenge, 16 to 64 bytes that were never used "
            "before",
            command);
    if (!options->output && !options->json)
        return ctl_fail(options, CTL_USAGE, "EINVAL", "%s needs -o FILE, or --json", command);
    if (size % 2 || size < 2 * CLOISTER_NONCE_MIN || size > 2 * CLOISTER_NONCE_MAX ||
        strspn(options->nonce, "0123456789abcdefABCDEF") != size)
        return ctl_fail(options, CTL_USAGE, "EINVAL",
                        "--nonce: 16 to 64 bytes as hexadecimal digits, not '%.140s'",
                        options->nonce);
    json_object_object_add(request, "nonce", json_object_new_string(options->nonce));
    return CTL_OK;
}

static int add_report(const struct ctl_options *options, const char *path, json_object *list)
{
    size_t size;
    char *data;
    int rc = textfile_read(path, CLOISTER_COSE_REPORT_SIZE, &data, &size);

    if (rc == -EFBIG ||
        (!rc && size != sizeof(struct cloister_report) && size != CLOISTER_COSE_REPORT_SIZE)) {
        if (!rc)
            free(data);
        return ctl_fail(options, CTL_PROBLEM, "EINVAL",
                        "%s is no report: that has %zu bytes, or %u as COSE_Sign1", path,
                        sizeof(struct cloister_report), CLOISTER_COSE_REPORT_SIZE);
    }
    if (rc)
        return ctl_fail(options, CTL_PROBLEM, strerrorname_np(-rc), "%s cannot be read: %s", path,
                        strerror(-rc));
    json_object_array_add(list, json_bytes_new(data, size));
    free(data);
    return CTL_OK;
}

int command_evidence(const struct ctl_options *options)
{
    json_object *request = ctl_request("evidence"), *reports = json_object_new_array();
    int status = add_nonce(options, "evidence", request);

    for (unsigned int i = 0; i < options->report_count && status == CTL_OK; i++)
        status = add_report(options, options->reports[i], reports);
    json_object_object_add(request, "reports", reports);
    if (status == CTL_OK)
        return ask_and_write(options, request, "evidence");
    json_object_put(request);
    return status;
}

int command_heartbeat(const struct ctl_options *options)
{
    json_object *request = ctl_request("heartbeat");
    int status = add_nonce(options, "heartbeat", request);

    if (status == CTL_OK)
        return ask_and_write(options, request, "report");
    json_object_put(request);
    return status;
}

/* --- enrolment -------------------------------------------------------------------------------- */

static void copy_member(json_object *to, json_object *from, const char *key)
{
    json_object_object_add(to, key, json_object_get(ctl_member(from, key)));
}

static void print_tpm(json_object *answer)
{
    uint8_t public[CLOISTER_EVIDENCE_MAX_TPM], certificate[16384];
    char digest[DIGEST_HEX + 1] = "?";
    size_t size = 0;

    /* TPM2B_PUBLIC: its size, then the TPMT_PUBLIC that verifiers know the key by. */
    if (!json_bytes_read(ctl_text(answer, "ak_public"), public, sizeof(public), &size) && size > 2)
        digest_sha256_hex(public + 2, size - 2, digest);
    printf("attestation key  %s\n", digest);
    if (ctl_member(answer, "ek_certificate") &&
        !json_bytes_read(ctl_text(answer, "ek_certificate"), certificate, sizeof(certificate),
                         &size))
        printf("endorsement key  with its manufacturer's certificates, %zu bytes\n", size);
    else
        puts("endorsement key  without a certificate");
}

int command_tpm(const struct ctl_options *options)
{
    int status = CTL_OK;
    json_object *answer = ctl_ask(options, ctl_request("tpm"), &status);

    if (!answer)
        return status;
    if (options->json) {
        json_object *body = json_object_new_object();

        copy_member(body, answer, "ek_public");
        copy_member(body, answer, "ek_certificate");
        copy_member(body, answer, "ak_public");
        ctl_print_json(body);
        json_object_put(body);
    } else {
        print_tpm(answer);
    }
    print_warning(answer);
    json_object_put(answer);
    return CTL_OK;
}

/* The enrolling service's reply. NULL: what is wrong was said. */
static json_object *read_reply(const struct ctl_options *options, const char *path)
{
    json_object *reply;
    char *text, why[200] = "a member is missing";
    size_t size;
    int rc = textfile_read(is_stdio(path) ? "/dev/stdin" : path, MAX_REPLY, &text, &size);

    if (rc) {
        ctl_fail(options, CTL_PROBLEM, strerrorname_np(-rc), "%s cannot be read: %s", path,
                 strerror(-rc));
        return NULL;
    }
    rc = json_read(text, size, &reply, why, sizeof(why));
    free(text);
    if (!rc && json_member_text(reply, "credential_blob") &&
        json_member_text(reply, "encrypted_secret") && ctl_member(reply, "enrolment"))
        return reply;
    ctl_fail(options, CTL_PROBLEM, "EINVAL",
             "%s is no reply of an enrolling service, a JSON object with enrolment, "
             "credential_blob and encrypted_secret: %s",
             path, why);
    json_object_put(reply);
    return NULL;
}

int command_activate(const struct ctl_options *options)
{
    int status = CTL_PROBLEM;
    json_object *reply = read_reply(options, options->arguments[0]), *answer = NULL;

    if (reply) {
        json_object *request = ctl_request("activate");

        copy_member(request, reply, "credential_blob");
        copy_member(request, reply, "encrypted_secret");
        answer = ctl_ask(options, request, &status);
    }
    if (answer) {
        json_object *body = json_object_new_object();

        copy_member(body, reply, "enrolment");
        copy_member(body, answer, "secret");
        ctl_print_json(body);
        json_object_put(body);
        status = CTL_OK;
    }
    json_object_put(answer);
    json_object_put(reply);
    return status;
}
