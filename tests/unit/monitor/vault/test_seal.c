/* SPDX-License-Identifier: MIT */
/*
 * The sealing root in a real TPM emulator (swtpm.h), what dom0 can try against it, and the keys,
 * compared with OpenSSL's HKDF.
 */
#include "vault/seal.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cloister/update.h>

#include "asker.h"
#include "vault/identity.h"
#include "proof.h"
#include "scene.h"
#include "suite.h"
#include "swtpm.h"
#include "tpm_model.h"
#include "tpm/tpm_transport.h"

#define PCR CLOISTER_RECORD_PCR
#define KEY_SIZE 32u
#define CC_NV_WRITE 0x37 /* its last byte */

static struct image *image;
static uint8_t root[KEY_SIZE]; /* as it was written last */

/* The TPM, with an ear on the bus. */
static bool listen(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t *answered)
{
    if (command[8] == 0x01 && command[9] == CC_NV_WRITE) {
        memcpy(root, command + 10 + 8 + 4 + 9 + 2, sizeof(root));
    }
    return swtpm_execute(command, size, response, answered);
}

/* An enclave that is inside. Security version 5. */
static void enter(uint16_t domain)
{
    image->header.security_version = 5;
    asker_enter(image, domain);
}

/* Xen starts on a machine whose TPM was reset, or not. */
static void boot(void)
{
    scene_start();
    image = scene_image();
    tpm_model_start(MODEL_CRB, listen);
    fake_identity_init();
    ck_assert(!tpm_model.wrong);
}

static void start(void)
{
    swtpm_start(true);
    boot();
}

static void end(void)
{
    swtpm_stop();
}

static int64_t ask(uint64_t address, uint64_t zero)
{
    return asker_call(CLOISTER_ENCLAVE_KEY, address, zero);
}

static int64_t request(struct cloister_seal_key *key)
{
    return asker_request(CLOISTER_ENCLAVE_KEY, key, sizeof(*key));
}

static struct cloister_seal_key key_of(uint32_t policy, uint32_t version, uint8_t label)
{
    struct cloister_seal_key key = {.policy = policy, .security_version = version};

    memset(key.label, label, sizeof(key.label));
    ck_assert_int_eq(request(&key), 0);
    return key;
}

/* RFC 5869, with OpenSSL; the info by hand from the text of cloister/seal.h. */
static void expected_key(const struct cloister_seal_key *key, uint8_t out[KEY_SIZE])
{
    uint8_t info[160] = {
        (uint8_t)key->policy,          0, 0, 0, (uint8_t)image->header.launch.flags, 0, 0, 0,
        (uint8_t)key->security_version};
    char digest[] = "SHA256", salt[] = "Cloister sealing 1";
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);

    if (key->policy == CLOISTER_SEAL_CODE) {
        memcpy(info + 16, image->header.measurement, 48);
    }
    proof_sha256(image->header.author_key, 64, info + 64);
    if (key->policy == CLOISTER_SEAL_IMAGE || key->policy == CLOISTER_SEAL_FAMILY) {
        memcpy(info + 96, image->header.family_id, 16);
    }
    if (key->policy == CLOISTER_SEAL_IMAGE) {
        memcpy(info + 112, image->header.image_id, 16);
    }
    memcpy(info + 128, key->label, 32);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, root, sizeof(root)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof(salt) - 1),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
        OSSL_PARAM_construct_end(),
    };
    ck_assert_int_eq(EVP_KDF_derive(context, out, KEY_SIZE, parameters), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

/* --- the keys ------------------------------------------------------------------------------- */

START_TEST(keys_are_openssl_s)
{
    uint8_t expected[KEY_SIZE];

    ck_assert_int_eq(seal_status()->reason, CLOISTER_REASON_NONE);
    ck_assert(seal_status()->fresh);
    enter(TENANT);
    for (uint32_t policy = CLOISTER_SEAL_CODE; policy <= CLOISTER_SEAL_AUTHOR; policy++) {
        for (uint32_t version = 0; version <= 5; version++) {
            struct cloister_seal_key key = key_of(policy, version, 0x40 + version);
            expected_key(&key, expected);
            ck_assert_mem_eq(key.key, expected, KEY_SIZE);
        }
    }
    asker_leave();
}
END_TEST

START_TEST(keys_differ)
{
    struct cloister_seal_key keys[4 * 2 * 2];
    unsigned int count = 0;

    enter(TENANT);
    for (uint32_t policy = CLOISTER_SEAL_CODE; policy <= CLOISTER_SEAL_AUTHOR; policy++) {
        for (uint32_t version = 4; version <= 5; version++) {
            for (uint8_t label = 0; label < 2; label++) {
                keys[count++] = key_of(policy, version, label);
            }
        }
    }
    for (unsigned int i = 0; i < count; i++) {
        for (unsigned int j = 0; j < i; j++) {
            ck_assert_mem_ne(keys[i].key, keys[j].key, KEY_SIZE);
        }
    }
    asker_leave();
}
END_TEST

/* What must change each policy's key, and what must not: bit n is policy n. */
static const struct {
    enum image_change change;
    uint32_t changes;
} changes[] = {
    {IMAGE_SAME, 0},
    {IMAGE_CODE, 1u << CLOISTER_SEAL_CODE},
    {IMAGE_ID, 1u << CLOISTER_SEAL_IMAGE},
    {IMAGE_FAMILY_ID, 1u << CLOISTER_SEAL_IMAGE | 1u << CLOISTER_SEAL_FAMILY},
    {IMAGE_IS_DEBUG, 0x1e},
    {IMAGE_VERSION, 0},
};

START_TEST(keys_are_for_whom_they_are)
{
    struct cloister_seal_key before[5];

    enter(TENANT);
    for (uint32_t policy = CLOISTER_SEAL_CODE; policy <= CLOISTER_SEAL_AUTHOR; policy++) {
        before[policy] = key_of(policy, 3, 9);
    }
    asker_leave();
    image_change(image, changes[_i].change);
    enter(OTHER_TENANT); /* the domain makes no difference */
    for (uint32_t policy = CLOISTER_SEAL_CODE; policy <= CLOISTER_SEAL_AUTHOR; policy++) {
        struct cloister_seal_key after = key_of(policy, 3, 9);
        bool same = !memcmp(before[policy].key, after.key, KEY_SIZE);
        ck_assert_msg(same == !(changes[_i].changes >> policy & 1), "change %u: policy %u",
                      changes[_i].change, policy);
    }
    asker_leave();
}
END_TEST

START_TEST(another_author_another_key)
{
    struct cloister_seal_key before, after;

    enter(TENANT);
    before = key_of(CLOISTER_SEAL_AUTHOR, 0, 0);
    asker.thread->enclave->author[0] ^= 1; /* as if another key had signed it */
    after = key_of(CLOISTER_SEAL_AUTHOR, 0, 0);
    ck_assert_mem_ne(before.key, after.key, KEY_SIZE);
    asker.thread->enclave->author[0] ^= 1;
    asker_leave();
}
END_TEST

static void refused(struct cloister_seal_key key, int64_t error, enum cloister_reason reason)
{
    struct cloister_seal_key before = key;

    ck_assert_int_eq(request(&key), error);
    ck_assert_mem_eq(&key, &before, sizeof(key));
    const struct cloister_trace_record *record = fake_last_record();
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_ENCLAVE);
    ck_assert_uint_eq(record->operation, CLOISTER_ENCLAVE_KEY);
    ck_assert_uint_eq(record->reason, reason);
    ck_assert_int_eq(record->error, error);
}

START_TEST(bad_requests)
{
    struct cloister_seal_key key = {.policy = CLOISTER_SEAL_CODE};
    const uint32_t policies[] = {0, 5, 6, 255, 256, UINT32_MAX};
    const uint32_t versions[] = {6, 7, 1000, UINT32_MAX};

    enter(TENANT);
    const uint64_t base = (uint64_t)asker.writable * CLOISTER_PAGE_SIZE;
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        key.policy = policies[i];
        refused(key, -EINVAL, CLOISTER_REASON_SEAL_POLICY);
    }
    key.policy = CLOISTER_SEAL_AUTHOR;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        key.security_version = versions[i];
        refused(key, -EPERM, CLOISTER_REASON_SEAL_VERSION);
    }
    key.security_version = 5;
    for (size_t i = 0; i < sizeof(key.reserved); i++) {
        key.reserved[i] = 1;
        refused(key, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO);
        key.reserved[i] = 0;
    }
    for (uint64_t offset = 1; offset < 128; offset++) {
        ck_assert_int_eq(ask(base + offset, 0), -EINVAL);
    }
    ck_assert_int_eq(ask(base, 1), -EINVAL);
    ck_assert_int_eq(ask(CLOISTER_SHARED_GPFN * CLOISTER_PAGE_SIZE, 0), -EFAULT);
    ck_assert_int_eq(ask(UINT64_MAX - 127, 0), -EFAULT);
    key_of(CLOISTER_SEAL_AUTHOR, 5, 0); /* it still works */
    asker_leave();
}
END_TEST

/* --- the root ------------------------------------------------------------------------------- */

static void no_keys(enum cloister_reason reason)
{
    struct cloister_seal_key key = {.policy = CLOISTER_SEAL_CODE};
    struct cloister_info info = {.abi_version = 0};

    ck_assert_int_eq(seal_status()->reason, reason);
    enter(TENANT);
    refused(key, -EOPNOTSUPP, reason);
    asker_leave();
    ck_assert_int_eq(control(CLOISTER_OP_INFO, &info, sizeof(info)), 0);
    ck_assert_uint_eq(info.seal_reason, reason);
}

static struct cloister_seal_key a_key(void)
{
    ck_assert_int_eq(seal_status()->reason, CLOISTER_REASON_NONE);
    enter(TENANT);
    struct cloister_seal_key key = key_of(CLOISTER_SEAL_IMAGE, 1, 1);
    asker_leave();
    return key;
}

static void next_boot(void)
{
    swtpm_reset();
    boot();
}

START_TEST(root_outlives_the_boot)
{
    struct cloister_seal_key first = a_key();

    for (int i = 0; i < 2; i++) {
        next_boot();
        ck_assert(!seal_status()->fresh);
        ck_assert_mem_eq(a_key().key, first.key, KEY_SIZE);
    }
}
END_TEST

START_TEST(no_tpm)
{
    scene_start();
    image = scene_image();
    no_keys(CLOISTER_REASON_TPM_ABSENT);
}
END_TEST

/* dom0, with the TPM to itself. */
static struct tpm dom0;

static void dom0_opens(void)
{
    const struct tpm_place place = {.crb = true, .address = TPM_BASE + 0x40};

    tpm_model_start(MODEL_CRB, swtpm_execute);
    ck_assert_int_eq(tpm_open(&dom0, &place), 0);
}

static uint32_t dom0_session(void)
{
    const uint8_t nonce[TPM_DIGEST_SIZE] = {1};
    uint32_t session;

    ck_assert_int_eq(tpm_policy_start(&dom0, nonce, &session), 0);
    ck_assert_int_eq(tpm_policy_pcr(&dom0, session, CLOISTER_SEAL_PCRS | 1u << PCR), 0);
    return session;
}

START_TEST(dom0_cannot_read_or_write)
{
    uint8_t found[KEY_SIZE];
    struct cloister_seal_key first = a_key();

    dom0_opens();
    ck_assert_int_eq(tpm_nv_read(&dom0, SEAL_INDEX, dom0_session(), 0, found, sizeof(found)), -EIO);
    ck_assert_int_eq(tpm_nv_write(&dom0, SEAL_INDEX, dom0_session(), root, sizeof(root)), -EIO);
    ck_assert_int_eq(tpm_nv_read(&dom0, SEAL_INDEX, TPM_RS_PASSWORD, 0, found, sizeof(found)),
                     -EIO);
    ck_assert_int_eq(tpm_nv_write(&dom0, SEAL_INDEX, TPM_RS_PASSWORD, root, sizeof(root)), -EIO);
    next_boot();
    ck_assert_mem_eq(a_key().key, first.key, KEY_SIZE);
}
END_TEST

/* It can take the index away, and put the like of it in its place; but not fill it. */
START_TEST(dom0_cannot_choose_the_root)
{
    struct cloister_seal_key first = a_key();
    struct tpm_nv_public public;
    uint8_t chosen[KEY_SIZE] = "a root that dom0 knows, it hopes";

    dom0_opens();
    ck_assert_int_eq(tpm_nv_read_public(&dom0, SEAL_INDEX, &public), 0);
    public.attributes &= ~(TPM_NV_WRITTEN | TPM_NV_READ_LOCKED);
    ck_assert_int_eq(tpm_nv_undefine(&dom0, SEAL_INDEX), 0);
    ck_assert_int_eq(tpm_nv_define(&dom0, SEAL_INDEX, &public, NULL), 0);
    ck_assert_int_eq(tpm_nv_write(&dom0, SEAL_INDEX, dom0_session(), chosen, sizeof(chosen)), -EIO);
    next_boot();
    ck_assert(seal_status()->fresh);
    ck_assert_mem_ne(root, chosen, sizeof(root));
    ck_assert_mem_ne(a_key().key, first.key, KEY_SIZE);
}
END_TEST

/* An index that dom0 can fill is not taken for the monitor's. */
START_TEST(an_index_that_is_not_ours)
{
    struct tpm_nv_public public;
    uint8_t chosen[KEY_SIZE] = "a root that dom0 knows, it hopes";
    uint8_t policy[TPM_DIGEST_SIZE];
    uint32_t session;

    dom0_opens();
    ck_assert_int_eq(tpm_nv_read_public(&dom0, SEAL_INDEX, &public), 0);
    public.attributes &= ~(TPM_NV_WRITTEN | TPM_NV_READ_LOCKED);
    ck_assert_int_eq(tpm_nv_undefine(&dom0, SEAL_INDEX), 0);
    session = dom0_session();
    ck_assert_int_eq(tpm_policy_digest(&dom0, session, policy), 0);
    switch (_i) {
    case 0: /* a policy that dom0 can satisfy */
        memcpy(public.policy, policy, sizeof(policy));
        break;
    case 1: /* who knows the (empty) password may write: TPMA_NV_AUTHWRITE */
        public
        .attributes |= 1u << 2;
        break;
    case 2: /* the owner may: TPMA_NV_OWNERWRITE */
        public
        .attributes |= 1u << 1;
        break;
    case 3: /* no lock */
        public
        .attributes &= ~TPM_NV_READ_STCLEAR;
        break;
    default:
        public
        .size = 64;
        break;
    }
    ck_assert_int_eq(tpm_nv_define(&dom0, SEAL_INDEX, &public, NULL), 0);
    if (_i == 0) {
        ck_assert_int_eq(tpm_nv_write(&dom0, SEAL_INDEX, session, chosen, sizeof(chosen)), 0);
    } else if (_i == 1) {
        ck_assert_int_eq(tpm_nv_write(&dom0, SEAL_INDEX, TPM_RS_PASSWORD, chosen, sizeof(chosen)),
                         0);
    }
    next_boot();
    no_keys(CLOISTER_REASON_SEAL_ROOT);
    ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_NONE); /* reports work */

    /* The way out is to remove it (hv/SEALING.md). */
    dom0_opens();
    ck_assert_int_eq(tpm_nv_undefine(&dom0, SEAL_INDEX), 0);
    next_boot();
    ck_assert(seal_status()->fresh);
    a_key();
}
END_TEST

/* Another firmware, EFI driver or option ROM, boot loader, Secure Boot key, Xen, command line. The old one still
 * has its root. */
START_TEST(another_boot_has_no_root)
{
    static const uint32_t pcrs[] = {0, 2, 3, 4, 7, 8, 9, PCR};
    const uint8_t digest[TPM_DIGEST_SIZE] = "another Xen";
    struct cloister_seal_key first = a_key();

    swtpm_reset();
    dom0_opens();
    ck_assert_int_eq(tpm_pcr_extend(&dom0, pcrs[_i], digest), 0);
    boot();
    no_keys(CLOISTER_REASON_SEAL_ROOT);
    next_boot();
    ck_assert_mem_eq(a_key().key, first.key, KEY_SIZE);
}
END_TEST

/* PCRs that do not matter do not: a DIMM, a disk, the boot order. */
START_TEST(other_pcrs_do_not_matter)
{
    static const uint32_t pcrs[] = {1, 5, 6, 14};
    const uint8_t digest[TPM_DIGEST_SIZE] = "something";
    struct cloister_seal_key first = a_key();

    swtpm_reset();
    dom0_opens();
    ck_assert_int_eq(tpm_pcr_extend(&dom0, pcrs[_i], digest), 0);
    boot();
    ck_assert_mem_eq(a_key().key, first.key, KEY_SIZE);
}
END_TEST

/* A second start without a reset (the PCR is used, the index locked) gets nothing. */
START_TEST(second_start_in_a_boot)
{
    boot();
    no_keys(CLOISTER_REASON_SEAL_ROOT);
}
END_TEST

/* Locked before the monitor came, by somebody who could satisfy its policy. */
START_TEST(locked_before)
{
    swtpm_reset();
    dom0_opens();
    ck_assert_int_eq(tpm_nv_read_lock(&dom0, SEAL_INDEX, dom0_session()), 0);
    boot();
    no_keys(CLOISTER_REASON_SEAL_ROOT);
}
END_TEST

/* The n-th command fails, or hangs: a root is used only if it was read and locked. */
START_TEST(failures_at_each_command)
{
    uint32_t commands = tpm_model.commands;
    struct tpm_nv_public public;
    unsigned int good = 0;

    ck_assert_uint_ge(commands, 15);
    for (uint32_t n = 1; n <= commands; n++) {
        dom0_opens();
        if (_i % 2 &&
            !tpm_nv_read_public(&dom0, SEAL_INDEX, &public)) { /* a first boot each time */
            ck_assert_int_eq(tpm_nv_undefine(&dom0, SEAL_INDEX), 0);
        }
        swtpm_reset();
        scene_start();
        tpm_model_start(MODEL_CRB, listen);
        if (_i / 2) {
            tpm_model.stuck = STUCK_RUN;
            tpm_model.stuck_at = n;
        } else {
            swtpm_error_at = n;
        }
        fake_identity_init();
        swtpm_error_at = 0;
        if (seal_status()->reason == CLOISTER_REASON_NONE) {
            dom0_opens();
            ck_assert_int_eq(tpm_nv_read_public(&dom0, SEAL_INDEX, &public), 0);
            ck_assert(public.attributes & TPM_NV_READ_LOCKED);
            good++;
        } else {
            ck_assert_int_eq(seal_status()->reason, CLOISTER_REASON_TPM_FAILED);
        }
    }
    ck_assert_uint_ge(good, 1);
    next_boot(); /* and without failures it works again */
    a_key();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seal");
    TCase *cases = suite_case(suite, "keys", 120);

    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, keys_are_openssl_s);
    tcase_add_test(cases, keys_differ);
    tcase_add_loop_test(cases, keys_are_for_whom_they_are, 0, sizeof(changes) / sizeof(changes[0]));
    tcase_add_test(cases, another_author_another_key);
    tcase_add_test(cases, bad_requests);

    cases = suite_case(suite, "root", 120);
    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, root_outlives_the_boot);
    tcase_add_test(cases, no_tpm);
    tcase_add_test(cases, dom0_cannot_read_or_write);
    tcase_add_test(cases, dom0_cannot_choose_the_root);
    tcase_add_loop_test(cases, an_index_that_is_not_ours, 0, 5);
    tcase_add_loop_test(cases, another_boot_has_no_root, 0, 8);
    tcase_add_loop_test(cases, other_pcrs_do_not_matter, 0, 4);
    tcase_add_test(cases, second_start_in_a_boot);
    tcase_add_test(cases, locked_before);
    tcase_add_loop_test(cases, failures_at_each_command, 0, 4);
    return suite_run(suite);
}
