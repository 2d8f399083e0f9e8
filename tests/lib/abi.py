# SPDX-License-Identifier: MIT
"""The lists of hv/include/cloister, as the build wrote them: abi.event.FAULT, abi.operation.CREATE, abi.reason.NONE.

The file is lib/abi/abi.json in the tests' part of the build folder (CLOISTER_BUILD, or build); CLOISTER_ABI names
another."""

import json
import os
import pathlib
import types

SOURCE = pathlib.Path(__file__).resolve().parents[2]
FILE = os.environ.get("CLOISTER_ABI") or pathlib.Path(os.environ.get("CLOISTER_BUILD", SOURCE / "build"),
                                                      "tests/lib/abi/abi.json")

with open(FILE, encoding="ascii") as _file:
    LISTS = json.load(_file)


def _names(name):
    return types.SimpleNamespace(**LISTS[name])


call, exit_, enclave_call = _names("calls"), _names("exits"), _names("enclave_calls")
operation, flag, boot = _names("operations"), _names("info_flags"), _names("boot_kinds")
rule, kind = _names("lockdown_rules"), _names("lockdown_kinds")
reason, event, vector, size = _names("reasons"), _names("events"), _names("vectors"), _names("sizes")
