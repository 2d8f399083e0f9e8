/* SPDX-License-Identifier: MIT */
/* The control operations as such: who, how, with what; and those that only look. */
#include <stddef.h>

#include "scene.h"
#include "suite.h"

#define OPS CLOISTER_OP_LIMIT

static const size_t sizes[OPS] = {sizeof(struct cloister_info),
                                  sizeof(struct cloister_create),
                                  sizeof(struct cloister_add_pages),
                                  sizeof(struct cloister_share),
                                  sizeof(struct cloister_init),
                                  sizeof(struct cloister_destroy),
                                  sizeof(struct cloister_quota),
                                  sizeof(struct cloister_list),
                                  sizeof(struct cloister_domain),
                                  sizeof(struct cloister_audit),
                                  sizeof(struct cloister_trace_ring),
                                  sizeof(struct cloister_record),
                                  sizeof(struct cloister_heartbeat),
                                  sizeof(struct cloister_counters_load),
                                  sizeof(struct cloister_counters_save),
                                  sizeof(struct cloister_counters_read),
                                  sizeof(struct cloister_counters_commit),
                                  sizeof(struct cloister_counters_forget),
                                  sizeof(struct cloister_lockdown),
                                  sizeof(struct cloister_boot)};

static struct image *image;

static void start(void)
{
    scene_start();
    image = scene_image();
}

/* Refused before the argument is looked at: it is not written, and the record does not use it. */
static void refused_unseen(uint32_t op, uint64_t address, bool privileged, bool multicall,
                           int error, enum cloister_reason reason)
{
    struct picture before = picture_take();

    fake.now += UINT64_C(1000000000);
    ck_assert_int_eq(monitor_control(op, address, privileged, multicall), error);
    const struct cloister_trace_record *record = fake_last_record();
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_CONTROL);
    ck_assert_uint_eq(record->decision, CLOISTER_REFUSED);
    ck_assert_str_eq(cloister_reason_name(record->reason), cloister_reason_name(reason));
    ck_assert_int_eq(record->error, error);
    ck_assert_uint_eq(record->operation, op);
    ck_assert_uint_eq(record->domain, fake.actor_domain);
    ck_assert_uint_eq(record->target, CLOISTER_NO_DOMAIN);
    ck_assert_uint_eq(record->enclave, CLOISTER_NO_ENCLAVE);
    ck_assert_uint_eq(record->page, CLOISTER_NO_PAGE);
    struct picture after = picture_take();
    pictures_must_match(&before, &after, "refused unseen");
}

START_TEST(not_for_everybody)
{
    uint8_t bytes[256];
    uint8_t zeroes[256] = {0};
    uint64_t address = fake_user_put(zeroes, sizeof(zeroes));

    fake.actor_domain = TENANT;
    for (uint32_t op = 0; op < OPS + 3; op++) {
        refused_unseen(op, address, false, false, -EPERM, CLOISTER_REASON_NOT_PRIVILEGED);
        refused_unseen(op, address, false, true, -EPERM, CLOISTER_REASON_NOT_PRIVILEGED);
    }
    refused_unseen(UINT32_MAX, address, false, false, -EPERM, CLOISTER_REASON_NOT_PRIVILEGED);
    memcpy(bytes, fake_user(address), sizeof(bytes));
    ck_assert_mem_eq(bytes, zeroes, sizeof(bytes));
}
END_TEST

START_TEST(not_inside_a_multicall)
{
    uint64_t address = fake_user_put(NULL, 256);

    for (uint32_t op = 0; op < OPS + 3; op++) {
        refused_unseen(op, address, true, true, -EBUSY, CLOISTER_REASON_IN_MULTICALL);
    }
}
END_TEST

START_TEST(unknown_operations)
{
    static const uint32_t unknown[] = {OPS, OPS + 1, 100,        255,
                                       256, 65536,   UINT32_MAX, UINT32_C(1) << 31};
    uint64_t address = fake_user_put(NULL, 256);

    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        refused_unseen(unknown[i], address, true, false, -ENOSYS, CLOISTER_REASON_UNKNOWN_OP);
        ck_assert_uint_eq(fake_last_record()->found, unknown[i]);
        ck_assert_uint_eq(fake_last_record()->allowed, OPS - 1);
    }
}
END_TEST

START_TEST(arguments_that_are_not_there)
{
    const uint64_t end = FAKE_USER_BASE + FAKE_USER_SIZE;

    for (uint32_t op = 0; op < OPS; op++) {
        const uint64_t bad[] = {
            0,   8,          FAKE_USER_BASE - 1,         end - sizes[op] + 1,         end - 1,
            end, UINT64_MAX, UINT64_MAX - sizes[op] + 1, UINT64_C(0xffff830000000000)};
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            refused_unseen(op, bad[i], true, false, -EFAULT, CLOISTER_REASON_BAD_POINTER);
            ck_assert_uint_eq(fake_last_record()->found, bad[i]);
        }
    }
}
END_TEST

/* An argument that could not be answered: refused before anything is done. */
START_TEST(arguments_in_read_only_memory)
{
    uint32_t id = scene_building(image, TENANT);
    struct cloister_create create = create_arg(image, TENANT);
    struct cloister_init init = {.enclave = id};
    struct cloister_destroy destroy = {.enclave = id};
    struct cloister_quota quota = {.domain = TENANT, .set = 1, .limit = 1};
    const struct {
        uint32_t op;
        const void *arg;
    } cases[] = {{CLOISTER_OP_CREATE, &create},
                 {CLOISTER_OP_INIT, &init},
                 {CLOISTER_OP_DESTROY, &destroy},
                 {CLOISTER_OP_QUOTA, &quota}};

    for (size_t i = 0; i < 4; i++) {
        memcpy(fake_user(fake_user_readonly()), cases[i].arg, sizes[cases[i].op]);
        refused_unseen(cases[i].op, fake_user_readonly(), true, false, -EFAULT,
                       CLOISTER_REASON_BAD_POINTER);
        ck_assert_mem_eq(fake_user(fake_user_readonly()), cases[i].arg, sizes[cases[i].op]);
        /* Half of it can be written. */
        refused_unseen(cases[i].op, fake_user_readonly() - sizes[cases[i].op] / 2, true, false,
                       -EFAULT, CLOISTER_REASON_BAD_POINTER);
    }
}
END_TEST

START_TEST(reserved_head_fields)
{
    for (uint32_t op = 0; op < OPS; op++) {
        for (int field = 0; field < 2; field++) {
            uint8_t arg[1024] = {0};
            struct cloister_head *head = (struct cloister_head *)arg;

            head->reserved0 = field ? 0 : 0x8000;
            head->reserved1 = field ? 1 : 0;
            refuses(op, arg, sizes[op], -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, "op", op);
            ck_assert_uint_eq(head->found, field ? 1 : 0x8000);
            ck_assert_uint_eq(head->reserved0, field ? 0 : 0x8000);
        }
    }
}
END_TEST

START_TEST(a_head_is_cleared_before_the_operation)
{
    struct cloister_quota op = {.head = {.reason = 99, .found = 98, .allowed = 97},
                                .domain = TENANT};

    ck_assert_int_eq(control(CLOISTER_OP_QUOTA, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.head.reason, CLOISTER_REASON_NONE);
    ck_assert_uint_eq(op.head.found, 0);
    ck_assert_uint_eq(op.head.allowed, 0);
}
END_TEST

/* --- INFO, QUOTA, DOMAIN, LIST, TRACE_RING ------------------------------------------------- */

START_TEST(info)
{
    struct cloister_info op = {.abi_version = 0};
    struct cloister_quota quota = {.domain = 9};

    REFUSES(CLOISTER_OP_QUOTA, quota, -ESRCH, NO_SUCH_DOMAIN);
    fake.flags = CLOISTER_INFO_SVM | CLOISTER_INFO_IBPB;
    ck_assert_int_eq(control(CLOISTER_OP_INFO, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.abi_version, CLOISTER_ABI_VERSION);
    ck_assert_uint_eq(op.flags, fake.flags);
    ck_assert_uint_eq(op.create_reason, CLOISTER_REASON_NONE);
    ck_assert_uint_eq(op.identity_reason, CLOISTER_REASON_TPM_ABSENT);
    ck_assert_uint_eq(op.max_enclaves, TENANT_MAX_ENCLAVES);
    ck_assert_uint_eq(op.boot_id, fake_ring(0)->boot_id);
    ck_assert_uint_ge(op.refusals, 1);
}
END_TEST

START_TEST(quota)
{
    struct cloister_quota op = {.domain = 9};

    REFUSES(CLOISTER_OP_QUOTA, op, -ESRCH, NO_SUCH_DOMAIN);
    ck_assert_uint_eq(fake_last_record()->target, 9);
    op.set = 1;
    REFUSES(CLOISTER_OP_QUOTA, op, -ESRCH, NO_SUCH_DOMAIN);
    op.domain = TENANT;
    op.set = 2;
    REFUSES(CLOISTER_OP_QUOTA, op, -EINVAL, RESERVED_NOT_ZERO);
    op.set = UINT16_MAX;
    REFUSES(CLOISTER_OP_QUOTA, op, -EINVAL, RESERVED_NOT_ZERO);
    op.set = 0;
    op.reserved0 = 1;
    REFUSES(CLOISTER_OP_QUOTA, op, -EINVAL, RESERVED_NOT_ZERO);
}
END_TEST

START_TEST(a_quota_is_recorded_when_it_is_set_only)
{
    struct cloister_quota op = {.domain = TENANT, .limit = 5};
    uint64_t records = fake_ring(0)->next;

    ck_assert_int_eq(control(CLOISTER_OP_QUOTA, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.limit, SCENE_QUOTA);
    ck_assert_uint_eq(fake_ring(0)->next, records);
    op.set = 1;
    op.limit = UINT64_MAX;
    ck_assert_int_eq(control(CLOISTER_OP_QUOTA, &op, sizeof(op)), 0);
    ck_assert_uint_eq(fake_ring(0)->next, records + 1);
    ck_assert_uint_eq(fake_last_record()->decision, CLOISTER_ALLOWED);
    ck_assert_uint_eq(fake_last_record()->target, TENANT);
    ck_assert_uint_eq(fake_last_record()->address, UINT64_MAX);
    uint32_t id;
    ck_assert_int_eq(do_create(image, TENANT, &id), 0);
}
END_TEST

START_TEST(a_new_domain_has_no_quota)
{
    struct cloister_quota op = {.domain = 3};

    ck_assert_int_eq(control(CLOISTER_OP_QUOTA, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.limit, 0);
    ck_assert_uint_eq(op.used, 0);
}
END_TEST

START_TEST(the_quota_of_a_dying_domain)
{
    struct cloister_quota op = {.domain = TENANT, .set = 1, .limit = 9};

    ck_assert_int_eq(tenant_end(fake.domains[TENANT].tenant), 0);
    REFUSES(CLOISTER_OP_QUOTA, op, -ESRCH, DOMAIN_DYING);
    op.set = 0;
    ck_assert_int_eq(control(CLOISTER_OP_QUOTA, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.limit, SCENE_QUOTA);
}
END_TEST

START_TEST(domain)
{
    struct cloister_domain op = {.domain = 9};
    uint64_t handle[2];
    struct thread_result result;

    REFUSES(CLOISTER_OP_DOMAIN, op, -ESRCH, NO_SUCH_DOMAIN);
    scene_ready(image, TENANT, handle);
    scene_enter(TENANT, 0, handle, 0);
    handle[1]++;
    tenant_call(TENANT, 0, CLOISTER_CALL_ENTER, handle, 0, &result);
    op = (struct cloister_domain){.domain = TENANT};
    ck_assert_int_eq(control(CLOISTER_OP_DOMAIN, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.enclaves, 1);
    ck_assert_uint_eq(op.quota, SCENE_QUOTA);
    ck_assert_uint_eq(op.used, picture_take().list[0].frames);
    ck_assert_uint_eq(op.entries, 1);
    ck_assert_uint_eq(op.refusals, 1);
    ck_assert_uint_eq(op.suppressed, 0);
}
END_TEST

START_TEST(list_refusals)
{
    struct cloister_list op = {.capacity = 0, .buffer = fake_user_put(NULL, 4096)};

    REFUSES(CLOISTER_OP_LIST, op, -EINVAL, BATCH);
    op.capacity = CLOISTER_MAX_LIST + 1;
    REFUSES(CLOISTER_OP_LIST, op, -EINVAL, BATCH);
    ck_assert_uint_eq(last_head.allowed, CLOISTER_MAX_LIST);
    op.capacity = 1;
    op.reserved0 = 1;
    REFUSES(CLOISTER_OP_LIST, op, -EINVAL, RESERVED_NOT_ZERO);
    op.reserved0 = 0;
    op.count = 1;
    REFUSES(CLOISTER_OP_LIST, op, -EINVAL, RESERVED_NOT_ZERO);
    op.count = 0;
    op.buffer = 0; /* not touched: there is nothing to say */
    ck_assert_int_eq(control(CLOISTER_OP_LIST, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.count, 0);
    uint32_t id;
    ck_assert_int_eq(do_create(image, TENANT, &id), 0);
    REFUSES(CLOISTER_OP_LIST, op, -EFAULT, BAD_POINTER);
    op.buffer = fake_user_readonly();
    REFUSES(CLOISTER_OP_LIST, op, -EFAULT, BAD_POINTER);
    op.buffer = fake_user_readonly() - sizeof(struct cloister_enclave_info) + 1;
    REFUSES(CLOISTER_OP_LIST, op, -EFAULT, BAD_POINTER);
    op.buffer = UINT64_MAX;
    REFUSES(CLOISTER_OP_LIST, op, -EFAULT, BAD_POINTER);
}
END_TEST

START_TEST(list_in_pieces)
{
    uint32_t ids[5];
    uint32_t seen = 0;
    struct cloister_list op = {.capacity = 2};

    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(do_create(image, i % 2 ? TENANT : OTHER_TENANT, &ids[i]), 0);
    }
    op.buffer = fake_user_put(NULL, 2 * sizeof(struct cloister_enclave_info));
    do {
        op.count = 0;
        ck_assert_int_eq(control(CLOISTER_OP_LIST, &op, sizeof(op)), 0);
        const struct cloister_enclave_info *info = fake_user(op.buffer);
        for (uint32_t i = 0; i < op.count; i++) {
            ck_assert_uint_eq(info[i].enclave, ids[seen]);
            ck_assert_uint_eq(info[i].domain, seen % 2 ? TENANT : OTHER_TENANT);
            op.start = ids[seen++] + 1;
        }
    } while (op.count == op.capacity);
    ck_assert_uint_eq(seen, 5);
    op.start = UINT32_MAX;
    op.count = 0;
    ck_assert_int_eq(control(CLOISTER_OP_LIST, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.count, 0);
}
END_TEST

START_TEST(trace_rings)
{
    struct cloister_trace_ring op = {.cpu = FAKE_CPUS};

    REFUSES(CLOISTER_OP_TRACE_RING, op, -ENXIO, BATCH);
    ck_assert_uint_eq(last_head.found, FAKE_CPUS);
    ck_assert_uint_eq(last_head.allowed, FAKE_CPUS - 1);
    op.cpu = UINT32_MAX;
    REFUSES(CLOISTER_OP_TRACE_RING, op, -ENXIO, BATCH);
    for (op.cpu = 0; op.cpu < FAKE_CPUS; op.cpu++) {
        ck_assert_int_eq(control(CLOISTER_OP_TRACE_RING, &op, sizeof(op)), 0);
        ck_assert_uint_eq(op.cpus, FAKE_CPUS);
        for (unsigned int page = 0; page < CLOISTER_TRACE_RING_PAGES; page++) {
            ck_assert_uint_eq(op.frames[page], host_trace_ring_frame(op.cpu, page));
        }
    }
}
END_TEST

/* --- AUDIT --------------------------------------------------------------------------------- */

static uint64_t violations(const struct cloister_audit *op)
{
    return op->second_stage + op->pv_tables + op->grants + op->iommu + op->views + op->anonymity +
           op->ports + op->memory + op->dma + op->pci;
}

START_TEST(audit_finds_nothing)
{
    struct cloister_audit op = {.frames = 0};
    uint64_t handle[2];
    uint64_t records;

    scene_ready(image, TENANT, handle);
    uint32_t id = scene_building(image, OTHER_TENANT);
    ck_assert_int_eq(do_share(id, 0, SCENE_SHARED), 0);
    records = fake_ring(0)->next;
    ck_assert_int_eq(control(CLOISTER_OP_AUDIT, &op, sizeof(op)), 0);
    ck_assert_uint_eq(violations(&op), 0);
    ck_assert_uint_eq(op.frames, picture_take().frames);
    ck_assert_uint_eq(op.entries, 2 * SCENE_PAGES + SCENE_SHARED + 1);
    ck_assert_uint_eq(fake_ring(0)->next, records);
}
END_TEST

START_TEST(audit_stopped_at_each_check)
{
    struct cloister_audit whole = {.frames = 0};
    uint64_t handle[2];

    scene_ready(image, TENANT, handle);
    scene_building(image, OTHER_TENANT);
    ck_assert_int_eq(control(CLOISTER_OP_AUDIT, &whole, sizeof(whole)), 0);
    fake_preempt_every(1);
    struct cloister_audit op = {.frames = 0};
    control_restarts = 0;
    ck_assert_int_eq(control(CLOISTER_OP_AUDIT, &op, sizeof(op)), 0);
    fake_preempt_every(0);
    ck_assert_uint_ge(control_restarts, op.frames);
    ck_assert_uint_eq(op.frames, whole.frames);
    ck_assert_uint_eq(op.entries, whole.entries);
    ck_assert_uint_eq(violations(&op), 0);
}
END_TEST

static const size_t host_counts[] = {
    offsetof(struct cloister_audit, second_stage), offsetof(struct cloister_audit, pv_tables),
    offsetof(struct cloister_audit, grants),       offsetof(struct cloister_audit, iommu),
    offsetof(struct cloister_audit, ports),        offsetof(struct cloister_audit, memory),
    offsetof(struct cloister_audit, dma),          offsetof(struct cloister_audit, pci),
};
#define HOST_COUNTS ((int)(sizeof(host_counts) / sizeof(host_counts[0])))

START_TEST(audit_finds_what_the_host_finds)
{
    struct cloister_audit op = {.frames = 0};
    uint64_t found;

    fake.audit_adds = 3;
    fake.audit_count = host_counts[_i];
    ck_assert_int_eq(control(CLOISTER_OP_AUDIT, &op, sizeof(op)), 0);
    memcpy(&found, (const char *)&op + host_counts[_i], sizeof(found));
    ck_assert_uint_eq(found, 3);
    ck_assert_uint_eq(violations(&op), 3);
    ck_assert_uint_eq(fake_last_record()->event, CLOISTER_EVENT_AUDIT);
    ck_assert_uint_eq(fake_last_record()->decision, CLOISTER_REFUSED);
}
END_TEST

START_TEST(audit_finds_a_frame_that_has_an_owner)
{
    struct cloister_audit op = {.frames = 0};
    uint64_t handle[2];
    frame_t frame;

    scene_ready(image, TENANT, handle);
    ck_assert(view_lookup(&fake.domains[TENANT].tenant->slots[0]->view, 2, &frame));
    fake.not_anonymous = frame.number;
    ck_assert_int_eq(control(CLOISTER_OP_AUDIT, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.anonymity, 1);
    ck_assert_uint_eq(violations(&op), 1);
    ck_assert_uint_eq(fake_last_record()->event, CLOISTER_EVENT_AUDIT);
}
END_TEST

START_TEST(audit_finds_a_leaf_that_does_not_belong)
{
    struct cloister_audit op = {.frames = 0};
    uint64_t handle[2];
    frame_t frame;

    scene_ready(image, TENANT, handle);
    const struct view *view = &fake.domains[TENANT].tenant->slots[0]->view;
    ck_assert(view_lookup(view, 0, &frame));
    /* Page 1's entry is made to hold page 0's frame. */
    frame_t table = view->root;
    for (int level = 3; level > 0; level--) {
        uint64_t *entries = host_frame_map(table);
        frame_t next;
        ck_assert(host_view_entry_frame(entries[0], &next));
        host_frame_unmap(entries);
        table = next;
    }
    uint64_t *entries = host_frame_map(table);
    entries[1] = entries[0];
    host_frame_unmap(entries);
    ck_assert_int_eq(control(CLOISTER_OP_AUDIT, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.views, 1);
    ck_assert_uint_eq(fake_last_record()->event, CLOISTER_EVENT_AUDIT);
}
END_TEST

START_TEST(audit_with_a_wild_cursor)
{
    static const uint64_t wild[] = {1, 2, 3, UINT64_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63};
    uint64_t handle[2];

    scene_ready(image, TENANT, handle);
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 6; j++) {
            struct cloister_audit op = {.cursor = {i % 4, wild[i], wild[j], wild[i]}};
            ck_assert_int_eq(control(CLOISTER_OP_AUDIT, &op, sizeof(op)), 0);
            ck_assert_uint_eq(violations(&op), 0);
        }
    }
}
END_TEST

/* --- the host's own refusals --------------------------------------------------------------- */

START_TEST(refusals_of_the_host_are_recorded)
{
    monitor_refused(CLOISTER_EVENT_FREEZE, CLOISTER_REASON_ENCLAVES_LIVE, -EBUSY, TENANT, 77, 0);
    const struct cloister_trace_record *record = fake_last_record();
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_FREEZE);
    ck_assert_uint_eq(record->decision, CLOISTER_REFUSED);
    ck_assert_uint_eq(record->reason, CLOISTER_REASON_ENCLAVES_LIVE);
    ck_assert_int_eq(record->error, -EBUSY);
    ck_assert_uint_eq(record->domain, 0);
    ck_assert_uint_eq(record->target, TENANT);
    ck_assert_uint_eq(record->operation, 77);
    ck_assert_uint_eq(record->enclave, CLOISTER_NO_ENCLAVE);
    ck_assert_uint_eq(fake.domains[0].tenant->budget.refusals, 1);
}
END_TEST

/* An actor that the monitor has no tenant for is recorded, too. */
START_TEST(refusals_of_a_stranger_are_recorded)
{
    fake.actor_domain = CLOISTER_NO_DOMAIN;
    monitor_refused(CLOISTER_EVENT_GUARD, CLOISTER_REASON_GUARD_MMIO, -EPERM, TENANT, 0, 5);
    ck_assert_uint_eq(fake_last_record()->domain, CLOISTER_NO_DOMAIN);
    refused_unseen(0, 0, false, false, -EPERM, CLOISTER_REASON_NOT_PRIVILEGED);
    ck_assert_uint_eq(fake_last_record()->domain, CLOISTER_NO_DOMAIN);
}
END_TEST

START_TEST(stopped_devices_are_recorded)
{
    fake.actor_domain = CLOISTER_NO_DOMAIN;
    for (int i = 0; i < 2; i++) {
        uint16_t domain = i ? CLOISTER_NO_DOMAIN : TENANT;

        monitor_dma_refused(domain, 0x10018, UINT64_C(0x123456789000));
        const struct cloister_trace_record *record = fake_last_record();
        ck_assert_uint_eq(record->event, CLOISTER_EVENT_DMA);
        ck_assert_uint_eq(record->decision, CLOISTER_REFUSED);
        ck_assert_uint_eq(record->reason, CLOISTER_REASON_GUARD_DMA);
        ck_assert_uint_eq(record->domain, domain);
        ck_assert_uint_eq(record->operation, 0x10018);
        ck_assert_uint_eq(record->address, UINT64_C(0x123456789000));
    }
    fake.actor_domain = 0;
}
END_TEST

/* A device that faults without end has its domain's rate. */
START_TEST(a_storm_of_device_faults_is_limited)
{
    uint64_t records = fake_ring(0)->next;

    for (int i = 0; i < 5000; i++) {
        monitor_dma_refused(TENANT, 8, 0x1000);
    }
    ck_assert_uint_eq(fake_ring(0)->next, records + CLOISTER_TRACE_RATE);
}
END_TEST

START_TEST(a_flood_is_counted_but_not_all_recorded)
{
    struct cloister_info info = {.abi_version = 0};
    uint64_t records = fake_ring(0)->next;

    fake.actor_domain = TENANT;
    for (int i = 0; i < 5000; i++) {
        ck_assert_int_eq(monitor_control(0, 0, false, false), -EPERM);
    }
    fake.actor_domain = 0;
    ck_assert_uint_eq(fake_ring(0)->next, records + CLOISTER_TRACE_RATE);
    ck_assert_int_eq(control(CLOISTER_OP_INFO, &info, sizeof(info)), 0);
    ck_assert_uint_eq(info.refusals, 5000);
    ck_assert_uint_eq(info.suppressed, 5000 - CLOISTER_TRACE_RATE);
    struct cloister_domain domain = {.domain = TENANT};
    ck_assert_int_eq(control(CLOISTER_OP_DOMAIN, &domain, sizeof(domain)), 0);
    ck_assert_uint_eq(domain.refusals, 5000);
    ck_assert_uint_eq(domain.suppressed, 5000 - CLOISTER_TRACE_RATE);
    /* The others still have theirs. */
    refused_unseen(0, 0, false, false, -EPERM, CLOISTER_REASON_NOT_PRIVILEGED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calls");
    TCase *cases = suite_case(suite, "entry", 60);

    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, not_for_everybody);
    tcase_add_test(cases, not_inside_a_multicall);
    tcase_add_test(cases, unknown_operations);
    tcase_add_test(cases, arguments_that_are_not_there);
    tcase_add_test(cases, arguments_in_read_only_memory);
    tcase_add_test(cases, reserved_head_fields);
    tcase_add_test(cases, a_head_is_cleared_before_the_operation);

    cases = suite_case(suite, "looking", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, info);
    tcase_add_test(cases, quota);
    tcase_add_test(cases, a_quota_is_recorded_when_it_is_set_only);
    tcase_add_test(cases, a_new_domain_has_no_quota);
    tcase_add_test(cases, the_quota_of_a_dying_domain);
    tcase_add_test(cases, domain);
    tcase_add_test(cases, list_refusals);
    tcase_add_test(cases, list_in_pieces);
    tcase_add_test(cases, trace_rings);

    cases = suite_case(suite, "audit", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, audit_finds_nothing);
    tcase_add_test(cases, audit_stopped_at_each_check);
    tcase_add_loop_test(cases, audit_finds_what_the_host_finds, 0, HOST_COUNTS);
    tcase_add_test(cases, audit_finds_a_frame_that_has_an_owner);
    tcase_add_test(cases, audit_with_a_wild_cursor);

    cases = suite_case(suite, "broken", 60);
    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, audit_finds_a_leaf_that_does_not_belong);

    cases = suite_case(suite, "the host's rules", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, refusals_of_the_host_are_recorded);
    tcase_add_test(cases, refusals_of_a_stranger_are_recorded);
    tcase_add_test(cases, stopped_devices_are_recorded);
    tcase_add_test(cases, a_storm_of_device_faults_is_limited);
    tcase_add_test(cases, a_flood_is_counted_but_not_all_recorded);
    return suite_run(suite);
}
