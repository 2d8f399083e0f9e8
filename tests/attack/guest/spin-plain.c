/* SPDX-License-Identifier: MIT */
/* An ordinary process with the words of a seed in its registers, for some seconds: spin-plain SEED SECONDS */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "pattern.h"

int main(int count, char **arguments)
{
    if (count < 3) {
        return 2;
    }
    uint64_t seed = strtoull(arguments[1], NULL, 16);
    alarm(atoi(arguments[2]));
    /* No call from here on: it would change some of them. */
    register uint64_t rax __asm__("rax") = pattern_word(seed, 5);
    register uint64_t rbx __asm__("rbx") = pattern_word(seed, 0);
    register uint64_t r12 __asm__("r12") = pattern_word(seed, 1);
    register uint64_t r13 __asm__("r13") = pattern_word(seed, 2);
    register uint64_t r14 __asm__("r14") = pattern_word(seed, 3);
    register uint64_t r15 __asm__("r15") = pattern_word(seed, 4);

    /* Of the general registers Xen's dump of a VMCS has this one alone. */
    __asm__ volatile("mov %0, %%rsp" : : "r"(pattern_word(seed, 6)));
    __asm__ volatile("movq %0, %%xmm8\n\tmovq %1, %%xmm9" : : "r"(r12), "r"(r13) : "xmm8", "xmm9");
    for (;;) {
        __asm__ volatile("" : "+r"(rax), "+r"(rbx), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15));
    }
}
