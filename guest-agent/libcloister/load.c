/* SPDX-License-Identifier: MIT */
/* The beginning and the end of an enclave: with the agent. */
#include "libcloister/enclave.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libcloister/error.h"
#include "libcloister/slot.h"
#include "libcloister/world.h"

/* The largest image there can be: header, records, padding, pages. */
#define MAX_IMAGE                                                                                  \
    (CLOISTER_IMAGE_HEADER_SIZE + (uint64_t)CLOISTER_MAX_PAGES * (8 + CLOISTER_PAGE_SIZE) +        \
     CLOISTER_PAGE_SIZE)

uint32_t library_forks;

static void count_fork(void)
{
    library_forks++;
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

const char *cloister_version(void)
{
    return CLOISTER_VERSION;
}

/* Reads up to `size` bytes at `offset`, or from where a pipe stands. */
static ssize_t read_some(int file, void *buffer, size_t size, off_t offset, bool *pipe)
{
    ssize_t count;

    do {
        count = *pipe ? read(file, buffer, size) : pread(file, buffer, size, offset);
        if (count < 0 && errno == ESPIPE && !*pipe) {
            *pipe = true;
            errno = EINTR;
        }
    } while (count < 0 && errno == EINTR);
    return count;
}

static int write_all(int file, const uint8_t *data, size_t size)
{
    while (size) {
        ssize_t count = write(file, data, size);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        data += count;
        size -= (size_t)count;
    }
    return 0;
}

/* Copies the image into a file in memory, which is what the agent takes. */
static int copy_image(int image, int *copy, struct cloister_error *error)
{
    static const uint64_t magic = CLOISTER_IMAGE_MAGIC;
    uint64_t total = 0;
    bool pipe = false;
    uint8_t *buffer = malloc(65536);
    int file = memfd_create("cloister-image", MFD_CLOEXEC);
    int code = 0;
    ssize_t count;

    if (!buffer || file < 0) {
        code = buffer ? -errno : -ENOMEM;
        goto out;
    }
    while ((count = read_some(image, buffer, 65536, (off_t)total, &pipe)) > 0) {
        if (total == 0 &&
            (count < (ssize_t)sizeof(magic) || memcmp(buffer, &magic, sizeof(magic)))) {
            code = error_rule(error, EINVAL, CLOISTER_ORIGIN_LIBRARY, CLOISTER_REASON_IMAGE_MAGIC,
                              0, 0, "%s", cloister_reason_text(CLOISTER_REASON_IMAGE_MAGIC));
            goto refused;
        }
        total += (uint64_t)count;
        if (total > MAX_IMAGE) {
            code = -EFBIG;
            goto out;
        }
        code = write_all(file, buffer, (size_t)count);
        if (code)
            goto out;
    }
    if (count < 0) {
        code = -errno;
    } else if (total == 0) {
        code = error_rule(error, EINVAL, CLOISTER_ORIGIN_LIBRARY, CLOISTER_REASON_IMAGE_MAGIC, 0, 0,
                          "%s: it is empty", cloister_reason_text(CLOISTER_REASON_IMAGE_MAGIC));
        goto refused;
    }
out:
    if (code)
        error_set(error, -code, CLOISTER_ORIGIN_LIBRARY, "the image cannot be read: %s",
                  strerror(-code));
refused:
    free(buffer);
    if (code && file >= 0)
        close(file);
    *copy = code ? -1 : file;
    return code;
}

static int map_window(struct cloister_enclave *enclave, const struct app_loaded *loaded,
                      int descriptor, struct cloister_error *error)
{
    enclave->slot = slot_size(loaded->shared_pages, loaded->thread_count);
    if (enclave->slot < SLOT_FRAME)
        return error_rule(error, EPROTO, CLOISTER_ORIGIN_LIBRARY, CLOISTER_REASON_IMAGE_SHARED,
                          loaded->shared_pages, 0,
                          "%" PRIu32 " shared pages for %" PRIu32 " threads make no sense",
                          loaded->shared_pages, loaded->thread_count);
    enclave->window_size = (size_t)loaded->shared_pages * CLOISTER_PAGE_SIZE;
    enclave->window = mmap(NULL, enclave->window_size, PROT_READ | PROT_WRITE, MAP_SHARED,
                           descriptor, (off_t)loaded->map_offset);
    if (enclave->window == MAP_FAILED) {
        enclave->window = NULL;
        return error_set(error, errno, CLOISTER_ORIGIN_LIBRARY,
                         "the shared window cannot be mapped: %s", strerror(errno));
    }
    /* A child has no business there. (Best effort: call.c refuses in a child anyway.) */
    madvise(enclave->window, enclave->window_size, MADV_DONTFORK);
    return 0;
}

static void remember(struct cloister_enclave *enclave, const struct app_loaded *loaded)
{
    struct cloister_details *details = &enclave->details;

    memcpy(enclave->handle, loaded->handle, sizeof(enclave->handle));
    details->enclave = loaded->enclave;
    details->thread_count = loaded->thread_count;
    details->shared_size = (uint32_t)enclave->window_size;
    details->call_capacity = enclave->slot - SLOT_FRAME;
    details->debug = !!(loaded->flags & CLOISTER_IMAGE_DEBUG);
    details->image_version = loaded->image_version;
    details->security_version = loaded->security_version;
    memcpy(details->name, loaded->name, sizeof(loaded->name));
    memcpy(details->measurement, loaded->measurement, sizeof(details->measurement));
}

/* Frees what the library has; the enclave itself is the agent's business. */
static void release(struct cloister_enclave *enclave)
{
    connection_close(&enclave->connection);
    /* A child never had it, and something else may be there by now. */
    if (enclave->window && enclave->forks == library_forks)
        munmap(enclave->window, enclave->window_size);
    explicit_bzero(enclave->handle, sizeof(enclave->handle));
    free(enclave->agent_socket);
    free(enclave);
}

/* Makes an enclave out of the agent's answer. */
static int begin(struct cloister_enclave *enclave, const struct answer *answer,
                 struct cloister_error *error)
{
    struct app_loaded loaded;
    struct world_values values;
    int64_t outcome;
    int code;

    memcpy(&loaded, answer->body, sizeof(loaded));
    code = map_window(enclave, &loaded, answer->descriptor, error);
    if (code)
        return code;
    remember(enclave, &loaded);
    outcome = world_call(CLOISTER_CALL_STATUS, enclave->handle, 0, 0, 0, &values);
    if (outcome < 0)
        return error_set(error, outcome >= -4095 ? (int)-outcome : EPROTO, CLOISTER_ORIGIN_HOST,
                         "the hypervisor does not take calls from user mode: %s",
                         strerror((int)-outcome));
    threads_start(&enclave->threads, loaded.thread_count);
    pthread_mutex_init(&enclave->ocall_lock, NULL);
    return 0;
}

int cloister_enclave_create_fd(int image, const struct cloister_options *options,
                               struct cloister_enclave **enclave, struct cloister_error *error)
{
    const struct cloister_options none = {.size = sizeof(none)};
    const struct app_load request = {0};
    struct cloister_enclave *new;
    struct answer answer;
    int copy, code;

    *enclave = NULL;
    if (!options)
        options = &none;
    if (options->size != sizeof(*options) || options->flags & ~CLOISTER_OPTION_WAIT)
        return error_set(error, EINVAL, CLOISTER_ORIGIN_LIBRARY,
                         "wrong options: size must be set, and flags be known");
    new = calloc(1, sizeof(*new));
    if (!new)
        return error_set(error, ENOMEM, CLOISTER_ORIGIN_LIBRARY, "no memory");
    new->connection.socket = -1;
    new->flags = options->flags;
    new->forks = library_forks;
    if (options->agent_socket && !(new->agent_socket = strdup(options->agent_socket))) {
        code = error_set(error, ENOMEM, CLOISTER_ORIGIN_LIBRARY, "no memory");
        goto failed;
    }
    code = copy_image(image, &copy, error);
    if (code)
        goto failed;
    code = connection_open(&new->connection, new->agent_socket, options->timeout, error);
    if (!code)
        code = connection_ask(&new->connection, APP_LOAD, &request, sizeof(request), copy, &answer,
                              error);
    close(copy);
    if (code)
        goto failed;
    code = begin(new, &answer, error);
    close(answer.descriptor); /* the mapping keeps the pages */
    if (code)
        goto failed;
    *enclave = new;
    return 0;

failed:
    /* If the enclave was loaded, it ends with the connection. */
    release(new);
    return code;
}

int cloister_enclave_create(const char *image_path, const struct cloister_options *options,
                            struct cloister_enclave **enclave, struct cloister_error *error)
{
    int image = open(image_path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int code;

    *enclave = NULL;
    if (image < 0)
        return error_set(error, errno, CLOISTER_ORIGIN_LIBRARY, "%.200s: %s", image_path,
                         strerror(errno));
    code = cloister_enclave_create_fd(image, options, enclave, error);
    close(image);
    return code;
}

static int unload(struct cloister_enclave *enclave, struct cloister_error *error)
{
    const struct app_unload request = {
        .enclave = enclave->details.enclave,
        .handle = {enclave->handle[0], enclave->handle[1]},
    };
    struct connection *connection = &enclave->connection;
    struct answer answer;
    unsigned int timeout = connection->timeout;
    int code =
        connection_ask(connection, APP_UNLOAD, &request, sizeof(request), -1, &answer, error);

    /* An agent that was restarted knows us by our handle. */
    if (code == -ECONNRESET) {
        code = connection_open(connection, enclave->agent_socket, timeout, error);
        if (!code)
            code = connection_ask(connection, APP_UNLOAD, &request, sizeof(request), -1, &answer,
                                  error);
    }
    /* Gone already: what was wanted. */
    return code == -ENOENT && connection->socket >= 0 ? 0 : code;
}

int cloister_enclave_terminate(struct cloister_enclave *enclave, struct cloister_error *error)
{
    int code = 0;

    if (!enclave)
        return 0;
    if (library_in_handler == enclave)
        return error_set(error, EDEADLK, CLOISTER_ORIGIN_LIBRARY,
                         "an OCALL handler cannot terminate the enclave it serves");
    if (enclave->forks == library_forks) {
        code = unload(enclave, error);
        /* Where the host could not end it, calls in it may go on for as long as they like. */
        if (!threads_close(&enclave->threads, enclave->connection.timeout))
            return error_set(error, EBUSY, CLOISTER_ORIGIN_LIBRARY,
                             "calls of the enclave have not returned within %u s: it stays; "
                             "terminate it again",
                             enclave->connection.timeout);
        threads_stop(&enclave->threads);
        pthread_mutex_destroy(&enclave->ocall_lock);
    }
    release(enclave);
    return code;
}

void cloister_enclave_details(const struct cloister_enclave *enclave,
                              struct cloister_details *details)
{
    *details = enclave->details;
}
