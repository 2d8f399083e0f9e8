/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"
#include "command/command.h"

int file_read(const char *path, size_t limit, uint8_t **data, size_t *size)
{
    char *text = NULL;
    int rc = textfile_read(path, limit, &text, size);

    *data = (uint8_t *)text;
    if (rc) {
        *size = 0;
        complain("%s cannot be read: %s", path, rc == -EFBIG ? "too large" : strerror(-rc));
        return STATUS_INPUT;
    }
    return 0;
}

int policy_read(const char *path, struct cloister_policy **policy)
{
    uint8_t *text;
    size_t size;
    char why[400] = "out of memory";
    int rc = file_read(path, CLOISTER_POLICY_MAX_SIZE, &text, &size);

    if (rc) {
        return rc;
    }
    rc = cloister_policy_parse((const char *)text, size, policy, why, sizeof(why));
    free(text);
    if (rc) {
        complain("%s: %s", path, why);
        return STATUS_INPUT;
    }
    return 0;
}
