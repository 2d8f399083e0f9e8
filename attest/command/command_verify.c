/* SPDX-License-Identifier: MIT */
/* cloister-verify verify */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/verify.h"
#include "command/command.h"
#include "verify/flags.h"
#include "verify/refuse.h"

static const char help[] =
    "usage: cloister-verify verify --evidence FILE --policy FILE --nonce HEX [OPTION...]\n\n"
    "Judges evidence: prints what is known of the host and its enclaves, or the first broken link\n"
    "with what was expected and what was found.\n\n"
    "  --evidence FILE      what the host handed over\n"
    "  --policy FILE        what is accepted (JSON, see cloister-verify(1))\n"
    "  --nonce HEX          the challenge that the host was given, 16 to 64 bytes\n"
    "  --enrolled-key HEX   the host's TPM key: SHA-256 of its public area; for policies with\n"
    "                       \"attestation-keys\": \"enrolled\"\n"
    "  --report-data HEX    64 bytes that each enclave's report must carry\n"
    "  --json               one JSON object\n\n"
    "Exit status: 0 accepted; 1 refused; 2 usage; 3 an input cannot be read or is not valid.\n";

struct inputs {
    const char *evidence_path, *policy_path;
    uint8_t nonce[CLOISTER_NONCE_MAX], key[CLOISTER_DIGEST_SIZE], report_data[64];
    struct cloister_challenge challenge;
    bool json;
    uint8_t *evidence;
    size_t size;
    struct cloister_policy *policy;
};

static int take_option(char **argv, int option, void *inputs)
{
    struct inputs *in = inputs;
    size_t size;
    int rc = 0;

    switch (option) {
    case 'e':
        in->evidence_path = optarg;
        break;
    case 'p':
        in->policy_path = optarg;
        break;
    case 'n':
        rc = option_hex(argv[0], "--nonce", in->nonce, CLOISTER_NONCE_MIN, CLOISTER_NONCE_MAX,
                        &in->challenge.nonce.size);
        in->challenge.nonce.data = in->nonce;
        break;
    case 'k':
        rc =
            option_hex(argv[0], "--enrolled-key", in->key, sizeof(in->key), sizeof(in->key), &size);
        in->challenge.enrolled_key = in->key;
        break;
    case 'r':
        rc = option_hex(argv[0], "--report-data", in->report_data, sizeof(in->report_data),
                        sizeof(in->report_data), &size);
        in->challenge.report_data = in->report_data;
        break;
    default: /* 'j' */
        in->json = true;
        break;
    }
    return rc;
}

static json_object *enclave_claims(const struct cloister_enclave_claims *enclave)
{
    json_object *object = out_new();

    out_text(object, "name", enclave->name);
    out_hex(object, "measurement", enclave->measurement, sizeof(enclave->measurement));
    out_hex(object, "author", enclave->author, sizeof(enclave->author));
    out_hex(object, "family_id", enclave->family_id, sizeof(enclave->family_id));
    out_hex(object, "image_id", enclave->image_id, sizeof(enclave->image_id));
    out_count(object, "image_version", enclave->image_version);
    out_count(object, "security_version", enclave->security_version);
    out_truth(object, "debug", enclave->debug);
    out_count(object, "enclave", enclave->enclave);
    out_count(object, "domain", enclave->domain);
    out_hex(object, "domain_uuid", enclave->domain_uuid, sizeof(enclave->domain_uuid));
    out_hex(object, "report_data", enclave->report_data, sizeof(enclave->report_data));
    out_count(object, "sequence", enclave->sequence);
    if (enclave->age_known) {
        out_count(object, "age_ns", enclave->age);
    }
    return object;
}

static json_object *host_claims(const struct cloister_claims *claims)
{
    json_object *object = out_new(), *pcrs = out_new(), *enclaves = out_list();
    char text[32];

    out_text(object, "policy", claims->policy);
    out_hex(object, "policy_digest", claims->policy_digest, sizeof(claims->policy_digest));
    out_truth(object, "insecure", claims->insecure);
    out_text(object, "boot", claims->boot);
    out_hex(object, "attestation_key", claims->attestation_key, sizeof(claims->attestation_key));
    out_hex(object, "record", claims->record, sizeof(claims->record));
    out_hex(object, "monitor_key", claims->monitor_key, sizeof(claims->monitor_key));
    snprintf(text, sizeof(text), "%u.%u.%u", claims->monitor_version >> 16,
             claims->monitor_version >> 8 & 255, claims->monitor_version & 255);
    out_text(object, "monitor_version", text);
    out_flags(object, "monitor_flags", claims->monitor_flags);
    out_text(object, "xen_version", claims->xen_version);
    out_text(object, "xen_source", claims->xen_source);
    out_hex(object, "lockdown_table", claims->lockdown, sizeof(claims->lockdown));
    snprintf(text, sizeof(text), "%016" PRIx64, claims->boot_id);
    out_text(object, "boot_id", text);
    out_count(object, "tpm_clock_ms", claims->tpm_clock);
    out_count(object, "tpm_reset_count", claims->tpm_reset_count);
    out_count(object, "tpm_restart_count", claims->tpm_restart_count);
    out_truth(object, "tpm_clock_safe", claims->tpm_clock_safe);
    out_truth(object, "log_checked", claims->log_checked);
    out_text(object, "firmware_settings", cloister_settings_name(claims->settings));
    for (uint32_t i = 0; i < claims->pcr_count; i++) {
        snprintf(text, sizeof(text), "%u", claims->pcrs[i].index);
        out_hex(pcrs, text, claims->pcrs[i].value, sizeof(claims->pcrs[i].value));
    }
    out_add(object, "pcrs", pcrs);
    if (claims->heartbeat) {
        out_count(object, "refusals", claims->refusals);
        out_count(object, "boot_changes", claims->boot_changes);
    }
    for (uint32_t i = 0; i < claims->enclave_count; i++) {
        json_object_array_add(enclaves, enclave_claims(&claims->enclaves[i]));
    }
    out_add(object, "enclaves", enclaves);
    return object;
}

static void print_json(int rc, const struct cloister_claims *claims,
                       const struct cloister_refusal *refusal)
{
    json_object *object = out_new();

    out_truth(object, "accepted", rc == 0);
    if (rc == 0) {
        out_add(object, "claims", host_claims(claims));
    } else {
        out_refusal(object, refusal);
    }
    out_print(object);
}

static void print_text(int rc, const struct cloister_claims *claims,
                       const struct cloister_refusal *refusal)
{
    char flags[FLAGS_TEXT_ROOM], table[2 * CLOISTER_DIGEST_SIZE + 1];

    if (rc) {
        refusal_print(refusal);
        return;
    }
    flags_text(claims->monitor_flags, flags, sizeof(flags));
    hex_text(claims->lockdown, sizeof(claims->lockdown), table, sizeof(table));
    printf("accepted%s\n  boot      %s\n  Xen       %s%s%s, monitor %u.%u.%u\n  monitor   %s\n"
           "  table     %s\n  firmware  settings %s\n",
           claims->insecure ? ", by a policy with a bypass (insecure)" : "",
           *claims->boot ? claims->boot : "not looked at", claims->xen_version,
           *claims->xen_source ? ", source " : "", claims->xen_source,
           claims->monitor_version >> 16, claims->monitor_version >> 8 & 255,
           claims->monitor_version & 255, flags, table, cloister_settings_name(claims->settings));
    for (uint32_t i = 0; i < claims->enclave_count; i++) {
        const struct cloister_enclave_claims *enclave = &claims->enclaves[i];
        char measurement[2 * CLOISTER_MEASUREMENT_SIZE + 1];

        hex_text(enclave->measurement, sizeof(enclave->measurement), measurement,
                 sizeof(measurement));
        printf("  enclave   %s%s, security version %u\n            %s\n",
               *enclave->name ? enclave->name : "any", enclave->debug ? " (debug)" : "",
               enclave->security_version, measurement);
    }
}

static int judge(struct inputs *in)
{
    struct cloister_verifier *verifier = cloister_verifier_new();
    struct cloister_refusal refusal;
    struct cloister_claims claims;
    int rc;

    if (!verifier) {
        complain("OpenSSL cannot be used");
        return STATUS_INPUT;
    }
    rc = cloister_verify(verifier, in->policy, &in->challenge, in->evidence, in->size, &claims,
                         &refusal);
    cloister_verifier_free(verifier);
    if (rc && rc != -EACCES) {
        complain("OpenSSL failed");
        return STATUS_INPUT;
    }
    (in->json ? print_json : print_text)(rc, &claims, &refusal);
    return rc ? STATUS_REFUSED : STATUS_ACCEPTED;
}

int command_verify(int argc, char **argv)
{
    static const struct option options[] = {
        {"evidence", required_argument, NULL, 'e'},
        {"policy", required_argument, NULL, 'p'},
        {"nonce", required_argument, NULL, 'n'},
        {"enrolled-key", required_argument, NULL, 'k'},
        {"report-data", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct inputs in = {0};
    int rc = command_options(argc, argv, options, help, take_option, &in);

    if (rc == OPTIONS_DONE) {
        return STATUS_ACCEPTED;
    }
    if (!rc && (!in.evidence_path || !in.policy_path || !in.challenge.nonce.data)) {
        rc = complain_usage(argv[0], "--evidence, --policy and --nonce are needed");
    }
    if (!rc) {
        rc = policy_read(in.policy_path, &in.policy);
    }
    if (!rc) {
        rc = file_read(in.evidence_path, CLOISTER_EVIDENCE_MAX_SIZE, &in.evidence, &in.size);
    }
    if (!rc) {
        rc = judge(&in);
    }
    free(in.evidence);
    cloister_policy_free(in.policy);
    return rc;
}
