# SPDX-License-Identifier: MIT
"""Cloister as installed: what our Debian packages put into dom0 and into tenants, and how it starts there.

    dom0, tenant = stack.stage("build")
    with Machine("name", xen=stack.xen("build"), dom0=[dom0], tenant_payload=[tenant]) as machine:
        stack.wait_host(machine)
        machine.start_tenant("alice", enclave_memory=64)
        stack.wait_agent(machine, "alice")
"""

import filecmp
import glob
import json
import os
import shutil
import subprocess
import time

from . import packages
from .images import Missing
from .machine import MachineError
from .packages import building

DOM0 = ("cloister-host",)
TENANT = ("cloister-agent", "libcloister0", "cloister-enclave-dev")
UNIT = "usr/lib/systemd/system/cloisterd.service"
AGENT_START = """#!/bin/bash
# SPDX-License-Identifier: MIT
mkdir -p /run/cloister /var/log
cloister-agent >/var/log/cloister-agent.log 2>&1 &
"""
WAIT = 60  # seconds


def xen(build, kind=""):
    """The hypervisor: `kind` is "", "test" or "stock"."""
    return os.path.join(build, "hv", "xen", kind, "xen")


def compile_targets(build, *targets):
    """Bring all that is built by default, and the targets, up to date."""
    if not os.path.exists(os.path.join(build, "build.ninja")):
        raise Missing(f"no build in {build}; meson setup makes it")
    logs = os.path.join(build, "logs")
    os.makedirs(logs, exist_ok=True)
    log = os.path.join(logs, "compile.log")
    with building(build), open(log, "wb") as out:
        for target in ([], *([target] for target in targets)):
            if subprocess.run(["meson", "compile", "-C", build] + target, stdout=out, stderr=out,
                              check=False).returncode:
                raise MachineError(f"the build failed, see {log}")


def stage(build):
    """Install the build's packages below build/stage-MACHINE; returns the folders for dom0 and for tenants. The
    packages' scripts do not run (tests/packages runs them); what is booted is the hypervisor that is in the package."""
    made = packages.make(build)
    root = os.path.join(build, "stage-" + os.environ.get("CLOISTER_MACHINE", "qemu"))
    shutil.rmtree(root, ignore_errors=True)
    hypervisor, dom0, tenant = (os.path.join(root, name) for name in ("hypervisor", "dom0", "tenant"))
    for folder, names in (hypervisor, ("cloister-hypervisor",)), (dom0, DOM0), (tenant, TENANT):
        packages.unpack(made, names, folder)
    packaged, = glob.glob(f"{hypervisor}/boot/cloister-xen-*.gz")
    if not filecmp.cmp(packaged, xen(build) + ".gz", shallow=False):
        raise MachineError(f"{packaged} is not {xen(build)}.gz")
    wants = os.path.join(dom0, "etc/systemd/system/multi-user.target.wants")
    os.makedirs(wants, exist_ok=True)
    os.symlink("/" + UNIT, os.path.join(wants, "cloisterd.service"))
    script = os.path.join(tenant, "etc/rc.d/cloister-agent")
    os.makedirs(os.path.dirname(script))
    with open(script, "w", encoding="ascii") as file:
        file.write(AGENT_START)
    os.chmod(script, 0o755)
    return dom0, tenant


def ctl(machine, command, timeout=60):
    """What `cloisterctl COMMAND --json` says."""
    result = machine.dom0(f"cloisterctl {command} --json", timeout=timeout)
    try:
        return json.loads(result.out)
    except ValueError as error:
        raise MachineError(f"cloisterctl {command}: status {result.rc}: "
                           f"{result.out}{result.err}") from error


def _wait(machine, command, what):
    began = time.monotonic()
    while time.monotonic() - began < WAIT:
        if machine.dom0(command):
            return
        time.sleep(0.5)
    journal = machine.dom0("journalctl -u cloisterd --no-pager | tail -n 5").out
    raise MachineError(f"{what} not ready after {WAIT} s: {journal}")


def wait_host(machine):
    """Until cloisterd answers."""
    _wait(machine, "test -S /run/cloister/cloisterd.sock", "cloisterd")


def wait_agent(machine, name):
    """Until the tenant's agent answers applications: it does so once the host daemon has greeted it."""
    began = time.monotonic()
    while time.monotonic() - began < WAIT:
        if machine.tenant(name, "test -S /run/cloister/agent.sock && cloister status"):
            return
        time.sleep(0.5)
    log = machine.tenant(name, "tail -n 5 /var/log/cloister-agent.log").out
    raise MachineError(f"{name}'s agent is not ready after {WAIT} s: {log}")


class FreePages:
    """Xen's free memory to the page. The monitor's frame table grows and never shrinks: it is not a leak."""

    def __init__(self, machine, build):
        self._machine = machine
        machine.push(os.path.join(build, "tests/system/free-pages"), "/run/free-pages", mode=0o755)

    def __call__(self):
        pages = int(self._machine.dom0("/run/free-pages", check=True).out)
        return pages + ctl(self._machine, "status")["monitor"]["overhead_frames"]
