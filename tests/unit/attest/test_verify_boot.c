/* SPDX-License-Identifier: MIT */
/*
 * Of a verification: steps 8 and 10: the record's PCR, and the boot configuration.
 * Each refusal by its name, by one change of a good host.
 */
#include "steps.h"

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
    scene_policy_replace("\"boot\": [",
                         "\"insecure-incomplete-boot\": true, \"boot\": [{\"name\": "
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

int main(void)
{
    TCase *tcase = steps_begin();

    tcase_add_test(tcase, record_of_another_pcr);
    tcase_add_test(tcase, record_pcr_of_policy);
    tcase_add_test(tcase, record_pcr_not_quoted);
    tcase_add_test(tcase, record_not_measured);
    tcase_add_test(tcase, boot_not_accepted);
    tcase_add_test(tcase, boot_alternatives);
    tcase_add_test(tcase, boot_unified);
    return steps_run(tcase, "verify boot");
}
