/* SPDX-License-Identifier: MIT */
/*
 * The fast way: each thing that waits is enough to close it, whatever else is as it should be; and what of a tenant's
 * registers is saved before an enclave has them.
 */
#include "world/fast.h"
#include "suite.h"

#define SSE UINT64_C(3) /* XCR0: x87 and SSE; an enclave's in QEMU */
#define YMM UINT64_C(7)
#define ZMM (YMM | FAST_XCR0_ZMM)
#define PKRU FAST_XCR0_PKRU
#define ROOM ZMM

/* --- what waits ----------------------------------------------------------------------------- */

START_TEST(nothing_waits)
{
    ck_assert(!fast_waits(&(struct fast_waiting){0}));
}
END_TEST

START_TEST(each_thing_that_waits_is_enough)
{
    static const struct fast_waiting waiting[] = {
        {.softirqs = 1}, {.softirqs = 1u << 31}, {.softirqs = 0x140}, {.tracing = 1},
        {.nmi = 1},      {.machine_check = 1},   {.upcall = 1},       {.upcall = 0x80},
        {.line = 1},     {.line = 1u << 31},
    };

    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
        ck_assert_msg(fast_waits(&waiting[i]), "thing %zu does not count", i);
    }
}
END_TEST

/* --- how the tenant stands --------------------------------------------------------------------- */

static const struct fast_call good_call = {.call = true, .next = 0x401003};

START_TEST(a_plain_call_can_be_taken)
{
    ck_assert(fast_callable(&good_call));
}
END_TEST

START_TEST(each_thing_about_the_caller_is_enough)
{
    struct fast_call call = good_call;

    call.call = false;
    ck_assert(!fast_callable(&call));
    call = good_call;
    call.next = 0;
    ck_assert(!fast_callable(&call));
    for (unsigned int shadow = 1; shadow <= 8;
         shadow *= 2) { /* SVM's one bit, VMX's STI, MOV SS, SMI, NMI */
        call = good_call;
        call.shadow = shadow;
        ck_assert(!fast_callable(&call));
    }
    call = good_call;
    call.event = true;
    ck_assert(!fast_callable(&call));
}
END_TEST

START_TEST(each_help_that_the_tenant_needs_is_enough)
{
    static const struct fast_help help[] = {
        {.mappings = 1}, {.branches = 1}, {.branches = 4}, {.posting = true}, {.stepping = true}};

    ck_assert(!fast_needs_help(&(struct fast_help){0}));
    for (size_t i = 0; i < sizeof(help) / sizeof(help[0]); i++) {
        ck_assert_msg(fast_needs_help(&help[i]), "help %zu does not count", i);
    }
}
END_TEST

/* --- TLB tags -------------------------------------------------------------------------------- */

START_TEST(tags_of_one_generation_are_valid)
{
    ck_assert(fast_tags(&(struct fast_tag){9, 1}, &(struct fast_tag){9, 2}));
    ck_assert(fast_tags(&(struct fast_tag){UINT64_MAX, 1}, &(struct fast_tag){UINT64_MAX, 65535}));
}
END_TEST

START_TEST(no_other_tags_are)
{
    static const struct fast_tag pairs[][2] = {
        {{9, 1}, {8, 2}},                       /* of the generation before */
        {{9, 1}, {10, 2}},                      /* of one that this CPU has not begun */
        {{9, 1}, {0, 2}},                       /* flushed */
        {{0, 1}, {9, 2}},                       /* flushed, the one that ran, by another CPU */
        {{0, 1}, {0, 2}},                       /* both: equal, and nothing */
        {{9, 0}, {9, 2}},                       /* tags are switched off */
        {{9, 1}, {9, 0}},                       /* likewise */
        {{9, 0}, {9, 0}},                       /* likewise */
        {{9, 1}, {9 + (UINT64_C(1) << 32), 2}}, /* equal in the low half */
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        ck_assert_msg(!fast_tags(&pairs[i][0], &pairs[i][1]), "pair %zu is taken for valid", i);
    }
}
END_TEST

/* --- the FPU ---------------------------------------------------------------------------------- */

START_TEST(tenants_that_are_parked)
{
    static const struct {
        uint64_t ever, enclave, room, saved;
    } tenants[] = {
        {0, SSE, SSE, SSE}, /* it never wrote XCR0 */
        {SSE, SSE, SSE, SSE},
        {SSE, YMM, YMM, YMM}, /* the enclave's YMM must not stay behind */
        {YMM, YMM, YMM, YMM},
        {YMM, YMM, ROOM, YMM},
        {YMM | PKRU, YMM, ROOM, YMM}, /* PKRU stays where it is */
        {YMM | PKRU, YMM, YMM, YMM},
        {ZMM, YMM, ROOM, ZMM},
        {ZMM | PKRU, YMM, ROOM, ZMM}, /* any Linux on a server of today */
    };

    for (size_t i = 0; i < sizeof(tenants) / sizeof(tenants[0]); i++) {
        ck_assert_uint_eq(fast_fpu(true, tenants[i].ever, tenants[i].enclave, tenants[i].room),
                          tenants[i].saved);
    }
}
END_TEST

/* Every state that is neither saved nor kept, and every one that has no room, is Xen's to save. */
START_TEST(tenants_that_are_not)
{
    ck_assert_uint_eq(fast_fpu(false, SSE, SSE, SSE), 0); /* its state is not in the registers */
    ck_assert_uint_eq(fast_fpu(false, ZMM | PKRU, YMM, ROOM), 0);
    ck_assert_uint_eq(fast_fpu(true, ZMM, YMM, YMM), 0);
    ck_assert_uint_eq(fast_fpu(true, YMM, SSE, SSE), 0);
    for (unsigned int bit = 0; bit < 64; bit++) {
        const uint64_t state = UINT64_C(1) << bit;
        const uint64_t saved = fast_fpu(true, YMM | state, YMM, ROOM);

        ck_assert_msg(saved ? state & (ROOM | PKRU) : state & ~(ROOM | PKRU), "bit %u", bit);
        ck_assert_msg(!saved || ((saved | PKRU) & state), "bit %u is lost", bit);
        ck_assert_msg(!saved || (saved & YMM) == YMM, "bit %u: the enclave's states stay behind",
                      bit);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fast");
    TCase *cases = suite_case(suite, "fast", 60);

    tcase_add_test(cases, nothing_waits);
    tcase_add_test(cases, each_thing_that_waits_is_enough);
    tcase_add_test(cases, a_plain_call_can_be_taken);
    tcase_add_test(cases, each_thing_about_the_caller_is_enough);
    tcase_add_test(cases, each_help_that_the_tenant_needs_is_enough);
    tcase_add_test(cases, tags_of_one_generation_are_valid);
    tcase_add_test(cases, no_other_tags_are);
    tcase_add_test(cases, tenants_that_are_parked);
    tcase_add_test(cases, tenants_that_are_not);
    return suite_run(suite);
}
