/* SPDX-License-Identifier: MIT */
#include "server/certificates.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define FOREIGN_MODE (S_IWGRP | S_IRWXO)

static int64_t seconds(const ASN1_TIME *time)
{
    struct tm broken;

    return ASN1_TIME_to_tm(time, &broken) == 1 ? (int64_t)timegm(&broken) : 0;
}

static void date_text(int64_t time, char text[32])
{
    time_t moment = (time_t)time;
    struct tm broken;

    gmtime_r(&moment, &broken);
    strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &broken);
}

static void subject_text(X509 *certificate, char *text, size_t size)
{
    X509_NAME_oneline(X509_get_subject_name(certificate), text, (int)size);
    for (char *c = text; *c; c++) {
        *c = *c >= 0x20 && *c <= 0x7e ? *c : '?';
    }
}

/* False: it is not valid at `now`, and `why` says so. */
static bool is_valid(const char *setting, const char *path, X509 *certificate, int64_t now,
                     struct certificates_end *end, char *why, size_t why_size)
{
    int64_t first = seconds(X509_get0_notBefore(certificate));
    int64_t last = seconds(X509_get0_notAfter(certificate));
    char subject[128], date[32];

    subject_text(certificate, subject, sizeof(subject));
    if (now > last || now < first) {
        date_text(now > last ? last : first, date);
        snprintf(why, why_size, "%s: %s: the certificate of %s %s %s", setting, path, subject,
                 now > last ? "has expired on" : "is not valid before", date);
        return false;
    }
    if (!end->time || last < end->time) {
        end->time = last;
        snprintf(end->name, sizeof(end->name), "%s, of %s", setting, subject);
    }
    return true;
}

bool certificates_check(const char *setting, const char *path, int64_t now, bool some,
                        struct certificates_end *end, char *why, size_t why_size)
{
    FILE *file = fopen(path, "re");
    unsigned int good = 0, bad = 0;
    X509 *certificate;

    if (!file) {
        snprintf(why, why_size, "%s: %s: %s", setting, path, strerror(errno));
        return false;
    }
    while ((certificate = PEM_read_X509(file, NULL, NULL, NULL))) {
        bool valid = is_valid(setting, path, certificate, now, end, why, why_size);

        good += valid;
        bad += !valid;
        X509_free(certificate);
    }
    fclose(file);
    ERR_clear_error();
    if (!good && !bad) {
        snprintf(why, why_size, "%s: %s: no certificates in PEM", setting, path);
    }
    return good && (some || !bad);
}

static bool is_valid_crl(const char *setting, const char *path, X509_CRL *crl, int64_t now,
                         struct certificates_end *end, char *why, size_t why_size)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
    int64_t first = seconds(X509_CRL_get0_lastUpdate(crl)), last = next ? seconds(next) : 0;
    char date[32];

    if (!next) {
        snprintf(why, why_size, "%s: %s: the list does not say when the next one comes", setting,
                 path);
        return false;
    }
    if (now > last || now < first) {
        date_text(now > last ? last : first, date);
        snprintf(why, why_size, "%s: %s: the list %s %s", setting, path,
                 now > last ? "has expired on" : "is not valid before", date);
        return false;
    }
    if (!end->time || last < end->time) {
        end->time = last;
        snprintf(end->name, sizeof(end->name), "%s", setting);
    }
    return true;
}

bool certificates_check_crl(const char *setting, const char *path, int64_t now,
                            struct certificates_end *end, char *why, size_t why_size)
{
    FILE *file = fopen(path, "re");
    unsigned int count = 0;
    bool good = true;
    X509_CRL *crl;

    if (!file) {
        snprintf(why, why_size, "%s: %s: %s", setting, path, strerror(errno));
        return false;
    }
    while (good && (crl = PEM_read_X509_CRL(file, NULL, NULL, NULL))) {
        good = is_valid_crl(setting, path, crl, now, end, why, why_size);
        X509_CRL_free(crl);
        count++;
    }
    fclose(file);
    ERR_clear_error();
    if (!count) {
        snprintf(why, why_size, "%s: %s: no revocation lists in PEM", setting, path);
    }
    return good && count;
}

bool certificates_private(const char *setting, const char *path, char *why, size_t why_size)
{
    struct stat found;

    if (stat(path, &found)) {
        snprintf(why, why_size, "%s: %s: %s", setting, path, strerror(errno));
        return false;
    }
    if (!S_ISREG(found.st_mode)) {
        snprintf(why, why_size, "%s: %s: no regular file", setting, path);
        return false;
    }
    if (found.st_mode & FOREIGN_MODE) {
        snprintf(why, why_size, "%s: %s: others can use it (mode %04o): chmod 0600, or 0640",
                 setting, path, found.st_mode & 07777u);
        return false;
    }
    return true;
}
