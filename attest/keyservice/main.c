/* SPDX-License-Identifier: MIT */
/* cloister-keyservice: options. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <openssl/crypto.h>

#include "base/hex.h"
#include "base/number.h"
#include "base/options.h"
#include "base/textfile.h"
#include "keyservice/keyservice.h"
#include "keyservice/wrap.h"

#define PROGRAM "cloister-keyservice"

#define MAX_JWKS (64u * 1024u)

static const char usage[] =
    "usage: cloister-keyservice --key FILE --issuer URL --issuer-keys FILE --audience NAME\n"
    "           --policy HEX (--measurement HEX | --author HEX) [--minimum-security-version N]\n"
    "           --certificate FILE --certificate-key FILE [--listen ADDRESS:PORT] [--leeway "
    "SECONDS]\n"
    "\n"
    "Gives a private key to enclaves that prove by a token of cloister-attestd who they are: an\n"
    "example of a relying party, for keyvault enclaves.\n"
    "\n"
    "  --key FILE             what it gives: a private key on P-256, PEM without a passphrase\n"
    "  --issuer URL           the attestation service, as tokens name it (\"iss\")\n"
    "  --issuer-keys FILE     its key set, from URL/v1/jwks.json\n"
    "  --audience NAME        this service, as tokens must name it (\"aud\")\n"
    "  --policy HEX           SHA-256 of the policy by which the host must have been judged\n"
    "  --measurement HEX      the enclave's code: 96 digits, from `cloister-image measure`\n"
    "  --author HEX           its author: 64 digits, from `cloister-image info`\n"
    "  --minimum-security-version N\n"
    "                         0 by default\n"
    "  --certificate FILE, --certificate-key FILE\n"
    "                         for TLS, PEM\n"
    "  --listen ADDRESS:PORT  127.0.0.1:8444 by default; port 0: any, it says which\n"
    "  --leeway SECONDS       how far the clocks may differ: 0 to 3600, 0 by default\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 ended by SIGTERM or SIGINT; 1 failed (the cause is named); 2 usage.\n"
    "cloister-keyservice(8) says more.\n";

enum option_number {
    OPTION_KEY = 256,
    OPTION_ISSUER,
    OPTION_ISSUER_KEYS,
    OPTION_AUDIENCE,
    OPTION_POLICY,
    OPTION_MEASUREMENT,
    OPTION_AUTHOR,
    OPTION_SECURITY_VERSION,
    OPTION_CERTIFICATE,
    OPTION_CERTIFICATE_KEY,
    OPTION_LISTEN,
    OPTION_LEEWAY,
    OPTION_VERSION,
};

static const struct option options[] = {
    {"key", required_argument, NULL, OPTION_KEY},
    {"issuer", required_argument, NULL, OPTION_ISSUER},
    {"issuer-keys", required_argument, NULL, OPTION_ISSUER_KEYS},
    {"audience", required_argument, NULL, OPTION_AUDIENCE},
    {"policy", required_argument, NULL, OPTION_POLICY},
    {"measurement", required_argument, NULL, OPTION_MEASUREMENT},
    {"author", required_argument, NULL, OPTION_AUTHOR},
    {"minimum-security-version", required_argument, NULL, OPTION_SECURITY_VERSION},
    {"certificate", required_argument, NULL, OPTION_CERTIFICATE},
    {"certificate-key", required_argument, NULL, OPTION_CERTIFICATE_KEY},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"leeway", required_argument, NULL, OPTION_LEEWAY},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

struct arguments {
    struct keyservice *service;
    const char *key, *issuer_keys;
    uint8_t policy[32], measurement[48], author[32];
};

void say(const char *format, ...)
{
    va_list arguments;

    fputs("cloister-keyservice: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static bool take_hex(const char *option, uint8_t *bytes, size_t size)
{
    if (hex_decode(optarg, bytes, size)) {
        return true;
    }
    say("--%s '%s': %zu hexadecimal digits expected", option, optarg, 2 * size);
    return false;
}

static bool take_number(const char *option, uint32_t most, uint32_t *number)
{
    uint64_t value;

    if (!number_read(optarg, 10, 0, most, &value)) {
        say("--%s '%s': 0 to %u expected", option, optarg, most);
        return false;
    }
    *number = (uint32_t)value;
    return true;
}

/* As options_take() wants it. */
static int take_option(char **argv, int option, void *context)
{
    struct arguments *arguments = context;
    struct keyservice *service = arguments->service;
    struct cloister_token_expectation *expected = &service->expectation;
    bool good = true;

    (void)argv;
    switch (option) {
    case OPTION_KEY:
        arguments->key = optarg;
        break;
    case OPTION_ISSUER:
        expected->issuer = optarg;
        break;
    case OPTION_ISSUER_KEYS:
        arguments->issuer_keys = optarg;
        break;
    case OPTION_AUDIENCE:
        expected->audience = optarg;
        break;
    case OPTION_POLICY:
        good = take_hex("policy", arguments->policy, sizeof(arguments->policy));
        expected->policy = arguments->policy;
        break;
    case OPTION_MEASUREMENT:
        good = take_hex("measurement", arguments->measurement, sizeof(arguments->measurement));
        expected->measurement = arguments->measurement;
        break;
    case OPTION_AUTHOR:
        good = take_hex("author", arguments->author, sizeof(arguments->author));
        expected->author = arguments->author;
        break;
    case OPTION_SECURITY_VERSION:
        good = take_number("minimum-security-version", UINT32_MAX,
                           &expected->minimum_security_version);
        break;
    case OPTION_CERTIFICATE:
        service->certificate = optarg;
        break;
    case OPTION_CERTIFICATE_KEY:
        service->certificate_key = optarg;
        break;
    case OPTION_LISTEN:
        service->listen = optarg;
        break;
    case OPTION_LEEWAY:
        good = take_number("leeway", 3600, &expected->leeway);
        break;
    default: /* --version */
        puts("cloister-keyservice " CLOISTER_VERSION);
        return OPTIONS_DONE;
    }
    return good ? 0 : OPTIONS_WRONG;
}

static const char *missing(const struct keyservice *service, const struct arguments *arguments)
{
    const struct cloister_token_expectation *expected = &service->expectation;

    return !arguments->key                               ? "--key"
           : !expected->issuer                           ? "--issuer"
           : !arguments->issuer_keys                     ? "--issuer-keys"
           : !expected->audience                         ? "--audience"
           : !expected->policy                           ? "--policy"
           : !expected->measurement && !expected->author ? "--measurement or --author"
           : !service->certificate                       ? "--certificate"
           : !service->certificate_key                   ? "--certificate-key"
                                                         : NULL;
}

static bool load_issuer_keys(struct keyservice *service, const char *path)
{
    char why[200] = "", *text = NULL;
    size_t size;
    int rc = textfile_read(path, MAX_JWKS, &text, &size);

    if (!rc) {
        rc = cloister_token_keys_parse(text, size, &service->issuer_keys, why, sizeof(why));
    }
    if (rc) {
        say("--issuer-keys %s: %s", path, *why ? why : strerror(-rc));
    }
    free(text);
    return !rc;
}

static bool load_key(struct keyservice *service, const char *path)
{
    int rc = wrap_load(path, service->key);

    if (rc) {
        say("--key %s: %s", path,
            rc == -EINVAL ? "no private key on P-256, in PEM without a passphrase" : strerror(-rc));
    }
    return !rc;
}

static const struct options known = {
    .program = PROGRAM, .list = options, .help = usage, .take = take_option};

int main(int argc, char **argv)
{
    static struct keyservice service = {.listen = "127.0.0.1:8444"};
    struct arguments arguments = {.service = &service};
    const char *lacking;
    int rc = options_take(&known, argc, argv, &arguments);

    if (rc) {
        return rc == OPTIONS_DONE ? 0 : rc;
    }
    lacking = missing(&service, &arguments);
    if (lacking) {
        return options_complain(PROGRAM, NULL, "%s is missing", lacking);
    }
    rc = 1;
    /* The key is in memory: no core file has it, and no other process of this user reads it. */
    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (load_issuer_keys(&service, arguments.issuer_keys) && load_key(&service, arguments.key)) {
        rc = keyservice_serve(&service);
    }
    OPENSSL_cleanse(service.key, sizeof(service.key));
    cloister_token_keys_free(service.issuer_keys);
    return rc;
}
