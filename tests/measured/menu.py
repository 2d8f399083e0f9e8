# SPDX-License-Identifier: MIT
"""GRUB's menu as cloister-hypervisor makes it, with the package's hypervisor: does that entry boot a closed host?

`update-grub` needs a disk that this machine does not have. So its script 21_cloister runs by itself, on a /boot that is
laid over this machine's in a namespace, and scripts answer what GRUB's tools say about the disk."""

import os
import shutil
import subprocess

from harness import Machine, packages, stack
from harness.tpm import Tpm
from harness.uefi import Uefi
from host import BUILD, KERNEL_CMDLINE, LOADER, XEN_CMDLINE, XEN_ELF, Host

VERSION = "6.1.0-1-amd64"
CLOSED = "iommu=force dom0-iommu=strict cloister-tpm=required"
PROBE = """#!/bin/sh
for word; do
    case $word in
    --target=device) echo /dev/vda1 ;;
    --target=fs) echo fat ;;
    --target=partmap) echo gpt ;;
    --target=compatibility_hint) echo hd0,gpt1 ;;
    esac
done
"""
PATH = "#!/bin/sh\necho /boot\n"


def installed(folder, host):
    """The files of the package in `folder`; returns /boot with them, a kernel and its initrd."""
    packages.unpack(packages.make(str(BUILD)), ["cloister-hypervisor"], folder)
    for name in "vmlinuz", "initrd.img":
        shutil.copy(host.path(name), folder / f"boot/{name}-{VERSION}")
    return folder / "boot"


def make_menu(folder, boot):
    """What 21_cloister prints; the options of the test machine are behind those of a closed host."""
    for name, text in ("probe", PROBE), ("path", PATH):
        (folder / name).write_text(text, encoding="ascii")
        (folder / name).chmod(0o755)
    more = [word for word in XEN_CMDLINE.split() if word not in CLOSED.split()]
    environment = dict(os.environ, pkgdatadir="/usr/share/grub", grub_probe=str(folder / "probe"),
                       grub_mkrelpath=str(folder / "path"), GRUB_DEVICE="/dev/vda1", GRUB_DISTRIBUTOR="Debian",
                       GRUB_CMDLINE_CLOISTER_DOM0=KERNEL_CMDLINE, GRUB_CMDLINE_CLOISTER_XEN=" ".join([CLOSED, *more]))
    mapped = [] if os.getuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--mount", *mapped, "sh", "-c", 'mount --bind "$0" /boot && exec "$1"', boot,
               folder / "etc/grub.d/21_cloister"]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def boot_menu(tap, folder):
    dom0, _ = stack.stage(str(BUILD))
    host = Host(folder / "menu-host").make([dom0])
    root = folder / "menu"
    boot = installed(root, host)
    host.path("grub.cfg").write_text("set default=cloister\nset timeout=0\n" + make_menu(root, boot), encoding="utf-8")
    files = {LOADER: str(host.path("grub.efi")), "grub/grub.cfg": str(host.path("grub.cfg"))}
    files.update((f"boot/{path.name}", str(path)) for path in boot.iterdir())
    with Machine("measured-menu", xen=XEN_ELF, firmware=Uefi(files), tpm=Tpm(banks="sha256")) as machine:
        tap.ok("Booting `Debian, with Cloister'" in machine.console(), "GRUB boots the package's entry")
        stack.wait_host(machine)
        shown = machine.dom0("cloisterctl status", check=True).out
        tap.ok("(svm, iommu-strict, tpm-required, lockdown, intremap)" in shown and "enclaves can be created" in shown,
               "the host is closed, and takes enclaves", shown)
        words = machine.dom0("xl info xen_commandline", check=True).out.split()
        tap.equal(words[:3], CLOSED.split(), "Xen has the options of the entry")
