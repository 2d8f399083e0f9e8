# SPDX-License-Identifier: MIT
"""The moment at which firmware and boot loader hand over to Xen.

    with Handover("name", xen=..., firmware=Uefi(files), tpm=Tpm(banks="sha256")) as machine:
        machine.outcome, machine.pcrs, machine.events

The machine is stopped at Xen's first words, or when the firmware refuses to start anything. Its TPM is then
read through its registers, from outside, by QEMU's qtest protocol; the firmware's event log, of which a PV
dom0 learns nothing, in its memory."""

import json
import os
import re
import socket
import struct
import tempfile
import time

from harness import Machine, MachineError

XEN, REFUSED = "Xen runs", "the firmware refused"
SIGNS = ((re.compile(rb"\(XEN\) "), XEN), (re.compile(rb"BdsDxe: failed to [^\n]*\n"), REFUSED))  # its line says why
WAIT = 120  # seconds; 15 are usual
CRB = 0xFED40000  # PC Client Platform TPM Profile 1.05, 6.5.3: locality 0
LOCALITY_CONTROL, REQUEST, START, BUFFER = CRB + 0x08, CRB + 0x40, CRB + 0x4C, CRB + 0x80
TPM_ST_NO_SESSIONS, TPM_CC_PCR_READ, TPM_ALG_SHA256 = 0x8001, 0x17E, 0xB
PCR_ANSWER = 62  # bytes: head, update counter, selection of one bank, one digest
EV_NO_ACTION = 3
# Platform Firmware Profile 1.05, 10.2.1 and 10.4.5.1: the first event's head and the start of its data.
LOG_START = struct.pack("<II20xI", 0, EV_NO_ACTION, 33) + b"Spec ID Event03\0"
LOG_ROOM = 64 << 10  # what OVMF keeps for it
MEMORY_BELOW_4G = 2 << 30  # of q35 with more than that
SEARCHED = 256 << 20


class Lines:
    """A Unix socket that speaks in lines."""

    def __init__(self, path, deadline):
        self._socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self._socket.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self._file = self._socket.makefile("rw", encoding="ascii")

    def read(self):
        line = self._file.readline()
        if not line:
            raise MachineError("the emulator ended")
        return line.strip()

    def write(self, line):
        self._file.write(line + "\n")
        self._file.flush()

    def close(self):
        self._file.close()
        self._socket.close()


class Handover(Machine):
    wait = WAIT

    def __init__(self, name, qemu_options=(), **options):
        self._sockets = tempfile.TemporaryDirectory(prefix="cloister-handover-")
        self._control = self._registers = None
        self.outcome, self.pcrs, self.events = None, {}, b""
        super().__init__(name, qemu_options=["-qmp", f"unix:{self._path('qmp')},server=on,wait=off", "-qtest",
                                             f"unix:{self._path('qtest')},server=on,wait=off", "-qtest-log",
                                             "none", *qemu_options], **options)

    def _path(self, name):
        return os.path.join(self._sockets.name, name)

    def start(self):
        deadline = time.monotonic() + self.wait
        self.launch()
        self._control = Lines(self._path("qmp"), deadline)
        self._control.read()  # the greeting
        self._command("qmp_capabilities")
        while not self.reached():
            self._check(deadline)
            time.sleep(0.02)
        self._command("stop")
        self._registers = Lines(self._path("qtest"), deadline)
        self.pcrs = {index: self._pcr(index) for index in range(10)}
        self.events = self._find_log()
        return self

    def reached(self):
        """Is this the moment?"""
        with open(self.log("console"), "rb") as file:
            printed = file.read()
        self.outcome = next((outcome for sign, outcome in SIGNS if sign.search(printed)), None)
        return self.outcome

    def stop(self):
        for lines in self._control, self._registers:
            if lines:
                lines.close()
        super().stop()
        self._sockets.cleanup()

    def save_guest_logs(self):
        """There is no dom0 yet that could give them."""

    def _command(self, name, **arguments):
        self._control.write(json.dumps({"execute": name, "arguments": arguments}))
        while True:
            answer = json.loads(self._control.read())
            if "error" in answer:
                raise MachineError(f"{name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def _register(self, command):
        self._registers.write(command)
        answer = self._registers.read()
        while answer.startswith("IRQ"):
            answer = self._registers.read()
        status, _, value = answer.partition(" ")
        if status != "OK":
            raise MachineError(f"{command}: {answer}")
        return value

    def _pcr(self, index):
        """TPM2_PCR_Read: TPM 2.0 part 3, 22.4."""
        selection = (1 << index).to_bytes(3, "little")
        command = struct.pack(">HIIIHB3s", TPM_ST_NO_SESSIONS, 20, TPM_CC_PCR_READ, 1, TPM_ALG_SHA256, 3,
                              selection)
        self._register(f"writel {LOCALITY_CONTROL:#x} 1")
        self._register(f"writel {REQUEST:#x} 1")
        self._register(f"write {BUFFER:#x} {len(command)} 0x{command.hex()}")
        self._register(f"writel {START:#x} 1")
        deadline = time.monotonic() + WAIT
        while int(self._register(f"readl {START:#x}"), 16) & 1:
            if time.monotonic() > deadline:
                raise MachineError("the TPM does not answer")
            time.sleep(0.01)
        answer = bytes.fromhex(self._register(f"read {BUFFER:#x} {PCR_ANSWER}")[2:])
        _, size, code = struct.unpack_from(">HII", answer)
        if code or size != PCR_ANSWER or answer[-34:-32] != b"\0\x20":
            raise MachineError(f"PCR {index} cannot be read: {answer.hex()}")
        return answer[-32:].hex()

    def _find_log(self):
        """The log, from its first event to the last; b"" if there is none."""
        path = self._path("memory")
        self._command("pmemsave", val=MEMORY_BELOW_4G - SEARCHED, size=SEARCHED, filename=path)
        with open(path, "rb") as file:
            memory = file.read()
        os.unlink(path)
        head = memory.find(LOG_START)
        return cut(memory[head:head + LOG_ROOM]) if head >= 0 else b""


def cut(memory):
    """The events at the start of `memory`; what follows them is not written yet: 0xff."""
    end = 32 + struct.unpack_from("<I", memory, 28)[0]
    while memory[end:end + 4] != b"\xff\xff\xff\xff":
        count = struct.unpack_from("<I", memory, end + 8)[0]
        if count != 1 or struct.unpack_from("<H", memory, end + 12)[0] != TPM_ALG_SHA256:
            raise MachineError(f"the event log has another digest than SHA-256 at byte {end}")
        end += 8 + 4 + 2 + 32
        end += 4 + struct.unpack_from("<I", memory, end)[0]
    return memory[:end]
