/* SPDX-License-Identifier: MIT */
/*
 * Of a verification: steps 4 to 7: key, signature, quote and PCRs.
 * Each refusal by its name, by one change of a good host.
 */
#include "steps.h"

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

int main(void)
{
    TCase *tcase = steps_begin();

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
    return steps_run(tcase, "verify quote");
}
