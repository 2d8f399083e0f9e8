/* SPDX-License-Identifier: MIT */
/* cloister-verify token */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "verify/base64.h"
#include "cloister/token.h"
#include "command/command.h"

#define MAX_KEYS_SIZE (64u * 1024u)
#define MAX_LEEWAY 3600u

static const char help[] =
    "usage: cloister-verify token --token FILE --keys FILE --issuer URL --audience NAME\n"
    "           --policy HEX --report-data HEX (--measurement HEX | --author HEX) [OPTION...]\n\n"
    "Checks a token of cloister-attestd as whoever hands something to an enclave must.\n\n"
    "  --token FILE        the token: a JWT, or a CWT, as its bytes or in Base64; white space at\n"
    "                      the end of text does not count\n"
    "  --keys FILE         the issuer's key set, from URL/v1/jwks.json\n"
    "  --issuer URL        who must have issued it\n"
    "  --audience NAME     who it must be for\n"
    "  --policy HEX        SHA-256 of the policy by which the host must have been judged\n"
    "  --report-data HEX   64 bytes that the enclave's report must carry\n"
    "  --measurement HEX   the enclave's code, 48 bytes\n"
    "  --author HEX        its author, 32 bytes\n"
    "  --minimum-security-version N\n"
    "                      0 by default\n"
    "  --nonce HEX         8 to 32 bytes that the host was given for this token\n"
    "  --leeway SECONDS    how far the issuer's clock may differ: 0 to 3600, 0 by default\n"
    "  --json              one JSON object\n\n"
    "Exit status: 0 accepted; 1 refused; 2 usage; 3 an input cannot be read or is not valid.\n";

struct inputs {
    const char *token_path, *keys_path;
    uint8_t policy[32], report_data[64], measurement[48], author[32];
    uint8_t nonce[CLOISTER_TOKEN_NONCE_MAX];
    struct cloister_token_expectation expectation;
    bool json;
    struct cloister_token_keys *keys;
    uint8_t *token;
    size_t size;
    bool cwt;
};

static int take_hex(char **argv, const char *option, uint8_t *bytes, size_t size,
                    const uint8_t **expected)
{
    *expected = bytes;
    return option_hex(argv[0], option, bytes, size, size, &size);
}

static int take_number(char **argv, const char *option, uint32_t most, uint32_t *number)
{
    uint64_t found = 0;
    int rc = option_number(argv[0], option, 0, most, &found);

    *number = (uint32_t)found;
    return rc;
}

static int take_nonce(char **argv, struct inputs *in)
{
    size_t size = 0;
    int rc = option_hex(argv[0], "--nonce", in->nonce, CLOISTER_TOKEN_NONCE_MIN,
                        CLOISTER_TOKEN_NONCE_MAX, &size);

    in->expectation.nonce = in->nonce;
    in->expectation.nonce_size = (uint32_t)size;
    return rc;
}

static int take_option(char **argv, int option, void *inputs)
{
    struct inputs *in = inputs;
    struct cloister_token_expectation *expected = &in->expectation;

    switch (option) {
    case 't':
        in->token_path = optarg;
        return 0;
    case 'k':
        in->keys_path = optarg;
        return 0;
    case 'i':
        expected->issuer = optarg;
        return 0;
    case 'a':
        expected->audience = optarg;
        return 0;
    case 'p':
        return take_hex(argv, "--policy", in->policy, sizeof(in->policy), &expected->policy);
    case 'r':
        return take_hex(argv, "--report-data", in->report_data, sizeof(in->report_data),
                        &expected->report_data);
    case 'm':
        return take_hex(argv, "--measurement", in->measurement, sizeof(in->measurement),
                        &expected->measurement);
    case 'w':
        return take_hex(argv, "--author", in->author, sizeof(in->author), &expected->author);
    case 'v':
        return take_number(argv, "--minimum-security-version", UINT32_MAX,
                           &expected->minimum_security_version);
    case 'n':
        return take_nonce(argv, in);
    case 'l':
        return take_number(argv, "--leeway", MAX_LEEWAY, &expected->leeway);
    default: /* 'j' */
        in->json = true;
        return 0;
    }
}

#define CBOR_TAG 6u /* RFC 8949, 3.1: the major type of a CWT's first byte, which no text has */

/* A JWT has dots, which Base64 has not. What is neither stays as it is, and is refused as a JWT. */
static void take_form(struct inputs *in)
{
    uint8_t *bytes;
    ssize_t size;

    in->cwt = in->size && in->token[0] >> 5 == CBOR_TAG;
    while (!in->cwt && in->size && strchr(" \r\n", in->token[in->size - 1])) {
        in->size--;
    }
    if (in->cwt || !in->size || memchr(in->token, '.', in->size)) {
        return;
    }
    bytes = malloc(in->size / 4 * 3 + 2);
    size = bytes ? base64_decode(BASE64_STANDARD, (const char *)in->token, in->size, bytes) : -1;
    if (size > 0 && bytes[0] >> 5 == CBOR_TAG) {
        memcpy(in->token, bytes, (size_t)size);
        in->size = (size_t)size;
        in->cwt = true;
    }
    free(bytes);
}

static int read_inputs(struct inputs *in)
{
    uint8_t *text;
    size_t size;
    char why[256] = "out of memory";
    int rc = file_read(in->keys_path, MAX_KEYS_SIZE, &text, &size);

    if (rc) {
        return rc;
    }
    rc = cloister_token_keys_parse((const char *)text, size, &in->keys, why, sizeof(why));
    free(text);
    if (rc) {
        complain("%s: %s", in->keys_path, why);
        return STATUS_INPUT;
    }
    rc = file_read(in->token_path, 2 * CLOISTER_TOKEN_MAX_SIZE, &in->token, &in->size);
    if (!rc) {
        take_form(in);
    }
    return rc;
}

static void print_json(const struct cloister_token_refusal *refusal)
{
    json_object *object = out_new(), *inner;

    out_truth(object, "accepted", !refusal->code);
    if (refusal->code) {
        inner = out_new();
        out_text(inner, "code", cloister_token_refusal_name(refusal->code));
        out_text(inner, "meaning", cloister_token_refusal_text(refusal->code));
        out_text(inner, "expected", refusal->expected);
        out_text(inner, "found", refusal->found);
        out_add(object, "refusal", inner);
    }
    out_print(object);
}

static void print_text(const struct cloister_token_refusal *refusal)
{
    if (!refusal->code) {
        puts("accepted");
        return;
    }
    printf("refused: %s (%s)\n    expected  %s\n    found     %s\n",
           cloister_token_refusal_text(refusal->code), cloister_token_refusal_name(refusal->code),
           refusal->expected, refusal->found);
}

static int judge(struct inputs *in)
{
    struct cloister_token_refusal refusal;
    int rc;

    in->expectation.now = time(NULL);
    rc = in->cwt
             ? cloister_token_verify_cwt(in->token, in->size, in->keys, &in->expectation, &refusal)
             : cloister_token_verify((const char *)in->token, in->size, in->keys, &in->expectation,
                                     &refusal);
    if (rc && rc != -EACCES) {
        complain("OpenSSL failed, or out of memory");
        return STATUS_INPUT;
    }
    (in->json ? print_json : print_text)(&refusal);
    return rc ? STATUS_REFUSED : STATUS_ACCEPTED;
}

static bool is_complete(const struct inputs *in)
{
    const struct cloister_token_expectation *expected = &in->expectation;

    return in->token_path && in->keys_path && expected->issuer && expected->audience &&
           expected->policy && expected->report_data && (expected->measurement || expected->author);
}

int command_token(int argc, char **argv)
{
    static const struct option options[] = {
        {"token", required_argument, NULL, 't'},
        {"keys", required_argument, NULL, 'k'},
        {"issuer", required_argument, NULL, 'i'},
        {"audience", required_argument, NULL, 'a'},
        {"policy", required_argument, NULL, 'p'},
        {"report-data", required_argument, NULL, 'r'},
        {"measurement", required_argument, NULL, 'm'},
        {"author", required_argument, NULL, 'w'},
        {"minimum-security-version", required_argument, NULL, 'v'},
        {"nonce", required_argument, NULL, 'n'},
        {"leeway", required_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct inputs in = {0};
    int rc = command_options(argc, argv, options, help, take_option, &in);

    if (rc == OPTIONS_DONE) {
        return STATUS_ACCEPTED;
    }
    if (!rc && !is_complete(&in)) {
        rc = complain_usage(argv[0], "--token, --keys, --issuer, --audience, --policy, "
                                     "--report-data, and --measurement or --author are needed");
    }
    if (!rc) {
        rc = read_inputs(&in);
    }
    if (!rc) {
        rc = judge(&in);
    }
    free(in.token);
    cloister_token_keys_free(in.keys);
    return rc;
}
