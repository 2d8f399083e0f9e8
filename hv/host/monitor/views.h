/* SPDX-License-Identifier: MIT */
/* The monitor's answers as JSON: the same whether the daemon or cloisterctl asked. */
#ifndef CLOISTER_HOST_VIEWS_H
#define CLOISTER_HOST_VIEWS_H

#include <json-c/json.h>

#include "cloister/abi.h"
#include "monitor/hypercall.h"

json_object *view_info(const struct cloister_info *info);
json_object *view_enclave(const struct cloister_enclave_info *info);

/* Calls `each` for every enclave of the host, ascending by id. 0 or a negative errno. */
__attribute__((warn_unused_result)) int
view_each_enclave(struct hypercalls *monitor,
                  void (*each)(const struct cloister_enclave_info *info, void *context),
                  void *context);

/* {"ok":false,...}; the second with why the monitor refused an operation. */
json_object *view_refusal(int error, const char *message);
json_object *view_monitor_refusal(int error, const struct cloister_head *head);

/* Text that may not be UTF-8: what is not becomes '?'. At most `size` bytes, up to a zero. */
json_object *view_text(const char *text, size_t size);

#endif
