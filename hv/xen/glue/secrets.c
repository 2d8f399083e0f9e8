/* SPDX-License-Identifier: MIT */
/*
 * Secrets have no shadow (monitor/core/host.h): a mark on each CPU, the dumps that look at it, and what is wiped
 * before it goes.
 *
 * Secrets are used on Xen's ordinary stack. Xen finds the CPU it runs on by the stack pointer, so that another stack
 * would need interrupts off for as long as a signature takes, or a second copy of what stands at the stack's end.
 * Instead all of the stack below is zeroed: what functions had there, and the frames of interrupts, which hold the
 * registers of whatever they interrupted. NMIs and machine checks have stacks of their own.
 */
#include "glue/glue.h"

#include <xen/mm.h>
#include <xen/percpu.h>

#include <asm/cloister.h>
#include <asm/current.h>
#include <asm/processor.h>
#include <asm/regs.h>

static DEFINE_PER_CPU(bool, secret);

void host_secret_begin(void)
{
    if ( this_cpu(secret) )
        host_panic("a secret within a secret");
    this_cpu(secret) = true;
    barrier();
}

void host_secret_expect(void)
{
    if ( !this_cpu(secret) )
        host_panic("a secret without its mark");
}

/*
 * No compiler knows that the stack goes: registers first, which an interrupt would put there again; then the
 * stack, from its end up to the return address.
 */
asm ( ".pushsection .text, \"ax\", @progbits\n"
      ".globl host_secret_end\n"
      ".type host_secret_end, @function\n"
      "host_secret_end:\n"
      "xor %eax, %eax; xor %edx, %edx; xor %esi, %esi\n"
      "xor %r8d, %r8d; xor %r9d, %r9d; xor %r10d, %r10d; xor %r11d, %r11d\n"
      "mov %rsp, %rcx\n"
      "mov %rsp, %rdi\n"
      "or $(1 << (" STR(PAGE_SHIFT) " + " STR(STACK_ORDER) ")) - 1, %rdi\n"
      "sub $" STR(PRIMARY_STACK_SIZE) " - 1, %rdi\n"
      "sub %rdi, %rcx\n"
      "shr $3, %rcx\n"
      "rep stosq\n"
      "jmp cloister_secret_ended\n"
      ".size host_secret_end, . - host_secret_end\n"
      ".popsection\n" );

void cloister_secret_ended(void);

/* A stack of its own that was used has flags, which are never 0, in the frame at its top. */
void cloister_secret_ended(void)
{
    char *page = _p((unsigned long)get_cpu_info() & ~(STACK_SIZE - 1));

    for ( unsigned int ist = IST_MCE; ist <= IST_MAX; ist++ )
    {
        page += PAGE_SIZE;
        if ( *(uint64_t *)(page + PAGE_SIZE - 3 * sizeof(uint64_t)) )
            memset(page, 0, PAGE_SIZE);
    }
    host_secret_expect();
    barrier();
    this_cpu(secret) = false;
}

#ifdef CLOISTER_TEST
bool secret_test_shown;
#define IS_SHOWN secret_test_shown
#else
#define IS_SHOWN false
#endif

bool cloister_secret_hidden(const struct cpu_user_regs *regs)
{
    if ( !this_cpu(secret) || guest_mode(regs) || IS_SHOWN )
        return false;
    printk("CPU%u: host context not shown: a secret is in use\n", smp_processor_id());
    return true;
}
