/* SPDX-License-Identifier: MIT */
/* Event logs: replayed, compared with what was quoted, and malformed in every way. */
#include <stdlib.h>

#include "cloister/eventlog.h"
#include "refuses.h"

#define EV_NO_ACTION 3u
#define EV_SEPARATOR 4u
#define EV_IPL 13u

static struct cloister_replay replay;

static void event(uint32_t pcr, uint32_t type, const char *text)
{
    uint8_t digest[32];

    scene_sha256(text, strlen(text), digest);
    scene_log_event(pcr, type, digest, text);
}

/* A log with something in each PCR of the scene but the record's, and the values that follow. */
static void start(void)
{
    scene_start(SCENE_ECC);
    for (uint32_t i = 0; i + 1 < SCENE_PCRS; i++) {
        event(scene.pcrs[i].index, EV_IPL, "one");
        event(scene.pcrs[i].index, EV_SEPARATOR, "two");
        event(scene.pcrs[i].index, EV_NO_ACTION, "nothing");
    }
    scene_policy_replace("\"boot\": [", "\"insecure-any-boot\": true, \"boot\": [");
    ck_assert_int_eq(
        cloister_log_replay((struct cloister_bytes){scene.log, scene.log_size}, &replay), 0);
    for (uint32_t i = 0; i + 1 < SCENE_PCRS; i++) {
        memcpy(scene.pcrs[i].value, replay.pcrs[scene.pcrs[i].index], 32);
    }
    scene_bind();
}

static int replays(size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);

    memcpy(exact, scene.log, size);
    int rc = cloister_log_replay((struct cloister_bytes){exact, size}, &replay);
    free(exact);
    return rc;
}

START_TEST(replayed)
{
    uint8_t both[64] = {0};

    scene_sha256("one", 3, both + 32);
    scene_sha256(both, 64, both);
    scene_sha256("two", 3, both + 32);
    scene_sha256(both, 64, both);
    ck_assert(!memcmp(replay.pcrs[9], both, 32));
    memset(both, 0, 32);
    ck_assert(!memcmp(replay.pcrs[13], both, 32));
    memset(both, 0xff, 32);
    ck_assert(!memcmp(replay.pcrs[17], both, 32));
    ck_assert(!memcmp(replay.pcrs[22], both, 32));
    ck_assert_uint_eq(replay.events, 19);
    accepts();
    ck_assert(scene.claims.log_checked);
}
END_TEST

START_TEST(locality)
{
    uint8_t both[64] = {0}, digest[32] = {0};

    scene.log_size = 0;
    scene_log_event(0, EV_NO_ACTION, digest, "StartupLocality?\3");
    memmove(scene.log + scene.log_size - 2, "\0\3", 2);
    event(0, EV_IPL, "one");
    ck_assert_int_eq(replays(scene.log_size), 0);
    both[31] = 3;
    scene_sha256("one", 3, both + 32);
    scene_sha256(both, 64, both);
    ck_assert(!memcmp(replay.pcrs[0], both, 32));
    /* After the first extension it is too late. */
    scene_log_event(0, EV_NO_ACTION, digest, "StartupLocality?\4");
    memmove(scene.log + scene.log_size - 2, "\0\4", 2);
    ck_assert_int_eq(replays(scene.log_size), 0);
    ck_assert(!memcmp(replay.pcrs[0], both, 32));
}
END_TEST

START_TEST(required)
{
    scene_policy_replace("{", "{\"require-event-log\": true,");
    accepts();
    scene.log_size = 0;
    refuses(CLOISTER_REFUSED_LOG_MISSING, "log");
}
END_TEST

START_TEST(differs)
{
    event(8, EV_IPL, "one more");
    refuses(CLOISTER_REFUSED_LOG_DIFFERS, "PCR 8");
    start();
    event(13, EV_IPL, "not the log's");
    accepts();
    /* A PCR that nothing in the log explains. */
    start();
    scene.pcrs[SCENE_PCR4].index = 5;
    scene_bind();
    refuses(CLOISTER_REFUSED_LOG_DIFFERS, "PCR 5");
}
END_TEST

START_TEST(truncated)
{
    unsigned int whole = 0;

    for (size_t size = 0; size < scene.log_size; size++) {
        int rc = replays(size);

        ck_assert(rc == 0 || rc == -EBADMSG);
        if (rc) {
            ck_assert(replay.wrong);
            ck_assert_uint_le(replay.offset, size);
        }
        whole += rc == 0; /* between events */
    }
    ck_assert_uint_eq(whole, 18);
    scene.log_size--;
    refuses(CLOISTER_REFUSED_LOG_MALFORMED, "log, event 18");
}
END_TEST

/*
 * Offsets: the first event is 69 bytes; then pcr, type, count, algorithm, SHA-1, algorithm,
 * SHA-256, size.
 */
static const struct {
    size_t offset;
    uint8_t value;
    const char *wrong;
} changes[] = {
    {0, 1, "the format of TPM 1.2"},
    {0, 24, "no event log"},
    {4, 4, "the format of TPM 1.2"},
    {28, 36, "list of digest"},
    {28, 255, "list of digest"},
    {31, 1, "the log ends in this event"},
    {32, 's', "the format of TPM 1.2"},
    {47, '3', "the format of TPM 1.2"},
    {56, 0, "list of digest"},
    {56, 9, "too many"},
    {59, 1, "too many"},
    {62, 65, "the size of a digest"},
    {62, 0, "the size of a digest"},
    {64, 0x0c, "no SHA-256 bank"},
    {60, 0x0b, "the size of a digest"},
    {64, 4, "listed twice"},
    {66, 20, "the size of a digest"},
    {68, 1, "list of digest"},
    {69, 24, "PCR's index"},
    {72, 1, "PCR's index"},
    {77, 0, "no SHA-256 digest"},
    {77, 1, "no SHA-256 digest"},
    {77, 3, "more digests"},
    {80, 1, "more digests"},
    {81, 0x0c, "does not list"},
    {81, 0x0b, "does not list"},
    {103, 0x04, "two digests of one algorithm"},
    {140, 1, "the log ends in this event"},
};

START_TEST(malformed)
{
    scene.log[changes[_i].offset] = changes[_i].value;
    ck_assert_int_eq(replays(scene.log_size), -EBADMSG);
    ck_assert_msg(strstr(replay.wrong, changes[_i].wrong), "%zu: %s", changes[_i].offset,
                  replay.wrong);
    refuses(CLOISTER_REFUSED_LOG_MALFORMED, "log");
}
END_TEST

START_TEST(any_bytes)
{
    unsigned long long state = 7;

    for (int i = 0; i < 20000; i++) {
        size_t at = next_random(&state) % scene.log_size;
        uint8_t good = scene.log[at];

        scene.log[at] = (uint8_t)next_random(&state);
        int rc = replays(scene.log_size);
        ck_assert(rc == 0 || rc == -EBADMSG);
        scene.log[at] = good;
    }
}
END_TEST

/* --- judged by content --------------------------------------------------------------------- */

#define EV_VARIABLE_DRIVER_CONFIG 0x80000001u
#define EV_VARIABLE_BOOT 0x80000002u
#define EV_BOOT_APPLICATION 0x80000003u
#define EV_BOOT_DRIVER 0x80000004u
#define EV_RUNTIME_DRIVER 0x80000005u
#define EV_HANDOFF_TABLES 0x80000009u
#define EV_VARIABLE_BOOT2 0x8000000cu

static const uint8_t global[] = "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c";
static struct cloister_log_finding finding;

struct bytes {
    uint8_t data[1024];
    size_t size;
};

static void add(struct bytes *to, const void *data, size_t size)
{
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

static void add_number(struct bytes *to, uint64_t number, size_t size)
{
    add(to, &number, size); /* little-endian, as this machine */
}

static void add_wide(struct bytes *to, const char *text)
{
    for (; *text; text++) {
        add_number(to, (uint8_t)*text, 2);
    }
}

/* UEFI_VARIABLE_DATA. */
static struct bytes variable(const uint8_t *guid, const char *name, const void *data, size_t size)
{
    struct bytes made = {.size = 0};

    add(&made, guid, 16);
    add_number(&made, strlen(name), 8);
    add_number(&made, size, 8);
    add_wide(&made, name);
    add(&made, data, size);
    return made;
}

/* EFI_LOAD_OPTION with a file's path. */
static struct bytes boot_entry(const void *options, size_t size)
{
    static const uint8_t path[] = "\x04\x04\x08\x00"
                                  "a\0\0\0"
                                  "\x7f\xff\x04\x00";
    struct bytes made = {.size = 0};

    add_number(&made, 1, 4);
    add_number(&made, sizeof(path) - 1, 2);
    add_wide(&made, "Cloister");
    add_number(&made, 0, 2);
    add(&made, path, sizeof(path) - 1);
    add(&made, options, size);
    return made;
}

/* UEFI_IMAGE_LOAD_EVENT of an image with this device path. */
static struct bytes image(const void *path, size_t size)
{
    struct bytes made = {.size = 0};

    add_number(&made, 0x7f000000, 8);
    add_number(&made, 0x1000, 8);
    add_number(&made, 0, 8);
    add_number(&made, size, 8);
    add(&made, path, size);
    return made;
}

static void log_as(uint32_t pcr, uint32_t type, const struct bytes *data,
                   const struct bytes *measured)
{
    uint8_t digest[32];

    scene_sha256(measured->data, measured->size, digest);
    scene_log_bytes(pcr, type, digest, data->data, data->size);
}

static void log_whole(uint32_t pcr, uint32_t type, struct bytes data)
{
    log_as(pcr, type, &data, &data);
}

static int judge(bool options)
{
    uint8_t *exact = malloc(scene.log_size);

    memcpy(exact, scene.log, scene.log_size);
    memset(&finding, 0, sizeof(finding));
    int rc = cloister_log_judge((struct cloister_bytes){exact, scene.log_size}, options, &finding);
    free(exact);
    return rc;
}

static void finds(enum cloister_log_finding_kind kind, const char *said)
{
    int rc = judge(true);

    ck_assert_msg(rc == 1 && finding.kind == kind && !strcmp(finding.said, said),
                  "%d: %s: %s, not %s", rc, finding.meaning, finding.said, said);
    ck_assert_uint_eq(finding.event, 19);
}

/* The scene's values as the log leads to them. */
static void requote(void)
{
    ck_assert_int_eq(replays(scene.log_size), 0);
    for (uint32_t i = 0; i + 1 < SCENE_PCRS; i++) {
        memcpy(scene.pcrs[i].value, replay.pcrs[scene.pcrs[i].index], 32);
    }
    scene_bind();
}

static const char *const early[] = {"Driver0000", "DriverOrder", "SysPrep00fF", "SysPrepOrder"};
static const uint32_t any_type[] = {EV_VARIABLE_BOOT, EV_VARIABLE_BOOT2, EV_VARIABLE_DRIVER_CONFIG,
                                    EV_HANDOFF_TABLES, EV_IPL};

/* In whatever PCR, under whatever type. */
START_TEST(early_variables)
{
    for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
        for (uint32_t pcr = 1; pcr < 8; pcr++) {
            start();
            log_whole(pcr, any_type[_i], variable(global, early[i], "\1\0", 2));
            finds(CLOISTER_FINDING_VARIABLE, early[i]);
            ck_assert_uint_eq(finding.pcr, pcr);
            ck_assert_int_eq(judge(false), 1);
        }
    }
}
END_TEST

START_TEST(early_refused)
{
    log_whole(5, EV_VARIABLE_BOOT, variable(global, "Driver0000", "x", 1));
    refuses(CLOISTER_REFUSED_LOG_DRIVER, "log, event 19, PCR 5");
    ck_assert(strstr(scene.refusal.found, "Driver0000: a variable"));
    scene_policy_replace("{", "{\"insecure-allow-boot-drivers\": true,");
    accepts();
    ck_assert_str_eq(cloister_settings_name(scene.claims.settings), "unchecked");
    scene.log_size = 0;
    accepts();
}
END_TEST

START_TEST(harmless_variables)
{
    static const char *const names[] = {"Driver",
                                        "Driver000",
                                        "Driver00000",
                                        "Driver000g",
                                        "DriverOrders",
                                        "driver0000",
                                        "SysPrep",
                                        "SysPrepOrder2",
                                        "BootOrder",
                                        "SecureBoot",
                                        "Boot0000x",
                                        "",
                                        "Driver0000Driver0000Driver0000"};
    static uint8_t other[16] = "another's name";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        log_whole(1, EV_VARIABLE_BOOT2, variable(global, names[i], "x", 1));
    }
    log_whole(5, EV_VARIABLE_BOOT, variable(global, "DriverOrder", "", 0)); /* there is none */
    log_whole(5, EV_VARIABLE_BOOT, variable(other, "Driver0000", "x", 1));
    ck_assert_int_eq(judge(true), 0);
    ck_assert_int_eq(judge(false), 0);
    accepts();
    ck_assert_str_eq(cloister_settings_name(scene.claims.settings), "log");
}
END_TEST

/* By its value, as EV_EFI_VARIABLE_BOOT is, or as a whole; else nobody knows what was measured. */
START_TEST(words)
{
    struct bytes order = variable(global, "BootOrder", "\1\0", 2), value = {"\1\0", 2},
                 more = {"\1\0\0", 3};

    log_as(1, EV_VARIABLE_BOOT, &order, &value);
    log_as(1, EV_VARIABLE_BOOT, &order, &order);
    log_as(7, EV_VARIABLE_DRIVER_CONFIG, &order, &more);
    ck_assert_int_eq(judge(true), 0);
    start();
    log_as(1, _i ? EV_VARIABLE_BOOT2 : EV_VARIABLE_BOOT, &order, &more);
    finds(CLOISTER_FINDING_WORDS, "BootOrder");
    refuses(CLOISTER_REFUSED_LOG_WORDS, "log, event 19, PCR 1");
}
END_TEST

/* What is no variable, under a boot variable's type: every length, and lengths that overflow. */
START_TEST(variable_form)
{
    const struct bytes good = variable(global, "Boot0000", "value", 5);
    struct bytes bad;

    for (size_t size = 0; size < good.size; size++) {
        start();
        bad = good;
        bad.size = size;
        log_whole(1, EV_VARIABLE_BOOT2, bad);
        finds(CLOISTER_FINDING_FORM, "a variable");
    }
    for (size_t at = 16; at < 32; at++) {
        start();
        bad = good;
        bad.data[at] ^= 0x80;
        log_whole(1, EV_VARIABLE_BOOT, bad);
        finds(CLOISTER_FINDING_FORM, "a variable");
    }
    start();
    bad = good;
    add(&bad, "x", 1);
    log_whole(1, EV_VARIABLE_BOOT, bad);
    finds(CLOISTER_FINDING_FORM, "a variable");
    refuses(CLOISTER_REFUSED_LOG_MALFORMED, "log, event 19");
    /* Of another type, that is another's structure. */
    start();
    log_whole(1, EV_HANDOFF_TABLES, bad);
    ck_assert_int_eq(judge(true), 0);
}
END_TEST

/* Device paths: a slot, then what the image came from. */
#define SLOT "\x01\x01\x06\x00\x00\x02"
#define ROM "\x04\x08\x0c\x00offsets!" /* relative offset range */
#define END "\x7f\xff\x04\x00"
#define FILE_PATH "\x04\x04\x0a\x00\\\0d\0\0\0"
static const struct {
    const char *path;
    size_t size;
    int found; /* 0 none, 1 from a file, -1 malformed */
    const char *said;
} places[] = {
#define PLACE(path, found, said)                                                                   \
    {                                                                                              \
        path, sizeof(path) - 1, found, said                                                        \
    }
    PLACE("", 0, ""),
    PLACE(END, 0, ""),
    PLACE(SLOT ROM END, 0, ""),
    PLACE("\x04\x07\x14\x00sixteen bytes here\x04\x06\x14\x00sixteen bytes here" END, -1,
          "a driver's image"),
    PLACE("\x04\x07\x14\x00sixteen bytes !!\x04\x06\x14\x00sixteen bytes !!" END, 0, ""),
    PLACE(SLOT FILE_PATH END, 1, "\\d"),
    PLACE(SLOT "\x04\x01\x04\x00" FILE_PATH FILE_PATH END, 1, "\\d\\d"),
    PLACE(SLOT "\x04\x01\x04\x00" END, 1, ""),
    PLACE(SLOT "\x04\x02\x04\x00" END, 1, ""),
    PLACE(SLOT "\x03\x18\x08\x00"
               "http" END,
          1, ""),
    PLACE(SLOT ROM "\x7f\x01\x04\x00" FILE_PATH END, 1, "\\d"), /* a second instance */
    PLACE("\x04\x04\x08\x00\x1b\0\x01\x20" END, 1, "??"),
    PLACE("\x04\x04\x05\x00x" END, 1, ""),
    PLACE("\x04", -1, "a driver's image"),
    PLACE("\x04\x08\x03\x00", -1, "a driver's image"),
    PLACE("\x04\x08\x00\x00", -1, "a driver's image"),
    PLACE("\x04\x04\x06\x00x", -1, "a driver's image"),
    PLACE("\x04\x04\xff\xffx", -1, "a driver's image"),
#undef PLACE
};

START_TEST(drivers)
{
    struct bytes event = image(places[_i].path, places[_i].size), bad;

    log_whole(2, EV_BOOT_APPLICATION, event); /* an application is PCR 4's affair */
    ck_assert_int_eq(judge(true), 0);
    for (int runtime = 0; runtime < 2; runtime++) {
        start();
        log_whole(2, runtime ? EV_RUNTIME_DRIVER : EV_BOOT_DRIVER, event);
        if (places[_i].found == 0) {
            ck_assert_int_eq(judge(true), 0);
            continue;
        }
        finds(places[_i].found > 0 ? CLOISTER_FINDING_DRIVER : CLOISTER_FINDING_FORM,
              places[_i].said);
        requote();
        refuses(places[_i].found > 0 ? CLOISTER_REFUSED_LOG_DRIVER : CLOISTER_REFUSED_LOG_MALFORMED,
                "log, event 19, PCR 2");
    }
    for (size_t size = 0; size < 32; size++) {
        start();
        bad = event;
        bad.size = size;
        log_whole(2, EV_BOOT_DRIVER, bad);
        if (size < event.size) {
            finds(CLOISTER_FINDING_FORM, "a driver's image");
        }
    }
}
END_TEST

/* --- a unified image's options --------------------------------------------------------------- */

static const uint8_t automatic[] =
    "\x4e\xac\x08\x81\x11\x9f\x59\x4d\x85\x0e\xe2\x1a\x52\x2c\x59\xb2";

/* The scene as a unified image's, with this boot entry. */
static void start_unified(struct bytes entry)
{
    start();
    log_whole(1, EV_VARIABLE_BOOT2, variable(global, "Boot0001", entry.data, entry.size));
    requote();
    scene_policy_replace("\"insecure-any-boot\": true, \"boot\": [{\"name\"",
                         "\"insecure-incomplete-boot\": true,"
                         "\"boot\": [{\"loader\": \"unified\", \"name\"");
    *strstr(scene.policy, "\"pcrs\": {") = 0;
    char *end = stpcpy(scene.policy + strlen(scene.policy), "\"pcrs\": {\"4\": \"");
    for (int i = 0; i < 32; i++) {
        end += sprintf(end, "%02x", scene.pcrs[SCENE_PCR4].value[i]);
    }
    strcpy(end, "\"}}], \"attestation-keys\": \"enrolled\", \"insecure-any-enclave\": true,"
                "\"insecure-any-age\": true}");
    scene_policy_replace("\"attestation-keys\": \"enrolled\",", "");
}

START_TEST(boot_options)
{
    start_unified(boot_entry("", 0));
    accepts();
    ck_assert_str_eq(cloister_settings_name(scene.claims.settings), "log");
    start_unified(boot_entry(automatic, 16));
    accepts();
    start_unified(boot_entry(automatic, 15));
    refuses(CLOISTER_REFUSED_BOOT_OPTIONS, "log, event 19, PCR 1");
    start_unified(boot_entry("-\0c\0", 4));
    refuses(CLOISTER_REFUSED_BOOT_OPTIONS, "log, event 19, PCR 1");
    ck_assert(strstr(scene.refusal.found, "Boot0001: a boot entry"));
    scene_policy_replace("{", "{\"insecure-allow-boot-options\": true,");
    accepts();
    /* GRUB's options are GRUB's. */
    start_unified(boot_entry("-\0c\0", 4));
    scene_policy_replace("\"unified\"", "\"grub\"");
    accepts();
}
END_TEST

/* A configuration that has PCR 1 says itself which entries there are. */
START_TEST(pinned)
{
    char pcr1[80] = "{\"1\": \"", pcr5[80] = "{\"5\": \"";

    start_unified(boot_entry("x", 1));
    refuses(CLOISTER_REFUSED_BOOT_OPTIONS, "PCR 1");
    /* The quote covers 1 and 5 in place of 0 and 7. */
    memmove(&scene.pcrs[0], &scene.pcrs[1], sizeof(scene.pcrs[0]) * 2);
    event(5, EV_SEPARATOR, "two");
    ck_assert_int_eq(replays(scene.log_size), 0);
    scene.pcrs[2] = scene.pcrs[1];
    scene.pcrs[1] = scene.pcrs[0];
    scene.pcrs[0].index = 1;
    memcpy(scene.pcrs[0].value, replay.pcrs[1], 32);
    scene.pcrs[3].index = 5;
    memcpy(scene.pcrs[3].value, replay.pcrs[5], 32);
    scene_bind();
    refuses(CLOISTER_REFUSED_BOOT_OPTIONS, "PCR 1");
    for (int i = 0; i < 32; i++) {
        sprintf(pcr1 + strlen(pcr1), "%02x", replay.pcrs[1][i]);
        sprintf(pcr5 + strlen(pcr5), "%02x", replay.pcrs[5][i]);
    }
    scene_policy_replace("{\"4\"", strcat(pcr1, "\", \"4\""));
    accepts();
    ck_assert_str_eq(cloister_settings_name(scene.claims.settings), "log");
    scene_policy_replace("{\"1\"", strcat(pcr5, "\", \"1\""));
    accepts();
    ck_assert_str_eq(cloister_settings_name(scene.claims.settings), "pinned");
    scene.log_size = 0;
    accepts();
    ck_assert_str_eq(cloister_settings_name(scene.claims.settings), "pinned");
}
END_TEST

START_TEST(boot_entry_form)
{
    const struct bytes good = boot_entry("", 0);
    struct bytes bad;

    for (size_t size = 1; size < good.size; size++) {
        start();
        bad = good;
        bad.size = size;
        log_whole(1, EV_VARIABLE_BOOT2, variable(global, "Boot0001", bad.data, bad.size));
        finds(CLOISTER_FINDING_FORM, "Boot0001");
        ck_assert_int_eq(judge(false), 0);
    }
    bad = good;
    bad.data[5] = 0xff; /* the path's length */
    start_unified(bad);
    refuses(CLOISTER_REFUSED_LOG_MALFORMED, "log, event 19, PCR 1");
}
END_TEST

START_TEST(judged_bytes)
{
    unsigned long long state = 11;
    struct bytes entry = boot_entry("x", 1), event = image(SLOT FILE_PATH END, 20);

    log_whole(1, EV_VARIABLE_BOOT2, variable(global, "Boot0001", entry.data, entry.size));
    log_whole(2, EV_BOOT_DRIVER, event);
    for (int i = 0; i < 20000; i++) {
        size_t at = next_random(&state) % scene.log_size;
        uint8_t good = scene.log[at];

        scene.log[at] = (uint8_t)next_random(&state);
        int rc = judge(true);
        ck_assert(rc == 0 || rc == 1 || rc == -EBADMSG);
        scene.log[at] = good;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("events");

    scene_prepare();
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, start, NULL);
    tcase_add_test(tcase, replayed);
    tcase_add_test(tcase, locality);
    tcase_add_test(tcase, required);
    tcase_add_test(tcase, differs);
    tcase_add_test(tcase, truncated);
    tcase_add_loop_test(tcase, malformed, 0, sizeof(changes) / sizeof(changes[0]));
    tcase_add_test(tcase, any_bytes);
    tcase_add_loop_test(tcase, early_variables, 0, sizeof(any_type) / sizeof(any_type[0]));
    tcase_add_test(tcase, early_refused);
    tcase_add_test(tcase, harmless_variables);
    tcase_add_loop_test(tcase, words, 0, 2);
    tcase_add_test(tcase, variable_form);
    tcase_add_loop_test(tcase, drivers, 0, sizeof(places) / sizeof(places[0]));
    tcase_add_test(tcase, boot_options);
    tcase_add_test(tcase, pinned);
    tcase_add_test(tcase, boot_entry_form);
    tcase_add_test(tcase, judged_bytes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
