/* SPDX-License-Identifier: MIT */
/*
 * A simulated monitor, and a TPM: simulated as well, or a real one whose quotes are given. Reads
 * commands, one a line, and answers each with one line; words are hexadecimal:
 *
 *   key                      the simulated TPM's attestation key, TPM2B_PUBLIC
 *   record                   SHA-256 of the monitor record: what its PCR is extended with
 *   policy                   one that accepts the simulated TPM's evidence (JSON)
 *   bind NONCE               what a quote must cover for this challenge
 *   evidence NONCE           evidence with a quote by the simulated TPM
 *   quoted NONCE TPM2B_PUBLIC ATTEST SIGNATURE PCRS
 *                            with this quote; PCRS: values of 0,2,4,7,8,9,13
 *   debug 0|1                whether the enclave is a debug enclave, from now on
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/image.h"
#include "scene.h"

#define MAX_LINE 65536

static size_t take(uint8_t *bytes, size_t room)
{
    const char *text = strtok(NULL, " \n");
    size_t size = text ? strlen(text) / 2 : 0;

    if (!size || size > room) {
        fprintf(stderr, "evidence-maker: a word is missing or too long\n");
        exit(2);
    }
    for (size_t i = 0; i < size; i++) {
        sscanf(text + 2 * i, "%2hhx", &bytes[i]);
    }
    return size;
}

static void give(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        printf("%02x", bytes[i]);
    }
    putchar('\n');
}

static void take_nonce(void)
{
    scene.nonce_size = take(scene.nonce, sizeof(scene.nonce));
    scene_record();
}

static void take_quote(void)
{
    uint8_t sized[1024], values[SCENE_PCRS * 32];

    scene.key_size = take(sized, sizeof(sized)) - 2;
    memcpy(scene.key, sized + 2, scene.key_size);
    scene.attest_size = take(scene.attest, sizeof(scene.attest));
    scene.signature_size = take(scene.signature, sizeof(scene.signature));
    if (take(values, sizeof(values)) != sizeof(values)) {
        exit(2);
    }
    for (uint32_t i = 0; i < SCENE_PCRS; i++) {
        memcpy(scene.pcrs[i].value, values + 32 * i, 32);
    }
}

static void answer(const char *command)
{
    uint8_t bytes[1026];

    if (!strcmp(command, "key")) {
        bytes[0] = (uint8_t)(scene.key_size >> 8);
        bytes[1] = (uint8_t)scene.key_size;
        memcpy(bytes + 2, scene.key, scene.key_size);
        give(bytes, scene.key_size + 2);
    } else if (!strcmp(command, "record")) {
        scene_sha256(&scene.record, sizeof(scene.record), bytes);
        give(bytes, 32);
    } else if (!strcmp(command, "policy")) {
        puts(scene.policy);
    } else if (!strcmp(command, "bind")) {
        take_nonce();
        give(scene.extra, scene.extra_size);
    } else if (!strcmp(command, "evidence") || !strcmp(command, "quoted")) {
        take_nonce();
        if (*command == 'q') {
            take_quote();
        }
        scene_encode();
        give(scene.encoded, scene.size);
    } else if (!strcmp(command, "debug")) {
        take(bytes, 1);
        scene.reports[0].image_flags = bytes[0] ? CLOISTER_IMAGE_DEBUG : 0;
        puts("");
    } else {
        fprintf(stderr, "evidence-maker: '%s'?\n", command);
        exit(2);
    }
    fflush(stdout);
}

int main(void)
{
    static char line[MAX_LINE];

    scene_prepare();
    scene_start(SCENE_ECC);
    while (fgets(line, sizeof(line), stdin)) {
        answer(strtok(line, " \n"));
    }
    return 0;
}
