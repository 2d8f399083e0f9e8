/* SPDX-License-Identifier: MIT */
/* The identity with a TPM: simulated registers, and a real TPM emulator behind them (swtpm.h). */
#include "vault/identity.h"

#include "fake_host.h"
#include "proof.h"
#include "suite.h"
#include "swtpm.h"
#include "tpm_model.h"

#define PCR CLOISTER_RECORD_PCR

static void start(void)
{
    fake_start_bare(1);
    swtpm_start(true);
}

static void end(void)
{
    swtpm_stop();
}

static enum tpm_model_kind kind_of(int i)
{
    return i % 2 ? MODEL_TIS : MODEL_CRB;
}

static void boot(enum tpm_model_kind kind)
{
    fake_start_bare(1);
    tpm_model_start(kind, swtpm_execute);
    ck_assert_int_eq(monitor_init(), 0);
}

/* What the TPM's PCR holds now, through a driver of its own. */
static void pcr_value(uint8_t value[32])
{
    struct tpm_place place;
    static struct tpm tpm;

    tpm_model_start(MODEL_TIS, swtpm_execute);
    ck_assert(host_tpm_place(&place));
    ck_assert_int_eq(tpm_open(&tpm, &place), 0);
    ck_assert_int_eq(tpm_pcr_read(&tpm, PCR, value), 0);
}

/*
 * Whatever else failed, nothing but a TPM that was not even opened leaves the PCR at zero, where
 * dom0 could read the sealing root.
 */
static void pcr_is_closed(void)
{
    static const uint8_t zero[32];
    uint8_t value[32];

    pcr_value(value);
    ck_assert_mem_ne(value, zero, sizeof(zero));
}

static bool pcr_is_record(void)
{
    uint8_t joined[64] = {0}, expected[32], value[32];

    proof_sha256(identity_record(), sizeof(*identity_record()), joined + 32);
    ck_assert_mem_eq(joined + 32, identity_record_digest(), 32);
    proof_sha256(joined, sizeof(joined), expected);
    pcr_value(value);
    return !memcmp(value, expected, sizeof(expected));
}

static bool signs(void)
{
    struct p256_job job = {.stage = P256_NEW};
    struct cloister_report report;

    memset(&report, 0x21, sizeof(report));
    memcpy(report.record, identity_record_digest(), sizeof(report.record));
    int rc;
    do {
        host_secret_begin();
        rc = identity_sign_step(&report, &job);
        host_secret_end();
    } while (rc);
    return proof_report(&report, identity_record());
}

START_TEST(pcr_vouches)
{
    boot(kind_of(_i));
    ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_NONE);
    ck_assert(!identity_status()->pcr_used);
    ck_assert_uint_eq(identity_record()->pcr, PCR);
    ck_assert(!tpm_model.wrong);
    ck_assert_uint_eq(tpm_model.claimed, 0);
    ck_assert(signs());
    ck_assert(pcr_is_record());
}
END_TEST

START_TEST(each_boot_has_its_key)
{
    struct cloister_monitor_record first;

    boot(MODEL_CRB);
    first = *identity_record();
    swtpm_reset();
    boot(MODEL_CRB); /* the fake's CPU gives the same numbers: the TPM's make the difference */
    ck_assert_mem_ne(first.public_key, identity_record()->public_key, sizeof(first.public_key));
    ck_assert(pcr_is_record());
}
END_TEST

/* A PCR that was extended before, or twice: it is said, and nobody will accept it. */
START_TEST(used_pcr)
{
    boot(kind_of(_i));
    boot(kind_of(_i));
    ck_assert(identity_status()->pcr_used);
    ck_assert_uint_eq(identity_record()->pcr, PCR);
    ck_assert(!pcr_is_record());
    ck_assert(signs());
}
END_TEST

START_TEST(no_tpm)
{
    boot(MODEL_NONE);
    ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_TPM_ABSENT);
    ck_assert_uint_eq(identity_record()->pcr, CLOISTER_RECORD_NO_TPM);
    ck_assert(signs());
}
END_TEST

/* The firmware names a TPM, but nothing is there. */
START_TEST(tpm_that_is_not_there)
{
    fake_start_bare(1);
    tpm_model_start(kind_of(_i), swtpm_execute);
    tpm_model.vanish_at = 1;
    ck_assert_int_eq(monitor_init(), 0);
    ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_TPM_ABSENT);
    ck_assert_uint_eq(identity_record()->pcr, CLOISTER_RECORD_NO_TPM);
}
END_TEST

START_TEST(tpm_random_suffices)
{
    boot(MODEL_CRB);
    swtpm_reset();
    tpm_model_start(MODEL_CRB, swtpm_execute);
    fake_fail(FAKE_RANDOM, 1);
    fake_identity_init();
    ck_assert(fake_failed());
    ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_NONE);
    ck_assert(signs());
    ck_assert(pcr_is_record());
}
END_TEST

/* The n-th command of the boot hangs: never does a record claim a PCR that does not hold it. */
START_TEST(stuck_in_each_command)
{
    uint32_t commands;

    boot(kind_of(_i));
    commands = tpm_model.commands;
    ck_assert_uint_ge(commands, 5);
    for (uint32_t n = 1; n <= commands; n++) {
        swtpm_reset();
        fake_start_bare(1);
        tpm_model_start(kind_of(_i), swtpm_execute);
        tpm_model.stuck = STUCK_RUN;
        tpm_model.stuck_at = n;
        ck_assert_int_eq(monitor_init(), 0);
        ck_assert_ptr_nonnull(identity_record());
        ck_assert(signs());
        if (identity_record()->pcr == PCR) {
            ck_assert(pcr_is_record());
        } else {
            ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_TPM_FAILED);
            ck_assert_uint_eq(identity_record()->pcr, CLOISTER_RECORD_NO_TPM);
            if (n > 1) {
                pcr_is_closed();
            }
        }
    }
}
END_TEST

/* A TPM that says that it has extended the PCR, and has not. */
static bool forget_extend(const uint8_t *command, uint32_t size, uint8_t *response,
                          uint32_t *answered)
{
    static const uint8_t done[] = {0x80, 0x02, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0};

    if (command[9] == 0x82) {
        memcpy(response, done, sizeof(done));
        *answered = sizeof(done);
        return true;
    }
    return swtpm_execute(command, size, response, answered);
}

START_TEST(lost_extend_is_noticed)
{
    fake_start_bare(1);
    tpm_model_start(kind_of(_i), forget_extend);
    ck_assert_int_eq(monitor_init(), 0);
    ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_TPM_FAILED);
    ck_assert_uint_eq(identity_record()->pcr, CLOISTER_RECORD_NO_TPM);
    ck_assert(signs());
}
END_TEST

START_TEST(error_to_each_command)
{
    boot(kind_of(_i));
    uint32_t commands = tpm_model.commands;

    for (uint32_t n = 1; n <= commands; n++) {
        swtpm_reset();
        fake_start_bare(1);
        tpm_model_start(kind_of(_i), swtpm_execute);
        swtpm_error_at = n;
        ck_assert_int_eq(monitor_init(), 0);
        swtpm_error_at = 0;
        ck_assert(signs());
        if (identity_record()->pcr == PCR) {
            ck_assert(pcr_is_record());
        } else {
            ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_TPM_FAILED);
            ck_assert_uint_eq(identity_status()->tpm_code, 0x101);
            if (n > 1) {
                pcr_is_closed();
            }
        }
    }
}
END_TEST

/* No entropy from anywhere: no key and no root, but the PCR does not stay as it was. */
static bool answer_no_random(const uint8_t *command, uint32_t size, uint8_t *response,
                             uint32_t *answered)
{
    static const uint8_t failure[] = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 1, 1};

    if (command[9] == 0x7b) {
        memcpy(response, failure, sizeof(failure));
        *answered = sizeof(failure);
        return true;
    }
    return swtpm_execute(command, size, response, answered);
}

START_TEST(no_entropy_at_all)
{
    boot(MODEL_NONE);
    tpm_model_start(kind_of(_i), answer_no_random);
    fake_fail(FAKE_RANDOM, 1);
    fake_identity_init();
    ck_assert_ptr_null(identity_record());
    ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_HOST_ENTROPY);
    pcr_is_closed();
}
END_TEST

START_TEST(started_by_the_monitor)
{
    swtpm_stop();
    swtpm_start(false);
    boot(kind_of(_i));
    ck_assert(identity_status()->tpm_started);
    ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_NONE);
    ck_assert(pcr_is_record());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("identity");
    TCase *cases = suite_case(suite, "identity", 120);

    tcase_add_checked_fixture(cases, start, end);
    tcase_add_loop_test(cases, pcr_vouches, 0, 2);
    tcase_add_test(cases, each_boot_has_its_key);
    tcase_add_loop_test(cases, used_pcr, 0, 2);
    tcase_add_test(cases, no_tpm);
    tcase_add_loop_test(cases, tpm_that_is_not_there, 0, 2);
    tcase_add_test(cases, tpm_random_suffices);
    tcase_add_loop_test(cases, stuck_in_each_command, 0, 2);
    tcase_add_loop_test(cases, lost_extend_is_noticed, 0, 2);
    tcase_add_loop_test(cases, error_to_each_command, 0, 2);
    tcase_add_loop_test(cases, no_entropy_at_all, 0, 2);
    tcase_add_loop_test(cases, started_by_the_monitor, 0, 2);
    return suite_run(suite);
}
