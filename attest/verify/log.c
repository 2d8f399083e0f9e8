/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "cloister/eventlog.h"
#include "verify/reader.h"
#include "verify/tpm.h"

/* TCG PC Client Platform Firmware Profile 1.05. */
#define EV_NO_ACTION 3u         /* 10.4.1 */
#define SHA1_SIZE 20u
#define SIGNATURE "Spec ID Event03" /* 10.4.5.1, with its zero */
#define LOCALITY_SIGNATURE "StartupLocality" /* 10.4.5.3, with its zero */
#define MAX_DIGEST 64u

static int malformed(struct cloister_log *log, const char *wrong)
{
    log->wrong = wrong;
    return -EBADMSG;
}

/* TCG_EfiSpecIdEvent, 10.4.5.1. */
static int read_algorithms(struct cloister_log *log, struct cloister_bytes data)
{
    struct reader in = reader_begin(data);
    struct cloister_bytes signature = reader_bytes(&in, sizeof(SIGNATURE));
    bool sha256 = false;

    if (in.bad || memcmp(signature.data, SIGNATURE, sizeof(SIGNATURE)) != 0) {
        return malformed(log, "no crypto-agile log");
    }
    reader_bytes(&in, 8); /* platform class, version, size of UINTN */
    log->algorithm_count = (uint32_t)reader_little(&in, 4);
    if (log->algorithm_count > CLOISTER_LOG_ALGORITHMS) {
        return malformed(log, "too many digest algorithms");
    }
    for (uint32_t i = 0; i < log->algorithm_count; i++) {
        log->algorithms[i].algorithm = (uint16_t)reader_little(&in, 2);
        log->algorithms[i].size = (uint16_t)reader_little(&in, 2);
        if (log->algorithms[i].algorithm == TPM_ALG_SHA256) {
            sha256 = log->algorithms[i].size == 32;
        }
        if (log->algorithms[i].size > MAX_DIGEST) {
            return malformed(log, "a digest's size");
        }
    }
    reader_bytes(&in, (size_t)reader_little(&in, 1)); /* vendor information */
    if (!reader_complete(&in)) {
        return malformed(log, "the list of digest algorithms");
    }
    return sha256 ? 0 : malformed(log, "no SHA-256 digests");
}

static void taken(struct cloister_log *log, const struct reader *in)
{
    log->offset += log->rest.size - in->left;
    log->rest = (struct cloister_bytes){in->data, in->left};
    log->events++;
}

int cloister_log_begin(struct cloister_log *log, struct cloister_bytes bytes)
{
    struct reader in = reader_begin(bytes);
    struct cloister_bytes data;
    uint64_t pcr, type;
    int rc;

    memset(log, 0, sizeof(*log));
    log->rest = bytes;
    pcr = reader_little(&in, 4); /* TCG_PCClientPCREvent, 10.2.1 */
    type = reader_little(&in, 4);
    reader_bytes(&in, SHA1_SIZE);
    data = reader_bytes(&in, (size_t)reader_little(&in, 4));
    if (in.bad || pcr != 0 || type != EV_NO_ACTION) {
        return malformed(log, "no crypto-agile log");
    }
    rc = read_algorithms(log, data);
    if (!rc) {
        taken(log, &in);
    }
    return rc;
}

static uint16_t digest_size(const struct cloister_log *log, uint16_t algorithm)
{
    for (uint32_t i = 0; i < log->algorithm_count; i++) {
        if (log->algorithms[i].algorithm == algorithm) {
            return log->algorithms[i].size;
        }
    }
    return 0;
}

/* TPML_DIGEST_VALUES: one digest of each algorithm, 10.2.2. */
static int read_digests(struct cloister_log *log, struct reader *in, uint8_t sha256[32])
{
    uint64_t count = reader_little(in, 4);
    unsigned int found = 0;

    if (in->bad || count != log->algorithm_count) {
        return malformed(log, "the number of digests");
    }
    for (uint64_t i = 0; i < count; i++) {
        uint16_t algorithm = (uint16_t)reader_little(in, 2);
        struct cloister_bytes digest = reader_bytes(in, digest_size(log, algorithm));

        if (in->bad || !digest.size) {
            return malformed(log, "a digest");
        }
        if (algorithm == TPM_ALG_SHA256) {
            memcpy(sha256, digest.data, 32);
            found++;
        }
    }
    return found == 1 ? 0 : malformed(log, "the SHA-256 digest");
}

int cloister_log_next(struct cloister_log *log, struct cloister_log_event *event)
{
    struct reader in = reader_begin(log->rest);
    int rc;

    if (log->rest.size == 0) {
        return 0;
    }
    event->pcr = (uint32_t)reader_little(&in, 4); /* TCG_PCR_EVENT2, 10.2.2 */
    event->type = (uint32_t)reader_little(&in, 4);
    rc = read_digests(log, &in, event->digest);
    if (rc) {
        return rc;
    }
    event->data = reader_bytes(&in, (size_t)reader_little(&in, 4));
    event->extended = event->type != EV_NO_ACTION;
    if (in.bad) {
        return malformed(log, "the size of its data");
    }
    if (event->extended && event->pcr >= CLOISTER_EVIDENCE_PCRS) {
        return malformed(log, "the PCR's index");
    }
    taken(log, &in);
    return 1;
}

/* PCR 0 starts with the locality of TPM2_Startup: 10.4.5.3; TPM 2.0 part 3, 9.3. */
static void start_locality(struct cloister_replay *replay, const struct cloister_log_event *event)
{
    const size_t size = sizeof(LOCALITY_SIGNATURE);

    if (event->pcr == 0 && event->data.size == size + 1 &&
        !memcmp(event->data.data, LOCALITY_SIGNATURE, size)) {
        replay->pcrs[0][31] = event->data.data[size];
    }
}

static int extend(uint8_t pcr[32], const uint8_t digest[32])
{
    uint8_t both[64];

    memcpy(both, pcr, 32);
    memcpy(both + 32, digest, 32);
    return EVP_Digest(both, sizeof(both), pcr, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

static void reset(struct cloister_replay *replay)
{
    memset(replay, 0, sizeof(*replay));
    /* Those of the dynamic root of trust: PC Client Platform TPM Profile 1.05, 4.6.2. */
    memset(replay->pcrs[17], 0xff, 6 * sizeof(replay->pcrs[0]));
}

int cloister_log_replay(struct cloister_bytes bytes, struct cloister_replay *replay)
{
    struct cloister_log_event event;
    struct cloister_log log;
    bool extended = false; /* PCR 0 */
    int more = 1, rc = cloister_log_begin(&log, bytes);

    reset(replay);
    while (!rc && (more = cloister_log_next(&log, &event)) == 1) {
        if (event.extended) {
            rc = extend(replay->pcrs[event.pcr], event.digest);
            extended = extended || event.pcr == 0;
        } else if (!extended) {
            start_locality(replay, &event);
        }
    }
    replay->events = log.events;
    replay->offset = log.offset;
    replay->wrong = log.wrong;
    return rc ? rc : more;
}
