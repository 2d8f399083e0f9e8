/* SPDX-License-Identifier: MIT */
/* Calls of libcloister: call.c unchanged, with code inside that keeps the rules, and breaks them.
 */
#include "suite.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "libcloister/enclave.h"
#include "fake_world.h"
#include "libcloister/slot.h"

#define PAGES 4u

static struct cloister_enclave *enclave;
static struct cloister_error error;

uint32_t library_forks; /* load.c's */

static void start_with(unsigned int threads, uint32_t flags, fake_code *code)
{
    enclave = calloc(1, sizeof(*enclave));
    /* An allocation of its own, so that the sanitizer sees each byte beyond. */
    enclave->window_size = PAGES * CLOISTER_PAGE_SIZE;
    enclave->window = calloc(1, enclave->window_size);
    enclave->slot = slot_size(PAGES, threads);
    enclave->flags = flags;
    enclave->forks = library_forks;
    enclave->details.thread_count = threads;
    threads_start(&enclave->threads, threads);
    pthread_mutex_init(&enclave->ocall_lock, NULL);
    fake_world_start(enclave->window, threads, code);
    memcpy(enclave->handle, fake_world.handle, sizeof(enclave->handle));
    memset(&error, 0, sizeof(error));
}

static void start(unsigned int threads, fake_code *code)
{
    start_with(threads, 0, code);
}

static void stop(void)
{
    REQUIRE(threads_close(&enclave->threads, 10));
    threads_stop(&enclave->threads);
    pthread_mutex_destroy(&enclave->ocall_lock);
    free(enclave->window);
    free(enclave);
}

/* Gives back what it gets. */
static int64_t echo(struct fake_thread *thread, struct world_values *values)
{
    struct cloister_call_frame *frame = fake_frame(thread);

    (void)values;
    REQUIRE(thread->size == enclave->slot);
    REQUIRE(thread->offset == (uint64_t)thread->number * enclave->slot);
    REQUIRE(frame->in_size <= frame->out_capacity);
    memcpy(fake_out(thread), fake_in(thread), frame->in_size);
    frame->out_size = frame->in_size;
    frame->status = 0;
    return CLOISTER_EXIT_RETURN;
}

START_TEST(returns_what_the_code_gives)
{
    uint8_t in[1000], out[1000];
    size_t size;

    start(4, echo);
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)i;
    for (size_t length = 0; length <= sizeof(in); length++) {
        memset(out, 0, sizeof(out));
        REQUIRE(!cloister_enclave_call(enclave, 7, in, length, out, sizeof(out), &size, &error));
        REQUIRE(size == length && !memcmp(in, out, length));
        REQUIRE(fake_frame(&fake_world.threads[0])->function == 7);
    }
    /* In place, without a size, and with nothing at all. */
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, in, 16, in, 16, NULL, NULL), 0);
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, NULL), 0);
    ck_assert_uint_eq(fake_world.refusals, 0);
    stop();
}
END_TEST

START_TEST(uses_a_slot_to_its_last_byte)
{
    static uint8_t in[PAGES * CLOISTER_PAGE_SIZE], out[PAGES * CLOISTER_PAGE_SIZE];
    size_t size, room;

    for (unsigned int threads = 1; threads <= 64; threads++) {
        start(threads, echo);
        room = enclave->slot - SLOT_FRAME;
        size_t half = (room / 2) & ~(size_t)15;

        if (half)
            REQUIRE(!cloister_enclave_call(enclave, 1, in, half, out, room - half, &size, &error));
        REQUIRE(!cloister_enclave_call(enclave, 1, NULL, 0, out, room, &size, &error));
        REQUIRE(cloister_enclave_call(enclave, 1, NULL, 0, out, room + 1, &size, &error) == -E2BIG);
        REQUIRE(cloister_enclave_call(enclave, 1, in, room + 1, out, 0, &size, &error) == -E2BIG);
        REQUIRE(error.allowed == room && error.found == room + 1);
        REQUIRE(cloister_enclave_call(enclave, 1, in, SIZE_MAX, out, 0, &size, &error) == -E2BIG);
        REQUIRE(cloister_enclave_call(enclave, 1, in, 16, out, SIZE_MAX - 8, &size, &error) ==
                -E2BIG);
        REQUIRE(cloister_enclave_call(enclave, 1, in, UINT32_MAX, out, 16, &size, &error) ==
                -E2BIG);
        /* What is refused costs no thread. */
        REQUIRE(enclave->threads.free == enclave->threads.all);
        stop();
    }
}
END_TEST

static int64_t interrupted(struct fake_thread *thread, struct world_values *values)
{
    return thread->step < 1000 ? -EAGAIN : echo(thread, values);
}

START_TEST(goes_on_after_interruptions)
{
    uint8_t data[8] = "abcdefg";

    start(1, interrupted);
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, data, 8, data, 8, NULL, &error), 0);
    ck_assert_uint_eq(fake_world.enters, 1);
    ck_assert_uint_eq(fake_world.resumes, 1000);
    ck_assert_uint_eq(fake_world.refusals, 0);
    stop();
}
END_TEST

static uint32_t lie_status, lie_size;

static int64_t liar(struct fake_thread *thread, struct world_values *values)
{
    (void)values;
    fake_frame(thread)->status = (int32_t)lie_status;
    fake_frame(thread)->out_size = lie_size;
    /* And it may write over all the rest. */
    fake_frame(thread)->out_offset = 0xfffffff0;
    fake_frame(thread)->out_capacity = UINT32_MAX;
    fake_frame(thread)->in_offset = UINT32_MAX;
    return CLOISTER_EXIT_RETURN;
}

START_TEST(does_not_believe_sizes)
{
    static const uint32_t sizes[] = {33, 4096, 0x7fffffff, 0x80000000, UINT32_MAX};
    uint8_t out[32], before[32];
    size_t size = 99;

    start(2, liar);
    memset(out, 0x55, sizeof(out));
    memcpy(before, out, sizeof(out));
    lie_status = 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        lie_size = sizes[i];
        ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, out, 32, &size, &error),
                         -EPROTO);
        ck_assert_uint_eq(error.found, sizes[i]);
        ck_assert_uint_eq(error.allowed, 32);
        ck_assert_uint_eq(error.origin, CLOISTER_ORIGIN_LIBRARY);
    }
    ck_assert_mem_eq(out, before, 32);
    ck_assert_uint_eq(size, 99);
    lie_size = 32;
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, out, 32, &size, &error), 0);
    ck_assert_uint_eq(size, 32);
    ck_assert(enclave->threads.free == enclave->threads.all);
    stop();
}
END_TEST

START_TEST(passes_on_the_enclaves_own_errors)
{
    static const int32_t strange[] = {1, INT32_MAX, INT32_MIN, -4096};
    uint8_t out[8];

    start(1, liar);
    lie_size = 8;
    lie_status = (uint32_t)-EACCES;
    ck_assert_int_eq(cloister_enclave_call(enclave, 9, NULL, 0, out, 8, NULL, &error), -EACCES);
    ck_assert_uint_eq(error.origin, CLOISTER_ORIGIN_ENCLAVE);
    ck_assert_int_eq(error.code, EACCES);
    for (size_t i = 0; i < 4; i++) {
        lie_status = (uint32_t)strange[i];
        ck_assert_int_eq(cloister_enclave_call(enclave, 9, NULL, 0, out, 8, NULL, &error), -EPROTO);
        ck_assert_uint_eq(error.origin, CLOISTER_ORIGIN_LIBRARY);
    }
    stop();
}
END_TEST

static uint64_t fault_vector;

static int64_t faulty(struct fake_thread *thread, struct world_values *values)
{
    (void)thread;
    values->value0 = fault_vector;
    values->value1 = 0x10000042;
    return CLOISTER_EXIT_FAULT;
}

START_TEST(tells_faults)
{
    static const struct {
        uint64_t vector;
        uint16_t reason;
    } faults[] = {{6, CLOISTER_REASON_ENCLAVE_FAULT},
                  {CLOISTER_VECTOR_VIEW, CLOISTER_REASON_ENCLAVE_VIEW},
                  {CLOISTER_VECTOR_SHUTDOWN, CLOISTER_REASON_ENCLAVE_FAULT},
                  {CLOISTER_VECTOR_STATE, CLOISTER_REASON_WORLD_STATE},
                  {CLOISTER_VECTOR_MACHINE, CLOISTER_REASON_ENCLAVE_FAULT}};

    start(5, faulty);
    for (size_t i = 0; i < 5; i++) {
        fault_vector = faults[i].vector;
        ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error),
                         -EFAULT);
        ck_assert_uint_eq(error.reason, faults[i].reason);
        ck_assert_uint_eq(error.found, faults[i].vector);
        ck_assert_uint_eq(error.allowed, 0x10000042);
        ck_assert_uint_eq(error.origin, CLOISTER_ORIGIN_ENCLAVE);
    }
    /* All five are dead now, and not entered again. */
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), -EIO);
    ck_assert_uint_eq(fake_world.enters, 5);
    ck_assert_uint_eq(fake_world.refusals, 0);
    stop();
}
END_TEST

START_TEST(tells_that_the_enclave_is_gone)
{
    struct cloister_threads threads;

    start(2, echo);
    fake_world.gone = true;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error),
                         -ENOENT);
    ck_assert_uint_eq(error.origin, CLOISTER_ORIGIN_HOST);
    ck_assert_int_eq(cloister_enclave_threads(enclave, &threads, &error), -ENOENT);
    stop();
}
END_TEST

static int64_t strange_outcome;

static int64_t strange(struct fake_thread *thread, struct world_values *values)
{
    (void)thread;
    (void)values;
    return strange_outcome;
}

START_TEST(survives_strange_outcomes)
{
    static const int64_t outcomes[] = {3,     1000000, INT64_MAX, INT64_MIN,
                                       -4096, -EPERM,  -ENOSYS,   -EINVAL};

    start(1, strange);
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        int expected = outcomes[i] < 0 && outcomes[i] >= -4095 ? (int)outcomes[i] : -EPROTO;

        strange_outcome = outcomes[i];
        ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error),
                         expected);
        ck_assert_uint_ne(strlen(error.text), 0);
    }
    stop();
}
END_TEST

START_TEST(gives_up_a_thread_that_somebody_else_has)
{
    start(2, echo);
    fake_world.threads[0].state = CLOISTER_THREAD_INTERRUPTED;
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), -EBUSY);
    /* The other one is used from now on. */
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), 0);
    stop();
}
END_TEST

/* Calls out with function 5 in step 0 and gives back what it got. */
static int64_t caller(struct fake_thread *thread, struct world_values *values)
{
    struct cloister_call_frame *frame = fake_frame(thread);

    (void)values;
    switch (thread->step) {
    case 0:
        frame->function = 5;
        frame->in_offset = 64;
        frame->in_size = 4;
        frame->out_offset = 80;
        frame->out_capacity = 16;
        memcpy(fake_in(thread), "ping", 4);
        return CLOISTER_EXIT_OCALL;
    case 1:
        return -EAGAIN;
    default:
        frame->out_size = frame->status ? 0 : frame->out_size;
        return CLOISTER_EXIT_RETURN;
    }
}

static int pong(void *context, const void *in, size_t in_size, void *out, size_t out_capacity,
                size_t *out_size)
{
    unsigned int *count = context;

    (*count)++;
    REQUIRE(in_size == 4 && !memcmp(in, "ping", 4) && out_capacity == 16);
    memcpy(out, "pong!", 5);
    *out_size = 5;
    return 0;
}

START_TEST(serves_ocalls)
{
    unsigned int count = 0;
    uint8_t out[64];
    size_t size;

    start(1, caller);
    ck_assert_int_eq(cloister_enclave_set_ocall(enclave, 5, pong, &count), 0);
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, out, 64, &size, &error), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(size, 5);
    /* out_offset of this call is 64, and of the OCALL 80: that is where the answer lies. */
    ck_assert_mem_eq(enclave->window + 80, "pong!", 5);
    ck_assert_uint_eq(fake_world.resumes, 2);

    /* Nobody serves it any more: the code inside is told. */
    ck_assert_int_eq(cloister_enclave_set_ocall(enclave, 5, NULL, NULL), 0);
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, out, 64, &size, &error), -ENOSYS);
    stop();
}
END_TEST

static struct cloister_call_frame wild_frame;

static int64_t wild(struct fake_thread *thread, struct world_values *values)
{
    struct cloister_call_frame *frame = fake_frame(thread);

    (void)values;
    if (thread->step == 0) {
        *frame = wild_frame;
        return CLOISTER_EXIT_OCALL;
    }
    frame->out_size = 0;
    return CLOISTER_EXIT_RETURN;
}

static int never(void *context, const void *in, size_t in_size, void *out, size_t out_capacity,
                 size_t *out_size)
{
    (void)context;
    (void)in;
    (void)in_size;
    (void)out;
    (void)out_capacity;
    (void)out_size;
    ck_abort_msg("a handler was called with a wrong frame");
    return 0;
}

START_TEST(refuses_ocalls_outside_the_slot)
{
    static const struct {
        uint32_t in_offset, in_size, out_offset, out_capacity;
    } frames[] = {
        {0, 1, 64, 0},          {63, 1, 64, 0},   {64, UINT32_MAX, 64, 0}, {UINT32_MAX, 1, 64, 0},
        {UINT32_MAX, 2, 64, 0}, {64, 0, 0, 8},    {64, 0, 48, 8},          {64, 0, 8192, 1},
        {64, 0, 8191, 2},       {8192, 1, 64, 0}, {64, 8129, 64, 0},       {64, 0, 64, UINT32_MAX},
        {64, 0, UINT32_MAX, 9},
    };

    start(2, wild);
    ck_assert_uint_eq(enclave->slot, 8192);
    ck_assert_int_eq(cloister_enclave_set_ocall(enclave, 1, never, NULL), 0);
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        wild_frame = (struct cloister_call_frame){.function = 1,
                                                  .in_offset = frames[i].in_offset,
                                                  .in_size = frames[i].in_size,
                                                  .out_offset = frames[i].out_offset,
                                                  .out_capacity = frames[i].out_capacity};
        ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error),
                         -EFAULT);
        ck_assert_uint_eq(error.origin, CLOISTER_ORIGIN_ENCLAVE);
        ck_assert_uint_eq(error.reason, 0);
    }
    stop();
}
END_TEST

static size_t bad_size;
static int bad_status;

static int bad_handler(void *context, const void *in, size_t in_size, void *out,
                       size_t out_capacity, size_t *out_size)
{
    (void)context;
    (void)in;
    (void)in_size;
    (void)out;
    (void)out_capacity;
    *out_size = bad_size;
    return bad_status;
}

START_TEST(checks_its_own_handlers)
{
    start(1, wild);
    wild_frame = (struct cloister_call_frame){
        .function = 1, .in_offset = 64, .in_size = 0, .out_offset = 64, .out_capacity = 16};
    ck_assert_int_eq(cloister_enclave_set_ocall(enclave, 1, bad_handler, NULL), 0);
    bad_size = 17;
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), -EOVERFLOW);
    bad_size = SIZE_MAX;
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), -EOVERFLOW);
    bad_size = 0;
    bad_status = 5;
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), -EPROTO);
    bad_status = -ENOTTY;
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), -ENOTTY);
    bad_status = 0;
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), 0);
    stop();
}
END_TEST

START_TEST(has_room_for_so_many_handlers)
{
    start(1, echo);
    for (uint32_t i = 0; i < CLOISTER_MAX_OCALLS; i++)
        ck_assert_int_eq(cloister_enclave_set_ocall(enclave, i * 1000, never, NULL), 0);
    ck_assert_int_eq(cloister_enclave_set_ocall(enclave, 1, never, NULL), -ENOSPC);
    ck_assert_int_eq(cloister_enclave_set_ocall(enclave, 1, NULL, NULL), 0);
    ck_assert_int_eq(cloister_enclave_set_ocall(enclave, 1000, pong, NULL), 0);
    ck_assert_int_eq(cloister_enclave_set_ocall(enclave, 2000, NULL, NULL), 0);
    ck_assert_int_eq(cloister_enclave_set_ocall(enclave, 1, never, NULL), 0);
    ck_assert_int_eq(cloister_enclave_set_ocall(enclave, 2000, never, NULL), -ENOSPC);
    stop();
}
END_TEST

/* A handler that calls the enclave again, three deep. */
static int64_t nesting(struct fake_thread *thread, struct world_values *values)
{
    struct cloister_call_frame *frame = fake_frame(thread);

    (void)values;
    if (thread->step == 0 && frame->function < 10) {
        *frame = (struct cloister_call_frame){.function = frame->function,
                                              .in_offset = 64,
                                              .in_size = 0,
                                              .out_offset = 64,
                                              .out_capacity = 4};
        return CLOISTER_EXIT_OCALL;
    }
    frame->out_size = 0;
    if (thread->step == 0)
        frame->status = 0;
    return CLOISTER_EXIT_RETURN;
}

static int deepest;

static int deeper(void *context, const void *in, size_t in_size, void *out, size_t out_capacity,
                  size_t *out_size)
{
    uint32_t *depth = context;
    struct cloister_error inner;
    int result;

    (void)in;
    (void)in_size;
    (void)out;
    (void)out_capacity;
    (void)out_size;
    REQUIRE(cloister_enclave_terminate(enclave, &inner) == -EDEADLK);
    (*depth)++;
    /* Function 1 calls out again as long as threads are left; it must never wait for itself. */
    result = cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &inner);
    deepest = deepest ? deepest : result;
    return 0;
}

/* terminate() is load.c's; here only its refusal matters. */
int cloister_enclave_terminate(struct cloister_enclave *subject, struct cloister_error *why)
{
    (void)why;
    return library_in_handler == subject ? -EDEADLK : 0;
}

START_TEST(nests_ocalls)
{
    uint32_t depth = 0;

    for (uint32_t flags = 0; flags <= CLOISTER_OPTION_WAIT; flags++) {
        start_with(4, flags, nesting);
        depth = 0;
        deepest = 0;
        ck_assert_int_eq(cloister_enclave_set_ocall(enclave, 1, deeper, &depth), 0);
        ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), 0);
        ck_assert_uint_eq(depth, 4);
        ck_assert_int_eq(deepest, -EBUSY);
        ck_assert_ptr_null(library_in_handler);
        ck_assert(enclave->threads.free == enclave->threads.all);
        stop();
    }
}
END_TEST

START_TEST(refuses_a_child)
{
    struct cloister_threads threads;

    start(1, echo);
    library_forks++;
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), -EPERM);
    ck_assert_int_eq(cloister_enclave_threads(enclave, &threads, &error), -EPERM);
    ck_assert_uint_eq(fake_world.enters, 0);
    library_forks--;
    stop();
}
END_TEST

START_TEST(tells_threads)
{
    struct cloister_threads threads;

    start(8, echo);
    fake_world.threads[1].state = CLOISTER_THREAD_RUNNING;
    fake_world.threads[2].state = CLOISTER_THREAD_INTERRUPTED;
    fake_world.threads[2].step = 100;
    fake_world.threads[3].state = CLOISTER_THREAD_OCALL;
    fake_world.threads[4].state = CLOISTER_THREAD_DEAD;
    fake_world.threads[5].state = 77;
    ck_assert_int_eq(cloister_enclave_threads(enclave, &threads, &error), 0);
    ck_assert_uint_eq(threads.idle, 3);
    ck_assert_uint_eq(threads.running, 1);
    ck_assert_uint_eq(threads.interrupted, 1);
    ck_assert_uint_eq(threads.calling_out, 1);
    ck_assert_uint_eq(threads.dead, 2);
    ck_assert_uint_eq(threads.interruptions, 100);
    stop();
}
END_TEST

/* Threads of the process against each other. */
#define CALLERS 8u
#define CALLS 3000u

static int64_t slow_echo(struct fake_thread *thread, struct world_values *values)
{
    if (thread->step < thread->number + 1)
        return -EAGAIN;
    return echo(thread, values);
}

static void *call_often(void *context)
{
    uint64_t mark = (uint64_t)(uintptr_t)context << 32, got;
    uintptr_t busy = 0;
    size_t size;

    for (uint32_t i = 0; i < CALLS; i++) {
        uint64_t sent = mark | i;
        int result =
            cloister_enclave_call(enclave, 1, &sent, sizeof(sent), &got, sizeof(got), &size, NULL);

        if (result == -EBUSY) {
            busy++;
            continue;
        }
        if (result || size != sizeof(got) || got != sent)
            return (void *)UINTPTR_MAX;
    }
    return (void *)busy;
}

static uintptr_t all_call(unsigned int threads, uint32_t flags)
{
    pthread_t callers[CALLERS];
    uintptr_t busy = 0;

    start_with(threads, flags, slow_echo);
    for (uintptr_t i = 0; i < CALLERS; i++)
        REQUIRE(!pthread_create(&callers[i], NULL, call_often, (void *)(i + 1)));
    for (unsigned int i = 0; i < CALLERS; i++) {
        void *result;

        pthread_join(callers[i], &result);
        REQUIRE(result != (void *)UINTPTR_MAX);
        busy += (uintptr_t)result;
    }
    REQUIRE(fake_world.refusals == 0);
    REQUIRE(fake_world.enters + busy == CALLERS * CALLS);
    REQUIRE(enclave->threads.free == enclave->threads.all);
    stop();
    return busy;
}

START_TEST(keeps_threads_apart)
{
    for (unsigned int threads = 1; threads <= 16; threads++)
        all_call(threads, 0);
    ck_assert_uint_eq(all_call(CALLERS, 0), 0);
}
END_TEST

START_TEST(waits_for_a_thread)
{
    for (unsigned int threads = 1; threads <= 16; threads++)
        ck_assert_uint_eq(all_call(threads, CLOISTER_OPTION_WAIT), 0);
}
END_TEST

static int64_t endless(struct fake_thread *thread, struct world_values *values)
{
    (void)thread;
    (void)values;
    return -EAGAIN;
}

static void *call_once(void *context)
{
    (void)context;
    return (void *)(intptr_t)cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, NULL);
}

START_TEST(ends_calls_that_never_end)
{
    /* Two run for ever inside, two wait for a thread: all come out when the enclave is closed. */
    pthread_t callers[4];

    for (unsigned int round = 0; round < 20; round++) {
        start_with(2, CLOISTER_OPTION_WAIT, endless);
        for (unsigned int i = 0; i < 4; i++)
            ck_assert_int_eq(pthread_create(&callers[i], NULL, call_once, NULL), 0);
        while (fake_world.enters < 2 || (round % 2 && enclave->threads.waiters < 2))
            sched_yield();
        ck_assert(threads_close(&enclave->threads, 10));
        ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error),
                         -ESHUTDOWN);
        for (unsigned int i = 0; i < 4; i++) {
            void *result;

            pthread_join(callers[i], &result);
            ck_assert_int_eq((intptr_t)result, -ESHUTDOWN);
        }
        stop();
    }
}
END_TEST

static _Atomic bool let_die;

static int64_t dies(struct fake_thread *thread, struct world_values *values)
{
    if (!let_die)
        return -EAGAIN;
    return faulty(thread, values);
}

START_TEST(does_not_wait_for_the_dead)
{
    pthread_t callers[4];
    unsigned int faults = 0, lost = 0;

    start_with(2, CLOISTER_OPTION_WAIT, dies);
    let_die = false;
    for (unsigned int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&callers[i], NULL, call_once, NULL), 0);
    while (fake_world.enters < 2)
        sched_yield();
    let_die = true;
    for (unsigned int i = 0; i < 4; i++) {
        void *result;

        pthread_join(callers[i], &result);
        faults += (intptr_t)result == -EFAULT;
        lost += (intptr_t)result == -EIO;
    }
    ck_assert_uint_eq(faults, 2);
    ck_assert_uint_eq(lost, 2);
    stop();
}
END_TEST

SUITE_MAIN("call", returns_what_the_code_gives, uses_a_slot_to_its_last_byte,
           goes_on_after_interruptions, does_not_believe_sizes, passes_on_the_enclaves_own_errors,
           tells_faults, tells_that_the_enclave_is_gone, survives_strange_outcomes,
           gives_up_a_thread_that_somebody_else_has, serves_ocalls, refuses_ocalls_outside_the_slot,
           checks_its_own_handlers, has_room_for_so_many_handlers, nests_ocalls, refuses_a_child,
           tells_threads, keeps_threads_apart, waits_for_a_thread, ends_calls_that_never_end,
           does_not_wait_for_the_dead)
