/* SPDX-License-Identifier: MIT */
/*
 * Writes a good host's evidence and a policy that accepts it, for tests of commands.
 *
 * usage: attest-sample FOLDER [PCR=SHA256 | PCR+SHA256=NAME]...
 *
 * FOLDER/evidence.cbor, FOLDER/policy.json; prints {"nonce", "key", "report_data"} as JSON.
 * PCR=SHA256 is a value, PCR+... an event of the log (which need not lead to the values: its writer
 * is not trusted).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refuse.h"
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
    char nonce[65], key[65], report_data[129];

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
    printf("{\"nonce\": \"%s\", \"key\": \"%s\", \"report_data\": \"%s\"}\n", nonce, key,
           report_data);
    return 0;
}
