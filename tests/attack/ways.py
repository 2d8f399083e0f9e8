# SPDX-License-Identifier: MIT
"""The ways around the wall (host/ways.h): what root in dom0 has of the machine on stock Xen, and the rule that refuses
it here. Each program is one attack; its control is in part what stock Xen lets it do (stock.py)."""

import dataclasses
from typing import Optional

from fixture import FOLDER

QEMU, UEFI, BOCHS = "qemu", "uefi", "bochs"  # kinds of hosts; QEMU and UEFI have the same chipset
PC = (QEMU, UEFI)
ALL = (QEMU, UEFI, BOCHS)


@dataclasses.dataclass(frozen=True)
class Way:
    name: str
    rule: Optional[str]  # of the record that is due here. None: Xen refuses it before our table is asked
    ends: bool = False   # where it works it ends the machine, or takes something from it
    held: bool = False   # stock Xen refuses it, too
    address: int = 0     # in the record, where it is always the same
    shown: bool = True   # False: stock Xen in the emulator cannot do it, and so it has no control
    hosts: tuple = PC
    ours: bool = True    # False: not tried here, where it is served in another way than on stock Xen


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    about: str
    ways: tuple
    devices: bool = False  # needs DEVICES

    def on(self, host):
        return [way for way in self.ways if host in way.hosts]


def held(name, hosts=PC):
    return Way(name, None, held=True, hosts=hosts)


PROGRAMS = (
    Program("ports", "I/O ports: sleep, reset, SMM, watchdog, the memory modules' SPD, the chipset's set-up", (
        Way("port-sleep-type", "port-sleep"),
        Way("port-smi-enable", "port"),
        Way("port-smi-data", "port"),
        Way("port-reset-control", "port-reset"),
        Way("port-92", "port-reset"),
        Way("port-watchdog", "port"),
        Way("port-cmos-resume", "cmos-resume"),
        Way("port-spd-write", "port"),
        Way("port-pmbase", "pci-system"),
        Way("port-host-bridge", "pci-system"),
        Way("port-sleep", "port-sleep", ends=True, hosts=(QEMU,)),
        Way("port-sleep-byte", "port-sleep", ends=True, shown=False, hosts=(QEMU,)),
        Way("port-sleep-across", "port-sleep", ends=True, shown=False, hosts=(QEMU,)),
        Way("port-reset-cf9", "port-reset", ends=True),
        Way("port-reset-cf9-wide", "port-reset", ends=True, shown=False),
        Way("port-reset-92", "port-reset", ends=True),
        Way("port-reset-keyboard", "port-reset", ends=True),
        Way("port-reset-keyboard-f0", "port-reset", ends=True),
        Way("port-reset-output-port", "port-reset", ends=True),
        Way("port-a20", "port-reset", ends=True),
    )),
    Program("fw-cfg", "the emulator's fw_cfg, whose DMA no IOMMU sees", (
        Way("fw-cfg-item", "port"),
        Way("fw-cfg-own", "port"),
        Way("fw-cfg-xen", "port"),
        Way("fw-cfg-sealed", "port", shown=False),  # stock Xen has no sealed frames
    )),
    Program("machine-memory", "physical addresses: chipset, flash, TPM localities, firmware's memory; and given away", (
        Way("memory-configuration", "pci-system"),
        held("memory-configuration-user"),
        Way("memory-root-complex", "memory"),
        Way("memory-root-complex-kernel", "memory"),
        held("memory-hpet-kernel"),
        Way("memory-dev-mem", "memory"),
        held("memory-hpet"),
        held("memory-io-apic"),
        held("memory-local-apic"),
        held("memory-iommu"),
        Way("memory-iommu-intel", "memory"),
        Way("memory-tpm-locality-1", "memory"),
        Way("memory-tpm-locality-4", "memory"),
        Way("memory-txt", "memory"),
        Way("memory-flash", "memory"),
        Way("memory-flash-status", "memory", hosts=(UEFI,)),
        Way("memory-reserved", "memory-write"),
        Way("memory-acpi-tables", "memory-write", hosts=(UEFI,)),
        Way("memory-acpi-nvs", "memory-write", hosts=(UEFI,)),
        Way("give-reset", None),
        Way("give-smi", None),
    )),
    Program("pci-config", "the chipset's configuration, and devices and windows moved over the machine", (
        Way("config-window", "pci-system"),
        Way("config-memory", "pci-system"),
        Way("config-smram", "pci-system"),
        Way("config-power-base", "pci-system"),
        Way("config-root-complex", "pci-system"),
        Way("config-flash-lock", "pci-system"),
        Way("config-power-settings", "pci-system"),
        Way("config-smbus", "pci-system"),
        Way("config-smbus-base", "pci-system"),
        Way("move-over-chipset", "pci-move"),
        Way("move-over-io-apic", "pci-move"),
        Way("move-over-interrupts", "pci-move"),
        Way("move-over-memory", "pci-move"),
        Way("move-as-port", "pci-move"),
        Way("window-over-chipset", "pci-move"),
        Way("window-over-memory", "pci-move"),
    ), devices=True),
    Program("msix", "MSI-X tables that Xen maps and writes, where dom0 says", (
        Way("msix-bar", "xen-address"),
        Way("msix-table-base", "xen-address"),
        Way("msix-prepare", "xen-address", ours=False),  # the BAR does not move, and then it is an honest one
        Way("msix-xen", "xen-address"),
        Way("msix-sealed", "xen-address", shown=False),
    ), devices=True),
    Program("platform", "sleep, microcode, hot-add, memory types, power states, registers, machine checks, by Xen", (
        Way("sleep-asked", "sleep", hosts=ALL),
        Way("microcode", "microcode", hosts=ALL),
        Way("cpu-add", "hot-add", hosts=ALL),
        Way("memory-add", "hot-add", hosts=ALL),
        Way("memory-type", "platform", hosts=ALL),
        Way("quirk", "platform", hosts=ALL),
        Way("power-ports", "power-data", hosts=ALL),
        Way("idle-ports", "power-data"),
        Way("resource", "platform", hosts=ALL),
        Way("check-registers", "machine-check", hosts=ALL),
        Way("check-raised-v2", "machine-check", hosts=ALL),
        Way("check-raised", "machine-check", hosts=ALL),
        Way("sleep-linux", "sleep", ends=True, hosts=(QEMU,)),
        Way("sleep-s3", "sleep", ends=True, hosts=(QEMU,)),
        # Xen switches the machine off with its own values: that it does not sleep is shown by down.py.
        Way("sleep-mislabelled", "sleep", ends=True, hosts=(QEMU,), ours=False),
    )),
    Program("system-ops", "debug keys and system operations", (
        Way("key-registers", "debug-key", hosts=ALL),
        Way("key-dom0", "debug-key", hosts=ALL),
        Way("key-all", "debug-key", hosts=ALL),
        Way("key-control-blocks", "debug-key", hosts=ALL),
        Way("cache-ways", "sysctl", hosts=ALL),
        Way("cache-monitor", "sysctl", hosts=ALL),
        Way("key-trap", "debug-key", hosts=ALL),
        Way("key-reboot", "debug-key", ends=True, hosts=ALL),
    )),
    Program("msr", "registers of the CPU", (
        # Stock Xen takes these, and hands them on to the CPU where dom0 drives its frequency; the emulator keeps none.
        Way("msr-hwcr", "msr", address=0xc0010015, shown=False),
        Way("msr-pstate-control", "msr", address=0xc0010062, shown=False),
        Way("msr-pstate", "msr", address=0xc0010064, shown=False),
        Way("msr-mperf", "msr", address=0xe7, shown=False),
        Way("msr-northbridge", "msr", address=0xc001001f, shown=False),
        held("msr-thermal"),
        held("msr-energy-bias"),
        held("msr-voltage", ALL),
        held("msr-frequency", ALL),
        held("msr-mtrr", ALL),
        held("msr-smm-base", ALL),
        held("msr-smm-base-intel", ALL),
        held("msr-system-configuration", ALL),
        held("msr-mmio-configuration", ALL),
        held("msr-apic-base", ALL),
        held("msr-microcode-intel", ALL),
        held("msr-microcode-amd", ALL),
        held("msr-virtual-machine", ALL),
        held("msr-host-save", ALL),
        held("msr-top-of-memory", ALL),
        held("msr-iorr", ALL),
    )),
    Program("firmware", "the firmware's runtime services, called, and changed in memory", (
        Way("firmware-get-time", "firmware-call", hosts=(UEFI,)),
        Way("firmware-set-time", "firmware-call", hosts=(UEFI,)),
        Way("firmware-get-variable", "firmware-call", hosts=(UEFI,)),
        Way("firmware-set-variable", "firmware-call", hosts=(UEFI,)),
        Way("firmware-set-driver", "firmware-call", hosts=(UEFI,)),
        Way("firmware-capsule", "firmware-call", hosts=(UEFI,)),
        Way("firmware-code", "memory-write", hosts=(UEFI,)),
        Way("firmware-data", "memory-write", hosts=(UEFI,)),
    )),
)


# A device with MSI-X that nobody uses, and a bridge: what the programs below want of a machine in QEMU.
DEVICES = ["-device", "virtio-rng-pci,disable-legacy=on,iommu_platform=on",
           "-device", "pcie-root-port,id=bridge,chassis=1"]
XEN_OPTIONS = ["cpuidle"]  # dom0 tells Xen of idle states


def obstacle(program, machine):
    """Why this machine cannot try it, or None."""
    if not program.on(host_of(machine)):
        return "this kind of host has nothing that it would attack"
    if program.devices and DEVICES[1] not in machine.qemu_options:
        return "this machine has no device for it"
    return None


def host_of(machine):
    """Which kind of host it is."""
    if machine.firmware:
        return UEFI
    return QEMU if machine.iommu else BOCHS


def command(program, mode, ways, frames=()):
    """The program's command line."""
    words = [f"{FOLDER}/{program.name}", mode] + [way.name for way in ways]
    return " ".join(words + (["--"] + [str(frame) for frame in frames] if frames else []))
