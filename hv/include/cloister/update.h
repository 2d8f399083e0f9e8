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
 * Each statement has a number. The TPM opens the root only if the number is not below the floor, a counter in
 * NV memory (TPM_NT_COUNTER; part 1, 37.2.3) that nobody can set back: a counter that is removed and made anew
 * begins above all that this TPM ever had. A statement below the floor opens nothing any more, whoever has a
 * copy. What is signed is thus
 *
 *   policy    SHA-256(32 zeros, 00 00 01 7f, 00 00 00 01, 00 0b, 03, bitmap of the PCRs (3 bytes),
 *             SHA-256(the PCRs' values)): TPM2_PolicyPCR (23.7)
 *   approved  SHA-256(policy, 00 00 01 49, SHA-256(number, 00 00, 00 09), name of the floor): TPM2_PolicyNV
 *             (23.9), the floor being at most the number
 *   name      00 0b, SHA-256(01 80 c1 08, 00 0b, 22 04 00 18, 00 20, policy of the record's PCR at zero alone,
 *             00 08): of the counter, once it was written
 *   signed    approved, then CLOISTER_UPDATE_REFERENCE: the policyRef of TPM2_PolicyAuthorize
 *
 * The floor's own policy lets whoever comes before the record increment it. The monitor does, once it has read
 * the root, up to the value that the key's holder signed, and not above the number of the statement that opened
 * the root in this boot.
 *
 * The statements stand in an NV index that the TPM's owner writes, and that everybody may read. They are no
 * secret; what is not the key's is refused by the TPM.
 */
#ifndef CLOISTER_UPDATE_H
#define CLOISTER_UPDATE_H

#include <stdint.h>

#define CLOISTER_UPDATE_INDEX 0x0180c106u
#define CLOISTER_UPDATE_STATEMENTS 8u
#define CLOISTER_FLOOR_INDEX 0x0180c108u

/* The PCRs of a configuration: firmware, its drivers and option ROMs and what those were told, boot loader (or a
 * unified image), Secure Boot's keys, GRUB's commands (Xen's command line), GRUB's files (Xen, dom0's kernel).
 * Under a unified image the last two are as the firmware leaves them, and bound all the same. The record's comes
 * on top, as zero. */
#define CLOISTER_SEAL_PCRS (1u << 0 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 7 | 1u << 8 | 1u << 9)

/* The format, with its version in the last byte. The first had neither this nor numbers. */
#define CLOISTER_UPDATE_MAGIC                                                                      \
    {                                                                                              \
        'C', 'L', 'U', 'P', 'D', 'A', 'T', 2                                                       \
    }

/* What tells the signature of a statement from one of the first format, and from that of a floor. */
#define CLOISTER_UPDATE_REFERENCE "Cloister 2"
#define CLOISTER_UPDATE_FLOOR "Cloister floor"
/* So many steps does the monitor go in one boot; each writes NV memory. */
#define CLOISTER_FLOOR_STEPS 100u

/* A TPMT_PUBLIC up to x. */
#define CLOISTER_UPDATE_KEY_HEAD                                                                   \
    {                                                                                              \
        0x00, 0x23, 0x00, 0x0b, 0x00, 0x04, 0x00, 0x40, 0x00, 0x00, 0x00, 0x10, 0x00, 0x18, 0x00,  \
            0x0b, 0x00, 0x03, 0x00, 0x10                                                           \
    }

/* One configuration. Unused: zeros. */
struct cloister_update_statement {
    uint8_t policy[32];    /* of its PCRs, as above */
    uint8_t number[8];     /* big-endian, not 0 */
    uint8_t signature[64]; /* r || s, big-endian: ECDSA with SHA-256 of what is signed, as above */
};

/* What stands in the index, which has this size and at least the attributes authread, no_da. */
struct cloister_update {
    uint8_t magic[8];            /* CLOISTER_UPDATE_MAGIC */
    uint8_t public_key[64];      /* x || y, big-endian */
    uint8_t floor[8];            /* what to raise the floor to, big-endian; 0: nothing */
    uint8_t floor_signature[64]; /* as of a statement, of CLOISTER_UPDATE_FLOOR, then `floor` */
    struct cloister_update_statement statements[CLOISTER_UPDATE_STATEMENTS];
};

_Static_assert(sizeof(struct cloister_update) == 976, "ABI");

#endif
