/* SPDX-License-Identifier: MIT */
/*
 * The one seam between the monitor and whatever it runs on.
 *
 * hv/monitor calls only these functions and knows no header of Xen's. hv/xen/glue and the world
 * switch implement them for Xen; tests/unit/monitor/fake_host.c implements them for an ordinary
 * program. Actions return 0 or a negative errno; predicates return bool.
 *
 * The errno values are the ABI's: Linux's and Xen's, which agree for all of these. Two are not for
 * callers: ERESTART (the operation was preempted and will be called again) and ETIMEDOUT (the TPM
 * gave no answer in time).
 */
#ifndef CLOISTER_MONITOR_HOST_H
#define CLOISTER_MONITOR_HOST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cloister/abi.h>

#define MUST_USE __attribute__((warn_unused_result))

/* A 4 KiB machine page, by number. A type of its own, so that no address is taken for one. */
typedef struct {
    uint64_t number;
} frame_t;

struct thread;

/* --- memory ------------------------------------------------------------------------------- */

/* A fresh frame that no domain owns and nothing refers to. Content is undefined. -ENOMEM. */
MUST_USE int host_frame_alloc(frame_t *frame);
/*
 * HOST_LARGE_FRAMES fresh frames in a row, the first one's number a multiple of it, that are given back one by one.
 * -ENOMEM: there are none, or this machine's second-stage tables have no large leaves.
 */
#define HOST_LARGE_FRAMES 512u
MUST_USE int host_frame_alloc_large(frame_t *first);
/* Gives a frame back. The caller has zeroed it, or never had anything in it. */
void host_frame_free(frame_t frame);
/* The monitor's own mapping of a frame, until host_frame_unmap(). Never fails. */
void *host_frame_map(frame_t frame);
void host_frame_unmap(void *mapping);
/* One past the highest frame number of the machine. */
uint64_t host_frame_limit(void);

/* Zeroed private memory of the monitor; NULL if there is none. */
void *host_alloc(size_t size);
/* Frees it; NULL is allowed. Secrets must be wiped before. */
void host_free(void *memory);

/* --- locks -------------------------------------------------------------------------------- */

struct host_lock {
    uint64_t opaque[4];
};
void host_lock_init(struct host_lock *lock);
void host_lock(struct host_lock *lock);
/* Takes the lock if nobody has it; never waits, so that interrupts may be off. False: it is not taken. */
MUST_USE bool host_lock_try(struct host_lock *lock);
void host_unlock(struct host_lock *lock);
/*
 * What a comment demands of its caller. The fake host dies unless this thread holds the lock; a debug
 * build of Xen, unless somebody does; other builds do nothing.
 */
#ifdef NDEBUG
#define host_lock_expect(lock) ((void)(lock))
#else
void host_lock_expect(const struct host_lock *lock);
#endif

/* --- the caller of a control operation -------------------------------------------------------- */

/* Copy from and to the caller's memory. -EFAULT. */
MUST_USE int host_copy_in(void *to, uint64_t from, size_t size);
MUST_USE int host_copy_out(uint64_t to, const void *from, size_t size);
/* Other work waits for this CPU: save progress and return -ERESTART. */
bool host_preempted(void);

/* --- time, identity, randomness ------------------------------------------------------------ */

uint64_t host_now(void); /* ns since boot */
unsigned int host_cpu(void);
unsigned int host_cpu_count(void);
MUST_USE int host_random(void *to, size_t size); /* -EIO: no entropy */
/* Fills the who and where of a record from whatever runs on this CPU now. */
void host_describe_actor(struct cloister_trace_record *record);
/* CLOISTER_INFO_* of this machine; before the first domain: as they will be with it. */
uint32_t host_flags(void);
/* The version of the program that the monitor is part of: ASCII, padded with zeros. */
void host_version(uint8_t text[32]);
/* The source that this program was built from, likewise; zeros: it is not known. */
void host_source(uint8_t text[48]);
/* The PCR for the monitor record, 0 .. 15 (the others can be reset). */
uint32_t host_record_pcr(void);
/* The name of the key that authorizes updates (cloister/update.h). -ENOENT: there is none; -EINVAL: no name. */
MUST_USE int host_update_key(uint8_t name[32]);

/* --- variables of the firmware ------------------------------------------------------------------ */

/*
 * The firmware runs in ring 0, on the monitor's own stack, and is not preempted. After boot the monitor asks it only
 * where nobody else could have changed it (bootorder.h); never with a lock held or a secret in use.
 */

/* Kept without power, and seen before and after the firmware's boot services (UEFI 2.10, 8.2). */
#define HOST_VARIABLE_ATTRIBUTES 7u

/*
 * A variable of UEFI firmware. `name`: ASCII, at most 63 characters. *size: room in `data`, then what it has. `data` lies
 * in one block of host_alloc()'s, of at most a page, or on the stack. A size of 0 removes the variable: -ENOENT.
 * -EOPNOTSUPP: no such firmware, or no runtime services; -ENOENT; -E2BIG: no room; -EPERM: it may not be read, or not be
 * written (any more); -EINVAL: not this value; -ENOMEM: no room in the firmware; -EIO: anything else.
 */
MUST_USE int host_variable_get(const uint8_t guid[16], const char *name, uint32_t *attributes,
                               void *data, size_t *size);
MUST_USE int host_variable_set(const uint8_t guid[16], const char *name, uint32_t attributes,
                               const void *data, size_t size);

/* --- secrets ------------------------------------------------------------------------------- */

/*
 * Between begin and end this CPU has a secret of the monitor's in its registers and on its stack: no dump shows them,
 * whoever asks for it. end zeros the stack below its caller's frame, and the registers that a call does not keep, before
 * dumps are let again; so secrets belong into functions that begin's caller calls, never into its own frame. Not
 * nested; neither a preemption check nor a vCPU's stop stands in between.
 */
void host_secret_begin(void);
void host_secret_end(void);
/* Stops the machine if this CPU is not between the two: for what handles secrets, and relies on its caller. */
void host_secret_expect(void);

/* --- the TPM, at boot only --------------------------------------------------------------------- */

struct tpm_place;

/* Where the firmware says that the TPM is, or where one would be. False: nowhere. */
bool host_tpm_place(struct tpm_place *place);
/* Makes device registers or reserved memory reachable by their physical addresses. -ENXIO. */
MUST_USE int host_mmio_map(uint64_t address, uint32_t size);
uint8_t host_mmio_read8(uint64_t address);
uint32_t host_mmio_read32(uint64_t address);
void host_mmio_write8(uint64_t address, uint8_t value);
void host_mmio_write32(uint64_t address, uint32_t value);
/* Waits about 0.1 ms. */
void host_pause(void);

/* --- domains. `domain` is the host's own object, opaque here ------------------------------- */

/* Why no enclave can be created on this machine, or in this domain: NONE or a reason. */
enum cloister_reason host_refusal(void);
/* DOMAIN_BUILDING goes before all others. What it answers can change behind it: tenant_has_enclaves() says for what. */
enum cloister_reason host_domain_refusal(void *domain);
uint16_t host_domain_id(void *domain);
void host_domain_uuid(void *domain, uint8_t uuid[16]);
/* Stops a vCPU and waits until it has left the CPU; and lets it go on. Not for the current one. */
void host_vcpu_stop(void *domain, uint16_t vcpu);
void host_vcpu_start(void *domain, uint16_t vcpu);

/* Holds a page that `domain` granted to the caller, writable and whole. -EINVAL. */
MUST_USE int host_grant_acquire(void *domain, uint32_t ref, frame_t *frame);
void host_grant_release(void *domain, uint32_t ref, frame_t frame);

/* --- second-stage tables: the CPU's encoding ----------------------------------------------- */

uint64_t host_view_table_entry(frame_t table);
/* `flags`: CLOISTER_PAGE_R/W/X. */
uint64_t host_view_leaf_entry(frame_t frame, uint32_t flags);
/* With this bit, which no leaf above has, a leaf is a large one, of a table of the second lowest level: bit 7 with both
 * vendors (Intel SDM vol. 3, table 29-6; AMD APM vol. 2, 5.3.4). */
#define HOST_VIEW_LARGE (UINT64_C(1) << 7)
/* The inverse, for lookups and audits: false for an entry that maps nothing. */
bool host_view_entry_frame(uint64_t entry, frame_t *frame);

/* --- worlds -------------------------------------------------------------------------------- */

/* Frames that a thread's register context takes. */
#define WORLD_FRAMES 2u

/* Prepares a thread's world in its context frames (zeroed) for the view with this root. */
void host_world_init(struct thread *thread, frame_t view_root);
/* The thread's next entry starts afresh at the launch state with these arguments ... */
void host_world_start(struct thread *thread, uint64_t arg0, uint64_t arg1);
/* ... or goes on behind the OCALL it made, with these results. */
void host_world_answer(struct thread *thread, uint64_t arg0, uint64_t arg1);
/* The thread's vCPU is stopped: forget that it was about to enter. */
void host_world_abandon(struct thread *thread);

/* --- audit --------------------------------------------------------------------------------- */

/* Walks all tables outside the monitor; adds to the counters. -ERESTART: call again. */
MUST_USE int host_audit(struct cloister_audit *audit);
/* The frame has no owner and no references, as a protected frame must. */
bool host_frame_is_anonymous(frame_t frame);

/* One CPU's trace ring: CLOISTER_TRACE_RING_PAGES contiguous pages that dom0 may map read-only. */
void *host_trace_ring_alloc(unsigned int cpu);
uint64_t host_trace_ring_frame(unsigned int cpu, unsigned int page);

/* An inconsistency of the monitor itself: stop the machine rather than go on. */
void host_panic(const char *what) __attribute__((__noreturn__));

#endif
