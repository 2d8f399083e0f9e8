/* SPDX-License-Identifier: MIT */
/*
 * A TPM that is not ours: swtpm, driven by tpm2-tools, makes the keys, keeps the PCRs and signs the
 * quotes; only the monitor is simulated. Without swtpm or tpm2-tools the program says so and fails:
 * tests/setup installs them.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "refuses.h"

#define GOOD_KEY "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign"
#define ECC "ecc:ecdsa-sha256:null"
#define RSA "rsa2048:rsassa-sha256:null"
#define PCRS "sha256:0,2,4,7,8,9,13"

enum capture {
    QUOTE_ECC,
    QUOTE_RSA,
    QUOTE_UNRESTRICTED, /* by a key that signs whatever it is given */
    QUOTE_IMPORTABLE,   /* by a key that can leave its TPM */
    QUOTE_SHA1,
    QUOTE_WITHOUT_13,
    QUOTE_OTHER_NONCE,
    QUOTE_EXTENDED_AGAIN, /* the last: a PCR has no way back */
    CAPTURES,
};

static struct scene captured[CAPTURES];
static char folder[] = "/tmp/cloister-swtpm-XXXXXX";

static int stop_swtpm(void)
{
    char command[128];

    snprintf(command, sizeof(command), "kill $(cat %s/pid) && rm -rf %s", folder, folder);
    return system(command);
}

static void run(const char *format, ...)
{
    char command[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    if (system(command)) {
        fprintf(stderr, "test_swtpm: failed: %s\n", command);
        printf("not ok 1 - swtpm and tpm2-tools work\n1..1\n");
        stop_swtpm();
        exit(1);
    }
}

static size_t read_file(const char *name, uint8_t *data, size_t room)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(data, 1, room, file) : 0;

    if (!size) {
        fprintf(stderr, "test_swtpm: no %s\n", path);
        exit(1);
    }
    fclose(file);
    return size;
}

static void read_pcrs(void)
{
    uint8_t values[SCENE_PCRS * 32];

    run("tpm2_pcrread " PCRS " -o %s/pcrs >/dev/null", folder);
    read_file("pcrs", values, sizeof(values));
    for (uint32_t i = 0; i < SCENE_PCRS; i++) {
        memcpy(scene.pcrs[i].value, values + 32 * i, 32);
    }
}

static void quote(enum capture which, const char *algorithm, const char *attributes,
                  const char *pcrs)
{
    uint8_t sized[1024], binding[32];
    char hex[65];

    if (cloister_challenge_binding((struct cloister_bytes){scene.nonce, scene.nonce_size},
                                   &scene.record, binding)) {
        exit(1);
    }
    for (int i = 0; i < 32; i++) {
        snprintf(hex + 2 * i, 3, "%02x", binding[i]);
    }
    run("tpm2_createprimary -Q -C e -G %s -a '%s' -c %s/key.ctx", algorithm, attributes, folder);
    run("tpm2_readpublic -Q -c %s/key.ctx -f tss -o %s/key", folder, folder);
    run("tpm2_quote -Q -c %s/key.ctx -g sha256 -l %s -q %s -m %s/attest -s %s/signature", folder,
        pcrs, hex, folder, folder);
    run("tpm2_flushcontext -t");
    read_pcrs();
    scene.key_size = read_file("key", sized, sizeof(sized)) - 2; /* a TPM2B_PUBLIC */
    memcpy(scene.key, sized + 2, scene.key_size);
    scene.attest_size = read_file("attest", scene.attest, sizeof(scene.attest));
    scene.signature_size = read_file("signature", scene.signature, sizeof(scene.signature));
    scene_sha256(scene.key, scene.key_size, scene.enrolled);
    captured[which] = scene;
}

/* The measured boot of a machine, then its quotes. */
static void capture(void)
{
    char hex[65], text[24];
    uint8_t digest[32];

    scene_start(SCENE_ECC);
    scene_policy_replace("\"boot\": [", "\"insecure-any-boot\": true, \"boot\": [");
    for (int pcr = 0; pcr < 10; pcr++) {
        snprintf(text, sizeof(text), "stage %d", pcr);
        scene_sha256(text, strlen(text), digest);
        for (int i = 0; i < 32; i++) {
            snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        }
        run("tpm2_pcrextend %d:sha256=%s", pcr, hex);
    }
    scene_sha256(&scene.record, sizeof(scene.record), digest);
    for (int i = 0; i < 32; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    run("tpm2_pcrextend 13:sha256=%s", hex);
    quote(QUOTE_ECC, ECC, GOOD_KEY, PCRS);
    quote(QUOTE_RSA, RSA, GOOD_KEY, PCRS);
    quote(QUOTE_UNRESTRICTED, ECC, "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign",
          PCRS);
    quote(QUOTE_IMPORTABLE, ECC, "sensitivedataorigin|userwithauth|restricted|sign", PCRS);
    quote(QUOTE_SHA1, ECC, GOOD_KEY, "sha1:0,2,4,7,8,9,13");
    quote(QUOTE_WITHOUT_13, ECC, GOOD_KEY, "sha256:0,2,4,7,8,9");
    captured[QUOTE_WITHOUT_13].pcr_count--;
    scene.nonce[0] ^= 1;
    quote(QUOTE_OTHER_NONCE, ECC, GOOD_KEY, PCRS);
    scene.nonce[0] ^= 1;
    captured[QUOTE_OTHER_NONCE].nonce[0] ^= 1;
    run("tpm2_pcrextend 13:sha256=%s", hex);
    quote(QUOTE_EXTENDED_AGAIN, ECC, GOOD_KEY, PCRS);
}

static void start_swtpm(void)
{
    char tcti[96];

    if (!mkdtemp(folder)) {
        exit(1);
    }
    snprintf(tcti, sizeof(tcti), "swtpm:path=%s/socket", folder);
    setenv("TPM2TOOLS_TCTI", tcti, 1);
    run("swtpm socket --tpm2 --daemon --pid file=%s/pid --tpmstate dir=%s"
        " --server type=unixio,path=%s/socket --ctrl type=unixio,path=%s/socket.ctrl"
        " --flags not-need-init,startup-clear",
        folder, folder, folder, folder);
    capture();
    if (stop_swtpm()) {
        exit(1);
    }
}

static void use(enum capture which)
{
    scene = captured[which];
}

START_TEST(accepted)
{
    use(_i);
    accepts();
    ck_assert_uint_ge(scene.claims.tpm_firmware_version, 1);
    ck_assert_uint_eq(scene.claims.enclave_count, 1);
}
END_TEST

START_TEST(boot_of_policy)
{
    char boot[1024];
    size_t used;

    use(QUOTE_ECC);
    scene_policy_replace("\"insecure-any-boot\": true, ", "");
    refuses(CLOISTER_REFUSED_BOOT_NOT_ACCEPTED, "PCR 0");
    used = (size_t)snprintf(boot, sizeof(boot), "\"boot\": [{\"name\": \"swtpm\", \"pcrs\": {");
    for (uint32_t i = 0; i < SCENE_RECORD_PCR; i++) {
        used += (size_t)snprintf(boot + used, sizeof(boot) - used, "%s\"%u\": \"", i ? "," : "",
                                 scene.pcrs[i].index);
        for (int byte = 0; byte < 32; byte++) {
            used += (size_t)snprintf(boot + used, sizeof(boot) - used, "%02x",
                                     scene.pcrs[i].value[byte]);
        }
        used += (size_t)snprintf(boot + used, sizeof(boot) - used, "\"");
    }
    snprintf(boot + used, sizeof(boot) - used, "}}, ");
    scene_policy_replace("\"boot\": [", boot);
    accepts();
    ck_assert_str_eq(scene.claims.boot, "swtpm");
}
END_TEST

/* Every byte of what the TPM gave. */
START_TEST(changed)
{
    const enum capture which = _i % 2 ? QUOTE_RSA : QUOTE_ECC;
    const enum cloister_step step = _i / 2 == 0   ? CLOISTER_STEP_SIGNATURE /* attest */
                                    : _i / 2 == 1 ? CLOISTER_STEP_SIGNATURE
                                                  : CLOISTER_STEP_KEY;
    uint8_t *const fields[] = {scene.attest, scene.signature, scene.key};

    use(which);
    const size_t sizes[] = {scene.attest_size, scene.signature_size, scene.key_size};
    for (size_t i = 0; i < sizes[_i / 2]; i++) {
        fields[_i / 2][i] ^= 0x40;
        ck_assert_int_eq(scene_verify(), -EACCES);
        ck_assert_int_eq(scene.refusal.step, step);
        fields[_i / 2][i] ^= 0x40;
    }
    accepts();
}
END_TEST

START_TEST(other_key)
{
    /* The quote of one key beside the public area of another, enrolled, key. */
    use(QUOTE_ECC);
    memcpy(scene.key, captured[QUOTE_RSA].key, captured[QUOTE_RSA].key_size);
    scene.key_size = captured[QUOTE_RSA].key_size;
    refuses(CLOISTER_REFUSED_KEY_NOT_ACCEPTED, "quote.key");
    memcpy(scene.enrolled, captured[QUOTE_RSA].enrolled, 32);
    refuses(CLOISTER_REFUSED_SIGNATURE_ALGORITHM, "quote.signature");
}
END_TEST

static const struct {
    enum capture which;
    enum cloister_refusal_code code;
    const char *what;
} wrong[] = {
    {QUOTE_UNRESTRICTED, CLOISTER_REFUSED_KEY_ATTRIBUTES, "quote.key"},
    {QUOTE_IMPORTABLE, CLOISTER_REFUSED_KEY_ATTRIBUTES, "quote.key"},
    {QUOTE_SHA1, CLOISTER_REFUSED_QUOTE_BANK, "pcrSelect"},
    {QUOTE_WITHOUT_13, CLOISTER_REFUSED_RECORD_PCR_NOT_QUOTED, "PCR 13"},
    {QUOTE_OTHER_NONCE, CLOISTER_REFUSED_QUOTE_CHALLENGE, "extraData"},
    {QUOTE_EXTENDED_AGAIN, CLOISTER_REFUSED_RECORD_NOT_MEASURED, "PCR 13"},
};

START_TEST(refused)
{
    use(wrong[_i].which);
    refuses(wrong[_i].code, wrong[_i].what);
}
END_TEST

START_TEST(values_changed)
{
    for (uint32_t i = 0; i < SCENE_PCRS; i++) {
        use(QUOTE_ECC);
        scene.pcrs[i].value[i] ^= 1;
        refuses(CLOISTER_REFUSED_PCR_DIGEST, "quote.pcrs");
    }
    use(QUOTE_ECC);
    scene.record.flags ^= 2;
    refuses(CLOISTER_REFUSED_QUOTE_CHALLENGE, "extraData");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("swtpm");
    TCase *tcase = tcase_create("quotes");

    scene_prepare();
    start_swtpm();
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, accepted, QUOTE_ECC, QUOTE_RSA + 1);
    tcase_add_test(tcase, boot_of_policy);
    tcase_add_loop_test(tcase, changed, 0, 6);
    tcase_add_test(tcase, other_key);
    tcase_add_loop_test(tcase, refused, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tcase, values_changed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
