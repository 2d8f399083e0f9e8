#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command cloister-image, as its users see it: exit status, messages, files.

usage: test_tool.py CLOISTER-IMAGE PROGRAM.elf
"""
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))

from harness.tap import Tap  # noqa: E402

GOOD, REFUSED, USAGE, FILE = range(4)


def measure(image):
    """Written from cloister/image.h alone."""
    launch = image[16:144]
    digest = hashlib.sha384(launch)
    count = struct.unpack_from("<I", launch, 8)[0]
    at = (1024 + 8 * count + 4095) // 4096 * 4096
    for i in range(count):
        record = image[1024 + 8 * i:1032 + 8 * i]
        digest.update(record)
        if not struct.unpack("<II", record)[1] & 8:
            digest.update(image[at:at + 4096])
            at += 4096
    return digest.hexdigest()


class Tool:
    def __init__(self, tap, path, program):
        self.tap, self.path, self.program = tap, path, program

    def run(self, *arguments):
        done = subprocess.run([self.path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False, text=True)
        return done.returncode, done.stdout, done.stderr

    def check(self, name, status, *arguments, says=""):
        """It must end so; on an error, with nothing on standard output and one line that says this."""
        code, out, err = self.run(*arguments)
        good = code == status and says in (out if status == GOOD else err)
        if status != GOOD:
            good = good and not out and err.count("\n") == 1
        self.tap.ok(good, name, f"status {code}\n{out}\n{err}")
        return out

    def build(self, image, *options, key="author.pem", program=None):
        return ["build", "--key", key, "--name", "test", *options, program or self.program, "-o", image]


def usage(tool):
    tool.check("help", GOOD, "--help", says="usage: cloister-image COMMAND")
    tool.check("version", GOOD, "--version", says="cloister-image 0")
    for command in "build", "info", "measure", "verify", "keygen":
        tool.check(f"{command} --help", GOOD, command, "--help", says=f"usage: cloister-image {command}")
        tool.check(f"{command} without arguments", USAGE, command)
        tool.check(f"{command}: unknown option", USAGE, command, "--nonsense", says="--nonsense")
    tool.check("unknown command", USAGE, "nonsense", says="nonsense")
    for command in "info", "measure", "verify":
        tool.check(f"{command} of two", USAGE, command, "a", "b", says="more than one")
        tool.check(f"{command} of nothing there", FILE, command, "missing", says="missing")
        tool.check(f"{command} of a folder", FILE, command, ".", says="cannot be read")
        tool.check(f"{command} of a program", REFUSED, command, tool.program, says="no Cloister image")
    tool.check("--json is not for verify", USAGE, "verify", "--json", "a", says="--json")


def keys(tool, tap):
    tool.check("keygen", GOOD, "keygen", "-o", "author.pem")
    tap.equal(os.stat("author.pem").st_mode & 0o777, 0o600, "only its owner can read the key")
    before = pathlib.Path("author.pem").read_bytes()
    tool.check("keygen never replaces", FILE, "keygen", "-o", "author.pem", says="exists")
    tap.equal(pathlib.Path("author.pem").read_bytes(), before, "the key is as it was")
    tool.check("keygen nowhere", FILE, "keygen", "-o", "no/folder", says="no/folder")
    tool.check("another key", GOOD, "keygen", "-o", "other.pem")
    subprocess.run(["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "p384.pem"], check=True)
    tool.check("a P-384 key", REFUSED, *tool.build("x", key="p384.pem"), says="P-256")
    tool.check("a key that is none", REFUSED, *tool.build("x", key=tool.program), says="P-256")
    tool.check("no key", FILE, *tool.build("x", key="missing"), says="missing")
    tap.ok(not os.path.exists("x"), "no image without a key")


def options(tool, tap):
    wrong = [("--threads", "0"), ("--threads", "65"), ("--shared", "5M"), ("--stack", "0"), ("--heap", "5G")]
    for option, value in wrong:
        tool.check(f"{option} {value}", REFUSED, *tool.build("x", option, value))
    nonsense = [("--threads", "-1"), ("--threads", "x"), ("--threads", ""), ("--threads", "4294967296"),
                ("--heap", "1T"), ("--heap", "1MB"), ("--heap", "-1"), ("--heap", ""), ("--heap", "2048G"),
                ("--stack", "99999999999999999999"), ("--family", "12"), ("--family", "0" * 33),
                ("--image-id", "g" * 32), ("--version", "1.0"), ("--name", ""), ("--name", "x" * 64)]
    for option, value in nonsense:
        tool.check(f"{option} '{value}'", USAGE, *tool.build("x", option, value), says=option)
    tool.check("no program", USAGE, "build", "--key", "author.pem", "--name", "x", "-o", "x", says="no program")
    tool.check("no name", USAGE, "build", "--key", "author.pem", tool.program, "-o", "x", says="--name")
    tool.check("no key option", USAGE, "build", "--name", "x", tool.program, "-o", "x", says="--key")
    tool.check("a program that is none", REFUSED, *tool.build("x", program="author.pem"), says="not an ELF")
    tool.check("a program of this machine", REFUSED, *tool.build("x", program="/bin/sh"), says="position-independent")
    tool.check("no program there", FILE, *tool.build("x", program="missing"), says="missing")
    tool.check("nowhere to write", FILE, *tool.build("no/folder"), says="no/folder")
    tap.ok(not os.path.exists("x"), "no image of any of these")


def images(tool, tap):
    chosen = ["--threads", "3", "--heap", "40K", "--stack", "8K", "--shared", "20K", "--version", "5",
              "--security-version", "6", "--image-id", "00112233445566778899aabbccddeeff", "--debug"]
    tool.check("build", GOOD, *tool.build("a.image", *chosen))
    tool.check("build again", GOOD, *tool.build("b.image", *chosen))
    tool.check("build with another key", GOOD, *tool.build("c.image", *chosen, key="other.pem"))
    tool.check("build with defaults", GOOD, *tool.build("d.image"))
    a, b, c = (pathlib.Path(name).read_bytes() for name in ("a.image", "b.image", "c.image"))
    tap.equal(a[:960] + a[1024:], b[:960] + b[1024:], "the same bytes but for the signature")
    tap.equal(a[:896] + a[1024:], c[:896] + c[1024:], "another author changes key and signature only")
    tap.equal(tool.check("measure", GOOD, "measure", "a.image").strip(), measure(a), "the measurement")
    tap.ok(tool.run("measure", "d.image")[1].strip() != measure(a), "other options, another measurement")
    said = json.loads(tool.check("info", GOOD, "info", "--json", "a.image"))
    for name, value in {"name": "test", "measurement": measure(a), "threads": 3, "shared_pages": 5, "debug": True,
                        "image_version": 5, "security_version": 6, "verified": True, "family_id": "0" * 32,
                        "image_id": "00112233445566778899aabbccddeeff",
                        "author": hashlib.sha256(a[896:960]).hexdigest()}.items():
        tap.equal(said[name], value, f"info: {name}")
    tool.check("info for people", GOOD, "info", "a.image", says="YES: promises no secrecy")
    tool.check("verify", GOOD, "verify", "a.image")
    tool.check("verify with the author", GOOD, "verify", "--author", said["author"], "a.image")
    tool.check("verify with another author", REFUSED, "verify", "--author", "0" * 64, "a.image", says="author_key")
    return a


def broken(tool, tap, image):
    def change(name, offset, says, status=REFUSED):
        data = bytearray(image)
        data[offset] ^= 0x40
        pathlib.Path("broken").write_bytes(data)
        tool.check(f"verify: {name}", status, "verify", "broken", says=says)

    change("a byte of content", len(image) - 1, "measurement")
    change("the measurement", 150, "signature")
    change("the name", 240, "signature")
    change("the author", 900, "signature")
    change("the signature", 1023, "signature")
    change("the magic", 0, "magic")
    change("the version", 8, "version")
    change("a record", 1024 + 4, "record 0")
    change("a reserved byte", 600, "reserved")
    for size in 0, 1, 1023, 1024, 4096, len(image) - 4096, len(image) - 1:
        pathlib.Path("broken").write_bytes(image[:size])
        tool.check(f"verify: {size} bytes of it", REFUSED, "verify", "broken", says="file: ")
    pathlib.Path("broken").write_bytes(image + b"x")
    tool.check("verify: a byte more", REFUSED, "verify", "broken", says="too long")
    data = bytearray(image)
    data[240:250] = b'"\x1b[2J\n\\}\xff\x7f'
    pathlib.Path("broken").write_bytes(data)
    out = tool.check("info: a name that plays tricks", GOOD, "info", "--json", "broken")
    said = json.loads(out)
    tap.ok(all(" " <= char < "\x7f" for char in said["name"]) and "\x1b" not in out, "... plays none", out)
    tap.equal(said["verified"], False, "info: it is shown that it does not verify")


def main():
    tap = Tap("image tool")
    tool = Tool(tap, os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        usage(tool)
        keys(tool, tap)
        options(tool, tap)
        broken(tool, tap, images(tool, tap))
        os.chdir("/")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
