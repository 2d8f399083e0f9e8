/* SPDX-License-Identifier: MIT */
/*
 * Hosts that ask cloister-attestd for verdicts: each connection, one thread, gets a challenge,
 * signs a quote for it, and hands in evidence, again and again, over TLS with keep-alive. The
 * evidence is that of bench-attest: an ECDSA quote and one enclave's report, two signatures.
 *
 * usage: attestd-load --key PEM --prepare
 *            makes the TPM's key; prints {"attestation_key", "policy"}
 *        attestd-load --key PEM --port N --ca PEM --hosts N --connections N --seconds S [--rate R]
 *            R: verifications asked for per second, all together; without, as many as there can be.
 *            Who is told 429 comes back after Retry-After; a reply may take 10 s.
 *
 * Host i has the id i, as 32 hexadecimal digits, and the token secret "bench-i".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/ec.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "verify/base64.h"
#include "verify/refuse.h"
#include "scene.h"

#define TIMEOUT_S 10
#define ROOM 16384
#define EXTRA_OFFSET (4 + 2 + 2 + 34 + 2) /* of extraData in the quotes of scene.c */
#define BUCKETS 4096                      /* of latencies, one ms each */

static struct {
    const char *key, *ca;
    int port, connections;
    unsigned long hosts;
    double seconds, rate;
    bool prepare;
} options = {.connections = 64, .hosts = 1, .seconds = 5};

static EVP_PKEY *tpm_key;
static SSL_CTX *tls;
static double start, end;

struct host {
    pthread_t thread;
    unsigned int index;
    struct cloister_evidence evidence;
    uint8_t attest[1024];
    SSL *ssl;
    char request[ROOM], reply[ROOM];
    unsigned long accepted, limited, impolite, refused, broken, late, handshakes;
    unsigned long latencies[BUCKETS];
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "attestd-load: %s failed\n", what);
        exit(1);
    }
}

/* --- the TPM ------------------------------------------------------------------------------- */

static void load_key(void)
{
    FILE *file = fopen(options.key, "r");
    uint8_t point[65];
    size_t size;

    if (file) {
        tpm_key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    } else {
        tpm_key = EVP_EC_gen("P-256");
        file = fopen(options.key, "w");
        must(file && PEM_write_PrivateKey(file, tpm_key, NULL, NULL, 0, NULL, NULL) == 1,
             "the key");
    }
    fclose(file);
    must(tpm_key && EVP_PKEY_get_octet_string_param(tpm_key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                    sizeof(point), &size) == 1,
         "the key");
    scene_prepare();
    scene_start(SCENE_ECC);
    scene.report_count = 1;
    memcpy(scene.key + scene.key_size - 66, point + 1, 32); /* the unique point ends the area */
    memcpy(scene.key + scene.key_size - 32, point + 33, 32);
}

static void sign_quote(struct host *host, uint8_t signature[72])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t der[80];
    const uint8_t *cursor = der;
    size_t size = sizeof(der);
    ECDSA_SIG *pair;

    must(context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, tpm_key) == 1 &&
             EVP_DigestSign(context, der, &size, host->attest, scene.attest_size) == 1,
         "signing");
    pair = d2i_ECDSA_SIG(NULL, &cursor, (long)size);
    memcpy(signature, "\0\x18\0\x0b\0\x20", 6);
    memcpy(signature + 38, "\0\x20", 2);
    must(pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature + 6, 32) == 32 &&
             BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 40, 32) == 32,
         "signing");
    ECDSA_SIG_free(pair);
    EVP_MD_CTX_free(context);
}

/* Base64 of evidence for the nonce, in hexadecimal. */
static void make_evidence(struct host *host, const char *nonce_text, char *text)
{
    uint8_t nonce[32], signature[72], encoded[4096];
    size_t size;

    for (int i = 0; i < 32; i++) {
        must(sscanf(nonce_text + 2 * i, "%2hhx", &nonce[i]) == 1, "a nonce");
    }
    host->evidence.nonce = (struct cloister_bytes){nonce, sizeof(nonce)};
    must(!cloister_challenge_binding(host->evidence.nonce, &host->evidence.record,
                                     host->attest + EXTRA_OFFSET),
         "binding");
    sign_quote(host, signature);
    host->evidence.quote.attest = (struct cloister_bytes){host->attest, scene.attest_size};
    host->evidence.quote.signature = (struct cloister_bytes){signature, sizeof(signature)};
    must(!cloister_evidence_encode(&host->evidence, encoded, sizeof(encoded), &size), "encoding");
    base64_encode(BASE64_STANDARD, encoded, size, text);
}

/* --- HTTP ---------------------------------------------------------------------------------- */

static bool connect_host(struct host *host)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)options.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {TIMEOUT_S, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    host->ssl = SSL_new(tls);
    must(host->ssl != NULL, "TLS");
    SSL_set_fd(host->ssl, fd);
    host->handshakes++;
    return !connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
           SSL_connect(host->ssl) == 1;
}

static void disconnect_host(struct host *host)
{
    if (host->ssl) {
        close(SSL_get_fd(host->ssl));
        SSL_free(host->ssl);
        host->ssl = NULL;
    }
}

/* The whole reply is in host->reply. */
static bool read_reply(struct host *host)
{
    size_t used = 0, wanted = 0;

    while (!wanted || used < wanted) {
        int got = SSL_read(host->ssl, host->reply + used, (int)(ROOM - 1 - used));
        char *head, *length;

        if (got <= 0) {
            return false;
        }
        used += (size_t)got;
        host->reply[used] = 0;
        head = strstr(host->reply, "\r\n\r\n");
        if (head && !wanted) {
            length = strcasestr(host->reply, "Content-Length:");
            wanted =
                (size_t)(head + 4 - host->reply) + (length ? strtoul(length + 15, NULL, 10) : 0);
            must(wanted < ROOM, "a reply of that size");
        }
    }
    return true;
}

/* Not past the end, and not all to the same moment. */
static void rest(double seconds)
{
    double until = now() + seconds * (1 + drand48());

    until = until < end ? until : end;
    while (now() < until) {
        usleep(10000);
    }
}

/* The status, or 0: no reply. */
static int ask(struct host *host, const char *path, unsigned long id, const char *body)
{
    int size, status = 0;
    double began = now();

    size =
        snprintf(host->request, ROOM,
                 "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %032lx.bench-%lu\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 path, id, id, strlen(body), body);
    must(size < ROOM, "a request of that size");
    if (!host->ssl && !connect_host(host)) {
        disconnect_host(host);
    }
    if (host->ssl && SSL_write(host->ssl, host->request, size) == size && read_reply(host)) {
        status = atoi(host->reply + 9);
    } else {
        if (now() - began > TIMEOUT_S - 1) {
            host->late++;
        } else {
            host->broken++;
        }
        disconnect_host(host);
    }
    if (status == 429) {
        const char *after = strcasestr(host->reply, "\r\nRetry-After:");

        host->limited++;
        host->impolite += !after;
        rest(after ? strtod(after + 14, NULL) : 0);
    } else if (status && status != 200) {
        host->refused++;
        fprintf(stderr, "attestd-load: %s: %s\n", path, host->reply);
    }
    return status;
}

static void note_latency(struct host *host, double seconds)
{
    int bucket = (int)(seconds * 1000);

    host->latencies[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
}

static void verify_once(struct host *host, unsigned long id)
{
    char challenge[512], nonce[65], evidence[6000], body[8000];
    const char *text;
    double began;

    if (ask(host, "/v1/challenge", id, "") != 200) {
        return;
    }
    text = strstr(host->reply, "\"challenge\":\"");
    must(text && sscanf(text, "\"challenge\":\"%511[^\"]\"", challenge) == 1, "a challenge");
    text = strstr(host->reply, "\"nonce\":\"");
    must(text && sscanf(text, "\"nonce\":\"%64[0-9a-f]\"", nonce) == 1, "a nonce");
    make_evidence(host, nonce, evidence);
    snprintf(body, sizeof(body), "{\"challenge\":\"%s\",\"evidence\":\"%s\",\"policy\":\"bench\"}",
             challenge, evidence);
    began = now();
    if (ask(host, "/v1/attest", id, body) == 200) {
        host->accepted++;
        note_latency(host, now() - began);
    }
}

static void *run(void *argument)
{
    struct host *host = argument;
    double step = options.rate ? options.connections / options.rate : 0;
    double due = start + step * host->index / options.connections;
    unsigned long turn = 0;

    scene_evidence(&host->evidence);
    memcpy(host->attest, scene.attest, scene.attest_size);
    for (; now() < end; turn++) {
        double wait = due - now();

        if (wait > 0) {
            usleep((useconds_t)(wait * 1e6));
        }
        due = due + step > now() - 1 ? due + step : now(); /* what was missed is not made up for */
        verify_once(host,
                    (turn * (unsigned long)options.connections + host->index) % options.hosts);
    }
    disconnect_host(host);
    return NULL;
}

/* --- the whole ----------------------------------------------------------------------------- */

static unsigned long percentile(const unsigned long *latencies, unsigned long count, double share)
{
    unsigned long seen = 0;

    for (unsigned long i = 0; i < BUCKETS; i++) {
        seen += latencies[i];
        if ((double)seen >= share * (double)count) {
            return i + 1;
        }
    }
    return BUCKETS;
}

static void load(void)
{
    struct host *hosts = calloc((size_t)options.connections, sizeof(*hosts)), sum = {0};
    double took;

    tls = SSL_CTX_new(TLS_client_method());
    must(hosts && tls && SSL_CTX_load_verify_file(tls, options.ca) == 1, "TLS");
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    start = now();
    end = start + options.seconds;
    for (int i = 0; i < options.connections; i++) {
        hosts[i].index = (unsigned int)i;
        must(!pthread_create(&hosts[i].thread, NULL, run, &hosts[i]), "a thread");
    }
    for (int i = 0; i < options.connections; i++) {
        pthread_join(hosts[i].thread, NULL);
        sum.accepted += hosts[i].accepted;
        sum.limited += hosts[i].limited;
        sum.impolite += hosts[i].impolite;
        sum.refused += hosts[i].refused;
        sum.broken += hosts[i].broken;
        sum.late += hosts[i].late;
        sum.handshakes += hosts[i].handshakes;
        for (int j = 0; j < BUCKETS; j++) {
            sum.latencies[j] += hosts[i].latencies[j];
        }
    }
    took = now() - start;
    printf(
        "{\"accepted\": %lu, \"per_second\": %.0f, \"limited\": %lu, \"without_retry_after\": %lu, "
        "\"refused\": %lu, \"broken\": %lu, \"timeouts\": %lu, \"handshakes\": %lu, "
        "\"median_ms\": %lu, \"p99_ms\": %lu, \"seconds\": %.1f}\n",
        sum.accepted, (double)sum.accepted / took, sum.limited, sum.impolite, sum.refused,
        sum.broken, sum.late, sum.handshakes, percentile(sum.latencies, sum.accepted, 0.5),
        percentile(sum.latencies, sum.accepted, 0.99), took);
}

static void prepare(void)
{
    uint8_t digest[32];
    char text[65];

    scene_policy_replace("\"maximum-report-age\": 10", "\"insecure-any-age\": true");
    scene_sha256(scene.key, scene.key_size, digest);
    hex_text(digest, sizeof(digest), text, sizeof(text));
    printf("{\"attestation_key\": \"%s\", \"policy\": %s}\n", text, scene.policy);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"key", required_argument, NULL, 'k'},
        {"ca", required_argument, NULL, 'a'},
        {"port", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'c'},
        {"hosts", required_argument, NULL, 'h'},
        {"seconds", required_argument, NULL, 's'},
        {"rate", required_argument, NULL, 'r'},
        {"prepare", no_argument, NULL, 'm'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'k':
            options.key = optarg;
            break;
        case 'a':
            options.ca = optarg;
            break;
        case 'p':
            options.port = atoi(optarg);
            break;
        case 'c':
            options.connections = atoi(optarg);
            break;
        case 'h':
            options.hosts = strtoul(optarg, NULL, 10);
            break;
        case 's':
            options.seconds = atof(optarg);
            break;
        case 'r':
            options.rate = atof(optarg);
            break;
        case 'm':
            options.prepare = true;
            break;
        default:
            return 2;
        }
    }
    must(options.key && (options.prepare || (options.ca && options.port &&
                                             options.connections > 0 && options.hosts > 0)),
         "reading the arguments");
    signal(SIGPIPE, SIG_IGN);
    load_key();
    if (options.prepare) {
        prepare();
    } else {
        load();
    }
    return 0;
}
