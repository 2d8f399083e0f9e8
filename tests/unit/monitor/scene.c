/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* Also used outside of Check's tests. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fake_die("%s:%d: not so: %s", __FILE__, __LINE__, #condition);                         \
        }                                                                                          \
    } while (0)

struct cloister_head last_head;
unsigned long control_restarts;

static uint64_t arg_address;

void scene_start_with(unsigned int stride)
{
    fake_start(stride);
    control_restarts = 0;
    fake.actor_domain = 0;
    fake.actor_vcpu = 1;
    fake.actor_cpl = 3;
    fake.actor_rip = 0x401000;
    fake.actor_cr3 = 0x1234000;
    arg_address = fake_user_put(NULL, 1024);
    for (uint16_t domain = TENANT; domain <= OTHER_TENANT; domain++) {
        MUST(do_quota(domain, SCENE_QUOTA) == 0);
        for (uint32_t i = 0; i < SCENE_SHARED; i++) {
            fake_grant(&fake.domains[domain], FIRST_REF + i, true);
        }
        fake_grant(&fake.domains[domain], READONLY_REF, false);
    }
}

void scene_start(void)
{
    scene_start_with(1);
}

void scene_end(void)
{
    fake_end();
}

/* --- images -------------------------------------------------------------------------------- */

static EVP_PKEY *author(void)
{
    static EVP_PKEY *key;

    if (!key) {
        key = EVP_EC_gen("P-256");
        MUST(key != NULL);
    }
    return key;
}

void image_sign(struct image *image)
{
    uint8_t point[65];
    uint8_t der[80];
    size_t size = sizeof(point);
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    MUST(EVP_PKEY_get_octet_string_param(author(), OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                         &size) == 1);
    MUST(size == sizeof(point));
    memcpy(image->header.author_key, point + 1, sizeof(image->header.author_key));

    size = sizeof(der);
    MUST(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, author()) == 1);
    MUST(EVP_DigestSign(context, der, &size, (const uint8_t *)&image->header,
                        CLOISTER_IMAGE_SIGNED_SIZE) == 1);
    EVP_MD_CTX_free(context);

    const uint8_t *bytes = der;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &bytes, size);
    MUST(signature != NULL);
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), image->header.signature, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), image->header.signature + 32, 32);
    ECDSA_SIG_free(signature);
}

void image_measure(struct image *image)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    EVP_DigestInit_ex(context, EVP_sha384(), NULL);
    EVP_DigestUpdate(context, &image->header.launch, sizeof(image->header.launch));
    for (uint32_t i = 0; i < image->count; i++) {
        EVP_DigestUpdate(context, &image->records[i], sizeof(image->records[i]));
        if (!(image->records[i].flags & CLOISTER_PAGE_ZERO)) {
            EVP_DigestUpdate(context, image->content[i], CLOISTER_PAGE_SIZE);
        }
    }
    EVP_DigestFinal_ex(context, image->header.measurement, NULL);
    EVP_MD_CTX_free(context);
}

static struct image good_image(void)
{
    struct image image = {
        .header =
            {
                .magic = CLOISTER_IMAGE_MAGIC,
                .version = CLOISTER_IMAGE_VERSION,
                .header_size = CLOISTER_IMAGE_HEADER_SIZE,
                .launch =
                    {
                        .page_count = SCENE_PAGE_COUNT,
                        .record_count = SCENE_PAGES,
                        .thread_count = SCENE_THREADS,
                        .shared_count = SCENE_SHARED,
                        .cr3_page = 1,
                        .entry = CLOISTER_ENCLAVE_BASE + 0x2000,
                        .stack_top = CLOISTER_ENCLAVE_BASE + 0x4000,
                        .stack_stride = CLOISTER_PAGE_SIZE,
                        .tls_base = CLOISTER_ENCLAVE_BASE + 0x3000,
                        .tls_stride = 64,
                        .tss_base = CLOISTER_ENCLAVE_BASE + 0x3100,
                        .tss_stride = 128,
                        .gdt_base = CLOISTER_ENCLAVE_BASE,
                        .idt_base = CLOISTER_ENCLAVE_BASE + 0x100,
                        .gdt_limit = 0x27,
                        .idt_limit = 0x1ff,
                        .code_selector = 8,
                        .data_selector = 16,
                    },
                .family_id = "family",
                .image_id = "image",
                .image_version = 7,
                .security_version = 3,
                .name = "a good image",
            },
        .count = SCENE_PAGES,
        .records =
            {
                {0, CLOISTER_PAGE_R},
                {1, CLOISTER_PAGE_R | CLOISTER_PAGE_W},
                {2, CLOISTER_PAGE_R | CLOISTER_PAGE_X},
                {3, CLOISTER_PAGE_R | CLOISTER_PAGE_W | CLOISTER_PAGE_ZERO},
                {511, CLOISTER_PAGE_R | CLOISTER_PAGE_W},
                {512, CLOISTER_PAGE_R | CLOISTER_PAGE_W},
                {1500, CLOISTER_PAGE_R | CLOISTER_PAGE_ZERO},
                {SCENE_PAGE_COUNT - 1, CLOISTER_PAGE_R | CLOISTER_PAGE_X},
            },
    };

    for (uint32_t i = 0; i < SCENE_PAGES; i++) {
        for (uint32_t byte = 0; byte < CLOISTER_PAGE_SIZE; byte++) {
            image.content[i][byte] = i * 37 + byte * 11 + byte / 256;
        }
    }
    image_measure(&image);
    image_sign(&image);
    return image;
}

struct image *scene_image(void)
{
    static struct image pristine;
    static struct image image;

    if (!pristine.count) {
        pristine = good_image();
    }
    image = pristine;
    return &image;
}

void image_change(struct image *image, enum image_change change)
{
    image->content[2][7] ^= change == IMAGE_CODE;
    image->header.image_id[3] ^= change == IMAGE_ID;
    image->header.family_id[15] ^= change == IMAGE_FAMILY_ID;
    image->header.launch.flags ^= change == IMAGE_IS_DEBUG ? CLOISTER_IMAGE_DEBUG : 0;
    image->header.image_version += change == IMAGE_VERSION;
    image->header.security_version += change == IMAGE_SECURITY_VERSION;
}

/* --- control operations -------------------------------------------------------------------- */

int control_once(uint32_t op, void *arg, size_t size)
{
    memcpy(fake_user(arg_address), arg, size);
    int rc = monitor_control(op, arg_address, true, false);
    memcpy(arg, fake_user(arg_address), size);
    memcpy(&last_head, arg, sizeof(last_head));
    MUST(fake_quiet());
    return rc;
}

int control(uint32_t op, void *arg, size_t size)
{
    int rc;

    while ((rc = control_once(op, arg, size)) == -ERESTART) {
        control_restarts++;
        fake_check();
    }
    return rc;
}

struct cloister_create create_arg(const struct image *image, uint16_t domain)
{
    return (struct cloister_create){.domain = domain,
                                    .header = fake_user_put(&image->header, sizeof(image->header))};
}

struct cloister_add_pages add_arg(const struct image *image, uint32_t enclave, uint32_t first,
                                  uint32_t count)
{
    return (struct cloister_add_pages){
        .enclave = enclave,
        .count = count,
        .records = fake_user_put(&image->records[first], count * sizeof(image->records[0])),
        .content = fake_user_put(image->content[first], count * CLOISTER_PAGE_SIZE),
    };
}

struct cloister_share share_arg(uint32_t enclave, uint32_t first, uint32_t count)
{
    uint32_t refs[SCENE_SHARED + 1];

    for (uint32_t i = 0; i < count && i <= SCENE_SHARED; i++) {
        refs[i] = FIRST_REF + first + i;
    }
    return (struct cloister_share){.enclave = enclave,
                                   .first = first,
                                   .count = count,
                                   .refs = fake_user_put(refs, sizeof(refs))};
}

int do_create(const struct image *image, uint16_t domain, uint32_t *enclave)
{
    struct cloister_create op = create_arg(image, domain);
    int rc = control(CLOISTER_OP_CREATE, &op, sizeof(op));

    *enclave = op.enclave;
    return rc;
}

int do_add(const struct image *image, uint32_t enclave, uint32_t first, uint32_t count)
{
    struct cloister_add_pages op = add_arg(image, enclave, first, count);

    return control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op));
}

int do_share(uint32_t enclave, uint32_t first, uint32_t count)
{
    struct cloister_share op = share_arg(enclave, first, count);

    return control(CLOISTER_OP_SHARE, &op, sizeof(op));
}

int do_init(uint32_t enclave, uint64_t handle[2])
{
    struct cloister_init op = {.enclave = enclave};
    int rc = control(CLOISTER_OP_INIT, &op, sizeof(op));

    memcpy(handle, op.handle, sizeof(op.handle));
    return rc;
}

int do_destroy(uint32_t enclave)
{
    struct cloister_destroy op = {.enclave = enclave};

    return control(CLOISTER_OP_DESTROY, &op, sizeof(op));
}

int do_quota(uint16_t domain, uint64_t limit)
{
    struct cloister_quota op = {.domain = domain, .set = 1, .limit = limit};

    return control(CLOISTER_OP_QUOTA, &op, sizeof(op));
}

uint32_t scene_building(const struct image *image, uint16_t domain)
{
    uint32_t enclave;

    MUST(do_create(image, domain, &enclave) == 0);
    MUST(do_add(image, enclave, 0, image->count) == 0);
    return enclave;
}

uint32_t scene_ready(const struct image *image, uint16_t domain, uint64_t handle[2])
{
    uint32_t enclave = scene_building(image, domain);

    MUST(do_init(enclave, handle) == 0);
    return enclave;
}

/* --- calls --------------------------------------------------------------------------------- */

struct thread *tenant_call(uint16_t domain, uint16_t vcpu, uint64_t operation,
                           const uint64_t handle[2], uint64_t thread, struct thread_result *result)
{
    const struct thread_call call = {
        .operation = operation,
        .handle = {handle[0], handle[1]},
        .thread = thread,
        .arg = {0x1111, 0x2222},
        .user_mode = true,
        .flags_ok = true,
        .vcpu = vcpu,
    };
    uint16_t actor = fake.actor_domain;

    fake.actor_domain = domain;
    fake.actor_vcpu = vcpu;
    struct thread *entered = thread_call(fake.domains[domain].tenant, &call, result);
    if (entered) {
        fake.domains[domain].vcpus[vcpu].pending = entered;
    }
    fake.actor_domain = actor;
    MUST(fake_quiet());
    return entered;
}

static struct thread *must_run(uint16_t domain, uint16_t vcpu, uint64_t operation,
                               const uint64_t handle[2], uint64_t thread)
{
    struct thread_result result = {.outcome = 99};
    struct thread *entered = tenant_call(domain, vcpu, operation, handle, thread, &result);

    MUST(entered != NULL);
    MUST(result.outcome == -EAGAIN);
    MUST(entered->state == CLOISTER_THREAD_RUNNING);
    MUST(entered->vcpu == vcpu);
    return entered;
}

struct thread *scene_enter(uint16_t domain, uint16_t vcpu, const uint64_t handle[2],
                           uint64_t thread)
{
    return must_run(domain, vcpu, CLOISTER_CALL_ENTER, handle, thread);
}

struct thread *scene_resume(uint16_t domain, uint16_t vcpu, const uint64_t handle[2],
                            uint64_t thread)
{
    return must_run(domain, vcpu, CLOISTER_CALL_RESUME, handle, thread);
}

enum thread_next scene_exit(struct thread *thread, uint64_t number, uint64_t value0,
                            uint64_t value1, struct thread_result *result)
{
    const struct thread_exit exit = {
        .kind = THREAD_EXIT_CALL, .number = number, .value = {value0, value1}, .kernel = true};
    struct fake_domain *domain = thread->enclave->tenant->domain;
    uint16_t vcpu = thread->vcpu;
    enum thread_next next;

    do {
        next = thread_exit(thread, &exit, result);
    } while (next == THREAD_AGAIN);
    if (next == THREAD_LEAVE) {
        domain->vcpus[vcpu].pending = NULL;
    }
    MUST(fake_quiet());
    return next;
}

/* --- pictures ------------------------------------------------------------------------------ */

struct picture picture_take(void)
{
    struct picture picture;
    struct cloister_list list = {.start = 0, .capacity = 16};
    struct cloister_head head = last_head;

    memset(&picture, 0, sizeof(picture));
    list.buffer = fake_user_readonly() - sizeof(picture.list);
    MUST(control(CLOISTER_OP_INFO, &picture.info, sizeof(picture.info)) == 0);
    MUST(control(CLOISTER_OP_LIST, &list, sizeof(list)) == 0);
    picture.list_count = list.count;
    memcpy(picture.list, fake_user(list.buffer), list.count * sizeof(picture.list[0]));
    for (uint16_t i = 0; i < FAKE_DOMAINS; i++) {
        if (!fake.domains[i].tenant) {
            continue;
        }
        picture.quota[i].domain = picture.domain[i].domain = i;
        /* A dying domain's may be refused; that is part of the picture. */
        (void)control(CLOISTER_OP_QUOTA, &picture.quota[i], sizeof(picture.quota[i]));
        MUST(control(CLOISTER_OP_DOMAIN, &picture.domain[i], sizeof(picture.domain[i])) == 0);
        picture.domain[i].refusals = picture.domain[i].suppressed = 0;
    }
    picture.frames = fake_frames_in_use();
    picture.blocks = fake_heap_blocks();
    picture.pins = fake_pins();
    picture.info.refusals = picture.info.suppressed = picture.info.overhead_frames = 0;
    last_head = head;
    fake_check();
    return picture;
}

void pictures_must_match(const struct picture *before, const struct picture *after,
                         const char *where)
{
    const uint8_t *a = (const uint8_t *)before;
    const uint8_t *b = (const uint8_t *)after;

    for (size_t i = 0; i < sizeof(*before); i++) {
        if (a[i] != b[i]) {
            fake_die("%s: state changed, byte %zu of struct picture", where, i);
        }
    }
}

void refuses(uint32_t op, void *arg, size_t size, int error, enum cloister_reason why,
             const char *where, int line)
{
    char place[128];
    struct picture before = picture_take();

    snprintf(place, sizeof(place), "%s %d", where, line);
    fake.now += UINT64_C(1000000000);
    uint64_t number = fake_ring(host_cpu())->next;
    int rc = control(op, arg, size);
    const struct cloister_trace_record *record = fake_record(host_cpu(), number);
    struct picture after = picture_take();

    if (rc != error || last_head.reason != why) {
        fake_die("%s: %d %s, not %d %s", place, rc, cloister_reason_name(last_head.reason), error,
                 cloister_reason_name(why));
    }
    if (!record || record->event != CLOISTER_EVENT_CONTROL ||
        record->decision != CLOISTER_REFUSED || record->error != error || record->reason != why ||
        record->operation != op || record->domain != fake.actor_domain ||
        record->vcpu != fake.actor_vcpu || record->cpl != fake.actor_cpl ||
        record->rip != fake.actor_rip || record->cr3 != fake.actor_cr3 ||
        record->found != last_head.found || record->allowed != last_head.allowed) {
        fake_die("%s: the trace record is missing or wrong", place);
    }
    pictures_must_match(&before, &after, place);
}
