/* SPDX-License-Identifier: MIT */
/* cloister-verify predict */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cloister/verify.h"
#include "command/command.h"
#include "verify/empty_pcr.h"
#include "verify/refuse.h"

static const char help[] =
    "usage: cloister-verify predict [OPTION...]\n\n"
    "Computes the PCR values that a measured boot by GRUB leads to, from the files that are\n"
    "booted, and prints which event each file and text contributes.\n\n"
    "  --grub PLAN            what firmware and GRUB measure beside Xen (cloister-verify(1))\n"
    "  --xen FILE             the hypervisor\n"
    "  --cmdline TEXT         its command line, as GRUB passes it\n"
    "  --kernel FILE          dom0's kernel\n"
    "  --kernel-cmdline TEXT  its command line\n"
    "  --initrd FILE          dom0's initial RAM disk\n"
    "  --folder PATH          where GRUB finds these files (default: /boot)\n"
    "  --reference PCRS       values of PCRs 0 to 7 that the plan does not tell, from a machine "
    "that\n"
    "                         booted as it should: what tpm2_pcrread printed there. Without PCRs "
    "0,\n"
    "                         2 and 7 no configuration is whole, and policies refuse it.\n"
    "  --unified              the plan is that of Xen's unified image: no PCR 8 and 9\n"
    "  --insecure-incomplete-image\n"
    "                         take a unified image that reads something from elsewhere\n"
    "  --insecure-empty-pcrs  take values that prove nothing: zeros, ff, separators alone\n"
    "  --compare EVIDENCE     say what differs from the PCR values in this evidence, which is not\n"
    "                         verified; with its event log down to the file\n"
    "  --pcrs PCRS            the same with PCR values as tpm2_pcrread prints them\n"
    "  --log FILE             their event log (binary_bios_measurements)\n"
    "  --json                 one JSON object; \"pcrs\" can stand in a policy\n\n"
    "Exit status: 0 predicted, and as found; 1 the evidence differs; 2 usage; 3 an input cannot\n"
    "be read.\n";

struct inputs {
    struct cloister_grub_xen boot;
    const char *grub, *reference, *compare, *pcrs, *log;
    bool unified, incomplete, empty, json;
};

/* Bit n: the plan has PCR n. */
static uint32_t planned_pcrs(const struct cloister_plan *plan)
{
    uint32_t mask = 0;

    for (size_t i = 0; i < plan->count; i++) {
        mask |= 1u << plan->events[i].pcr;
    }
    return mask;
}

/* What a boot configuration of a policy needs, and the plan does not have. */
static uint32_t missing_pcrs(const struct cloister_plan *plan, const struct inputs *in)
{
    return cloister_boot_pcrs(in->unified) & ~planned_pcrs(plan);
}

static const struct cloister_planned *first_planned(const struct cloister_plan *plan, uint32_t pcr)
{
    const struct cloister_planned *event = plan->events;

    while (event->pcr != pcr) {
        event++;
    }
    return event;
}

/* Complains about values that prove nothing, and about GRUB's where there is none. 0 or STATUS_INPUT. */
static int check_values(const struct cloister_plan *plan, const struct inputs *in)
{
    const uint32_t grub = cloister_boot_pcrs(false) & ~cloister_boot_pcrs(true);
    char list[PCR_LIST_ROOM];
    uint8_t value[32];

    if (in->unified && planned_pcrs(plan) & grub) {
        pcr_list(planned_pcrs(plan) & grub, list, sizeof(list));
        complain("--unified, but the plan has %s: that is GRUB's", list);
        return STATUS_INPUT;
    }
    for (uint32_t pcr = 0; pcr < CLOISTER_EVIDENCE_PCRS && !in->empty; pcr++) {
        const char *why =
            cloister_plan_value(plan, pcr, value) > 0 ? cloister_pcr_empty(pcr, value) : NULL;

        if (why) {
            complain("PCR %u has a value that proves nothing (%s): from %s", pcr, why,
                     first_planned(plan, pcr)->name);
            return STATUS_INPUT;
        }
    }
    return 0;
}

/*
 * Of a unified image PCR 4 must cover all that it boots: of the application that is started last,
 * behind a shim. 0 or STATUS_INPUT.
 */
static int check_image(const struct cloister_plan *plan, const struct inputs *in)
{
    const struct cloister_planned *image = NULL;

    for (size_t i = 0; i < plan->count; i++) {
        if (plan->events[i].pcr == CLOISTER_PCR_LOADER && plan->events[i].application) {
            image = &plan->events[i];
        }
    }
    if (!in->unified || in->incomplete || !image || !image->outside) {
        return 0;
    }
    complain("%s is no whole unified image: %s, which nothing measures", image->name,
             image->outside);
    return STATUS_INPUT;
}

/* A signature begins at a multiple of 8, and the bytes that fill up to it are measured, too. */
static void warn_unaligned(const struct cloister_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->events[i].unaligned) {
            complain(
                "%s is not signed, and its size is no multiple of 8: once it is signed, another "
                "value is measured",
                plan->events[i].name);
        }
    }
}

static void warn_incomplete(const struct cloister_plan *plan, const struct inputs *in)
{
    uint32_t missing = missing_pcrs(plan, in);
    char list[PCR_LIST_ROOM];

    if (missing) {
        pcr_list(missing, list, sizeof(list));
        complain("not a whole boot configuration, policies refuse it: %s missing (--reference has "
                 "those of the firmware)",
                 list);
    }
}

static void print_text(const struct cloister_plan *plan)
{
    char text[65];
    uint8_t value[32];

    for (size_t i = 0; i < plan->count; i++) {
        hex_text(plan->events[i].digest, 32, text, sizeof(text));
        printf("event %-2u %s %s\n", plan->events[i].pcr, text, plan->events[i].name);
    }
    for (uint32_t pcr = 0; pcr < CLOISTER_EVIDENCE_PCRS; pcr++) {
        if (cloister_plan_value(plan, pcr, value) > 0) {
            hex_text(value, sizeof(value), text, sizeof(text));
            printf("PCR   %-2u %s\n", pcr, text);
        }
    }
}

static bool requires_tpm(const struct inputs *in)
{
    return cloister_cmdline_requires_tpm(in->boot.xen_cmdline ? in->boot.xen_cmdline : "");
}

static json_object *describe(const struct cloister_plan *plan, const struct inputs *in)
{
    json_object *object = out_new(), *events = out_list(), *pcrs = out_new(), *missing = out_list();
    uint8_t value[32];
    char text[16];

    for (size_t i = 0; i < plan->count; i++) {
        json_object *event = out_new();

        out_count(event, "pcr", plan->events[i].pcr);
        out_hex(event, "digest", plan->events[i].digest, 32);
        out_text(event, "name", plan->events[i].name);
        json_object_array_add(events, event);
    }
    out_add(object, "events", events);
    for (uint32_t pcr = 0; pcr < CLOISTER_EVIDENCE_PCRS; pcr++) {
        if (cloister_plan_value(plan, pcr, value) > 0) {
            snprintf(text, sizeof(text), "%u", pcr);
            out_hex(pcrs, text, value, sizeof(value));
        }
    }
    out_add(object, "pcrs", pcrs);
    out_text(object, "loader", in->unified ? "unified" : "grub");
    for (uint32_t pcr = 0; pcr < CLOISTER_EVIDENCE_PCRS; pcr++) {
        if (missing_pcrs(plan, in) & 1u << pcr) {
            json_object_array_add(missing, json_object_new_int((int)pcr));
        }
    }
    out_truth(object, "complete", !missing_pcrs(plan, in));
    out_add(object, "missing", missing);
    return object;
}

static int report(const struct cloister_plan *plan, const struct inputs *in)
{
    struct cloister_difference difference;
    json_object *object;
    int rc = in->compare ? predict_compare_evidence(plan, in->compare, &difference)
             : in->pcrs  ? predict_compare_values(plan, in->pcrs, in->log, &difference)
                         : 0;

    if (in->boot.xen && !requires_tpm(in)) {
        complain(
            "--cmdline has no cloister-tpm=required: on a host that boots so, dom0 may be able "
            "to forge the monitor's record");
    }
    if (rc < 0) {
        return STATUS_INPUT;
    }
    if (!in->compare && !in->pcrs) {
        warn_incomplete(plan, in);
        warn_unaligned(plan);
    }
    if (in->json) {
        object = describe(plan, in);
        if (in->boot.xen) {
            out_truth(object, "tpm_required", requires_tpm(in));
        }
        if (rc) {
            out_add(object, "difference", predict_difference(&difference));
        }
        out_print(object);
    } else if (rc) {
        predict_print_difference(plan, &difference);
    } else {
        print_text(plan);
    }
    return rc ? STATUS_REFUSED : STATUS_ACCEPTED;
}

static const char *file_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash ? slash + 1 : path;
}

/* Names the file that cannot be read, which the library does not. */
static int check_files(const struct cloister_grub_xen *boot)
{
    const char *const paths[] = {boot->xen, boot->kernel, boot->initrd};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i] && access(paths[i], R_OK)) {
            return plan_failed(-errno, paths[i]);
        }
    }
    return 0;
}

/* What GRUB would not measure as it stands: the option, and why. */
static int check_words(const struct cloister_grub_xen *boot)
{
    const struct {
        const char *option, *text;
        const char *(*judge)(const char *text);
    } words[] = {
        {"--cmdline", boot->xen_cmdline, cloister_grub_changes},
        {"--kernel-cmdline", boot->kernel_cmdline, cloister_grub_changes},
        {"--folder", boot->folder, cloister_grub_changes_path},
        {"--xen", file_name(boot->xen), cloister_grub_changes_path},
        {"--kernel", file_name(boot->kernel), cloister_grub_changes_path},
        {"--initrd", file_name(boot->initrd), cloister_grub_changes_path},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *why = words[i].text ? words[i].judge(words[i].text) : NULL;
        char shown[101];

        if (why) {
            snprintf(shown, sizeof(shown), "%s", words[i].text);
            for (char *c = shown; *c; c++) {
                *c = (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c;
            }
            complain("%s: GRUB does not hand '%s' over as it stands: %s", words[i].option, shown,
                     why);
            return STATUS_INPUT;
        }
    }
    return 0;
}

static int predict(const struct inputs *in)
{
    struct cloister_plan plan = {NULL, 0};
    int rc = check_words(&in->boot);

    rc = rc ? rc : check_files(&in->boot);
    if (!rc && in->grub) {
        rc = plan_read(&plan, in->grub, &in->boot);
    } else if (!rc) {
        rc = cloister_plan_grub_xen(&plan, &in->boot);
        rc = rc ? plan_failed(rc, "the boot") : 0;
    }
    if (!rc && in->reference) {
        rc = plan_reference(&plan, in->reference);
    }
    rc = rc ? rc : check_image(&plan, in);
    rc = rc ? rc : check_values(&plan, in);
    if (!rc) {
        rc = report(&plan, in);
    }
    cloister_plan_free(&plan);
    return rc;
}

static int take_option(char **argv, int option, void *inputs)
{
    struct inputs *in = inputs;
    const char **const places[] = {
        ['g'] = &in->grub,
        ['x'] = &in->boot.xen,
        ['c'] = &in->boot.xen_cmdline,
        ['k'] = &in->boot.kernel,
        ['l'] = &in->boot.kernel_cmdline,
        ['i'] = &in->boot.initrd,
        ['f'] = &in->boot.folder,
        ['r'] = &in->reference,
        ['C'] = &in->compare,
        ['p'] = &in->pcrs,
        ['L'] = &in->log,
    };

    bool *const truth = option == 'j'   ? &in->json
                        : option == 'u' ? &in->unified
                        : option == 'I' ? &in->incomplete
                        : option == 'E' ? &in->empty
                                        : NULL;

    (void)argv;
    if (truth) {
        *truth = true;
    } else {
        *places[option] = optarg;
    }
    return 0;
}

int command_predict(int argc, char **argv)
{
    static const struct option options[] = {
        {"grub", required_argument, NULL, 'g'},
        {"xen", required_argument, NULL, 'x'},
        {"cmdline", required_argument, NULL, 'c'},
        {"kernel", required_argument, NULL, 'k'},
        {"kernel-cmdline", required_argument, NULL, 'l'},
        {"initrd", required_argument, NULL, 'i'},
        {"folder", required_argument, NULL, 'f'},
        {"reference", required_argument, NULL, 'r'},
        {"compare", required_argument, NULL, 'C'},
        {"pcrs", required_argument, NULL, 'p'},
        {"log", required_argument, NULL, 'L'},
        {"unified", no_argument, NULL, 'u'},
        {"insecure-incomplete-image", no_argument, NULL, 'I'},
        {"insecure-empty-pcrs", no_argument, NULL, 'E'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct inputs in = {.boot.folder = "/boot"};
    int rc = command_options(argc, argv, options, help, take_option, &in);

    if (rc) {
        return rc == OPTIONS_DONE ? STATUS_ACCEPTED : rc;
    }
    if (!in.grub && !in.boot.xen && !in.boot.kernel && !in.boot.initrd) {
        return complain_usage(argv[0], "no file and no plan given");
    }
    if (in.unified && (in.boot.xen || in.boot.kernel || in.boot.initrd)) {
        return complain_usage(argv[0], "--unified has one file, in a plan: --xen, --kernel and "
                                       "--initrd are GRUB's");
    }
    if (in.compare && in.pcrs) {
        return complain_usage(argv[0], "--compare or --pcrs, not both");
    }
    if (in.log && !in.pcrs) {
        return complain_usage(argv[0], "--log needs the values that it leads to: --pcrs");
    }
    return predict(&in);
}
