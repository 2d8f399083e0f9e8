#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Counts what is added to Xen's trusted base, by part, and fails when it is too much.

Hooks: every line that a patch of a Xen version's series adds and that is not blank, comments
included. Parts: every line of the sources in hv/monitor and hv/xen with anything but blanks and comments.
Each file belongs to exactly one part (PARTS); one that belongs to none fails here until it is put somewhere. What
stands between #ifdef CLOISTER_TEST and its #else or #endif is in the test build and in no other: it is counted
apart, and has no limit; the directives count with the rest. BearSSL is apart.

A list (#define LIST(X) X(...) X(...)) counts as the lines that it makes: each row is a line at least. Those of
hv/include that the monitor or the glue includes count, too: their rows, once, with the part of their header.
What differs between Xen versions stands in one file.
"""

import fnmatch
import pathlib
import re
import sys

HOOKS_MOST = 180  # of each Xen version
ALL_MOST = 11500  # of all parts
# Each part: its most lines, and its files' names without their ends, as patterns.
PARTS = {
    # Frames, views, enclaves, threads, worlds, trace, audit, their end with the machine; what ties them to Xen.
    "core": (6100, "abi audit caller calls compat count create enclave enclaves ept errno fast frame freeze glue grants hash "
                   "hooks host image launch limits machine measure memory monitor nospec npt options p256 pages "
                   "power reason refuse secrets start stdbool stddef stdint string svm teardown tenant test "
                   "thread trace variables view vmcs vmx wipe world"),
    # The TPM, identity, sealing, counters, reports; what the firmware does with memory at a reset.
    "proof": (2310, "counter counters floor floors heartbeat identity key mor nonce nv report seal tpm tpm_*  update"),
    # What dom0 may of the machine, boot entries among it, and at what places of Xen somebody looks twice.
    "guard": (1480, "bootorder gate gate_* guard loadoptions lockdown lockdown_*"),
    "shield": (2200, "introspect introspect_* probe probe_* shield shield_* triage triage_* who"),
    "sensors": (400, "content sensor sensor_* verdict verdict_*"),
}
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


LIST = re.compile(r"^[ \t]*#[ \t]*define[ \t]+\w+\(X\)((?:[^\n]*\\\n)*[^\n]*)", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"](?:\.\./)?(?:cloister/)?(\w+\.h)[>"]', re.M)


def lists(source):
    """(rows, lines) of each list that a source defines."""
    found = []
    for match in LIST.finditer(source):
        rows = len(re.findall(r"\bX\(", "\n".join(code_lines(match[1]))))
        if rows:
            found.append((rows, match[0].count("\n") + 1))
    return found


def list_rows(source):
    return sum(rows for rows, _ in lists(source))


def packed_rows(source):
    """Rows of lists beyond the lines that they stand on."""
    return sum(max(0, rows - lines) for rows, lines in lists(source))


def parts_of(name):
    """The parts that a file belongs to: one, if all is well."""
    stem = pathlib.PurePath(name).stem
    return [part for part, (_, patterns) in PARTS.items()
            if any(fnmatch.fnmatchcase(stem, pattern) for pattern in patterns.split())]


def included(sources, headers):
    """The names of those headers that the sources include, through others, too."""
    found, waiting = set(), list(sources)
    while waiting:
        for name in INCLUDE.findall(waiting.pop()):
            if name in headers and name not in found:
                found.add(name)
                waiting.append(headers[name])
    return found


def count_parts(sources, headers):
    """What main() prints: lines of each part, lines of the test build, and files that belong to no or two parts.

    sources: path below hv -> text, of hv/monitor and hv/xen; headers: name -> text, of hv/include."""
    counts, test, homeless = dict.fromkeys(PARTS, 0), 0, []
    entries = [(path, *count_lines(text), packed_rows(text)) for path, text in sources.items()]
    entries += [(name, 0, 0, list_rows(headers[name])) for name in sorted(included(sources.values(), headers))]
    for path, release, only_test, rows in entries:
        parts = parts_of(path)
        test += only_test
        if len(parts) == 1:
            counts[parts[0]] += release + rows
        elif release + rows:
            homeless.append(f"{path} ({' '.join(parts) or 'none'})")
    return counts, test, homeless


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
    tall = "#define A(X) \\\n    X(1) \\\n    X(2) /* X(3) */\n"
    wide = "#define B(X) X(1) X(2) X(3, 4)\n#define C(X) (X(1))\n"
    assert (list_rows(tall), packed_rows(tall)) == (2, 0)
    assert (list_rows(wide), packed_rows(wide)) == (4, 2)
    assert list_rows("#define D(x) X(1)\nint X(void);\n#define E(X) /* X(1) */\n") == 0
    assert parts_of("xen/tpm.c") == parts_of("monitor/tpm/tpm_nv.c") == ["proof"]
    assert parts_of("monitor/lockdown.c") == ["guard"]
    assert parts_of("monitor/new.c") == parts_of("monitor/enclaves2.c") == []
    headers = {"abi.h": wide + '#include "reason.h"\n', "reason.h": tall, "protocol.h": tall}
    sources = {"monitor/frame.c": "#include <cloister/abi.h>\nint a;\n", "xen/tpm.c": wide,
               "monitor/new.c": "int b;\n", "xen/test.c": "#ifdef CLOISTER_TEST\nint c;\n#endif\n"}
    counts, test, homeless = count_parts(sources, headers)
    assert counts == {"core": 2 + 4 + 2 + 2, "proof": 2 + 2, "guard": 0, "shield": 0, "sensors": 0}
    assert (test, homeless) == (1, ["monitor/new.c (none)"])


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

    defining = sorted(file.name for file in hv.glob("**/*.[ch]")
                      if re.search(rf"#\s*define\s+{TEST}\b", file.read_text()))
    result(not defining, f"no file defines {TEST}" + ": ".join(["", *defining]))

    sources = {str(file.relative_to(hv)): file.read_text() for folder in ("monitor", "xen")
               for file in sorted((hv / folder).rglob("*.[chS]"))}
    headers = {file.name: file.read_text() for file in sorted(hv.glob("include/cloister/*.h"))}
    counts, test, homeless = count_parts(sources, headers)
    result(not homeless, "every file belongs to one part of PARTS (tests/unit/size/size.py)" +
           "".join(f"; {file}" for file in homeless))
    for part, count in counts.items():
        result(count <= PARTS[part][0], f"{part}: {count} lines, at most {PARTS[part][0]}")
    print(f"# {test:5} lines of the test build only")
    total = sum(counts.values())
    result(0 < total <= ALL_MOST, f"together: {total} lines, at most {ALL_MOST}")
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
