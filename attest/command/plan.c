/* SPDX-License-Identifier: MIT */
/* Plan files: one event a line, in the order in which they are measured. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"

#define MAX_PLAN_SIZE (1u << 20)

int plan_failed(int rc, const char *what)
{
    complain("%s cannot be measured: %s", what,
             rc == -EILSEQ ? "GRUB measures a command line in another form than it stands here, if it has"
                             " quotes, \\ $ ; | & < > or needless blanks" : strerror(-rc));
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
    char *rest;
    unsigned long pcr = strtoul(text, &rest, 10);

    if (rest == text || *text < '0' || *text > '9' || (*rest && *rest != ' ') ||
        pcr >= CLOISTER_EVIDENCE_PCRS) {
        return -EINVAL;
    }
    if (!strcmp(word, "separator")) {
        return *rest ? -EINVAL : cloister_plan_separator(plan, (uint32_t)pcr);
    }
    if (!*rest) {
        return -EINVAL;
    }
    if (!strcmp(word, "application")) {
        return cloister_plan_application(plan, (uint32_t)pcr, rest + 1);
    }
    if (!strcmp(word, "text")) {
        return cloister_plan_text(plan, (uint32_t)pcr, "text", rest + 1);
    }
    return strcmp(word, "event") ? -EINVAL : add_event(plan, (uint32_t)pcr, rest + 1);
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

int plan_read(struct cloister_plan *plan, const char *path, const struct cloister_grub_xen *boot)
{
    bool loaded = false;
    uint8_t *data;
    size_t size;
    char *cursor, *line, where[512];
    unsigned int number = 0;
    int rc = file_read(path, MAX_PLAN_SIZE, &data, &size);

    if (rc) {
        return rc;
    }
    if (strlen((char *)data) != size) {
        rc = -EINVAL;
    }
    cursor = (char *)data;
    while (!rc && (line = strsep(&cursor, "\n"))) {
        number++;
        if (!strcmp(line, "xen")) {
            rc = loaded ? -EEXIST : cloister_plan_grub_xen(plan, boot);
            loaded = true;
        } else if (*line && *line != '#') {
            rc = add_line(plan, line);
        }
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
