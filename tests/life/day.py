# SPDX-License-Identifier: MIT
"""A list of steps, run on a machine, and what two machines made of it.

    outcomes = day.run(machine, STEPS, stock=True)
    day.compare(tap, STEPS, ours, outcomes)

A step that both fail must say so beforehand, with the reason; so must one that Cloister refuses. Anything else that
is not the same on both is a failure."""

import dataclasses
import re
import time
from typing import Callable, Optional

from harness import MachineError

SHELL = "/run/life/steps.sh"  # host/steps.sh
LOG = "Xen's log"  # an outcome beside the steps': what Xen complained of meanwhile
COMPLAINT = re.compile(r"^\(XEN\) .*\b(error|warn\w*|assert\w*|bug|fail\w*|oops|fault|unexpected|invalid|bad)\b.*$", re.I | re.M)
TRACE_SECONDS = 5  # until the monitor's record is in the log
TAIL = 600  # characters of an output that a failure shows


@dataclasses.dataclass(frozen=True)
class Refused:
    """What Cloister does not let a host do: the rc there, and what the output or the trace must say."""
    rc: int
    says: str


@dataclasses.dataclass(frozen=True)
class Step:
    """One thing that a host does in its day.

    name     what is printed
    do       a shell command in dom0, with the functions of host/steps.sh; or a function of the machine -> Outcome
    rc       what both return
    why      with another rc than 0: why both fail
    shown    of the output: what both must show alike. None: the output is not compared
    refused  what our Xen does in its place
    needs    "stock" or "ours": it is done there only, and what it returns must be rc
    timeout  seconds
    """
    name: str
    do: object
    rc: int = 0
    why: str = ""
    shown: Optional[Callable[[str], object]] = None
    refused: Optional[Refused] = None
    needs: str = ""
    timeout: int = 90

    def __post_init__(self):
        if bool(self.rc) != bool(self.why):
            raise ValueError(f"{self.name}: a step that fails says why, and no other")


@dataclasses.dataclass(frozen=True)
class Outcome:
    rc: int
    out: str = ""
    trace: str = ""  # the refusals that the monitor recorded meanwhile

    def __str__(self):
        return f"rc {self.rc}: {self.out[-TAIL:]}{self.trace[-TAIL:]}"


def numbers_away(text):
    """The words of an output without what is another at every boot."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)
    return re.sub(r"\b(0x)?[0-9a-f]*[0-9][0-9a-f]*\b", "N", text)


def do(machine, step):
    if callable(step.do):
        return step.do(machine)
    result = machine.dom0(f". {SHELL}; {step.do}", timeout=step.timeout)
    return Outcome(result.rc, result.out + result.err)


def run(machine, steps, stock, log):
    """Name -> Outcome of each step that this Xen is for; `log` is a file that gets all that was printed."""
    if len({step.name for step in steps}) != len(steps):
        raise ValueError("two steps of a list have the same name")
    outcomes = {}
    trace = None if stock else Trace(machine)
    began_at = len(machine.console())
    for step in steps:
        if step.needs == ("ours" if stock else "stock"):
            continue
        began = time.monotonic()
        outcome = do(machine, step)
        if trace:
            outcome = dataclasses.replace(outcome, trace=trace.since(step.refused))
        outcomes[step.name] = outcome
        log.write(f"== {step.name} [{time.monotonic() - began:.1f} s] {outcome.rc}\n{outcome.out}\n{outcome.trace}\n")
        log.flush()
    if trace:
        time.sleep(TRACE_SECONDS)  # the last step's records come
    late = trace.since(None) if trace else ""
    outcomes[LOG] = Outcome(0, "\n".join(complaints(machine.console()[began_at:])), late)
    return outcomes


def complaints(console):
    """Lines of Xen's in which it complains, without numbers."""
    return sorted({numbers_away(found[0]) for found in COMPLAINT.finditer(console)})


class Trace:
    """What the monitor recorded as refused, from step to step."""

    def __init__(self, machine):
        self._machine = machine
        self._seen = self._read()

    def _read(self):
        """A trace that cannot be read, or that has not even dom0's search at boot, says nothing of the steps."""
        lines = self._machine.dom0("cloisterctl trace -n 100000", check=True).out.splitlines(True)
        refusals = "".join(line for line in lines if "REFUSED" in line)
        if not refusals:
            raise MachineError("the trace has no refusal at all, not even those of dom0's boot")
        return refusals

    def since(self, refused):
        """New lines; waited for where one is due."""
        deadline = time.monotonic() + (TRACE_SECONDS if refused else 0)
        while True:
            text = self._read()
            new = text[len(self._seen):]
            if time.monotonic() >= deadline or refused.says in new:
                self._seen = text
                return new
            time.sleep(0.3)


def compare(tap, steps, ours, stock):
    """One test a step. `stock` is None where only ours was run."""
    for step in steps:
        mine = ours.get(step.name)
        theirs = stock.get(step.name) if stock is not None else None
        if step.needs == "stock" and stock is None:
            continue
        good, verdict = judge(step, mine, theirs)
        tap.ok(good, f"{step.name}: {verdict}", f"wanted {step.rc}, why: {step.why}\nours  {mine}\nstock {theirs}")
    if stock is not None:
        known = stock[LOG].out.splitlines()
        new = [line for line in ours[LOG].out.splitlines() if line not in known]
        tap.ok(not new, "our Xen complains of nothing that stock Xen does not", "\n".join(new))
    tap.ok(not ours[LOG].trace, "behind the last step nothing was recorded as refused", ours[LOG].trace)


def judge(step, mine, theirs):
    """Whether it is as it should be, and in words what was found."""
    if step.needs:
        only = mine or theirs
        return bool(only) and only.rc == step.rc, f"{only and only.rc} on {'our' if mine else 'stock'} Xen, the only one asked"
    if not mine:
        return False, "it was not run"
    if step.refused:
        return judge_refused(step, mine, theirs)
    where = "" if theirs is None else " on both"
    if theirs is not None and theirs.rc != mine.rc:
        return False, f"{mine.rc} on ours, {theirs.rc} on stock Xen"
    if mine.rc != step.rc:
        return False, f"{mine.rc}{where}, and should be {step.rc}"
    if mine.trace:
        return False, f"{mine.rc}{where}, but the monitor recorded a refusal"
    if step.shown and theirs is not None and step.shown(mine.out) != step.shown(theirs.out):
        return False, f"{mine.rc} on both, but the output differs"
    if step.rc:
        return True, f"fails ({mine.rc}){where}: {step.why}"
    return True, f"0{where}"


def judge_refused(step, mine, theirs):
    refusal = step.refused
    said = refusal.says in mine.out + mine.trace
    good = mine.rc == refusal.rc and said and (theirs is None or theirs.rc == step.rc)
    found = "" if theirs is None else f", {theirs.rc} on stock Xen"
    if good:
        return True, f"refused by our Xen ({mine.rc}), which says {refusal.says}{found}"
    return False, f"{mine.rc} on ours{found}; should be refused with {refusal.rc} and say {refusal.says} (said: {said})"
