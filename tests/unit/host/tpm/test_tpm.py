#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cloister-tpm with a real TPM emulator: its jobs, judged by others' tools, and each TPM command going wrong.

usage: test_tpm.py CLOISTER-TPM TCTI CLOISTER-VERIFY

Only under --all: a TPM's answers that are garbage or cut at each command.
"""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "lib"))

import abi  # noqa: E402
from harness.tap import Tap  # noqa: E402

HANDLE = 0x8100c105
RECORD = struct.Struct("<QHHIIIIIQ32s64s120s")
FLAGS = abi.flag.SVM | abi.flag.IOMMU_STRICT | abi.flag.TPM_REQUIRED | abi.flag.LOCKDOWN | abi.flag.INTREMAP
REPLIES = 3  # the descriptor on which the helper reads what it asks for
NONCE = bytes(range(32))
SECRET = b"the secret of an enrolling service"[:32]


class Tpm:
    """swtpm in a folder, with a certificate of its own little manufacturer."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = f"{folder}/socket"
        os.makedirs(f"{folder}/state")
        ca = pathlib.Path(folder)
        (ca / "setup.conf").write_text(f"create_certs_tool=/usr/bin/swtpm_localca\n"
                                       f"create_certs_tool_config={ca}/ca.conf\n"
                                       f"create_certs_tool_options={ca}/ca.options\n", encoding="ascii")
        (ca / "ca.conf").write_text(f"statedir = {ca}/ca\nsigningkey = {ca}/ca/key.pem\n"
                                    f"issuercert = {ca}/ca/cert.pem\ncertserial = {ca}/ca/serial\n", encoding="ascii")
        (ca / "ca.options").write_text("--platform-manufacturer Test\n--platform-version 1\n"
                                       "--platform-model Test\n", encoding="ascii")
        self.run("swtpm_setup", "--tpm2", "--tpmstate", f"{folder}/state", "--create-ek-cert", "--config",
                 f"{folder}/setup.conf", "--pcr-banks", "sha256")
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}/state", "--server",
             f"type=unixio,path={self.socket}", "--ctrl", f"type=unixio,path={self.socket}.ctrl", "--flags",
             "not-need-init,startup-clear"], stderr=subprocess.DEVNULL)
        while not os.path.exists(self.socket):
            time.sleep(0.01)
            assert self.process.poll() is None, "swtpm does not start"
        os.environ["TPM2TOOLS_TCTI"] = f"swtpm:path={self.socket}"

    @staticmethod
    def run(*command):
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.decode()

    def handles(self):
        """What somebody left loaded."""
        return self.run("tpm2_getcap", "handles-transient") + self.run("tpm2_getcap", "handles-loaded-session")

    def flush(self):
        self.run("tpm2_flushcontext", "-t")
        self.run("tpm2_flushcontext", "-l")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Helper:
    def __init__(self, tap, tpm, path, library):
        self.tap, self.tpm, self.path, self.library = tap, tpm, path, library

    def ask(self, command, mode="none", number=0, place=None, reply=None, **request):
        """Its answer and the commands that it named; None: it did not end. `reply` makes the reply to a question."""
        place = place or f"{self.library}:{mode},{number},path={self.tpm.socket}"
        text = json.dumps({"command": command, "tpm": place, "key_handle": HANDLE, **request})
        ours, theirs = socket.socketpair()
        process = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, pass_fds=(REPLIES,), preexec_fn=lambda: os.dup2(theirs.fileno(), REPLIES))
        theirs.close()
        said = []

        def listen():
            for line in process.stderr:
                said.append(line)
                if line == "hanging\n":
                    process.kill()
        listener = threading.Thread(target=listen)
        listener.start()
        with ours:
            process.stdin.write(text)
            process.stdin.close()
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith('{"question"'):
                    answer = reply(json.loads(line)["question"]) if reply else None
                    if answer:
                        ours.send(answer.encode())
                    ours.shutdown(socket.SHUT_WR)
        listener.join()
        process.wait()
        process.stdout.close()
        process.stderr.close()
        errors = "".join(said)
        named = [line.split()[1] for line in lines if line.startswith("command ")]
        assert "Sanitizer" not in errors and "runtime error" not in errors, errors
        answer = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None
        assert not answer or process.returncode == (0 if answer["ok"] else 1), (answer, process.returncode)
        return answer, named

    def good(self, name, command, **request):
        answer, named = self.ask(command, **request)
        self.tap.ok(answer and answer["ok"] and not self.tpm.handles(), name, (answer, named, self.tpm.handles()))
        return answer

    def refused(self, name, command, says, error="EINVAL", **request):
        answer, named = self.ask(command, **request)
        self.tap.ok(answer and not answer["ok"] and says in answer["message"] and answer["error"] == error and
                    not self.tpm.handles(), name, (answer, named, self.tpm.handles()))


def record(pcr=13):
    return RECORD.pack(0x3130444345524c43, 2, 256, FLAGS, 2, 0x200, pcr, 0, 7, b"4.17.5", bytes(64), bytes(120))


def evidence_request(**changes):
    return {"nonce": NONCE.hex(), "record": base64.b64encode(record()).decode(), "reports": [], **changes}


def credential(tpm, answer):
    """What an enrolling service would hide: made by tpm2-tools, which know nothing of us."""
    folder = tpm.folder
    public = base64.b64decode(answer["ak_public"])
    pathlib.Path(folder, "ek").write_bytes(base64.b64decode(answer["ek_public"]))
    pathlib.Path(folder, "secret").write_bytes(SECRET)
    name = "000b" + hashlib.sha256(public[2:]).hexdigest()
    tpm.run("tpm2_makecredential", "-T", "none", "-u", f"{folder}/ek", "-s", f"{folder}/secret", "-n", name, "-o",
            f"{folder}/credential")
    both = pathlib.Path(folder, "credential").read_bytes()[8:]  # behind the tools' own header
    size = 2 + struct.unpack(">H", both[:2])[0]
    return {"credential_blob": base64.b64encode(both[:size]).decode(),
            "encrypted_secret": base64.b64encode(both[size:]).decode()}


def identity(helper):
    tap, tpm = helper.tap, helper.tpm
    first = helper.good("the keys of a TPM", "identity")
    tap.ok("warning" not in first, "nothing to warn of", first)
    again = helper.good("asked again", "identity")
    tap.equal(again, first, "they are the same")
    tpm.run("tpm2_evictcontrol", "-C", "o", "-c", hex(HANDLE))
    tap.equal(helper.good("the handle was lost", "identity"), first, "the same key is made again")
    tap.equal(helper.good("without a handle", "identity", key_handle=0), first, "the same key without a handle")
    pathlib.Path(tpm.folder, "der").write_bytes(base64.b64decode(first["ek_certificate"]))
    key = tpm.run("openssl", "x509", "-inform", "der", "-in", f"{tpm.folder}/der", "-noout", "-modulus")
    tap.ok(base64.b64decode(first["ek_public"])[-256:].hex().upper() in key, "the certificate is of this very key", key)
    return first


def certificate(folder, name, *arguments):
    """A certificate as another CA would have it, DER."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    f"{folder}/{name}.key", "-subj", f"/CN={name}", "-days", "2", "-outform", "der", "-out",
                    f"{folder}/{name}.der", *arguments], check=True, stderr=subprocess.DEVNULL)
    return pathlib.Path(folder, f"{name}.der").read_bytes()


class Indices:
    """NV indices from 0x01c00100 on, and what the helper makes of them."""

    def __init__(self, helper):
        self.helper, self.tpm, self.defined = helper, helper.tpm, []

    def put(self, *contents, attributes="ownerwrite|ownerread|authread|no_da"):
        while self.defined:
            self.tpm.run("tpm2_nvundefine", self.defined.pop(), "-C", "o")
        for i, content in enumerate(contents):
            index, path = hex(0x01c00100 + i), f"{self.tpm.folder}/nv"
            self.tpm.run("tpm2_nvdefine", index, "-C", "o", "-s", str(len(content)), "-a", attributes)
            self.defined.append(index)
            pathlib.Path(path).write_bytes(content)
            self.tpm.run("tpm2_nvwrite", index, "-C", "o", "-i", path)

    def check(self, name, wanted, warns=None):
        answer = self.helper.good(f"chain: {name}", "identity")
        found = base64.b64decode(answer["ek_certificate"])
        self.helper.tap.equal(found.hex(), wanted.hex(), f"chain: {name}: the certificates")
        said = answer.get("warning", "")
        self.helper.tap.ok(warns in said if warns else not said, f"chain: {name}: what is warned of", said)


def chain(helper, first):
    """The certificates between, as manufacturers leave them: whole or not, filled up, in several indices."""
    own, indices = base64.b64decode(first["ek_certificate"]), Indices(helper)
    one, two = certificate(helper.tpm.folder, "one"), certificate(helper.tpm.folder, "two")
    indices.put(one + two)
    indices.check("two in one index", own + one + two)
    indices.put(one, two)
    indices.check("one in each", own + one + two)
    indices.put(one + two[:100], two[100:300], two[300:])
    indices.check("one that goes on in the next index", own + one + two)
    for filling in b"\0", b"\xff", b"\x5a":
        indices.put(one + filling * 200, two + filling * 77)
        indices.check(f"filled up with {filling.hex()}", own + one + two)
    indices.put(b"\x10\x01\0" + struct.pack(">H", len(one)) + one,
                b"\x10\x01\0" + struct.pack(">H", len(two) + 2) + b"\x10\x02" + two)
    indices.check("in the form of TPM 1.2", own + one + two)
    indices.put(one, two[:-1])
    indices.check("one that is cut off", own + one, "index 0x1c00100: the last certificate from here on is cut off")
    indices.put(one, b"what is this?")
    indices.check("no certificate", own + one, "index 0x1c00101: neither DER")
    indices.put(bytes(600))
    indices.check("an empty index", own)
    indices.put(one, attributes="ownerwrite|ownerread|no_da")
    indices.check("an index for the owner alone", own, "index 0x1c00100: it has no content that anybody may read")
    indices.put(one * 2, one * 3)
    indices.check("many", own + one * 5)
    indices.put(one)  # and so it stays: each_command() has these commands, too


def evidence(helper, verify, first):
    tap, tpm = helper.tap, helper.tpm
    tpm.run("tpm2_pcrextend", f"13:sha256={hashlib.sha256(record()).hexdigest()}")
    answer = helper.good("evidence", "evidence", **evidence_request())
    policy = {"name": "unit", "attestation-keys": "enrolled", "insecure-incomplete-boot": True,
              "insecure-empty-pcrs": True, "accept-no-mor": True, "host-only": True,
              "boot": [{"name": "none", "pcrs": {"8": "00" * 32, "9": "00" * 32}}]}
    folder = pathlib.Path(tpm.folder)
    (folder / "policy").write_text(json.dumps(policy), encoding="ascii")
    (folder / "evidence").write_bytes(base64.b64decode(answer["evidence"]))
    key = hashlib.sha256(base64.b64decode(first["ak_public"])[2:]).hexdigest()
    tap.equal(answer["key"], key, "it names the attestation key")
    command = [verify, "verify", "--evidence", folder / "evidence", "--policy", folder / "policy", "--nonce", NONCE.hex(),
               "--enrolled-key"]
    done = subprocess.run([*command, key], capture_output=True, text=True, check=False)
    tap.ok(done.returncode == 0, "cloister-verify accepts it", done.stdout + done.stderr)
    tpm.run("tpm2_pcrextend", f"13:sha256={'22' * 32}")
    answer = helper.good("evidence after somebody extended PCR 13", "evidence", **evidence_request())
    (folder / "evidence").write_bytes(base64.b64decode(answer["evidence"]))
    done = subprocess.run([*command, key], capture_output=True, text=True, check=False)
    tap.ok(done.returncode == 1 and "record-not-measured" in done.stdout, "cloister-verify refuses it", done.stdout)


def event_log(helper):
    path = pathlib.Path(helper.tpm.folder, "log")
    sizes = {}
    for name, size in ("none", None), ("small", 100), ("largest", 192 * 1024), ("too large", 192 * 1024 + 1):
        if size:
            path.write_bytes(b"x" * size)
        answer = helper.good(f"event log: {name}", "evidence", **evidence_request(event_log=str(path)))
        sizes[name] = len(base64.b64decode(answer["evidence"]))
        helper.tap.equal("warning" in answer, name == "too large", f"event log, {name}: warned or not")
    helper.tap.ok(100 <= sizes["small"] - sizes["none"] < 110 and sizes["largest"] > 192 * 1024 and
                  sizes["too large"] == sizes["none"], "what stands in the evidence", sizes)


def bad_requests(helper):
    report = base64.b64encode(struct.pack("<Q", 0x3130545250524c43) + bytes(504)).decode()
    for name, says, changes in (
            ("no nonce", "nonce", {"nonce": None}), ("nonce of 15 bytes", "16 to 64", {"nonce": "00" * 15}),
            ("nonce of 65 bytes", "16 to 64", {"nonce": "00" * 65}), ("odd nonce", "16 to 64", {"nonce": "0" * 33}),
            ("nonce of other digits", "16 to 64", {"nonce": "zz" * 16}), ("record that is none", "record", {"record": ""}),
            ("record of zeros", "no monitor record", {"record": base64.b64encode(bytes(256)).decode()}),
            ("record too long", "record", {"record": base64.b64encode(record() + b"x").decode()}),
            ("record that no TPM vouches for", "no TPM vouches",
             {"record": base64.b64encode(record(0xffffffff)).decode()}),
            ("record of PCR 24", "no TPM vouches", {"record": base64.b64encode(record(24)).decode()}),
            ("reports that are no list", "16 reports", {"reports": "x"}), ("17 reports", "16 reports", {"reports": [report] * 17}),
            ("report that is a number", "512 bytes", {"reports": [7]}),
            ("report of 511 bytes", "512 bytes", {"reports": [base64.b64encode(bytes(511)).decode()]}),
            ("report of zeros", "512 bytes", {"reports": [base64.b64encode(bytes(512)).decode()]}),
            ("report that is no COSE", "512 bytes", {"reports": [base64.b64encode(bytes(524)).decode()]})):
        helper.refused(name, "evidence", says, **evidence_request(**changes))
    helper.good("16 reports", "evidence", **evidence_request(reports=[report] * 16))
    helper.refused("no such job", "format", "no job 'format'", error="ENOSYS")
    for text, says in (
            ("", "too early"), ("x", "no JSON"), ("[]", "an object"), ("{}", "'command'"),
            ('{"command":"identity"}', "'tpm'"), ('{"command":3,"tpm":"x"}', "'command'"),
            ("[" * 60000, "no JSON"), ("x" * 70000, "too long"), ('{"command":"identity"} x', "no JSON"),
            ('{"command":"identity"}\0', "something follows"), ('{"command":"identity\\u0000x","tpm":"x"}', "zero byte"),
            ('{"command\\u0000":"identity"}', "zero byte"), ('{"command":"a","command":"b"}', "twice"),
            ('{"command":"identity","tpm":"x","key_handle":18446744073709551616}', "beyond 64 bits"),
            ('{"command":"identity","tpm":"x","key_handle":4294967296}', "32 bits"),
            ('{"command":"identity","tpm":"x","key_handle":"7"}', "32 bits")):
        done = subprocess.run([helper.path], input=text, capture_output=True, text=True, check=False)
        answer = json.loads(done.stdout)
        helper.tap.ok(done.returncode == 1 and not answer["ok"] and says in answer["message"] and not done.stderr,
                      f"request {text[:60]!r}: {says}", (answer, done.stderr))
    for place in "device:/nonexistent", "swtpm:path=/nonexistent", "nonsense:x", f"{helper.library}:":
        helper.refused(f"TPM at {place[:24]}", "identity", "no TPM can be opened", error="ENODEV", place=place)


def activate(helper, first):
    tap, good = helper.tap, credential(helper.tpm, first)
    answer = helper.good("a credential", "activate", **good)
    tap.equal(base64.b64decode(answer["secret"]), SECRET, "the secret is what tpm2-tools hid")
    blob, secret = base64.b64decode(good["credential_blob"]), base64.b64decode(good["encrypted_secret"])
    for name, changes, says, error in (
            ("blob changed", {"credential_blob": blob[:-1] + bytes([blob[-1] ^ 1])}, "TPM2_ActivateCredential", "EIO"),
            ("secret changed", {"encrypted_secret": secret[:-1] + bytes([secret[-1] ^ 1])}, "TPM2_ActivateCredential", "EIO"),
            ("blob cut", {"credential_blob": blob[:-1]}, "no TPM2B_ID_OBJECT", "EINVAL"),
            ("blob and more", {"credential_blob": blob + b"x"}, "no TPM2B_ID_OBJECT", "EINVAL"),
            ("secret cut", {"encrypted_secret": secret[:-1]}, "no TPM2B_ENCRYPTED_SECRET", "EINVAL"),
            ("empty blob", {"credential_blob": b""}, "no TPM2B_ID_OBJECT", "EINVAL"),
            ("endless blob", {"credential_blob": bytes(5000)}, "credential_blob", "EINVAL")):
        encoded = {key: base64.b64encode(value).decode() for key, value in changes.items()}
        helper.refused(f"credential: {name}", "activate", says, error, **{**good, **encoded})
    helper.refused("credential: no base64", "activate", "base64", **{**good, "credential_blob": "###"})
    return good


def other_owners(helper):
    """Somebody else uses the TPM, too."""
    tpm, folder = helper.tpm, helper.tpm.folder
    tpm.run("tpm2_evictcontrol", "-C", "o", "-c", hex(HANDLE))
    tpm.run("tpm2_createprimary", "-Q", "-C", "o", "-c", f"{folder}/other")
    tpm.run("tpm2_evictcontrol", "-Q", "-C", "o", "-c", f"{folder}/other", hex(HANDLE))
    tpm.flush()
    helper.refused("somebody else's key at the handle", "identity", "tpm-key-handle", error="EEXIST")
    tpm.run("tpm2_evictcontrol", "-C", "o", "-c", hex(HANDLE))
    tpm.run("tpm2_changeauth", "-c", "o", "password")
    answer = helper.good("the owner has a password", "identity")
    helper.tap.ok("TPM2_EvictControl" in answer["warning"], "it works, and warns", answer)
    tpm.run("tpm2_changeauth", "-c", "o", "-p", "password")
    tpm.run("tpm2_changeauth", "-c", "e", "password")
    helper.refused("the endorsement hierarchy has a password", "identity", "TPM2_CreatePrimary", error="EIO")
    tpm.run("tpm2_changeauth", "-c", "e", "-p", "password")


# --- counters: cloister/abi.h, "Counters over power failures" ---

INDEX = 0x0180c107
AUTHORIZATION = bytes(range(1, 33))
NV_READ = struct.pack(">I", 0x14e)  # part 2, 6.5.2
CONTINUE = b"\1"                    # session attributes
ATTRIBUTES = "authread|ownerread|ownerwrite|no_da|nt=extend"


class Counters:
    """What the monitor is to the helper: who knows the index's authorization."""

    def __init__(self, helper):
        self.helper, self.tpm = helper, helper.tpm
        self.index()
        self.nonce = bytes(32)
        self.step = 0

    def index(self):
        self.tpm.run("tpm2_nvdefine", "-C", "o", "-s", "32", "-g", "sha256", "-a", ATTRIBUTES, "-p",
                     f"hex:{AUTHORIZATION.hex()}", hex(INDEX))
        self.value = bytes(32)

    def name(self):
        public = self.tpm.run("tpm2_nvreadpublic", hex(INDEX))
        return bytes.fromhex(next(line.split()[1] for line in public.splitlines() if "name:" in line))

    def read(self):
        path = f"{self.tpm.folder}/value"
        self.tpm.run("tpm2_nvread", "-C", "o", "-s", "32", "-o", path, hex(INDEX))
        return pathlib.Path(path).read_bytes()

    def authorize(self, question, key=AUTHORIZATION):
        """The reply to the helper's question (part 1, 19.6.5)."""
        self.nonce_tpm = base64.b64decode(question["nonce_tpm"])
        self.nonce = os.urandom(32)
        command = hashlib.sha256(NV_READ + 2 * self.name() + struct.pack(">HH", 32, 0)).digest()
        code = hmac.digest(key, command + self.nonce + self.nonce_tpm + CONTINUE, "sha256")
        return f"{base64.b64encode(self.nonce).decode()} {base64.b64encode(code).decode()}\n"

    def believes(self, answer):
        """Is it the TPM's word that the index has the value expected?"""
        value, nonce, code = (base64.b64decode(answer[key]) for key in ("value", "nonce_tpm", "hmac"))
        response = hashlib.sha256(bytes(4) + NV_READ + struct.pack(">H", 32) + value).digest()
        return value == self.expected and code == hmac.digest(
            AUTHORIZATION, response + nonce + self.nonce + CONTINUE, "sha256")

    def request(self):
        """Of another extension."""
        self.step += 1
        self.extend = hashlib.sha256(bytes([self.step])).digest()
        self.expected = hashlib.sha256(self.value + self.extend).digest()
        return {"index": INDEX, "extend": base64.b64encode(self.extend).decode(),
                "expected": base64.b64encode(self.expected).decode(), "reply": self.authorize}

    def good(self, name, request):
        answer = self.helper.good(name, "counters", **request)
        self.helper.tap.ok(answer["ok"] and self.believes(answer), f"{name}: the TPM's word for it", answer)
        self.value = self.expected


def counters(helper):
    tap, tpm = helper.tap, helper.tpm
    ours = Counters(helper)
    request = ours.request()
    ours.good("the first extension of all", request)
    ours.good("the same again: it is there already", request)
    request = ours.request()
    for name, says, error, changes in (
            ("no index", "index", "EINVAL", {"index": None}), ("extend of 31 bytes", "extend", "EINVAL",
             {"extend": base64.b64encode(bytes(31)).decode()}), ("no expected", "expected", "EINVAL", {"expected": None}),
            ("another index", "no index 0x180c1ff", "ENOENT", {"index": INDEX + 0xf8}),
            ("expected of another copy", "extended by somebody else", "ESTALE",
             {"expected": base64.b64encode(bytes(32)).decode()})):
        helper.refused(f"counters: {name}", "counters", says, error, **{**request, **changes})
    tap.equal(ours.read(), ours.value, "and nothing was extended")
    for name, says, error, reply in (
            ("no reply", "from cloisterd", "EPROTO", lambda question: None),
            ("an empty line", "from cloisterd", "EPROTO", lambda question: "\n"),
            ("a nonce alone", "from cloisterd", "EPROTO", lambda question: base64.b64encode(bytes(32)).decode() + "\n"),
            ("bytes too few", "from cloisterd", "EPROTO", lambda question: "AAAA AAAA\n"),
            ("nonsense", "from cloisterd", "EPROTO", lambda question: "x" * 2000 + "\n"),
            ("another key", "TPM2_NV_Read", "EIO", lambda question: ours.authorize(question, bytes(32)))):
        helper.refused(f"counters: {name} to its question", "counters", says, error, **{**request, "reply": reply})
    tap.equal(ours.read(), ours.expected, "it was extended once")
    ours.good("after all that", request)
    counters_errors(helper, ours)
    tpm.run("tpm2_nvundefine", "-C", "o", hex(INDEX))
    helper.refused("counters: the index was removed", "counters", "somebody removed it", "ENOENT", **ours.request())
    tpm.run("tpm2_nvdefine", "-C", "o", "-s", "32", "-g", "sha256", "-a", ATTRIBUTES, hex(INDEX))
    ours.value = bytes(32)
    helper.refused("counters: the index of somebody else", "counters", "TPM2_NV_Read", "EIO", **ours.request())
    tpm.run("tpm2_nvundefine", "-C", "o", hex(INDEX))
    ours.index()
    tpm.run("tpm2_changeauth", "-c", "o", "password")
    helper.refused("counters: the owner has a password", "counters", "TPM2_NV_Read", "EIO", **ours.request())
    tpm.run("tpm2_changeauth", "-c", "o", "-p", "password")
    ours.good("counters: and has none any more", ours.request())


def modes(tap):
    """What goes wrong at each command: the TPM refuses, wants to be asked again, or is gone; or answers nonsense."""
    nonsense = tap.wanted("a TPM's answers that are garbage or cut at each command")
    return ("error", "retry", "gone") + (("garbage", "short") if nonsense else ())


def counters_errors(helper, ours):
    """Each command goes wrong; what follows it goes on from there."""
    tap, tpm = helper.tap, helper.tpm
    for mode in "hang", *modes(tap):
        for number in range(1, 6):
            tpm.flush()
            request = ours.request()
            answer, named = helper.ask("counters", mode, number, **request)
            at = [name for name in named if name.startswith("TPM2_")]
            name = f"counters: {mode} at command {number}, {at[-1] if at else None}"
            if answer and answer["ok"]:
                tap.ok((mode == "retry" or at[-1] == "TPM2_FlushContext") and ours.believes(answer), name, (answer, named))
            elif answer:
                tap.ok(mode != "retry" and answer["message"].split(":")[0] in at, f"{name}: {answer['message']}", named)
            else:
                tap.ok(mode == "hang" and len(at) == number, f"{name} is named", named)
            tpm.flush()
            before = ours.read()
            tap.ok(before in (ours.value, ours.expected), f"{name}: extended once or not at all", before)
            ours.good(f"after {name}", request)
            tap.equal(ours.read(), ours.expected, f"after {name}: extended once")


HARMLESS = "TPM2_FlushContext", "TPM2_EvictControl"


def each_command(helper, job, kept, request):
    """The n-th command goes wrong, for each n. `kept`: the attestation key is at its handle."""
    tap, tpm = helper.tap, helper.tpm

    def prepare():
        tpm.flush()
        there = hex(HANDLE) in tpm.run("tpm2_getcap", "handles-persistent").lower()
        if there and not kept:
            tpm.run("tpm2_evictcontrol", "-C", "o", "-c", hex(HANDLE))
        if not there and kept:
            helper.ask("identity")

    count = 0
    while True:  # a number that is never reached changes nothing
        prepare()
        count += 1
        answer, named = helper.ask(job, "hang", count, **request)
        if answer:
            break
        if not tap.ok(named and named[-1].startswith("TPM2_"), f"{job}: command {count} hangs: {named[-1]} is named", named):
            return
    tap.ok(answer["ok"] and count > 4, f"{job}: {count - 1} commands", answer)
    for mode in modes(tap):
        for number in range(1, count):
            prepare()
            answer, named = helper.ask(job, mode, number, **request)
            left = tpm.handles()
            at = [name for name in named if name.startswith("TPM2_")]
            name = f"{job}, {'kept' if kept else 'new'} key: {mode} at command {number}"
            if not answer:
                tap.ok(False, f"{name}: an answer", named)
            elif answer["ok"]:
                tap.ok(mode == "retry" or any(one in at for one in HARMLESS), name, (answer, named))
            else:
                said = answer["message"].split(":")[0]
                tap.ok(mode != "retry" and answer["error"] == "EIO" and said in at and "(0x" in answer["message"] and
                       (mode != "error" or "(0x101)" in answer["message"]), f"{name}: {said}", (answer, named))
            if mode in ("error", "retry"):
                tap.ok(not left or mode == "error" and "TPM2_FlushContext" in at, f"{name}: nothing is left", (left, named))


def main():
    tap = Tap("host-tpm")
    path, library, verify = (os.path.abspath(argument) for argument in sys.argv[1:4])
    with tempfile.TemporaryDirectory(prefix="cloister-tpm-") as folder:
        tpm = Tpm(folder)
        helper = Helper(tap, tpm, path, library)
        try:
            first = identity(helper)
            chain(helper, first)
            evidence(helper, verify, first)
            event_log(helper)
            bad_requests(helper)
            blobs = activate(helper, first)
            other_owners(helper)
            counters(helper)
            for kept in True, False:
                each_command(helper, "identity", kept, {})
                each_command(helper, "evidence", kept, evidence_request())
                each_command(helper, "activate", kept, blobs)
        finally:
            tpm.stop()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
