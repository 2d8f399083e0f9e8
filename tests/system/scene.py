# SPDX-License-Identifier: MIT
"""What the system tests share: the samples, an application that lives, and how to wait for things."""

import os
import pathlib
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CLOISTER_BUILD", SOURCE / "build"))
sys.path.insert(0, str(SOURCE / "tests/lib"))

from harness import MachineError, stack  # noqa: E402

SAMPLES = "/usr/share/cloister/samples"
COUNTER = f"{SAMPLES}/counter.image"


def kept_frames(machine):
    """The frames that the monitor keeps for enclaves, by kind."""
    monitor = stack.ctl(machine, "status")["monitor"]
    return {kind: monitor[f"{kind}_frames"] for kind in ("sealed", "table", "context", "shared")}


def enclaves(machine):
    return stack.ctl(machine, "enclaves")["enclaves"]


def log_lines(machine, count=60):
    return machine.dom0(f"cloisterctl trace -n {count}").out


def wait_for(condition, seconds=30):
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if condition():
            return True
        time.sleep(0.3)
    return False


def is_clean(tap, machine, what):
    wait_for(lambda: not any(kept_frames(machine).values()) and not enclaves(machine))
    tap.equal((enclaves(machine), set(kept_frames(machine).values())), ([], {0}), f"{what}: nothing is left")


def hold(machine, image=COUNTER):
    """An application in the tenant whose enclave lives until it is killed."""
    running = machine.start_in_tenant("alice", f"exec cloister run {image} --call 2 "
                                      "--repeat 1000000000 >/dev/null")
    if not wait_for(lambda: enclaves(machine)):
        raise MachineError("the holder's enclave did not come up")
    return running


def kill_in_tenant(machine, name):
    """kill -9 of all processes of that name in the tenant; waits until they are gone."""
    machine.tenant("alice", f"pkill -9 -x {name}; while pidof {name}; do sleep 0.1; done", timeout=30)


def start_agent(machine):
    machine.tenant("alice", "/etc/rc.d/cloister-agent", check=True)
    stack.wait_agent(machine, "alice")
