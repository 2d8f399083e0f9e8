# SPDX-License-Identifier: MIT
"""The fast way in and out of an enclave: it is taken, it is not taken while something waits, and what the host and the
tenant do meanwhile goes on."""

import json
import pathlib
import time

from scene import BUILD, is_clean, kill_in_tenant, wait_for
from harness import images, stack

CALLERS, PROBE, PRIORITY = "/run/callers", "/run/probe.image", "/run/priority"
MSRS = "kernel/arch/x86/kernel/msr.ko"
SECONDS = 5
LOOP = f"{CALLERS} {PROBE} 2 {SECONDS} 0"  # two threads, calls that do next to nothing


def entries(machine):
    """All entries since boot, and those of the fast way."""
    monitor = stack.ctl(machine, "status")["monitor"]
    return monitor["entries"], monitor["fast_entries"]


def since(machine, before):
    return tuple(after - earlier for after, earlier in zip(entries(machine), before))


def judge(tap, result, what):
    counted = json.loads(result.out) if result.out.startswith("{") else {}
    return tap.ok(result and counted.get("calls", 0) > 100 and counted["wrong"] == 0,
                  f"{what}: sums and registers are right", result.out + result.err) and counted


def test_taken(tap, machine):
    machine.push(str(BUILD / "tests/system/callers"), CALLERS, tenant="alice")
    machine.push(str(BUILD / "tests/enclaves/probe.image"), PROBE, tenant="alice")
    before = entries(machine)
    counted = judge(tap, machine.tenant("alice", LOOP, timeout=SECONDS + 60), "a loop of calls")
    every, fast = since(machine, before)
    tap.ok(fast > every * 0.8 > 0, f"most entries are fast: {fast} of {every}")
    tap.ok(counted and counted["alarms"] > SECONDS * 50, "a timer of 1 ms rings meanwhile", counted)


def test_not_with_xentrace(tap, machine):
    """It records exits and entries, which the fast way has none of."""
    tracing = machine.start_dom0(f"exec timeout {8 * SECONDS} xentrace -D -S 256 /dev/null >/dev/null 2>&1")
    time.sleep(2)
    before = entries(machine)
    judge(tap, machine.tenant("alice", LOOP, timeout=4 * SECONDS + 60), "the loop with xentrace on")
    every, fast = since(machine, before)
    machine.dom0("pkill -INT xentrace; while pidof xentrace; do sleep 0.2; done", timeout=30)
    tracing.wait(60)
    tap.ok(every > 100 and not fast, f"no entry is fast: {fast} of {every}")
    before = entries(machine)
    judge(tap, machine.tenant("alice", LOOP, timeout=SECONDS + 60), "the loop with xentrace off again")
    every, fast = since(machine, before)
    tap.ok(fast > every * 0.8 > 0, f"most entries are fast again: {fast} of {every}")


def test_priority(tap, machine):
    """What the tenant has for CR8 is its own, whichever way an enclave is entered and left."""
    kernel = images.manifest()
    module = pathlib.Path(kernel["vmlinuz"]).parents[1] / "lib/modules" / kernel["kernel_version"] / MSRS
    machine.push(str(module), "/run/msr.ko", tenant="alice")
    machine.tenant("alice", "insmod /run/msr.ko allow_writes=on || [ -e /dev/cpu/0/msr ]", check=True)
    machine.push(str(BUILD / "tests/system/priority"), PRIORITY, tenant="alice")
    before, interruptions = entries(machine), stack.ctl(machine, "status")["monitor"]["interruptions"]
    result = machine.tenant("alice", f"{PRIORITY} {PROBE}", timeout=90)
    every, fast = since(machine, before)
    interruptions = stack.ctl(machine, "status")["monitor"]["interruptions"] - interruptions
    counted = json.loads(result.out) if result.out.startswith("{") else {}
    tap.ok(result and counted.get("calls") and counted["wrong"] == 0,
           "the task priority stays what the tenant made it", result.out + result.err)
    # An interrupt is the slow way out. The way back in may be fast.
    tap.ok(counted and fast > counted["calls"] // 2 and interruptions >= counted["long"],
           f"both ways were taken: {fast} of {every} entries are fast, {interruptions} interruptions")


def test_paused(tap, machine):
    running = machine.start_in_tenant("alice", f"exec {LOOP}")
    for _ in range(5):
        machine.dom0("virsh -q suspend alice && virsh -q resume alice", check=True)
    judge(tap, running.wait(SECONDS + 90), "the domain paused 5 times")


def test_destroyed(tap, machine):
    """The application dies in its loop: DESTROY meets threads on their way in and out."""
    for turn in range(4):
        before = entries(machine)
        machine.start_in_tenant("alice", f"exec {CALLERS} {PROBE} 4 60 0")
        tap.ok(wait_for(lambda: since(machine, before)[1] > 100), f"four callers in a loop, turn {turn}")
        kill_in_tenant(machine, "callers")
    is_clean(tap, machine, "callers killed in their loop")


TESTS = [test_taken, test_not_with_xentrace, test_priority, test_paused, test_destroyed]
