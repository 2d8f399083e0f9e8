/* SPDX-License-Identifier: MIT */
/* What the monitor does for an enclave without the application: reports and keys. */
#include "runtime.h"

#include <string.h>

#include "cloister/abi.h"

/* The image tool maps page n at CLOISTER_ENCLAVE_BASE + n * 4096 (cloister/image.h). */
static uint64_t guest_physical(const void *address)
{
    return (uint64_t)address - CLOISTER_ENCLAVE_BASE;
}

int cloister_report(const uint8_t data[64], struct cloister_report *report)
{
    /* Its own memory: the caller's may be anywhere, even in the window that the tenant sees. */
    _Alignas(sizeof(struct cloister_report)) uint8_t buffer[sizeof(struct cloister_report)];
    struct runtime_values answer;

    memset(buffer, 0, sizeof(buffer));
    memcpy(buffer, data, sizeof(report->report_data));
    answer = runtime_leave((struct runtime_values){.number = CLOISTER_ENCLAVE_REPORT,
                                                   .value = {guest_physical(buffer), 0}});
    if (!answer.number) {
        memcpy(report, buffer, sizeof(buffer));
    }
    return (int)answer.number;
}

int cloister_seal_key(uint32_t policy, uint32_t security_version, const uint8_t label[32],
                      uint8_t key[32])
{
    _Alignas(sizeof(struct cloister_seal_key)) struct cloister_seal_key request = {
        .policy = policy, .security_version = security_version};
    struct runtime_values answer;

    memcpy(request.label, label, sizeof(request.label));
    answer = runtime_leave((struct runtime_values){.number = CLOISTER_ENCLAVE_KEY,
                                                   .value = {guest_physical(&request), 0}});
    if (!answer.number) {
        memcpy(key, request.key, sizeof(request.key));
    }
    cloister_wipe(&request, sizeof(request));
    return (int)answer.number;
}
