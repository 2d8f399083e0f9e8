/* SPDX-License-Identifier: MIT */
/*
 * What differs between the Xen versions that have a series of hooks. The glue is written for the newest; an
 * older one gets the newest one's names here. No other file asks for the version.
 */
#ifndef CLOISTER_XEN_COMPAT_H
#define CLOISTER_XEN_COMPAT_H

#include <xen/compile.h>
#include <xen/pci.h>
#include <xen/sched.h>

#include <asm/hvm/hvm.h>
#include <asm/hvm/svm/svm.h>
#include <asm/hvm/svm/vmcb.h>

#if XEN_VERSION == 4 && XEN_SUBVERSION == 20

#include <asm/trampoline.h>

/* VMLOAD and VMSAVE are private to Xen's SVM code. */
#include "../../hvm/svm/svm.h"

/* A virtual NMI waits for the guest (AMD APM vol. 2, 15.21.10). */
static inline bool vmcb_has_nmi(const struct vmcb_struct *vmcb)
{
    return vmcb->_vintr.fields.vnmi_enable && vmcb->_vintr.fields.vnmi_pending;
}

#define XENPF_MICROCODE_LAST XENPF_microcode_update2

#elif XEN_VERSION == 4 && XEN_SUBVERSION == 17

#define X86_ET_NMI X86_EVENTTYPE_NMI
#define X86_ET_HW_EXC X86_EVENTTYPE_HW_EXCEPTION
#define X86_XCR0_X87 X86_XCR0_FP
#define vmcb_set_asid vmcb_set_guest_asid
#define vmcb_set_np vmcb_set_np_enable
#define xstate_uncompressed_size xstate_ctxt_size
#define XENPF_MICROCODE_LAST XENPF_microcode_update
/* It does not know this one, and refuses it. */
#define XEN_DOMCTL_gsi_permission 88

#define pci_find_ext_capability(sbdf, cap) \
    pci_find_ext_capability((sbdf).seg, (sbdf).bus, (sbdf).devfn, cap)

/* It knows no virtual NMIs: one that waits is an injected event. */
static inline bool vmcb_has_nmi(const struct vmcb_struct *vmcb)
{
    return false;
}

#else
#error "no hooks for this version of Xen"
#endif

#endif
