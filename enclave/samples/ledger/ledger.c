/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include <bearssl.h>
#include <cloister/counter.h>
#include <cloister/enclave.h>
#include <cloister/seal.h>

#include <errno.h>
#include <string.h>

/* It is in this program: taking its address needs no table of addresses, which nobody would fill in. */
extern __typeof__(br_ghash_ctmul64) br_ghash_ctmul64 __attribute__((visibility("hidden")));

/* Every version of this image: a newer one goes on with the ledger. Key and counter need not have the same policy. */
#define POLICY CLOISTER_SEAL_IMAGE
static const uint8_t label[32] = "ledger";

struct state {
    int64_t balance;
    uint64_t value;    /* of the counter: no other state ever has it ... */
    uint8_t table[16]; /* ... in this table of counters */
};

struct sealed {
    uint8_t nonce[16]; /* random */
    uint8_t tag[16];
    struct state state; /* encrypted */
};
_Static_assert(sizeof(struct sealed) == LEDGER_STATE_SIZE, "the header says so");

static struct cloister_lock lock;
static struct state now;
static uint8_t key[32];
static bool open;

/* --- sealing -------------------------------------------------------------------------------------- */

/* AES-256-GCM: encrypts the state and makes the tag; or decrypts it, and says whether the tag is right. */
static bool crypt(struct sealed *sealed, bool encrypt)
{
    br_aes_ct64_ctr_keys aes;
    br_gcm_context gcm;
    bool right = true;

    br_aes_ct64_ctr_init(&aes, key, sizeof(key));
    br_gcm_init(&gcm, &aes.vtable, br_ghash_ctmul64);
    br_gcm_reset(&gcm, sealed->nonce, sizeof(sealed->nonce));
    br_gcm_flip(&gcm);
    br_gcm_run(&gcm, encrypt, &sealed->state, sizeof(sealed->state));
    if (encrypt) {
        br_gcm_get_tag(&gcm, sealed->tag);
    } else {
        right = br_gcm_check_tag(&gcm, sealed->tag);
    }
    cloister_wipe(&aes, sizeof(aes));
    cloister_wipe(&gcm, sizeof(gcm));
    return right;
}

/* --- calls ---------------------------------------------------------------------------------------- */

/* Is this state the newest? */
static int judge(const struct state *state)
{
    struct cloister_counter_value counter;
    int result = cloister_counter_read(POLICY, label, &counter);

    if (result == -ENOENT) {
        return -ENODATA;
    }
    if (result) {
        return result;
    }
    if (!cloister_equal(counter.table, state->table, sizeof(counter.table))) {
        return -ENODATA;
    }
    return counter.value == state->value ? 0 : -ESTALE;
}

/* A new ledger begins with a counter that was not there: else somebody hides a state. */
static int begin(struct state *state)
{
    struct cloister_counter_value counter;
    int result = cloister_counter_read(POLICY, label, &counter);

    memset(state, 0, sizeof(*state));
    return result == -ENOENT ? 0 : result ? result : -ESTALE;
}

static int open_locked(const void *in, size_t in_size)
{
    struct sealed sealed;
    int result = cloister_seal_key(POLICY, 0, label, key);

    if (!result && in_size == 0) {
        result = begin(&sealed.state);
    } else if (!result && in_size != sizeof(sealed)) {
        result = -EBADMSG;
    } else if (!result) {
        memcpy(&sealed, in, sizeof(sealed));
        result = crypt(&sealed, false) ? judge(&sealed.state) : -EBADMSG;
    }
    if (!result) {
        now = sealed.state;
    }
    open = !result;
    return result;
}

static int post_locked(int64_t amount, struct sealed *sealed)
{
    struct cloister_counter_value counter;
    struct state next = now;
    int result;

    if (!open) {
        return -EPERM;
    }
    if (__builtin_add_overflow(now.balance, amount, &next.balance)) {
        return -EOVERFLOW;
    }
    /* What is not the newest any more must not get a new value: another enclave went on with it. All that can go
     * wrong does so before the increment, behind which the state of before is old. */
    result = now.value ? judge(&now) : begin(&sealed->state);
    result = result ? result : cloister_random(sealed->nonce, sizeof(sealed->nonce));
    result = result ? result : cloister_counter_increment(POLICY, label, &counter);
    if (result) {
        return result;
    }
    next.value = counter.value;
    memcpy(next.table, counter.table, sizeof(next.table));
    sealed->state = next;
    (void)crypt(sealed, true);
    now = next;
    return 0;
}

/* Nothing is said of a state that a power failure could still take back. */
static int show_locked(int64_t *balance)
{
    struct cloister_counter_value counter;
    int result = open ? 0 : -EPERM;

    if (!result && now.value) {
        result = judge(&now);
        result = result ? result : cloister_counter_read(POLICY, label, &counter);
        if (!result && counter.committed < now.value) {
            result = -EAGAIN;
        }
    }
    *balance = now.balance;
    return result;
}

#define ECALL(name)                                                                                \
    static int name(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)

ECALL(ledger_open)
{
    (void)out;
    (void)out_capacity;
    (void)out_size;
    cloister_lock_take(&lock);
    int result = open_locked(in, in_size);
    cloister_lock_release(&lock);
    return result;
}

ECALL(ledger_post)
{
    struct sealed sealed;
    int64_t amount;

    if (in_size != sizeof(amount) || out_capacity < sizeof(sealed)) {
        return -EMSGSIZE;
    }
    memcpy(&amount, in, sizeof(amount));
    cloister_lock_take(&lock);
    int result = post_locked(amount, &sealed);
    cloister_lock_release(&lock);
    if (!result) {
        memcpy(out, &sealed, sizeof(sealed));
        *out_size = sizeof(sealed);
    }
    return result;
}

ECALL(ledger_show)
{
    int64_t balance;

    (void)in;
    (void)in_size;
    if (out_capacity < sizeof(balance)) {
        return -EMSGSIZE;
    }
    cloister_lock_take(&lock);
    int result = show_locked(&balance);
    cloister_lock_release(&lock);
    if (!result) {
        memcpy(out, &balance, sizeof(balance));
        *out_size = sizeof(balance);
    }
    return result;
}

CLOISTER_ECALLS([LEDGER_OPEN] = {ledger_open, LEDGER_STATE_SIZE, 0},
                [LEDGER_POST] = {ledger_post, sizeof(int64_t), LEDGER_STATE_SIZE},
                [LEDGER_SHOW] = {ledger_show, 0, sizeof(int64_t)});
