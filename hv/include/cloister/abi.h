/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls of the Cloister monitor. This header is their manual.
 *
 * ## Control operations (the control domain's kernel; from user space through libxencall)
 *
 *   long hypercall(CLOISTER_HYPERCALL, op, arg)
 *
 * `op` is a CLOISTER_OP_*; `arg` points to that operation's structure, which starts with
 * struct cloister_head. Returns 0 or a negative errno. On return the structure is written back: with
 * results on success; with head.reason, head.found and head.allowed on a refusal (but for EPERM, ENOSYS
 * and EBUSY of IN_MULTICALL, and where it cannot be written: EFAULT). A refused operation changes nothing.
 * Operations on many pages can be interrupted; Xen restarts them by itself, `done` carries the progress,
 * and a batch that fails at page k has done = k, with pages 0..k-1 done and
 * page k untouched.
 *
 * Errors of every control operation:
 *   EPERM    the caller is not the control domain                            NOT_PRIVILEGED
 *   ENOSYS   unknown operation                                               UNKNOWN_OP
 *   EFAULT   arg, or a buffer it names, is not the caller's memory           BAD_POINTER
 *   EINVAL   a reserved field is not zero                                    RESERVED_NOT_ZERO
 *   EBUSY    inside a multicall                                              IN_MULTICALL
 * Those of one operation stand at its structure. Reasons: reason.h.
 *
 * ## Calls (the tenant's user mode)
 *
 * VMMCALL (AMD) or VMCALL (Intel) from 64-bit user mode, no system call and no driver:
 *
 *   in   RAX = CLOISTER_HYPERCALL   RDI = CLOISTER_CALL_*   RSI, RDX = handle[0], handle[1]
 *        R10 = thread   R8 = arg0   R9 = arg1
 *   out  RAX = outcome: CLOISTER_EXIT_* (>= 0) or a negative errno   RDI = value0   RSI = value1
 *        (RDI and RSI are unchanged where RAX is negative); all other registers are unchanged.
 *
 * The CPU must be in 64-bit mode with RFLAGS.IF = 1 and TF = 0.
 *
 *   ENTER   run an idle thread from its entry point with arg0, arg1
 *   RESUME  continue a thread: after an interruption with all its registers as they were (arg0 and
 *           arg1 are ignored), after an OCALL with arg0, arg1 as the OCALL's results
 *   STATUS  value0 = CLOISTER_THREAD_* of the thread, value1 = how often it was interrupted
 *
 * Outcomes of ENTER and RESUME:
 *   CLOISTER_EXIT_RETURN  the enclave returned value0, value1; the thread is idle
 *   CLOISTER_EXIT_OCALL   the enclave calls out with value0, value1; RESUME gives it the results
 *   CLOISTER_EXIT_FAULT   the thread died; value0 = vector (CLOISTER_VECTOR_* for those that are no
 *                         exception), value1 = page number (linear address >> 12; guest-physical
 *                         for CLOISTER_VECTOR_VIEW) or 0
 *   -EAGAIN   interrupted: RESUME when convenient
 *   -EBUSY    another caller is inside the thread (THREAD_BUSY), or it must be RESUMEd
 *             (THREAD_INTERRUPTED)
 *   -EINVAL   RESUME on an idle thread (THREAD_IDLE), no such thread (NO_SUCH_THREAD), unknown call
 *             (UNKNOWN_OP), caller's flags (CALLER_FLAGS)
 *   -ENOENT   the handle names no enclave of the caller's domain (RANDOM_HANDLE)
 *   -EIO      the thread died earlier (THREAD_DEAD)
 *   -EPERM    not from user mode (CALLER_MODE)
 * Every refusal but -EAGAIN and -EBUSY is recorded in the trace.
 *
 * ## Exits (inside the enclave)
 *
 * The same instruction with RAX = CLOISTER_ENCLAVE_*, RDI = value0, RSI = value1:
 *   RETURN     ends the call
 *   OCALL      suspends it; returns with RDI = arg0, RSI = arg1 of RESUME
 *   FAULT      the enclave gives up: value0 = vector, value1 = page number; the thread is dead
 *   AEX_COUNT  returns in RAX how often this thread was interrupted; does not leave the enclave
 *   REPORT     a signed report about the enclave; does not leave it. RDI = guest-physical address of 512
 *              bytes, aligned to 512, in a page of the enclave's own that it may write (RSI = 0). They
 *              start with 64 bytes for the report's report_data, and become a struct cloister_report.
 *              RAX = 0 or a negative errno, and then nothing was changed:
 *                -EINVAL  not aligned, or RSI is not 0                          ENCLAVE_BUFFER
 *                -EFAULT  no such page, not its own, or not writable            ENCLAVE_BUFFER
 *                -EOPNOTSUPP  the monitor has no identity                       HOST_ENTROPY
 *              A signature takes the time of some million instructions, of the caller's own time.
 *   KEY        a sealing key of this machine; does not leave the enclave. RDI = guest-physical address of a
 *              struct cloister_seal_key, aligned to 128, as for REPORT (RSI = 0). RAX = 0, or nothing was
 *              changed:
 *                -EINVAL  as for REPORT; unknown policy or reserved bytes not 0  SEAL_POLICY, RESERVED_NOT_ZERO
 *                -EFAULT  as for REPORT                                          ENCLAVE_BUFFER
 *                -EPERM   a higher security version than its own                 SEAL_VERSION
 *                -EOPNOTSUPP  this boot has no sealing root       TPM_ABSENT, TPM_FAILED, SEAL_ROOT, SEAL_AUTHORIZATION
 *   COUNTER    a monotonic counter (counter.h); does not leave the enclave. RDI = guest-physical address of a
 *              struct cloister_counter, aligned to 128, as for REPORT (RSI = 0). RAX = 0, or nothing was changed:
 *                -EINVAL  as for REPORT; unknown policy or operation, or reserved bytes not 0
 *                                                     SEAL_POLICY, COUNTER_OPERATION, RESERVED_NOT_ZERO
 *                -EFAULT  as for REPORT                                          ENCLAVE_BUFFER
 *                -ENOENT  READ, REMOVE: there is none                            COUNTER_ABSENT
 *                -EBUSY   INCREMENT: it has another value than expected          COUNTER_VALUE
 *                -ENOSPC  INCREMENT: the domain or the machine has too many      COUNTER_LIMIT
 *                -EAGAIN  the host has not loaded the last boot's yet            COUNTERS_UNLOADED
 *                -EOPNOTSUPP  as for KEY
 * A page of the enclave's own that is one of its page tables is no buffer (EFAULT). They are served to the enclave's
 * kernel mode alone: at CPL 3 each raises #GP(0) at the instruction, and is recorded (ENCLAVE_MODE).
 * Registers other than RAX, RDI and RSI are preserved over OCALL, AEX_COUNT, REPORT, KEY and COUNTER. Any other RAX, and
 * any instruction that is not plain computation, raises #GP(0) (#UD for CPUID) inside the enclave.
 */
#ifndef CLOISTER_ABI_H
#define CLOISTER_ABI_H

#include "counter.h"
#include "image.h"
#include "lockdown.h"
#include "reason.h"
#include "report.h"
#include "seal.h"
#include "trace.h"

#define CLOISTER_HYPERCALL 55u /* __HYPERVISOR_arch_7 */
#define CLOISTER_ABI_VERSION 2u
#define CLOISTER_MONITOR_VERSION 0x000200u /* 0.2.0: major << 16 | minor << 8 | patch */

/* What a guest's user mode may call, X(number, NAME): CLOISTER_CALL_<NAME>. Numbers are ABI and without gaps. */
#define CLOISTER_CALLS(X)                                                                          \
    X(0, STATUS)                                                                                   \
    X(1, ENTER)                                                                                    \
    X(2, RESUME)

#define CLOISTER_CALL_ENUM(number, name) CLOISTER_CALL_##name = (number),
enum cloister_call { CLOISTER_CALLS(CLOISTER_CALL_ENUM) };
#undef CLOISTER_CALL_ENUM

/* How a call that ran a thread ended, X(number, NAME): CLOISTER_EXIT_<NAME>. */
#define CLOISTER_EXITS(X)                                                                          \
    X(0, RETURN)                                                                                   \
    X(1, OCALL)                                                                                    \
    X(2, FAULT)

#define CLOISTER_EXIT_ENUM(number, name) CLOISTER_EXIT_##name = (number),
enum cloister_exit { CLOISTER_EXITS(CLOISTER_EXIT_ENUM) };
#undef CLOISTER_EXIT_ENUM

/* What an enclave may call, X(number, NAME): CLOISTER_ENCLAVE_<NAME>. Numbers are ABI and without gaps. */
#define CLOISTER_ENCLAVE_CALLS(X)                                                                  \
    X(0, RETURN)                                                                                   \
    X(1, OCALL)                                                                                    \
    X(2, FAULT)                                                                                    \
    X(3, AEX_COUNT)                                                                                \
    X(4, REPORT)                                                                                   \
    X(5, KEY)                                                                                      \
    X(6, COUNTER)

#define CLOISTER_ENCLAVE_ENUM(number, name) CLOISTER_ENCLAVE_##name = (number),
enum cloister_enclave_call { CLOISTER_ENCLAVE_CALLS(CLOISTER_ENCLAVE_ENUM) };
#undef CLOISTER_ENCLAVE_ENUM

/* Vectors of CLOISTER_EXIT_FAULT beyond the CPU's 0..31. */
#define CLOISTER_VECTOR_VIEW 256u     /* touched an address outside the view */
#define CLOISTER_VECTOR_SHUTDOWN 257u /* triple fault */
#define CLOISTER_VECTOR_STATE 258u    /* the CPU refused the register state */
#define CLOISTER_VECTOR_MACHINE 259u  /* machine check */

enum cloister_thread_state {
    CLOISTER_THREAD_IDLE = 0,
    CLOISTER_THREAD_RUNNING = 1,
    CLOISTER_THREAD_INTERRUPTED = 2, /* asynchronous exit */
    CLOISTER_THREAD_OCALL = 3,       /* called out, waits for RESUME */
    CLOISTER_THREAD_DEAD = 4,
};

enum cloister_enclave_state {
    CLOISTER_ENCLAVE_BUILDING = 1, /* created; pages may be added */
    CLOISTER_ENCLAVE_READY = 2,    /* initialised; may be entered */
    CLOISTER_ENCLAVE_DYING = 3,    /* being scrubbed */
};

/* Head of every control structure. */
struct cloister_head {
    uint16_t reason; /* out: enum cloister_reason */
    uint16_t reserved0;
    uint32_t reserved1;
    uint64_t found;   /* out: the value that was refused */
    uint64_t allowed; /* out: the limit or value that would have been accepted */
};

/*
 * Every control operation, X(number, NAME, structure): CLOISTER_OP_<NAME> with a struct cloister_<structure>. Numbers
 * are ABI and without gaps.
 */
#define CLOISTER_OPERATIONS(X)                                                                     \
    X(0, INFO, info)                                                                               \
    X(1, CREATE, create)                                                                           \
    X(2, ADD_PAGES, add_pages)                                                                     \
    X(3, SHARE, share)                                                                             \
    X(4, INIT, init)                                                                               \
    X(5, DESTROY, destroy)                                                                         \
    X(6, QUOTA, quota)                                                                             \
    X(7, LIST, list)                                                                               \
    X(8, DOMAIN, domain)                                                                           \
    X(9, AUDIT, audit)                                                                             \
    X(10, TRACE_RING, trace_ring)                                                                  \
    X(11, RECORD, record)                                                                          \
    X(12, HEARTBEAT, heartbeat)                                                                    \
    X(13, COUNTERS_LOAD, counters_load)                                                            \
    X(14, COUNTERS_SAVE, counters_save)                                                            \
    X(15, COUNTERS_READ, counters_read)                                                            \
    X(16, COUNTERS_COMMIT, counters_commit)                                                        \
    X(17, COUNTERS_FORGET, counters_forget)                                                        \
    X(18, LOCKDOWN, lockdown)                                                                      \
    X(19, BOOT, boot)

#define CLOISTER_OPERATION_ENUM(number, name, structure) CLOISTER_OP_##name = (number),
enum cloister_operation {
    CLOISTER_OPERATIONS(CLOISTER_OPERATION_ENUM) CLOISTER_OP_LIMIT,
};
#undef CLOISTER_OPERATION_ENUM

/*
 * Flags of the monitor, X(bit, NAME, "name", "meaning"): CLOISTER_INFO_<NAME>, and the name by which every program
 * shows it. They stand in INFO, in the monitor record and in each report.
 */
#define CLOISTER_INFO_FLAGS(X)                                                                     \
    X(0, SVM, "svm", "worlds by AMD SVM")                                                          \
    X(1, VMX, "vmx", "worlds by Intel VMX")                                                        \
    X(2, IOMMU_STRICT, "iommu-strict", "device DMA is confined")                                   \
    X(3, INSECURE_DMA, "insecure-dma", "booted with cloister=insecure-dma")                        \
    X(4, SMT, "smt", "sibling threads are active")                                                 \
    X(5, IBPB, "ibpb", "predictor barrier at world changes")                                       \
    X(6, TEST, "test", "a test build: not for use")                                                \
    X(7, TPM_REQUIRED, "tpm-required", "cloister-tpm=required: without a TPM no boot")             \
    X(8, UPDATE_KEY, "update-key",                                                                 \
      "the sealing root can be carried to configurations that this key's holder authorizes")       \
    X(9, LOCKDOWN, "lockdown", "dom0 has of the machine what the table lists: nothing was opened") \
    X(10, INTREMAP, "intremap", "the IOMMU remaps interrupts")                                     \
    X(11, MOR, "mor",                                                                              \
      "the firmware was told to clear memory at a reset, and dom0 cannot take it back")            \
    X(12, LOCKDOWN_WATCH, "lockdown-watch",                                                        \
      "the table refuses nothing, and records what it would")                                      \
    X(13, OPEN_PORTS, "open-ports", "dom0 has all I/O ports")                                      \
    X(14, OPEN_MEMORY, "open-memory", "dom0 has all physical addresses that are no RAM")           \
    X(15, OPEN_PCI, "open-pci", "dom0 may configure the chipset's functions, and move devices")    \
    X(16, OPEN_MSR, "open-msr", "dom0 may write the CPU's own registers")                          \
    X(17, RUNTIME_SERVICES, "runtime-services", "dom0 may call the firmware's runtime services")   \
    X(18, SLEEP, "sleep", "dom0 may put the machine to sleep, and reset it by itself")             \
    X(19, DEBUG, "debug", "dom0 and the serial line have Xen's debug keys")                        \
    X(20, MICROCODE, "microcode", "dom0 may load microcode at run time")                           \
    X(21, HOT_ADD, "hot-add", "dom0 may add memory and CPUs")                                      \
    X(22, DMA_RESERVED, "dma-reserved", "dom0's devices reach memory that the firmware reserved")  \
    X(23, ATS, "ats", "devices translate addresses for themselves")                                \
    X(24, BMC, "bmc", "a management controller that dom0 talks to can reset the machine")

#define CLOISTER_INFO_ENUM(bit, name, text, meaning) CLOISTER_INFO_##name = 1 << (bit),
enum cloister_info_flag { CLOISTER_INFO_FLAGS(CLOISTER_INFO_ENUM) };
#undef CLOISTER_INFO_ENUM

/* INFO: what this monitor is and how it is doing. */
struct cloister_info {
    struct cloister_head head;
    uint32_t abi_version;   /* CLOISTER_ABI_VERSION */
    uint32_t flags;         /* enum cloister_info_flag */
    uint16_t create_reason; /* NONE, or why no enclave can be created on this host */
    /*
     * NONE: the TPM vouches for the monitor's key; else why not: TPM_ABSENT or TPM_FAILED (reports
     * are signed all the same), or HOST_ENTROPY (no key)
     */
    uint16_t identity_reason;
    uint32_t max_enclaves;  /* per domain */
    uint64_t boot_id;       /* as in the trace ring's header */
    uint64_t enclaves;      /* living now */
    uint64_t sealed_frames; /* frames by state, now */
    uint64_t table_frames;
    uint64_t context_frames;
    uint64_t shared_frames;
    uint64_t overhead_frames; /* the frame table's own frames, not charged to anybody */
    uint64_t created;         /* since boot */
    uint64_t destroyed;
    uint64_t entries;       /* world entries, by call */
    uint64_t interruptions; /* asynchronous exits */
    uint64_t reentries;     /* of those, entered again without the tenant noticing */
    uint64_t refusals;      /* everything refused, recorded or rate-limited */
    uint64_t suppressed;    /* of those, not recorded because of the rate limit */
    uint16_t seal_reason;   /* NONE, or why enclaves get no sealing keys */
    /* NONE, or why enclaves get no counters; COUNTERS_UNLOADED until LOAD */
    uint16_t counters_reason;
    uint32_t counters; /* in use, of CLOISTER_COUNTERS */
    /* the last that was drawn: more than committed, there is something to SAVE */
    uint64_t counters_value;
    uint64_t counters_committed;
    /* of `entries`, those behind the VM exit; the others went through Xen's exit handler */
    uint64_t fast_entries;
};

/*
 * CREATE: begin an enclave. Allocates the threads' contexts and the root of the view.
 *   ESRCH    NO_SUCH_DOMAIN, DOMAIN_DYING
 *   EOPNOTSUPP  DOMAIN_* (the domain has a feature that cannot be combined), HOST_*
 *   EINVAL   IMAGE_* (a header field out of range; found and allowed name it)
 *   EACCES   IMAGE_SIGNATURE
 *   EDQUOT   QUOTA (found = frames needed, allowed = frames left)
 *   ENOMEM   NO_MEMORY
 *   ENOSPC   TOO_MANY_ENCLAVES
 */
struct cloister_create {
    struct cloister_head head;
    uint16_t domain;
    uint16_t reserved0;
    /* 0; out: id, never 0, never reused until reboot. While it is preempted, too: it goes on there */
    uint32_t enclave;
    uint64_t header; /* address of a struct cloister_image_header */
};

/*
 * ADD_PAGES: take a fresh frame for each record, copy the content into it, then measure it there.
 *   ENOENT   NO_SUCH_ENCLAVE
 *   EBUSY    ENCLAVE_STATE (already initialised), ENCLAVE_DYING
 *   EINVAL   PAGE_RANGE, PAGE_FLAGS, BATCH
 *   EEXIST   PAGE_DUPLICATE
 *   EDQUOT   QUOTA
 *   ENOMEM   NO_MEMORY
 */
#define CLOISTER_MAX_BATCH 65536u
struct cloister_add_pages {
    struct cloister_head head;
    uint32_t enclave;
    uint32_t count; /* 1 .. CLOISTER_MAX_BATCH */
    uint32_t done;  /* in: 0; out: records done */
    uint32_t reserved0;
    uint64_t records; /* address of struct cloister_page_record[count] */
    uint64_t content; /* address of 4,096 * count bytes: record i's content at i * 4,096; bytes of
                         records with CLOISTER_PAGE_ZERO are not read (0 if all are) */
};

/*
 * SHARE: map whole pages that the tenant granted to the caller into the shared window, RW, never
 * executable. The grants stay in use until the enclave ends.
 *   ENOENT   NO_SUCH_ENCLAVE
 *   EBUSY    ENCLAVE_STATE (already initialised), ENCLAVE_DYING
 *   EINVAL   SHARE_RANGE, SHARE_GRANT (found = the reference), BATCH
 *   EEXIST   SHARE_DUPLICATE, SHARE_FRAME
 *   EDQUOT   QUOTA
 *   ENOMEM   NO_MEMORY
 */
struct cloister_share {
    struct cloister_head head;
    uint32_t enclave;
    uint32_t first; /* first page of the shared window to fill */
    uint32_t count; /* 1 .. CLOISTER_MAX_SHARED_PAGES */
    uint32_t done;  /* in: 0; out: pages done */
    uint64_t refs;  /* address of uint32_t[count]: grant references */
};

/*
 * INIT: compare the measurement with the signed one and make the enclave enterable.
 *   ENOENT   NO_SUCH_ENCLAVE
 *   EBUSY    ENCLAVE_STATE, ENCLAVE_DYING
 *   EINVAL   IMAGE_INCOMPLETE (found = pages added, allowed = pages declared)
 *   EACCES   IMAGE_MEASUREMENT
 *   EIO      HOST_ENTROPY
 */
struct cloister_init {
    struct cloister_head head;
    uint32_t enclave;
    uint32_t reserved0;
    uint64_t handle[2]; /* out: what ENTER takes; random, for the tenant only */
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE]; /* out: as found */
};

/*
 * DESTROY: stop the enclave's threads, scrub and free its frames, release its grants. Works in every
 * state; a thread that is inside is thrown out (its caller sees -EAGAIN, then -ENOENT).
 *   ENOENT   NO_SUCH_ENCLAVE
 */
struct cloister_destroy {
    struct cloister_head head;
    uint32_t enclave;
    uint32_t reserved0;
};

/*
 * QUOTA: set or read how many frames a domain's enclaves may use (sealed pages, view tables, thread
 * contexts together). A new domain has 0. Lowering it below what is in use takes nothing away.
 *   ESRCH    NO_SUCH_DOMAIN, DOMAIN_DYING (set)
 */
struct cloister_quota {
    struct cloister_head head;
    uint16_t domain;
    uint16_t set; /* 1: set `limit`; 0: read it */
    uint32_t reserved0;
    uint64_t limit; /* frames of 4 KiB */
    uint64_t used;  /* out */
};

#define CLOISTER_MAX_LIST 256u
/* LIST: enclaves in the order of their ids, from `start` on. EFAULT: BAD_POINTER. */
struct cloister_enclave_info {
    uint32_t enclave;
    uint16_t domain;
    uint16_t state; /* enum cloister_enclave_state */
    uint32_t flags; /* CLOISTER_IMAGE_* */
    uint32_t thread_count;
    uint32_t page_count;
    uint32_t pages_added;
    uint32_t shared_pages;  /* in the view now */
    uint32_t frames;        /* charged to the quota */
    uint64_t entries;       /* calls that entered */
    uint64_t interruptions; /* asynchronous exits */
    uint64_t faults;        /* threads that died */
    uint32_t threads_running;
    uint32_t threads_dead;
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE]; /* the signed one */
    uint8_t author[32];                             /* SHA-256 of the author's key */
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint32_t image_version;
    uint32_t security_version;
    uint8_t name[64];
    uint8_t reserved[8];
};
struct cloister_list {
    struct cloister_head head;
    uint32_t start;    /* first id wanted */
    uint32_t capacity; /* entries that fit into buffer, 1 .. CLOISTER_MAX_LIST */
    uint32_t count;    /* out: entries written; less than capacity: there are no more */
    uint32_t reserved0;
    uint64_t buffer; /* address of struct cloister_enclave_info[capacity] */
};

/* DOMAIN: statistics of one domain. ESRCH: NO_SUCH_DOMAIN. */
struct cloister_domain {
    struct cloister_head head;
    uint16_t domain;
    uint16_t create_reason; /* out: NONE, or why this domain cannot have enclaves */
    uint32_t enclaves;
    uint64_t quota;
    uint64_t used;
    uint64_t entries;
    uint64_t interruptions;
    uint64_t refusals;   /* by this domain */
    uint64_t suppressed; /* of those, not recorded */
};

/*
 * AUDIT: compare every table through which memory can be reached with the frame table: all
 * second-stage tables, page tables of PV domains, active grants, IOMMU tables, and the views; and what
 * domains have of the machine with the table of what dom0 may (lockdown.h), where that is closed.
 */
struct cloister_audit {
    struct cloister_head head;
    uint64_t cursor[4];    /* in: 0; used by the monitor to continue */
    uint64_t entries;      /* out: table entries looked at */
    uint64_t frames;       /* out: protected frames checked */
    uint64_t second_stage; /* out: violations by kind of table ... */
    uint64_t pv_tables;
    uint64_t grants;
    uint64_t iommu;
    uint64_t views;
    uint64_t anonymity; /* ... frames whose owner or reference count is not as it must be ... */
    uint64_t ports;     /* ... and what the table does not give: ports in a domain's permissions, */
    uint64_t memory;    /* frames in a domain's permissions, which it could write, */
    uint64_t dma;       /* frames in IOMMU tables, which devices could write, */
    /* functions: the chipset's for dom0 to configure, others that decode where no row is */
    uint64_t pci;
};
/* What it counts, X(member, "name"): of enclaves' memory, and of the machine. */
#define CLOISTER_AUDIT_ENCLAVES(X)                                                                 \
    X(second_stage, "second-stage tables")                                                         \
    X(pv_tables, "page tables of PV domains")                                                      \
    X(grants, "active grants")                                                                     \
    X(iommu, "IOMMU tables")                                                                       \
    X(views, "views of enclaves")                                                                  \
    X(anonymity, "frames with an owner")
#define CLOISTER_AUDIT_MACHINE(X)                                                                  \
    X(ports, "ports beyond the table")                                                             \
    X(memory, "frames beyond it")                                                                  \
    X(dma, "frames for devices beyond it")                                                         \
    X(pci, "PCI functions beyond it")

/* TRACE_RING: the frames of one CPU's ring. ENXIO: no such CPU (found, allowed = highest). */
struct cloister_trace_ring {
    struct cloister_head head;
    uint32_t cpu;
    uint32_t cpus;                              /* out: number of rings */
    uint64_t frames[CLOISTER_TRACE_RING_PAGES]; /* out: frame numbers, to map with DOMID_XEN */
};

/* RECORD: the monitor record (report.h). EOPNOTSUPP: HOST_ENTROPY, there is none. */
struct cloister_record {
    struct cloister_head head;
    struct cloister_monitor_record record; /* out */
};

/* HEARTBEAT: a signed report about the monitor itself, that it lives. EOPNOTSUPP: HOST_ENTROPY. */
struct cloister_heartbeat {
    struct cloister_head head;
    uint8_t data[64];              /* a nonce; becomes the report's report_data */
    struct cloister_report report; /* out */
};

/*
 * Counters over power failures (counter.h). In each boot the host loads the copy of the last one, once. Whenever
 * INFO's counters_value is more than counters_committed, it
 *   1. SAVEs and writes the copy to disk, without losing the last one,
 *   2. extends NV index CLOISTER_COUNTERS_INDEX by `extend`, as the TPM's owner, unless it has `expected` already,
 *   3. starts an HMAC session at the TPM, unbound and unsalted, with SHA-256 (TPM 2.0 part 3, 11.1), gives the
 *      TPM's nonce to READ, and reads the index with that session: TPM2_NV_Read (31.13) of 32 bytes at offset 0,
 *      the index authorizes itself, session attributes continueSession, caller's nonce and HMAC as READ says,
 *   4. gives the response to COMMIT.
 * Until COMMIT every SAVE gives the same copy. What happens in between cannot take anything back: after a crash
 * the newer of the two copies is loaded if the TPM vouches for it, else the older.
 */
#define CLOISTER_COUNTERS_INDEX 0x0180c107u

/*
 * COUNTERS_LOAD: the copy of the last boot, or none: then all counters of before are lost.
 *   EINVAL   COUNTERS_IMAGE (the TPM does not vouch for it), BATCH (size: found, allowed)
 *   EBUSY    COUNTERS_LOADED
 *   EOPNOTSUPP  TPM_ABSENT, TPM_FAILED, SEAL_ROOT, SEAL_AUTHORIZATION, HOST_ENTROPY; so for all of these
 */
struct cloister_counters_load {
    struct cloister_head head;
    uint64_t image; /* address of a struct cloister_counters_image */
    uint32_t size;  /* its size, or 0: none */
    uint32_t reserved0;
};

/* COUNTERS_SAVE. EAGAIN: COUNTERS_UNLOADED. ENOENT: COUNTERS_COMMITTED, there is nothing to save. */
struct cloister_counters_save {
    struct cloister_head head;
    uint64_t image;       /* address where a struct cloister_counters_image goes */
    uint8_t extend[32];   /* out: the data of TPM2_NV_Extend */
    uint8_t expected[32]; /* out: what the index has after it */
};

/* COUNTERS_READ: the authorization of the TPM2_NV_Read. ENOENT: COUNTERS_COMMITTED, nothing was saved. */
struct cloister_counters_read {
    struct cloister_head head;
    uint8_t nonce_tpm[32];
    uint8_t nonce_caller[32]; /* out */
    uint8_t hmac[32];         /* out */
};

/*
 * COUNTERS_COMMIT: what was saved is durable.
 *   ENOENT   COUNTERS_COMMITTED, nothing was saved
 *   EACCES   COUNTERS_PROOF (not the TPM's answer, or not about what was saved)
 */
struct cloister_counters_commit {
    struct cloister_head head;
    uint8_t value[32];     /* of the index */
    uint8_t nonce_tpm[32]; /* of the response */
    uint8_t hmac[32];
};

/* COUNTERS_FORGET: removes a domain's counters. EAGAIN: COUNTERS_UNLOADED. */
struct cloister_counters_forget {
    struct cloister_head head;
    uint8_t domain_uuid[16];
    uint32_t removed; /* out */
    uint32_t reserved0;
};

/*
 * LOCKDOWN: the table of what dom0 may of the machine (lockdown.h), from row `start` on. EFAULT: BAD_POINTER.
 * EINVAL: BATCH.
 */
#define CLOISTER_MAX_LOCKDOWN 256u
struct cloister_lockdown {
    struct cloister_head head;
    uint32_t start;    /* first row wanted */
    uint32_t capacity; /* rows that fit into buffer, 1 .. CLOISTER_MAX_LOCKDOWN */
    uint32_t count;    /* out: rows written; less than capacity: there are no more */
    /* out: CLOISTER_INFO_* of the rooms that are open; all of them if it only watches */
    uint32_t open;
    /* out: since boot, over all rules; what would have been, if it only watches */
    uint64_t refused;
    uint8_t hash[32]; /* out: SHA-256 of all rows, as in the monitor record */
    uint64_t buffer;  /* address of struct cloister_lockdown_row[capacity] */
};

/*
 * BOOT: the firmware's boot entries (UEFI 2.10, 3.1): which there are, in what order they are tried, and which one is
 * taken instead, once, at the next boot. dom0 writes no variable of the firmware's (lockdown.h, firmware-call); this is
 * what it has in their place. No entry is made or changed: what a machine may boot was decided before Xen.
 *
 * The monitor has the firmware do it, in ring 0. So it does that only where the firmware's code and data are as they
 * were at boot: out of reach for dom0, which has been given nothing beside the table, and for its devices.
 * Each request makes at most CLOISTER_BOOT_MAX + 1 calls of the firmware, at most one of which writes; none can be
 * preempted. A request is refused with all variables as they were, or done.
 *   EINVAL   UNKNOWN_OP (found = the kind), BATCH (found, allowed: count or size)
 *   EOPNOTSUPP  BOOT_FIRMWARE: this is no UEFI host, or Xen was booted without its runtime services
 *   EPERM    BOOT_OPEN (found = the flags, CLOISTER_INFO_*; allowed = those that are needed)
 *   ENOENT   BOOT_ENTRY (found = the entry that does not exist)
 *   EEXIST   BOOT_TWICE (found = the entry)
 *   EIO      BOOT_FAILED (found = the errno that the firmware's answer stands for: host.h, host_variable_get)
 *   ENOMEM   NO_MEMORY
 *   EFAULT   BAD_POINTER
 * X(number, NAME, "name"). Numbers are ABI.
 *   READ     out: booted, next, count, order
 *   ENTRY    in: entry, size, buffer. out: size; the EFI_LOAD_OPTION (3.1.3) that the entry is, as the firmware has it
 *   ORDER    in: count, order. The entries that are tried, first one first: all that exist or some, each once
 *   NEXT     in: entry, or CLOISTER_BOOT_NONE: the next boot is by the order
 */
#define CLOISTER_BOOT_KINDS(X)                                                                     \
    X(0, READ, "read")                                                                             \
    X(1, ENTRY, "entry")                                                                           \
    X(2, ORDER, "order")                                                                           \
    X(3, NEXT, "next")

#define CLOISTER_BOOT_ENUM(number, name, text) CLOISTER_BOOT_##name = (number),
enum cloister_boot_kind { CLOISTER_BOOT_KINDS(CLOISTER_BOOT_ENUM) };
#undef CLOISTER_BOOT_ENUM

#define CLOISTER_BOOT_MAX 128u /* entries of an order */
#define CLOISTER_BOOT_NONE                                                                         \
    UINT32_MAX /* no entry; an entry is 0 .. 0xffff, the digits of its Boot#### */
#define CLOISTER_BOOT_ENTRY_SIZE 4096u /* the most of an entry that ENTRY shows */
struct cloister_boot {
    struct cloister_head head;
    uint32_t kind; /* enum cloister_boot_kind */
    uint32_t entry;
    /* out: the entry that this boot is by, or NONE: by none (a file named in the setup) */
    uint32_t booted;
    uint32_t next; /* out: the entry that the next boot is by, or NONE: by the order */
    /* out: ORDER and NEXT that were done since boot, as in heartbeats (report.h) */
    uint64_t changes;
    uint64_t buffer; /* address of `size` bytes */
    /*
     * ENTRY, in: 1 .. CLOISTER_BOOT_ENTRY_SIZE; out: what the entry has: 0: it does not exist; more
     * than in: nothing was copied
     */
    uint32_t size;
    uint32_t count; /* of order: 1 .. CLOISTER_BOOT_MAX; READ: 0 if there is none */
    uint16_t order[CLOISTER_BOOT_MAX];
};

/*
 * TEST: only in a build with CLOISTER_TEST, which INFO shows as CLOISTER_INFO_TEST; else ENOSYS. It looks
 * where nobody may look and breaks what the audit must find. ENOENT: no such page.
 */
#define CLOISTER_OP_TEST 100u
enum cloister_test_kind {
    CLOISTER_TEST_FRAME = 0,     /* out: frame = where `page` of `enclave` is */
    CLOISTER_TEST_READ = 1,      /* out: data = the first bytes of `frame` */
    CLOISTER_TEST_REFERENCE = 2, /* take (page = 1) or drop (page = 0) a reference on `frame` */
    CLOISTER_TEST_SECOND_STAGE =
        3,                   /* map `frame` at page number `page` of domain `enclave`, or unmap
                                       it (frame = ~0) */
    CLOISTER_TEST_IOMMU = 4, /* the same in the domain's IOMMU table */
    CLOISTER_TEST_STATE = 5, /* the next entry of an enclave has a state that the CPU refuses:
                                       of the guest (page = 1), or of the controls (page = 2) */
    CLOISTER_TEST_SHOW_SECRETS =
        6, /* dumps show what the mark hides (page = 1), or not any more (page = 0) */
    CLOISTER_TEST_SECRET =
        7, /* out: data = a secret's 32 bytes: page = 0 the identity's key, 1 the sealing
                                       root, 2 the key of the counters' copies, 3 the index's authorization */
    CLOISTER_TEST_KEEP = 8,    /* the machine's way down clears no memory */
    CLOISTER_TEST_SECRETS = 9, /* out: data = the identity's private key and the sealing root, each
                                       byte inverted: a search of memory does not find the answer */
    /* Against the table of what dom0 may; taken back with frame = ~0: */
    CLOISTER_TEST_PORT = 10,   /* port `page` is permitted to domain `enclave` */
    CLOISTER_TEST_MEMORY = 11, /* frame `page` can be written by whom it is permitted */
    CLOISTER_TEST_PCI = 12,    /* dom0 may configure the chipset's function `page` */
    CLOISTER_TEST_BAR = 13,    /* exchange `frame` and what stands in BAR 0 of function `page` */
    CLOISTER_TEST_STICK = 14,  /* the other CPUs take no interrupt any more, for ever */
    CLOISTER_TEST_STRETCH =
        15, /* out: frame = since this was asked last, the most ticks of the time-stamp counter in
                                       which the monitor served somebody without asking who waits */
};
struct cloister_test {
    struct cloister_head head;
    uint32_t enclave;
    uint32_t page;
    uint32_t kind; /* enum cloister_test_kind */
    uint32_t reserved0;
    uint64_t frame;
    uint8_t data[64];
};

_Static_assert(sizeof(struct cloister_head) == 24, "ABI");
_Static_assert(sizeof(struct cloister_create) == 40, "ABI");
_Static_assert(sizeof(struct cloister_add_pages) == 56, "ABI");
_Static_assert(sizeof(struct cloister_share) == 48, "ABI");
_Static_assert(sizeof(struct cloister_init) == 96, "ABI");
_Static_assert(sizeof(struct cloister_destroy) == 32, "ABI");
_Static_assert(sizeof(struct cloister_quota) == 48, "ABI");
_Static_assert(sizeof(struct cloister_enclave_info) == 256, "ABI");
_Static_assert(sizeof(struct cloister_list) == 48, "ABI");
_Static_assert(sizeof(struct cloister_domain) == 80, "ABI");
_Static_assert(sizeof(struct cloister_audit) == 152, "ABI");
_Static_assert(sizeof(struct cloister_record) == 280, "ABI");
_Static_assert(sizeof(struct cloister_heartbeat) == 600, "ABI");
_Static_assert(sizeof(struct cloister_counters_load) == 40, "ABI");
_Static_assert(sizeof(struct cloister_counters_save) == 96, "ABI");
_Static_assert(sizeof(struct cloister_counters_read) == 120, "ABI");
_Static_assert(sizeof(struct cloister_counters_commit) == 120, "ABI");
_Static_assert(sizeof(struct cloister_counters_forget) == 48, "ABI");
_Static_assert(sizeof(struct cloister_lockdown) == 88, "ABI");
_Static_assert(sizeof(struct cloister_boot) == 320, "ABI");

#endif
