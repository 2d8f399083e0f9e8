/* SPDX-License-Identifier: MIT */
/*
 * Secrets on the stack: every operation that uses one runs on a stack of its own, which is searched afterwards.
 * What is left there a dump would print once the mark is gone.
 */
#include "vault/counters.h"

#include <bearssl_hmac.h>
#include <pthread.h>
#include <signal.h>

#include "asker.h"
#include "vault/identity.h"
#include "scene.h"
#include "vault/seal.h"
#include "suite.h"
#include "swtpm.h"
#include "tpm_model.h"

#define SECRET_SIZE 32u
#define STACK_SIZE (256u << 10)
#define WINDOW 8u /* bytes of a secret that are one */

static uint8_t stack[STACK_SIZE] __attribute__((aligned(4096)));
static uint8_t snapshot[STACK_SIZE]; /* of it, when a secret was in use last */
static struct image *image;
static uint64_t copy; /* room for one of the counters, in the caller's memory */

__attribute__((__no_sanitize__("address"))) static void snapshot_take(void)
{
    for (size_t i = 0; i < STACK_SIZE; i++) {
        snapshot[i] = stack[i];
    }
}

static void boot(void)
{
    scene_start();
    fake.before_wipe = snapshot_take;
    image = scene_image();
    tpm_model_start(MODEL_CRB, swtpm_execute);
    fake_identity_init();
    ck_assert_int_eq(seal_status()->reason, CLOISTER_REASON_NONE);
    copy = fake_user_put(NULL, sizeof(struct cloister_counters_image));
}

static void start(void)
{
    swtpm_start(true);
    boot();
    asker_enter(image, TENANT);
}

static void end(void)
{
    asker_leave();
    scene_end();
    swtpm_stop();
}

/* --- forms in which a secret lies in memory ----------------------------------------------------------- */

__attribute__((__no_sanitize__("address"))) static bool is_in(const uint8_t *memory,
                                                              const uint8_t *form, size_t size)
{
    for (size_t at = 0; at + WINDOW <= STACK_SIZE; at++) {
        uint64_t untouched;

        memcpy(&untouched, memory + at, sizeof(untouched));
        if (!untouched) {
            continue;
        }
        for (size_t from = 0; from + WINDOW <= size; from++) {
            size_t same = 0;

            while (same < WINDOW && memory[at + same] == form[from + same]) {
                same++;
            }
            if (same == WINDOW) {
                return true;
            }
        }
    }
    return false;
}

/* As it is, and with each word of `word` bytes turned round, as a CPU reads a number. */
static bool is_left(const uint8_t *memory, const uint8_t *secret, size_t word, uint8_t pad)
{
    uint8_t form[SECRET_SIZE];

    for (size_t i = 0; i < SECRET_SIZE; i++) {
        form[i] = secret[i / word * word + word - 1 - i % word] ^ pad;
    }
    return is_in(memory, form, sizeof(form));
}

/* 31 bits in each word, the lowest first: numbers in BearSSL. */
static bool is_left_as_number(const uint8_t *memory, const uint8_t *secret)
{
    uint32_t words[9] = {0};

    for (unsigned int bit = 0; bit < 8 * SECRET_SIZE; bit++) {
        words[bit / 31] |= (uint32_t)(secret[SECRET_SIZE - 1 - bit / 8] >> bit % 8 & 1) << bit % 31;
    }
    return is_in(memory, (const uint8_t *)words, 8 * sizeof(words[0]));
}

/* The key of an HMAC lives on as the state after its first block. */
static bool is_left_in_hmac(const uint8_t *memory, const uint8_t *secret)
{
    br_hmac_key_context keyed;

    br_hmac_key_init(&keyed, &br_sha256_vtable, secret, SECRET_SIZE);
    return is_left(memory, keyed.ksi, 1, 0) || is_left(memory, keyed.ksi, 4, 0) ||
           is_left(memory, keyed.kso, 1, 0) || is_left(memory, keyed.kso, 4, 0);
}

static bool is_left_anyhow(const uint8_t *memory, const uint8_t *secret)
{
    return is_left(memory, secret, 1, 0) || is_left(memory, secret, 4, 0) ||
           is_left(memory, secret, 8, 0) || is_left(memory, secret, SECRET_SIZE, 0) ||
           is_left(memory, secret, 1, 0x36) || is_left(memory, secret, 1, 0x5c) ||
           is_left_as_number(memory, secret) || is_left_in_hmac(memory, secret);
}

/* What HKDF makes of the root first (RFC 5869, 2.2): as good as the root for keys with this salt. */
static void extract(const char *salt, uint8_t key[SECRET_SIZE])
{
    br_hmac_key_context keyed;
    br_hmac_context context;

    br_hmac_key_init(&keyed, &br_sha256_vtable, salt, strlen(salt));
    br_hmac_init(&context, &keyed, 0);
    br_hmac_update(&context, seal_test_root(), SECRET_SIZE);
    br_hmac_out(&context, key);
}

static bool any_left(const uint8_t *memory)
{
    static const char *const salts[] = {"Cloister sealing 1", "Cloister counter 1",
                                        "Cloister counters 1: copy", "Cloister counters 1: index"};
    const uint8_t *secrets[] = {identity_test_key(), seal_test_root(), counters_test_key(),
                                counters_test_auth()};
    bool found = false;

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        uint8_t extracted[SECRET_SIZE];

        extract(salts[i], extracted);
        found |= is_left_anyhow(memory, secrets[i]) || is_left_anyhow(memory, extracted);
    }
    return found;
}

/* --- operations ------------------------------------------------------------------------------------------- */

static void *heartbeat(void *unused)
{
    struct cloister_heartbeat op = {.head = {.reason = 0}};

    ck_assert_int_eq(control(CLOISTER_OP_HEARTBEAT, &op, sizeof(op)), 0);
    return unused;
}

static void *report(void *unused)
{
    ck_assert_int_eq(
        asker_call(CLOISTER_ENCLAVE_REPORT, (uint64_t)asker.writable * CLOISTER_PAGE_SIZE, 0), 0);
    return unused;
}

static void *key(void *unused)
{
    struct cloister_seal_key request = {.policy = CLOISTER_SEAL_CODE};

    ck_assert_int_eq(asker_request(CLOISTER_ENCLAVE_KEY, &request, sizeof(request)), 0);
    return unused;
}

static void *load(void *unused)
{
    struct cloister_counters_image forged = {.magic = CLOISTER_COUNTERS_MAGIC};
    struct cloister_counters_load op = {.image = fake_user_put(&forged, sizeof(forged)),
                                        .size = sizeof(forged)};

    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_LOAD, &op, sizeof(op)), -EINVAL);
    return unused;
}

static void *increment(void *unused)
{
    struct cloister_counters_load none = {.size = 0};
    struct cloister_counter request = {.policy = CLOISTER_SEAL_CODE,
                                       .operation = CLOISTER_COUNTER_INCREMENT};

    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_LOAD, &none, sizeof(none)), 0);
    ck_assert_int_eq(asker_request(CLOISTER_ENCLAVE_COUNTER, &request, sizeof(request)), 0);
    return unused;
}

static void *save(void *unused)
{
    struct cloister_counters_save op = {.image = copy};

    increment(NULL);
    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_SAVE, &op, sizeof(op)), 0);
    return unused;
}

static void *read_index(void *unused)
{
    struct cloister_counters_read op = {.head = {.reason = 0}};

    save(NULL);
    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_READ, &op, sizeof(op)), 0);
    return unused;
}

static void *commit(void *unused)
{
    struct cloister_counters_commit op = {.head = {.reason = 0}};

    save(NULL);
    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_COMMIT, &op, sizeof(op)), -EACCES);
    return unused;
}

static void *start_of_the_monitor(void *unused)
{
    asker_leave();
    scene_end();
    swtpm_reset();
    boot();
    asker_enter(image, TENANT);
    return unused;
}

static void *(*const operations[])(void *unused) = {
    heartbeat, report, key, load, increment, save, read_index, commit, start_of_the_monitor};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

__attribute__((__no_sanitize__("address"))) static void run_alone(void *(*operation)(void *unused))
{
    pthread_attr_t attributes;
    pthread_t thread;

    for (size_t i = 0; i < STACK_SIZE; i++) {
        stack[i] = 0;
    }
    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstack(&attributes, stack, sizeof(stack)), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, operation, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
}

START_TEST(nothing_stays)
{
    run_alone(operations[_i]);
    ck_assert_msg(any_left(snapshot), "the control: before the wipe there is something to find");
    ck_assert(!any_left(stack));
}
END_TEST

/* --- the mark --------------------------------------------------------------------------------------------- */

static void sign(void)
{
    struct p256_job job = {.stage = P256_NEW};
    struct cloister_report report = {.magic = 0};

    ck_assert_int_eq(identity_sign_step(&report, &job), -EAGAIN);
}

static void derive(void)
{
    uint8_t derived[SECRET_SIZE];

    seal_derive("salt", NULL, derived);
}

static void start_again(void)
{
    identity_init();
}

static void save_copy(void)
{
    struct cloister_counters_save op = {.image = copy};

    ck_assert_int_eq(counters_save(&op), 0);
}

static void read_copy(void)
{
    struct cloister_counters_read op = {.head = {.reason = 0}};

    ck_assert_int_eq(counters_read(&op), 0);
}

static void twice(void)
{
    host_secret_begin();
    host_secret_begin();
}

static void ends_twice(void)
{
    host_secret_begin();
    host_secret_end();
    host_secret_end();
}

static void asks_for_preemption(void)
{
    host_secret_begin();
    ck_assert(!host_preempted());
}

static void forgets(void)
{
    host_secret_begin();
    fake_check();
}

/* The fake host ends the process. */
static void (*const wrong[])(void) = {sign,  derive,     start_again,         save_copy, read_copy,
                                      twice, ends_twice, asks_for_preemption, forgets};

START_TEST(without_the_mark_none_is_used)
{
    increment(NULL);
    if (wrong[_i] == read_copy) {
        struct cloister_counters_save op = {.image = copy};

        ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_SAVE, &op, sizeof(op)), 0);
    }
    wrong[_i]();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secrets");
    TCase *cases = suite_case(suite, "secrets", 120);

    tcase_add_checked_fixture(cases, start, end);
    tcase_add_loop_test(cases, nothing_stays, 0, OPERATIONS);
    tcase_add_loop_test_raise_signal(cases, without_the_mark_none_is_used, SIGABRT, 0,
                                     sizeof(wrong) / sizeof(wrong[0]));
    return suite_run(suite);
}
