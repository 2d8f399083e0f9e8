# SPDX-License-Identifier: MIT
"""A machine that stands still where Xen begins, so that its memory can be changed: what a firmware could have left there.

    class Lying(Stopped):
        def lie(self, memory): memory.write(address, data)      # physical addresses, devices' registers too
    with Lying("name", xen=...) as machine: ...

By QEMU's remote debugging (GDB manual, "Remote Serial Protocol"; QEMU's docs/system/gdb.rst for physical addresses)."""

import os
import shutil
import socket
import struct
import tempfile
import time

from .machine import Machine, MachineError

CHUNK = 1024  # bytes that fit into a packet


def entry(path):
    """Where Xen starts: its ELF file's entry is a physical address."""
    with open(path, "rb") as file:
        head = file.read(64)
    return struct.unpack_from("<I", head, 24)[0]


class Link:
    """The remote protocol, as far as it is needed. Every command waits for its answer."""

    def __init__(self, path, seconds=60):
        self._socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self._socket.settimeout(seconds)
        self._rest = b""

    def _byte(self):
        if not self._rest:
            self._rest = self._socket.recv(1 << 16)
            if not self._rest:
                raise MachineError("the emulator has ended the debugging link")
        first, self._rest = self._rest[:1], self._rest[1:]
        return first

    def _answer(self):
        while self._byte() != b"$":
            pass
        data = b""
        while (byte := self._byte()) != b"#":
            data += byte
        self._byte(), self._byte()  # its sum: a local socket loses nothing
        self._socket.sendall(b"+")
        return data.decode("ascii")

    def ask(self, command):
        data = command.encode("ascii")
        self._socket.sendall(b"$%s#%02x" % (data, sum(data) & 0xff))
        return self._answer()

    def order(self, command):
        answer = self.ask(command)
        if answer != "OK":
            raise MachineError(f"debugging: {command[:40]}: {answer!r}")

    def run_to(self, address):
        self.order(f"Z1,{address:x},1")
        stop = self.ask("c")
        if not stop.startswith(("T05", "S05")):
            raise MachineError(f"debugging: the machine did not come to {address:#x}: {stop!r}")
        self.order(f"z1,{address:x},1")
        self.order("Qqemu.PhyMemMode:1")

    def read(self, address, size):
        data = b""
        while len(data) < size:
            now = min(CHUNK, size - len(data))
            data += bytes.fromhex(self.ask(f"m{address + len(data):x},{now:x}"))
        return data

    def write(self, address, data):
        """In one piece, so that a register sees one access."""
        self.order(f"M{address:x},{len(data):x}:{data.hex()}")

    def leave(self):
        """The machine runs on."""
        self.order("D")
        self._socket.close()


class Stopped(Machine):
    """Calls lie(memory) where Xen begins; memory: a Link."""

    def __init__(self, name, xen, qemu_options=(), **options):
        self._folder = tempfile.mkdtemp(prefix="cloister-gdb-")
        self._path = os.path.join(self._folder, "gdb")
        super().__init__(name, xen, qemu_options=["-S", "-gdb", f"unix:{self._path},server=on,wait=off", *qemu_options],
                         **options)

    def lie(self, memory):
        raise NotImplementedError

    def launch(self):
        super().launch()
        link = Link(self._path)
        link.run_to(entry(self.xen))
        self.lie(link)
        link.leave()

    def stop(self):
        super().stop()
        shutil.rmtree(self._folder, ignore_errors=True)
