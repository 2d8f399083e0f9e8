# SPDX-License-Identifier: MIT
"""Firmware that lies, and an option that nobody knows: Xen boots, dom0 lives without what is in doubt, and the console
says why.

Each machine is stopped where Xen begins, and what the firmware has left there is changed: ACPI's tables (ACPI 6.5, 5.2),
E820's list, the devices' BARs."""

import json
import pathlib
import re
import struct
import sys
import tempfile

from harness import Machine, gdb, stack

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "attack"))

import uefi_host  # noqa: E402

RAM = 0x10000000             # in the middle of memory
IO_APIC, HPET, FLASH = 0xfec00000, 0xfed00000, 0xffe00000
CONFIGURATION = 0xb0000000   # where q35's firmware puts PCI's configuration space
EDU, SHARED_MEMORY = 0x11e81234, 0x11101af4  # device << 16 | vendor; the latter is of the chipset by its class
BAR, BARS = 0x10, 6


class Tables:
    """The firmware's ACPI tables in memory."""

    def __init__(self, memory):
        self._memory = memory
        area = memory.read(0xe0000, 0x20000)
        found = next(place for place in range(0, len(area), 16) if area[place:place + 8] == b"RSD PTR ")
        root = struct.unpack_from("<I", area, found + 16)[0]
        size = struct.unpack("<I", memory.read(root + 4, 4))[0]
        tables = struct.unpack(f"<{(size - 36) // 4}I", memory.read(root + 36, size - 36))
        self.where = {memory.read(table, 4).decode("ascii"): table for table in tables}

    def change(self, name, offset, data):
        """Bytes of a table; its sum is right again afterwards."""
        table = self.where[name]
        size = struct.unpack("<I", self._memory.read(table + 4, 4))[0]
        text = bytearray(self._memory.read(table, size))
        text[offset:offset + len(data)] = data
        text[9] = (text[9] - sum(text)) & 0xff
        for place in range(0, size, 512):
            self._memory.write(table + place, bytes(text[place:place + 512]))

    def number(self, name, offset, form):
        return struct.unpack(form, self._memory.read(self.where[name] + offset, struct.calcsize(form)))[0]


def change_e820(memory, wanted, changed):
    """One entry of SeaBIOS's list (start, size, type; ACPI 6.5, 15.1), which it answers INT 15h from."""
    form = struct.Struct("<QQI")
    area = memory.read(0xe0000, 0x20000)
    place = area.find(form.pack(*wanted))
    if place < 0:
        raise ValueError(f"no entry {wanted} in the firmware's map of memory")
    memory.write(0xe0000 + place, form.pack(*changed))


class Bus:
    """PCI's bus 0 as the firmware has left it."""

    def __init__(self, memory):
        self._memory = memory

    def _where(self, slot, register):
        return CONFIGURATION + (slot << 15) + register

    def read(self, slot, register):
        return struct.unpack("<I", self._memory.read(self._where(slot, register), 4))[0]

    def slots(self, identity):
        return [slot for slot in range(32) if self.read(slot, 0) == identity]

    def move(self, slot, bar, address):
        self._memory.write(self._where(slot, BAR + 4 * bar), struct.pack("<I", address))


class Lying(gdb.Stopped):
    """lies: functions of the memory, called in turn."""

    def __init__(self, name, lies, **options):
        super().__init__(name, **options)
        self._lies = lies

    def lie(self, memory):
        for one in self._lies:
            one(memory)


# ---- what is asked of dom0 ----

def rows(machine, kind):
    view = json.loads(machine.dom0("cloisterctl lockdown rows --json").out)
    return view, [row for row in view["rows"] if row["kind"] == kind]


def gives(given, address, size=4096):
    first, last = address >> 12, (address + size - 1) >> 12
    return any(row["first"] <= last and row["last"] >= first and row["access"] != "read" for row in given)


def is_well(tap, machine, name, audit=True):
    answer = machine.dom0("echo 7 >/run/well && cat /run/well").out
    tap.ok(answer == "7\n" and machine.alive(), f"{name}: Xen and dom0 live")
    view, _ = rows(machine, "memory")
    tap.ok(view["closed"] and not view["open"], f"{name}: the table is closed", view["open"])
    if audit:
        found = json.loads(machine.dom0("cloisterctl audit --json").out)
        tap.ok(found["violations"] == 0, f"{name}: the audit finds no violation", found)


def says(tap, machine, name, pattern):
    tap.ok(re.search(pattern, machine.console()), f"{name}: the console says why", f"no /{pattern}/")


# ---- the machines ----

def over(*addresses):
    """The spare edu devices' BARs at these addresses, one each; the first stays where it is."""
    def lie(memory):
        bus = Bus(memory)
        for slot, address in zip(bus.slots(EDU)[1:], addresses):
            bus.move(slot, 0, address)
    return lie


def over_chipset(memory):
    """The last of them over the memory of a function that is the chipset's."""
    bus = Bus(memory)
    bus.move(bus.slots(EDU)[-1], 0, bus.read(bus.slots(SHARED_MEMORY)[0], BAR + 8) & ~0xf)


TWICE = 0xe0000000  # nothing is there
SHARED = ["-object", "memory-backend-ram,id=shared,size=1M", "-device", "ivshmem-plain,memdev=shared"]


def bars(tap, start):
    """Devices that the firmware has put over memory, over Xen's devices, over the chipset's, over each other."""
    wrong = (RAM, IO_APIC, HPET, CONFIGURATION)
    places = (*wrong, TWICE, TWICE)
    with start("bars", [over(*places), over_chipset],
               qemu_options=SHARED + ["-device", "edu"] * (len(places) + 1)) as machine:
        _, given = rows(machine, "memory")
        for address in wrong:
            tap.ok(not gives(given, address), f"no row gives what a BAR at {address:#x} covers", given)
            says(tap, machine, f"a BAR at {address:#x}", f"Cloister: a BAR at {address:#x}-.* is not dom0's")
        console = machine.console()
        lost = set(re.findall(r"Cloister: 0000:00:(\w+)\.0 decodes what no row gives", console))
        tap.equal(len(lost), len(wrong) + 1, "each of these devices is named, and the one over the chipset's memory")
        tap.ok(gives(given, TWICE), "two devices of dom0's over one range are dom0's")
        is_well(tap, machine, "BARs over other things")
        slot = sorted(lost)[0]
        before = machine.dom0(f"setpci -s {slot}.0 COMMAND.w", check=True).out.strip()
        machine.dom0(f"setpci -s {slot}.0 COMMAND.w=0007")
        tap.equal(machine.dom0(f"setpci -s {slot}.0 COMMAND.w").out.strip(), before, "such a device cannot be used")
        machine.dom0(f"setpci -s {slot}.0 COMMAND.w=0000")
        tap.equal(machine.dom0(f"setpci -s {slot}.0 COMMAND.w").out.strip(), "0000", "but switched off")
        machine.dom0(f"setpci -s {slot}.0 COMMAND.w=0002")
        tap.equal(machine.dom0(f"setpci -s {slot}.0 COMMAND.w").out.strip(), "0000", "and not on again")


def facs_without_length(memory):
    memory.write(Tables(memory).number("FACP", 36, "<I") + 4, struct.pack("<I", 0))


def other_segment(memory):
    Tables(memory).change("MCFG", 44 + 8, struct.pack("<H", 1))


def tables(tap, start):
    """A FACS that has no length, and configuration space of a segment that Xen does not look at."""
    with start("tables", [facs_without_length, other_segment]) as machine:
        _, given = rows(machine, "memory")
        facs = re.search(r"Cloister: the firmware's FACS at (0x\w+) is none, or has no length \(0\)", machine.console())
        tap.ok(facs, "the console names a FACS without length")
        # Linux uses the lock in it all the same, and dies where it cannot.
        tap.equal([row for row in given if facs and row["first"] == int(facs[1], 16) >> 12 == row["last"]],
                  [{"kind": "memory", "access": "read-write", "first": int(facs[1], 16) >> 12,
                    "last": int(facs[1], 16) >> 12, "machine": True}], "dom0 has its page and no more")
        says(tap, machine, "another segment", "Cloister: PCI segment 1: none of its devices is dom0's")
        tap.ok(not gives(given, CONFIGURATION, 1 << 28), "no row gives the segment's configuration space")
        is_well(tap, machine, "FACS and MCFG")


def configuration_in_memory(memory):
    Tables(memory).change("MCFG", 44, struct.pack("<Q", RAM))


OVERLAP = 0x60000000


def overlapping_map(memory):
    """In the middle of RAM: reserved memory, and, over its second half, ACPI's."""
    change_e820(memory, (0xfed1c000, 0x4000, 2), (OVERLAP, 0x1000000, 2))
    change_e820(memory, (0xfffc0000, 0x40000, 2), (OVERLAP + 0x800000, 0x1000000, 4))


def facs_in_memory(memory):
    Tables(memory).change("FACP", 36, struct.pack("<I", RAM + 0x1000))


def use_configuration(machine, program):
    """Has Xen use configuration space where the firmware says that it is; its answer."""
    machine.push(program, "/run/mmcfg", mode=0o755)
    return machine.dom0(f"/run/mmcfg {RAM:#x}").out.strip()


def memory(tap, start, program):
    """Tables that point into RAM, and a map of memory that contradicts itself."""
    with start("memory", [configuration_in_memory, overlapping_map, facs_in_memory]) as machine:
        _, given = rows(machine, "memory")
        says(tap, machine, "MCFG over RAM", "puts PCI's configuration space at 0x10000000, into memory")
        says(tap, machine, "FACS in RAM", f"the firmware's FACS at {RAM + 0x1000:#x} is none")
        says(tap, machine, "overlapping ranges", r"\[0*60000000, 0*607fffff\] \(reserved\)")
        tap.ok(not gives(given, RAM, 1 << 28), "no row gives RAM")
        tap.ok(not gives(given, OVERLAP, 0x1800000), "no row gives what is RAM and something else")
        tap.equal(use_configuration(machine, program), "EPERM", "dom0 cannot have Xen go there")
        rule = next(one for one in rows(machine, "memory")[0]["rules"] if one["rule"] == "xen-address")
        tap.equal(rule["refused"], 1, "which is counted")
        is_well(tap, machine, "tables in memory")


def memory_control(tap, start, program):
    """With the room open Xen does map what the firmware says: the refusal above is the table's."""
    with start("memory-open", [configuration_in_memory], xen_options=["cloister-lockdown=memory"]) as machine:
        tap.equal(use_configuration(machine, program), "0", "control: with cloister-lockdown=memory Xen goes there")


def full(tap, start):
    """More devices than the table has room for: vmxnet3 has three BARs of memory."""
    devices = []
    for slot in range(0x10, 0x1f):
        for function in range(8):
            devices += ["-device", f"vmxnet3,romfile=,addr={slot:#x}.{function},multifunction=on"]
    with start("full", [], qemu_options=devices) as machine:
        left = re.search(r"Cloister: the table is full: (\d+) ranges of this machine are not dom0's", machine.console())
        tap.ok(left and int(left[1]) > 0, "the console says how many ranges a full table leaves out")
        lost = re.findall(r"Cloister: 0000:00:\w+\.\w decodes what no row gives", machine.console())
        tap.ok(0 < len(lost) <= 120, f"and names the {len(lost)} devices that dom0 does not get")
        is_well(tap, machine, "a full table")


def runtime_memory(tap, build, tool):
    """Memory of UEFI's runtime services, which E820 calls reserved, is in no row of the machine's. tool: cloisterctl."""
    with tempfile.TemporaryDirectory(prefix="cloister-boot-") as work, \
            Machine("boot-uefi", xen=stack.xen(build), tools=False, **uefi_host.options(build, "", work)) as machine:
        machine.push(tool, "/usr/local/sbin/cloisterctl", mode=0o755)
        _, given = rows(machine, "memory")
        found = re.findall(r"\(XEN\) +([0-9a-f]{13})-([0-9a-f]{13}) type=(\d+) attr=([0-9a-f]{16})", machine.console())
        runtime = [(int(first, 16), int(last, 16)) for first, last, kind, attributes in found
                   if kind in ("5", "6") or int(attributes, 16) >> 63]
        tap.ok(len(runtime) >= 2, f"the firmware has {len(runtime)} ranges of memory for its runtime services")
        inside = [one for one in runtime if gives([row for row in given if row["machine"]], one[0], one[1] - one[0] + 1)]
        tap.equal(inside, [], "none of them is in a row")
        is_well(tap, machine, "UEFI")


def run_all(tap, build, xen, dom0, program):
    """program: tests/boot/mmcfg."""
    def start(name, lies, **options):
        return Lying(f"boot-{name}", lies, xen=xen, dom0=[dom0], tools=False, **options)

    for test, arguments in ((bars, ()), (tables, ()), (memory, (program,)), (memory_control, (program,)), (full, ())):
        tap.run(f"{test.__name__.replace('_', ' ')}: the machine ran to its end", test, tap, start, *arguments)
    tap.run("runtime memory: the machine ran to its end", runtime_memory, tap, build, f"{dom0}/usr/sbin/cloisterctl")
