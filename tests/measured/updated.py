# SPDX-License-Identifier: MIT
"""A planned update of the sealing root (hv/SEALING.md), by the operator's own steps: the next configuration's
PCRs are predicted from its files, signed, and opened with that before it ever booted. Then the old one is withdrawn.

Each boot ends when Xen has said how it is about the root. In between the TPM is dom0's, for tpm2-tools, and so is the
firmware's variable store."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

import variables
from handover import Handover
from harness.tpm import Tpm
from harness.uefi import Uefi
from host import KERNEL_CMDLINE, VERIFY, XEN_CMDLINE, XEN_ELF, run, write_pcrs

WAIT = 180  # seconds; 20 are usual
INDEX = "0x0180c106"
ROOT_INDEX = "0x0180c105"
FLOOR_INDEX = "0x0180c108"
SIZE = 976
MORE_MEMORY = 4096  # MiB; 3072 are usual
OPTION_ROM = "/usr/lib/ipxe/qemu/efi-e1000e.rom"
SIGNATURE_LIST = 76  # bytes, of a key: what is in it the firmware measures and does not read
ATTRIBUTES = "ownerwrite|ownerread|authread|no_da"
MADE, READ = "sealing root made", "sealing root read, and locked"
REFUSED = "no sealing keys: no statement of the update key authorizes this boot configuration"
WITHDRAWN = "no sealing keys: the statement for this boot configuration was withdrawn"


class Boot(Handover):
    """A boot until Xen has said how it is about the sealing root: `said`."""

    said, wait = None, WAIT

    def reached(self):
        self.said = next((line for line in self.console().split("\n")[:-1] if "sealing" in line), None)
        return self.said


@contextlib.contextmanager
def tools(state):
    """tpm2-tools speak to the machine's TPM, while that is off."""
    with tempfile.TemporaryDirectory(prefix="cloister-update-") as folder:
        path = f"{folder}/socket"
        process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--server", f"type=unixio,path={path}",
             "--ctrl", f"type=unixio,path={path}.ctrl", "--flags", "not-need-init,startup-clear"],
            stderr=subprocess.DEVNULL)
        try:
            while not os.path.exists(path):
                time.sleep(0.01)
                assert process.poll() is None, "swtpm does not start"
            yield lambda *command: run("env", f"TPM2TOOLS_TCTI=swtpm:path={path}", *command)
        finally:
            process.terminate()
            process.wait()


class Operator:
    """Who has the update key, and what each configuration of the host is."""

    def __init__(self, folder, host, reference):
        self.folder, self.reference = pathlib.Path(folder), reference
        self.folder.mkdir()
        self.state = self.folder / "tpm"
        self.variables = self.folder / "variables.fd"
        self.key, self.statements = self.folder / "key.pem", self.folder / "statements"
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key)
        self.option = run(VERIFY, "authorize", "--key", self.key).strip()
        self.hosts = {}
        for name, words in (("first", []), ("next", ["conring_size=64k"])):
            cmdline = " ".join([XEN_CMDLINE, self.option, *words])
            other = host.copy(self.folder / name)
            other.configure(cmdline, KERNEL_CMDLINE)
            self.hosts[name] = (other, cmdline)

    def authorize(self, name, number, *options):
        """Nothing of this configuration was ever booted."""
        host, cmdline = self.hosts[name]
        status, predicted = host.predict("--reference", self.reference, xen=cmdline)
        assert status == 0, predicted
        pcrs = self.folder / f"{name}.pcrs"
        pcrs.write_text(predicted, encoding="utf-8")
        return json.loads(run(VERIFY, "authorize", "--key", self.key, "--pcrs", pcrs, "--number", number, "--out",
                              self.statements, "--json", *options))

    def authorize_values(self, pcrs, number):
        """What a boot showed, beside all that is signed already."""
        path = write_pcrs(self.folder / "shown.pcrs", pcrs)
        run(VERIFY, "authorize", "--key", self.key, "--pcrs", path, "--number", number, "--add", self.statements, "--out",
            self.statements)
        self.write(self.statements)

    def boot(self, name, files=None, qemu_options=(), other_firmware=False):
        """What Xen said about the root, and PCRs 0 to 9."""
        firmware = Uefi({**self.hosts[name][0].disk(), **(files or {})}, variables=str(self.variables),
                        other=other_firmware)
        with Boot(f"measured-update-{name}", xen=XEN_ELF, firmware=firmware, qemu_options=qemu_options,
                  tpm=Tpm(state=str(self.state), banks="sha256")) as machine:
            return machine.said, machine.pcrs

    def write(self, statements):
        with tools(self.state) as tpm:
            tpm("tpm2_nvwrite", INDEX, "-C", "o", "-i", statements)

    def floor(self):
        value = self.folder / "floor"
        with tools(self.state) as tpm:
            tpm("tpm2_nvread", FLOOR_INDEX, "-C", FLOOR_INDEX, "-o", value)
        return int.from_bytes(value.read_bytes(), "big")


def planned_update(tap, folder, host, reference):
    """Returns the operator, with a host that has a root."""
    operator = Operator(folder / "update", host, reference)
    operator.authorize("first", 1)
    run("swtpm_setup", "--tpm2", "--tpmstate", make(operator.state), "--pcr-banks", "sha256")
    with tools(operator.state) as tpm:
        tpm("tpm2_nvdefine", INDEX, "-C", "o", "-s", SIZE, "-a", ATTRIBUTES)
        tpm("tpm2_nvwrite", INDEX, "-C", "o", "-i", operator.statements)
    said, _ = operator.boot("first")
    tap.ok(MADE in said, "a configuration that was signed before its first boot makes a root", said)

    said, _ = operator.boot("next")
    tap.ok(REFUSED in said, "another command line, without a statement: no sealing keys, and why", said)
    with tools(operator.state) as tpm:
        root = tpm("tpm2_nvreadpublic", ROOT_INDEX)
    listed = operator.authorize("next", 2, "--add", operator.statements)["authorized"]
    tap.equal(len(listed), 2, "the operator signs it, too")
    operator.write(operator.statements)
    said, _ = operator.boot("next")
    tap.ok(READ in said, "then it opens the root that the first one made", said)
    said, _ = operator.boot("first")
    tap.ok(READ in said, "and so does the first one still: a failed update goes back", said)
    with tools(operator.state) as tpm:
        tap.equal(tpm("tpm2_nvreadpublic", ROOT_INDEX), root, "it is the same index all the time")
    return operator


def withdrawn(tap, operator):
    """The update has proved itself: the floor is raised, and the first configuration opens nothing any more."""
    tap.equal(operator.floor(), 1, "the floor is where the TPM began")
    copy = operator.folder / "copy"
    copy.write_bytes(operator.statements.read_bytes())
    run(VERIFY, "authorize", "--key", operator.key, "--floor", "2", "--add", operator.statements, "--out",
        operator.statements)
    operator.write(operator.statements)
    said, _ = operator.boot("next")
    tap.ok(READ in said, "the update raises the floor, and has its root", said)
    tap.equal(operator.floor(), 2, "the counter in the TPM says so")
    operator.write(copy)
    said, _ = operator.boot("first")
    tap.ok(WITHDRAWN in said, "the first configuration with its old statements, written back: no sealing keys", said)
    with tools(operator.state) as tpm:
        tpm("tpm2_nvundefine", FLOOR_INDEX, "-C", "o")
    said, _ = operator.boot("first")
    tap.ok(WITHDRAWN in said, "nor with the floor removed", said)
    tap.equal(operator.floor(), 3, "which came back above where it was")
    operator.authorize("next", 3)
    operator.write(operator.statements)
    said, _ = operator.boot("next")
    tap.ok(READ in said, "the update, signed with a number from there on, opens the same root", said)


def other_hardware(tap, operator):
    """What may change, and what may not: the machine's devices, and an EFI driver that dom0 asked the firmware for."""
    said, before = operator.boot("next")
    tap.ok(READ in said, "the host as it was", said)
    disk = operator.folder / "disk.img"
    with open(disk, "wb") as file:
        file.truncate(64 << 20)
    said, after = operator.boot("next", qemu_options=[
        "-drive", f"file={disk},format=raw,if=none,id=other,snapshot=on", "-device",
        "ide-hd,drive=other,bus=ide.2,bootindex=1", "-device", "e1000e,romfile=", "-m", str(MORE_MEMORY)])
    tap.ok(READ in said, "with another disk, another BootOrder, a network card, and more memory: the root opens", said)
    tap.ok(before[1] != after[1], "PCR 1 has changed by that")

    driver = operator.folder / "driver.efi"
    variables.make_driver(operator.hosts["next"][0].path("grub.efi"), driver)
    good = operator.variables.read_bytes()
    variables.add_driver(operator.variables, "\\driver.efi")
    said, after = operator.boot("next", files={"driver.efi": str(driver)})
    tap.ok(REFUSED in said, "with an EFI driver before the boot loader: no sealing keys", said)
    changed = sorted(pcr for pcr in before if pcr != 1 and before[pcr] != after[pcr])
    tap.equal(changed, [2, 5], "the driver is in PCR 2 and in its events of PCR 5, and in no other but its variables' PCR 1")
    operator.variables.write_bytes(good)
    said, _ = operator.boot("next", files={"driver.efi": str(driver)})
    tap.ok(READ in said, "the same file, not loaded: the root opens", said)


def updated_firmware(tap, operator):
    """Another build of the firmware (PCR 0), a network card with an option ROM (PCR 2), another Secure Boot key (PCR 7)."""
    said, before = operator.boot("next")
    tap.ok(READ in said, "the host before its firmware is updated", said)
    kept = operator.variables.read_bytes()
    variables.set_variable(operator.variables, "KEK", bytes(SIGNATURE_LIST))
    new = {"other_firmware": True, "qemu_options": ["-device", f"e1000e,romfile={OPTION_ROM}"]}
    said, after = operator.boot("next", **new)
    changed = [pcr for pcr in (0, 2, 3, 4, 7, 8, 9) if before[pcr] != after[pcr]]
    tap.equal(changed, [0, 2, 7], "of what the root is bound to, the update changes what it must")
    tap.ok(REFUSED in said, "it opens nothing, and Xen says why", said)
    operator.authorize_values(after, operator.floor())
    said, _ = operator.boot("next", **new)
    tap.ok(READ in said, "once the operator has signed the new values it opens the same root", said)
    operator.variables.write_bytes(kept)
    said, _ = operator.boot("next")
    tap.ok(READ in said, "and so do the old ones still: a failed update goes back", said)


# Options that name no key: one digit less, one that is none, a second one behind the operator's.
NAME = "5a" * 32
MALFORMED = ([NAME[1:]], [NAME[1:] + "g"], [""], [NAME, NAME])


def malformed_option(tap, number):
    """Without firmware and GRUB: it is about the option alone."""
    words = [f"cloister-update-key={value}" for value in MALFORMED[number]]
    with Boot("measured-option", xen=XEN_ELF, xen_options=words, tpm="crb") as machine:
        console = machine.console()
        tap.ok(REFUSED in machine.said and "(-22," in machine.said and "cloister-update-key= must stand there once" in console,
               f"{' '.join(words)}: it is said, and there are no sealing keys", machine.said)


def make(folder):
    folder.mkdir()
    return folder
