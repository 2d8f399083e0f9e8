# SPDX-License-Identifier: MIT
"""Evidence of a live host: made in dom0 with the TPM, judged outside by cloister-verify, which knows nothing
of the machine but its files, its policy and its enrolled key."""

import base64
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile

from scene import BUILD
import identity
from harness import Machine, MachineError, stack

VERIFY = str(BUILD / "attest/command/cloister-verify")
EVIDENCE, REPORT = "/run/host.cbor", "/run/enclave.report"


class Judge:
    """A verifier: policy and reference values in a folder of its own."""

    def __init__(self, folder, machine, image):
        self.folder = pathlib.Path(folder)
        public = base64.b64decode(tpm_keys(machine)["ak_public"])
        self.key = hashlib.sha256(public[2:]).hexdigest()
        pcrs = {index: machine.dom0(f"cat /sys/class/tpm/tpm0/pcr-sha256/{index}",
                                    check=True).out.strip().lower() for index in "789"}
        self.policy = {
            "name": "system", "attestation-keys": "enrolled", "accept-no-mor": True,
            # Xen is started without firmware that measures: its PCRs say nothing.
            "insecure-incomplete-boot": True, "insecure-empty-pcrs": True,
            "boot": [{"name": "this machine", "pcrs": pcrs}],
            "enclaves": [{"name": "probe", "measurement": image[144:192].hex()}],
        }

    def __call__(self, evidence, nonce, data=None, key=None, **changes):
        """What cloister-verify says: its JSON."""
        (self.folder / "evidence").write_bytes(evidence)
        policy = {name: value for name, value in {**self.policy, **changes}.items() if value is not None}
        (self.folder / "policy").write_text(json.dumps(policy), encoding="ascii")
        done = subprocess.run(
            [VERIFY, "verify", "--evidence", self.folder / "evidence", "--policy", self.folder / "policy",
             "--nonce", nonce.hex(), "--enrolled-key", key or self.key, "--json",
             *(["--report-data", data.hex()] if data else [])], capture_output=True, text=True)
        return json.loads(done.stdout) if done.stdout else {"accepted": None, "refusal": done.stderr}


def tpm_keys(machine):
    return json.loads(machine.dom0("cloisterctl tpm --json", timeout=120, check=True).out)


def evidence(machine, nonce, *reports):
    options = "".join(f" --report {path}" for path in reports)
    machine.dom0(f"cloisterctl evidence --nonce {nonce.hex()}{options} -o {EVIDENCE}", timeout=120, check=True)
    return machine.pull(EVIDENCE)


def enclave_report(machine, data):
    machine.push(str(BUILD / "tests/enclaves/probe.image"), identity.PROBE, tenant="alice")
    report, why = identity.probe(machine, identity.REPORT, data, 512)
    if not report:
        raise MachineError(f"no report: {why}")
    machine.push(report, REPORT)
    return report


def refused(tap, verdict, code, what):
    tap.ok(verdict["accepted"] is False and verdict["refusal"]["code"] == code, f"refused: {what}", verdict)


def test_keys(tap, machine):
    keys = tpm_keys(machine)
    tap.equal(sorted(keys), ["ak_public", "ek_certificate", "ek_public"], "what an enrolling service wants")
    tap.equal(tpm_keys(machine), keys, "the keys are the same when asked again")
    public = base64.b64decode(keys["ak_public"])
    tap.ok(public[:6] == bytes.fromhex("00580023000b"), "the attestation key is P-256 with SHA-256",
           public.hex())
    machine.dom0("systemctl restart cloisterd", check=True)
    stack.wait_host(machine)
    tap.equal(tpm_keys(machine), keys, "and after the daemon's restart")


def test_evidence(tap, machine):
    nonce, data = os.urandom(32), os.urandom(64)
    report = enclave_report(machine, data)
    found = evidence(machine, nonce, REPORT)
    image = (BUILD / "tests/enclaves/probe.image").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(folder, machine, image)
        verdict = judge(found, nonce, data)
        if not tap.ok(verdict["accepted"], "the evidence of this host is accepted", verdict):
            return
        claims = verdict["claims"]
        tap.ok("tpm-required" in claims["monitor_flags"] and claims["boot"] == "this machine" and
               claims["enclaves"][0]["name"] == "probe" and sorted(claims["pcrs"], key=int) ==
               [str(index) for index in range(10)] + ["13"] and "refusals" in claims,
               "the claims: flags, boot, enclave, PCRs, heartbeat", claims)
        verdict = judge(found, nonce, **{"maximum-report-age": 600})
        tap.ok(verdict["accepted"], "the heartbeat in it says how old the report is", verdict)
        refusals(tap, machine, judge, found, nonce, data, report)


def refusals(tap, machine, judge, found, nonce, data, report):
    refused(tap, judge(found, os.urandom(32), data), "nonce-differs", "another nonce")
    place = found.index(report) + 100
    altered = found[:place] + bytes([found[place] ^ 1]) + found[place + 1:]
    refused(tap, judge(altered, nonce, data), "report-signature-wrong", "a report with one bit changed")
    machine.push(altered[found.index(report):][:512], "/run/altered")
    refused(tap, judge(evidence(machine, nonce, "/run/altered"), nonce, data), "report-signature-wrong",
            "the same, quoted again by dom0")
    refused(tap, judge(found, nonce, os.urandom(64)), "report-data-differs", "another report data")
    refused(tap, judge(found, nonce, data, key="00" * 32), "key-not-accepted", "a host that is not enrolled")
    refused(tap, judge(found, nonce, data, boot=[{"name": "other", "pcrs": {"8": "11" * 32}}]), "boot-not-accepted",
            "another command line")
    refused(tap, judge(found, nonce, data, enclaves=[{"name": "x", "measurement": "11" * 48}]),
            "enclave-not-accepted", "another enclave")
    refused(tap, judge(evidence(machine, nonce), nonce), "enclave-missing", "no enclave at all")
    former.append(report)


def test_optional(tap, machine):
    """A Xen that would have gone on without its TPM; all else is as it should be. With a report of before."""
    nonce, data = os.urandom(32), os.urandom(64)
    enclave_report(machine, data)
    found = evidence(machine, nonce, REPORT)
    image = (BUILD / "tests/enclaves/probe.image").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(folder, machine, image)
        verdict = judge(found, nonce, data)
        refused(tap, verdict, "monitor-flags", "a host without cloister-tpm=required")
        tap.ok("tpm-required" in verdict["refusal"]["expected"], "the refusal names the flag", verdict)
        verdict = judge(found, nonce, data, **{"insecure-tpm-optional": True})
        tap.ok(verdict["accepted"], "accepted by a policy that says insecure", verdict)
        for report in former:
            machine.push(report, REPORT)
            refused(tap, judge(evidence(machine, nonce, REPORT), nonce, data, **{"insecure-tpm-optional": True}),
                    "report-record", "a report of an earlier boot")


def test_from_the_tenant(tap, machine):
    """An application fetches the evidence itself: through the agent and libxenvchan."""
    nonce, data = os.urandom(32), os.urandom(64)
    machine.push(enclave_report(machine, data), REPORT, tenant="alice")
    result = machine.tenant("alice", f"cloister evidence --nonce {nonce.hex()} --report {REPORT} -o {EVIDENCE}",
                            timeout=120)
    if not tap.ok(result, "an application in the tenant gets evidence", result.err):
        return
    image = (BUILD / "tests/enclaves/probe.image").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(folder, machine, image)
        found = machine.pull(EVIDENCE, tenant="alice")
        verdict = judge(found, nonce, data)
        tap.ok(verdict["accepted"], "it is accepted", verdict)
        refused(tap, judge(found, os.urandom(32), data), "nonce-differs", "another nonce")
    for options, status, says in (
            ("-o /run/x", 2, "--nonce and -o"), (f"--nonce {nonce.hex()}", 2, "--nonce and -o"),
            (f"--nonce {nonce.hex()[:30]} -o /run/x", 2, "16 to 64 bytes"),
            (f"--nonce {nonce.hex()} --report {EVIDENCE} -o /run/x", 3, "a report has 512 bytes"),
            (f"--nonce {nonce.hex()} --report /run/none -o /run/x", 3, "No such file"),
            (f"--nonce {nonce.hex()} -o /nonexistent/x", 3, "No such file")):
        result = machine.tenant("alice", f"cloister evidence {options}", timeout=120)
        tap.ok(result.rc == status and says in result.err, f"cloister evidence: {says}", f"{result.rc}: {result.err}")
    machine.tenant("alice", "head -c 512 /dev/zero >/run/zeros")
    result = machine.tenant("alice", f"cloister evidence --nonce {nonce.hex()} --report /run/zeros -o /run/x",
                            timeout=120)
    tap.ok(result.rc == 6 and "is none" in result.err, "a report that is none is refused by the host", result.err)


def test_bad_requests(tap, machine):
    """Each is told what is wrong, and the daemon goes on."""
    machine.push(b"x" * 511, "/run/short")
    machine.push(b"x" * 512, "/run/garbage")
    machine.push(b"{}", "/run/reply")
    blob = base64.b64encode(b"\0\x22" + bytes(34)).decode()
    machine.push(json.dumps({"enrolment": "e", "credential_blob": blob, "encrypted_secret": blob}).encode(), "/run/wrong")
    nonce = "11" * 16
    for command, status, says in (
            ("evidence -o /run/x", 2, "--nonce"), (f"evidence --nonce {nonce}", 2, "-o FILE"),
            (f"evidence --nonce {nonce[2:]} -o /run/x", 2, "16 to 64 bytes"),
            (f"evidence --nonce {'1' * 33} -o /run/x", 2, "16 to 64 bytes"),
            (f"evidence --nonce {'xy' * 16} -o /run/x", 2, "hexadecimal"),
            (f"evidence --nonce {'11' * 65} -o /run/x", 2, "16 to 64 bytes"),
            (f"evidence --nonce {nonce} --report /run/short -o /run/x", 1, "/run/short is no report"),
            (f"evidence --nonce {nonce} --report /run/none -o /run/x", 1, "/run/none cannot be read"),
            (f"evidence --nonce {nonce} --report /run/garbage -o /run/x", 1, "a report has 512 bytes"),
            (f"evidence --nonce {nonce} -o /nonexistent/x", 1, "cannot be written"),
            (f"evidence --nonce {nonce} {'--report /run/garbage ' * 16} -o /run/x", 2, "at most 15"),
            ("heartbeat -o /run/x", 2, "--nonce"), (f"status --nonce {nonce}", 2, "--nonce is for"),
            ("activate /run/reply", 1, "no reply of an enrolling service"),
            ("activate /run/none", 1, "cannot be read"), ("activate /run/wrong", 1, "TPM2_ActivateCredential")):
        result = machine.dom0(f"cloisterctl {command}", timeout=120)
        tap.ok(result.rc == status and says in result.err, f"cloisterctl {command[:60]}: {says}",
               f"{result.rc}: {result.err}")
    tap.ok(not machine.dom0("test -e /run/x"), "nothing was left of what failed")
    machine.dom0(f"cloisterctl heartbeat --nonce {nonce} -o /run/beat", check=True)
    beat = machine.pull("/run/beat")
    record = identity.ask(machine, "record")
    binding = hashlib.sha256(bytes.fromhex(nonce) + hashlib.sha256(record).digest()).digest()
    tap.ok(identity.report_verifies(beat, record) and identity.HEAD.unpack(beat)[identity.DATA] == binding + bytes(32),
           "a heartbeat verifies, and answers the nonce", beat.hex())


CONFIG = "/etc/cloister/cloisterd.conf"
HANGS = b"#!/bin/sh\ntrap '' TERM INT\necho command TPM2_Quote\nwhile :; do sleep 1; done\n"


def restart(machine, config):
    machine.push(config, CONFIG)
    machine.dom0("systemctl restart cloisterd", check=True)
    stack.wait_host(machine)
    stack.wait_agent(machine, "alice")


def test_hanging_tpm(tap, machine):
    """Whoever asks is told which command hangs; nobody else notices."""
    config = machine.pull(CONFIG)
    machine.push(HANGS, "/run/hangs", mode=0o755)
    restart(machine, b"tpm-helper = /run/hangs\ntpm-timeout = 5\n")
    keys = machine.start_dom0("cloisterctl tpm")
    status = stack.ctl(machine, "status")
    tap.ok(status["ok"] and not keys.done(0), "the daemon answers others while the TPM hangs", status)
    result = keys.wait(60)
    tap.ok(result.rc == 1 and "TPM2_Quote: the TPM did not answer within 5 s" in result.err, "then it says what hung",
           f"{result.rc}: {result.err}")
    machine.dom0("timeout -s KILL 1 cloisterctl tpm")
    result = machine.tenant("alice", f"cloister evidence --nonce {'11' * 16} -o /run/x", timeout=60)
    tap.ok(result.rc == 6 and "in time" in result.err, "the tenant is told, too", f"{result.rc}: {result.err}")
    tap.ok(stack.ctl(machine, "status")["ok"] and not machine.dom0("pidof -x hangs"),
           "somebody who went while waiting changed nothing, and no process is left")
    restart(machine, b"tpm = none\n")
    result = machine.dom0("cloisterctl tpm")
    tap.ok(result.rc == 1 and "no TPM (tpm = none)" in result.err, "without a TPM it says so", result.err)
    result = machine.tenant("alice", f"cloister evidence --nonce {'11' * 16} -o /run/x", timeout=60)
    tap.ok(result.rc == 6 and "no TPM" in result.err, "to the tenant, too", f"{result.rc}: {result.err}")
    restart(machine, config)
    tap.ok(len(tpm_keys(machine)) == 3, "and with its own settings all is well again")


def without_tpm(tap, payloads):
    """cloister-tpm=required on a machine that has none: Xen must say so and stop before dom0."""
    machine = Machine("system-no-tpm", xen=stack.xen(str(BUILD)), xen_options=["cloister-tpm=required"],
                      **{**payloads, "tpm": None})
    try:
        with machine:
            tap.ok(False, "Xen does not boot without a TPM")
    except MachineError as error:
        console = machine.console()
        tap.ok("Panic on CPU" in str(error) and "cloister-tpm=required, and no TPM vouches" in console,
               "Xen does not boot without a TPM", console[-2000:])
        tap.ok("no TPM was found" in console and "firmware's setup" in console, "it says why, and what to do",
               console[-2000:])
        tap.ok("Linux version" not in console, "dom0 did not run", console[-2000:])


former = []  # reports of an earlier boot of the same machine
TESTS = [test_keys, test_evidence, test_from_the_tenant, test_bad_requests, test_hanging_tpm]
