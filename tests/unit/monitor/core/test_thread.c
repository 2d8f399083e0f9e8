/* SPDX-License-Identifier: MIT */
/* Threads: every call in every state, every exit, guessed handles, destruction while they run. */
#include "scene.h"
#include "suite.h"

#define VCPU 2u

enum state {
    IDLE = CLOISTER_THREAD_IDLE,
    RUNNING = CLOISTER_THREAD_RUNNING,
    INTERRUPTED = CLOISTER_THREAD_INTERRUPTED,
    OCALL = CLOISTER_THREAD_OCALL,
    DEAD = CLOISTER_THREAD_DEAD,
    STATES,
};

static struct image *image;
static uint32_t id;
static uint64_t handle[2];

static void start(void)
{
    scene_start();
    image = scene_image();
    id = scene_ready(image, TENANT, handle);
}

/* Brings an idle thread into a state. */
static struct thread *thread_in(enum state state, uint64_t index)
{
    struct thread_result result;
    struct thread *thread = &fake.domains[TENANT].tenant->slots[handle[0] & 255]->threads[index];

    if (state == IDLE) {
        return thread;
    }
    ck_assert_ptr_eq(scene_enter(TENANT, VCPU, handle, index), thread);
    switch (state) {
    case INTERRUPTED:
        thread_interrupted(thread);
        thread_suspend(thread);
        fake.domains[TENANT].vcpus[VCPU].pending = NULL;
        break;
    case OCALL:
        ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_OCALL, 7, 8, &result), THREAD_LEAVE);
        break;
    case DEAD:
        ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_FAULT, 6, 0, &result), THREAD_LEAVE);
        break;
    default:
        break;
    }
    ck_assert_uint_eq(thread->state, state);
    return thread;
}

/* A call that is refused: the answer, nothing changed, and a record of it, or none for -EBUSY. */
static void must_refuse(const struct thread_call *call, int error, enum cloister_reason reason,
                        uint32_t enclave)
{
    struct thread_result result = {.outcome = 99, .value = {0x77, 0x88}};
    struct tenant *tenant = fake.domains[TENANT].tenant;
    struct picture before = picture_take();

    fake.now += UINT64_C(1000000000);
    fake.actor_domain = TENANT;
    uint64_t number = fake_ring(0)->next;
    uint64_t refusals = tenant->budget.refusals;
    ck_assert_ptr_null(thread_call_try(tenant, call));
    ck_assert_uint_eq(fake_ring(0)->next, number);
    ck_assert_uint_eq(tenant->budget.refusals, refusals);
    struct thread *entered = thread_call(tenant, call, &result);
    const struct cloister_trace_record *record = fake_record(0, number);
    fake.actor_domain = 0;

    ck_assert_ptr_null(entered);
    ck_assert_int_eq(result.outcome, error);
    ck_assert_uint_eq(result.value[0], 0x77);
    ck_assert_uint_eq(result.value[1], 0x88);
    if (error == -EBUSY) {
        ck_assert_ptr_null(record);
        ck_assert_uint_eq(tenant->budget.refusals, refusals);
    } else {
        ck_assert_ptr_nonnull(record);
        ck_assert_uint_eq(record->event, CLOISTER_EVENT_CALL);
        ck_assert_uint_eq(record->decision, CLOISTER_REFUSED);
        ck_assert_str_eq(cloister_reason_name(record->reason), cloister_reason_name(reason));
        ck_assert_int_eq(record->error, error);
        ck_assert_uint_eq(record->operation, (uint32_t)call->operation);
        ck_assert_uint_eq(record->domain, TENANT);
        ck_assert_uint_eq(record->target, TENANT);
        ck_assert_uint_eq(record->enclave, enclave);
        ck_assert_uint_eq(record->found, call->thread);
        ck_assert_uint_eq(record->rip, fake.actor_rip);
        ck_assert_uint_eq(record->cr3, fake.actor_cr3);
        ck_assert_uint_eq(tenant->budget.refusals, refusals + 1);
    }
    struct picture after = picture_take();
    pictures_must_match(&before, &after, "a refused call");
}

static struct thread_call good_call(uint64_t operation, uint64_t thread)
{
    return (struct thread_call){.operation = operation,
                                .handle = {handle[0], handle[1]},
                                .thread = thread,
                                .arg = {1, 2},
                                .user_mode = true,
                                .flags_ok = true,
                                .vcpu = VCPU + 1};
}

/* --- calls in each state ------------------------------------------------------------------- */

START_TEST(enter_in_each_state)
{
    static const int errors[STATES] = {0, -EBUSY, -EBUSY, -EBUSY, -EIO};
    static const enum cloister_reason reasons[STATES] = {
        0, CLOISTER_REASON_THREAD_BUSY, CLOISTER_REASON_THREAD_INTERRUPTED,
        CLOISTER_REASON_THREAD_INTERRUPTED, CLOISTER_REASON_THREAD_DEAD};
    struct thread *thread = thread_in(_i, 0);
    struct thread_call call = good_call(CLOISTER_CALL_ENTER, 0);

    if (errors[_i]) {
        must_refuse(&call, errors[_i], reasons[_i], id);
        ck_assert_uint_eq(thread->state, _i);
        return;
    }
    ck_assert_ptr_eq(scene_enter(TENANT, VCPU, handle, 0), thread);
    const struct fake_world *world = fake_world(thread->context[0]);
    ck_assert_int_eq(world->state, WORLD_STARTED);
    ck_assert_uint_eq(world->arg[0], 0x1111);
    ck_assert_uint_eq(world->arg[1], 0x2222);
    ck_assert_uint_eq(picture_take().list[0].entries, 1);
    ck_assert_uint_eq(picture_take().list[0].threads_running, 1);
}
END_TEST

START_TEST(resume_in_each_state)
{
    static const int errors[STATES] = {-EINVAL, -EBUSY, 0, 0, -EIO};
    static const enum cloister_reason reasons[STATES] = {CLOISTER_REASON_THREAD_IDLE,
                                                         CLOISTER_REASON_THREAD_BUSY, 0, 0,
                                                         CLOISTER_REASON_THREAD_DEAD};
    struct thread *thread = thread_in(_i, 1);
    struct thread_call call = good_call(CLOISTER_CALL_RESUME, 1);
    const struct fake_world *world = fake_world(thread->context[0]);
    enum fake_world_state before = world->state;

    if (errors[_i]) {
        must_refuse(&call, errors[_i], reasons[_i], id);
        ck_assert_uint_eq(thread->state, _i);
        ck_assert_int_eq(world->state, before);
        return;
    }
    ck_assert_ptr_eq(scene_resume(TENANT, VCPU + 1, handle, 1), thread);
    ck_assert_uint_eq(thread->vcpu, VCPU + 1);
    /* After an interruption the registers stay as they were; after an OCALL come its results. */
    ck_assert_int_eq(world->state, _i == OCALL ? WORLD_ANSWERED : before);
    ck_assert_uint_eq(picture_take().list[0].entries, 2);
}
END_TEST

START_TEST(status_in_each_state)
{
    struct thread *thread = thread_in(_i, 0);
    struct thread_result result = {.outcome = 99};
    struct picture before = picture_take();
    uint64_t records = fake_ring(0)->next;

    ck_assert_ptr_null(tenant_call(TENANT, VCPU + 1, CLOISTER_CALL_STATUS, handle, 0, &result));
    ck_assert_int_eq(result.outcome, 0);
    ck_assert_uint_eq(result.value[0], _i);
    ck_assert_uint_eq(result.value[1], _i == INTERRUPTED ? 1 : 0);
    ck_assert_uint_eq(fake_ring(0)->next, records);
    ck_assert_uint_eq(thread->state, _i);
    struct picture after = picture_take();
    pictures_must_match(&before, &after, "STATUS");
}
END_TEST

START_TEST(unknown_calls_in_each_state)
{
    static const uint64_t unknown[] = {
        3,         4, 55, UINT32_MAX, UINT64_C(1) << 32, (UINT64_C(1) << 32) + CLOISTER_CALL_ENTER,
        UINT64_MAX};

    thread_in(_i, 0);
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        struct thread_call call = good_call(unknown[i], 0);
        must_refuse(&call, -EINVAL, CLOISTER_REASON_UNKNOWN_OP, id);
    }
}
END_TEST

START_TEST(one_thread_s_state_is_not_the_other_s)
{
    thread_in(_i, 0);
    struct thread *thread = scene_enter(TENANT, VCPU + 1, handle, 1);
    ck_assert_uint_eq(thread->index, 1);
    ck_assert_uint_eq(fake.domains[TENANT].tenant->slots[0]->threads[0].state, _i);
}
END_TEST

/* --- who may call -------------------------------------------------------------------------- */

static const uint64_t operations[] = {CLOISTER_CALL_STATUS, CLOISTER_CALL_ENTER,
                                      CLOISTER_CALL_RESUME};

START_TEST(threads_that_do_not_exist)
{
    static const uint64_t none[] = {SCENE_THREADS, SCENE_THREADS + 1, CLOISTER_MAX_THREADS,
                                    UINT32_MAX,    UINT64_C(1) << 32, UINT64_C(1) << 63,
                                    UINT64_MAX};

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        struct thread_call call = good_call(operations[_i], none[i]);
        must_refuse(&call, -EINVAL, CLOISTER_REASON_NO_SUCH_THREAD, id);
    }
}
END_TEST

START_TEST(guessed_handles)
{
    for (int bit = 0; bit < 64; bit++) {
        struct thread_call call = good_call(operations[_i], 0);
        call.handle[0] ^= UINT64_C(1) << bit; /* the right half is wrong in one bit */
        must_refuse(&call, -ENOENT, CLOISTER_REASON_RANDOM_HANDLE, CLOISTER_NO_ENCLAVE);
        call = good_call(operations[_i], 0);
        call.handle[1] ^= UINT64_C(1) << bit;
        must_refuse(&call, -ENOENT, CLOISTER_REASON_RANDOM_HANDLE, CLOISTER_NO_ENCLAVE);
    }
    static const uint64_t values[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63};
    for (size_t i = 0; i < 16; i++) {
        struct thread_call call = good_call(operations[_i], 0);
        call.handle[0] = values[i % 4];
        call.handle[1] = values[i / 4];
        must_refuse(&call, -ENOENT, CLOISTER_REASON_RANDOM_HANDLE, CLOISTER_NO_ENCLAVE);
        call.handle[i % 2] = handle[i % 2];
        must_refuse(&call, -ENOENT, CLOISTER_REASON_RANDOM_HANDLE, CLOISTER_NO_ENCLAVE);
        call.handle[0] = handle[1];
        call.handle[1] = handle[0];
        must_refuse(&call, -ENOENT, CLOISTER_REASON_RANDOM_HANDLE, CLOISTER_NO_ENCLAVE);
    }
}
END_TEST

START_TEST(another_tenant_s_handle)
{
    struct thread_result result = {.outcome = 99};
    uint64_t other[2];

    /* Even in the same slot, with an enclave of its own there. */
    scene_ready(image, OTHER_TENANT, other);
    ck_assert_ptr_null(tenant_call(OTHER_TENANT, 0, operations[_i], handle, 0, &result));
    ck_assert_int_eq(result.outcome, -ENOENT);
    ck_assert_uint_eq(fake_last_record()->domain, OTHER_TENANT);
    ck_assert_ptr_null(tenant_call(TENANT, 0, operations[_i], other, 0, &result));
    ck_assert_int_eq(result.outcome, -ENOENT);
    const uint64_t mixed[2] = {handle[0], other[1]};
    ck_assert_ptr_null(tenant_call(TENANT, 0, operations[_i], mixed, 0, &result));
    ck_assert_int_eq(result.outcome, -ENOENT);
}
END_TEST

START_TEST(enclaves_that_are_not_ready_have_no_handle)
{
    uint64_t zero[2] = {0, 0};
    struct thread_result result = {.outcome = 99};

    ck_assert_int_eq(do_destroy(id), 0);
    scene_building(image, TENANT);
    ck_assert_ptr_null(tenant_call(TENANT, 0, operations[_i], zero, 0, &result));
    ck_assert_int_eq(result.outcome, -ENOENT);
    ck_assert_ptr_null(tenant_call(TENANT, 0, operations[_i], handle, 0, &result));
    ck_assert_int_eq(result.outcome, -ENOENT);
}
END_TEST

START_TEST(callers_outside_of_user_mode)
{
    struct thread_call call = good_call(operations[_i], 0);

    call.user_mode = false;
    must_refuse(&call, -EPERM, CLOISTER_REASON_CALLER_MODE, CLOISTER_NO_ENCLAVE);
    call.flags_ok = false; /* the mode is looked at first */
    must_refuse(&call, -EPERM, CLOISTER_REASON_CALLER_MODE, CLOISTER_NO_ENCLAVE);
    call.user_mode = true;
    must_refuse(&call, -EINVAL, CLOISTER_REASON_CALLER_FLAGS, CLOISTER_NO_ENCLAVE);
    /* What a bad caller learns does not depend on the handle. */
    call.handle[1]++;
    must_refuse(&call, -EINVAL, CLOISTER_REASON_CALLER_FLAGS, CLOISTER_NO_ENCLAVE);
}
END_TEST

/* --- exits --------------------------------------------------------------------------------- */

/* The fast way in: what it enters is what the other way enters. */
START_TEST(a_try_enters_what_can_be_entered)
{
    static const uint64_t operations[] = {CLOISTER_CALL_ENTER, CLOISTER_CALL_RESUME,
                                          CLOISTER_CALL_RESUME};
    static const enum state states[] = {IDLE, INTERRUPTED, OCALL};
    struct tenant *tenant = fake.domains[TENANT].tenant;
    struct thread *thread = thread_in(states[_i], 0);
    struct thread_call call = good_call(operations[_i], 0);
    const struct fake_world *world = fake_world(thread->context[0]);
    uint64_t entries = tenant->entries;
    uint64_t arg0 = world->arg[0];

    ck_assert_uint_eq(tenant->fast_entries, 0);
    ck_assert_ptr_eq(thread_call_try(tenant, &call), thread);
    ck_assert_uint_eq(thread->state, RUNNING);
    ck_assert_uint_eq(thread->vcpu, VCPU + 1);
    ck_assert_uint_eq(world->arg[0], states[_i] == INTERRUPTED ? arg0 : 1);
    ck_assert_uint_eq(tenant->entries, entries + 1);
    ck_assert_uint_eq(tenant->fast_entries, 1);
    ck_assert_uint_eq(picture_take().info.fast_entries, 1);
    ck_assert_ptr_null(thread_call_try(tenant, &call)); /* it is RUNNING */
    ck_assert_uint_eq(tenant->fast_entries, 1);
}
END_TEST

/* Somebody else has the lock: it does not wait, and changes nothing. */
START_TEST(a_try_never_waits)
{
    struct tenant *tenant = fake.domains[TENANT].tenant;
    struct thread_call call = good_call(CLOISTER_CALL_ENTER, 0);
    struct picture before = picture_take();

    host_lock(&tenant->lock);
    ck_assert_ptr_null(thread_call_try(tenant, &call));
    host_unlock(&tenant->lock);
    struct picture after = picture_take();
    pictures_must_match(&before, &after, "a lock that was not free");
    ck_assert_ptr_nonnull(thread_call_try(tenant, &call));
}
END_TEST

START_TEST(a_try_answers_no_status)
{
    struct tenant *tenant = fake.domains[TENANT].tenant;
    struct thread_call call = good_call(CLOISTER_CALL_STATUS, 0);

    ck_assert_ptr_null(thread_call_try(tenant, &call));
    call.operation = CLOISTER_CALL_ENTER;
    call.user_mode = false;
    ck_assert_ptr_null(thread_call_try(tenant, &call));
    call.user_mode = true;
    call.flags_ok = false;
    ck_assert_ptr_null(thread_call_try(tenant, &call));
    ck_assert_uint_eq(tenant->fast_entries, 0);
    ck_assert_uint_eq(tenant->entries, 0);
}
END_TEST

START_TEST(the_enclave_returns)
{
    struct thread_result result;
    struct thread *thread = thread_in(RUNNING, 0);

    ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_RETURN, UINT64_MAX, 5, &result),
                     THREAD_LEAVE);
    ck_assert_int_eq(result.outcome, CLOISTER_EXIT_RETURN);
    ck_assert_uint_eq(result.value[0], UINT64_MAX);
    ck_assert_uint_eq(result.value[1], 5);
    ck_assert_uint_eq(thread->state, IDLE);
    scene_enter(TENANT, VCPU + 1, handle, 0);
}
END_TEST

START_TEST(the_enclave_calls_out_again_and_again)
{
    struct thread_result result;
    struct thread *thread = thread_in(RUNNING, 0);

    for (uint64_t i = 0; i < 5; i++) {
        ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_OCALL, i, i + 1, &result),
                         THREAD_LEAVE);
        ck_assert_int_eq(result.outcome, CLOISTER_EXIT_OCALL);
        ck_assert_uint_eq(result.value[0], i);
        ck_assert_uint_eq(result.value[1], i + 1);
        ck_assert_uint_eq(thread->state, OCALL);
        scene_resume(TENANT, i % FAKE_VCPUS, handle, 0);
        ck_assert_uint_eq(fake_world(thread->context[0])->arg[1], 0x2222);
        thread_interrupted(thread);
        thread_suspend(thread);
        scene_resume(TENANT, VCPU, handle, 0);
    }
    ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_RETURN, 0, 0, &result), THREAD_LEAVE);
    ck_assert_uint_eq(thread->state, IDLE);
    ck_assert_uint_eq(thread->interruptions, 5);
}
END_TEST

/* A thread's fault: it dies, and its caller learns vector and page, no more. */
static void must_die(const struct thread_exit *exit, enum cloister_reason reason, uint64_t vector,
                     uint64_t page)
{
    struct thread_result result = {.outcome = 99};
    struct thread *thread = thread_in(RUNNING, 0);

    fake.now += UINT64_C(1000000000);
    fake.actor_domain = TENANT;
    ck_assert_int_eq(thread_exit(thread, exit, &result), THREAD_LEAVE);
    fake.actor_domain = 0;
    ck_assert_int_eq(result.outcome, CLOISTER_EXIT_FAULT);
    ck_assert_uint_eq(result.value[0], vector);
    ck_assert_uint_eq(result.value[1], page);
    ck_assert_uint_eq(thread->state, DEAD);
    const struct cloister_trace_record *record = fake_last_record();
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_FAULT);
    ck_assert_str_eq(cloister_reason_name(record->reason), cloister_reason_name(reason));
    ck_assert_uint_eq(record->enclave, id);
    ck_assert_uint_eq(record->target, TENANT);
    ck_assert_uint_eq(record->operation, 0);
    ck_assert_uint_eq(record->address, vector);
    ck_assert_uint_eq(record->page, page < CLOISTER_NO_PAGE ? page : CLOISTER_NO_PAGE);
    struct picture picture = picture_take();
    ck_assert_uint_eq(picture.list[0].faults, 1);
    ck_assert_uint_eq(picture.list[0].threads_dead, 1);
    ck_assert_uint_eq(picture.list[0].threads_running, 0);
}

START_TEST(the_enclave_gives_up)
{
    struct thread_exit exit = {.kind = THREAD_EXIT_CALL,
                               .number = CLOISTER_ENCLAVE_FAULT,
                               .value = {14, 0x1234},
                               .kernel = true};

    must_die(&exit, CLOISTER_REASON_ENCLAVE_FAULT, 14, 0x1234);
}
END_TEST

/* An enclave cannot claim one of the monitor's own vectors. */
START_TEST(the_enclave_lies_about_its_vector)
{
    struct thread_exit exit = {.kind = THREAD_EXIT_CALL,
                               .number = CLOISTER_ENCLAVE_FAULT,
                               .value = {CLOISTER_VECTOR_VIEW, UINT64_MAX},
                               .kernel = true};

    must_die(&exit, CLOISTER_REASON_ENCLAVE_FAULT, 0, UINT32_MAX);
}
END_TEST

static const struct {
    uint64_t address;
    uint64_t page;
} touched[] = {{0, 0},
               {0xfff, 0},
               {0x1000, 1},
               {UINT64_C(0x400000000), 0x400000},
               {UINT64_MAX, UINT64_MAX >> 12}};

START_TEST(the_enclave_touches_what_is_not_there)
{
    struct thread_exit exit = {.kind = THREAD_EXIT_VIEW, .address = touched[_i].address};

    must_die(&exit, CLOISTER_REASON_ENCLAVE_VIEW, CLOISTER_VECTOR_VIEW, touched[_i].page);
}
END_TEST

static const struct {
    uint64_t vector;
    enum cloister_reason reason;
} vectors[] = {{CLOISTER_VECTOR_SHUTDOWN, CLOISTER_REASON_ENCLAVE_FAULT},
               {CLOISTER_VECTOR_STATE, CLOISTER_REASON_WORLD_STATE},
               {CLOISTER_VECTOR_MACHINE, CLOISTER_REASON_ENCLAVE_FAULT}};

START_TEST(the_cpu_ends_it)
{
    struct thread_exit exit = {.kind = THREAD_EXIT_VECTOR,
                               .number = vectors[_i].vector,
                               .value = {0xdead, 0xbeef},
                               .address = 0x5000};

    must_die(&exit, vectors[_i].reason, vectors[_i].vector, 0);
}
END_TEST

static void must_inject(struct thread *thread, const struct thread_exit *exit,
                        enum cloister_reason reason)
{
    struct thread_result result = {.outcome = 99, .value = {1, 2}};

    fake.now += UINT64_C(1000000000);
    uint64_t number = fake_ring(0)->next;
    ck_assert_int_eq(thread_exit(thread, exit, &result), THREAD_INJECT);
    ck_assert_uint_eq(thread->state, RUNNING);
    const struct cloister_trace_record *record = fake_record(0, number);
    ck_assert_ptr_nonnull(record);
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_FAULT);
    ck_assert_uint_eq(record->reason, reason);
    ck_assert_uint_eq(record->enclave, id);
    ck_assert_uint_eq(record->page, CLOISTER_NO_PAGE);
}

START_TEST(forbidden_instructions_and_calls)
{
    static const uint64_t unknown[] = {CLOISTER_ENCLAVE_COUNTER + 1,
                                       8,
                                       9,
                                       CLOISTER_HYPERCALL,
                                       UINT32_MAX,
                                       UINT64_C(1) << 32,
                                       (UINT64_C(1) << 32) + CLOISTER_ENCLAVE_RETURN,
                                       UINT64_MAX};
    struct thread *thread = thread_in(RUNNING, 1);
    struct thread_exit exit = {.kind = THREAD_EXIT_FORBIDDEN};
    struct thread_result result;

    must_inject(thread, &exit, CLOISTER_REASON_ENCLAVE_INSTRUCTION);
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        exit = (struct thread_exit){.kind = THREAD_EXIT_CALL, .number = unknown[i], .kernel = true};
        must_inject(thread, &exit, CLOISTER_REASON_ENCLAVE_INSTRUCTION);
    }
    ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_RETURN, 0, 0, &result), THREAD_LEAVE);
    ck_assert_uint_eq(picture_take().list[0].faults, 0);
}
END_TEST

/* The enclave's own user mode asks: each call, those that are none, and with every argument that works inside. */
START_TEST(calls_from_user_mode)
{
    struct thread *thread = thread_in(RUNNING, 1);
    const uint64_t page = 3 * CLOISTER_PAGE_SIZE; /* its own, writable */
    struct thread_result result = {.outcome = 99};
    uint8_t before[CLOISTER_PAGE_SIZE], after[CLOISTER_PAGE_SIZE];
    frame_t frame;

    ck_assert(view_lookup(&thread->enclave->view, 3, &frame));
    fake_frame_read(frame, before);
    for (uint64_t number = 0; number < 10; number++) {
        struct thread_exit exit = {.kind = THREAD_EXIT_CALL, .number = number, .value = {page, 0}};
        must_inject(thread, &exit, CLOISTER_REASON_ENCLAVE_MODE);
    }
    fake_frame_read(frame, after);
    ck_assert_mem_eq(before, after, sizeof(before));
    ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_REPORT, page, 0, &result), THREAD_ANSWER);
    ck_assert_int_eq(result.outcome, 0);
    fake_frame_read(frame, after);
    ck_assert_mem_ne(before, after, sizeof(before));
    ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_RETURN, 0, 0, &result), THREAD_LEAVE);
    ck_assert_uint_eq(picture_take().list[0].faults, 0);
}
END_TEST

START_TEST(interruptions_are_counted)
{
    struct thread_result result = {.outcome = 99};
    struct thread *thread = thread_in(RUNNING, 0);

    for (int64_t i = 0; i < 5; i++) {
        ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_AEX_COUNT, 0, 0, &result),
                         THREAD_ANSWER);
        ck_assert_int_eq(result.outcome, i);
        ck_assert_uint_eq(thread->state, RUNNING);
        thread_interrupted(thread);
        ck_assert_uint_eq(thread->state, RUNNING);
        thread_reentered(thread);
    }
    ck_assert_uint_eq(fake.domains[TENANT].tenant->interruptions, 5);
    ck_assert_uint_eq(fake.domains[TENANT].tenant->reentries, 5);
    ck_assert_uint_eq(picture_take().list[0].interruptions, 5);
}
END_TEST

/* --- destruction --------------------------------------------------------------------------- */

START_TEST(destroy_with_a_thread_in_each_state)
{
    struct thread_result result = {.outcome = 99};
    struct fake_vcpu *vcpu = &fake.domains[TENANT].vcpus[VCPU];

    thread_in(_i, 0);
    ck_assert_int_eq(do_destroy(id), 0);
    fake_check();
    ck_assert_uint_eq(vcpu->stops, _i == RUNNING ? 1 : 0);
    ck_assert_uint_eq(vcpu->stopped, 0);
    ck_assert_ptr_null(vcpu->pending);
    ck_assert_ptr_null(tenant_call(TENANT, VCPU, CLOISTER_CALL_RESUME, handle, 0, &result));
    ck_assert_int_eq(result.outcome, -ENOENT);
    ck_assert_uint_eq(fake_frames_in_use(), 0);
}
END_TEST

START_TEST(destroy_with_all_threads_inside)
{
    scene_enter(TENANT, 0, handle, 0);
    scene_enter(TENANT, 3, handle, 1);
    ck_assert_int_eq(do_destroy(id), 0);
    ck_assert_uint_eq(fake.domains[TENANT].vcpus[0].stops, 1);
    ck_assert_uint_eq(fake.domains[TENANT].vcpus[3].stops, 1);
    ck_assert_ptr_null(fake.domains[TENANT].vcpus[0].pending);
    ck_assert_ptr_null(fake.domains[TENANT].vcpus[3].pending);
}
END_TEST

/* While the destruction is interrupted the threads are gone already. */
START_TEST(no_call_reaches_a_dying_enclave)
{
    struct cloister_destroy op = {.enclave = id};
    struct thread_result result = {.outcome = 99};

    thread_in(RUNNING, 0);
    fake_preempt_at(1);
    ck_assert_int_eq(control_once(CLOISTER_OP_DESTROY, &op, sizeof(op)), -ERESTART);
    fake_preempt_at(0);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_null(tenant_call(TENANT, 0, operations[i], handle, 0, &result));
        ck_assert_int_eq(result.outcome, -ENOENT);
        ck_assert_ptr_null(tenant_call(TENANT, 0, operations[i], handle, 1, &result));
        ck_assert_int_eq(result.outcome, -ENOENT);
    }
    ck_assert_uint_eq(picture_take().list[0].threads_dead, 1);
    ck_assert_uint_eq(fake.domains[TENANT].vcpus[VCPU].stops, 1);
    ck_assert_int_eq(do_destroy(id), 0);
    ck_assert_uint_eq(fake.domains[TENANT].vcpus[VCPU].stops, 1);
}
END_TEST

START_TEST(a_slot_is_used_again_with_a_new_handle)
{
    uint64_t fresh[2];
    struct thread_result result = {.outcome = 99};

    ck_assert_int_eq(do_destroy(id), 0);
    scene_ready(image, TENANT, fresh);
    ck_assert_uint_eq(fresh[0] & 255, handle[0] & 255);
    ck_assert_ptr_null(tenant_call(TENANT, 0, CLOISTER_CALL_ENTER, handle, 0, &result));
    ck_assert_int_eq(result.outcome, -ENOENT);
    scene_enter(TENANT, 0, fresh, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread");
    TCase *cases = suite_case(suite, "calls", 60);

    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_loop_test(cases, enter_in_each_state, 0, STATES);
    tcase_add_loop_test(cases, resume_in_each_state, 0, STATES);
    tcase_add_loop_test(cases, status_in_each_state, 0, STATES);
    tcase_add_loop_test(cases, unknown_calls_in_each_state, 0, STATES);
    tcase_add_loop_test(cases, one_thread_s_state_is_not_the_other_s, 0, STATES);

    cases = suite_case(suite, "callers", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_loop_test(cases, threads_that_do_not_exist, 0, 3);
    tcase_add_loop_test(cases, guessed_handles, 0, 3);
    tcase_add_loop_test(cases, another_tenant_s_handle, 0, 3);
    tcase_add_loop_test(cases, enclaves_that_are_not_ready_have_no_handle, 0, 3);
    tcase_add_loop_test(cases, callers_outside_of_user_mode, 0, 3);

    cases = suite_case(suite, "tries", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_loop_test(cases, a_try_enters_what_can_be_entered, 0, 3);
    tcase_add_test(cases, a_try_never_waits);
    tcase_add_test(cases, a_try_answers_no_status);

    cases = suite_case(suite, "exits", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, the_enclave_returns);
    tcase_add_test(cases, the_enclave_calls_out_again_and_again);
    tcase_add_test(cases, the_enclave_gives_up);
    tcase_add_test(cases, the_enclave_lies_about_its_vector);
    tcase_add_loop_test(cases, the_enclave_touches_what_is_not_there, 0, 5);
    tcase_add_loop_test(cases, the_cpu_ends_it, 0, 3);
    tcase_add_test(cases, forbidden_instructions_and_calls);
    tcase_add_test(cases, calls_from_user_mode);
    tcase_add_test(cases, interruptions_are_counted);

    cases = suite_case(suite, "destruction", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_loop_test(cases, destroy_with_a_thread_in_each_state, 0, STATES);
    tcase_add_test(cases, destroy_with_all_threads_inside);
    tcase_add_test(cases, no_call_reaches_a_dying_enclave);
    tcase_add_test(cases, a_slot_is_used_again_with_a_new_handle);
    return suite_run(suite);
}
