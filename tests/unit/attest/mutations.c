/* SPDX-License-Identifier: MIT */
/*
 * Evidence that was good, changed at random, is refused: always, without a crash, and without a
 * leak (the program is built with AddressSanitizer, which looks for leaks at the end).
 *
 * usage: mutations [COUNT [SEED]]      default: 20000, 1. The same seed makes the same mutations.
 *
 * One kind of change is allowed: words of the event log that no PCR covers (descriptions, SHA-1
 * digests). Such evidence may be accepted, with the same claims; it does not count.
 *
 * Each kind of evidence (ECDSA and RSA attestation keys, with an event log and without) gets its
 * share. A mutation is one to four changes: bits, bytes, numbers at their edges, pieces that are
 * cut out, doubled, moved or overwritten by others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/eventlog.h"
#include "scene.h"
#include "../suite.h"

#define KINDS 4
#define ROOM 8192u

static struct {
    uint8_t data[ROOM];
    size_t size;
    uint8_t enrolled[CLOISTER_DIGEST_SIZE];
    struct cloister_claims claims;
} good[KINDS];

static struct cloister_policy *policy;
static struct cloister_verifier *verifier;
static unsigned long long state;
static unsigned long by_step[CLOISTER_STEP_FRESHNESS + 1];

static size_t below(size_t limit)
{
    return limit ? (size_t)(next_random(&state) >> 16) % limit : 0;
}

/* A log that explains the quoted values. */
static void add_log(void)
{
    const uint8_t digest[32] = {7};
    struct cloister_replay replay;

    for (uint32_t i = 0; i + 1 < SCENE_PCRS; i++) {
        scene_log_event(scene.pcrs[i].index, 13, digest, "an event");
    }
    if (cloister_log_replay((struct cloister_bytes){scene.log, scene.log_size}, &replay)) {
        abort();
    }
    for (uint32_t i = 0; i + 1 < SCENE_PCRS; i++) {
        memcpy(scene.pcrs[i].value, replay.pcrs[scene.pcrs[i].index], 32);
    }
    scene_bind();
}

static void prepare(void)
{
    char why[200];

    scene_prepare();
    for (int kind = 0; kind < KINDS; kind++) {
        scene_start(kind & 1 ? SCENE_RSA : SCENE_ECC);
        if (kind & 2) {
            add_log();
        }
        scene_policy_replace("\"boot\": [", "\"insecure-any-boot\": true, \"boot\": [");
        if (scene_verify()) {
            abort(); /* it must be good before it is changed */
        }
        memcpy(good[kind].data, scene.encoded, scene.size);
        good[kind].size = scene.size;
        memcpy(good[kind].enrolled, scene.enrolled, sizeof(scene.enrolled));
        good[kind].claims = scene.claims;
    }
    verifier = cloister_verifier_new();
    if (!verifier ||
        cloister_policy_parse(scene.policy, strlen(scene.policy), &policy, why, sizeof(why))) {
        abort();
    }
}

static void set_edge(uint8_t *data, size_t size)
{
    static const uint64_t edges[] = {0,          1,          23,        24,        0x7f,
                                     0x80,       0xff,       0x100,     0x7fff,    0xffff,
                                     0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX};
    uint64_t edge = edges[below(sizeof(edges) / sizeof(edges[0]))];
    size_t width = 1u << below(4), at = below(size);

    for (size_t i = 0; i < width && at + i < size; i++) {
        data[at + i] = (uint8_t)(edge >> (8 * (width - 1 - i)));
    }
}

/* A piece from one place to another; over what is there, or between it. */
static size_t move_piece(uint8_t *data, size_t size, bool insert)
{
    uint8_t piece[256];
    size_t length = 1 + below(sizeof(piece)), from, to = below(size);

    length = length < size ? length : size;
    from = below(size - length + 1);
    memcpy(piece, data + from, length);
    if (insert && size + length <= ROOM) {
        memmove(data + to + length, data + to, size - to);
        memcpy(data + to, piece, length);
        return size + length;
    }
    memcpy(data + to, piece, length < size - to ? length : size - to);
    return size;
}

static size_t cut_piece(uint8_t *data, size_t size)
{
    size_t at = below(size), length = 1 + below(64);

    length = length < size - at ? length : size - at;
    memmove(data + at, data + at + length, size - at - length);
    return size - length;
}

static size_t change(uint8_t *data, size_t size)
{
    switch (below(8)) {
    case 0:
        data[below(size)] = (uint8_t)below(256);
        return size;
    case 1:
        set_edge(data, size);
        return size;
    case 2:
        return move_piece(data, size, true);
    case 3:
        return move_piece(data, size, false);
    case 4:
        return cut_piece(data, size);
    case 5: /* the head, where the structure is */
        data[below(size < 80 ? size : 80)] ^= (uint8_t)(1u << below(8));
        return size;
    default:
        data[below(size)] ^= (uint8_t)(1u << below(8));
        return size;
    }
}

/* False if nothing was changed. */
static bool mutate(int kind, uint8_t *data, size_t *size)
{
    memcpy(data, good[kind].data, good[kind].size);
    *size = good[kind].size;
    for (size_t changes = 1 + below(4); changes > 0 && *size; changes--) {
        *size = change(data, *size);
    }
    return *size != good[kind].size || memcmp(data, good[kind].data, *size) != 0;
}

/* The encoding without its event log. */
static size_t without_log(const uint8_t *data, size_t size, uint8_t out[ROOM])
{
    static struct cloister_evidence evidence;

    if (cloister_evidence_decode(data, size, &evidence, NULL)) {
        abort();
    }
    evidence.log.size = 0;
    if (cloister_evidence_encode(&evidence, out, ROOM, &size)) {
        abort();
    }
    return size;
}

/* Nothing but the log is another, and the claims are not. */
static bool only_log_differs(int kind, const uint8_t *data, size_t size,
                             const struct cloister_claims *claims)
{
    static uint8_t expected[ROOM], found[ROOM];
    size_t expected_size = without_log(good[kind].data, good[kind].size, expected);
    size_t found_size = without_log(data, size, found);

    return expected_size == found_size && !memcmp(expected, found, found_size) &&
           claims->log_checked && !memcmp(claims, &good[kind].claims, sizeof(*claims));
}

enum verdict { REFUSED, ACCEPTED_LOG, ACCEPTED_WRONG };

static enum verdict judge(int kind, const uint8_t *data, size_t size)
{
    const struct cloister_challenge challenge = {
        .nonce = {scene.challenge_nonce, scene.challenge_nonce_size},
        .enrolled_key = good[kind].enrolled,
    };
    struct cloister_claims claims;
    struct cloister_refusal refusal;
    /* Its own allocation, so that a byte read behind it is noticed. */
    uint8_t *exact = malloc(size ? size : 1);
    int rc;

    memcpy(exact, data, size);
    rc = cloister_verify(verifier, policy, &challenge, exact, size, &claims, &refusal);
    free(exact);
    if (rc == -EACCES) {
        by_step[refusal.step]++;
        return REFUSED;
    }
    return rc == 0 && only_log_differs(kind, data, size, &claims) ? ACCEPTED_LOG : ACCEPTED_WRONG;
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
    unsigned long refused = 0, log_only = 0;
    enum verdict verdict = REFUSED;
    uint8_t data[ROOM];
    size_t size;

    state = argc > 2 ? strtoull(argv[2], NULL, 10) | 1 : 1;
    prepare();
    while (refused < count && verdict != ACCEPTED_WRONG) {
        int kind = (int)below(KINDS);

        if (!mutate(kind, data, &size)) {
            continue;
        }
        verdict = judge(kind, data, size);
        refused += verdict == REFUSED;
        log_only += verdict == ACCEPTED_LOG;
    }
    for (int step = 1; step <= CLOISTER_STEP_FRESHNESS; step++) {
        if (by_step[step]) {
            printf("# %8lu refused at step %d, %s\n", by_step[step], step,
                   cloister_step_name(step));
        }
    }
    printf("# %8lu not counted: only words of the event log that no PCR covers\n", log_only);
    printf("%s 1 - %lu mutated evidences are refused\n1..1\n",
           verdict == ACCEPTED_WRONG ? "not ok" : "ok", refused);
    cloister_policy_free(policy);
    cloister_verifier_free(verifier);
    return verdict == ACCEPTED_WRONG;
}
