/* SPDX-License-Identifier: MIT */
/*
 * What Xen's own files call. Installed into Xen's tree as asm/cloister.h; every hook is one line there.
 */
#ifndef ASM_X86_CLOISTER_H
#define ASM_X86_CLOISTER_H

/* How a vCPU stands to enclaves: struct cloister_vcpu. Most never leave the first. */
#define CLOISTER_VCPU_NONE 0   /* it has not called one */
#define CLOISTER_VCPU_CALLS 1  /* it has: the next call is tried the fast way (world/fast.h) */
#define CLOISTER_VCPU_INSIDE 2 /* the CPU runs the enclave's VMCB or VMCS */

/* What cloister_svm_exit() and cloister_vmx_exit() answer. */
#define CLOISTER_NEXT_XEN 0    /* the tenant's exit: Xen serves it */
#define CLOISTER_NEXT_ENTRY 1  /* the switch is done: on to the VM entry */
#define CLOISTER_NEXT_LEFT 2   /* an enclave's, and the tenant's state is complete */

/* CLOISTER_HYPERCALL, and where a VMCB has RAX (AMD APM vol. 2, appendix B). */
#define CLOISTER_NUMBER 55
#define CLOISTER_VMCB_RAX 0x5f8

#ifdef __ASSEMBLY__

/*
 * After #VMEXIT, before STGI: while an enclave's registers are live nothing else of Xen may run. STGI is also what
 * ends speculation behind Xen's conditional writes above (IBPB, SPEC_CTRL); where C runs before it, LFENCE does.
 * Requires %rbx = current, %rsp = the saved registers; clobbers what a C call clobbers.
 */
.macro CLOISTER_SVM_EXIT
    cmpb $CLOISTER_VCPU_CALLS, VCPU_cloister_state(%rbx)
    jae .Lcloister_exit
    .subsection 1
.Lcloister_exit:
    ja .Lcloister_look
    mov VCPU_svm_vmcb(%rbx), %rax
    cmpq $CLOISTER_NUMBER, CLOISTER_VMCB_RAX(%rax)
    jne .Lcloister_tenant
.Lcloister_look:
    lfence
    call cloister_svm_exit
    cmp $CLOISTER_NEXT_ENTRY, %eax
    jb .Lcloister_tenant
    je .Lcloister_entry
    stgi
    call cloister_svm_left
    jmp .Lsvm_do_resume
    .previous
.Lcloister_tenant:
.endm

/* The same after a VM exit, with interrupts off and speculation ended. */
.macro CLOISTER_VMX_EXIT
    cmpb $CLOISTER_VCPU_CALLS, VCPU_cloister_state(%rbx)
    jae .Lcloister_exit
    .subsection 1
.Lcloister_exit:
    ja .Lcloister_look
    cmpq $CLOISTER_NUMBER, UREGS_rax(%rsp)
    jne .Lcloister_tenant
.Lcloister_look:
    call cloister_vmx_exit
    cmp $CLOISTER_NEXT_ENTRY, %eax
    jb .Lcloister_tenant
    je .Lcloister_entry
    jmp .Lvmx_do_vmentry
    .previous
.Lcloister_tenant:
.endm

#else

#include <xen/types.h>

#include <public/xen.h>

#define __HYPERVISOR_cloister_op __HYPERVISOR_arch_7

struct cpu_user_regs;
struct domain;
struct page_info;
struct tenant;
struct vcpu;
struct world;
struct xen_domctl;
struct xen_sysctl;
struct xenpf_enter_acpi_sleep;

/* In struct arch_vcpu. All fields belong to the vCPU itself, or to whoever has stopped it. */
struct cloister_vcpu {
    struct world *pending; /* to be entered before the tenant goes on, or inside */
    uint8_t state;         /* CLOISTER_VCPU_* */
};

/* Domains come and go. create: 0, -ENOMEM; end: 0, -ERESTART. */
int cloister_domain_create(struct domain *d);
int cloister_domain_end(struct domain *d);
void cloister_domain_destroy(struct domain *d);

/* A tenant's VMCALL from outside its kernel: true if it was one of ours and is served. */
bool cloister_call(struct cpu_user_regs *regs);

/*
 * The world switch. enter: last C before the VM entry; exit: first C after the VM exit of an enclave, or of a tenant
 * that may have called one: CLOISTER_NEXT_*. left: what is to be done for CLOISTER_NEXT_LEFT after STGI.
 */
void cloister_svm_enter(struct vcpu *v);
unsigned int cloister_svm_exit(void);
void cloister_svm_left(void);
void cloister_vmx_enter(struct vcpu *v);
unsigned int cloister_vmx_exit(void);
/* A VM entry that failed: true if it was an enclave's. */
bool cloister_vmx_failed(void);

/* The guards: 0 or -EPERM. */
int cloister_guard_mmio(const struct domain *d, unsigned long mfn, unsigned long count);
int cloister_guard_iommu(const struct domain *d, unsigned long mfn, unsigned long count);
/* A frame without an owner was named: NULL, as Xen answers; traced if it is protected. */
struct domain *cloister_reference_refused(const struct page_info *page);
/* The IOMMU reported an access that it stopped. */
void cloister_dma_refused(uint16_t segment, uint16_t bdf, uint64_t address);
/*
 * A domain control on d, or on none (NULL): -EBUSY, recorded, if d has enclaves and it is not known to be harmless to
 * them. Also 0 for a caller who controls no domain, whom Xen refuses. Asked twice: at once, and under the domctl lock, which
 * CREATE takes, too, and which is held until the control has had its effect.
 */
int cloister_freeze(struct domain *d, const struct xen_domctl *op);
/* The same for altp2m, which the domain may switch on by itself; after altp2m_active says that it is on. */
int cloister_freeze_altp2m(struct domain *d);

/*
 * The table of what dom0 may (lockdown.h). Actions return 0 or -EPERM, and have recorded a refusal.
 */
/* What the entry of a unified image said, and was not heard: printable, for the console at start; "": nothing. */
extern char cloister_load_options[128];
/* dom0 is built: takes from it what no row gives. -ENOMEM. */
int cloister_lockdown(struct domain *d);
/* As ioports_access_permitted(), in fewer instructions; and what says so of a domain is about to change. */
bool cloister_ports_permitted(const struct domain *d, unsigned int first, unsigned int last);
void cloister_ports_change(const struct domain *d);
/* A port that the domain's permissions do not have: true if the access is done, or refused (then all ones are read). */
bool cloister_port_read(unsigned int port, unsigned int bytes, uint32_t *data);
bool cloister_port_write(unsigned int port, unsigned int bytes, uint32_t data);
bool cloister_cmos_refused(unsigned int index, unsigned int data);
/* A write of dom0's to a page that it has for reading: its kernel's, which vanishes; a program's: true if it got #GP. */
void cloister_kernel_write(unsigned long mfn);
bool cloister_user_write(unsigned long address, const struct cpu_user_regs *regs);
/* A page that is no RAM is mapped: for watching. */
void cloister_memory_map(const struct domain *d, unsigned long mfn, bool write);
bool cloister_msr_refused(uint32_t msr, uint64_t value);
/* A write to a function's configuration space. */
int cloister_pci_write(unsigned int seg, unsigned int bdf, unsigned int reg, unsigned int size,
                       uint32_t data);
/* Where Xen is to map a device's MSI-X table, and whom it is to keep from both: BARs, and offsets with their BAR's
 * number in the low bits. */
bool cloister_msix_refused(uint64_t table_bar, uint32_t table, uint64_t pba_bar, uint32_t pba,
                           unsigned int entries);
int cloister_platform_op(uint32_t cmd);
/* The register by which a power state is entered: its ACPI address space, and where it is there. */
int cloister_power_state(uint8_t space, uint64_t address);
int cloister_sysctl(const struct xen_sysctl *op);
int cloister_machine_check_op(uint32_t cmd);
int cloister_physdev_op(int cmd);
bool cloister_key_refused(unsigned char key);
/* The serial line asks for Xen as its reader: in an interrupt. */
bool cloister_console_refused(void);

/* Xen panics: keys and sealed frames go at once, because the other CPUs may never stop. */
void cloister_panicked(void);
/*
 * The way down, when no other CPU runs any more and before the machine is reset or halted: no secret stays in memory.
 * `frame`: __builtin_frame_address(0) of a function that does not return; what called it is wiped, too.
 */
void cloister_scrub(void *frame);
/* In place of acpi_enter_sleep(): S5 by Xen's own values; -EPERM for other states. */
int cloister_sleep(struct xenpf_enter_acpi_sleep *sleep);

/* Registers, code and stack of the host must not be printed: a secret is in use on this CPU. Says so, then. */
bool cloister_secret_hidden(const struct cpu_user_regs *regs);

#endif /* __ASSEMBLY__ */
#endif
