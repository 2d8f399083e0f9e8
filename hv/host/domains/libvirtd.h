/* SPDX-License-Identifier: MIT */
/*
 * What libvirt knows of the running domains, followed by a thread of its own: libvirtd may hang,
 * restart or be absent, and nobody waits for it. The connection is read-only.
 */
#ifndef CLOISTER_HOST_LIBVIRTD_H
#define CLOISTER_HOST_LIBVIRTD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct libvirtd_domain {
    int id;
    char name[64];
    char uuid[40];
    bool has_quota; /* the metadata element is there ... */
    bool bad_quota; /* ... but is not a size */
    uint64_t frames;
};

/* Starts the thread. `uri` empty: libvirt is not used. */
__attribute__((warn_unused_result)) int libvirtd_initialise(const char *uri);

/* Becomes readable when the picture has changed (eventfd(2)). */
int libvirtd_descriptor(void);

/*
 * A copy of the last picture, to be freed; *count domains. *connected: is it kept up to date?
 * NULL: there is none.
 */
struct libvirtd_domain *libvirtd_domains(size_t *count, bool *connected);

/* "connected", or what is wrong. */
void libvirtd_state(char *text, size_t size);

#endif
