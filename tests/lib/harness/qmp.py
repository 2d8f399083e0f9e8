# SPDX-License-Identifier: MIT
"""QEMU's monitor, and the machine's memory as a file: what somebody sees who stands before it.

    monitor = qmp.Monitor(folder)  # its commands alone
    memory = qmp.Memory(folder, 2304)
    with Machine("name", xen=..., memory=2304, qemu_options=memory.options) as machine:
        memory.command("stop")
        memory.holds({"what": b"bytes"})        # {"what": how often}
"""

import json
import mmap
import os
import socket
import time


class Monitor:
    """QEMU's monitor; `options` are QEMU's."""

    def __init__(self, folder):
        self._socket = os.path.join(folder, "qmp")
        self._link = None
        self.options = ["-qmp", f"unix:{self._socket},server=on,wait=off"]

    def _open(self):
        link = socket.socket(socket.AF_UNIX)
        link.connect(self._socket)
        self._link = link.makefile("rw", encoding="utf-8")
        self._link.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        if not self._link:
            self._open()
        self._link.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self._link.flush()
        while True:  # events come in between
            answer = json.loads(self._link.readline())
            if "error" in answer:
                raise OSError(f"QEMU: {name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]


class Memory(Monitor):
    """The memory is a file, and the machine stops where it would reset or switch itself off."""

    def __init__(self, folder, mebibytes):
        super().__init__(folder)
        self._path = os.path.join(folder, "memory")
        self.options += ["-object", f"memory-backend-file,id=memory,size={mebibytes}M,mem-path={self._path},share=on",
                         "-machine", "memory-backend=memory", "-action", "reboot=shutdown,shutdown=pause"]

    def wait_down(self, seconds):
        """Until the machine resets or switches itself off; False: it did not in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.command("query-status")["status"] == "shutdown":
                return True
            time.sleep(0.2)
        return False

    def holds(self, secrets):
        """How often each of these is in memory. The machine must stand still."""
        with open(self._path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
            return {name: _count(memory, secret) for name, secret in secrets.items()}


def _count(memory, secret):
    found, place = 0, memory.find(secret)
    while place >= 0:
        found, place = found + 1, memory.find(secret, place + 1)
    return found
