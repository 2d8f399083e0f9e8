# SPDX-License-Identifier: MIT
"""Several callers of one enclave on several vCPUs and CPUs, while the host moves, pauses and ends them.

QEMU loses guests on machines with two CPUs (machine.EMULATOR_FAULT): the second is offline while nobody
needs it. What is lost may be the enclave that runs in a guest's place: its thread then ends in a triple
fault, which no machine with one CPU has shown. Or dom0, at its first instructions: it never answers."""

import contextlib
import json

from scene import BUILD, enclaves, is_clean, kill_in_tenant, wait_for
from harness import stack
from harness.machine import NoAnswer
from harness.tap import EmulatorFault

CALLERS, PROBE = "/run/callers", "/run/probe.image"
SECONDS = 6
TRIPLE_FAULT = "vector 257"  # CLOISTER_VECTOR_SHUTDOWN


def cpu(machine, online):
    machine.dom0(f"xen-hptool cpu-{'online' if online else 'offline'} 1", timeout=30, check=True)


@contextlib.contextmanager
def booted(machine):
    with contextlib.ExitStack() as running:
        try:
            running.enter_context(machine)
        except NoAnswer as error:
            raise EmulatorFault(str(error)) from error
        yield


def start(machine):
    """A tenant with two vCPUs, on one CPU until it has booted."""
    stack.wait_host(machine)
    cpu(machine, online=False)
    machine.start_tenant("alice", memory=256, vcpus=2, enclave_memory=64)
    stack.wait_agent(machine, "alice")
    machine.push(str(BUILD / "tests/system/callers"), CALLERS, tenant="alice")
    machine.push(str(BUILD / "tests/enclaves/probe.image"), PROBE, tenant="alice")


def call(machine, threads):
    return machine.start_in_tenant("alice", f"exec {CALLERS} {PROBE} {threads} {SECONDS}")


def judge(tap, running, threads, what):
    """Each caller must have come back with right sums and its own registers."""
    result = running.wait(SECONDS + 60)
    if TRIPLE_FAULT in result.err:
        raise EmulatorFault(f"{what}: {result.err.strip()}")
    counted = json.loads(result.out) if result else {}
    tap.ok(counted.get("calls", 0) >= 2 * threads and counted["wrong"] == 0 and counted["interruptions"],
           f"{what}: sums and registers are right", result.out + result.err)


def loop(machine, threads):
    """Calls that do next to nothing: most take the fast way."""
    return machine.start_in_tenant("alice", f"exec {CALLERS} {PROBE} {threads} {SECONDS} 0")


def spin(tap, machine):
    """Two threads inside that do not come back, on both CPUs."""
    running = machine.start_in_tenant("alice", f"exec {CALLERS} {PROBE} 2 0")
    tap.ok(wait_for(lambda: [one for one in enclaves(machine) if one["threads_running"] == 2]),
           "two vCPUs are inside one enclave", enclaves(machine))
    return running


def test_time_slices(tap, machine):
    judge(tap, call(machine, 4), 4, "four callers, two vCPUs, one CPU")


def test_two_cpus(tap, machine):
    cpu(machine, online=True)
    judge(tap, call(machine, 4), 4, "four callers, two vCPUs, two CPUs")


def test_moved(tap, machine):
    for start_calls, what in ((call, "vCPUs"), (loop, "vCPUs in a loop of calls")):
        running = start_calls(machine, 2)
        for turn in range(6):
            machine.dom0(f"xl vcpu-pin alice 0 {turn % 2}; xl vcpu-pin alice 1 {1 - turn % 2}", check=True)
        machine.dom0("xl vcpu-pin alice all all", check=True)
        judge(tap, running, 2, f"{what} moved from CPU to CPU 6 times")


def test_paused(tap, machine):
    running = call(machine, 2)
    for _ in range(3):
        machine.dom0("virsh -q suspend alice && virsh -q resume alice", check=True)
    judge(tap, running, 2, "the domain paused 3 times")


def test_cpu_goes(tap, machine):
    for start_calls, what in ((call, ""), (loop, " from a loop of calls")):
        running = start_calls(machine, 2)
        for _ in range(3):
            cpu(machine, online=False)
            cpu(machine, online=True)
        judge(tap, running, 2, f"a CPU taken away{what} 3 times")


def test_killed_inside(tap, machine):
    spin(tap, machine)
    kill_in_tenant(machine, "callers")
    is_clean(tap, machine, "kill -9 of an application with two vCPUs inside")


def test_domain_dies(tap, machine):
    """The last one: the tenant is gone afterwards."""
    spin(tap, machine)
    machine.destroy_tenant("alice")
    is_clean(tap, machine, "a domain destroyed with two vCPUs inside")
    tap.ok(machine.dom0("cloisterctl audit"), "no audit violation after it")
    tap.ok(machine.alive(), "Xen and dom0 live with two CPUs")


TESTS = [test_time_slices, test_two_cpus, test_moved, test_paused, test_cpu_goes, test_killed_inside,
         test_domain_dies]
