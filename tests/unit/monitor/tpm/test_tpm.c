/* SPDX-License-Identifier: MIT */
/*
 * The TPM driver: simulated registers (tpm_model.h), a real TPM emulator behind them (swtpm.h).
 * What the TPM gets wrong is made of what it got right: its good response is recorded once, then
 * altered and replayed.
 */
#include <openssl/evp.h>

#include "fake_host.h"
#include "proof.h"
#include "signer.h"
#include "suite.h"
#include "swtpm.h"
#include "tpm_model.h"
#include "tpm/tpm_transport.h"

#define INDEX 0x0180c105u
#define PCR 13u
#define POLICY_PCRS (1u << 4 | 1u << PCR)
#define RC_RETRY 0x922u
#define RC_YIELDED 0x908u
#define RC_TESTING 0x90au
#define SECOND UINT64_C(1000000000)

static const uint8_t digest[TPM_DIGEST_SIZE] = "what the monitor is, as a digest";
static const uint8_t secret[TPM_DIGEST_SIZE] = "a root that only this Xen knows";
static struct tpm tpm;
static struct tpm_place place;
static uint32_t session;
static uint8_t result[TPM_DIGEST_SIZE];
static uint32_t key;
static struct tpm_ticket ticket;

/* --- the commands --------------------------------------------------------------------------- */

static int open_it(void)
{
    return tpm_open(&tpm, &place);
}

static int do_random(void)
{
    return tpm_random(&tpm, result, sizeof(result));
}

static int do_pcr_read(void)
{
    return tpm_pcr_read(&tpm, PCR, result);
}

static int do_pcr_extend(void)
{
    return tpm_pcr_extend(&tpm, PCR, digest);
}

static int do_policy_start(void)
{
    return tpm_policy_start(&tpm, digest, &session);
}

static int do_policy_pcr(void)
{
    return tpm_policy_pcr(&tpm, session, POLICY_PCRS);
}

static int do_policy_digest(void)
{
    return tpm_policy_digest(&tpm, session, result);
}

/* A key that approves whatever PolicyGetDigest said. */
static EVP_PKEY *signer;
static uint8_t public[TPM_KEY_SIZE], name[TPM_NAME_SIZE] = {0, TPM_ALG_SHA256};
static uint8_t approved[TPM_DIGEST_SIZE], approved_digest[TPM_DIGEST_SIZE];
static uint8_t signature[TPM_KEY_SIZE];

#define REFERENCE "about this"

static void approve(void)
{
    uint8_t data[sizeof(approved) + sizeof(REFERENCE) - 1];

    memcpy(approved, result, sizeof(approved));
    memcpy(data, approved, sizeof(approved));
    memcpy(data + sizeof(approved), REFERENCE, sizeof(REFERENCE) - 1);
    proof_sha256(data, sizeof(data), approved_digest);
    signer_sign(signer, data, sizeof(data), signature);
}

static int do_load_key(void)
{
    return tpm_load_key(&tpm, public, &key);
}

static int do_verify(void)
{
    return tpm_verify(&tpm, key, approved_digest, signature, &ticket);
}

static int do_policy_authorize(void)
{
    return tpm_policy_authorize(&tpm, session, approved, REFERENCE, name, &ticket);
}

static int do_flush(void)
{
    return tpm_flush(&tpm, session);
}

static struct tpm_nv_public nv_public(void)
{
    struct tpm_nv_public public = {
        .attributes = TPM_NV_POLICY_WRITE | TPM_NV_POLICY_READ | TPM_NV_NO_DA | TPM_NV_READ_STCLEAR,
        .size = sizeof(secret),
    };

    ck_assert_int_eq(do_policy_start(), 0);
    ck_assert_int_eq(do_policy_pcr(), 0);
    ck_assert_int_eq(tpm_policy_digest(&tpm, session, public.policy), 0);
    ck_assert_int_eq(do_flush(), 0);
    ck_assert_int_eq(do_policy_start(), 0);
    return public;
}

static struct tpm_nv_public defined;

static int do_nv_define(void)
{
    return tpm_nv_define(&tpm, INDEX, &defined, NULL);
}

static int do_nv_public(void)
{
    struct tpm_nv_public public;

    return tpm_nv_read_public(&tpm, INDEX, &public);
}

static int do_nv_write(void)
{
    return tpm_nv_write(&tpm, INDEX, session, secret, sizeof(secret));
}

static int do_nv_read(void)
{
    return tpm_nv_read(&tpm, INDEX, session, 0, result, sizeof(secret));
}

static int do_nv_lock(void)
{
    return tpm_nv_read_lock(&tpm, INDEX, session);
}

/* A counter with the policy of the other index, which everybody may read. */
#define COUNTER_INDEX 0x0180c10fu
static const uint8_t most[TPM_COUNTER_SIZE] = {0, 0, 0, 0, 0, 0, 0, 100};

static int do_counter_define(void)
{
    struct tpm_nv_public counter = defined;

    counter.attributes = TPM_NV_COUNTER | TPM_NV_POLICY_WRITE | TPM_NV_AUTH_READ | TPM_NV_NO_DA;
    counter.size = TPM_COUNTER_SIZE;
    return tpm_nv_define(&tpm, COUNTER_INDEX, &counter, NULL);
}

static int do_increment(void)
{
    return tpm_nv_increment(&tpm, COUNTER_INDEX, session);
}

static int do_policy_nv(void)
{
    return tpm_policy_nv(&tpm, session, COUNTER_INDEX, most);
}

/* Each command in an order in which all work; `policy`: PolicyPCR comes before. */
static const struct operation {
    const char *name;
    int (*run)(void);
    bool policy;
} operations[] = {
    {"open", open_it, false},
    {"GetRandom", do_random, false},
    {"PCR_Read", do_pcr_read, false},
    {"PCR_Extend", do_pcr_extend, false},
    {"StartAuthSession", do_policy_start, false},
    {"PolicyPCR", do_policy_pcr, false},
    {"PolicyGetDigest", do_policy_digest, false},
    {"LoadExternal", do_load_key, false},
    {"VerifySignature", do_verify, false},
    {"PolicyAuthorize", do_policy_authorize, false},
    {"NV_DefineSpace", do_nv_define, false},
    {"NV_ReadPublic", do_nv_public, false},
    {"NV_Write", do_nv_write, true},
    {"NV_Read", do_nv_read, true},
    {"NV_DefineSpace of a counter", do_counter_define, false},
    {"NV_Increment", do_increment, true},
    {"PolicyNV", do_policy_nv, false},
    {"FlushContext after PolicyNV", do_flush, false},
    {"StartAuthSession again", do_policy_start, false},
    {"NV_ReadLock", do_nv_lock, true},
    {"FlushContext", do_flush, false},
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* --- recording and replaying ---------------------------------------------------------------- */

static uint8_t good[MODEL_ROOM];
static uint32_t good_size;
static uint32_t again; /* answers RETRY so many times first */

static bool replay(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t *answered)
{
    static const uint8_t retry[] = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x09, 0x22};

    (void)command;
    (void)size;
    if (again) {
        again--;
        memcpy(response, retry, sizeof(retry));
        *answered = sizeof(retry);
        return true;
    }
    memcpy(response, good, good_size);
    *answered = good_size;
    return true;
}

static void record(uint8_t *response, uint32_t *size)
{
    memcpy(good, response, *size);
    good_size = *size;
}

static void use(enum tpm_model_kind kind)
{
    tpm_model_start(kind, swtpm_execute);
    ck_assert(host_tpm_place(&place));
}

/* Runs all operations up to `last`, that one recorded; from then on its response is replayed. */
static void prepare(enum tpm_model_kind kind, size_t last)
{
    use(kind);
    for (size_t i = 0; i <= last; i++) {
        if (operations[i].run == do_load_key) {
            approve();
        }
        if (operations[i].run == do_nv_define) {
            ck_assert_int_eq(do_flush(), 0);
            defined = nv_public();
        }
        if (operations[i].policy) {
            ck_assert_int_eq(do_policy_pcr(), 0);
        }
        tpm_model.alter = i == last ? record : NULL;
        ck_assert_msg(operations[i].run() == 0, "%s: code %#x", operations[i].name, tpm.code);
    }
    tpm_model.alter = NULL;
    tpm_model.execute = replay;
    ck_assert(!tpm_model.wrong);
    ck_assert_uint_eq(tpm_model.claimed, 0);
    if (kind != MODEL_TIS) { /* nothing is left for whoever looks next */
        for (size_t i = 0; i < MODEL_ROOM; i++) {
            ck_assert_uint_eq(tpm_model.command[i], 0);
            ck_assert_uint_eq(tpm_model.response[i], 0);
        }
    }
}

static enum tpm_model_kind kind_of(int i)
{
    return i % 3 == 0 ? MODEL_TIS : i % 3 == 1 ? MODEL_CRB : MODEL_CRB_FIRMWARE;
}

static const struct operation *operation_of(int i)
{
    return &operations[i / 3];
}

static void start(void)
{
    fake_start_bare(1);
    swtpm_start(true);
    signer = signer_new();
    signer_public(signer, public);
    signer_name(public, name + 2);
}

static void end(void)
{
    swtpm_stop();
    EVP_PKEY_free(signer);
    signer = NULL;
}

/* --- what works ------------------------------------------------------------------------------ */

static void sha256(const void *a, size_t a_size, const void *b, size_t b_size, uint8_t value[32])
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();

    EVP_DigestInit(hash, EVP_sha256());
    EVP_DigestUpdate(hash, a, a_size);
    EVP_DigestUpdate(hash, b, b_size);
    EVP_DigestFinal(hash, value, NULL);
    EVP_MD_CTX_free(hash);
}

START_TEST(every_command_works)
{
    prepare(kind_of(_i), OPERATIONS - 1);
    ck_assert_mem_eq(result, secret, sizeof(secret));
    ck_assert(!tpm.started);
}
END_TEST

START_TEST(extending_extends)
{
    static const uint8_t zero[TPM_DIGEST_SIZE];
    uint8_t expected[TPM_DIGEST_SIZE];

    use(kind_of(_i));
    ck_assert_int_eq(open_it(), 0);
    ck_assert_int_eq(do_pcr_read(), 0);
    ck_assert_mem_eq(result, zero, sizeof(zero));
    memcpy(expected, zero, sizeof(zero));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(do_pcr_extend(), 0);
        sha256(expected, sizeof(expected), digest, sizeof(digest), expected);
        ck_assert_int_eq(do_pcr_read(), 0);
        ck_assert_mem_eq(result, expected, sizeof(expected));
    }
}
END_TEST

START_TEST(random_numbers_differ)
{
    uint8_t first[200], second[200];

    use(kind_of(_i));
    ck_assert_int_eq(open_it(), 0);
    ck_assert_int_eq(tpm_random(&tpm, first, sizeof(first)), 0);
    ck_assert_int_eq(tpm_random(&tpm, second, sizeof(second)), 0);
    ck_assert_mem_ne(first, second, sizeof(first));
    for (size_t i = 0; i + 16 <= sizeof(first); i += 8) {
        ck_assert_mem_ne(first + i, second + i, 16);
    }
}
END_TEST

START_TEST(small_bursts)
{
    use(MODEL_TIS);
    tpm_model.burst = 1 + _i;
    ck_assert_int_eq(open_it(), 0);
    ck_assert_int_eq(do_pcr_extend(), 0);
    ck_assert_int_eq(do_random(), 0);
    ck_assert(!tpm_model.wrong);
}
END_TEST

/* What a policy of PCRs is for: after one of them was extended, neither is the index read nor
 * written. */
START_TEST(nv_is_bound_to_pcrs)
{
    struct tpm_nv_public public;
    uint8_t written[TPM_DIGEST_SIZE];

    use(kind_of(_i));
    ck_assert_int_eq(open_it(), 0);
    ck_assert_int_eq(tpm_nv_read_public(&tpm, INDEX, &public), -ENOENT);
    defined = nv_public();
    ck_assert_int_eq(do_nv_define(), 0);
    ck_assert_int_eq(do_policy_pcr(), 0);
    ck_assert_int_eq(do_nv_read(), -EIO); /* not written yet */
    ck_assert_int_eq(do_flush(), 0);
    ck_assert_int_eq(do_policy_start(), 0);
    ck_assert_int_eq(do_policy_pcr(), 0);
    ck_assert_int_eq(do_nv_write(), 0);
    ck_assert_int_eq(tpm_nv_read_public(&tpm, INDEX, &public), 0);
    ck_assert_uint_eq(public.attributes, defined.attributes | TPM_NV_WRITTEN);
    ck_assert_mem_eq(public.policy, defined.policy, sizeof(public.policy));
    ck_assert_uint_eq(public.size, defined.size);
    ck_assert_int_eq(do_nv_read(), -EIO); /* without a policy */

    ck_assert_int_eq(do_pcr_extend(), 0);
    memset(written, 0x11, sizeof(written));
    ck_assert_int_eq(do_policy_pcr(), 0);
    ck_assert_int_eq(do_nv_read(), -EIO);
    ck_assert_int_eq(do_flush(), 0);
    ck_assert_int_eq(do_policy_start(), 0);
    ck_assert_int_eq(do_policy_pcr(), 0);
    ck_assert_int_eq(tpm_nv_write(&tpm, INDEX, session, written, sizeof(written)), -EIO);
}
END_TEST

START_TEST(nv_read_lock_lasts_until_the_reset)
{
    struct tpm_nv_public public;

    prepare(kind_of(_i), OPERATIONS - 2); /* up to the lock */
    use(kind_of(_i));
    ck_assert_int_eq(open_it(), 0);
    ck_assert_int_eq(tpm_nv_read_public(&tpm, INDEX, &public), 0);
    ck_assert(public.attributes & TPM_NV_READ_LOCKED);
    ck_assert_int_eq(do_policy_pcr(), 0);
    ck_assert_int_eq(do_nv_read(), -EIO);

    swtpm_reset();
    use(kind_of(_i));
    ck_assert_int_eq(open_it(), 0);
    ck_assert_int_eq(tpm_nv_read_public(&tpm, INDEX, &public), 0);
    ck_assert(!(public.attributes & TPM_NV_READ_LOCKED));
    ck_assert_int_eq(do_policy_start(), 0);
    ck_assert_int_eq(do_policy_pcr(), 0);
    /* PCR 13 was extended when the policy was made, and is new now. */
    ck_assert_int_eq(do_nv_read(), -EIO);
    ck_assert_int_eq(do_pcr_extend(), 0);
    ck_assert_int_eq(do_flush(), 0);
    ck_assert_int_eq(do_policy_start(), 0);
    ck_assert_int_eq(do_policy_pcr(), 0);
    ck_assert_int_eq(do_nv_read(), 0);
    ck_assert_mem_eq(result, secret, sizeof(secret));
}
END_TEST

/* What a key approved is the same for all that it approves, and nobody else's. */
START_TEST(approved_policies)
{
    uint8_t first[TPM_DIGEST_SIZE];
    EVP_PKEY *own = signer;

    use(kind_of(_i));
    ck_assert_int_eq(open_it(), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(do_pcr_extend(), 0); /* another policy each time */
        ck_assert_int_eq(do_policy_start(), 0);
        ck_assert_int_eq(do_policy_pcr(), 0);
        ck_assert_int_eq(do_policy_digest(), 0);
        approve();
        ck_assert_int_eq(do_load_key(), 0);
        ck_assert_int_eq(do_verify(), 0);
        approved[0] ^= 1;
        ck_assert_int_eq(do_policy_authorize(), -EIO);
        approved[0] ^= 1;
        ticket.digest[0] ^= 1;
        ck_assert_int_eq(do_policy_authorize(), -EIO);
        ticket.digest[0] ^= 1;
        name[2] ^= 1;
        ck_assert_int_eq(do_policy_authorize(), -EIO);
        name[2] ^= 1;
        ck_assert_int_eq(do_policy_authorize(), 0);
        ck_assert_int_eq(do_policy_digest(), 0);
        if (i == 0) {
            memcpy(first, result, sizeof(first));
        }
        ck_assert_mem_eq(result, first, sizeof(first));
        ck_assert_mem_ne(result, approved, sizeof(result));
        ck_assert_int_eq(do_flush(), 0);
        ck_assert_int_eq(tpm_flush(&tpm, key), 0);
    }
    signer = signer_new(); /* which is not loaded */
    approve();
    ck_assert_int_eq(do_load_key(), 0);
    ck_assert_int_eq(do_verify(), -EIO);
    ck_assert_uint_eq(tpm.code, 0x2db); /* TPM_RC_SIGNATURE, parameter 2 */
    public[0] ^= 1;
    ck_assert_int_eq(do_load_key(), -EIO); /* no point of the curve */
    EVP_PKEY_free(signer);
    signer = own;
}
END_TEST

/* --- a TPM that is not there, or not as it must be ------------------------------------------- */

static void no_startup(void)
{
    fake_start_bare(1);
    swtpm_start(false);
}

START_TEST(started_if_the_firmware_did_not)
{
    use(kind_of(_i));
    ck_assert_int_eq(open_it(), 0);
    ck_assert(tpm.started);
    ck_assert_int_eq(do_random(), 0);
}
END_TEST

START_TEST(absent)
{
    use(kind_of(_i));
    tpm_model.kind = MODEL_NONE;
    ck_assert_int_eq(open_it(), -ENXIO);
}
END_TEST

START_TEST(not_mappable)
{
    use(kind_of(_i));
    tpm_model.unmappable = true;
    ck_assert_int_eq(open_it(), -ENXIO);
}
END_TEST

START_TEST(buffers_out_of_range)
{
    static const uint32_t rooms[] = {1, 9, 0x10001, UINT32_MAX};

    use(_i % 2 ? MODEL_CRB : MODEL_CRB_FIRMWARE);
    tpm_model.room = rooms[_i / 2];
    ck_assert_int_eq(open_it(), -ENXIO);
}
END_TEST

START_TEST(buffers_too_small_for_the_command)
{
    use(MODEL_CRB);
    ck_assert_int_eq(open_it(), 0);
    tpm.command_room = 20;
    ck_assert_int_eq(do_pcr_extend(), -EIO);
    ck_assert_uint_eq(tpm_model.claimed, 0);
    tpm.command_room = 4096;
    tpm.response_room = 20;
    ck_assert_int_eq(do_random(), -EIO);
    ck_assert_uint_eq(tpm_model.claimed, 0);
}
END_TEST

START_TEST(fatal_error)
{
    use(MODEL_CRB);
    ck_assert_int_eq(open_it(), 0);
    tpm_model.fatal_at = tpm_model.commands + 1;
    ck_assert_int_eq(do_random(), -EIO);
    ck_assert_int_eq(do_random(), 0);
}
END_TEST

/* A TPM 1.2 answers with its own tag; another version has another family. */
START_TEST(another_family)
{
    prepare(kind_of(_i), 0);
    good[good_size - 3] = '1';
    ck_assert_int_eq(open_it(), -EIO);
    static const uint8_t old[] = {0x00, 0xc4, 0, 0, 0, 10, 0, 0, 0, 0x1e};
    memcpy(good, old, sizeof(old));
    good_size = sizeof(old);
    ck_assert_int_eq(open_it(), -EIO);
    ck_assert(!tpm.transport);
}
END_TEST

/* --- each command against each fault --------------------------------------------------------- */

static bool stage_exists(enum tpm_model_kind kind, enum tpm_model_stuck stage)
{
    switch (stage) {
    case STUCK_LOCALITY:
        return kind != MODEL_CRB_FIRMWARE;
    case STUCK_BURST:
    case STUCK_VALID:
    case STUCK_EXPECT:
    case STUCK_DATA:
        return kind == MODEL_TIS;
    case STUCK_IDLE:
        return kind != MODEL_TIS;
    default:
        return true;
    }
}

START_TEST(stuck_at_each_stage)
{
    prepare(kind_of(_i), _i / 3);
    for (enum tpm_model_stuck stage = STUCK_LOCALITY; stage < STUCK_LIMIT; stage++) {
        if (!stage_exists(kind_of(_i), stage) || (stage == STUCK_DATA && good_size <= 12)) {
            continue;
        }
        uint64_t begin = fake.now;
        uint32_t cancels = tpm_model.cancels;
        tpm_model.stuck = stage;
        int rc = operation_of(_i)->run();
        /* A TPM that does not go idle has answered. */
        ck_assert_msg(rc == (stage == STUCK_IDLE ? 0 : -ETIMEDOUT), "stage %d: %d", stage, rc);
        ck_assert_uint_le(fake.now - begin, 30 * SECOND);
        ck_assert_uint_eq(tpm_model.cancels - cancels, stage == STUCK_RUN);
        ck_assert_uint_eq(tpm_model.claimed, 0);
        tpm_model.stuck = STUCK_NOT;
        ck_assert_msg(operation_of(_i)->run() == 0, "not usable after stage %d", stage);
    }
    ck_assert(!tpm_model.wrong);
}
END_TEST

/* All ones from the n-th access on. */
START_TEST(vanishes_at_each_access)
{
    prepare(kind_of(_i), _i / 3);
    tpm_model.accesses = 0;
    ck_assert_int_eq(operation_of(_i)->run(), 0);
    uint64_t accesses = tpm_model.accesses;

    for (uint64_t n = 1; n <= accesses; n++) {
        struct tpm_model before = tpm_model;
        uint64_t begin = fake.now;

        tpm_model.accesses = 0;
        tpm_model.vanish_at = n;
        int rc = operation_of(_i)->run();
        /* At the end nothing is left but to go idle and to give the locality back. */
        ck_assert_msg(rc == -ENXIO || rc == -EIO || (!rc && n + 3 > accesses), "access %lu: %d",
                      (unsigned long)n, rc);
        ck_assert_uint_le(fake.now - begin, 30 * SECOND);
        tpm_model = before;
    }
}
END_TEST

static uint8_t altered[MODEL_ROOM];
static uint32_t altered_size;

static void put_altered(uint8_t *response, uint32_t *size)
{
    memcpy(response, altered, altered_size);
    *size = altered_size;
}

static void size_set(uint32_t size)
{
    struct tpm_writer writer = {.bytes = altered + 2, .capacity = 4};

    put_u32(&writer, size);
}

/* A copy of the good response, to be altered. */
static void altered_begin(void)
{
    memset(altered, 0, sizeof(altered));
    memcpy(altered, good, good_size);
    altered_size = good_size;
}

static int altered_run(int i)
{
    uint64_t begin = fake.now;

    tpm_model.alter = put_altered;
    int rc = operation_of(i)->run();
    ck_assert_uint_le(fake.now - begin, 30 * SECOND);
    ck_assert_uint_eq(tpm_model.claimed, 0);
    tpm_model.alter = NULL;
    return rc;
}

static void altered_refused(int i, const char *what, uint32_t n)
{
    int rc = altered_run(i);

    ck_assert_msg(rc == -EIO, "%s: %s %u: %d", operation_of(i)->name, what, n, rc);
}

START_TEST(wrong_sizes)
{
    static const uint32_t sizes[] = {0,    1,          9,          TPM_MESSAGE_SIZE + 1,
                                     4096, 0x7fffffff, 0x80000000, UINT32_MAX};

    prepare(kind_of(_i), _i / 3);
    for (uint32_t size = 0; size < good_size; size++) {
        altered_begin();
        altered_size = size;
        size_set(size);
        int rc = altered_run(_i);
        ck_assert_msg(rc == -EIO || (size < TPM_HEADER_SIZE && rc == -ETIMEDOUT), "cut to %u: %d",
                      size, rc);
    }
    for (uint32_t more = 1; more < 9; more++) {
        altered_begin();
        altered_size += more;
        size_set(altered_size);
        altered_refused(_i, "longer by", more);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        altered_begin();
        size_set(sizes[i]);
        altered_refused(_i, "size", sizes[i]);
    }
    if (kind_of(_i) == MODEL_TIS) {
        altered_begin();
        altered_size++;
        altered_refused(_i, "more than it says", 1);
        altered_begin();
        altered_size--;
        ck_assert_int_eq(altered_run(_i), -ETIMEDOUT);
        altered_begin();
        size_set(good_size + 1);
        ck_assert_int_eq(altered_run(_i), -ETIMEDOUT);
    }
    ck_assert_int_eq(operation_of(_i)->run(), 0);
}
END_TEST

START_TEST(wrong_tags_and_codes)
{
    static const uint16_t tags[] = {0, 0x00c4, 0x8000, 0x8001, 0x8002, 0x8003, 0xffff};
    static const uint32_t codes[] = {1,     0x100, 0x101, 0x120, 0x148,
                                     0x14c, 0x18c, 0x921, 0x909, UINT32_MAX};

    prepare(kind_of(_i), _i / 3);
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        altered_begin();
        if (tags[i] != (good[0] << 8 | good[1])) {
            altered[0] = tags[i] >> 8;
            altered[1] = tags[i] & 0xff;
            altered_refused(_i, "tag", tags[i]);
        }
    }
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct tpm_writer writer = {.bytes = altered, .capacity = TPM_HEADER_SIZE};

        altered_begin();
        put_u16(&writer, TPM_ST_NO_SESSIONS);
        put_u32(&writer, TPM_HEADER_SIZE);
        put_u32(&writer, codes[i]);
        altered_size = TPM_HEADER_SIZE;
        altered_refused(_i, "code", codes[i]);
        ck_assert_uint_eq(tpm.code, codes[i]);
        /* An error with something behind it is none that can be believed. */
        altered_size++;
        size_set(altered_size);
        altered_refused(_i, "long error", codes[i]);
        ck_assert_uint_eq(tpm.code, 0);
    }
}
END_TEST

/* Sizes and counts inside of the response. */
START_TEST(every_bit_flipped)
{
    prepare(kind_of(_i), _i / 3);
    for (uint32_t bit = 0; bit < 8 * good_size; bit++) {
        altered_begin();
        altered[bit / 8] ^= 1u << bit % 8;
        int rc = altered_run(_i);
        ck_assert(rc == 0 || rc == -EIO || rc == -ETIMEDOUT || rc == -ENOENT);
        if (bit < 8 * TPM_HEADER_SIZE) {
            ck_assert_int_ne(rc, 0);
        }
    }
}
END_TEST

START_TEST(again_and_again)
{
    prepare(kind_of(_i), _i / 3);
    again = 5;
    ck_assert_int_eq(operation_of(_i)->run(), 0);
    ck_assert_uint_eq(again, 0);

    uint64_t begin = fake.now;
    again = UINT32_MAX;
    ck_assert_int_eq(operation_of(_i)->run(), -EIO);
    ck_assert_uint_eq(tpm.code, RC_RETRY);
    ck_assert_uint_le(fake.now - begin, 30 * SECOND);
    again = 0;
    ck_assert_int_eq(operation_of(_i)->run(), 0);
}
END_TEST

START_TEST(random_of_no_size)
{
    prepare(kind_of(_i), 1);
    altered_begin();
    memset(altered + TPM_HEADER_SIZE, 0, 2); /* none */
    altered_size = TPM_HEADER_SIZE + 2;
    size_set(altered_size);
    tpm_model.alter = put_altered;
    ck_assert_int_eq(do_random(), -EIO);
    altered_begin();
    altered[TPM_HEADER_SIZE + 1]++; /* more than asked for */
    altered_size++;
    size_set(altered_size);
    ck_assert_int_eq(do_random(), -EIO);
}
END_TEST

/* A PCR whose SHA-256 bank is not allocated: an empty selection, or none. */
START_TEST(no_bank)
{
    prepare(kind_of(_i), 2);
    altered_begin();
    memset(altered + TPM_HEADER_SIZE + 4 + 4 + 2 + 1, 0, 3 + 4);
    altered_size = TPM_HEADER_SIZE + 4 + 4 + 2 + 1 + 3 + 4;
    size_set(altered_size);
    tpm_model.alter = put_altered;
    ck_assert_int_eq(do_pcr_read(), -ENOENT);
    memset(altered + TPM_HEADER_SIZE + 4, 0, 8);
    altered_size = TPM_HEADER_SIZE + 4 + 8;
    size_set(altered_size);
    ck_assert_int_eq(do_pcr_read(), -ENOENT);
}
END_TEST

/* A ticket larger than any hash, and one that is not about a signature. */
START_TEST(tickets_that_are_none)
{
    static const uint32_t places[] = {TPM_HEADER_SIZE, TPM_HEADER_SIZE + 2, TPM_HEADER_SIZE + 6};

    prepare(kind_of(_i), 8);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        altered_begin();
        altered[places[i]] ^= 0x40;
        altered_refused(3 * 8 + _i, "ticket", i);
    }
    altered_begin(); /* 65 bytes, and they are there */
    altered[TPM_HEADER_SIZE + 7] = 65;
    altered_size = TPM_HEADER_SIZE + 8 + 65;
    size_set(altered_size);
    altered_refused(3 * 8 + _i, "ticket", 65);
    altered[TPM_HEADER_SIZE + 7] = 64;
    altered_size--;
    size_set(altered_size);
    ck_assert_int_eq(altered_run(3 * 8 + _i), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tpm");
    TCase *cases = suite_case(suite, "works", 60);

    tcase_add_checked_fixture(cases, start, end);
    tcase_add_loop_test(cases, every_command_works, 0, 3);
    tcase_add_loop_test(cases, extending_extends, 0, 3);
    tcase_add_loop_test(cases, random_numbers_differ, 0, 3);
    tcase_add_loop_test(cases, small_bursts, 0, 5);
    tcase_add_loop_test(cases, nv_is_bound_to_pcrs, 0, 3);
    tcase_add_loop_test(cases, approved_policies, 0, 3);
    tcase_add_loop_test(cases, nv_read_lock_lasts_until_the_reset, 0, 3);

    cases = suite_case(suite, "startup", 60);
    tcase_add_checked_fixture(cases, no_startup, end);
    tcase_add_loop_test(cases, started_if_the_firmware_did_not, 0, 3);

    cases = suite_case(suite, "not as it must be", 60);
    tcase_add_checked_fixture(cases, start, end);
    tcase_add_loop_test(cases, absent, 0, 3);
    tcase_add_loop_test(cases, not_mappable, 0, 3);
    tcase_add_loop_test(cases, buffers_out_of_range, 0, 8);
    tcase_add_test(cases, buffers_too_small_for_the_command);
    tcase_add_test(cases, fatal_error);
    tcase_add_loop_test(cases, another_family, 0, 3);
    tcase_add_loop_test(cases, random_of_no_size, 0, 3);
    tcase_add_loop_test(cases, no_bank, 0, 3);
    tcase_add_loop_test(cases, tickets_that_are_none, 0, 3);

    cases = suite_case(suite, "each command", 120);
    tcase_add_checked_fixture(cases, start, end);
    tcase_add_loop_test(cases, stuck_at_each_stage, 0, 3 * OPERATIONS);
    tcase_add_loop_test(cases, vanishes_at_each_access, 0, 3 * OPERATIONS);
    tcase_add_loop_test(cases, wrong_sizes, 0, 3 * OPERATIONS);
    tcase_add_loop_test(cases, wrong_tags_and_codes, 0, 3 * OPERATIONS);
    tcase_add_loop_test(cases, every_bit_flipped, 0, 3 * OPERATIONS);
    tcase_add_loop_test(cases, again_and_again, 0, 3 * OPERATIONS);
    return suite_run(suite);
}
