/* SPDX-License-Identifier: MIT */
#include "core/enclaves.h"

#include "core/count.h"
#include "core/launch.h"
#include "core/refuse.h"
#include "core/wipe.h"

/* Gives back all that enclave_make() took, but for the view. */
static void enclave_release(struct enclave *enclave)
{
    for (uint32_t i = 0; enclave->threads && i < enclave->header.launch.thread_count; i++) {
        struct thread *thread = &enclave->threads[i];
        for (unsigned int f = 0; thread->world && f < THREAD_FRAMES; f++) {
            frame_give_back(thread->context[f]);
        }
    }
    enclave_drop_block(enclave);
    host_free(enclave->threads);
    host_free(enclave->shared);
    host_free(enclave->signature);
    enclave_uncharge(enclave, enclave->frames);
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

    int rc = enclave_charge(enclave, head, 1 + launch->thread_count * THREAD_FRAMES);
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
    struct enclave **link = enclaves_link(enclave->id);
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

static void unpublish(struct enclave *enclave)
{
    host_lock(&enclaves.lock);
    *enclaves_link(enclave->id) = enclave->next;
    enclaves.destroyed += !enclave->signature; /* as it was counted when it was created */
    host_unlock(&enclaves.lock);
}

void enclave_remove(struct enclave *enclave)
{
    struct tenant *tenant = enclave->tenant;

    unpublish(enclave);
    enclave_unmake(enclave);
    enclave_free(enclave);
    tenant_dismiss(tenant);
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
    struct enclave *enclave = enclaves_find(id);
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
