/* SPDX-License-Identifier: MIT */
#include "core/enclave.h"

#include "core/count.h"
#include "core/launch.h"
#include "core/refuse.h"
#include "core/wipe.h"

static struct {
    struct host_lock lock;
    struct enclave *first;
    uint32_t next_id;
    uint64_t created;
    uint64_t destroyed;
} enclaves;

void enclaves_init(void)
{
    memset(&enclaves, 0, sizeof(enclaves));
    enclaves.next_id = 1;
    host_lock_init(&enclaves.lock);
}

/* --- finding and holding --------------------------------------------------------------------- */

/* Where the list, in the order of ids, has or would have the first one of at least `id`. */
static struct enclave **link_from(uint64_t id)
{
    struct enclave **link = &enclaves.first;

    host_lock_expect(&enclaves.lock);
    while (*link && (*link)->id < id) {
        link = &(*link)->next;
    }
    return link;
}

static struct enclave *find(uint32_t id)
{
    struct enclave *enclave = *link_from(id);

    return enclave && enclave->id == id ? enclave : NULL;
}

/* Takes the builder token of a BUILDING enclave; NULL with the refusal in *rc and *head. */
static struct enclave *builder_take(uint32_t id, struct cloister_head *head, int *rc)
{
    *rc = 0;
    host_lock(&enclaves.lock);
    struct enclave *enclave = find(id);
    if (!enclave) {
        *rc = refuse(head, -ENOENT, CLOISTER_REASON_NO_SUCH_ENCLAVE, id, 0);
    } else if (enclave->state == CLOISTER_ENCLAVE_DYING) {
        *rc = refuse(head, -EBUSY, CLOISTER_REASON_ENCLAVE_DYING, id, 0);
    } else if (enclave->state != CLOISTER_ENCLAVE_BUILDING || enclave->building ||
               enclave->signature) {
        *rc = refuse(head, -EBUSY, CLOISTER_REASON_ENCLAVE_STATE, enclave->state,
                     CLOISTER_ENCLAVE_BUILDING);
    } else {
        enclave->building = true;
    }
    host_unlock(&enclaves.lock);
    return *rc ? NULL : enclave;
}

static void builder_drop(struct enclave *enclave)
{
    host_lock(&enclaves.lock);
    enclave->building = false;
    host_unlock(&enclaves.lock);
}

/* --- memory, charged to the tenant --------------------------------------------------------- */

static int charge(struct enclave *enclave, struct cloister_head *head, uint64_t frames)
{
    uint64_t left;

    if (tenant_charge(enclave->tenant, frames, &left)) {
        return refuse(head, -EDQUOT, CLOISTER_REASON_QUOTA, frames, left);
    }
    count_add(&enclave->frames, frames);
    return 0;
}

static void uncharge(struct enclave *enclave, uint64_t frames)
{
    count_add(&enclave->frames, -frames);
    tenant_uncharge(enclave->tenant, frames);
}

/* --- creation ------------------------------------------------------------------------------ */

/* Gives back all that enclave_make() took, but for the view. */
static void enclave_release(struct enclave *enclave)
{
    for (uint32_t i = 0; enclave->threads && i < enclave->header.launch.thread_count; i++) {
        struct thread *thread = &enclave->threads[i];
        for (unsigned int f = 0; thread->world && f < THREAD_FRAMES; f++) {
            frame_give_back(thread->context[f]);
        }
    }
    host_free(enclave->threads);
    host_free(enclave->shared);
    host_free(enclave->signature);
    uncharge(enclave, enclave->frames);
}

static int thread_make(struct enclave *enclave, uint32_t index)
{
    struct thread *thread = &enclave->threads[index];

    thread->enclave = enclave;
    thread->index = index;
    for (unsigned int taken = 0; taken < THREAD_FRAMES; taken++) {
        if (frame_take(FRAME_CONTEXT, enclave->id, index, &thread->context[taken])) {
            while (taken > 0) {
                frame_give_back(thread->context[--taken]);
            }
            return -ENOMEM;
        }
    }
    host_world_init(thread, enclave->view.root);
    return 0;
}

static void nothing_mapped(uint64_t gpfn, frame_t frame, void *context)
{
    (void)gpfn;
    (void)frame;
    (void)context;
    host_panic("a new view maps something");
}

/* Undoes enclave_make(). */
static void enclave_unmake(struct enclave *enclave)
{
    uint64_t cursor = 0;

    while (!view_unmap_all(&enclave->view, &cursor, nothing_mapped, NULL)) {
    }
    enclave_release(enclave);
}

/* Everything an enclave needs before its first page. */
static int enclave_make(struct enclave *enclave, struct cloister_head *head)
{
    const struct cloister_launch *launch = &enclave->header.launch;

    int rc = charge(enclave, head, 1 + launch->thread_count * THREAD_FRAMES);
    if (rc) {
        return rc;
    }
    enclave->threads = host_alloc(launch->thread_count * sizeof(*enclave->threads));
    enclave->shared = host_alloc(launch->shared_count * sizeof(*enclave->shared));
    enclave->signature = host_alloc(sizeof(*enclave->signature));
    bool made = enclave->threads && enclave->shared && enclave->signature &&
                !view_init(&enclave->view, enclave->id);
    for (uint32_t i = 0; made && i < launch->thread_count; i++) {
        made = !thread_make(enclave, i);
    }
    if (!made) {
        enclave_unmake(enclave);
        return refuse(head, -ENOMEM, CLOISTER_REASON_NO_MEMORY, 0, 0);
    }
    measure_begin(&enclave->measurement, launch);
    return 0;
}

/* Registers a made enclave in the list; its maker has the token. */
static void enclave_publish(struct enclave *enclave)
{
    host_lock(&enclaves.lock);
    struct enclave **link = link_from(enclave->id);
    enclave->next = *link;
    *link = enclave;
    host_unlock(&enclaves.lock);
}

/* A number that was never used before; 0: there are no more until the next boot. */
static uint32_t id_next(void)
{
    host_lock(&enclaves.lock);
    uint32_t id = enclaves.next_id;
    if (id < UINT32_MAX) {
        enclaves.next_id++;
    } else {
        id = 0;
    }
    host_unlock(&enclaves.lock);
    return id;
}

static void tenant_dismiss(struct tenant *tenant)
{
    host_lock(&tenant->lock);
    tenant->enclaves--;
    host_unlock(&tenant->lock);
}

/* Whether this tenant can have one more enclave; reserves its place if so, which keeps the tenant (tenant_end). */
static int tenant_admit(struct tenant *tenant, struct cloister_head *head)
{
    enum cloister_reason reason;
    int rc = 0;

    host_lock(&tenant->lock);
    if (tenant->dying) {
        rc = refuse(head, -ESRCH, CLOISTER_REASON_DOMAIN_DYING, tenant->id, 0);
    } else if (tenant->enclaves >= TENANT_MAX_ENCLAVES) {
        rc = refuse(head, -ENOSPC, CLOISTER_REASON_TOO_MANY_ENCLAVES, tenant->enclaves,
                    TENANT_MAX_ENCLAVES);
    } else {
        tenant->enclaves++;
    }
    host_unlock(&tenant->lock);
    if (rc) {
        return rc;
    }
    /* Counted first, then asked: tenant_has_enclaves() says why. */
    reason = host_domain_refusal(tenant->domain);
    if (reason) {
        tenant_dismiss(tenant);
        return refuse(head, -EOPNOTSUPP, reason, tenant->id, 0);
    }
    return 0;
}

static void enclave_free(struct enclave *enclave)
{
    wipe(enclave, sizeof(*enclave));
    host_free(enclave);
}

/* With the header copied in and checked: an enclave whose author's signature is still to be verified. */
static int create_for_tenant(struct cloister_create *op, struct enclave *enclave)
{
    struct tenant *tenant = tenant_get(op->domain);
    int rc;

    if (!tenant) {
        return refuse(&op->head, -ESRCH, CLOISTER_REASON_NO_SUCH_DOMAIN, op->domain, 0);
    }
    rc = tenant_admit(tenant, &op->head);
    tenant_put(tenant);
    if (rc) {
        return rc;
    }
    enclave->tenant = tenant;
    enclave->id = id_next();
    enclave->state = CLOISTER_ENCLAVE_BUILDING;
    enclave->building = true;
    rc = enclave->id ? enclave_make(enclave, &op->head)
                     : refuse(&op->head, -ENOSPC, CLOISTER_REASON_TOO_MANY_ENCLAVES, UINT32_MAX,
                              UINT32_MAX - 1);
    if (rc) {
        tenant_dismiss(tenant);
    } else {
        enclave_publish(enclave);
    }
    return rc;
}

static int create_begin(struct cloister_create *op, struct enclave **made)
{
    enum cloister_reason reason = host_refusal();
    struct enclave *enclave;
    int rc;

    if (reason) {
        return refuse(&op->head, -EOPNOTSUPP, reason, 0, 0);
    }
    enclave = host_alloc(sizeof(*enclave));
    if (!enclave) {
        return refuse(&op->head, -ENOMEM, CLOISTER_REASON_NO_MEMORY, 0, 0);
    }
    if (host_copy_in(&enclave->header, op->header, sizeof(enclave->header))) {
        rc = refuse(&op->head, -EFAULT, CLOISTER_REASON_BAD_POINTER, op->header, 0);
    } else {
        rc = launch_check(&enclave->header, &op->head);
    }
    if (!rc) {
        measure_author(&enclave->header, enclave->author);
        rc = create_for_tenant(op, enclave);
    }
    if (rc) {
        enclave_free(enclave);
    } else {
        *made = enclave;
    }
    return rc;
}

/* Takes the token of an enclave whose CREATE was preempted. NULL: it is none. */
static struct enclave *create_again(uint32_t id)
{
    host_lock(&enclaves.lock);
    struct enclave *enclave = find(id);
    if (enclave &&
        (enclave->state != CLOISTER_ENCLAVE_BUILDING || enclave->building || !enclave->signature)) {
        enclave = NULL;
    }
    if (enclave) {
        enclave->building = true;
    }
    host_unlock(&enclaves.lock);
    return enclave;
}

static void enclave_remove(struct enclave *enclave);

/* With the token. The author's signature is valid, unless `rc`. */
static int create_end(struct cloister_create *op, struct enclave *enclave, int rc)
{
    op->domain = enclave->tenant->id;
    if (rc) {
        op->enclave = 0;
        enclave_remove(enclave);
        return refuse(&op->head, rc, CLOISTER_REASON_IMAGE_SIGNATURE, 0, 0);
    }
    op->enclave = enclave->id;
    host_lock(&enclaves.lock);
    host_free(enclave->signature);
    enclave->signature = NULL;
    enclave->building = false;
    enclaves.created++;
    host_unlock(&enclaves.lock);
    return 0;
}

int enclave_create(struct cloister_create *op)
{
    struct enclave *enclave = op->enclave ? create_again(op->enclave) : NULL;
    int rc = 0;

    if (op->reserved0 || (op->enclave && !enclave)) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, 0, 0);
    }
    if (!enclave) {
        rc = create_begin(op, &enclave);
    }
    if (rc) {
        return rc;
    }
    do {
        rc = measure_signature_step(&enclave->header, enclave->signature);
    } while (rc == -EAGAIN && !host_preempted());
    if (rc == -EAGAIN) {
        op->enclave = enclave->id;
        builder_drop(enclave);
        return -ERESTART;
    }
    return create_end(op, enclave, rc);
}

/* --- pages --------------------------------------------------------------------------------- */

static int page_check(struct enclave *enclave, struct cloister_head *head,
                      const struct cloister_page_record *record)
{
    const uint32_t known = CLOISTER_PAGE_R | CLOISTER_PAGE_W | CLOISTER_PAGE_X | CLOISTER_PAGE_ZERO;
    const uint32_t wx = CLOISTER_PAGE_W | CLOISTER_PAGE_X;
    frame_t present;

    if (record->page >= enclave->header.launch.page_count) {
        return refuse(head, -EINVAL, CLOISTER_REASON_PAGE_RANGE, record->page,
                      enclave->header.launch.page_count - 1);
    }
    if (enclave->pages_added >= enclave->header.launch.record_count) {
        return refuse(head, -EINVAL, CLOISTER_REASON_PAGE_RANGE, enclave->pages_added + 1,
                      enclave->header.launch.record_count);
    }
    if (!(record->flags & CLOISTER_PAGE_R) || (record->flags & wx) == wx ||
        (record->flags & ~known)) {
        return refuse(head, -EINVAL, CLOISTER_REASON_PAGE_FLAGS, record->flags, known);
    }
    if (view_lookup(&enclave->view, record->page, &present)) {
        return refuse(head, -EEXIST, CLOISTER_REASON_PAGE_DUPLICATE, record->page, 0);
    }
    return 0;
}

/* Fills a fresh sealed frame and maps it. The frame belongs to the caller on an error. */
static int page_fill(struct enclave *enclave, struct cloister_head *head,
                     const struct cloister_page_record *record, uint64_t content, frame_t frame)
{
    bool zero = record->flags & CLOISTER_PAGE_ZERO;
    void *page = host_frame_map(frame);
    int rc = 0;

    if (!zero && host_copy_in(page, content, CLOISTER_PAGE_SIZE)) {
        rc = refuse(head, -EFAULT, CLOISTER_REASON_BAD_POINTER, content, 0);
    } else if (view_map(&enclave->view, record->page, frame,
                        record->flags & (CLOISTER_PAGE_R | CLOISTER_PAGE_W | CLOISTER_PAGE_X))) {
        rc = refuse(head, -ENOMEM, CLOISTER_REASON_NO_MEMORY, 0, 0);
    } else {
        measure_page(&enclave->measurement, record, zero ? NULL : page);
        count_add(&enclave->pages_added, 1);
    }
    host_frame_unmap(page);
    return rc;
}

static int page_add(struct enclave *enclave, struct cloister_head *head,
                    const struct cloister_page_record *record, uint64_t content)
{
    frame_t frame;

    int rc = page_check(enclave, head, record);
    if (rc) {
        return rc;
    }
    uint64_t frames = 1 + view_tables_needed(&enclave->view, record->page);
    rc = charge(enclave, head, frames);
    if (rc) {
        return rc;
    }
    if (frame_take(FRAME_SEALED, enclave->id, record->page, &frame)) {
        uncharge(enclave, frames);
        return refuse(head, -ENOMEM, CLOISTER_REASON_NO_MEMORY, 0, 0);
    }
    rc = page_fill(enclave, head, record, content, frame);
    if (rc) {
        frame_give_back(frame);
        uncharge(enclave, frames);
    }
    return rc;
}

int enclave_add_pages(struct cloister_add_pages *op)
{
    int rc;

    if (op->reserved0) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, op->reserved0, 0);
    }
    if (!op->count || op->count > CLOISTER_MAX_BATCH || op->done > op->count) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_BATCH, op->count, CLOISTER_MAX_BATCH);
    }
    struct enclave *enclave = builder_take(op->enclave, &op->head, &rc);
    if (!enclave) {
        return rc;
    }
    while (op->done < op->count) {
        struct cloister_page_record record;
        uint64_t address = op->records + (uint64_t)op->done * sizeof(record);

        if (host_preempted()) {
            rc = -ERESTART;
        } else if (host_copy_in(&record, address, sizeof(record))) {
            rc = refuse(&op->head, -EFAULT, CLOISTER_REASON_BAD_POINTER, address, 0);
        } else {
            rc = page_add(enclave, &op->head, &record,
                          op->content + (uint64_t)op->done * CLOISTER_PAGE_SIZE);
        }
        if (rc) {
            break;
        }
        op->done++;
    }
    builder_drop(enclave);
    return rc;
}

/* --- sharing ------------------------------------------------------------------------------- */

static int share_one(struct enclave *enclave, struct cloister_head *head, uint32_t place,
                     uint32_t ref)
{
    struct shared_page *shared = &enclave->shared[place];
    uint64_t gpfn = CLOISTER_SHARED_GPFN + place;
    frame_t frame;

    if (shared->present) {
        return refuse(head, -EEXIST, CLOISTER_REASON_SHARE_DUPLICATE, place, 0);
    }
    uint64_t frames = view_tables_needed(&enclave->view, gpfn);
    int rc = charge(enclave, head, frames);
    if (rc) {
        return rc;
    }
    if (host_grant_acquire(enclave->tenant->domain, ref, &frame)) {
        uncharge(enclave, frames);
        return refuse(head, -EINVAL, CLOISTER_REASON_SHARE_GRANT, ref, 0);
    }
    rc = frame_share(frame, enclave->id, place);
    if (rc == -EEXIST) {
        refuse(head, rc, CLOISTER_REASON_SHARE_FRAME, ref, 0);
    } else if (rc) {
        refuse(head, rc, CLOISTER_REASON_NO_MEMORY, 0, 0);
    } else {
        rc = view_map(&enclave->view, gpfn, frame, CLOISTER_PAGE_R | CLOISTER_PAGE_W);
        if (rc) {
            frame_unshare(frame);
            refuse(head, rc, CLOISTER_REASON_NO_MEMORY, 0, 0);
        }
    }
    if (rc) {
        host_grant_release(enclave->tenant->domain, ref, frame);
        uncharge(enclave, frames);
        return rc;
    }
    *shared = (struct shared_page){.present = true, .ref = ref};
    count_add(&enclave->shared_pages, 1);
    return 0;
}

int enclave_share(struct cloister_share *op)
{
    int rc;

    if (!op->count || op->count > CLOISTER_MAX_SHARED_PAGES || op->done > op->count) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_BATCH, op->count,
                      CLOISTER_MAX_SHARED_PAGES);
    }
    struct enclave *enclave = builder_take(op->enclave, &op->head, &rc);
    if (!enclave) {
        return rc;
    }
    uint32_t window = enclave->header.launch.shared_count;
    if (op->first > window || op->count > window - op->first) {
        rc = refuse(&op->head, -EINVAL, CLOISTER_REASON_SHARE_RANGE,
                    (uint64_t)op->first + op->count, window);
    }
    while (!rc && op->done < op->count) {
        uint64_t address = op->refs + (uint64_t)op->done * sizeof(uint32_t);
        uint32_t ref;

        if (host_preempted()) {
            rc = -ERESTART;
        } else if (host_copy_in(&ref, address, sizeof(ref))) {
            rc = refuse(&op->head, -EFAULT, CLOISTER_REASON_BAD_POINTER, address, 0);
        } else {
            rc = share_one(enclave, &op->head, op->first + op->done, ref);
        }
        if (!rc) {
            op->done++;
        }
    }
    builder_drop(enclave);
    return rc;
}

/* --- initialisation ------------------------------------------------------------------------ */

/* Gives the enclave a free slot of its tenant and a handle that names it. There is one: a tenant
 * never has more enclaves than slots. */
static void slot_take(struct enclave *enclave, const uint64_t random[2])
{
    struct tenant *tenant = enclave->tenant;
    uint32_t slot = 0;

    host_lock(&tenant->lock);
    while (slot < TENANT_MAX_ENCLAVES && tenant->slots[slot]) {
        slot++;
    }
    if (slot == TENANT_MAX_ENCLAVES) {
        host_panic("more enclaves than slots");
    }
    enclave->slot = slot;
    enclave->handle[0] = (random[0] & ~(uint64_t)(TENANT_MAX_ENCLAVES - 1)) | slot;
    enclave->handle[1] = random[1];
    tenant->slots[slot] = enclave;
    host_unlock(&tenant->lock);
}

static int init_decode(const struct enclave *enclave, struct cloister_init *op, uint64_t random[2])
{
    if (enclave->pages_added != enclave->header.launch.record_count) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_IMAGE_INCOMPLETE, enclave->pages_added,
                      enclave->header.launch.record_count);
    }
    measure_value(&enclave->measurement, op->measurement);
    if (memcmp(op->measurement, enclave->header.measurement, sizeof(op->measurement)) != 0) {
        return refuse(&op->head, -EACCES, CLOISTER_REASON_IMAGE_MEASUREMENT, 0, 0);
    }
    if (host_random(random, 2 * sizeof(*random))) {
        return refuse(&op->head, -EIO, CLOISTER_REASON_HOST_ENTROPY, 0, 0);
    }
    return 0;
}

int enclave_init(struct cloister_init *op)
{
    uint64_t random[2];
    int rc;

    if (op->reserved0) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, op->reserved0, 0);
    }
    struct enclave *enclave = builder_take(op->enclave, &op->head, &rc);
    if (!enclave) {
        return rc;
    }
    rc = init_decode(enclave, op, random);
    host_lock(&enclaves.lock);
    if (!rc && enclave->state == CLOISTER_ENCLAVE_DYING) {
        rc = refuse(&op->head, -EBUSY, CLOISTER_REASON_ENCLAVE_DYING, op->enclave, 0);
    }
    if (!rc) {
        slot_take(enclave, random);
        op->handle[0] = enclave->handle[0];
        op->handle[1] = enclave->handle[1];
        enclave->state = CLOISTER_ENCLAVE_READY;
    }
    enclave->building = false;
    host_unlock(&enclaves.lock);
    return rc;
}

/* --- the enclave's own calls ------------------------------------------------------------------ */

/* Entries of the enclave's own tables (Intel SDM vol. 3, 4.5.4; AMD APM vol. 2, 5.3.3). */
#define ENTRIES 512u
#define ENTRY_TABLE(entry) (((entry)&0x81) == 1) /* present, and no large page */
#define ENTRY_PAGE(entry) (((entry)&UINT64_C(0x000ffffffffff000)) / CLOISTER_PAGE_SIZE)

/* `page` is the page of this table, or of one below it; those of level 0 name no tables. */
static bool is_table(const struct enclave *enclave, uint64_t page, uint64_t table,
                     unsigned int level, unsigned int *left)
{
    bool found = table == page;
    frame_t frame;

    if (found || !level || table >= enclave->header.launch.page_count ||
        !view_lookup(&enclave->view, table, &frame)) {
        return found;
    }
    if (!*left) {
        return true;
    }
    --*left;
    const uint64_t *entries = host_frame_map(frame);
    for (unsigned int i = 0; !found && i < ENTRIES; i++) {
        uint64_t entry = __atomic_load_n(&entries[i], __ATOMIC_RELAXED);
        found = ENTRY_TABLE(entry) && is_table(enclave, page, ENTRY_PAGE(entry), level - 1, left);
    }
    host_frame_unmap((void *)entries);
    return found;
}

bool enclave_own_page(const struct enclave *enclave, uint64_t address, frame_t *frame)
{
    const struct cloister_launch *launch = &enclave->header.launch;
    uint64_t page = address / CLOISTER_PAGE_SIZE;
    unsigned int left = ENCLAVE_MAX_TABLES;

    return page < launch->page_count && view_lookup_writable(&enclave->view, page, frame) &&
           !is_table(enclave, page, launch->cr3_page, 3, &left);
}

/* --- destruction --------------------------------------------------------------------------- */

/* Makes an enclave in any state DYING and takes its token. -ERESTART: somebody else has it; nobody
 * who does not destroy gets it after him. */
static int doom(struct enclave *enclave)
{
    host_lock_expect(&enclaves.lock);
    enclave->state = CLOISTER_ENCLAVE_DYING;
    if (enclave->building) {
        return -ERESTART;
    }
    enclave->building = true;
    return 0;
}

/* From here on nobody can ENTER; throws those out who are inside. */
static void threads_stop(struct enclave *enclave)
{
    struct tenant *tenant = enclave->tenant;

    host_lock(&tenant->lock);
    if (tenant->slots[enclave->slot] == enclave) {
        tenant->slots[enclave->slot] = NULL;
    }
    host_unlock(&tenant->lock);

    for (uint32_t i = 0; i < enclave->header.launch.thread_count; i++) {
        struct thread *thread = &enclave->threads[i];
        if (thread_state(thread) == CLOISTER_THREAD_RUNNING) {
            host_vcpu_stop(tenant->domain, thread->vcpu);
            if (thread_state(thread) == CLOISTER_THREAD_RUNNING) {
                host_world_abandon(thread);
                __atomic_store_n(&thread->state, CLOISTER_THREAD_DEAD, __ATOMIC_RELEASE);
            }
            host_vcpu_start(tenant->domain, thread->vcpu);
        }
    }
}

static void leaf_release(uint64_t gpfn, frame_t frame, void *context)
{
    struct enclave *enclave = context;

    if (gpfn < CLOISTER_SHARED_GPFN) {
        frame_give_back(frame);
        return;
    }
    struct shared_page *shared = &enclave->shared[gpfn - CLOISTER_SHARED_GPFN];
    frame_unshare(frame);
    host_grant_release(enclave->tenant->domain, shared->ref, frame);
    shared->present = false;
}

static void unpublish(struct enclave *enclave)
{
    host_lock(&enclaves.lock);
    *link_from(enclave->id) = enclave->next;
    enclaves.destroyed += !enclave->signature; /* as it was counted when it was created */
    host_unlock(&enclaves.lock);
}

/* With the token, and the view gone or without leaves. */
static void enclave_remove(struct enclave *enclave)
{
    struct tenant *tenant = enclave->tenant;

    unpublish(enclave);
    enclave_unmake(enclave);
    enclave_free(enclave);
    tenant_dismiss(tenant);
}

/* With the token, state DYING. -ERESTART: preempted, token dropped. */
static int teardown(struct enclave *enclave)
{
    threads_stop(enclave);
    if (!view_unmap_all(&enclave->view, &enclave->cursor, leaf_release, enclave)) {
        builder_drop(enclave);
        return -ERESTART;
    }
    enclave_remove(enclave);
    return 0;
}

int enclave_destroy(struct cloister_destroy *op)
{
    int rc;

    if (op->reserved0) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, op->reserved0, 0);
    }
    host_lock(&enclaves.lock);
    struct enclave *enclave = find(op->enclave);
    rc = enclave ? doom(enclave)
                 : refuse(&op->head, -ENOENT, CLOISTER_REASON_NO_SUCH_ENCLAVE, op->enclave, 0);
    host_unlock(&enclaves.lock);
    return rc ? rc : teardown(enclave);
}

int enclave_destroy_any(struct tenant *tenant)
{
    struct enclave *enclave;
    int rc = -ENOENT;

    host_lock(&enclaves.lock);
    for (enclave = enclaves.first; enclave && enclave->tenant != tenant; enclave = enclave->next) {
    }
    if (enclave) {
        rc = doom(enclave);
    }
    host_unlock(&enclaves.lock);
    return rc ? rc : teardown(enclave);
}

/* --- reporting ----------------------------------------------------------------------------- */

static struct cloister_enclave_info describe(const struct enclave *enclave)
{
    const struct cloister_image_header *header = &enclave->header;
    struct cloister_enclave_info info = {
        .enclave = enclave->id,
        .domain = enclave->tenant->id,
        .state = enclave->state,
        .flags = header->launch.flags,
        .thread_count = header->launch.thread_count,
        .page_count = header->launch.page_count,
        .pages_added = count_read(&enclave->pages_added),
        .shared_pages = count_read(&enclave->shared_pages),
        .frames = count_read(&enclave->frames),
        .entries = count_read(&enclave->entries),
        .faults = count_read(&enclave->faults),
        .image_version = header->image_version,
        .security_version = header->security_version,
    };

    memcpy(info.measurement, header->measurement, sizeof(info.measurement));
    memcpy(info.author, enclave->author, sizeof(info.author));
    memcpy(info.family_id, header->family_id, sizeof(info.family_id));
    memcpy(info.image_id, header->image_id, sizeof(info.image_id));
    memcpy(info.name, header->name, sizeof(info.name));
    for (uint32_t i = 0; i < header->launch.thread_count; i++) {
        const struct thread *thread = &enclave->threads[i];

        info.interruptions += count_read(&thread->interruptions);
        info.threads_running += thread_state(thread) == CLOISTER_THREAD_RUNNING;
        info.threads_dead += thread_state(thread) == CLOISTER_THREAD_DEAD;
    }
    return info;
}

static bool describe_from(uint32_t start, struct cloister_enclave_info *info)
{
    host_lock(&enclaves.lock);
    const struct enclave *enclave = *link_from(start);
    if (enclave) {
        *info = describe(enclave);
    }
    host_unlock(&enclaves.lock);
    return enclave != NULL;
}

int enclave_list(struct cloister_list *op)
{
    struct cloister_enclave_info info;
    uint32_t start = op->start;

    if (op->reserved0 || op->count) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, op->count, 0);
    }
    if (!op->capacity || op->capacity > CLOISTER_MAX_LIST) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_BATCH, op->capacity, CLOISTER_MAX_LIST);
    }
    while (op->count < op->capacity && describe_from(start, &info)) {
        uint64_t address = op->buffer + (uint64_t)op->count * sizeof(info);
        if (host_copy_out(address, &info, sizeof(info))) {
            return refuse(&op->head, -EFAULT, CLOISTER_REASON_BAD_POINTER, address, 0);
        }
        op->count++;
        start = info.enclave + 1;
    }
    return 0;
}

void enclaves_count(struct cloister_info *info)
{
    host_lock(&enclaves.lock);
    info->created = enclaves.created;
    info->destroyed = enclaves.destroyed;
    info->enclaves = enclaves.created - enclaves.destroyed;
    host_unlock(&enclaves.lock);
}

/* Leaves looked at while the list is locked. */
#define AUDIT_BATCH 256u

int enclaves_audit(struct cloister_audit *op)
{
    bool more;

    do {
        host_lock(&enclaves.lock);
        const struct enclave *enclave = *link_from(op->cursor[1]);
        more = enclave != NULL;
        /* Who has the token is changing the view; that is looked at the next time. */
        if (more && (enclave->building || view_audit(&enclave->view, &op->cursor[2], AUDIT_BATCH,
                                                     &op->entries, &op->views))) {
            op->cursor[1] = (uint64_t)enclave->id + 1;
            op->cursor[2] = 0;
        }
        host_unlock(&enclaves.lock);
        if (more && host_preempted()) {
            return -ERESTART;
        }
    } while (more);
    return 0;
}
