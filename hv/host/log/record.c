/* SPDX-License-Identifier: MIT */
#include "log/record.h"

#include <stdio.h>
#include <string.h>

#include "base/errname.h"
#include "monitor/lockdown.h"

static const char *const event_names[] = {
#define EVENT_NAME(number, name, text) [CLOISTER_EVENT_##name] = text,
    CLOISTER_TRACE_EVENTS(EVENT_NAME)
#undef EVENT_NAME
};

static const char *const op_names[] = {
#define OPERATION_NAME(number, name, structure) [CLOISTER_OP_##name] = #name,
    CLOISTER_OPERATIONS(OPERATION_NAME)
#undef OPERATION_NAME
};

static const char *const call_names[] = {
#define CALL_NAME(number, name) [CLOISTER_CALL_##name] = #name,
    CLOISTER_CALLS(CALL_NAME)
#undef CALL_NAME
};

static const char *const enclave_call_names[] = {
#define CALL_NAME(number, name) [CLOISTER_ENCLAVE_##name] = #name,
    CLOISTER_ENCLAVE_CALLS(CALL_NAME)
#undef CALL_NAME
};

#define NAME(table, index) ((index) < sizeof(table) / sizeof((table)[0]) ? (table)[index] : NULL)

const char *record_op_name(uint32_t op)
{
    return NAME(op_names, op);
}

static void write_domain(struct line *line, const char *key, uint16_t domain,
                         const struct record_names *names)
{
    char member[40];

    if (domain == CLOISTER_NO_DOMAIN)
        return;
    line_number(line, key, domain);
    if (names->name[0]) {
        snprintf(member, sizeof(member), "%s_name", key);
        line_text(line, member, names->name);
    }
    if (names->uuid[0]) {
        snprintf(member, sizeof(member), "%s_uuid", key);
        line_text(line, member, names->uuid);
    }
}

static void write_operation(struct line *line, const struct cloister_trace_record *record)
{
    const char *name = NULL;

    if (record->event == CLOISTER_EVENT_CONTROL)
        name = record_op_name(record->operation);
    else if (record->event == CLOISTER_EVENT_CALL)
        name = NAME(call_names, record->operation);
    else if (record->event == CLOISTER_EVENT_ENCLAVE)
        name = NAME(enclave_call_names, record->operation);
    else if (record->event == CLOISTER_EVENT_LOCKDOWN)
        name = lockdown_rule_name(record->operation);
    line_number(line, "operation", record->operation);
    if (name)
        line_text(line, "operation_name", name);
}

void record_write(struct line *line, const struct cloister_trace_record *record,
                  const struct record_names *actor, const struct record_names *target)
{
    const char *event = NAME(event_names, record->event);

    line_number(line, "order", record->order);
    line_number(line, "time", record->time);
    if (event)
        line_text(line, "event", event);
    else
        line_number(line, "event", record->event);
    line_text(line, "decision", record->decision == CLOISTER_ALLOWED ? "allowed" : "refused");
    line_text(line, "reason", cloister_reason_name(record->reason));
    line_number(line, "reason_code", record->reason);
    line_signed(line, "error", record->error);
    if (record->error)
        line_text(line, "error_name", errname(record->error));
    write_domain(line, "domain", record->domain, actor);
    if (record->vcpu != CLOISTER_NO_VCPU)
        line_number(line, "vcpu", record->vcpu);
    if (record->cpl != 0xff)
        line_number(line, "cpl", record->cpl);
    if (record->cr3)
        line_address(line, "cr3", record->cr3);
    if (record->rip)
        line_address(line, "rip", record->rip);
    if (record->insn_size)
        line_bytes(line, "insn", record->insn,
                   record->insn_size < sizeof(record->insn) ? record->insn_size
                                                            : sizeof(record->insn));
    write_operation(line, record);
    write_domain(line, "target", record->target, target);
    line_address(line, "address", record->address);
    line_number(line, "found", record->found);
    line_number(line, "allowed", record->allowed);
    if (record->enclave != CLOISTER_NO_ENCLAVE)
        line_number(line, "enclave", record->enclave);
    if (record->page != CLOISTER_NO_PAGE)
        line_number(line, "page", record->page);
    if (record->suppressed)
        line_number(line, "suppressed", record->suppressed);
}
