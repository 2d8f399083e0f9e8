/* SPDX-License-Identifier: MIT */
/*
 * cloister-ledger: a balance in a file that only the ledger enclave can read, and of which it takes only the newest. An
 * example of what an application does for an enclave with a state: keep the state of before until the next is durable.
 */
#include <cloister.h>
#include <ledger.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 200

static const char usage[] = "usage: cloister-ledger IMAGE FILE [AMOUNT]\n"
                            "\n"
                            "Adds AMOUNT (may be negative) to the balance that is sealed in FILE, "
                            "and prints the balance. A FILE that is\n"
                            "not there is a new ledger; there is one for each domain. FILE.next is "
                            "the next state until it is durable.\n"
                            "\n"
                            "Exit status: 0 done; 1 failed; 2 usage; 3 the state is not the "
                            "newest; 4 the host has lost its counters.\n";

static struct cloister_enclave *enclave;

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "cloister-ledger: %s: %s\n", what, why);
    return 1;
}

/* --- the file --------------------------------------------------------------------------------------- */

/* Its size, or a negative errno. */
static ssize_t load(const char *path, uint8_t state[LEDGER_STATE_SIZE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -errno : read(fd, state, LEDGER_STATE_SIZE);

    if (fd >= 0) {
        size = size < 0 ? -errno : size;
        close(fd);
    }
    return size;
}

/* On the disk when it returns 0. */
static int store(const char *path, const uint8_t state[LEDGER_STATE_SIZE])
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, state, LEDGER_STATE_SIZE) == LEDGER_STATE_SIZE && !fsync(fd);

    if (fd >= 0 && close(fd)) {
        good = false;
    }
    return good ? 0 : fail(path, strerror(errno));
}

/* `next` takes the place of `path`. */
static int settle(const char *next, const char *path)
{
    char folder[4096];
    int fd = -1;

    snprintf(folder, sizeof(folder), "%s", path);
    bool good = !rename(next, path) && (fd = open(dirname(folder), O_RDONLY | O_CLOEXEC)) >= 0 &&
                !fsync(fd);
    if (fd >= 0) {
        close(fd);
    }
    return good ? 0 : fail(path, strerror(errno));
}

/* --- the enclave ------------------------------------------------------------------------------------ */

/* 0, or the negative errno of the enclave. */
static int call(uint32_t function, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct cloister_error error;
    size_t got;

    return cloister_enclave_call(enclave, function, in, in_size, out, out_size, &got, &error) < 0
               ? -error.code
               : 0;
}

static int refused(const char *path, int error)
{
    if (error == -ESTALE) {
        fail(path, "this is not the newest state: somebody has brought back an older one");
        return 3;
    }
    if (error == -ENODATA) {
        fail(path,
             "the host has lost its counters: nobody can say whether this is the newest state");
        return 4;
    }
    return fail(path, error == -EBADMSG
                          ? "this enclave on this machine has not sealed it, or it was changed"
                          : strerror(-error));
}

/* The state before, or the next one, if that became durable before it was renamed. */
static int open_ledger(const char *path, const char *next)
{
    uint8_t state[LEDGER_STATE_SIZE];
    ssize_t size = load(path, state);
    int result;

    if (size < 0 && size != -ENOENT) {
        return fail(path, strerror((int)-size));
    }
    result = call(LEDGER_OPEN, state, size < 0 ? 0 : (size_t)size, NULL, 0);
    if (result == -ESTALE && (size = load(next, state)) > 0) {
        result = call(LEDGER_OPEN, state, (size_t)size, NULL, 0);
        if (!result) {
            return settle(next, path);
        }
    }
    return result ? refused(path, result) : 0;
}

/* Waits until the enclave says the balance: it does so when a power failure can take nothing back. */
static int show(const char *path, int64_t *balance)
{
    int result;

    while ((result = call(LEDGER_SHOW, NULL, 0, balance, sizeof(*balance))) == -EAGAIN) {
        usleep(WAIT_MS * 1000);
    }
    return result ? refused(path, result) : 0;
}

static int post(const char *path, const char *next, int64_t amount)
{
    uint8_t state[LEDGER_STATE_SIZE];
    int64_t ignored;

    int result = call(LEDGER_POST, &amount, sizeof(amount), state, sizeof(state));
    if (result) {
        return refused(path, result);
    }
    if (store(next, state)) {
        return 1;
    }
    result = call(LEDGER_APPLY, NULL, 0, NULL, 0);
    if (result) {
        return refused(path, result);
    }
    result = show(path, &ignored);
    return result ? result : settle(next, path);
}

int main(int argc, char **argv)
{
    struct cloister_error error;
    char next[4096], *end = NULL;
    int64_t amount = argc > 3 ? strtoll(argv[3], &end, 10) : 0, balance;

    if (argc < 3 || argc > 4 || (end && (*end || end == argv[3]))) {
        fputs(usage, stderr);
        return 2;
    }
    snprintf(next, sizeof(next), "%s.next", argv[2]);
    if (cloister_enclave_create(argv[1], NULL, &enclave, &error)) {
        return fail(argv[1], error.text);
    }
    int result = open_ledger(argv[2], next);
    if (!result && argc > 3) {
        result = post(argv[2], next, amount);
    }
    if (!result) {
        result = show(argv[2], &balance);
    }
    if (!result) {
        printf("%" PRId64 "\n", balance);
    }
    cloister_enclave_terminate(enclave, NULL);
    return result;
}
