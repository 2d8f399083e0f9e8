# SPDX-License-Identifier: MIT
"""Violations planted behind the monitor's back (test build): the audit finds each, and only those. Some let an enclave's
memory be reached, others give dom0 more of the machine than its table does."""

import json

from scene import BUILD, enclaves, hold

# Kind of `plant` -> the audit's count that must rise.
KINDS = {"reference": "anonymity", "second-stage": "second_stage", "iommu": "iommu"}
# The same of the machine: a reset port; the BIOS; the flash, for devices; the host bridge.
MACHINE = {"port 0xcf9": "ports", "memory 0xf0": "memory", "dma 0xffff0": "dma", "pci 0": "pci"}
EDU = "0x1234"  # vendor of a device that nobody uses


def audit(machine):
    result = machine.dom0("cloisterctl audit --json")
    return result.rc, json.loads(result.out)


def finds(tap, machine, count, what, plant, remove):
    """`plant` and `remove` are the program's arguments."""
    old = machine.dom0(f"/run/plant {plant}", check=True).out.strip()
    status, found = audit(machine)
    tap.ok(status == 1 and found["violations"] == found[count] == 1,
           f"the audit finds a planted violation: {what}", f"status {status}: {found}")
    machine.dom0(f"/run/plant {remove.format(old=old)}", check=True)
    status, found = audit(machine)
    tap.ok(status == 0 and found["violations"] == 0, f"and finds none without it: {what}", found)


def test_planted(tap, machine):
    machine.push(str(BUILD / "tests/system/plant"), "/run/plant", mode=0o755)
    hold(machine)
    number, domain = enclaves(machine)[0]["enclave"], machine.domid("alice")
    for kind, count in KINDS.items():
        if kind == "iommu" and not machine.iommu:
            tap.skip("a planted violation: iommu", "the machine has none")
            continue
        # The IOMMU's tables are dom0's: the tenant has no device.
        where = 0 if kind == "iommu" else domain
        finds(tap, machine, count, kind, f"{kind} {number} {where} on", f"{kind} {number} {where} off")


def edu_function(machine):
    """Segment, bus and so on of the device, as Xen numbers functions; None: the machine has none."""
    found = machine.dom0(f"cd /sys/bus/pci/devices && grep -l {EDU} */vendor").out.split("/")[0]
    if not found:
        return None
    segment, bus, rest = found.split(":")
    slot, function = rest.split(".")
    return int(segment, 16) << 16 | int(bus, 16) << 8 | int(slot, 16) << 3 | int(function)


def test_planted_machine(tap, machine):
    machine.push(str(BUILD / "tests/system/plant"), "/run/plant", mode=0o755)
    for what, count in MACHINE.items():
        if count == "dma" and not machine.iommu:
            tap.skip(f"a planted violation: {what}", "the machine has no IOMMU")
            continue
        finds(tap, machine, count, what, f"{what} on", f"{what} off")
    function = edu_function(machine)
    if function is None:
        tap.skip("a planted violation: a BAR", "the machine has no device to spare")
        return
    tap.ok(machine.dom0("setpci -d 1234: COMMAND.w", check=True).out.strip()[-1] in "2367", "the device decodes its BAR")
    # Over the flash, over RAM.
    for address in ("0xffe00000", "0x10000000"):
        finds(tap, machine, "pci", f"a BAR at {address}", f"bar {function:#x} {address}", f"bar {function:#x} {{old}}")


TESTS = [test_planted, test_planted_machine]
