/* SPDX-License-Identifier: MIT */
/*
 * cloister-sign: signs a file with a key that is made inside the keyvault enclave, or given to it by a
 * key service, and never leaves it. An example of an application: load an enclave, call it, end it.
 */
#include <cloister.h>
#include <keyvault.h>

#include <errno.h>
#include <getopt.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 16384u

static const char usage[] =
    "usage: cloister-sign --image FILE --public-key FILE --signature FILE\n"
    "           [--challenge HEX --request FILE --wrapped FILE] FILE\n"
    "\n"
    "Loads the keyvault enclave, has it make a P-256 key, and signs FILE with it. The public key "
    "(PEM)\n"
    "and the signature (DER) check with\n"
    "\n"
    "  openssl dgst -sha256 -verify PUBLIC-KEY -signature SIGNATURE FILE\n"
    "\n"
    "With these three options the key comes from a key service instead (cloister-keyservice(8)):\n"
    "\n"
    "  --challenge HEX  what the service gave: 64 digits\n"
    "  --request FILE   written: the enclave's transport key (64 bytes) and its report (512 "
    "bytes)\n"
    "  --wrapped FILE   read then: the key as the service wrapped it (112 bytes); a FIFO is waited "
    "for\n"
    "\n"
    "Exit status: 0 signed; 1 refused or failed (the cause is named); 2 usage.\n";

struct job {
    const char *image, *public_key, *signature, *input;
    const char *request, *wrapped; /* NULL: the enclave makes the key */
    uint8_t challenge[KEYVAULT_CHALLENGE_SIZE];
};

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "cloister-sign: %s: %s\n", what, why);
    return 1;
}

static int call(struct cloister_enclave *enclave, uint32_t function, const void *in, size_t in_size,
                void *out, size_t out_capacity, size_t *out_size)
{
    struct cloister_error error;
    size_t ignored;

    if (cloister_enclave_call(enclave, function, in, in_size, out, out_capacity,
                              out_size ? out_size : &ignored, &error) < 0) {
        return fail("the enclave", error.text);
    }
    return 0;
}

static int write_public_key(const char *path, const uint8_t key[KEYVAULT_PUBLIC_SIZE])
{
    uint8_t point[1 + KEYVAULT_PUBLIC_SIZE] = {0x04}; /* uncompressed (SEC 1, 2.3.3) */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"prime256v1", 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *public = NULL;
    FILE *file = fopen(path, "w");
    int rc = 1;

    memcpy(point + 1, key, KEYVAULT_PUBLIC_SIZE);
    if (!file) {
        rc = fail(path, strerror(errno));
    } else if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
               EVP_PKEY_fromdata(context, &public, EVP_PKEY_PUBLIC_KEY, params) <= 0 ||
               PEM_write_PUBKEY(file, public) != 1) {
        rc = fail(path, "not a public key, or the file cannot be written");
    } else {
        rc = 0;
    }
    if (file && fclose(file) && !rc) {
        rc = fail(path, strerror(errno));
    }
    EVP_PKEY_free(public);
    EVP_PKEY_CTX_free(context);
    return rc;
}

static int write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    if (!file) {
        return fail(path, strerror(errno));
    }
    size_t written = fwrite(data, 1, size, file);
    if (fclose(file) || written != size) {
        return fail(path, strerror(errno));
    }
    return 0;
}

/* Streams the file into the enclave, piece by piece. */
static int sign(struct cloister_enclave *enclave, FILE *input, uint8_t *signature, size_t *size)
{
    uint8_t piece[KEYVAULT_STREAM_SIZE + PIECE];
    size_t got;

    if (call(enclave, KEYVAULT_BEGIN, NULL, 0, piece, KEYVAULT_STREAM_SIZE, NULL)) {
        return 1;
    }
    while ((got = fread(piece + KEYVAULT_STREAM_SIZE, 1, PIECE, input)) > 0) {
        if (call(enclave, KEYVAULT_UPDATE, piece, KEYVAULT_STREAM_SIZE + got, NULL, 0, NULL)) {
            return 1;
        }
    }
    if (ferror(input)) {
        return fail("reading", strerror(errno));
    }
    return call(enclave, KEYVAULT_END, piece, KEYVAULT_STREAM_SIZE, signature,
                KEYVAULT_SIGNATURE_SIZE, size);
}

static int read_wrapped(const char *path, uint8_t wrapped[KEYVAULT_WRAPPED_SIZE])
{
    FILE *file = fopen(path, "rb");

    if (!file) {
        return fail(path, strerror(errno));
    }
    size_t got = fread(wrapped, 1, KEYVAULT_WRAPPED_SIZE, file);
    bool more = got == KEYVAULT_WRAPPED_SIZE && fgetc(file) != EOF;
    fclose(file);
    return got == KEYVAULT_WRAPPED_SIZE && !more ? 0 : fail(path, "112 bytes expected");
}

/* From a key service: what lies between the request and the wrapped key is others' work. */
static int receive_key(const struct job *job, struct cloister_enclave *enclave,
                       uint8_t key[KEYVAULT_PUBLIC_SIZE])
{
    uint8_t request[KEYVAULT_REQUEST_SIZE], wrapped[KEYVAULT_WRAPPED_SIZE];

    return call(enclave, KEYVAULT_REQUEST, job->challenge, sizeof(job->challenge), request,
                sizeof(request), NULL) ||
           write_file(job->request, request, sizeof(request)) ||
           read_wrapped(job->wrapped, wrapped) ||
           call(enclave, KEYVAULT_IMPORT, wrapped, sizeof(wrapped), key, KEYVAULT_PUBLIC_SIZE,
                NULL);
}

static int run(const struct job *job, struct cloister_enclave *enclave, FILE *input)
{
    uint8_t key[KEYVAULT_PUBLIC_SIZE];
    uint8_t signature[KEYVAULT_SIGNATURE_SIZE];
    size_t size = 0;

    if ((job->request ? receive_key(job, enclave, key)
                      : call(enclave, KEYVAULT_GENERATE, NULL, 0, key, sizeof(key), NULL)) ||
        sign(enclave, input, signature, &size)) {
        return 1;
    }
    return write_public_key(job->public_key, key) || write_file(job->signature, signature, size);
}

/* 0, or -1: not `size` bytes in hexadecimal. */
static int read_hex(const char *text, uint8_t *bytes, size_t size)
{
    if (strlen(text) != 2 * size || strspn(text, "0123456789abcdefABCDEF") != 2 * size) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        char byte[3] = {text[2 * i], text[2 * i + 1], 0};

        bytes[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return 0;
}

static int parse(int argc, char **argv, struct job *job)
{
    bool challenge = false;
    static const struct option options[] = {
        {"image", required_argument, NULL, 'i'},
        {"public-key", required_argument, NULL, 'p'},
        {"signature", required_argument, NULL, 's'},
        {"challenge", required_argument, NULL, 'c'},
        {"request", required_argument, NULL, 'r'},
        {"wrapped", required_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "i:p:s:c:r:w:h", options, NULL)) != -1) {
        switch (option) {
        case 'i':
            job->image = optarg;
            break;
        case 'p':
            job->public_key = optarg;
            break;
        case 's':
            job->signature = optarg;
            break;
        case 'c':
            if (read_hex(optarg, job->challenge, sizeof(job->challenge))) {
                fail("--challenge", "64 hexadecimal digits expected");
                return -1;
            }
            challenge = true;
            break;
        case 'r':
            job->request = optarg;
            break;
        case 'w':
            job->wrapped = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            return -1;
        }
    }
    job->input = optind + 1 == argc ? argv[optind] : NULL;
    return job->image && job->public_key && job->signature && job->input &&
                   challenge == !!job->request && challenge == !!job->wrapped
               ? 0
               : -1;
}

int main(int argc, char **argv)
{
    struct job job = {0};
    struct cloister_enclave *enclave;
    struct cloister_error error;

    if (parse(argc, argv, &job)) {
        fputs(usage, stderr);
        return 2;
    }
    FILE *input = fopen(job.input, "rb");
    if (!input) {
        return fail(job.input, strerror(errno));
    }
    if (cloister_enclave_create(job.image, NULL, &enclave, &error)) {
        fclose(input);
        return fail(job.image, error.text);
    }
    int rc = run(&job, enclave, input);
    cloister_enclave_terminate(enclave, &error);
    fclose(input);
    return rc;
}
