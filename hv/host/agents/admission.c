/* SPDX-License-Identifier: MIT */
#include "agents/admission.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/textfile.h"

#define MAX_WORDS 20u
#define MAX_FILE (1u << 20)

void admission_initialise(struct admission *admission)
{
    *admission = (struct admission){.default_allow = true};
}

void admission_free(struct admission *admission)
{
    free(admission->rules);
    admission_initialise(admission);
}

static bool parse_number(const char *text, size_t size, uint32_t *value)
{
    uint64_t number = 0;

    if (!size || size > 10)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    *value = (uint32_t)number;
    return number <= UINT32_MAX;
}

/* "3", "3..", "..7", "3..7" */
static bool parse_range(const char *text, uint32_t *lowest, uint32_t *highest)
{
    const char *dots = strstr(text, "..");

    *lowest = 0;
    *highest = UINT32_MAX;
    if (!dots)
        return parse_number(text, strlen(text), lowest) && ((*highest = *lowest), true);
    if (dots == text && !dots[2])
        return false;
    if (dots > text && !parse_number(text, (size_t)(dots - text), lowest))
        return false;
    if (dots[2] && !parse_number(dots + 2, strlen(dots + 2), highest))
        return false;
    return *lowest <= *highest;
}

static const char *parse_hex(const char *value, bool *has, uint8_t *data, size_t size)
{
    *has = true;
    if (hex_decode(value, data, size))
        return NULL;
    return size == 32   ? "must be 64 hexadecimal digits (SHA-256 of the author's key)"
           : size == 48 ? "must be 96 hexadecimal digits (SHA-384)"
                        : "must be 32 hexadecimal digits";
}

static const char *parse_debug(const char *value, enum admission_debug *debug)
{
    if (!strcmp(value, "yes"))
        *debug = ADMISSION_DEBUG_YES;
    else if (!strcmp(value, "no"))
        *debug = ADMISSION_DEBUG_NO;
    else if (!strcmp(value, "any"))
        *debug = ADMISSION_DEBUG_ANY;
    else
        return "must be yes, no or any";
    return NULL;
}

static const char *parse_domain(const char *value, struct admission_rule *rule)
{
    rule->has_domain = true;
    if (strlen(value) >= sizeof(rule->domain))
        return "is too long for a domain's name";
    strcpy(rule->domain, value);
    return NULL;
}

/* One condition; NULL or what is wrong with its value. *known: is there such a condition? */
static const char *parse_condition(const char *key, const char *value, struct admission_rule *rule,
                                   bool *twice, bool *known)
{
    *known = true;
    *twice = false;
    if (!strcmp(key, "author")) {
        *twice = rule->has_author;
        return parse_hex(value, &rule->has_author, rule->author, sizeof(rule->author));
    }
    if (!strcmp(key, "measurement")) {
        *twice = rule->has_measurement;
        return parse_hex(value, &rule->has_measurement, rule->measurement,
                         sizeof(rule->measurement));
    }
    if (!strcmp(key, "family")) {
        *twice = rule->has_family;
        return parse_hex(value, &rule->has_family, rule->family, sizeof(rule->family));
    }
    if (!strcmp(key, "image")) {
        *twice = rule->has_image;
        return parse_hex(value, &rule->has_image, rule->image, sizeof(rule->image));
    }
    if (!strcmp(key, "domain")) {
        *twice = rule->has_domain;
        return parse_domain(value, rule);
    }
    if (!strcmp(key, "debug")) {
        *twice = rule->debug != ADMISSION_DEBUG_UNSAID;
        return parse_debug(value, &rule->debug);
    }
    if (!strcmp(key, "security-version")) {
        *twice = rule->has_version;
        rule->has_version = true;
        return parse_range(value, &rule->lowest, &rule->highest) ? NULL
                                                                 : "must be N, N.., ..M or N..M";
    }
    *known = false;
    return NULL;
}

static int parse_rule(char **words, unsigned int count, struct admission_rule *rule, char *why,
                      size_t why_size)
{
    rule->allow = !strcmp(words[0], "allow");
    for (unsigned int i = 1; i < count; i += 2) {
        bool twice, known;
        const char *value = i + 1 < count ? words[i + 1] : "";
        const char *wrong = parse_condition(words[i], value, rule, &twice, &known);

        if (!known)
            snprintf(why, why_size,
                     "line %u: unknown condition '%.60s': author, measurement, "
                     "family, image, domain, debug and security-version are known",
                     rule->line, words[i]);
        else if (i + 1 == count)
            snprintf(why, why_size, "line %u: '%s' needs a value", rule->line, words[i]);
        else if (twice)
            snprintf(why, why_size, "line %u: '%s' stands twice", rule->line, words[i]);
        else if (wrong)
            snprintf(why, why_size, "line %u: '%s' %s, not '%.100s'", rule->line, words[i], wrong,
                     value);
        else
            continue;
        return -EINVAL;
    }
    return 0;
}

static int add_rule(struct admission *admission, const struct admission_rule *rule)
{
    unsigned int count = admission->count;

    if ((count & (count + 1)) == 0) { /* 0, 1, 3, 7 ...: grow */
        struct admission_rule *grown = realloc(admission->rules, (2 * count + 1) * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        admission->rules = grown;
    }
    admission->rules[admission->count++] = *rule;
    return 0;
}

/* "default allow" and "default deny"; anything else that starts with it is an error. */
static int parse_default(struct admission *admission, char **words, unsigned int count,
                         unsigned int line, char *why, size_t why_size)
{
    if (count != 2 || (strcmp(words[1], "allow") && strcmp(words[1], "deny"))) {
        snprintf(why, why_size, "line %u: 'default' is followed by allow or deny", line);
        return -EINVAL;
    }
    admission->default_allow = !strcmp(words[1], "allow");
    return 0;
}

static int parse_line(struct admission *admission, char *text, unsigned int line, bool *defaulted,
                      char *why, size_t why_size)
{
    char *words[MAX_WORDS], *state;
    unsigned int count = 0;

    text[strcspn(text, "#")] = 0;
    for (char *word = strtok_r(text, " \t\r", &state); word;
         word = strtok_r(NULL, " \t\r", &state)) {
        if (count == MAX_WORDS) {
            snprintf(why, why_size, "line %u: too many words", line);
            return -EINVAL;
        }
        words[count++] = word;
    }
    if (!count)
        return 0;
    if (!strcmp(words[0], "default")) {
        if (*defaulted) {
            snprintf(why, why_size, "line %u: 'default' stands twice", line);
            return -EINVAL;
        }
        *defaulted = true;
        return parse_default(admission, words, count, line, why, why_size);
    }
    if (strcmp(words[0], "allow") && strcmp(words[0], "deny")) {
        snprintf(why, why_size, "line %u: a rule starts with allow, deny or default, not '%.60s'",
                 line, words[0]);
        return -EINVAL;
    }
    if (admission->count == ADMISSION_MAX_RULES) {
        snprintf(why, why_size, "line %u: more than %u rules", line, ADMISSION_MAX_RULES);
        return -EINVAL;
    }
    struct admission_rule rule = {.line = line};
    int rc = parse_rule(words, count, &rule, why, why_size);
    return rc ? rc : add_rule(admission, &rule);
}

int admission_parse(struct admission *admission, const char *text, size_t size, char *why,
                    size_t why_size)
{
    struct admission fresh;
    bool defaulted = false;
    int rc = 0;

    if (memchr(text, 0, size)) {
        snprintf(why, why_size, "it is not a text file");
        return -EINVAL;
    }
    char *copy = strndup(text, size), *rest = copy;
    if (!copy)
        return -ENOMEM;
    admission_initialise(&fresh);
    for (unsigned int line = 1; rest && !rc; line++)
        rc = parse_line(&fresh, strsep(&rest, "\n"), line, &defaulted, why, why_size);
    free(copy);
    if (rc) {
        admission_free(&fresh);
        return rc;
    }
    free(admission->rules);
    *admission = fresh;
    return 0;
}

int admission_load(struct admission *admission, const char *path, char *why, size_t why_size)
{
    size_t size;
    char *text;
    int rc = textfile_read(path, MAX_FILE, &text, &size);

    if (rc) {
        snprintf(why, why_size, "%s: %s", path, strerror(-rc));
        return rc;
    }
    char detail[256];
    rc = admission_parse(admission, text, size, detail, sizeof(detail));
    if (rc)
        snprintf(why, why_size, "%s: %s", path, rc == -ENOMEM ? "out of memory" : detail);
    free(text);
    return rc;
}

/*
 * A rule that says nothing about debug images: one that denies means them, too; one that allows
 * does not, so that nobody admits them by accident.
 */
static bool debug_matches(const struct admission_rule *rule, bool debug)
{
    switch (rule->debug) {
    case ADMISSION_DEBUG_YES:
        return debug;
    case ADMISSION_DEBUG_NO:
        return !debug;
    case ADMISSION_DEBUG_ANY:
        return true;
    default:
        return !debug || !rule->allow;
    }
}

static bool matches(const struct admission_rule *rule, const struct cloister_image_header *header,
                    const uint8_t author[32], const char *name, const char *uuid)
{
    if (!debug_matches(rule, header->launch.flags & CLOISTER_IMAGE_DEBUG))
        return false;
    if (rule->has_author && memcmp(rule->author, author, sizeof(rule->author)))
        return false;
    if (rule->has_measurement &&
        memcmp(rule->measurement, header->measurement, sizeof(rule->measurement)))
        return false;
    if (rule->has_family && memcmp(rule->family, header->family_id, sizeof(rule->family)))
        return false;
    if (rule->has_image && memcmp(rule->image, header->image_id, sizeof(rule->image)))
        return false;
    if (rule->has_domain &&
        (!rule->domain[0] || (strcmp(rule->domain, name) && strcasecmp(rule->domain, uuid))))
        return false;
    return !rule->has_version ||
           (header->security_version >= rule->lowest && header->security_version <= rule->highest);
}

struct admission_verdict admission_check(const struct admission *admission,
                                         const struct cloister_image_header *header,
                                         const char *name, const char *uuid)
{
    bool debug = header->launch.flags & CLOISTER_IMAGE_DEBUG;
    struct admission_verdict verdict = {0};

    digest_sha256(header->author_key, sizeof(header->author_key), verdict.author);
    for (unsigned int i = 0; i < admission->count; i++) {
        const struct admission_rule *rule = &admission->rules[i];

        if (matches(rule, header, verdict.author, name, uuid)) {
            verdict.allow = rule->allow;
            verdict.line = rule->line;
            return verdict;
        }
    }
    verdict.allow = admission->default_allow && !debug;
    verdict.debug = admission->default_allow && debug;
    return verdict;
}
