/* SPDX-License-Identifier: MIT */
/*
 * Planned updates: statements that let configurations of the operator's choice open the sealing root
 * (hv/SEALING.md).
 *
 * Xen is started with cloister-update-key=NAME. The sealing root's policy is then not the boot itself but
 * TPM2_PolicyAuthorize (TPM 2.0 part 3, 23.16): whatever boot the key's holder signed. The key is on P-256,
 * and NAME, 64 hexadecimal digits, the digest in its TPM Name (part 1, 16): SHA-256 of the TPMT_PUBLIC
 *
 *   00 23        type: ECC                            00 10        symmetric: none
 *   00 0b        nameAlg: SHA-256                     00 18 00 0b  scheme: ECDSA with SHA-256
 *   00 04 00 40  attributes: sign, userWithAuth       00 03        curve: P-256
 *   00 00        authPolicy: none                     00 10        kdf: none
 *
 * in this order (left column, then right), followed by 00 20, x, 00 20, y.
 *
 * The statements stand in an NV index that the TPM's owner writes, and that everybody may read. They are no
 * secret; what is not the key's is refused by the TPM.
 */
#ifndef CLOISTER_UPDATE_H
#define CLOISTER_UPDATE_H

#include <stdint.h>

#define CLOISTER_UPDATE_INDEX 0x0180c106u
#define CLOISTER_UPDATE_STATEMENTS 4u

/* The PCRs of a configuration: boot loader, Secure Boot's keys, GRUB's commands (Xen's command line), GRUB's
 * files (Xen, dom0's kernel). The record's comes on top, as zero. */
#define CLOISTER_SEAL_PCRS (1u << 4 | 1u << 7 | 1u << 8 | 1u << 9)

/* A TPMT_PUBLIC up to x. */
#define CLOISTER_UPDATE_KEY_HEAD                                                                       \
    {0x00, 0x23, 0x00, 0x0b, 0x00, 0x04, 0x00, 0x40, 0x00, 0x00,                                       \
     0x00, 0x10, 0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10}

/* One configuration. Unused: zeros. */
struct cloister_update_statement {
    uint8_t policy[32];    /* TPM2_PolicyPCR of its PCRs, in an otherwise empty policy */
    uint8_t signature[64]; /* r || s, big-endian: ECDSA with SHA-256 of `policy` */
};

/* What stands in the index, which has this size and at least the attributes authread, no_da. */
struct cloister_update {
    uint8_t public_key[64]; /* x || y, big-endian */
    struct cloister_update_statement statements[CLOISTER_UPDATE_STATEMENTS];
};

_Static_assert(sizeof(struct cloister_update) == 448, "ABI");

#endif
