/* SPDX-License-Identifier: MIT */
/*
 * The monitor's control operations (cloister/abi.h) as functions. Everything that needs the monitor
 * takes a struct hypercalls, so that the same code runs against a pretended monitor in the tests.
 *
 * All return 0 or a negative errno; on a refusal op->head holds reason, found and allowed. Addresses
 * in an operation (header, records, content, refs, buffer) are ordinary ones of this process.
 * Not thread-safe: a struct hypercalls per thread.
 */
#ifndef CLOISTER_HOST_HYPERCALL_H
#define CLOISTER_HOST_HYPERCALL_H

#include <stddef.h>

#include "cloister/abi.h"

struct hypercalls {
    int (*call)(struct hypercalls *calls, uint32_t op, void *arg);
    void (*close)(struct hypercalls *calls);
};

/* Bytes of all buffers that one operation names; more is -E2BIG. */
#define HYPERCALL_BUFFERS (512u * 1024u)

/*
 * Opens the way to Xen (libxencall) and asks the monitor for its version. On failure `why` is a
 * sentence that says what to do.
 *   -ENODEV  this is not Xen's control domain
 *   -ENOSYS  this Xen has no monitor
 *   -EPROTO  the monitor speaks another version of the ABI
 */
__attribute__((warn_unused_result)) int hypercall_open(struct hypercalls **calls, char *why,
                                                       size_t why_size);
static inline void hypercall_close(struct hypercalls *calls)
{
    if (calls)
        calls->close(calls);
}

/*
 * Why an operation was refused, as one line: the rule's sentence, the errno, found and allowed.
 * `head` NULL: only the errno.
 */
void hypercall_describe(int error, const struct cloister_head *head, char *text, size_t size);

#define HYPERCALL(name, code, type)                                                                \
    __attribute__((warn_unused_result)) static inline int hypercall_##name(                        \
        struct hypercalls *calls, struct type *op)                                                 \
    {                                                                                              \
        return calls->call(calls, code, op);                                                       \
    }
HYPERCALL(info, CLOISTER_OP_INFO, cloister_info)
HYPERCALL(create, CLOISTER_OP_CREATE, cloister_create)
HYPERCALL(add_pages, CLOISTER_OP_ADD_PAGES, cloister_add_pages)
HYPERCALL(share, CLOISTER_OP_SHARE, cloister_share)
HYPERCALL(init, CLOISTER_OP_INIT, cloister_init)
HYPERCALL(destroy, CLOISTER_OP_DESTROY, cloister_destroy)
HYPERCALL(quota, CLOISTER_OP_QUOTA, cloister_quota)
HYPERCALL(list, CLOISTER_OP_LIST, cloister_list)
HYPERCALL(domain, CLOISTER_OP_DOMAIN, cloister_domain)
HYPERCALL(audit, CLOISTER_OP_AUDIT, cloister_audit)
HYPERCALL(trace_ring, CLOISTER_OP_TRACE_RING, cloister_trace_ring)
HYPERCALL(record, CLOISTER_OP_RECORD, cloister_record)
HYPERCALL(heartbeat, CLOISTER_OP_HEARTBEAT, cloister_heartbeat)
HYPERCALL(counters_load, CLOISTER_OP_COUNTERS_LOAD, cloister_counters_load)
HYPERCALL(counters_save, CLOISTER_OP_COUNTERS_SAVE, cloister_counters_save)
HYPERCALL(counters_read, CLOISTER_OP_COUNTERS_READ, cloister_counters_read)
HYPERCALL(counters_commit, CLOISTER_OP_COUNTERS_COMMIT, cloister_counters_commit)
HYPERCALL(counters_forget, CLOISTER_OP_COUNTERS_FORGET, cloister_counters_forget)
HYPERCALL(lockdown, CLOISTER_OP_LOCKDOWN, cloister_lockdown)
HYPERCALL(boot, CLOISTER_OP_BOOT, cloister_boot)
#undef HYPERCALL

#endif
