/* SPDX-License-Identifier: MIT */
/*
 * What of cloisterd talks to the TPM: a process of its own for each job (jobs.h), because the
 * kernel can make whoever asks a TPM wait for minutes. cloisterd starts it, looks how long each
 * command takes, and kills it.
 */
#include "base/errname.h"
#include "base/json.h"
#include "tpm/jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MAX_REQUEST (64u * 1024u)

static const struct {
    const char *name;
    job *run;
} jobs[] = {
    {"identity", job_identity},
    {"evidence", job_evidence},
    {"activate", job_activate},
    {"counters", job_counters},
};

/* NULL: `why` says what it is not. */
static json_object *read_request(char *why, size_t why_size)
{
    static char text[MAX_REQUEST];
    size_t size = fread(text, 1, sizeof(text), stdin);
    json_object *request = NULL;
    char detail[160] = "it is too long";

    if (size == sizeof(text) || json_read(text, size, &request, detail, sizeof(detail)))
        snprintf(why, why_size,
                 "a request is a JSON object on standard input; cloisterd(8) makes it: %s", detail);
    return request;
}

static int run(struct chip *chip, json_object *request, json_object *answer)
{
    const char *name = job_text(chip, request, "command"), *place;
    json_object *handle = json_member(request, "key_handle");
    uint64_t key_handle = 0;

    if (!name || !(place = job_text(chip, request, "tpm")))
        return -EINVAL;
    if (handle && !json_unsigned(handle, 0, UINT32_MAX, &key_handle)) {
        snprintf(chip->why, sizeof(chip->why), "key_handle is no handle: 32 bits");
        return -EINVAL;
    }
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (!strcmp(name, jobs[i].name)) {
            int rc = chip_open(chip, place, (uint32_t)key_handle, stdout);

            if (!rc)
                rc = jobs[i].run(chip, request, answer);
            chip_close(chip);
            return rc;
        }
    }
    snprintf(chip->why, sizeof(chip->why), "there is no job '%.40s'", name);
    return -ENOSYS;
}

static void add_text(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_object_new_string(text));
}

int main(void)
{
    static struct chip chip;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("TSS2_LOG", "all+none", 0); /* what went wrong is in the answer */
    json_object *request = read_request(chip.why, sizeof(chip.why));
    json_object *answer = json_object_new_object();
    int rc = request ? run(&chip, request, answer) : -EINVAL;

    json_object_object_add(answer, "ok", json_object_new_boolean(!rc));
    if (chip.warning[0])
        add_text(answer, "warning", chip.warning);
    if (rc) {
        add_text(answer, "error", errname(rc));
        add_text(answer, "message", chip.why[0] ? chip.why : strerror(-rc));
    }
    puts(json_object_to_json_string_ext(answer,
                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(answer);
    json_object_put(request);
    return rc ? 1 : 0;
}
