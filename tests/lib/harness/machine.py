# SPDX-License-Identifier: MIT
"""A whole emulated machine: Xen, dom0, tenants. In QEMU (AMD), or, with CLOISTER_MACHINE=bochs in the
environment, in Bochs (Intel).

    from harness import Machine

    with Machine("mytest", xen="build/hv/xen/xen", dom0=["build/stage"]) as machine:
        print(machine.dom0("xl list").out)
        machine.start_tenant("alice", enclave_memory=64)
        result = machine.tenant("alice", "uname -r")     # .rc .out .err
        machine.push("build/tests/x", "/root/x")         # a file into dom0
        machine.push("build/tests/y", "/root/y", tenant="alice")

`dom0` and `tenant_payload` are lists of folders laid over the root of dom0 and of every tenant
(what packages hold, test programs). Nothing outlives the run but the logs: the console of Xen
and dom0, what the emulator said, each guest's console, in build/logs/NAME-*.log."""

import ctypes
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from . import domain, images
from .bochs import Bochs
from .channel import ChannelLost, Result
from .qemu import Qemu
from .tpm import Tpm

EMULATORS = {"qemu": Qemu, "bochs": Bochs}
XEN_OPTIONS = ["console=com1", "com1=115200,8n1", "loglvl=all", "guest_loglvl=all", "noreboot",
               "cpuidle=0"]
DOM0_OPTIONS = ["console=hvc0", "rw", "mitigations=off", "cryptomgr.notests",
                "audit=0", "apparmor=0", "random.trust_cpu=on", "rcupdate.rcu_expedited=1",
                "systemd.show_status=no", "systemd.unit=multi-user.target", "selinux=0"]
# With two CPUs, QEMU 7.2's TCG loses a guest in some 100,000 VM exits: a host CPU that has just left the
# guest still translates through the nested tables, its state lands in the guest's VMCB (RIP behind VMRUN in
# Xen's text, CS e008), and the guest dies of a triple fault or stands still. It happens with an unpatched
# Xen, too: once in 3 to 30 starts. With one CPU it was not seen. So one is the default; what needs two
# says so, and starts again where a guest was lost. And Xen's default scheduler leaves a vCPU that is ready beside
# two idle CPUs for good there (stock Xen: in one of three boots dom0 does not get beyond its first lines; its `r` key
# shows it); with the older one that was not seen in eight.
TWO_CPUS_OPTIONS = ["sched=credit"]
EMULATOR_FAULT = re.compile(r"d\d+v\d+ Triple fault")
ANSWER_TIMEOUT = 75  # seconds; 10 to 20 are usual
EMULATOR_TRIES = 3
FIRMWARE_CODE_CACHE = 64  # MiB
START_TIMEOUT = 300  # seconds from the emulator's start to a dom0 that answers


def _die_with_parent():
    """In the child: no emulator outlives a harness that was killed (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class MachineError(Exception):
    """The machine did not do what it should; the text names the log."""


class NoAnswer(MachineError):
    """It neither crashed nor answered in time."""


def _free_memory():
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    return 0


def check_host(program, memory, folder):
    """Clear words where this machine cannot run the emulated one."""
    if not shutil.which(program):
        raise images.Missing(f"{program} is not installed; tests/setup installs it")
    if _free_memory() < memory + 256:
        raise images.Missing(f"{memory + 256} MiB of free memory are needed for the emulated "
                             f"machine, {_free_memory()} MiB are free")
    if shutil.disk_usage(folder).free < 1 << 30:
        raise images.Missing(f"1 GiB of free disk space is needed in {folder}")


class Machine:
    """See the module's text. Options:

    xen           the hypervisor, an ELF file that loads by multiboot (build/hv/xen/xen)
    xen_options   added to Xen's command line
    dom0_options  added to the command line of dom0's kernel
    strict        dom0-iommu=strict (Bochs: cloister=insecure-dma); False leaves dom0 the IOMMU's relaxed mode
    iommu_kind    amd, or intel (VT-d), in QEMU
    icount        one CPU, one instruction per tick: counts repeat to the digit, and it is slow
    cpus, memory  of the emulated machine, at most (memory in MiB)
    tpm           "crb" or "tis": a TPM with these registers; or a tpm.Tpm (QEMU only)
    firmware      a uefi.Uefi that boots what is on its disk; xen and options of kernels are then
                  for that disk's maker (QEMU only)
    qemu_options  added to QEMU's command line
    code_cache    MiB that the emulator keeps of translated code; None: its default. With that (1024 in QEMU) its lists of
                  what jumps where grow long, and each page of a dead guest's code that Xen clears walks them: a machine
                  in which many guests begin and end stands still for minutes (QEMU only)
                  With firmware it is FIRMWARE_CODE_CACHE, because QEMU (7.2) keeps the firmware's code of a page for as long
                  as nobody writes into just those bytes. Xen's stack comes to lie on such a page, and each push looks through
                  the list: eight times slower, and guests that do not come up. When this small cache is full, all goes.
    tools         False: dom0's tools are not of this Xen; their services are not waited for
    echo          called with each line of the console as it comes
    """

    def __init__(self, name, xen, dom0=(), tenant_payload=(), xen_options=(), dom0_options=(),
                 strict=True, iommu_kind="amd", icount=False, cpus=1, memory=3072, qemu_options=(), echo=None,
                 logs=None, tpm=None, firmware=None, code_cache=None, tools=True):
        kind = EMULATORS[os.environ.get("CLOISTER_MACHINE", "qemu")]
        self.name, self.xen, self.icount = name, xen, icount
        self.cpus = 1 if icount else min(cpus, kind.max_cpus)
        self.memory = min(memory, kind.max_memory)
        self.payloads = (list(dom0), list(tenant_payload))
        self.xen_options = (XEN_OPTIONS + kind.xen_options +
                            (kind.strict_options if strict else []) +
                            (TWO_CPUS_OPTIONS if self.cpus > 1 else []) + list(xen_options))
        self.dom0_options = (DOM0_OPTIONS + [f"root={kind.root}"] + kind.dom0_options +
                             list(dom0_options))
        self.qemu_options = list(qemu_options)
        self.vendor, self.iommu, self.iommu_kind = kind.vendor, kind.iommu, iommu_kind
        self._kind = kind
        self._slowness = 20 if icount and kind is Qemu else kind.slowness
        self.tpm = (Tpm(tpm) if isinstance(tpm, str) else tpm) if kind is Qemu else None
        if self.tpm:
            self.xen_options.insert(0, "cloister-tpm=required")  # xen_options can say otherwise
        if firmware and kind is not Qemu:
            raise images.Missing(f"only QEMU boots by UEFI firmware, not {kind.program}")
        self.firmware = firmware
        self.echo, self._tools = echo, tools
        self.code_cache = code_cache or (FIRMWARE_CODE_CACHE if firmware else None)
        self.logs = logs or os.path.join(os.path.dirname(images.TESTS), "build", "logs")
        self.seconds = {}  # how long what took
        self.tenants = {}  # name -> domain id
        self._emulator = self._process = self._channel = self._work = None
        self._settled = 0  # length of the console when the last guest was up

    # ---- start and end ----

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.save_guest_logs()
            print(f"# {self.name}: console log in {self.log('console')}", file=sys.stderr)
        self.stop()

    def log(self, kind):
        return os.path.join(self.logs, f"{self._kind.log_prefix}{self.name}-{kind}.log")

    def launch(self):
        """Start the emulator and return."""
        if not os.path.isfile(self.xen):
            raise images.Missing(f"no hypervisor at {self.xen}; meson compile -C build makes it")
        check_host(self._kind.program, self.memory, tempfile.gettempdir())
        parts = images.manifest()
        os.makedirs(self.logs, exist_ok=True)
        for kind in ("console", "emulator"):
            open(self.log(kind), "wb").close()
        self._work = tempfile.mkdtemp(prefix="cloister-")
        images.write_initrd(os.path.join(self._work, "initrd"), parts["dom0_initrd"],
                            *self.payloads)
        if self.tpm:
            self.tpm.start(self._work, self.log("tpm"), _die_with_parent)
        self._emulator = self._kind(self, self._work)
        with open(self.log("emulator"), "wb") as log:
            self._process = self._emulator.start(
                parts, self.xen_options, self.dom0_options, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=_die_with_parent)
        if self.echo:
            threading.Thread(target=self._follow, daemon=True).start()

    def start(self):
        """Boot and wait until dom0 answers commands; see wait_ready for the rest of it."""
        began = time.monotonic()
        self.launch()
        limit = START_TIMEOUT * self._slowness
        self._connect(began + limit)
        answer = self._channel.start(["/bin/true"])
        while not self._poll_answer(answer, began + limit):
            pass
        self.seconds["dom0 answers"] = time.monotonic() - began
        if self._tools:
            self.wait_ready()
        self.seconds["dom0 ready"] = time.monotonic() - began
        return self

    def _poll_answer(self, answer, deadline):
        for _ in range(10):
            if answer.done(0.1):
                return True
        self._check(deadline)
        return False

    def _check(self, deadline):
        """Raise if the emulator ended, Xen or dom0 crashed, or the time is over."""
        log = self.console()
        crash = re.search(r"Xen BUG at.*|Panic on CPU.*|Kernel panic.*|FATAL TRAP.*", log)
        if crash:
            time.sleep(1)
            raise MachineError(f"{crash[0].strip()} (log: {self.log('console')})")
        if self._process.poll() is not None:
            raise MachineError(f"the emulator ended with status {self._process.returncode} "
                               f"(logs: {self.log('console')}, {self.log('emulator')})")
        if time.monotonic() > deadline:
            last = log.rstrip().rsplit("\n", 1)[-1]
            raise NoAnswer(f"no answer in time; the console ends with {last!r} "
                           f"(log: {self.log('console')})")

    def _connect(self, deadline):
        while not self._channel:
            self._channel = self._emulator.connect()
            self._check(deadline)
            time.sleep(0.05)

    def wait_ready(self):
        """Wait for xenstored, xenconsoled and libvirtd, the last of which answers virsh."""
        services = "xenstored xenconsoled libvirtd"
        result = self.dom0(f"systemctl start {services} ||"
                           f" {{ systemctl status {services}; exit 1; }}", timeout=START_TIMEOUT)
        if not result:
            raise MachineError(f"dom0's services did not start: {result.out}{result.err}")

    def stop(self):
        """End the emulator and remove what the run left outside the logs."""
        if self._channel:
            self._channel.close()
            self._channel = None
        if self._process:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)
                try:
                    self._process.wait(10)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            self._process = None
        if self.tpm:
            self.tpm.stop()
        if self._work:
            shutil.rmtree(self._work, ignore_errors=True)
            self._work = None

    # ---- console ----

    def console(self):
        """All that Xen and dom0 have printed so far."""
        with open(self.log("console"), "rb") as file:
            return file.read().decode(errors="replace").replace("\r", "")

    def type(self, data):
        """Bytes from outside on the serial line (QEMU only)."""
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(os.path.join(self._work, "console"))
            link.sendall(data)
            time.sleep(1)

    def _follow(self):
        with open(self.log("console"), "rb") as file:
            rest = b""
            while self._process and self._process.poll() is None:
                rest += file.read()
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    self.echo(line.decode(errors="replace").rstrip("\r"))
                time.sleep(0.1)

    def alive(self):
        """Whether the emulated machine runs, without a crash of Xen or dom0 on its console."""
        try:
            self._check(float("inf"))
        except MachineError:
            return False
        return True

    # ---- commands ----

    def start_dom0(self, command, timeout=None, stdin=b""):
        """Start a shell command in dom0 and return a channel.Running for it."""
        return self._channel.start(["/bin/sh", "-c", command], timeout, stdin)

    def dom0(self, command, timeout=60, stdin=b"", check=False):
        """Run a shell command in dom0. With `check`, a status other than 0 raises."""
        running = self.start_dom0(command, timeout * self._slowness, stdin)
        try:
            result = running.wait((timeout + 15) * self._slowness)
        except ChannelLost as lost:
            raise MachineError(f"{lost} (log: {self.log('console')})") from lost
        if check and not result:
            raise MachineError(f"dom0: {command}: status {result.rc}: {result.err.strip()}")
        return result

    def tenant(self, name, command, timeout=60, stdin=None, check=False):
        """Run a shell command as root in a tenant."""
        flags = f"-t {timeout * self._slowness}" + (" -i" if stdin is not None else "")
        line = f"vexec {flags} {self.domid(name)} -- /bin/bash -c {shlex.quote(command)}"
        result = self.dom0(line, timeout + 15, stdin or b"")
        if check and not result:
            raise MachineError(f"{name}: {command}: status {result.rc}: {result.err.strip()}")
        return result

    def start_in_tenant(self, name, command, timeout=None, stdin=b""):
        """Start a shell command in a tenant and return a channel.Running for it."""
        flags = (f"-t {timeout} " if timeout else "") + "-i"
        return self.start_dom0(
            f"exec vexec {flags} {self.domid(name)} -- /bin/bash -c {shlex.quote(command)}",
            stdin=stdin)

    def push(self, source, target, tenant=None, mode=None):
        """Copy a file (a path, or bytes) into dom0 or a tenant; keeps the mode of a path."""
        if isinstance(source, bytes):
            data, mode = source, mode or 0o644
        else:
            with open(source, "rb") as file:
                data = file.read()
            mode = mode or os.stat(source).st_mode & 0o777
        quoted = shlex.quote(target)
        command = f"mkdir -p $(dirname {quoted}) && cat >{quoted} && chmod {mode:o} {quoted}"
        if tenant:
            self.tenant(tenant, command, stdin=data, check=True)
        else:
            self.dom0(command, stdin=data, check=True)

    def pull(self, path, tenant=None):
        """A file's content as bytes."""
        command = f"cat {shlex.quote(path)}"
        result = (self.tenant(tenant, command, check=True) if tenant
                  else self.dom0(command, check=True))
        return result.out_bytes

    # ---- domains ----

    def start_tenant(self, name, wait=True, **options):
        """Create a domain through libvirt (options: see domain.xml) and wait for its commands."""
        path = f"/run/{name}.xml"
        command_line = options.pop("command_line", domain.COMMAND_LINE)
        options["command_line"] = " ".join([command_line] + self._kind.tenant_options)
        self.push(domain.xml(name, **options).encode(), path)
        for _ in range(EMULATOR_TRIES):
            began, mark = time.monotonic(), len(self.console())
            self.dom0(f"virsh -q create {path}", timeout=120, check=True)
            self.tenants[name] = int(self.dom0(f"virsh -q domid {name}", check=True).out)
            self.seconds[f"{name} created"] = time.monotonic() - began
            if not wait or self._answers(name, mark):
                self._settled = len(self.console())
                self.seconds[f"{name} answers"] = time.monotonic() - began
                return self.tenants[name]
            print(f"# {name}: the emulator lost the guest while it booted; starting it again",
                  file=sys.stderr)
            self.dom0(f"virsh -q destroy {name}")
            self._wait_gone(name, 60)
        raise MachineError(f"{name} did not come up in {EMULATOR_TRIES} tries "
                           f"(log: {self.log('console')})")

    def _answers(self, name, mark):
        """Wait for a tenant's commands. False: QEMU has lost it (see EMULATOR_FAULT)."""
        deadline = time.monotonic() + ANSWER_TIMEOUT * self._slowness
        while not self.tenant(name, "true", timeout=15):
            if EMULATOR_FAULT.search(self.console()[mark:]) or time.monotonic() > deadline:
                return False
        return True

    def emulator_fault(self):
        """What the console says of a guest that QEMU has lost since the last one came up, or None."""
        found = EMULATOR_FAULT.search(self.console(), self._settled)
        return found and found[0]

    def domid(self, name):
        if name not in self.tenants:
            raise MachineError(f"no tenant {name} was started")
        return self.tenants[name]

    def running(self, name):
        return bool(self.dom0(f"xl domid {name}"))

    def shutdown_tenant(self, name, timeout=60):
        """Ask the guest to power off and wait until its domain is gone."""
        self.dom0(f"virsh -q shutdown {name}", check=True)
        return self._wait_gone(name, timeout)

    def destroy_tenant(self, name, timeout=60):
        self.dom0(f"virsh -q destroy {name}", timeout=timeout, check=True)
        return self._wait_gone(name, timeout)

    def _wait_gone(self, name, timeout):
        domid = self.tenants.pop(name)
        return self.dom0(f"while xl domname {domid} >/dev/null 2>&1; do sleep 0.2; done",
                         timeout=timeout)

    def free_memory(self):
        """Xen's free memory in MiB, as `xl info` says it."""
        return int(self.dom0("xl info free_memory", check=True).out)

    def save_guest_logs(self):
        """The guests' consoles and dom0's journal, into the log folder."""
        if not self._channel:
            return
        for kind, command in (("guests", "tail -n +1 /var/log/xen/console/*.log /var/log/libvirt/libxl/*"),
                              ("journal", "journalctl -b --no-pager")):
            try:
                result = self.dom0(command, timeout=20)
            except (MachineError, ChannelLost):
                return
            with open(self.log(kind), "wb") as file:
                file.write(result.out_bytes)

    # ---- by hand ----

    def shell(self, where="dom0"):
        """A terminal in dom0 or, by name, on a tenant's console. Ctrl-] leaves it."""
        from . import terminal
        command = "dom0" if where == "dom0" else f"virsh console --force {where}"
        if where == "dom0":
            line = "exec setsid -c /bin/bash -il </dev/hvc0 >/dev/hvc0 2>&1"
        else:
            line = f"exec setsid -c {command} </dev/hvc0 >/dev/hvc0 2>&1"
        running = self.start_dom0(f"stty sane </dev/hvc0; export TERM={terminal.name()}; {line}")
        link = socket.socket(socket.AF_UNIX)
        link.connect(os.path.join(self._work, "console"))
        try:
            terminal.attach(link, running)
        finally:
            running.kill()
            link.close()


__all__ = ["Machine", "MachineError", "Result"]
