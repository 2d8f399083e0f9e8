# SPDX-License-Identifier: MIT
"""Writer for the cpio archives ("newc") that Linux takes as initramfs; everything is root's."""

import os
import stat

TRAILER = "TRAILER!!!"


def _entry(number, name, mode, data, rdev=(0, 0), mtime=0):
    name_bytes = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, mtime, len(data), 0, 0, rdev[0], rdev[1], len(name_bytes), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name_bytes
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


MERGED = ("bin", "sbin", "lib", "lib64")


def merged(name):
    """A path on a system whose /bin, /sbin and /lib* are links into /usr."""
    return f"usr/{name}" if name.partition("/")[0] in MERGED else name


class Archive:
    """An archive in the making; parents are added by themselves, a name added twice counts once."""

    def __init__(self, out):
        self._out = out
        self._names = set()
        self._size = 0

    def _add(self, name, mode, data=b"", rdev=(0, 0)):
        if name in self._names:
            return
        parent = os.path.dirname(name)
        if parent:
            self.directory(parent)
        self._names.add(name)
        self._write(_entry(len(self._names), name, mode, data, rdev))

    def _write(self, data):
        self._out.write(data)
        self._size += len(data)

    def directory(self, name, mode=0o755):
        self._add(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644):
        self._add(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor, mode=0o600):
        self._add(name, stat.S_IFCHR | mode, rdev=(major, minor))

    def copy(self, path, name):
        """A file, link or directory of this machine (a directory without what is in it)."""
        info = os.lstat(path)
        if stat.S_ISLNK(info.st_mode):
            self.link(name, os.readlink(path))
        elif stat.S_ISDIR(info.st_mode):
            self.directory(name, stat.S_IMODE(info.st_mode))
        elif stat.S_ISREG(info.st_mode):
            with open(path, "rb") as file:
                self.file(name, file.read(), stat.S_IMODE(info.st_mode))

    def tree(self, top, prefix="", keep=lambda name: True, rename=lambda name: name):
        """Everything below `top`, in a fixed order, for which keep(relative name) holds."""
        for folder, folders, files in os.walk(top):
            folders.sort()
            for entry in sorted(files + folders):
                path = os.path.join(folder, entry)
                name = os.path.relpath(path, top)
                if keep(name) and not (name in MERGED and os.path.islink(path)):
                    self.copy(path, os.path.join(prefix, rename(name)))
            folders[:] = [f for f in folders if keep(os.path.relpath(os.path.join(folder, f), top))]

    def tar(self, tar, keep=lambda name: True):
        """Everything of a tarfile for which keep(name) holds; /bin, /lib and such go below /usr."""
        for member in tar.getmembers():
            name = merged(os.path.normpath(member.name).lstrip("/"))
            if name == "." or not keep(name):
                continue
            mode = stat.S_IMODE(member.mode)
            if member.isdir():
                self.directory(name, mode)
            elif member.issym() and os.path.normpath(member.name).lstrip("/") not in MERGED:
                self.link(name, member.linkname)
            elif member.isfile() or member.islnk():
                self.file(name, tar.extractfile(member).read(), mode)

    def close(self):
        """Finish; the padding lets another archive follow in the same file."""
        self._write(_entry(0, TRAILER, 0, b""))
        self._write(b"\0" * (-self._size % 512))
