/* SPDX-License-Identifier: MIT */
/*
 * What Xen's own files call. Installed into Xen's tree as asm/cloister.h; every hook is one line there.
 */
#ifndef ASM_X86_CLOISTER_H
#define ASM_X86_CLOISTER_H

#ifdef __ASSEMBLY__

/*
 * After #VMEXIT, before STGI: while an enclave's registers are live nothing else of Xen may run.
 * Requires %rbx = current, %rsp = the saved registers; clobbers what a C call clobbers.
 */
.macro CLOISTER_SVM_LEAVE
    cmpb $0, VCPU_cloister_inside(%rbx)
    je .Lcloister_tenant\@
    call cloister_svm_leave
.Lcloister_tenant\@:
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

/* In struct arch_vcpu. All fields belong to the vCPU itself, or to whoever has stopped it. */
struct cloister_vcpu {
    struct world *pending; /* to be entered before the tenant goes on */
    struct world *left;    /* just left, its exit not yet looked at */
    bool inside;           /* the CPU runs the enclave's VMCB or VMCS */
};

/* Domains come and go. create: 0, -ENOMEM; end: 0, -ERESTART. */
int cloister_domain_create(struct domain *d);
int cloister_domain_end(struct domain *d);
void cloister_domain_destroy(struct domain *d);

/* A tenant's VMCALL from outside its kernel: true if it was one of ours and is served. */
bool cloister_call(struct cpu_user_regs *regs);

/* The world switch. enter: last C before the VM entry; left: first C after the VM exit, true if it was
 * an enclave's exit and there is nothing left to do. */
void cloister_svm_enter(struct vcpu *v);
void cloister_svm_leave(void);
bool cloister_svm_left(struct cpu_user_regs *regs);
void cloister_vmx_enter(struct vcpu *v);
void cloister_vmx_left(struct cpu_user_regs *regs);
/* A VM entry that failed: true if it was an enclave's. */
bool cloister_vmx_failed(void);

/* The guards: 0 or -EPERM. */
int cloister_guard_mmio(const struct domain *d, unsigned long mfn, unsigned long count);
int cloister_guard_iommu(const struct domain *d, unsigned long mfn, unsigned long count);
/* A frame without an owner was named: NULL, as Xen answers; traced if it is protected. */
struct domain *cloister_reference_refused(const struct page_info *page);
/* The IOMMU reported an access that it stopped. */
void cloister_dma_refused(uint16_t segment, uint16_t bdf, uint64_t address);
/* Domain controls that cannot be made safe while the domain has enclaves: 0 or -EBUSY. */
int cloister_freeze(struct domain *d, const struct xen_domctl *op);
/* The same for altp2m, which the domain may switch on by itself. */
int cloister_freeze_altp2m(struct domain *d);

#endif /* __ASSEMBLY__ */
#endif
