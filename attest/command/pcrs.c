/* SPDX-License-Identifier: MIT */
/* PCR values in a text file, as a machine's owner reads them out. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/size.h"
#include "command/command.h"

#define MAX_PCRS_SIZE 65536u

/* "7 : 0x00AA..." (tpm2_pcrread) or "7 00aa..."; before it, "PCR" (cloister-verify predict). */
static bool take_value(const char *line, struct cloister_pcr *pcr)
{
    const char *rest = line;
    uint64_t index;
    size_t gap;

    if (!size_digits(&rest, &index) || index >= CLOISTER_EVIDENCE_PCRS ||
        !(gap = strspn(rest, " \t:"))) {
        return false;
    }
    rest += gap;
    rest += strncmp(rest, "0x", 2) ? 0 : 2;
    pcr->index = (uint32_t)index;
    return hex_read(rest, pcr->value, sizeof(pcr->value)) == sizeof(pcr->value);
}

static bool has(const struct cloister_pcr *pcrs, size_t count, uint32_t index)
{
    for (size_t i = 0; i < count; i++) {
        if (pcrs[i].index == index) {
            return true;
        }
    }
    return false;
}

/* Without the blanks around it. */
static char *trim(char *line)
{
    char *end = line + strlen(line);

    while (end > line && isspace((unsigned char)end[-1])) {
        *--end = 0;
    }
    return line + strspn(line, " \t");
}

/* What is wrong with the line, or NULL. Another bank than SHA-256 is passed over. */
static const char *take_line(char *line, bool *other_bank, struct cloister_pcr *pcrs, size_t *count)
{
    size_t size = strlen(line);

    if (!size || *line == '#' || !strncmp(line, "event ", 6)) {
        return NULL;
    }
    if (!strncmp(line, "PCR ", 4)) {
        line = trim(line + 4);
        size = strlen(line);
    }
    if (line[size - 1] == ':' && strchr(line, ':') == line + size - 1) {
        *other_bank = strcmp(line, "sha256:") != 0;
        return NULL;
    }
    if (*other_bank) {
        return NULL;
    }
    if (*count == CLOISTER_EVIDENCE_PCRS || !take_value(line, &pcrs[*count])) {
        return "\"INDEX VALUE\" expected, 0 to 23 and 64 hexadecimal digits";
    }
    if (has(pcrs, *count, pcrs[*count].index)) {
        return "this PCR has a value already";
    }
    ++*count;
    return NULL;
}

int pcrs_read(const char *path, struct cloister_pcr *pcrs, size_t *count)
{
    bool other_bank = false;
    unsigned int number = 0;
    const char *wrong = NULL;
    char *cursor, *line;
    uint8_t *data;
    size_t size;
    int rc = file_read(path, MAX_PCRS_SIZE, &data, &size);

    *count = 0;
    if (rc) {
        return rc;
    }
    if (strlen((char *)data) != size) {
        wrong = "a zero byte somewhere behind it";
    }
    cursor = (char *)data;
    while (!wrong && (line = strsep(&cursor, "\n"))) {
        number++;
        wrong = take_line(trim(line), &other_bank, pcrs, count);
    }
    if (!wrong && !*count) {
        wrong = "no SHA-256 PCR value";
    }
    free(data);
    if (wrong) {
        complain("%s, line %u: %s", path, number, wrong);
        return STATUS_INPUT;
    }
    return 0;
}
