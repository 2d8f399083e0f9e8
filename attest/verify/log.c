/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "cloister/eventlog.h"
#include "verify/reader.h"
#include "verify/tpm.h"

/* TCG PC Client Platform Firmware Profile 1.05. */
#define EV_NO_ACTION 3u /* 10.4.1 */
#define SHA1_SIZE 20u
#define SIGNATURE "Spec ID Event03"          /* 10.4.5.1, with its zero */
#define LOCALITY_SIGNATURE "StartupLocality" /* 10.4.5.3, with its zero */
#define SHA256_SIZE 32u
#define MAX_DIGEST 64u

static int malformed(struct cloister_log *log, const char *wrong)
{
    log->wrong = wrong;
    return -EBADMSG;
}

/* A reader that came to its end: what an event says of its size is more than is left. */
static int cut_off(struct cloister_log *log)
{
    return malformed(log, "the log ends in this event, or the event's sizes are wrong");
}

static int read_algorithm(struct cloister_log *log, struct reader *in, uint32_t index)
{
    const uint16_t algorithm = (uint16_t)reader_little(in, 2),
                   size = (uint16_t)reader_little(in, 2);

    if (in->bad) {
        return cut_off(log);
    }
    for (uint32_t i = 0; i < index; i++) {
        if (log->algorithms[i].algorithm == algorithm) {
            return malformed(log, "a digest algorithm is listed twice");
        }
    }
    if (!size || size > MAX_DIGEST || (algorithm == TPM_ALG_SHA256 && size != SHA256_SIZE)) {
        return malformed(log, "the size of a digest");
    }
    log->algorithms[index].algorithm = algorithm;
    log->algorithms[index].size = size;
    return 0;
}

static bool lists(const struct cloister_log *log, uint16_t algorithm)
{
    for (uint32_t i = 0; i < log->algorithm_count; i++) {
        if (log->algorithms[i].algorithm == algorithm) {
            return true;
        }
    }
    return false;
}

/* TCG_EfiSpecIdEvent, 10.4.5.1, behind its signature. */
static int read_algorithms(struct cloister_log *log, struct reader *in)
{
    int rc = 0;

    reader_bytes(in, 8); /* platform class, version, size of UINTN */
    log->algorithm_count = (uint32_t)reader_little(in, 4);
    if (log->algorithm_count > CLOISTER_LOG_ALGORITHMS) {
        return malformed(log, "too many digest algorithms");
    }
    for (uint32_t i = 0; i < log->algorithm_count && !rc; i++) {
        rc = read_algorithm(log, in, i);
    }
    if (rc) {
        return rc;
    }
    reader_bytes(in, (size_t)reader_little(in, 1)); /* vendor information */
    if (!reader_complete(in)) {
        return malformed(log, "the list of digest algorithms");
    }
    if (lists(log, TPM_ALG_SHA256)) {
        return 0;
    }
    return malformed(log, log->algorithm_count == 1 && lists(log, TPM_ALG_SHA1)
                              ? "no SHA-256 bank: it has SHA-1 alone"
                              : "no SHA-256 bank: it has others alone");
}

static void taken(struct cloister_log *log, const struct reader *in)
{
    log->offset += log->rest.size - in->left;
    log->rest = (struct cloister_bytes){in->data, in->left};
    log->events++;
}

/* The first event, TCG_PCClientPCREvent (10.2.1), is one of TPM 1.2's, or no event at all. */
static int not_agile(struct cloister_log *log, uint64_t pcr)
{
    return malformed(log, pcr < CLOISTER_EVIDENCE_PCRS
                              ? "no SHA-256 bank: a log in the format of TPM 1.2, with SHA-1 alone"
                              : "no event log");
}

int cloister_log_begin(struct cloister_log *log, struct cloister_bytes bytes)
{
    struct reader in = reader_begin(bytes), data;
    struct cloister_bytes signature;
    uint64_t pcr, type;
    int rc;

    memset(log, 0, sizeof(*log));
    log->rest = bytes;
    if (bytes.size == 0) {
        return malformed(log, "it is empty");
    }
    pcr = reader_little(&in, 4);
    type = reader_little(&in, 4);
    reader_bytes(&in, SHA1_SIZE);
    data = reader_begin(reader_bytes(&in, (size_t)reader_little(&in, 4)));
    if (in.bad) {
        return cut_off(log);
    }
    signature = reader_bytes(&data, sizeof(SIGNATURE));
    if (pcr != 0 || type != EV_NO_ACTION || data.bad ||
        memcmp(signature.data, SIGNATURE, sizeof(SIGNATURE)) != 0) {
        return not_agile(log, pcr);
    }
    rc = read_algorithms(log, &data);
    if (!rc) {
        taken(log, &in);
    }
    return rc;
}

/* One TPMT_HA. `seen`: bit i for the log's algorithm i. */
static int read_digest(struct cloister_log *log, struct reader *in, uint32_t *seen,
                       uint8_t sha256[32])
{
    const uint16_t algorithm = (uint16_t)reader_little(in, 2);
    struct cloister_bytes digest;
    uint32_t index = 0;

    while (index < log->algorithm_count && log->algorithms[index].algorithm != algorithm) {
        index++;
    }
    if (!in->bad && index == log->algorithm_count) {
        return malformed(log, "a digest of an algorithm that the first event does not list");
    }
    digest =
        in->bad ? (struct cloister_bytes){NULL, 0} : reader_bytes(in, log->algorithms[index].size);
    if (in->bad) {
        return cut_off(log);
    }
    if (*seen & 1u << index) {
        return malformed(log, "two digests of one algorithm");
    }
    *seen |= 1u << index;
    if (algorithm == TPM_ALG_SHA256) {
        memcpy(sha256, digest.data, SHA256_SIZE);
    }
    return 0;
}

/*
 * TPML_DIGEST_VALUES, 10.2.2: one digest of each algorithm. Firmware leaves out those whose bank is
 * not active, and Linux takes that; of what is extended SHA-256 must be there.
 */
static int read_digests(struct cloister_log *log, struct reader *in,
                        struct cloister_log_event *event)
{
    const uint64_t count = reader_little(in, 4);
    uint32_t seen = 0;
    int rc = in->bad ? cut_off(log) : 0;

    memset(event->digest, 0, sizeof(event->digest));
    if (!rc && count > log->algorithm_count) {
        rc = malformed(log, "more digests than the first event lists");
    }
    for (uint64_t i = 0; i < count && !rc; i++) {
        rc = read_digest(log, in, &seen, event->digest);
    }
    for (uint32_t i = 0; i < log->algorithm_count && !rc; i++) {
        if (log->algorithms[i].algorithm == TPM_ALG_SHA256 && !(seen & 1u << i) &&
            event->extended) {
            rc = malformed(log, "no SHA-256 digest");
        }
    }
    return rc;
}

/* Is all of it this byte? */
static bool filled_with(struct cloister_bytes bytes, uint8_t byte)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] != byte) {
            return false;
        }
    }
    return true;
}

int cloister_log_next(struct cloister_log *log, struct cloister_log_event *event)
{
    struct reader in = reader_begin(log->rest);
    int rc;

    if (log->rest.size == 0) {
        return 0;
    }
    if (filled_with(log->rest, 0) || filled_with(log->rest, 0xff)) {
        return malformed(
            log, "bytes behind the last event: the area that it was read from, not the log");
    }
    event->pcr = (uint32_t)reader_little(&in, 4); /* TCG_PCR_EVENT2, 10.2.2 */
    event->type = (uint32_t)reader_little(&in, 4);
    event->extended = event->type != EV_NO_ACTION;
    rc = read_digests(log, &in, event);
    if (rc) {
        return rc;
    }
    event->data = reader_bytes(&in, (size_t)reader_little(&in, 4));
    if (in.bad) {
        return cut_off(log);
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
        replay->locality = event->data.data[size];
        replay->pcrs[0][31] = replay->locality;
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
