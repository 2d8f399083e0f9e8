# SPDX-License-Identifier: MIT
"""What memory holds after the machine went down: looked at from outside, where the next owner of the machine would.

Each way down is gone twice, in a machine with an enclave that has a secret: the second time the monitor (a test build)
clears nothing, and the search must find what it did not find before. A reset that Xen does not make cannot be cleared
after: it must find the secret, or the search is no search."""

import tempfile
import time

import fixture
from harness import Machine, stack
from harness.qmp import Memory

MEMORY = 1792  # MiB
DOWN_SECONDS = 120
STICK_SECONDS = 3
HALT_SECONDS = 5  # from the last line on the console to a halted machine: many times what it takes


def dom0(command):
    """Without an answer: dom0 is gone before it could give one."""
    return lambda machine, memory: machine.start_dom0(command)


def inject_nmi(machine, memory):
    memory.command("inject-nmi")


def stick_and_inject_nmi(machine, memory):
    machine.start_dom0(f"{fixture.FOLDER}/control stick")  # dom0's other CPU answers no more
    time.sleep(STICK_SECONDS)
    inject_nmi(machine, memory)


REBOOTS = ["noreboot=0"]  # the harness says noreboot
HALTS = {"halt": "halting machine", "panic-halt": "Manual reset required", "panic-stuck": "Reboot in five seconds"}

# name: (what is done, how, Xen's options, CPUs)
WAYS = {
    "reboot": ("dom0 reboots", dom0("reboot -ff"), [], 2),
    "power-off": ("dom0 powers off", dom0("poweroff -ff"), [], 2),
    "halt": ("dom0 halts, and somebody presses reset", dom0("halt -ff"), [], 1),
    "dom0-panic": ("dom0's kernel panics", dom0("echo c >/proc/sysrq-trigger"), REBOOTS, 1),
    "debug-key": ("the debug key that reboots, where its room is open", dom0("xl debug-keys R"),
                  ["cloister-lockdown=debug"], 2),
    "panic": ("Xen panics, on two CPUs at once", inject_nmi, REBOOTS + ["nmi=fatal"], 2),
    "panic-stuck": ("Xen panics, and the other CPU never stops", stick_and_inject_nmi, REBOOTS + ["nmi=fatal"], 2),
    "panic-halt": ("Xen panics and halts", inject_nmi, ["nmi=fatal"], 2),
}
DISORDERLY = "reset"


def secrets(machine, enclave):
    answer = fixture.control(machine, "secrets")
    return {"the enclave's secret": fixture.secret_bytes(enclave.seed),
            "the identity's private key": bytes(0xff ^ byte for byte in bytes.fromhex(answer["key"])),
            "the sealing root": bytes(0xff ^ byte for byte in bytes.fromhex(answer["root"]))}


def booted(way, options, programs, test):
    """Boots a machine with a victim and calls test(machine, memory, secrets)."""
    _, _, xen_options, cpus = WAYS.get(way, (None, None, [], 1))
    with tempfile.TemporaryDirectory(prefix="cloister-memory-") as folder:
        memory = Memory(folder, MEMORY)
        with Machine(f"attack-{way}", xen=stack.xen(options.build, "test"), memory=MEMORY, cpus=cpus, tpm="crb",
                     xen_options=xen_options, qemu_options=memory.options) as machine:
            programs.install(machine)
            machine.start_tenant("alice", memory=256)
            programs.install(machine, "alice")
            enclave = fixture.load(machine, "alice", programs)
            test(machine, memory, secrets(machine, enclave))


def search(tap, memory, wanted, there, when):
    found = memory.holds(wanted)
    for name, count in found.items():
        tap.ok(bool(count) == there, f"{when}: {name} is {'in memory' if there else 'nowhere in memory'}",
               f"found {count} times")


def wait_console(machine, begin, text):
    """Until this stands on the console behind `begin`; False: it does not in time."""
    deadline = time.monotonic() + DOWN_SECONDS
    while text not in machine.console()[begin:]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def orderly(tap, options, programs, way, keep):
    what, go, _, _ = WAYS[way]
    when = what + (", nothing is cleared" if keep else "")

    def test(machine, memory, wanted):
        memory.command("stop")
        search(tap, memory, wanted, True, f"before {what}")
        memory.command("cont")
        if keep:
            fixture.control(machine, "keep")
        before = len(machine.console())
        go(machine, memory)
        if way in HALTS:
            tap.ok(wait_console(machine, before, HALTS[way]), f"{when}: the machine halts")
            time.sleep(HALT_SECONDS)
            memory.command("stop")
        else:
            tap.ok(memory.wait_down(DOWN_SECONDS), f"{when}: the machine goes down")
        search(tap, memory, wanted, keep, when)

    booted(way, options, programs, test)


def disorderly(tap, options, programs):
    """The reset button: firmware, loader and the next Xen have run when memory is looked at."""
    def test(machine, memory, wanted):
        before = len(machine.console())
        memory.command("set-action", reboot="reset")
        memory.command("system_reset")
        tap.ok(wait_console(machine, before, "Xen version"), "somebody presses reset: the next Xen boots")
        memory.command("stop")
        found = memory.holds(wanted)
        tap.ok(found["the enclave's secret"], "and the enclave's secret stands in memory: nobody could clear it", found)
        tap.ok("memory over a reset: there are no runtime services" in machine.console(),
               "the monitor says that the firmware was not told to clear memory")

    booted(DISORDERLY, options, programs, test)


def run_all(tap, options, programs, names=None):
    for way in names or [*WAYS, DISORDERLY]:
        if way == DISORDERLY:
            tap.retry("the reset button was tried", disorderly, tap, options, programs)
            continue
        for keep in (False, True):
            tap.retry(f"{way} was tried{', with nothing cleared' if keep else ''}", orderly, tap, options, programs,
                      way, keep)
