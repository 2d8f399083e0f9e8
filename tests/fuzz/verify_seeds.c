/* SPDX-License-Identifier: MIT */
#include "verify_seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"

#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"
#define A32 "a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"
#define M16 "4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d"
#define BOOT                                                                                       \
    "\"boot\":[{\"name\":\"b\",\"pcrs\":{\"4\":[\"" ZERO32 "\",\"" A32 "\"],\"9\":\"" ZERO32     \
    "\"}}]"

const char *const verify_policies[VERIFY_POLICIES] = {
    "{\"insecure-any-attestation-key\":true,\"insecure-any-boot\":true,"
    "\"insecure-any-enclave\":true,\"insecure-any-age\":true}",
    "{\"name\":\"strict\",\"attestation-keys\":\"enrolled\"," BOOT ",\"enclaves\":[{\"name\":\"e\","
    "\"measurement\":\"" M16 M16 M16 "\",\"author\":\"" A32 "\",\"minimum-security-version\":5}],"
    "\"maximum-report-age\":10,\"require-flags\":[\"ibpb\"],\"minimum-monitor-version\":\"0.1.0\"}",
    "{\"attestation-keys\":[\"" ZERO32 "\"],\"insecure-any-boot\":true,\"host-only\":true,"
    "\"allow-update-key\":true,\"require-event-log\":true,\"insecure-allow-debug\":true,\"insecure-allow-dma\":true,"
    "\"enclaves\":[{\"name\":\"a\",\"author\":\"" A32 "\"},{\"name\":\"b\",\"author\":\"" ZERO32
    "\"}],\"insecure-allow-smt\":true,\"insecure-allow-test-build\":true}",
    "{}",
};

uint8_t verify_nonce[32];
struct cloister_bytes verify_seed_evidence;

static uint8_t evidence[16384];

/* As verify_crypto.c wants it. */
static void fake(void)
{
    memset(scene.extra, 0, sizeof(scene.extra));
    scene.extra_size = 32;
    memset(scene.pcr_digest, 0, sizeof(scene.pcr_digest));
    memset(scene.pcrs[1].value, 0, 32);
    memset(scene.pcrs[4].value, 0, 32);
    memset(scene.pcrs[SCENE_PCRS - 1].value, 0, 32);
    scene_quote();
    scene.signature[6] &= 0xfe;
    for (uint32_t i = 0; i < scene.report_count; i++) {
        memset(scene.reports[i].record, 0, 32);
        scene.reports[i].signature[0] &= 0xfe;
        if (scene.reports[i].kind == CLOISTER_REPORT_HEARTBEAT) {
            memset(scene.reports[i].report_data, 0, sizeof(scene.reports[i].report_data));
        }
    }
    scene_encode();
}

void verify_seeds_make(void)
{
    scene_prepare();
    scene_start(SCENE_ECC);
    memcpy(verify_nonce, scene.nonce, sizeof(verify_nonce));
    fake();
    memcpy(evidence, scene.encoded, scene.size);
    verify_seed_evidence = (struct cloister_bytes){evidence, scene.size};
}

static int write_seed(const char *folder, const char *name, uint8_t choice, const void *data,
                      size_t size)
{
    char path[4096];
    FILE *file;
    int bad;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wb");
    bad = !file || fputc(choice, file) == EOF || fwrite(data, 1, size, file) != size;
    if (file) {
        bad = fclose(file) || bad;
    }
    if (bad) {
        fprintf(stderr, "seeds: %s cannot be written\n", path);
    }
    return bad ? -1 : 0;
}

int verify_seeds_write(const char *folder)
{
    char name[32];
    uint8_t digest[32] = {0};
    int rc = 0;

    for (uint8_t i = 0; i < VERIFY_POLICIES; i++) {
        snprintf(name, sizeof(name), "policy%u", i);
        rc |= write_seed(folder, name, 0x80, verify_policies[i], strlen(verify_policies[i]));
        snprintf(name, sizeof(name), "evidence%u", i);
        rc |= write_seed(folder, name, 0x20 | i, evidence, verify_seed_evidence.size);
    }
    scene_start(SCENE_RSA);
    fake();
    scene.signature[6] &= 0xfe;
    scene_encode();
    rc |= write_seed(folder, "rsa", 0, scene.encoded, scene.size);
    scene_log_event(8, 13, digest, "a");
    scene_log_event(9, 13, digest, "b");
    scene_encode();
    rc |= write_seed(folder, "logged", 2, scene.encoded, scene.size);
    rc |= write_seed(folder, "log", 0xff, scene.log, scene.log_size);
    scene.attest_size = 0;
    scene_encode();
    return rc | write_seed(folder, "quoteless", 0, scene.encoded, scene.size);
}
