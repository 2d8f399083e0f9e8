/* SPDX-License-Identifier: MIT */
/* Writes the lists and sizes of the ABI as JSON, for the tests in Python (tests/lib/abi.py). */
#include <stdio.h>

#include <cloister/abi.h>
#include <cloister/image.h>
#include <cloister/lockdown.h>
#include <cloister/protocol.h>
#include <cloister/reason.h>
#include <cloister/report.h>
#include <cloister/trace.h>

static const char *separator = "";

static void begin(const char *list)
{
    printf("%s\n \"%s\": {", separator, list);
    separator = "";
}

static void row(const char *name, unsigned long long value)
{
    printf("%s\"%s\": %llu", separator, name, value);
    separator = ", ";
}

static void end(void)
{
    printf("}");
    separator = ",";
}

#define ROW_NAME(number, name) row(#name, number);
#define ROW(number, name, ...) row(#name, number);
#define ROW_BIT(bit, name, ...) row(#name, 1ull << (bit));
#define LIST(name, list, member)                                                                   \
    begin(name);                                                                                   \
    list(member) end()
#define SIZE(structure) row(#structure, sizeof(struct cloister_##structure))
#define OPERATION_SIZE(number, name, structure) SIZE(structure);

int main(void)
{
    printf("{");
    LIST("calls", CLOISTER_CALLS, ROW_NAME);
    LIST("exits", CLOISTER_EXITS, ROW_NAME);
    LIST("enclave_calls", CLOISTER_ENCLAVE_CALLS, ROW_NAME);
    LIST("operations", CLOISTER_OPERATIONS, ROW);
    LIST("info_flags", CLOISTER_INFO_FLAGS, ROW_BIT);
    LIST("boot_kinds", CLOISTER_BOOT_KINDS, ROW);
    LIST("lockdown_rules", CLOISTER_LOCKDOWN_RULES, ROW);
    LIST("lockdown_kinds", CLOISTER_LOCKDOWN_KINDS, ROW);
    LIST("reasons", CLOISTER_REASONS, ROW);
    LIST("events", CLOISTER_TRACE_EVENTS, ROW);
    begin("vectors");
    row("VIEW", CLOISTER_VECTOR_VIEW);
    row("SHUTDOWN", CLOISTER_VECTOR_SHUTDOWN);
    row("STATE", CLOISTER_VECTOR_STATE);
    row("MACHINE", CLOISTER_VECTOR_MACHINE);
    end();
    begin("sizes");
    CLOISTER_OPERATIONS(OPERATION_SIZE)
    SIZE(head);
    SIZE(trace_record);
    SIZE(monitor_record);
    SIZE(image_header);
    end();
    printf("\n}\n");
    return 0;
}
