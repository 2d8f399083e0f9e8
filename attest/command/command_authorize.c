/* SPDX-License-Identifier: MIT */
/* cloister-verify authorize */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/report.h"
#include "cloister/update.h"
#include "cloister/verify.h"
#include "command.h"
#include "crypto.h"
#include "refuse.h"

#define LAST_STATIC_PCR 15u
#define CC_POLICY_PCR 0x7f /* its last byte (TPM 2.0 part 2, 6.5.2) */
#define ALG_SHA256 0x0b

static const char help[] =
    "usage: cloister-verify authorize --key KEY\n"
    "       cloister-verify authorize --key KEY --pcrs PCRS --out FILE [OPTION...]\n\n"
    "Signs a boot configuration, so that it opens the sealing root of hosts with this update key,\n"
    "and prints the key's option for Xen's command line. With --key alone it only prints.\n\n"
    "  --key KEY           the update key, private: P-256, PEM\n"
    "  --pcrs PCRS         the configuration's PCR values 4, 7, 8 and 9: what cloister-verify predict\n"
    "                      or tpm2_pcrread printed\n"
    "  --reference PCRS    values that --pcrs does not tell, from a machine that booted as it should\n"
    "  --unified           the hosts boot Xen's unified image: PCRs 8 and 9 are zero\n"
    "  --insecure-empty-pcrs  take values that prove nothing: zeros, ff, separators alone\n"
    "  --record-pcr N      the PCR of the monitor's record on these hosts, 0 to 15 (default: 13);\n"
    "                      with any other, their dom0 could open the root\n"
    "  --add STATEMENTS    keep the statements of this file\n"
    "  --drop DIGEST       but not this one\n"
    "  --out FILE          where the statements go, for NV index 0x0180c106\n"
    "  --json              one JSON object\n\n"
    "Exit status: 0 signed; 2 usage; 3 an input cannot be read or is not valid.\n";

struct inputs {
    const char *key_path, *pcrs, *reference, *add, *out;
    uint32_t record_pcr;
    uint8_t dropped[32];
    bool drop, unified, empty, json;
    /* What comes of it. */
    EVP_PKEY *key;
    struct crypto crypto;
    struct cloister_update update;
    uint8_t policy[32];
};

/* --- the key -------------------------------------------------------------------------------- */

/* OpenSSL asks for the password of a key that has one. */
static int key_read(struct inputs *in)
{
    uint8_t point[65];
    char group[32] = "";
    size_t size = 0;
    FILE *file = fopen(in->key_path, "re");

    if (!file) {
        complain("%s cannot be read: %s", in->key_path, strerror(errno));
        return STATUS_INPUT;
    }
    in->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    ERR_clear_error();
    if (!in->key) {
        complain("%s: no private key in PEM", in->key_path);
        return STATUS_INPUT;
    }
    if (!EVP_PKEY_is_a(in->key, "EC") ||
        !EVP_PKEY_get_utf8_string_param(in->key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                        NULL) ||
        strcmp(group, "prime256v1") ||
        !EVP_PKEY_set_utf8_string_param(in->key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                        "uncompressed") ||
        !EVP_PKEY_get_octet_string_param(in->key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                         &size) ||
        size != sizeof(point)) {
        complain("%s: no key on P-256 (prime256v1)", in->key_path);
        return STATUS_INPUT;
    }
    memcpy(in->update.public_key, point + 1, sizeof(in->update.public_key));
    return 0;
}

static int hash(struct inputs *in, const struct cloister_bytes *pieces, size_t count,
                uint8_t digest[32])
{
    if (crypto_hash(&in->crypto, pieces, count, digest)) {
        complain("OpenSSL does not do SHA-256");
        return STATUS_INPUT;
    }
    return 0;
}

/* The digest in its Name (cloister/update.h). */
static int key_name(struct inputs *in, uint8_t name[32])
{
    static const uint8_t head[] = CLOISTER_UPDATE_KEY_HEAD, size[] = {0, 32};
    const uint8_t *key = in->update.public_key;
    const struct cloister_bytes pieces[] = {
        {head, sizeof(head)}, {size, 2}, {key, 32}, {size, 2}, {key + 32, 32}};

    return hash(in, pieces, 5, name);
}

/* r || s of a policy. */
static int sign(struct inputs *in, const uint8_t policy[32], uint8_t signature[64])
{
    uint8_t der[80];
    const uint8_t *at = der;
    size_t size = sizeof(der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ECDSA_SIG *pair = NULL;
    bool done = context &&
                EVP_DigestSignInit(context, NULL, in->crypto.sha256, NULL, in->key) == 1 &&
                EVP_DigestSign(context, der, &size, policy, 32) == 1 &&
                (pair = d2i_ECDSA_SIG(NULL, &at, (long)size)) &&
                BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32) == 32 &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32) == 32;

    ECDSA_SIG_free(pair);
    EVP_MD_CTX_free(context);
    if (!done) {
        complain("%s: this key does not sign", in->key_path);
        return STATUS_INPUT;
    }
    return 0;
}

/* --- the configuration ------------------------------------------------------------------------ */

static const struct cloister_pcr *find_pcr(const struct cloister_pcr *pcrs, size_t count,
                                           uint32_t index)
{
    for (size_t i = 0; i < count; i++) {
        if (pcrs[i].index == index) {
            return &pcrs[i];
        }
    }
    return NULL;
}

/* Signed with a PCR that no monitor extends, it would be dom0 whom the statement lets in. */
static int check_record_pcr(const struct inputs *in, const struct cloister_pcr *pcr)
{
    static const uint8_t zero[32];

    if (!pcr || memcmp(pcr->value, zero, sizeof(zero))) {
        return 0;
    }
    complain("%s: PCR %u is zero on this machine: it is not the record's (--record-pcr)", in->pcrs,
             in->record_pcr);
    return STATUS_INPUT;
}

/*
 * Is this the value of PCR i that a boot of the hosts leads to? A unified image leaves GRUB's PCRs at
 * zero, and nothing else in them: PCR 4 has the image.
 */
static int check_value(const struct inputs *in, uint32_t i, const struct cloister_pcr *pcr)
{
    static const uint8_t zero[32];
    const bool grub = cloister_boot_pcrs(false) & ~cloister_boot_pcrs(true) & 1u << i;
    const char *why;

    if (in->unified && grub) {
        if (pcr && memcmp(pcr->value, zero, sizeof(zero))) {
            complain("%s: PCR %u is not zero: this was no boot of a unified image (--unified)",
                     in->pcrs, i);
            return STATUS_INPUT;
        }
        return 0;
    }
    if (!pcr) {
        complain("%s: no value of PCR %u", in->pcrs, i);
        return STATUS_INPUT;
    }
    why = in->empty ? NULL : cloister_pcr_empty(i, pcr->value);
    if (why) {
        complain("%s: PCR %u has a value that proves nothing (%s)%s", in->pcrs, i, why,
                 grub ? ": a boot of a unified image is signed with --unified" : "");
        return STATUS_INPUT;
    }
    return 0;
}

/* TPM2_PolicyPCR (TPM 2.0 part 3, 23.7) of the values, that of the record still zero. */
static int policy_make(struct inputs *in)
{
    static const uint8_t zero[32];
    const uint32_t mask = CLOISTER_SEAL_PCRS | 1u << in->record_pcr;
    const uint8_t head[] = {
        0, 0, 1, CC_POLICY_PCR, 0, 0, 0, 1, 0, ALG_SHA256, 3, mask & 255, mask >> 8 & 255, 0};
    struct cloister_pcr given[2][CLOISTER_EVIDENCE_PCRS];
    struct cloister_bytes values[CLOISTER_EVIDENCE_PCRS];
    size_t counts[2] = {0, 0}, count = 0;
    uint8_t digest[32];
    int rc = pcrs_read(in->pcrs, given[0], &counts[0]);

    if (!rc && in->reference) {
        rc = pcrs_read(in->reference, given[1], &counts[1]);
    }
    if (!rc) {
        rc = check_record_pcr(in, find_pcr(given[0], counts[0], in->record_pcr));
    }
    for (uint32_t i = 0; !rc && i <= LAST_STATIC_PCR; i++) {
        const struct cloister_pcr *pcr = find_pcr(given[0], counts[0], i);

        pcr = pcr ? pcr : find_pcr(given[1], counts[1], i);
        if (CLOISTER_SEAL_PCRS & 1u << i) {
            rc = check_value(in, i, pcr);
        }
        if (!rc && mask & 1u << i) {
            values[count].data = CLOISTER_SEAL_PCRS & 1u << i && pcr ? pcr->value : zero;
            values[count++].size = 32;
        }
    }
    if (!rc) {
        rc = hash(in, values, count, digest);
    }
    const struct cloister_bytes pieces[] = {{zero, 32}, {head, sizeof(head)}, {digest, 32}};
    return rc ? rc : hash(in, pieces, 3, in->policy);
}

/* --- the statements ---------------------------------------------------------------------------- */

static bool is_free(const struct cloister_update_statement *statement)
{
    static const struct cloister_update_statement zero;

    return !memcmp(statement, &zero, sizeof(zero));
}

/* The one about this policy; NULL: none. */
static struct cloister_update_statement *find_statement(struct inputs *in, const uint8_t policy[32])
{
    for (unsigned int i = 0; i < CLOISTER_UPDATE_STATEMENTS; i++) {
        struct cloister_update_statement *statement = &in->update.statements[i];

        if (!is_free(statement) && !memcmp(statement->policy, policy, 32)) {
            return statement;
        }
    }
    return NULL;
}

static struct cloister_update_statement *find_free(struct inputs *in)
{
    for (unsigned int i = 0; i < CLOISTER_UPDATE_STATEMENTS; i++) {
        if (is_free(&in->update.statements[i])) {
            return &in->update.statements[i];
        }
    }
    return NULL;
}

/* Takes over what was signed before: nothing that the TPM would refuse. */
static int statements_read(struct inputs *in)
{
    const uint8_t *key = in->update.public_key;
    struct cloister_update old;
    uint8_t *data, digest[32];
    size_t size;
    int rc = file_read(in->add, sizeof(old), &data, &size);

    if (rc) {
        return rc;
    }
    memcpy(&old, data, size);
    free(data);
    if (size != sizeof(old)) {
        complain("%s: no statements: %zu bytes, not %zu", in->add, size, sizeof(old));
        return STATUS_INPUT;
    }
    if (memcmp(old.public_key, key, sizeof(old.public_key))) {
        complain("%s: the statements are another key's than %s", in->add, in->key_path);
        return STATUS_INPUT;
    }
    for (unsigned int i = 0; !rc && i < CLOISTER_UPDATE_STATEMENTS; i++) {
        const struct cloister_bytes policy = {old.statements[i].policy, 32};

        if (is_free(&old.statements[i])) {
            continue;
        }
        rc = hash(in, &policy, 1, digest);
        if (!rc && !crypto_p256_verify(&in->crypto, key, old.statements[i].signature, digest)) {
            complain("%s: statement %u is not signed by its key", in->add, i);
            rc = STATUS_INPUT;
        }
    }
    in->update = old;
    return rc;
}

static int statement_drop(struct inputs *in)
{
    struct cloister_update_statement *statement = find_statement(in, in->dropped);

    if (!statement) {
        complain("%s: no statement about what --drop names", in->add);
        return STATUS_INPUT;
    }
    memset(statement, 0, sizeof(*statement));
    return 0;
}

static int statement_add(struct inputs *in)
{
    struct cloister_update_statement *statement = find_statement(in, in->policy);

    statement = statement ? statement : find_free(in);
    if (!statement) {
        complain("%s: all %u statements are in use: leave one out with --drop DIGEST, or all by "
                 "doing without --add",
                 in->add, CLOISTER_UPDATE_STATEMENTS);
        return STATUS_INPUT;
    }
    memcpy(statement->policy, in->policy, sizeof(statement->policy));
    return sign(in, in->policy, statement->signature);
}

static int statements_write(const struct inputs *in)
{
    FILE *file = fopen(in->out, "we");
    bool written = file && fwrite(&in->update, sizeof(in->update), 1, file) == 1;

    if ((file && fclose(file)) || !written) {
        complain("%s cannot be written: %s", in->out, strerror(errno));
        return STATUS_INPUT;
    }
    return 0;
}

/* --- the command ------------------------------------------------------------------------------- */

static void print_text(const struct inputs *in, const uint8_t name[32])
{
    char text[65];

    hex_text(name, 32, text, sizeof(text));
    printf("cloister-update-key=%s\n", text);
    for (unsigned int i = 0; in->out && i < CLOISTER_UPDATE_STATEMENTS; i++) {
        if (!is_free(&in->update.statements[i])) {
            hex_text(in->update.statements[i].policy, 32, text, sizeof(text));
            printf("authorized %s%s\n", text,
                   memcmp(in->update.statements[i].policy, in->policy, 32) ? "" : " (now)");
        }
    }
}

static void print_json(const struct inputs *in, const uint8_t name[32])
{
    json_object *object = out_new(), *list = out_list();
    char text[65];

    out_hex(object, "update_key", name, 32);
    if (in->out) {
        out_hex(object, "policy", in->policy, 32);
        for (unsigned int i = 0; i < CLOISTER_UPDATE_STATEMENTS; i++) {
            if (!is_free(&in->update.statements[i])) {
                hex_text(in->update.statements[i].policy, 32, text, sizeof(text));
                json_object_array_add(list, json_object_new_string(text));
            }
        }
        out_add(object, "authorized", list);
    } else {
        json_object_put(list);
    }
    out_print(object);
}

static int authorize(struct inputs *in)
{
    uint8_t name[32];
    int rc = key_read(in);

    if (!rc) {
        rc = key_name(in, name);
    }
    if (!rc && in->out) {
        rc = policy_make(in);
        rc = !rc && in->add ? statements_read(in) : rc;
        rc = !rc && in->drop ? statement_drop(in) : rc;
        rc = rc ? rc : statement_add(in);
        rc = rc ? rc : statements_write(in);
    }
    if (!rc && in->json) {
        print_json(in, name);
    } else if (!rc) {
        print_text(in, name);
    }
    return rc;
}

static int take_option(char **argv, int option, void *inputs)
{
    struct inputs *in = inputs;
    char *end;
    unsigned long number;

    switch (option) {
    case 'k':
        in->key_path = optarg;
        return 0;
    case 'p':
        in->pcrs = optarg;
        return 0;
    case 'r':
        in->reference = optarg;
        return 0;
    case 'a':
        in->add = optarg;
        return 0;
    case 'o':
        in->out = optarg;
        return 0;
    case 'j':
        in->json = true;
        return 0;
    case 'u':
        in->unified = true;
        return 0;
    case 'E':
        in->empty = true;
        return 0;
    case 'd':
        in->drop = true;
        return hex_read(optarg, in->dropped, 32) == 32
                   ? 0
                   : complain_usage(argv[0], "--drop: 32 bytes in hexadecimal expected");
    case 'R':
        number = strtoul(optarg, &end, 10);
        in->record_pcr = (uint32_t)number;
        return *optarg >= '0' && *optarg <= '9' && !*end && number <= LAST_STATIC_PCR
                   ? 0
                   : complain_usage(argv[0], "--record-pcr: 0 to %u expected", LAST_STATIC_PCR);
    default:
        return complain_option(argv, optind);
    }
}

int command_authorize(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"pcrs", required_argument, NULL, 'p'},
        {"reference", required_argument, NULL, 'r'},
        {"record-pcr", required_argument, NULL, 'R'},
        {"add", required_argument, NULL, 'a'},
        {"drop", required_argument, NULL, 'd'},
        {"out", required_argument, NULL, 'o'},
        {"unified", no_argument, NULL, 'u'},
        {"insecure-empty-pcrs", no_argument, NULL, 'E'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct inputs in = {.record_pcr = CLOISTER_RECORD_PCR};
    int rc = options_take(argc, argv, options, help, take_option, &in);

    if (rc) {
        return rc == OPTIONS_HELPED ? STATUS_ACCEPTED : rc;
    }
    if (!in.key_path) {
        return complain_usage(argv[0], "--key is needed");
    }
    if (!in.pcrs != !in.out) {
        return complain_usage(argv[0], "--pcrs and --out belong together");
    }
    if (!in.out && (in.reference || in.add || in.unified || in.empty)) {
        return complain_usage(argv[0], "--reference, --add and words about PCRs need --pcrs and --out");
    }
    if (in.drop && !in.add) {
        return complain_usage(argv[0], "--drop needs --add");
    }
    if (crypto_prepare(&in.crypto)) {
        rc = authorize(&in);
    } else {
        complain("OpenSSL lacks an algorithm, or there is no memory");
        rc = STATUS_INPUT;
    }
    EVP_PKEY_free(in.key);
    crypto_release(&in.crypto);
    return rc;
}
