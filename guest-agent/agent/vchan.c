/* SPDX-License-Identifier: MIT */
#include "agent/vchan.h"

#include <errno.h>
#include <libxenvchan.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include <xenstore.h>

#include "cloister/protocol.h"

/*
 * Ring sizes. Messages stream through and may be larger. Requests carry page content, so an ADD of
 * CLOISTER_MAX_ADD pages just fits; replies are short. 36 granted pages in all with the two of the
 * interface, out of the 1,024 that xen-gntalloc allows by default.
 */
#define SEND_RING (128u * 1024u)
#define RECEIVE_RING (16u * 1024u)

static struct libxenvchan *vchan;
static bool moved; /* the guest, since the channel was offered */

/*
 * libxenvchan 4.17 does not initialise its structure; where it fails half-way (no grants left, no
 * event channel driver) it unmaps and frees what was never set. glibc gives a thread the chunk of a
 * size that it freed last, so a clean chunk makes that failure harmless.
 */
static void prepare_heap(void)
{
    struct libxenvchan *chunk = calloc(1, sizeof(*chunk));

    /* Keeps the compiler from seeing that the zeros are never read. */
    __asm__ volatile("" : "+r"(chunk)::"memory");
    free(chunk);
}

static int vchan_open(void *context)
{
    (void)context;
    /* libxenvchan talks to xenstore through /dev/xen/xenbus and would print where it is missing. */
    if (access("/dev/xen/xenbus", R_OK | W_OK) && access("/proc/xen/xenbus", R_OK | W_OK))
        return -ENODEV;
    prepare_heap();
    errno = 0;
    /* The path is relative to our own domain's home, /local/domain/<domid>. */
    vchan = libxenvchan_server_init(NULL, 0, CLOISTER_VCHAN_PATH, RECEIVE_RING, SEND_RING);
    if (!vchan)
        return errno ? -errno : -EIO;
    vchan->blocking = 0;
    return 0;
}

/*
 * Linux (6.1: evtchn_unbind_from_user()) ends a process by BUG() that closes an event channel of
 * the time before the guest moved: that descriptor stays open, one for each move. The pages are
 * given back.
 */
static void vchan_close(void *context)
{
    (void)context;
    if (moved)
        vchan->event = NULL;
    moved = false;
    libxenvchan_close(vchan);
    vchan = NULL;
}

static enum transport_state vchan_state(void *context)
{
    (void)context;
    switch (libxenvchan_is_open(vchan)) {
    case 1:
        return TRANSPORT_OPEN;
    case 2:
        return TRANSPORT_WAITING;
    default:
        return TRANSPORT_CLOSED;
    }
}

/* A domain that is made anew, as save and migrate do, begins with an empty part of xenstore. */
static bool vchan_offered(void *context)
{
    struct xs_handle *store = xs_open(0);
    unsigned int size;
    void *value;

    (void)context;
    if (!store)
        return true; /* nobody can tell */
    value = xs_read(store, XBT_NULL, CLOISTER_VCHAN_PATH "/ring-ref", &size);
    moved = !value && errno == ENOENT;
    free(value);
    xs_close(store);
    return !moved;
}

static ssize_t vchan_write(void *context, const void *data, size_t size)
{
    (void)context;
    return libxenvchan_write(vchan, data, size);
}

static ssize_t vchan_read(void *context, void *data, size_t size)
{
    (void)context;
    return libxenvchan_read(vchan, data, size);
}

static int vchan_descriptor(void *context)
{
    (void)context;
    return libxenvchan_fd_for_select(vchan);
}

static void vchan_acknowledge(void *context)
{
    struct pollfd event = {.fd = libxenvchan_fd_for_select(vchan), .events = POLLIN};

    (void)context;
    /* Waits for an event, so only when there is one. */
    if (poll(&event, 1, 0) == 1)
        libxenvchan_wait(vchan);
}

void vchan_transport(struct transport *transport)
{
    *transport = (struct transport){
        .open = vchan_open,
        .close = vchan_close,
        .state = vchan_state,
        .offered = vchan_offered,
        .write = vchan_write,
        .read = vchan_read,
        .descriptor = vchan_descriptor,
        .acknowledge = vchan_acknowledge,
    };
}
