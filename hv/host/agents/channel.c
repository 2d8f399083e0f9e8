/* SPDX-License-Identifier: MIT */
#include "agents/channel.h"

#include <libxenvchan.h>
#include <poll.h>
#include <stdlib.h>
#include <xentoollog.h>

struct channel {
    struct libxenvchan *vchan;
};

/* libxenvchan would print whatever a guest offers that is wrong. */
static void drop_message(struct xentoollog_logger *logger, xentoollog_level level, int error,
                         const char *context, const char *format, va_list arguments)
{
    (void)logger, (void)level, (void)error, (void)context, (void)format, (void)arguments;
}

static void drop_progress(struct xentoollog_logger *logger, const char *context, const char *doing,
                          int percent, unsigned long done, unsigned long total)
{
    (void)logger, (void)context, (void)doing, (void)percent, (void)done, (void)total;
}

static void keep(struct xentoollog_logger *logger)
{
    (void)logger;
}

static struct xentoollog_logger quiet = {drop_message, drop_progress, keep};

struct channel *channel_open(uint16_t domain, const char *path)
{
    struct channel *channel = malloc(sizeof(*channel));

    if (!channel)
        return NULL;
    channel->vchan = libxenvchan_client_init(&quiet, domain, path);
    if (!channel->vchan) {
        free(channel);
        return NULL;
    }
    channel->vchan->blocking = 0;
    return channel;
}

void channel_close(struct channel *channel)
{
    libxenvchan_close(channel->vchan);
    free(channel);
}

int channel_descriptor(const struct channel *channel)
{
    return libxenvchan_fd_for_select(channel->vchan);
}

void channel_acknowledge(struct channel *channel)
{
    struct pollfd event = {.fd = channel_descriptor(channel), .events = POLLIN};

    /* libxenvchan_wait waits where there is no event: only when there is one. */
    if (poll(&event, 1, 0) == 1)
        libxenvchan_wait(channel->vchan);
}

static ssize_t read_channel(void *context, void *data, size_t size)
{
    struct channel *channel = context;

    return libxenvchan_read(channel->vchan, data, size);
}

static ssize_t write_channel(void *context, const void *data, size_t size)
{
    struct channel *channel = context;

    return libxenvchan_write(channel->vchan, data, size);
}

struct session_stream channel_stream(struct channel *channel)
{
    return (struct session_stream){
        .context = channel, .read = read_channel, .write = write_channel};
}
