/* SPDX-License-Identifier: MIT */
#include "libcloister/world.h"

#include <cpuid.h>
#include <stdbool.h>
#include <string.h>

/*
 * AMD's CPUs (and Hygon's, which are AMD's) know VMMCALL, all others VMCALL: Intel SDM vol. 3C,
 * 31.3; AMD APM vol. 3, VMMCALL. A hypervisor reports the vendor of the CPU it runs on.
 */
static bool use_vmcall;

__attribute__((constructor)) static void choose(void)
{
    unsigned int largest, vendor[3];

    if (!__get_cpuid(0, &largest, &vendor[0], &vendor[2], &vendor[1]))
        return;
    use_vmcall = memcmp(vendor, "AuthenticAMD", 12) && memcmp(vendor, "HygonGenuine", 12);
}

int64_t world_call(enum cloister_call call, const uint64_t handle[2], uint64_t thread,
                   uint64_t arg0, uint64_t arg1, struct world_values *values)
{
    int64_t outcome = CLOISTER_HYPERCALL;
    uint64_t rdi = (uint64_t)call, rsi = handle[0];
    register uint64_t r10 __asm__("r10") = thread;
    register uint64_t r8 __asm__("r8") = arg0;
    register uint64_t r9 __asm__("r9") = arg1;

    if (use_vmcall)
        __asm__ volatile("vmcall"
                         : "+a"(outcome), "+D"(rdi), "+S"(rsi)
                         : "d"(handle[1]), "r"(r10), "r"(r8), "r"(r9)
                         : "memory", "cc");
    else
        __asm__ volatile("vmmcall"
                         : "+a"(outcome), "+D"(rdi), "+S"(rsi)
                         : "d"(handle[1]), "r"(r10), "r"(r8), "r"(r9)
                         : "memory", "cc");
    values->value0 = rdi;
    values->value1 = rsi;
    return outcome;
}
