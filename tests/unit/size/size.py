#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Counts what is added to Xen's trusted base, and fails when it is too much.

Hooks: every line that a patch of a Xen version's series adds and that is not blank, comments
included. Monitor and glue: every line of hv/monitor/*.[ch] and hv/xen/*.[ch] with anything but
blanks and comments. What stands between #ifdef CLOISTER_TEST and its #else or #endif is in the test
build and in no other: it is counted apart, and has no limit; the directives count with the rest.
BearSSL is apart. What differs between Xen versions stands in one file.

The figure agreed on is 6,000 lines of monitor and glue and 180 lines of hooks. What the hooks leave of
theirs the monitor may use: the limit is on the sum.
"""

import pathlib
import re
import sys

HOOKS_MOST = 100
ALL_MOST = 6180
TEST = "CLOISTER_TEST"
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

    return [line for line in token.sub(keep, source).splitlines() if line.strip()]


def count_lines(source):
    """How many lines of code every build has, and how many the test build alone."""
    release = test = 0
    conditions = []  # of each #if around the line: it holds in the test build alone
    for line in code_lines(source):
        words = re.sub(r"^\s*#\s*", "#", line).split()
        if words[0] in ("#else", "#elif", "#endif"):
            conditions.pop()
        if any(conditions):
            test += 1
        else:
            release += 1
        if words[0].startswith("#if"):
            conditions.append(words == ["#ifdef", TEST])
        elif words[0] in ("#else", "#elif"):
            conditions.append(False)
    return release, test


def self_check():
    assert count_lines('/* a\n b */\n\nint x; // y\nchar *s = "/* no";\n/* c */ int z;\n') == (3, 0)
    assert count_lines("") == (0, 0)
    test = "#ifdef CLOISTER_TEST\n"
    assert count_lines("#ifdef CLOISTER_TEST /* only */\nint a;\n\n#endif\nint b;\n") == (3, 1)
    assert count_lines(test + "int a;\n#else\nint b, c;\n#endif\n") == (4, 1)
    assert count_lines(test + "#if 1\nint a;\n#else\nint b;\n# endif\n#endif\n") == (2, 5)
    assert count_lines("#if 1\n" + test + "int a;\n#endif\nint b;\n#endif\n") == (5, 1)
    assert count_lines("#ifndef CLOISTER_TEST\nint a;\n#endif\n") == (3, 0)
    assert count_lines("#ifdef CLOISTER_TESTS\nint a;\n#endif\n") == (3, 0)


def main():
    hv = pathlib.Path(sys.argv[1])
    number = failed = 0

    def result(good, text):
        nonlocal number, failed
        number += 1
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {text}")

    self_check()
    hooks = 0
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
        hooks = max(hooks, total)

    asking = sorted(file.name for file in hv.glob("xen/**/*.[ch]")
                    if VERSION.search(file.read_text()))
    result(asking == ["compat.h"], "one file asks for Xen's version: " + ", ".join(asking))

    defining = sorted(file.name for file in hv.glob("**/*.[ch]")
                      if re.search(rf"#\s*define\s+{TEST}\b", file.read_text()))
    result(not defining, f"no file defines {TEST}" + ": ".join(["", *defining]))

    total = total_test = 0
    for folder in "monitor", "xen":
        counts = [count_lines(file.read_text()) for file in sorted((hv / folder).glob("*.[ch]"))]
        count, count_test = map(sum, zip(*counts))
        print(f"# {count:5} hv/{folder}/*.[ch]")
        total += count
        total_test += count_test
    print(f"# {total_test:5} lines of the test build only")
    result(0 < total and total + hooks <= ALL_MOST,
           f"{total} lines of monitor and glue and {hooks} of hooks, at most {ALL_MOST}")
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
