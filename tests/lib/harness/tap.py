# SPDX-License-Identifier: MIT
"""Test Anything Protocol, version 13: one line a test, the plan at the end, one closing line."""

import sys
import time
import traceback

TRIES = 3


class EmulatorFault(Exception):
    """A test failed on a machine whose guest the emulator had lost; see machine.EMULATOR_FAULT."""


class Tap:
    """Writes results as they come. `suite` names the closing line."""

    def __init__(self, suite, out=None):
        self.suite, self.out = suite, out or sys.stdout
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

    def done(self):
        """Plan and closing line; the exit status of the suite."""
        self._print(f"1..{self.passed + self.failed}")
        seconds = time.monotonic() - self._start
        self._print(f"# {self.suite}: {self.passed} passed, {self.failed} failed, {seconds:.0f} s")
        return 1 if self.failed or not self.passed else 0
