# SPDX-License-Identifier: MIT
"""The same ways on stock Xen: what the attacks would get if it were not for Cloister. All of them must work there but
those that Xen refuses by itself, so that a refusal by our Xen means something.

A way that ends the machine is the last of a boot. One is always shown, all of them under --all."""

import json
import time

import tries
import ways
from harness import Machine, MachineError, stack
from harness.qmp import Monitor

MEMORY = 2048
SHOWN = ("port-reset-cf9",)  # of those that end the machine
END_SECONDS = 30


def answer(machine, program, chosen, timeout=150):
    result = machine.dom0(ways.command(program, "do", chosen), timeout=timeout)
    try:
        return json.loads(result.out.strip().splitlines()[-1]), result.err
    except (ValueError, IndexError) as error:
        raise MachineError(f"{program.name}: status {result.rc}: {result.out}{result.err}") from error


def show(tap, machine, program):
    """All that leave the machine as it was, at once."""
    chosen = [way for way in program.on(ways.host_of(machine)) if way.shown and not way.ends]
    if not chosen:
        return
    got, text = answer(machine, program, chosen)
    wrong = [way.name for way in chosen if (way.name in got["worked"]) == way.held]
    tap.ok(got["control"] and not wrong, f"stock Xen: {len(got['worked'])} ways of {program.name} work: {program.about}",
           f"not as expected: {wrong}\n{text}")
    for name in got["worked"]:
        tap.comment(f"  {name}")


def show_console(tap, machine):
    text = tries.switch_console(machine)
    tap.ok("Serial input to Xen" in text and "'d' pressed" in text,
           "stock Xen: three times Ctrl-A on the serial line, and Xen takes debug keys there", text[-1000:])


def status(power):
    """What the emulator says of the machine: running, suspended, ...; "ended": it is gone (it ends at a reset)."""
    try:
        return power.command("query-status")["status"]
    except (OSError, ValueError):
        return "ended"


def ended(machine, power):
    """How the machine ended: reset, suspended, crash; None: it has not."""
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        now = status(power)
        if now != "running":
            return "reset" if now == "ended" else now
        if not machine.alive():
            return "crash"
        time.sleep(0.5)
    return None


def show_end(tap, machine, power, program, way):
    """The last of a boot, where it works."""
    machine.start_dom0(ways.command(program, "do", [way]))
    how = ended(machine, power)
    tap.ok(how, f"stock Xen: {way.name} ends the machine: {how}", machine.console()[-1000:])
    return how


def ends(host, every):
    return [(program, way) for program in ways.PROGRAMS for way in program.on(host)
            if way.ends and way.shown and (every or way.name in SHOWN)]


def boot(options, name, power, **more):
    return Machine(name, xen=stack.xen(options.build, "stock"), memory=MEMORY, tools=False,
                   xen_options=ways.XEN_OPTIONS, qemu_options=ways.DEVICES + power.options, **more)


def show_all(tap, options, programs, work, name, every, **more):
    """One boot, and one more for each way that ended the one before."""
    left, first = ends(ways.UEFI if more.get("firmware") else ways.QEMU, every), True
    while first or left:
        power = Monitor(work)
        with boot(options, name, power, **more) as machine:
            programs.install(machine, door=True)
            for program in ways.PROGRAMS if first else []:
                show(tap, machine, program)
            if first:
                show_console(tap, machine)
            first = False
            while left and not show_end(tap, machine, power, *left.pop(0)):
                pass
