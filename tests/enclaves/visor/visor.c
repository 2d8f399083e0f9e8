/* SPDX-License-Identifier: MIT */
/*
 * A simulation of the monitor and of libcloister, as small as it can be: a multiboot kernel that runs one
 * enclave image under SVM in QEMU and makes the calls that a script asks for. The enclave's world is the
 * one of hv/xen/world/svm.c (same registers, same intercepts); nothing is measured, and nobody is kept out. It
 * shows in a second whether runtime and images work; whether they are protected, tests of the whole system
 * show.
 *
 * Modules: the image, then the script. A line of the script is
 *     THREAD FUNCTION CAPACITY HEX      a call; HEX may be missing
 *     frame THREAD OFFSET VALUE         the next call of THREAD writes VALUE (32 bits) at OFFSET of its
 *                                       frame before it enters
 *     tick                              interrupts enclaves a thousand times in a second from now on
 * numbers are decimal. For each call it prints to port 0xe9
 *     return STATUS HEX | fault VECTOR PAGE | dead | refused
 * and at the end "end". Numbers of STATUS, VECTOR and PAGE are decimal.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloister/abi.h"

#define PAGE ((uint64_t)CLOISTER_PAGE_SIZE)
#define MEMORY_BEGIN UINT64_C(0x4000000)
#define MEMORY_END UINT64_C(0xf000000)
#define VM_HSAVE_PA 0xc0010117u
#define EFER_SVME_LME_LMA_NXE UINT64_C(0x1d00)
#define ENOSYS 38
#define EOPNOTSUPP 95

/* VMCB (AMD APM vol. 2, appendix B). */
enum {
    VMCB_CR = 0x000,
    VMCB_DR = 0x004,
    VMCB_EXCEPTIONS = 0x008,
    VMCB_GENERAL1 = 0x00c,
    VMCB_GENERAL2 = 0x010,
    VMCB_IOPM = 0x040,
    VMCB_MSRPM = 0x048,
    VMCB_ASID = 0x058,
    VMCB_VINTR = 0x060,
    VMCB_EXITCODE = 0x070,
    VMCB_EXITINFO1 = 0x078,
    VMCB_EXITINFO2 = 0x080,
    VMCB_EXITINTINFO = 0x088,
    VMCB_NP = 0x090,
    VMCB_EVENTINJ = 0x0a8,
    VMCB_NCR3 = 0x0b0,
    VMCB_ES = 0x400,
    VMCB_CS = 0x410,
    VMCB_SS = 0x420,
    VMCB_DS = 0x430,
    VMCB_FS = 0x440,
    VMCB_GS = 0x450,
    VMCB_GDTR = 0x460,
    VMCB_IDTR = 0x480,
    VMCB_TR = 0x490,
    VMCB_CPL = 0x4cb,
    VMCB_EFER = 0x4d0,
    VMCB_CR4 = 0x548,
    VMCB_CR3 = 0x550,
    VMCB_CR0 = 0x558,
    VMCB_DR7 = 0x560,
    VMCB_DR6 = 0x568,
    VMCB_RFLAGS = 0x570,
    VMCB_RIP = 0x578,
    VMCB_RSP = 0x5d8,
    VMCB_RAX = 0x5f8,
    VMCB_PAT = 0x668,
};
enum {
    EXIT_DB = 0x41,
    EXIT_AC = 0x51,
    EXIT_INTR = 0x60,
    EXIT_CPUID = 0x72,
    EXIT_SHUTDOWN = 0x7f,
    EXIT_VMMCALL = 0x81,
    EXIT_NPF = 0x400
};
enum { RSI = 3, RDI = 4, RDX = 2 }; /* places in registers[] */

struct world {
    uint8_t vmcb[4096] __attribute__((aligned(4096)));
    uint8_t fpu[512] __attribute__((aligned(16)));
    uint64_t registers[15];
    uint64_t interruptions;
    bool dead;
    uint32_t patch_offset; /* in the next frame; 0: none */
    uint32_t patch_value;
};

static const struct cloister_launch *launch;
static struct world worlds[CLOISTER_MAX_THREADS];
static uint8_t host_save[4096] __attribute__((aligned(4096)));
static uint8_t host_state[4096] __attribute__((aligned(4096)));
static uint8_t all_ones[16384] __attribute__((aligned(4096)));
static uint8_t fpu_reset[512] __attribute__((aligned(16)));
static uint64_t *second_stage;
static uint8_t *window;
static uint64_t next_page = MEMORY_BEGIN;

void visor_run(uint64_t vmcb, uint64_t registers[15], uint64_t host_state);
void visor_main(uint64_t information);
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);

void *memcpy(void *to, const void *from, size_t size)
{
    void *start = to;

    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return start;
}

void *memset(void *to, int value, size_t size)
{
    void *start = to;

    asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
    return start;
}

/* --- output ---------------------------------------------------------------------------------------- */

static void out8(uint16_t port, uint8_t value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;

    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void print(const char *text)
{
    while (*text) {
        out8(0xe9, (uint8_t)*text++);
    }
}

static void print_number(int64_t number)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;

    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    print(number < 0 ? " -" : " ");
    print(digits + at);
}

static void print_hex(const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    print(" ");
    for (size_t i = 0; i < size; i++) {
        out8(0xe9, (uint8_t)digits[bytes[i] >> 4]);
        out8(0xe9, (uint8_t)digits[bytes[i] & 15]);
    }
}

/* Ends QEMU (isa-debug-exit). */
__attribute__((noreturn)) static void end(const char *text)
{
    print(text);
    print("\n");
    for (;;) {
        out8(0xf4, 0);
    }
}

/* --- memory ---------------------------------------------------------------------------------------- */

static void *take_page(void)
{
    void *page = (void *)next_page;

    if (next_page == MEMORY_END) {
        end("visor: out of memory");
    }
    next_page += PAGE;
    memset(page, 0, PAGE);
    return page;
}

static void map(uint64_t page, const void *memory, uint32_t flags)
{
    uint64_t *table = second_stage;

    for (unsigned int shift = 27; shift > 0; shift -= 9) {
        uint64_t *entry = &table[page >> shift & 511];

        if (!*entry) {
            *entry = (uint64_t)take_page() | 0x27;
        }
        table = (uint64_t *)(*entry & ~UINT64_C(0xfff));
    }
    table[page & 511] = (uint64_t)memory | 0x65 | (flags & CLOISTER_PAGE_W ? 2 : 0) |
                        (flags & CLOISTER_PAGE_X ? 0 : UINT64_C(1) << 63);
}

static void load(const uint8_t *image)
{
    const struct cloister_image_header *header = (const void *)image;
    const struct cloister_page_record *records = (const void *)(image + sizeof(*header));
    const uint64_t offset = sizeof(*header) + header->launch.record_count * sizeof(*records);
    const uint8_t *content = image + ((offset + PAGE - 1) & ~(PAGE - 1));

    launch = &header->launch;
    second_stage = take_page();
    for (uint32_t i = 0; i < launch->record_count; i++) {
        void *page = take_page();

        if (!(records[i].flags & CLOISTER_PAGE_ZERO)) {
            memcpy(page, content, PAGE);
            content += PAGE;
        }
        map(records[i].page, page, records[i].flags);
    }
    window = (uint8_t *)next_page; /* contiguous, as libcloister sees it */
    for (uint32_t i = 0; i < launch->shared_count; i++) {
        take_page();
    }
    for (uint32_t i = 0; i < launch->shared_count; i++) {
        map(CLOISTER_SHARED_GPFN + i, window + i * PAGE, CLOISTER_PAGE_R | CLOISTER_PAGE_W);
    }
}

/* --- the world ------------------------------------------------------------------------------------- */

static void set(struct world *world, uint32_t field, uint64_t value)
{
    *(uint64_t *)(world->vmcb + field) = value;
}

static uint64_t get(const struct world *world, uint32_t field)
{
    return *(const uint64_t *)(world->vmcb + field);
}

static void set_segment(struct world *world, uint32_t field, uint16_t selector, uint16_t attributes,
                        uint32_t limit, uint64_t base)
{
    set(world, field, selector | (uint64_t)attributes << 16 | (uint64_t)limit << 32);
    set(world, field + 8, base);
}

/* As svm_init() and svm_start() of hv/xen/world/svm.c. */
static void start(uint32_t index, uint64_t arg0, uint64_t arg1)
{
    struct world *world = &worlds[index];

    memset(world->vmcb, 0, sizeof(world->vmcb));
    memset(world->registers, 0, sizeof(world->registers));
    memcpy(world->fpu, fpu_reset, sizeof(fpu_reset));
    /* CR0 CR2 CR3 CR4 may be read, CR2 written; every debug register; #DB #AC #MC. */
    set(world, VMCB_CR, ~UINT32_C(0x4001d) | UINT64_C(0xffffffff) << 32);
    set(world, VMCB_EXCEPTIONS, 1 << 1 | 1 << 17 | 1 << 18 | UINT64_C(0xfd4cbc0f) << 32);
    set(world, VMCB_GENERAL2, 0x2fff);
    set(world, VMCB_IOPM, (uint64_t)all_ones);
    set(world, VMCB_MSRPM, (uint64_t)all_ones);
    set(world, VMCB_ASID, 1 | UINT64_C(1) << 32);
    set(world, VMCB_VINTR, 1 << 24);
    set(world, VMCB_NP, 1);
    set(world, VMCB_NCR3, (uint64_t)second_stage);
    set(world, VMCB_PAT, UINT64_C(0x0007040600070406));

    set_segment(world, VMCB_CS, launch->code_selector, 0xa9b, ~0u, 0);
    for (uint32_t field = VMCB_ES; field <= VMCB_GS; field += 16) {
        if (field != VMCB_CS) {
            set_segment(world, field, launch->data_selector, 0xc93, ~0u, 0);
        }
    }
    set(world, VMCB_FS + 8, launch->tls_base + index * launch->tls_stride);
    set_segment(world, VMCB_TR, 0, 0x8b, 103, launch->tss_base + index * launch->tss_stride);
    set_segment(world, VMCB_GDTR, 0, 0, launch->gdt_limit, launch->gdt_base);
    set_segment(world, VMCB_IDTR, 0, 0, launch->idt_limit, launch->idt_base);
    set(world, VMCB_EFER, EFER_SVME_LME_LMA_NXE);
    set(world, VMCB_CR0, 0x80010033);
    set(world, VMCB_CR3, launch->cr3_page * PAGE);
    set(world, VMCB_CR4, 0x40620);
    set(world, VMCB_DR6, 0xffff0ff0);
    set(world, VMCB_DR7, 0x400);
    set(world, VMCB_RFLAGS, 2);
    set(world, VMCB_RIP, launch->entry);
    set(world, VMCB_RSP, launch->stack_top + index * launch->stack_stride);
    world->registers[RDI] = arg0;
    world->registers[RSI] = arg1;
    world->registers[RDX] = index;
}

static void inject(struct world *world, uint8_t vector, bool error_code)
{
    set(world, VMCB_EVENTINJ, vector | 3 << 8 | (error_code ? 1 << 11 : 0) | UINT64_C(1) << 31);
}

/* The timer's interrupt, taken from the controller without being delivered (8259A, poll command). */
static void take_interrupt(void)
{
    out8(0x20, 0x0c);
    (void)in8(0x20);
    out8(0x20, 0x20);
}

/* Until the world has something to say: its exit code. */
static uint64_t run(struct world *world)
{
    for (;;) {
        asm volatile("fxrstor64 %0" : : "m"(world->fpu));
        visor_run((uint64_t)world->vmcb, world->registers, (uint64_t)host_state);
        asm volatile("fxsave64 %0" : "=m"(world->fpu));
        set(world, VMCB_EVENTINJ, get(world, VMCB_EXITINTINFO));
        switch (get(world, VMCB_EXITCODE)) {
        case EXIT_INTR:
            take_interrupt();
            world->interruptions++;
            break;
        case EXIT_DB:
            inject(world, 1, false);
            break;
        case EXIT_AC:
            inject(world, 17, true);
            break;
        case EXIT_CPUID:
            inject(world, 6, false);
            break;
        case EXIT_VMMCALL:
            set(world, VMCB_RIP, get(world, VMCB_RIP) + 3);
            if (get(world, VMCB_RAX) == CLOISTER_ENCLAVE_AEX_COUNT) {
                set(world, VMCB_RAX, world->interruptions);
                break;
            }
            if (get(world, VMCB_RAX) == CLOISTER_ENCLAVE_REPORT ||
                get(world, VMCB_RAX) == CLOISTER_ENCLAVE_KEY ||
                get(world, VMCB_RAX) == CLOISTER_ENCLAVE_COUNTER) {
                set(world, VMCB_RAX,
                    -(uint64_t)EOPNOTSUPP); /* it has neither key nor root nor TPM */
                break;
            }
            if (get(world, VMCB_RAX) < CLOISTER_ENCLAVE_AEX_COUNT) {
                return EXIT_VMMCALL;
            }
            inject(world, 13, true);
            break;
        case EXIT_NPF:
        case EXIT_SHUTDOWN:
        case ~UINT64_C(0):
            return get(world, VMCB_EXITCODE);
        default:
            inject(world, 13, true);
            break;
        }
    }
}

/* --- calls ----------------------------------------------------------------------------------------- */

/* OCALLs: 1 echoes; 2 misbehaves as the first byte says; others are unknown. */
static void answer(uint8_t *slot)
{
    struct cloister_call_frame *frame = (void *)slot;
    const uint8_t how = slot[frame->in_offset];

    frame->status = 0;
    frame->out_size = frame->in_size < frame->out_capacity ? frame->in_size : frame->out_capacity;
    if (frame->function == 1) {
        memcpy(slot + frame->out_offset, slot + frame->in_offset, frame->out_size);
        /* Whatever the frame says now, the enclave must not believe it. */
        frame->out_offset = frame->in_offset = 0xffffffff;
    } else if (frame->function == 2) {
        frame->out_size = how == 0 ? frame->out_capacity + 1 : how == 1 ? 0xffffffff : 0;
        frame->status = how == 2 ? 1 : how == 3 ? -4096 : how == 4 ? INT32_MIN : how == 5 ? -5 : 0;
    } else {
        frame->status = -ENOSYS;
    }
}

static void report_fault(struct world *world, uint64_t vector, uint64_t page)
{
    world->dead = true;
    print("fault");
    print_number((int64_t)vector);
    print_number((int64_t)page);
    print("\n");
}

static void report(const uint8_t *slot, uint32_t out_offset)
{
    const struct cloister_call_frame *frame = (const void *)slot;

    print("return");
    print_number(frame->status);
    print_hex(slot + out_offset, frame->out_size);
    print("\n");
}

static void call(uint32_t thread, uint32_t function, const uint8_t *in, uint32_t in_size,
                 uint32_t capacity)
{
    const uint32_t slot_size =
        launch->shared_count * CLOISTER_PAGE_SIZE / launch->thread_count & ~63u;
    struct world *world = &worlds[thread];
    uint8_t *slot = window + thread * slot_size;
    struct cloister_call_frame *frame = (void *)slot;
    const uint32_t out_offset = (sizeof(*frame) + in_size + 15) & ~15u;

    if (thread >= launch->thread_count || out_offset + capacity > slot_size) {
        print("refused\n");
        return;
    }
    if (world->dead) {
        print("dead\n");
        return;
    }
    *frame = (struct cloister_call_frame){.function = function,
                                          .in_offset = sizeof(*frame),
                                          .in_size = in_size,
                                          .out_offset = out_offset,
                                          .out_capacity = capacity,
                                          .status = 1};
    memcpy(slot + sizeof(*frame), in, in_size);
    if (world->patch_offset) {
        *(uint32_t *)(slot + world->patch_offset) = world->patch_value;
        world->patch_offset = 0;
    }
    start(thread, thread * slot_size, slot_size);
    for (;;) {
        switch (run(world)) {
        case EXIT_NPF:
            report_fault(world, CLOISTER_VECTOR_VIEW, get(world, VMCB_EXITINFO2) / PAGE);
            return;
        case EXIT_SHUTDOWN:
            report_fault(world, CLOISTER_VECTOR_SHUTDOWN, 0);
            return;
        case EXIT_VMMCALL:
            break;
        default:
            report_fault(world, CLOISTER_VECTOR_STATE, 0);
            return;
        }
        if (get(world, VMCB_RAX) == CLOISTER_ENCLAVE_RETURN) {
            report(slot, out_offset);
            return;
        }
        if (get(world, VMCB_RAX) == CLOISTER_ENCLAVE_FAULT) {
            report_fault(world, world->registers[RDI], world->registers[RSI]);
            return;
        }
        answer(slot);
        world->registers[RDI] = world->registers[RSI] = 0;
        set(world, VMCB_RAX, 0);
    }
}

/* --- the script ------------------------------------------------------------------------------------ */

struct script {
    const char *at;
    const char *end;
};

static void skip_spaces(struct script *script)
{
    while (script->at < script->end && *script->at == ' ') {
        script->at++;
    }
}

static bool take_word(struct script *script, const char *word)
{
    const char *at = script->at;

    while (*word && at < script->end && *at == *word) {
        at++;
        word++;
    }
    if (*word) {
        return false;
    }
    script->at = at;
    return true;
}

static uint32_t take_number(struct script *script)
{
    uint32_t number = 0;

    skip_spaces(script);
    while (script->at < script->end && *script->at >= '0' && *script->at <= '9') {
        number = number * 10 + (uint32_t)(*script->at++ - '0');
    }
    return number;
}

static uint32_t take_hex(struct script *script, uint8_t *bytes)
{
    uint32_t digits = 0;

    skip_spaces(script);
    for (; script->at < script->end && *script->at != '\n'; script->at++, digits++) {
        const char digit = *script->at;

        bytes[digits / 2] =
            (uint8_t)(bytes[digits / 2] << 4 | (digit <= '9' ? digit - '0' : digit - 'a' + 10));
    }
    return digits / 2;
}

static void begin_ticks(void)
{
    out8(0x20, 0x11);
    out8(0x21, 0x20);
    out8(0x21, 4);
    out8(0x21, 1);
    out8(0x21, 0xfe);
    out8(0x43, 0x34);
    out8(0x40, 1193 & 255);
    out8(0x40, 1193 >> 8);
}

static void play(struct script script)
{
    static uint8_t in[65536];

    while (script.at < script.end) {
        if (take_word(&script, "tick")) {
            begin_ticks();
        } else if (take_word(&script, "frame")) {
            const uint32_t thread = take_number(&script);

            worlds[thread].patch_offset = take_number(&script);
            worlds[thread].patch_value = take_number(&script);
        } else {
            const uint32_t thread = take_number(&script);
            const uint32_t function = take_number(&script);
            const uint32_t capacity = take_number(&script);

            call(thread, function, in, take_hex(&script, in), capacity);
        }
        script.at++;
    }
}

void visor_main(uint64_t information)
{
    const uint32_t *multiboot = (const uint32_t *)information;
    const uint32_t *modules = (const uint32_t *)(uint64_t)multiboot[6];

    if (multiboot[5] != 2 || modules[5] > MEMORY_BEGIN) {
        end("visor: two modules are needed, the image and the script");
    }
    memset(all_ones, 0xff, sizeof(all_ones));
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    asm volatile("wrmsr"
                 :
                 : "c"(VM_HSAVE_PA), "a"((uint32_t)(uint64_t)host_save), "d"(0)
                 : "memory");
    asm volatile("fninit; fxsave64 %0" : "=m"(fpu_reset));
    *(uint32_t *)(fpu_reset + 24) = 0x1f80;
    memset(fpu_reset + 32, 0, sizeof(fpu_reset) - 32);
    load((const uint8_t *)(uint64_t)modules[0]);
    play((struct script){(const char *)(uint64_t)modules[4], (const char *)(uint64_t)modules[5]});
    end("end");
}
