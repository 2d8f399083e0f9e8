# SPDX-License-Identifier: MIT
"""Test Anything Protocol, version 13: one line a test, the plan at the end, one closing line.

What is core, and what runs only under tests/run --all, a suite declares in its own text, in one sentence:

    Only under --all: this part; that part.

and asks at each part: `if tap.wanted("this part"): ...`. tests/run --list shows the sentence."""

import os
import re
import sys
import time
import traceback

TRIES = 3


def declared(text):
    """The parts that a suite's text says run only under --all."""
    match = re.search(r"^Only under --all: (.*?)\.$", text, re.M | re.S)
    return [" ".join(part.split()) for part in match[1].split(";")] if match else []


class EmulatorFault(Exception):
    """A test failed on a machine whose guest the emulator had lost; see machine.EMULATOR_FAULT."""


class Tap:
    """Writes results as they come. `suite` names the closing line; `text` is its own, the main program's."""

    def __init__(self, suite, out=None, text=None):
        self.suite, self.out = suite, out or sys.stdout
        text = sys.modules["__main__"].__doc__ if text is None else text
        self._only_all = dict.fromkeys(declared(text or ""), False)  # part -> was asked for
        self.passed = self.failed = 0
        self.skipped = set()
        self._machine = None
        self._start = time.monotonic()

    def _print(self, text):
        print(text, file=self.out, flush=True)

    def comment(self, text):
        for line in str(text).rstrip("\n").split("\n"):
            self._print("# " + line)

    def ok(self, condition, name, detail=None):
        """Record one result; `detail` is shown when it failed. Returns the condition."""
        fault = not condition and self._machine and self._machine.emulator_fault()
        if fault:
            raise EmulatorFault(f"{name}: {fault}")
        if condition:
            self.passed += 1
        else:
            self.failed += 1
        number = self.passed + self.failed
        self._print(f"{'ok' if condition else 'not ok'} {number} - {name.replace('#', '')}")
        if not condition and detail is not None:
            self.comment(detail)
        return bool(condition)

    def skip(self, name, why):
        """What cannot be tried here; it counts neither way. A suite asserts in the end what it has skipped."""
        self.skipped.add(name)
        self.comment(f"SKIP {name}: {why}")

    def wanted(self, part):
        """Is this part to be run? One that the suite's text declares only with CLOISTER_ALL in the environment."""
        if part not in self._only_all:
            raise KeyError(f"the suite's text does not say that \"{part}\" runs only under --all")
        self._only_all[part] = True
        if os.environ.get("CLOISTER_ALL"):
            return True
        self.comment(f"left out: {part} (tests/run --all)")
        return False

    def equal(self, got, wanted, name):
        return self.ok(got == wanted, name, f"wanted {wanted!r}\ngot    {got!r}")

    def run(self, name, function, *arguments):
        """A test that fails by raising; its value is returned, None after a failure."""
        try:
            value = function(*arguments)
        except EmulatorFault:
            raise
        except Exception as error:  # a test may fail in any way
            self.ok(False, name, f"{type(error).__name__}: {error}\n" +
                    "".join(traceback.format_tb(error.__traceback__)[-3:]))
            return None
        self.ok(True, name)
        return value

    def watch(self, machine):
        """From now on a failure is none of ours if the emulator has lost a guest of this machine."""
        self._machine = machine

    def retry(self, name, function, *arguments):
        """run(), again from the start where the emulator lost a guest; the last try counts."""
        for _ in range(TRIES - 1):
            try:
                return self.run(name, function, *arguments)
            except EmulatorFault as fault:
                self.comment(f"{fault}\nThe emulator is at fault: {name} starts again.")
                self._machine = None
        return self.run(name, self._last, function, *arguments)

    def _last(self, function, *arguments):
        try:
            return function(*arguments)
        except EmulatorFault as fault:
            self._machine = None
            raise RuntimeError(f"{fault}, for the {TRIES}rd time") from fault

    def done(self, whole=False):
        """Plan and closing line; the exit status of the suite. `whole`: no part was left out by the command line,
        so that every part declared must have been asked for."""
        if whole:
            forgotten = [part for part, asked in self._only_all.items() if not asked]
            self.ok(not forgotten, "every part that is only for --all is one", ", ".join(forgotten))
        self._print(f"1..{self.passed + self.failed}")
        seconds = time.monotonic() - self._start
        self._print(f"# {self.suite}: {self.passed} passed, {self.failed} failed, {seconds:.0f} s")
        return 1 if self.failed or not self.passed else 0
