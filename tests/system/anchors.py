# SPDX-License-Identifier: MIT
"""The trace log against root in dom0, who can write the files and make their chain anew: what the monitor signed stays."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import tempfile

import attestation


LOGS, BENT = "/var/log/cloister", "/run/bent"
HEAD = re.compile(r'^\{"index":\d+,"prev":"[0-9a-f]{64}"')


def pull(machine):
    """The log's lines, over all files."""
    files = machine.dom0(f"ls {LOGS}", check=True).out.split()
    return "".join(machine.pull(f"{LOGS}/{name}").decode() for name in sorted(files)
                   if name.startswith("trace-")).splitlines()


def chained(lines):
    """The same lines with the chain that cloisterd would have given them (cloister-log(5))."""
    made, previous = [], "0" * 64
    for index, line in enumerate(lines):
        body = HEAD.sub(f'{{"index":{index},"prev":"{previous}"', line[:line.rindex(',"hash":"')])
        previous = hashlib.sha256(body.encode()).hexdigest()
        made.append(f'{body},"hash":"{previous}"}}')
    return made


def places(lines, kind):
    return [place for place, line in enumerate(lines) if f'"kind":"{kind}"' in line]


def verify(machine, lines):
    machine.dom0(f"mkdir -p {BENT}", check=True)
    machine.push(("\n".join(lines) + "\n").encode(), f"{BENT}/trace-00000001.jsonl")
    result = machine.dom0(f"cloisterctl verify-log --json {BENT}")
    return result, json.loads(result.out) if result.out.startswith("{") else {}


class Outside:
    """Who asks from another machine: evidence first, then heartbeats."""

    def __init__(self, folder, machine):
        self.machine, self.folder, self.nonce = machine, pathlib.Path(folder), os.urandom(32)
        judge = attestation.Judge(folder, machine, bytes(192))
        self.key = judge.key
        policy = {name: value for name, value in judge.policy.items() if name != "enclaves"}
        (self.folder / "policy").write_text(json.dumps({**policy, "host-only": True}), encoding="ascii")
        (self.folder / "evidence").write_bytes(attestation.evidence(machine, self.nonce))

    def ask(self, name):
        """A heartbeat in the file `name`, and its challenge."""
        nonce = os.urandom(32).hex()
        self.machine.dom0(f"cloisterctl heartbeat --nonce {nonce} -o /run/beat", check=True)
        (self.folder / name).write_bytes(self.machine.pull("/run/beat"))
        return nonce

    def judge(self, name, nonce, lines, earlier=None):
        (self.folder / "log").write_text("\n".join(lines) + "\n", encoding="ascii")
        options = {"heartbeat": name, "nonce": nonce, "evidence": "evidence", "evidence-nonce": self.nonce.hex(),
                   "policy": "policy", "enrolled-key": self.key, "log": "log", **({"earlier": earlier} if earlier else {})}
        done = subprocess.run([attestation.VERIFY, "heartbeat", "--json"] +
                              [word for option, value in options.items() for word in (f"--{option}", value)],
                              cwd=self.folder, capture_output=True, text=True)
        return json.loads(done.stdout) if done.stdout else {"accepted": None, "refusal": {"code": done.stderr}}


def refused(machine):
    """Something that leaves a record of its own."""
    return machine.dom0("xl debug-keys d").rc != 0


def test_anchored_log(tap, machine):
    with tempfile.TemporaryDirectory() as folder:
        outside = Outside(folder, machine)
        early = outside.ask("early")
        tap.ok(refused(machine), "dom0 tries something, and it is recorded")
        attestation.restart(machine, machine.pull(attestation.CONFIG))
        now = outside.ask("now")
        lines = pull(machine)
        inside(tap, machine, lines)
        from_outside(tap, outside, lines, early, now)


def inside(tap, machine, lines):
    records, anchors = places(lines, "trace"), places(lines, "anchor")
    tap.equal(chained(lines), lines, "the test makes the chain as cloisterd does")
    result, said = verify(machine, lines)
    tap.ok(result.rc == 0 and said["anchors"] == len(anchors) >= 2 and said["records_anchored"] >= 1 and
           not said["records_missing"], "verify-log: the log as it is", f"{result.rc}: {result.out} {result.err}")
    victim = [place for place in records if place < anchors[-1]][-1]
    bent = lines[victim].replace('"reason":', '"reason":1', 1)
    result, _ = verify(machine, lines[:victim] + [bent] + lines[victim + 1:])
    tap.ok(result.rc == 1, "a record bent: the chain is broken", f"{result.rc}: {result.out} {result.err}")
    result, _ = verify(machine, chained(lines[:victim] + [bent] + lines[victim + 1:]))
    tap.ok(result.rc == 1 and "anchor" in result.out + result.err, "a record bent, the chain made anew: an anchor differs",
           f"{result.rc}: {result.out} {result.err}")
    for name, place in ("last", victim), ("first", records[0]):
        result, _ = verify(machine, chained(lines[:place] + lines[place + 1:]))
        tap.ok(result.rc == 1 and "missing" in result.out + result.err,
               f"the {name} record before an anchor taken out, the chain made anew", f"{result.rc}: {result.out} {result.err}")


def from_outside(tap, outside, lines, early, now):
    verdict = outside.judge("now", now, lines, earlier="early")
    tap.ok(verdict["accepted"] and verdict["claims"]["log_anchored"] == verdict["claims"]["trace_records"] and
           not verdict["claims"]["log_missing"], "from outside: the heartbeat vouches for every record", verdict)
    records = places(lines, "trace")
    verdict = outside.judge("now", now, chained(lines[:records[-1]]))
    tap.equal(verdict.get("refusal", {}).get("code"), "trace-short", "a log cut short")
    bent = list(lines)
    bent[records[-1]] = bent[records[-1]].replace('"reason":', '"reason":1', 1)
    verdict = outside.judge("now", now, chained(bent))
    tap.equal(verdict.get("refusal", {}).get("code"), "trace-differs", "the last record bent")
    verdict = outside.judge("early", early, lines, earlier="now")
    tap.ok(verdict["accepted"] is False, "a heartbeat of before, as if it were a later one", verdict)


TESTS = [test_anchored_log]
