# SPDX-License-Identifier: MIT
"""Boot entries: dom0 sees them, orders them and chooses the next one, through the monitor; and a unified image takes
nothing from its own."""

import json
import struct

import variables
from handover import XEN, Handover
from harness import Machine, stack
from harness.tpm import Tpm
from harness.uefi import Uefi
from host import BUILD, XEN_CMDLINE, XEN_ELF, Host, predict_unified

WAIT = 180  # seconds; 40 are usual
IMAGE, MISSING = 0x0007, 0x00EE
CHANGES = 6  # of change()
FILE = "\\next.efi"
# The first word is where an EFI shell has the file's name: xen/common/efi/boot.c, get_argv().
WORDS = "next.efi other -mapbs -- cloister-lockdown=watch"
IGNORED = f"Cloister: this image has its own options; its boot entry's are not taken: {WORDS}"
TABLE = "Cloister: dom0 has of the machine what the table lists"
BOOT_CHANGES = struct.Struct("<336xQ")  # struct cloister_report, in cloister/report.h


class Ctl:
    """cloisterctl boot, in dom0."""

    def __init__(self, tap, machine):
        self.tap, self.machine = tap, machine

    def __call__(self, words=""):
        result = self.machine.dom0(f"cloisterctl boot {words} --json")
        return result.rc, json.loads(result.out)

    def done(self, words):
        status, answer = self(words)
        self.tap.ok(status == 0 and answer["ok"], f"boot {words}: done", answer)
        return answer.get("changes")

    def refused(self, words, status, error, says):
        before = self()[1]
        found, answer = self(words)
        self.tap.ok(found == status and answer.get("error") == error and says in answer.get("message", "") and
                    self()[1] == before, f"boot {words}: refused, {says}; nothing is changed", (found, answer))


class Until(Handover):
    """A boot that ends when Xen has said what dom0 gets: `said`."""

    said, wait = "", WAIT

    def reached(self):
        self.said = next((line for line in self.console().split("\n")[:-1] if TABLE in line), "")
        return self.said


def order_of(store):
    data = variables.get_variable(store, "BootOrder") or b""
    return [number for number, in struct.iter_unpack("<H", data)]


def changes_in_heartbeat(machine):
    machine.dom0(f"cloisterctl heartbeat --nonce {'5a' * 16} -o /run/beat", check=True)
    return BOOT_CHANGES.unpack_from(machine.pull("/run/beat"))[0]


def recorded(machine):
    """What the log says that was done: addresses of control operations (cloister/trace.h)."""
    lines = machine.dom0("cloisterctl trace -n 400 --json", check=True).out.splitlines()
    records = [json.loads(line) for line in lines]
    return [record["address"] for record in records
            if record.get("operation_name") == "BOOT" and record.get("decision") == "allowed"]


def look(tap, ctl):
    """The list as it is found: what cloisterctl says."""
    status, found = ctl()
    entries = {entry["entry"]: entry for entry in found.get("entries", [])}
    tap.ok(status == 0 and found["current"] in entries and found["next"] is None and found["changes"] == 0,
           "dom0 sees the entries, and by which one this boot is", found)
    tap.ok(entries[IMAGE]["description"] == "Cloister, next" and entries[IMAGE]["file"] == FILE and
           entries[IMAGE]["active"] and entries[IMAGE]["valid"], "and what stands in them", entries[IMAGE])
    text = ctl.machine.dom0("cloisterctl boot")
    tap.ok(text.rc == 0 and "0007" in text.out and "Cloister, next" in text.out, "people see it, too", text.out)
    return found


def change(tap, ctl, found):
    """The image first in the order, and this boot's entry once more before that; returns the order."""
    usual = found["current"]
    wanted = [IMAGE] + [entry for entry in reversed(found["order"]) if entry != IMAGE]
    tap.equal(ctl.done("order " + ",".join(f"{entry:x}" for entry in wanted)), 1, "it is counted")
    tap.equal(ctl()[1]["order"], wanted, "the order is the one that was asked for")
    ctl.refused(f"order {IMAGE:x},{MISSING:x}", 1, "ENOENT", "no boot entry 00EE")
    ctl.refused(f"order {IMAGE:x},{wanted[1]:x},{IMAGE:x}", 1, "EEXIST", "boot entry 0007 stands in the order twice")
    ctl.refused(f"next {MISSING:x}", 1, "ENOENT", "no boot entry 00EE")
    ctl.refused("order 7,x", 2, "EINVAL", "'x' is no entry")
    ctl.refused("next 12345", 2, "EINVAL", "'12345' is no entry")
    ctl.refused("create 9", 2, "EINVAL", "neither 'order' nor 'next'")
    ctl.done(f"next {IMAGE:x}")
    tap.equal(ctl()[1]["next"], IMAGE, "the next boot's entry is chosen")
    ctl.done("next none")
    tap.equal(ctl()[1]["next"], None, "and taken back")
    ctl.done(f"order {usual:x}")
    tap.equal(ctl()[1]["order"], [usual], "an order of one entry")
    ctl.done("order " + ",".join(f"{entry:x}" for entry in wanted))
    tap.equal(ctl.done(f"next {usual:x}"), CHANGES, "what was refused is not counted")
    return wanted


def in_dom0(tap, firmware, tpm):
    """A boot to dom0 by GRUB; returns the order that it set, and its own entry."""
    with Machine("measured-entries", xen=XEN_ELF, firmware=firmware, tpm=tpm) as machine:
        stack.wait_host(machine)
        ctl = Ctl(tap, machine)
        found = look(tap, ctl)
        wanted = change(tap, ctl, found)
        tap.equal(changes_in_heartbeat(machine), CHANGES, "a heartbeat says how often it was changed")
        addresses = recorded(machine)
        tap.ok(len(addresses) == CHANGES and int(addresses[0], 16) == 2 << 32 | IMAGE and
               int(addresses[-1], 16) == 3 << 32 | found["current"], "each change is in the log, with its entry", addresses)
        tap.ok(machine.alive(), "Xen and dom0 live")
    return wanted, found["current"]


def boot_entries(tap, folder):
    dom0, _ = stack.stage(str(BUILD))
    host = Host(folder / "entries").make([dom0])
    image, store = folder / "next.efi", folder / "entries.fd"
    host.unify(image)
    firmware = Uefi({**host.disk(), "next.efi": str(image)}, variables=str(store))
    firmware.make_variables()
    words = WORDS.encode("utf-16-le") + b"\0\0"
    variables.set_variable(store, f"Boot{IMAGE:04X}", variables.load_option(FILE, "Cloister, next", words))
    state = folder / "entries-tpm"
    state.mkdir()
    tpm = Tpm(state=str(state), banks="sha256")
    wanted, usual = in_dom0(tap, firmware, tpm)
    tap.equal(order_of(store), wanted, "the firmware's variable store has this order")
    tap.equal(variables.get_variable(store, "BootNext"), struct.pack("<H", usual), "and the next boot's entry")
    predicted = json.loads(predict_unified(image, "--json")[1])["pcrs"]["4"]

    with Handover("measured-once", xen=XEN_ELF, firmware=firmware, tpm=tpm) as machine:
        outcome, pcrs = machine.outcome, machine.pcrs
    tap.ok(outcome == XEN and pcrs[4] != predicted, "the next boot is by the chosen entry, not by the order's first",
           (outcome, pcrs[4]))
    tap.equal(variables.get_variable(store, "BootNext"), None, "the firmware has taken the choice, once")

    with Until("measured-order", xen=XEN_ELF, firmware=firmware, tpm=tpm) as machine:
        console, said, pcrs = machine.console(), machine.said, machine.pcrs
    tap.ok("Using builtin config file" in console, "the boot after it is by the order's first", console[-300:])
    tap.equal(pcrs[4], predicted, "PCR 4 says that it was this image")
    tap.ok(f"Command line: {XEN_CMDLINE}\n" in console, "Xen's command line is the one in the image, and no more",
           [line for line in console.split("\n") if "Command line" in line])
    tap.ok(IGNORED in console and said.endswith(TABLE), "the entry's options are named, and not taken", said)
