/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer of the monitor: control operations of dom0, calls of tenants, exits of enclaves,
 * failures of the host and ends of domains, in any order and with any arguments, on the fake host
 * of the unit tests.
 *
 * The input is a program: an operation's number, then its arguments, one byte each, or raw bytes.
 * After every operation everything that must hold is checked (fake_check()), and what a tenant was
 * answered is compared with a model of its threads. A violation aborts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "firmware.h"
#include "model.h"
#include "scene.h"
#include "seeds.h"

#define MAX_STEPS 200
#define MAX_RESTARTS 400
#define IMAGES 3u
#define KNOWN 16u /* enclaves that the program can name */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    const uint8_t *data;
    size_t left;
    struct image images[IMAGES];
    struct {
        uint32_t id;
        uint32_t image;
    } known[KNOWN];
    uint32_t known_next;
    uint64_t arg;       /* address of control arguments */
    uint64_t other_arg; /* of another CPU's */
    uint32_t met_enclave;
    bool met; /* another CPU did something in the middle of this operation */
} fuzz;

static uint8_t byte(void)
{
    if (!fuzz.left) {
        return 0;
    }
    fuzz.left--;
    return *fuzz.data++;
}

static void bytes(void *to, size_t size)
{
    size_t part = size < fuzz.left ? size : fuzz.left;

    memset(to, 0, size);
    memcpy(to, fuzz.data, part);
    fuzz.data += part;
    fuzz.left -= part;
}

/* An address that is good, or at an edge, or anything. */
static uint64_t address(uint64_t good)
{
    uint64_t any;

    switch (byte() & 15) {
    case 0:
        bytes(&any, sizeof(any));
        return any;
    case 1:
        return FAKE_USER_BASE + FAKE_USER_SIZE - byte();
    case 2:
        return fake_user_readonly() - byte();
    default:
        return good;
    }
}

static uint32_t known_enclave(uint32_t *image)
{
    uint32_t choice = byte();

    *image = 0;
    if (choice >= 0xf0) {
        return choice - 0xf0;
    }
    *image = fuzz.known[choice % KNOWN].image;
    return fuzz.known[choice % KNOWN].id;
}

/* --- control operations -------------------------------------------------------------------- */

struct holdings {
    unsigned long frames;
    unsigned long blocks;
    unsigned long pins;
};

static struct holdings holdings(void)
{
    return (struct holdings){fake_frames_in_use(), fake_heap_blocks(), fake_pins()};
}

/* Goes on until it is done, or is left alone half done. A refusal must not have changed what is
 * held. */
static int operate(uint32_t op, void *arg, size_t size, bool batch)
{
    struct holdings before = holdings();
    fuzz.met = false;
    int restarts = byte() & 1 ? MAX_RESTARTS : 0;
    uint64_t place = address(fuzz.arg);
    bool good = place == fuzz.arg;
    int rc;

    fake.actor_domain = 0;
    if (good) {
        memcpy(fake_user(fuzz.arg), arg, size);
    }
    do {
        rc = monitor_control(op, place, true, false);
    } while (rc == -ERESTART && restarts-- > 0);
    if (good) {
        memcpy(arg, fake_user(fuzz.arg), size);
    }
    struct holdings after = holdings();
    if (rc && rc != -ERESTART && !batch && !fake_failed() && !fuzz.met &&
        memcmp(&before, &after, sizeof(before)) != 0) {
        fake_die("operation %u refused (%d), but something is kept", op, rc);
    }
    if (rc > 0 || (rc == -EIO && op != CLOISTER_OP_INIT)) {
        fake_die("operation %u answers %d", op, rc);
    }
    return good || rc ? rc : -EFAULT;
}

static void step_create(void)
{
    uint32_t which = byte() % IMAGES;
    struct cloister_create op = create_arg(&fuzz.images[which], byte() & 3);

    op.header = address(op.header);
    if (byte() >= 0xf0 && op.header >= FAKE_USER_BASE &&
        op.header < FAKE_USER_BASE + FAKE_USER_SIZE - CLOISTER_IMAGE_HEADER_SIZE) {
        uint8_t *header = fake_user(op.header);
        header[byte() * 4u] ^= byte();
    }
    if (!operate(CLOISTER_OP_CREATE, &op, sizeof(op), false)) {
        uint32_t place = fuzz.known_next++ % KNOWN;
        fuzz.known[place].id = op.enclave;
        fuzz.known[place].image = which;
    }
}

static void step_add(void)
{
    uint32_t which;
    uint32_t id = known_enclave(&which);
    struct image image = fuzz.images[which];
    uint32_t first = byte() % SCENE_PAGES;
    uint32_t count = 1 + byte() % (SCENE_PAGES - first);

    if (byte() >= 0xe0) {
        image.records[first].page = byte();
        image.records[first].flags = byte();
    }
    struct cloister_add_pages op = add_arg(&image, id, first, count);
    op.records = address(op.records);
    op.content = address(op.content);
    if (byte() >= 0xf0) {
        op.done = byte() % 4;
        op.count = byte() % 16;
    }
    operate(CLOISTER_OP_ADD_PAGES, &op, sizeof(op), true);
}

static void step_share(void)
{
    uint32_t which;
    uint32_t id = known_enclave(&which);
    uint32_t refs[8];

    for (uint32_t i = 0; i < 8; i++) {
        refs[i] = FIRST_REF + i;
    }
    struct cloister_share op = {.enclave = id, .first = byte() % 6, .count = byte() % 6};
    if (byte() & 1) {
        refs[op.first] = byte();
    }
    op.refs = address(fake_user_put(refs, sizeof(refs)) + op.first * 4);
    operate(CLOISTER_OP_SHARE, &op, sizeof(op), true);
}

static void step_init(void)
{
    uint32_t which;
    struct cloister_init op = {.enclave = known_enclave(&which)};

    if (!operate(CLOISTER_OP_INIT, &op, sizeof(op), false)) {
        model_ready(op.enclave, op.handle);
    }
}

static void step_destroy(void)
{
    uint32_t which;
    struct cloister_destroy op = {.enclave = known_enclave(&which)};

    operate(CLOISTER_OP_DESTROY, &op, sizeof(op), false);
}

static void step_quota(void)
{
    struct cloister_quota op = {.domain = byte() & 7, .set = byte() & 1, .limit = byte() * 4};

    operate(CLOISTER_OP_QUOTA, &op, sizeof(op), false);
}

/* What the firmware has; the last of these numbers it has not. */
#define BOOT_ENTRIES 3u
#define BOOT_VARIABLES (BOOT_ENTRIES + 2) /* with the order and the next */
static const uint16_t boot_entries[BOOT_ENTRIES + 1] = {0x0000, 0x00a1, 0xffff, 0x0007};

static void make_firmware(void)
{
    firmware_boot(FIRMWARE_PLAIN, 0);
    for (unsigned int i = 0; i < BOOT_ENTRIES; i++) {
        char name[16];

        snprintf(name, sizeof(name), "Boot%04X", boot_entries[i]);
        firmware_put(name, name, sizeof(name));
    }
    firmware_put("BootOrder", boot_entries, sizeof(boot_entries[0]));
}

static void check_boot_order(const struct firmware_variable *order)
{
    uint16_t entry;

    for (size_t at = 0; order->there && at < order->size; at += sizeof(entry)) {
        bool known = false;

        memcpy(&entry, order->data + at, sizeof(entry));
        for (unsigned int i = 0; i < BOOT_ENTRIES; i++) {
            known |= boot_entries[i] == entry;
        }
        if (!known) {
            fake_die("an entry is to boot that does not exist: %x", entry);
        }
    }
}

static void step_look(void)
{
    union {
        struct cloister_info info;
        struct cloister_list list;
        struct cloister_domain domain;
        struct cloister_audit audit;
        struct cloister_trace_ring ring;
        struct cloister_record record;
        struct cloister_heartbeat heartbeat;
        struct cloister_lockdown lockdown;
    } op = {.info = {.abi_version = 0}};

    switch (byte() % 8) {
    case 0:
        operate(CLOISTER_OP_INFO, &op.info, sizeof(op.info), false);
        break;
    case 1:
        op.list.start = byte();
        op.list.capacity = byte() % 20;
        op.list.buffer = address(fake_user_readonly() - 20 * sizeof(struct cloister_enclave_info));
        operate(CLOISTER_OP_LIST, &op.list, sizeof(op.list), false);
        break;
    case 2:
        op.domain.domain = byte() & 7;
        operate(CLOISTER_OP_DOMAIN, &op.domain, sizeof(op.domain), false);
        break;
    case 3:
        if (byte() & 1) {
            bytes(op.audit.cursor, sizeof(op.audit.cursor));
        }
        if (!operate(CLOISTER_OP_AUDIT, &op.audit, sizeof(op.audit), false) &&
            op.audit.views + op.audit.anonymity) {
            fake_die("the audit finds something");
        }
        break;
    case 4:
        operate(CLOISTER_OP_RECORD, &op.record, sizeof(op.record), false);
        break;
    case 5:
        op.lockdown.start = byte();
        op.lockdown.capacity = byte();
        op.lockdown.buffer =
            address(fake_user_readonly() - 20 * sizeof(struct cloister_lockdown_row));
        operate(CLOISTER_OP_LOCKDOWN, &op.lockdown, sizeof(op.lockdown), false);
        break;
    case 6:
        operate(CLOISTER_OP_HEARTBEAT, &op.heartbeat, sizeof(op.heartbeat), false);
        break;
    default:
        op.ring.cpu = byte() % (FAKE_CPUS + 2);
        operate(CLOISTER_OP_TRACE_RING, &op.ring, sizeof(op.ring), false);
        break;
    }
}

/* The firmware's entries: which there are never changes, and what is to boot is one of them. */
static void step_boot(void)
{
    struct cloister_boot op = {.kind = byte() % 6};
    static struct firmware_boot before[BOOT_VARIABLES];
    uint32_t flags = fake.flags;

    memcpy(before, firmware.boot, sizeof(before));
    fake.flags = (byte() & 7 ? CLOISTER_INFO_LOCKDOWN | CLOISTER_INFO_IOMMU_STRICT : 0) |
                 (byte() & 7 ? 0 : CLOISTER_INFO_ATS);
    op.entry = byte() & 1 ? boot_entries[byte() % BOOT_ENTRIES] : byte() << 8 | byte();
    op.size = byte() << 4;
    op.buffer = address(fake_user_readonly() - 4096);
    op.count = byte() % (CLOISTER_BOOT_MAX + 2);
    for (uint32_t i = 0; i < op.count && i < CLOISTER_BOOT_MAX && fuzz.left; i++) {
        op.order[i] = boot_entries[byte() % (BOOT_ENTRIES + 1)];
    }
    if (operate(CLOISTER_OP_BOOT, &op, sizeof(op), false) &&
        memcmp(firmware.boot, before, sizeof(before)) != 0) {
        fake_die("a refused operation has changed a boot entry");
    }
    for (unsigned int i = 0; i < BOOT_ENTRIES; i++) {
        if (memcmp(&firmware.boot[i], &before[i], sizeof(before[i])) != 0) {
            fake_die("entry %x is another", boot_entries[i]);
        }
    }
    check_boot_order(firmware_look("BootOrder"));
    check_boot_order(firmware_look("BootNext"));
    fake.flags = flags;
}

/* Anything at all, from anybody. */
static void step_raw(void)
{
    uint8_t arg[192];
    uint8_t who = byte();
    uint32_t op = byte();

    bytes(arg, byte() % sizeof(arg));
    if (who & 4) {
        bytes(&op, sizeof(op));
    }
    fake.actor_domain = who >> 6;
    memcpy(fake_user(fuzz.arg), arg, sizeof(arg));
    /* Addresses in it are wild, so it cannot make an enclave that the model does not know. */
    (void)monitor_control(op, fuzz.arg, who & 1, who & 2);
}

/* --- tenants ------------------------------------------------------------------------------- */

static void step_call(void)
{
    uint8_t who = byte();
    uint16_t domain = who & 3;
    uint16_t vcpu = who >> 2 & 3;
    struct thread_result result = {.outcome = 99, .value = {98, 97}};
    struct thread_call call = {.operation = byte() % 4,
                               .thread = byte() % 4,
                               .arg = {byte(), byte()},
                               .user_mode = !(who & 0x40) || byte() & 1,
                               .flags_ok = !(who & 0x80) || byte() & 1,
                               .vcpu = vcpu};

    /* A vCPU that is inside does not call; one of a domain that is gone, neither. */
    if (!fake.domains[domain].tenant || fake.domains[domain].vcpus[vcpu].pending) {
        return;
    }
    model_handle(byte(), call.handle);
    if (byte() >= 0xf0) {
        call.handle[byte() & 1] ^= UINT64_C(1) << (byte() & 63);
    }
    fake.actor_domain = domain;
    struct thread *thread = thread_call(fake.domains[domain].tenant, &call, &result);
    model_check_call(domain, &call, thread, &result);
    fake.domains[domain].vcpus[vcpu].pending = thread;
}

static struct thread *pending_thread(struct fake_vcpu **vcpu)
{
    uint8_t who = byte();

    *vcpu = &fake.domains[who & 3].vcpus[who >> 2 & 3];
    fake.actor_domain = who & 3;
    return (*vcpu)->pending;
}

static void step_exit(void)
{
    struct thread_result result = {.outcome = 99};
    uint8_t how = byte();
    struct thread_exit exit = {.kind = how % 4, .kernel = how < 0xe0};
    struct fake_vcpu *vcpu;
    struct thread *thread = pending_thread(&vcpu);

    exit.number =
        exit.kind == THREAD_EXIT_VECTOR ? CLOISTER_VECTOR_SHUTDOWN + byte() % 3 : byte() % 8;
    exit.value[0] = byte();
    exit.value[1] = byte();
    if (exit.number >= CLOISTER_ENCLAVE_REPORT) { /* mostly the buffer of one */
        exit.value[0] <<= exit.value[1] & 0x80 ? 6 : 9;
        exit.value[1] = exit.value[1] & 0x40 ? exit.value[1] : 0;
    }
    exit.address = (uint64_t)byte() << 12;
    if (!thread) {
        return;
    }
    uint32_t enclave = thread->enclave->id;
    uint32_t index = thread->index;
    enum thread_next next = thread_exit(thread, &exit, &result);
    if (next == THREAD_LEAVE) {
        vcpu->pending = NULL;
    }
    model_check_exit(enclave, index, &exit, next, &result);
}

static void step_interrupt(void)
{
    struct fake_vcpu *vcpu;
    struct thread *thread = pending_thread(&vcpu);
    bool suspend = byte() & 1;

    if (!thread) {
        return;
    }
    model_interrupted(thread->enclave->id, thread->index, suspend);
    thread_interrupted(thread);
    if (suspend) {
        vcpu->pending = NULL;
        thread_suspend(thread);
    } else {
        thread_reentered(thread);
    }
}

/* --- the host ------------------------------------------------------------------------------ */

static void step_failure(void)
{
    fake_fail(byte() % FAKE_CALLS, byte() % 64);
}

static void step_preemption(void)
{
    uint8_t how = byte();

    if (how & 1) {
        fake_preempt_every(how >> 1 & 3 ? (how >> 1 & 3) + 1 : 0);
    } else {
        fake_preempt_at(how >> 1);
    }
}

static void step_grant(void)
{
    struct fake_domain *domain = &fake.domains[byte() & 3];
    uint32_t ref = FIRST_REF + byte() % 8;
    struct fake_grant *grant = &domain->grants[ref];

    if (!grant->granted) {
        fake_grant(domain, ref, byte() & 7);
    } else if (!grant->pins) {
        fake_revoke(domain, ref);
    }
}

/* --- another CPU of dom0, in the middle of an operation ---------------------------------- */

static void other_cpu(uint32_t op, const void *arg, size_t size)
{
    fuzz.met = true;
    memcpy(fake_user(fuzz.other_arg), arg, size);
    (void)monitor_control(op, fuzz.other_arg, true, false);
    fake_require_quiet("another CPU's operation");
}

static void meet_destroy(void)
{
    const struct cloister_destroy op = {.enclave = fuzz.met_enclave};

    other_cpu(CLOISTER_OP_DESTROY, &op, sizeof(op));
}

static void meet_audit(void)
{
    const struct cloister_audit op = {.frames = 0};

    other_cpu(CLOISTER_OP_AUDIT, &op, sizeof(op));
}

static void meet_end_of_domain(void)
{
    struct tenant *tenant = fake.domains[TENANT].tenant;

    fuzz.met = true;
    if (tenant && tenant_end(tenant) > 0) {
        fake_die("tenant_end answers something else");
    }
}

static void step_meet(void)
{
    static void (*const meetings[])(void) = {meet_destroy, meet_audit, meet_end_of_domain};
    uint32_t which;

    fake.meet = meetings[byte() % 3];
    fuzz.met_enclave = known_enclave(&which);
    fake_meet_at(1 + byte() % 32);
}

/* A domain dies; when it is gone, another comes with its number. */
static void step_domain(void)
{
    uint8_t which = byte();
    struct fake_domain *domain = &fake.domains[which & 3];
    bool finish = which & 4;

    if (!domain->tenant) {
        domain->tenant = tenant_create(domain);
        return;
    }
    fake.actor_domain = 0;
    int rc = tenant_end(domain->tenant);
    while (rc == -ERESTART && finish) {
        fake_preempt_every(0);
        rc = tenant_end(domain->tenant);
    }
    if (rc && rc != -ERESTART) {
        fake_die("tenant_end answers %d", rc);
    }
    if (!rc && which & 8) {
        tenant_destroy(domain->tenant);
        domain->tenant = NULL;
    }
}

/* Altp2m or the like: brought about, then asked, as cloister_freeze_altp2m() does. */
static void switch_on(struct fake_domain *domain)
{
    if (domain->tenant) {
        enum cloister_reason before = domain->refusal;
        domain->refusal = CLOISTER_REASON_DOMAIN_ALTP2M;
        if (tenant_has_enclaves(domain->tenant)) {
            domain->refusal = before;
        }
    }
}

static void switch_on_meanwhile(void)
{
    switch_on(&fake.domains[TENANT]);
}

static void step_control(uint8_t what)
{
    struct fake_domain *domain = &fake.domains[what & 3];

    if (what & 4) {
        switch_on(domain);
    } else {
        domain->refusal = CLOISTER_REASON_NONE;
    }
    fake.asked = what & 8 ? switch_on_meanwhile : NULL;
}

static void step_machine(void)
{
    uint8_t what = byte();

    if (what & 0x80) {
        step_control(what);
        return;
    }
    switch (what & 3) {
    case 0:
        fake.now += (uint64_t)byte() << 24;
        break;
    case 1:
        fake.frames_left =
            FAKE_FRAMES - 1 - fake_frames_with(OWNER_MONITOR) - fake_frames_with(OWNER_TENANT);
        fake.frames_left = byte() < fake.frames_left ? byte() : fake.frames_left;
        break;
    case 2:
        fake_set_cpu(byte() % FAKE_CPUS);
        break;
    default: {
        uint64_t first;
        uint64_t count;

        bytes(&first, byte() % 9);
        bytes(&count, byte() % 9);
        (void)monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 1, first, count);
        break;
    }
    }
}

static void (*const steps[])(void) = {
    step_create,     step_add,    step_share,   step_init,      step_destroy, step_quota, step_look,
    step_raw,        step_call,   step_exit,    step_interrupt, step_failure, step_grant, step_call,
    step_preemption, step_domain, step_machine, step_meet,      step_boot,
};

static void check_rings(uint64_t next[FAKE_CPUS])
{
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        const struct cloister_trace_header *ring = fake_ring(cpu);

        if (ring->next < next[cpu] || ring->magic != CLOISTER_TRACE_MAGIC) {
            fake_die("the ring of CPU %u is broken", cpu);
        }
        for (; next[cpu] < ring->next; next[cpu]++) {
            const struct cloister_trace_record *record = fake_record(cpu, next[cpu]);
            if (record && (record->sequence != next[cpu] || record->pcpu != cpu ||
                           record->reason >= CLOISTER_REASON_LIMIT ||
                           (record->error && record->decision != CLOISTER_REFUSED))) {
                fake_die("a strange record");
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t next[FAKE_CPUS] = {0};

    fuzz.data = data;
    fuzz.left = size;
    memset(fuzz.known, 0, sizeof(fuzz.known));
    fuzz.known_next = 0;
    scene_start_with(byte() & 1 ? 1 : 200);
    model_start();
    make_firmware();
    fuzz.arg = fake_user_put(NULL, 1024);
    fuzz.other_arg = fake_user_put(NULL, 1024);
    uint64_t buffers = fake_user_put(NULL, 0) - FAKE_USER_BASE;

    for (int i = 0; i < MAX_STEPS && fuzz.left; i++) {
        fake_user_reset();
        fake_user_put(NULL, buffers);
        steps[byte() % (sizeof(steps) / sizeof(steps[0]))]();
        fake_check();
        model_check();
        check_rings(next);
    }
    fake_set_cpu(0);
    fake.frames_left = FAKE_FRAMES;
    fake_end();
    return 0;
}

static void make_images(void)
{
    for (uint32_t i = 0; i < IMAGES; i++) {
        fuzz.images[i] = *scene_image();
    }
    /* A small one with one thread, and one whose pages are not the signed ones. */
    fuzz.images[1].header.launch.thread_count = 1;
    fuzz.images[1].header.launch.record_count = fuzz.images[1].count = 2;
    image_measure(&fuzz.images[1]);
    image_sign(&fuzz.images[1]);
    fuzz.images[2].content[0][0] ^= 1;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    if (*argc == 3 && !strcmp((*argv)[1], "--make-seeds")) {
        exit(seeds_write((*argv)[2]) ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    make_images();
    return 0;
}
