/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the monitor have in common: images, control operations as dom0 would make them,
 * calls as a tenant would make them, and pictures of the monitor's whole state to compare.
 *
 * dom0 is domain 0; the tenants are 1 and 2. Domain 3 never has enclaves.
 */
#ifndef SCENE_H
#define SCENE_H

#include "fake_host.h"

#define SCENE_PAGES 8u /* pages that exist in the image of scene_image() */
#define SCENE_PAGE_COUNT 2048u
#define SCENE_THREADS 2u
#define SCENE_SHARED 4u
#define SCENE_QUOTA 400u
#define TENANT 1u
#define OTHER_TENANT 2u
#define FIRST_REF 10u /* the first of SCENE_SHARED grants of whole writable pages */
#define READONLY_REF 20u
#define MISSING_REF 30u

struct image {
    struct cloister_image_header header;
    uint32_t count;
    struct cloister_page_record records[SCENE_PAGES];
    uint8_t content[SCENE_PAGES][CLOISTER_PAGE_SIZE];
};

/* fake_start(1), quotas for the tenants, grants. _with: another distance of frame numbers. */
void scene_start(void);
void scene_start_with(unsigned int stride);
void scene_end(void);

/* A good image, measured and signed; after a change sign it again (and measure it, if pages
 * changed). */
struct image *scene_image(void);
void image_measure(struct image *image);
void image_sign(struct image *image);

/* What can make an image another one. */
enum image_change {
    IMAGE_SAME,
    IMAGE_CODE,
    IMAGE_ID,
    IMAGE_FAMILY_ID,
    IMAGE_IS_DEBUG,
    IMAGE_VERSION,
    IMAGE_SECURITY_VERSION,
};
void image_change(struct image *image, enum image_change change);

/* A control operation by dom0, restarted as Xen would until it is done. `arg` is written back. */
int control(uint32_t op, void *arg, size_t size);
/* One go: -ERESTART comes through. */
int control_once(uint32_t op, void *arg, size_t size);
extern unsigned long control_restarts; /* since the start */

/* The operations, with the fields most tests want. Results: 0 or a negative errno. */
int do_create(const struct image *image, uint16_t domain, uint32_t *enclave);
int do_add(const struct image *image, uint32_t enclave, uint32_t first, uint32_t count);
int do_share(uint32_t enclave, uint32_t first, uint32_t count);
int do_init(uint32_t enclave, uint64_t handle[2]);
int do_destroy(uint32_t enclave);
int do_quota(uint16_t domain, uint64_t limit);
/* The head of the last of these. */
extern struct cloister_head last_head;

/* Their arguments, to be changed before use. Buffers are in the caller's memory. */
struct cloister_create create_arg(const struct image *image, uint16_t domain);
struct cloister_add_pages add_arg(const struct image *image, uint32_t enclave, uint32_t first,
                                  uint32_t count);
struct cloister_share share_arg(uint32_t enclave, uint32_t first, uint32_t count);

/* Enclaves in each state. They fail the test if it does not work. */
uint32_t scene_building(const struct image *image, uint16_t domain); /* all pages, shares */
uint32_t scene_ready(const struct image *image, uint16_t domain, uint64_t handle[2]);

/* A call by a tenant's vCPU. Returns the thread that would be entered. */
struct thread *tenant_call(uint16_t domain, uint16_t vcpu, uint64_t operation,
                           const uint64_t handle[2], uint64_t thread, struct thread_result *result);
/* ENTER or RESUME that must work; RUNNING on that vCPU afterwards. */
struct thread *scene_enter(uint16_t domain, uint16_t vcpu, const uint64_t handle[2],
                           uint64_t thread);
struct thread *scene_resume(uint16_t domain, uint16_t vcpu, const uint64_t handle[2],
                            uint64_t thread);
/* The enclave's own exit; returns what the vCPU does next. */
enum thread_next scene_exit(struct thread *thread, uint64_t number, uint64_t value0,
                            uint64_t value1, struct thread_result *result);

/* The monitor's whole state as dom0 can see it, and what it holds of its host. */
struct picture {
    struct cloister_info info;
    struct cloister_quota quota[FAKE_DOMAINS];
    struct cloister_domain domain[FAKE_DOMAINS];
    struct cloister_enclave_info list[16];
    uint32_t list_count;
    unsigned long frames;
    unsigned long blocks;
    unsigned long pins;
};
struct picture picture_take(void);
/* Compares all but what a refusal may change: counters of refusals, and the frame table's size. */
void pictures_must_match(const struct picture *before, const struct picture *after,
                         const char *where);

/* The operation is refused with this error and reason, changes nothing, and is traced. */
#define REFUSES(op, arg, error, why)                                                               \
    refuses(op, &(arg), sizeof(arg), error, CLOISTER_REASON_##why, #op " at line", __LINE__)
void refuses(uint32_t op, void *arg, size_t size, int error, enum cloister_reason why,
             const char *where, int line);

#endif
