# SPDX-License-Identifier: MIT
"""A whole machine in QEMU: Xen, dom0, tenants.

    from harness import Machine

    with Machine("mytest", xen="build/hv/xen/xen", dom0=["build/stage"]) as machine:
        print(machine.dom0("xl list").out)
        machine.start_tenant("alice", enclave_memory=64)
        result = machine.tenant("alice", "uname -r")     # .rc .out .err
        machine.push("build/tests/x", "/root/x")         # a file into dom0
        machine.push("build/tests/y", "/root/y", tenant="alice")

`dom0` and `tenant_payload` are lists of folders laid over the root of dom0 and of every tenant
(`meson install --destdir`, test programs). Nothing outlives the run but the logs: the console of Xen
and dom0, what QEMU said, each guest's console, in build/logs/NAME-*.log."""

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
from .channel import Channel, ChannelLost, Result
from .tpm import Tpm

CPU = "EPYC,+svm,+npt,-monitor,-smap,-rdtscp,-avx,-avx2,-fma,-f16c"
XEN_OPTIONS = ["console=com1", "com1=115200,8n1", "loglvl=all", "guest_loglvl=all", "noreboot",
               "dom0_mem=1024M,max:1024M", "cpuidle=0", "iommu=force",
               "spec-ctrl=eager-fpu"]  # QEMU 7.2 misses device-not-available faults of a lazy FPU
STRICT = "dom0-iommu=strict"
VIRTIO = ",disable-legacy=on,iommu_platform=on"
DOM0_OPTIONS = ["console=hvc0", "root=/dev/vda", "rw", "mitigations=off", "cryptomgr.notests",
                "audit=0", "apparmor=0", "random.trust_cpu=on", "rcupdate.rcu_expedited=1",
                "systemd.show_status=no", "systemd.unit=multi-user.target", "selinux=0"]
# With two CPUs, QEMU 7.2's TCG loses a guest in some 100,000 VM exits: a host CPU that has just left the
# guest still translates through the nested tables, its state lands in the guest's VMCB (RIP behind VMRUN in
# Xen's text, CS e008), and the guest dies of a triple fault or stands still. It happens with an unpatched
# Xen, too: once in 3 to 30 starts. With one CPU it was not seen. So one is the default; what needs two
# says so, and starts again where a guest was lost.
EMULATOR_FAULT = re.compile(r"d\d+v\d+ Triple fault")
ANSWER_TIMEOUT = 75  # seconds; 10 to 20 are usual
EMULATOR_TRIES = 3
START_TIMEOUT = 180  # seconds from QEMU's start to a dom0 that answers


def _die_with_parent():
    """In the child: no emulator outlives a harness that was killed (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class MachineError(Exception):
    """The machine did not do what it should; the text names the log."""


def _free_memory():
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    return 0


def check_host(memory, folder):
    """Clear words where this machine cannot run the emulated one."""
    if not shutil.which("qemu-system-x86_64"):
        raise images.Missing("qemu-system-x86_64 is not installed; tests/setup installs it")
    if _free_memory() < memory + 256:
        raise images.Missing(f"{memory + 256} MiB of free memory are needed for the emulated "
                             f"machine, {_free_memory()} MiB are free")
    if shutil.disk_usage(folder).free < 1 << 30:
        raise images.Missing(f"1 GiB of free disk space is needed in {folder}")


class Machine:
    """See the module's text. Options:

    xen           the hypervisor, an ELF file that QEMU can boot (build/hv/xen/xen)
    xen_options   added to Xen's command line
    dom0_options  added to the command line of dom0's kernel
    strict        dom0-iommu=strict; False leaves dom0 the IOMMU's relaxed mode
    icount        one CPU, one instruction per tick: counts repeat to the digit, and it is slow
    cpus, memory  of the emulated machine (memory in MiB)
    tpm           "crb" or "tis": a TPM with these registers; or a tpm.Tpm
    qemu_options  added to QEMU's command line
    echo          called with each line of the console as it comes
    """

    def __init__(self, name, xen, dom0=(), tenant_payload=(), xen_options=(), dom0_options=(),
                 strict=True, icount=False, cpus=1, memory=3072, qemu_options=(), echo=None,
                 logs=None, tpm=None):
        self.name, self.xen, self.icount, self.memory = name, xen, icount, memory
        self.cpus = 1 if icount else cpus
        self.payloads = (list(dom0), list(tenant_payload))
        self.xen_options = XEN_OPTIONS + ([STRICT] if strict else []) + list(xen_options)
        self.dom0_options = DOM0_OPTIONS + list(dom0_options)
        self.qemu_options = list(qemu_options)
        self.tpm = Tpm(tpm) if isinstance(tpm, str) else tpm
        self.echo = echo
        self.logs = logs or os.path.join(os.path.dirname(images.TESTS), "build", "logs")
        self.seconds = {}  # how long what took
        self.tenants = {}  # name -> domain id
        self._qemu = self._channel = self._work = None
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
        return os.path.join(self.logs, f"{self.name}-{kind}.log")

    def _command(self, parts, work):
        accelerator = "tcg,thread=single" if self.icount else "tcg,thread=multi"
        command = ["qemu-system-x86_64", "-machine", "q35", "-cpu", CPU, "-accel", accelerator,
                   "-smp", str(self.cpus), "-m", str(self.memory),
                   "-display", "none", "-nodefaults", "-no-reboot",
                   "-device", "amd-iommu,intremap=on",
                   "-device", "edu,dma_mask=0xffffffffffff",
                   "-chardev", f"socket,id=console,path={work}/console,server=on,wait=off,"
                               f"logfile={self.log('console')}",
                   "-serial", "chardev:console",
                   "-device", "virtio-serial-pci" + VIRTIO,
                   "-chardev", f"socket,id=exec,path={work}/exec,server=on,wait=off",
                   "-device", "virtserialport,chardev=exec,name=cloister.exec"]
        for number, disk in enumerate((parts["dom0_root"], parts["tenant_disk"])):
            command += ["-drive", f"file={disk},format=raw,if=none,id=disk{number},snapshot=on",
                        "-device", f"virtio-blk-pci,drive=disk{number}" + VIRTIO]
        if self.icount:
            command += ["-icount", "shift=0"]
        modules = (parts["vmlinux"] + " " + " ".join(self.dom0_options).replace(",", ",,") +
                   "," + os.path.join(work, "initrd"))
        command += ["-kernel", self.xen, "-append", " ".join(self.xen_options),
                    "-initrd", modules]
        return command + (self.tpm.options() if self.tpm else []) + self.qemu_options

    def start(self):
        """Boot and wait until dom0 answers commands; see wait_ready for the rest of it."""
        if not os.path.isfile(self.xen):
            raise images.Missing(f"no hypervisor at {self.xen}; meson compile -C build makes it")
        check_host(self.memory, tempfile.gettempdir())
        parts = images.manifest()
        os.makedirs(self.logs, exist_ok=True)
        for kind in ("console", "qemu"):
            open(self.log(kind), "wb").close()
        self._work = tempfile.mkdtemp(prefix="cloister-")
        images.write_initrd(os.path.join(self._work, "initrd"), parts["dom0_initrd"],
                            *self.payloads)
        if self.tpm:
            self.tpm.start(self._work, self.log("tpm"), _die_with_parent)
        began = time.monotonic()
        with open(self.log("qemu"), "wb") as log:
            self._qemu = subprocess.Popen(self._command(parts, self._work), stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, start_new_session=True,
                                          preexec_fn=_die_with_parent)
        if self.echo:
            threading.Thread(target=self._follow, daemon=True).start()
        limit = START_TIMEOUT * (10 if self.icount else 1)
        self._connect(began + limit)
        answer = self._channel.start(["/bin/true"])
        while not self._poll_answer(answer, began + limit):
            pass
        self.seconds["dom0 answers"] = time.monotonic() - began
        self.wait_ready(limit)
        self.seconds["dom0 ready"] = time.monotonic() - began
        return self

    def _poll_answer(self, answer, deadline):
        for _ in range(10):
            if answer.done(0.1):
                return True
        self._check(deadline)
        return False

    def _check(self, deadline):
        """Raise if QEMU ended, Xen or dom0 crashed, or the time is over."""
        log = self.console()
        crash = re.search(r"Xen BUG at.*|Panic on CPU.*|Kernel panic.*|FATAL TRAP.*", log)
        if crash:
            time.sleep(1)
            raise MachineError(f"{crash[0].strip()} (log: {self.log('console')})")
        if self._qemu.poll() is not None:
            raise MachineError(f"QEMU ended with status {self._qemu.returncode} "
                               f"(logs: {self.log('console')}, {self.log('qemu')})")
        if time.monotonic() > deadline:
            last = log.rstrip().rsplit("\n", 1)[-1]
            raise MachineError(f"no answer in time; the console ends with {last!r} "
                               f"(log: {self.log('console')})")

    def _connect(self, deadline):
        while True:
            try:
                self._channel = Channel(os.path.join(self._work, "exec"))
                return
            except (FileNotFoundError, ConnectionRefusedError):
                self._check(deadline)
                time.sleep(0.05)

    def wait_ready(self, timeout=START_TIMEOUT):
        """Wait for xenstored, xenconsoled and libvirtd, the last of which answers virsh."""
        services = "xenstored xenconsoled libvirtd"
        result = self.dom0(f"systemctl start {services} ||"
                           f" {{ systemctl status {services}; exit 1; }}", timeout=timeout)
        if not result:
            raise MachineError(f"dom0's services did not start: {result.out}{result.err}")

    def stop(self):
        """End QEMU and remove what the run left outside the logs."""
        if self._channel:
            self._channel.close()
            self._channel = None
        if self._qemu:
            if self._qemu.poll() is None:
                self._qemu.send_signal(signal.SIGTERM)
                try:
                    self._qemu.wait(10)
                except subprocess.TimeoutExpired:
                    self._qemu.kill()
                    self._qemu.wait()
            self._qemu = None
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

    def _follow(self):
        with open(self.log("console"), "rb") as file:
            rest = b""
            while self._qemu and self._qemu.poll() is None:
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
        scale = 20 if self.icount else 1
        running = self.start_dom0(command, timeout * scale, stdin)
        try:
            result = running.wait((timeout + 15) * scale)
        except ChannelLost as lost:
            raise MachineError(f"{lost} (log: {self.log('console')})") from lost
        if check and not result:
            raise MachineError(f"dom0: {command}: status {result.rc}: {result.err.strip()}")
        return result

    def tenant(self, name, command, timeout=60, stdin=None, check=False):
        """Run a shell command as root in a tenant."""
        flags = f"-t {timeout}" + (" -i" if stdin is not None else "")
        scale = 20 if self.icount else 1
        if self.icount:
            flags = flags.replace(f"-t {timeout}", f"-t {timeout * scale}")
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
        deadline = time.monotonic() + ANSWER_TIMEOUT * (20 if self.icount else 1)
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
