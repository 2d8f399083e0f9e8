/* SPDX-License-Identifier: MIT */
#include "attest/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/textfile.h"

#define FILE_MAX (1024u * 1024u)

static char folder_[STATE_PATH];

static void path_of(const char *name, char path[STATE_PATH + 32])
{
    snprintf(path, STATE_PATH + 32, "%s/%s", folder_, name);
}

bool state_open(const char *folder, char why[STATE_WHY])
{
    struct stat status;

    if (strlen(folder) >= sizeof(folder_)) {
        snprintf(why, STATE_WHY, "the state's folder has a name of more than %u bytes",
                 STATE_PATH - 1);
        return false;
    }
    strcpy(folder_, folder);
    if (mkdir(folder, 0700) && errno != EEXIST) {
        snprintf(why, STATE_WHY, "%s cannot be made: %s%s", folder, strerror(errno),
                 errno == EACCES ? "; this is for root: use sudo" : "");
        return false;
    }
    if (lstat(folder, &status) || !S_ISDIR(status.st_mode)) {
        snprintf(why, STATE_WHY, "%s is no folder", folder);
        return false;
    }
    if (status.st_uid != geteuid() || status.st_mode & 077) {
        snprintf(why, STATE_WHY, "%s can be used by others: chown root %s; chmod 700 %s", folder,
                 folder, folder);
        return false;
    }
    return true;
}

int state_lock(char why[STATE_WHY])
{
    char path[STATE_PATH + 32];
    int fd;

    path_of("lock", path);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (fd >= 0 && flock(fd, LOCK_EX) && errno == EINTR) {
    }
    if (fd < 0)
        snprintf(why, STATE_WHY, "%s cannot be locked: %s", path, strerror(errno));
    return fd;
}

json_object *state_read(const char *name, char why[STATE_WHY])
{
    char path[STATE_PATH + 32], detail[120], *text;
    json_object *object = NULL;
    size_t size;
    int rc;

    why[0] = 0;
    path_of(name, path);
    rc = textfile_read(path, FILE_MAX, &text, &size);
    if (rc == -ENOENT)
        return NULL;
    if (rc) {
        snprintf(why, STATE_WHY, "%s cannot be read: %s", path, strerror(-rc));
        return NULL;
    }
    rc = json_read(text, size, &object, detail, sizeof(detail));
    free(text);
    if (!rc)
        return object;
    snprintf(why, STATE_WHY, "%s is damaged: remove it and enrol again, with a new ticket", path);
    return NULL;
}

bool state_write(const char *name, const char *text, char why[STATE_WHY])
{
    char path[STATE_PATH + 32];
    int rc;

    path_of(name, path);
    rc = textfile_replace(path, text);
    if (rc)
        snprintf(why, STATE_WHY, "%s cannot be written: %s", path, strerror(-rc));
    return !rc;
}

bool state_write_json(const char *name, json_object *object, char why[STATE_WHY])
{
    return state_write(name,
                       json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                  JSON_C_TO_STRING_NOSLASHESCAPE),
                       why);
}

void state_remove(const char *name)
{
    char path[STATE_PATH + 32];

    path_of(name, path);
    (void)unlink(path);
}

const char *state_text(json_object *object, const char *key)
{
    json_object *member;

    return json_object_object_get_ex(object, key, &member) &&
                   json_object_is_type(member, json_type_string)
               ? json_object_get_string(member)
               : "";
}

int64_t state_number(json_object *object, const char *key)
{
    json_object *member;
    int64_t number;

    return json_object_object_get_ex(object, key, &member) &&
                   json_object_is_type(member, json_type_int) && json_whole(member, &number)
               ? number
               : 0;
}

void state_add(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, text ? json_object_new_string(text) : NULL);
}
