/* SPDX-License-Identifier: MIT */
/* Endorsement certificates: chains, what is trusted, and what the one who enrols a host is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "../suite.h"
#include "service/ekcert.h"

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

static struct identity root, upper, lower, ek, stranger;
static char why[400];
static uint8_t stored[EKCERT_MAX];
static size_t size;

static void extend(X509 *certificate, X509 *issuer, int id, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* A certificate by `issuer` (itself: NULL), of a CA or of an endorsement key; `days` from today. */
static void issue(struct identity *subject, const struct identity *issuer, const char *name,
                  bool ca, int days)
{
    X509 *certificate = X509_new();
    X509_NAME *text = X509_get_subject_name(certificate);

    subject->key = subject->key ? subject->key : EVP_EC_gen("P-256");
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    if (*name) {
        X509_NAME_add_entry_by_txt(text, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1, 0);
    }
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer->certificate) : text);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400L * 30);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * days);
    X509_set_pubkey(certificate, subject->key);
    extend(certificate, issuer ? issuer->certificate : certificate, NID_basic_constraints,
           ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!ca) {
        extend(certificate, issuer->certificate, NID_ext_key_usage, "2.23.133.8.1");
    }
    ck_assert(X509_sign(certificate, issuer ? issuer->key : subject->key, EVP_sha256()));
    X509_free(subject->certificate);
    subject->certificate = certificate;
}

static void setup(void)
{
    issue(&root, NULL, "Root of TPMs", true, 1);
    issue(&upper, &root, "Upper CA", true, 1);
    issue(&lower, &upper, "Lower CA", true, 1);
    issue(&ek, &lower, "", false, 1);
    issue(&stranger, NULL, "Somebody else", true, 1);
    size = 0;
}

static void teardown(void)
{
    struct identity *const all[] = {&root, &upper, &lower, &ek, &stranger};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        X509_free(all[i]->certificate);
        EVP_PKEY_free(all[i]->key);
        *all[i] = (struct identity){NULL, NULL};
    }
}

static void put(const void *data, size_t count)
{
    ck_assert_uint_le(size + count, sizeof(stored));
    memcpy(stored + size, data, count);
    size += count;
}

static void add(const struct identity *identity)
{
    uint8_t *der = NULL;
    int count = i2d_X509(identity->certificate, &der);

    ck_assert_int_gt(count, 0);
    put(der, (size_t)count);
    OPENSSL_free(der);
}

/* With this file of roots; NULL ends the list. */
static bool check(const struct identity *first, const struct identity *second)
{
    const struct identity *const listed[] = {first, second};
    char path[] = "/tmp/cloister-ekcert-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    X509_STORE *roots;
    bool good;

    for (size_t i = 0; i < 2 && listed[i]; i++) {
        ck_assert_int_eq(PEM_write_X509(file, listed[i]->certificate), 1);
    }
    ck_assert(!fclose(file));
    roots = ekcert_roots(path);
    unlink(path);
    ck_assert_ptr_nonnull(roots);
    why[0] = 0;
    good = ekcert_check(roots, (struct cloister_bytes){stored, size}, ek.key, why, sizeof(why));
    X509_STORE_free(roots);
    return good;
}

static void accepted(const struct identity *first, const struct identity *second)
{
    ck_assert_msg(check(first, second), "%s", why);
}

static void refused(const struct identity *first, const char *says)
{
    ck_assert(!check(first, NULL));
    ck_assert_msg(strstr(why, says), "'%s' does not say '%s'", why, says);
}

/* What is between is handed over, in any order, or listed. */
START_TEST(chains)
{
    add(&ek);
    refused(&root, "its issuer's certificate is missing, 'CN=Lower CA'");
    accepted(&lower, NULL); /* trusted as it is listed, without a root */
    add(&lower);
    refused(&root, "its issuer's certificate is missing, 'CN=Upper CA'");
    accepted(&upper, NULL);
    accepted(&upper, &root);
    add(&upper);
    accepted(&root, NULL);
    add(&root);
    accepted(&root, NULL);
    size = 0;
    add(&ek);
    add(&upper);
    add(&stranger);
    add(&lower);
    accepted(&root, NULL);
}
END_TEST

/* What is handed over is not trusted for that. */
START_TEST(not_trusted)
{
    add(&ek);
    add(&lower);
    add(&upper);
    add(&root);
    refused(&stranger, "its root 'CN=Root of TPMs' is none of ek-roots");
    size = 0;
    add(&lower);
    add(&ek);
    refused(&root, "it is the certificate of another key");
    size = 0;
    issue(&ek, &stranger, "", false, 1);
    add(&ek);
    add(&stranger);
    refused(&root, "its root 'CN=Somebody else' is none of ek-roots");
}
END_TEST

/* One that is no CA vouches for nobody; nor does one that has expired. */
START_TEST(between)
{
    issue(&lower, &upper, "Lower", false, 1);
    issue(&ek, &lower, "", false, 1);
    add(&ek);
    add(&lower);
    add(&upper);
    refused(&root, "in the certificate of 'CN=Lower'");
    size = 0;
    issue(&lower, &upper, "Lower", true, -1);
    issue(&ek, &lower, "", false, 1);
    add(&ek);
    add(&lower);
    add(&upper);
    refused(&root, "certificate has expired, in the certificate of 'CN=Lower'");
}
END_TEST

/* As a chip has it. */
START_TEST(filled_up)
{
    static const uint8_t values[] = {0x00, 0xff, 0x5a, 'x'};

    for (size_t i = 0; i < sizeof(values); i++) {
        uint8_t filling[900];

        size = 0;
        memset(filling, values[i], sizeof(filling));
        add(&ek);
        add(&lower);
        put(filling, sizeof(filling));
        accepted(&upper, NULL);
        put("y", 1);
        refused(&upper, "behind its certificate: neither DER");
    }
}
END_TEST

START_TEST(old_form)
{
    uint8_t head[5] = {0x10, 0x01, 0x00};
    int count = i2d_X509(ek.certificate, NULL);

    head[3] = (uint8_t)(count >> 8);
    head[4] = (uint8_t)count;
    put(head, sizeof(head));
    add(&ek);
    accepted(&lower, NULL);
    stored[2] = 1;
    refused(&lower, "of TPM 1.2's form that is not whole");
}
END_TEST

/* A size of so many bytes grows by two. */
static void add_two(uint8_t *number, size_t count)
{
    for (unsigned int more = 2; count-- > 0; more >>= 8) {
        more += number[count];
        number[count] = (uint8_t)more;
    }
}

/* Puts zeros before the serial number, as some manufacturers do; what encloses it grows. */
START_TEST(serial_with_zeros)
{
    static const uint8_t serial[] = {0x02, 0x01, 0x07};
    uint8_t *at;

    add(&ek);
    at = memmem(stored, 40, serial, sizeof(serial));
    ck_assert_ptr_nonnull(at);
    memmove(at + 5, at + 3, size - (size_t)(at + 3 - stored));
    memcpy(at, "\x02\x03\x00\x00\x07", 5);
    size += 2;
    ck_assert(stored[1] == 0x82 && (stored[5] == 0x81 || stored[5] == 0x82));
    add_two(stored + 2, 2);
    add_two(stored + 6, stored[5] & 3);
    refused(&lower, "its serial number begins with zeros");
    ck_assert(strstr(why, "ek_sha256"));
}
END_TEST

START_TEST(no_certificate)
{
    refused(&root, "no certificate");
    put("\0\0\0\0", 4);
    refused(&root, "no certificate");
    size = 0;
    put("\x30\x03\x02\x01\x01", 5);
    refused(&root, "no certificate in DER that OpenSSL reads");
    size = 0;
    put("-----BEGIN CERTIFICATE-----", 27);
    refused(&root, "PEM, where DER is expected");
    size = 0;
    add(&ek);
    size--;
    refused(&root, "cut off");
    size = 0;
    add(&ek);
    put("\x30\x03\x02\x01\x01", 5);
    refused(&root, "no certificate in DER that OpenSSL reads");
    size = 0;
    for (int i = 0; i < 10; i++) {
        add(&ek);
    }
    refused(&root, "more than 9 certificates");
}
END_TEST

START_TEST(wrong_leaf)
{
    EVP_PKEY *own = ek.key;

    ek.key = EVP_EC_gen("P-256");
    add(&ek);
    refused(&root, "it is the certificate of another key");
    EVP_PKEY_free(ek.key);
    ek.key = own;
    issue(&ek, &lower, "", true, 1);
    size = 0;
    add(&ek);
    refused(&lower, "it is the certificate of a CA");
    issue(&ek, &lower, "", false, -1);
    size = 0;
    add(&ek);
    refused(&lower, "certificate has expired");
    ck_assert(!ekcert_check(NULL, (struct cloister_bytes){stored, size}, ek.key, why, sizeof(why)));
    ck_assert(strstr(why, "no roots are configured"));
}
END_TEST

/* Each byte of it is signed, or its form. */
START_TEST(changed)
{
    add(&ek);
    for (size_t i = 0; i < size; i += 3) {
        stored[i] ^= 0x41;
        ck_assert_msg(!check(&lower, NULL), "byte %zu", i);
        ck_assert_str_ne(why, "");
        stored[i] ^= 0x41;
    }
    accepted(&lower, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ekcert");
    TCase *tcase = tcase_create("chains");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, chains);
    tcase_add_test(tcase, not_trusted);
    tcase_add_test(tcase, between);
    tcase_add_test(tcase, filled_up);
    tcase_add_test(tcase, old_form);
    tcase_add_test(tcase, serial_with_zeros);
    tcase_add_test(tcase, no_certificate);
    tcase_add_test(tcase, wrong_leaf);
    tcase_add_test(tcase, changed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
