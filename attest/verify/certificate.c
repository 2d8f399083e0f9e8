/* SPDX-License-Identifier: MIT */
#include "cloister/certificate.h"

#include <errno.h>
#include <string.h>

#include "verify/reader.h"

#define DER_SEQUENCE 0x30u /* X.690, 8.1.2 */
#define DER_LONG 0x80u     /* 8.1.3.5: the size stands in so many bytes */

/* TCG_PCCLIENT_STORED_CERT. */
#define TAG_STORED 0x1001u
#define TYPE_FULL 0u
#define TAG_FULL 0x1002u /* before the certificate itself; some leave it out */

static bool is_filling(struct cloister_bytes bytes)
{
    return bytes.size == 0 || !memcmp(bytes.data, bytes.data + 1, bytes.size - 1);
}

static const char cut_off[] = "a certificate that is cut off";

/* How many bytes a SEQUENCE that begins here has, with its head. 0 after `why`. */
static size_t sequence_size(struct cloister_bytes bytes, const char **why)
{
    struct reader in = reader_begin(bytes);
    uint64_t tag = reader_big(&in, 1), size = reader_big(&in, 1);

    if (!in.bad && tag != DER_SEQUENCE) {
        *why = "neither DER nor a certificate of TPM 1.2's form";
        return 0;
    }
    if (size == DER_LONG) {
        *why = "BER of an indefinite length, where DER is expected";
        return 0;
    }
    if (size > DER_LONG) {
        size = size - DER_LONG <= 3 ? reader_big(&in, (size_t)(size - DER_LONG)) : UINT32_MAX;
    }
    if (in.bad || !reader_bytes(&in, (size_t)size).data) {
        *why = cut_off;
        return 0;
    }
    return bytes.size - in.left;
}

/* The same behind a header of TPM 1.2's form, which is taken off. */
static size_t stored_size(struct cloister_bytes *bytes, const char **why)
{
    struct reader in = reader_begin(*bytes);
    uint64_t type, size;
    struct cloister_bytes inner;

    reader_big(&in, 2);
    type = reader_big(&in, 1);
    size = reader_big(&in, 2);
    inner = reader_bytes(&in, (size_t)size);
    if (in.bad || inner.size < 2) {
        *why = cut_off;
        return 0;
    }
    if (type != TYPE_FULL) {
        *why = "a certificate of TPM 1.2's form that is not whole";
        return 0;
    }
    if (inner.data[0] == TAG_FULL >> 8 && inner.data[1] == (TAG_FULL & 0xff)) {
        inner = (struct cloister_bytes){inner.data + 2, inner.size - 2};
    }
    bytes->size -= (size_t)(inner.data - bytes->data);
    bytes->data = inner.data;
    return sequence_size(inner, why);
}

int cloister_certificate_next(struct cloister_bytes *rest, struct cloister_bytes *certificate,
                              const char **why)
{
    size_t size;

    if (is_filling(*rest)) {
        *rest = (struct cloister_bytes){NULL, 0};
        return 0;
    }
    if (rest->size > 10 && !memcmp(rest->data, "-----BEGIN", 10)) {
        *why = "PEM, where DER is expected";
        return -EBADMSG;
    }
    size = rest->data[0] == TAG_STORED >> 8 && rest->data[1] == (TAG_STORED & 0xff)
               ? stored_size(rest, why)
               : sequence_size(*rest, why);
    if (!size) {
        return *why == cut_off ? -ENODATA : -EBADMSG;
    }
    *certificate = (struct cloister_bytes){rest->data, size};
    *rest = (struct cloister_bytes){rest->data + size, rest->size - size};
    return 1;
}
