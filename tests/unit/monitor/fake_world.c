/* SPDX-License-Identifier: MIT */
/* Domains, vCPUs, grants, worlds, second-stage entries and trace rings of the fake host. */
#include "fake_host.h"

#include <sched.h>
#include <stdlib.h>

#define RING_FIRST_FRAME UINT64_C(0xf0000)
#define CONTEXT_BYTE 0xc7 /* what a thread's registers look like in its context frames */

/* An entry is unlike an address, so that nobody takes it apart without asking. */
#define ENTRY_PRESENT (UINT64_C(1) << 11)
#define ENTRY_LEAF (UINT64_C(1) << 10)
#define ENTRY_FLAGS UINT64_C(7)

static struct cloister_trace_header *rings[FAKE_CPUS];

/* --- the machine and its domains ----------------------------------------------------------- */

enum cloister_reason host_refusal(void)
{
    return fake.refusal;
}

enum cloister_reason host_domain_refusal(void *domain)
{
    if (fake.asked) {
        fake.asked();
    }
    return ((struct fake_domain *)domain)->refusal;
}

uint16_t host_domain_id(void *domain)
{
    return ((struct fake_domain *)domain)->id;
}

void host_domain_uuid(void *domain, uint8_t uuid[16])
{
    const struct fake_domain *d = domain;

    memset(uuid, 0xa0 + (d->uuid_of ? d->uuid_of - 1 : d->id) + 16 * d->reborn, 16);
    uuid[0] = d->reborn;
}

static struct fake_vcpu *vcpu_of(void *domain, uint16_t vcpu)
{
    struct fake_domain *d = domain;

    if (vcpu >= FAKE_VCPUS) {
        fake_die("no such vCPU");
    }
    return &d->vcpus[vcpu];
}

void host_vcpu_stop(void *domain, uint16_t vcpu)
{
    struct fake_vcpu *stopped = vcpu_of(domain, vcpu);

    fake_require_quiet("host_vcpu_stop");
    fake_require_no_secret("host_vcpu_stop");
    fake_mutex_lock();
    stopped->stopped++;
    stopped->stops++;
    while (stopped->inside) {
        fake_mutex_unlock();
        sched_yield();
        fake_mutex_lock();
    }
    fake_mutex_unlock();
}

void host_vcpu_start(void *domain, uint16_t vcpu)
{
    struct fake_vcpu *started = vcpu_of(domain, vcpu);

    fake_mutex_lock();
    if (!started->stopped) {
        fake_die("starting a vCPU that runs");
    }
    started->stopped--;
    fake_mutex_unlock();
}

struct thread *fake_vcpu_begin(struct fake_domain *domain, uint16_t number)
{
    struct fake_vcpu *vcpu = vcpu_of(domain, number);

    fake_mutex_lock();
    while (vcpu->stopped) {
        fake_mutex_unlock();
        sched_yield();
        fake_mutex_lock();
    }
    vcpu->inside = true;
    fake_mutex_unlock();
    return vcpu->pending;
}

void fake_vcpu_end(struct fake_domain *domain, uint16_t number)
{
    fake_mutex_lock();
    vcpu_of(domain, number)->inside = false;
    fake_mutex_unlock();
}

void fake_vcpu_enter(struct fake_domain *domain, uint16_t number, struct thread *thread)
{
    struct fake_world *world = thread->world;

    vcpu_of(domain, number)->pending = thread;
    if (__atomic_exchange_n(&world->occupied, true, __ATOMIC_RELAXED)) {
        fake_die("two vCPUs are inside one thread");
    }
}

void fake_vcpu_leave(struct fake_domain *domain, uint16_t number)
{
    struct fake_world *world = vcpu_of(domain, number)->pending->world;

    __atomic_store_n(&world->occupied, false, __ATOMIC_RELAXED);
    vcpu_of(domain, number)->pending = NULL;
}

/* --- grants -------------------------------------------------------------------------------- */

frame_t fake_grant(struct fake_domain *domain, uint32_t ref, bool writable)
{
    struct fake_grant *grant = &domain->grants[ref];

    if (grant->granted) {
        fake_die("the test grants %u twice", ref);
    }
    *grant = (struct fake_grant){
        .granted = true, .writable = writable, .frame = fake_frame_take(OWNER_TENANT)};
    return grant->frame;
}

void fake_revoke(struct fake_domain *domain, uint32_t ref)
{
    struct fake_grant *grant = &domain->grants[ref];

    if (!grant->granted || grant->pins) {
        fake_die("the test revokes a grant in use");
    }
    fake_frame_drop(grant->frame);
    *grant = (struct fake_grant){.granted = false};
}

int host_grant_acquire(void *domain, uint32_t ref, frame_t *frame)
{
    struct fake_domain *d = domain;

    fake_require_quiet("host_grant_acquire");
    if (fake_should_fail(FAKE_GRANT)) {
        return -EINVAL;
    }
    if (ref >= FAKE_GRANTS || !d->grants[ref].granted || !d->grants[ref].writable) {
        return -EINVAL;
    }
    d->grants[ref].pins++;
    *frame = d->grants[ref].frame;
    return 0;
}

void host_grant_release(void *domain, uint32_t ref, frame_t frame)
{
    struct fake_domain *d = domain;

    if (ref >= FAKE_GRANTS || !d->grants[ref].pins || d->grants[ref].frame.number != frame.number) {
        fake_die("releasing a grant that is not held");
    }
    d->grants[ref].pins--;
}

unsigned long fake_pins(void)
{
    unsigned long pins = 0;

    for (unsigned int d = 0; d < FAKE_DOMAINS; d++) {
        for (unsigned int ref = 0; ref < FAKE_GRANTS; ref++) {
            pins += fake.domains[d].grants[ref].pins;
        }
    }
    return pins;
}

/* --- second-stage entries ------------------------------------------------------------------ */

/* Weak: test_ept.c has EPT's. */
#define WEAK __attribute__((weak))

WEAK uint64_t host_view_table_entry(frame_t table)
{
    return table.number << 12 | ENTRY_PRESENT;
}

WEAK uint64_t host_view_leaf_entry(frame_t frame, uint32_t flags)
{
    if (!(flags & CLOISTER_PAGE_R) || (flags & ~ENTRY_FLAGS) ||
        (flags & CLOISTER_PAGE_W && flags & CLOISTER_PAGE_X)) {
        fake_die("a leaf with flags %#x", flags);
    }
    return frame.number << 12 | ENTRY_PRESENT | ENTRY_LEAF | flags;
}

WEAK bool host_view_entry_frame(uint64_t entry, frame_t *frame)
{
    frame->number = entry >> 12;
    return entry & ENTRY_PRESENT;
}

bool fake_entry_is_leaf(uint64_t entry)
{
    return entry & ENTRY_LEAF;
}

bool fake_entry_is_large(uint64_t entry)
{
    return entry & HOST_VIEW_LARGE;
}

uint32_t fake_entry_flags(uint64_t entry)
{
    return entry & ENTRY_FLAGS;
}

/* --- worlds -------------------------------------------------------------------------------- */

static struct fake_world *world_of(struct thread *thread, const char *where)
{
    struct fake_world *world = &fake_frame_of(thread->context[0])->world;

    if (!world->thread || world->thread != thread || thread->world != world) {
        fake_die("%s for a thread that has no world", where);
    }
    return world;
}

void host_world_init(struct thread *thread, frame_t view_root)
{
    struct fake_world *world = &fake_frame_of(thread->context[0])->world;

    for (unsigned int i = 0; i < WORLD_FRAMES; i++) {
        if (fake_owner(thread->context[i]) != OWNER_MONITOR ||
            !fake_frame_is_zero(thread->context[i])) {
            fake_die("a context frame is not zero, or not the monitor's");
        }
        void *content = host_frame_map(thread->context[i]);
        memset(content, CONTEXT_BYTE, CLOISTER_PAGE_SIZE);
        host_frame_unmap(content);
    }
    *world = (struct fake_world){.thread = thread, .state = WORLD_MADE, .root = view_root};
    thread->world = world;
}

void host_world_start(struct thread *thread, uint64_t arg0, uint64_t arg1)
{
    struct fake_world *world = world_of(thread, "host_world_start");

    if (thread_state(thread) != CLOISTER_THREAD_IDLE) {
        fake_die("a thread is started that is not idle");
    }
    world->state = WORLD_STARTED;
    world->arg[0] = arg0;
    world->arg[1] = arg1;
}

void host_world_answer(struct thread *thread, uint64_t arg0, uint64_t arg1)
{
    struct fake_world *world = world_of(thread, "host_world_answer");

    if (thread_state(thread) != CLOISTER_THREAD_OCALL) {
        fake_die("a thread is answered that has not called out");
    }
    world->state = WORLD_ANSWERED;
    world->arg[0] = arg0;
    world->arg[1] = arg1;
}

void host_world_abandon(struct thread *thread)
{
    struct fake_world *world = world_of(thread, "host_world_abandon");
    struct fake_vcpu *vcpu = vcpu_of(thread->enclave->tenant->domain, thread->vcpu);

    if (!vcpu->stopped) {
        fake_die("a world is abandoned while its vCPU runs");
    }
    if (vcpu->pending == thread) {
        vcpu->pending = NULL;
    }
    world->state = WORLD_ABANDONED;
    __atomic_store_n(&world->occupied, false, __ATOMIC_RELAXED);
}

const struct fake_world *fake_world(frame_t frame)
{
    return &fake_frame_of(frame)->world;
}

/* --- audit and trace rings ----------------------------------------------------------------- */

int host_audit(struct cloister_audit *audit)
{
    if (fake.audit_adds) {
        *(uint64_t *)((char *)audit + fake.audit_count) += fake.audit_adds;
    }
    audit->entries += 1;
    return fake.audit_answer;
}

void fake_rings_free(void)
{
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        free(rings[cpu]);
        rings[cpu] = NULL;
    }
}

void *host_trace_ring_alloc(unsigned int cpu)
{
    if (cpu >= FAKE_CPUS || rings[cpu]) {
        fake_die("a ring of CPU %u is asked for", cpu);
    }
    if (fake_should_fail(FAKE_HEAP_ALLOC)) {
        return NULL;
    }
    rings[cpu] = aligned_alloc(CLOISTER_PAGE_SIZE, CLOISTER_TRACE_RING_PAGES * CLOISTER_PAGE_SIZE);
    memset(rings[cpu], 0, CLOISTER_TRACE_RING_PAGES * CLOISTER_PAGE_SIZE);
    return rings[cpu];
}

uint64_t host_trace_ring_frame(unsigned int cpu, unsigned int page)
{
    if (cpu >= FAKE_CPUS || page >= CLOISTER_TRACE_RING_PAGES) {
        fake_die("the frame of page %u of the ring of CPU %u is asked for", page, cpu);
    }
    return RING_FIRST_FRAME + cpu * CLOISTER_TRACE_RING_PAGES + page;
}

const struct cloister_trace_header *fake_ring(unsigned int cpu)
{
    return rings[cpu];
}

const struct cloister_trace_record *fake_record(unsigned int cpu, uint64_t number)
{
    const struct cloister_trace_header *header = rings[cpu];
    const struct cloister_trace_record *records = (const void *)(header + 1);

    if (number >= header->next || header->next - number > header->capacity) {
        return NULL;
    }
    return &records[number % header->capacity];
}

const struct cloister_trace_record *fake_last_record(void)
{
    return fake_record(host_cpu(), rings[host_cpu()]->next - 1);
}
