# SPDX-License-Identifier: MIT
"""
The unit file: systemd takes every line of it, and what it forbids is nothing that the service does. systemd itself is
not started.
"""

import os
import re
import shutil
import subprocess
import time

EXPOSURE = "20"  # at most 2.0 of 10, by systemd's own measure
# SQLite gives its files to the folder's owner, where it runs as root: as this suite may, and the unit never does.
AS_ROOT = {"fchown"}


def analyze(*words):
    done = subprocess.run(["systemd-analyze", "--no-pager", *map(str, words)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def lines(world):
    """systemd ignores what it does not know, and says so."""
    text = (world.build / "attest/service/cloister-attestd.service").read_text(encoding="ascii")
    text = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={world.program}", text)
    unit = world.folder / "cloister-attestd.service"
    for name, change, good in (
            ("as it is", ("", ""), True),
            ("a name that systemd does not know", ("ProtectClock", "ProtectClocks"), False),
            ("a value that it does not know", ("PrivateTmp=yes", "PrivateTmp=maybe"), False),
            ("a system call that it does not know", ("~@privileged", "~@priviledged"), False),
            ("a program that is not there", (f"{world.program}\n", f"{world.program}-x\n"), False)):
        unit.write_text(text.replace(*change), encoding="ascii")
        status, said = analyze("verify", "--man=no", "--recursive-errors=no", unit)
        named = "cloister-attestd" in said  # others that it depends on may be wrong on this machine
        world.tap.ok(named != good, f"unit file: {name}: {'nothing is said' if good else 'named'}",
                     f"{status}: {said}")
    for name, line, good in (("as it is", "", True),
                             ("without a set of capabilities", "CapabilityBoundingSet=\n", False)):
        unit.write_text(text.replace(line, ""), encoding="ascii")
        status, said = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", unit)
        world.tap.ok((status == 0) == good, f"exposure {name}: {'no more' if good else 'more'} than {EXPOSURE}/100",
                     said[-200:])
    return text


def settings(text, key):
    return [value.strip() for value in re.findall(rf"(?m)^{key}=(.*)$", text)]


def calls(name):
    """The system calls of a set, those of the sets in it included."""
    found = set()
    for line in analyze("syscall-filter", name)[1].splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            found |= calls(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


def allowed(text):
    """What is left of SystemCallFilter= after each line."""
    left = set()
    for value in settings(text, "SystemCallFilter"):
        named = set().union(*(calls(word) if word.startswith("@") else {word} for word in value.lstrip("~").split()))
        left = left - named if value.startswith("~") else left | named
    return left


def traced(world):
    """The system calls of a service that starts, enrols, judges at once and later, and ends; one a line."""
    log = world.folder / "strace"
    service = world.service(name="traced", wrapper=["strace", "-D", "-f", "-o", log])
    host = world.enrol(service)
    world.status(host.attest(), 200, "traced: attest")
    world.status(world.enrol(service, "rsa").attest(headers={"Prefer": "respond-async"}), 202, "traced: attest later")
    world.status(service.admin("DELETE", f"/v1/hosts/{host.id}"), 200, "traced: removing a host")
    time.sleep(0.5)
    world.tap.equal(service.stop(), 0, "traced: it ends well")
    for _ in range(100):
        text = log.read_text(encoding="utf-8", errors="replace")
        if re.search(r"\+\+\+ exited with 0 \+\+\+\s*$", text):
            break
        time.sleep(0.05)
    # The first execve() is strace's, of the service.
    return text[text.index("\n") + 1:]


def written(trace, folder):
    """Files that were opened for writing, or made, elsewhere than in the folder of the store."""
    found = re.findall(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]*)", [^)]*O_(?:WRONLY|RDWR|CREAT)', trace)
    return sorted({path for path in found if not path.startswith(f"{folder}/") and path != "/dev/null"})


def run(world):
    tap = world.tap
    if not tap.ok(shutil.which("systemd-analyze") and shutil.which("strace"), "systemd-analyze and strace are there"):
        return
    text = lines(world)
    permitted = allowed(text)
    tap.ok({"read", "accept4", "futex"} <= permitted and not {"mount", "reboot", "setrlimit"} & permitted,
           "SystemCallFilter is understood", str(sorted(permitted)))
    trace = traced(world)
    made = set(re.findall(r"(?m)^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)", trace))
    if os.geteuid() == 0:
        made -= AS_ROOT
    tap.ok({"openat", "futex", "epoll_wait"} <= made and made <= permitted,
           f"each of {len(made)} system calls is one that SystemCallFilter allows",
           f"not allowed: {sorted(made - permitted)} of {sorted(made)}")
    families = set(re.findall(r"socket\((AF_\w+|PF_\w+)", trace))
    tap.ok(families and families <= set(" ".join(settings(text, "RestrictAddressFamilies")).split()),
           "RestrictAddressFamilies: no others are used", str(families))
    tap.ok("MemoryDenyWriteExecute=yes" in text and not re.search(r"PROT_WRITE\|PROT_EXEC|SHM_EXEC", trace),
           "MemoryDenyWriteExecute: no memory is both", "")
    tap.equal(written(trace, world.folder), [], "ProtectSystem: nothing is written but the store")
