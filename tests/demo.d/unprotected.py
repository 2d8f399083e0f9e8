# SPDX-License-Identifier: MIT
"""tests/demo's control: what some of its attacks get where they are made on the same Xen without Cloister."""

import tempfile

import stock
import ways
from harness import Machine, stack
from harness.qmp import Monitor

MEMORY = 2048
# Of the ways around the wall (tests/attack/ways.py): programs whose ways leave the machine as it was, and one that ends it.
SHOWN = {ways.QEMU: ("system-ops", "machine-memory", "msix"), ways.BOCHS: ("system-ops", "platform", "ports")}
LAST = {ways.QEMU: ("ports", "port-sleep")}


def _program(name):
    return next(program for program in ways.PROGRAMS if program.name == name)


def _tried(machine, name):
    program = _program(name)
    chosen = [way for way in program.on(ways.host_of(machine)) if way.shown and not way.ends and not way.held]
    got, _ = stock.answer(machine, program, chosen)
    return {"name": name, "about": program.about, "tried": [way.name for way in chosen], "worked": got["worked"]}


def _ended(machine, power, name, way):
    """The last: None if the machine lives on."""
    program = _program(name)
    machine.start_dom0(ways.command(program, "do", [one for one in program.ways if one.name == way]))
    return {"name": name, "about": program.about, "tried": [way], "worked": [way], "ended": stock.ended(machine, power)}


def run(build, programs, say, show):
    """Whether the attacks work there, and a list of {"name", "about", "tried", "worked"}, with "ended" in the last of
    QEMU's: how the machine ended (suspended, reset, crash), or None."""
    stack.compile_targets(build, "xen-stock")
    say("the same Xen without Cloister: what some of these attacks get there")
    found = []
    with tempfile.TemporaryDirectory(prefix="cloister-demo-") as folder:
        power = Monitor(folder)
        machine = Machine("demo-stock", xen=stack.xen(build, "stock"), memory=MEMORY, tools=False,
                          xen_options=ways.XEN_OPTIONS, qemu_options=ways.DEVICES + power.options)
        with machine:
            host = ways.host_of(machine)
            programs.install(machine, door=True)
            for name in SHOWN[host]:
                found.append(_tried(machine, name))
                show(found[-1])
            if host in LAST:
                found.append(_ended(machine, power, *LAST[host]))
                show(found[-1])
    return all(one["worked"] == one["tried"] and one.get("ended", True) for one in found), found
