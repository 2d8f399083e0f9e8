/* SPDX-License-Identifier: MIT */
/*
 * The settings: lines `key = value`, `#` begins a comment. cloister-attestd.conf lists and explains
 * all; config.c has their ranges and defaults.
 */
#ifndef CLOISTER_SERVICE_CONFIG_H
#define CLOISTER_SERVICE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#define CONFIG_FILE CLOISTER_ETC "/cloister-attestd.conf"
#define CONFIG_TEXT 512u

struct config {
    char listen[CONFIG_TEXT]; /* address, or [address], and port */
    char certificate[CONFIG_TEXT], certificate_key[CONFIG_TEXT];
    char administrator_ca[CONFIG_TEXT];    /* "": no administrator can reach it */
    char administrator_crl[CONFIG_TEXT];   /* "": no certificate was revoked */
    char administrator_roles[CONFIG_TEXT]; /* "": each administrator may do everything */
    char signing_key[CONFIG_TEXT], next_signing_key[CONFIG_TEXT];
    char issuer[CONFIG_TEXT];
    char ek_roots[CONFIG_TEXT]; /* "": no EK certificate is believed */
    char store[CONFIG_TEXT];    /* sqlite:PATH or postgresql://... */
    uint32_t token_lifetime, challenge_lifetime, enrolment_lifetime; /* s */
    uint32_t request_timeout, handshake_timeout;                     /* s */
    uint32_t connections, connections_per_address, queue, event_threads, workers;
    uint32_t expiry_warning;  /* days before a certificate ends */
    uint32_t audit_retention; /* days */
    uint32_t slow_after;      /* ms of waiting after which 202 is answered */
};

void config_initialise(struct config *config);
/*
 * 0, or -EINVAL (or the error of reading `path`): `why` names the line and what is allowed. What
 * must be set and is not is also such an error; *config is then as it was.
 */
__attribute__((warn_unused_result)) int config_load(struct config *config, const char *path,
                                                    char *why, size_t why_size);
__attribute__((warn_unused_result)) int config_parse(struct config *config, const char *text,
                                                     char *why, size_t why_size);

#endif
