/* SPDX-License-Identifier: MIT */
/*
 * The suite's own hand on the monitor, without the host daemon. Output is JSON.
 *
 *   control info                      what INFO says
 *   control domain DOMID              what DOMAIN says
 *   control create DOMID IMAGE REF... quota, CREATE, ADD_PAGES, SHARE, INIT: {"enclave", "handle"}
 *   control destroy ENCLAVE
 *   control audit                     {"entries", "frames", "violations"}
 *   control frames ENCLAVE FIRST COUNT  frame numbers (test build)
 *   control read FRAME...             first 64 bytes of each (test build)
 *   control state KIND                the next entry fails on the guest's state (1) or the controls (2)
 *                                     (test build)
 *   control keep                      the way down clears nothing (test build)
 *   control stick                     the other CPUs take no interrupt any more (test build)
 *   control secrets                   {"key", "root"} of this boot, each byte inverted (test build)
 * A refusal: {"error", "reason", "text"} and status 1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor.h"
#include "report.h"

#define QUOTA_FRAMES 1024

static int refused(long error, const struct cloister_head *head)
{
    printf("{\"error\": \"%s\", \"reason\": \"%s\", \"text\": \"%s\"}\n", errno_name(error),
           cloister_reason_name(head->reason), cloister_reason_text(head->reason));
    return 1;
}

static int info(void)
{
    struct cloister_info op = {0};
    long rc = monitor_op(CLOISTER_OP_INFO, &op, sizeof(op));

    if (rc) {
        return refused(rc, &op.head);
    }
    printf("{\"flags\": %u, \"test\": %s, \"strict\": %s, \"create_reason\": \"%s\", \"enclaves\": "
           "%" PRIu64 ", \"sealed_frames\": %" PRIu64 ", \"table_frames\": %" PRIu64
           ", \"context_frames\": %" PRIu64 ", \"shared_frames\": %" PRIu64
           ", \"entries\": %" PRIu64 ", \"interruptions\": %" PRIu64 ", \"refusals\": %" PRIu64
           ", \"suppressed\": %" PRIu64 "}\n",
           op.flags, op.flags & CLOISTER_INFO_TEST ? "true" : "false",
           op.flags & CLOISTER_INFO_IOMMU_STRICT ? "true" : "false",
           cloister_reason_name(op.create_reason), op.enclaves, op.sealed_frames, op.table_frames,
           op.context_frames, op.shared_frames, op.entries, op.interruptions, op.refusals,
           op.suppressed);
    return 0;
}

static int domain(unsigned int id)
{
    struct cloister_domain op = {.domain = id};
    long rc = monitor_op(CLOISTER_OP_DOMAIN, &op, sizeof(op));

    if (rc) {
        return refused(rc, &op.head);
    }
    printf("{\"enclaves\": %u, \"used\": %" PRIu64 ", \"entries\": %" PRIu64
           ", \"refusals\": %" PRIu64 ", \"suppressed\": %" PRIu64 "}\n",
           op.enclaves, op.used, op.entries, op.refusals, op.suppressed);
    return 0;
}

/* The file in memory that hypercalls reach. */
static uint8_t *image_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *image = NULL;

    if (file && !fseek(file, 0, SEEK_END)) {
        size_t size = ftell(file);
        rewind(file);
        image = hyper_memory(size);
        if (fread(image, 1, size, file) != size) {
            image = NULL;
        }
    }
    if (!image) {
        perror(path);
        exit(2);
    }
    return image;
}

static int create(unsigned int id, const char *path, char **refs, unsigned int count)
{
    uint8_t *image = image_read(path);
    const struct cloister_image_header *header = (const void *)image;
    uint32_t records = header->launch.record_count;
    uint64_t table = CLOISTER_IMAGE_HEADER_SIZE + records * sizeof(struct cloister_page_record);
    uint32_t *numbers = hyper_memory(CLOISTER_PAGE_SIZE);
    struct cloister_quota quota = {.domain = id, .set = 1, .limit = QUOTA_FRAMES};
    struct cloister_create make = {.domain = id, .header = (uintptr_t)image};
    long rc;

    for (unsigned int i = 0; i < count; i++) {
        numbers[i] = strtoul(refs[i], NULL, 10);
    }
    rc = monitor_op(CLOISTER_OP_QUOTA, &quota, sizeof(quota));
    if (rc) {
        return refused(rc, &quota.head);
    }
    rc = monitor_op(CLOISTER_OP_CREATE, &make, sizeof(make));
    if (rc) {
        return refused(rc, &make.head);
    }
    struct cloister_add_pages pages = {.enclave = make.enclave,
                                       .count = records,
                                       .records = (uintptr_t)image + CLOISTER_IMAGE_HEADER_SIZE,
                                       .content = (uintptr_t)image +
                                                  (table + CLOISTER_PAGE_SIZE - 1) /
                                                      CLOISTER_PAGE_SIZE * CLOISTER_PAGE_SIZE};
    rc = monitor_op(CLOISTER_OP_ADD_PAGES, &pages, sizeof(pages));
    if (rc) {
        return refused(rc, &pages.head);
    }
    struct cloister_share share = {
        .enclave = make.enclave, .count = count, .refs = (uintptr_t)numbers};
    rc = count ? monitor_op(CLOISTER_OP_SHARE, &share, sizeof(share)) : 0;
    if (rc) {
        return refused(rc, &share.head);
    }
    struct cloister_init init = {.enclave = make.enclave};
    rc = monitor_op(CLOISTER_OP_INIT, &init, sizeof(init));
    if (rc) {
        return refused(rc, &init.head);
    }
    printf("{\"enclave\": %u, \"handle\": [\"%" PRIx64 "\", \"%" PRIx64 "\"]}\n", make.enclave,
           init.handle[0], init.handle[1]);
    return 0;
}

static int destroy(unsigned int enclave)
{
    struct cloister_destroy op = {.enclave = enclave};
    long rc = monitor_op(CLOISTER_OP_DESTROY, &op, sizeof(op));

    if (rc) {
        return refused(rc, &op.head);
    }
    printf("{}\n");
    return 0;
}

static int state(unsigned int kind)
{
    struct cloister_test op = {.kind = CLOISTER_TEST_STATE, .page = kind};
    long rc = monitor_op(CLOISTER_OP_TEST, &op, sizeof(op));

    if (rc) {
        return refused(rc, &op.head);
    }
    printf("{}\n");
    return 0;
}

static int test_operation(uint32_t kind)
{
    struct cloister_test op = {.kind = kind};
    long rc = monitor_op(CLOISTER_OP_TEST, &op, sizeof(op));

    if (rc) {
        return refused(rc, &op.head);
    }
    printf("{}\n");
    return 0;
}

static void print_hex(const uint8_t *bytes, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        printf("%02x", bytes[i]);
    }
}

static int secrets(void)
{
    struct cloister_test op = {.kind = CLOISTER_TEST_SECRETS};
    long rc = monitor_op(CLOISTER_OP_TEST, &op, sizeof(op));

    if (rc) {
        return refused(rc, &op.head);
    }
    printf("{\"key\": \"");
    print_hex(op.data, 32);
    printf("\", \"root\": \"");
    print_hex(op.data + 32, 32);
    printf("\"}\n");
    return 0;
}

static int audit(void)
{
    struct cloister_audit op = {0};
    long rc = monitor_op(CLOISTER_OP_AUDIT, &op, sizeof(op));

    if (rc) {
        return refused(rc, &op.head);
    }
#define ADD(member, name) op.member +
    printf("{\"entries\": %" PRIu64 ", \"frames\": %" PRIu64 ", \"violations\": %" PRIu64 "}\n",
           op.entries, op.frames,
           CLOISTER_AUDIT_ENCLAVES(ADD) CLOISTER_AUDIT_MACHINE(ADD) UINT64_C(0));
#undef ADD
    return 0;
}

static int frames(unsigned int enclave, unsigned int first, unsigned int count)
{
    printf("[");
    for (unsigned int i = 0; i < count; i++) {
        uint64_t frame = monitor_frame(enclave, first + i);
        if (frame == UINT64_MAX) {
            report_cannot("no frame of page %u: is this a test build?", first + i);
        }
        printf("%s%" PRIu64, i ? ", " : "", frame);
    }
    printf("]\n");
    return 0;
}

static int read_frames(char **numbers, int count)
{
    printf("[");
    for (int i = 0; i < count; i++) {
        uint8_t data[64];

        if (monitor_read(strtoull(numbers[i], NULL, 0), data)) {
            report_cannot("frame %s cannot be read", numbers[i]);
        }
        printf("%s\"", i ? ", " : "");
        print_hex(data, sizeof(data));
        printf("\"");
    }
    printf("]\n");
    return 0;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";

#define NUMBER(n) ((unsigned int)strtoul(arguments[n], NULL, 0))
    if (!strcmp(what, "info")) {
        return info();
    }
    if (!strcmp(what, "domain") && count == 3) {
        return domain(NUMBER(2));
    }
    if (!strcmp(what, "create") && count >= 4) {
        return create(NUMBER(2), arguments[3], arguments + 4, count - 4);
    }
    if (!strcmp(what, "destroy") && count == 3) {
        return destroy(NUMBER(2));
    }
    if (!strcmp(what, "audit")) {
        return audit();
    }
    if (!strcmp(what, "frames") && count == 5) {
        return frames(NUMBER(2), NUMBER(3), NUMBER(4));
    }
    if (!strcmp(what, "read") && count > 2) {
        return read_frames(arguments + 2, count - 2);
    }
    if (!strcmp(what, "state") && count == 3) {
        return state(NUMBER(2));
    }
    if (!strcmp(what, "keep")) {
        return test_operation(CLOISTER_TEST_KEEP);
    }
    if (!strcmp(what, "stick")) {
        return test_operation(CLOISTER_TEST_STICK);
    }
    if (!strcmp(what, "secrets")) {
        return secrets();
    }
    fprintf(stderr, "control: unknown command; see the head of control.c\n");
    return 2;
}
