/* SPDX-License-Identifier: MIT */
/*
 * The monitor's host (hv/monitor/core/host.h) as an ordinary program.
 *
 * What it models: frames with an owner and poisoned content, a caller's memory, grants, vCPUs that
 * can be stopped, the state of every world, per-CPU trace rings, time that the test sets. What it
 * cannot model: TLBs, real worlds, Xen's own locks, and a control domain that changes its memory
 * while it is read.
 *
 * What it checks by itself, at every call (a violation ends the test):
 *   - a frame is given back zeroed, or as untouched as it was given out, unmapped, and only once;
 *   - a frame is only accessed while it is mapped (with the address sanitizer);
 *   - locks are taken in one order, never twice, and none is held across a copy, the making of a frame or
 *     a vCPU's stop;
 *   - secrets are used between host_secret_begin() and _end() only, which are neither nested nor left open, and
 *     between which no vCPU is stopped and no preemption is asked for;
 *   - a context frame is zero when its world is made; a world starts only where it may.
 *
 * Fallible calls can be made to fail: the n-th of a kind, or the n-th of all.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <setjmp.h>

#include "core/monitor.h"

/* Frames of the arena; fuzzers take fewer. */
#ifndef FAKE_FRAMES
#define FAKE_FRAMES 3072u
#endif
#define FAKE_FIRST_FRAME 0x100u
#define FAKE_CPUS 4u
#define FAKE_DOMAINS 4u
#define FAKE_VCPUS 4u
#define FAKE_GRANTS 64u
#define FAKE_TRACE_CAPACITY                                                                        \
    (CLOISTER_TRACE_RING_PAGES * CLOISTER_PAGE_SIZE / CLOISTER_TRACE_RECORD_SIZE - 1)

/* The caller's memory: readable and writable, then read-only; all other addresses fault. */
#define FAKE_USER_BASE UINT64_C(0x100000)
#define FAKE_USER_SIZE (UINT64_C(2) << 20)
#define FAKE_USER_READONLY (UINT64_C(64) << 10) /* at the end */

enum fake_call {
    FAKE_FRAME_ALLOC,
    FAKE_HEAP_ALLOC,
    FAKE_RANDOM,
    FAKE_GRANT,
    FAKE_COPY_IN,
    FAKE_COPY_OUT,
    FAKE_ANY, /* the n-th of all of them */
    FAKE_CALLS,
};

enum fake_world_state {
    WORLD_NONE,
    WORLD_MADE,
    WORLD_STARTED,  /* next entry at the launch state */
    WORLD_ANSWERED, /* next entry behind an OCALL */
    WORLD_ABANDONED,
};

struct fake_world {
    struct thread *thread; /* NULL: this frame holds no world */
    enum fake_world_state state;
    frame_t root;
    uint64_t arg[2];
    bool occupied; /* concurrency test: a vCPU is inside */
};

enum fake_owner {
    OWNER_NOBODY, /* free */
    OWNER_MONITOR,
    OWNER_TENANT,
};

struct fake_grant {
    bool granted;
    bool writable;
    frame_t frame;
    unsigned int pins;
};

struct fake_vcpu {
    unsigned int stopped;   /* how often; it runs at 0 */
    unsigned int stops;     /* since the start */
    struct thread *pending; /* it is on its way into, or inside */
    bool inside;            /* concurrency test: must be waited for */
};

struct fake_domain {
    uint8_t reborn;  /* its UUID is another one */
    uint8_t uuid_of; /* 0, or its UUID is the one of domain uuid_of - 1 */
    uint16_t id;
    enum cloister_reason refusal;
    struct tenant *tenant;
    struct fake_vcpu vcpus[FAKE_VCPUS];
    struct fake_grant grants[FAKE_GRANTS];
};

/* What tests set and look at. */
extern struct fake_host {
    enum cloister_reason refusal; /* of the machine */
    uint32_t flags;
    const uint8_t *update_key; /* 32 bytes; NULL: none, or one that is no name */
    bool update_key_wrong;
    uint64_t now;
    /* who runs: what host_describe_actor() tells */
    uint16_t actor_domain;
    uint16_t actor_vcpu;
    uint8_t actor_cpl;
    uint64_t actor_rip;
    uint64_t actor_cr3;
    struct fake_domain domains[FAKE_DOMAINS];
    unsigned int frames_left;  /* as if the machine had only so many more */
    bool no_large;             /* as if no block were left, or the CPU had no large leaves */
    int audit_answer;          /* of host_audit() */
    uint64_t audit_adds;       /* violations it adds ... */
    size_t audit_count;        /* ... to this member of struct cloister_audit, by its offset */
    uint64_t not_anonymous;    /* a frame number, 0 none */
    bool random_real;          /* false: the same numbers in every run */
    void (*before_wipe)(void); /* in host_secret_end() */
    unsigned long secrets;     /* how often one was in use */
    /* Another CPU: runs once, in a fallible call at which no lock is held (fake_meet_at). */
    void (*meet)(void);
    /* Another CPU: runs at the beginning of each host_domain_refusal(). */
    void (*asked)(void);
    uint64_t frame_limit; /* of host_frame_limit(), as if memory had been added since; 0: all */
} fake;

/* A machine on which nothing has happened. `stride`: distance of frame numbers: 1, or more to
 * spread them over chunks of the frame table. Each domain has a tenant then. */
void fake_start(unsigned int stride);
/* The same, without monitor_init(). */
void fake_start_bare(unsigned int stride);
/* identity_init() again, as monitor_init() calls it. */
void fake_identity_init(void);
/* Ends all tenants and checks that nothing is left. */
void fake_end(void);

/* Which CPU this thread of the test is. */
void fake_set_cpu(unsigned int cpu);

/* From now on the n-th call (1: the next) of a kind fails, once. 0: none. */
void fake_fail(enum fake_call kind, unsigned long nth);
/* It has failed since. */
bool fake_failed(void);
/* How many calls of the kind there were since fake_fail() or the start. */
unsigned long fake_calls(enum fake_call kind);

/* fake.meet runs in the n-th fallible call from now at which no lock is held (0: never); it has. */
void fake_meet_at(unsigned long n);
bool fake_met(void);

/* host_preempted() is true at each n-th call (0: never); or only at the n-th from now. */
void fake_preempt_every(unsigned long n);
void fake_preempt_at(unsigned long n);
unsigned long fake_preemption_checks(void);

/* Live resources. Frames without the frame table's own. */
unsigned long fake_frames_in_use(void);
unsigned long fake_heap_blocks(void);
unsigned long fake_pins(void);

enum fake_owner fake_owner(frame_t frame);
/* A world's record by the number of its first context frame. */
const struct fake_world *fake_world(frame_t frame);
/* The content of a frame, whether it is mapped or not. */
void fake_frame_read(frame_t frame, void *to);
bool fake_frame_is_zero(frame_t frame);
frame_t fake_frame_number(unsigned int index);
/* What an entry of a view holds (the inverse of what the monitor asks this host to encode). */
bool fake_entry_is_leaf(uint64_t entry);
bool fake_entry_is_large(uint64_t entry);
uint32_t fake_entry_flags(uint64_t entry);

/* vCPUs that are threads of the test: between begin and end host_vcpu_stop() waits for them. begin
 * waits while the vCPU is stopped, and returns the thread that it was inside of. */
struct thread *fake_vcpu_begin(struct fake_domain *domain, uint16_t vcpu);
void fake_vcpu_end(struct fake_domain *domain, uint16_t vcpu);
/* The vCPU goes into an enclave's thread, alone; and is about to come out. */
void fake_vcpu_enter(struct fake_domain *domain, uint16_t vcpu, struct thread *thread);
void fake_vcpu_leave(struct fake_domain *domain, uint16_t vcpu);

/* A page of a domain, granted to the caller as `ref`. */
frame_t fake_grant(struct fake_domain *domain, uint32_t ref, bool writable);
void fake_revoke(struct fake_domain *domain, uint32_t ref);

/* The caller's memory. put: copies data there; NULL: only finds room. */
uint64_t fake_user_put(const void *data, size_t size);
void fake_user_reset(void);
void *fake_user(uint64_t address);
uint64_t fake_user_readonly(void);

const struct cloister_trace_header *fake_ring(unsigned int cpu);
/* Record n of a CPU, as a reader would take it. NULL: not there (any more). */
const struct cloister_trace_record *fake_record(unsigned int cpu, uint64_t number);
/* The last record written on the calling CPU. */
const struct cloister_trace_record *fake_last_record(void);

/* No lock is held by this thread, and no secret in use. */
bool fake_quiet(void);

/* Everything that must hold between operations; ends the test with a message if it does not. */
void fake_check(void);

/* Runs `function` and tells whether it ended in host_panic(). The machine must be started again. */
bool fake_panics(void (*function)(void *context), void *context);
const char *fake_panic_text(void);

/* A violation found by the fake itself. */
void fake_die(const char *format, ...) __attribute__((__noreturn__, format(printf, 1, 2)));

/* For the files of the fake host only. */
struct fake_frame {
    enum fake_owner owner;
    uint8_t poison;
    unsigned int mappings;
    struct fake_world world;
};
struct fake_frame *fake_frame_of(frame_t frame);
uint8_t *fake_frame_content(frame_t frame);
bool fake_should_fail(enum fake_call kind);
void fake_mutex_lock(void);
void fake_mutex_unlock(void);
void fake_require_quiet(const char *where);
void fake_require_no_secret(const char *where);
void fake_locks_forget(void);
unsigned int fake_frames_with(enum fake_owner owner);
void fake_rings_free(void);
/* A frame with an owner, outside of the monitor's sight. */
frame_t fake_frame_take(enum fake_owner owner);
void fake_frame_drop(frame_t frame);

#endif
