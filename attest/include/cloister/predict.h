/* SPDX-License-Identifier: MIT */
/*
 * PCR values before the machine has booted: a plan lists what will be measured, in order, and by
 * whom. From it follow the values for a policy's "boot"; and when a machine's values are others,
 * the plan names what differs.
 *
 * UEFI firmware measures (TCG PC Client Platform Firmware Profile 1.05, 3.3.4)
 *   PCR 4  the text "Calling EFI Application from Boot Option", a separator, then each application that
 *          it starts
 *
 * GRUB 2.06 with its tpm module measures (manual, "Measured Boot"; grub-core/commands/tpm.c)
 *   PCR 8  each command of its script, words joined by one space; each command line that it hands
 *          to a kernel or module; without the prefix that its log shows, and without a terminating
 *          zero
 *   PCR 9  each file that it opens, as it stands on the disk (before it is unpacked)
 *
 * The other PCRs below 8 hold the firmware itself, its settings and its keys, which no file of the
 * host tells: their values are taken from a machine that booted as it should.
 *
 * ## Values that prove nothing
 *
 * Where the firmware leaves the SHA-256 bank alone, or a boot loader measures nothing, every boot has
 * the same value: all zero, all ff, or what EV_SEPARATOR alone leads to. Such a value is refused
 * wherever a measurement is taken: in policies, as a reference, for a statement.
 *
 * ## A whole configuration
 *
 * What was booted is known from PCRs 0 (the firmware), 2 (drivers from devices, and those that a
 * variable named), 4 (the boot loader) and 7 (Secure Boot: its state and keys), and, where GRUB loads
 * Xen, 8 and 9. Each without the others can be made up by what the others would have shown. Of Xen's
 * unified image PCR 4 has Xen, its command line, dom0's kernel and RAM disk.
 */
#ifndef CLOISTER_PREDICT_H
#define CLOISTER_PREDICT_H

#include <stdbool.h>

#include "cloister/evidence.h"

#define CLOISTER_PCR_LOADER 4u
#define CLOISTER_PCR_FIRMWARE_LAST 7u
#define CLOISTER_PCR_GRUB_STRINGS 8u
#define CLOISTER_PCR_GRUB_FILES 9u

#define CLOISTER_PCR_FIRMWARE 0u
#define CLOISTER_PCR_DRIVERS 2u
#define CLOISTER_PCR_SECURE_BOOT 7u

/* Bit n: a boot configuration needs PCR n. `unified`: Xen's unified image, not GRUB. */
uint32_t cloister_boot_pcrs(bool unified);

/*
 * Why this value of PCR `pcr` proves nothing: all zero, all ff, one or two separators (of zeros or ff)
 * alone. NULL: it is none of them; a separator alone does prove something in PCRs 1, 2, 3, 5 and 6:
 * that nothing was to be measured there, as on a machine whose devices bring no drivers.
 */
const char *cloister_pcr_empty(uint32_t pcr, const uint8_t value[32]);

struct cloister_planned {
    uint32_t pcr;
    bool reference; /* digest is the PCR's value, not extended into it */
    uint8_t digest[32];
    char *name; /* "file xen.gz", "command multiboot2 /boot/xen.gz" */
    /* Of an application: */
    bool application;
    bool unaligned; /* not signed, and of a size that is no multiple of 8: signing fills it up, and
                            changes its digest */
    /*
     * started as Xen's unified image, it takes something from elsewhere, which its digest does not
     * cover: a static text; NULL: it does not
     */
    const char *outside;
};

struct cloister_plan {
    struct cloister_planned *events;
    size_t count;
};

void cloister_plan_free(struct cloister_plan *plan);

/* Each adds an event. 0; -EINVAL: no such PCR; -ENOMEM; -EIO if OpenSSL fails. */
__attribute__((warn_unused_result)) int cloister_plan_digest(struct cloister_plan *plan,
                                                             uint32_t pcr, const uint8_t digest[32],
                                                             const char *name);
/*
 * What is measured is the text; `kind` is for people: "command", "kernel-cmdline",
 * "module-cmdline".
 */
__attribute__((warn_unused_result)) int cloister_plan_text(struct cloister_plan *plan, uint32_t pcr,
                                                           const char *kind, const char *text);
/* The content of the file at `path`; its errors of reading, too, negative. */
__attribute__((warn_unused_result)) int cloister_plan_file(struct cloister_plan *plan, uint32_t pcr,
                                                           const char *path);

/*
 * An application that the firmware starts (a PE file: the boot loader, Xen's unified image): its
 * Authenticode digest, which does not change with its signature. Also -EBADMSG: no PE file; -EFBIG.
 */
__attribute__((warn_unused_result)) int cloister_plan_application(struct cloister_plan *plan,
                                                                  uint32_t pcr, const char *path);
/* EV_SEPARATOR: four zeros, which the firmware measures into PCRs 0 .. 7 before it boots. */
__attribute__((warn_unused_result)) int cloister_plan_separator(struct cloister_plan *plan,
                                                                uint32_t pcr);

/*
 * The value of a PCR on a machine that booted as it should. -EEXIST: the plan has events or a value
 * of this PCR.
 */
__attribute__((warn_unused_result)) int cloister_plan_reference(struct cloister_plan *plan,
                                                                uint32_t pcr,
                                                                const uint8_t value[32],
                                                                const char *name);

/* How GRUB starts Xen. Files that are NULL are left out. */
struct cloister_grub_xen {
    const char *folder; /* where GRUB finds the files: "/boot" */
    const char *xen;    /* here; its last component is its name there */
    const char *xen_cmdline;
    const char *kernel;
    const char *kernel_cmdline;
    const char *initrd;
};

/*
 * multiboot2 FOLDER/XEN XEN_CMDLINE; module2 FOLDER/KERNEL KERNEL_CMDLINE; module2 --nounzip
 * FOLDER/INITRD. The same errors; -EILSEQ: a command line, the folder or a file's name has what GRUB's
 * script reader changes (below), so that it measures another text than this.
 */
__attribute__((warn_unused_result)) int
cloister_plan_grub_xen(struct cloister_plan *plan, const struct cloister_grub_xen *boot);

/*
 * Why the arguments of a command in GRUB's script, words with one blank between them, do not reach the
 * command as they stand here: a static text that names the character. NULL: they do, and both GRUB's
 * measurements of them (the command and the command line) are this text. GRUB 2.06,
 * grub-core/script/yylex.l and parser.y; commands/wildcard.c; lib/cmdline.c.
 */
const char *cloister_grub_changes(const char *text);
/* The same of one word: a folder's or a file's name, which has no blanks. */
const char *cloister_grub_changes_path(const char *text);

/*
 * Whether Xen, started with this command line, runs only with a TPM that vouches for its monitor
 * (verify.h, "Why tpm-required"): the word cloister-tpm=required stands in it, and no other value.
 */
bool cloister_cmdline_requires_tpm(const char *cmdline);

/*
 * How many events the plan has in this PCR; if any, value[32] is what they lead to. -EIO if OpenSSL
 * fails.
 */
__attribute__((warn_unused_result)) int cloister_plan_value(const struct cloister_plan *plan,
                                                            uint32_t pcr, uint8_t value[32]);

struct cloister_difference {
    uint32_t pcr;
    const struct cloister_planned *planned; /* the first that is not so; NULL: not known, or none */
    uint8_t expected[32];
    uint8_t found[32]; /* digests of the event where `in_log`, values of the PCR elsewhere */
    bool in_log;       /* the log told it */
    bool start;        /* and that all events are as planned: expected and found are start values */
    bool other_log;    /* the log leads to another value: it was not used */
    char said[96];     /* what stands in its place, by the log, printable; "": it ends there */
};

/*
 * Compares values with the plan: PCRs that the plan has and that are in pcrs[count]. With a log
 * (size 0: none) the first event that is not as planned is found; without, only the PCR is known,
 * and every event in it can be the reason, except where it is the only one. The log itself is
 * believed only where it replays to the value. 0: no difference; 1: *difference is the first;
 * -EBADMSG: the log is malformed; -EIO.
 */
__attribute__((warn_unused_result)) int
cloister_plan_compare(const struct cloister_plan *plan, const struct cloister_pcr *pcrs,
                      size_t count, struct cloister_bytes log,
                      struct cloister_difference *difference);

#endif
