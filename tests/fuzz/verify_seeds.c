/* SPDX-License-Identifier: MIT */
#include "verify_seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"

#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"
#define A32 "a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"
#define T32 "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a"
#define M16 "4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d"
#define BOOT                                                                                       \
    "\"boot\":[{\"name\":\"b\",\"pcrs\":{\"4\":[\"" ZERO32 "\",\"" A32 "\"],\"9\":\"" ZERO32 "\"}" \
    "}]"

const char *const verify_policies[VERIFY_POLICIES] = {
    "{\"insecure-any-attestation-key\":true,\"insecure-any-boot\":true,"
    "\"insecure-any-enclave\":true,\"insecure-any-age\":true}",
    "{\"name\":\"strict\",\"attestation-keys\":\"enrolled\"," BOOT ",\"enclaves\":[{\"name\":\"e\","
    "\"measurement\":\"" M16 M16 M16 "\",\"author\":\"" A32 "\",\"minimum-security-version\":5}],"
    "\"maximum-report-age\":10,\"require-flags\":[\"ibpb\",\"lockdown\"],"
    "\"minimum-monitor-version\":\"0.1.0\",\"least-xen\":{\"4.17\":\"4.17.5\",\"4.20\":\"4.20.3\"},"
    "\"lockdown-tables\":[\"" T32 "\",\"" A32 "\"],\"insecure-incomplete-boot\":true,"
    "\"insecure-empty-pcrs\":true}",
    "{\"attestation-keys\":[\"" ZERO32 "\"],\"insecure-any-boot\":true,\"host-only\":true,"
    "\"allow-update-key\":true,\"require-event-log\":true,\"insecure-allow-debug\":true,\"insecure-"
    "allow-dma\":true,"
    "\"enclaves\":[{\"name\":\"a\",\"author\":\"" A32 "\"},{\"name\":\"b\",\"author\":\"" ZERO32
    "\"}],\"insecure-allow-smt\":true,\"insecure-allow-test-build\":true,\"accept-no-mor\":true,"
    "\"accept-bmc\":true,\"insecure-allow-open\":[\"debug\",\"lockdown-watch\",\"ats\"],"
    "\"insecure-no-intremap\":true,\"insecure-no-lockdown\":true}",
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
    memset(scene.pcrs[SCENE_PCR4].value, 0, 32);
    memset(scene.pcrs[SCENE_PCR9].value, 0, 32);
    memset(scene.pcrs[SCENE_RECORD_PCR].value, 0, 32);
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

/* Events that a verifier looks into: EFI variables, a boot entry, a driver's image. */
static void log_firmware(void)
{
    static const uint8_t digest[32] = {0};
    static const char driver[] = "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
                                 "\x0b\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"
                                 "D\0r\0i\0v\0e\0r\0O\0r\0d\0e\0r\0\0";
    static const char entry[] = "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
                                "\x8\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0"
                                "B\0o\0o\0t\0"
                                "0\0"
                                "0\0"
                                "0\0"
                                "1\0"
                                "\1\0\0\0\4\0x\0\0\0\x7f\xff\4\0o";
    static const char image[] = "address.length..linked..\x0e\0\0\0\0\0\0\0"
                                "\4\4\x0a\0\\\0d\0\0\0\x7f\xff\4";

    scene_log_bytes(5, 0x80000001, digest, driver, sizeof(driver));
    scene_log_bytes(1, 0x80000009, digest, entry, sizeof(entry));
    scene_log_bytes(2, 0x80000004, digest, image, sizeof(image));
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
    log_firmware();
    rc |= write_seed(folder, "firmware", 0xff, scene.log, scene.log_size);
    scene_encode();
    rc |= write_seed(folder, "logged-firmware", 2, scene.encoded, scene.size);
    scene.attest_size = 0;
    scene_encode();
    return rc | write_seed(folder, "quoteless", 0, scene.encoded, scene.size);
}
