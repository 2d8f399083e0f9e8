#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Counts what is added to Xen's trusted base, and fails when it is too much.

Hooks: every line that a patch of a Xen version's series adds and that is not blank, comments
included. Monitor and glue: every line of hv/monitor/*.[ch] and hv/xen/*.[ch] with anything but
blanks and comments. BearSSL is apart. What differs between Xen versions stands in one file.
"""

import pathlib
import re
import sys

HOOKS_MOST = 100
MONITOR_MOST = 6000
VERSION = re.compile(r"\b(XEN_(SUB)?VERSION|__XEN_LATEST_INTERFACE_VERSION__)\b")


def added_lines(patch):
    """Lines that a patch adds to existing files and to new ones, without blank ones."""
    lines = patch.read_text().splitlines()
    return [line for line in lines
            if line.startswith("+") and not line.startswith("+++ ") and line[1:].strip()]


def code_lines(source):
    """Lines of C with something but blanks and comments; strings are not looked into."""
    token = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.S)

    def keep(match):
        text = match.group(0)
        return "\n" * text.count("\n") if text.startswith("/") else text

    return sum(1 for line in token.sub(keep, source).splitlines() if line.strip())


def self_check():
    assert code_lines('/* a\n b */\n\nint x; // y\nchar *s = "/* no";\n/* c */ int z;\n') == 3
    assert code_lines("") == 0


def main():
    hv = pathlib.Path(sys.argv[1])
    number = failed = 0

    def result(good, text):
        nonlocal number, failed
        number += 1
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {text}")

    self_check()
    versions = sorted({patch.parent for patch in hv.glob("xen/*/*.patch")})
    result(bool(versions), f"{len(versions)} Xen version(s) with hooks")
    for version in versions:
        listed = (version / "series").read_text().split()
        patches = sorted(version.glob("*.patch"))
        result(sorted(listed) == [patch.name for patch in patches],
               f"Xen {version.name}: the series names every patch")
        total = 0
        for patch in patches:
            count = len(added_lines(patch))
            total += count
            print(f"# {count:5} {version.name}/{patch.name}")
        result(total <= HOOKS_MOST, f"Xen {version.name}: {total} hook lines, at most {HOOKS_MOST}")

    asking = sorted(file.name for file in hv.glob("xen/**/*.[ch]")
                    if VERSION.search(file.read_text()))
    result(asking == ["compat.h"], "one file asks for Xen's version: " + ", ".join(asking))

    total = 0
    for folder in "monitor", "xen":
        count = sum(code_lines(file.read_text()) for file in sorted((hv / folder).glob("*.[ch]")))
        print(f"# {count:5} hv/{folder}/*.[ch]")
        total += count
    result(0 < total <= MONITOR_MOST, f"{total} lines of monitor and glue, at most {MONITOR_MOST}")
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
