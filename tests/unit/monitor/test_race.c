/* SPDX-License-Identifier: MIT */
/*
 * Calls and exits on three vCPUs, against one CPU of dom0 that makes and destroys the enclave they
 * use, and another that looks at everything and destroys it, too. The thread sanitizer looks on; so
 * does the fake host, which knows who is inside what.
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "scene.h"
#include "suite.h"

#define VCPUS 3u
#define SECONDS 4

/* Each CPU of dom0 has its own place for arguments. */
#define PLACE_SIZE 1024u
#define LIST_ENTRIES 4u

static struct {
    bool stop;
    uint64_t handle[2]; /* changes at any time; half of it may be old */
    uint32_t enclave;
    uint64_t entered;
    uint64_t exits[8];
    uint64_t destroyed;
    uint64_t lost; /* destroyed by the other CPU */
} shared;

static uint64_t places[2];
static struct image *image;

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static bool stopped(void)
{
    return __atomic_load_n(&shared.stop, __ATOMIC_RELAXED);
}

/* --- the tenant's vCPUs -------------------------------------------------------------------- */

static void call(struct fake_domain *domain, uint16_t vcpu, uint32_t *random)
{
    struct thread_result result = {.outcome = 99};
    struct thread_call call = {
        .operation = random_next(random) % 3,
        .handle = {__atomic_load_n(&shared.handle[0], __ATOMIC_RELAXED),
                   __atomic_load_n(&shared.handle[1], __ATOMIC_RELAXED)},
        .thread = random_next(random) % SCENE_THREADS,
        .user_mode = true,
        .flags_ok = true,
        .vcpu = vcpu,
    };
    struct thread *thread = thread_call(domain->tenant, &call, &result);

    if (thread) {
        fake_vcpu_enter(domain, vcpu, thread);
        __atomic_fetch_add(&shared.entered, 1, __ATOMIC_RELAXED);
    }
}

static void leave(struct fake_domain *domain, uint16_t vcpu, struct thread *thread,
                  uint32_t *random)
{
    struct thread_result result = {.outcome = 99};
    struct thread_exit exit = {.kind = THREAD_EXIT_CALL, .value = {13, 1}, .kernel = true};
    uint32_t what = random_next(random) % 8;

    __atomic_fetch_add(&shared.exits[what], 1, __ATOMIC_RELAXED);
    switch (what) {
    case 0: /* interrupted, and back again */
        thread_interrupted(thread);
        thread_reentered(thread);
        return;
    case 1: /* interrupted, and the tenant has something to do */
        thread_interrupted(thread);
        fake_vcpu_leave(domain, vcpu);
        thread_suspend(thread);
        return;
    case 2:
        exit.number = CLOISTER_ENCLAVE_AEX_COUNT;
        ck_assert_int_eq(thread_exit(thread, &exit, &result), THREAD_ANSWER);
        return;
    case 3: /* still inside when the vCPU is taken from its CPU */
        return;
    case 4:
        exit.number = random_next(random) % 16 ? CLOISTER_ENCLAVE_RETURN : CLOISTER_ENCLAVE_FAULT;
        break;
    case 5:
        exit.number = CLOISTER_ENCLAVE_OCALL;
        break;
    default:
        exit.number = CLOISTER_ENCLAVE_RETURN;
        break;
    }
    fake_vcpu_leave(domain, vcpu);
    ck_assert_int_eq(thread_exit(thread, &exit, &result), THREAD_LEAVE);
}

static void *vcpu_main(void *argument)
{
    uint16_t vcpu = (uintptr_t)argument;
    struct fake_domain *domain = &fake.domains[TENANT];
    uint32_t random = 77 + vcpu;

    fake_set_cpu(1 + vcpu);
    while (!stopped()) {
        struct thread *thread = fake_vcpu_begin(domain, vcpu);
        if (thread) {
            leave(domain, vcpu, thread, &random);
        } else {
            call(domain, vcpu, &random);
        }
        fake_vcpu_end(domain, vcpu);
    }
    return NULL;
}

/* --- dom0's CPUs --------------------------------------------------------------------------- */

static int operate(unsigned int place, uint32_t op, void *arg, size_t size)
{
    int rc;

    memcpy(fake_user(places[place]), arg, size);
    while ((rc = monitor_control(op, places[place], true, false)) == -ERESTART) {
        if (!fake_quiet()) {
            fake_die("a lock is held after a control operation");
        }
    }
    memcpy(arg, fake_user(places[place]), size);
    return rc;
}

static void *looker_main(void *argument)
{
    struct cloister_enclave_info *list = fake_user(places[1] + PLACE_SIZE);
    uint32_t random = 5;

    (void)argument;
    while (!stopped()) {
        struct cloister_info info = {.abi_version = 0};
        struct cloister_list op = {.capacity = LIST_ENTRIES, .buffer = places[1] + PLACE_SIZE};
        struct cloister_domain domain = {.domain = TENANT};
        struct cloister_audit audit = {.frames = 0};

        ck_assert_int_eq(operate(1, CLOISTER_OP_INFO, &info, sizeof(info)), 0);
        ck_assert_int_eq(operate(1, CLOISTER_OP_LIST, &op, sizeof(op)), 0);
        for (uint32_t i = 0; i < op.count; i++) {
            ck_assert_uint_eq(list[i].domain, TENANT);
            ck_assert_uint_le(list[i].threads_running, SCENE_THREADS);
        }
        ck_assert_int_eq(operate(1, CLOISTER_OP_DOMAIN, &domain, sizeof(domain)), 0);
        ck_assert_int_eq(operate(1, CLOISTER_OP_AUDIT, &audit, sizeof(audit)), 0);
        if (audit.views || audit.anonymity) {
            fake_die("%lu views, %lu frames are not as they must be", (unsigned long)audit.views,
                     (unsigned long)audit.anonymity);
        }
        if (random_next(&random) % 16 == 0) {
            struct cloister_destroy destroy = {
                .enclave = __atomic_load_n(&shared.enclave, __ATOMIC_RELAXED)};
            int rc = operate(1, CLOISTER_OP_DESTROY, &destroy, sizeof(destroy));
            ck_assert(rc == 0 || rc == -ENOENT);
            __atomic_fetch_add(&shared.destroyed, !rc, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

/* 0, or what it means to come too late: the other CPU has destroyed it. */
static bool step(int rc)
{
    if (rc == 0) {
        return true;
    }
    ck_assert(rc == -ENOENT || rc == -EBUSY);
    shared.lost++;
    return false;
}

static void one_life(void)
{
    struct cloister_create create = create_arg(image, TENANT);

    ck_assert_int_eq(operate(0, CLOISTER_OP_CREATE, &create, sizeof(create)), 0);
    __atomic_store_n(&shared.enclave, create.enclave, __ATOMIC_RELAXED);

    struct cloister_add_pages add = add_arg(image, create.enclave, 0, SCENE_PAGES);
    struct cloister_share share = share_arg(create.enclave, 0, SCENE_SHARED);
    struct cloister_init init = {.enclave = create.enclave};
    struct cloister_destroy destroy = {.enclave = create.enclave};

    if (step(operate(0, CLOISTER_OP_ADD_PAGES, &add, sizeof(add))) &&
        step(operate(0, CLOISTER_OP_SHARE, &share, sizeof(share))) &&
        step(operate(0, CLOISTER_OP_INIT, &init, sizeof(init)))) {
        __atomic_store_n(&shared.handle[0], init.handle[0], __ATOMIC_RELAXED);
        __atomic_store_n(&shared.handle[1], init.handle[1], __ATOMIC_RELAXED);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    int rc = operate(0, CLOISTER_OP_DESTROY, &destroy, sizeof(destroy));
    ck_assert(rc == 0 || rc == -ENOENT);
    __atomic_fetch_add(&shared.destroyed, !rc, __ATOMIC_RELAXED);
    __atomic_fetch_add(&fake.now, UINT64_C(20000000), __ATOMIC_RELAXED);
}

START_TEST(everybody_at_once)
{
    pthread_t vcpus[VCPUS];
    pthread_t looker;
    uint64_t lives = 0;

    scene_start();
    image = scene_image();
    places[0] = fake_user_put(NULL, PLACE_SIZE);
    places[1] =
        fake_user_put(NULL, PLACE_SIZE + LIST_ENTRIES * sizeof(struct cloister_enclave_info));
    const uint64_t buffers = fake_user_put(NULL, 0) - FAKE_USER_BASE;
    fake_preempt_every(5);

    for (uintptr_t i = 0; i < VCPUS; i++) {
        ck_assert_int_eq(pthread_create(&vcpus[i], NULL, vcpu_main, (void *)i), 0);
    }
    ck_assert_int_eq(pthread_create(&looker, NULL, looker_main, NULL), 0);
    for (time_t end = time(NULL) + SECONDS; time(NULL) < end; lives++) {
        fake_user_reset();
        fake_user_put(NULL, buffers);
        one_life();
    }
    __atomic_store_n(&shared.stop, true, __ATOMIC_RELAXED);
    for (unsigned int i = 0; i < VCPUS; i++) {
        pthread_join(vcpus[i], NULL);
    }
    pthread_join(looker, NULL);

    fprintf(stderr, "# %lu lives, %lu cut short, %lu entries; exits", (unsigned long)lives,
            (unsigned long)shared.lost, (unsigned long)shared.entered);
    for (unsigned int i = 0; i < 8; i++) {
        fprintf(stderr, " %lu", (unsigned long)shared.exits[i]);
    }
    fprintf(stderr, "\n");
    ck_assert_uint_eq(shared.destroyed, lives);
    ck_assert_uint_gt(shared.entered, lives);
    uint64_t records = 0;
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        records += fake_ring(cpu)->next;
    }
    ck_assert_uint_eq(trace_anchor().records, records); /* each CPU's are in the one order */
    scene_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("race");
    TCase *cases = suite_case(suite, "race", 120);

    tcase_add_test(cases, everybody_at_once);
    return suite_run(suite);
}
