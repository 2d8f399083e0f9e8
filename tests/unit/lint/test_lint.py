#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The rules of tests/lint: each with what it must find, beside what it must let pass.

usage: test_lint.py
"""

import pathlib
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(SOURCE / "tests/lib"), str(SOURCE / "tests/lint")]

from harness.tap import Tap  # noqa: E402
import includes  # noqa: E402
import rules  # noqa: E402
from includes import Part  # noqa: E402

FLOORS = ["low", ("middle", "side"), "high", ""]
CLEAN = {"part/low/a.c": '#include "low/a.h"\n', "part/low/a.h": "", "part/high/b.c": '#include "low/a.h"\n#include <x.h>\n',
         "part/main.c": '#include "high/b.h"\n#include "base/say.h"\n', "part/high/b.h": "", "base/say.h": "",
         "part/side/s.c": '#include "middle/m.h"\n', "part/middle/m.h": ""}
LISTS = {"hv/xen/kbuild/monitor.mk": "obj-y += core/a.o\nobj-y += tpm/b.o\n", "hv/xen/kbuild/cloister.mk": "obj-y += glue/g.o\n",
         "hv/monitor/meson.build": "monitor_sources = files('core/a.c',\n  'tpm/b.c')\n", "hv/xen/glue/g.c": "",
         "hv/xen/glue/h.c": "", "hv/xen/4.17/01.patch": '+#include "../arch/x86/cloister/glue/h.c"\n',
         "hv/host/x.c": "", "hv/host/meson.build": "files('x.c')"}


def house(tap, name, wanted, change, **options):
    """A tree of a part with `change` in it has this fault, and no other; "": none."""
    part = Part("part", options.pop("floors", FLOORS), below=["."], **options)
    found = includes.faults(part, {**CLEAN, **change}, ["foreign.h"])
    tap.ok(len(found) == bool(wanted) and all(wanted in fault for fault in found), f"includes: {name}", "\n".join(found))


def direction(tap):
    house(tap, "a tree without a fault", "", {})
    house(tap, "a foreign header", "", {"part/low/a.c": '#include "foreign.h"\n'})
    house(tap, "one that is commented out", "", {"part/low/a.c": '/*\n#include "high/b.h"\n*/\n'})
    house(tap, "a floor above", '"high/b.h" is a floor above', {"part/low/z.c": '#include "high/b.h"\n'})
    house(tap, "the root is the top", '"main.h" is a floor above', {"part/main.h": "", "part/high/z.c": ' # include "main.h"\n'})
    house(tap, "neither here nor below", "neither in part nor below", {"part/low/a.c": '#include "other/b.h"\n'})
    house(tap, "by the name alone", "neither in part nor below", {"part/low/a.c": '#include "a.h"\n'})
    house(tap, "a room without a floor", "the room attic has no floor", {"part/attic/c.c": ""})
    house(tap, "one that is known", "", {"part/low/z.c": '#include "high/b.h"\n'}, up=[("low/z.c", "high/b.h")])
    house(tap, "one that is known, and gone", "strike it", {}, up=[("low/z.c", "high/b.h")])
    house(tap, "what the monitor may not have", "<x.h> does not belong there", {}, angled=["std\\w+\\.h"])
    house(tap, "what it may", "", {}, angled=["x\\.h"])


def circles(tap):
    two = {"part/low/c.h": '#include "low/d.h"\n', "part/low/d.c": '#include "low/c.h"\n', "part/low/d.h": ""}
    three = {"part/low/c.c": '#include "low/d.h"\n', "part/low/d.c": '#include "low/e.h"\n', "part/low/e.c": '#include "low/c.h"\n',
             "part/low/c.h": "", "part/low/d.h": "", "part/low/e.h": ""}
    house(tap, "a circle of two", "a circle: low/c low/d", two)
    house(tap, "a circle of three", "a circle: low/c low/d low/e", three)
    house(tap, "a circle that is known", "", two, circles=["low/d low/c"])
    house(tap, "a smaller one is known", "a circle: low/c low/d low/e", {**three, **CLEAN}, circles=[])
    house(tap, "a circle that is known, and cut", "no circle: low/c low/d", {}, circles=["low/c low/d"])
    house(tap, "a chain is no circle", "", {**three, "part/low/e.c": ""})


def texts(tap):
    cases = [
        (rules.subject, "1", "Host: the room log", "Host: " + "x" * 60), (rules.subject, "1", "H" * 65, "H" * 66),
        (rules.subject, "1", "A thing", "A thing."), (rules.subject, "1", "Ärger", "a thing"),
        (rules.columns, "a.c", "x" * rules.COLUMNS, "x" * (rules.COLUMNS + 1)),
        (rules.columns, "a.c", "https://" + "x" * 200, "y\n" + "x" * 200),
        (rules.blanks, "a.c", "a\n", "a \n"), (rules.blanks, "a.c", "", "a"), (rules.blanks, "a.mk", "a:\n\tb\n", "a\t\n"),
        (rules.blanks, "a.py", "a\n", "\ta\n"),
        (rules.licence, "a.c", "/* SPDX-License-Identifier: MIT */", "/* MIT */"),
        (rules.licence, "a.sh", "#!/bin/sh\n# SPDX-License-Identifier: MIT", "\n" * 500 + "# SPDX-License-Identifier: MIT"),
        (rules.paragraphs, "a.md", "```\ncode\n```\n\nThis runs it.\n", "```\ncode\n```\n\nruns it.\n"),
        (rules.paragraphs, "a.md", "Text.\n\nRuns are short.\n", "    code\n\nruns it.\n"),
        (rules.paragraphs, "a.md", "    code\n\nRunning it\n", "    code\n\nPrints what it is.\n"),
    ]
    for rule, name, good, bad in cases:
        tap.ok(not rule(name, good), f"{rule.__name__}: passes {good[:30]!r}", "\n".join(rule(name, good)))
        tap.ok(len(rule(name, bad)) == 1, f"{rule.__name__}: finds {bad[:30]!r}", "\n".join(rule(name, bad)))


def lists(tap):
    def case(name, wanted, change):
        found = rules.lists({**LISTS, **change})
        tap.ok(len(found) == bool(wanted) and all(wanted in fault for fault in found), f"lists: {name}", "\n".join(found))

    case("equal ones", "", {})
    case("one that Xen does not build", "differ: vault/c.c", {
        "hv/monitor/meson.build": "monitor_sources = files('core/a.c', 'tpm/b.c', 'vault/c.c')"})
    case("one that only Xen builds", "differ: vault/c.c", {
        "hv/xen/kbuild/monitor.mk": LISTS["hv/xen/kbuild/monitor.mk"] + "obj-y += vault/c.o\n"})
    case("a file that nobody builds", "hv/host/y.c is in no meson.build", {"hv/host/y.c": ""})
    case("one whose name is the end of another's", "hv/host/ax.c is in no meson.build", {"hv/host/ax.c": ""})
    case("glue that nobody builds", "hv/xen/glue/i.c is in no list", {"hv/xen/glue/i.c": ""})
    case("a hook's file that is not there", "glue/j.c is in a list, and is not there", {
        "hv/xen/4.20/01.patch": '+#include "../arch/x86/cloister/glue/j.c"\n'})


def main():
    tap = Tap("lint")
    for part in direction, circles, texts, lists:
        part(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
