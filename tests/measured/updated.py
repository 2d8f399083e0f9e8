# SPDX-License-Identifier: MIT
"""A planned update of the sealing root (hv/SEALING.md), by the operator's own steps: the next configuration's
PCRs are predicted from its files, signed, and opened with that before it ever booted.

Each boot ends when Xen has said how it is about the root. In between the TPM is dom0's, for tpm2-tools."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

from harness import Machine
from harness.tpm import Tpm
from harness.uefi import Uefi
from host import KERNEL_CMDLINE, VERIFY, XEN_CMDLINE, XEN_ELF, run

WAIT = 180  # seconds; 20 are usual
INDEX = "0x0180c106"
ROOT_INDEX = "0x0180c105"
ATTRIBUTES = "ownerwrite|ownerread|authread|no_da"
MADE, READ = "sealing root made", "sealing root read, and locked"
REFUSED = "no sealing keys: no statement of the update key authorizes this boot configuration"


class Boot(Machine):
    """A boot until Xen has said how it is about the sealing root: `said`."""

    said = None

    def start(self):
        deadline = time.monotonic() + WAIT
        self.launch()
        while not self.said:
            self._check(deadline)
            self.said = next((line for line in self.console().split("\n")[:-1] if "sealing" in line), None)
            time.sleep(0.05)
        return self

    def save_guest_logs(self):
        """There is no dom0 yet that could give them."""


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
        self.key, self.statements = self.folder / "key.pem", self.folder / "statements"
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key)
        self.option = run(VERIFY, "authorize", "--key", self.key).strip()
        self.hosts = {}
        for name, words in (("first", []), ("next", ["conring_size=64k"])):
            cmdline = " ".join([XEN_CMDLINE, self.option, *words])
            other = host.copy(self.folder / name)
            other.configure(cmdline, KERNEL_CMDLINE)
            self.hosts[name] = (other, cmdline)

    def authorize(self, name, *options):
        """Nothing of this configuration was ever booted."""
        host, cmdline = self.hosts[name]
        status, predicted = host.predict("--reference", self.reference, xen=cmdline)
        assert status == 0, predicted
        pcrs = self.folder / f"{name}.pcrs"
        pcrs.write_text(predicted, encoding="utf-8")
        return json.loads(run(VERIFY, "authorize", "--key", self.key, "--pcrs", pcrs, "--out", self.statements,
                              "--json", *options))

    def boot(self, name):
        with Boot(f"measured-update-{name}", xen=XEN_ELF, firmware=Uefi(self.hosts[name][0].disk()),
                  tpm=Tpm(state=str(self.state), banks="sha256")) as machine:
            return machine.said


def planned_update(tap, folder, host, reference):
    operator = Operator(folder / "update", host, reference)
    operator.authorize("first")
    run("swtpm_setup", "--tpm2", "--tpmstate", make(operator.state), "--pcr-banks", "sha256")
    with tools(operator.state) as tpm:
        tpm("tpm2_nvdefine", INDEX, "-C", "o", "-s", "448", "-a", ATTRIBUTES)
        tpm("tpm2_nvwrite", INDEX, "-C", "o", "-i", operator.statements)
    said = operator.boot("first")
    tap.ok(MADE in said, "a configuration that was signed before its first boot makes a root", said)

    said = operator.boot("next")
    tap.ok(REFUSED in said, "another command line, without a statement: no sealing keys, and why", said)
    with tools(operator.state) as tpm:
        root = tpm("tpm2_nvreadpublic", ROOT_INDEX)
        listed = operator.authorize("next", "--add", operator.statements)["authorized"]
        tap.equal(len(listed), 2, "the operator signs it, too")
        tpm("tpm2_nvwrite", INDEX, "-C", "o", "-i", operator.statements)
    said = operator.boot("next")
    tap.ok(READ in said, "then it opens the root that the first one made", said)
    said = operator.boot("first")
    tap.ok(READ in said, "and so does the first one still: a failed update goes back", said)
    with tools(operator.state) as tpm:
        tap.equal(tpm("tpm2_nvreadpublic", ROOT_INDEX), root, "it is the same index all the time")


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
