# SPDX-License-Identifier: MIT
"""A Debian system in a folder: packages are installed there, and what that changed is seen. It has GRUB and a stock
configuration, and no disk: scripts answer for one. Needs a mount namespace of its own."""

import hashlib
import os
import pathlib
import stat
import subprocess

LARGE = 1 << 20
DEVICES = ("null", "zero", "full", "random", "urandom")
# What changes with every use of the package manager, or is no file of a disk.
PASSED_OVER = ("proc", "dev", "sys", "run", "tmp", "var/lib/dpkg", "var/log/dpkg.log", "var/log/alternatives.log",
               "var/cache/ldconfig", "etc/ld.so.cache", "boot/grub/grub.cfg")
# Parts of GRUB's menu that look for what there is not here.
SLOW = ("05_debian_theme", "30_os-prober", "30_uefi-firmware")
PROBE = """#!/bin/sh
# What grub-mkconfig asks about the disk.
for word; do
    case $word in
    --target=device | -t) echo /dev/vda1 ;;
    --target=fs) echo ext2 ;;
    --target=fs_uuid) echo 11111111-2222-3333-4444-555555555555 ;;
    --target=partuuid) echo 01234567-01 ;;
    --target=partmap) echo msdos ;;
    --target=hints_string) echo --hint=hd0,msdos1 ;;
    --target=compatibility_hint) echo hd0,msdos1 ;;
    esac
done
"""

# Where a file is on its file system: /boot is on the only one.
PATH = """#!/bin/sh
echo "$1"
"""


class Result:
    """How a command ended: status, and all that it said."""

    def __init__(self, status, text):
        self.status, self.text = status, text

    def __bool__(self):
        return not self.status

    def __repr__(self):
        return f"status {self.status}: {self.text}"


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


class Chroot:
    """The system in `folder`, out of the archive that tests/image/build --chroot makes."""

    def __init__(self, archive, folder):
        self.top = pathlib.Path(folder)
        mount("--bind", folder, folder)
        subprocess.run(["tar", "-xpf", archive, "-C", folder, "--numeric-owner", "--exclude=./dev/*"], check=True)
        for name in DEVICES:
            (self.top / "dev" / name).touch()
            mount("--bind", f"/dev/{name}", self.top / "dev" / name)
        (self.top / "dev/fd").symlink_to("/proc/self/fd")
        mount("-t", "proc", "proc", self.top / "proc")
        mount("-t", "tmpfs", "tmpfs", self.top / "run")
        self.write("usr/sbin/grub-probe", PROBE, 0o755)
        self.write("usr/bin/grub-mkrelpath", PATH, 0o755)
        self.write("etc/default/grub", 'GRUB_DISTRIBUTOR=Debian\nGRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX="panic=30"\n')
        (self.top / "boot/grub").mkdir(parents=True)
        for name in SLOW:
            (self.top / "etc/grub.d" / name).chmod(0o644)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--recursive", self.top], check=True)

    def path(self, name):
        return self.top / name

    def write(self, name, text, mode=0o644):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def read(self, name):
        return (self.top / name).read_text(encoding="utf-8")

    def run(self, *command, **variables):
        """A command inside."""
        environment = {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root",
                       "DEBIAN_FRONTEND": "noninteractive", **variables}
        done = subprocess.run(["chroot", str(self.top), *map(str, command)], env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return Result(done.returncode, done.stdout)

    def dpkg(self, *arguments, **variables):
        """dpkg inside; packages are files outside."""
        words = []
        for word in map(str, arguments):
            if word.endswith(".deb"):
                target = self.top / "tmp" / os.path.basename(word)
                target.unlink(missing_ok=True)
                target.write_bytes(pathlib.Path(word).read_bytes())
                word = f"/tmp/{target.name}"
            words.append(word)
        return self.run("dpkg", *words, **variables)

    def state(self, package):
        """What dpkg knows of it: ("installed", "0.2.0"), say; ("", "") for nothing."""
        found = self.run("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package)
        return tuple(found.text.split(" ", 1)) if found else ("", "")

    def kernel(self, version, dom0=True, initrd=True):
        """What a kernel's package leaves in /boot, as far as GRUB looks at it."""
        self.write(f"boot/vmlinuz-{version}", "kernel")
        self.write(f"boot/config-{version}", "CONFIG_XEN_DOM0=y\n" if dom0 else "# CONFIG_XEN_DOM0 is not set\n")
        if initrd:
            self.write(f"boot/initrd.img-{version}", "initrd")

    def files(self, whole=False):
        """name -> what it is, of every file; `whole`: with GRUB's configuration."""
        found = {}
        for folder, folders, names in os.walk(self.top):
            inner = os.path.relpath(folder, self.top)
            inner = "" if inner == "." else inner + "/"
            folders[:] = [name for name in folders if inner + name not in PASSED_OVER]
            for name in folders + names:
                if inner + name not in PASSED_OVER or whole and inner + name == "boot/grub/grub.cfg":
                    info = os.lstat(f"{folder}/{name}")
                    link = os.readlink(f"{folder}/{name}") if os.path.islink(f"{folder}/{name}") else ""
                    found[inner + name] = (info.st_mode, info.st_uid, info.st_gid, link or content(f"{folder}/{name}", info))
        return found


def content(path, info):
    """What a file holds; of a large one its size and time."""
    if not stat.S_ISREG(info.st_mode):
        return None
    if info.st_size > LARGE:
        return info.st_size, info.st_mtime_ns
    return hashlib.sha256(pathlib.Path(path).read_bytes()).digest()


def difference(before, after):
    """What came, went, and is another."""
    return ([f"+ {name}" for name in sorted(after.keys() - before.keys())] +
            [f"- {name}" for name in sorted(before.keys() - after.keys())] +
            [f"~ {name}" for name in sorted(before.keys() & after.keys()) if before[name] != after[name]])
