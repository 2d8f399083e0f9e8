/* SPDX-License-Identifier: MIT */
/* Verifying what the monitor signs, with OpenSSL. */
#ifndef PROOF_H
#define PROOF_H

#include <stdbool.h>
#include <stddef.h>

#include <cloister/report.h>

void proof_sha256(const void *data, size_t size, uint8_t digest[32]);
/* The public key (X || Y) signed these bytes: r || s. */
bool proof_signature(const uint8_t key[64], const void *data, size_t size,
                     const uint8_t signature[64]);
/* The report is signed by the record's key as report.h says: both the fixed form and the
 * COSE_Sign1. */
bool proof_report(const struct cloister_report *report,
                  const struct cloister_monitor_record *record);

#endif
