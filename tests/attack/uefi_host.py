# SPDX-License-Identifier: MIT
"""Hosts that UEFI firmware boots: tests/measured/host.py's, with a Xen of this suite's choice."""

import os
import pathlib
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "measured"))

import host as hosts  # noqa: E402
from harness import stack  # noqa: E402
from harness.tpm import Tpm  # noqa: E402
from harness.uefi import Uefi  # noqa: E402


def options(build, kind, work, xen_options=()):
    """For Machine: the firmware with its disk, and a TPM. kind: "test", "stock"; xen_options: added to Xen's command line."""
    host = hosts.Host(pathlib.Path(work) / f"uefi-{kind}")
    host.make()
    shutil.copy(stack.xen(build, kind) + ".gz", host.path("xen.gz"))
    host.configure(" ".join([hosts.XEN_CMDLINE, *xen_options]), hosts.KERNEL_CMDLINE)
    return {"firmware": Uefi(host.disk()), "tpm": Tpm(banks="sha256")}
