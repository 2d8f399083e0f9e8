# SPDX-License-Identifier: MIT
"""QEMU without KVM: a machine with AMD's SVM, nested paging and IOMMU."""

import os
import socket
import subprocess

from .channel import Channel

CPU = "EPYC,+svm,+npt,-monitor,-smap,-rdtscp,-avx,-avx2,-fma,-f16c"
IOMMU = {"amd": "amd-iommu,intremap=on", "intel": "intel-iommu,intremap=on,caching-mode=off,aw-bits=48"}
VIRTIO = ",disable-legacy=on,iommu_platform=on"


class Qemu:
    """Both emulators have these members; `machine` is the Machine that they run."""

    log_prefix = ""
    program = "qemu-system-x86_64"
    vendor = "amd"  # as in the names of what differs
    slowness = 1      # for all time-outs
    max_cpus = 2
    max_memory = 3072  # MiB
    root = "/dev/vda"
    iommu = True
    xen_options = ["dom0_mem=1024M,max:1024M", "iommu=force",
                   "cloister-known-length",  # 7.2 does not tell where the next instruction is
                   "spec-ctrl=eager-fpu"]  # 7.2 misses device-not-available faults of a lazy FPU
    strict_options = ["dom0-iommu=strict"]
    dom0_options = []
    tenant_options = []

    def __init__(self, machine, work):
        self._machine, self._work = machine, work

    def _command(self, parts, xen_options, dom0_options):
        machine, work = self._machine, self._work
        accelerator = "tcg,thread=single" if machine.icount else "tcg,thread=multi"
        if machine.code_cache:
            accelerator += f",tb-size={machine.code_cache}"
        command = [self.program, "-machine", "q35", "-cpu", CPU, "-accel", accelerator,
                   "-smp", str(machine.cpus), "-m", str(machine.memory),
                   "-display", "none", "-nodefaults", "-no-reboot",
                   "-device", IOMMU[machine.iommu_kind],
                   "-device", "edu,dma_mask=0xffffffffffff",
                   "-chardev", f"socket,id=console,path={work}/console,server=on,wait=off,"
                               f"logfile={machine.log('console')}",
                   "-serial", "chardev:console",
                   "-device", "virtio-serial-pci" + VIRTIO,
                   "-chardev", f"socket,id=exec,path={work}/exec,server=on,wait=off",
                   "-device", "virtserialport,chardev=exec,name=cloister.exec"]
        for number, disk in enumerate((parts["dom0_root"], parts["tenant_disk"])):
            command += ["-drive", f"file={disk},format=raw,if=none,id=disk{number},snapshot=on",
                        "-device", f"virtio-blk-pci,drive=disk{number}" + VIRTIO]
        if machine.icount:
            command += ["-icount", "shift=0"]
        if machine.iommu_kind == "intel":
            # Xen takes EPT for there, because QEMU lets it read any MSR; its tables are AMD's.
            xen_options = xen_options + ["iommu=no-sharept"]
        if machine.firmware:
            command += machine.firmware.options(work)
        else:
            modules = (parts["vmlinux"] + " " + " ".join(dom0_options).replace(",", ",,") +
                       "," + os.path.join(work, "initrd"))
            command += ["-kernel", machine.xen, "-append", " ".join(xen_options), "-initrd", modules]
        return command + (machine.tpm.options() if machine.tpm else []) + machine.qemu_options

    def start(self, parts, xen_options, dom0_options, **options):
        """The emulator's process; `options` are Popen's."""
        return subprocess.Popen(self._command(parts, xen_options, dom0_options),
                                stdin=subprocess.DEVNULL, **options)

    def connect(self):
        """The channel to dom0, or None: not yet."""
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(os.path.join(self._work, "exec"))
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            return None
        return Channel(connection)
