/* SPDX-License-Identifier: MIT */
#include "monitor/hypercall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xencall.h>

#define PAGE 4096u
#define MAX_SPANS 2u

/* The real monitor. `memory` is what Xen may read and write: the operation's page, its buffers. */
struct real {
    struct hypercalls calls;
    xencall_handle *xen;
    char *memory;
};

/* A buffer that an operation names: where its address stands, how long it is, which way it goes. */
struct span {
    uint64_t *address;
    size_t size;
    bool out;
};

static const uint16_t op_sizes[] = {
#define OPERATION_SIZE(number, name, structure)                                                    \
    [CLOISTER_OP_##name] = sizeof(struct cloister_##structure),
    CLOISTER_OPERATIONS(OPERATION_SIZE)
#undef OPERATION_SIZE
};

static unsigned int find_spans(uint32_t op, void *arg, struct span spans[MAX_SPANS])
{
    struct cloister_create *create = arg;
    struct cloister_add_pages *add = arg;
    struct cloister_share *share = arg;
    struct cloister_list *list = arg;
    struct cloister_counters_load *load = arg;
    struct cloister_counters_save *save = arg;
    struct cloister_lockdown *lockdown = arg;
    struct cloister_boot *boot = arg;

    switch (op) {
    case CLOISTER_OP_CREATE:
        spans[0] = (struct span){&create->header, sizeof(struct cloister_image_header), false};
        return 1;
    case CLOISTER_OP_ADD_PAGES:
        spans[0] = (struct span){&add->records,
                                 (size_t)add->count * sizeof(struct cloister_page_record), false};
        spans[1] = (struct span){&add->content, (size_t)add->count * CLOISTER_PAGE_SIZE, false};
        return add->content ? 2 : 1;
    case CLOISTER_OP_SHARE:
        spans[0] = (struct span){&share->refs, (size_t)share->count * sizeof(uint32_t), false};
        return 1;
    case CLOISTER_OP_LIST:
        spans[0] = (struct span){
            &list->buffer, (size_t)list->capacity * sizeof(struct cloister_enclave_info), true};
        return 1;
    case CLOISTER_OP_LOCKDOWN:
        spans[0] =
            (struct span){&lockdown->buffer,
                          (size_t)lockdown->capacity * sizeof(struct cloister_lockdown_row), true};
        return 1;
    case CLOISTER_OP_BOOT:
        spans[0] = (struct span){&boot->buffer, boot->size, true};
        return boot->kind == CLOISTER_BOOT_ENTRY ? 1 : 0;
    case CLOISTER_OP_COUNTERS_LOAD:
        spans[0] = (struct span){&load->image, load->size, false};
        return load->size ? 1 : 0;
    case CLOISTER_OP_COUNTERS_SAVE:
        spans[0] = (struct span){&save->image, sizeof(struct cloister_counters_image), true};
        return 1;
    default:
        return 0;
    }
}

static int real_call(struct hypercalls *calls, uint32_t op, void *arg)
{
    struct real *real = (struct real *)calls;
    struct span spans[MAX_SPANS];
    uint64_t addresses[MAX_SPANS];
    size_t used = PAGE;

    if (op >= sizeof(op_sizes) / sizeof(op_sizes[0]))
        return -ENOSYS;
    unsigned int count = find_spans(op, arg, spans);
    for (unsigned int i = 0; i < count; i++) {
        if (spans[i].size > HYPERCALL_BUFFERS - (used - PAGE))
            return -E2BIG;
        char *copy = real->memory + used;

        used += (spans[i].size + 63) / 64 * 64;
        addresses[i] = *spans[i].address;
        if (spans[i].out)
            memset(copy, 0, spans[i].size);
        else
            memcpy(copy, (const void *)(uintptr_t)addresses[i], spans[i].size);
        *spans[i].address = (uintptr_t)copy;
    }
    memcpy(real->memory, arg, op_sizes[op]);
    int rc = xencall2(real->xen, CLOISTER_HYPERCALL, op, (uintptr_t)real->memory);
    rc = rc < 0 ? -errno : 0;
    for (unsigned int i = 0; i < count; i++) {
        if (spans[i].out && !rc)
            memcpy((void *)(uintptr_t)addresses[i], (const void *)(uintptr_t)*spans[i].address,
                   spans[i].size);
    }
    memcpy(arg, real->memory, op_sizes[op]);
    for (unsigned int i = 0; i < count; i++)
        *spans[i].address = addresses[i];
    if (op == CLOISTER_OP_INIT)
        explicit_bzero(real->memory, op_sizes[op]); /* the handle */
    return rc;
}

static void real_close(struct hypercalls *calls)
{
    struct real *real = (struct real *)calls;

    xencall_free_buffer_pages(real->xen, real->memory, 1 + HYPERCALL_BUFFERS / PAGE);
    xencall_close(real->xen);
    free(real);
}

static int check_monitor(struct hypercalls *calls, char *why, size_t why_size)
{
    struct cloister_info info = {0};
    int rc = hypercall_info(calls, &info);

    if (rc == -ENOSYS && info.head.reason == CLOISTER_REASON_NONE) {
        snprintf(why, why_size,
                 "this Xen has no Cloister monitor (hypercall %u is not known to "
                 "it): boot the Xen that Cloister builds",
                 CLOISTER_HYPERCALL);
    } else if (rc) {
        char detail[200];

        hypercall_describe(rc, &info.head, detail, sizeof(detail));
        snprintf(why, why_size, "the monitor does not answer: %s", detail);
    } else if (info.abi_version != CLOISTER_ABI_VERSION) {
        snprintf(why, why_size,
                 "the monitor speaks ABI version %u, this program %u: install the "
                 "same version of both",
                 info.abi_version, CLOISTER_ABI_VERSION);
        rc = -EPROTO;
    }
    return rc;
}

int hypercall_open(struct hypercalls **calls, char *why, size_t why_size)
{
    struct real *real = calloc(1, sizeof(*real));

    *calls = NULL;
    if (!real)
        return -ENOMEM;
    if (access("/dev/xen/privcmd", R_OK | W_OK)) {
        int rc = errno == EACCES ? -EACCES : -ENODEV;

        snprintf(why, why_size,
                 rc == -EACCES ? "/dev/xen/privcmd may not be opened: become root"
                               : "/dev/xen/privcmd is not there: this is not Xen's control domain");
        free(real);
        return rc;
    }
    real->calls.call = real_call;
    real->calls.close = real_close;
    real->xen = xencall_open(NULL, 0);
    if (real->xen)
        real->memory = xencall_alloc_buffer_pages(real->xen, 1 + HYPERCALL_BUFFERS / PAGE);
    if (!real->memory) {
        int rc = errno ? -errno : -ENOMEM;

        snprintf(why, why_size, "cannot open the way to Xen: %s", strerror(-rc));
        if (real->xen)
            xencall_close(real->xen);
        free(real);
        return rc;
    }
    int rc = check_monitor(&real->calls, why, why_size);
    if (rc)
        real_close(&real->calls);
    else
        *calls = &real->calls;
    return rc;
}
