# SPDX-License-Identifier: MIT
"""Devices that servers have, each found by its driver in dom0 and used.

`Bench` makes what stands behind them (disks with known content, two serial ports tied together) and QEMU's options;
`steps` are its list."""

import hashlib
import os
import random
import shutil

from day import SHELL, Outcome, Step
from harness import images, modules, qmp

MODULES = ["nvme", "ahci", "sd_mod", "e1000e", "virtio_net", "xhci-pci", "usb-storage", "usbhid", "hid-generic", "evdev",
           "ipmi_si", "ipmi_devintf"]
DISK_BYTES = 4 << 20
SAFE = ",disable-legacy=on,iommu_platform=on"  # of virtio: by the IOMMU
ECHO = "guestfwd=tcp:{network}.100:7-cmd:cat"  # the emulator's network ends in its own process
NETWORKS = {"e1000e": "10.0.3", "virtio_net": "10.0.4"}
EVENT_SECONDS = 60
# What Linux tries at each boot of this machine, with and without these devices: registers of the chipset's functions, ports
# of PCI bridges (0xcd8), Super-I/O (parport_pc) and QEMU's fw_cfg, and a bit of an AMD CPU's (configuration by ports).
SEARCHED = r"lockdown pci-system |lockdown port .*address 0x(cd8|cdc|[24][ef]|51[01])[,)]|lockdown msr .*address 0xc001001f[,)]"
TPM = [Step("TPM: random bytes by its driver", "python3 /run/life/tpm.py")]


def kernel_tree(manifest):
    return manifest["vmlinuz"].rpartition("/boot/")[0]


def stage_modules(folder, wanted):
    """A folder to lay over a root, with modules that its image leaves out; modprobe does not know them, the
    list usr/lib/life-modules does."""
    manifest = images.manifest()
    tree, version = kernel_tree(manifest), manifest["kernel_version"]
    order = modules.load_order(tree, version, wanted)
    for path in order:
        target = os.path.join(folder, "usr/lib/modules", version, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.join(tree, "lib/modules", version, path), target)
    with open(os.path.join(folder, "usr/lib/life-modules"), "w", encoding="ascii") as out:
        out.writelines(f"/usr/lib/modules/{version}/{path}\n" for path in order)
    return folder


class Bench:
    """`options` for QEMU. A machine of its own for each boot: what was written is gone with the folder."""

    def __init__(self, work):
        self._work = work
        self.monitor = qmp.Monitor(work)
        self.digests = {name: self._disk(name) for name in ("nvme", "sata", "usb")}
        self.options = self.monitor.options + self._disks() + self._cards() + self._serial() + [
            "-device", "usb-tablet,bus=usb.0", "-device", "ipmi-bmc-sim,id=bmc", "-device", "isa-ipmi-kcs,bmc=bmc"]

    def _path(self, name):
        return os.path.join(self._work, name)

    def _disk(self, name):
        """Its file; the digest of the first MiB."""
        content = random.Random(name).randbytes(DISK_BYTES)
        with open(self._path(name), "wb") as file:
            file.write(content)
        return hashlib.sha256(content[:1 << 20]).hexdigest()

    def _disks(self):
        options = []
        for name, device in (("nvme", "nvme,serial=life,drive=nvme"), ("sata", "ide-hd,bus=ide.0,drive=sata"),
                             ("usb", "usb-storage,bus=usb.0,drive=usb")):
            options += ["-device", "qemu-xhci,id=usb"] if name == "usb" else []
            options += ["-drive", f"file={self._path(name)},format=raw,if=none,id={name}", "-device", device]
        return options

    def _cards(self):
        options = []
        for driver, device in (("e1000e", "e1000e"), ("virtio_net", "virtio-net-pci")):
            network = NETWORKS[driver]
            options += ["-netdev", f"user,id={driver},net={network}.0/24,restrict=on,{ECHO.format(network=network)}",
                        "-device", f"{device},netdev={driver}" + (SAFE if device.startswith("virtio") else "")]
        return options

    def _serial(self):
        """COM2 and a port on PCI, each the other's far end."""
        path = self._path("serial")
        return ["-chardev", f"socket,id=com2,path={path},server=on,wait=off", "-serial", "chardev:com2",
                "-chardev", f"socket,id=com3,path={path},server=off", "-device", "pci-serial,chardev=com3"]

    def _event(self, name, device, events):
        """What dom0 reads of an input device that somebody uses until it has come."""
        def use(machine):
            running = machine.start_dom0(f". {SHELL}; input_event '{device}'", timeout=EVENT_SECONDS)
            while not running.done(0.5):
                self.monitor.command("input-send-event", events=[events[0]])
                events.append(events.pop(0))
            result = running.wait(EVENT_SECONDS)
            return Outcome(result.rc, result.out + result.err)
        return Step(name, use)

    def steps(self):
        digests = self.digests
        return [
            Step("while dom0 booted, nothing was refused but its search for what is the chipset's",
                 "cloisterctl trace -n 100000 >/run/life/trace && grep REFUSED /run/life/trace >/run/life/refused && "
                 f"! grep -vE '{SEARCHED}' /run/life/refused", needs="ours"),
            Step("dom0 loads the drivers of its devices", "load_modules", timeout=120),
            Step("NVMe: its driver has it", "within 20 test -b /dev/nvme0n1 && driven pci nvme"),
            Step("NVMe: reads and writes", f"disk_works /dev/nvme0n1 {digests['nvme']}"),
            Step("AHCI: its driver has it", "driven pci ahci && within 20 scsi_disk /ata"),
            Step("AHCI: a SATA disk reads and writes", f"disk_works $(scsi_disk /ata) {digests['sata']}"),
            Step("USB: xHCI, storage and tablet have their drivers",
                 "driven pci xhci_hcd && within 30 scsi_disk /usb && driven usb usb-storage && driven usb usbhid"),
            Step("USB: a stick reads and writes", f"disk_works $(scsi_disk /usb) {digests['usb']}"),
            self._event("USB: the tablet's pointer moves", "Tablet",
                        [{"type": "abs", "data": {"axis": "x", "value": value}} for value in (1000, 9000, 20000)]),
            self._event("PS/2: a key arrives", "AT Translated",
                        [{"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": "a"}}}
                         for down in (True, False)]),
            Step("e1000e: its driver has it", "driven pci e1000e"),
            Step("e1000e: data go out and come back", f"net_works e1000e {NETWORKS['e1000e']}"),
            Step("virtio-net: its driver has it", "driven virtio virtio_net"),
            Step("virtio-net: data go out and come back", f"net_works virtio_net {NETWORKS['virtio_net']}"),
            Step("virtio-blk: reads", "driven virtio virtio_blk && "
                 "dd if=/dev/vda bs=1M count=8 iflag=direct of=/dev/null status=none"),
            Step("serial, ISA to PCI: a line arrives", "serial_works /dev/ttyS1 $(pci_serial)"),
            Step("serial, PCI to ISA: a line arrives", "serial_works $(pci_serial) /dev/ttyS1"),
            *TPM,
            Step("IPMI: the management controller says who it is", "within 20 test -e /dev/ipmi0 && bmc"),
            Step("the clock chip is read and set", "hwclock -r && hwclock -w"),
            Step("lspci shows every device with its driver",
                 "lspci -k >/run/life/lspci && grep -o 'Kernel driver in use: .*' /run/life/lspci | sort", shown=lambda text: text),
        ]
