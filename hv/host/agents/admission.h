/* SPDX-License-Identifier: MIT */
/*
 * Which images may become enclaves on this host: an ordered list of rules, the first that matches
 * decides. The file's form is described in cloister-admission(5). The monitor verifies signature
 * and measurement whatever stands here; this is about whom the host wants.
 */
#ifndef CLOISTER_HOST_ADMISSION_H
#define CLOISTER_HOST_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloister/image.h"

#define ADMISSION_MAX_RULES 4096u

enum admission_debug {
    ADMISSION_DEBUG_UNSAID,
    ADMISSION_DEBUG_NO,
    ADMISSION_DEBUG_YES,
    ADMISSION_DEBUG_ANY
};

struct admission_rule {
    bool allow;
    bool has_author, has_measurement, has_family, has_image, has_domain, has_version;
    enum admission_debug debug;
    uint8_t author[32]; /* SHA-256 of the author's key */
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE];
    uint8_t family[16], image[16];
    char domain[64];          /* name or UUID */
    uint32_t lowest, highest; /* security version, inclusive */
    unsigned int line;
};

struct admission {
    bool default_allow; /* what no rule matches and is no debug image */
    unsigned int count;
    struct admission_rule *rules;
};

struct admission_verdict {
    bool allow;
    bool debug;        /* refused because it is a debug image, and no rule admits those */
    unsigned int line; /* of the rule that decided; 0: the default */
    uint8_t author[32];
};

/* Allows what is not a debug image: what holds where there is no file. */
void admission_initialise(struct admission *admission);
void admission_free(struct admission *admission);

/*
 * Parses a whole policy. -EINVAL: `why` says which line and what is wrong; *admission is untouched
 * then. -ENOMEM.
 */
__attribute__((warn_unused_result)) int admission_parse(struct admission *admission,
                                                        const char *text, size_t size, char *why,
                                                        size_t why_size);
/* The same from a file; -ENOENT and other errors of reading, too. */
__attribute__((warn_unused_result)) int
admission_load(struct admission *admission, const char *path, char *why, size_t why_size);

/* `name` and `uuid`: of the domain that asks; empty if not known, then no domain rule matches. */
struct admission_verdict admission_check(const struct admission *admission,
                                         const struct cloister_image_header *header,
                                         const char *name, const char *uuid);

#endif
