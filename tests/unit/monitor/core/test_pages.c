/* SPDX-License-Identifier: MIT */
/* ADD_PAGES, SHARE, INIT, DESTROY: every refusal of abi.h, and what the frames hold. */
#include "scene.h"
#include "suite.h"

#define NOBODY 999u /* no enclave has this id */

static struct image *image;
static uint32_t id;
static uint64_t handle[2];

static void start(void)
{
    scene_start();
    image = scene_image();
    ck_assert_int_eq(do_create(image, TENANT, &id), 0);
}

static void start_spread(void)
{
    scene_start_with(700);
    image = scene_image();
    ck_assert_int_eq(do_create(image, TENANT, &id), 0);
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

/* --- ADD_PAGES ----------------------------------------------------------------------------- */

START_TEST(content_stands_in_the_sealed_frames)
{
    uint8_t content[CLOISTER_PAGE_SIZE];
    uint8_t zeroes[CLOISTER_PAGE_SIZE] = {0};
    frame_t frame;

    ck_assert_int_eq(do_add(image, id, 0, SCENE_PAGES), 0);
    fake_check();
    for (uint32_t i = 0; i < SCENE_PAGES; i++) {
        ck_assert(view_lookup(&the_enclave()->view, image->records[i].page, &frame));
        fake_frame_read(frame, content);
        ck_assert_mem_eq(content,
                         image->records[i].flags & CLOISTER_PAGE_ZERO ? zeroes : image->content[i],
                         sizeof(content));
        ck_assert_uint_eq(frame_lookup(frame).state, FRAME_SEALED);
        ck_assert_uint_eq(frame_lookup(frame).enclave, id);
        ck_assert_uint_eq(frame_lookup(frame).page, image->records[i].page);
    }
    struct picture picture = picture_take();
    ck_assert_uint_eq(picture.list[0].pages_added, SCENE_PAGES);
    ck_assert_uint_eq(picture.info.sealed_frames, SCENE_PAGES);
    ck_assert_uint_eq(picture.quota[TENANT].used, picture.list[0].frames);
}
END_TEST

START_TEST(zero_pages_need_no_content)
{
    struct cloister_add_pages op = add_arg(image, id, 3, 1);

    op.content = 0;
    ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op)), 0);
    ck_assert_uint_eq(op.done, 1);
}
END_TEST

START_TEST(add_to_what_is_not_there)
{
    struct cloister_add_pages op = add_arg(image, NOBODY, 0, 1);

    REFUSES(CLOISTER_OP_ADD_PAGES, op, -ENOENT, NO_SUCH_ENCLAVE);
    ck_assert_uint_eq(last_head.found, NOBODY);
    ck_assert_uint_eq(fake_last_record()->enclave, NOBODY);
    op.enclave = 0;
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -ENOENT, NO_SUCH_ENCLAVE);
}
END_TEST

START_TEST(add_reserved)
{
    struct cloister_add_pages op = add_arg(image, id, 0, 1);

    op.reserved0 = 1;
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EINVAL, RESERVED_NOT_ZERO);
}
END_TEST

START_TEST(add_to_a_ready_enclave)
{
    ck_assert_int_eq(do_add(image, id, 0, SCENE_PAGES), 0);
    ck_assert_int_eq(do_init(id, handle), 0);
    struct cloister_add_pages op = add_arg(image, id, 0, 1);
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EBUSY, ENCLAVE_STATE);
    ck_assert_uint_eq(last_head.found, CLOISTER_ENCLAVE_READY);
    ck_assert_uint_eq(last_head.allowed, CLOISTER_ENCLAVE_BUILDING);
}
END_TEST

/* A destruction that is interrupted after its first page. */
static void make_dying(void)
{
    struct cloister_destroy destroy = {.enclave = id};

    ck_assert_int_eq(do_add(image, id, 0, 4), 0);
    fake_preempt_at(1);
    ck_assert_int_eq(control_once(CLOISTER_OP_DESTROY, &destroy, sizeof(destroy)), -ERESTART);
    fake_preempt_at(0);
}

START_TEST(nothing_is_done_with_a_dying_enclave)
{
    make_dying();
    ck_assert_uint_eq(picture_take().list[0].state, CLOISTER_ENCLAVE_DYING);
    struct cloister_add_pages add = add_arg(image, id, 4, 1);
    REFUSES(CLOISTER_OP_ADD_PAGES, add, -EBUSY, ENCLAVE_DYING);
    struct cloister_share share = share_arg(id, 0, 1);
    REFUSES(CLOISTER_OP_SHARE, share, -EBUSY, ENCLAVE_DYING);
    struct cloister_init init = {.enclave = id};
    REFUSES(CLOISTER_OP_INIT, init, -EBUSY, ENCLAVE_DYING);
    ck_assert_int_eq(do_destroy(id), 0);
    ck_assert_int_eq(do_destroy(id), -ENOENT);
}
END_TEST

START_TEST(add_batch_limits)
{
    struct cloister_add_pages op = add_arg(image, id, 0, 1);

    op.count = 0;
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EINVAL, BATCH);
    op.count = CLOISTER_MAX_BATCH + 1;
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EINVAL, BATCH);
    ck_assert_uint_eq(last_head.found, CLOISTER_MAX_BATCH + 1);
    ck_assert_uint_eq(last_head.allowed, CLOISTER_MAX_BATCH);
    op.count = UINT32_MAX;
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EINVAL, BATCH);
    op.count = 1;
    op.done = 2;
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EINVAL, BATCH);
    op.done = UINT32_MAX;
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EINVAL, BATCH);
    op.count = op.done = 1;
    ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op)), 0);
    ck_assert_uint_eq(picture_take().list[0].pages_added, 0);
}
END_TEST

START_TEST(page_numbers_out_of_range)
{
    static const uint32_t bad[] = {
        SCENE_PAGE_COUNT, SCENE_PAGE_COUNT + 1, CLOISTER_MAX_PAGES, 1u << 22, 1u << 28, UINT32_MAX};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        image->records[0].page = bad[i];
        struct cloister_add_pages op = add_arg(image, id, 0, 1);
        REFUSES(CLOISTER_OP_ADD_PAGES, op, -EINVAL, PAGE_RANGE);
        ck_assert_uint_eq(last_head.found, bad[i]);
        ck_assert_uint_eq(last_head.allowed, SCENE_PAGE_COUNT - 1);
    }
}
END_TEST

START_TEST(every_combination_of_page_flags)
{
    const uint32_t r = CLOISTER_PAGE_R;
    const uint32_t w = CLOISTER_PAGE_W;
    const uint32_t x = CLOISTER_PAGE_X;

    for (uint32_t flags = 0; flags < 32; flags++) {
        image->records[0].flags = flags;
        struct cloister_add_pages op = add_arg(image, id, 0, 1);
        bool good = flags < 16 && flags & r && (flags & (w | x)) != (w | x);
        if (!good) {
            REFUSES(CLOISTER_OP_ADD_PAGES, op, -EINVAL, PAGE_FLAGS);
            ck_assert_uint_eq(last_head.found, flags);
        } else {
            image->records[0].page++;
            ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op)), 0);
        }
    }
    for (int bit = 4; bit < 32; bit++) {
        image->records[0].flags = r | 1u << bit;
        struct cloister_add_pages op = add_arg(image, id, 0, 1);
        REFUSES(CLOISTER_OP_ADD_PAGES, op, -EINVAL, PAGE_FLAGS);
    }
}
END_TEST

START_TEST(a_page_twice)
{
    ck_assert_int_eq(do_add(image, id, 0, 2), 0);
    struct cloister_add_pages op = add_arg(image, id, 1, 1);
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EEXIST, PAGE_DUPLICATE);
    ck_assert_uint_eq(last_head.found, 1);
    image->records[3].page = 2;
    op = add_arg(image, id, 2, 2);
    ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op)), -EEXIST);
    ck_assert_uint_eq(op.done, 1);
}
END_TEST

START_TEST(more_pages_than_declared)
{
    ck_assert_int_eq(do_add(image, id, 0, SCENE_PAGES), 0);
    image->records[0].page = 77;
    struct cloister_add_pages op = add_arg(image, id, 0, 1);
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EINVAL, PAGE_RANGE);
    ck_assert_uint_eq(last_head.found, SCENE_PAGES + 1);
    ck_assert_uint_eq(last_head.allowed, SCENE_PAGES);
}
END_TEST

/* A batch stops at the page that is wrong, and says which; what was done stays done. */
START_TEST(a_batch_that_fails_in_the_middle)
{
    for (uint32_t k = 0; k < SCENE_PAGES; k++) {
        struct image wrong = *image;
        uint32_t fresh;

        ck_assert_int_eq(do_create(image, OTHER_TENANT, &fresh), 0);
        wrong.records[k].page = UINT32_MAX;
        struct cloister_add_pages op = add_arg(&wrong, fresh, 0, SCENE_PAGES);
        ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op)), -EINVAL);
        ck_assert_uint_eq(op.done, k);
        fake_check();
        ck_assert_int_eq(do_add(image, fresh, k, SCENE_PAGES - k), 0);
        ck_assert_int_eq(do_init(fresh, handle), 0);
        ck_assert_int_eq(do_destroy(fresh), 0);
    }
}
END_TEST

START_TEST(add_from_bad_pointers)
{
    struct cloister_add_pages good = add_arg(image, id, 0, 1);
    static const uint64_t bad[] = {0,
                                   FAKE_USER_BASE - 4096,
                                   FAKE_USER_BASE + FAKE_USER_SIZE - 7,
                                   UINT64_MAX - 7,
                                   UINT64_MAX,
                                   UINT64_C(0xffff830000000000)};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cloister_add_pages op = good;
        op.records = bad[i];
        REFUSES(CLOISTER_OP_ADD_PAGES, op, -EFAULT, BAD_POINTER);
        ck_assert_uint_eq(last_head.found, bad[i]);
        op = good;
        op.content = bad[i];
        REFUSES(CLOISTER_OP_ADD_PAGES, op, -EFAULT, BAD_POINTER);
        ck_assert_uint_eq(last_head.found, bad[i]);
        ck_assert_uint_eq(op.done, 0);
    }
    /* Content that ends in the middle of a page. */
    struct cloister_add_pages op = good;
    op.content = FAKE_USER_BASE + FAKE_USER_SIZE - CLOISTER_PAGE_SIZE + 1;
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EFAULT, BAD_POINTER);
    ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &good, sizeof(good)), 0);
}
END_TEST

START_TEST(add_quota)
{
    uint64_t used = picture_take().quota[TENANT].used;
    struct cloister_add_pages op = add_arg(image, id, 0, 1);

    for (uint64_t left = 0; left < 4; left++) {
        ck_assert_int_eq(do_quota(TENANT, used + left), 0);
        REFUSES(CLOISTER_OP_ADD_PAGES, op, -EDQUOT, QUOTA);
        ck_assert_uint_eq(last_head.found, 4); /* the page and three tables */
        ck_assert_uint_eq(last_head.allowed, left);
    }
    ck_assert_int_eq(do_quota(TENANT, used + 4), 0);
    ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op)), 0);
    op = add_arg(image, id, 1, 1);
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EDQUOT, QUOTA);
    ck_assert_uint_eq(last_head.found, 1);
    /* Below what is in use: nothing is taken away, nothing is given. */
    ck_assert_int_eq(do_quota(TENANT, 1), 0);
    REFUSES(CLOISTER_OP_ADD_PAGES, op, -EDQUOT, QUOTA);
    ck_assert_uint_eq(last_head.allowed, 0);
}
END_TEST

START_TEST(add_without_memory)
{
    struct cloister_add_pages op = add_arg(image, id, 0, 1);

    for (unsigned int left = 0; left < 4; left++) {
        fake.frames_left = left;
        REFUSES(CLOISTER_OP_ADD_PAGES, op, -ENOMEM, NO_MEMORY);
    }
    fake.frames_left = 100;
    ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op)), 0);
}
END_TEST

/* --- SHARE --------------------------------------------------------------------------------- */

START_TEST(shared_pages_are_the_tenant_s)
{
    frame_t frame;

    ck_assert_int_eq(do_share(id, 0, SCENE_SHARED), 0);
    for (uint32_t i = 0; i < SCENE_SHARED; i++) {
        ck_assert(view_lookup(&the_enclave()->view, CLOISTER_SHARED_GPFN + i, &frame));
        ck_assert_uint_eq(frame.number, fake.domains[TENANT].grants[FIRST_REF + i].frame.number);
        ck_assert_uint_eq(fake.domains[TENANT].grants[FIRST_REF + i].pins, 1);
        ck_assert_uint_eq(frame_lookup(frame).state, FRAME_SHARED);
    }
    struct picture picture = picture_take();
    ck_assert_uint_eq(picture.list[0].shared_pages, SCENE_SHARED);
    ck_assert_uint_eq(picture.info.shared_frames, SCENE_SHARED);
    ck_assert_int_eq(do_destroy(id), 0);
    ck_assert_uint_eq(fake_pins(), 0);
}
END_TEST

START_TEST(share_range)
{
    static const uint32_t bad[][2] = {
        {0, SCENE_SHARED + 1},         {1, SCENE_SHARED}, {SCENE_SHARED, 1},
        {SCENE_SHARED + 1, 1},         {UINT32_MAX, 1},   {UINT32_MAX - 1, 3},
        {0, CLOISTER_MAX_SHARED_PAGES}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cloister_share op = share_arg(id, bad[i][0], bad[i][1]);
        REFUSES(CLOISTER_OP_SHARE, op, -EINVAL, SHARE_RANGE);
        ck_assert_uint_eq(last_head.found, (uint64_t)bad[i][0] + bad[i][1]);
        ck_assert_uint_eq(last_head.allowed, SCENE_SHARED);
    }
}
END_TEST

START_TEST(share_batch)
{
    struct cloister_share op = share_arg(id, 0, 0);

    REFUSES(CLOISTER_OP_SHARE, op, -EINVAL, BATCH);
    op.count = CLOISTER_MAX_SHARED_PAGES + 1;
    REFUSES(CLOISTER_OP_SHARE, op, -EINVAL, BATCH);
    ck_assert_uint_eq(last_head.allowed, CLOISTER_MAX_SHARED_PAGES);
    op.count = 2;
    op.done = 3;
    REFUSES(CLOISTER_OP_SHARE, op, -EINVAL, BATCH);
}
END_TEST

START_TEST(share_grants_that_are_none)
{
    static const uint32_t bad[] = {READONLY_REF, MISSING_REF, 0, FAKE_GRANTS, UINT32_MAX};
    struct cloister_share op = share_arg(id, 0, 1);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        op.refs = fake_user_put(&bad[i], sizeof(bad[i]));
        REFUSES(CLOISTER_OP_SHARE, op, -EINVAL, SHARE_GRANT);
        ck_assert_uint_eq(last_head.found, bad[i]);
    }
}
END_TEST

START_TEST(share_a_place_twice)
{
    ck_assert_int_eq(do_share(id, 0, 2), 0);
    struct cloister_share op = share_arg(id, 1, 1);
    REFUSES(CLOISTER_OP_SHARE, op, -EEXIST, SHARE_DUPLICATE);
    ck_assert_uint_eq(last_head.found, 1);
    ck_assert_int_eq(do_share(id, 2, 2), 0);
}
END_TEST

START_TEST(share_a_frame_twice)
{
    uint32_t ref = FIRST_REF;
    uint32_t second;

    ck_assert_int_eq(do_share(id, 0, 1), 0);
    struct cloister_share op = share_arg(id, 1, 1);
    op.refs = fake_user_put(&ref, sizeof(ref));
    REFUSES(CLOISTER_OP_SHARE, op, -EEXIST, SHARE_FRAME);
    ck_assert_uint_eq(last_head.found, ref);
    /* Another enclave of the same tenant, neither. */
    ck_assert_int_eq(do_create(image, TENANT, &second), 0);
    op.enclave = second;
    op.first = 0;
    REFUSES(CLOISTER_OP_SHARE, op, -EEXIST, SHARE_FRAME);
    ck_assert_int_eq(do_destroy(id), 0);
    ck_assert_int_eq(control(CLOISTER_OP_SHARE, &op, sizeof(op)), 0);
}
END_TEST

START_TEST(share_in_other_states)
{
    struct cloister_share op = share_arg(NOBODY, 0, 1);

    REFUSES(CLOISTER_OP_SHARE, op, -ENOENT, NO_SUCH_ENCLAVE);
    ck_assert_int_eq(do_add(image, id, 0, SCENE_PAGES), 0);
    ck_assert_int_eq(do_init(id, handle), 0);
    op.enclave = id;
    REFUSES(CLOISTER_OP_SHARE, op, -EBUSY, ENCLAVE_STATE);
}
END_TEST

START_TEST(share_from_bad_pointers)
{
    struct cloister_share op = share_arg(id, 0, 2);

    op.refs = FAKE_USER_BASE + FAKE_USER_SIZE - 4; /* one reference fits */
    memcpy(fake_user(op.refs), &(uint32_t){FIRST_REF}, 4);
    ck_assert_int_eq(control(CLOISTER_OP_SHARE, &op, sizeof(op)), -EFAULT);
    ck_assert_uint_eq(op.done, 1);
    op.first = 1;
    op.done = 0;
    op.refs = UINT64_MAX - 3;
    REFUSES(CLOISTER_OP_SHARE, op, -EFAULT, BAD_POINTER);
}
END_TEST

START_TEST(share_quota_and_memory)
{
    uint64_t used = picture_take().quota[TENANT].used;
    struct cloister_share op = share_arg(id, 0, 1);

    for (unsigned int left = 0; left < 3; left++) {
        ck_assert_int_eq(do_quota(TENANT, used + left), 0);
        REFUSES(CLOISTER_OP_SHARE, op, -EDQUOT, QUOTA);
        ck_assert_uint_eq(last_head.found, 3);
        ck_assert_int_eq(do_quota(TENANT, used + 3), 0);
        fake.frames_left = left;
        REFUSES(CLOISTER_OP_SHARE, op, -ENOMEM, NO_MEMORY);
        fake.frames_left = 100;
    }
    ck_assert_int_eq(control(CLOISTER_OP_SHARE, &op, sizeof(op)), 0);
}
END_TEST

START_TEST(share_without_memory_for_the_frame_table)
{
    struct cloister_share op = share_arg(id, 0, 1);

    fake.frames_left = 0;
    REFUSES(CLOISTER_OP_SHARE, op, -ENOMEM, NO_MEMORY);
    fake.frames_left = 100;
    ck_assert_int_eq(control(CLOISTER_OP_SHARE, &op, sizeof(op)), 0);
}
END_TEST

/* --- INIT ---------------------------------------------------------------------------------- */

START_TEST(init_gives_the_measurement_and_a_handle)
{
    struct cloister_init op = {.enclave = id};

    ck_assert_int_eq(do_add(image, id, 0, SCENE_PAGES), 0);
    ck_assert_int_eq(control(CLOISTER_OP_INIT, &op, sizeof(op)), 0);
    ck_assert_mem_eq(op.measurement, image->header.measurement, sizeof(op.measurement));
    ck_assert(op.handle[0] >> 8 != 0 && op.handle[1] != 0);
    ck_assert_uint_eq(picture_take().list[0].state, CLOISTER_ENCLAVE_READY);
    ck_assert_uint_eq(fake.domains[TENANT].tenant->slots[0]->id, id);
    REFUSES(CLOISTER_OP_INIT, op, -EBUSY, ENCLAVE_STATE);
}
END_TEST

START_TEST(init_refusals)
{
    struct cloister_init op = {.enclave = NOBODY};

    REFUSES(CLOISTER_OP_INIT, op, -ENOENT, NO_SUCH_ENCLAVE);
    op.enclave = id;
    op.reserved0 = 1;
    REFUSES(CLOISTER_OP_INIT, op, -EINVAL, RESERVED_NOT_ZERO);
    op.reserved0 = 0;
    for (uint32_t i = 0; i < SCENE_PAGES; i++) {
        REFUSES(CLOISTER_OP_INIT, op, -EINVAL, IMAGE_INCOMPLETE);
        ck_assert_uint_eq(last_head.found, i);
        ck_assert_uint_eq(last_head.allowed, SCENE_PAGES);
        ck_assert_int_eq(do_add(image, id, i, 1), 0);
    }
    fake_fail(FAKE_RANDOM, 1);
    ck_assert_int_eq(control(CLOISTER_OP_INIT, &op, sizeof(op)), -EIO);
    ck_assert_uint_eq(op.head.reason, CLOISTER_REASON_HOST_ENTROPY);
    ck_assert_uint_eq(op.handle[0] | op.handle[1], 0);
    ck_assert_int_eq(control(CLOISTER_OP_INIT, &op, sizeof(op)), 0);
}
END_TEST

/* One byte of one page, one flag, another order: the measurement differs, and the enclave stays
 * shut. */
START_TEST(init_with_pages_that_were_not_signed)
{
    struct cloister_init op;

    for (int change = 0; change < 4; change++) {
        struct image other = *image;
        uint32_t fresh;

        ck_assert_int_eq(do_create(image, OTHER_TENANT, &fresh), 0);
        if (change == 0) {
            other.content[2][4095] ^= 1;
        } else if (change == 1) {
            other.records[0].flags |= CLOISTER_PAGE_W;
        } else if (change == 2) {
            other.records[7].page--;
        } else {
            other.records[0] = image->records[1];
            other.records[1] = image->records[0];
        }
        ck_assert_int_eq(do_add(&other, fresh, 0, SCENE_PAGES), 0);
        op = (struct cloister_init){.enclave = fresh};
        REFUSES(CLOISTER_OP_INIT, op, -EACCES, IMAGE_MEASUREMENT);
        ck_assert_uint_eq(op.handle[0] | op.handle[1], 0);
        for (int slot = 0; slot < 256; slot++) {
            ck_assert_ptr_null(fake.domains[OTHER_TENANT].tenant->slots[slot]);
        }
        ck_assert_int_eq(do_destroy(fresh), 0);
        fake_user_reset();
        fake_user_put(NULL, 8192);
    }
}
END_TEST

/* A signed measurement that is wrong in one byte. */
START_TEST(init_compares_every_byte)
{
    for (size_t i = 0; i < CLOISTER_MEASUREMENT_SIZE; i++) {
        struct image other = *image;
        struct cloister_init op;
        uint32_t fresh;

        fake_user_reset();
        fake_user_put(NULL, 8192);
        other.header.measurement[i] ^= 1u << i % 8;
        image_sign(&other);
        ck_assert_int_eq(do_create(&other, OTHER_TENANT, &fresh), 0);
        ck_assert_int_eq(do_add(&other, fresh, 0, SCENE_PAGES), 0);
        op = (struct cloister_init){.enclave = fresh};
        REFUSES(CLOISTER_OP_INIT, op, -EACCES, IMAGE_MEASUREMENT);
        ck_assert_mem_eq(op.measurement, image->header.measurement, sizeof(op.measurement));
        ck_assert_int_eq(do_destroy(fresh), 0);
    }
}
END_TEST

START_TEST(handles_differ_and_name_their_slot)
{
    uint64_t handles[3][2];

    ck_assert_int_eq(do_quota(TENANT, 1000), 0);
    for (int i = 0; i < 3; i++) {
        scene_ready(image, TENANT, handles[i]);
        ck_assert_uint_eq(handles[i][0] & 255, i);
        for (int j = 0; j < i; j++) {
            ck_assert_uint_ne(handles[i][0] >> 8, handles[j][0] >> 8);
            ck_assert_uint_ne(handles[i][1], handles[j][1]);
        }
    }
}
END_TEST

/* --- DESTROY ------------------------------------------------------------------------------- */

START_TEST(destroy_in_each_state)
{
    struct picture before;

    ck_assert_int_eq(do_destroy(id), 0);
    before = picture_take();
    for (int state = 0; state < 4; state++) {
        ck_assert_int_eq(do_create(image, TENANT, &id), 0);
        if (state >= 1) {
            ck_assert_int_eq(do_add(image, id, 0, SCENE_PAGES), 0);
        }
        if (state >= 2) {
            ck_assert_int_eq(do_share(id, 0, SCENE_SHARED), 0);
        }
        if (state >= 3) {
            ck_assert_int_eq(do_init(id, handle), 0);
        }
        ck_assert_int_eq(do_destroy(id), 0);
        const struct cloister_trace_record *record = fake_last_record();
        ck_assert_uint_eq(record->operation, CLOISTER_OP_DESTROY);
        ck_assert_uint_eq(record->decision, CLOISTER_ALLOWED);
        ck_assert_uint_eq(record->enclave, id);
        struct picture after = picture_take();
        before.info.created = after.info.created;
        ck_assert_uint_eq(after.info.destroyed, ++before.info.destroyed);
        pictures_must_match(&before, &after, "destroyed");
    }
}
END_TEST

START_TEST(destroy_refusals)
{
    struct cloister_destroy op = {.enclave = NOBODY};

    REFUSES(CLOISTER_OP_DESTROY, op, -ENOENT, NO_SUCH_ENCLAVE);
    op.enclave = 0;
    REFUSES(CLOISTER_OP_DESTROY, op, -ENOENT, NO_SUCH_ENCLAVE);
    op.enclave = UINT32_MAX;
    REFUSES(CLOISTER_OP_DESTROY, op, -ENOENT, NO_SUCH_ENCLAVE);
    op.enclave = id;
    op.reserved0 = 1;
    REFUSES(CLOISTER_OP_DESTROY, op, -EINVAL, RESERVED_NOT_ZERO);
    ck_assert_int_eq(do_destroy(id), 0);
    op.reserved0 = 0;
    REFUSES(CLOISTER_OP_DESTROY, op, -ENOENT, NO_SUCH_ENCLAVE);
}
END_TEST

/* --- somebody else has the token ----------------------------------------------------------- */

START_TEST(an_enclave_that_is_being_built)
{
    struct enclave *enclave = (struct enclave *)the_enclave();
    struct cloister_destroy destroy = {.enclave = id};
    struct cloister_init init = {.enclave = id};
    struct cloister_add_pages add = add_arg(image, id, 0, 1);
    struct cloister_share share = share_arg(id, 0, 1);

    enclave->building = true; /* as while another CPU of dom0 adds pages */
    ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &add, sizeof(add)), -EBUSY);
    ck_assert_uint_eq(add.head.reason, CLOISTER_REASON_ENCLAVE_STATE);
    ck_assert_int_eq(control(CLOISTER_OP_SHARE, &share, sizeof(share)), -EBUSY);
    ck_assert_int_eq(control(CLOISTER_OP_INIT, &init, sizeof(init)), -EBUSY);
    ck_assert_int_eq(control_once(CLOISTER_OP_DESTROY, &destroy, sizeof(destroy)), -ERESTART);
    ck_assert_int_eq(tenant_end(fake.domains[TENANT].tenant), -ERESTART);
    enclave->building = false;
    /* Doomed already: who builds it gets no further. */
    ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &add, sizeof(add)), -EBUSY);
    ck_assert_uint_eq(add.head.reason, CLOISTER_REASON_ENCLAVE_DYING);
    ck_assert_int_eq(control_once(CLOISTER_OP_DESTROY, &destroy, sizeof(destroy)), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pages");
    TCase *cases = suite_case(suite, "add", 60);

    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, content_stands_in_the_sealed_frames);
    tcase_add_test(cases, zero_pages_need_no_content);
    tcase_add_test(cases, add_to_what_is_not_there);
    tcase_add_test(cases, add_reserved);
    tcase_add_test(cases, add_to_a_ready_enclave);
    tcase_add_test(cases, nothing_is_done_with_a_dying_enclave);
    tcase_add_test(cases, add_batch_limits);
    tcase_add_test(cases, page_numbers_out_of_range);
    tcase_add_test(cases, every_combination_of_page_flags);
    tcase_add_test(cases, a_page_twice);
    tcase_add_test(cases, more_pages_than_declared);
    tcase_add_test(cases, a_batch_that_fails_in_the_middle);
    tcase_add_test(cases, add_from_bad_pointers);
    tcase_add_test(cases, add_quota);
    tcase_add_test(cases, add_without_memory);

    cases = suite_case(suite, "share", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, shared_pages_are_the_tenant_s);
    tcase_add_test(cases, share_range);
    tcase_add_test(cases, share_batch);
    tcase_add_test(cases, share_grants_that_are_none);
    tcase_add_test(cases, share_a_place_twice);
    tcase_add_test(cases, share_a_frame_twice);
    tcase_add_test(cases, share_in_other_states);
    tcase_add_test(cases, share_from_bad_pointers);
    tcase_add_test(cases, share_quota_and_memory);

    cases = suite_case(suite, "init", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, init_gives_the_measurement_and_a_handle);
    tcase_add_test(cases, init_refusals);
    tcase_add_test(cases, init_with_pages_that_were_not_signed);
    tcase_add_test(cases, init_compares_every_byte);
    tcase_add_test(cases, handles_differ_and_name_their_slot);

    cases = suite_case(suite, "destroy", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, destroy_in_each_state);
    tcase_add_test(cases, destroy_refusals);
    tcase_add_test(cases, an_enclave_that_is_being_built);

    cases = suite_case(suite, "frames far apart", 60);
    tcase_add_checked_fixture(cases, start_spread, scene_end);
    tcase_add_test(cases, content_stands_in_the_sealed_frames);
    tcase_add_test(cases, share_without_memory_for_the_frame_table);
    tcase_add_test(cases, destroy_in_each_state);
    tcase_add_test(cases, add_without_memory);
    return suite_run(suite);
}
