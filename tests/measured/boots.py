# SPDX-License-Identifier: MIT
"""GRUB measures Xen: the values of the TPM are those that are predicted from the files, and a changed byte
is named by file."""

import json
import re

from handover import XEN, Handover
from harness import Machine
from harness.tpm import Tpm
from harness.uefi import Uefi
from host import KERNEL_CMDLINE, XEN_CMDLINE, XEN_ELF, change_byte, dom0_pcrs, replace_text, write_pcrs

PLANNED = (4, 8, 9)
MONITOR = 13


def boot_dom0(tap, folder, host):
    """A whole boot; returns the file with the values that its TPM shows in dom0."""
    with Machine("measured-dom0", xen=XEN_ELF, firmware=Uefi(host.disk()),
                 tpm=Tpm(banks="sha256")) as machine:
        tap.ok("EFI RAM map" in machine.console(), "Xen was started by EFI firmware and GRUB, and dom0 runs")
        tap.ok("Cloister: identity made, PCR 13 extended" in machine.console(), "the monitor extended its PCR")
        values = dom0_pcrs(machine)
        tap.ok(not machine.dom0("test -s /sys/kernel/security/tpm0/binary_bios_measurements"),
               "dom0 is not given the firmware's log: these values are all that it has")
    _, output = host.predict("--json")
    output = json.loads(output)
    tap.equal((output["complete"], output["missing"]), (False, [0, 2, 7]), "the firmware's values no file tells")
    predicted = output["pcrs"]
    for pcr in PLANNED:
        tap.equal(values[pcr], predicted[str(pcr)], f"PCR {pcr} is the one that was predicted from the files")
    tap.ok(values[MONITOR] != "00" * 32, "PCR 13 is not as the firmware left it")
    return write_pcrs(folder / "dom0.pcrs", values)


def hand_over(name, folder, host):
    """Boot until Xen: (values by index, file with them, file with the log)."""
    with Handover(f"measured-{name}", xen=XEN_ELF, firmware=Uefi(host.disk()),
                  tpm=Tpm(banks="sha256")) as machine:
        assert machine.outcome == XEN, machine.outcome
        log = folder / f"{name}.log"
        log.write_bytes(machine.events)
        return machine.pcrs, write_pcrs(folder / f"{name}.pcrs", machine.pcrs), log


def as_planned(tap, folder, host, reference):
    """The same files on another machine of the same kind; returns its values."""
    values, pcrs, log = hand_over("same", folder, host)
    status, output = host.predict("--reference", reference, "--pcrs", pcrs)
    tap.ok(status == 0, "the same files on another machine: PCRs 0 to 9 as predicted, and as in the first boot",
           output)
    tap.ok(log.stat().st_size > 1000, "the firmware's log of this boot was found", log.stat().st_size)
    status, output = host.predict("--reference", reference, "--pcrs", pcrs, "--log", log)
    tap.ok(status == 0, "its log says the same", output)
    status, output = host.predict("--reference", reference, "--json")
    tap.ok(status == 0 and json.loads(output)["complete"], "with the reference the configuration is whole", output)
    log_lies(tap, folder, host, log)
    return values


def log_lies(tap, folder, host, log):
    """A log that tells of a good boot beside the values of another."""
    values = {pcr: "5a" * 32 for pcr in PLANNED}
    status, output = host.predict("--pcrs", write_pcrs(folder / "lie.pcrs", values), "--log", log)
    tap.ok(status == 1 and "perhaps" in output, "a log that does not lead to the values is not believed", output)
    data = log.read_bytes()
    cut = folder / "cut.log"
    cut.write_bytes(data[:-1])
    status, output = host.predict("--pcrs", folder / "same.pcrs", "--log", cut)
    tap.ok(status in (0, 3), "a log that was cut off gives no other verdict", output)
    status, output = host.predict("--pcrs", folder / "lie.pcrs", "--log", cut)
    tap.ok(status == 3 and "the log ends in this event" in output, "and its end is named where it is needed", output)


def reword(host, xen=XEN_CMDLINE, kernel=KERNEL_CMDLINE):
    host.configure(xen, kernel)


RELAXED = XEN_CMDLINE.replace("dom0-iommu=strict", "dom0-iommu=strikt")
SINGLE = KERNEL_CMDLINE.replace("selinux=0", "selinux=1")
# What is changed by one byte: name, how, its PCR, what must be named, the command lines that the files have.
CHANGES = [
    # The time in gzip's header: this Xen boots like the other.
    ("xen.gz", lambda host: change_byte(host.path("xen.gz"), 4), 9, "file {folder}/xen.gz", {}),
    ("vmlinuz", lambda host: change_byte(host.path("vmlinuz"), 1 << 20), 9, "file {folder}/vmlinuz", {}),
    ("initrd.img", lambda host: change_byte(host.path("initrd.img"), 1 << 20), 9, "file {folder}/initrd.img", {}),
    ("grub.cfg", lambda host: replace_text(host.path("grub.cfg"), b"host:", b"Host:"), 9,
     "file {folder}/grub.cfg", {}),
    ("Xen's command line", lambda host: reword(host, xen=RELAXED), 8, f"command 'multiboot2 /xen.gz {XEN_CMDLINE}'",
     {"xen": RELAXED}),
    ("the kernel's command line", lambda host: reword(host, kernel=SINGLE), 8,
     f"command 'module2 /vmlinuz {KERNEL_CMDLINE}'", {"kernel": SINGLE}),
    # In what a PE file says to MS-DOS.
    ("GRUB", lambda host: change_byte(host.path("grub.efi"), 0x50), 4, "application {folder}/grub.efi", {}),
]


def changed(tap, folder, host, good, number):
    what, change, pcr, named, options = CHANGES[number]
    name = f"changed-{number}"
    other = host.copy(folder / name)
    change(other)
    values, pcrs, log = hand_over(name, folder, other)
    touched = {index for index in values if values[index] != good[index]}
    # A changed command line is a changed grub.cfg, too.
    tap.equal(touched, {pcr} | ({9} if pcr == 8 else set()), f"{what}: one byte changes PCR {pcr}, and no other")
    named = named.format(folder=host.folder)
    status, output = host.predict("--pcrs", pcrs)
    candidates = re.findall(r"^ +perhaps +(.*)$", output, re.M)
    said = f"PCR {pcr} differs: {named}" in output if pcr == 4 and not candidates else named in candidates
    tap.ok(status == 1 and output.startswith(f"PCR {pcr} differs") and said,
           f"{what}: without a log the PCR is named, and this among what can be the reason", output)
    status, output = host.predict("--pcrs", pcrs, "--log", log)
    tap.ok(status == 1 and output.startswith(f"PCR {pcr} differs: {named}\n"), f"{what}: with the log it is named",
           output)
    tap.comment(output)
    status, output = other.predict("--pcrs", pcrs, "--log", log, **options)
    tap.ok(status == 0, f"{what}: the changed file's own prediction is what the TPM shows", output)
