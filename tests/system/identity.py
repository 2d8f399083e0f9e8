# SPDX-License-Identifier: MIT
"""The monitor's identity on a machine with a TPM: what it signs is verified here, by OpenSSL."""

import hashlib
import os
import pathlib
import struct
import subprocess
import tempfile

from scene import BUILD, log_lines
import abi
from harness import stack

PROBE = "/run/probe.image"
REPORT, CALL, KEY = 18, 19, 20  # tests/enclaves/probe.h
ENCLAVE_REPORT = abi.enclave_call.REPORT
EFAULT, EINVAL = -14, -22
PREFIX = bytes.fromhex("846a5369676e61747572653143a10126405901c0")  # RFC 9052, 4.4; cloister/report.h
RECORD = struct.Struct("<QHHIIIIIQ32s64s120s")
RECORD_FLAGS, RECORD_PCR, RECORD_BOOT, RECORD_XEN, RECORD_KEY = 3, 6, 8, 9, 10
HEAD = struct.Struct("<QHHIQQ32sIIQ48s32s16s16sIIIHH16s64s160s64s")
KIND, SEQUENCE, TIME, OF_RECORD, MEASUREMENT, AUTHOR, DOMAIN, UUID, DATA = 3, 4, 5, 6, 10, 11, 17, 19, 20


def openssl_verifies(key, data, signature):
    """P-256 with SHA-256, a key of X || Y, a signature of r || s."""
    def integer(raw):
        raw = raw.lstrip(b"\0") or b"\0"
        raw = (b"\0" if raw[0] & 0x80 else b"") + raw
        return bytes([2, len(raw)]) + raw
    pair = integer(signature[:32]) + integer(signature[32:])
    public = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + b"\4" + key
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("key", public), ("data", data), ("signature", bytes([0x30, len(pair)]) + pair)):
            pathlib.Path(folder, name).write_bytes(content)
        return subprocess.run(["openssl", "dgst", "-sha256", "-keyform", "DER", "-verify", f"{folder}/key",
                               "-signature", f"{folder}/signature", f"{folder}/data"],
                              capture_output=True).returncode == 0


def report_verifies(report, record):
    key = RECORD.unpack(record)[RECORD_KEY]
    return (HEAD.unpack(report)[OF_RECORD] == hashlib.sha256(record).digest() and
            openssl_verifies(key, PREFIX + report[:448], report[448:]))


def ask(machine, command):
    machine.push(str(BUILD / "tests/system/identity"), "/run/identity", mode=0o755)
    return bytes.fromhex(machine.dom0(f"/run/identity {command}", check=True).out.strip())


def probe(machine, function, data, room):
    """What the probe's function gave, or None and why."""
    run = machine.tenant("alice", f"cloister run {PROBE} --call {function} --in-hex {data.hex()} "
                         f"--out-size {room}", timeout=90)
    return (bytes.fromhex("".join(run.out.split())) if run else None), f"status {run.rc}: {run.out}{run.err}"


def page_with(image, flags):
    """Address of the first page of the image that has exactly these permissions (cloister/image.h)."""
    count = struct.unpack_from("<I", image, 16 + 8)[0]
    records = (struct.unpack_from("<II", image, 1024 + 8 * i) for i in range(count))
    return next(page * 4096 for page, found in records if found & 7 == flags)


def test_record(tap, machine):
    record = ask(machine, "record")
    fields = RECORD.unpack(record)
    pcr = machine.dom0("cat /sys/class/tpm/tpm0/pcr-sha256/13", check=True).out.strip().lower()
    expected = hashlib.sha256(bytes(32) + hashlib.sha256(record).digest()).hexdigest()
    tap.ok(fields[RECORD_PCR] == 13, "the record names PCR 13", fields)
    tap.ok(pcr == expected, "PCR 13 was extended with the record, and with nothing else",
           f"{pcr}, expected {expected}")
    version = machine.dom0("xl info xen_version", check=True).out.strip()
    tap.equal(fields[RECORD_XEN].rstrip(b"\0").decode(), version, "the record says Xen's version")
    status = stack.ctl(machine, "status")["monitor"]
    tap.ok(status["identity"] == "NONE", "the status says that the TPM vouches for the key", status)
    tap.ok("iommu-strict" in status["flags"] and fields[RECORD_FLAGS] & 1 << 2,
           "it was known before dom0 that its devices would be confined", fields)
    tap.ok(fields[RECORD_BOOT] == int(status["boot"], 16), "record and trace are of the same boot", fields)


def test_heartbeat(tap, machine):
    record = ask(machine, "record")
    nonce = os.urandom(64)
    reports = [ask(machine, f"heartbeat {nonce.hex()}") for _ in range(2)]
    tap.ok(all(report_verifies(report, record) for report in reports), "heartbeats verify")
    first, second = (HEAD.unpack(report) for report in reports)
    tap.ok(first[DATA] == nonce and first[KIND] == 2, "they have the caller's data", first)
    tap.ok(second[SEQUENCE] > first[SEQUENCE] and second[TIME] > first[TIME], "sequence and time grow",
           (first, second))
    altered = reports[0][:100] + bytes([reports[0][100] ^ 1]) + reports[0][101:]
    tap.ok(not report_verifies(altered, record), "an altered one does not verify")


def test_report(tap, machine):
    machine.push(str(BUILD / "tests/enclaves/probe.image"), PROBE, tenant="alice")
    record, data = ask(machine, "record"), os.urandom(64)
    report, why = probe(machine, REPORT, data, 512)
    if not tap.ok(report, "an enclave gets a report about itself", why):
        return
    fields = HEAD.unpack(report)
    image = (BUILD / "tests/enclaves/probe.image").read_bytes()
    uuid = machine.dom0("virsh -q domuuid alice", check=True).out.strip().replace("-", "")
    tap.ok(report_verifies(report, record), "it verifies")
    tap.ok(fields[KIND] == 1 and fields[DATA] == data, "with the enclave's own data", fields)
    tap.ok(fields[MEASUREMENT] == image[144:192] and
           fields[AUTHOR] == hashlib.sha256(image[896:960]).digest(), "measurement and author are the image's", fields)
    tap.ok(fields[DOMAIN] == machine.domid("alice") and fields[UUID].hex() == uuid, "it names the domain", fields)
    for what, address, value, error in (
            ("an address that is not aligned", 8, 0, EINVAL), ("an address with a second argument", 0, 1, EINVAL),
            ("the shared window", 1 << 34, 0, EFAULT), ("a page that is not there", 1 << 32, 0, EFAULT),
            ("its own code", page_with(image, 5), 0, EFAULT),
            ("its own constants", page_with(image, 1), 0, EFAULT), ("an address above all", (1 << 64) - 512, 0, EFAULT)):
        answer, why = probe(machine, CALL, struct.pack("<QQQ", ENCLAVE_REPORT, address, value), 8)
        tap.ok(answer == struct.pack("<q", error), f"no report into {what}", f"{answer}: {why}")
    tap.ok("ENCLAVE_BUFFER" in log_lines(machine), "refused reports are in the log", log_lines(machine))


def test_sealing(tap, machine):
    """A second boot of the same machine (its TPM) gets the same keys; `seen` is what the first one saw."""
    machine.push(str(BUILD / "tests/enclaves/probe.image"), PROBE, tenant="alice")
    tap.ok(stack.ctl(machine, "status")["monitor"]["sealing"] == "NONE", "there is a sealing root")
    console = machine.console()
    tap.ok("Cloister: sealing root read, and locked" in console if seen else
           "Cloister: sealing root" in console, "it is the last boot's" if seen else "Xen says so", console[-2000:])
    for policy in range(1, 5):
        key, why = probe(machine, KEY, struct.pack("<II32x", policy, 0), 32)
        if tap.ok(key, f"an enclave gets its key of policy {policy}", why):
            tap.ok(key not in seen.values() if policy not in seen else seen[policy] == key,
                   "as in the last boot" if policy in seen else "and it is another", f"{key}, {seen}")
            seen[policy] = key


seen = {}
TESTS = [test_record, test_heartbeat, test_report, test_sealing]
