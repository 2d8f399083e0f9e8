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
    uint8_t tag[16]; /* random: no other state has it. The counter's is that of the newest */
};

struct sealed {
    uint8_t nonce[16]; /* random */
    uint8_t tag[16];
    struct state state; /* encrypted */
};
_Static_assert(sizeof(struct sealed) == LEDGER_STATE_SIZE, "the header says so");

static struct cloister_lock lock;
static struct state now, next;
static uint8_t key[32];
static bool open;
static bool fresh;  /* `now` is the beginning, of which there is no counter */
static bool posted; /* `next` waits to count */

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

/* Is `now` the newest? A new ledger begins with a counter that is not there: else somebody hides a state. */
static int judge(struct cloister_counter_value *counter)
{
    int result = cloister_counter_read(POLICY, label, counter);

    if (fresh) {
        counter->value = 0;
        return result == -ENOENT ? 0 : result ? result : -ESTALE;
    }
    if (result) {
        return result == -ENOENT ? -ENODATA : result;
    }
    return cloister_equal(counter->tag, now.tag, sizeof(now.tag)) ? 0 : -ESTALE;
}

static int open_locked(const void *in, size_t in_size)
{
    struct cloister_counter_value counter;
    struct sealed sealed = {.state = {.balance = 0}};
    int result = cloister_seal_key(POLICY, 0, label, key);

    posted = false;
    fresh = in_size == 0;
    if (!result && !fresh) {
        if (in_size == sizeof(sealed)) {
            memcpy(&sealed, in, sizeof(sealed));
        }
        result = in_size == sizeof(sealed) && crypt(&sealed, false) ? 0 : -EBADMSG;
    }
    now = sealed.state;
    open = !result && !(result = judge(&counter));
    return result;
}

static int post_locked(int64_t amount, struct sealed *sealed)
{
    struct cloister_counter_value counter;
    struct state made;
    int result = open ? 0 : -EPERM;

    if (!result && __builtin_add_overflow(now.balance, amount, &made.balance)) {
        result = -EOVERFLOW;
    }
    result = result ? result : judge(&counter);
    result = result ? result : cloister_random(made.tag, sizeof(made.tag));
    result = result ? result : cloister_random(sealed->nonce, sizeof(sealed->nonce));
    if (result) {
        return result;
    }
    sealed->state = made;
    (void)crypt(sealed, true);
    next = made;
    posted = true;
    return 0;
}

/* The application says that it has stored what it got. If it lies, it has a ledger no more. */
static int apply_locked(void)
{
    struct cloister_counter_value counter;
    int result = open && posted ? judge(&counter) : -EPERM;

    result = result ? result : cloister_counter_increment(POLICY, label, next.tag, &counter);
    if (!result) {
        now = next;
        fresh = posted = false;
    }
    return result == -EBUSY ? -ESTALE : result; /* another enclave went on with it */
}

/* Nothing is said of a state that a power failure could still take back. */
static int show_locked(int64_t *balance)
{
    struct cloister_counter_value counter = {.value = 0};
    int result = open ? judge(&counter) : -EPERM;

    if (!result && counter.value > counter.committed) {
        result = -EAGAIN;
    }
    *balance = now.balance;
    return result;
}

#define ECALL(name)                                                                                \
    static int name(const void *in, size_t in_size, void *out, size_t out_capacity,                \
                    size_t *out_size)

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

ECALL(ledger_apply)
{
    (void)in;
    (void)in_size;
    (void)out;
    (void)out_capacity;
    (void)out_size;
    cloister_lock_take(&lock);
    int result = apply_locked();
    cloister_lock_release(&lock);
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
                [LEDGER_APPLY] = {ledger_apply, 0, 0},
                [LEDGER_SHOW] = {ledger_show, 0, sizeof(int64_t)});
