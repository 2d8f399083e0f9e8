/* SPDX-License-Identifier: MIT */
/*
 * How fast evidence is verified, beside the verification of one ECDSA P-256 signature by OpenSSL in
 * the same process: each evidence needs two, the TPM's and the monitor's. Both are measured in turns,
 * so that what else the machine does is spread over both.
 *
 * usage: bench-attest [SECONDS [THREADS]]      of each; 5 and 1 by default; prints one JSON object
 */
#include <openssl/ec.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scene.h"

#define MAX_THREADS 64
#define ROUNDS 10

typedef unsigned long work(double seconds); /* returns how often it was done */

static struct cloister_policy *policy;
static uint8_t expected_data[64];
static struct {
    uint8_t encoded[4096], key[CLOISTER_DIGEST_SIZE];
    size_t size;
} evidence[2];

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "bench-attest: %s failed\n", what);
        exit(1);
    }
}

/* As `openssl speed ecdsap256` does: one key, one prepared context. */
static unsigned long verify_ecdsa(double seconds)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    uint8_t digest[32] = {1}, signature[80];
    size_t size = sizeof(signature);
    unsigned long count = 0;

    must(key && context && EVP_PKEY_sign_init(context) == 1 &&
             EVP_PKEY_sign(context, signature, &size, digest, sizeof(digest)) == 1 &&
             EVP_PKEY_verify_init(context) == 1,
         "ECDSA");
    for (double end = now() + seconds; now() < end; count++) {
        must(EVP_PKEY_verify(context, signature, size, digest, sizeof(digest)) == 1, "ECDSA");
    }
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return count;
}

static unsigned long verify_evidence(double seconds, enum scene_key kind)
{
    const struct cloister_challenge challenge = {
        .nonce = {scene.challenge_nonce, scene.challenge_nonce_size},
        .enrolled_key = evidence[kind].key,
        .report_data = expected_data,
    };
    struct cloister_verifier *verifier = cloister_verifier_new();
    struct cloister_claims claims;
    unsigned long count = 0;

    must(verifier, "a verifier");
    for (double end = now() + seconds; now() < end; count++) {
        must(!cloister_verify(verifier, policy, &challenge, evidence[kind].encoded,
                              evidence[kind].size, &claims, NULL),
             "verification");
    }
    cloister_verifier_free(verifier);
    return count;
}

static unsigned long verify_ecc(double seconds)
{
    return verify_evidence(seconds, SCENE_ECC);
}

static unsigned long verify_rsa(double seconds)
{
    return verify_evidence(seconds, SCENE_RSA);
}

struct worker {
    pthread_t thread;
    work *work;
    double seconds;
    unsigned long count;
};

static void *run_worker(void *argument)
{
    struct worker *worker = argument;

    worker->count = worker->work(worker->seconds);
    return NULL;
}

/* How often it is done in a second, by all threads together. */
static double rate(work *work, double seconds, int threads)
{
    struct worker workers[MAX_THREADS];
    unsigned long count = 0;
    double start = now();

    for (int i = 0; i < threads; i++) {
        workers[i] = (struct worker){.work = work, .seconds = seconds};
        must(!pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]), "a thread");
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        count += workers[i].count;
    }
    return (double)count / (now() - start);
}

static void prepare(void)
{
    scene_prepare();
    for (int kind = SCENE_ECC; kind <= SCENE_RSA; kind++) {
        scene_start(kind);
        scene.report_count = 1;
        scene_encode();
        must(scene.size <= sizeof(evidence[kind].encoded), "the evidence");
        memcpy(evidence[kind].encoded, scene.encoded, scene.size);
        evidence[kind].size = scene.size;
        memcpy(evidence[kind].key, scene.enrolled, sizeof(scene.enrolled));
    }
    memcpy(expected_data, scene.reports[0].report_data, sizeof(expected_data));
    must(!cloister_policy_parse(scene.policy, strlen(scene.policy), &policy, NULL, 0),
         "the policy");
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 5, ecdsa = 0, ecc = 0, rsa = 0;
    int threads = argc > 2 ? atoi(argv[2]) : 1;

    must(seconds > 0 && threads >= 1 && threads <= MAX_THREADS, "reading the arguments");
    prepare();
    for (int round = 0; round < ROUNDS; round++) {
        ecdsa += rate(verify_ecdsa, seconds / ROUNDS, threads) / ROUNDS;
        ecc += rate(verify_ecc, seconds / ROUNDS, threads) / ROUNDS;
        rsa += rate(verify_rsa, seconds / ROUNDS, threads) / ROUNDS;
    }
    printf("{\"threads\": %d, \"evidence_bytes\": %zu, \"ecdsa_p256_verify_per_second\": %.0f, "
           "\"verifications_per_second_library\": %.0f, "
           "\"verifications_per_second_library_rsa\": %.0f, "
           "\"verifications_per_second_library_over_limit\": %.3f}\n",
           threads, evidence[SCENE_ECC].size, ecdsa, ecc, rsa, ecc / (ecdsa / 2));
    cloister_policy_free(policy);
    return 0;
}
