/* SPDX-License-Identifier: MIT */
/* The part of probe that raises exceptions on purpose. */
#ifndef CLOISTER_TEST_RAISE_H
#define CLOISTER_TEST_RAISE_H

#include "probe.h"

/* Raises one each of #PF, #UD, #DE, #BP and #GP, handles and counts them. */
void raise_all(struct probe_exceptions *counted);
struct probe_raised raise_touch(const struct probe_touch *touch);
struct probe_raised raise_instruction(uint32_t instruction);
struct probe_registers raise_registers(uint64_t millions);
void raise_fault(uint32_t kind);

#endif
