/* SPDX-License-Identifier: MIT */
/* The trace: order, overwriting, rate limit, and that nothing is lost without being counted. */
#include <openssl/sha.h>

#include "vault/identity.h"
#include "fake_host.h"
#include "suite.h"
#include "core/trace.h"

#define SECOND UINT64_C(1000000000)

static struct trace_budget budget;

static void start(void)
{
    fake_start(1);
    memset(&budget, 0, sizeof(budget));
}

static void write_one(uint64_t found, enum cloister_trace_decision decision,
                      struct trace_budget *limit)
{
    struct cloister_trace_record record = trace_record(CLOISTER_EVENT_CALL);

    record.found = found;
    record.decision = decision;
    trace_write(&record, limit);
}

START_TEST(rings_have_headers)
{
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        const struct cloister_trace_header *ring = fake_ring(cpu);

        ck_assert_uint_eq(ring->magic, CLOISTER_TRACE_MAGIC);
        ck_assert_uint_eq(ring->version, CLOISTER_TRACE_VERSION);
        ck_assert_uint_eq(ring->capacity, FAKE_TRACE_CAPACITY);
        ck_assert_uint_eq(ring->cpu, cpu);
        ck_assert_uint_eq(ring->next, 0);
        ck_assert_uint_eq(ring->boot_id, trace_boot_id());
        ck_assert_uint_ne(ring->boot_id, 0);
        ck_assert_uint_le((ring->capacity + 1) * CLOISTER_TRACE_RECORD_SIZE,
                          CLOISTER_TRACE_RING_PAGES * CLOISTER_PAGE_SIZE);
    }
}
END_TEST

START_TEST(start_without_entropy_or_memory)
{
    fake_start_bare(1);
    fake_fail(FAKE_RANDOM, 1);
    ck_assert_int_eq(trace_init(), -EIO);
    for (unsigned long n = 1; n <= 1 + FAKE_CPUS; n++) {
        fake_start_bare(1);
        fake_fail(FAKE_HEAP_ALLOC, n);
        ck_assert_int_eq(trace_init(), -ENOMEM);
    }
}
END_TEST

START_TEST(monitor_start_fails_as_a_whole)
{
    for (unsigned long n = 1;; n++) {
        fake_start_bare(1);
        fake_fail(FAKE_ANY, n);
        int rc = monitor_init();
        if (!fake_failed()) {
            ck_assert_int_eq(rc, 0);
            break;
        }
        /* But for the entropy of the identity: it goes on without. */
        ck_assert(rc == -ENOMEM || rc == -EIO || (!rc && !identity_record()));
    }
}
END_TEST

START_TEST(a_record_says_who_and_when)
{
    fake.actor_domain = 5;
    fake.actor_vcpu = 6;
    fake.actor_cpl = 3;
    fake.actor_rip = 0x1234;
    fake.actor_cr3 = 0x5000;
    fake.now = 77 * SECOND + 1;
    fake_set_cpu(2);
    write_one(9, CLOISTER_REFUSED, NULL);

    const struct cloister_trace_record *record = fake_record(2, 0);
    ck_assert_uint_eq(record->sequence, 0);
    ck_assert_uint_eq(record->time, 77 * SECOND + 1);
    ck_assert_uint_eq(record->domain, 5);
    ck_assert_uint_eq(record->vcpu, 6);
    ck_assert_uint_eq(record->cpl, 3);
    ck_assert_uint_eq(record->rip, 0x1234);
    ck_assert_uint_eq(record->cr3, 0x5000);
    ck_assert_uint_eq(record->pcpu, 2);
    ck_assert_uint_eq(record->target, CLOISTER_NO_DOMAIN);
    ck_assert_uint_eq(record->enclave, CLOISTER_NO_ENCLAVE);
    ck_assert_uint_eq(record->page, CLOISTER_NO_PAGE);
    ck_assert_uint_eq(record->found, 9);
    ck_assert_uint_eq(record->suppressed, 0);
    ck_assert_uint_eq(record->reserved0 | record->reserved1, 0);
    ck_assert_uint_eq(record->order, 0);
    ck_assert_uint_eq(fake_ring(0)->next, 0);
}
END_TEST

START_TEST(a_record_of_nobody)
{
    write_one(0, CLOISTER_ALLOWED, NULL);
    ck_assert_uint_eq(fake_last_record()->domain, CLOISTER_NO_DOMAIN);
    ck_assert_uint_eq(fake_last_record()->vcpu, CLOISTER_NO_VCPU);
    ck_assert_uint_eq(fake_last_record()->cpl, 0xff);
}
END_TEST

START_TEST(records_keep_their_order_and_the_oldest_goes)
{
    const uint64_t written = 3 * FAKE_TRACE_CAPACITY + 17;

    for (uint64_t n = 0; n < written; n++) {
        write_one(n * 3, CLOISTER_ALLOWED, NULL);
        ck_assert_uint_eq(fake_ring(0)->next, n + 1);
        ck_assert_uint_eq(fake_last_record()->sequence, n);
    }
    ck_assert_ptr_null(fake_record(0, written));
    ck_assert_ptr_null(fake_record(0, written - FAKE_TRACE_CAPACITY - 1));
    for (uint64_t n = written - FAKE_TRACE_CAPACITY; n < written; n++) {
        ck_assert_uint_eq(fake_record(0, n)->sequence, n);
        ck_assert_uint_eq(fake_record(0, n)->found, n * 3);
    }
    /* The header, which shares the first page, is as it was. */
    ck_assert_uint_eq(fake_ring(0)->magic, CLOISTER_TRACE_MAGIC);
    ck_assert_uint_eq(fake_ring(0)->capacity, FAKE_TRACE_CAPACITY);
}
END_TEST

START_TEST(each_cpu_has_its_own_ring)
{
    for (unsigned int n = 0; n < 40; n++) {
        fake_set_cpu(n % FAKE_CPUS);
        write_one(n, CLOISTER_ALLOWED, NULL);
    }
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        ck_assert_uint_eq(fake_ring(cpu)->next, 40 / FAKE_CPUS);
        for (uint64_t n = 0; n < 40 / FAKE_CPUS; n++) {
            ck_assert_uint_eq(fake_record(cpu, n)->found, n * FAKE_CPUS + cpu);
        }
    }
}
END_TEST

/* --- the running hash: computed again from the rings, by OpenSSL ------------------------------- */

struct anchored {
    uint8_t head[32];
    uint64_t records;
};

/* The record with this number among all, NULL if no ring has it. */
static const struct cloister_trace_record *ordered(uint64_t order)
{
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        for (uint64_t n = 0; n < fake_ring(cpu)->next; n++) {
            const struct cloister_trace_record *record = fake_record(cpu, n);

            if (record && record->order == order) {
                return record;
            }
        }
    }
    return NULL;
}

static void link_one(struct anchored *state, const struct cloister_trace_record *record)
{
    uint8_t bytes[32 + CLOISTER_TRACE_RECORD_SIZE];

    memcpy(bytes, state->head, 32);
    memcpy(bytes + 32, record, CLOISTER_TRACE_RECORD_SIZE);
    SHA256(bytes, sizeof(bytes), state->head);
    state->records++;
}

static struct anchored beginning(void)
{
    struct anchored state = {.records = 0};

    memcpy(state.head, &fake_ring(0)->boot_id, sizeof(uint64_t));
    return state;
}

static void follow(struct anchored *state)
{
    const struct cloister_trace_record *record;

    while ((record = ordered(state->records))) {
        link_one(state, record);
    }
}

START_TEST(the_head_is_that_of_the_rings)
{
    struct anchored state = beginning();

    ck_assert_mem_eq(trace_anchor().head, state.head, 32);
    ck_assert_uint_eq(trace_anchor().records, 0);
    for (unsigned int n = 0; n < 200; n++) {
        fake_set_cpu(n * 7 % FAKE_CPUS);
        fake.now += 3 - n % 5; /* time need not follow the order */
        write_one(n, n % 3 ? CLOISTER_REFUSED : CLOISTER_ALLOWED, n % 2 ? &budget : NULL);
        follow(&state);
        ck_assert_uint_eq(state.records, n + 1);
        ck_assert_uint_eq(trace_anchor().records, n + 1);
        ck_assert_mem_eq(trace_anchor().head, state.head, 32);
    }
}
END_TEST

/* Each bit of each record is in it, and so is their order. */
START_TEST(the_head_knows_every_bit)
{
    static struct cloister_trace_record records[3];
    struct anchored state;

    for (unsigned int n = 0; n < 3; n++) {
        fake_set_cpu(n % 2);
        write_one(n, CLOISTER_REFUSED, NULL);
        records[n] = *ordered(n);
    }
    for (unsigned int bit = 0; bit <= sizeof(records) * 8; bit++) {
        uint8_t *bytes = (uint8_t *)records;

        if (bit < sizeof(records) * 8) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        state = beginning();
        for (unsigned int n = 0; n < 3; n++) {
            link_one(&state, &records[n]);
        }
        if (bit == sizeof(records) * 8) {
            ck_assert_mem_eq(trace_anchor().head, state.head, 32);
            break;
        }
        ck_assert_mem_ne(trace_anchor().head, state.head, 32);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    state = beginning();
    link_one(&state, &records[1]);
    link_one(&state, &records[0]);
    link_one(&state, &records[2]);
    ck_assert_mem_ne(trace_anchor().head, state.head, 32);
    state = beginning();
    state.head[0] ^= 1; /* another boot */
    for (unsigned int n = 0; n < 3; n++) {
        link_one(&state, &records[n]);
    }
    ck_assert_mem_ne(trace_anchor().head, state.head, 32);
}
END_TEST

/* What the rings have overwritten stays in the head: it goes on from one that was signed. */
START_TEST(the_head_outlives_the_ring)
{
    for (uint64_t n = 0; n < 2 * FAKE_TRACE_CAPACITY; n++) {
        write_one(n, CLOISTER_ALLOWED, NULL);
    }
    struct trace_anchor then = trace_anchor();
    struct anchored state = {.records = then.records};

    ck_assert_uint_eq(then.records, 2 * FAKE_TRACE_CAPACITY);
    ck_assert_ptr_null(ordered(0));
    memcpy(state.head, then.head, 32);
    for (uint64_t n = 0; n < 40; n++) {
        fake_set_cpu(n % FAKE_CPUS);
        write_one(n, CLOISTER_ALLOWED, NULL);
    }
    follow(&state);
    ck_assert_uint_eq(state.records, then.records + 40);
    ck_assert_mem_eq(trace_anchor().head, state.head, 32);
}
END_TEST

/* Of what is only counted there is no record, and the head is as it was. */
START_TEST(the_head_leaves_out_what_is_suppressed)
{
    for (uint64_t n = 0; n < CLOISTER_TRACE_RATE; n++) {
        write_one(n, CLOISTER_REFUSED, &budget);
    }
    struct trace_anchor then = trace_anchor();
    for (uint64_t n = 0; n < 9; n++) {
        write_one(n, CLOISTER_REFUSED, &budget);
    }
    struct trace_anchor now = trace_anchor();
    ck_assert_mem_eq(now.head, then.head, 32);
    ck_assert_uint_eq(now.records, then.records);
    ck_assert_uint_eq(then.suppressed, 0);
    ck_assert_uint_eq(now.suppressed, 9);
}
END_TEST

START_TEST(a_domain_s_rate_is_limited)
{
    for (uint64_t n = 0; n < CLOISTER_TRACE_RATE + 50; n++) {
        write_one(n, CLOISTER_REFUSED, &budget);
    }
    ck_assert_uint_eq(fake_ring(0)->next, CLOISTER_TRACE_RATE);
    ck_assert_uint_eq(budget.refusals, CLOISTER_TRACE_RATE + 50);
    ck_assert_uint_eq(budget.suppressed, 50);
    ck_assert_uint_eq(trace_refusals(), CLOISTER_TRACE_RATE + 50);
    ck_assert_uint_eq(trace_anchor().suppressed, 50);

    /* The next record that it may write says how many are missing. */
    fake.now += 2 * SECOND;
    write_one(1000, CLOISTER_REFUSED, &budget);
    ck_assert_uint_eq(fake_last_record()->found, 1000);
    ck_assert_uint_eq(fake_last_record()->suppressed, 50);
    write_one(1001, CLOISTER_REFUSED, &budget);
    ck_assert_uint_eq(fake_last_record()->suppressed, 0);
    ck_assert_uint_eq(budget.suppressed, 50);
}
END_TEST

START_TEST(written_and_suppressed_are_all)
{
    uint64_t missing = 0;

    for (uint64_t n = 0; n < 5000; n++) {
        fake.now += SECOND / 700;
        write_one(n, CLOISTER_REFUSED, &budget);
    }
    for (uint64_t n = 0; n < fake_ring(0)->next; n++) {
        const struct cloister_trace_record *record = fake_record(0, n);
        if (record) {
            missing += record->suppressed;
        }
    }
    uint64_t kept = fake_ring(0)->next < FAKE_TRACE_CAPACITY ? fake_ring(0)->next : 0;
    ck_assert_uint_eq(fake_ring(0)->next + budget.suppressed, 5000);
    ck_assert_uint_eq(budget.suppressed, trace_anchor().suppressed);
    ck_assert(!kept || missing + budget.unreported == budget.suppressed);
    ck_assert_uint_gt(budget.suppressed, 1000);
}
END_TEST

/* A guest that never stops: its stretch once, then its share; dom0 has its whole stretch each second. */
START_TEST(noise_in_the_long_run)
{
    const uint64_t seconds = 600;

    fake.actor_domain = _i ? 0 : 5;
    for (uint64_t n = 0; n < seconds * 300; n++) {
        write_one(n, CLOISTER_REFUSED, &budget);
        fake.now += SECOND / 300 + 1;
    }
    uint64_t written = trace_anchor().records,
             share = _i ? CLOISTER_TRACE_RATE : CLOISTER_TRACE_SHARE;
    ck_assert_uint_ge(written, CLOISTER_TRACE_RATE + (seconds - 2) * share);
    ck_assert_uint_le(written, CLOISTER_TRACE_RATE + (seconds + 1) * share);
    ck_assert_uint_eq(written + trace_anchor().suppressed, seconds * 300);
}
END_TEST

/* A quiet domain gets its stretch back, and never more than that. */
START_TEST(quiet_restores_the_stretch)
{
    fake.actor_domain = 5;
    for (uint64_t pause = 1; pause <= 4 * CLOISTER_TRACE_RATE; pause *= 4) {
        for (uint64_t n = 0; n < 2 * CLOISTER_TRACE_RATE; n++) {
            write_one(n, CLOISTER_REFUSED, &budget);
        }
        uint64_t before = trace_anchor().records;
        fake.now += pause * SECOND;
        for (uint64_t n = 0; n < 2 * CLOISTER_TRACE_RATE; n++) {
            write_one(n, CLOISTER_REFUSED, &budget);
        }
        uint64_t back = pause * CLOISTER_TRACE_SHARE;
        ck_assert_uint_eq(trace_anchor().records - before,
                          back < CLOISTER_TRACE_RATE ? back : CLOISTER_TRACE_RATE);
    }
}
END_TEST

/* Ten domains' whole stretches on one CPU push nothing out that the reader has not had yet. */
START_TEST(noise_of_ten_fits_into_a_ring)
{
    write_one(77, CLOISTER_REFUSED, NULL);
    for (uint16_t domain = 1; domain <= 10; domain++) {
        struct trace_budget noisy = {0};

        fake.actor_domain = domain;
        for (uint64_t n = 0; n < 5000; n++) {
            write_one(n, CLOISTER_REFUSED, &noisy);
        }
    }
    ck_assert_ptr_nonnull(fake_record(0, 0));
    ck_assert_uint_eq(fake_record(0, 0)->found, 77);
}
END_TEST

START_TEST(one_domain_does_not_use_up_another_s_budget)
{
    struct trace_budget other = {0};

    for (uint64_t n = 0; n < 1000; n++) {
        write_one(n, CLOISTER_REFUSED, &budget);
    }
    write_one(1, CLOISTER_REFUSED, &other);
    ck_assert_uint_eq(fake_ring(0)->next, CLOISTER_TRACE_RATE + 1);
    ck_assert_uint_eq(other.suppressed, 0);
    for (uint64_t n = 0; n < 300; n++) {
        write_one(n, CLOISTER_REFUSED, NULL); /* the host's own are not limited */
    }
    ck_assert_uint_eq(fake_ring(0)->next, CLOISTER_TRACE_RATE + 301);
}
END_TEST

/* What was allowed costs budget, too, but is no refusal, recorded or not. */
START_TEST(allowed_records_are_no_refusals)
{
    for (uint64_t n = 0; n < CLOISTER_TRACE_RATE + 7; n++) {
        write_one(n, CLOISTER_ALLOWED, &budget);
    }
    ck_assert_uint_eq(budget.refusals, 0);
    ck_assert_uint_eq(budget.suppressed, 0);
    ck_assert_uint_eq(trace_refusals(), 0);
    ck_assert_uint_eq(trace_anchor().suppressed, 0);
    write_one(0, CLOISTER_REFUSED, &budget);
    ck_assert_uint_eq(budget.suppressed, 1);
    fake.now += SECOND;
    write_one(0, CLOISTER_ALLOWED, &budget);
    ck_assert_uint_eq(fake_last_record()->suppressed, 8);
}
END_TEST

START_TEST(the_first_second_has_a_budget)
{
    fake.now = 0;
    write_one(1, CLOISTER_REFUSED, &budget);
    ck_assert_uint_eq(fake_ring(0)->next, 1);
    ck_assert_uint_eq(budget.suppressed, 0);
}
END_TEST

/* Two CPUs whose clocks stand on two sides of a second's end. */
START_TEST(time_that_steps_back_gives_no_new_budget)
{
    for (uint64_t n = 0; n < 1000; n++) {
        fake.now = 8 * SECOND - n % 2;
        write_one(n, CLOISTER_REFUSED, &budget);
    }
    ck_assert_uint_le(fake_ring(0)->next, 2 * CLOISTER_TRACE_RATE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace");
    TCase *cases = suite_case(suite, "ring", 60);

    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, rings_have_headers);
    tcase_add_test(cases, start_without_entropy_or_memory);
    tcase_add_test(cases, monitor_start_fails_as_a_whole);
    tcase_add_test(cases, a_record_says_who_and_when);
    tcase_add_test(cases, a_record_of_nobody);
    tcase_add_test(cases, records_keep_their_order_and_the_oldest_goes);
    tcase_add_test(cases, each_cpu_has_its_own_ring);

    cases = suite_case(suite, "head", 60);
    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, the_head_is_that_of_the_rings);
    tcase_add_test(cases, the_head_knows_every_bit);
    tcase_add_test(cases, the_head_outlives_the_ring);
    tcase_add_test(cases, the_head_leaves_out_what_is_suppressed);

    cases = suite_case(suite, "rate", 60);
    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, a_domain_s_rate_is_limited);
    tcase_add_test(cases, written_and_suppressed_are_all);
    tcase_add_loop_test(cases, noise_in_the_long_run, 0, 2);
    tcase_add_test(cases, quiet_restores_the_stretch);
    tcase_add_test(cases, noise_of_ten_fits_into_a_ring);
    tcase_add_test(cases, one_domain_does_not_use_up_another_s_budget);
    tcase_add_test(cases, allowed_records_are_no_refusals);
    tcase_add_test(cases, the_first_second_has_a_budget);
    tcase_add_test(cases, time_that_steps_back_gives_no_new_budget);
    return suite_run(suite);
}
