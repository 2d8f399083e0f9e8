/* SPDX-License-Identifier: MIT */
#include "core/enclaves.h"

#include "core/refuse.h"

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
    struct enclave *enclave = enclaves_find(op->enclave);
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
