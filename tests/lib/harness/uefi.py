# SPDX-License-Identifier: MIT
"""A machine that boots by UEFI firmware from a disk with an EFI system partition, as servers do.

    firmware = Uefi({"EFI/BOOT/BOOTX64.EFI": "grubx64.efi", "grub/grub.cfg": "grub.cfg", ...})
    with Machine("name", ..., firmware=firmware, tpm=Tpm(banks="sha256")):

The firmware is Debian's OVMF. With secure_boot it starts only what Debian's test key has signed
(SNAKEOIL_KEY with SNAKEOIL_PASSWORD, SNAKEOIL_CERT; /usr/share/doc/ovmf/README.Debian), and keeps its
variables where only system management mode can write them."""

import os
import shutil
import subprocess

from . import images

FOLDER = "/usr/share/OVMF"
SNAKEOIL_KEY = "/usr/share/ovmf/PkKek-1-snakeoil.key"
SNAKEOIL_CERT = "/usr/share/ovmf/PkKek-1-snakeoil.pem"
SNAKEOIL_PASSWORD = "snakeoil"
TOOLS = {"sfdisk": "fdisk", "mformat": "mtools", "mcopy": "mtools", "mmd": "mtools"}
SECTORS_PER_MIB = 2048
START = 1  # of the partition, MiB; as much is left at the end, for the second partition table
# The same at every run: the firmware measures the partition table into PCR 5.
TABLE = """label: gpt
label-id: 2C5C15A2-6A0F-4B52-9C27-3E1D3B6E5A01
start=2048, size={size}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=2C5C15A2-6A0F-4B52-9C27-3E1D3B6E5A02
"""


def make_disk(path, files):
    """A disk with one FAT partition; `files` are paths there -> paths here."""
    for tool, package in TOOLS.items():
        if not shutil.which(tool):
            raise images.Missing(f"{tool} is not installed; tests/setup installs it (package {package})")
    content = sum(os.path.getsize(source) for source in files.values())
    size = max(48, content // 2**20 + 16)  # MiB; mformat needs 32 for FAT32
    with open(path, "wb") as file:
        file.truncate((size + 2 * START) << 20)
    sectors = size * SECTORS_PER_MIB
    subprocess.run(["sfdisk", "--quiet", path], input=TABLE.format(size=sectors).encode(), check=True)
    partition = ["-i", f"{path}@@{START}M"]
    subprocess.run(["mformat", *partition, "-F", "-T", str(sectors), "::"], check=True)
    folders = set()
    for target in files:
        parts = target.split("/")[:-1]
        folders.update("/".join(parts[:i + 1]) for i in range(len(parts)))
    if folders:
        subprocess.run(["mmd", *partition, *(f"::/{name}" for name in sorted(folders))], check=True)
    for target, source in files.items():
        subprocess.run(["mcopy", *partition, source, f"::/{target}"], check=True)


class Uefi:
    """The firmware, and the disk that it boots from. `variables` is a file that keeps what the firmware
    remembers from boot to boot; without one each machine is a new one. `other`: another build of the firmware."""

    def __init__(self, files, secure_boot=False, variables=None, other=False):
        self.files, self.secure_boot, self.variables, self.other = dict(files), secure_boot, variables, other

    def _flash(self):
        kind = (".secboot", ".snakeoil") if self.secure_boot else (".secboot" if self.other else "", "")
        code, template = (os.path.join(FOLDER, f"OVMF_{part}_4M{suffix}.fd")
                          for part, suffix in zip(("CODE", "VARS"), kind))
        for path in code, template:
            if not os.path.exists(path):
                raise images.Missing(f"{path} is not there; tests/setup installs it (package ovmf)")
        return code, template

    def make_variables(self):
        """What a new machine remembers: nothing. Before it starts, so that somebody else can write into it."""
        shutil.copyfile(self._flash()[1], self.variables)

    def options(self, work):
        """For QEMU's command line. What it names is made in the folder `work`."""
        code, template = self._flash()
        variables = self.variables or os.path.join(work, "variables.fd")
        disk = os.path.join(work, "boot.img")
        if not os.path.exists(variables):
            shutil.copyfile(template, variables)
        make_disk(disk, self.files)
        # With S3 the firmware keeps memory for itself where dom0's kernel must stand.
        options = ["-global", "ICH9-LPC.disable_s3=1"]
        if self.secure_boot:
            options += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        return options + ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
                          "-drive", f"if=pflash,format=raw,unit=1,file={variables}",
                          "-drive", f"file={disk},format=raw,if=none,id=boot,snapshot=on",
                          "-device", "ide-hd,drive=boot,bus=ide.0,bootindex=0"]
