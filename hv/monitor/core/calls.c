/* SPDX-License-Identifier: MIT */
/* The control operations: one table describes them all; the head of abi.h is their manual. */
#include "machine/bootorder.h"
#include "vault/counters.h"
#include "machine/lockdown.h"
#include "core/monitor.h"
#include "core/nospec.h"
#include "core/refuse.h"
#include "vault/report.h"
#include "vault/seal.h"

static int serve_info(struct cloister_info *op)
{
    op->abi_version = CLOISTER_ABI_VERSION;
    op->flags = host_flags();
    op->create_reason = host_refusal();
    op->identity_reason = identity_status()->reason;
    op->seal_reason = seal_status()->reason;
    op->max_enclaves = TENANT_MAX_ENCLAVES;
    op->boot_id = trace_boot_id();
    op->sealed_frames = frame_count(FRAME_SEALED);
    op->table_frames = frame_count(FRAME_TABLE);
    op->context_frames = frame_count(FRAME_CONTEXT);
    op->shared_frames = frame_count(FRAME_SHARED);
    op->overhead_frames = frame_count(FRAME_FREE);
    op->refusals = trace_refusals();
    op->suppressed = trace_anchor().suppressed;
    counters_count(op);
    enclaves_count(op);
    tenants_count(op);
    return 0;
}

static bool audit_frame(frame_t frame, struct frame_entry entry, void *context)
{
    struct cloister_audit *audit = context;

    (void)entry;
    audit->frames++;
    /* It may have been given back, and to somebody else, since the walk saw it: look again. */
    audit->anonymity += !host_frame_is_anonymous(frame) && frame_is_protected(frame);
    return false;
}

/* cursor[0]: the stage; cursor[1..3] belong to it and start at 0. */
enum { AUDIT_FRAMES, AUDIT_VIEWS, AUDIT_HOST };

static void audit_stage(struct cloister_audit *op, uint64_t stage)
{
    memset(op->cursor, 0, sizeof(op->cursor));
    op->cursor[0] = stage;
}

static uint64_t audit_violations(const struct cloister_audit *op)
{
#define ADD(member, name) op->member +
    return CLOISTER_AUDIT_ENCLAVES(ADD) CLOISTER_AUDIT_MACHINE(ADD) 0;
#undef ADD
}

static int serve_audit(struct cloister_audit *op)
{
    int rc = 0;

    if (op->cursor[0] == AUDIT_FRAMES) {
        if (!frame_walk(&op->cursor[1], host_preempted, audit_frame, op)) {
            return -ERESTART;
        }
        audit_stage(op, AUDIT_VIEWS);
    }
    if (op->cursor[0] == AUDIT_VIEWS) {
        rc = enclaves_audit(op);
        if (rc) {
            return rc;
        }
        audit_stage(op, AUDIT_HOST);
    }
    rc = host_audit(op);
    if (!rc && audit_violations(op) != 0) {
        monitor_refused(CLOISTER_EVENT_AUDIT, CLOISTER_REASON_NONE, 0, CLOISTER_NO_DOMAIN,
                        CLOISTER_OP_AUDIT, 0);
    }
    return rc;
}

static int serve_trace_ring(struct cloister_trace_ring *op)
{
    op->cpus = host_cpu_count();
    if (op->cpu >= op->cpus) {
        return refuse(&op->head, -ENXIO, CLOISTER_REASON_BATCH, op->cpu, op->cpus - 1);
    }
    for (unsigned int page = 0; page < CLOISTER_TRACE_RING_PAGES; page++) {
        op->frames[page] = host_trace_ring_frame(op->cpu, page);
    }
    return 0;
}

/*
 * Every operation's function; does it change something, so that it is traced when it succeeds, too; does it work with
 * a secret all the time (host_secret_begin())? A HEARTBEAT does so in each of its steps.
 */
#define CONTROL_OPS(X)                                                                             \
    X(INFO, info, serve_info, false, false)                                                        \
    X(CREATE, create, enclave_create, true, false)                                                 \
    X(ADD_PAGES, add_pages, enclave_add_pages, false, false)                                       \
    X(SHARE, share, enclave_share, false, false)                                                   \
    X(INIT, init, enclave_init, true, false)                                                       \
    X(DESTROY, destroy, enclave_destroy, true, false)                                              \
    X(QUOTA, quota, tenant_quota, true, false)                                                     \
    X(LIST, list, enclave_list, false, false)                                                      \
    X(DOMAIN, domain, tenant_statistics, false, false)                                             \
    X(AUDIT, audit, serve_audit, false, false)                                                     \
    X(TRACE_RING, trace_ring, serve_trace_ring, false, false)                                      \
    X(RECORD, record, report_record, false, false)                                                 \
    X(HEARTBEAT, heartbeat, report_heartbeat, false, false)                                        \
    X(COUNTERS_LOAD, counters_load, counters_load, true, true)                                     \
    X(COUNTERS_SAVE, counters_save, counters_save, false, true)                                    \
    X(COUNTERS_READ, counters_read, counters_read, false, true)                                    \
    X(COUNTERS_COMMIT, counters_commit, counters_commit, false, true)                              \
    X(COUNTERS_FORGET, counters_forget, counters_forget, true, false)                              \
    X(LOCKDOWN, lockdown, lockdown_list, false, false)                                             \
    X(BOOT, boot, bootorder_serve, true, false)

#define OP_MEMBER(name, structure, function, changes, secret) struct cloister_##structure structure;
#define OP_ENTRY(name, structure, function, changes, secret)                                       \
    [CLOISTER_OP_##name] = {sizeof(struct cloister_##structure), changes, secret},
#define OP_CASE(name, structure, function, changes, secret)                                        \
    case CLOISTER_OP_##name:                                                                       \
        return function(&arg->structure);

union control_arg {
    struct cloister_head head;
    CONTROL_OPS(OP_MEMBER)
};

static const struct {
    uint16_t size; /* of the argument */
    bool changes;
    bool secret;
} control_ops[] = {CONTROL_OPS(OP_ENTRY)};

#define CONTROL_OPS_COUNT (sizeof(control_ops) / sizeof(control_ops[0]))
_Static_assert(CONTROL_OPS_COUNT == CLOISTER_OP_LIMIT, "every operation has a function");

/* Functions of this file have no secrets in their frames. */
static int dispatch(uint32_t op, union control_arg *arg)
{
    switch (op) {
        CONTROL_OPS(OP_CASE)
    default:
        return -ENOSYS; /* none that is in control_ops */
    }
}

static int dispatch_secret(uint32_t op, union control_arg *arg)
{
    host_secret_begin();
    int rc = dispatch(op, arg);
    host_secret_end();
    return rc;
}

/* It has done something that is worth a record. */
static bool has_changed(uint32_t op, const union control_arg *arg)
{
    return control_ops[op].changes && (op != CLOISTER_OP_QUOTA || arg->quota.set) &&
           (op != CLOISTER_OP_BOOT || arg->boot.kind >= CLOISTER_BOOT_ORDER);
}

/* Writes a record at the rate of whoever acted. */
static void trace_actor(struct cloister_trace_record *record)
{
    struct tenant *actor = tenant_get(record->domain);

    if (actor) {
        tenant_trace(actor, record);
        tenant_put(actor);
    } else {
        trace_write(record, NULL);
    }
}

#define SAME_PLACE(a, b, field)                                                                    \
    _Static_assert(offsetof(struct cloister_##a, field) == offsetof(struct cloister_##b, field) && \
                       sizeof(((struct cloister_##a *)0)->field) ==                                \
                           sizeof(((struct cloister_##b *)0)->field),                              \
                   "describe_target() reads one as the other")
SAME_PLACE(add_pages, destroy, enclave);
SAME_PLACE(share, destroy, enclave);
SAME_PLACE(init, destroy, enclave);

/* Whom an operation is about, for the trace. */
static void describe_target(struct cloister_trace_record *record, uint32_t op,
                            const union control_arg *arg)
{
    switch (op) {
    case CLOISTER_OP_CREATE:
        record->target = arg->create.domain;
        record->enclave = arg->create.enclave;
        break;
    case CLOISTER_OP_QUOTA:
        record->address = arg->quota.limit;
        record->target = arg->quota.domain;
        break;
    case CLOISTER_OP_DOMAIN:
        record->target = arg->domain.domain;
        break;
    case CLOISTER_OP_BOOT:
        record->address =
            (uint64_t)arg->boot.kind << 32 |
            (arg->boot.kind == CLOISTER_BOOT_ORDER ? arg->boot.order[0] : arg->boot.entry);
        break;
    case CLOISTER_OP_ADD_PAGES:
    case CLOISTER_OP_SHARE:
    case CLOISTER_OP_INIT:
    case CLOISTER_OP_DESTROY:
        record->enclave = arg->destroy.enclave;
        break;
    default:
        break;
    }
}

/* `known`: the argument is what the caller gave. */
static void trace_control(uint32_t op, int rc, const union control_arg *arg, bool known)
{
    struct cloister_trace_record record = trace_record(CLOISTER_EVENT_CONTROL);

    record.operation = op;
    record.decision = rc ? CLOISTER_REFUSED : CLOISTER_ALLOWED;
    record.error = rc;
    record.reason = arg->head.reason;
    record.found = arg->head.found;
    record.allowed = arg->head.allowed;
    if (known) {
        describe_target(&record, op, arg);
    }
    trace_actor(&record);
}

static int serve(uint32_t op, uint64_t address, union control_arg *arg, bool *known)
{
    const uint16_t size = control_ops[index_nospec(op, CONTROL_OPS_COUNT)].size;
    int rc;

    /* What could not be answered is not begun. */
    if (host_copy_in(arg, address, size) || host_copy_out(address, arg, size)) {
        return refuse(&arg->head, -EFAULT, CLOISTER_REASON_BAD_POINTER, address, 0);
    }
    *known = true;
    if (arg->head.reserved0 || arg->head.reserved1) {
        rc = refuse(&arg->head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO,
                    arg->head.reserved0 | arg->head.reserved1, 0);
    } else {
        arg->head = (struct cloister_head){.reason = CLOISTER_REASON_NONE};
        rc = control_ops[op].secret ? dispatch_secret(op, arg) : dispatch(op, arg);
    }
    if (host_copy_out(address, arg, size) && (!rc || rc == -ERESTART)) {
        return refuse(&arg->head, -EFAULT, CLOISTER_REASON_BAD_POINTER, address, 0);
    }
    return rc;
}

int monitor_control(uint32_t op, uint64_t address, bool privileged, bool multicall)
{
    union control_arg arg;
    bool known = false;
    int rc;

    memset(&arg, 0, sizeof(arg));
    if (!privileged) {
        rc = refuse(&arg.head, -EPERM, CLOISTER_REASON_NOT_PRIVILEGED, op, 0);
    } else if (multicall) {
        rc = refuse(&arg.head, -EBUSY, CLOISTER_REASON_IN_MULTICALL, op, 0);
    } else if (op >= CONTROL_OPS_COUNT) {
        rc = refuse(&arg.head, -ENOSYS, CLOISTER_REASON_UNKNOWN_OP, op, CONTROL_OPS_COUNT - 1);
    } else {
        rc = serve(op, address, &arg, &known);
    }
    if (rc ? rc != -ERESTART : has_changed(op, &arg)) {
        trace_control(op, rc, &arg, known);
    }
    return rc;
}

int monitor_guard(enum cloister_reason rule, uint16_t target, uint64_t first, uint64_t count)
{
    frame_t frame;

    if (!frame_any_protected(first, count, &frame)) {
        return 0;
    }
    monitor_refused(CLOISTER_EVENT_GUARD, rule, -EPERM, target, 0, frame.number);
    return -EPERM;
}

static struct cloister_trace_record guard_record(enum cloister_reason rule, frame_t frame)
{
    struct cloister_trace_record record = trace_record(CLOISTER_EVENT_GUARD);
    struct frame_entry entry = frame_lookup(frame);

    record.decision = CLOISTER_REFUSED;
    record.reason = rule;
    record.address = frame.number;
    if (entry.state != FRAME_FREE) {
        record.enclave = entry.enclave;
        record.page = entry.page;
    }
    return record;
}

void monitor_reference_refused(struct tenant *actor, frame_t frame)
{
    struct cloister_trace_record record;

    if (!frame_is_protected(frame)) {
        return;
    }
    record = guard_record(CLOISTER_REASON_GUARD_REFERENCE, frame);
    if (actor) {
        tenant_trace(actor, &record);
    } else {
        trace_write(&record, NULL);
    }
}

void monitor_dma_refused(uint16_t domain, uint32_t device, uint64_t address)
{
    struct cloister_trace_record record = trace_record(CLOISTER_EVENT_DMA);

    record.decision = CLOISTER_REFUSED;
    record.reason = CLOISTER_REASON_GUARD_DMA;
    record.domain = domain;
    record.operation = device;
    record.address = address;
    trace_actor(&record);
}

void monitor_refused(enum cloister_trace_event event, enum cloister_reason reason, int error,
                     uint16_t target, uint32_t operation, uint64_t address)
{
    struct cloister_trace_record record = event == CLOISTER_EVENT_GUARD
                                              ? guard_record(reason, (frame_t){address})
                                              : trace_record(event);

    record.decision = CLOISTER_REFUSED;
    record.reason = reason;
    record.error = error;
    record.target = target;
    record.operation = operation;
    record.address = address;
    trace_actor(&record);
}

int monitor_init(void)
{
    int rc = frame_table_init();

    if (!rc) {
        rc = trace_init();
    }
    if (!rc) {
        rc = p256_init();
    }
    tenants_init();
    enclaves_init();
    if (!rc) {
        host_secret_begin();
        identity_init();
        host_secret_end();
    }
    return rc;
}
