/* SPDX-License-Identifier: MIT */
/*
 * Certificates as a TPM keeps them in its NV indices (TCG EK Credential Profile 2.5, 2.2.1.4 and
 * 2.2.1.5): one in DER, or several one after the other; filled up with one byte value to the
 * index's size; or in the header of TCG's PC Client Specification for TPM 1.2 (1.21, 7.4.5,
 * TCG_PCCLIENT_STORED_CERT).
 */
#ifndef CLOISTER_CERTIFICATE_H
#define CLOISTER_CERTIFICATE_H

#include "cloister/evidence.h"

/*
 * Takes the next certificate: 1: *certificate is it, as its DER says its size, and *rest what stands
 * behind it. 0: no more, *rest is empty or one byte value throughout. -ENODATA: one begins there, and
 * is cut off; -EBADMSG: something else stands there; *why says what, a static text. That the DER is a
 * certificate is not looked at.
 */
__attribute__((warn_unused_result)) int
cloister_certificate_next(struct cloister_bytes *rest, struct cloister_bytes *certificate,
                          const char **why);

#endif
