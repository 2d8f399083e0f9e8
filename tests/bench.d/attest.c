/* SPDX-License-Identifier: MIT */
/*
 * How fast evidence is verified, beside the verification of one ECDSA P-256 signature by OpenSSL in
 * the same process: each evidence needs two, the TPM's and the monitor's.
 *
 * usage: bench-attest [SECONDS [THREADS]]      prints one JSON object
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scene.h"

#define MAX_THREADS 64

static double seconds = 3;
static struct cloister_policy *policy;
static uint8_t expected_data[64];

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
static double ecdsa_rate(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    uint8_t digest[32] = {1}, signature[80];
    size_t size = sizeof(signature);
    unsigned long count = 0;
    double start;

    must(key && context && EVP_PKEY_sign_init(context) == 1 &&
             EVP_PKEY_sign(context, signature, &size, digest, sizeof(digest)) == 1 &&
             EVP_PKEY_verify_init(context) == 1,
         "ECDSA");
    for (start = now(); now() - start < seconds; count++) {
        must(EVP_PKEY_verify(context, signature, size, digest, sizeof(digest)) == 1, "ECDSA");
    }
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return (double)count / (now() - start);
}

static void *verify(void *result)
{
    const struct cloister_challenge challenge = {
        .nonce = {scene.challenge_nonce, scene.challenge_nonce_size},
        .enrolled_key = scene.enrolled,
        .report_data = expected_data,
    };
    struct cloister_verifier *verifier = cloister_verifier_new();
    struct cloister_claims claims;
    unsigned long count = 0;
    double start;

    must(verifier, "a verifier");
    for (start = now(); now() - start < seconds; count++) {
        must(!cloister_verify(verifier, policy, &challenge, scene.encoded, scene.size, &claims,
                              NULL), "verification");
    }
    cloister_verifier_free(verifier);
    *(double *)result = (double)count / (now() - start);
    return NULL;
}

static double verification_rate(int threads)
{
    pthread_t thread[MAX_THREADS];
    double rates[MAX_THREADS], sum = 0;

    for (int i = 0; i < threads; i++) {
        must(!pthread_create(&thread[i], NULL, verify, &rates[i]), "a thread");
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        sum += rates[i];
    }
    return sum;
}

int main(int argc, char **argv)
{
    int threads = argc > 2 ? atoi(argv[2]) : 1;
    double limit, ecc, rsa;

    seconds = argc > 1 ? atof(argv[1]) : seconds;
    must(seconds > 0 && threads >= 1 && threads <= MAX_THREADS, "reading the arguments");
    scene_prepare();
    scene_start(SCENE_ECC);
    memcpy(expected_data, scene.reports[0].report_data, sizeof(expected_data));
    scene.report_count = 1;
    must(!cloister_policy_parse(scene.policy, strlen(scene.policy), &policy, NULL, 0),
         "the policy");
    scene_encode();
    limit = ecdsa_rate() / 2;
    ecc = verification_rate(threads);
    scene_start(SCENE_RSA);
    scene.report_count = 1;
    scene_encode();
    rsa = verification_rate(threads);
    printf("{\"threads\": %d, \"evidence_bytes\": %zu, \"ecdsa_p256_verify_per_second\": %.0f, "
           "\"verifications_per_second_library\": %.0f, "
           "\"verifications_per_second_library_rsa\": %.0f, "
           "\"verifications_per_second_library_over_limit\": %.3f}\n",
           threads, scene.size, 2 * limit, ecc, rsa, ecc / (limit * threads));
    cloister_policy_free(policy);
    return 0;
}
