/* SPDX-License-Identifier: MIT */
/*
 * Looks through what xentrace recorded while an enclave ran: trace-search FILE SEED
 * No record of a VM exit may have an address of the enclave's code, none at all a word of SEED, which the
 * enclave kept in its registers. The control: addresses of ordinary processes are there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cloister/image.h>

#include "pattern.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/trace.h>

#ifdef TRC_HVM_VMEXIT64 /* Xen 4.17 has one event for both vendors */
#define TRC_HVM_VMX_EXIT64 TRC_HVM_VMEXIT64
#define TRC_HVM_SVM_EXIT64 TRC_HVM_VMEXIT64
#endif

#define REGISTER_WORDS 46
#define EXTRA_WORDS 7

/* Where programs that are not position-independent stand. */
#define PROGRAM_BEGIN 0x400000
#define PROGRAM_END 0x500000
#define ENCLAVE_END (CLOISTER_ENCLAVE_BASE + (UINT64_C(1) << 30))

static struct {
    unsigned long records, exits, ordinary, inside, words;
} seen;

static uint64_t pair(const uint32_t *extra)
{
    return extra[0] | (uint64_t)extra[1] << 32;
}

static void look(uint32_t event, const uint32_t *extra, unsigned int count, uint64_t seed)
{
    seen.records++;
    if ((event == TRC_HVM_SVM_EXIT64 || event == TRC_HVM_VMX_EXIT64) && count >= 3) {
        uint64_t address = pair(extra + 1);
        seen.exits++;
        seen.ordinary += address >= PROGRAM_BEGIN && address < PROGRAM_END;
        seen.inside += address >= CLOISTER_ENCLAVE_BASE && address < ENCLAVE_END;
    }
    for (unsigned int at = 0; at + 1 < count; at++) {
        uint64_t word = pair(extra + at);
        for (unsigned int i = 0; word && i < REGISTER_WORDS; i++) {
            seen.words += word == pattern_word(seed, i);
        }
    }
}

int main(int count, char **arguments)
{
    FILE *file = count == 3 ? fopen(arguments[1], "rb") : NULL;
    uint32_t head, extra[EXTRA_WORDS];

    if (!file) {
        report_cannot("usage: trace-search FILE SEED");
    }
    uint64_t seed = strtoull(arguments[2], NULL, 16);
    /* struct t_rec: event, number of words, whether the time is there, too. */
    while (fread(&head, sizeof(head), 1, file) == 1) {
        uint32_t event = head & 0x0fffffff, time[2];
        unsigned int words = head >> 28 & 7;
        if ((head >> 31 && fread(time, sizeof(time), 1, file) != 1) ||
            fread(extra, sizeof(extra[0]), words, file) != words) {
            break;
        }
        look(event, extra, words, seed);
    }
    report_control(seen.exits > 100 && seen.ordinary,
                   "%lu of %lu VM exits are of ordinary processes, of %lu records", seen.ordinary,
                   seen.exits, seen.records);
    report_try(!seen.inside, "%lu of %lu traced VM exits have an address of the enclave",
               seen.inside, seen.exits);
    report_try(!seen.words, "%lu words of the enclave's registers in the trace", seen.words);
    return report_end();
}
