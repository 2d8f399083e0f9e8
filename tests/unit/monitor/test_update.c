/* SPDX-License-Identifier: MIT */
/*
 * Planned updates of the sealing root (cloister/update.h) in a real TPM emulator (swtpm.h): which
 * configuration opens the root that another one made, and everything that must not open it.
 */
#include "seal.h"

#include "identity.h"
#include "proof.h"
#include "scene.h"
#include "signer.h"
#include "suite.h"
#include "swtpm.h"
#include "tpm_model.h"
#include "tpm_transport.h"

#define PCR CLOISTER_RECORD_PCR
#define ROOT_SIZE 32u
/* tpm2_nvdefine -a "ownerwrite|ownerread|authread|no_da" (hv/SEALING.md) */
#define ATTRIBUTES (TPM_NV_OWNER_WRITE | TPM_NV_OWNER_READ | TPM_NV_AUTH_READ | TPM_NV_NO_DA)

static EVP_PKEY *operator, *stranger;
static uint8_t operator_name[32], stranger_name[32];
static const uint8_t *option; /* cloister-update-key=, or NULL */
static bool option_wrong;
static struct cloister_update update;

/* The TPM, with an ear on the bus: the root, as it was written or read last. */
static uint8_t root[ROOT_SIZE];

static bool listen(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t *answered)
{
    bool is_root = command[8] == 0x01 && !memcmp(command + 14, "\x01\x80\xc1\x05", 4);
    bool done = swtpm_execute(command, size, response, answered);

    if (is_root && command[9] == (TPM_CC_NV_WRITE & 0xff)) {
        memcpy(root, command + 10 + 8 + 4 + 9 + 2, sizeof(root));
    } else if (is_root && command[9] == (TPM_CC_NV_READ & 0xff) && *answered > 10) {
        memcpy(root, response + 10 + 4 + 2, sizeof(root));
    }
    return done;
}

/* --- dom0, with the TPM to itself ------------------------------------------------------------ */

static struct tpm dom0;

static void dom0_opens(void)
{
    const struct tpm_place place = {.crb = true, .address = TPM_BASE + 0x40};

    tpm_model_start(MODEL_CRB, swtpm_execute);
    ck_assert_int_eq(tpm_open(&dom0, &place), 0);
}

static void dom0_defines(uint32_t attributes, uint16_t size, const char *password)
{
    struct tpm_writer command = tpm_begin(&dom0, TPM_CC_NV_DEFINE_SPACE, TPM_RS_PASSWORD);

    put_u32(&command, TPM_RH_OWNER);
    tpm_authorize(&command, TPM_RS_PASSWORD);
    put_sized(&command, password, (uint16_t)strlen(password));
    put_u16(&command, 4 + 2 + 4 + 2 + 2);
    put_u32(&command, CLOISTER_UPDATE_INDEX);
    put_u16(&command, TPM_ALG_SHA256);
    put_u32(&command, attributes);
    put_u16(&command, 0); /* no policy */
    put_u16(&command, size);
    ck_assert_int_eq(tpm_finish_empty(&dom0, &command, TPM_LONG), 0);
}

/* By the owner. */
static void dom0_writes(const void *data, uint16_t size)
{
    struct tpm_writer command = tpm_begin(&dom0, TPM_CC_NV_WRITE, TPM_RS_PASSWORD);

    put_u32(&command, TPM_RH_OWNER);
    put_u32(&command, CLOISTER_UPDATE_INDEX);
    tpm_authorize(&command, TPM_RS_PASSWORD);
    put_sized(&command, data, size);
    put_u16(&command, 0);
    ck_assert_int_eq(tpm_finish_empty(&dom0, &command, TPM_LONG), 0);
}

/* The operator's steps (hv/SEALING.md). */
static void dom0_publishes(void)
{
    struct tpm_nv_public public;

    dom0_opens();
    if (tpm_nv_read_public(&dom0, CLOISTER_UPDATE_INDEX, &public) != -ENOENT) {
        ck_assert_int_eq(tpm_nv_undefine(&dom0, CLOISTER_UPDATE_INDEX), 0);
    }
    dom0_defines(ATTRIBUTES, sizeof(update), "");
    dom0_writes(&update, sizeof(update));
}

/* --- configurations ------------------------------------------------------------------------ */

/* What PCR 8 was extended with: a letter for each command line. */
static void measurement_of(char configuration, uint8_t digest[32])
{
    memset(digest, configuration, 32);
}

/* TPM2_PolicyPCR (part 3, 23.7) by hand: PCR 8 extended once, the others zero. */
static void policy_of(char configuration, uint8_t policy[32])
{
    uint8_t values[5 * 32] = {0}, extended[64] = {0}, digest[32 + 4 + 10 + 32] = {0};
    /* PolicyPCR; one selection: SHA-256, 4, 7, 8, 9 and 13 */
    static const uint8_t head[] = {0, 0, 1, 0x7f, 0, 0, 0, 1, 0, 0x0b, 3, 0x90, 0x23, 0x00};

    measurement_of(configuration, extended + 32);
    proof_sha256(extended, sizeof(extended), values + 2 * 32);
    memcpy(digest + 32, head, sizeof(head));
    proof_sha256(values, sizeof(values), digest + 32 + sizeof(head));
    proof_sha256(digest, sizeof(digest), policy);
}

static void state(unsigned int slot, char configuration, EVP_PKEY *key)
{
    struct cloister_update_statement *statement = &update.statements[slot];

    policy_of(configuration, statement->policy);
    signer_sign(key, statement->policy, sizeof(statement->policy), statement->signature);
}

/* The machine is reset, and boots Xen with this command line. */
static void boot(char configuration)
{
    uint8_t digest[32];

    swtpm_reset();
    dom0_opens();
    measurement_of(configuration, digest);
    ck_assert_int_eq(tpm_pcr_extend(&dom0, 8, digest), 0);
    scene_start();
    fake.update_key = option;
    fake.update_key_wrong = option_wrong;
    memset(root, 0, sizeof(root));
    tpm_model_start(MODEL_CRB, listen);
    fake_identity_init();
    ck_assert(!tpm_model.wrong);
    ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_NONE); /* reports always work */
}

static uint8_t first[ROOT_SIZE]; /* the root of configuration A */

static void opens_the_first_root(void)
{
    ck_assert_msg(seal_status()->reason == CLOISTER_REASON_NONE, "%s (%d, %#x)",
                  cloister_reason_text(seal_status()->reason), seal_status()->error,
                  seal_status()->tpm_code);
    ck_assert(!seal_status()->fresh);
    ck_assert_mem_eq(root, first, ROOT_SIZE);
}

static void no_keys(enum cloister_reason reason, int error)
{
    static const uint8_t none[ROOT_SIZE];

    ck_assert_int_eq(seal_status()->reason, reason);
    ck_assert_int_eq(seal_status()->error, error);
    ck_assert(!seal_status()->fresh);
    ck_assert_mem_eq(root, none, ROOT_SIZE);
}

/* Configuration A has made a root; the operator has signed it alone. */
static void start(void)
{
    operator= signer_new();
    stranger = signer_new();
    signer_public(stranger, update.public_key);
    signer_name(update.public_key, stranger_name);
    signer_public(operator, update.public_key);
    signer_name(update.public_key, operator_name);
    memset(update.statements, 0, sizeof(update.statements));
    state(0, 'A', operator);
    option = operator_name;
    option_wrong = false;
    swtpm_start(true);
    dom0_publishes();
    boot('A');
    ck_assert_int_eq(seal_status()->reason, CLOISTER_REASON_NONE);
    ck_assert(seal_status()->fresh);
    memcpy(first, root, ROOT_SIZE);
}

static void end(void)
{
    swtpm_stop();
    EVP_PKEY_free(operator);
    EVP_PKEY_free(stranger);
}

/* --- what works ------------------------------------------------------------------------------ */

START_TEST(root_outlives_the_boot)
{
    for (int i = 0; i < 2; i++) {
        boot('A');
        opens_the_first_root();
    }
}
END_TEST

/* Forth, back, and forth again. Without a statement the root stays as it was. */
START_TEST(planned_update)
{
    boot('B');
    no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EACCES);
    state(1, 'B', operator);
    dom0_publishes();
    for (const char *configuration = "BABBA"; *configuration; configuration++) {
        boot(*configuration);
        opens_the_first_root();
    }
    boot('C');
    no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EACCES);
    boot('B');
    opens_the_first_root();
}
END_TEST

/* Once A's statement is gone, A opens nothing any more; but it holds for whoever kept a copy. */
START_TEST(withdrawn)
{
    struct cloister_update old = update;

    state(0, 'B', operator);
    dom0_publishes();
    boot('A');
    no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EACCES);
    boot('B');
    opens_the_first_root();
    update = old;
    dom0_publishes();
    boot('A');
    opens_the_first_root();
}
END_TEST

START_TEST(every_slot)
{
    const char *configurations = "BCDE";

    for (unsigned int i = 0; i < CLOISTER_UPDATE_STATEMENTS; i++) {
        state(i, configurations[i], operator);
    }
    dom0_publishes();
    boot(configurations[_i]);
    opens_the_first_root();
}
END_TEST

/* The first boot of a machine needs a statement, too. */
START_TEST(made_by_an_authorized_configuration_only)
{
    struct tpm_nv_public public;

    dom0_opens();
    ck_assert_int_eq(tpm_nv_undefine(&dom0, SEAL_INDEX), 0);
    boot('B');
    no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EACCES);
    dom0_opens();
    ck_assert_int_eq(tpm_nv_read_public(&dom0, SEAL_INDEX, &public), -ENOENT);
    boot('A');
    ck_assert_int_eq(seal_status()->reason, CLOISTER_REASON_NONE);
    ck_assert(seal_status()->fresh);
    ck_assert_mem_ne(root, first, ROOT_SIZE);
}
END_TEST

/* --- statements that say nothing for configuration B ----------------------------------------- */

#define BAD_SIGNATURE 0x2dbu /* TPM_RC_SIGNATURE, parameter 2 */
#define BAD_KEY 0x2e7u       /* TPM_RC_ECC_POINT, parameter 2 */
#define ANOTHER_KEY 0x4c4u   /* TPM_RC_VALUE, parameter 4: the ticket is not this key's */

static struct cloister_update_statement *const of_b = &update.statements[1];

static void bad_r(void)
{
    of_b->signature[31] ^= 1;
}

static void bad_s(void)
{
    of_b->signature[32] ^= 0x80;
}

static void no_signature(void)
{
    memset(of_b->signature, 0, sizeof(of_b->signature));
}

static void all_ones(void)
{
    memset(of_b->signature, 0xff, sizeof(of_b->signature));
}

static void swapped(void)
{
    uint8_t r[32];

    memcpy(r, of_b->signature, 32);
    memcpy(of_b->signature, of_b->signature + 32, 32);
    memcpy(of_b->signature + 32, r, 32);
}

static void another_s_signature(void)
{
    state(1, 'B', stranger);
}

/* The stranger's key and its own good statement. */
static void another_key(void)
{
    state(1, 'B', stranger);
    signer_public(stranger, update.public_key);
}

static void another_key_alone(void)
{
    signer_public(stranger, update.public_key);
}

static void not_on_the_curve(void)
{
    update.public_key[63] ^= 1;
}

static void no_key(void)
{
    memset(update.public_key, 0, sizeof(update.public_key));
}

/* Of the update key, but for A. */
static void another_policy(void)
{
    memcpy(of_b->signature, update.statements[0].signature, sizeof(of_b->signature));
}

static void another_configuration(void)
{
    state(1, 'C', operator);
}

static void a_policy_of_one_bit_less(void)
{
    of_b->policy[31] ^= 1;
}

/* The digest itself is signed, as if it were hashed already. */
static void not_hashed(void)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(operator, NULL);
    uint8_t der[80];
    size_t size = sizeof(der);

    ck_assert_int_eq(EVP_PKEY_sign_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_sign(context, der, &size, of_b->policy, 32), 1);
    EVP_PKEY_CTX_free(context);
    /* SEQUENCE, INTEGER r, INTEGER s */
    const uint8_t *at = der + 4;
    for (int i = 0; i < 2; i++) {
        size_t length = at[-1], skip = length > 32 ? length - 32 : 0;
        memset(of_b->signature + 32 * i, 0, 32);
        memcpy(of_b->signature + 32 * i + 32 - (length - skip), at + skip, length - skip);
        at += length + 2;
    }
}

/* With a policyRef, a statement is about something else (part 3, 23.16.1). */
static void with_reference(void)
{
    uint8_t data[32 + 8] = {0};

    memcpy(data, of_b->policy, 32);
    memcpy(data + 32, "a policy", 8);
    signer_sign(operator, data, sizeof(data), of_b->signature);
}

/* The first of two counts. */
static void spoilt_before(void)
{
    update.statements[0] = *of_b;
    update.statements[0].signature[5] ^= 4;
}

static void nothing(void)
{
    memset(&update, 0, sizeof(update));
}

static void shifted(void)
{
    memmove((uint8_t *)&update + 1, &update, sizeof(update) - 1);
}

static const struct {
    const char *name;
    void (*spoil)(void);
    uint32_t code; /* what the TPM says to it */
} spoilt[] = {
    {"r", bad_r, BAD_SIGNATURE},
    {"s", bad_s, BAD_SIGNATURE},
    {"no signature", no_signature, BAD_SIGNATURE},
    {"all ones", all_ones, BAD_SIGNATURE},
    {"r and s swapped", swapped, BAD_SIGNATURE},
    {"another's signature", another_s_signature, BAD_SIGNATURE},
    {"another key and its signature", another_key, ANOTHER_KEY},
    {"another key", another_key_alone, BAD_SIGNATURE},
    {"no point of the curve", not_on_the_curve, BAD_KEY},
    {"no key", no_key, BAD_KEY},
    {"the signature of another policy", another_policy, BAD_SIGNATURE},
    {"another configuration", another_configuration, 0},
    {"another digest", a_policy_of_one_bit_less, 0},
    {"not hashed", not_hashed, BAD_SIGNATURE},
    {"with a policyRef", with_reference, BAD_SIGNATURE},
    {"a bad one before the good one", spoilt_before, BAD_SIGNATURE},
    {"nothing", nothing, BAD_KEY},
    {"shifted by a byte", shifted, BAD_KEY},
};

START_TEST(refused_statements)
{
    struct cloister_update good;

    state(1, 'B', operator);
    good = update;
    spoilt[_i].spoil();
    dom0_publishes();
    boot('B');
    no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EACCES);
    ck_assert_msg(seal_status()->tpm_code == spoilt[_i].code, "%s: %#x", spoilt[_i].name,
                  seal_status()->tpm_code);
    update = good;
    dom0_publishes();
    boot('B');
    opens_the_first_root();
}
END_TEST

/* Each bit of a statement that matters, one in eight. */
START_TEST(flipped_bits)
{
    state(0, 'B', operator);
    struct cloister_update good = update;
    const size_t used = sizeof(update.public_key) + sizeof(update.statements[0]);

    for (size_t byte = _i; byte < used; byte += 8) {
        update = good;
        ((uint8_t *)&update)[byte] ^= 1u << byte / 8 % 8;
        dom0_publishes();
        boot('B');
        no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EACCES);
    }
}
END_TEST

/* --- indices that are none ------------------------------------------------------------------- */

START_TEST(refused_indices)
{
    /* What hv/SEALING.md says about each. */
    static const uint32_t codes[] = {0x18b, 0x14a, 0x146, 0x146, 0x12f, 0x9a2, 0};
    uint8_t longer[sizeof(update) + 16] = {0};
    bool accepted = false;

    state(1, 'B', operator);
    dom0_publishes();
    ck_assert_int_eq(tpm_nv_undefine(&dom0, CLOISTER_UPDATE_INDEX), 0);
    switch (_i) {
    case 0: /* none */
        break;
    case 1: /* never written */
        dom0_defines(ATTRIBUTES, sizeof(update), "");
        break;
    case 2: /* too short */
        dom0_defines(ATTRIBUTES, sizeof(update) - 1, "");
        dom0_writes(&update, sizeof(update) - 1);
        break;
    case 3: /* one statement and no more */
        dom0_defines(ATTRIBUTES, 64 + 96, "");
        dom0_writes(&update, 64 + 96);
        break;
    case 4: /* only the owner reads it */
        dom0_defines(ATTRIBUTES & ~TPM_NV_AUTH_READ, sizeof(update), "");
        dom0_writes(&update, sizeof(update));
        break;
    case 5: /* it has a password */
        dom0_defines(ATTRIBUTES, sizeof(update), "secret");
        dom0_writes(&update, sizeof(update));
        break;
    default: /* longer: what stands behind is ignored */
        memcpy(longer, &update, sizeof(update));
        dom0_defines(ATTRIBUTES, sizeof(longer), "");
        dom0_writes(longer, sizeof(longer));
        accepted = true;
        break;
    }
    boot('B');
    if (accepted) {
        opens_the_first_root();
    } else {
        no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EACCES);
    }
    ck_assert_uint_eq(seal_status()->tpm_code, codes[_i]);
    dom0_publishes();
    boot('B');
    opens_the_first_root();
}
END_TEST

/* --- the option ------------------------------------------------------------------------------ */

/* A Xen without the option takes no root that an update key can hand around ... */
START_TEST(without_the_option)
{
    option = NULL;
    boot('A');
    no_keys(CLOISTER_REASON_SEAL_ROOT, -EACCES);
    option = operator_name;
    boot('A');
    opens_the_first_root();
}
END_TEST

/* ... and one with it takes none that was made without. */
START_TEST(made_without_the_option)
{
    uint8_t bound[ROOT_SIZE];

    dom0_opens();
    ck_assert_int_eq(tpm_nv_undefine(&dom0, SEAL_INDEX), 0);
    option = NULL;
    boot('A');
    ck_assert(seal_status()->fresh);
    memcpy(bound, root, ROOT_SIZE);
    option = operator_name;
    boot('A');
    no_keys(CLOISTER_REASON_SEAL_ROOT, -EACCES);
    option = NULL;
    boot('B');
    no_keys(CLOISTER_REASON_SEAL_ROOT, -EACCES);
    boot('A');
    ck_assert(!seal_status()->fresh);
    ck_assert_mem_eq(root, bound, ROOT_SIZE);
}
END_TEST

/* Another update key with good statements of its own: not this root's. */
START_TEST(another_update_key)
{
    struct cloister_update good = update;

    option = stranger_name;
    boot('A'); /* the operator's statements */
    no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EACCES);
    signer_public(stranger, update.public_key);
    state(0, 'A', stranger);
    dom0_publishes();
    boot('A');
    no_keys(CLOISTER_REASON_SEAL_ROOT, -EACCES);
    update = good;
    dom0_publishes();
    option = operator_name;
    boot('A');
    opens_the_first_root();
}
END_TEST

START_TEST(malformed_option)
{
    option = NULL;
    option_wrong = true;
    boot('A');
    no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EINVAL);
    dom0_opens(); /* not even to make one */
    ck_assert_int_eq(tpm_nv_undefine(&dom0, SEAL_INDEX), 0);
    boot('A');
    no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EINVAL);
}
END_TEST

/* --- dom0, after the boot -------------------------------------------------------------------- */

/* With the operator's own good statement for this very configuration, or with a key of its own. */
START_TEST(dom0_cannot_read_or_write)
{
    EVP_PKEY *key = _i ? stranger : operator;
    uint8_t public[64], digest[32], signature[64], policy[32], found[ROOT_SIZE];
    uint8_t name[TPM_NAME_SIZE] = {0, TPM_ALG_SHA256};
    const uint8_t nonce[TPM_DIGEST_SIZE] = {1};
    struct tpm_ticket ticket;
    uint32_t session, handle;

    dom0_opens();
    ck_assert_int_eq(tpm_policy_start(&dom0, nonce, &session), 0);
    ck_assert_int_eq(tpm_policy_pcr(&dom0, session, CLOISTER_SEAL_PCRS | 1u << PCR), 0);
    if (_i) { /* it signs whatever the PCRs are now */
        ck_assert_int_eq(tpm_policy_digest(&dom0, session, policy), 0);
    } else {
        policy_of('A', policy);
    }
    signer_public(key, public);
    signer_name(public, name + 2);
    signer_sign(key, policy, sizeof(policy), signature);
    proof_sha256(policy, sizeof(policy), digest);
    ck_assert_int_eq(tpm_load_key(&dom0, public, &handle), 0);
    ck_assert_int_eq(tpm_verify(&dom0, handle, digest, signature, &ticket), 0);
    ck_assert_int_eq(tpm_policy_authorize(&dom0, session, policy, name, &ticket), _i ? 0 : -EIO);
    ck_assert_int_eq(tpm_nv_read(&dom0, SEAL_INDEX, session, found, sizeof(found)), -EIO);
    ck_assert_int_eq(tpm_nv_write(&dom0, SEAL_INDEX, session, found, sizeof(found)), -EIO);
    /* The ticket of one key is none of the other's. */
    signer_public(_i ? operator : stranger, public);
    signer_name(public, name + 2);
    ck_assert_int_eq(tpm_policy_authorize(&dom0, session, policy, name, &ticket), -EIO);
    ck_assert_int_eq(tpm_nv_read(&dom0, SEAL_INDEX, session, found, sizeof(found)), -EIO);
    boot('A');
    opens_the_first_root();
}
END_TEST

START_TEST(second_start_in_a_boot)
{
    scene_start();
    fake.update_key = option;
    memset(root, 0, sizeof(root));
    tpm_model_start(MODEL_CRB, listen);
    fake_identity_init();
    no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EACCES); /* the record's PCR is not zero */
}
END_TEST

/* --- faults ---------------------------------------------------------------------------------- */

/* The n-th command fails, or hangs: a root is used only if it was read and locked. */
START_TEST(failures_at_each_command)
{
    uint32_t commands = tpm_model.commands;
    struct tpm_nv_public public;
    uint8_t digest[32];
    unsigned int good = 0;

    measurement_of('A', digest);
    ck_assert_uint_ge(commands, 24);
    for (uint32_t n = 1; n <= commands; n++) {
        dom0_opens();
        if (_i % 2 && !tpm_nv_read_public(&dom0, SEAL_INDEX, &public)) { /* made each time */
            ck_assert_int_eq(tpm_nv_undefine(&dom0, SEAL_INDEX), 0);
        }
        swtpm_reset();
        dom0_opens();
        ck_assert_int_eq(tpm_pcr_extend(&dom0, 8, digest), 0);
        scene_start();
        fake.update_key = option;
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
        } else if (seal_status()->reason == CLOISTER_REASON_SEAL_AUTHORIZATION) {
            /* What the TPM says about what stands in the index. */
            ck_assert_uint_eq(seal_status()->tpm_code, 0x101);
        } else {
            ck_assert_int_eq(seal_status()->reason, CLOISTER_REASON_TPM_FAILED);
        }
    }
    ck_assert_uint_ge(good, 1);
    if (!(_i % 2)) {
        boot('A'); /* and without failures it opens again */
        opens_the_first_root();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("update");
    TCase *cases = suite_case(suite, "update", 120);

    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, root_outlives_the_boot);
    tcase_add_test(cases, planned_update);
    tcase_add_test(cases, withdrawn);
    tcase_add_loop_test(cases, every_slot, 0, CLOISTER_UPDATE_STATEMENTS);
    tcase_add_test(cases, made_by_an_authorized_configuration_only);
    tcase_add_loop_test(cases, refused_statements, 0, sizeof(spoilt) / sizeof(spoilt[0]));
    tcase_add_loop_test(cases, flipped_bits, 0, 8);
    tcase_add_loop_test(cases, refused_indices, 0, 7);
    tcase_add_test(cases, without_the_option);
    tcase_add_test(cases, made_without_the_option);
    tcase_add_test(cases, another_update_key);
    tcase_add_test(cases, malformed_option);
    tcase_add_loop_test(cases, dom0_cannot_read_or_write, 0, 2);
    tcase_add_test(cases, second_start_in_a_boot);
    tcase_add_loop_test(cases, failures_at_each_command, 0, 4);
    return suite_run(suite);
}
