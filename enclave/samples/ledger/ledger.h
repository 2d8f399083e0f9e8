/* SPDX-License-Identifier: MIT */
/*
 * A balance that cannot be rolled back: what an enclave with a state that outlives it looks like. The application keeps
 * the state, sealed, in a file; the enclave notices whether it is the newest (cloister/enclave.h, "rollback").
 *
 *     LEDGER_OPEN   the state of the file, or nothing
 *     LEDGER_POST   a state with the new balance: stored beside the old one, which stays
 *     LEDGER_APPLY  now that it is stored, it counts, and the old one does not
 *     LEDGER_SHOW   until it is not -EAGAIN any more; then the old state is not needed, and the balance is known
 */
#ifndef CLOISTER_SAMPLE_LEDGER_H
#define CLOISTER_SAMPLE_LEDGER_H

/* Functions; numbers are little-endian. */
enum {
    /*
     * in: a sealed state, or nothing: a new ledger.
     *   -EBADMSG  not sealed by this enclave on this machine, or changed
     *   -ESTALE   not the newest: an older one (or none, and there is one), or one that never came to count, or had
     *             not become durable when power failed: the state before it is the newest then
     *   -ENODATA  the host has lost its counters: nobody knows whether it is the newest
     */
    LEDGER_OPEN = 1,
    /* in: int64_t, added to the balance. out: LEDGER_STATE_SIZE bytes. -EOVERFLOW; -EPERM: nothing is open */
    LEDGER_POST = 2,
    /* -ESTALE: another enclave went on meanwhile; -ENODATA as above; -EPERM: nothing was posted */
    LEDGER_APPLY = 3,
    /* out: int64_t. -EAGAIN: the last APPLY is not durable yet; -ESTALE, -ENODATA as above; -EPERM: nothing is open */
    LEDGER_SHOW = 4,
};

#define LEDGER_STATE_SIZE 56u

#endif
