/* SPDX-License-Identifier: MIT */
#include "ctl/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"

FILE *client_connect(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(socket_path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    strcpy(address.sun_path, socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    FILE *daemon = NULL;
    if (!connect(fd, (const struct sockaddr *)&address, sizeof(address)))
        daemon = fdopen(fd, "r+");
    if (!daemon) {
        int error = errno;

        close(fd);
        errno = error;
    }
    return daemon;
}

json_object *client_ask(FILE *daemon, json_object *request)
{
    json_object *answer = NULL;
    char *line = NULL, why[200];
    size_t capacity = 0;
    ssize_t size;

    fprintf(daemon, "%s\n", json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));
    json_object_put(request);
    fflush(daemon);
    fseek(daemon, 0, SEEK_CUR); /* between writing and reading: C11 7.21.5.3 p7 */
    errno = 0;
    size = getline(&line, &capacity, daemon);
    if (size <= 0 && !errno)
        errno = ECONNRESET;
    else if (size > 0 && json_read(line, (size_t)size, &answer, why, sizeof(why)))
        errno = EPROTO;
    free(line);
    return answer;
}
