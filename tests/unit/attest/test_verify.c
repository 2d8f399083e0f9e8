/* SPDX-License-Identifier: MIT */
/*
 * Of a verification: accepted, and the first steps: nonce and record.
 * Each refusal by its name, by one change of a good host.
 */
#include "cloister/abi.h"
#include "steps.h"

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
                                     &scene.claims, NULL),
                     -EACCES);
    ck_assert_int_eq(
        cloister_verify(verifier, policy, &challenge, scene.encoded, 3, &scene.claims, NULL),
        -EACCES);
    challenge.nonce.size = CLOISTER_NONCE_MIN - 1;
    ck_assert_int_eq(cloister_verify(verifier, policy, &challenge, scene.encoded, scene.size,
                                     &scene.claims, NULL),
                     -EINVAL);
    challenge.nonce.size = CLOISTER_NONCE_MAX + 1;
    ck_assert_int_eq(cloister_verify(verifier, policy, &challenge, scene.encoded, scene.size,
                                     &scene.claims, NULL),
                     -EINVAL);
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

/* --- a policy that says nothing -------------------------------------------------------------- */

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
    TCase *tcase = steps_begin();

    tcase_add_loop_test(tcase, accepted, 0, 2);
    tcase_add_test(tcase, accepted_again_after_refusals);
    tcase_add_test(tcase, short_scalars);
    tcase_add_test(tcase, no_refusal_asked_for);
    tcase_add_test(tcase, names);
    tcase_add_test(tcase, other_nonce);
    tcase_add_test(tcase, replayed);
    tcase_add_test(tcase, record_form);
    tcase_add_test(tcase, empty_policy);
    return steps_run(tcase, "verify");
}
