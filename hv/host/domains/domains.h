/* SPDX-License-Identifier: MIT */
/*
 * The domains that run now: from xenstore (the truth, with or without libvirt), with what libvirt
 * says of them; and their enclave-memory quota, which is applied from here. Main thread only.
 *
 * A domain's quota is, in this order: what `cloisterctl quota` has set, what libvirt's metadata
 * says, or nothing: then the monitor's value (0 for a new domain) is left alone.
 */
#ifndef CLOISTER_HOST_DOMAINS_H
#define CLOISTER_HOST_DOMAINS_H

#include "log/record.h"
#include "settings/config.h"
#include "monitor/hypercall.h"

enum domain_quota_source { QUOTA_UNSET, QUOTA_METADATA, QUOTA_OVERRIDE };

struct domain {
    uint16_t id;
    char name[RECORD_NAME]; /* as it stands in xenstore: any bytes */
    char uuid[40];          /* empty if the toolstack gave it none */
    bool libvirt;           /* libvirt knows it */
    bool has_metadata;
    uint64_t metadata_frames;
    enum domain_quota_source source;
    uint64_t frames;   /* wanted, where source is not QUOTA_UNSET */
    bool applied;      /* the monitor has `frames` from us */
    char problem[200]; /* why the quota is not as wanted; empty if it is */
};

struct domain_hooks {
    void (*appeared)(const struct domain *domain);
    void (*gone)(const struct domain *domain);
};

__attribute__((warn_unused_result)) int domains_initialise(const struct config *config,
                                                           struct hypercalls *monitor,
                                                           const struct domain_hooks *hooks,
                                                           char *why, size_t why_size);
void domains_finalise(void);

/* All of them, ascending by id; valid until the loop goes on. */
const struct domain *domains_all(size_t *count);
/*
 * By name, UUID or id as people write it, in this order. NULL: none runs now, or several have names that were cut to
 * the same: by id or UUID they are found.
 */
const struct domain *domains_find(const char *text);

/*
 * Sets the quota of a running domain and keeps it for its UUID; frames NULL: forget it, back to the
 * metadata. 0 or a negative errno with a sentence in `why`.
 */
__attribute__((warn_unused_result)) int
domains_set_quota(const struct domain *domain, const uint64_t *frames, char *why, size_t why_size);

#endif
