/* SPDX-License-Identifier: MIT */
/* Steps 1 to 3: the evidence and its monitor record by themselves. */
#include <errno.h>
#include <string.h>

#include "verify/flags.h"
#include "verify/refuse.h"
#include "verify/verification.h"

int step_decode(struct verification *v)
{
    return cloister_evidence_decode(v->encoded.data, v->encoded.size, &v->evidence, v->refusal)
               ? -EACCES
               : 0;
}

int step_nonce(struct verification *v)
{
    const struct cloister_bytes *expected = &v->challenge->nonce, *found = &v->evidence.nonce;

    if (expected->size != found->size) {
        return refuse_number(v->refusal, CLOISTER_REFUSED_NONCE_DIFFERS, expected->size,
                             found->size, "size of the nonce");
    }
    if (memcmp(expected->data, found->data, found->size) != 0) {
        return refuse_bytes(v->refusal, CLOISTER_REFUSED_NONCE_DIFFERS, expected->data, found->data,
                            found->size, "nonce");
    }
    return 0;
}

bool all_zero(const void *bytes, size_t size)
{
    const uint8_t *byte = bytes;

    for (size_t i = 0; i < size; i++) {
        if (byte[i]) {
            return false;
        }
    }
    return true;
}

/* Printable ASCII, then zeros. */
static bool is_text(const uint8_t *bytes, size_t size)
{
    size_t used = 0;

    while (used < size && bytes[used] >= 0x20 && bytes[used] <= 0x7e) {
        used++;
    }
    return all_zero(bytes + used, size - used);
}

static int check_form(struct verification *v, const struct cloister_monitor_record *record)
{
    const enum cloister_refusal_code code = CLOISTER_REFUSED_RECORD_UNKNOWN;

    if (record->magic != CLOISTER_RECORD_MAGIC) {
        return refuse_number(v->refusal, code, CLOISTER_RECORD_MAGIC, record->magic,
                             "record.magic");
    }
    if (record->version != CLOISTER_RECORD_VERSION) {
        return refuse_number(v->refusal, code, CLOISTER_RECORD_VERSION, record->version,
                             "record.version");
    }
    if (record->size != sizeof(*record)) {
        return refuse_number(v->refusal, code, sizeof(*record), record->size, "record.size");
    }
    if (record->reserved0 || !all_zero(record->reserved, sizeof(record->reserved))) {
        return refuse_text(v->refusal, code, "zeros", "something else", "record.reserved");
    }
    if (!is_text(record->xen_version, sizeof(record->xen_version))) {
        return refuse_text(v->refusal, code, "ASCII, then zeros", "something else",
                           "record.xen_version");
    }
    if (!is_text(record->xen_source, sizeof(record->xen_source))) {
        return refuse_text(v->refusal, code, "ASCII, then zeros", "something else",
                           "record.xen_source");
    }
    return 0;
}

int step_record(struct verification *v)
{
    const struct cloister_monitor_record *record = &v->evidence.record;
    const struct cloister_bytes nonce_and_record[] = {v->evidence.nonce,
                                                      {v->record, sizeof(v->record)}};
    const struct cloister_bytes whole = {(const uint8_t *)record, sizeof(*record)};
    int rc = check_form(v, record);

    if (rc) {
        return rc;
    }
    if (flags_unknown(record->flags)) {
        return refuse_number(v->refusal, CLOISTER_REFUSED_RECORD_FLAGS, 0, record->flags,
                             "record.flags, those that are unknown");
    }
    if (crypto_hash(v->crypto, &whole, 1, v->record) ||
        crypto_hash(v->crypto, nonce_and_record, 2, v->binding)) {
        return -EIO;
    }
    memcpy(v->claims->record, v->record, sizeof(v->record));
    memcpy(v->claims->monitor_key, record->public_key, sizeof(record->public_key));
    memcpy(v->claims->xen_version, record->xen_version, sizeof(record->xen_version));
    memcpy(v->claims->xen_source, record->xen_source, sizeof(record->xen_source));
    memcpy(v->claims->lockdown, record->lockdown, sizeof(record->lockdown));
    v->claims->monitor_flags = record->flags;
    v->claims->monitor_version = record->monitor_version;
    v->claims->abi_version = record->abi_version;
    v->claims->boot_id = record->boot_id;
    return 0;
}
