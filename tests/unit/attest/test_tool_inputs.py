#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cloister-verify and inputs as the field has them: odd logs, plans, images, key sets and tokens.

usage: test_tool_inputs.py CLOISTER-VERIFY ATTEST-SAMPLE
"""
import base64
import hashlib
import json
import os
import pathlib
import struct
import sys
import tempfile
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.tap import Tap  # noqa: E402
from test_tool import ACCEPTED, INPUT, REFUSED, USAGE, Tool  # noqa: E402

TEXTS = "Calling EFI Application from Boot Option", "loader"
MISSING = "policies refuse it"


def write(path, content):
    pathlib.Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sha256(data):
    return hashlib.sha256(data).digest()


def extend(digests, value=bytes(32)):
    for digest in digests:
        value = sha256(value + digest)
    return value.hex()


# --- logs -------------------------------------------------------------------------------------------------------------

SIZES = {0x04: 20, 0x0b: 32, 0x0c: 48}


def spec_id(algorithms):
    data = b"Spec ID Event03\0" + bytes(8) + struct.pack("<I", len(algorithms))
    data += b"".join(struct.pack("<HH", algorithm, SIZES[algorithm]) for algorithm in algorithms) + b"\0"
    return struct.pack("<II", 0, 3) + bytes(20) + struct.pack("<I", len(data)) + data


def event(pcr, text, algorithms=(0x0b,), kind=1):
    digests = b"".join(struct.pack("<H", algorithm) + (sha256(text) if algorithm == 0x0b else bytes(SIZES[algorithm]))
                       for algorithm in algorithms)
    return struct.pack("<III", pcr, kind, len(algorithms)) + digests + struct.pack("<I", len(text)) + text


def logs(tool):
    """The machine measured another loader than planned; its log is in every state that logs are found in."""
    first, second = (text.encode() for text in TEXTS)
    write("plan", f"text 4 {TEXTS[0]}\ntext 4 another\n")
    write("values", f"4 {extend([sha256(first), sha256(second)])}\n")
    good = spec_id([0x0b]) + event(4, first) + event(4, second)
    old = b"".join(struct.pack("<II", 4, 1) + bytes(20) + struct.pack("<I", 1) + b"x" for _ in range(3))
    compare = ["predict", "--grub", "plan", "--pcrs", "values", "--log", "log"]
    named, unnamed = "PCR 4 differs: text 'another'", "PCR 4 differs\n    perhaps"
    write("log", good)
    tool.check("a good log names the event", REFUSED, *compare, says=named)
    write("log", spec_id([0x04, 0x0b, 0x0c]) + event(4, first, (0x0b, 0x0c)) + event(4, second, (0x04, 0x0b)))
    tool.check("a log with fewer digests, too", REFUSED, *compare, says=named)
    write("log", b"")
    tool.check("an empty log", REFUSED, *compare, says=unnamed, warns="log is empty: it was not used")
    other = [sha256(b"of"), sha256(b"another boot")]
    write("log", spec_id([0x0b]) + event(4, b"of") + event(4, b"another boot"))
    tool.check("a log of another boot", REFUSED, *compare, says=unnamed,
               warns=f"log was not used: by it PCR 4 is {extend(other)}")
    for name, data, says in (
            ("SHA-1 alone", old, "event 0, byte 0: no SHA-256 bank: a log in the format of TPM 1.2"),
            ("SHA-1 alone, crypto-agile", spec_id([0x04]) + event(4, first, (0x04,)), "event 0, byte 0: no SHA-256 bank"),
            ("SHA-384 alone", spec_id([0x0c]) + event(4, first, (0x0c,)), "event 0, byte 0: no SHA-256 bank"),
            ("truncated", good[:-1], f"event 2, byte {len(good) - len(event(4, second))}: the log ends in this event"),
            ("truncated in its first event", good[:40], "event 0, byte 0: the log ends in this event"),
            ("filled up with ff", good + b"\xff" * 4096, f"event 3, byte {len(good)}: bytes behind the last event"),
            ("filled up with zeros", good + bytes(100), f"event 3, byte {len(good)}: bytes behind the last event"),
            ("another file", b"hello, this is text and no log at all", "event 0, byte 0: ")):
        write("log", data)
        tool.check(f"a log: {name}", INPUT, *compare, says="log: " + says)
    write("values", f"4 {extend([sha256(first), sha256(b'another')])}\n")
    write("log", good)
    tool.check("as planned, with a log of another boot", ACCEPTED, *compare, says="PCR   4", warns="log was not used: by it PCR 4")
    locality(tool)


def locality(tool):
    """Boot Guard: PCR 0 starts with locality 3."""
    text = b"firmware"
    start = struct.pack("<III", 0, 3, 1) + b"\x0b\0" + bytes(32) + struct.pack("<I", 17) + b"StartupLocality\0\x03"
    write("plan", "text 0 firmware\n")
    write("values", f"0 {extend([sha256(text)], bytes(31) + bytes([3]))}\n")
    write("log", spec_id([0x0b]) + start + event(0, text))
    compare = ["predict", "--grub", "plan", "--pcrs", "values", "--log", "log"]
    tool.check("StartupLocality 3", REFUSED, *compare, says="PCR 0 differs: its events are as planned, it started with another")
    said = json.loads(tool.check("as JSON", REFUSED, *compare, "--json"))["difference"]
    tool.tap.equal((said["start_value"], said["log_says"], said["found"], "name" in said),
                   (True, "StartupLocality 3", "00" * 31 + "03", False), "it is named, and no event")


# --- plans ------------------------------------------------------------------------------------------------------------

def plans(tool):
    write("xen.gz", "xen")
    block = "menuentry 'Xen' {\n\tmultiboot2 /boot/xen.gz\n\n\tboot\n}"
    for name, lines, texts in (
            ("a block", "command menuentry 'Xen' {\n|\tmultiboot2 /boot/xen.gz\n|\n|\tboot\n|}\ncommand boot\n", [block, "boot"]),
            ("a text of two lines", "kernel-cmdline a\n|b\nmodule-cmdline c\n", ["a\nb", "c"]),
            ("ends with a line break", "command a\n|\n", ["a\n"]),
            ("a bar of its own", "command a | b\ncommand |\n", ["a | b", "|"])):
        write("plan", lines)
        shown = json.loads(tool.check(f"plan: {name}", ACCEPTED, "predict", "--grub", "plan", "--json", warns=MISSING))
        tool.tap.equal([event["digest"] for event in shown["events"]], [sha256(text.encode()).hex() for text in texts],
                       "what is measured")
        tool.tap.equal(shown["pcrs"]["8"], extend([sha256(text.encode()) for text in texts]), "what that leads to")
    for name, lines, line in (("nothing before it", "|x\n", 1), ("after a comment", "# x\n|x\n", 2),
                              ("after a file", "file xen.gz\n|x\n", 2),
                              ("after an empty line", "command a\n\n|x\n", 3), ("after xen", "xen\n|x\n", 2)):
        write("plan", lines)
        tool.check(f"plan: a line goes on, {name}", INPUT, "predict", "--grub", "plan", "--xen", "xen.gz",
                   says=f"plan, line {line}, cannot be measured: this is no line of a plan")
    for name, lines, says in (("carriage returns", "command a\r\ncommand b\r\n", "carriage returns"),
                              ("a zero byte", "command a\0\n", "zero bytes")):
        write("plan", lines)
        tool.check(f"plan: {name}", INPUT, "predict", "--grub", "plan", says=says)


def words(tool):
    """What GRUB reads otherwise, in each text that becomes its words."""
    write("xen.gz", "xen")
    good = ["predict", "--xen", "xen.gz", "--cmdline", "cloister-tpm=required x#y"]
    tool.check("a # inside of a word", ACCEPTED, *good, says="kernel-cmdline 'cloister-tpm=required x#y'", warns=MISSING)
    for text, says in (("cloister-tpm=required #x", "# at the start of a word begins a comment"), ("a {b}", "braces"),
                       ("a [[ b", "[[ and ]]"), ("dyndbg=*", "pattern"), ("a\rb", "control")):
        shown = text.replace("\r", "?")
        tool.check(f"--cmdline {text!r}", INPUT, *good[:-1], text,
                   says=f"--cmdline: GRUB does not hand '{shown}' over as it stands: ")
        tool.check(f"--cmdline {text!r}: the reason", INPUT, *good[:-1], text, says=says)
    tool.check("--folder with a blank", INPUT, *good, "--folder", "/my boot", says="--folder: GRUB does not hand '/my boot' over")
    write("xen $x.gz", "xen")
    tool.check("--xen with a blank", INPUT, "predict", "--xen", "./xen $x.gz", says="--xen: GRUB does not hand 'xen $x.gz' over")


# --- images -----------------------------------------------------------------------------------------------------------

def image(*sections, more=b""):
    """A PE32+ file with these sections, (name, content)."""
    head = bytearray(1024)
    head[:2], head[60:64], head[64:68] = b"MZ", struct.pack("<I", 64), b"PE\0\0"
    head[70:72], head[84:86] = struct.pack("<H", len(sections)), struct.pack("<H", 240)
    head[88:90], head[148:152], head[196:200] = b"\x0b\x02", struct.pack("<I", 1024), struct.pack("<I", 16)
    body = b""
    for i, (name, content) in enumerate(sections):
        at = 328 + 40 * i
        head[at:at + 8] = name.encode().ljust(8, b"\0")
        head[at + 8:at + 24] = struct.pack("<IIII", len(content), 0, 512, 1024 + len(body))
        body += content.ljust(512, b"\0")
    return bytes(head) + body + more


def images(tool):
    config = ".config", b"[global]\ndefault=x\n[x]\nkernel=k\nramdisk=r\n"
    kernel, ramdisk, text = (".kernel", b"kernel"), (".ramdisk", b"ramdisk"), (".text", b"xen")
    write("golden", "".join(f"{pcr} {'1' + str(pcr)}{'11' * 31}\n" for pcr in (0, 2, 7)))
    write("plan", "text 4 Calling EFI Application from Boot Option\nseparator 4\napplication 4 xen.efi\n")
    unified = ["predict", "--grub", "plan", "--reference", "golden", "--unified"]
    write("xen.efi", image(text, config, kernel, ramdisk))
    tool.check("a whole unified image", ACCEPTED, *unified, says="PCR   4")
    for name, sections, says in (("Xen alone", [text],
                                  "no section .config: Xen takes its options from a file, or from its boot entry"),
                                 ("no kernel", [text, config, ramdisk], "no section .kernel"),
                                 ("no RAM disk, which it names", [text, config, kernel], "names a ramdisk"),
                                 ("another configuration", [text, (".config", b"[global]\nchain=x.cfg\n"), kernel], "chain")):
        write("xen.efi", image(*sections))
        tool.check(f"no unified image: {name}", INPUT, *unified,
                   says="application xen.efi is no whole unified image: its configuration names" if "names" in says else says)
        tool.check("taken by a word that says insecure", ACCEPTED, *unified, "--insecure-incomplete-image", says="PCR   4")
        tool.check("GRUB may start it", ACCEPTED, *unified[:-1], says="PCR   4", warns="PCRs 8, 9 missing")
    write("shim.efi", image(text))
    write("xen.efi", image(text, config, kernel, ramdisk))
    write("plan", "application 4 shim.efi\napplication 4 xen.efi\n")
    tool.check("behind a shim", ACCEPTED, *unified, says="PCR   4")
    write("plan", "application 4 xen.efi\napplication 4 shim.efi\n")
    tool.check("what is started last counts", INPUT, *unified, says="application shim.efi is no whole unified image")
    write("plan", "application 4 xen.efi\n")
    for more in b"x", b"seven b", b"ninebytes":
        write("xen.efi", image(text, config, kernel, ramdisk, more=more))
        tool.check(f"an image of {len(more)} bytes more", ACCEPTED, *unified, says="PCR   4",
                   warns="application xen.efi is not signed, and its size is no multiple of 8")


# --- tokens -----------------------------------------------------------------------------------------------------------

def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    size = 1 if value < 1 << 8 else 2 if value < 1 << 16 else 4 if value < 1 << 32 else 8
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[size]]) + value.to_bytes(size, "big")


def cbor(item):
    if isinstance(item, bool):
        return b"\xf5" if item else b"\xf4"
    if isinstance(item, int):
        return head(0, item) if item >= 0 else head(1, -1 - item)
    if isinstance(item, bytes):
        return head(2, len(item)) + item
    if isinstance(item, str):
        return head(3, len(item.encode())) + item.encode()
    return head(5, len(item)) + b"".join(cbor(key) + cbor(value) for key, value in item.items())


def url64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Issuer:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        numbers = self.key.public_key().public_numbers()
        self.jwk = {"kty": "EC", "crv": "P-256", "kid": "one", "x": url64(numbers.x.to_bytes(32, "big")),
                    "y": url64(numbers.y.to_bytes(32, "big"))}

    def sign(self, data):
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def jwt(self, text):
        """The claims as text, so that they can be what no library writes."""
        signed = url64(b'{"alg":"ES256","kid":"one"}') + "." + url64(text.encode())
        return signed + "." + url64(self.sign(signed.encode()))

    def cwt(self, claims):
        header, payload = cbor({1: -7, 4: b"one"}), cbor(claims)
        signature = self.sign(b"\x84" + cbor("Signature1") + cbor(header) + cbor(b"") + cbor(payload))
        return b"\xd2\x84" + cbor(header) + b"\xa0" + cbor(payload) + cbor(signature)


def tokens(tool):
    issuer, now = Issuer(), int(time.time())
    enclave = {"report_data": "22" * 64, "measurement": "33" * 48, "author": "44" * 32, "security_version": 3, "debug": False}
    host = {"policy_sha256": "11" * 32, "insecure": False}
    claims = {"iss": "https://as.example", "aud": "keys", "nbf": now - 5, "exp": now + 600, "cloister": host,
              "submods": {"enclave-0": {"cloister": enclave}}}
    numbered = {1: "https://as.example", 3: "keys", 4: now + 600, 5: now - 5, "cloister": host,
                266: {"enclave-0": {"cloister": enclave}}}
    token = ["token", "--token", "token", "--keys", "keys", "--issuer", "https://as.example", "--audience", "keys",
             "--policy", "11" * 32, "--report-data", "22" * 64, "--measurement", "33" * 48]
    write("keys", json.dumps({"keys": [issuer.jwk]}))
    good, cwt = json.dumps(claims), issuer.cwt(numbered)
    for name, content in (("a JWT", issuer.jwt(good)), ("a JWT, white space behind it", issuer.jwt(good) + " \r\n\n"),
                          ("a CWT", cwt), ("a CWT with its tag", b"\xd8\x3d" + cwt), ("a CWT in Base64", base64.b64encode(cwt)),
                          ("a CWT in Base64, white space behind it", base64.b64encode(cwt) + b"\n")):
        write("token", content)
        tool.check(f"token: {name}", ACCEPTED, *token, says="accepted")
    write("token", issuer.cwt({**numbered, 3: "others"}))
    tool.check("token: a CWT for somebody else", REFUSED, *token, says="token-audience")
    for name, content in (("a byte more", cwt + b"\n"), ("a byte fewer", cwt[:-1]),
                          ("a byte changed", cwt[:-1] + bytes([cwt[-1] ^ 1])),
                          ("Base64 with a line break inside", base64.b64encode(cwt)[:60] + b"\n" + base64.b64encode(cwt)[60:]),
                          ("nothing", b""), ("a tag alone", b"\xd2")):
        write("token", content)
        tool.check(f"token: a CWT, {name}", REFUSED, *token, says="refused: ")
    for name, text, says in (
            ("a zero byte in the audience", good.replace('"keys"', '"keys\\u0000x"'), "aud: a zero byte in a text or name"),
            ("a zero byte in a name", good.replace('"aud"', '"aud\\u0000"'), "a zero byte in a text or name"),
            ("a zero byte in the report data", good.replace("22" * 64, "22" * 64 + "\\u0000"), "report_data: a zero byte"),
            ("exp 2^64", good.replace(str(now + 600), str(1 << 64)), "exp: a whole number beyond 64 bits"),
            ("exp 2^63", good.replace(str(now + 600), str(1 << 63)), str(1 << 63)),
            ("exp in the year 10000", good.replace(str(now + 600), "253402300800"), "exp: 253402300800"),
            ("nbf -2^64", good.replace(str(now - 5), str(-1 << 64)), "nbf: a whole number beyond 64 bits")):
        write("token", issuer.jwt(text))
        tool.check(f"token: {name}", REFUSED, *token, says=says)
    write("token", issuer.jwt(good))
    for name, use in (("key_ops without verify", {"key_ops": ["deriveKey"]}), ("use enc", {"use": "enc"}),
                      ("alg ECDH-ES", {"alg": "ECDH-ES"})):
        write("keys", json.dumps({"keys": [{**issuer.jwk, **use}]}))
        tool.check(f"key set: {name}", REFUSED, *token, says="the token's key is not for verifying (token-key-use)")
    for size in 0, 1, 40:
        write("keys", json.dumps({"keys": [issuer.jwk]})[:size])
        tool.check(f"key set: its first {size} bytes", INPUT, *token, says=f"keys: no JSON: it ends too early, at byte {size}")
        tool.check(f"policy: its first {size} bytes", INPUT, "verify", "--evidence", "keys", "--policy", "keys",
                   "--nonce", "00" * 32,
                   says=f"it ends too early, at byte {size}")


def main():
    tap = Tap("attest-tool-inputs")
    tool = Tool(tap, os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for test in logs, plans, words, images, tokens:
            test(tool)
        tool.check("insecure-incomplete-image takes nothing", USAGE, "predict", "--insecure-incomplete-image=x",
                   says="takes no value")
        os.chdir("/")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
