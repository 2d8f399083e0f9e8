/* SPDX-License-Identifier: MIT */
/*
 * What is measured in dom0.
 *
 *   bench-dom0 load DOMAIN IMAGE   build an enclave; prints its handle
 *   bench-dom0 pages DOMAIN IMAGE  ADD_PAGES, with and without content (only the image's header is used)
 *   bench-dom0 sha384              SHA-384 of a page and its record, with the object code that is in Xen
 *   bench-dom0 hypercalls          dom0's own hypercalls
 *   bench-dom0 accesses            an I/O port, and the configuration space of a device, read and written
 *   bench-dom0 boot FILE           create a domain from a libvirt description, until it answers
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <time.h>
#include <unistd.h>

#include <bearssl.h>
#include <xenctrl.h>
#include <xenstore.h>

#include "control.h"
#include "timing.h"

#define XEN_VERSION_HYPERCALL 17u
#define BATCH 100u
#define PAGES 16u /* in one batch: short enough for some to see no interrupt */
#define PAGE_BATCHES 300u

/* Xen's object code returns through this. */
__asm__(".globl __x86_return_thunk\n__x86_return_thunk: ret\n");

static uint64_t nothing;

static void load(uint16_t domain, const char *path)
{
    size_t size;
    struct cloister_image_header *header = read_image(path, &size);
    struct cloister_add_pages *add = buffer(sizeof(*add));
    struct cloister_init *init = buffer(sizeof(*init));
    uint32_t records = header->launch.record_count;
    uint64_t content = CLOISTER_IMAGE_HEADER_SIZE + records * sizeof(struct cloister_page_record);

    add->enclave = create(domain, header);
    add->count = records;
    add->records = (uint64_t)header + CLOISTER_IMAGE_HEADER_SIZE;
    add->content = (uint64_t)header +
                   (content + CLOISTER_PAGE_SIZE - 1) / CLOISTER_PAGE_SIZE * CLOISTER_PAGE_SIZE;
    control(CLOISTER_OP_ADD_PAGES, add);
    init->enclave = add->enclave;
    control(CLOISTER_OP_INIT, init);
    printf("handle %llx %llx\n", (unsigned long long)init->handle[0],
           (unsigned long long)init->handle[1]);
}

/* Adds `first` and the pages after it in batches. */
static uint32_t add_batches(const char *name, uint32_t enclave, uint32_t first, uint32_t flags,
                            const void *content)
{
    struct cloister_page_record *records = buffer(PAGES * sizeof(*records));
    struct cloister_add_pages *add = buffer(sizeof(*add));
    struct least least = {0};

    for (unsigned int i = 0; i < PAGE_BATCHES; i++) {
        for (uint32_t j = 0; j < PAGES; j++)
            records[j] = (struct cloister_page_record){first++, flags};
        *add = (struct cloister_add_pages){.enclave = enclave,
                                           .count = PAGES,
                                           .records = (uint64_t)records,
                                           .content = (uint64_t)content};
        uint64_t start = ticks();
        control(CLOISTER_OP_ADD_PAGES, add);
        least_add(&least, ticks() - start);
    }
    least_print(name, &least, nothing);
    return first;
}

static void measure_pages(uint16_t domain, const char *path)
{
    size_t size;
    struct cloister_image_header *header = read_image(path, &size);
    struct cloister_destroy *destroy = buffer(sizeof(*destroy));
    uint8_t *content = buffer(PAGES * CLOISTER_PAGE_SIZE);
    uint32_t enclave = create(domain, header), next;

    for (size_t i = 0; i < PAGES * CLOISTER_PAGE_SIZE; i++)
        content[i] = (uint8_t)(i * 7 + i / 251);
    next = add_batches("add_pages", enclave, 0, CLOISTER_PAGE_R | CLOISTER_PAGE_W, content);
    add_batches("add_zero_pages", enclave, next,
                CLOISTER_PAGE_R | CLOISTER_PAGE_W | CLOISTER_PAGE_ZERO, NULL);
    destroy->enclave = enclave;
    control(CLOISTER_OP_DESTROY, destroy);
}

static void measure_sha384(void)
{
    static uint8_t page[CLOISTER_PAGE_SIZE];
    struct cloister_page_record record = {0};
    br_sha384_context context;
    struct least least = {0};

    br_sha384_init(&context);
    for (unsigned int i = 0; i < PAGE_BATCHES * PAGES; i++) {
        uint64_t start = ticks();

        br_sha384_update(&context, &record, sizeof(record));
        br_sha384_update(&context, page, sizeof(page));
        least_add(&least, ticks() - start);
        record.page++;
    }
    /* A page is 32 blocks, with its record 33 each 16th time: the mean of whole rounds counts. */
    struct least round = {0};
    for (unsigned int i = 0; i < PAGE_BATCHES; i++) {
        uint64_t start = ticks();

        for (unsigned int j = 0; j < PAGES; j++) {
            br_sha384_update(&context, &record, sizeof(record));
            br_sha384_update(&context, page, sizeof(page));
        }
        least_add(&round, ticks() - start);
    }
    least_print("sha384_pages", &round, nothing);
    least_print("sha384_page", &least, nothing);
}

static void measure_hypercalls(void)
{
    struct least least = {0};

    for (unsigned int i = 0; i < REPETITIONS; i++) {
        uint64_t start = ticks();

        for (unsigned int j = 0; j < BATCH; j++)
            if (xencall2(xencall, XEN_VERSION_HYPERCALL, 0, 0) < 0)
                err(1, "xen_version");
        least_add(&least, ticks() - start);
    }
    least_print("dom0_hypercalls", &least, nothing);
}

/* The second serial line's scratch register: a port that dom0 may use. */
#define SCRATCH_PORT 0x2ffu
#define PCI_VENDOR 0x00
#define PCI_INTERRUPT_LINE 0x3c /* holds what software puts there */
#define PCI_DEVICES "/sys/bus/pci/devices"

static void measure_ports(void)
{
    struct least reads = {0}, writes = {0};

    if (ioperm(SCRATCH_PORT, 1, 1))
        err(1, "ioperm");
    for (unsigned int i = 0; i < REPETITIONS; i++) {
        uint64_t start = ticks();

        for (unsigned int j = 0; j < BATCH; j++)
            inb(SCRATCH_PORT);
        least_add(&reads, ticks() - start);
        start = ticks();
        for (unsigned int j = 0; j < BATCH; j++)
            outb(0, SCRATCH_PORT);
        least_add(&writes, ticks() - start);
    }
    least_print("dom0_port_reads", &reads, nothing);
    least_print("dom0_port_writes", &writes, nothing);
}

/* The configuration space of the first function that is no bridge's. */
static int open_configuration(void)
{
    DIR *devices = opendir(PCI_DEVICES);
    struct dirent *device;
    char path[300], class[16] = "";

    if (!devices)
        err(1, PCI_DEVICES);
    while ((device = readdir(devices))) {
        snprintf(path, sizeof(path), PCI_DEVICES "/%s/class", device->d_name);
        FILE *file = fopen(path, "re");
        bool known = file && fgets(class, sizeof(class), file);

        if (file)
            fclose(file);
        if (known && strncmp(class, "0x06", 4) != 0)
            break;
    }
    if (!device)
        errx(1, "no PCI device but bridges");
    snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", device->d_name);
    closedir(devices);
    int config = open(path, O_RDWR);
    if (config < 0)
        err(1, "%s", path);
    return config;
}

static void measure_configuration(void)
{
    struct least reads = {0}, writes = {0};
    uint8_t line;
    uint32_t vendor;
    int config = open_configuration();

    if (pread(config, &line, 1, PCI_INTERRUPT_LINE) != 1)
        err(1, "interrupt line");
    for (unsigned int i = 0; i < REPETITIONS; i++) {
        uint64_t start = ticks();

        for (unsigned int j = 0; j < BATCH; j++)
            if (pread(config, &vendor, sizeof(vendor), PCI_VENDOR) != sizeof(vendor))
                err(1, "reading configuration space");
        least_add(&reads, ticks() - start);
        start = ticks();
        for (unsigned int j = 0; j < BATCH; j++)
            if (pwrite(config, &line, 1, PCI_INTERRUPT_LINE) != 1)
                err(1, "writing configuration space");
        least_add(&writes, ticks() - start);
    }
    close(config);
    least_print("dom0_config_reads", &reads, nothing);
    least_print("dom0_config_writes", &writes, nothing);
}

struct moment {
    uint64_t ticks;
    uint64_t time; /* ns, Xen's system time */
    uint64_t idle; /* ns, of the only CPU */
};

static struct moment now(xc_interface *xc)
{
    struct timespec time;
    xc_cpuinfo_t info = {0};
    int count;

    if (xc_getcpuinfo(xc, 1, &info, &count) || count != 1)
        err(1, "idle time");
    clock_gettime(CLOCK_MONOTONIC_RAW, &time);
    return (struct moment){ticks(), (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec,
                           info.idletime};
}

static uint32_t newest_domain(xc_interface *xc)
{
    xc_dominfo_t info;
    uint32_t domain = 0;

    while (xc_domain_getinfo(xc, domain + 1, 1, &info) == 1)
        domain = info.domid;
    return domain;
}

/* Waits for the node that the tenant's command server makes. */
static void wait_answer(struct xs_handle *xs, uint32_t domain)
{
    char path[64];
    unsigned int count, size;
    void *value;

    snprintf(path, sizeof(path), "/local/domain/%u/data/vexec/0/turn", domain);
    if (!xs_watch(xs, path, "turn"))
        err(1, "watch");
    while (!(value = xs_read(xs, XBT_NULL, path, &size)))
        free(xs_read_watch(xs, &count));
    free(value);
}

/* Prints the instructions that the machine executed, and of them those of the domain's vCPU. */
static void measure_boot(const char *path)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    struct xs_handle *xs = xs_open(0);
    char command[256];
    xc_dominfo_t info;

    if (!xc || !xs)
        err(1, "libxenctrl, libxenstore");
    snprintf(command, sizeof(command), "virsh -q create %s >/dev/null", path);
    struct moment start = now(xc);
    if (system(command))
        errx(1, "virsh create failed");
    uint32_t domain = newest_domain(xc);
    wait_answer(xs, domain);
    struct moment end = now(xc);
    if (xc_domain_getinfo(xc, domain, 1, &info) != 1)
        err(1, "domain %u", domain);

    double rate = (double)(end.ticks - start.ticks) / (double)(end.time - start.time);
    uint64_t busy = (end.time - start.time) - (end.idle - start.idle);
    printf("boot %.0f 1 1\n", (double)busy * rate);
    printf("boot_tenant %.0f 1 1\n", (double)info.cpu_time * rate);
    printf("boot_elapsed %llu 1 1\n", (unsigned long long)(end.ticks - start.ticks));
    printf("domain %u\n", domain);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    control_begin();
    nothing = ticks_begin();
    if (argc == 4 && !strcmp(what, "load"))
        load((uint16_t)atoi(argv[2]), argv[3]);
    else if (argc == 4 && !strcmp(what, "pages"))
        measure_pages((uint16_t)atoi(argv[2]), argv[3]);
    else if (argc == 2 && !strcmp(what, "sha384"))
        measure_sha384();
    else if (argc == 2 && !strcmp(what, "hypercalls"))
        measure_hypercalls();
    else if (argc == 2 && !strcmp(what, "accesses")) {
        measure_ports();
        measure_configuration();
    } else if (argc == 3 && !strcmp(what, "boot"))
        measure_boot(argv[2]);
    else
        errx(1, "unknown measurement");
    return 0;
}
