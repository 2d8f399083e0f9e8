/* SPDX-License-Identifier: MIT */
/* The steps of a verification: each refusal by its name, by one change of a good host. */
#include <stdlib.h>

#include "cloister/abi.h"
#include "verify/flags.h"
#include "refuses.h"

static void start(void)
{
    scene_start(SCENE_ECC);
}

/* --- accepted ------------------------------------------------------------------------------ */

START_TEST(accepted)
{
    scene_start(_i ? SCENE_RSA : SCENE_ECC);
    accepts();
    const struct cloister_claims *claims = &scene.claims;
    ck_assert_str_eq(claims->policy, "test");
    ck_assert_str_eq(claims->boot, "first");
    ck_assert(!claims->insecure);
    ck_assert(!memcmp(claims->attestation_key, scene.enrolled, 32));
    ck_assert_str_eq(claims->xen_version, "4.17.5");
    ck_assert_uint_eq(claims->monitor_version, 0x000100);
    ck_assert_uint_eq(claims->boot_id, scene.record.boot_id);
    ck_assert_uint_eq(claims->tpm_clock, 123456);
    ck_assert_uint_eq(claims->tpm_reset_count, 7);
    ck_assert_uint_eq(claims->tpm_restart_count, 1);
    ck_assert(claims->tpm_clock_safe);
    ck_assert_uint_eq(claims->pcr_count, SCENE_PCRS);
    ck_assert(!claims->log_checked);
    ck_assert_str_eq(claims->xen_source, "4.17.5+72-g01140da4e8-1");
    ck_assert_uint_eq(claims->lockdown[31], 0x7a);
    ck_assert_str_eq(cloister_settings_name(claims->settings), "unchecked");
    ck_assert(claims->heartbeat);
    ck_assert_uint_eq(claims->refusals, 3);
    ck_assert_uint_eq(claims->enclave_count, 1);
    const struct cloister_enclave_claims *enclave = &claims->enclaves[0];
    ck_assert_str_eq(enclave->name, "vault");
    ck_assert_uint_eq(enclave->security_version, 5);
    ck_assert_uint_eq(enclave->enclave, 3);
    ck_assert(!enclave->debug);
    ck_assert(enclave->age_known);
    ck_assert_uint_eq(enclave->age, UINT64_C(5000000000));
}
END_TEST

START_TEST(accepted_again_after_refusals)
{
    accepts();
    scene.signature[20] ^= 1;
    refuses(CLOISTER_REFUSED_SIGNATURE_WRONG, "quote.signature");
    memset(scene.reports[0].signature, 0xff, 64);
    scene.signature[20] ^= 1;
    refuses(CLOISTER_REFUSED_REPORT_SIGNATURE_WRONG, "reports[0].signature");
    scene_sign_report(0);
    accepts();
}
END_TEST

START_TEST(short_scalars)
{
    /* Sign until r begins with a zero, and leave it out, as some TPMs do. */
    do {
        scene_sign();
    } while (scene.signature[6]);
    scene.signature[5] = 31;
    memmove(scene.signature + 6, scene.signature + 7, scene.signature_size - 7);
    scene.signature_size--;
    accepts();
}
END_TEST

START_TEST(no_refusal_asked_for)
{
    struct cloister_verifier *verifier = cloister_verifier_new();
    struct cloister_policy *policy;
    struct cloister_challenge challenge = {.nonce = {scene.nonce, scene.nonce_size}};

    ck_assert_int_eq(cloister_policy_parse("{}", 2, &policy, NULL, 0), 0);
    scene_encode();
    ck_assert_int_eq(cloister_verify(verifier, policy, &challenge, scene.encoded, scene.size,
                                     &scene.claims, NULL), -EACCES);
    ck_assert_int_eq(cloister_verify(verifier, policy, &challenge, scene.encoded, 3,
                                     &scene.claims, NULL), -EACCES);
    challenge.nonce.size = CLOISTER_NONCE_MIN - 1;
    ck_assert_int_eq(cloister_verify(verifier, policy, &challenge, scene.encoded, scene.size,
                                     &scene.claims, NULL), -EINVAL);
    challenge.nonce.size = CLOISTER_NONCE_MAX + 1;
    ck_assert_int_eq(cloister_verify(verifier, policy, &challenge, scene.encoded, scene.size,
                                     &scene.claims, NULL), -EINVAL);
    cloister_policy_free(policy);
    cloister_verifier_free(verifier);
    cloister_verifier_free(NULL);
    cloister_policy_free(NULL);
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(cloister_step_name(CLOISTER_STEP_DECODE), "decode");
    ck_assert_str_eq(cloister_step_name(CLOISTER_STEP_REPORT_FLAGS), "report-flags");
    ck_assert_str_eq(cloister_step_name(CLOISTER_STEP_FRESHNESS), "freshness");
    ck_assert_str_eq(cloister_step_name(99), "unknown");
    ck_assert_str_eq(cloister_refusal_name(CLOISTER_REFUSED_TOO_OLD), "too-old");
    ck_assert(strlen(cloister_refusal_text(CLOISTER_REFUSED_PCR_DIGEST)) > 10);
}
END_TEST

/* --- 2 nonce ------------------------------------------------------------------------------- */

START_TEST(other_nonce)
{
    scene.challenge_nonce[31] ^= 1;
    refuses(CLOISTER_REFUSED_NONCE_DIFFERS, "nonce");
    scene.challenge_nonce[31] ^= 1;
    scene.challenge_nonce_size = 31;
    refuses(CLOISTER_REFUSED_NONCE_DIFFERS, "size");
    scene.challenge_nonce_size = 33;
    refuses(CLOISTER_REFUSED_NONCE_DIFFERS, "size");
}
END_TEST

START_TEST(replayed)
{
    /* An old quote, only the nonce beside it is new. */
    memset(scene.challenge_nonce, 0x43, sizeof(scene.challenge_nonce));
    memset(scene.nonce, 0x43, sizeof(scene.nonce));
    refuses(CLOISTER_REFUSED_QUOTE_CHALLENGE, "extraData");
}
END_TEST

/* --- 3 record ------------------------------------------------------------------------------ */

START_TEST(record_form)
{
    const struct cloister_monitor_record good = scene.record;
    struct cloister_monitor_record *record = &scene.record;

    record->magic ^= 1;
    refuses(CLOISTER_REFUSED_RECORD_UNKNOWN, "magic");
    *record = good;
    record->version = CLOISTER_RECORD_VERSION - 1;
    refuses(CLOISTER_REFUSED_RECORD_UNKNOWN, "version");
    *record = good;
    record->size = 255;
    refuses(CLOISTER_REFUSED_RECORD_UNKNOWN, "size");
    *record = good;
    record->reserved0 = 1;
    refuses(CLOISTER_REFUSED_RECORD_UNKNOWN, "reserved");
    *record = good;
    record->reserved[sizeof(record->reserved) - 1] = 1;
    refuses(CLOISTER_REFUSED_RECORD_UNKNOWN, "reserved");
    *record = good;
    record->xen_version[3] = 0x1b;
    refuses(CLOISTER_REFUSED_RECORD_UNKNOWN, "xen_version");
    *record = good;
    record->xen_version[31] = 'x';
    refuses(CLOISTER_REFUSED_RECORD_UNKNOWN, "xen_version");
    *record = good;
    record->xen_source[3] = 0x7f;
    refuses(CLOISTER_REFUSED_RECORD_UNKNOWN, "xen_source");
    *record = good;
    record->xen_source[47] = 'x';
    refuses(CLOISTER_REFUSED_RECORD_UNKNOWN, "xen_source");
    *record = good;
    record->flags |= 1u << 31;
    refuses(CLOISTER_REFUSED_RECORD_FLAGS, "flags");
}
END_TEST

/* --- 4 key --------------------------------------------------------------------------------- */

START_TEST(no_quote)
{
    scene.attest_size = 0;
    refuses(CLOISTER_REFUSED_NO_QUOTE, "quote");
}
END_TEST

START_TEST(key_attributes)
{
    static const unsigned int needed[] = {1, 4, 5, 16, 18};

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        start();
        scene.attributes &= ~(1u << needed[i]);
        scene_key();
        refuses(CLOISTER_REFUSED_KEY_ATTRIBUTES, "quote.key");
    }
    start();
    scene.attributes |= 1u << 17; /* decrypt */
    scene_key();
    refuses(CLOISTER_REFUSED_KEY_ATTRIBUTES, "quote.key");
}
END_TEST

START_TEST(key_algorithms)
{
    uint16_t *const fields[] = {&scene.key_type, &scene.name_algorithm, &scene.symmetric,
                                &scene.scheme,   &scene.hash,           &scene.curve};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        start();
        *fields[i] = 0x0c;
        scene_key();
        refuses(CLOISTER_REFUSED_KEY_ALGORITHM, "quote.key");
    }
    scene_start(SCENE_RSA);
    scene.rsa_bits = 1024;
    scene_key();
    refuses(CLOISTER_REFUSED_KEY_ALGORITHM, "quote.key");
    scene_start(SCENE_RSA);
    scene.exponent = 3;
    scene_key();
    refuses(CLOISTER_REFUSED_KEY_ALGORITHM, "quote.key");
    scene_start(SCENE_RSA);
    scene.exponent = 65537;
    scene_key();
    accepts();
}
END_TEST

START_TEST(key_bytes)
{
    enum scene_key kind = _i ? SCENE_RSA : SCENE_ECC;
    size_t whole;

    scene_start(kind);
    whole = scene.key_size;
    for (scene.key_size = 1; scene.key_size < whole; scene.key_size++) {
        scene_encode();
        int rc = scene_verify_encoded();
        ck_assert_int_eq(rc, -EACCES);
        ck_assert_int_eq(scene.refusal.code, CLOISTER_REFUSED_KEY_MALFORMED);
    }
    scene.key_size = whole + 1;
    refuses(CLOISTER_REFUSED_KEY_MALFORMED, "quote.key");
    scene.key_size = whole;
    for (size_t i = 0; i < whole; i++) {
        scene.key[i] ^= 0x81;
        ck_assert_int_eq(scene_verify(), -EACCES);
        ck_assert_int_eq(scene.refusal.step, CLOISTER_STEP_KEY);
        scene.key[i] ^= 0x81;
    }
    accepts();
}
END_TEST

START_TEST(key_not_accepted)
{
    scene.enrolled[0] ^= 1;
    refuses(CLOISTER_REFUSED_KEY_NOT_ACCEPTED, "quote.key");
    start();
    scene_policy_replace("\"attestation-keys\": \"enrolled\"",
                         "\"attestation-keys\": \"0000000000000000000000000000000000000000000000000"
                         "000000000000000\"");
    refuses(CLOISTER_REFUSED_KEY_NOT_ACCEPTED, "quote.key");
    start();
    scene_policy_replace("\"attestation-keys\": \"enrolled\",", "");
    refuses(CLOISTER_REFUSED_KEY_NOT_ACCEPTED, "quote.key");
    scene_policy_replace("{", "{\"insecure-any-attestation-key\": false,");
    refuses(CLOISTER_REFUSED_KEY_NOT_ACCEPTED, "quote.key");
    scene_policy_replace("false", "true");
    accepts();
    ck_assert(scene.claims.insecure);
}
END_TEST

START_TEST(key_point_not_on_curve)
{
    scene_policy_replace("{", "{\"insecure-any-attestation-key\": true,");
    scene.key[scene.key_size - 1] ^= 1;
    refuses(CLOISTER_REFUSED_SIGNATURE_WRONG, "quote.signature");
    memset(scene.key + scene.key_size - 32, 0, 32);
    refuses(CLOISTER_REFUSED_SIGNATURE_WRONG, "quote.signature");
    memset(scene.key + scene.key_size - 66, 0, 32);
    refuses(CLOISTER_REFUSED_SIGNATURE_WRONG, "quote.signature");
}
END_TEST

/* --- 5 signature --------------------------------------------------------------------------- */

START_TEST(signature_bytes)
{
    size_t whole;

    scene_start(_i ? SCENE_RSA : SCENE_ECC);
    whole = scene.signature_size;
    for (size_t i = 0; i < whole; i++) {
        scene.signature[i] ^= 1;
        ck_assert_int_eq(scene_verify(), -EACCES);
        ck_assert_int_eq(scene.refusal.step, CLOISTER_STEP_SIGNATURE);
        scene.signature[i] ^= 1;
    }
    for (scene.signature_size = 1; scene.signature_size < whole; scene.signature_size++) {
        ck_assert_int_eq(scene_verify(), -EACCES);
        ck_assert_int_eq(scene.refusal.code, CLOISTER_REFUSED_SIGNATURE_MALFORMED);
    }
    scene.signature_size = whole + 1;
    refuses(CLOISTER_REFUSED_SIGNATURE_MALFORMED, "quote.signature");
}
END_TEST

START_TEST(signature_degenerate)
{
    memset(scene.signature + 6, 0, 32);
    refuses(CLOISTER_REFUSED_SIGNATURE_WRONG, "quote.signature");
    memset(scene.signature + 40, 0, 32);
    refuses(CLOISTER_REFUSED_SIGNATURE_WRONG, "quote.signature");
    memset(scene.signature + 6, 0xff, 32);
    memset(scene.signature + 40, 0xff, 32);
    refuses(CLOISTER_REFUSED_SIGNATURE_WRONG, "quote.signature");
}
END_TEST

START_TEST(signature_of_other_scheme)
{
    uint8_t rsa[sizeof(scene.signature)];
    size_t size;

    scene_start(SCENE_RSA);
    size = scene.signature_size;
    memcpy(rsa, scene.signature, size);
    start();
    memcpy(scene.signature, rsa, size);
    scene.signature_size = size;
    refuses(CLOISTER_REFUSED_SIGNATURE_ALGORITHM, "quote.signature");
}
END_TEST

/* --- 6 quote ------------------------------------------------------------------------------- */

START_TEST(quote_fields)
{
    scene.magic = 0x54434700;
    scene_quote();
    refuses(CLOISTER_REFUSED_QUOTE_NOT_BY_TPM, "magic");
    start();
    scene.type = 0x8017; /* TPM_ST_ATTEST_CERTIFY */
    scene_quote();
    refuses(CLOISTER_REFUSED_QUOTE_TYPE, "type");
    start();
    scene.extra_size = 31;
    scene_quote();
    refuses(CLOISTER_REFUSED_QUOTE_CHALLENGE, "extraData");
    start();
    scene.extra_size = 0;
    scene_quote();
    refuses(CLOISTER_REFUSED_QUOTE_CHALLENGE, "extraData");
    start();
    memcpy(scene.extra, scene.nonce, 32);
    scene_quote();
    refuses(CLOISTER_REFUSED_QUOTE_CHALLENGE, "extraData");
    start();
    scene.bank = 0x04; /* SHA-1 */
    scene_quote();
    refuses(CLOISTER_REFUSED_QUOTE_BANK, "pcrSelect");
    start();
    scene.selection_count = 2;
    scene_quote();
    refuses(CLOISTER_REFUSED_QUOTE_BANK, "pcrSelect");
    start();
    scene.selection_count = 0;
    scene_quote();
    refuses(CLOISTER_REFUSED_QUOTE_BANK, "pcrSelect");
}
END_TEST

START_TEST(quote_changed)
{
    /* Any byte, signed anew or not. */
    for (size_t i = 0; i < scene.attest_size; i++) {
        scene.attest[i] ^= 1;
        refuses(CLOISTER_REFUSED_SIGNATURE_WRONG, "quote.signature");
        scene.attest[i] ^= 1;
    }
}
END_TEST

START_TEST(quote_truncated)
{
    size_t whole = scene.attest_size;

    for (scene.attest_size = 1; scene.attest_size < whole; scene.attest_size++) {
        scene_sign();
        refuses(CLOISTER_REFUSED_QUOTE_MALFORMED, "quote.attest");
    }
    scene.attest_size = whole + 1;
    scene_sign();
    refuses(CLOISTER_REFUSED_QUOTE_MALFORMED, "quote.attest");
}
END_TEST

/* --- 7 PCRs -------------------------------------------------------------------------------- */

START_TEST(pcr_lists)
{
    scene.pcr_count--;
    refuses(CLOISTER_REFUSED_PCR_SELECTION, "quote.pcrs");
    start();
    scene.pcrs[0].index = 1;
    refuses(CLOISTER_REFUSED_PCR_SELECTION, "quote.pcrs");
    for (uint32_t i = 0; i < SCENE_PCRS; i++) {
        start();
        scene.pcrs[i].value[31] ^= 1;
        refuses(CLOISTER_REFUSED_PCR_DIGEST, "quote.pcrs");
    }
    start();
    scene.selected |= 1u << 23;
    scene_quote();
    refuses(CLOISTER_REFUSED_PCR_SELECTION, "quote.pcrs");
}
END_TEST

/* --- 8 binding ----------------------------------------------------------------------------- */

START_TEST(record_of_another_pcr)
{
    /* A record of dom0's own, which dom0 extended into a PCR that nobody used. */
    scene.record.pcr = 14;
    scene.pcrs[SCENE_PCRS - 1].index = 14;
    scene_record();
    refuses(CLOISTER_REFUSED_RECORD_PCR, "record.pcr");
    start();
    scene.record.pcr = CLOISTER_RECORD_NO_TPM;
    scene_record();
    refuses(CLOISTER_REFUSED_RECORD_PCR, "record.pcr");
}
END_TEST

START_TEST(record_pcr_of_policy)
{
    scene.record.pcr = 14;
    scene.pcrs[SCENE_PCRS - 1].index = 14;
    scene_record();
    scene_policy_replace("{", "{\"record-pcr\": 14,");
    accepts();
}
END_TEST

START_TEST(record_pcr_not_quoted)
{
    scene.pcr_count--;
    scene_bind();
    refuses(CLOISTER_REFUSED_RECORD_PCR_NOT_QUOTED, "PCR 13");
}
END_TEST

START_TEST(record_not_measured)
{
    scene.pcrs[SCENE_PCRS - 1].value[0] ^= 1;
    scene_bind();
    refuses(CLOISTER_REFUSED_RECORD_NOT_MEASURED, "PCR 13");
    /* Extended, and then again. */
    start();
    uint8_t both[64] = {0};
    memcpy(both, scene.pcrs[SCENE_PCRS - 1].value, 32);
    scene_sha256(both, sizeof(both), scene.pcrs[SCENE_PCRS - 1].value);
    scene_bind();
    refuses(CLOISTER_REFUSED_RECORD_NOT_MEASURED, "PCR 13");
    /* Another record than the one measured. */
    start();
    scene.record.boot_id++;
    scene_bind();
    refuses(CLOISTER_REFUSED_RECORD_NOT_MEASURED, "PCR 13");
    start();
    scene.record.public_key[0] ^= 1;
    scene_bind();
    refuses(CLOISTER_REFUSED_RECORD_NOT_MEASURED, "PCR 13");
}
END_TEST

/* --- 10 boot ------------------------------------------------------------------------------- */

START_TEST(boot_not_accepted)
{
    static const uint32_t places[] = {SCENE_PCR0, SCENE_PCR2, SCENE_PCR4,
                                      SCENE_PCR7, SCENE_PCR8, SCENE_PCR9};
    char name[32];

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        start();
        scene.pcrs[places[i]].value[5] ^= 1;
        scene_bind();
        snprintf(name, sizeof(name), "PCR %u, boot 'first'", scene.pcrs[places[i]].index);
        refuses(CLOISTER_REFUSED_BOOT_NOT_ACCEPTED, name);
    }
    start();
    memmove(&scene.pcrs[SCENE_PCR9], &scene.pcrs[SCENE_RECORD_PCR], sizeof(scene.pcrs[0]));
    scene.pcr_count--;
    scene_bind();
    refuses(CLOISTER_REFUSED_BOOT_NOT_ACCEPTED, "PCR 9");
    ck_assert_str_eq(scene.refusal.found, "not quoted");
    start();
    scene_policy_replace("\"boot\": [", "\"insecure-any-boot\": true, \"boot\": [");
    scene.pcrs[SCENE_PCR4].value[5] ^= 1;
    scene_bind();
    accepts();
    ck_assert_str_eq(scene.claims.boot, "");
}
END_TEST

START_TEST(boot_alternatives)
{
    scene_policy_replace("\"boot\": [", "\"insecure-incomplete-boot\": true, \"boot\": [{\"name\": "
                         "\"other\", \"pcrs\": {\"4\": "
                         "\"1100000000000000000000000000000000000000000000000000000000000000\"}},");
    accepts();
    ck_assert_str_eq(scene.claims.boot, "first");
    scene.pcrs[SCENE_PCR4].value[5] ^= 1;
    scene_bind();
    refuses(CLOISTER_REFUSED_BOOT_NOT_ACCEPTED, "PCR 4, boot 'first'");
}
END_TEST

/* A unified image has nothing in GRUB's PCRs, and no policy asks for them. */
START_TEST(boot_unified)
{
    char *grub = strstr(scene.policy, ", \"8\": ");

    memmove(grub, strstr(grub, "}}]"), strlen(strstr(grub, "}}]")) + 1);
    memset(scene.pcrs[SCENE_PCR8].value, 0, 32);
    memset(scene.pcrs[SCENE_PCR9].value, 0, 32);
    scene_bind();
    scene_policy_replace("\"pcrs\"", "\"loader\": \"unified\", \"pcrs\"");
    accepts();
    scene.pcrs[SCENE_PCR2].value[0] ^= 1;
    scene_bind();
    refuses(CLOISTER_REFUSED_BOOT_NOT_ACCEPTED, "PCR 2");
}
END_TEST

/* --- 11 monitor, 14 report flags ----------------------------------------------------------- */

START_TEST(monitor_version)
{
    scene_policy_replace("{", "{\"minimum-monitor-version\": \"0.1.0\",");
    accepts();
    scene_policy_replace("0.1.0", "0.1.1");
    refuses(CLOISTER_REFUSED_MONITOR_VERSION, "monitor_version");
    ck_assert_str_eq(scene.refusal.expected, "0.1.1 or later");
    ck_assert_str_eq(scene.refusal.found, "0.1.0");
    scene_policy_replace("0.1.1", "1.0.0");
    refuses(CLOISTER_REFUSED_MONITOR_VERSION, "monitor_version");
}
END_TEST

static const struct {
    uint32_t change;
    const char *bypass;
} flag_cases[] = {
    {CLOISTER_INFO_IOMMU_STRICT, "insecure-allow-dma"},
    {CLOISTER_INFO_INSECURE_DMA, "insecure-allow-dma"},
    {CLOISTER_INFO_SMT, "insecure-allow-smt"},
    {CLOISTER_INFO_TEST, "insecure-allow-test-build"},
    {CLOISTER_INFO_TPM_REQUIRED, "insecure-tpm-optional"},
    {CLOISTER_INFO_LOCKDOWN, "insecure-no-lockdown"},
    {CLOISTER_INFO_INTREMAP, "insecure-no-intremap"},
    {CLOISTER_INFO_INTREMAP, "insecure-allow-dma"},
};

START_TEST(monitor_flags)
{
    char bypass[80];

    scene.record.flags ^= flag_cases[_i].change;
    scene_record();
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    snprintf(bypass, sizeof(bypass), "{\"%s\": true,", flag_cases[_i].bypass);
    scene_policy_replace("{", bypass);
    accepts();
    ck_assert(scene.claims.insecure);
}
END_TEST

START_TEST(report_flags)
{
    scene.reports[1].flags ^= flag_cases[_i].change;
    scene_sign_report(1);
    refuses(CLOISTER_REFUSED_REPORT_FLAGS, "reports[1].flags");
}
END_TEST

/* What can be open, alone: as the monitor says it. */
static const struct {
    uint32_t set, cleared;
    const char *name;
} open_cases[] = {
#define OPEN_ROOM(room, option)                                                                    \
    {CLOISTER_INFO_##room, CLOISTER_INFO_LOCKDOWN, NULL},
    CLOISTER_LOCKDOWN_ROOMS(OPEN_ROOM)
#undef OPEN_ROOM
    {FLAGS_ROOMS | CLOISTER_INFO_LOCKDOWN_WATCH, CLOISTER_INFO_LOCKDOWN, "lockdown-watch"},
    {CLOISTER_INFO_ATS, 0, "ats"},
};

#define OPEN_CASES (sizeof(open_cases) / sizeof(open_cases[0]))

/* By name: in the record and in a report; allowed by its own name, and by no other. */
START_TEST(open_things)
{
    const bool in_report = _i >= (int)OPEN_CASES;
    const size_t i = (size_t)_i % OPEN_CASES;
    uint32_t *flags = in_report ? &scene.reports[0].flags : &scene.record.flags;
    const enum cloister_refusal_code code =
        in_report ? CLOISTER_REFUSED_REPORT_FLAGS : CLOISTER_REFUSED_MONITOR_FLAGS;
    char name[FLAGS_TEXT_ROOM], allowed[FLAGS_TEXT_ROOM + 8];

    *flags = (*flags | open_cases[i].set) & ~open_cases[i].cleared;
    scene_record();
    scene_sign_report(0);
    refuses(code, "flags");
    flags_text(open_cases[i].set, name, sizeof(name));
    ck_assert_str_eq(scene.refusal.expected + strlen("without "), name);
    ck_assert(strstr(scene.refusal.found, name));
    scene_policy_replace("{", "{\"insecure-no-lockdown\": true,");
    refuses(code, "flags");
    scene_policy_replace("{\"insecure-no-lockdown\": true,", "{");
    scene_policy_replace("{", open_cases[i].set == CLOISTER_INFO_DEBUG
                                  ? "{\"insecure-allow-open\": [\"sleep\"],"
                                  : "{\"insecure-allow-open\": [\"debug\"],");
    refuses(code, "flags");
    snprintf(allowed, sizeof(allowed), "[\"%s\"]",
             open_cases[i].name ? open_cases[i].name : name);
    scene_policy_replace(open_cases[i].set == CLOISTER_INFO_DEBUG ? "[\"sleep\"]" : "[\"debug\"]",
                         allowed);
    accepts();
    ck_assert(scene.claims.insecure);
    /* What is required by name is required all the same. */
    if (open_cases[i].cleared) {
        scene_policy_replace("{", "{\"require-flags\": [\"lockdown\"],");
        refuses(code, "flags");
        ck_assert_str_eq(scene.refusal.expected, "with lockdown");
    }
}
END_TEST

/* Leave to open something is none to do without a table. */
START_TEST(open_nothing)
{
    scene_policy_replace("{", "{\"insecure-allow-open\": [\"debug\", \"lockdown-watch\", \"ats\"],");
    accepts();
    scene.record.flags &= ~CLOISTER_INFO_LOCKDOWN;
    scene_record();
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    ck_assert_str_eq(scene.refusal.expected, "with lockdown");
    scene.record.flags |= CLOISTER_INFO_ATS;
    scene_record();
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    ck_assert_str_eq(scene.refusal.expected, "with lockdown");
}
END_TEST

/* Words of their own, which are not insecure; in the record and in a report. */
static const struct {
    uint32_t change;
    const char *word, *expected;
} accepted_words[] = {
    {CLOISTER_INFO_MOR, "accept-no-mor", "with mor"},
    {CLOISTER_INFO_BMC, "accept-bmc", "without bmc"},
};

START_TEST(accept_words)
{
    const bool in_report = _i >= 2;
    uint32_t *flags = in_report ? &scene.reports[1].flags : &scene.record.flags;
    const enum cloister_refusal_code code =
        in_report ? CLOISTER_REFUSED_REPORT_FLAGS : CLOISTER_REFUSED_MONITOR_FLAGS;
    char word[80];

    *flags ^= accepted_words[_i % 2].change;
    scene_record();
    refuses(code, "flags");
    ck_assert_str_eq(scene.refusal.expected, accepted_words[_i % 2].expected);
    snprintf(word, sizeof(word), "{\"%s\": true,", accepted_words[1 - _i % 2].word);
    scene_policy_replace("{", word);
    refuses(code, "flags");
    snprintf(word, sizeof(word), "{\"%s\": true,", accepted_words[_i % 2].word);
    scene_policy_replace("{", word);
    accepts();
    ck_assert(!scene.claims.insecure);
    if (accepted_words[_i % 2].change == CLOISTER_INFO_MOR) {
        scene_policy_replace("{", "{\"require-flags\": [\"mor\"],");
        refuses(code, "flags");
    }
}
END_TEST

/* All flags at once fit into a refusal, whole. */
START_TEST(every_flag)
{
    uint32_t flag;

    for (unsigned int i = 0; cloister_flag_name(i, &flag); i++) {
        scene.record.flags |= flag;
    }
    scene_record();
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    ck_assert(strstr(scene.refusal.found, "ats bmc"));
    ck_assert(strstr(scene.refusal.expected, "ats bmc"));
}
END_TEST

START_TEST(tables)
{
#define TABLE "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a"
    scene_policy_replace("{", "{\"lockdown-tables\": [\"" TABLE "\"],");
    accepts();
    ck_assert(!memcmp(scene.claims.lockdown, scene.record.lockdown, 32));
    scene.record.lockdown[31] ^= 1;
    scene_record();
    refuses(CLOISTER_REFUSED_LOCKDOWN_TABLE, "record.lockdown, one of 1 tables");
    ck_assert_str_eq(scene.refusal.expected, TABLE);
    ck_assert(strstr(scene.refusal.found, "7a7b"));
    memset(scene.record.lockdown, 0, 32);
    scene_record();
    refuses(CLOISTER_REFUSED_LOCKDOWN_TABLE, "record.lockdown");
    scene_policy_replace("{\"lockdown-tables\": [\"" TABLE "\"],", "{");
    accepts();
#undef TABLE
}
END_TEST

/* With {"4.17": "4.17.7", "4.20": "4.20.3"}. */
static const struct {
    const char *version, *source;
    bool good;
} xens[] = {
    {"4.17.7", "", true},
    {"4.17.7", "4.17.7+13-g1a2b3c4d5e-1", true},
    {"4.17.8-pre", "4.17.7+13-g1a2b3c4d5e-1", true}, /* as Debian builds between releases */
    {"4.17.10", "4.17.10", true},
    {"4.20.3", "4.20.3-1", true},
    {"4.20.4-rc1", "4.20.4~rc1-1", true},
    {"4.17.7-1", "", true},
    {"4.17.6", "", false},
    {"4.17.6", "4.17.7", false},
    {"4.17.7", "4.17.6", false},
    {"4.17.7", "4.17.5+72-g01140da4e8-1", false},
    {"4.17.7-pre", "", false},
    {"4.17.7-rc1", "4.17.7", false},
    {"4.17.7", "4.17.7~rc1-1", false},
    {"4.17", "", false},
    {"4.17.0-rc3", "", false},
    {"4.20.2", "4.20.2", false},
    {"4.18.9", "", false}, /* not listed */
    {"4.19.7", "4.19.7", false},
    {"4.21.0", "", false},
    {"5.17.7", "", false},
    {"4.17.7", "4.20.3", false}, /* of two series */
    {"4.17.7", "git-1a2b3c", false},
    {"", "4.17.7", false},
    {"x", "", false},
    {"4", "", false},
    {"4.", "", false},
    {"4.17.", "", false},
    {" 4.17.7", "", false},
    {"4.17.99999999999", "", false},
    {"4294967300.17.7", "", false},
};

START_TEST(least_xen)
{
    struct cloister_monitor_record *record = &scene.record;

    memset(record->xen_version, 0, sizeof(record->xen_version));
    memset(record->xen_source, 0, sizeof(record->xen_source));
    memcpy(record->xen_version, xens[_i].version, strlen(xens[_i].version));
    memcpy(record->xen_source, xens[_i].source, strlen(xens[_i].source));
    scene_record();
    accepts(); /* by a policy that does not say */
    ck_assert_str_eq(scene.claims.xen_source, xens[_i].source);
    scene_policy_replace("{", "{\"least-xen\": {\"4.17\": \"4.17.7\", \"4.20\": \"4.20.3\"},");
    if (xens[_i].good) {
        accepts();
        return;
    }
    refuses(CLOISTER_REFUSED_XEN_VERSION, "record.xen_version");
    ck_assert(strstr(scene.refusal.expected, "or later"));
    ck_assert(strstr(scene.refusal.found, xens[_i].version));
    ck_assert(strstr(scene.refusal.found, *xens[_i].source ? xens[_i].source : "not said"));
}
END_TEST

START_TEST(least_xen_says)
{
    scene_policy_replace("{", "{\"least-xen\": {\"4.17\": \"4.17.7\", \"4.20\": \"4.20.3\"},");
    refuses(CLOISTER_REFUSED_XEN_VERSION, "record.xen_version");
    ck_assert_str_eq(scene.refusal.expected, "4.17.7 or later");
    ck_assert_str_eq(scene.refusal.found, "4.17.5, source: 4.17.5+72-g01140da4e8-1");
    memcpy(scene.record.xen_version, "4.19.3", 6);
    memcpy(scene.record.xen_source, "4.19", 4);
    scene_record();
    refuses(CLOISTER_REFUSED_XEN_VERSION, "record.xen_version");
    ck_assert_str_eq(scene.refusal.expected, "4.17.7 or later, 4.20.3 or later");
}
END_TEST

/* Nothing insecure, but for whoever asks to know: in the record, and in a report. */
START_TEST(update_key)
{
    uint32_t *flags = _i ? &scene.reports[1].flags : &scene.record.flags;

    *flags |= CLOISTER_INFO_UPDATE_KEY;
    if (_i) {
        scene_sign_report(1);
        refuses(CLOISTER_REFUSED_REPORT_FLAGS, "reports[1].flags");
    } else {
        scene_record();
        refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    }
    ck_assert_str_eq(scene.refusal.expected, "without update-key");
    scene_policy_replace("{", "{\"allow-update-key\": true,");
    accepts();
    ck_assert(!scene.claims.insecure);
    ck_assert_uint_eq(scene.claims.monitor_flags, scene.record.flags);
    scene_policy_replace("true", "false");
    refuses(_i ? CLOISTER_REFUSED_REPORT_FLAGS : CLOISTER_REFUSED_MONITOR_FLAGS, "flags");
}
END_TEST

START_TEST(required_flags)
{
    scene_policy_replace("{", "{\"require-flags\": [\"ibpb\", \"svm\"],");
    accepts();
    scene.record.flags &= ~CLOISTER_INFO_IBPB;
    scene_record();
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    ck_assert_str_eq(scene.refusal.expected, "with ibpb");
    start();
    scene_policy_replace("{", "{\"require-flags\": [\"vmx\"],");
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
}
END_TEST

/* --- 12, 13 reports ------------------------------------------------------------------------ */

START_TEST(report_form)
{
    struct cloister_report *report = &scene.reports[0], good = *report;

    report->magic++;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].magic");
    *report = good;
    report->version = 0;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].version");
    *report = good;
    report->size = 1024;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].size");
    *report = good;
    report->kind = 3;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].kind");
    *report = good;
    report->reserved0 = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].reserved");
    *report = good;
    report->reserved[0] = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].reserved");
    *report = good;
    report->flags |= 1u << 30;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].flags");
    *report = good;
    report->image_flags |= 2;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].image_flags");
    *report = good;
    report->trace_head[31] = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0], an enclave's");
    *report = good;
    report->trace_records = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0], an enclave's");
    *report = good;
    report->trace_suppressed = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0], an enclave's");
    *report = good;
    report->boot_changes = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0], an enclave's");
    *report = good;
    scene.reports[1].enclave = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[1], a heartbeat");
}
END_TEST

START_TEST(report_of_another_record)
{
    scene.reports[0].record[31] ^= 1;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_REPORT_RECORD, "reports[0].record");
}
END_TEST

START_TEST(report_repeated)
{
    scene.reports[2] = scene.reports[0];
    scene.report_count = 3;
    refuses(CLOISTER_REFUSED_REPORT_REPEATED, "reports[2].sequence");
}
END_TEST

START_TEST(report_changed)
{
    uint8_t *bytes = (uint8_t *)&scene.reports[0];

    for (size_t i = 0; i < sizeof(struct cloister_report); i++) {
        bytes[i] ^= 0x80;
        ck_assert_int_eq(scene_verify(), -EACCES);
        ck_assert(scene.refusal.step == CLOISTER_STEP_REPORT ||
                  scene.refusal.code == CLOISTER_REFUSED_REPORT_SIGNATURE_WRONG);
        bytes[i] ^= 0x80;
    }
    accepts();
}
END_TEST

START_TEST(report_by_another_key)
{
    /*
     * A good record's key does not vouch for a report that another key signed, nor for a swapped
     * one.
     */
    uint8_t swapped[64];

    memcpy(swapped, scene.reports[0].signature, 64);
    memcpy(scene.reports[0].signature, scene.reports[1].signature, 64);
    refuses(CLOISTER_REFUSED_REPORT_SIGNATURE_WRONG, "reports[0].signature");
    memcpy(scene.reports[0].signature, swapped, 64);
    memset(scene.record.public_key, 0, 64);
    scene_record();
    refuses(CLOISTER_REFUSED_REPORT_SIGNATURE_WRONG, "reports[0].signature");
}
END_TEST

/* --- 15 enclave ---------------------------------------------------------------------------- */

START_TEST(enclave_debug)
{
    scene.reports[0].image_flags = CLOISTER_IMAGE_DEBUG;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_ENCLAVE_DEBUG, "reports[0].image_flags");
    scene_policy_replace("{", "{\"insecure-any-enclave\": true,");
    refuses(CLOISTER_REFUSED_ENCLAVE_DEBUG, "reports[0].image_flags");
    scene_policy_replace("insecure-any-enclave", "insecure-allow-debug");
    accepts();
    ck_assert(scene.claims.enclaves[0].debug);
}
END_TEST

START_TEST(enclave_identity)
{
    scene.reports[0].measurement[0]++;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED, "reports[0].measurement");
    start();
    scene.reports[0].author[0]++;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED, "reports[0].author");
    start();
    scene_policy_replace("\"minimum-security-version\": 5",
                         "\"family-id\": \"00000000000000000000000000000000\"");
    refuses(CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED, "reports[0].family_id");
    start();
    scene_policy_replace("\"minimum-security-version\": 5",
                         "\"image-id\": [\"00000000000000000000000000000000\"]");
    refuses(CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED, "reports[0].image_id");
    scene_policy_replace("[\"00000000000000000000000000000000\"]",
                         "[\"00000000000000000000000000000000\", "
                         "\"1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d\"]");
    accepts();
}
END_TEST

START_TEST(enclave_security_version)
{
    scene.reports[0].security_version = 4;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_ENCLAVE_SECURITY_VERSION, "reports[0].security_version");
    ck_assert_str_eq(scene.refusal.expected, "5");
    ck_assert_str_eq(scene.refusal.found, "4");
    scene.reports[0].security_version = UINT32_MAX;
    scene_sign_report(0);
    accepts();
}
END_TEST

START_TEST(enclave_of_several)
{
    scene_policy_replace("\"enclaves\": [", "\"enclaves\": [{\"name\": \"other\", \"author\": "
                         "\"0000000000000000000000000000000000000000000000000000000000000000\"},");
    accepts();
    ck_assert_str_eq(scene.claims.enclaves[0].name, "vault");
    scene.reports[0].measurement[0]++;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED, "reports[0].measurement");
}
END_TEST

START_TEST(every_enclave_counts)
{
    scene.reports[2] = scene.reports[0];
    scene.reports[2].sequence = 12;
    scene.report_count = 3;
    scene_sign_report(2);
    accepts();
    ck_assert_uint_eq(scene.claims.enclave_count, 2);
    scene.reports[2].security_version = 1;
    scene_sign_report(2);
    refuses(CLOISTER_REFUSED_ENCLAVE_SECURITY_VERSION, "reports[2]");
}
END_TEST

START_TEST(enclave_missing)
{
    scene.reports[0] = scene.reports[1];
    scene.report_count = 1;
    refuses(CLOISTER_REFUSED_ENCLAVE_MISSING, "reports");
    scene.report_count = 0;
    refuses(CLOISTER_REFUSED_ENCLAVE_MISSING, "reports");
    scene_policy_replace("{", "{\"insecure-any-enclave\": true,");
    refuses(CLOISTER_REFUSED_ENCLAVE_MISSING, "reports");
    scene_policy_replace("{", "{\"host-only\": true,");
    accepts();
    ck_assert_uint_eq(scene.claims.enclave_count, 0);
}
END_TEST

/* --- 16 freshness -------------------------------------------------------------------------- */

START_TEST(report_data)
{
    uint8_t expected[64];

    memset(expected, 0xda, sizeof(expected));
    scene.report_data = expected;
    scene_policy_replace(", \"maximum-report-age\": 10", "");
    accepts();
    expected[63] ^= 1;
    refuses(CLOISTER_REFUSED_REPORT_DATA_DIFFERS, "report_data of enclave 0");
    scene_policy_replace("{", "{\"insecure-any-age\": true,");
    refuses(CLOISTER_REFUSED_REPORT_DATA_DIFFERS, "report_data of enclave 0");
}
END_TEST

START_TEST(report_age)
{
    scene.reports[0].time = UINT64_C(55000000000);
    scene_sign_report(0);
    accepts();
    scene.reports[0].time--;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_TOO_OLD, "enclave 0");
}
END_TEST

START_TEST(report_age_unknown)
{
    scene_policy_replace(", \"maximum-report-age\": 10", "");
    refuses(CLOISTER_REFUSED_AGE_UNKNOWN, "enclave 0");
    scene_policy_replace("{", "{\"insecure-any-age\": true,");
    accepts();
    /* A heartbeat of another challenge says nothing about now. */
    start();
    scene.reports[1].report_data[0] ^= 1;
    scene_sign_report(1);
    refuses(CLOISTER_REFUSED_AGE_UNKNOWN, "enclave 0");
    start();
    scene.reports[1].report_data[63] ^= 1;
    scene_sign_report(1);
    refuses(CLOISTER_REFUSED_AGE_UNKNOWN, "enclave 0");
    start();
    scene.report_count = 1;
    refuses(CLOISTER_REFUSED_AGE_UNKNOWN, "enclave 0");
    /* Nor does an enclave that says the same. */
    start();
    memcpy(scene.reports[0].report_data, scene.reports[1].report_data, 64);
    scene.report_count = 1;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_AGE_UNKNOWN, "enclave 0");
}
END_TEST

/* --- a report alone ------------------------------------------------------------------------ */

START_TEST(one_report)
{
    struct cloister_verifier *verifier = cloister_verifier_new();
    uint8_t other[64];

    ck_assert_int_eq(cloister_verify_report(verifier, &scene.reports[0], scene.record.public_key),
                     0);
    scene.reports[0].time++;
    ck_assert_int_eq(cloister_verify_report(verifier, &scene.reports[0], scene.record.public_key),
                     -EACCES);
    memset(other, 1, sizeof(other));
    ck_assert_int_eq(cloister_verify_report(verifier, &scene.reports[1], other), -EACCES);
    cloister_verifier_free(verifier);
}
END_TEST

START_TEST(empty_policy)
{
    strcpy(scene.policy, "{}");
    refuses(CLOISTER_REFUSED_KEY_NOT_ACCEPTED, "quote.key");
    strcpy(scene.policy, "{\"attestation-keys\": \"enrolled\"}");
    refuses(CLOISTER_REFUSED_BOOT_NOT_ACCEPTED, "PCRs");
    strcpy(scene.policy, "{\"attestation-keys\": \"enrolled\", \"insecure-any-boot\": true}");
    refuses(CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED, "measurement");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify");
    TCase *tcase = tcase_create("steps");
    const int flags = sizeof(flag_cases) / sizeof(flag_cases[0]);

    scene_prepare();
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, start, NULL);
    tcase_add_loop_test(tcase, accepted, 0, 2);
    tcase_add_test(tcase, accepted_again_after_refusals);
    tcase_add_test(tcase, short_scalars);
    tcase_add_test(tcase, no_refusal_asked_for);
    tcase_add_test(tcase, names);
    tcase_add_test(tcase, other_nonce);
    tcase_add_test(tcase, replayed);
    tcase_add_test(tcase, record_form);
    tcase_add_test(tcase, no_quote);
    tcase_add_test(tcase, key_attributes);
    tcase_add_test(tcase, key_algorithms);
    tcase_add_loop_test(tcase, key_bytes, 0, 2);
    tcase_add_test(tcase, key_not_accepted);
    tcase_add_test(tcase, key_point_not_on_curve);
    tcase_add_loop_test(tcase, signature_bytes, 0, 2);
    tcase_add_test(tcase, signature_degenerate);
    tcase_add_test(tcase, signature_of_other_scheme);
    tcase_add_test(tcase, quote_fields);
    tcase_add_test(tcase, quote_changed);
    tcase_add_test(tcase, quote_truncated);
    tcase_add_test(tcase, pcr_lists);
    tcase_add_test(tcase, record_of_another_pcr);
    tcase_add_test(tcase, record_pcr_of_policy);
    tcase_add_test(tcase, record_pcr_not_quoted);
    tcase_add_test(tcase, record_not_measured);
    tcase_add_test(tcase, boot_not_accepted);
    tcase_add_test(tcase, boot_alternatives);
    tcase_add_test(tcase, boot_unified);
    tcase_add_test(tcase, monitor_version);
    tcase_add_loop_test(tcase, monitor_flags, 0, flags);
    tcase_add_loop_test(tcase, update_key, 0, 2);
    tcase_add_loop_test(tcase, open_things, 0, 2 * OPEN_CASES);
    tcase_add_test(tcase, open_nothing);
    tcase_add_loop_test(tcase, accept_words, 0, 4);
    tcase_add_test(tcase, every_flag);
    tcase_add_test(tcase, tables);
    tcase_add_loop_test(tcase, least_xen, 0, sizeof(xens) / sizeof(xens[0]));
    tcase_add_test(tcase, least_xen_says);
    tcase_add_loop_test(tcase, report_flags, 0, flags);
    tcase_add_test(tcase, required_flags);
    tcase_add_test(tcase, report_form);
    tcase_add_test(tcase, report_of_another_record);
    tcase_add_test(tcase, report_repeated);
    tcase_add_test(tcase, report_changed);
    tcase_add_test(tcase, report_by_another_key);
    tcase_add_test(tcase, enclave_debug);
    tcase_add_test(tcase, enclave_identity);
    tcase_add_test(tcase, enclave_security_version);
    tcase_add_test(tcase, enclave_of_several);
    tcase_add_test(tcase, every_enclave_counts);
    tcase_add_test(tcase, enclave_missing);
    tcase_add_test(tcase, report_data);
    tcase_add_test(tcase, report_age);
    tcase_add_test(tcase, report_age_unknown);
    tcase_add_test(tcase, one_report);
    tcase_add_test(tcase, empty_policy);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
