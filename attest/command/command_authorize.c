/* SPDX-License-Identifier: MIT */
/* cloister-verify authorize */
#include <errno.h>
#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/outfile.h"
#include "cloister/report.h"
#include "cloister/update.h"
#include "cloister/verify.h"
#include "command/command.h"
#include "verify/crypto.h"
#include "verify/refuse.h"

#define LAST_STATIC_PCR 15u
/* Their last bytes (TPM 2.0 part 2, 6.5.2, 6.3, 6.8). */
#define CC_POLICY_PCR 0x7f
#define CC_POLICY_NV 0x49
#define ALG_SHA256 0x0b
#define EO_UNSIGNED_LE 0x09
#define FIRST_FORMAT_SIZE 448u

static const char help[] =
    "usage: cloister-verify authorize --key KEY\n"
    "       cloister-verify authorize --key KEY --pcrs PCRS --number N --out FILE [OPTION...]\n"
    "       cloister-verify authorize --key KEY --floor N --add STATEMENTS --out FILE [--json]\n\n"
    "Signs a boot configuration, so that it opens the sealing root of hosts with this update key,\n"
    "and prints the key's option for Xen's command line. With --key alone it only prints. With\n"
    "--floor it withdraws what was signed with a lower number.\n\n"
    "  --key KEY           the update key, private: P-256, PEM\n"
    "  --pcrs PCRS         the configuration's PCR values 0, 2, 3, 4, 7, 8 and 9: what\n"
    "                      cloister-verify predict or tpm2_pcrread printed\n"
    "  --reference PCRS    values that --pcrs does not tell, from a machine that booted as it "
    "should\n"
    "  --unified           the hosts boot Xen's unified image: PCRs 8 and 9 are zero\n"
    "  --insecure-empty-pcrs  take values that prove nothing: zeros, ff, separators alone\n"
    "  --record-pcr N      the PCR of the monitor's record on these hosts, 0 to 15 (default: 13);\n"
    "                      with any other, their dom0 could open the root\n"
    "  --add STATEMENTS    keep the statements of this file\n"
    "  --drop DIGEST       but not this one\n"
    "  --number N          the statement's number: higher than those before, and not below the "
    "floor\n"
    "                      that Xen tells on these hosts\n"
    "  --floor N           the next boot with a number from N on shuts the root for those below "
    "N,\n"
    "                      for good\n"
    "  --out FILE          where the statements go, for NV index 0x0180c106\n"
    "  --json              one JSON object\n\n"
    "Exit status: 0 signed; 2 usage; 3 an input cannot be read or is not valid.\n";

struct inputs {
    const char *key_path, *pcrs, *reference, *add, *out;
    uint64_t number, floor; /* 0: not given */
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

/* r || s of these bytes. */
static int sign(struct inputs *in, const void *data, size_t data_size, uint8_t signature[64])
{
    uint8_t der[80];
    const uint8_t *at = der;
    size_t size = sizeof(der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ECDSA_SIG *pair = NULL;
    bool done = context &&
                EVP_DigestSignInit(context, NULL, in->crypto.sha256, NULL, in->key) == 1 &&
                EVP_DigestSign(context, der, &size, data, data_size) == 1 &&
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

/* TPM2_PolicyPCR (TPM 2.0 part 3, 23.7). */
static int policy_pcr(struct inputs *in, uint32_t mask, const struct cloister_bytes *values,
                      size_t count, uint8_t policy[32])
{
    static const uint8_t zero[32];
    const uint8_t head[] = {0,          0, 1,          CC_POLICY_PCR,   0, 0, 0, 1, 0,
                            ALG_SHA256, 3, mask & 255, mask >> 8 & 255, 0};
    uint8_t digest[32];
    const struct cloister_bytes pieces[] = {{zero, 32}, {head, sizeof(head)}, {digest, 32}};
    int rc = hash(in, values, count, digest);

    return rc ? rc : hash(in, pieces, 3, policy);
}

/* The policy of the values, that of the record still zero. */
static int policy_make(struct inputs *in)
{
    static const uint8_t zero[32];
    const uint32_t mask = CLOISTER_SEAL_PCRS | 1u << in->record_pcr;
    struct cloister_pcr given[2][CLOISTER_EVIDENCE_PCRS];
    struct cloister_bytes values[CLOISTER_EVIDENCE_PCRS];
    size_t counts[2] = {0, 0}, count = 0;
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
    return rc ? rc : policy_pcr(in, mask, values, count, in->policy);
}

/* --- what is signed ---------------------------------------------------------------------------- */

#define REFERENCE_SIZE (sizeof(CLOISTER_UPDATE_REFERENCE) - 1)
#define STATEMENT_SIGNED (32 + REFERENCE_SIZE)
#define FLOOR_PREFIX (sizeof(CLOISTER_UPDATE_FLOOR) - 1)
#define FLOOR_SIGNED (FLOOR_PREFIX + 8)

static uint64_t number_get(const uint8_t bytes[8])
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static void number_put(uint64_t number, uint8_t bytes[8])
{
    for (int i = 7; i >= 0; i--) {
        bytes[i] = (uint8_t)number;
        number >>= 8;
    }
}

/* The name of the floor's index, once it was written (cloister/update.h). */
static int floor_name(struct inputs *in, uint8_t name[2 + 32])
{
    static const uint8_t zero[32], size[] = {0, 8};
    static const uint8_t head[] = {CLOISTER_FLOOR_INDEX >> 24,
                                   CLOISTER_FLOOR_INDEX >> 16 & 255,
                                   CLOISTER_FLOOR_INDEX >> 8 & 255,
                                   CLOISTER_FLOOR_INDEX & 255,
                                   0,
                                   ALG_SHA256,
                                   0x22, /* written, no_da, */
                                   0x04, /* authread, */
                                   0x00,
                                   0x18, /* a counter, policywrite */
                                   0,
                                   32};
    const struct cloister_bytes value = {zero, 32};
    uint8_t policy[32];
    const struct cloister_bytes pieces[] = {{head, sizeof(head)}, {policy, 32}, {size, 2}};
    int rc = policy_pcr(in, 1u << in->record_pcr, &value, 1, policy);

    name[0] = 0;
    name[1] = ALG_SHA256;
    return rc ? rc : hash(in, pieces, 3, name + 2);
}

/* TPM2_PolicyNV (part 3, 23.9) behind the statement's policy, then the policyRef. */
static int statement_signed(struct inputs *in, const struct cloister_update_statement *statement,
                            uint8_t data[STATEMENT_SIGNED])
{
    static const uint8_t operation[] = {0, 0, 0, EO_UNSIGNED_LE}, code[] = {0, 0, 1, CC_POLICY_NV};
    uint8_t name[2 + 32], arguments[32];
    const struct cloister_bytes operand[] = {{statement->number, 8}, {operation, 4}};
    const struct cloister_bytes pieces[] = {
        {statement->policy, 32}, {code, 4}, {arguments, 32}, {name, sizeof(name)}};
    int rc = floor_name(in, name);

    rc = rc ? rc : hash(in, operand, 2, arguments);
    memcpy(data + 32, CLOISTER_UPDATE_REFERENCE, REFERENCE_SIZE);
    return rc ? rc : hash(in, pieces, 4, data);
}

static void floor_signed(const uint8_t floor[8], uint8_t data[FLOOR_SIGNED])
{
    memcpy(data, CLOISTER_UPDATE_FLOOR, FLOOR_PREFIX);
    memcpy(data + FLOOR_PREFIX, floor, 8);
}

static bool is_signed(struct inputs *in, const void *data, size_t size, const uint8_t signature[64])
{
    const struct cloister_bytes piece = {data, size};
    uint8_t digest[32];

    return !hash(in, &piece, 1, digest) &&
           crypto_p256_verify(&in->crypto, in->update.public_key, signature, digest);
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

/* Is the file one of statements, and of this format? */
static int format_check(const struct inputs *in, const uint8_t *data, size_t size)
{
    static const uint8_t magic[] = CLOISTER_UPDATE_MAGIC;
    const size_t version = sizeof(magic) - 1;

    if (size == FIRST_FORMAT_SIZE) {
        complain(
            "%s: statements of the first format, which have no number: sign each configuration "
            "anew, with --number",
            in->add);
    } else if (size != sizeof(in->update) || memcmp(data, magic, version)) {
        complain("%s: no statements: %zu bytes, or none of theirs", in->add, size);
    } else if (data[version] != magic[version]) {
        complain("%s: statements of format %u: this program knows %u", in->add, data[version],
                 magic[version]);
    } else {
        return 0;
    }
    return STATUS_INPUT;
}

/* Nothing that the TPM would refuse. */
static int signatures_check(struct inputs *in, const struct cloister_update *old)
{
    uint8_t data[STATEMENT_SIGNED], floor[FLOOR_SIGNED];

    for (unsigned int i = 0; i < CLOISTER_UPDATE_STATEMENTS; i++) {
        const struct cloister_update_statement *statement = &old->statements[i];

        if (!is_free(statement) && (statement_signed(in, statement, data) ||
                                    !is_signed(in, data, sizeof(data), statement->signature))) {
            complain("%s: statement %u is not signed by its key, or for another --record-pcr",
                     in->add, i);
            return STATUS_INPUT;
        }
    }
    floor_signed(old->floor, floor);
    if (number_get(old->floor) && !is_signed(in, floor, sizeof(floor), old->floor_signature)) {
        complain("%s: the floor is not signed by its key", in->add);
        return STATUS_INPUT;
    }
    return 0;
}

/* Takes over what was signed before. */
static int statements_read(struct inputs *in)
{
    struct cloister_update old;
    uint8_t *data;
    size_t size;
    int rc = file_read(in->add, sizeof(old), &data, &size);

    if (rc) {
        return rc;
    }
    rc = format_check(in, data, size);
    if (!rc) {
        memcpy(&old, data, sizeof(old));
    }
    free(data);
    if (!rc && memcmp(old.public_key, in->update.public_key, sizeof(old.public_key))) {
        complain("%s: the statements are another key's than %s", in->add, in->key_path);
        rc = STATUS_INPUT;
    }
    rc = rc ? rc : signatures_check(in, &old);
    if (!rc) {
        in->update = old;
    }
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
    const uint64_t floor = number_get(in->update.floor);
    uint8_t data[STATEMENT_SIGNED];

    if (in->number < floor) {
        complain("--number %" PRIu64 ": the floor of these statements is %" PRIu64
                 ": it would open nothing",
                 in->number, floor);
        return STATUS_INPUT;
    }
    statement = statement ? statement : find_free(in);
    if (!statement) {
        complain("%s: all %u statements are in use: leave one out with --drop DIGEST, or all by "
                 "doing without --add",
                 in->add, CLOISTER_UPDATE_STATEMENTS);
        return STATUS_INPUT;
    }
    memcpy(statement->policy, in->policy, sizeof(statement->policy));
    number_put(in->number, statement->number);
    int rc = statement_signed(in, statement, data);
    return rc ? rc : sign(in, data, sizeof(data), statement->signature);
}

/* A boot raises the floor no further than its own number: without one that has it nothing would happen. */
static int floor_set(struct inputs *in)
{
    const uint64_t now = number_get(in->update.floor);
    uint64_t highest = 0;
    uint8_t data[FLOOR_SIGNED];

    for (unsigned int i = 0; i < CLOISTER_UPDATE_STATEMENTS; i++) {
        uint64_t number = number_get(in->update.statements[i].number);

        highest = number > highest ? number : highest;
    }
    if (in->floor < now) {
        complain("--floor %" PRIu64 ": it is %" PRIu64 " in these statements, and never goes down",
                 in->floor, now);
        return STATUS_INPUT;
    }
    if (in->floor > highest) {
        complain("--floor %" PRIu64 ": the highest number of these statements is %" PRIu64
                 ": no boot would raise it",
                 in->floor, highest);
        return STATUS_INPUT;
    }
    number_put(in->floor, in->update.floor);
    floor_signed(in->update.floor, data);
    return sign(in, data, sizeof(data), in->update.floor_signature);
}

static int statements_write(const struct inputs *in)
{
    const char *why = outfile_write(in->out, &in->update, sizeof(in->update));

    if (why) {
        complain("%s cannot be written: %s", in->out, why);
        return STATUS_INPUT;
    }
    return 0;
}

/* --- the command ------------------------------------------------------------------------------- */

static void print_text(const struct inputs *in, const uint8_t name[32])
{
    const uint64_t floor = number_get(in->update.floor);
    char text[65];

    hex_text(name, 32, text, sizeof(text));
    printf("cloister-update-key=%s\n", text);
    for (unsigned int i = 0; in->out && i < CLOISTER_UPDATE_STATEMENTS; i++) {
        const struct cloister_update_statement *statement = &in->update.statements[i];
        const uint64_t number = number_get(statement->number);

        if (!is_free(statement)) {
            hex_text(statement->policy, 32, text, sizeof(text));
            printf("%s %s number %" PRIu64 "%s\n", number < floor ? "withdrawn" : "authorized",
                   text, number,
                   in->pcrs && !memcmp(statement->policy, in->policy, 32) ? " (now)" : "");
        }
    }
    if (in->out && floor) {
        printf("floor %" PRIu64 "\n", floor);
    }
}

static void print_json(const struct inputs *in, const uint8_t name[32])
{
    json_object *object = out_new(), *list = out_list();

    out_hex(object, "update_key", name, 32);
    for (unsigned int i = 0; in->out && i < CLOISTER_UPDATE_STATEMENTS; i++) {
        const struct cloister_update_statement *statement = &in->update.statements[i];

        if (!is_free(statement)) {
            json_object *item = out_new();
            out_hex(item, "policy", statement->policy, 32);
            out_count(item, "number", number_get(statement->number));
            json_object_array_add(list, item);
        }
    }
    if (in->pcrs) {
        out_hex(object, "policy", in->policy, 32);
    }
    if (in->out) {
        out_count(object, "floor", number_get(in->update.floor));
        out_add(object, "authorized", list);
    } else {
        json_object_put(list);
    }
    out_print(object);
}

static int statements_make(struct inputs *in)
{
    static const uint8_t magic[] = CLOISTER_UPDATE_MAGIC;
    int rc = in->pcrs ? policy_make(in) : 0;

    memcpy(in->update.magic, magic, sizeof(magic));
    rc = !rc && in->add ? statements_read(in) : rc;
    rc = !rc && in->drop ? statement_drop(in) : rc;
    rc = !rc && in->pcrs ? statement_add(in) : rc;
    rc = !rc && in->floor ? floor_set(in) : rc;
    return rc ? rc : statements_write(in);
}

static int authorize(struct inputs *in)
{
    uint8_t name[32];
    int rc = key_read(in);

    if (!rc) {
        rc = key_name(in, name);
    }
    if (!rc && in->out) {
        rc = statements_make(in);
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
    uint64_t number = 0;
    size_t size;
    int rc;

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
        return option_hex(argv[0], "--drop", in->dropped, 32, 32, &size);
    case 'R':
        rc = option_number(argv[0], "--record-pcr", 0, LAST_STATIC_PCR, &number);
        in->record_pcr = (uint32_t)number;
        return rc;
    case 'n':
        return option_number(argv[0], "--number", 1, UINT64_MAX, &in->number);
    default: /* 'f' */
        return option_number(argv[0], "--floor", 1, UINT64_MAX, &in->floor);
    }
}

int command_authorize(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"pcrs", required_argument, NULL, 'p'},
        {"reference", required_argument, NULL, 'r'},
        {"record-pcr", required_argument, NULL, 'R'},
        {"number", required_argument, NULL, 'n'},
        {"floor", required_argument, NULL, 'f'},
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
    int rc = command_options(argc, argv, options, help, take_option, &in);

    if (rc) {
        return rc == OPTIONS_DONE ? STATUS_ACCEPTED : rc;
    }
    if (!in.key_path) {
        return complain_usage(argv[0], "--key is needed");
    }
    if (!in.pcrs != !in.number) {
        return complain_usage(argv[0], "--pcrs and --number belong together");
    }
    if (in.floor && !in.add) {
        return complain_usage(argv[0], "--floor needs --add: statements that still hold");
    }
    if (!(in.pcrs || in.floor) != !in.out) {
        return complain_usage(argv[0], "--pcrs or --floor, and --out belong together");
    }
    if (!in.out && (in.reference || in.add || in.unified || in.empty)) {
        return complain_usage(argv[0],
                              "--reference, --add and words about PCRs need --pcrs and --out");
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
