/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "cloister/eventlog.h"
#include "verify/uefi.h"

/* TCG PC Client Platform Firmware Profile 1.05, 10.4.1. */
#define EV_EFI_VARIABLE_BOOT UINT32_C(0x80000002)
#define EV_EFI_BOOT_SERVICES_DRIVER UINT32_C(0x80000004)
#define EV_EFI_RUNTIME_SERVICES_DRIVER UINT32_C(0x80000005)
#define EV_EFI_VARIABLE_BOOT2 UINT32_C(0x8000000c)

static int find(struct cloister_log_finding *finding, enum cloister_log_finding_kind kind,
                const char *said)
{
    static const char *const meanings[] = {
#define FINDING_TEXT(kind, text) text,
        CLOISTER_LOG_FINDINGS(FINDING_TEXT)
#undef FINDING_TEXT
    };

    finding->kind = kind;
    finding->meaning = meanings[kind];
    if (said != finding->said) {
        snprintf(finding->said, sizeof(finding->said), "%s", said);
    }
    return 1;
}

/* Is this what was measured? 1, 0 or -EIO. */
static int is_measured(struct cloister_bytes data, const uint8_t digest[32])
{
    uint8_t found[32];

    if (EVP_Digest(data.data, data.size, found, NULL, EVP_sha256(), NULL) != 1) {
        return -EIO;
    }
    return !memcmp(found, digest, sizeof(found));
}

/*
 * EV_EFI_VARIABLE_BOOT is the digest of the variable's value, BOOT2 that of the event's data
 * (10.4.1); firmware that mixes them up lies about nothing.
 */
static int judge_words(const struct cloister_log_event *event, const struct uefi_variable *variable,
                       struct cloister_log_finding *finding)
{
    int rc = is_measured(event->data, event->digest);

    if (rc == 0) {
        rc = is_measured(variable->data, event->digest);
    }
    if (rc < 0) {
        return rc;
    }
    return rc ? 0 : find(finding, CLOISTER_FINDING_WORDS, variable->name);
}

static int judge_driver(const struct cloister_log_event *event,
                        struct cloister_log_finding *finding)
{
    bool from_file;

    if (!uefi_driver_place(event->data, &from_file, finding->said, sizeof(finding->said))) {
        return find(finding, CLOISTER_FINDING_FORM, "a driver's image");
    }
    return from_file ? find(finding, CLOISTER_FINDING_DRIVER, finding->said) : 0;
}

static int judge_boot_entry(const struct uefi_variable *variable,
                            struct cloister_log_finding *finding)
{
    struct cloister_bytes options;

    if (!uefi_load_options(variable->data, &options)) {
        return find(finding, CLOISTER_FINDING_FORM, variable->name);
    }
    return options.size ? find(finding, CLOISTER_FINDING_OPTIONS, variable->name) : 0;
}

static int judge_event(const struct cloister_log_event *event, bool options,
                       struct cloister_log_finding *finding)
{
    bool boot = event->type == EV_EFI_VARIABLE_BOOT || event->type == EV_EFI_VARIABLE_BOOT2;
    struct uefi_variable variable;
    int rc = 0;

    if (event->type == EV_EFI_BOOT_SERVICES_DRIVER ||
        event->type == EV_EFI_RUNTIME_SERVICES_DRIVER) {
        return judge_driver(event, finding);
    }
    if (!uefi_variable_read(event->data, &variable)) {
        return boot ? find(finding, CLOISTER_FINDING_FORM, "a variable") : 0;
    }
    if (boot) {
        rc = judge_words(event, &variable, finding);
    }
    if (!rc && uefi_starts_early(&variable)) {
        rc = find(finding, CLOISTER_FINDING_VARIABLE, variable.name);
    }
    if (!rc && options && uefi_is_boot_entry(&variable)) {
        rc = judge_boot_entry(&variable, finding);
    }
    return rc;
}

int cloister_log_judge(struct cloister_bytes bytes, bool options,
                       struct cloister_log_finding *finding)
{
    struct cloister_log_event event;
    struct cloister_log log;
    int more = 0, rc = cloister_log_begin(&log, bytes);

    while (!rc && (more = cloister_log_next(&log, &event)) == 1) {
        finding->event = log.events - 1;
        finding->pcr = event.pcr;
        rc = event.extended ? judge_event(&event, options, finding) : 0;
    }
    return rc ? rc : more;
}
