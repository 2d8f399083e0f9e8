# SPDX-License-Identifier: MIT
"""Violations planted behind the monitor's back (test build): the audit finds each, and only those."""

import json

from scene import BUILD, enclaves, hold

# Kind of `plant` -> the audit's count that must rise.
KINDS = {"reference": "anonymity", "second-stage": "second_stage", "iommu": "iommu"}


def audit(machine):
    result = machine.dom0("cloisterctl audit --json")
    return result.rc, json.loads(result.out)


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
        machine.dom0(f"/run/plant {kind} {number} {where} on", check=True)
        status, found = audit(machine)
        tap.ok(status == 1 and found["violations"] == found[count] == 1,
               f"the audit finds a planted violation: {kind}", f"status {status}: {found}")
        machine.dom0(f"/run/plant {kind} {number} {where} off", check=True)
        status, found = audit(machine)
        tap.ok(status == 0 and found["violations"] == 0, f"and finds none without it: {kind}", found)


TESTS = [test_planted]
