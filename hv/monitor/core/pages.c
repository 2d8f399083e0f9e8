/* SPDX-License-Identifier: MIT */
#include "core/enclaves.h"

#include "core/count.h"
#include "core/refuse.h"

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

#define PERMISSIONS (CLOISTER_PAGE_R | CLOISTER_PAGE_W | CLOISTER_PAGE_X)

void enclave_drop_block(struct enclave *enclave)
{
    struct frame_block *block = &enclave->block;
    const uint32_t frames = block->left;

    for (; block->left > 0; block->left--) {
        host_frame_free(block->frame);
        block->frame.number++;
    }
    enclave_uncharge(enclave, frames);
}

/* Whether a page can be the first of a large leaf: the image has room for the others behind it. */
static bool begins_block(const struct enclave *enclave, const struct cloister_page_record *record)
{
    const struct cloister_launch *launch = &enclave->header.launch;

    return !(record->flags & CLOISTER_PAGE_X) && record->page % HOST_LARGE_FRAMES == 0 &&
           launch->page_count - record->page >= HOST_LARGE_FRAMES &&
           launch->record_count - enclave->pages_added >= HOST_LARGE_FRAMES;
}

/* Without quota or frames for a block there is none: the pages get frames one by one. The page's own is charged. */
static void block_begin(struct enclave *enclave, const struct cloister_page_record *record)
{
    const uint64_t more = HOST_LARGE_FRAMES - 1;
    frame_t frame;
    uint64_t left;

    if (tenant_charge(enclave->tenant, more, &left)) {
        return;
    }
    count_add(&enclave->frames, more);
    if (host_frame_alloc_large(&frame)) {
        enclave_uncharge(enclave, more);
        return;
    }
    enclave->block = (struct frame_block){.left = HOST_LARGE_FRAMES,
                                          .page = record->page,
                                          .flags = record->flags & PERMISSIONS,
                                          .frame = frame};
}

/* A sealed frame for a page: of the block, if there is one. Charges what is not charged yet; *tables: those among it. */
static int page_frame(struct enclave *enclave, struct cloister_head *head,
                      const struct cloister_page_record *record, uint64_t *tables, frame_t *frame)
{
    struct frame_block *block = &enclave->block;
    int rc;

    if (block->page != record->page || block->flags != (record->flags & PERMISSIONS)) {
        enclave_drop_block(enclave);
    }
    *tables = view_tables_needed(&enclave->view, record->page);
    rc = enclave_charge(enclave, head, *tables + !block->left);
    if (rc) {
        return rc;
    }
    if (!block->left && begins_block(enclave, record)) {
        block_begin(enclave, record);
    }
    if (!block->left) {
        rc = frame_take(FRAME_SEALED, enclave->id, record->page, frame);
    } else {
        *frame = block->frame;
        rc = frame_adopt(*frame, FRAME_SEALED, enclave->id, record->page);
    }
    if (rc) {
        enclave_uncharge(enclave, *tables + !block->left);
        enclave_drop_block(enclave);
        return refuse(head, rc, CLOISTER_REASON_NO_MEMORY, 0, 0);
    }
    if (block->left) {
        block->left--;
        block->page++;
        block->frame.number++;
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
    } else if (view_map(&enclave->view, record->page, frame, record->flags & PERMISSIONS)) {
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
    uint64_t tables;
    frame_t frame;

    int rc = page_check(enclave, head, record);
    if (!rc) {
        rc = page_frame(enclave, head, record, &tables, &frame);
    }
    if (rc) {
        return rc;
    }
    rc = page_fill(enclave, head, record, content, frame);
    if (rc) {
        frame_give_back(frame);
        enclave_uncharge(enclave, 1 + tables);
        enclave_drop_block(enclave);
    } else if (enclave->block.page == record->page + 1 && !enclave->block.left &&
               view_merge(&enclave->view, record->page, record->flags & PERMISSIONS)) {
        enclave_uncharge(enclave, 1);
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
    int rc = enclave_charge(enclave, head, frames);
    if (rc) {
        return rc;
    }
    if (host_grant_acquire(enclave->tenant->domain, ref, &frame)) {
        enclave_uncharge(enclave, frames);
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
        enclave_uncharge(enclave, frames);
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
