/* SPDX-License-Identifier: MIT */
/*
 * A way to a TPM (a TCTI, as tpm2-tss loads them) on which one command goes wrong: "MODE,N,CONF" is
 * swtpm's CONF with the N-th command answered so:
 *
 *   error    TPM_RC_FAILURE, and not executed
 *   retry    TPM_RC_RETRY, once
 *   hang     never; it says so on standard error
 *   garbage  success, and then bytes that mean nothing
 *   short    a header that promises more than there is
 *   gone     the connection breaks
 *   none     as it should
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tcti_swtpm.h>
#include <unistd.h>

struct errs {
    TSS2_TCTI_CONTEXT_COMMON_V1 common;
    TSS2_TCTI_CONTEXT *inner;
    char mode[16];
    int left; /* commands until it goes wrong */
    bool wrong;
};

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
    struct errs *errs = (struct errs *)context;

    errs->wrong = --errs->left == 0 && strcmp(errs->mode, "none") != 0;
    if (errs->wrong && !strcmp(errs->mode, "gone"))
        return TSS2_TCTI_RC_IO_ERROR;
    return errs->wrong ? TSS2_RC_SUCCESS : Tss2_Tcti_Transmit(errs->inner, size, command);
}

/* A whole response of `size` bytes that says it has `promised`. */
static void answer(uint8_t *response, uint32_t promised, uint32_t code, size_t size)
{
    memset(response, 0xff, size);
    size_t at = 0;
    Tss2_MU_UINT16_Marshal(0x8001, response, size, &at); /* TPM_ST_NO_SESSIONS */
    Tss2_MU_UINT32_Marshal(promised, response, size, &at);
    Tss2_MU_UINT32_Marshal(code, response, size, &at);
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
    struct errs *errs = (struct errs *)context;

    if (!errs->wrong)
        return Tss2_Tcti_Receive(errs->inner, size, response, timeout);
    if (!response) {
        *size = 64;
        return TSS2_RC_SUCCESS;
    }
    if (!strcmp(errs->mode, "hang")) {
        fputs("hanging\n", stderr);
        for (;;)
            pause();
    }
    *size = !strcmp(errs->mode, "garbage") ? 64 : !strcmp(errs->mode, "short") ? 12 : 10;
    answer(response, !strcmp(errs->mode, "short") ? 4000 : (uint32_t)*size,
           !strcmp(errs->mode, "error")   ? TPM2_RC_FAILURE
           : !strcmp(errs->mode, "retry") ? TPM2_RC_RETRY
                                          : 0,
           *size);
    return TSS2_RC_SUCCESS;
}

static void finalize(TSS2_TCTI_CONTEXT *context)
{
    struct errs *errs = (struct errs *)context;

    Tss2_Tcti_Finalize(errs->inner);
    free(errs->inner);
}

static TSS2_RC initialise(TSS2_TCTI_CONTEXT *context, size_t *size, const char *conf)
{
    struct errs *errs = (struct errs *)context;
    size_t inner_size = 0;
    int used = 0;

    *size = sizeof(*errs);
    if (!context)
        return TSS2_RC_SUCCESS;
    memset(errs, 0, sizeof(*errs));
    if (!conf || sscanf(conf, "%15[a-z],%d,%n", errs->mode, &errs->left, &used) != 2 || !used)
        return TSS2_TCTI_RC_BAD_VALUE;
    errs->common = (TSS2_TCTI_CONTEXT_COMMON_V1){
        .version = 1, .transmit = transmit, .receive = receive, .finalize = finalize};
    TSS2_RC rc = Tss2_Tcti_Swtpm_Init(NULL, &inner_size, conf + used);
    errs->inner = rc ? NULL : calloc(1, inner_size);
    return errs->inner ? Tss2_Tcti_Swtpm_Init(errs->inner, &inner_size, conf + used) : rc;
}

static const TSS2_TCTI_INFO info = {.version = 1,
                                    .name = "tcti-errs",
                                    .description = "a TPM that errs",
                                    .config_help = "MODE,N,CONF",
                                    .init = initialise};

const TSS2_TCTI_INFO *Tss2_Tcti_Info(void);
const TSS2_TCTI_INFO *Tss2_Tcti_Info(void)
{
    return &info;
}
