# SPDX-License-Identifier: MIT
"""What works, and what is refused with a reason: one tenant, one agent, the sample enclaves."""

import os
import pathlib
import re
import subprocess
import tempfile

from scene import BUILD, COUNTER, SAMPLES, enclaves, hold, is_clean, log_lines, wait_for
from harness import stack


def test_boot(tap, machine):
    tap.ok("domain-0" in machine.dom0("virsh -q list --all", check=True).out.lower(),
           "libvirt answers")
    tap.ok("enclaves can be created" in machine.dom0("cloisterctl status").out,
           "the monitor can create enclaves")
    tap.ok(machine.dom0("cloisterctl audit"), "an idle machine has no audit violation")


def test_calls(tap, machine):
    run = machine.tenant("alice", f"cloister run {COUNTER} --call 1 --in-hex 0500000000000000 "
                         "--repeat 3", timeout=90)
    tap.ok(run and "0f00000000000000" in run.out.replace(" ", ""),
           "an enclave keeps its state from call to call", run.out + run.err)
    is_clean(tap, machine, "after a few calls")


def test_sign(tap, machine):
    data = os.urandom(100000)
    machine.push(data, "/run/data", tenant="alice")
    command = (f"cloister-sign --image {SAMPLES}/keyvault.image --public-key /run/key.pem "
               "--signature /run/signature /run/data")
    signed = machine.tenant("alice", command, timeout=120)
    if not tap.ok(signed, "the key vault signs a file", signed.out + signed.err):
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in ("key.pem", "signature"):
            pathlib.Path(folder, name).write_bytes(machine.pull(f"/run/{name}", tenant="alice"))
        for name, content, good in (("the file", data, True), ("another file", data[1:], False)):
            pathlib.Path(folder, "data").write_bytes(content)
            verdict = subprocess.run(["openssl", "dgst", "-sha256", "-verify", f"{folder}/key.pem",
                                      "-signature", f"{folder}/signature", f"{folder}/data"],
                                     capture_output=True)
            tap.ok((verdict.returncode == 0) == good,
                   f"OpenSSL {'accepts' if good else 'refuses'} the signature for {name}")


def test_bad_images(tap, machine):
    image = machine.pull(COUNTER, tenant="alice")
    cases = {"truncated": image[:5000], "a changed byte": image[:-1] + bytes([image[-1] ^ 1]),
             "no image": b"\x7fELF" + image[4:], "too long": image + b"x", "empty": b""}
    for name, content in cases.items():
        machine.push(content, "/run/bad.image", tenant="alice")
        run = machine.tenant("alice", "cloister run /run/bad.image --call 2", timeout=60)
        tap.ok(run.rc == 5 and run.err.strip(), f"refused with a reason: {name}",
               f"status {run.rc}: {run.out}{run.err}")
    is_clean(tap, machine, "refused images")


def test_quota(tap, machine):
    tap.ok(machine.dom0("cloisterctl quota alice 64K"), "the quota is lowered")
    run = machine.tenant("alice", f"cloister run {COUNTER} --call 2", timeout=60)
    tap.ok(run.rc == 5 and "quota" in run.err, "an enclave beyond the quota is refused",
           f"status {run.rc}: {run.out}{run.err}")
    tap.ok(machine.dom0("cloisterctl quota alice 64M"), "and raised again")
    lines = log_lines(machine)
    tap.ok(re.search("REFUSED control ADD_PAGES .*QUOTA", lines), "the refusal is in the log", lines)


def test_memory(tap, machine):
    """After a first enclave has made dom0 and the tenant set up what they keep."""
    free_pages = stack.FreePages(machine, str(BUILD))
    before = free_pages()
    for _ in range(3):
        machine.tenant("alice", f"cloister run {COUNTER} --call 2", timeout=60, check=True)
    tap.ok(wait_for(lambda: free_pages() == before), "enclaves give every page back to Xen",
           f"{before} pages before, {free_pages()} after")


# What an operator does with a running domain. None of it may be refused because the domain has enclaves.
LIFE = ["virsh -q suspend alice && virsh -q resume alice", "xl pause alice && xl unpause alice",
        "virsh -q dominfo alice", "virsh -q domstate alice", "virsh -q vcpuinfo alice",
        "xl list -v alice", "xl list -l alice", "xl vcpu-list alice", "xl uptime alice",
        "virsh -q vcpupin alice 0 0", "xl vcpu-pin alice all all", "virsh -q schedinfo alice --set weight=300",
        "xl sched-credit2 -d alice -w 256", "xl mem-max alice 260", "virsh -q setmem alice 250M --live",
        "xl mem-set alice 256", "xl rename alice alice2 && xl rename alice2 alice", "xl trigger alice power",
        "xenstore-write /local/domain/$(xl domid alice)/data/x 1"]


def test_life(tap, machine):
    """With an enclave that lives, and its thread in and out of it all the time."""
    running = hold(machine)
    for command in LIFE:
        done = machine.dom0(command, timeout=60)
        tap.ok(done.rc == 0, f"a domain with an enclave: {command}", f"status {done.rc}: {done.out}{done.err}")
    lines = machine.dom0("cloisterctl trace -n 400", check=True).out.splitlines()
    tap.ok(any("INIT" in line for line in lines), "the trace is there, with the enclave's beginning", lines[-5:])
    tap.equal([line for line in lines if " freeze " in line], [], "nothing of it was refused")
    tap.ok(len(enclaves(machine)) == 1, "and the enclave lives")
    running.kill()
    is_clean(tap, machine, "after a day of a domain")


def test_boot_entries(tap, machine):
    """There is no UEFI firmware; and without an IOMMU it would not be asked."""
    error, says = ("EOPNOTSUPP", "a BIOS host") if machine.iommu else ("EPERM", "dom0-iommu=strict")
    for words in ("boot", "boot order 0", "boot next 0", "boot next none"):
        answer = stack.ctl(machine, words)
        tap.ok(not answer["ok"] and answer["error"] == error and says in answer["message"],
               f"cloisterctl {words}: refused, and why", answer)
    tap.ok(machine.dom0("cloisterctl boot").rc == 1, "with the exit status of a refusal")


TESTS = [test_boot_entries, test_calls, test_sign, test_memory, test_bad_images, test_quota, test_life]
