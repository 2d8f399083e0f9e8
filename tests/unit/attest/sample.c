/* SPDX-License-Identifier: MIT */
/*
 * Writes a good host's evidence and a policy that accepts it, for tests of commands.
 *
 * usage: attest-sample FOLDER [PCR=SHA256 | PCR+SHA256=NAME]...
 *
 * FOLDER/evidence.cbor, FOLDER/policy.json and heartbeats of this host; prints {"nonce", "later",
 * "key", "report_data"} as JSON, where "later" is the challenge that the heartbeats answer.
 * PCR=SHA256 is a value, PCR+... an event of the log (which need not lead to the values: its writer
 * is not trusted).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/abi.h"
#include "verify/refuse.h"
#include "scene.h"

static void write_file(const char *folder, const char *name, const void *data, size_t size)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) {
        fprintf(stderr, "attest-sample: %s cannot be written\n", path);
        exit(1);
    }
}

static void write_beat(const char *folder, const char *name)
{
    scene_sign_report(1);
    write_file(folder, name, &scene.reports[1], sizeof(scene.reports[1]));
}

/*
 * A log of one record, and heartbeats that sign it: traced.beat; and one that signs another. The head is
 * computed from the fields here and from the line there.
 */
static void write_trace(const char *folder)
{
    const struct cloister_trace_record record = {.event = CLOISTER_EVENT_DOMAIN,
                                                 .domain = CLOISTER_NO_DOMAIN,
                                                 .vcpu = CLOISTER_NO_VCPU,
                                                 .cpl = 0xff,
                                                 .target = 3,
                                                 .page = CLOISTER_NO_PAGE,
                                                 .found = 2};
    struct cloister_report *beat = &scene.reports[1];
    uint8_t bytes[32 + sizeof(record)] = {0};
    char text[512];
    int size = snprintf(
        text, sizeof(text),
        "{\"kind\":\"boot\",\"boot\":\"%016llx\",\"cpus\":1}\n"
        "{\"kind\":\"trace\",\"boot\":\"%016llx\",\"cpu\":0,\"seq\":0,\"order\":0,\"time\":0,"
        "\"event\":\"domain\",\"decision\":\"allowed\",\"reason_code\":0,\"error\":0,"
        "\"operation\":0,\"target\":3,\"address\":\"0x0\",\"found\":2,\"allowed\":0}\n",
        (unsigned long long)scene.record.boot_id, (unsigned long long)scene.record.boot_id);

    write_file(folder, "trace.jsonl", text, (size_t)size);
    memcpy(bytes, &scene.record.boot_id, 8);
    memcpy(bytes + 32, &record, sizeof(record));
    scene_sha256(bytes, sizeof(bytes), beat->trace_head);
    beat->trace_records = 1;
    write_beat(folder, "traced.beat");
    beat->time--;
    write_beat(folder, "earlier.beat");
    beat->trace_records = 2;
    write_beat(folder, "more-records.beat");
    beat->time++;
}

/* A good one, sequence 99, and each that is wrong in one way although the monitor signed it. */
static void write_beats(const char *folder)
{
    struct cloister_report *beat = &scene.reports[1];
    const struct cloister_report then = *beat;
    struct cloister_report good;
    uint8_t cose[CLOISTER_COSE_REPORT_SIZE];

    memset(scene.nonce, 0x77, 32);
    beat->sequence = 99;
    beat->time += UINT64_C(3000000000);
    scene_reports();
    good = *beat;
    write_beat(folder, "good.beat");
    cloister_report_to_cose(beat, cose);
    write_file(folder, "cose.beat", cose, sizeof(cose));
    beat->time = then.time;
    write_beat(folder, "old.beat");
    *beat = good;
    beat->flags |= CLOISTER_INFO_SMT;
    write_beat(folder, "smt.beat");
    *beat = good;
    beat->record[0] ^= 1;
    write_beat(folder, "boot.beat");
    *beat = good;
    beat->report_data[63] = 1;
    write_beat(folder, "more.beat");
    *beat = good;
    beat->enclave = 3;
    write_beat(folder, "filled.beat");
    /* An enclave chooses its report data. */
    *beat = good;
    beat->kind = CLOISTER_REPORT_ENCLAVE;
    write_beat(folder, "enclave.beat");
    *beat = good;
    write_trace(folder);
    *beat = then;
    write_beat(folder, "then.beat");
}

static void take(const char *argument)
{
    uint8_t digest[32];
    char *rest;
    uint32_t pcr = (uint32_t)strtoul(argument, &rest, 10);

    for (int i = 0; i < 32; i++) {
        unsigned int byte = 0;

        if (sscanf(rest + 1 + 2 * i, "%2x", &byte) != 1) {
            exit(2);
        }
        digest[i] = (uint8_t)byte;
    }
    if (*rest == '+') {
        scene_log_event(pcr, 13, digest, rest + 1 + 64 + 1);
    }
    for (uint32_t i = 0; i < scene.pcr_count && *rest == '='; i++) {
        if (scene.pcrs[i].index == pcr) {
            memcpy(scene.pcrs[i].value, digest, 32);
        }
    }
}

int main(int argc, char **argv)
{
    char nonce[65], later[65], key[65], report_data[129];

    if (argc < 2) {
        return 2;
    }
    scene_prepare();
    scene_start(SCENE_ECC);
    for (int i = 2; i < argc; i++) {
        take(argv[i]);
    }
    scene_bind();
    scene_encode();
    write_file(argv[1], "evidence.cbor", scene.encoded, scene.size);
    write_file(argv[1], "policy.json", scene.policy, strlen(scene.policy));
    hex_text(scene.nonce, 32, nonce, sizeof(nonce));
    hex_text(scene.enrolled, 32, key, sizeof(key));
    hex_text(scene.reports[0].report_data, 64, report_data, sizeof(report_data));
    write_beats(argv[1]);
    hex_text(scene.nonce, 32, later, sizeof(later));
    printf("{\"nonce\": \"%s\", \"later\": \"%s\", \"key\": \"%s\", \"report_data\": \"%s\"}\n",
           nonce, later, key, report_data);
    return 0;
}
