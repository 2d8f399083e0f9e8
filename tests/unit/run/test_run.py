#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What tests/run plans, and how a suite says what of it is core.

usage: test_run.py
"""

import argparse
import importlib.machinery
import importlib.util
import io
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tests/lib"))

from harness.tap import Tap, declared  # noqa: E402


def load():
    """tests/run as a module."""
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("cloister_run", str(SOURCE / "tests/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("cloister_run", loader))
    loader.exec_module(module)
    return module


def plan(run, *suites, everything=False, xen=None, on=None):
    """{xen: (name of the build folder, [(suite, machine)])}"""
    arguments = argparse.Namespace(all=everything, xen=xen, on=on, suites=list(suites))
    return {version: (build.name, [(one.name, one.machine) for one in runs])
            for version, build, runs in run.plan(arguments, run.suites())}


def raises(function, *arguments):
    try:
        function(*arguments)
    except KeyError:
        return True
    return False


def test_declared(tap):
    tap.equal(declared("A suite.\n\nusage: x\n\nOnly under --all: two CPUs; a part\nof two lines.\n\nMore.\n"),
              ["two CPUs", "a part of two lines"], "a sentence that declares")
    tap.equal(declared("What runs Only under --all: nothing.\n"), [], "no sentence of its own declares nothing")
    tap.equal(declared(""), [], "nor does an empty text")
    inner = Tap("inner", out=io.StringIO(), text="Only under --all: slow; rare.\n")
    os.environ.pop("CLOISTER_ALL", None)
    tap.ok(not inner.wanted("slow"), "the core has no declared part")
    os.environ["CLOISTER_ALL"] = "1"
    tap.ok(inner.wanted("slow"), "under --all it has")
    tap.ok(raises(inner.wanted, "fast"), "a part that is not declared cannot be left out")
    inner.ok(True, "something")
    tap.equal(inner.done(whole=True), 1, "a declared part that nobody asks for fails the suite")
    tap.ok("rare" in inner.out.getvalue(), "and is named", inner.out.getvalue())


def test_plan(tap, run):
    core = plan(run)
    tap.equal(list(core), ["4.17"], "the core needs one Xen")
    tap.ok({"lint", "unit", "fuzz", "attest", "packages", "boot", "system", "attack", "life", "measured"} ==
           {name for name, _ in core["4.17"][1]},
           "and has every suite but series", core)
    both = plan(run, everything=True)
    tap.equal([(xen, both[xen][0]) for xen in both], [("4.17", "build"), ("4.20", "build-4.20")],
              "everything is two Xens, each with its build folder")
    tap.ok(set(core["4.17"][1]) | {("series", None)} == set(both["4.17"][1]), "the core is part of everything", both)
    tap.equal(both["4.20"][1], [(name, machine) for name in ("boot", "system", "attack") for machine in ("qemu", "bochs")],
              "with the other Xen the suites that need a machine")
    tap.equal(plan(run, "attack", everything=True, on="bochs"),
              {"4.17": ("build", [("attack", "bochs")]), "4.20": ("build-4.20", [("attack", "bochs")])},
              "one suite on one machine, with both")
    tap.equal(plan(run, "attack", everything=True, on="bochs", xen="4.20"), {"4.20": ("build-4.20", [("attack", "bochs")])},
              "or with one")
    tap.equal(plan(run, "series"), {"4.17": ("build", [("series", None)])}, "a suite that is named runs without --all")
    tap.equal(plan(run, "measured", on="bochs"), {}, "what is not on a machine is no plan")
    os.environ["CLOISTER_BUILD"] = "/tmp/mine"
    tap.equal(plan(run, "boot", xen="4.20", on="qemu")["4.20"][0], "mine", "CLOISTER_BUILD is the folder of the one Xen")
    tap.equal([build for build, _ in plan(run, "boot", everything=True).values()], ["mine", "mine-4.20"],
              "and of two the first's")
    del os.environ["CLOISTER_BUILD"]


def test_lanes(tap, run):
    def lanes(*suites, on=None, everything=False):
        arguments = argparse.Namespace(all=everything, xen="4.17", on=on, suites=list(suites))
        (_, _, runs), = run.plan(arguments, run.suites())
        first, side_by_side = run.lanes_of(runs)
        tap.equal(sorted(map(str, first + sum(side_by_side, []))), sorted(map(str, runs)), f"each runs once: {suites} {on}")
        return [one.name for one in first], [[(one.name, one.machine) for one in lane] for lane in side_by_side]

    first, (qemu, bochs) = lanes(everything=True)
    tap.equal(first, ["lint", "unit"], "what takes both CPUs comes first")
    tap.equal({machine for _, machine in qemu}, {"qemu"}, "then QEMU's have one for themselves")
    tap.equal([machine for _, machine in bochs], ["bochs"] * 3 + [None] * 4, "and what needs no machine is behind Bochs'")
    tap.equal(lanes("fuzz", "boot", on="qemu"), ([], [[("boot", "qemu")], [("fuzz", None)]]), "also where nothing runs there")
    tap.equal(lanes("unit"), (["unit"], []), "one suite alone has no lane")


def test_listed(tap):
    def output(*arguments):
        return subprocess.run([SOURCE / "tests/run", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
    listed = output("--list")
    tap.ok(listed.returncode == 0 and "only under --all: two CPUs; with Xen 4.20" in listed.stdout and
           "only under --all: all of it" in listed.stdout, "--list shows what is only under --all", listed.stdout)
    for arguments in ["nonsense"], ["--on", "bochs", "measured"], ["--on", "vax"], ["--xen", "4.18"]:
        done = output(*arguments)
        tap.ok(done.returncode == 2, f"refused: {' '.join(arguments)}", done.stdout)


def main():
    tap = Tap("run")
    os.environ.pop("CLOISTER_BUILD", None)
    tap.run("what a suite declares", test_declared, tap)
    tap.run("what is planned", test_plan, tap, load())
    tap.run("what runs beside what", test_lanes, tap, load())
    tap.run("what is listed", test_listed, tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
