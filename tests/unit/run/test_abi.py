#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The lists that tests/lib/abi.py reads, against the text of the headers that they come from.

usage: test_abi.py
"""

import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tests/lib"))

import abi  # noqa: E402
from harness.tap import Tap  # noqa: E402

# List -> the header, the macro, and whether its numbers are bits.
SOURCES = {"operations": ("abi.h", "OPERATIONS", False), "info_flags": ("abi.h", "INFO_FLAGS", True),
           "calls": ("abi.h", "CALLS", False), "enclave_calls": ("abi.h", "ENCLAVE_CALLS", False),
           "exits": ("abi.h", "EXITS", False), "events": ("trace.h", "TRACE_EVENTS", False),
           "reasons": ("reason.h", "REASONS", False), "lockdown_rules": ("lockdown.h", "LOCKDOWN_RULES", False),
           "lockdown_kinds": ("lockdown.h", "LOCKDOWN_KINDS", False), "boot_kinds": ("abi.h", "BOOT_KINDS", False)}


def written(header, macro):
    """NAME -> number, as the rows of a list stand in a header."""
    text = (SOURCE / "hv/include/cloister" / header).read_text(encoding="utf-8")
    rows = re.search(rf"#define CLOISTER_{macro}\(X\)((?:[^\n]*\\\n)*[^\n]*)", text)[1]
    return {name: int(number) for number, name in re.findall(r"X\((\d+), (\w+)", rows)}


def main():
    tap = Tap("abi")
    for name, (header, macro, bits) in SOURCES.items():
        rows = written(header, macro)
        wanted = {key: 1 << value if bits else value for key, value in rows.items()}
        tap.ok(rows and abi.LISTS[name] == wanted, f"{name}: {len(rows)} rows as in {header}",
               f"{set(abi.LISTS[name].items()) ^ set(wanted.items())}")
    for name in "operations", "calls", "enclave_calls", "lockdown_rules":
        tap.equal(sorted(abi.LISTS[name].values()), list(range(len(abi.LISTS[name]))), f"{name}: without gaps")
    tap.equal(abi.size.trace_record % 8, 0, "sizes are there")
    tap.ok(not hasattr(abi.event, "NO_SUCH_EVENT"), "what there is not has no name")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
