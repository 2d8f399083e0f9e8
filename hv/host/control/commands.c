/* SPDX-License-Identifier: MIT */
#include "control/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "agents/agents.h"
#include "proof/counters.h"
#include "domains/domains.h"
#include "domains/libvirtd.h"
#include "base/loop.h"
#include "log/logfiles.h"
#include "log/names.h"
#include "domains/quota.h"
#include "log/tracer.h"
#include "monitor/views.h"

static const struct config *config_;
static struct hypercalls *monitor_;
static uint64_t started;

void commands_initialise(const struct config *config, struct hypercalls *monitor)
{
    config_ = config;
    monitor_ = monitor;
    started = loop_now();
}

static void add_number(json_object *object, const char *key, uint64_t value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

static void add_text(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, view_text(text, strlen(text)));
}

static void add_flag(json_object *object, const char *key, bool value)
{
    json_object_object_add(object, key, json_object_new_boolean(value));
}

static json_object *success(void)
{
    json_object *answer = json_object_new_object();

    add_flag(answer, "ok", true);
    return answer;
}

/* The reasons for which the daemon does not do all it should, one sentence each. */
static void degrade(json_object *list, const char *what, const char *why)
{
    char text[400];

    snprintf(text, sizeof(text), "%s: %s", what, why);
    json_object_array_add(list, view_text(text, strlen(text)));
}

static json_object *trace_status(json_object *degraded)
{
    json_object *object = json_object_new_object();
    struct tracer_status status;

    tracer_status(&status);
    add_number(object, "rings", status.cpus);
    add_number(object, "records", status.records);
    add_number(object, "lost", status.lost);
    add_text(object, "directory", config_->log_directory);
    add_number(object, "lines", status.index);
    add_text(object, "head", status.head);
    if (status.file) {
        char name[LOG_FILE_NAME];

        log_file_name(status.file, name);
        add_text(object, "file", name);
        add_number(object, "file_size", status.file_size);
    }
    add_flag(object, "writable", status.log_error == 0);
    add_flag(object, "chain_broken", status.broken[0] != 0);
    if (status.rings_error[0])
        degrade(degraded, "trace rings", status.rings_error);
    if (status.log_error)
        degrade(degraded, "trace log", strerror(-status.log_error));
    if (status.broken[0])
        degrade(degraded, "trace log's chain is broken", status.broken);
    return object;
}

static void agent_totals(json_object *answer)
{
    size_t count;
    const struct domain *domains = domains_all(&count);
    unsigned int connected = 0, stale = 0, unhealthy = 0;

    for (size_t i = 0; i < count; i++) {
        struct agent_view view;

        agents_view(domains[i].id, &view);
        connected += view.connected && view.greeted;
        stale += view.connected && view.stale;
        unhealthy += view.connected && view.has_status && view.status.health != 0;
    }
    json_object *agents = json_object_new_object();
    add_number(agents, "connected", connected);
    add_number(agents, "stale", stale);
    add_number(agents, "unhealthy", unhealthy);
    json_object_object_add(answer, "agents", agents);
    add_number(answer, "domains", count);
}

static json_object *host_counters(json_object *degraded)
{
    json_object *object = counters_status();
    const char *problem = json_member_text(object, "problem");

    if (problem)
        degrade(degraded, "counters", problem);
    if (json_member_true(object, "lost"))
        degrade(degraded, "counters", "all of the last boot are lost; see cloisterd's messages");
    return object;
}

static json_object *answer_status(json_object *request)
{
    struct cloister_info info = {0};
    int rc = hypercall_info(monitor_, &info);
    char libvirt[256];

    (void)request;
    if (rc)
        return view_monitor_refusal(rc, &info.head);
    json_object *answer = success(), *degraded = json_object_new_array();
    add_text(answer, "version", CLOISTER_VERSION);
    add_number(answer, "uptime", (loop_now() - started) / 1000);
    json_object_object_add(answer, "monitor", view_info(&info));
    json_object_object_add(answer, "trace", trace_status(degraded));
    json_object_object_add(answer, "counters", host_counters(degraded));
    libvirtd_state(libvirt, sizeof(libvirt));
    add_text(answer, "libvirt", libvirt);
    if (strcmp(libvirt, "connected") && config_->libvirt_uri[0])
        degrade(degraded, "libvirt", libvirt);
    if (info.create_reason != CLOISTER_REASON_NONE)
        degrade(degraded, "no enclave can be created", cloister_reason_text(info.create_reason));
    agent_totals(answer);
    json_object_object_add(answer, "degraded", degraded);
    return answer;
}

static json_object *agent_object(uint16_t domain)
{
    json_object *object = json_object_new_object();
    struct agent_view view;

    agents_view(domain, &view);
    const char *state = !view.connected      ? "absent"
                        : !view.greeted      ? "connecting"
                        : view.stale         ? "stale"
                        : !view.has_status   ? "no status yet"
                        : view.status.health ? "unhealthy"
                                             : "good";
    add_text(object, "state", state);
    if (view.last_end[0])
        add_text(object, "last_end", view.last_end);
    if (!view.connected || !view.greeted)
        return object;
    add_text(object, "version", view.hello.agent_version);
    add_text(object, "kernel", view.hello.kernel);
    add_number(object, "requests", view.requests);
    add_number(object, "refused", view.refused);
    if (!view.has_status)
        return object;
    add_number(object, "status_age_ms", view.status_age);
    add_number(object, "uptime", view.status.uptime);
    add_number(object, "applications", view.status.applications);
    add_number(object, "enclaves", view.status.enclaves);
    add_number(object, "calls_served", view.status.calls_served);
    add_number(object, "health", view.status.health);
    add_number(object, "shield", view.status.shield);
    if (view.status.message[0])
        add_text(object, "message", view.status.message);
    return object;
}

static const char *const quota_sources[] = {"none", "metadata", "override"};

static json_object *domain_object(const struct domain *domain)
{
    json_object *object = json_object_new_object();
    struct cloister_domain op = {.domain = domain->id};
    int rc = hypercall_domain(monitor_, &op);

    add_number(object, "domain", domain->id);
    json_object_object_add(object, "name", names_view(domain->name));
    add_text(object, "uuid", domain->uuid);
    add_flag(object, "libvirt", domain->libvirt);
    add_text(object, "quota_source", quota_sources[domain->source]);
    if (domain->problem[0])
        add_text(object, "quota_problem", domain->problem);
    if (!rc) {
        add_number(object, "quota_frames", op.quota);
        add_number(object, "used_frames", op.used);
        add_number(object, "enclaves", op.enclaves);
        add_number(object, "entries", op.entries);
        add_number(object, "interruptions", op.interruptions);
        add_number(object, "refusals", op.refusals);
        add_number(object, "suppressed", op.suppressed);
        add_text(object, "create_reason", cloister_reason_name(op.create_reason));
        if (op.create_reason != CLOISTER_REASON_NONE)
            add_text(object, "create_message", cloister_reason_text(op.create_reason));
    } else {
        char text[200];

        hypercall_describe(rc, &op.head, text, sizeof(text));
        add_text(object, "error", text);
    }
    json_object_object_add(object, "agent", agent_object(domain->id));
    return object;
}

static json_object *answer_domains(json_object *request)
{
    json_object *answer = success(), *list = json_object_new_array();
    size_t count;
    const struct domain *domains = domains_all(&count);

    (void)request;
    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, domain_object(&domains[i]));
    json_object_object_add(answer, "domains", list);
    return answer;
}

/* The domain that a request names. NULL: *answer says why not. */
static const struct domain *find_domain(json_object *request, json_object **answer)
{
    const char *name = json_member_text(request, "domain");
    char text[200];

    if (!name) {
        *answer = view_refusal(-EINVAL, "the request names no domain");
        return NULL;
    }
    const struct domain *domain = domains_find(name);
    if (!domain) {
        snprintf(text, sizeof(text), "no domain '%.100s' runs now", name);
        *answer = view_refusal(-ESRCH, text);
    }
    return domain;
}

struct enclave_filter {
    json_object *list;
    const struct domain *only;
};

static void add_enclave(const struct cloister_enclave_info *info, void *context)
{
    struct enclave_filter *filter = context;
    size_t count;
    const struct domain *domains = domains_all(&count);

    if (filter->only && filter->only->id != info->domain)
        return;
    json_object *object = view_enclave(info);
    for (size_t i = 0; i < count; i++) {
        if (domains[i].id == info->domain)
            json_object_object_add(object, "domain_name", names_view(domains[i].name));
    }
    json_object_array_add(filter->list, object);
}

static json_object *answer_enclaves(json_object *request)
{
    struct enclave_filter filter = {0};
    json_object *answer = NULL;

    if (json_object_object_get_ex(request, "domain", NULL)) {
        filter.only = find_domain(request, &answer);
        if (!filter.only)
            return answer;
    }
    filter.list = json_object_new_array();
    int rc = view_each_enclave(monitor_, add_enclave, &filter);
    if (rc) {
        json_object_put(filter.list);
        return view_refusal(rc, "the monitor does not list the enclaves");
    }
    answer = success();
    json_object_object_add(answer, "enclaves", filter.list);
    return answer;
}

static json_object *set_quota(const struct domain *domain, const uint64_t *frames)
{
    char why[256];
    int rc = domains_set_quota(domain, frames, why, sizeof(why));

    return rc ? view_refusal(rc, why) : NULL;
}

static json_object *answer_quota(json_object *request)
{
    json_object *refused = NULL, *frames;
    const struct domain *domain = find_domain(request, &refused);

    if (!domain)
        return refused;
    if (json_object_object_get_ex(request, "frames", &frames)) {
        uint64_t wanted;

        if (!json_unsigned(frames, 0, SIZE_MAX_FRAMES, &wanted))
            return view_refusal(-EINVAL, "frames is not a number of frames");
        refused = set_quota(domain, &wanted);
    } else if (json_member_true(request, "default")) {
        refused = set_quota(domain, NULL);
    }
    if (refused)
        return refused;
    json_object *answer = success();
    json_object_object_add(answer, "domain", domain_object(domain));
    return answer;
}

static json_object *answer_destroy(json_object *request)
{
    uint64_t enclave;

    if (!json_unsigned(json_member(request, "enclave"), 1, UINT32_MAX, &enclave))
        return view_refusal(-EINVAL, "the request names no enclave");
    struct cloister_destroy op = {.enclave = (uint32_t)enclave};
    int rc = hypercall_destroy(monitor_, &op);
    if (rc)
        return view_monitor_refusal(rc, &op.head);
    json_object *answer = success();
    add_number(answer, "enclave", op.enclave);
    return answer;
}

json_object *commands_answer(const char *command, json_object *request)
{
    static const struct {
        const char *name;
        json_object *(*answer)(json_object *request);
    } commands[] = {
        {"status", answer_status}, {"domains", answer_domains}, {"enclaves", answer_enclaves},
        {"quota", answer_quota},   {"destroy", answer_destroy}, {"counters", counters_answer},
    };

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!strcmp(command, commands[i].name))
            return commands[i].answer(request);
    }
    return view_refusal(-ENOSYS, "no such command");
}
