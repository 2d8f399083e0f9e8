/* SPDX-License-Identifier: MIT */
/* Plan files: one event a line, in the order in which they are measured. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/number.h"
#include "command/command.h"

#define MAX_PLAN_SIZE (1u << 20)

int plan_failed(int rc, const char *what)
{
    complain("%s cannot be measured: %s", what,
             rc == -EINVAL    ? "this is no line of a plan (see PLANS in cloister-verify(1))"
             : rc == -EBADMSG ? "this is no PE file"
             : rc == -EEXIST  ? "this stands there twice"
                              : strerror(-rc));
    return STATUS_INPUT;
}

/* "DIGEST NAME" */
static int add_event(struct cloister_plan *plan, uint32_t pcr, char *text)
{
    char *name = strchr(text, ' ');
    uint8_t digest[32];

    if (!name) {
        return -EINVAL;
    }
    *name++ = 0;
    if (hex_read(text, digest, sizeof(digest)) != sizeof(digest)) {
        return -EINVAL;
    }
    return cloister_plan_digest(plan, pcr, digest, name);
}

/* Words that name their PCR: "PCR", then what is measured, if anything. */
static int add_to_pcr(struct cloister_plan *plan, const char *word, char *text)
{
    char *rest = strchr(text, ' ');
    uint64_t pcr;

    if (rest) {
        *rest++ = 0;
    }
    if (!number_read(text, 10, 0, CLOISTER_EVIDENCE_PCRS - 1, &pcr)) {
        return -EINVAL;
    }
    if (!strcmp(word, "separator")) {
        return rest ? -EINVAL : cloister_plan_separator(plan, (uint32_t)pcr);
    }
    if (!rest) {
        return -EINVAL;
    }
    if (!strcmp(word, "application")) {
        return cloister_plan_application(plan, (uint32_t)pcr, rest);
    }
    if (!strcmp(word, "text")) {
        return cloister_plan_text(plan, (uint32_t)pcr, "text", rest);
    }
    return strcmp(word, "event") ? -EINVAL : add_event(plan, (uint32_t)pcr, rest);
}

static int add_line(struct cloister_plan *plan, char *line)
{
    static const char *const texts[] = {"command", "kernel-cmdline", "module-cmdline"};
    char *text = strchr(line, ' ');

    if (text) {
        *text++ = 0;
    } else {
        text = line + strlen(line);
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!strcmp(line, texts[i])) {
            return cloister_plan_text(plan, CLOISTER_PCR_GRUB_STRINGS, texts[i], text);
        }
    }
    if (!strcmp(line, "file") && *text) {
        return cloister_plan_file(plan, CLOISTER_PCR_GRUB_FILES, text);
    }
    return add_to_pcr(plan, line, text);
}

/* Can a text of this line have line breaks? */
static bool goes_on(const char *line)
{
    static const char *const words[] = {"command ", "kernel-cmdline ", "module-cmdline ", "text "};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!strncmp(line, words[i], strlen(words[i]))) {
            return true;
        }
    }
    return false;
}

/*
 * The next line without its line break, and with those that go on with its text: "|" stands for the
 * break before them. NULL: no more.
 */
static char *next_line(char **cursor, unsigned int *number)
{
    char *line = strsep(cursor, "\n");

    ++*number;
    while (line && *cursor && **cursor == '|' && goes_on(line)) {
        char *more = strsep(cursor, "\n"), *end = line + strlen(line);

        ++*number;
        *end++ = '\n';
        memmove(end, more + 1, strlen(more + 1) + 1);
    }
    return line;
}

static int take_line(struct cloister_plan *plan, char *line, const struct cloister_grub_xen *boot,
                     bool *loaded)
{
    int rc;

    if (!*line || *line == '#') {
        return 0;
    }
    if (strcmp(line, "xen") != 0) {
        return add_line(plan, line);
    }
    rc = *loaded ? -EEXIST : cloister_plan_grub_xen(plan, boot);
    *loaded = true;
    return rc;
}

/* A zero byte or a carriage return would be measured with the text that it stands in. */
static int check_bytes(const char *path, const uint8_t *data, size_t size)
{
    if (memchr(data, 0, size) || memchr(data, '\r', size)) {
        complain("%s has %s: a plan is text, with line feeds alone", path,
                 memchr(data, 0, size) ? "zero bytes" : "carriage returns");
        return STATUS_INPUT;
    }
    return 0;
}

int plan_read(struct cloister_plan *plan, const char *path, const struct cloister_grub_xen *boot)
{
    bool loaded = false;
    uint8_t *data;
    size_t size;
    char *cursor, *line, where[512];
    unsigned int number = 0;
    int rc = file_read(path, MAX_PLAN_SIZE, &data, &size);

    rc = rc ? rc : check_bytes(path, data, size);
    if (rc) {
        free(data);
        return rc;
    }
    cursor = (char *)data;
    while (!rc && (line = next_line(&cursor, &number))) {
        rc = take_line(plan, line, boot, &loaded);
    }
    free(data);
    snprintf(where, sizeof(where), "%s, line %u,", path, number);
    if (!rc && !loaded) {
        snprintf(where, sizeof(where), "the boot");
        rc = cloister_plan_grub_xen(plan, boot);
    }
    return rc ? plan_failed(rc, where) : 0;
}

int plan_reference(struct cloister_plan *plan, const char *path)
{
    struct cloister_pcr pcrs[CLOISTER_EVIDENCE_PCRS];
    size_t count, before = plan->count;
    int rc = pcrs_read(path, pcrs, &count);

    for (size_t i = 0; i < count && !rc; i++) {
        char name[512];

        snprintf(name, sizeof(name), "reference value in %s", path);
        if (pcrs[i].index <= CLOISTER_PCR_FIRMWARE_LAST) {
            rc = cloister_plan_reference(plan, pcrs[i].index, pcrs[i].value, name);
            rc = rc && rc != -EEXIST ? plan_failed(rc, path) : 0;
        }
    }
    if (!rc && plan->count == before) {
        complain("%s has no PCR from 0 to %u that the plan does not tell", path,
                 CLOISTER_PCR_FIRMWARE_LAST);
        rc = STATUS_INPUT;
    }
    return rc;
}
