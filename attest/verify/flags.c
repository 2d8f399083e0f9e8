/* SPDX-License-Identifier: MIT */
#include "flags.h"

#include <stdio.h>
#include <string.h>

#include "cloister/abi.h"
#include "cloister/verify.h"

static const struct {
    uint32_t flag;
    const char *name;
} names[] = {
    {CLOISTER_INFO_SVM, "svm"},
    {CLOISTER_INFO_VMX, "vmx"},
    {CLOISTER_INFO_IOMMU_STRICT, "iommu-strict"},
    {CLOISTER_INFO_INSECURE_DMA, "insecure-dma"},
    {CLOISTER_INFO_SMT, "smt"},
    {CLOISTER_INFO_IBPB, "ibpb"},
    {CLOISTER_INFO_TEST, "test"},
    {CLOISTER_INFO_TPM_REQUIRED, "tpm-required"},
    {CLOISTER_INFO_UPDATE_KEY, "update-key"},
};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

const char *cloister_flag_name(unsigned int index, uint32_t *flag)
{
    if (index >= NAME_COUNT) {
        return NULL;
    }
    *flag = names[index].flag;
    return names[index].name;
}

bool flags_unknown(uint32_t flags)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        flags &= ~names[i].flag;
    }
    return flags != 0;
}

void flags_text(uint32_t flags, char *text, size_t capacity)
{
    size_t used = 0;

    text[0] = 0;
    for (size_t i = 0; i < NAME_COUNT && used < capacity; i++) {
        if (flags & names[i].flag) {
            used += (size_t)snprintf(text + used, capacity - used, "%s%s", used ? " " : "",
                                     names[i].name);
        }
    }
}

uint32_t flags_by_name(const char *name)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (!strcmp(names[i].name, name)) {
            return names[i].flag;
        }
    }
    return 0;
}
