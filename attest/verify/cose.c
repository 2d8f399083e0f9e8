/* SPDX-License-Identifier: MIT */
#include "verify/cose.h"

#include <string.h>

#define COSE_SIGN1_TAG 18u /* RFC 9052, 2 */

static const uint8_t protected_header[] = {0xa1, 0x01, 0x26}; /* {alg (1): ES256 (-7)} */

void cose_read(struct items *in, struct cloister_report *report, const char *what)
{
    struct cloister_bytes header, payload, signature;
    struct items_map unprotected;

    items_tag(in, COSE_SIGN1_TAG, what);
    items_array(in, 4, 4, what);
    header = items_bytes(in, sizeof(protected_header), sizeof(protected_header), what);
    if (!in->rc && memcmp(header.data, protected_header, sizeof(protected_header)) != 0) {
        items_refuse(in, CLOISTER_REFUSED_BAD_VALUE, "protected header {1: -7}", "another", what);
    }
    unprotected = items_map(in, 0, what);
    items_map_end(in, &unprotected);
    payload = items_bytes(in, CLOISTER_REPORT_SIGNED_SIZE, CLOISTER_REPORT_SIGNED_SIZE, what);
    signature = items_bytes(in, sizeof(report->signature), sizeof(report->signature), what);
    if (!in->rc) {
        memcpy(report, payload.data, payload.size);
        memcpy(report->signature, signature.data, signature.size);
    }
}

void cloister_report_to_cose(const struct cloister_report *report,
                             uint8_t cose[CLOISTER_COSE_REPORT_SIZE])
{
    /* tag(18), array(4), the protected header, map(0), bytes(448) */
    static const uint8_t head[] = {0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0, 0x59, 0x01, 0xc0};
    static const uint8_t signature_head[] = {0x58, sizeof(report->signature)};

    _Static_assert(sizeof(head) + CLOISTER_REPORT_SIGNED_SIZE + sizeof(signature_head) +
                           sizeof(report->signature) ==
                       CLOISTER_COSE_REPORT_SIZE,
                   "as it says");
    memcpy(cose, head, sizeof(head));
    cose += sizeof(head);
    memcpy(cose, report, CLOISTER_REPORT_SIGNED_SIZE);
    cose += CLOISTER_REPORT_SIGNED_SIZE;
    memcpy(cose, signature_head, sizeof(signature_head));
    memcpy(cose + sizeof(signature_head), report->signature, sizeof(report->signature));
}

int cloister_report_from_cose(const uint8_t *cose, size_t size, struct cloister_report *report)
{
    struct items in = items_begin(cose, size, NULL);

    cose_read(&in, report, "report");
    return items_end(&in);
}
