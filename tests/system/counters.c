/* SPDX-License-Identifier: MIT */
/*
 * What root in dom0 can try with the monitor's counters beside the daemon. Prints what came, "0" or "-ERRNO REASON":
 *
 * counters load FILE                 a copy
 * counters save FILE                 the copy goes there; a second line is `expected`, in hexadecimal
 * counters commit VALUE NONCE HMAC   an answer of the TPM's, 64 digits each
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "monitor/hypercall.h"

static struct cloister_counters_image image;

static int answer(int rc, const struct cloister_head *head)
{
    printf("%d %s\n", rc, cloister_reason_name(head->reason));
    return 0;
}

static int load(struct hypercalls *monitor, const char *path)
{
    FILE *file = fopen(path, "r");

    if (!file)
        return -errno;
    struct cloister_counters_load op = {.image = (uintptr_t)&image,
                                        .size = (uint32_t)fread(&image, 1, sizeof(image), file)};
    fclose(file);
    int rc = hypercall_counters_load(monitor, &op);
    return answer(rc, &op.head);
}

static int save(struct hypercalls *monitor, const char *path)
{
    struct cloister_counters_save op = {.image = (uintptr_t)&image};
    char expected[65] = "";
    FILE *file = fopen(path, "w");

    if (!file)
        return -errno;
    int rc = hypercall_counters_save(monitor, &op);
    if (!rc && fwrite(&image, sizeof(image), 1, file) != 1)
        rc = -EIO;
    fclose(file);
    hex_encode(op.expected, sizeof(op.expected), expected);
    answer(rc, &op.head);
    puts(expected);
    return 0;
}

static int commit(struct hypercalls *monitor, char **words)
{
    struct cloister_counters_commit op = {.head = {.reason = 0}};

    if (!hex_decode(words[0], op.value, 32) || !hex_decode(words[1], op.nonce_tpm, 32) ||
        !hex_decode(words[2], op.hmac, 32))
        return -EINVAL;
    int rc = hypercall_counters_commit(monitor, &op);
    return answer(rc, &op.head);
}

int main(int argc, char **argv)
{
    struct hypercalls *monitor;
    char why[400];
    int rc = hypercall_open(&monitor, why, sizeof(why));

    if (rc) {
        fprintf(stderr, "counters: %s\n", why);
        return 2;
    }
    rc = -EINVAL;
    if (argc == 3 && !strcmp(argv[1], "load"))
        rc = load(monitor, argv[2]);
    else if (argc == 3 && !strcmp(argv[1], "save"))
        rc = save(monitor, argv[2]);
    else if (argc == 5 && !strcmp(argv[1], "commit"))
        rc = commit(monitor, argv + 2);
    if (rc)
        fprintf(stderr, "counters: %s\n", strerror(-rc));
    hypercall_close(monitor);
    return rc ? 1 : 0;
}
