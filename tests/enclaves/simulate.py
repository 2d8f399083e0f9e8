# SPDX-License-Identifier: MIT
"""Runs enclave images in the simulation (visor/)."""
import os
import subprocess
import tempfile


class Simulation:
    """One enclave and the calls to make; nothing happens before run()."""

    def __init__(self, qemu, visor, image):
        self.qemu, self.visor, self.image = qemu, visor, image
        self.script, self.checks = [], []

    def call(self, function, data=b"", capacity=0, thread=0, then=None):
        """Adds a call; `then` gets its answer: ("return", status, bytes), ("fault", vector, page), ("dead",)."""
        self.script.append(f"{thread} {function} {capacity} {data.hex()}")
        self.checks.append(then)

    def frame(self, offset, value, thread=0):
        """The thread's next call comes with this value in its frame."""
        self.script.append(f"frame {thread} {offset} {value}")

    def tick(self):
        """Interrupts all later calls a thousand times in a second."""
        self.script.append("tick")

    def run(self):
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, "script")
            with open(script, "w", encoding="ascii") as file:
                file.write("\n".join(self.script))
            command = [self.qemu, "-machine", "q35", "-accel", "tcg", "-m", "256", "-display", "none",
                       "-cpu", "EPYC,+svm,+npt,-monitor,-rdtscp,-avx,-avx2,-fma,-f16c", "-nodefaults", "-no-reboot",
                       "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
                       "-chardev", "stdio,id=out", "-device", "isa-debugcon,chardev=out",
                       "-kernel", self.visor, "-initrd", f"{self.image},{script}"]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=200, check=False)
        lines = done.stdout.decode("ascii", "replace").splitlines()
        if not lines or lines[-1] != "end":
            raise RuntimeError(f"the simulation ended badly: {lines[-3:]} {done.stderr.decode()[-500:]}")
        if len(lines) - 1 != len(self.checks):
            raise RuntimeError(f"{len(self.checks)} calls, {len(lines) - 1} answers")
        for line, check in zip(lines, self.checks):
            if check:
                check(parse(line))


def parse(line):
    words = line.split(" ")
    if words[0] == "return":
        return "return", int(words[1]), bytes.fromhex(words[2])
    if words[0] == "fault":
        return "fault", int(words[1]), int(words[2])
    return (line,)
