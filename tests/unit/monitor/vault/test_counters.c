/* SPDX-License-Identifier: MIT */
/*
 * Monotonic counters with a real TPM emulator (swtpm.h): what enclaves get, how the host keeps the table, and what
 * a host that lies can reach: that counters are lost, never that they go back.
 */
#include "vault/counters.h"

#include "asker.h"
#include "vault/identity.h"
#include "proof.h"
#include "scene.h"
#include "vault/seal.h"
#include "suite.h"
#include "swtpm.h"
#include "tpm_model.h"
#include "tpm/tpm_transport.h"

#define INDEX CLOISTER_COUNTERS_INDEX
#define COPIES 4u
#define COPY_AT (FAKE_USER_BASE + (UINT64_C(3) << 19)) /* where it hands them over */
#define SE_HMAC 0u                                     /* part 2, 6.11 */

static struct image *image;
static struct cloister_counters_image copies[COPIES]; /* dom0's disk */
static struct tpm dom0;                               /* and its TPM */

/* --- the machine ---------------------------------------------------------------------------- */

static void boot(void)
{
    scene_start();
    image = scene_image();
    tpm_model_start(MODEL_CRB, swtpm_execute);
    fake_identity_init();
    ck_assert(!tpm_model.wrong);
}

static void next_boot(void)
{
    swtpm_reset();
    boot();
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

static void enter(uint16_t domain)
{
    asker_enter(image, domain);
}

static int64_t ask(uint64_t address, uint64_t zero)
{
    return asker_call(CLOISTER_ENCLAVE_COUNTER, address, zero);
}

static int64_t request(struct cloister_counter *counter)
{
    return asker_request(CLOISTER_ENCLAVE_COUNTER, counter, sizeof(*counter));
}

static struct cloister_counter counter_of(uint32_t operation, uint8_t label)
{
    struct cloister_counter counter = {.operation = operation, .policy = CLOISTER_SEAL_IMAGE};

    counter.label[0] = label;
    counter.tag[3] = operation == CLOISTER_COUNTER_INCREMENT ? label + 1 : 0;
    return counter;
}

/* 0: there is none. */
static struct cloister_counter look(uint8_t label)
{
    struct cloister_counter counter = counter_of(CLOISTER_COUNTER_READ, label);
    int64_t rc = request(&counter);

    ck_assert(!rc || (rc == -ENOENT && !counter.value));
    return counter;
}

static uint64_t increment(uint8_t label)
{
    struct cloister_counter counter = counter_of(CLOISTER_COUNTER_INCREMENT, label);

    counter.value = look(label).value;
    ck_assert_int_eq(request(&counter), 0);
    return counter.value;
}

static void refused(struct cloister_counter counter, int64_t error, enum cloister_reason reason)
{
    struct cloister_counter before = counter;
    struct cloister_info was = {.abi_version = 0}, is = {.abi_version = 0};

    ck_assert_int_eq(control(CLOISTER_OP_INFO, &was, sizeof(was)), 0);
    fake.now += UINT64_C(1000000000);
    ck_assert_int_eq(request(&counter), error);
    ck_assert_mem_eq(&counter, &before, sizeof(counter));
    const struct cloister_trace_record *record = fake_last_record();
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_ENCLAVE);
    ck_assert_uint_eq(record->operation, CLOISTER_ENCLAVE_COUNTER);
    ck_assert_uint_eq(record->reason, reason);
    ck_assert_int_eq(record->error, error);
    ck_assert_int_eq(control(CLOISTER_OP_INFO, &is, sizeof(is)), 0);
    ck_assert_uint_eq(is.counters, was.counters);
    ck_assert_uint_eq(is.counters_value, was.counters_value);
}

/* --- the host ------------------------------------------------------------------------------- */

static struct cloister_info info(void)
{
    struct cloister_info found = {.abi_version = 0};

    ck_assert_int_eq(control(CLOISTER_OP_INFO, &found, sizeof(found)), 0);
    return found;
}

static struct cloister_counters_load load_arg(const struct cloister_counters_image *copy)
{
    if (!copy) {
        return (struct cloister_counters_load){.size = 0};
    }
    memcpy(fake_user(COPY_AT), copy, sizeof(*copy));
    return (struct cloister_counters_load){.image = COPY_AT, .size = sizeof(*copy)};
}

static void load(const struct cloister_counters_image *copy)
{
    struct cloister_counters_load op = load_arg(copy);

    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_LOAD, &op, sizeof(op)), 0);
    ck_assert_uint_eq(info().counters_reason, CLOISTER_REASON_NONE);
    ck_assert_uint_eq(info().counters_value, copy ? copy->value : 0);
    ck_assert_uint_eq(info().counters_committed, copy ? copy->value : 0);
}

static void refuses_to_load(const struct cloister_counters_image *copy)
{
    struct cloister_counters_load op = load_arg(copy);

    REFUSES(CLOISTER_OP_COUNTERS_LOAD, op, -EINVAL, COUNTERS_IMAGE);
    ck_assert_uint_eq(info().counters_reason, CLOISTER_REASON_COUNTERS_UNLOADED);
}

static struct cloister_counters_save save(struct cloister_counters_image *copy)
{
    struct cloister_counters_save op = {.image = COPY_AT};

    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_SAVE, &op, sizeof(op)), 0);
    memcpy(copy, fake_user(COPY_AT), sizeof(*copy));
    return op;
}

static void dom0_opens(void)
{
    const struct tpm_place place = {.crb = true, .address = TPM_BASE + 0x40};

    tpm_model_start(MODEL_CRB, swtpm_execute);
    ck_assert_int_eq(tpm_open(&dom0, &place), 0);
}

static void dom0_extends(const uint8_t data[32])
{
    dom0_opens();
    ck_assert_int_eq(tpm_nv_extend(&dom0, INDEX, data), 0);
}

static uint32_t dom0_session(uint8_t nonce_tpm[32])
{
    static const uint8_t nonce[32] = {7};

    dom0_opens();
    struct tpm_writer command = tpm_begin(&dom0, TPM_CC_START_AUTH_SESSION, 0);
    struct tpm_reader answer;
    put_u32(&command, TPM_RH_NULL);
    put_u32(&command, TPM_RH_NULL);
    put_sized(&command, nonce, sizeof(nonce));
    put_u16(&command, 0);
    put_u8(&command, SE_HMAC);
    put_u16(&command, TPM_ALG_NULL);
    put_u16(&command, TPM_ALG_SHA256);
    ck_assert_int_eq(tpm_finish(&dom0, &command, TPM_SHORT, &answer), 0);
    uint32_t session = get_u32(&answer);
    get_sized(&answer, nonce_tpm, 32);
    ck_assert_int_eq(get_end(&answer), 0);
    return session;
}

/* TPM2_NV_Read with that session, as abi.h says; the TPM's response code. */
static uint32_t dom0_reads(uint32_t session, const struct cloister_counters_read *by,
                           struct cloister_counters_commit *into)
{
    uint8_t bytes[256], response[4096];
    struct tpm_writer command = {.bytes = bytes, .capacity = sizeof(bytes)};
    struct tpm_writer head = {.bytes = bytes, .capacity = 6};
    uint32_t answered = sizeof(response);

    put_u16(&command, TPM_ST_SESSIONS);
    put_u32(&command, 0);
    put_u32(&command, TPM_CC_NV_READ);
    put_u32(&command, INDEX);
    put_u32(&command, INDEX);
    put_u32(&command, 4 + 2 + 32 + 1 + 2 + 32);
    put_u32(&command, session);
    put_sized(&command, by->nonce_caller, 32);
    put_u8(&command, TPM_CONTINUE_SESSION);
    put_sized(&command, by->hmac, 32);
    put_u16(&command, 32);
    put_u16(&command, 0);
    put_u16(&head, TPM_ST_SESSIONS);
    put_u32(&head, command.used);
    ck_assert(swtpm_execute(bytes, command.used, response, &answered));
    struct tpm_reader answer = {.bytes = response, .left = answered};
    get_u16(&answer);
    expect_u32(&answer, answered);
    uint32_t code = get_u32(&answer);
    if (!code) {
        expect_u32(&answer, 2 + 32);
        get_sized(&answer, into->value, 32);
        get_sized(&answer, into->nonce_tpm, 32);
        expect_u8(&answer, TPM_CONTINUE_SESSION);
        get_sized(&answer, into->hmac, 32);
        ck_assert_int_eq(get_end(&answer), 0);
    }
    return code;
}

/* What the TPM has to say about the index now. */
static struct cloister_counters_commit proof(void)
{
    struct cloister_counters_read read = {.hmac = {0}};
    struct cloister_counters_commit op = {.value = {0}};
    uint32_t session = dom0_session(read.nonce_tpm);

    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_READ, &read, sizeof(read)), 0);
    ck_assert_uint_eq(dom0_reads(session, &read, &op), 0);
    ck_assert_int_eq(tpm_flush(&dom0, session), 0);
    return op;
}

static void must_commit(struct cloister_counters_commit op)
{
    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_COMMIT, &op, sizeof(op)), 0);
}

/* All four steps. */
static void commit(struct cloister_counters_image *copy)
{
    struct cloister_counters_save op = save(copy);

    dom0_extends(op.extend);
    struct cloister_counters_commit said = proof();
    ck_assert_mem_eq(said.value, op.expected, 32);
    must_commit(said);
    ck_assert_uint_eq(info().counters_committed, copy->value);
}

/* --- what enclaves get ---------------------------------------------------------------------- */

START_TEST(values_only_grow)
{
    struct cloister_counter first, read;
    uint64_t last = 0;

    load(NULL);
    enter(TENANT);
    ck_assert_uint_eq(look(1).value, 0);
    for (int i = 0; i < 100; i++) {
        uint64_t value = increment(1 + i % 3);
        ck_assert_uint_gt(value, last);
        last = value;
        read = look(1 + i % 3);
        ck_assert_uint_eq(read.value, value);
        ck_assert_uint_eq(read.committed, 0);
    }
    ck_assert_uint_eq(info().counters, 3);
    ck_assert_uint_eq(info().counters_value, last);
    first = look(2);
    ck_assert_uint_lt(first.value, last);
    ck_assert_mem_eq(first.table, read.table, sizeof(read.table)); /* one table */
    /* Removed and made again, it has a value that none ever had. */
    first = counter_of(CLOISTER_COUNTER_REMOVE, 2);
    ck_assert_int_eq(request(&first), 0);
    ck_assert_uint_eq(look(2).value, 0);
    ck_assert_uint_eq(info().counters, 2);
    ck_assert_uint_gt(increment(2), last + 1);
    asker_leave();
}
END_TEST

/* Bit n: policy n is another counter after the change. */
static const struct {
    enum image_change change;
    uint16_t domain;
    uint32_t changes;
} changes[] = {
    {IMAGE_SAME, TENANT, 0},
    {IMAGE_SAME, OTHER_TENANT, 0x1e},
    {IMAGE_CODE, TENANT, 1u << CLOISTER_SEAL_CODE},
    {IMAGE_ID, TENANT, 1u << CLOISTER_SEAL_IMAGE},
    {IMAGE_FAMILY_ID, TENANT, 1u << CLOISTER_SEAL_IMAGE | 1u << CLOISTER_SEAL_FAMILY},
    {IMAGE_IS_DEBUG, TENANT, 0x1e},
    {IMAGE_SECURITY_VERSION, TENANT, 0},
};

START_TEST(counters_are_for_whom_they_are)
{
    uint64_t values[CLOISTER_SEAL_AUTHOR + 1];

    load(NULL);
    enter(TENANT);
    for (uint32_t policy = CLOISTER_SEAL_CODE; policy <= CLOISTER_SEAL_AUTHOR; policy++) {
        struct cloister_counter counter = counter_of(CLOISTER_COUNTER_INCREMENT, 1);
        counter.policy = policy;
        ck_assert_int_eq(request(&counter), 0);
        values[policy] = counter.value;
    }
    asker_leave();
    image_change(image, changes[_i].change);
    enter(changes[_i].domain);
    for (uint32_t policy = CLOISTER_SEAL_CODE; policy <= CLOISTER_SEAL_AUTHOR; policy++) {
        struct cloister_counter counter = counter_of(CLOISTER_COUNTER_READ, 1);
        bool other = changes[_i].changes >> policy & 1;
        counter.policy = policy;
        ck_assert_int_eq(request(&counter), other ? -ENOENT : 0);
        ck_assert_uint_eq(counter.value, other ? 0 : values[policy]);
    }
    asker_leave();
}
END_TEST

START_TEST(bad_requests)
{
    static const uint32_t operations[] = {0, 4, 5, 255, 256, UINT32_MAX};
    static const uint32_t policies[] = {0, 5, 256, UINT32_MAX};
    struct cloister_counter counter = counter_of(CLOISTER_COUNTER_INCREMENT, 1);

    load(NULL);
    enter(TENANT);
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        counter.operation = operations[i];
        refused(counter, -EINVAL, CLOISTER_REASON_COUNTER_OPERATION);
    }
    for (uint32_t operation = 1; operation <= 3; operation++) {
        counter.operation = operation;
        for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
            counter.policy = policies[i];
            refused(counter, -EINVAL, CLOISTER_REASON_SEAL_POLICY);
        }
        counter.policy = CLOISTER_SEAL_IMAGE;
        for (size_t i = 0; i < sizeof(counter.reserved); i++) {
            counter.reserved[i] = 1;
            refused(counter, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO);
            counter.reserved[i] = 0;
        }
    }
    refused(counter_of(CLOISTER_COUNTER_READ, 1), -ENOENT, CLOISTER_REASON_COUNTER_ABSENT);
    refused(counter_of(CLOISTER_COUNTER_REMOVE, 1), -ENOENT, CLOISTER_REASON_COUNTER_ABSENT);
    counter = counter_of(CLOISTER_COUNTER_INCREMENT, 1);
    counter.value = 1;
    refused(counter, -EBUSY, CLOISTER_REASON_COUNTER_VALUE); /* there is none */
    const uint64_t base = (uint64_t)asker.writable * CLOISTER_PAGE_SIZE;
    for (uint64_t offset = 1; offset < 128; offset++) {
        ck_assert_int_eq(ask(base + offset, 0), -EINVAL);
    }
    ck_assert_int_eq(ask(base, 1), -EINVAL);
    ck_assert_int_eq(ask(CLOISTER_SHARED_GPFN * CLOISTER_PAGE_SIZE, 0), -EFAULT);
    ck_assert_int_eq(ask(UINT64_MAX - 127, 0), -EFAULT);
    ck_assert_uint_eq(info().counters, 0);
    increment(1); /* it still works */
    asker_leave();
}
END_TEST

/* Two enclaves that have read the same value: the second finds out that it is not alone. */
START_TEST(one_goes_on)
{
    struct cloister_counter counter = counter_of(CLOISTER_COUNTER_INCREMENT, 1);

    load(NULL);
    enter(TENANT);
    counter.value = increment(1);
    uint64_t second = increment(1);
    refused(counter, -EBUSY, CLOISTER_REASON_COUNTER_VALUE);
    counter.value = 0;
    refused(counter, -EBUSY, CLOISTER_REASON_COUNTER_VALUE);
    counter.value = second + 1;
    refused(counter, -EBUSY, CLOISTER_REASON_COUNTER_VALUE);
    ck_assert_uint_eq(look(1).value, second);
    counter.value = second;
    ck_assert_int_eq(request(&counter), 0);
    asker_leave();
}
END_TEST

/* A tenant cannot use up the machine's. */
START_TEST(limits)
{
    struct cloister_counters_forget op = {.removed = 0};
    unsigned int made = 0;

    load(NULL);
    enter(TENANT);
    for (; made < CLOISTER_COUNTERS; fake.domains[TENANT].reborn++) { /* as if in another domain */
        for (uint32_t i = 0; i < CLOISTER_COUNTERS_PER_DOMAIN && made < CLOISTER_COUNTERS; i++) {
            increment(i);
            made++;
        }
        refused(counter_of(CLOISTER_COUNTER_INCREMENT, CLOISTER_COUNTERS_PER_DOMAIN), -ENOSPC,
                CLOISTER_REASON_COUNTER_LIMIT);
        increment(0); /* those that are there work */
    }
    ck_assert_uint_eq(fake.domains[TENANT].reborn,
                      CLOISTER_COUNTERS / CLOISTER_COUNTERS_PER_DOMAIN + 1);
    ck_assert_uint_eq(info().counters, CLOISTER_COUNTERS);
    refused(counter_of(CLOISTER_COUNTER_INCREMENT, 0), -ENOSPC, CLOISTER_REASON_COUNTER_LIMIT);
    uint8_t now = fake.domains[TENANT].reborn;
    fake.domains[TENANT].reborn = 3;
    host_domain_uuid(&fake.domains[TENANT], op.domain_uuid);
    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_FORGET, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.removed, CLOISTER_COUNTERS_PER_DOMAIN);
    ck_assert_uint_eq(info().counters, CLOISTER_COUNTERS - CLOISTER_COUNTERS_PER_DOMAIN);
    ck_assert_uint_eq(look(0).value, 0);
    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_FORGET, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.removed, 0);
    fake.domains[TENANT].reborn = 4;
    ck_assert_uint_ne(look(0).value, 0);
    fake.domains[TENANT].reborn = now;
    increment(0);
    asker_leave();
}
END_TEST

/* --- whose they are ------------------------------------------------------------------------- */

static enum cloister_reason may_take(uint16_t domain, uint16_t uuid_of)
{
    uint8_t uuid[16];

    host_domain_uuid(&fake.domains[uuid_of], uuid);
    return tenant_uuid_refusal(fake.domains[domain].tenant, uuid);
}

static enum cloister_reason may_take_fresh(uint16_t domain)
{
    static const uint8_t fresh[16] = {0xf0};

    return tenant_uuid_refusal(fake.domains[domain].tenant, fresh);
}

START_TEST(a_domain_with_counters_keeps_its_uuid)
{
    struct cloister_counters_forget op = {.removed = 0};

    load(NULL);
    ck_assert_int_eq(may_take_fresh(TENANT), CLOISTER_REASON_NONE);
    enter(TENANT);
    increment(1);
    ck_assert_int_eq(may_take_fresh(TENANT), CLOISTER_REASON_ENCLAVES_LIVE);
    asker_leave();
    ck_assert_int_eq(do_destroy(asker.thread->enclave->id), 0);
    ck_assert_int_eq(may_take_fresh(TENANT), CLOISTER_REASON_DOMAIN_COUNTERS);
    ck_assert_int_eq(may_take(TENANT, TENANT), CLOISTER_REASON_NONE);
    /* Nor does anybody take it, though its domain be gone. */
    ck_assert_int_eq(may_take(OTHER_TENANT, TENANT), CLOISTER_REASON_DOMAIN_COUNTERS);
    ck_assert_int_eq(may_take_fresh(OTHER_TENANT), CLOISTER_REASON_NONE);
    /* But a domain that comes back: it is being built, and its counters wait for it. */
    fake.domains[OTHER_TENANT].refusal = CLOISTER_REASON_DOMAIN_BUILDING;
    ck_assert_int_eq(may_take(OTHER_TENANT, TENANT), CLOISTER_REASON_NONE);
    fake.domains[OTHER_TENANT].refusal = CLOISTER_REASON_NONE;
    host_domain_uuid(&fake.domains[TENANT], op.domain_uuid);
    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_FORGET, &op, sizeof(op)), 0);
    ck_assert_int_eq(may_take_fresh(TENANT), CLOISTER_REASON_NONE);
}
END_TEST

START_TEST(before_counters_are_loaded_there_may_be_some)
{
    ck_assert_uint_eq(info().counters_reason, CLOISTER_REASON_COUNTERS_UNLOADED);
    ck_assert_int_eq(may_take_fresh(TENANT), CLOISTER_REASON_DOMAIN_COUNTERS);
    ck_assert_int_eq(may_take(TENANT, TENANT), CLOISTER_REASON_NONE);
    load(NULL);
    ck_assert_int_eq(may_take_fresh(TENANT), CLOISTER_REASON_NONE);
}
END_TEST

/* --- over a reboot -------------------------------------------------------------------------- */

static void must_have(uint8_t label, uint64_t value)
{
    enter(TENANT);
    ck_assert_uint_eq(look(label).value, value);
    asker_leave();
}

/* An enclave's counter at a value, and the host's copy of it. */
static uint64_t committed(uint8_t label, struct cloister_counters_image *copy)
{
    enter(TENANT);
    uint64_t value = increment(label);
    asker_leave();
    commit(copy);
    return value;
}

START_TEST(the_newest_copy_is_loaded)
{
    struct cloister_counter before, after;
    uint64_t values[2];

    load(NULL);
    values[0] = committed(1, &copies[0]);
    values[1] = committed(2, &copies[1]);
    enter(TENANT);
    before = look(2);
    ck_assert_uint_eq(before.committed, values[1]);
    asker_leave();
    for (int i = 0; i < 2; i++) {
        next_boot();
        ck_assert_uint_eq(info().counters_reason, CLOISTER_REASON_COUNTERS_UNLOADED);
        refuses_to_load(&copies[0]);
        load(&copies[1]);
        must_have(1, values[0]);
        enter(TENANT);
        after = look(2);
        asker_leave();
        ck_assert_mem_eq(&after, &before, sizeof(after));
    }
    /* And goes on from there. */
    ck_assert_uint_gt(committed(1, &copies[2]), values[1]);
    next_boot();
    refuses_to_load(&copies[0]);
    refuses_to_load(&copies[1]);
    load(&copies[2]);
}
END_TEST

START_TEST(a_changed_copy_is_refused)
{
    load(NULL);
    committed(1, &copies[0]);
    next_boot();
    for (size_t i = 0; i < sizeof(copies[0]); i += i < 256 ? 1 : 251) {
        copies[1] = copies[0];
        ((uint8_t *)&copies[1])[i] ^= 1 << i % 8;
        refuses_to_load(&copies[1]);
    }
    load(&copies[0]);
}
END_TEST

START_TEST(another_machine_s_copy)
{
    load(NULL);
    committed(1, &copies[0]);
    end();
    start();
    refuses_to_load(&copies[0]);
    load(NULL);
    committed(1, &copies[1]);
    ck_assert_mem_ne(copies[1].table, copies[0].table, sizeof(copies[0].table));
}
END_TEST

/* Nothing is loaded: what was before is lost, and no enclave takes new values for old ones. */
START_TEST(lost_counters_are_known_to_be)
{
    struct cloister_counter before, after;

    load(NULL);
    committed(1, &copies[0]);
    enter(TENANT);
    before = look(1);
    asker_leave();
    next_boot();
    load(NULL);
    enter(TENANT);
    ck_assert_uint_eq(look(1).value, 0);
    ck_assert_uint_eq(increment(1), before.value); /* the same value ... */
    after = look(1);
    ck_assert_mem_ne(after.table, before.table, sizeof(after.table)); /* ... of another table */
    asker_leave();
    struct cloister_counters_load op = load_arg(&copies[0]);
    REFUSES(CLOISTER_OP_COUNTERS_LOAD, op, -EBUSY, COUNTERS_LOADED);
    commit(&copies[1]);
    next_boot();
    refuses_to_load(&copies[0]);
    load(&copies[1]);
}
END_TEST

START_TEST(power_fails_before_the_extension)
{
    load(NULL);
    uint64_t value = committed(1, &copies[0]);
    enter(TENANT);
    increment(1);
    asker_leave();
    save(&copies[1]);
    next_boot();
    refuses_to_load(&copies[1]);
    load(&copies[0]);
    must_have(1, value);
    /* Another copy for the same value of the index: the first never counts again. */
    committed(2, &copies[2]);
    next_boot();
    refuses_to_load(&copies[0]);
    refuses_to_load(&copies[1]);
    load(&copies[2]);
}
END_TEST

static void increment_with(const char *tag)
{
    struct cloister_counter counter = counter_of(CLOISTER_COUNTER_INCREMENT, 1);

    memcpy(counter.tag, tag, sizeof(counter.tag));
    counter.value = look(1).value;
    ck_assert_int_eq(request(&counter), 0);
    ck_assert_mem_eq(counter.tag, tag, sizeof(counter.tag));
    ck_assert_mem_eq(look(1).tag, tag, sizeof(counter.tag));
}

/* Two states that were sealed for the same value: only the tag says which of them came to count. */
START_TEST(a_value_that_was_lost_is_drawn_again)
{
    struct cloister_counter lost, kept;

    load(NULL);
    committed(2, &copies[0]);
    enter(TENANT);
    increment_with("before the power");
    lost = look(1);
    asker_leave();
    next_boot();
    load(&copies[0]);
    enter(TENANT);
    ck_assert_uint_eq(look(1).value, 0);
    increment_with("after the power ");
    kept = look(1);
    asker_leave();
    commit(&copies[1]);
    next_boot();
    load(&copies[1]);
    enter(TENANT);
    ck_assert_mem_eq(look(1).tag, "after the power ", 16);
    ck_assert_uint_eq(look(1).value, kept.value);
    asker_leave();
    ck_assert_uint_eq(kept.value, lost.value);
    ck_assert_mem_eq(kept.table, lost.table, sizeof(kept.table));
}
END_TEST

START_TEST(power_fails_after_the_extension)
{
    load(NULL);
    committed(1, &copies[0]);
    enter(TENANT);
    uint64_t value = increment(1);
    asker_leave();
    struct cloister_counters_save op = save(&copies[1]);
    dom0_extends(op.extend);
    next_boot();
    refuses_to_load(&copies[0]);
    load(&copies[1]);
    must_have(1, value);
}
END_TEST

/* Until COMMIT there is one copy, whatever enclaves do; then what they did meanwhile is next. */
START_TEST(one_copy_at_a_time)
{
    load(NULL);
    enter(TENANT);
    uint64_t first = increment(1), second;
    struct cloister_counters_save op = save(&copies[0]);
    second = increment(1);
    struct cloister_counters_save again = save(&copies[1]);
    ck_assert_mem_eq(&copies[0], &copies[1], sizeof(copies[0]));
    ck_assert_mem_eq(op.extend, again.extend, 32);
    dom0_extends(op.extend);
    must_commit(proof());
    ck_assert_uint_eq(look(1).value, second);
    ck_assert_uint_eq(look(1).committed, first);
    asker_leave();
    commit(&copies[2]);
    ck_assert_uint_eq(info().counters_committed, second);
    next_boot();
    refuses_to_load(&copies[0]);
    load(&copies[2]);
    must_have(1, second);
}
END_TEST

/* --- hosts that lie ------------------------------------------------------------------------- */

START_TEST(dom0_extends_by_itself)
{
    const uint8_t data[32] = "whatever";

    load(NULL);
    committed(1, &copies[0]);
    dom0_extends(data);
    enter(TENANT);
    increment(1);
    asker_leave();
    struct cloister_counters_save op = save(&copies[1]);
    dom0_extends(op.extend);
    struct cloister_counters_commit wrong = proof();
    REFUSES(CLOISTER_OP_COUNTERS_COMMIT, wrong, -EACCES, COUNTERS_PROOF);
    next_boot();
    refuses_to_load(&copies[0]);
    refuses_to_load(&copies[1]);
    load(NULL);
    committed(1, &copies[2]); /* the way out */
    next_boot();
    load(&copies[2]);
}
END_TEST

static void dom0_makes_the_index(const uint8_t *auth)
{
    const struct tpm_nv_public public = {.attributes = TPM_NV_OWNER_WRITE | TPM_NV_EXTEND |
                                                       TPM_NV_OWNER_READ | TPM_NV_AUTH_READ |
                                                       TPM_NV_NO_DA,
                                         .size = 32};

    dom0_opens();
    ck_assert_int_eq(tpm_nv_undefine(&dom0, INDEX), 0);
    ck_assert_int_eq(tpm_nv_define(&dom0, INDEX, &public, auth), 0);
}

/* It makes the index again, with every extension it has seen. (The first, random one, it could have seen on the
 * bus: here it is the worst case, the one that the monitor makes from a generator that dom0 knows.) */
static uint8_t extensions[COPIES][32];
static unsigned int seen;

static bool listen(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t *answered)
{
    if (command[8] == 0x01 && command[9] == 0x36) { /* TPM2_NV_Extend */
        ck_assert_uint_lt(seen, COPIES);
        memcpy(extensions[seen++], command + 10 + 8 + 4 + 9 + 2, 32);
    }
    return swtpm_execute(command, size, response, answered);
}

START_TEST(dom0_makes_the_index_again)
{
    static const uint8_t known[32] = "dom0 knows it";
    uint8_t value[32];

    /* A first boot that dom0 listens to. */
    end();
    swtpm_start(true);
    scene_start();
    image = scene_image();
    tpm_model_start(MODEL_CRB, listen);
    fake_identity_init();
    ck_assert_uint_eq(seen, 1);
    load(NULL);
    enter(TENANT);
    increment(1);
    asker_leave();
    struct cloister_counters_save op = save(&copies[0]);
    memcpy(extensions[seen++], op.extend, 32);
    dom0_extends(op.extend);
    must_commit(proof());
    committed(1, &copies[1]); /* what it wants to be rid of */

    dom0_makes_the_index(_i ? known : NULL);
    for (unsigned int i = 0; i < seen; i++) {
        ck_assert_int_eq(tpm_nv_extend(&dom0, INDEX, extensions[i]), 0);
    }
    /* It has the value that vouches for the old copy, ... */
    if (_i) {
        ck_assert_int_eq(tpm_nv_read_secret(&dom0, INDEX, known, value, sizeof(value)), 0);
        ck_assert_mem_eq(value, op.expected, sizeof(value));
    }
    next_boot(); /* ... but not the authorization value. */
    refuses_to_load(&copies[0]);
    refuses_to_load(&copies[1]);
    load(NULL);
    committed(1, &copies[2]);
    next_boot();
    load(&copies[2]);
}
END_TEST

/* The same while the monitor runs: the TPM's word is worth nothing then. */
START_TEST(dom0_makes_the_index_again_meanwhile)
{
    struct cloister_counters_read read = {.hmac = {0}};
    struct cloister_counters_commit op = {.value = {0}};

    load(NULL);
    enter(TENANT);
    increment(1);
    asker_leave();
    struct cloister_counters_save saved = save(&copies[0]);
    dom0_makes_the_index(NULL);
    dom0_extends(saved.extend);
    uint32_t session = dom0_session(read.nonce_tpm);
    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_READ, &read, sizeof(read)), 0);
    ck_assert_uint_ne(dom0_reads(session, &read, &op), 0);
    memcpy(op.value, saved.expected, sizeof(op.value));
    REFUSES(CLOISTER_OP_COUNTERS_COMMIT, op, -EACCES, COUNTERS_PROOF);
}
END_TEST

START_TEST(forged_proofs)
{
    struct cloister_counters_read read = {.hmac = {0}};
    struct cloister_counters_commit good, op;

    load(NULL);
    enter(TENANT);
    increment(1);
    asker_leave();
    struct cloister_counters_save saved = save(&copies[0]);
    op = proof(); /* true, and too early */
    REFUSES(CLOISTER_OP_COUNTERS_COMMIT, op, -EACCES, COUNTERS_PROOF);
    memcpy(op.value, saved.expected, sizeof(op.value)); /* a lie with that signature */
    REFUSES(CLOISTER_OP_COUNTERS_COMMIT, op, -EACCES, COUNTERS_PROOF);
    /* The monitor's own HMAC of a command is not one of a response. */
    memcpy(read.nonce_tpm, op.nonce_tpm, sizeof(read.nonce_tpm));
    ck_assert_int_eq(control(CLOISTER_OP_COUNTERS_READ, &read, sizeof(read)), 0);
    memcpy(op.hmac, read.hmac, sizeof(op.hmac));
    REFUSES(CLOISTER_OP_COUNTERS_COMMIT, op, -EACCES, COUNTERS_PROOF);
    memset(op.nonce_tpm, 0, sizeof(op.nonce_tpm));
    REFUSES(CLOISTER_OP_COUNTERS_COMMIT, op, -EACCES, COUNTERS_PROOF);
    dom0_extends(saved.extend);
    good = proof();
    for (size_t i = offsetof(struct cloister_counters_commit, value); i < sizeof(good); i++) {
        op = good;
        ((uint8_t *)&op)[i] ^= 0x10;
        REFUSES(CLOISTER_OP_COUNTERS_COMMIT, op, -EACCES, COUNTERS_PROOF);
    }
    ck_assert_uint_eq(info().counters_committed, 0);
    must_commit(good);
    op = good;
    REFUSES(CLOISTER_OP_COUNTERS_COMMIT, op, -ENOENT, COUNTERS_COMMITTED);
    /* An old answer says nothing about what comes next. */
    enter(TENANT);
    increment(1);
    asker_leave();
    save(&copies[1]);
    op = good;
    REFUSES(CLOISTER_OP_COUNTERS_COMMIT, op, -EACCES, COUNTERS_PROOF);
}
END_TEST

START_TEST(out_of_order)
{
    struct cloister_counters_save save_op = {.image = COPY_AT};
    struct cloister_counters_read read = {.hmac = {0}};
    struct cloister_counters_commit commit_op = {.value = {0}};
    struct cloister_counters_forget forget = {.removed = 0};
    struct cloister_counters_load load_op = {.size = sizeof(copies[0]) - 1};

    REFUSES(CLOISTER_OP_COUNTERS_SAVE, save_op, -EAGAIN, COUNTERS_UNLOADED);
    REFUSES(CLOISTER_OP_COUNTERS_READ, read, -EAGAIN, COUNTERS_UNLOADED);
    REFUSES(CLOISTER_OP_COUNTERS_COMMIT, commit_op, -EAGAIN, COUNTERS_UNLOADED);
    REFUSES(CLOISTER_OP_COUNTERS_FORGET, forget, -EAGAIN, COUNTERS_UNLOADED);
    REFUSES(CLOISTER_OP_COUNTERS_LOAD, load_op, -EINVAL, BATCH);
    load_op.size = UINT32_MAX;
    REFUSES(CLOISTER_OP_COUNTERS_LOAD, load_op, -EINVAL, BATCH);
    load_op = load_arg(NULL);
    load_op.reserved0 = 1;
    REFUSES(CLOISTER_OP_COUNTERS_LOAD, load_op, -EINVAL, RESERVED_NOT_ZERO);
    load_op = (struct cloister_counters_load){.image = 8, .size = sizeof(copies[0])};
    REFUSES(CLOISTER_OP_COUNTERS_LOAD, load_op, -EFAULT, BAD_POINTER);
    enter(TENANT);
    refused(counter_of(CLOISTER_COUNTER_INCREMENT, 1), -EAGAIN, CLOISTER_REASON_COUNTERS_UNLOADED);
    asker_leave();
    load(NULL);
    REFUSES(CLOISTER_OP_COUNTERS_SAVE, save_op, -ENOENT, COUNTERS_COMMITTED);
    REFUSES(CLOISTER_OP_COUNTERS_READ, read, -ENOENT, COUNTERS_COMMITTED);
    REFUSES(CLOISTER_OP_COUNTERS_COMMIT, commit_op, -ENOENT, COUNTERS_COMMITTED);
    forget.reserved0 = 1;
    REFUSES(CLOISTER_OP_COUNTERS_FORGET, forget, -EINVAL, RESERVED_NOT_ZERO);
    /* A copy that could not be written can be had again. */
    enter(TENANT);
    increment(1);
    asker_leave();
    save_op.image = fake_user_readonly() - sizeof(copies[0]) + 1;
    REFUSES(CLOISTER_OP_COUNTERS_SAVE, save_op, -EFAULT, BAD_POINTER);
    commit(&copies[0]);
}
END_TEST

/* --- TPMs that fail, and roots that change ---------------------------------------------------- */

START_TEST(no_sealing_root_no_counters)
{
    struct cloister_counters_load op = load_arg(NULL);

    scene_start(); /* no TPM */
    image = scene_image();
    ck_assert_uint_eq(info().counters_reason, CLOISTER_REASON_TPM_ABSENT);
    REFUSES(CLOISTER_OP_COUNTERS_LOAD, op, -EOPNOTSUPP, TPM_ABSENT);
    enter(TENANT);
    refused(counter_of(CLOISTER_COUNTER_READ, 1), -EOPNOTSUPP, CLOISTER_REASON_TPM_ABSENT);
    asker_leave();
}
END_TEST

/* A new sealing root has a new index. */
START_TEST(a_new_root_loses_counters)
{
    load(NULL);
    committed(1, &copies[0]);
    dom0_opens();
    ck_assert_int_eq(tpm_nv_undefine(&dom0, SEAL_INDEX), 0);
    next_boot();
    ck_assert(seal_status()->fresh);
    refuses_to_load(&copies[0]);
    load(NULL);
    committed(1, &copies[1]);
    next_boot();
    load(&copies[1]);
}
END_TEST

/* The n-th command of a boot fails, or hangs: counters may be missing in that boot, and are there in the next. */
START_TEST(failures_at_each_command)
{
    uint32_t commands = tpm_model.commands;
    unsigned int missing = 0;

    load(NULL);
    uint64_t value = committed(1, &copies[0]);
    next_boot();
    commands = tpm_model.commands;
    ck_assert_uint_ge(commands, 15);
    for (uint32_t n = 1; n <= commands; n++) {
        swtpm_reset();
        scene_start();
        image = scene_image();
        tpm_model_start(MODEL_CRB, swtpm_execute);
        if (_i) {
            tpm_model.stuck = STUCK_RUN;
            tpm_model.stuck_at = n;
        } else {
            swtpm_error_at = n;
        }
        fake_identity_init();
        swtpm_error_at = 0;
        if (info().counters_reason == CLOISTER_REASON_COUNTERS_UNLOADED) {
            load(&copies[0]);
            must_have(1, value);
        } else {
            ck_assert_uint_eq(info().counters_reason, CLOISTER_REASON_TPM_FAILED);
            missing++;
        }
    }
    ck_assert_uint_ge(missing, 3);
    next_boot();
    load(&copies[0]);
    must_have(1, value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("counters");
    TCase *cases = suite_case(suite, "enclaves", 120);

    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, values_only_grow);
    tcase_add_loop_test(cases, counters_are_for_whom_they_are, 0,
                        sizeof(changes) / sizeof(changes[0]));
    tcase_add_test(cases, bad_requests);
    tcase_add_test(cases, one_goes_on);
    tcase_add_test(cases, limits);
    tcase_add_test(cases, a_domain_with_counters_keeps_its_uuid);
    tcase_add_test(cases, before_counters_are_loaded_there_may_be_some);

    cases = suite_case(suite, "reboots", 120);
    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, the_newest_copy_is_loaded);
    tcase_add_test(cases, a_changed_copy_is_refused);
    tcase_add_test(cases, another_machine_s_copy);
    tcase_add_test(cases, lost_counters_are_known_to_be);
    tcase_add_test(cases, power_fails_before_the_extension);
    tcase_add_test(cases, a_value_that_was_lost_is_drawn_again);
    tcase_add_test(cases, power_fails_after_the_extension);
    tcase_add_test(cases, one_copy_at_a_time);

    cases = suite_case(suite, "lies", 120);
    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, dom0_extends_by_itself);
    tcase_add_loop_test(cases, dom0_makes_the_index_again, 0, 2);
    tcase_add_test(cases, dom0_makes_the_index_again_meanwhile);
    tcase_add_test(cases, forged_proofs);
    tcase_add_test(cases, out_of_order);

    cases = suite_case(suite, "tpm", 120);
    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, no_sealing_root_no_counters);
    tcase_add_test(cases, a_new_root_loses_counters);
    tcase_add_loop_test(cases, failures_at_each_command, 0, 2);
    return suite_run(suite);
}
