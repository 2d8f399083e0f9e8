/* SPDX-License-Identifier: MIT */
#include "cloister/predict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

void cloister_plan_free(struct cloister_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->events[i].name);
    }
    free(plan->events);
    *plan = (struct cloister_plan){NULL, 0};
}

int cloister_plan_digest(struct cloister_plan *plan, uint32_t pcr, const uint8_t digest[32],
                         const char *name)
{
    struct cloister_planned *events;
    char *copy;

    if (pcr >= CLOISTER_EVIDENCE_PCRS) {
        return -EINVAL;
    }
    events = realloc(plan->events, (plan->count + 1) * sizeof(*events));
    if (!events) {
        return -ENOMEM;
    }
    plan->events = events;
    copy = strdup(name);
    if (!copy) {
        return -ENOMEM;
    }
    events[plan->count] = (struct cloister_planned){.pcr = pcr, .name = copy};
    memcpy(events[plan->count].digest, digest, 32);
    plan->count++;
    return 0;
}

int cloister_plan_text(struct cloister_plan *plan, uint32_t pcr, const char *kind, const char *text)
{
    uint8_t digest[32];
    char *name;
    int rc;

    if (EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) != 1) {
        return -EIO;
    }
    if (asprintf(&name, "%s '%s'", kind, text) < 0) {
        return -ENOMEM;
    }
    rc = cloister_plan_digest(plan, pcr, digest, name);
    free(name);
    return rc;
}

static int hash_file(const char *path, uint8_t digest[32])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    FILE *file = fopen(path, "re");
    int rc = file ? 0 : -errno;
    uint8_t buffer[65536];
    size_t size;

    if (!context || EVP_DigestInit_ex2(context, EVP_sha256(), NULL) != 1) {
        rc = rc ? rc : -EIO;
    }
    while (!rc && (size = fread(buffer, 1, sizeof(buffer), file)) > 0) {
        rc = EVP_DigestUpdate(context, buffer, size) == 1 ? 0 : -EIO;
    }
    if (!rc && (ferror(file) || EVP_DigestFinal_ex(context, digest, NULL) != 1)) {
        rc = -EIO;
    }
    if (file) {
        fclose(file);
    }
    EVP_MD_CTX_free(context);
    return rc;
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

int cloister_plan_file(struct cloister_plan *plan, uint32_t pcr, const char *path)
{
    uint8_t digest[32];
    char *name;
    int rc = hash_file(path, digest);

    if (rc) {
        return rc;
    }
    if (asprintf(&name, "file %s", path) < 0) {
        return -ENOMEM;
    }
    rc = cloister_plan_digest(plan, pcr, digest, name);
    free(name);
    return rc;
}

int cloister_plan_separator(struct cloister_plan *plan, uint32_t pcr)
{
    static const uint8_t zeros[4];
    uint8_t digest[32];

    if (EVP_Digest(zeros, sizeof(zeros), digest, NULL, EVP_sha256(), NULL) != 1) {
        return -EIO;
    }
    return cloister_plan_digest(plan, pcr, digest, "separator");
}

int cloister_plan_reference(struct cloister_plan *plan, uint32_t pcr, const uint8_t value[32],
                            const char *name)
{
    int rc;

    for (size_t i = 0; i < plan->count; i++) {
        if (plan->events[i].pcr == pcr) {
            return -EEXIST;
        }
    }
    rc = cloister_plan_digest(plan, pcr, value, name);
    if (!rc) {
        plan->events[plan->count - 1].reference = true;
    }
    return rc;
}

/*
 * One loader command: the command as text, then the file that it opens, then the command line that
 * it hands over. (grub-core/script/execute.c; loader/multiboot.c; lib/cmdline.c.)
 */
static int plan_load(struct cloister_plan *plan, const char *command, const char *folder,
                     const char *path, const char *kind, const char *cmdline)
{
    char *text;
    int rc;

    if (cloister_grub_changes(cmdline) || cloister_grub_changes_path(folder) ||
        cloister_grub_changes_path(last_component(path))) {
        return -EILSEQ;
    }
    if (asprintf(&text, "%s %s/%s%s%s", command, folder, last_component(path), *cmdline ? " " : "",
                 cmdline) < 0) {
        return -ENOMEM;
    }
    rc = cloister_plan_text(plan, CLOISTER_PCR_GRUB_STRINGS, "command", text);
    free(text);
    if (!rc) {
        rc = cloister_plan_file(plan, CLOISTER_PCR_GRUB_FILES, path);
    }
    return rc ? rc : cloister_plan_text(plan, CLOISTER_PCR_GRUB_STRINGS, kind, cmdline);
}

int cloister_plan_grub_xen(struct cloister_plan *plan, const struct cloister_grub_xen *boot)
{
    int rc = 0;

    if (boot->xen) {
        rc = plan_load(plan, "multiboot2", boot->folder, boot->xen, "kernel-cmdline",
                       boot->xen_cmdline ? boot->xen_cmdline : "");
    }
    if (!rc && boot->kernel) {
        rc = plan_load(plan, "module2", boot->folder, boot->kernel, "module-cmdline",
                       boot->kernel_cmdline ? boot->kernel_cmdline : "");
    }
    if (!rc && boot->initrd) {
        rc = plan_load(plan, "module2 --nounzip", boot->folder, boot->initrd, "module-cmdline", "");
    }
    return rc;
}

bool cloister_cmdline_requires_tpm(const char *cmdline)
{
    static const char option[] = "cloister-tpm=", required[] = "cloister-tpm=required";
    const char *guest = strstr(cmdline, " -- "); /* what follows is dom0's */
    const char *end = guest ? guest : cmdline + strlen(cmdline);
    bool found = false;

    for (const char *word = cmdline; word < end;) {
        size_t size = strcspn(word, " ");

        if (size == sizeof(required) - 1 && !strncmp(word, required, size)) {
            found = true;
        } else if (!strncmp(word, option, sizeof(option) - 1)) {
            return false;
        }
        word += size + strspn(word + size, " ");
    }
    return found;
}

int cloister_plan_value(const struct cloister_plan *plan, uint32_t pcr, uint8_t value[32])
{
    uint8_t both[64] = {0};
    int count = 0;

    for (size_t i = 0; i < plan->count; i++) {
        if (plan->events[i].pcr != pcr) {
            continue;
        }
        count++;
        if (plan->events[i].reference) {
            memcpy(both, plan->events[i].digest, 32);
            continue;
        }
        memcpy(both + 32, plan->events[i].digest, 32);
        if (EVP_Digest(both, sizeof(both), both, NULL, EVP_sha256(), NULL) != 1) {
            return -EIO;
        }
    }
    memcpy(value, both, 32);
    return count;
}
