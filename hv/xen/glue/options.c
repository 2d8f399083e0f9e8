/* SPDX-License-Identifier: MIT */
/* What the command line of Xen says of the monitor. */
#include "glue/glue.h"

#include <xen/init.h>
#include <xen/lib.h>
#include <xen/param.h>

bool __ro_after_init opt_insecure_dma;
bool __ro_after_init opt_tpm_required;
static unsigned int __ro_after_init opt_pcr = CLOISTER_RECORD_PCR;

/* cloister=insecure-dma: create enclaves although devices can reach all memory. For machines without
 * an IOMMU on which nothing is at stake. */
static int __init cf_check parse_cloister(const char *s)
{
    if ( strcmp(s, "insecure-dma") )
        return -EINVAL;
    opt_insecure_dma = true;
    return 0;
}
custom_param("cloister", parse_cloister);

/* cloister-pcr=N: the PCR for the monitor record. Those above 15 can be reset by software. */
static int __init cf_check parse_pcr(const char *s)
{
    const char *end;
    unsigned long pcr = simple_strtoul(s, &end, 10);

    if ( end == s || *end || pcr > 15 )
        return -EINVAL;
    opt_pcr = pcr;
    return 0;
}
custom_param("cloister-pcr", parse_pcr);

/*
 * cloister-tpm=required: boot only if a TPM vouches for the identity. Otherwise a TPM that is out of order
 * while Xen starts leaves the record's PCR to dom0, which can extend it with a record of its own making.
 * Nothing but "optional" means that: a typing error must not.
 */
static int __init cf_check parse_tpm(const char *s)
{
    opt_tpm_required = strcmp(s, "optional");
    return opt_tpm_required && strcmp(s, "required") ? -EINVAL : 0;
}
custom_param("cloister-tpm", parse_tpm);

/*
 * cloister-update-key=NAME: the key whose holder authorizes updates (cloister/update.h). What is no name
 * must not mean none, and nobody puts another key behind the operator's: once, or there is no root.
 */
static uint8_t __ro_after_init update_key[32];
int __ro_after_init update_key_status = -ENOENT;

static int __init cf_check parse_update_key(const char *s)
{
    unsigned int i;

    update_key_status = update_key_status == -ENOENT && strlen(s) == 2 * sizeof(update_key)
                        ? 0 : -EINVAL;
    for ( i = 0; !update_key_status && i < sizeof(update_key); i++ )
    {
        const char pair[] = { s[2 * i], s[2 * i + 1], 0 }, *end;

        update_key[i] = simple_strtoul(pair, &end, 16);
        if ( end != pair + 2 )
            update_key_status = -EINVAL;
    }
    return update_key_status;
}
custom_param("cloister-update-key", parse_update_key);

uint32_t host_record_pcr(void)
{
    return opt_pcr;
}

int host_update_key(uint8_t name[32])
{
    memcpy(name, update_key, sizeof(update_key));
    return update_key_status;
}
