# SPDX-License-Identifier: MIT
"""Monotonic counters over the boots of one machine: what becomes durable, and whom nobody can turn back.

The first boot (FIRST) counts, the second (SECOND) finds the newest copy where a crash would have left it, and in the
between it and the third (THIRD) root makes the TPM's index anew, so that the newest copy must be refused, too. dom0's
disk is new in every boot: copies() is laid over it."""

import base64
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import time

from scene import BUILD, SAMPLES, log_lines, wait_for
from attestation import CONFIG, restart
from identity import PROBE
from harness import MachineError, stack

COUNTER = 21  # tests/enclaves/probe.h
READ, INCREMENT, REMOVE = 1, 2, 3
INDEX = "0x0180c107"
STATE = "/var/lib/cloister"
MANY, RUNS = 2000, 5
TOOL = "/run/counters"
LEDGER = "/run/ledger"
TEE = b"#!/bin/sh\n/usr/libexec/cloister/cloister-tpm | tee -a /run/answers\n"
seen = {}  # of earlier boots: older, newest (copies), value, table


def use(machine, operation, times=1, label=0, policy=1, tenant="alice"):
    """(value, committed, table) as the enclave sees them; or None and why."""
    data = struct.pack("<IIII", operation, policy, times, 0) + bytes([label]) * 32
    run = machine.tenant(tenant, f"cloister run {PROBE} --call {COUNTER} --in-hex {data.hex()} --out-size 32", timeout=90)
    if not run:
        return None, f"status {run.rc}: {run.out}{run.err}"
    return struct.unpack("<QQ16s", bytes.fromhex("".join(run.out.split()))), ""


def status(machine):
    """The monitor's counters and the daemon's."""
    found = stack.ctl(machine, "status")
    return found["monitor"]["counters"], found["counters"], found["degraded"]


def status_value(machine):
    return status(machine)[0]["value"]


def durable(machine, value, seconds=20):
    return wait_for(lambda: status(machine)[0]["committed"] >= value, seconds)


def copies(payloads, folder, **files):
    """Payloads with these files in the daemon's state folder; None: a folder in the file's place."""
    state = pathlib.Path(folder, "state", STATE[1:])
    state.mkdir(parents=True)
    for name, content in files.items():
        path = state / name.replace("_", ".")
        if content is None:
            (path / "not a copy").mkdir(parents=True)
        else:
            path.write_bytes(content)
    return {**payloads, "dom0": [*payloads["dom0"], str(state.parents[2])]}


def keep(machine, value):
    seen["older"], seen["newest"] = seen.get("newest"), machine.pull(f"{STATE}/counters")
    seen["value"] = value


def test_durable(tap, machine):
    machine.push(str(BUILD / "tests/enclaves/probe.image"), PROBE, tenant="alice")
    monitor, daemon, _ = status(machine)
    tap.ok(monitor["reason"] == "NONE" and not daemon["lost"] and not monitor["used"], "counters are there, none used",
           (monitor, daemon))
    now, why = use(machine, READ)
    tap.ok(not now and "No such file" in why, "no counter before its first increment", why)
    now, why = use(machine, INCREMENT)
    if not tap.ok(now, "an enclave increments", why):
        return
    tap.ok(durable(machine, now[0]), "it becomes durable within seconds", status(machine))
    again, why = use(machine, READ)
    tap.ok(again and again[0] == now[0] and again[1] >= now[0] and again[2] == now[2], "the enclave sees that",
           (now, again, why))
    tap.ok(machine.dom0(f"test $(stat -c %a-%s {STATE}/counters) = 600-65536"), "there is a copy, for root only")
    seen["table"] = now[2]
    keep(machine, now[0])
    other, why = use(machine, READ, label=1)
    tap.ok(not other and "No such file" in why, "another label is another counter", why)
    other, why = use(machine, READ, policy=4)
    tap.ok(not other and "No such file" in why, "another policy is another counter", why)


def test_batches(tap, machine):
    before, daemon, _ = status(machine)
    began = time.monotonic()
    for _ in range(RUNS):
        now, why = use(machine, INCREMENT, times=MANY // RUNS)
        if not tap.ok(now, f"{MANY // RUNS} increments", why):
            return
    tap.ok(durable(machine, now[0]), "become durable within seconds", status(machine))
    after, then, degraded = status(machine)
    increments, commits = after["value"] - before["value"], then["commits"] - daemon["commits"]
    tap.comment(f"counters: {increments} increments in {time.monotonic() - began:.0f} s, {commits} commits")
    tap.ok(increments >= MANY and 0 < commits * 100 <= increments, "commits are far fewer than increments", (after, then))
    tap.ok(not any("counters" in line for line in degraded), "nothing is wrong", degraded)
    keep(machine, now[0])
    text = machine.dom0("cloisterctl status").out
    tap.ok(f"counters       1 of 1,022, value {now[0]:,}, committed {now[0]:,}" in text or
           f"counters       1 of 1022, value {now[0]}, committed {now[0]}" in text, "the status says it", text)


def ledger(machine, words="", state=None):
    """The sample's application, with this state in its file. Status and what it printed."""
    if state is not None:
        machine.push(state, LEDGER, tenant="alice")
    run = machine.tenant("alice", f"cloister-ledger {SAMPLES}/ledger.image {LEDGER} {words}", timeout=60)
    return run.rc, run.out.strip() or run.err.strip()


def test_ledger(tap, machine):
    """A balance in a file of the tenant's, whose root brings back what it was."""
    tap.equal(ledger(machine, "100"), (0, "100"), "a new ledger")
    older = machine.pull(LEDGER, tenant="alice")
    tap.equal(ledger(machine, "-30"), (0, "70"), "its balance changes")
    newest = seen["ledger"] = machine.pull(LEDGER, tenant="alice")
    for what, state, status, says in (
            ("an older state", older, 3, "not the newest"), ("no state", b"", 3, "not the newest"),
            ("a changed one", newest[:-1] + bytes([newest[-1] ^ 1]), 1, "was changed"),
            ("a cut one", newest[:-1], 1, "was changed")):
        got = ledger(machine, "1000", state)
        tap.ok(got[0] == status and says in got[1], f"the ledger refuses {what}", got)
    tap.equal(ledger(machine, "", newest), (0, "70"), "nothing has happened to the newest")
    machine.push(newest, f"{LEDGER}.next", tenant="alice")
    tap.equal(ledger(machine, "", older), (0, "70"), "nor where it was not renamed yet")
    tap.ok(not machine.tenant("alice", f"test -e {LEDGER}.next"), "it is now")
    durable(machine, status_value(machine))
    keep(machine, seen["value"])


def tool(machine, command):
    return machine.dom0(f"{TOOL} {command}", check=True).out.split()


def test_forged(tap, machine):
    """dom0 says COMMIT without the TPM's word for it."""
    machine.push(str(BUILD / "tests/system/counters"), TOOL, mode=0o755)
    config = machine.pull(CONFIG)
    machine.push(TEE, "/run/tee", mode=0o755)
    restart(machine, b"tpm-helper = /run/tee\n")
    now, why = use(machine, INCREMENT)
    tap.ok(now and durable(machine, now[0]), "a commit whose answer dom0 keeps", why)
    lines = machine.pull("/run/answers").decode().splitlines()
    old = json.loads(next(line for line in reversed(lines) if '"hmac"' in line))
    old = [base64.b64decode(old[key]).hex() for key in ("value", "nonce_tpm", "hmac")]
    tap.equal(tool(machine, f"commit {' '.join(old)}"), ["-2", "COUNTERS_COMMITTED"], "the same answer once more")
    restart(machine, b"counter-interval = none\n")
    now, why = use(machine, INCREMENT)
    tap.ok(now and not durable(machine, now[0], 3), "with counter-interval = none nothing becomes durable", why)
    result, reason, expected = tool(machine, "save /run/copy")
    tap.equal((result, reason), ("0", "NONE"), "dom0 saves")
    zero, random = "00" * 32, os.urandom(32).hex()
    for what, words in (("an older answer", old), ("zeros", [zero] * 3), ("the right value, any HMAC", [expected, zero, random]),
                        ("the right value, an older HMAC", [expected, *old[1:]])):
        tap.equal(tool(machine, f"commit {' '.join(words)}"), ["-13", "COUNTERS_PROOF"], f"no commit by {what}")
    monitor, _, _ = status(machine)
    tap.ok(monitor["committed"] < now[0], "nothing was committed", monitor)
    tap.equal(tool(machine, "load /run/copy"), ["-16", "COUNTERS_LOADED"], "no copy is loaded a second time")
    restart(machine, config)
    tap.ok(durable(machine, now[0]), "the daemon commits what another has saved", status(machine))
    keep(machine, now[0])


def test_another_domain(tap, machine):
    """The same image, and so the same sealing key, in another domain."""
    machine.start_tenant("bob", memory=256, enclave_memory=32)
    stack.wait_agent(machine, "bob")
    machine.push(str(BUILD / "tests/enclaves/probe.image"), PROBE, tenant="bob")
    other, why = use(machine, READ, tenant="bob")
    tap.ok(not other and "No such file" in why, "another domain's enclave does not see the counter", why)
    before, _ = use(machine, READ)
    other, why = use(machine, INCREMENT, times=3, tenant="bob")
    after, _ = use(machine, READ)
    tap.ok(other and before and after and before[0] == after[0] < other[0], "and does not move it", (before, after, other, why))
    uuid = machine.dom0("virsh -q domuuid bob", check=True).out.strip()
    tap.equal(stack.ctl(machine, f"counters forget {uuid}")["removed"], 1, "dom0 forgets the other domain's")
    tap.equal(machine.dom0(f"cloisterctl counters forget {uuid}").out, "0 counters removed\n", "there are none any more")
    other, why = use(machine, READ, tenant="bob")
    tap.ok(not other and "No such file" in why, "its enclave notices", why)
    again, _ = use(machine, READ)
    tap.ok(again and again[0] == after[0], "and the first one's is still there", again)
    for words, rc in ("forget", 2), ("forget bob", 1), ("remember " + uuid, 2), (f"forget {uuid[:-1]}", 1):
        result = machine.dom0(f"cloisterctl counters {words}")
        tap.ok(result.rc == rc, f"cloisterctl counters {words[:12]}: status {rc}", result.err)
    machine.destroy_tenant("bob")
    tap.ok(durable(machine, status_value(machine)), "what was forgotten is durable, too", status(machine))
    keep(machine, after[0])


def test_next_boot(tap, machine):
    """At first the daemon cannot read its copy, which is no reason to go without."""
    machine.push(str(BUILD / "tests/system/counters"), TOOL, mode=0o755)
    machine.push(str(BUILD / "tests/enclaves/probe.image"), PROBE, tenant="alice")
    monitor, _, degraded = status(machine)
    tap.ok(monitor["reason"] == "COUNTERS_UNLOADED" and any("cannot be read" in line for line in degraded),
           "a copy that cannot be read: the daemon waits, and says so", (monitor, degraded))
    now, why = use(machine, INCREMENT)
    tap.ok(not now and "temporarily unavailable" in why, "enclaves are told to come again", why)
    newest = seen["newest"]
    for what, copy in (("an older copy", seen["older"]), ("a changed byte", newest[:70] + bytes([newest[70] ^ 1]) + newest[71:]),
                       ("a changed last byte", newest[:-1] + bytes([newest[-1] ^ 1])), ("zeros", bytes(65536))):
        machine.push(copy, "/run/copy")
        tap.equal(tool(machine, "load /run/copy"), ["-22", "COUNTERS_IMAGE"], f"refused: {what}")
    machine.push(newest[:-1], "/run/copy")
    tap.equal(tool(machine, "load /run/copy"), ["-22", "BATCH"], "refused: a copy that was cut")
    machine.dom0(f"systemctl stop cloisterd && rm -r {STATE}/counters", check=True)
    machine.push(seen["older"], f"{STATE}/counters")
    machine.push(newest, f"{STATE}/counters.next")
    machine.dom0("systemctl start cloisterd", check=True)
    stack.wait_host(machine)
    stack.wait_agent(machine, "alice")
    now, why = use(machine, READ)
    tap.ok(now and now[0] == seen["value"] and now[2] == seen["table"],
           "as after a crash between extension and renaming: the newest copy's values", (now, why, seen["value"]))
    tap.ok(machine.pull(f"{STATE}/counters") == newest and not machine.dom0(f"test -e {STATE}/counters.next"),
           "it is the last copy now")
    now, why = use(machine, INCREMENT)
    tap.ok(now and now[0] > seen["value"] and durable(machine, now[0]), "counting goes on", (now, why))
    keep(machine, now[0])
    machine.dom0("systemctl kill -s KILL cloisterd", check=True)
    wait_for(lambda: machine.dom0("cloisterctl status --json").rc == 0)
    stack.wait_agent(machine, "alice")
    now, why = use(machine, INCREMENT)
    tap.ok(now and durable(machine, now[0]), "and after the daemon was killed", (now, why))
    keep(machine, now[0])


def test_requests_kept(tap, machine):
    """What the TPM is told to extend is no secret to dom0: it keeps that of the last commit."""
    machine.push(b"#!/bin/sh\ntee -a /run/requests | /usr/libexec/cloister/cloister-tpm\n", "/run/tee", mode=0o755)
    restart(machine, b"tpm-helper = /run/tee\n")
    now, why = use(machine, INCREMENT)
    tap.ok(now and durable(machine, now[0]), "the last commit", why)
    keep(machine, now[0])
    decoder, text, seen["extends"] = json.JSONDecoder(), machine.pull("/run/requests").decode(), []
    while text:
        request, end = decoder.raw_decode(text)
        text = text[end:].lstrip()
        if request["command"] == "counters":
            seen["extends"].append(base64.b64decode(request["extend"]))
    tap.ok(seen["extends"], "with its extension")


def replay(tap, state):
    """Between two boots root removes the TPM's index, makes one like it, and extends it as it was extended."""
    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/socket"
        emulator = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--server", f"type=unixio,path={place}", "--ctrl",
             f"type=unixio,path={place}.ctrl", "--flags", "not-need-init,startup-clear"], stderr=subprocess.DEVNULL)

        def tpm(*command, data=None):
            return subprocess.run(command, input=data, env={**os.environ, "TPM2TOOLS_TCTI": f"swtpm:path={place}"},
                                  check=True, capture_output=True).stdout
        try:
            if not wait_for(lambda: os.path.exists(place)):
                raise MachineError("swtpm does not start")
            before = tpm("tpm2_nvread", "-C", "o", "-s", "32", INDEX)
            tpm("tpm2_nvundefine", "-C", "o", INDEX)
            tpm("tpm2_nvdefine", "-Q", "-C", "o", "-s", "32", "-g", "sha256", "-a",
                "authread|ownerread|ownerwrite|no_da|nt=extend", INDEX)
            for extend in seen["extends"]:
                tpm("tpm2_nvextend", "-C", "o", "-i-", INDEX, data=extend)
            tap.ok(tpm("tpm2_nvread", "-C", "o", "-s", "32", INDEX) != before,
                   "the same extensions do not lead to the same value: the monitor's began at random")
        finally:
            emulator.terminate()
            emulator.wait()


def test_lost(tap, machine):
    """The newest copy, but an index that root made: for the daemon as any older copy."""
    machine.push(str(BUILD / "tests/enclaves/probe.image"), PROBE, tenant="alice")
    monitor, daemon, degraded = status(machine)
    tap.ok(monitor["reason"] == "NONE" and monitor["used"] == 0 and daemon["lost"], "the counters are lost", (monitor, daemon))
    tap.ok(any("lost" in line for line in degraded), "the status says so", degraded)
    tap.ok('"kind":"counters","event":"lost"' in machine.dom0("cat /var/log/cloister/trace-*.jsonl").out, "the log says so",
           log_lines(machine))
    tap.ok("ALL COUNTERS ARE LOST" in machine.dom0("journalctl -u cloisterd --no-pager").out, "the journal says so")
    tap.ok(machine.pull(f"{STATE}/counters.lost-1") == seen["older"] and
           machine.pull(f"{STATE}/counters.old.lost-1") == seen["newest"], "both copies are kept")
    now, why = use(machine, READ)
    tap.ok(not now and "No such file" in why, "the enclave's counter is absent", why)
    got = ledger(machine, "1", seen["ledger"])
    tap.ok(got[0] == 4 and "lost its counters" in got[1], "the ledger does not go on by itself", got)
    now, why = use(machine, INCREMENT)
    tap.ok(now and now[2] != seen["table"], "a new one is of another table", why)
    tap.ok(now and durable(machine, now[0]), "and becomes durable", status(machine))


FIRST = [test_durable, test_batches, test_ledger, test_forged, test_another_domain]
SECOND = [test_next_boot, test_requests_kept]
THIRD = [test_lost]
