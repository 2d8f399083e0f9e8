/* SPDX-License-Identifier: MIT */
/* Pages with content, to make an enclave that takes seconds to load. */
    .section .data.large, "awR", @progbits
    .balign 4096
    .fill 24 << 20, 1, 0xa5
    .section .note.GNU-stack, "", @progbits
