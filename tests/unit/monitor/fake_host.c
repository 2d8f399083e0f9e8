/* SPDX-License-Identifier: MIT */
/* Memory, locks, the caller's memory, failures and preemption of the fake host. */
#include "fake_host.h"
#include "vault/identity.h"
#include "tpm_model.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#define HIDE(address, size) ASAN_POISON_MEMORY_REGION(address, size)
#define SHOW(address, size) ASAN_UNPOISON_MEMORY_REGION(address, size)
#else
#define HIDE(address, size) ((void)(address), (void)(size))
#define SHOW(address, size) ((void)(address), (void)(size))
#endif

#define FREED_BYTE 0xdd
#define HEAP_MAGIC UINT64_C(0x6865617046616b65)
#define LOCK_MAGIC UINT64_C(0x6c6f636b46616b65)
#define LOCK_CLASSES 32u
#define MAX_HELD 8u

/* A heap block's head; padded so that the block behind it is as aligned as malloc's. */
struct block {
    struct block *next;
    struct block *previous;
    uint64_t magic;
    size_t size;
    uint8_t guard[32];
};

struct fake_host fake;

static uint8_t arena[FAKE_FRAMES][CLOISTER_PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t user[FAKE_USER_SIZE];

/* The fake's own state: what monitor_init() does not know of. */
static struct {
    struct fake_frame frames[FAKE_FRAMES];
    unsigned int stride;
    unsigned int next_frame;
    struct block *blocks;
    unsigned long block_count;
    uint64_t user_used;
    unsigned long fail_at[FAKE_CALLS];
    unsigned long calls[FAKE_CALLS];
    bool failed;
    unsigned long meet_at;
    bool met;
    unsigned long preempt_every;
    unsigned long preempt_at;
    unsigned long preempt_calls;
    uint64_t random;
    bool expect_panic;
    jmp_buf panic_exit;
    char panic_text[128];
} own;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread struct host_lock *held[MAX_HELD];
static __thread unsigned int held_count;
static __thread unsigned int cpu_number;
static __thread bool secret;

/* Lock classes by the place that makes the lock, and which class was ever taken under which. */
static struct {
    void *places[LOCK_CLASSES];
    unsigned int count;
    bool under[LOCK_CLASSES][LOCK_CLASSES];
} classes;

void fake_die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("fake host: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

void fake_mutex_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void fake_mutex_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

/* --- start and end ------------------------------------------------------------------------- */

static void blocks_free_all(void)
{
    while (own.blocks) {
        struct block *block = own.blocks;
        SHOW(block, sizeof(*block));
        own.blocks = block->next;
        free(block);
    }
    own.block_count = 0;
}

void fake_start_bare(unsigned int stride)
{
    blocks_free_all();
    fake_rings_free();
    for (unsigned int i = 0; i < FAKE_FRAMES; i++) {
        own.frames[i] = (struct fake_frame){.owner = OWNER_NOBODY};
        HIDE(arena[i], CLOISTER_PAGE_SIZE);
    }
    memset(&fake, 0, sizeof(fake));
    tpm_model_start(MODEL_NONE, NULL);
    memset(own.fail_at, 0, sizeof(own.fail_at));
    memset(own.calls, 0, sizeof(own.calls));
    own.stride = stride;
    own.next_frame = 0;
    own.failed = false;
    own.meet_at = 0;
    own.preempt_every = own.preempt_at = own.preempt_calls = 0;
    own.random = UINT64_C(0x9e3779b97f4a7c15);
    fake_user_reset();
    fake_locks_forget();
    cpu_number = 0;

    fake.now = UINT64_C(5000000000);
    fake.actor_domain = CLOISTER_NO_DOMAIN;
    fake.actor_vcpu = CLOISTER_NO_VCPU;
    fake.actor_cpl = 0xff;
    fake.frames_left = FAKE_FRAMES;
    for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
        fake.domains[i].id = i;
    }
}

void fake_start(unsigned int stride)
{
    fake_start_bare(stride);
    if (monitor_init()) {
        fake_die("the monitor does not start");
    }
    for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
        fake.domains[i].tenant = tenant_create(&fake.domains[i]);
        if (!fake.domains[i].tenant) {
            fake_die("no tenant");
        }
    }
}

void fake_identity_init(void)
{
    host_secret_begin();
    identity_init();
    host_secret_end();
}

void fake_end(void)
{
    int rc;

    fake_fail(FAKE_ANY, 0);
    fake_preempt_every(0);
    for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
        if (!fake.domains[i].tenant) {
            continue;
        }
        while ((rc = tenant_end(fake.domains[i].tenant)) == -ERESTART) {
        }
        if (rc) {
            fake_die("tenant_end: %d", rc);
        }
        tenant_destroy(fake.domains[i].tenant);
        fake.domains[i].tenant = NULL;
    }
    fake_check();
    if (fake_frames_in_use() || fake_pins()) {
        fake_die("%lu frames and %lu grant pins leaked", fake_frames_in_use(), fake_pins());
    }
    /* What monitor_init() made stays: the frame table's directory, the rings' array, the signatures' jobs. */
    if (own.block_count != 3) {
        fake_die("%lu heap blocks leaked", own.block_count - 3);
    }
}

/* --- failures and preemption --------------------------------------------------------------- */

void fake_fail(enum fake_call kind, unsigned long nth)
{
    memset(own.fail_at, 0, sizeof(own.fail_at));
    memset(own.calls, 0, sizeof(own.calls));
    own.fail_at[kind] = nth;
    own.failed = false;
}

bool fake_failed(void)
{
    return own.failed;
}

unsigned long fake_calls(enum fake_call kind)
{
    return own.calls[kind];
}

void fake_meet_at(unsigned long n)
{
    own.meet_at = n;
    own.met = false;
}

bool fake_met(void)
{
    return own.met;
}

bool fake_should_fail(enum fake_call kind)
{
    if (own.meet_at && !held_count && --own.meet_at == 0) {
        own.met = true;
        fake.meet();
    }
    fake_mutex_lock();
    bool fail = ++own.calls[kind] == own.fail_at[kind];
    fail |= ++own.calls[FAKE_ANY] == own.fail_at[FAKE_ANY];
    own.failed |= fail;
    fake_mutex_unlock();
    return fail;
}

void fake_preempt_every(unsigned long n)
{
    own.preempt_every = n;
    own.preempt_at = 0;
    own.preempt_calls = 0;
}

void fake_preempt_at(unsigned long n)
{
    own.preempt_every = 0;
    own.preempt_at = n;
    own.preempt_calls = 0;
}

unsigned long fake_preemption_checks(void)
{
    return own.preempt_calls;
}

bool host_preempted(void)
{
    unsigned long call = __atomic_add_fetch(&own.preempt_calls, 1, __ATOMIC_RELAXED);

    fake_require_no_secret("host_preempted");

    return own.preempt_every ? call % own.preempt_every == 0 : call == own.preempt_at;
}

/* --- frames -------------------------------------------------------------------------------- */

static bool index_of(frame_t frame, unsigned int *index)
{
    uint64_t offset = frame.number - FAKE_FIRST_FRAME;

    *index = offset / own.stride;
    return frame.number >= FAKE_FIRST_FRAME && offset % own.stride == 0 && *index < FAKE_FRAMES;
}

frame_t fake_frame_number(unsigned int index)
{
    return (frame_t){FAKE_FIRST_FRAME + (uint64_t)index * own.stride};
}

struct fake_frame *fake_frame_of(frame_t frame)
{
    unsigned int index;

    if (!index_of(frame, &index)) {
        fake_die("frame %#lx does not exist", (unsigned long)frame.number);
    }
    return &own.frames[index];
}

uint8_t *fake_frame_content(frame_t frame)
{
    return arena[fake_frame_of(frame) - own.frames];
}

enum fake_owner fake_owner(frame_t frame)
{
    fake_mutex_lock();
    enum fake_owner owner = fake_frame_of(frame)->owner;
    fake_mutex_unlock();
    return owner;
}

/* Called with the mutex. Content is poison, another for each frame and each turn. */
static void frame_give(unsigned int index, enum fake_owner owner)
{
    uint8_t poison = own.frames[index].poison + 0x31 + index % 7;

    poison |= 1; /* never zero */
    own.frames[index] = (struct fake_frame){.owner = owner, .poison = poison};
    SHOW(arena[index], CLOISTER_PAGE_SIZE);
    memset(arena[index], poison, CLOISTER_PAGE_SIZE);
    HIDE(arena[index], CLOISTER_PAGE_SIZE);
}

/* Called with the mutex. */
static bool frame_find(enum fake_owner owner, frame_t *frame)
{
    for (unsigned int tried = 0; tried < FAKE_FRAMES; tried++) {
        unsigned int index = (own.next_frame + tried) % FAKE_FRAMES;

        if (own.frames[index].owner == OWNER_NOBODY) {
            frame_give(index, owner);
            /* Sometimes the next one, sometimes the one just given back. */
            own.next_frame = index % 5 ? index + 1 : 1;
            *frame = fake_frame_number(index);
            return true;
        }
    }
    return false;
}

frame_t fake_frame_take(enum fake_owner owner)
{
    frame_t frame;

    fake_mutex_lock();
    if (!frame_find(owner, &frame)) {
        fake_die("the arena is too small for this test");
    }
    fake_mutex_unlock();
    return frame;
}

void fake_frame_drop(frame_t frame)
{
    fake_mutex_lock();
    fake_frame_of(frame)->owner = OWNER_NOBODY;
    fake_mutex_unlock();
}

int host_frame_alloc(frame_t *frame)
{
    fake_require_quiet("host_frame_alloc");
    if (fake_should_fail(FAKE_FRAME_ALLOC)) {
        return -ENOMEM;
    }
    fake_mutex_lock();
    bool found = fake.frames_left > 0 && frame_find(OWNER_MONITOR, frame);
    fake.frames_left -= found;
    fake_mutex_unlock();
    return found ? 0 : -ENOMEM;
}

/* The first block of free frames at an aligned number; they are given out as frame_find() does. */
static bool block_find(frame_t *first)
{
    for (unsigned int index = 0; own.stride == 1 && index + HOST_LARGE_FRAMES <= FAKE_FRAMES;
         index++) {
        unsigned int free = 0;

        if (fake_frame_number(index).number % HOST_LARGE_FRAMES) {
            continue;
        }
        while (free < HOST_LARGE_FRAMES && own.frames[index + free].owner == OWNER_NOBODY) {
            free++;
        }
        if (free == HOST_LARGE_FRAMES) {
            for (unsigned int i = 0; i < HOST_LARGE_FRAMES; i++) {
                frame_give(index + i, OWNER_MONITOR);
            }
            *first = fake_frame_number(index);
            return true;
        }
    }
    return false;
}

int host_frame_alloc_large(frame_t *first)
{
    fake_require_quiet("host_frame_alloc_large");
    if (fake_should_fail(FAKE_FRAME_ALLOC) || fake.no_large) {
        return -ENOMEM;
    }
    fake_mutex_lock();
    bool found = fake.frames_left >= HOST_LARGE_FRAMES && block_find(first);
    fake.frames_left -= found ? HOST_LARGE_FRAMES : 0;
    fake_mutex_unlock();
    return found ? 0 : -ENOMEM;
}

static bool is_all(const uint8_t *bytes, uint8_t value)
{
    return bytes[0] == value && !memcmp(bytes, bytes + 1, CLOISTER_PAGE_SIZE - 1);
}

void host_frame_free(frame_t frame)
{
    fake_mutex_lock();
    struct fake_frame *given = fake_frame_of(frame);
    uint8_t *content = fake_frame_content(frame);

    if (given->owner != OWNER_MONITOR) {
        fake_die("frame %#lx given back, but it is not the monitor's", (unsigned long)frame.number);
    }
    if (given->mappings) {
        fake_die("frame %#lx given back while it is mapped", (unsigned long)frame.number);
    }
    SHOW(content, CLOISTER_PAGE_SIZE);
    if (!is_all(content, 0) && !is_all(content, given->poison)) {
        fake_die("frame %#lx given back with content", (unsigned long)frame.number);
    }
    memset(content, FREED_BYTE, CLOISTER_PAGE_SIZE);
    HIDE(content, CLOISTER_PAGE_SIZE);
    given->owner = OWNER_NOBODY;
    given->world = (struct fake_world){.thread = NULL};
    fake.frames_left++;
    fake_mutex_unlock();
}

void *host_frame_map(frame_t frame)
{
    fake_mutex_lock();
    struct fake_frame *mapped = fake_frame_of(frame);
    uint8_t *content = fake_frame_content(frame);

    if (mapped->owner != OWNER_MONITOR) {
        fake_die("frame %#lx mapped, but it is not the monitor's", (unsigned long)frame.number);
    }
    if (!mapped->mappings++) {
        SHOW(content, CLOISTER_PAGE_SIZE);
    }
    fake_mutex_unlock();
    return content;
}

void host_frame_unmap(void *mapping)
{
    uint64_t offset = (uint8_t *)mapping - arena[0];

    if (offset % CLOISTER_PAGE_SIZE || offset / CLOISTER_PAGE_SIZE >= FAKE_FRAMES) {
        fake_die("unmapping what is no mapping");
    }
    fake_mutex_lock();
    struct fake_frame *mapped = &own.frames[offset / CLOISTER_PAGE_SIZE];
    if (!mapped->mappings) {
        fake_die("unmapping twice");
    }
    if (!--mapped->mappings) {
        HIDE(mapping, CLOISTER_PAGE_SIZE);
    }
    fake_mutex_unlock();
}

uint64_t host_frame_limit(void)
{
    return fake.frame_limit ? fake.frame_limit : fake_frame_number(FAKE_FRAMES - 1).number + 1;
}

bool host_frame_is_anonymous(frame_t frame)
{
    return fake_owner(frame) == OWNER_MONITOR && frame.number != fake.not_anonymous;
}

void fake_frame_read(frame_t frame, void *to)
{
    uint8_t *content = fake_frame_content(frame);

    fake_mutex_lock();
    SHOW(content, CLOISTER_PAGE_SIZE);
    memcpy(to, content, CLOISTER_PAGE_SIZE);
    if (!fake_frame_of(frame)->mappings) {
        HIDE(content, CLOISTER_PAGE_SIZE);
    }
    fake_mutex_unlock();
}

bool fake_frame_is_zero(frame_t frame)
{
    uint8_t content[CLOISTER_PAGE_SIZE];

    fake_frame_read(frame, content);
    return is_all(content, 0);
}

unsigned int fake_frames_with(enum fake_owner owner)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < FAKE_FRAMES; i++) {
        count += own.frames[i].owner == owner;
    }
    return count;
}

unsigned long fake_frames_in_use(void)
{
    return fake_frames_with(OWNER_MONITOR) - frame_count(FRAME_FREE);
}

/* --- heap ---------------------------------------------------------------------------------- */

void *host_alloc(size_t size)
{
    if (fake_should_fail(FAKE_HEAP_ALLOC)) {
        return NULL;
    }
    struct block *block = calloc(1, sizeof(*block) + size);
    if (!block) {
        fake_die("out of memory");
    }
    fake_mutex_lock();
    block->magic = HEAP_MAGIC;
    block->size = size;
    block->next = own.blocks;
    if (own.blocks) {
        SHOW(own.blocks, sizeof(*own.blocks));
        own.blocks->previous = block;
        HIDE(own.blocks, sizeof(*own.blocks));
    }
    own.blocks = block;
    own.block_count++;
    HIDE(block, sizeof(*block));
    fake_mutex_unlock();
    return block + 1;
}

static void block_link(struct block *at, struct block *next, struct block *previous, bool forward)
{
    if (!at) {
        return;
    }
    SHOW(at, sizeof(*at));
    if (forward) {
        at->next = next;
    } else {
        at->previous = previous;
    }
    HIDE(at, sizeof(*at));
}

void host_free(void *memory)
{
    if (!memory) {
        return;
    }
    struct block *block = (struct block *)memory - 1;
    fake_mutex_lock();
    SHOW(block, sizeof(*block));
    if (block->magic != HEAP_MAGIC) {
        fake_die("freeing what is no block");
    }
    block_link(block->previous, block->next, NULL, true);
    block_link(block->next, NULL, block->previous, false);
    if (own.blocks == block) {
        own.blocks = block->next;
    }
    own.block_count--;
    block->magic = 0;
    fake_mutex_unlock();
    free(block);
}

unsigned long fake_heap_blocks(void)
{
    return own.block_count;
}

/* --- locks --------------------------------------------------------------------------------- */

void fake_locks_forget(void)
{
    held_count = 0;
    secret = false;
}

static unsigned int class_of(void *place)
{
    fake_mutex_lock();
    unsigned int class = 0;
    while (class < classes.count && classes.places[class] != place) {
        class ++;
    }
    if (class == LOCK_CLASSES) {
        fake_die("too many kinds of locks");
    }
    if (class == classes.count) {
        classes.places[classes.count++] = place;
    }
    fake_mutex_unlock();
    return class;
}

/* opaque: magic, class, taken, unused. A lock's class is the place in the code that makes it. */
void host_lock_init(struct host_lock *lock)
{
    *lock = (struct host_lock){{LOCK_MAGIC, class_of(__builtin_return_address(0)), 0, 0}};
}

static void order_check(const struct host_lock *lock)
{
    unsigned int class = lock->opaque[1];

    if (held_count == MAX_HELD) {
        fake_die("too many locks held");
    }
    /* No lock of the fake's own here: it would hide races from the thread sanitizer. */
    for (unsigned int i = 0; i < held_count; i++) {
        unsigned int above = held[i]->opaque[1];
        if (held[i] == lock || above == class) {
            fake_die("a lock, or one of its kind, is taken twice");
        }
        if (__atomic_load_n(&classes.under[class][above], __ATOMIC_RELAXED)) {
            fake_die("two locks are taken in different orders");
        }
        __atomic_store_n(&classes.under[above][class], true, __ATOMIC_RELAXED);
    }
}

void host_lock(struct host_lock *lock)
{
    if (lock->opaque[0] != LOCK_MAGIC) {
        fake_die("a lock that was not initialised");
    }
    order_check(lock);
    while (__atomic_exchange_n(&lock->opaque[2], 1, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    held[held_count++] = lock;
}

bool host_lock_try(struct host_lock *lock)
{
    if (lock->opaque[0] != LOCK_MAGIC) {
        fake_die("a lock that was not initialised");
    }
    if (__atomic_exchange_n(&lock->opaque[2], 1, __ATOMIC_ACQUIRE)) {
        return false;
    }
    if (held_count == MAX_HELD) {
        fake_die("too many locks held");
    }
    held[held_count++] = lock;
    return true;
}

void host_unlock(struct host_lock *lock)
{
    unsigned int place = held_count;

    while (place > 0 && held[place - 1] != lock) {
        place--;
    }
    if (!place) {
        fake_die("unlocking a lock that is not held");
    }
    held[place - 1] = held[--held_count];
    __atomic_store_n(&lock->opaque[2], 0, __ATOMIC_RELEASE);
}

void host_lock_expect(const struct host_lock *lock)
{
    for (unsigned int i = 0; i < held_count; i++) {
        if (held[i] == lock) {
            return;
        }
    }
    fake_die("a lock that should be held is not");
}

bool fake_quiet(void)
{
    return held_count == 0 && !secret;
}

void fake_require_no_secret(const char *where)
{
    if (secret) {
        fake_die("%s while a secret is in use", where);
    }
}

void fake_require_quiet(const char *where)
{
    if (held_count) {
        fake_die("a lock is held in %s", where);
    }
}

/* --- secrets -------------------------------------------------------------------------------- */

/* More than any of the monitor's functions take, with their run-time checks. */
#define STACK_WIPED (64u << 10)

__attribute__((__noinline__, __no_sanitize__("address"))) static void wipe_stack(void)
{
    volatile uint8_t stack[STACK_WIPED];

    for (size_t i = 0; i < sizeof(stack); i++) {
        stack[i] = 0;
    }
}

void host_secret_begin(void)
{
    fake_require_no_secret("host_secret_begin");
    secret = true;
    __atomic_add_fetch(&fake.secrets, 1, __ATOMIC_RELAXED);
}

void host_secret_end(void)
{
    host_secret_expect();
    if (fake.before_wipe) {
        fake.before_wipe();
    }
    wipe_stack();
    secret = false;
}

void host_secret_expect(void)
{
    if (!secret) {
        fake_die("a secret is used without host_secret_begin()");
    }
}

/* --- the caller ---------------------------------------------------------------------------- */

static bool user_range(uint64_t address, size_t size, uint64_t limit)
{
    return address >= FAKE_USER_BASE && address - FAKE_USER_BASE <= limit &&
           size <= limit - (address - FAKE_USER_BASE);
}

/* A real copy stops at the first byte that faults; the bytes before it are copied. */
static size_t user_part(uint64_t address, size_t size, uint64_t limit)
{
    if (user_range(address, size, limit)) {
        return size;
    }
    return user_range(address, 0, limit) ? limit - (address - FAKE_USER_BASE) : 0;
}

int host_copy_in(void *to, uint64_t from, size_t size)
{
    fake_require_quiet("host_copy_in");
    size_t part = user_part(from, size, FAKE_USER_SIZE);
    if (fake_should_fail(FAKE_COPY_IN)) {
        part /= 2;
    }
    if (part) {
        memcpy(to, user + (from - FAKE_USER_BASE), part);
    }
    return part == size ? 0 : -EFAULT;
}

int host_copy_out(uint64_t to, const void *from, size_t size)
{
    fake_require_quiet("host_copy_out");
    size_t part = user_part(to, size, FAKE_USER_SIZE - FAKE_USER_READONLY);
    if (fake_should_fail(FAKE_COPY_OUT)) {
        part /= 2;
    }
    if (part) {
        memcpy(user + (to - FAKE_USER_BASE), from, part);
    }
    return part == size ? 0 : -EFAULT;
}

void fake_user_reset(void)
{
    own.user_used = 0;
}

uint64_t fake_user_put(const void *data, size_t size)
{
    uint64_t address = FAKE_USER_BASE + own.user_used;

    own.user_used += (size + 15) & ~(size_t)15;
    if (own.user_used > FAKE_USER_SIZE - FAKE_USER_READONLY) {
        fake_die("the caller's memory is too small for this test");
    }
    if (data) {
        memcpy(fake_user(address), data, size);
    }
    return address;
}

void *fake_user(uint64_t address)
{
    return user + (address - FAKE_USER_BASE);
}

uint64_t fake_user_readonly(void)
{
    return FAKE_USER_BASE + FAKE_USER_SIZE - FAKE_USER_READONLY;
}

/* --- time, identity, randomness ------------------------------------------------------------ */

uint64_t host_now(void)
{
    return __atomic_load_n(&fake.now, __ATOMIC_RELAXED);
}

unsigned int host_cpu(void)
{
    return cpu_number;
}

void fake_set_cpu(unsigned int cpu)
{
    cpu_number = cpu;
}

unsigned int host_cpu_count(void)
{
    return FAKE_CPUS;
}

/* splitmix64: the same numbers in every run, unless real ones are asked for. */
int host_random(void *to, size_t size)
{
    uint8_t *bytes = to;

    if (fake_should_fail(FAKE_RANDOM)) {
        memset(to, 0x55, size / 2);
        return -EIO;
    }
    fake_mutex_lock();
    for (size_t i = 0; i < size; i++) {
        own.random += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = (own.random ^ own.random >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        bytes[i] = fake.random_real ? (uint8_t)rand() : (uint8_t)(z >> 56);
    }
    fake_mutex_unlock();
    return 0;
}

uint32_t host_flags(void)
{
    return fake.flags;
}

void host_version(uint8_t text[32])
{
    memset(text, 0, 32);
    strcpy((char *)text, "4.17.5");
}

void host_source(uint8_t text[48])
{
    memset(text, 0, 48);
    strcpy((char *)text, "4.17.5+72-g01140da4e8-1");
}

uint32_t host_record_pcr(void)
{
    return CLOISTER_RECORD_PCR;
}

int host_update_key(uint8_t name[32])
{
    if (!fake.update_key) {
        return fake.update_key_wrong ? -EINVAL : -ENOENT;
    }
    memcpy(name, fake.update_key, 32);
    return 0;
}

void host_describe_actor(struct cloister_trace_record *record)
{
    record->domain = fake.actor_domain;
    record->vcpu = fake.actor_vcpu;
    record->cpl = fake.actor_cpl;
    record->rip = fake.actor_rip;
    record->cr3 = fake.actor_cr3;
}

/* --- panic --------------------------------------------------------------------------------- */

void host_panic(const char *what)
{
    if (!own.expect_panic) {
        fake_die("host_panic: %s", what);
    }
    snprintf(own.panic_text, sizeof(own.panic_text), "%s", what);
    longjmp(own.panic_exit, 1);
}

bool fake_panics(void (*function)(void *context), void *context)
{
    own.expect_panic = true;
    own.panic_text[0] = '\0';
    if (!setjmp(own.panic_exit)) {
        function(context);
        own.expect_panic = false;
        return false;
    }
    own.expect_panic = false;
    return true;
}

const char *fake_panic_text(void)
{
    return own.panic_text;
}
