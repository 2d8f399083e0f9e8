/* SPDX-License-Identifier: MIT */
/*
 * Enclave-memory quotas: in libvirt's metadata, and as set by `cloisterctl quota`, which is
 * kept in one small file per domain UUID and overrides the metadata.
 */
#ifndef CLOISTER_HOST_QUOTA_H
#define CLOISTER_HOST_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUOTA_NAMESPACE "https://cloister.dev/xmlns/domain/1"

/*
 * The element as virDomainGetMetadata returns it: <enclave-memory unit='MiB'>64</enclave-memory>,
 * with or without a prefix. Units are libvirt's (b, KiB, MiB, GiB, TiB, k, M, G, T, KB, MB, GB, TB);
 * as everywhere in libvirt's XML, no unit means KiB. False: not such an element.
 */
bool quota_parse_metadata(const char *xml, uint64_t *frames);

/* Lower-case, 8-4-4-4-12 hexadecimal digits: nothing else becomes part of a path. */
bool quota_is_uuid(const char *uuid);

/* What `cloisterctl quota` has set: 0, -ENOENT nothing, -EINVAL the file holds no size, others. */
__attribute__((warn_unused_result)) int quota_override(const char *directory, const char *uuid,
                                                       uint64_t *frames);
/* Sets it, or removes it where frames is NULL. -EINVAL: not a UUID. */
__attribute__((warn_unused_result)) int quota_set_override(const char *directory, const char *uuid,
                                                           const uint64_t *frames);

#endif
