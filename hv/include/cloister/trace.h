/* SPDX-License-Identifier: MIT */
/*
 * The trace: what the monitor records, and how the host reads it.
 *
 * One ring per physical CPU, of CLOISTER_TRACE_RING_PAGES contiguous pages: a header of one record's
 * size, then `capacity` records. Only the monitor writes; the control domain maps the pages
 * read-only (CLOISTER_OP_TRACE_RING gives their frame numbers) and can therefore neither alter a
 * record nor hold the monitor up. There is no consumer index: a full ring overwrites its oldest
 * record, and the reader sees the gap in `sequence`.
 *
 * ## The running hash
 *
 * All records of a boot, whatever their CPU, have one order: `order` = 0, 1, 2 ... without a gap. Over them
 * the monitor keeps a hash that the control domain cannot reach:
 *
 *   head(0)   = boot_id, 8 bytes little-endian, then 24 zeros
 *   head(n+1) = SHA-256(head(n) || the CLOISTER_TRACE_RECORD_SIZE bytes of the record with order n)
 *
 * A heartbeat (report.h) signs head(n), n = trace_records, and trace_suppressed, all of one moment: the n
 * records below are in the rings before it can be asked for, and whoever has them can compute the head
 * again. A record that the ring has overwritten breaks that up to the next heartbeat; from there it goes on.
 *
 * ## How many
 *
 * A domain may cause CLOISTER_TRACE_RATE records at a stretch; they come back at CLOISTER_TRACE_SHARE a
 * second, and to the control domain at CLOISTER_TRACE_RATE. What is more is only counted: in `suppressed` of
 * its next record, in INFO, DOMAIN and heartbeats. A ring has room for ten domains' whole stretch, so one
 * domain's noise does not push another's records out before a reader comes that comes ten times a second.
 *
 * ## Reading without a lock
 *
 * Record n (n = 0, 1, 2 ...) of a CPU stands in slot n % capacity. `header.next` is the number of
 * the next record. A reader that wants record n:
 *   1. n >= next: it does not exist yet; next - n > capacity: it was lost (count it, go to
 *      next - capacity),
 *   2. copy the slot, then a read barrier, then read `header.next` again: if next - n >= capacity
 *      the copy may be torn; treat it as lost,
 *   3. copy.sequence must equal n, else treat it as lost.
 */
#ifndef CLOISTER_TRACE_H
#define CLOISTER_TRACE_H

#include <stdint.h>

#define CLOISTER_TRACE_MAGIC UINT32_C(0x52544c43) /* "CLTR" */
#define CLOISTER_TRACE_VERSION 2u
#define CLOISTER_TRACE_RING_PAGES 64u
#define CLOISTER_TRACE_RECORD_SIZE 128u

#define CLOISTER_TRACE_RATE 200u /* records of one domain at a stretch; see "How many" */
#define CLOISTER_TRACE_SHARE 1u  /* of a guest, in each second after that */

struct cloister_trace_header {
    uint32_t magic;    /* CLOISTER_TRACE_MAGIC */
    uint32_t version;  /* CLOISTER_TRACE_VERSION */
    uint32_t capacity; /* records in this ring */
    uint32_t cpu;
    uint64_t next;    /* number of the next record, counts from 0 and never wraps */
    uint64_t boot_id; /* random; differs from boot to boot */
    uint8_t reserved[96];
};

/*
 * What happened, X(number, NAME, "name"). Numbers are ABI.
 *   CONTROL   a control operation: refused, or done if it changes state. BOOT: address = the kind << 32 | NEXT's entry,
 *             or the first one of the ORDER
 *   CALL      ENTER, RESUME or STATUS refused
 *   FAULT     a thread ended in a fault
 *   GUARD     a mapping of, or a reference to, a protected frame was refused. GUARD_REFERENCE: error is 0, Xen's
 *             caller chooses what to answer
 *   FREEZE    a domain control, or altp2m, refused because enclaves live
 *   DOMAIN    a domain ended; its enclaves were scrubbed
 *   AUDIT     an audit found a violation
 *   DMA       the IOMMU stopped a device: domain = whose device it is, operation = PCI segment << 16 | bus << 8 |
 *             slot << 3 | function, address = bus address
 *   ENCLAVE   a REPORT, a KEY or a COUNTER was refused to an enclave
 *   LOCKDOWN  dom0 asked for what the table does not give it (lockdown.h): operation = the rule, address = port,
 *             physical address, register or operation, found = the value that it would have written. In watch mode
 *             the decision is ALLOWED
 */
#define CLOISTER_TRACE_EVENTS(X)                                                                   \
    X(1, CONTROL, "control")                                                                       \
    X(2, CALL, "call")                                                                             \
    X(3, FAULT, "fault")                                                                           \
    X(4, GUARD, "guard")                                                                           \
    X(5, FREEZE, "freeze")                                                                         \
    X(6, DOMAIN, "domain")                                                                         \
    X(7, AUDIT, "audit")                                                                           \
    X(8, DMA, "dma")                                                                               \
    X(9, ENCLAVE, "enclave")                                                                       \
    X(10, LOCKDOWN, "lockdown")

#define CLOISTER_EVENT_ENUM(number, name, text) CLOISTER_EVENT_##name = (number),
enum cloister_trace_event { CLOISTER_TRACE_EVENTS(CLOISTER_EVENT_ENUM) };
#undef CLOISTER_EVENT_ENUM

enum cloister_trace_decision {
    CLOISTER_ALLOWED = 0,
    CLOISTER_REFUSED = 1,
};

/* No domain, no vCPU, no enclave, no page. */
#define CLOISTER_NO_DOMAIN UINT16_C(0x7fff)
#define CLOISTER_NO_VCPU UINT16_C(0xffff)
#define CLOISTER_NO_ENCLAVE UINT32_C(0)
#define CLOISTER_NO_PAGE UINT32_C(0xffffffff)

struct cloister_trace_record {
    uint64_t sequence;
    uint64_t time;     /* ns since boot (Xen's NOW()) */
    uint16_t event;    /* enum cloister_trace_event */
    uint16_t decision; /* enum cloister_trace_decision */
    uint16_t reason;   /* enum cloister_reason: the rule */
    int16_t error;     /* 0 or the negative errno that the caller got */
    /* who */
    uint16_t domain; /* the acting domain */
    uint16_t vcpu;
    uint8_t cpl;       /* privilege level of the caller, 0xff unknown */
    uint8_t insn_size; /* valid bytes in insn */
    uint16_t pcpu;
    uint64_t cr3; /* the caller's page-table root: identifies the process; 0 unknown */
    /* where */
    uint64_t rip;     /* 0 unknown */
    uint8_t insn[16]; /* instruction bytes at rip */
    /* what */
    /* CLOISTER_OP_*, _CALL_*, _ENCLAVE_*, number of a domctl or HVMOP; by event */
    uint32_t operation;
    uint16_t target; /* the domain acted upon, CLOISTER_NO_DOMAIN */
    uint16_t reserved0;
    uint64_t address; /* frame number, address or vector the rule looked at */
    uint64_t found;
    uint64_t allowed;
    /* whose */
    uint32_t enclave;    /* CLOISTER_NO_ENCLAVE */
    uint32_t page;       /* enclave page, CLOISTER_NO_PAGE */
    uint64_t suppressed; /* records of this domain not written since the last one (rate limit) */
    uint64_t order;      /* number among all records of this boot: see "The running hash" */
    uint64_t reserved1;
};

_Static_assert(sizeof(struct cloister_trace_header) == CLOISTER_TRACE_RECORD_SIZE, "ABI");
_Static_assert(sizeof(struct cloister_trace_record) == CLOISTER_TRACE_RECORD_SIZE, "ABI");

#endif
