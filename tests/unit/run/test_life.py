#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What tests/life calls the same on two machines, and what it does not."""

import io
import pathlib
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(SOURCE / "tests/life"), str(SOURCE / "tests/lib")]

import day  # noqa: E402
from day import Outcome, Refused, Step  # noqa: E402
from harness import MachineError, Tap  # noqa: E402
from harness.channel import Result  # noqa: E402

PLAIN = Step("plain", "true")
FAILS = Step("fails", "false", rc=1, why="it cannot")
SHOWN = Step("shown", "echo", shown=str.split)
REFUSED = Step("refused", "try", refused=Refused(1, "ENCLAVES_LIVE"))
OURS = Step("ours", "cloisterctl", needs="ours")
RECORD = "REFUSED freeze ENCLAVES_LIVE"

# Step, ours, stock, as it should be?
CASES = [
    (PLAIN, Outcome(0), Outcome(0), True), (PLAIN, Outcome(0), None, True),
    (PLAIN, Outcome(1), Outcome(0), False), (PLAIN, Outcome(0), Outcome(1), False),
    (PLAIN, Outcome(1), Outcome(1), False), (PLAIN, Outcome(1), None, False), (PLAIN, None, Outcome(0), False),
    (PLAIN, Outcome(0, trace=RECORD), Outcome(0), False),
    (FAILS, Outcome(1), Outcome(1), True), (FAILS, Outcome(0), Outcome(0), False), (FAILS, Outcome(1), Outcome(0), False),
    (FAILS, Outcome(2), Outcome(1), False),
    (SHOWN, Outcome(0, "a  b"), Outcome(0, "a b\n"), True), (SHOWN, Outcome(0, "a"), Outcome(0, "b"), False),
    (REFUSED, Outcome(1, trace=RECORD), Outcome(0), True), (REFUSED, Outcome(1, RECORD), None, True),
    (REFUSED, Outcome(0, trace=RECORD), Outcome(0), False), (REFUSED, Outcome(2, trace=RECORD), Outcome(0), False),
    (REFUSED, Outcome(1), Outcome(0), False), (REFUSED, Outcome(1, trace=RECORD), Outcome(1), False),
    (OURS, Outcome(0), None, True), (OURS, Outcome(1), None, False), (OURS, None, None, False),
]


class Dom0:
    """A machine whose cloisterctl trace says this, time after time."""

    def __init__(self, *texts, rc=0):
        self._texts, self._rc = list(texts), rc

    def dom0(self, command, check=False):
        assert command.startswith("cloisterctl trace")
        if check and self._rc:
            raise MachineError("it failed")
        return Result(self._rc, self._texts.pop(0).encode(), b"", False)


def raises(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except (ValueError, MachineError):
        return True
    return False


def trace(tap):
    tap.ok(raises(day.Trace, Dom0("", rc=1)), "a trace that cannot be read is no clean one")
    tap.ok(raises(day.Trace, Dom0("opened\n")), "nor is one without the refusals of every boot")
    boot = "REFUSED at boot\n"
    tap.equal(day.Trace(Dom0(boot, boot + "a note\n")).since(None), "", "a line that is no refusal is none")
    tap.equal(day.Trace(Dom0(boot, boot + "REFUSED now\n")).since(None), "REFUSED now\n", "a refusal is its step's")
    inner = Tap("inner", io.StringIO(), "")
    day.compare(inner, [], {day.LOG: Outcome(0, trace="REFUSED late")}, None)
    tap.ok("not ok 1 - behind the last step" in inner.out.getvalue(), "one that comes late is a failure, too")


def main():
    tap = Tap("life", text="")
    for step, ours, stock, good in CASES:
        found, verdict = day.judge(step, ours, stock)
        tap.equal(found, good, f"{step.name}: ours {ours!r}, stock {stock!r}: {verdict}")
    tap.ok(raises(Step, "x", "false", rc=1), "a step that fails must say why")
    tap.ok(raises(Step, "x", "true", why="no reason"), "one that does not must not")
    tap.ok(raises(day.run, None, [PLAIN, PLAIN], True, None), "two steps of one name are refused")
    inner = Tap("inner", io.StringIO(), "")
    day.compare(inner, [FAILS, REFUSED], {"fails": Outcome(1), "refused": Outcome(1, RECORD), day.LOG: Outcome(0, "a\nb")},
                {"fails": Outcome(1), "refused": Outcome(0), day.LOG: Outcome(0, "a")})
    said = inner.out.getvalue()
    tap.ok("fails (1) on both: it cannot" in said, "what fails on both is called so", said)
    tap.ok("refused by our Xen (1), which says ENCLAVES_LIVE, 0 on stock Xen" in said, "and so is what is refused", said)
    tap.ok("not ok 3 - our Xen complains" in said and "# b" in said, "a complaint that stock Xen has not is a failure", said)
    tap.equal(day.complaints("(XEN) d5 error 0x12\n(XEN) all well\n(XEN) d6 error 0x13\n[ 1.2] an error of dom0's\n"),
              ["(XEN) N error N"], "complaints are Xen's, and numbers do not matter")
    trace(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
