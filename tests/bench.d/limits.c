/* SPDX-License-Identifier: MIT */
/*
 * What must not grow with an enclave, measured in dom0.
 *
 *   bench-limits zeros DOMAIN IMAGE NAME    build, initialise and end an enclave of zero pages
 *   bench-limits content DOMAIN IMAGE NAME  the same, without INIT, of pages with content
 *   bench-limits stretches DOMAIN IMAGE     the longest stretch without a preemption check, by operation (test build)
 *   bench-limits stretch NAME LEAST         the longest since this was asked last; 1 if it is below LEAST (test build)
 *
 * Of IMAGE only the header is used. Prints lines as in timing.h: NAME_build and NAME_end, all pages together, and the
 * stretches.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "control.h"
#include "timing.h"

#define BATCH 4096u /* pages in one ADD_PAGES */
#define CONTENT_BATCH 256u
#define ROUNDS 3u /* an interrupt in the longest stretch counts: the least of these is taken */

/* Adds pages 0 .. count-1, with `content` to each batch or all zeros. */
static void add(uint32_t enclave, uint32_t count, const void *content)
{
    const uint32_t most = content ? CONTENT_BATCH : BATCH;
    static struct cloister_page_record *records;
    static struct cloister_add_pages *op;

    records = records ? records : buffer(BATCH * sizeof(*records));
    op = op ? op : buffer(sizeof(*op));
    for (uint32_t first = 0; first < count; first += most) {
        uint32_t here = count - first < most ? count - first : most;

        for (uint32_t i = 0; i < here; i++)
            records[i] = (struct cloister_page_record){
                first + i, CLOISTER_PAGE_R | CLOISTER_PAGE_W | (content ? 0 : CLOISTER_PAGE_ZERO)};
        *op = (struct cloister_add_pages){.enclave = enclave,
                                          .count = here,
                                          .records = (uint64_t)records,
                                          .content = (uint64_t)content};
        control(CLOISTER_OP_ADD_PAGES, op);
    }
}

static void initialise(uint32_t enclave)
{
    static struct cloister_init *op;

    op = op ? op : buffer(sizeof(*op));
    *op = (struct cloister_init){.enclave = enclave};
    control(CLOISTER_OP_INIT, op);
}

static void destroy(uint32_t enclave)
{
    static struct cloister_destroy *op;

    op = op ? op : buffer(sizeof(*op));
    *op = (struct cloister_destroy){.enclave = enclave};
    control(CLOISTER_OP_DESTROY, op);
}

static void *content(void)
{
    uint8_t *pages = buffer(CONTENT_BATCH * CLOISTER_PAGE_SIZE);

    for (size_t i = 0; i < CONTENT_BATCH * CLOISTER_PAGE_SIZE; i++)
        pages[i] = (uint8_t)(i * 7 + i / 251);
    return pages;
}

static void print(const char *name, const char *what, uint64_t value)
{
    printf("%s_%s %llu 1 1\n", name, what, (unsigned long long)value);
}

static void measure_size(uint16_t domain, const char *path, const char *name, bool zeros)
{
    size_t size;
    const struct cloister_image_header *header = read_image(path, &size);
    const void *pages = zeros ? NULL : content();
    uint32_t enclave = create(domain, header);
    uint64_t start = ticks();

    add(enclave, header->launch.record_count, pages);
    if (zeros)
        initialise(enclave);
    print(name, "build", ticks() - start);
    start = ticks();
    destroy(enclave);
    print(name, "end", ticks() - start);
}

/* --- stretches -------------------------------------------------------------------------------------- */

static uint64_t stretch(void)
{
    static struct cloister_test *op;

    op = op ? op : buffer(sizeof(*op));
    *op = (struct cloister_test){.kind = CLOISTER_TEST_STRETCH};
    control(CLOISTER_OP_TEST, op);
    return op->frame;
}

static void audit(void)
{
    struct cloister_audit *op = buffer(sizeof(*op));

    control(CLOISTER_OP_AUDIT, op);
}

static void heartbeat(unsigned int round)
{
    struct cloister_heartbeat *op = buffer(sizeof(*op));

    op->data[0] = (uint8_t)round;
    control(CLOISTER_OP_HEARTBEAT, op);
}

enum { CREATED, ADDED, ADDED_ZEROS, INITIALISED, AUDITED, BEATEN, ENDED, OPERATIONS };
static const char *const operations[OPERATIONS] = {
    "stretch_create", "stretch_add_pages", "stretch_add_zero_pages", "stretch_init",
    "stretch_audit",  "stretch_heartbeat", "stretch_destroy"};

static void measure_stretches(uint16_t domain, const char *path)
{
    size_t size;
    struct cloister_image_header *header = read_image(path, &size);
    struct least least[OPERATIONS] = {0};
    const void *pages = content();
    uint32_t enclave;

    stretch();
    for (unsigned int round = 0; round < ROUNDS; round++) {
        enclave = create(domain, header);
        least_add(&least[CREATED], stretch());
        add(enclave, CONTENT_BATCH, pages);
        least_add(&least[ADDED], stretch());
        destroy(enclave);
        enclave = create(domain, header);
        stretch();
        add(enclave, header->launch.record_count, NULL);
        least_add(&least[ADDED_ZEROS], stretch());
        initialise(enclave);
        least_add(&least[INITIALISED], stretch());
        audit();
        least_add(&least[AUDITED], stretch());
        heartbeat(round);
        least_add(&least[BEATEN], stretch());
        destroy(enclave);
        least_add(&least[ENDED], stretch());
    }
    for (unsigned int i = 0; i < OPERATIONS; i++)
        least_print(operations[i], &least[i], 0);
}

static void measure_last(const char *name, uint64_t least)
{
    uint64_t longest = stretch();

    if (longest < least)
        errx(1, "%s: the longest stretch has %llu ticks: what was to be measured did not happen",
             name, (unsigned long long)longest);
    printf("%s %llu 1 1\n", name, (unsigned long long)longest);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    control_begin();
    (void)ticks_begin();
    if (argc == 5 && !strcmp(what, "zeros"))
        measure_size((uint16_t)atoi(argv[2]), argv[3], argv[4], true);
    else if (argc == 5 && !strcmp(what, "content"))
        measure_size((uint16_t)atoi(argv[2]), argv[3], argv[4], false);
    else if (argc == 4 && !strcmp(what, "stretches"))
        measure_stretches((uint16_t)atoi(argv[2]), argv[3]);
    else if (argc == 4 && !strcmp(what, "stretch"))
        measure_last(argv[2], strtoull(argv[3], NULL, 10));
    else
        errx(1, "unknown measurement");
    return 0;
}
