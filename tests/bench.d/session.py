# SPDX-License-Identifier: MIT
"""What is measured on one machine, from boot to end: QemuSession and BochsSession."""

import os
import re
import subprocess
import sys
import time

from harness import Machine, domain
from harness.machine import EMULATORS

TENANT, PEER = "alice", "bob"
FOLDER = "/opt/bench"
PROGRAM, ALTERNATIVES = f"{FOLDER}/bench-tenant", f"{FOLDER}/bench-alternatives"
AGENT = ("mkdir -p /run/cloister && { cloister-agent >/run/cloister-agent.log 2>&1 </dev/null & "
         "cloister status --wait 50 >/dev/null; }")
QUOTA = 64  # MiB
BOOTS = 2
SIZES = {4: 8, 64: 1, 256: 1, 1024: 1}  # MiB of zeros-MIB.image: how often
CONTENTS = {4: 2, 64: 1}
REPORTS = 3
REPETITIONS = 1000  # as in timing.h
MODES = {"": 1, "_with_decode": 0}  # suffix of a figure's name: Xen's parameter known-lengths
BEGAN = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - BEGAN:6.1f} s] {text}", file=sys.stderr, flush=True)


class Failed(Exception):
    """A measurement did not work; the text says which and why."""


class Session:
    """One machine with one of the Xens (see KINDS); `figures` gets what its programs print, by name.

    on            the emulator, as CLOISTER_MACHINE has it
    cpu_vendor    of its CPU
    qemu_options  for QEMU alone"""

    on = cpu_vendor = None
    # "cloister": with the monitor; "stock": without; "test": the monitor's test build, which knows when it asks who waits
    KINDS = ("cloister", "stock")
    qemu_options = ()

    def __init__(self, kind, xen, root):
        self.kind, self.figures, self.version = kind, {}, None
        os.environ["CLOISTER_MACHINE"] = self.on
        self.machine = Machine(f"bench-{kind}", xen=str(xen), dom0=[str(root / "dom0")],
                               tenant_payload=[str(root / "tenant")], icount=True,
                               qemu_options=self.qemu_options)

    def machine_name(self):
        """After run()."""
        raise NotImplementedError

    def run(self):
        """Boots, measures and ends."""
        self.say(f"booting (log: {self.machine.log('console')})")
        with self.machine:
            self.machine.dom0("systemctl stop cloisterd 2>/dev/null; true")
            self.measure()
            self.version = self.machine.dom0("xl info xen_version", check=True).out.strip()
            if not self.machine.alive():
                raise Failed(f"{self.on}: {self.kind}: Xen or dom0 crashed")
        return self

    def measure(self):
        raise NotImplementedError

    def say(self, text):
        say(f"{self.on}: {self.kind}: {text}")

    def take(self, suffix, text):
        for line in text.splitlines():
            words = line.split()
            if len(words) == 4 and words[1].isdigit():
                name = words[0] + suffix
                value = int(words[1])
                self.figures[name] = min(value, self.figures.get(name, value))

    def checked(self, what, suffix, result):
        if not result:
            raise Failed(f"{self.on}: {what}{suffix} on {self.kind}: status {result.rc}: "
                         f"{(result.err or result.out).strip()}")
        self.take(suffix, result.out)
        return result.out

    def dom0(self, arguments, suffix="", program="bench-dom0"):
        self.say(f"dom0: {arguments}{suffix.replace('_', ' ')}")
        return self.checked(arguments, suffix,
                            self.machine.dom0(f"{FOLDER}/{program} {arguments}", timeout=120))

    def tenant(self, commands, suffix=""):
        """All commands of one boot in one go; each prints its figures."""
        self.say(f"tenant: measuring{suffix.replace('_', ' ')}")
        return self.checked("tenant", suffix,
                            self.machine.tenant(TENANT, " && ".join(commands), timeout=100))

    def limits(self, arguments):
        return self.dom0(arguments, program="bench-limits")

    def common(self, suffix=""):
        """What both Xens can do: dom0's part is measured, the tenant's returned."""
        self.dom0("hypercalls", suffix)
        self.dom0("accesses", suffix)
        return [f"{PROGRAM} {what}" for what in ("null", "hypercalls", "faults")]

    def enclave(self, commands, suffix=""):
        """The tenant's commands, and the world switch. The daemons run for no longer than they must."""
        text = self.dom0(f"load {self.machine.domid(TENANT)} {FOLDER}/return-{self.machine.vendor}.image", suffix)
        handle = text.split("handle ", 1)[1].strip()
        self.machine.dom0("systemctl start cloisterd", timeout=60, check=True)
        self.tenant(commands + [f"{PROGRAM} enter {handle}", AGENT,
                                f"{PROGRAM} library {FOLDER}/bench-empty.image"], suffix)
        self.machine.dom0("systemctl stop cloisterd", check=True)


class QemuSession(Session):
    """AMD SVM. One tick of the clock for each instruction."""

    on, cpu_vendor = "qemu", "AMD"
    KINDS = ("cloister", "stock", "test")
    # Idle time is skipped, wall clock and random numbers are the same in each run.
    qemu_options = ["-icount", "sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-seed", "1"]

    def machine_name(self):
        version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True,
                                 check=True).stdout
        return f"QEMU {version.split()[3]}, TCG, -icount shift=0, one CPU (emulated, no KVM)"

    def decode(self, known):
        self.machine.dom0(f"xl set-parameters known-lengths={known}", check=True)

    def boots(self, suffix, count):
        """Boots the tenant `count` times; the last stays."""
        for _ in range(count):
            if TENANT in self.machine.tenants:
                self.machine.destroy_tenant(TENANT)
            text = self.dom0(f"boot {FOLDER}/tenant.xml", suffix)
            self.machine.tenants[TENANT] = int(text.rsplit("domain ", 1)[1])

    def sizes(self):
        """What an enclave costs by its size."""
        domid = self.machine.domid(TENANT)
        for what, sizes in (("zeros", SIZES), ("content", CONTENTS)):
            for size, count in sizes.items():
                for _ in range(count):
                    self.limits(f"{what} {domid} {FOLDER}/zeros-{size}.image {what}_{size}")

    def stretches(self):
        """How long the monitor serves without asking whether somebody waits."""
        self.machine.start_tenant(TENANT, memory=256, enclave_memory=QUOTA)
        domid = self.machine.domid(TENANT)
        self.limits(f"stretches {domid} {FOLDER}/zeros-256.image")
        handle = self.dom0(f"load {domid} {FOLDER}/report-amd.image").split("handle ", 1)[1].strip()
        for _ in range(REPORTS):
            self.limits("stretch stretch_before 0")
            self.tenant([f"{PROGRAM} report {handle}"])
            self.limits("stretch stretch_report 50000")

    def measure(self):
        if self.kind == "test":
            self.stretches()
            return
        self.machine.push(domain.xml(TENANT, memory=256, enclave_memory=QUOTA).encode(),
                          f"{FOLDER}/tenant.xml")
        self.boots("_cold", 1)
        for suffix, known in MODES.items():
            self.decode(known)
            self.boots(suffix, BOOTS)
            commands = self.common(suffix)
            if self.kind == "stock":
                self.tenant(commands, suffix)
                continue
            self.enclave(commands, suffix)
            self.dom0(f"pages {self.machine.domid(TENANT)} {FOLDER}/pages.image", suffix)
        if self.kind == "cloister":
            self.dom0("sha384")
            self.sizes()


class BochsSession(Session):
    """Intel VMX. On the unpatched Xen, also what a tenant can use there instead of an enclave."""

    on, cpu_vendor = "bochs", "Intel"

    def machine_name(self):
        done = subprocess.run([EMULATORS[self.on].program, "--help", "cpu"], capture_output=True, text=True,
                              errors="replace", check=False)
        found = re.search(r"Bochs x86 Emulator (\S+)", done.stdout + done.stderr)
        return f"Bochs {found[1] if found else '(unknown version)'}, one CPU (emulated)"

    def measure(self):
        self.machine.start_tenant(TENANT, memory=256, enclave_memory=QUOTA)
        commands = self.common()
        if self.kind == "cloister":
            self.enclave(commands)
            return
        self.tenant(commands)
        self.altp2m()
        self.listener()
        self.machine.start_tenant(PEER, memory=256)
        self.peer("port")
        self.peer("vchan")

    def altp2m(self):
        """privcmd, which blocks hypercalls of a guest's user programs by default, is loaded again without that;
        xenfs uses it."""
        domid = self.machine.domid(TENANT)
        self.dom0(f"altp2m {domid}", program="bench-listener")
        self.tenant(["busybox umount /proc/xen", "busybox rmmod xenfs", "busybox rmmod xen_privcmd",
                     "busybox insmod $(grep xen-privcmd /etc/modules.load) unrestricted=1",
                     f"{ALTERNATIVES} altp2m"])

    def listener(self):
        self._served(self.machine.start_dom0(f"exec {FOLDER}/bench-listener listen {self.machine.domid(TENANT)}"),
                     lambda line: f"{ALTERNATIVES} listener", 2 * REPETITIONS + 2)

    def peer(self, what):
        domid = self.machine.domid(PEER)
        self._served(self.machine.start_in_tenant(
            PEER, f"exec {FOLDER}/bench-peer {what} {self.machine.domid(TENANT)} {REPETITIONS}"),
            lambda line: f"{ALTERNATIVES} {what} {domid} {line.split()[1] if what == 'port' else ''}", REPETITIONS)

    def _served(self, server, command, count):
        """Measures while a server runs that says one line when it is ready and how many it served at the end."""
        lines = server.lines(120)
        line = next(lines, None)
        if line is None:
            raise Failed(f"{self.on}: what is to answer did not start: {server.wait(5)}")
        self.tenant([command(line)])
        result = server.wait(60)
        if not result or f"served {count}\n" not in result.out:
            raise Failed(f"{self.on}: {count} requests were to be served: {result}")


SESSIONS = {session.on: session for session in (QemuSession, BochsSession)}
