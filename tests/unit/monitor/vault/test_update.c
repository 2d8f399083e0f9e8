/* SPDX-License-Identifier: MIT */
/*
 * Planned updates of the sealing root (cloister/update.h) in a real TPM emulator (swtpm.h): which
 * configuration opens the root that another one made, and everything that must not open it.
 */
#include "vault/seal.h"

#include "vault/identity.h"
#include "proof.h"
#include "scene.h"
#include "signer.h"
#include "suite.h"
#include "swtpm.h"
#include "tpm_model.h"
#include "tpm/tpm_transport.h"

#define PCR CLOISTER_RECORD_PCR
#define ROOT_SIZE 32u
/* tpm2_nvdefine -a "ownerwrite|ownerread|authread|no_da" (hv/SEALING.md) */
#define ATTRIBUTES (TPM_NV_OWNER_WRITE | TPM_NV_OWNER_READ | TPM_NV_AUTH_READ | TPM_NV_NO_DA)

#define TPM_NV_AUTH_WRITE (UINT32_C(1) << 2)
#define OTHER_INDEX 0x0180c10fu /* of dom0's own */

#define BAD_SIGNATURE 0x2dbu /* TPM_RC_SIGNATURE, parameter 2 */
#define BAD_KEY 0x2e7u       /* TPM_RC_ECC_POINT, parameter 2 */
#define ANOTHER_KEY 0x4c4u   /* TPM_RC_VALUE, parameter 4: the ticket is not this key's */

static EVP_PKEY *operator, * stranger;
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

/* By the owner, in pieces, as tpm2_nvwrite does. */
static void dom0_writes(const void *data, uint16_t size)
{
    for (uint16_t offset = 0, piece; offset < size; offset += piece) {
        struct tpm_writer command = tpm_begin(&dom0, TPM_CC_NV_WRITE, TPM_RS_PASSWORD);

        piece = size - offset < 400 ? size - offset : 400;
        put_u32(&command, TPM_RH_OWNER);
        put_u32(&command, CLOISTER_UPDATE_INDEX);
        tpm_authorize(&command, TPM_RS_PASSWORD);
        put_sized(&command, (const uint8_t *)data + offset, piece);
        put_u16(&command, offset);
        ck_assert_int_eq(tpm_finish_empty(&dom0, &command, TPM_LONG), 0);
    }
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

static uint32_t dom0_session(uint32_t pcrs)
{
    const uint8_t nonce[TPM_DIGEST_SIZE] = {1};
    uint32_t session;

    dom0_opens();
    ck_assert_int_eq(tpm_policy_start(&dom0, nonce, &session), 0);
    ck_assert_int_eq(tpm_policy_pcr(&dom0, session, pcrs), 0);
    return session;
}

/* --- configurations ------------------------------------------------------------------------ */

/* What PCR 8 was extended with: a letter for each command line. */
static void measurement_of(char configuration, uint8_t digest[32])
{
    memset(digest, configuration, 32);
}

/* TPM2_PolicyPCR (part 3, 23.7) by hand. `bitmap`: of PCRs 0 to 15. */
static void policy_pcr(const uint8_t bitmap[2], const uint8_t *values, size_t size,
                       uint8_t policy[32])
{
    uint8_t data[32 + 14 + 32] = {0};
    /* PolicyPCR; one selection: SHA-256, 3 bytes */
    const uint8_t head[] = {0, 0, 1, 0x7f, 0, 0, 0, 1, 0, 0x0b, 3, bitmap[0], bitmap[1], 0};

    memcpy(data + 32, head, sizeof(head));
    proof_sha256(values, size, data + 32 + sizeof(head));
    proof_sha256(data, sizeof(data), policy);
}

/* PCR 8 extended once, 0, 2, 3, 4, 7, 9 and 13 zero. */
static void policy_of(char configuration, uint8_t policy[32])
{
    static const uint8_t bitmap[2] = {0x9d, 0x23};
    uint8_t values[8 * 32] = {0}, extended[64] = {0};

    measurement_of(configuration, extended + 32);
    proof_sha256(extended, sizeof(extended), values + 5 * 32);
    policy_pcr(bitmap, values, sizeof(values), policy);
}

/* The floor's name, by hand: a counter that everybody reads, that PCR 13 at zero increments, and that was written. */
static void floor_name(uint8_t name[2 + 32])
{
    static const uint8_t bitmap[2] = {0, 0x20}, zero[32];
    static const uint8_t head[] = {1, 0x80, 0xc1, 8, 0, 0x0b, 0x22, 4, 0, 0x18, 0, 32};
    uint8_t data[sizeof(head) + 32 + 2];

    memcpy(data, head, sizeof(head));
    policy_pcr(bitmap, zero, sizeof(zero), data + sizeof(head));
    data[sizeof(head) + 32] = 0;
    data[sizeof(head) + 33] = 8;
    name[0] = 0;
    name[1] = 0x0b;
    proof_sha256(data, sizeof(data), name + 2);
}

static void big_endian(uint64_t number, uint8_t bytes[8])
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    }
}

#define REFERENCE_SIZE 10u
#define SIGNED_SIZE (32 + REFERENCE_SIZE)

/* What is signed: TPM2_PolicyNV (part 3, 23.9) by hand, then the policyRef. */
static void signed_of(const struct cloister_update_statement *statement, uint8_t data[SIGNED_SIZE])
{
    uint8_t operand[8 + 4] = {0}, extended[32 + 4 + 32 + 34] = {0};

    memcpy(operand, statement->number, 8);
    operand[11] = 9; /* offset 0; UNSIGNED_LE */
    memcpy(extended, statement->policy, 32);
    memcpy(extended + 32, "\0\0\1\x49", 4);
    proof_sha256(operand, sizeof(operand), extended + 36);
    floor_name(extended + 68);
    proof_sha256(extended, sizeof(extended), data);
    memcpy(data + 32, "Cloister 2", REFERENCE_SIZE);
}

static void state_at(unsigned int slot, char configuration, uint64_t number, EVP_PKEY *key)
{
    struct cloister_update_statement *statement = &update.statements[slot];
    uint8_t data[SIGNED_SIZE];

    policy_of(configuration, statement->policy);
    big_endian(number, statement->number);
    signed_of(statement, data);
    signer_sign(key, data, sizeof(data), statement->signature);
}

#define NUMBER 5u

static void state(unsigned int slot, char configuration, EVP_PKEY *key)
{
    state_at(slot, configuration, NUMBER, key);
}

/* The signed step: nothing below this number opens the root once a boot with it has. */
static void raise_to(uint64_t number, EVP_PKEY *key)
{
    uint8_t data[14 + 8];

    memcpy(data, "Cloister floor", 14);
    big_endian(number, data + 14);
    memcpy(update.floor, data + 14, 8);
    signer_sign(key, data, sizeof(data), update.floor_signature);
}

static uint64_t floor_now(void)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++) {
        value = value << 8 | seal_status()->floor[i];
    }
    return value;
}

/* The machine is reset, and boots Xen with this command line, after PCR `other` was extended, too. */
#define NO_OTHER 0xffu

static void boot_measured(char configuration, uint32_t other)
{
    uint8_t digest[32];

    swtpm_reset();
    dom0_opens();
    measurement_of(configuration, digest);
    ck_assert_int_eq(tpm_pcr_extend(&dom0, 8, digest), 0);
    if (other != NO_OTHER) {
        ck_assert_int_eq(tpm_pcr_extend(&dom0, other, digest), 0);
    }
    scene_start();
    fake.update_key = option;
    fake.update_key_wrong = option_wrong;
    memset(root, 0, sizeof(root));
    tpm_model_start(MODEL_CRB, listen);
    fake_identity_init();
    ck_assert(!tpm_model.wrong);
    ck_assert_int_eq(identity_status()->reason, CLOISTER_REASON_NONE); /* reports always work */
}

static void boot(char configuration)
{
    boot_measured(configuration, NO_OTHER);
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
    memset(update.floor, 0, sizeof(update.floor));
    memset(update.floor_signature, 0, sizeof(update.floor_signature));
    memcpy(update.magic, "CLUPDAT\2", sizeof(update.magic));
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

START_TEST(every_slot)
{
    const char *configurations = "BCDEFGHI";

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

/* PCRs of the firmware, its drivers and option ROMs, the boot loader, Secure Boot: not signed, not opened. */
START_TEST(all_that_runs_before_is_bound)
{
    static const uint32_t pcrs[] = {0, 2, 3, 4, 7, 8, 9, PCR};

    boot_measured('A', pcrs[_i]);
    no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EACCES);
    boot('A');
    opens_the_first_root();
}
END_TEST

/* A DIMM, a disk, the boot order, resume events, the shim's keys. */
START_TEST(other_pcrs_do_not_matter)
{
    static const uint32_t pcrs[] = {1, 5, 6, 10, 14};

    boot_measured('A', pcrs[_i]);
    opens_the_first_root();
}
END_TEST

/* --- numbers and the floor ------------------------------------------------------------------- */

/* B is the update, and has proved itself: the operator raises the floor to its number. */
static void raised(void)
{
    state_at(1, 'B', NUMBER + 1, operator);
    dom0_publishes();
    boot('B');
    opens_the_first_root();
    raise_to(NUMBER + 1, operator);
    dom0_publishes();
    boot('B');
    opens_the_first_root();
    ck_assert_uint_eq(floor_now(), NUMBER + 1);
}

START_TEST(withdrawn)
{
    struct cloister_update copy, old = update;

    ck_assert_uint_eq(floor_now(), 1);
    raised();
    copy = update;
    boot('A'); /* its statement still stands there */
    no_keys(CLOISTER_REASON_SEAL_FLOOR, -EPERM);
    ck_assert_uint_eq(seal_status()->tpm_code, 0);
    update = old; /* what somebody kept: neither B's nor the floor's */
    dom0_publishes();
    boot('A');
    no_keys(CLOISTER_REASON_SEAL_FLOOR, -EPERM);
    ck_assert_uint_eq(floor_now(), NUMBER + 1);
    update = copy;
    dom0_publishes();
    boot('B');
    opens_the_first_root();
    state_at(0, 'A', NUMBER + 1, operator); /* signed anew, it may come back */
    dom0_publishes();
    boot('A');
    opens_the_first_root();
}
END_TEST

/* A number that is not what was signed opens nothing, whatever the monitor thinks of it. */
START_TEST(withdrawn_with_another_number)
{
    raised();
    big_endian(_i ? UINT64_MAX : NUMBER + 1, update.statements[0].number);
    dom0_publishes();
    boot('A');
    no_keys(CLOISTER_REASON_SEAL_AUTHORIZATION, -EACCES);
    ck_assert_uint_eq(seal_status()->tpm_code, BAD_SIGNATURE);
}
END_TEST

/* The TPM itself says no: a session for what was withdrawn gets no further than its number. */
START_TEST(withdrawn_in_the_tpm)
{
    uint32_t session;

    raised();
    session = dom0_session(1u << 1);
    ck_assert_int_eq(
        tpm_policy_nv(&dom0, session, CLOISTER_FLOOR_INDEX, update.statements[0].number), -EIO);
    ck_assert_uint_eq(dom0.code, 0x126); /* TPM_RC_POLICY */
    ck_assert_int_eq(
        tpm_policy_nv(&dom0, session, CLOISTER_FLOOR_INDEX, update.statements[1].number), 0);
}
END_TEST

START_TEST(going_back_within_the_floor)
{
    state_at(1, 'B', NUMBER + 2, operator);
    raise_to(NUMBER, operator);
    dom0_publishes();
    for (const char *configuration = "BABBA"; *configuration; configuration++) {
        boot(*configuration);
        opens_the_first_root();
        ck_assert_uint_eq(floor_now(), NUMBER);
    }
}
END_TEST

/* A boot raises it no further than its own number; the update does, once it boots. */
START_TEST(no_boot_shuts_itself_out)
{
    state_at(1, 'B', NUMBER + 1, operator);
    raise_to(NUMBER + 1, operator);
    dom0_publishes();
    for (int i = 0; i < 2; i++) {
        boot('A');
        opens_the_first_root();
        ck_assert_uint_eq(floor_now(), 1);
    }
    boot('B');
    opens_the_first_root();
    ck_assert_uint_eq(floor_now(), NUMBER + 1);
    boot('A');
    no_keys(CLOISTER_REASON_SEAL_FLOOR, -EPERM);
}
END_TEST

/* It never goes down, and stays where it is when told again. */
START_TEST(a_lower_floor)
{
    raised();
    raise_to(NUMBER - 1, operator);
    dom0_publishes();
    boot('B');
    opens_the_first_root();
    ck_assert_uint_eq(floor_now(), NUMBER + 1);
}
END_TEST

START_TEST(floors_that_are_none)
{
    raise_to(NUMBER, operator);
    switch (_i) {
    case 0:
        raise_to(NUMBER, stranger);
        break;
    case 1: /* another value than was signed */
        update.floor[7]--;
        break;
    case 2:
        memset(update.floor_signature, 0, sizeof(update.floor_signature));
        break;
    default: /* a statement's signature */
        memcpy(update.floor_signature, update.statements[0].signature, 64);
        break;
    }
    dom0_publishes();
    boot('A');
    ck_assert_int_eq(seal_status()->reason, CLOISTER_REASON_SEAL_AUTHORIZATION);
    ck_assert_int_eq(seal_status()->error, -EACCES);
    ck_assert_uint_eq(seal_status()->tpm_code, BAD_SIGNATURE);
    ck_assert_uint_eq(floor_now(), 1);
    memset(update.floor, 0, sizeof(update.floor));
    dom0_publishes();
    boot('A');
    opens_the_first_root();
}
END_TEST

/* Of two for the same boot the one that still holds counts. */
START_TEST(signed_twice)
{
    raised();
    state_at(_i ? 7 : 2, 'A', NUMBER + 3, operator);
    dom0_publishes();
    boot('A');
    opens_the_first_root();
}
END_TEST

START_TEST(numbers_at_the_ends)
{
    state_at(0, 'A', _i ? UINT64_MAX : 0, operator);
    dom0_publishes();
    boot('A');
    if (_i) {
        opens_the_first_root();
    } else {
        no_keys(CLOISTER_REASON_SEAL_FLOOR, -EPERM);
    }
}
END_TEST

/* A slip of the operator's does not keep a host in its boot for hours. */
START_TEST(a_floor_far_away)
{
    state_at(0, 'A', 100000, operator);
    raise_to(1 + CLOISTER_FLOOR_STEPS + 1, operator);
    dom0_publishes();
    boot('A');
    opens_the_first_root();
    ck_assert_uint_eq(floor_now(), 1 + CLOISTER_FLOOR_STEPS);
    boot('A');
    opens_the_first_root();
    ck_assert_uint_eq(floor_now(), 1 + CLOISTER_FLOOR_STEPS + 1);
}
END_TEST

/* --- dom0 and the floor ---------------------------------------------------------------------- */

static void floor_public(struct tpm_nv_public *public)
{
    dom0_opens();
    ck_assert_int_eq(tpm_nv_read_public(&dom0, CLOISTER_FLOOR_INDEX, public), 0);
    public->attributes &= ~TPM_NV_WRITTEN;
}

static int dom0_increments(uint32_t index, uint32_t session)
{
    return tpm_nv_increment(&dom0, index, session);
}

START_TEST(dom0_cannot_increment)
{
    uint64_t before = floor_now();

    ck_assert_int_eq(dom0_increments(CLOISTER_FLOOR_INDEX, dom0_session(1u << PCR)), -EIO);
    ck_assert_int_eq(dom0_increments(CLOISTER_FLOOR_INDEX, dom0_session(1u << 15)), -EIO);
    ck_assert_int_eq(dom0_increments(CLOISTER_FLOOR_INDEX, TPM_RS_PASSWORD), -EIO);
    boot('A');
    opens_the_first_root();
    ck_assert_uint_eq(floor_now(), before);
}
END_TEST

/* Removed, it comes back above where it was: nothing that was withdrawn holds again. */
START_TEST(removed_floor)
{
    struct tpm_nv_public public;

    raised();
    floor_public(&public);
    ck_assert_int_eq(tpm_nv_undefine(&dom0, CLOISTER_FLOOR_INDEX), 0);
    if (_i) { /* dom0 makes the like of it, and cannot give it a value */
        ck_assert_int_eq(tpm_nv_define(&dom0, CLOISTER_FLOOR_INDEX, &public, NULL), 0);
        ck_assert_int_eq(dom0_increments(CLOISTER_FLOOR_INDEX, dom0_session(1u << PCR)), -EIO);
    }
    boot('A');
    no_keys(CLOISTER_REASON_SEAL_FLOOR, -EPERM);
    ck_assert_uint_eq(floor_now(), NUMBER + 2);
    boot('B');
    no_keys(CLOISTER_REASON_SEAL_FLOOR, -EPERM);
    state_at(1, 'B',
             NUMBER + 2, operator); /* the way out (hv/SEALING.md); the root is still there */
    dom0_publishes();
    boot('B');
    opens_the_first_root();
}
END_TEST

/* Another counter, run up and removed, pushes the next one up: sealed data wait for higher numbers. */
START_TEST(pushed_floor)
{
    struct tpm_nv_public other = {
        .attributes = TPM_NV_COUNTER | TPM_NV_AUTH_WRITE | TPM_NV_AUTH_READ | TPM_NV_NO_DA,
        .size = TPM_COUNTER_SIZE,
    };

    dom0_opens();
    ck_assert_int_eq(tpm_nv_define(&dom0, OTHER_INDEX, &other, NULL), 0);
    for (int i = 0; i < 40; i++) {
        ck_assert_int_eq(dom0_increments(OTHER_INDEX, TPM_RS_PASSWORD), 0);
    }
    boot('A'); /* as long as the floor stands it is none of its business */
    opens_the_first_root();
    ck_assert_uint_eq(floor_now(), 1);
    dom0_opens();
    ck_assert_int_eq(tpm_nv_undefine(&dom0, OTHER_INDEX), 0);
    ck_assert_int_eq(tpm_nv_undefine(&dom0, CLOISTER_FLOOR_INDEX), 0);
    boot('A');
    no_keys(CLOISTER_REASON_SEAL_FLOOR, -EPERM);
    ck_assert_uint_ge(floor_now(), 41);
    state_at(0, 'A', floor_now(), operator);
    dom0_publishes();
    boot('A');
    opens_the_first_root();
}
END_TEST

/* An index that dom0 fills, in the floor's place: its name is not what was signed. */
START_TEST(a_floor_that_is_not_ours)
{
    const uint8_t low[TPM_COUNTER_SIZE] = {0, 0, 0, 0, 0, 0, 0, 1};
    uint32_t code = BAD_SIGNATURE;
    struct tpm_nv_public public;

    raised();
    floor_public(&public);
    ck_assert_int_eq(tpm_nv_undefine(&dom0, CLOISTER_FLOOR_INDEX), 0);
    switch (_i) {
    case 0: /* no counter, and who knows the (empty) password writes it */
        public
        .attributes = TPM_NV_AUTH_WRITE | TPM_NV_AUTH_READ | TPM_NV_NO_DA;
        break;
    case 1: /* the same with the right policy, too */
        public
        .attributes = (public.attributes & ~TPM_NV_COUNTER) | TPM_NV_AUTH_WRITE;
        break;
    case 2: /* a counter that dom0 increments */
        public
        .attributes |= TPM_NV_AUTH_WRITE;
        break;
    default: /* one that nobody reads */
        public
        .attributes =
            (public.attributes & ~TPM_NV_AUTH_READ) | TPM_NV_AUTH_WRITE | TPM_NV_OWNER_READ;
        code = 0x12f;
        break;
    }
    ck_assert_int_eq(tpm_nv_define(&dom0, CLOISTER_FLOOR_INDEX, &public, NULL), 0);
    if (_i < 2) {
        ck_assert_int_eq(
            tpm_nv_write(&dom0, CLOISTER_FLOOR_INDEX, TPM_RS_PASSWORD, low, sizeof(low)), 0);
    } else {
        ck_assert_int_eq(dom0_increments(CLOISTER_FLOOR_INDEX, TPM_RS_PASSWORD), 0);
    }
    state_at(0, 'A', NUMBER + 100, operator); /* not even what would hold */
    dom0_publishes();
    boot('A');
    ck_assert_int_ne(seal_status()->reason, CLOISTER_REASON_NONE);
    ck_assert_uint_eq(seal_status()->tpm_code, code);
    dom0_opens();
    ck_assert_int_eq(tpm_nv_undefine(&dom0, CLOISTER_FLOOR_INDEX), 0);
    boot('B');
    no_keys(CLOISTER_REASON_SEAL_FLOOR, -EPERM);
    boot('A');
    opens_the_first_root();
}
END_TEST

/* --- statements that say nothing for configuration B ----------------------------------------- */

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
    uint8_t der[80], data[SIGNED_SIZE];
    size_t size = sizeof(der);

    signed_of(of_b, data);
    ck_assert_int_eq(EVP_PKEY_sign_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_sign(context, der, &size, data, 32), 1);
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

/* With another policyRef, a statement is about something else (part 3, 23.16.1): the first format's had none. */
static void with_other_reference(void)
{
    uint8_t data[SIGNED_SIZE];

    signed_of(of_b, data);
    data[SIGNED_SIZE - 1] = '3';
    signer_sign(operator, data, sizeof(data), of_b->signature);
}

static void without_reference(void)
{
    uint8_t data[SIGNED_SIZE];

    signed_of(of_b, data);
    signer_sign(operator, data, 32, of_b->signature);
}

/* The first format: the PCRs alone. */
static void without_number(void)
{
    signer_sign(operator, of_b->policy, 32, of_b->signature);
}

/* The PCRs, and no floor, with today's policyRef. */
static void without_floor(void)
{
    uint8_t data[SIGNED_SIZE];

    signed_of(of_b, data);
    memcpy(data, of_b->policy, 32);
    signer_sign(operator, data, sizeof(data), of_b->signature);
}

static void higher_number(void)
{
    of_b->number[7]++;
}

static void lower_number(void)
{
    of_b->number[7]--;
}

/* What the key signed to raise the floor is no statement. */
static void signature_of_a_floor(void)
{
    raise_to(NUMBER, operator);
    memcpy(of_b->signature, update.floor_signature, sizeof(of_b->signature));
    memset(update.floor, 0, sizeof(update.floor));
}

/* The first of two counts. */
static void spoilt_before(void)
{
    update.statements[0] = *of_b;
    update.statements[0].signature[5] ^= 4;
}

static void another_format(void)
{
    update.magic[7]++;
}

/* As it stood in an index of the first format, with room behind. */
static void first_format(void)
{
    struct cloister_update new = update;

    memset(&update, 0, sizeof(update));
    memcpy(&update, new.public_key, sizeof(new.public_key));
    memcpy((uint8_t *)&update + 64, new.statements[1].policy, 32);
    signer_sign(operator, new.statements[1].policy, 32, (uint8_t *)&update + 64 + 32);
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
    {"with another policyRef", with_other_reference, BAD_SIGNATURE},
    {"without a policyRef", without_reference, BAD_SIGNATURE},
    {"without a number", without_number, BAD_SIGNATURE},
    {"without a floor", without_floor, BAD_SIGNATURE},
    {"a higher number than signed", higher_number, BAD_SIGNATURE},
    {"a lower number than signed", lower_number, BAD_SIGNATURE},
    {"the signature of a floor", signature_of_a_floor, BAD_SIGNATURE},
    {"another format", another_format, 0},
    {"the first format", first_format, 0},
    {"a bad one before the good one", spoilt_before, BAD_SIGNATURE},
    {"nothing", nothing, 0},
    {"shifted by a byte", shifted, 0},
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
    const size_t begin = offsetof(struct cloister_update, statements);
    const size_t used = begin + sizeof(update.statements[0]);

    for (size_t byte = _i; byte < used; byte += 8) {
        if (byte >= offsetof(struct cloister_update, floor) && byte < begin) {
            continue; /* raising the floor: floors_that_are_none */
        }
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
        dom0_defines(ATTRIBUTES, 144 + 104, "");
        dom0_writes(&update, 144 + 104);
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
    struct cloister_update_statement statement = update.statements[0];
    uint8_t public[64], digest[32], signature[64], data[SIGNED_SIZE], found[ROOT_SIZE];
    uint8_t name[TPM_NAME_SIZE] = {0, TPM_ALG_SHA256};
    struct tpm_ticket ticket;
    uint32_t session = dom0_session(CLOISTER_SEAL_PCRS | 1u << PCR), handle;

    if (_i) { /* it signs whatever the PCRs are now */
        ck_assert_int_eq(tpm_policy_digest(&dom0, session, statement.policy), 0);
    }
    signed_of(&statement, data);
    signer_public(key, public);
    signer_name(public, name + 2);
    signer_sign(key, data, sizeof(data), signature);
    proof_sha256(data, sizeof(data), digest);
    ck_assert_int_eq(tpm_policy_nv(&dom0, session, CLOISTER_FLOOR_INDEX, statement.number), 0);
    ck_assert_int_eq(tpm_load_key(&dom0, public, &handle), 0);
    ck_assert_int_eq(tpm_verify(&dom0, handle, digest, signature, &ticket), 0);
    ck_assert_int_eq(
        tpm_policy_authorize(&dom0, session, data, CLOISTER_UPDATE_REFERENCE, name, &ticket),
        _i ? 0 : -EIO);
    ck_assert_int_eq(tpm_nv_read(&dom0, SEAL_INDEX, session, 0, found, sizeof(found)), -EIO);
    ck_assert_int_eq(tpm_nv_write(&dom0, SEAL_INDEX, session, found, sizeof(found)), -EIO);
    /* The ticket of one key is none of the other's. */
    signer_public(_i ? operator : stranger, public);
    signer_name(public, name + 2);
    ck_assert_int_eq(
        tpm_policy_authorize(&dom0, session, data, CLOISTER_UPDATE_REFERENCE, name, &ticket), -EIO);
    ck_assert_int_eq(tpm_nv_read(&dom0, SEAL_INDEX, session, 0, found, sizeof(found)), -EIO);
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
    tcase_add_loop_test(cases, all_that_runs_before_is_bound, 0, 8);
    tcase_add_loop_test(cases, other_pcrs_do_not_matter, 0, 5);
    tcase_add_test(cases, withdrawn);
    tcase_add_loop_test(cases, withdrawn_with_another_number, 0, 2);
    tcase_add_test(cases, withdrawn_in_the_tpm);
    tcase_add_test(cases, going_back_within_the_floor);
    tcase_add_test(cases, no_boot_shuts_itself_out);
    tcase_add_test(cases, a_lower_floor);
    tcase_add_loop_test(cases, floors_that_are_none, 0, 4);
    tcase_add_loop_test(cases, signed_twice, 0, 2);
    tcase_add_loop_test(cases, numbers_at_the_ends, 0, 2);
    tcase_add_test(cases, a_floor_far_away);
    tcase_add_test(cases, dom0_cannot_increment);
    tcase_add_loop_test(cases, removed_floor, 0, 2);
    tcase_add_test(cases, pushed_floor);
    tcase_add_loop_test(cases, a_floor_that_is_not_ours, 0, 4);
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
