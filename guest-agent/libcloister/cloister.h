/* SPDX-License-Identifier: MIT */
/*
 * libcloister: load an enclave, call it, answer its calls, end it.
 *
 *     struct cloister_enclave *enclave;
 *     struct cloister_error error;
 *     size_t size;
 *
 *     if (cloister_enclave_create("keyvault.image", NULL, &enclave, &error))
 *         errx(1, "%s", error.text);
 *     if (cloister_enclave_call(enclave, 1, in, in_size, out, sizeof(out), &size, &error))
 *         errx(1, "%s", error.text);
 *     cloister_enclave_terminate(enclave, NULL);
 *
 * Loading goes through cloister-agent(8), which must run in this guest and let the user in. A call
 * does not: it is one instruction (VMCALL or VMMCALL) into the hypervisor and one back, with the
 * arguments in memory that the process shares with its enclave. The enclave cannot reach any other
 * memory of the process, and the process none of the enclave.
 *
 * ## Results
 *
 * Functions return 0 or a negative errno. Where there is a `struct cloister_error *`, it may be
 * NULL; otherwise it is filled on failure with what a person needs to know, and left alone on
 * success.
 *
 * ## Threads
 *
 * Every function may be called from any thread at any time, with these exceptions:
 * cloister_enclave_terminate() ends calls that are on their way (they return -ESHUTDOWN or -ENOENT)
 * and waits for them, but nobody may begin to use the enclave after that. Handlers are set before
 * calls that may need them. An enclave has a fixed number of threads; a call takes one that is
 * free.
 *
 * ## Signals
 *
 * A call is interrupted by whatever interrupts the process and goes on by itself afterwards, so
 * signal handlers run as usual. One that leaves the call by longjmp() loses that thread of the
 * enclave until the enclave ends. A handler may call the enclave itself if another thread is free.
 *
 * ## fork
 *
 * An enclave stays with the process that loaded it. In a child its functions fail with -EPERM, and
 * cloister_enclave_terminate() only frees what the child has of it. A child that does not exec
 * keeps the connection to the agent open, and with it the enclave alive, until it ends, too.
 *
 * ## When the agent restarts
 *
 * Enclaves go on as long as the process that loaded them runs. Nothing needs to be done.
 */
#ifndef CLOISTER_H
#define CLOISTER_H

#include <stddef.h>
#include <stdint.h>

#include <cloister/image.h>
#include <cloister/reason.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CLOISTER_API __attribute__((visibility("default")))
#define CLOISTER_CHECKED __attribute__((warn_unused_result))

/* Who refused. */
enum cloister_origin {
    CLOISTER_ORIGIN_LIBRARY = 1, /* this library, or the kernel on its behalf */
    CLOISTER_ORIGIN_AGENT = 2,   /* cloister-agent in this guest */
    CLOISTER_ORIGIN_HOST = 3,    /* the host: cloisterd, or the monitor if `reason` is set */
    CLOISTER_ORIGIN_ENCLAVE = 4, /* the code inside */
};

struct cloister_error {
    int code;         /* errno, positive */
    uint16_t reason;  /* enum cloister_reason of the rule that refused; 0: none */
    uint16_t origin;  /* enum cloister_origin */
    uint64_t found;   /* the value that was refused, where the rule compares one ... */
    uint64_t allowed; /* ... and what would have been accepted */
    char text[256];   /* one sentence, zero-terminated */
};

struct cloister_enclave;

/* struct cloister_options.flags */
#define CLOISTER_OPTION_WAIT                                                                       \
    (1u                                                                                            \
     << 0) /* a call waits while all threads are busy; without it, it                           \
                 fails with -EBUSY. From within an OCALL handler it never                          \
                 waits: it could wait for itself */

/* How to load. Everything 0 is the default. */
struct cloister_options {
    size_t size;              /* sizeof(struct cloister_options): lets it grow */
    const char *agent_socket; /* NULL: $CLOISTER_AGENT_SOCKET, or /run/cloister/agent.sock */
    uint32_t flags;           /* CLOISTER_OPTION_* */
    uint32_t timeout;         /* seconds to wait for the agent in each step; 0: 120 */
};

/*
 * Loads and initialises the enclave in the file `image_path`.
 *   -ENOENT, -EACCES, ...  the file cannot be read, or there is no agent (or none for this user)
 *   -EINVAL     the file is no image (the text says what is wrong), or a wrong option
 *   -EFBIG      the image is larger than the agent accepts
 *   -EDQUOT     more enclaves or frames than the user (origin agent) or the domain (host) may have
 *   -EHOSTDOWN  the agent has no connection to cloisterd on the host
 *   -ECONNRESET the agent or cloisterd went away meanwhile; nothing stays behind
 *   -ETIMEDOUT  no answer
 *   -EACCES, -EOPNOTSUPP, -ENOMEM, ...  as the monitor refused: see `reason` and cloister/abi.h
 */
CLOISTER_API CLOISTER_CHECKED int cloister_enclave_create(const char *image_path,
                                                          const struct cloister_options *options,
                                                          struct cloister_enclave **enclave,
                                                          struct cloister_error *error);
/* The same with an open file; it is read from its beginning (a pipe: from where it stands) and
 * stays open. */
CLOISTER_API CLOISTER_CHECKED int cloister_enclave_create_fd(int image,
                                                             const struct cloister_options *options,
                                                             struct cloister_enclave **enclave,
                                                             struct cloister_error *error);

/*
 * Calls `function` of the enclave with `in_size` bytes at `in` (NULL if 0), waits for its end, and
 * stores what it gives back at `out`, at most `out_capacity` bytes, their number in *out_size (may
 * be NULL). `out` may be `in`. Data is copied; nothing is written to `out` if the call fails.
 *
 * What the code inside returns as its own error comes back as such, with origin ENCLAVE. Others:
 *   -E2BIG     `in` and `out` do not fit into a thread's part of the shared memory (found, allowed)
 *   -EBUSY     all threads of the enclave are inside
 *   -EFAULT    the code inside faulted: reason ENCLAVE_FAULT, ENCLAVE_VIEW or WORLD_STATE, found =
 *              vector (an exception, or CLOISTER_VECTOR_*), allowed = page number in the enclave's
 *              linear addresses (0: none). That thread is dead
 *   -EIO       all threads are dead
 *   -ENOENT    the enclave was destroyed: by the host, or because the agent lost it
 *   -EPROTO    the code inside breaks the rules of the call frame
 *   -EPERM     this is a child of the process that loaded it
 *   -ESHUTDOWN cloister_enclave_terminate() was called
 */
CLOISTER_API int cloister_enclave_call(struct cloister_enclave *enclave, uint32_t function,
                                       const void *in, size_t in_size, void *out,
                                       size_t out_capacity, size_t *out_size,
                                       struct cloister_error *error);

/*
 * Serves a call of the enclave to its host (OCALL). `in` and `out` are private memory of the
 * library, not shared with the enclave: what was checked does not change. Their sizes are chosen by
 * the enclave, up to cloister_details.call_capacity. Set *out_size (it is 0) to the bytes written.
 * Returns 0 or a negative errno; the enclave sees it. Runs in the thread that made the call.
 */
typedef int cloister_ocall_handler(void *context, const void *in, size_t in_size, void *out,
                                   size_t out_capacity, size_t *out_size);

#define CLOISTER_MAX_OCALLS 64u

/*
 * Sets who serves OCALL `function`; NULL: nobody, and the enclave sees -ENOSYS.
 *   -ENOSPC  CLOISTER_MAX_OCALLS functions have a handler already
 */
CLOISTER_API CLOISTER_CHECKED int cloister_enclave_set_ocall(struct cloister_enclave *enclave,
                                                             uint32_t function,
                                                             cloister_ocall_handler *handler,
                                                             void *context);

/*
 * Ends the enclave; when it returns 0, its memory is scrubbed. `enclave` (may be NULL) is gone in
 * any case, except after -EDEADLK and -EBUSY. Errors mean that its end could not be seen: it ends
 * with the process at the latest. It takes no longer than options.timeout for each of: connecting
 * anew, the agent's answer, and the calls that are on their way.
 *   -EDEADLK  called from within one of its OCALL handlers
 *   -EBUSY    calls have not returned in time: the host is away and could not end them, or an OCALL
 *             handler does not return. No call can begin any more; terminate it again
 *   -EHOSTDOWN, -ECONNRESET, -ETIMEDOUT  as for create
 */
CLOISTER_API int cloister_enclave_terminate(struct cloister_enclave *enclave,
                                            struct cloister_error *error);

/* What an enclave is. */
struct cloister_details {
    uint32_t enclave; /* id: unique on the host until it reboots */
    uint32_t thread_count;
    uint32_t shared_size;   /* bytes of shared memory */
    uint32_t call_capacity; /* bytes that `in` and `out` of one call may have together; each starts
                               at a multiple of 16 */
    uint32_t debug;         /* 1: a debug image. It promises no secrecy */
    uint32_t image_version;
    uint32_t security_version;
    char name[65];                                  /* zero-terminated; not trusted */
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE]; /* SHA-384, as the monitor found it */
};
CLOISTER_API void cloister_enclave_details(const struct cloister_enclave *enclave,
                                           struct cloister_details *details);

/* How its threads are, from the monitor. */
struct cloister_threads {
    uint32_t idle;
    uint32_t running;
    uint32_t interrupted;
    uint32_t calling_out;
    uint32_t dead;
    uint64_t interruptions; /* of all threads, since it was initialised */
};
/* -ENOENT: the enclave was destroyed. -EPERM: in a child. */
CLOISTER_API CLOISTER_CHECKED int cloister_enclave_threads(struct cloister_enclave *enclave,
                                                           struct cloister_threads *threads,
                                                           struct cloister_error *error);

/* How the agent is. */
struct cloister_agent_status {
    char agent_version[32];
    uint32_t link;     /* to the host: 0 impossible, 1 waiting for cloisterd, 2 up */
    uint32_t health;   /* 0, or CLOISTER_HEALTH_* of cloister/protocol.h */
    uint64_t uptime;   /* seconds */
    uint64_t requests; /* served since it started */
    uint32_t applications;
    uint32_t enclaves;     /* of all users */
    uint32_t own_enclaves; /* of this user ... */
    uint32_t max_enclaves;
    uint64_t own_frames; /* 4 KiB */
    uint64_t max_frames;
    uint64_t quota; /* frames the host allows this guest; 0 while the link is not up */
    uint64_t quota_used;
    char message[96]; /* what to do about its health; empty if it is good */
};
/* Asks the agent at `agent_socket` (NULL: as for create). Errors: as for create. */
CLOISTER_API CLOISTER_CHECKED int cloister_agent_status(const char *agent_socket,
                                                        struct cloister_agent_status *status,
                                                        struct cloister_error *error);

#define CLOISTER_EVIDENCE_MAX (256u * 1024u)

/*
 * Evidence of the host that this guest runs on, for a verifier's challenge: what the host's TPM and monitor
 * sign, with up to 15 reports of enclaves, 512 bytes each, one after the other, as cloister_report() gave
 * them (`reports` may be NULL where `report_count` is 0). *size bytes of at most CLOISTER_EVIDENCE_MAX go to
 * `evidence`, whose room is `capacity`; libcloister-verify judges them.
 * Takes as long as the TPM does: seconds, two minutes at most.
 *   -EINVAL      a nonce has 16 to 64 bytes; more reports than 15; what is no report
 *   -ENOSPC      it does not fit
 *   -EBUSY, -ESTALE  somebody else in this guest asked at the same time: try again
 *   -EOPNOTSUPP, -ENODEV  this host has no identity, no TPM
 *   -ETIMEDOUT   the TPM does not answer
 *   -EIO         it could not be made: the host's operator finds why in cloisterd's journal
 * and those of create that are the agent's.
 */
CLOISTER_API CLOISTER_CHECKED int cloister_evidence(const char *agent_socket, const uint8_t *nonce,
                                                    size_t nonce_size, const void *reports,
                                                    size_t report_count, uint8_t *evidence,
                                                    size_t capacity, size_t *size,
                                                    struct cloister_error *error);

/* One enclave of the list. */
struct cloister_list_entry {
    uint32_t enclave;
    uint32_t state; /* 1 building, 2 ready, 3 dying */
    uint32_t debug;
    uint32_t thread_count;
    uint32_t threads_running;
    uint32_t threads_dead;
    uint64_t frames; /* charged to the guest's quota */
    uint64_t entries;
    uint64_t interruptions;
    uint64_t faults;
    uint32_t image_version;
    uint32_t security_version;
    char name[65];
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE];
    uint8_t author[32]; /* SHA-256 of the author's key */
};
/*
 * Calls `each` for the user's enclaves in this guest (root: all), in the order of their ids. A
 * result of `each` other than 0 ends the list and is returned. Errors: as for create.
 */
CLOISTER_API CLOISTER_CHECKED int
cloister_agent_list(const char *agent_socket,
                    int (*each)(void *context, const struct cloister_list_entry *entry),
                    void *context, struct cloister_error *error);

/* The version of the library, as "0.1.0". */
CLOISTER_API const char *cloister_version(void);

#ifdef __cplusplus
}
#endif

#endif
