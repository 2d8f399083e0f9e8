/* SPDX-License-Identifier: MIT */
/*
 * The victim: an enclave that holds a secret and answers questions about it without giving it away. It
 * needs no runtime: ENTER's arg0 is the function, arg1 its argument; it returns two values.
 */
#ifndef ATTACK_VICTIM_H
#define ATTACK_VICTIM_H

#define VICTIM_THREADS 16
#define VICTIM_SHARED_PAGES 4
#define VICTIM_SECRET_PAGES 4
#define VICTIM_OUTSIDE 511 /* page of the shared window that its tables have and its view has not */

enum victim_function {
    VICTIM_PING = 0,  /* argument + 1, number of the thread */
    VICTIM_FILL = 1,  /* makes the secret of this seed and keeps it: 0, 0 */
    VICTIM_CHECK = 2, /* a digest of the secret with this nonce, how often it was asked */
    VICTIM_SPIN = 3,  /* holds the words of this seed in all registers until the first word of the
                          shared window is not zero: number of registers changed, 0 */
    VICTIM_COUNT = 4, /* counts that far: the sum 1 + 2 + ..., how often it was interrupted */
    VICTIM_OCALL = 5, /* calls out with (argument, 0): what it gets */
    VICTIM_FAULT = 6, /* touches a page outside its view: does not return */
    VICTIM_PEEK = 7,  /* the word at this byte offset of the shared window, 0 */
    VICTIM_POKE = 8,  /* stores 0x5eedc0de there */
    VICTIM_PORT = 9,  /* uses an instruction it may not: does not return */
    VICTIM_USER =
        10, /* asks the monitor in its user mode: argument & 0xff is CLOISTER_ENCLAVE_*, the rest
                          the address. 0: refused, by #GP at the call; 1 and the answer */
    VICTIM_KERNEL = 11, /* the same in its kernel mode */
};

#endif
