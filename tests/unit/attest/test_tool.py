#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command cloister-verify, as its users see it: exit status, messages, JSON.

usage: test_tool.py CLOISTER-VERIFY ATTEST-SAMPLE
"""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))

from harness.tap import Tap  # noqa: E402

ACCEPTED, REFUSED, USAGE, INPUT = range(4)
FLAGS = ["svm", "iommu-strict", "ibpb", "tpm-required", "lockdown", "intremap", "mor"]
WHOLE = "0", "2", "4", "7", "8", "9"  # the PCRs of a boot configuration
FIRMWARE_MISSING = "policies refuse it: PCRs 0, 2, 7 missing"


class Tool:
    def __init__(self, tap, path, sample):
        self.tap, self.path, self.sample_path = tap, path, sample

    def check(self, name, status, *arguments, says="", where=None, warns=None):
        """It must end so and say this: a complaint as one line on standard error, anything else on the output."""
        done = subprocess.run([self.path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              text=True)
        complaint = status in (USAGE, INPUT) if where is None else where == "error"
        text = done.stderr if complaint else done.stdout
        good = done.returncode == status and says in text
        if complaint:
            good = good and not done.stdout and done.stderr.count("\n") == 1
        else:
            good = good and (warns in done.stderr if warns else not done.stderr)
        self.tap.ok(good, name, f"status {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def sample(self, *arguments):
        done = subprocess.run([self.sample_path, ".", *arguments], stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)


def usage(tool):
    tool.check("help", ACCEPTED, "--help", says="usage: cloister-verify COMMAND")
    tool.check("version", ACCEPTED, "--version", says="cloister-verify 0")
    tool.check("unknown command", USAGE, "nonsense", says="nonsense")
    for command in "verify", "heartbeat", "show", "predict", "token", "authorize":
        tool.check(f"{command} --help", ACCEPTED, command, "--help", says=f"usage: cloister-verify {command}")
        tool.check(f"{command} without arguments", USAGE, command)
        tool.check(f"{command}: unknown option", USAGE, command, "--nonsense", says="--nonsense")
        tool.check(f"{command}: too much", USAGE, command, "more", says="more")
    tool.check("verify: option without value", USAGE, "verify", "--evidence", says="--evidence")


def lost_output(tool):
    """A verdict that nobody could read is none."""
    sample = tool.sample()
    base = ["verify", "--evidence", "evidence.cbor", "--policy", "policy.json", "--enrolled-key", sample["key"], "--nonce"]

    def lost(name, status, output, *arguments):
        done = subprocess.run(["sh", "-c", f'exec "$0" "$@" {output}', tool.path, *arguments], stderr=subprocess.PIPE,
                              check=False, text=True)
        tool.tap.ok(done.returncode == status and "cloister-verify: standard output: " in done.stderr,
                    f"{name} {output}", f"status {done.returncode}\n{done.stderr}")
    for output in ">/dev/full", ">&-":
        lost("accepted", INPUT, output, *base, sample["nonce"])
        lost("accepted, as JSON", INPUT, output, *base, sample["nonce"], "--json")
        lost("refused", REFUSED, output, *base, "00" * 32)
        lost("help", INPUT, output, "--help")
        lost("help of a command", INPUT, output, "predict", "--help")
    done = subprocess.run(["sh", "-c", 'exec "$0" "$@" 2>&-', tool.path, *base, sample["nonce"]], stdout=subprocess.PIPE,
                          check=False)
    tool.tap.ok(done.returncode == ACCEPTED and done.stdout.startswith(b"accepted"), "accepted, without standard error")


def verify(tool):
    sample = tool.sample()
    base = ["verify", "--evidence", "evidence.cbor", "--policy", "policy.json", "--nonce", sample["nonce"]]
    key = ["--enrolled-key", sample["key"]]
    tool.check("accepted", ACCEPTED, *base, *key, says="accepted")
    claims = json.loads(tool.check("accepted, as JSON", ACCEPTED, *base, *key, "--json"))
    tool.tap.ok(claims["accepted"] and claims["claims"]["enclaves"][0]["name"] == "vault" and
            claims["claims"]["monitor_flags"] == FLAGS and
            claims["claims"]["pcrs"]["9"] == "99" * 32 and claims["claims"]["xen_source"].startswith("4.17.5+72-g") and
            claims["claims"]["lockdown_table"] == "7a" * 32 and claims["claims"]["firmware_settings"] == "unchecked",
            "the claims", json.dumps(claims))
    tool.check("report data", ACCEPTED, *base, *key, "--report-data", sample["report_data"])
    tool.check("other report data", REFUSED, *base, *key, "--report-data", "00" * 64, says="report-data-differs")
    tool.check("host not enrolled", REFUSED, *base, says="key-not-accepted")
    tool.check("another host", REFUSED, *base, "--enrolled-key", "00" * 32, says="expected  " + "00" * 32)
    refusal = json.loads(tool.check("another challenge", REFUSED, *base[:-1], "00" * 32, *key, "--json"))
    tool.tap.ok(not refusal["accepted"] and refusal["refusal"]["step"] == 2 and
            refusal["refusal"]["code"] == "nonce-differs" and refusal["refusal"]["expected"] == "00" * 32 and
            refusal["refusal"]["found"] == sample["nonce"], "the refusal", json.dumps(refusal))
    for nonce in "", "00" * 15, "00" * 65, "0" * 33, "zz" * 16:
        tool.check(f"nonce '{nonce[:8]}' of {len(nonce)} digits", USAGE, *base[:-1], nonce, says="--nonce")
    tool.check("key too short", USAGE, *base, "--enrolled-key", "00" * 31, says="--enrolled-key")
    tool.check("report data too long", USAGE, *base, "--report-data", "00" * 65, says="--report-data")
    tool.check("no nonce", USAGE, *base[:-2], says="--nonce")
    inputs(tool, base, key)


def inputs(tool, base, key):
    evidence = pathlib.Path("evidence.cbor").read_bytes()
    for name, data, code in ("empty", b"", "truncated"), ("cut", evidence[:-1], "truncated"), \
            ("followed", evidence + b"\0", "trailing-bytes"), ("text", b"hello, this is text", "bad-type"):
        pathlib.Path("bad.cbor").write_bytes(data)
        tool.check(f"evidence, {name}", REFUSED, "verify", "--evidence", "bad.cbor", *base[3:], *key, says=code)
        tool.check(f"show, {name}", REFUSED, "show", "--evidence", "bad.cbor", says="no evidence", where="error")
    pathlib.Path("large.cbor").write_bytes(bytes(256 * 1024 + 1))
    for path, says in ("missing", "missing"), (".", "cannot be read"), ("large.cbor", "too large"):
        tool.check(f"evidence: {path}", INPUT, "verify", "--evidence", path, *base[3:], says=says)
        tool.check(f"show: {path}", INPUT, "show", "--evidence", path, says=says)
    for policy, says in ("", "no JSON"), ("{\"x\": 1}", "unknown member 'x'"), ("[]", "an object"):
        pathlib.Path("bad.json").write_text(policy, encoding="ascii")
        tool.check(f"policy {policy!r}", INPUT, *base[:3], "--policy", "bad.json", *base[5:], says=says)
    tool.check("policy: missing", INPUT, *base[:3], "--policy", "missing", *base[5:], says="missing")
    shown = tool.check("show", ACCEPTED, "show", "--evidence", "evidence.cbor", says="not verified")
    words = "tpm-required lockdown intremap mor", "PCR 13", "heartbeat", "COSE_Sign1", "4d4d4d", "4.17.5", "7a7a7a", \
        "4.17.5+72-g01140da4e8-1"
    tool.tap.ok(all(word in shown for word in words), "all is shown", shown)


def heartbeat(tool):
    sample = tool.sample()
    options = {"--heartbeat": "good.beat", "--nonce": sample["later"], "--evidence": "evidence.cbor",
               "--evidence-nonce": sample["nonce"], "--policy": "policy.json", "--enrolled-key": sample["key"]}

    def check(name, status, *more, says="", **changed):
        """Options by their names, _ for -; None leaves one out."""
        named = {**options, **{"--" + key.replace("_", "-"): value for key, value in changed.items()}}
        words = [word for option, value in named.items() if value is not None for word in (option, value)]
        return tool.check("heartbeat: " + name, status, "heartbeat", *words, *more, says=says)

    def refused(name, subject, code, *more, **changed):
        verdict = json.loads(check(name, REFUSED, "--json", *more, **changed))
        tool.tap.ok(not verdict["accepted"] and verdict["refused"] == subject and verdict["refusal"]["code"] == code and
                "claims" not in verdict, f"it is {code}, of the {subject}", json.dumps(verdict))

    check("accepted", ACCEPTED, says="sequence  99, 68000000000 ns since boot")
    check("as COSE_Sign1", ACCEPTED, heartbeat="cose.beat", says="accepted")
    claims = json.loads(check("accepted, as JSON", ACCEPTED, "--json"))
    tool.tap.ok(claims["accepted"] and claims["claims"]["sequence"] == 99 and claims["claims"]["refusals"] == 3 and
            claims["claims"]["boot_changes"] == 0 and
            claims["claims"]["boot_id"] == "1122334455667788" and not claims["claims"]["insecure"] and
            claims["claims"]["attestation_key"] == sample["key"] and
            claims["claims"]["monitor_flags"] == FLAGS, "the claims",
            json.dumps(claims))
    check("later than the last", ACCEPTED, after="98")
    check("for evidence with this report data", ACCEPTED, report_data=sample["report_data"])
    refused("the last one again", "heartbeat", "heartbeat-old", after="99")
    refused("one before the last", "heartbeat", "heartbeat-old", after="18446744073709551615")
    refused("not later than the evidence", "heartbeat", "heartbeat-old", heartbeat="old.beat")
    refused("the evidence's own", "heartbeat", "heartbeat-differs", heartbeat="then.beat")
    refused("another challenge", "heartbeat", "heartbeat-differs", nonce="78" * 32)
    refused("the beginning of the challenge", "heartbeat", "heartbeat-differs", nonce=sample["later"][:62])
    refused("words behind the binding", "heartbeat", "heartbeat-differs", heartbeat="more.beat")
    refused("an enclave that says the same", "heartbeat", "heartbeat-differs", heartbeat="enclave.beat")
    refused("an enclave's fields", "heartbeat", "report-unknown", heartbeat="filled.beat")
    refused("another boot", "heartbeat", "report-record", heartbeat="boot.beat")
    refused("sibling threads were switched on", "heartbeat", "report-flags", heartbeat="smt.beat")
    refused("evidence for another challenge", "evidence", "nonce-differs", evidence_nonce="78" * 32)
    refused("evidence of a host that is not enrolled", "evidence", "key-not-accepted", enrolled_key=None)
    refused("evidence with other report data", "evidence", "report-data-differs", report_data="00" * 64)
    check("refused, as text", REFUSED, heartbeat="boot.beat", says="heartbeat refused at step 12, report: ")
    check("evidence refused, as text", REFUSED, enrolled_key="00" * 32, says="evidence refused at step 4, key: ")
    heartbeat_trace(tool, check, refused)
    heartbeat_bytes(check, refused)
    heartbeat_options(check, options)
    stranger = pathlib.Path("good.beat").read_bytes()
    sample = tool.sample()
    pathlib.Path("bad.beat").write_bytes(stranger)
    refused("another host's", "heartbeat", "report-record", heartbeat="bad.beat", enrolled_key=sample["key"])


def heartbeat_trace(tool, check, refused):
    traced = {"heartbeat": "traced.beat", "log": "trace.jsonl"}
    check("with its log", ACCEPTED, says="vouches for 1 of 1 records; 0 are missing", **traced)
    claims = json.loads(check("with its log, as JSON", ACCEPTED, "--json", **traced))["claims"]
    tool.tap.ok(claims["trace_records"] == 1 and claims["log_anchored"] == 1 and claims["log_missing"] == 0 and
            len(claims["trace_head"]) == 64, "what it says of the trace", json.dumps(claims))
    text = pathlib.Path("trace.jsonl").read_text(encoding="utf-8")
    boot, record = text.splitlines(keepends=True)
    for name, changed, code in ("bent", text.replace('"found":2', '"found":3'), "trace-differs"), \
            ("with a wrong member", text.replace('"found":2', '"found":"2"'), "trace-differs"), \
            ("of no JSON", text + "x\n", "trace-differs"), ("cut short", boot, "trace-short"), ("empty", "", "trace-short"), \
            ("of another boot", text.replace("1122", "1123"), "trace-short"), \
            ("with records missing", boot + record.replace('"order":0', '"order":1'), "trace-unknown"), \
            ("with a record twice", text + record, "trace-differs"):
        pathlib.Path("bad.jsonl").write_text(changed, encoding="utf-8")
        refused(f"a log {name}", "log", code, heartbeat="traced.beat", log="bad.jsonl")
    check("a log that is not there", INPUT, says="missing.jsonl", heartbeat="traced.beat", log="missing.jsonl")
    check("after an earlier one", ACCEPTED, says="accepted", earlier="earlier.beat", **traced)
    refused("after one with more records", "earlier", "trace-contradicts", heartbeat="traced.beat", earlier="more-records.beat")
    refused("after itself", "earlier", "heartbeat-old", heartbeat="traced.beat", earlier="traced.beat")
    refused("after an enclave's", "earlier", "report-signature-wrong", heartbeat="traced.beat", earlier="enclave.beat")
    refused("after something else", "earlier", "bad-size", heartbeat="traced.beat", earlier="policy.json")
    forged = bytearray(pathlib.Path("earlier.beat").read_bytes())
    forged[330] ^= 1
    pathlib.Path("bad.beat").write_bytes(forged)
    refused("after a forged one", "earlier", "report-signature-wrong", heartbeat="traced.beat", earlier="bad.beat")


def heartbeat_bytes(check, refused):
    good, cose = pathlib.Path("good.beat").read_bytes(), pathlib.Path("cose.beat").read_bytes()
    bad = pathlib.Path("bad.beat")
    for name, data in ("empty", b""), ("cut", good[:-1]), ("followed", good + b"\0"), ("cut COSE", cose[:-1]), \
            ("followed COSE", cose + b"\0"), ("evidence", pathlib.Path("evidence.cbor").read_bytes()):
        bad.write_bytes(data)
        refused(name, "heartbeat", "bad-size", heartbeat="bad.beat")
    for name, data, offset, code in ("magic", good, 0, "report-unknown"), ("kind", good, 12, "report-unknown"), \
            ("sequence", good, 16, "report-signature-wrong"), ("time", good, 24, "report-signature-wrong"), \
            ("record", good, 32, "report-record"), ("refusals", good, 72, "report-signature-wrong"), \
            ("nonce", good, 224, "report-signature-wrong"), ("trace", good, 300, "report-signature-wrong"), \
            ("boot changes", good, 340, "report-signature-wrong"), ("reserved", good, 344, "report-unknown"), \
            ("signature", good, 511, "report-signature-wrong"), ("COSE head", cose, 0, "bad-value"), \
            ("COSE signature", cose, len(cose) - 1, "report-signature-wrong"):
        bad.write_bytes(data[:offset] + bytes([data[offset] ^ 0x80]) + data[offset + 1:])
        refused(f"{name} changed", "heartbeat", code, heartbeat="bad.beat")


def heartbeat_options(check, options):
    for option in "--heartbeat", "--nonce", "--evidence", "--evidence-nonce", "--policy":
        check(f"no {option}", USAGE, says=option, **{option[2:].replace("-", "_"): None})
    check("a nonce used twice", USAGE, says="must be a new one", nonce=options["--evidence-nonce"])
    for option in "nonce", "evidence_nonce":
        for nonce in "", "00" * 15, "00" * 65, "0" * 33, "zz" * 16:
            check(f"{option} '{nonce[:8]}' of {len(nonce)} digits", USAGE, says="--" + option.replace("_", "-"),
                  **{option: nonce})
    for number in "", "-1", "x", "9x", " 9", "18446744073709551616":
        check(f"after '{number}'", USAGE, after=number, says="--after")
    check("key too short", USAGE, enrolled_key="00" * 31, says="--enrolled-key")
    check("report data too short", USAGE, report_data="00" * 63, says="--report-data")
    pathlib.Path("large.beat").write_bytes(bytes(256 * 1024 + 1))
    for option in "heartbeat", "evidence", "policy":
        check(f"{option} missing", INPUT, says="missing", **{option: "missing"})
    check("a folder", INPUT, says="cannot be read", heartbeat=".")
    check("too large", INPUT, says="too large", heartbeat="large.beat")
    check("no policy", INPUT, says="no JSON", policy="good.beat")


def extend(digests):
    value = bytes(32)
    for digest in digests:
        value = hashlib.sha256(value + digest).digest()
    return value.hex()


def predict(tool):
    files = {"xen.gz": b"xen", "vmlinuz": b"kernel", "initrd.img": b"initrd"}
    for name, data in files.items():
        pathlib.Path(name).write_bytes(data)
    pathlib.Path("grub.cfg").write_text("set root=hd0\n", encoding="ascii")
    pathlib.Path("grub.plan").write_text("# before Xen\n\nfile grub.cfg\ncommand set root=hd0\n"
                                         "text 4 Calling EFI Application from Boot Option\n"
                                         f"separator 4\nevent 4 {'11' * 32} the boot loader\n", encoding="ascii")
    boot = ["predict", "--grub", "grub.plan", "--xen", "xen.gz", "--cmdline", "iommu=force cloister-tpm=required", "--kernel",
            "vmlinuz",
            "--kernel-cmdline", "ro", "--initrd", "initrd.img"]
    texts = ["set root=hd0", "multiboot2 /boot/xen.gz iommu=force cloister-tpm=required",
             "iommu=force cloister-tpm=required", "module2 /boot/vmlinuz ro", "ro",
             "module2 --nounzip /boot/initrd.img", ""]
    wanted = {
        "4": extend([hashlib.sha256(b"Calling EFI Application from Boot Option").digest(),
                     hashlib.sha256(bytes(4)).digest(), bytes.fromhex("11" * 32)]),
        "8": extend([hashlib.sha256(text.encode()).digest() for text in texts]),
        "9": extend([hashlib.sha256(data).digest() for data in (b"set root=hd0\n", *files.values())]),
    }
    result = json.loads(tool.check("predict", ACCEPTED, *boot, "--json", warns=FIRMWARE_MISSING))
    tool.tap.equal((result["complete"], result["missing"], result["loader"]), (False, [0, 2, 7], "grub"),
                   "no file tells the firmware's PCRs")
    tool.tap.equal(result["pcrs"], wanted, "the values, computed again from the rules")
    tool.tap.ok(result["tpm_required"], "such a Xen needs a TPM")
    tool.check("a Xen that does without a TPM", ACCEPTED, "predict", "--xen", "xen.gz", "--cmdline",
               "iommu=force cloister-tpm=optional", "--json", says="\"tpm_required\":false", warns="cloister-tpm=required")
    tool.check("predict, as text", ACCEPTED, *boot, warns=FIRMWARE_MISSING, says=f"PCR   9  {wanted['9']}")

    events = [f"{event['pcr']}+{event['digest']}={event['name']}" for event in result["events"]]
    values = [f"{pcr}={value}" for pcr, value in wanted.items()]
    tool.sample(*values, *events)
    tool.check("a machine as planned", ACCEPTED, *boot, "--compare", "evidence.cbor")
    for name in files:
        good = pathlib.Path(name).read_bytes()
        pathlib.Path(name).write_bytes(good + b"!")
        tool.check(f"{name} changed by one byte is named", REFUSED, *boot, "--compare", "evidence.cbor",
                   says=f"PCR 9 differs: file {name}")
        pathlib.Path(name).write_bytes(good)
    difference = json.loads(tool.check("changed command line, as JSON", REFUSED, *boot[:5], "--cmdline",
                                       "iommu=no cloister-tpm=required", *boot[7:], "--compare", "evidence.cbor",
                                       "--json"))["difference"]
    tool.tap.ok(difference["pcr"] == 8 and "iommu=no" in difference["name"] and "iommu=force" in difference["log_says"],
            "it is named", json.dumps(difference))
    tool.sample(*values)
    pathlib.Path("xen.gz").write_bytes(b"other")
    tool.check("without a log all files are named", REFUSED, *boot, "--compare", "evidence.cbor",
               says="perhaps   file xen.gz")
    predict_values(tool, boot, wanted)
    predict_errors(tool, boot)


def write_values(values, head="  sha256:\n"):
    text = head + "".join(f"    {pcr:<2}: 0x{value.upper()}\n" for pcr, value in values.items())
    pathlib.Path("values").write_text(text, encoding="ascii")


def predict_values(tool, boot, wanted):
    """Values and reference values as tpm2_pcrread prints them."""
    pathlib.Path("xen.gz").write_bytes(b"xen")
    values = {pcr: wanted.get(str(pcr), f"{pcr + 1:02x}" * 32) for pcr in range(24)}
    write_values(values, "  sha1:\n    0 : 0x00\n  sha256:\n")
    tool.check("values as planned", ACCEPTED, *boot, "--pcrs", "values")
    pathlib.Path("golden").write_bytes(pathlib.Path("values").read_bytes())
    firmware = json.loads(tool.check("reference values", ACCEPTED, *boot, "--pcrs", "values", "--reference", "golden",
                                     "--json"))["pcrs"]
    tool.tap.equal(firmware, {**wanted, **{str(pcr): values[pcr] for pcr in (0, 1, 2, 3, 5, 6, 7)}},
                   "they stand beside the planned ones, which they do not replace")
    write_values({**values, 7: "77" * 32, 4: "44" * 32})
    whole = json.loads(tool.check("a reference makes it whole", ACCEPTED, *boot, "--reference", "golden", "--json"))
    tool.tap.equal((whole["complete"], whole["missing"]), (True, []), "nothing is missing then")
    tool.check("a planned PCR differs first", REFUSED, *boot, "--pcrs", "values", says="PCR 4 differs")
    write_values({**values, 7: "77" * 32})
    tool.check("another firmware is named", REFUSED, *boot, "--pcrs", "values", "--reference", "golden",
               says="PCR 7 differs: reference value in golden")
    tool.check("values without those of the firmware", ACCEPTED, *boot, "--pcrs", "values")
    pathlib.Path("plain").write_text("".join(f"{pcr} {wanted[pcr]}\n" for pcr in wanted), encoding="ascii")
    tool.check("values, one a line", ACCEPTED, *boot, "--pcrs", "plain")
    later = json.loads(tool.check("plan: xen", ACCEPTED, *later_plan(boot), "--json", warns="PCRs 0, 2, 4, 7"))["events"]
    tool.tap.equal((later[-1]["name"], later[0]["name"]), ("command 'boot'", "file grub.cfg"),
                   "what is measured after Xen stands after it")
    predict_policy(tool, boot, wanted)
    predict_unified(tool)
    empty_values(tool, boot)
    value_errors(tool, boot, wanted)


def predict_policy(tool, boot, wanted):
    """What predict prints can stand in a policy: it accepts this boot and no other."""
    values = {pcr: wanted.get(pcr, f"{int(pcr):02x}" * 31 + "01") for pcr in WHOLE}
    sample = tool.sample(*(f"{pcr}={value}" for pcr, value in values.items()))
    pathlib.Path("firmware").write_text("".join(f"{pcr} {values[pcr]}\n" for pcr in "027"), encoding="ascii")
    verify = ["verify", "--evidence", "evidence.cbor", "--policy", "predicted.json", "--nonce", sample["nonce"],
              "--enrolled-key", sample["key"]]

    def write_policy():
        policy = json.loads(pathlib.Path("policy.json").read_text(encoding="ascii"))
        predicted = json.loads(tool.check("predict for a policy", ACCEPTED, *boot, "--reference", "firmware",
                                          "--json"))["pcrs"]
        policy["boot"] = [{"name": "predicted", "pcrs": predicted}]
        pathlib.Path("predicted.json").write_text(json.dumps(policy), encoding="ascii")

    write_policy()
    tool.check("a policy of predicted values", ACCEPTED, *verify, says="predicted")
    pathlib.Path("vmlinuz").write_bytes(b"Kernel")
    write_policy()
    tool.check("a policy for another kernel", REFUSED, *verify, says="PCR 9, boot 'predicted'")
    pathlib.Path("vmlinuz").write_bytes(b"kernel")
    policy = json.loads(pathlib.Path("predicted.json").read_text(encoding="ascii"))
    for pcr in WHOLE:
        policy["boot"][0]["pcrs"] = {other: values[other] for other in WHOLE if other != pcr}
        pathlib.Path("predicted.json").write_text(json.dumps(policy), encoding="ascii")
        tool.check(f"a policy without PCR {pcr}", INPUT, *verify, says=f"PCR {pcr} missing: a boot by GRUB needs")


def predict_unified(tool):
    """Of a unified image, PCR 4 and the firmware's are the whole configuration."""
    image = ["predict", "--unified", "--grub", "unified.plan"]
    pathlib.Path("unified.plan").write_text(f"separator 4\nevent 4 {'22' * 32} the image\n", encoding="ascii")
    done = json.loads(tool.check("a unified image", ACCEPTED, *image, "--reference", "firmware", "--json"))
    tool.tap.equal((done["complete"], done["missing"], done["loader"], sorted(done["pcrs"])),
                   (True, [], "unified", ["0", "2", "4", "7"]), "it is whole without GRUB's PCRs")
    done = json.loads(tool.check("without a reference", ACCEPTED, *image, "--json", warns=FIRMWARE_MISSING))
    tool.tap.ok(not done["complete"], "it is not")
    tool.check("the same without --unified", ACCEPTED, "predict", "--grub", "unified.plan", "--reference", "firmware",
               says="PCR   4", warns="PCRs 8, 9 missing")
    tool.check("GRUB's files in a unified image", USAGE, *image, "--xen", "xen.gz", says="--unified")
    pathlib.Path("unified.plan").write_text(f"event 4 {'22' * 32} the image\nfile grub.cfg\n", encoding="ascii")
    tool.check("a file that GRUB opens in its plan", INPUT, *image, says="has PCR 9: that is GRUB's")


def empty_values(tool, boot):
    """Values that prove nothing, as a reference and planned."""
    separated = extend([hashlib.sha256(bytes(4)).digest()])
    for pcr, value, says in ((0, "00" * 32, "all zero"), (7, "ff" * 32, "all ff"), (2, "00" * 32, "all zero"),
                             (7, separated, "only separators"), (0, extend([hashlib.sha256(b"\xff" * 4).digest()] * 2),
                                                                 "only separators")):
        values = {0: "11" * 32, 2: "12" * 32, 7: "17" * 32, pcr: value}
        write_values(values)
        reference = [*boot, "--reference", "values"]
        tool.check(f"a reference: PCR {pcr} {says}", INPUT, *reference,
                   says=f"PCR {pcr} has a value that proves nothing ({says}")
        tool.check("taken as it is, by a word that says insecure", ACCEPTED, *reference, "--insecure-empty-pcrs", says=value)
    write_values({0: "11" * 32, 2: separated, 7: "17" * 32})
    tool.check("no drivers: a separator alone in PCR 2", ACCEPTED, *boot, "--reference", "values", says=separated)
    pathlib.Path("bad.plan").write_text("separator 4\n", encoding="ascii")
    tool.check("a plan of a separator alone", INPUT, "predict", "--grub", "bad.plan", says="PCR 4 has a value that proves nothing")


def later_plan(boot):
    pathlib.Path("later.plan").write_text("file grub.cfg\nxen\ncommand boot\n", encoding="ascii")
    return ["later.plan" if word == "grub.plan" else word for word in boot]


def value_errors(tool, boot, wanted):
    digest = "00" * 32
    write_values({8: wanted["8"], 9: wanted["9"]})
    tool.check("a value is missing", INPUT, *boot, "--pcrs", "values", says="no value of PCR 4")
    for text, says in (
            ("", "line 1: no SHA-256 PCR value"), ("sha1:\n 4 : 0x00\n", "no SHA-256 PCR value"),
            (f"24 {digest}", "line 1: \"INDEX VALUE\""), (f"-1 {digest}", "line 1: \"INDEX VALUE\""),
            (f"4 {digest}00", "line 1"), (f"4 {digest[1:]}", "line 1"), ("4", "line 1"), ("x", "line 1"),
            (f"4 {digest} x", "line 1"), (f"4{digest}", "line 1"), (f"4 {digest[1:]}g", "line 1"),
            (f"4 {digest}\n4 {digest}", "line 2: this PCR"),
            (f"4 {digest}\0", "zero byte"), ("9" * 70000, "too large")):
        pathlib.Path("bad").write_text(text, encoding="ascii")
        tool.check(f"values: {text[:12]!r}", INPUT, *boot, "--pcrs", "bad", says=says)
        tool.check(f"reference: {text[:12]!r}", INPUT, *boot, "--reference", "bad", says=says)
    tool.check("a reference that adds nothing", INPUT, *boot, "--reference", "plain", says="no PCR from 0 to 7")
    tool.check("no such values", INPUT, *boot, "--pcrs", "missing", says="missing")
    tool.check("no such log", INPUT, *boot, "--pcrs", "plain", "--log", "missing", says="missing")
    write_values({pcr: "5a" * 32 for pcr in (4, 8, 9)})
    tool.check("a file that is no log", INPUT, *boot, "--pcrs", "values", "--log", "grub.cfg", says="grub.cfg: event 0, byte 0: ")
    tool.check("a log without values", USAGE, *boot, "--log", "grub.cfg", says="--pcrs")
    tool.check("values and evidence", USAGE, *boot, "--pcrs", "plain", "--compare", "evidence.cbor", says="not both")
    for text in 'a "b c"', "a\\b", "a'b", "$a", "a;b", "a|b", "a&b", "a<b", "a>b", "a  b", " a", "a ", "a\tb", "a\nb":
        for option in "--cmdline", "--kernel-cmdline":
            words = [text if i and boot[i - 1] == option else word for i, word in enumerate(boot)]
            tool.check(f"{option} {text!r}", INPUT, *words, says=f"{option}: GRUB does not hand")
    pathlib.Path("twice.plan").write_text("xen\nxen\n", encoding="ascii")
    tool.check("plan: xen twice", INPUT, *boot, "--grub", "twice.plan", says="twice.plan, line 2")


def predict_errors(tool, boot):
    tool.check("no such file", INPUT, "predict", "--xen", "missing", says="missing")
    tool.check("a folder", INPUT, "predict", "--xen", ".", says="cannot be measured")
    tool.check("no such plan", INPUT, "predict", "--grub", "missing", says="missing")
    for line in "nonsense", "file", "file missing", "event", "event 4", "event 4 00 x", f"event 24 {'00' * 32} x", \
            f"event -1 {'00' * 32} x", f"event 4 {'00' * 32}", f"event x {'00' * 32} x", "files grub.cfg", \
            "separator", "separator 24", "separator 4 x", "application 4", "application 4 grub.cfg", \
            "application 4 missing", "text", "text 4", "text 99999999999999999999 x":
        pathlib.Path("bad.plan").write_text(f"command good\n{line}\n", encoding="ascii")
        tool.check(f"plan: '{line[:20]}'", INPUT, "predict", "--grub", "bad.plan", says="bad.plan, line 2")
    tool.check("compare with no evidence", INPUT, *boot, "--compare", "grub.cfg", says="no evidence")
    tool.check("compare with nothing", INPUT, *boot, "--compare", "missing", says="missing")


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def make_key(path, *options):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", *options, "-out", path)
    der = openssl("pkey", "-in", path, "-pubout", "-outform", "DER", *(["-passin", "pass:x"] if options else []))
    return der[-64:]


def key_name(public):
    """SHA-256 of the TPMT_PUBLIC, as the text of cloister/update.h has it."""
    area = bytes.fromhex("0023000b0004004000000010" "0018000b00030010")
    return hashlib.sha256(area + b"\0\x20" + public[:32] + b"\0\x20" + public[32:]).hexdigest()


SEAL_PCRS = 0, 2, 3, 4, 7, 8, 9


def policy_digest(values, record=13):
    """TPM2_PolicyPCR of these values and of the record's PCR, as zero (TPM 2.0 part 3, 23.7)."""
    return pcr_policy({record: "00" * 32, **{pcr: values[pcr] for pcr in SEAL_PCRS}})


def pcr_policy(values):
    mask = sum(1 << pcr for pcr in values)
    digest = hashlib.sha256(b"".join(bytes.fromhex(values[pcr]) for pcr in sorted(values))).digest()
    return hashlib.sha256(bytes(32) + bytes.fromhex("0000017f00000001000b03") + mask.to_bytes(3, "little") +
                          digest).digest()


def signed_by_statement(statement, record=13):
    """What the key signs: TPM2_PolicyNV (part 3, 23.9) of the number and the floor's name, and the policyRef."""
    public = bytes.fromhex("0180c108000b220400180020") + pcr_policy({record: "00" * 32}) + b"\0\x08"
    arguments = hashlib.sha256(statement[32:40] + bytes.fromhex("00000009")).digest()
    return hashlib.sha256(statement[:32] + bytes.fromhex("00000149") + arguments + b"\0\x0b" +
                          hashlib.sha256(public).digest()).digest() + b"Cloister 2"


def der_integer(number):
    data = number.lstrip(b"\0")
    data = b"\0" + data if data[0] & 0x80 else data
    return b"\x02" + bytes([len(data)]) + data


def is_signed(key, signature, data):
    """OpenSSL's word for it."""
    pair = der_integer(signature[:32]) + der_integer(signature[32:])
    pathlib.Path("signature").write_bytes(b"\x30" + bytes([len(pair)]) + pair)
    pathlib.Path("signed").write_bytes(data)
    pathlib.Path("public.pem").write_bytes(openssl("pkey", "-in", key, "-pubout"))
    return subprocess.run(["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "signed"],
                          stdout=subprocess.DEVNULL, check=False).returncode == 0


def is_stated(key, statement, record=13):
    return is_signed(key, statement[40:], signed_by_statement(statement, record))


HEAD, STATEMENT, STATEMENTS = 144, 104, 8


def slots(path):
    data = pathlib.Path(path).read_bytes()
    assert len(data) == HEAD + STATEMENT * STATEMENTS and data[:8] == b"CLUPDAT\2"
    return data[8:72], [data[HEAD + STATEMENT * i:][:STATEMENT] for i in range(STATEMENTS)]


def floor_of(path):
    """The floor that the statements raise, and its signature."""
    data = pathlib.Path(path).read_bytes()
    return data[72:80], data[80:144]


def authorize(tool):
    """The operator's statements for planned updates."""
    public = make_key("key.pem")
    option = "cloister-update-key=" + key_name(public)
    key = ["authorize", "--key", "key.pem"]
    tool.check("the option of a key", ACCEPTED, *key, says=option)
    tool.check("the option, as JSON", ACCEPTED, *key, "--json", says=key_name(public))
    values = {pcr: f"{pcr + 1:02x}" * 32 for pcr in range(24)}
    write_values(values)
    sign = [*key, "--pcrs", "values", "--number", "258", "--out", "statements"]
    tool.check("a configuration", ACCEPTED, *sign, says=f"authorized {policy_digest(values).hex()} number 258 (now)")
    found, statements = slots("statements")
    tool.tap.ok(found == public and statements[0][:40] == policy_digest(values) + (258).to_bytes(8, "big") and
                is_stated("key.pem", statements[0]), "its statement: the key, the policy, the number, the signature")
    tool.tap.ok(not any(map(any, statements[1:])) and not any(map(any, floor_of("statements"))),
                "the other places are empty, and no floor is raised")
    for record in 0, 15, 8:
        done = json.loads(tool.check(f"--record-pcr {record}", ACCEPTED, *sign, "--record-pcr", str(record), "--json"))
        wanted = policy_digest({**values, 13: ""}, record)
        tool.tap.equal((done["policy"], done["authorized"], slots("statements")[1][0][:32]),
                       (wanted.hex(), [{"policy": wanted.hex(), "number": 258}], wanted),
                       "the record's PCR is zero, unless it is bound anyway")
        tool.tap.ok(is_stated("key.pem", slots("statements")[1][0], record), "and so is that of the floor's name")
    write_values({**values, 13: "00" * 32})
    tool.check("a machine whose monitor extends another PCR", INPUT, *sign, says="PCR 13 is zero")
    tool.check("and which one", ACCEPTED, *sign, "--record-pcr", "14", says=policy_digest({**values, 13: ""}, 14).hex())
    authorize_empty(tool, sign)
    authorize_predicted(tool, sign)
    authorize_several(tool, sign)
    authorize_floor(tool, key, sign)
    authorize_keys(tool)
    authorize_errors(tool, key, sign)


def authorize_empty(tool, sign):
    """Values that prove nothing open a root to every boot; a unified image leaves GRUB's PCRs at zero."""
    good = {pcr: f"{pcr + 1:02x}" * 32 for pcr in range(24)}
    for pcr, value, says in ((4, "00" * 32, "all zero"), (7, "ff" * 32, "all ff"), (8, "00" * 32, "--unified"),
                             (9, extend([hashlib.sha256(bytes(4)).digest()]), "only separators")):
        write_values({**good, pcr: value})
        tool.check(f"PCR {pcr}: {says}", INPUT, *sign, says=f"PCR {pcr} has a value that proves nothing")
        tool.check("why", INPUT, *sign, says=says)
        tool.check("signed, by a word that says insecure", ACCEPTED, *sign, "--insecure-empty-pcrs",
                   says=policy_digest({**good, pcr: value}).hex())
    zero = {**good, 8: "00" * 32, 9: "00" * 32}
    write_values(zero)
    tool.check("a unified image", ACCEPTED, *sign, "--unified", says=policy_digest(zero).hex())
    write_values({pcr: good[pcr] for pcr in good if pcr not in (8, 9)})
    tool.check("what predict prints of it", ACCEPTED, *sign, "--unified", says=policy_digest(zero).hex())
    write_values({**zero, 9: "01" * 32})
    tool.check("a boot by GRUB is none", INPUT, *sign, "--unified", says="PCR 9 is not zero")
    write_values({**zero, 4: "00" * 32})
    tool.check("the image was not measured", INPUT, *sign, "--unified", says="PCR 4 has a value that proves nothing")
    write_values(good)


def authorize_predicted(tool, sign):
    boot = ["predict", "--grub", "grub.plan", "--xen", "xen.gz", "--cmdline", "cloister-tpm=required", "--kernel", "vmlinuz"]
    reference = {7: "77" * 32, 4: "44" * 32, 0: "a0" * 32, 2: "a2" * 32, 3: "a3" * 32}
    write_values(reference)
    pathlib.Path("golden").write_bytes(pathlib.Path("values").read_bytes())
    text = tool.check("predict for authorize", ACCEPTED, *boot, warns="PCRs 0, 2, 7")
    pathlib.Path("values").write_text(text, encoding="ascii")
    tool.check("what predict printed tells nothing of PCR 0", INPUT, *sign, says="no value of PCR 0")
    predicted = json.loads(tool.check("the same as JSON", ACCEPTED, *boot, "--json", warns="PCRs 0, 2, 7"))["pcrs"]
    values = {**reference, **{int(pcr): value for pcr, value in predicted.items()}}
    tool.check("what predict printed, and a reference", ACCEPTED, *sign, "--reference", "golden",
               says=policy_digest(values).hex())
    pathlib.Path("values").write_text(tool.check("predict with the reference", ACCEPTED, *boot, "--reference", "golden"),
                                      encoding="ascii")
    tool.check("is the same", ACCEPTED, *sign, says=policy_digest(values).hex())


def authorize_several(tool, sign):
    add = [*sign, "--add", "statements"]
    policies = []
    for i in range(STATEMENTS + 1):
        values = {pcr: f"{i + 1:02x}" * 32 for pcr in SEAL_PCRS}
        write_values(values)
        policies.append(policy_digest(values))
        if i < STATEMENTS:
            tool.check(f"configuration {i}", ACCEPTED, *(add if i else sign), says=f"{policies[i].hex()} number 258 (now)")
    before = pathlib.Path("statements").read_bytes()
    tool.tap.equal([statement[:32] for statement in slots("statements")[1]], policies[:-1], "all eight stand there")
    tool.check("no ninth", INPUT, *add, says="--drop DIGEST")
    tool.check("dropping what is not there", INPUT, *add, "--drop", "00" * 32, says="no statement about")
    tool.tap.equal(pathlib.Path("statements").read_bytes(), before, "a refusal leaves the file as it was")
    done = json.loads(tool.check("a ninth in the place of the second", ACCEPTED, *add, "--drop", policies[1].hex(),
                                 "--json"))
    left = [policies[0], policies[-1], *policies[2:-1]]
    tool.tap.equal([item["policy"] for item in done["authorized"]], [policy.hex() for policy in left], "the others stay")
    tool.tap.ok(all(is_stated("key.pem", statement) for statement in slots("statements")[1]), "all are signed")
    tool.check("the same again", ACCEPTED, *add, "--number", "259", says=f"{policies[-1].hex()} number 259 (now)")
    tool.tap.equal([statement[:32] for statement in slots("statements")[1]], left, "takes no place of its own")
    authorize_bad_statements(tool, sign)


def authorize_bad_statements(tool, sign):
    good = pathlib.Path("statements").read_bytes()
    old = good[8:72] + bytes(384)
    for name, bad, says in (
            ("cut", good[:-1], "no statements"), ("empty", b"", "no statements"), ("longer", good + b"\0", "too large"),
            ("the first format", old, "have no number"), ("another file", b"x" * len(good), "no statements"),
            ("a later format", good[:7] + b"\3" + good[8:], "format 3"),
            ("another key", good[:8] + bytes([good[8] ^ 1]) + good[9:], "another key's"),
            ("a floor that nobody signed", good[:79] + b"\1" + good[80:], "the floor is not signed"),
            ("a policy changed", good[:HEAD] + bytes([good[HEAD] ^ 1]) + good[HEAD + 1:], "statement 0 is not signed"),
            ("a number changed", good[:HEAD + 39] + b"\xff" + good[HEAD + 40:], "statement 0 is not signed"),
            ("a signature changed", good[:-1] + bytes([good[-1] ^ 1]), "statement 7 is not signed")):
        pathlib.Path("bad").write_bytes(bad)
        tool.check(f"statements, {name}", INPUT, *sign, "--add", "bad", says=says)
    tool.check("statements for another --record-pcr", INPUT, *sign, "--add", "statements", "--record-pcr", "14",
               says="another --record-pcr")
    tool.check("no such statements", INPUT, *sign, "--add", "missing", says="missing")


def authorize_floor(tool, key, sign):
    """Withdrawing: the statements raise the floor of the hosts that boot with them."""
    values = [{pcr: f"{i + 1:02x}" * 32 for pcr in SEAL_PCRS} for i in range(2)]
    for i, options in enumerate(([], ["--add", "statements"])):
        write_values(values[i])
        tool.check(f"number {5 + i}", ACCEPTED, *sign, *options, "--number", str(5 + i))
    before = pathlib.Path("statements").read_bytes()
    lift = [*key, "--add", "statements", "--out", "statements", "--floor"]
    tool.check("a floor above all numbers", INPUT, *lift, "7", says="the highest number of these statements is 6")
    tool.tap.equal(pathlib.Path("statements").read_bytes(), before, "a refusal leaves the file as it was")
    text = tool.check("a floor", ACCEPTED, *lift, "6", says="floor 6")
    tool.tap.ok(f"withdrawn {policy_digest(values[0]).hex()} number 5\n" in text and
                f"authorized {policy_digest(values[1]).hex()} number 6\n" in text, "says what it withdraws")
    floor, signature = floor_of("statements")
    tool.tap.ok(floor == (6).to_bytes(8, "big") and is_signed("key.pem", signature, b"Cloister floor" + floor),
                "it is signed")
    tool.tap.equal(pathlib.Path("statements").read_bytes()[HEAD:], before[HEAD:], "the statements stay as they were")
    tool.check("a lower floor", INPUT, *lift, "5", says="never goes down")
    tool.check("a number below it", INPUT, *sign, "--add", "statements", "--number", "5", says="it would open nothing")
    done = json.loads(tool.check("one that holds, the floor kept", ACCEPTED, *sign, "--add", "statements", "--number",
                                 str(2**64 - 1), "--json"))
    tool.tap.equal((done["floor"], done["authorized"][1]["number"]), (6, 2**64 - 1), "as JSON, to the last number")
    tool.check("both in one", ACCEPTED, *sign, "--add", "statements", "--number", "9", "--floor", "9", says="floor 9")
    for option in "--number", "--floor":
        for number in "0", "-1", "x", "", "1x", str(2**64):
            tool.check(f"{option} '{number}'", USAGE, *sign, "--add", "statements", option, number, says="1 or more")
    tool.check("--floor without --add", USAGE, *key, "--floor", "6", "--out", "new", says="--add")
    tool.check("--floor without --out", USAGE, *key, "--floor", "6", "--add", "statements", says="--out")
    tool.check("--pcrs without --number", USAGE, *key, "--pcrs", "values", "--out", "new", says="--number")
    tool.check("--number without --pcrs", USAGE, *key, "--number", "6", "--out", "new", says="--number")


def authorize_keys(tool):
    make_key("locked.pem", "-aes256", "-pass", "pass:x")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "p384.pem")
    openssl("genpkey", "-algorithm", "ED25519", "-out", "ed25519.pem")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.pem")
    pathlib.Path("public.pem").write_bytes(openssl("pkey", "-in", "key.pem", "-pubout"))
    for path, says in (("p384.pem", "no key on P-256"), ("ed25519.pem", "no key on P-256"), ("rsa.pem", "no key on P-256"),
                       ("public.pem", "no private key"), ("values", "no private key"), ("missing", "missing")):
        tool.check(f"key: {path}", INPUT, "authorize", "--key", path, says=says)
    sec1 = subprocess.run(["openssl", "ec", "-in", "key.pem", "-conv_form", "compressed"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True).stdout
    pathlib.Path("sec1.pem").write_bytes(sec1)
    same = tool.check("the key in another form", ACCEPTED, "authorize", "--key", "sec1.pem")
    tool.tap.equal(same, tool.check("and in its own", ACCEPTED, "authorize", "--key", "key.pem"), "is the same key")


def authorize_errors(tool, key, sign):
    write_values({pcr: "11" * 32 for pcr in SEAL_PCRS})
    number = ["--number", "1"]
    for pcr in SEAL_PCRS:
        values = {other: "11" * 32 for other in (*SEAL_PCRS, 13) if other != pcr}
        pathlib.Path("part").write_text("".join(f"{i} {value}\n" for i, value in values.items()), encoding="ascii")
        tool.check(f"PCR {pcr} is missing", INPUT, *key, *number, "--pcrs", "part", "--out", "new", says=f"no value of PCR {pcr}")
    tool.tap.ok(not pathlib.Path("new").exists(), "nothing is written then")
    for record in "16", "-1", "x", "", "13x":
        tool.check(f"--record-pcr '{record}'", USAGE, *sign, "--record-pcr", record, says="0 to 15")
    for digest in "00", "00" * 33, "zz" * 32, "":
        tool.check(f"--drop '{digest[:4]}' of {len(digest)} digits", USAGE, *sign, "--add", "statements", "--drop", digest,
                   says="32 bytes")
    tool.check("--drop without --add", USAGE, *sign, "--drop", "00" * 32, says="--add")
    tool.check("--pcrs without --out", USAGE, *key, *number, "--pcrs", "values", says="--out")
    tool.check("--out without --pcrs", USAGE, *key, "--out", "new", says="--pcrs")
    tool.check("--add alone", USAGE, *key, "--add", "statements", says="--pcrs")
    tool.check("no key", USAGE, *sign[:1], *sign[3:], says="--key")
    tool.check("no such values", INPUT, *key, *number, "--pcrs", "missing", "--out", "new", says="missing")
    tool.check("nowhere to write", INPUT, *key, *number, "--pcrs", "values", "--out", "missing/new", says="cannot be written")
    tool.check("no room", INPUT, *key, *number, "--pcrs", "values", "--out", "/dev/full", says="cannot be written")


def main():
    tap = Tap("attest-tool")
    tool = Tool(tap, os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for test in usage, lost_output, verify, heartbeat, predict, authorize:
            test(tool)
        os.chdir("/")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
