/* SPDX-License-Identifier: MIT */
/* Large leaves: when 512 pages become one, when they do not, and that nobody sees a difference. */
#include "scene.h"
#include "suite.h"

#include <openssl/evp.h>

#define LARGE HOST_LARGE_FRAMES
#define ENCLAVE 5u
#define AT 1024u /* a page that a leaf of the view tests begins at */
#define RW (CLOISTER_PAGE_R | CLOISTER_PAGE_W)
#define RX (CLOISTER_PAGE_R | CLOISTER_PAGE_X)
#define CONTEXTS (SCENE_THREADS * THREAD_FRAMES)

/* --- views --------------------------------------------------------------------------------- */

static struct view view;
static frame_t block;

static void start_view(void)
{
    fake_start(1);
    ck_assert_int_eq(view_init(&view, ENCLAVE), 0);
    ck_assert_int_eq(host_frame_alloc_large(&block), 0);
    ck_assert_uint_eq(block.number % LARGE, 0);
    for (uint32_t i = 0; i < LARGE; i++) {
        frame_t frame = {block.number + i};
        ck_assert_int_eq(frame_adopt(frame, FRAME_SEALED, ENCLAVE, AT + i), 0);
    }
}

static void release(uint64_t gpfn, frame_t frame, void *context)
{
    frame_t found;

    ck_assert(!view_lookup(&view, gpfn, &found));
    ck_assert_uint_eq(frame.number, block.number + (gpfn - AT));
    ck_assert_uint_eq(frame_lookup(frame).page, gpfn);
    ++*(unsigned int *)context;
    frame_give_back(frame);
}

static void finish_view(void)
{
    unsigned int released = 0;
    uint64_t cursor = 0;

    while (!view_unmap_all(&view, &cursor, release, &released)) {
    }
    /* Those that a test did not map. */
    for (uint32_t i = 0; i < LARGE; i++) {
        frame_t frame = {block.number + i};
        if (frame_is_protected(frame)) {
            frame_give_back(frame);
        }
    }
    fake_end();
}

/* Maps the pages [from, to) of the block to the frames that they were made for. */
static void map_all(uint32_t from, uint32_t to, uint32_t flags)
{
    for (uint32_t i = from; i < to; i++) {
        frame_t frame = {block.number + i};
        ck_assert_int_eq(view_map(&view, AT + i, frame, flags), 0);
    }
}

static uint64_t violations(uint64_t *entries)
{
    uint64_t found = 0, cursor = 0;

    *entries = 0;
    while (!view_audit(&view, &cursor, 100, entries, &found)) {
    }
    return found;
}

/* The entry of a page in the table of the second lowest level; the table must exist. */
static uint64_t *leaf_of(uint64_t gpfn)
{
    frame_t table = view.root;

    for (unsigned int level = 3; level > 1; level--) {
        uint64_t entries[512];
        fake_frame_read(table, entries);
        ck_assert(host_view_entry_frame(entries[gpfn >> (9 * level) & 511], &table));
    }
    return (uint64_t *)host_frame_map(table) + (gpfn >> 9 & 511);
}

static void leaf_done(uint64_t *leaf)
{
    host_frame_unmap((void *)((uintptr_t)leaf & ~(uintptr_t)(CLOISTER_PAGE_SIZE - 1)));
}

static bool is_large(uint64_t gpfn)
{
    uint64_t *leaf = leaf_of(gpfn);
    bool large = fake_entry_is_large(*leaf);

    leaf_done(leaf);
    return large;
}

/* From any page in it. */
START_TEST(pages_in_a_row_become_one_leaf)
{
    static const uint32_t from[] = {0, 1, 255, 511};
    static const uint32_t flags[] = {RW, CLOISTER_PAGE_R};
    uint64_t entries;
    frame_t found;

    map_all(0, LARGE, flags[_i % 2]);
    const uint32_t tables = view.tables;
    ck_assert(view_merge(&view, AT + from[_i], flags[_i % 2]));
    ck_assert(is_large(AT));
    ck_assert_uint_eq(view.tables, tables - 1);
    ck_assert_uint_eq(frame_count(FRAME_TABLE), tables - 1);
    for (uint32_t i = 0; i < LARGE; i++) {
        ck_assert(view_lookup(&view, AT + i, &found));
        ck_assert_uint_eq(found.number, block.number + i);
        ck_assert(view_lookup_writable(&view, AT + i, &found) == (flags[_i % 2] == RW));
        ck_assert_uint_eq(found.number, block.number + i);
        ck_assert_int_eq(view_map(&view, AT + i, found, RW), -EEXIST);
    }
    ck_assert(!view_lookup(&view, AT - 1, &found));
    ck_assert(!view_lookup(&view, AT + LARGE, &found));
    ck_assert_uint_eq(violations(&entries), 0);
    ck_assert_uint_eq(entries, LARGE);
    ck_assert(!view_merge(&view, AT, flags[_i % 2])); /* it is one */
    ck_assert_uint_eq(view.tables, tables - 1);
}
END_TEST

static void swap_entries(uint32_t one, uint32_t other)
{
    uint64_t *leaf = leaf_of(AT);
    frame_t table;

    ck_assert(host_view_entry_frame(*leaf, &table));
    leaf_done(leaf);
    uint64_t *entries = host_frame_map(table);
    uint64_t swapped = entries[one];
    entries[one] = entries[other];
    entries[other] = swapped;
    host_frame_unmap(entries);
}

/* Each reason, and nothing is changed. */
START_TEST(pages_that_stay_small)
{
    static const struct {
        uint32_t first, behind, odd, flags, swap[2], asked;
    } cases[] = {
        {0, 0, LARGE, RW, {0}, RW},                  /* none at all */
        {0, LARGE - 1, LARGE, RW, {0}, RW},          /* the last is missing */
        {1, LARGE, LARGE, RW, {0}, RW},              /* the first */
        {0, LARGE, 0, RW, {0}, RW},                  /* the first is not writable */
        {0, LARGE, 300, RW, {0}, RW},                /* one in the middle */
        {0, LARGE, LARGE - 1, RW, {0}, RW},          /* the last */
        {0, LARGE, LARGE, RX, {0}, RX},              /* code */
        {0, LARGE, LARGE, RW, {0}, CLOISTER_PAGE_R}, /* other flags are asked for */
        {0, LARGE, LARGE, CLOISTER_PAGE_R, {0}, RW}, /* more than they have */
        {0, LARGE, LARGE, RW, {7, 8}, RW},           /* not in a row */
        {0, LARGE, LARGE, RW, {0, LARGE - 1}, RW},   /* begins elsewhere */
    };
    uint64_t before[512], after[512], entries;
    frame_t table;

    for (uint32_t i = cases[_i].first; i < cases[_i].behind; i++) {
        map_all(i, i + 1, i == cases[_i].odd ? CLOISTER_PAGE_R : cases[_i].flags);
    }
    if (cases[_i].swap[1]) {
        swap_entries(cases[_i].swap[0], cases[_i].swap[1]);
    }
    if (cases[_i].behind) {
        uint64_t *leaf = leaf_of(AT);
        ck_assert(host_view_entry_frame(*leaf, &table));
        leaf_done(leaf);
        fake_frame_read(table, before);
    }
    const uint32_t tables = view.tables;
    ck_assert(!view_merge(&view, AT + 5, cases[_i].asked));
    ck_assert_uint_eq(view.tables, tables);
    if (cases[_i].behind) {
        ck_assert(!is_large(AT));
        fake_frame_read(table, after);
        ck_assert_mem_eq(before, after, sizeof(before));
    }
    violations(&entries);
    ck_assert_uint_le(entries, LARGE);
    if (cases[_i].swap[1]) {
        swap_entries(cases[_i].swap[0], cases[_i].swap[1]);
    }
}
END_TEST

/* Frames in a row, but from a number on that is no multiple. */
START_TEST(frames_that_begin_in_the_middle)
{
    uint64_t entries;

    for (uint32_t i = 1; i < LARGE; i++) {
        frame_t frame = {block.number + i};
        ck_assert_int_eq(view_map(&view, AT + i - 1, frame, RW), 0);
    }
    frame_t last = {block.number};
    ck_assert_int_eq(view_map(&view, AT + LARGE - 1, last, RW), 0);
    ck_assert(!view_merge(&view, AT, RW));
    ck_assert_uint_eq(violations(&entries), LARGE);
    /* finish_view() wants each page where it belongs. */
    for (uint32_t i = 0; i < LARGE - 1; i++) {
        swap_entries(i, LARGE - 1);
    }
}
END_TEST

START_TEST(a_large_leaf_is_released_page_by_page)
{
    unsigned int released = 0, goes = 0;
    uint64_t cursor = 0, entries;
    frame_t found;

    map_all(0, LARGE, RW);
    ck_assert(view_merge(&view, AT, RW));
    fake_preempt_every(_i);
    while (!view_unmap_all(&view, &cursor, release, &released)) {
        goes++;
        ck_assert_uint_eq(released + 3 - view.tables, goes * _i);
        ck_assert(!view_lookup(&view, AT, &found));
        ck_assert(!view_lookup(&view, AT + LARGE - 1, &found));
        ck_assert_uint_eq(violations(&entries), 0);
        ck_assert_uint_eq(entries, 0);
        ck_assert_uint_eq(frame_count(FRAME_SEALED), LARGE - released);
    }
    fake_preempt_every(0);
    ck_assert_uint_eq(released, LARGE);
    ck_assert_uint_ge(goes, LARGE / _i - 1);
    ck_assert_uint_eq(fake_frames_in_use(), 0);
}
END_TEST

/* The leaf names other frames, or a frame in it is not what the table says. */
START_TEST(audit_of_a_damaged_leaf)
{
    static const int64_t shift[] = {LARGE, -(int64_t)LARGE, 1, -1};
    uint64_t entries;

    map_all(0, LARGE, RW);
    ck_assert(view_merge(&view, AT, RW));
    ck_assert_uint_eq(violations(&entries), 0);
    uint64_t *leaf = leaf_of(AT), good = *leaf;
    *leaf = host_view_leaf_entry((frame_t){block.number + shift[_i]}, RW) | HOST_VIEW_LARGE;
    leaf_done(leaf);
    ck_assert_uint_eq(violations(&entries), LARGE);
    ck_assert_uint_eq(entries, LARGE);

    leaf = leaf_of(AT);
    *leaf = 0;
    leaf[1] = good; /* at the next place */
    leaf_done(leaf);
    ck_assert_uint_eq(violations(&entries), LARGE);
    leaf = leaf_of(AT);
    leaf[0] = good; /* at both */
    leaf_done(leaf);
    ck_assert_uint_eq(violations(&entries), LARGE);
    ck_assert_uint_eq(entries, 2 * LARGE);

    leaf = leaf_of(AT);
    leaf[1] = 0;
    leaf_done(leaf);
    ck_assert_uint_eq(violations(&entries), 0);
    frame_give_back((frame_t){block.number + 300});
    ck_assert_uint_eq(violations(&entries), 1);
    fake_frame_take(OWNER_MONITOR);
    view.tables = 0; /* this view is beyond repair */
}
END_TEST

/* --- enclaves ------------------------------------------------------------------------------ */

static struct image *image;
static uint32_t id;

static void start(void)
{
    scene_start();
    image = scene_image();
    ck_assert_int_eq(do_quota(TENANT, 4000), 0);
}

static const struct enclave *the_enclave(void)
{
    for (unsigned int i = 0; i < FAKE_FRAMES; i++) {
        const struct fake_world *world = fake_world(fake_frame_number(i));
        if (world->thread && world->thread->enclave->id == id) {
            return world->thread->enclave;
        }
    }
    ck_abort_msg("no such enclave");
}

/* Pages of the image under test: zeros, in this order. */
static struct cloister_page_record records[2 * LARGE + 8];
static uint32_t count;

static void rows(uint32_t first, uint32_t pages, uint32_t flags)
{
    for (uint32_t i = 0; i < pages; i++) {
        ck_assert_uint_lt(count, sizeof(records) / sizeof(records[0]));
        records[count++] = (struct cloister_page_record){first + i, flags | CLOISTER_PAGE_ZERO};
    }
}

/* Signs an image of these pages, and creates an enclave of it. */
static void create(uint32_t page_count)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    image->header.launch.page_count = page_count;
    image->header.launch.record_count = count;
    EVP_DigestInit_ex(context, EVP_sha384(), NULL);
    EVP_DigestUpdate(context, &image->header.launch, sizeof(image->header.launch));
    EVP_DigestUpdate(context, records, count * sizeof(records[0]));
    EVP_DigestFinal_ex(context, image->header.measurement, NULL);
    EVP_MD_CTX_free(context);
    image_sign(image);
    ck_assert_int_eq(do_create(image, TENANT, &id), 0);
}

static struct cloister_add_pages add_rows(uint32_t first, uint32_t pages)
{
    return (struct cloister_add_pages){
        .enclave = id,
        .count = pages,
        .records = fake_user_put(&records[first], pages * sizeof(records[0])),
    };
}

static int add(uint32_t first, uint32_t pages)
{
    struct cloister_add_pages op = add_rows(first, pages);

    return control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op));
}

static uint64_t charged(void)
{
    return picture_take().list[0].frames;
}

/* All pages of the enclave are there, zero, and its own; it works, and goes without a trace. */
static void complete(unsigned int large)
{
    const struct enclave *enclave = the_enclave();
    uint64_t handle[2];

    fake_check();
    ck_assert_uint_eq(enclave->block.left, 0);
    ck_assert_uint_eq(charged(), count + enclave->view.tables + CONTEXTS);
    for (uint32_t i = 0; i < count; i++) {
        frame_t frame;
        ck_assert(view_lookup(&enclave->view, records[i].page, &frame));
        ck_assert(fake_frame_is_zero(frame));
        ck_assert_uint_eq(frame_lookup(frame).page, records[i].page);
    }
    view = enclave->view;
    unsigned int found = 0;
    for (uint32_t page = 0; page < image->header.launch.page_count; page += LARGE) {
        found += is_large(page);
    }
    ck_assert_uint_eq(found, large);
    ck_assert_int_eq(do_init(id, handle), 0);
    fake_check();
    ck_assert_int_eq(do_destroy(id), 0);
    fake_check();
    count = 0;
}

/* Whether there are large leaves is nobody's business: INIT compares the measurement, which is the same. */
START_TEST(an_image_of_large_leaves)
{
    for (unsigned int i = 0; i < 3; i++) {
        fake.no_large = i == 1;
        fake_preempt_every(i == 2 ? 101 : 0);
        rows(0, 2 * LARGE + 3, RW);
        create(2 * LARGE + 3);
        ck_assert_int_eq(add(0, count), 0);
        ck_assert_uint_eq(the_enclave()->view.tables, i == 1 ? 3 + 3 : 3 + 1);
        complete(i == 1 ? 0 : 2);
    }
}
END_TEST

/* What is charged while a block waits for its pages, and what the quota sees. */
START_TEST(a_block_is_charged_whole)
{
    rows(0, LARGE, RW);
    create(LARGE);
    const uint64_t before = charged();
    ck_assert_int_eq(add(0, 1), 0);
    ck_assert_uint_eq(charged(), before + LARGE + 3);
    ck_assert_uint_eq(picture_take().quota[TENANT].used, charged());
    ck_assert_uint_eq(the_enclave()->block.left, LARGE - 1);
    ck_assert_uint_eq(picture_take().info.sealed_frames, 1);
    fake_check();
    ck_assert_int_eq(add(1, LARGE - 2), 0);
    ck_assert_uint_eq(charged(), before + LARGE + 3);
    ck_assert_uint_eq(the_enclave()->block.left, 1);
    ck_assert(add_rows(0, 1).count == 1 &&
              add(0, 1) == -EEXIST); /* a page twice: the block stays */
    ck_assert_uint_eq(the_enclave()->block.left, 1);
    ck_assert_int_eq(add(LARGE - 1, 1), 0);
    ck_assert_uint_eq(charged(), before + LARGE + 2);
    complete(1);
}
END_TEST

/* Images that have no large leaf, or fewer than it seems; each works all the same. */
START_TEST(pages_that_are_no_block)
{
    switch (_i) {
    case 0: /* code */
        rows(0, LARGE, RX);
        break;
    case 1: /* not aligned */
        rows(1, LARGE, RW);
        break;
    case 2: /* a gap */
        rows(0, 100, RW);
        rows(101, LARGE, RW);
        break;
    case 3: /* another permission, in the middle and at the end */
        rows(0, 100, RW);
        rows(100, 1, CLOISTER_PAGE_R);
        rows(101, LARGE - 101, RW);
        rows(LARGE, LARGE - 1, RW);
        rows(2 * LARGE - 1, 1, CLOISTER_PAGE_R);
        break;
    case 4: /* too short */
        rows(0, LARGE - 1, RW);
        break;
    case 5: /* from the end to the begin */
        for (uint32_t i = LARGE; i-- > 0;) {
            rows(i, 1, RW);
        }
        break;
    case 6: /* the first page comes last */
        rows(1, LARGE - 1, RW);
        rows(0, 1, RW);
        break;
    default: /* two at a time, in turn */
        for (uint32_t i = 0; i < LARGE; i++) {
            rows(i, 1, RW);
            rows(LARGE + i, 1, RW);
        }
    }
    create(2 * LARGE);
    ck_assert_int_eq(add(0, count), 0);
    if (_i == 4 || _i == 0 || _i == 5 || _i == 6) {
        ck_assert_uint_eq(the_enclave()->view.tables, 4);
        view = the_enclave()->view;
        ck_assert(!is_large(0));
    } else {
        complete(0);
        return;
    }
    uint64_t handle[2];
    ck_assert_int_eq(do_init(id, handle), 0);
    fake_check();
}
END_TEST

/* The permission is what counts: content and zeros may alternate. */
START_TEST(read_only_and_writable_leaves)
{
    rows(0, LARGE, CLOISTER_PAGE_R);
    rows(LARGE, LARGE, RW);
    create(2 * LARGE);
    ck_assert_int_eq(add(0, count), 0);
    frame_t frame;
    ck_assert(!view_lookup_writable(&the_enclave()->view, LARGE - 1, &frame));
    ck_assert(view_lookup_writable(&the_enclave()->view, LARGE, &frame));
    ck_assert(enclave_own_page(the_enclave(), (uint64_t)(LARGE + 77) * CLOISTER_PAGE_SIZE, &frame));
    ck_assert_uint_eq(frame_lookup(frame).page, LARGE + 77);
    ck_assert(!enclave_own_page(the_enclave(), UINT64_C(77) * CLOISTER_PAGE_SIZE, &frame));
    complete(2);
}
END_TEST

/* The quota is enough for the pages one by one and not for a block at once: nobody is refused. */
START_TEST(a_tight_quota)
{
    rows(0, LARGE, RW);
    create(LARGE);
    const uint64_t need = charged() + 3 + LARGE;
    ck_assert_int_eq(do_quota(TENANT, need - _i), 0);
    struct cloister_add_pages op = add_rows(0, LARGE);
    int rc = control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op));
    ck_assert_int_eq(rc, _i ? -EDQUOT : 0);
    ck_assert_uint_eq(op.done, LARGE - _i);
    fake_check();
    if (_i) {
        ck_assert_uint_eq(last_head.reason, CLOISTER_REASON_QUOTA);
        ck_assert_uint_eq(last_head.allowed, 0);
        ck_assert_int_eq(do_quota(TENANT, need), 0);
        ck_assert_int_eq(add(LARGE - _i, _i), 0);
    }
    complete(_i ? 0 : 1);
}
END_TEST

/* Too few frames for a block, and enough for the pages; then too few for them. */
START_TEST(memory_is_short)
{
    rows(0, LARGE, RW);
    create(LARGE);
    for (unsigned int i = 0; i < 5; i++) { /* all blocks but for a frame each */
        frame_t first;
        ck_assert_int_eq(host_frame_alloc_large(&first), 0);
        for (uint32_t f = 1; f < LARGE; f++) {
            host_frame_free((frame_t){first.number + f});
        }
        fake_frame_drop(first);
        fake_frame_of(first)->owner = OWNER_TENANT;
    }
    ck_assert_int_eq(add(0, 400), 0);
    fake.frames_left = 0;
    ck_assert_int_eq(add(400, 1), -ENOMEM);
    ck_assert_uint_eq(last_head.reason, CLOISTER_REASON_NO_MEMORY);
    fake_check();
    fake.frames_left = 200;
    ck_assert_int_eq(add(400, LARGE - 400), 0);
    complete(0);
}
END_TEST

/* The _i-th allocation fails: a block, its chunk of the frame table, tables. What was refused works again. */
START_TEST(each_allocation_fails)
{
    rows(0, LARGE + 1, RW);
    create(LARGE + 1);
    fake_fail(FAKE_FRAME_ALLOC, _i);
    struct cloister_add_pages op = add_rows(0, count);
    int rc = control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op));
    ck_assert(fake_failed());
    ck_assert(rc == 0 || rc == -ENOMEM);
    ck_assert(rc == 0 || last_head.reason == CLOISTER_REASON_NO_MEMORY);
    fake_check();
    if (rc) {
        ck_assert_uint_eq(the_enclave()->pages_added, op.done);
        ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op)), 0);
    }
    view = the_enclave()->view;
    complete(is_large(0));
}
END_TEST

/* A page's content cannot be read: what was added stays, the rest comes one by one. */
START_TEST(a_page_of_a_block_is_refused)
{
    rows(0, LARGE, RW);
    records[_i].flags = RW; /* with content, but where? */
    create(LARGE);
    struct cloister_add_pages op = add_rows(0, count);
    op.content = 8;
    ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op)), -EFAULT);
    ck_assert_uint_eq(last_head.reason, CLOISTER_REASON_BAD_POINTER);
    ck_assert_uint_eq(op.done, _i);
    ck_assert_uint_eq(the_enclave()->pages_added, _i);
    ck_assert_uint_eq(the_enclave()->block.left, 0);
    ck_assert_uint_eq(charged(), _i + the_enclave()->view.tables + CONTEXTS);
    fake_check();
    uint8_t *page = fake_user(fake_user_put(NULL, CLOISTER_PAGE_SIZE));
    memset(page, 0x5a, CLOISTER_PAGE_SIZE);
    op.content = fake_user_put(page, CLOISTER_PAGE_SIZE) - (uint64_t)_i * CLOISTER_PAGE_SIZE;
    ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op)), 0);
    frame_t frame;
    uint8_t content[CLOISTER_PAGE_SIZE];
    ck_assert(view_lookup(&the_enclave()->view, _i, &frame));
    fake_frame_read(frame, content);
    ck_assert_mem_eq(content, page, sizeof(content));
    view = the_enclave()->view;
    ck_assert(is_large(0) == (_i == 0)); /* the first page: a block begins again */
    fake_check();
}
END_TEST

/* Destroyed with a block that waits for pages, with and without a large leaf; stopped at each check. */
START_TEST(destroyed_half_built)
{
    static const uint32_t added[] = {1, LARGE - 1, LARGE, LARGE + 1, 2 * LARGE};

    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
        rows(0, 2 * LARGE, RW);
        create(2 * LARGE);
        ck_assert_int_eq(add(0, added[i]), 0);
        fake_check();
        fake_preempt_every(_i * 73);
        ck_assert_int_eq(do_destroy(id), 0);
        fake_preempt_every(0);
        fake_check();
        ck_assert_uint_eq(fake_frames_in_use(), 0);
        ck_assert_uint_eq(picture_take().quota[TENANT].used, 0);
        count = 0;
    }
}
END_TEST

/* Not INITed before all is there, whatever waits. */
START_TEST(init_of_half_a_block)
{
    uint64_t handle[2];

    rows(0, LARGE, RW);
    create(LARGE);
    ck_assert_int_eq(add(0, LARGE - 1), 0);
    ck_assert_int_eq(do_init(id, handle), -EINVAL);
    ck_assert_uint_eq(last_head.reason, CLOISTER_REASON_IMAGE_INCOMPLETE);
    fake_check();
    ck_assert_int_eq(add(LARGE - 1, 1), 0);
    complete(1);
}
END_TEST

/* Shared pages in between have nothing to do with it. */
START_TEST(shared_pages_in_between)
{
    rows(0, LARGE, RW);
    create(LARGE);
    ck_assert_int_eq(add(0, 200), 0);
    ck_assert_int_eq(do_share(id, 0, SCENE_SHARED), 0);
    fake_check();
    ck_assert_int_eq(add(200, LARGE - 200), 0);
    complete(1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("large");
    TCase *cases = suite_case(suite, "view", 60);

    tcase_add_checked_fixture(cases, start_view, finish_view);
    tcase_add_loop_test(cases, pages_in_a_row_become_one_leaf, 0, 4);
    tcase_add_loop_test(cases, pages_that_stay_small, 0, 11);
    tcase_add_test(cases, frames_that_begin_in_the_middle);
    tcase_add_loop_test(cases, a_large_leaf_is_released_page_by_page, 1, 4);

    cases = suite_case(suite, "audit", 60);
    tcase_add_checked_fixture(cases, start_view, NULL);
    tcase_add_loop_test(cases, audit_of_a_damaged_leaf, 0, 4);

    cases = suite_case(suite, "enclave", 120);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, an_image_of_large_leaves);
    tcase_add_test(cases, a_block_is_charged_whole);
    tcase_add_loop_test(cases, pages_that_are_no_block, 0, 8);
    tcase_add_test(cases, read_only_and_writable_leaves);
    tcase_add_loop_test(cases, a_tight_quota, 0, 3);
    tcase_add_test(cases, memory_is_short);
    tcase_add_loop_test(cases, each_allocation_fails, 1, 6);
    tcase_add_loop_test(cases, a_page_of_a_block_is_refused, 0, 3);
    tcase_add_loop_test(cases, destroyed_half_built, 1, 3);
    tcase_add_test(cases, init_of_half_a_block);
    tcase_add_test(cases, shared_pages_in_between);
    return suite_run(suite);
}
