# SPDX-License-Identifier: MIT
"""A TPM 2.0 for an emulated machine: swtpm behind QEMU's registers.

    with Machine("name", ..., tpm="crb"):        # or "tis"
    with Machine("name", ..., tpm=Tpm("crb", "folder")):  # its NV memory outlives the machine
    with Machine("name", ..., tpm=Tpm(banks="sha256")):   # firmware and GRUB then hash once, not four times
"""

import os
import shutil
import subprocess
import time

from . import images

DEVICES = {"crb": "tpm-crb", "tis": "tpm-tis"}
WAIT = 10  # seconds


class Tpm:
    def __init__(self, kind="crb", state=None, banks=None):
        self.kind, self.state, self.banks = kind, state, banks
        self._process = self._path = None

    def start(self, work, log, preexec):
        """A machine is about to start: a TPM that was just reset."""
        if not shutil.which("swtpm"):
            raise images.Missing("swtpm is not installed; tests/setup installs it")
        open(log, "wb").close()
        state = self.state or os.path.join(work, "tpm")
        os.makedirs(state, exist_ok=True)
        if self.banks and not os.listdir(state):
            self._make(state, log)
        self._path = os.path.join(work, "tpm.socket")
        with open(log, "ab") as file:
            self._process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--ctrl",
                 f"type=unixio,path={self._path}"], stdin=subprocess.DEVNULL, stdout=file,
                stderr=file, preexec_fn=preexec)
        began = time.monotonic()
        while not os.path.exists(self._path):
            if self._process.poll() is not None or time.monotonic() - began > WAIT:
                raise images.Missing(f"swtpm did not start (log: {log})")
            time.sleep(0.02)

    def _make(self, state, log):
        """A TPM with these PCR banks active."""
        if not shutil.which("swtpm_setup"):
            raise images.Missing("swtpm_setup is not installed; tests/setup installs it")
        with open(log, "ab") as file:
            subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", state, "--pcr-banks", self.banks],
                           stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=True)

    def options(self):
        """For QEMU's command line."""
        return ["-chardev", f"socket,id=tpm,path={self._path}", "-tpmdev",
                "emulator,id=tpm0,chardev=tpm", "-device", f"{DEVICES[self.kind]},tpmdev=tpm0"]

    def stop(self):
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None
