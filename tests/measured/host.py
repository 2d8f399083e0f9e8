# SPDX-License-Identifier: MIT
"""What a measured host boots: its files, the plan that predicts its PCRs, and files with one byte changed."""

import os
import pathlib
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CLOISTER_BUILD", SOURCE / "build"))
sys.path.insert(0, str(SOURCE / "tests/lib"))

from harness import Missing, images  # noqa: E402
from harness.machine import DOM0_OPTIONS, XEN_OPTIONS  # noqa: E402
from harness.qemu import Qemu  # noqa: E402

XEN_CMDLINE = " ".join(["cloister-tpm=required"] + XEN_OPTIONS + Qemu.xen_options + Qemu.strict_options)
KERNEL_CMDLINE = " ".join(DOM0_OPTIONS + [f"root={Qemu.root}"])
LOADER = "EFI/BOOT/BOOTX64.EFI"  # UEFI 2.10, 3.5.1.1
GRUB_MODULES = ("part_gpt", "fat", "normal", "tpm", "multiboot2", "gzio", "echo")
GRUB_CONFIG = """\
# Cloister's host: everything below is measured.
echo Cloister
multiboot2 /xen.gz {xen}
module2 /vmlinuz {kernel}
module2 --nounzip /initrd.img
boot
"""
PLAN = """\
text 4 Calling EFI Application from Boot Option
separator 4
application 4 {folder}/grub.efi
file {folder}/grub.cfg
command echo Cloister
xen
command boot
"""
UNIFIED_PLAN = """\
text 4 Calling EFI Application from Boot Option
separator 4
application 4 {image}
"""
VERIFY = BUILD / "attest/command/cloister-verify"
XEN_FOLDER = BUILD / "hv/xen"
XEN_ELF = str(XEN_FOLDER / "xen")  # what Machine asks for; the disk's xen.gz is the same
XEN_EFI = XEN_FOLDER / "xen.efi"


def run(*command):
    """A command that must succeed; its standard output."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{command[0]}: status {result.returncode}: {result.stdout}{result.stderr}")
    return result.stdout


def change_byte(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


def replace_text(path, old, new):
    """One occurrence, in place; the length stays."""
    data = path.read_bytes()
    assert data.count(old) >= 1 and len(old) == len(new), old
    path.write_bytes(data.replace(old, new, 1))


class Host:
    """The files of a host in `folder`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def make(self, dom0=(), tenant=()):
        """The folders are payloads: what dom0 and tenants get on top."""
        if not shutil.which("grub-mkimage") or not os.path.isdir("/usr/lib/grub/x86_64-efi"):
            raise Missing("GRUB for EFI is not installed; tests/setup installs it (package grub-efi-amd64-bin)")
        self.folder.mkdir(parents=True)
        parts = images.manifest()
        shutil.copy(XEN_FOLDER / "xen.gz", self.path("xen.gz"))
        shutil.copy(parts["vmlinuz"], self.path("vmlinuz"))
        images.write_initrd(self.path("initrd.img"), parts["dom0_initrd"], dom0, tenant)
        run("grub-mkimage", "-O", "x86_64-efi", "-p", "/grub", "-o", self.path("grub.efi"), *GRUB_MODULES)
        self.configure(XEN_CMDLINE, KERNEL_CMDLINE)
        return self

    def configure(self, xen, kernel):
        self.path("grub.cfg").write_text(GRUB_CONFIG.format(xen=xen, kernel=kernel), encoding="ascii")

    def copy(self, folder):
        """Another host that has the same."""
        shutil.copytree(self.folder, folder)
        return Host(folder)

    def path(self, name):
        return self.folder / name

    def disk(self):
        """What GRUB finds on the boot disk."""
        files = {LOADER: "grub.efi", "grub/grub.cfg": "grub.cfg"}
        files.update((name, name) for name in ("xen.gz", "vmlinuz", "initrd.img"))
        return {there: str(self.path(here)) for there, here in files.items()}

    def predict(self, *options, xen=XEN_CMDLINE, kernel=KERNEL_CMDLINE):
        """Run `cloister-verify predict` on these files: (status, output)."""
        plan = self.path("grub.plan")
        plan.write_text(PLAN.format(folder=self.folder), encoding="ascii")
        return predict("--grub", plan, "--folder", "", "--xen", self.path("xen.gz"), "--cmdline", xen, "--kernel",
                       self.path("vmlinuz"), "--kernel-cmdline", kernel, "--initrd", self.path("initrd.img"),
                       *options)

    def unify(self, output, *options, cmdline=XEN_CMDLINE):
        """Xen's unified image of these files."""
        run(SOURCE / "hv/xen/unify", "--xen", XEN_EFI, "--cmdline", cmdline, "--kernel",
            self.path("vmlinuz"), "--kernel-cmdline", KERNEL_CMDLINE, "--initrd", self.path("initrd.img"),
            *options, output)


def predict(*options):
    result = subprocess.run([str(word) for word in (VERIFY, "predict", *options)], capture_output=True, text=True,
                            check=False)
    complained = result.returncode not in (0, 1)  # else a warning, beside what can be JSON
    return result.returncode, result.stdout + (result.stderr if complained else "")


def predict_unified(image, *options):
    plan = pathlib.Path(f"{image}.plan")
    plan.write_text(UNIFIED_PLAN.format(image=image), encoding="ascii")
    return predict("--unified", "--grub", plan, *options)


def dom0_pcrs(machine):
    """What dom0 reads from its TPM: index -> value."""
    show = "cd /sys/class/tpm/tpm0/pcr-sha256 && for i in $(seq 0 15); do echo $i $(cat $i); done"
    lines = machine.dom0(show, check=True).out.splitlines()
    return {int(index): value.lower() for index, value in map(str.split, lines)}


def write_pcrs(path, pcrs):
    """As tpm2_pcrread prints them."""
    lines = ["  sha256:"] + [f"    {index:<2}: 0x{value.upper()}" for index, value in sorted(pcrs.items())]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path
