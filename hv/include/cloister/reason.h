/* SPDX-License-Identifier: MIT */
/*
 * Why the monitor refused: one code per rule.
 *
 * A refusal carries three things: an errno (for programs), a reason (for people and for the
 * trace) and the pair found/allowed (the value that was given and the limit or value that would
 * have been accepted; both 0 where the rule compares nothing). The same codes stand in the head of
 * every control operation (abi.h) and in every trace record (trace.h).
 *
 * X(code, NAME, "what is wrong and what to do"): numbers are ABI and are never reused. ADMISSION and
 * ADMISSION_DEBUG come from the host daemon, all others from the monitor.
 */
#ifndef CLOISTER_REASON_H
#define CLOISTER_REASON_H

#define CLOISTER_REASONS(X)                                                                        \
    X(0, NONE, "no refusal")                                                                       \
    X(1, NOT_PRIVILEGED, "only the control domain may use this operation")                         \
    X(2, UNKNOWN_OP, "no such operation in this ABI version")                                      \
    X(3, BAD_POINTER, "an address given is not readable or writable memory of the caller")         \
    X(4, RESERVED_NOT_ZERO, "a reserved field must be zero")                                       \
    X(5, NO_SUCH_DOMAIN, "no such domain")                                                         \
    X(6, DOMAIN_DYING, "the domain is being destroyed")                                            \
    X(7, DOMAIN_KIND, "enclaves need an HVM or PVH domain with hardware-assisted paging")          \
    X(8, DOMAIN_NESTED, "switch nested virtualisation off for this domain")                        \
    X(9, DOMAIN_ALTP2M, "switch altp2m off for this domain")                                       \
    X(10, DOMAIN_POD, "populate-on-demand memory: set memory equal to maxmem")                     \
    X(11, DOMAIN_LOG_DIRTY, "the domain is being saved or migrated")                               \
    X(12, DOMAIN_DEVICE, "a device is assigned to the domain without an IOMMU")                    \
    X(13, DOMAIN_VM_EVENT, "a vm_event listener is attached to the domain")                        \
    X(14, HOST_VPMU, "boot Xen with vpmu=off")                                                     \
    X(15, HOST_IOMMU, "device DMA is not confined: boot Xen with iommu=force dom0-iommu=strict")   \
    X(16, HOST_CPU, "this CPU has no world switch in this build")                                  \
    X(17, HOST_ENTROPY, "the CPU's random number generator gave no entropy")                       \
    X(18, QUOTA, "the domain's enclave-memory quota is used up; raise it or unload an enclave")    \
    X(19, NO_MEMORY, "the host has no free memory for enclave frames")                             \
    X(20, TOO_MANY_ENCLAVES, "the domain has as many enclaves as it may have")                     \
    X(21, NO_SUCH_ENCLAVE, "no such enclave")                                                      \
    X(22, NO_SUCH_THREAD, "the enclave has no thread of that number")                              \
    X(23, ENCLAVE_STATE, "the enclave is not in the state this operation needs")                   \
    X(24, ENCLAVE_DYING, "the enclave is being destroyed")                                         \
    X(25, THREAD_BUSY, "another caller is inside this thread")                                     \
    X(26, THREAD_INTERRUPTED, "the thread was interrupted: RESUME it, do not ENTER it")            \
    X(27, THREAD_IDLE, "the thread is idle: there is nothing to RESUME")                           \
    X(28, THREAD_DEAD, "the thread died of a fault")                                               \
    X(29, CALLER_MODE, "ENTER, RESUME and STATUS are for 64-bit user mode only")                   \
    X(30, CALLER_FLAGS, "the caller's RFLAGS must have IF set and TF clear")                       \
    X(31, IN_MULTICALL, "not allowed inside a multicall")                                          \
    X(32, IMAGE_MAGIC, "not a Cloister image")                                                     \
    X(33, IMAGE_VERSION, "image format version not supported by this monitor")                     \
    X(34, IMAGE_FLAGS, "unknown image flag")                                                       \
    X(35, IMAGE_SIZE, "enclave size in pages out of range")                                        \
    X(36, IMAGE_THREADS, "thread count out of range")                                              \
    X(37, IMAGE_SHARED, "shared window size in pages out of range")                                \
    X(38, IMAGE_LAYOUT, "an address in the launch state lies outside the enclave")                 \
    X(39, IMAGE_SIGNATURE, "the author's signature does not verify")                               \
    X(40, IMAGE_MEASUREMENT, "the pages added do not have the measurement that was signed")        \
    X(41, IMAGE_INCOMPLETE, "fewer pages were added than the image declares")                      \
    X(42, PAGE_RANGE, "page number outside the enclave")                                           \
    X(43, PAGE_DUPLICATE, "a page was added twice")                                                \
    X(44, PAGE_FLAGS, "page permissions not allowed: readable, and never writable and executable") \
    X(45, SHARE_RANGE, "outside the shared window of the image")                                   \
    X(46, SHARE_DUPLICATE, "this place of the shared window is already filled")                    \
    X(47, SHARE_GRANT, "the grant reference is not a whole writable page granted to the caller")   \
    X(48, SHARE_FRAME, "the granted frame is already shared with an enclave")                      \
    X(49, BATCH, "batch count or progress out of range")                                           \
    X(50, GUARD_MMIO, "mapping memory that is not device memory as device memory")                 \
    X(51, GUARD_IOMMU, "mapping a protected frame for a device")                                   \
    X(52, ENCLAVES_LIVE, "not possible while the domain has enclaves: unload them first")          \
    X(53, ENCLAVE_INSTRUCTION, "an instruction that an enclave may not use")                       \
    X(54, ENCLAVE_FAULT, "the enclave did not handle a fault of its own")                          \
    X(55, ENCLAVE_VIEW, "the enclave touched an address outside its view")                         \
    X(56, WORLD_STATE, "the CPU refused the enclave's register state")                             \
    X(57, RANDOM_HANDLE, "ENTER, RESUME or STATUS with a handle that names no enclave")            \
    X(58, ADMISSION, "the host's admission policy refuses this image: see its admission.conf")     \
    X(59, ADMISSION_DEBUG, "debug images need `allow debug yes` in the host's admission.conf")     \
    X(60, GUARD_REFERENCE, "naming a protected frame in a page table, a grant or a foreign map")   \
    X(61, GUARD_DMA, "a device accessed memory that is not mapped for it")                         \
    X(62, TPM_ABSENT, "no TPM was found: nothing vouches for the monitor's key")                   \
    X(63, TPM_FAILED, "the TPM did not do what it should: nothing vouches for the monitor's key")  \
    X(64, ENCLAVE_BUFFER,                                                                          \
      "the buffer must be aligned and in a page of the enclave's own, writable")                   \
    X(65, SEAL_ROOT,                                                                               \
      "the TPM's sealing root is for another boot configuration, or locked: see SEALING.md")       \
    X(66, SEAL_POLICY, "no such sealing policy")                                                   \
    X(67, SEAL_VERSION, "no key for a higher security version than the enclave's own")             \
    X(68, SEAL_AUTHORIZATION,                                                                      \
      "no statement of the update key authorizes this boot configuration: see SEALING.md")         \
    X(69, COUNTER_OPERATION, "no such operation on a counter")                                     \
    X(70, COUNTER_ABSENT, "there is no such counter")                                              \
    X(71, COUNTER_LIMIT, "the domain, or the machine, has as many counters as it may have")        \
    X(72, COUNTERS_UNLOADED, "the host has not loaded the counters of the last boot yet")          \
    X(73, COUNTERS_LOADED, "counters are loaded once in a boot, before they are used")             \
    X(74, COUNTERS_IMAGE,                                                                          \
      "the TPM does not vouch for these counters: older, another machine's, or changed")           \
    X(75, COUNTERS_COMMITTED, "there is nothing to commit")                                        \
    X(76, COUNTERS_PROOF, "this is not the TPM's word for the counters that were saved")           \
    X(77, COUNTER_VALUE, "the counter has another value than it was expected to have")             \
    X(78, LOCKDOWN,                                                                                \
      "the machine is Xen's: cloisterctl lockdown says what dom0 may, and what to do instead")     \
    X(79, HOST_INTREMAP,                                                                           \
      "interrupts are not remapped for each device: boot Xen without iommu=no-intremap, "          \
      "no-amd-iommu-perdev-intremap")                                                              \
    X(80, DOMAIN_BUILDING, "the domain is still being built: unpause it first")                    \
    X(81, ENCLAVE_MODE, "an enclave's calls to the monitor are for its own kernel mode only")      \
    X(82, DOMAIN_COUNTERS, "the domain has counters under its UUID: forget them first")            \
    X(83, SEAL_FLOOR, "the statement for this boot configuration was withdrawn: see SEALING.md")   \
    X(84, DOMAIN_UUID, "another domain has this UUID: a domain takes it when it is created")       \
    X(85, BOOT_FIRMWARE,                                                                           \
      "there are no runtime services of UEFI firmware here: boot entries are the setup's")         \
    X(86, BOOT_OPEN,                                                                               \
      "dom0 could have changed the firmware: boot Xen without cloister-lockdown= and ats, with "   \
      "dom0-iommu=strict")                                                                         \
    X(87, BOOT_ENTRY, "the firmware has no such boot entry")                                       \
    X(88, BOOT_TWICE, "a boot order names each entry once")                                        \
    X(89, BOOT_FAILED, "the firmware did not do it")

#define CLOISTER_REASON_ENUM(code, name, text) CLOISTER_REASON_##name = (code),
enum cloister_reason {
    CLOISTER_REASONS(CLOISTER_REASON_ENUM) CLOISTER_REASON_LIMIT,
};
#undef CLOISTER_REASON_ENUM

/* The rule's short name ("QUOTA") or its sentence; "unknown" for a code from a newer monitor. */
static inline const char *cloister_reason_name(unsigned int reason)
{
#define CLOISTER_REASON_CASE(code, name, text)                                                     \
    case (code):                                                                                   \
        return #name;
    switch (reason) {
        CLOISTER_REASONS(CLOISTER_REASON_CASE)
    default:
        return "unknown";
    }
#undef CLOISTER_REASON_CASE
}

static inline const char *cloister_reason_text(unsigned int reason)
{
#define CLOISTER_REASON_CASE(code, name, text)                                                     \
    case (code):                                                                                   \
        return text;
    switch (reason) {
        CLOISTER_REASONS(CLOISTER_REASON_CASE)
    default:
        return "unknown";
    }
#undef CLOISTER_REASON_CASE
}

#endif
