#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cloister-image and what is no regular file: read from, written to or refused, and never replaced.

usage: test_tool_files.py CLOISTER-IMAGE PROGRAM.elf
"""
import os
import pathlib
import pty
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import tty

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.tap import Tap  # noqa: E402
from test_tool import FILE, GOOD, Tool  # noqa: E402

HEADER, SIGNATURE = 1024, 64  # cloister/image.h: the header's size, and that of the signature at its end


def same(one, other):
    """But for the signature, which is another each time."""
    signed = HEADER - SIGNATURE
    return len(one) == len(other) and one[:signed] == other[:signed] and one[HEADER:] == other[HEADER:]


def kind(path):
    """What stands there, and which."""
    status = os.lstat(path)
    return stat.S_IFMT(status.st_mode), status.st_ino, status.st_rdev


def kept(tool, path, name):
    """Nothing has taken its place, and nothing is left beside it."""
    before = kind(path)
    beside = set(os.listdir(os.path.dirname(path) or "."))

    def check():
        tool.tap.equal(kind(path), before, f"{name}: it is what it was")
        tool.tap.equal(set(os.listdir(os.path.dirname(path) or ".")) - beside, set(), f"{name}: nothing is left beside it")
    return check


def reader(path, got):
    """Reads a pipe to its end, in another thread."""
    def run():
        with open(path, "rb") as stream:
            got.append(stream.read())
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def pipes(tool, good):
    os.mkfifo("fifo")
    check, got = kept(tool, "fifo", "a pipe"), []
    thread = reader("fifo", got)
    tool.check("build -o FIFO", GOOD, *tool.build("fifo"))
    thread.join(30)
    tool.tap.ok(got and same(got[0], good), "the image comes out of the pipe", str([len(data) for data in got]))
    check()
    done = subprocess.run([tool.path, *tool.build("/dev/stdout")], stdout=subprocess.PIPE, check=False)
    tool.tap.ok(done.returncode == GOOD and same(done.stdout, good), "build -o /dev/stdout, which is a pipe", str(done.returncode))
    with open("redirected", "wb") as stream:
        done = subprocess.run([tool.path, *tool.build("/dev/stdout")], stdout=stream, check=False)
    tool.tap.ok(done.returncode == GOOD and same(pathlib.Path("redirected").read_bytes(), good),
                "build -o /dev/stdout, which is a file", str(done.returncode))
    tool.tap.ok(os.path.islink("/dev/stdout"), "/dev/stdout is a link still")


def inputs(tool, good):
    """The program and images from pipes."""
    program = pathlib.Path(tool.program).read_bytes()
    done = subprocess.run([tool.path, *tool.build("piped", program="/dev/stdin")], input=program, check=False)
    tool.tap.ok(done.returncode == GOOD and same(pathlib.Path("piped").read_bytes(), good), "a program from a pipe",
                str(done.returncode))
    for command in "verify", "info", "measure":
        done = subprocess.run([tool.path, command, "/dev/stdin"], input=good, stdout=subprocess.PIPE, check=False)
        tool.tap.equal(done.returncode, GOOD, f"{command} of an image from a pipe")
    for size in 0, 1, len(good) - 1:
        done = subprocess.run([tool.path, "verify", "/dev/stdin"], input=good[:size], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        tool.tap.equal(done.returncode, 1, f"verify of {size} bytes from a pipe")
    tool.check("a program from nowhere", 1, *tool.build("x", program="/dev/null"), says="not an ELF")


def links(tool, good):
    for name, target in (("link", "target"), ("absolute", os.path.abspath("other-target"))):
        pathlib.Path(target).write_bytes(b"much longer than nothing")
        os.symlink(target, name)
        check = kept(tool, name, f"a link to {name}")
        tool.check(f"build -o {name}", GOOD, *tool.build(name))
        check()
        tool.tap.ok(same(pathlib.Path(target).read_bytes(), good), f"{name}: its target is the image")
    os.symlink("nothing", "dangling")
    check = kept(tool, "dangling", "a dangling link")
    tool.check("build -o dangling", FILE, *tool.build("dangling"), says="dangling cannot be written")
    check()


def devices(tool, good):
    master, slave = pty.openpty()
    tty.setraw(slave)
    path, got = os.ttyname(slave), []
    before = kind(path)

    def run():
        while sum(len(data) for data in got) < len(good):
            got.append(os.read(master, 65536))
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    tool.check("build -o a terminal", GOOD, *tool.build(path))
    thread.join(30)
    tool.tap.ok(same(b"".join(got), good), "the terminal gets the image")
    tool.tap.equal(kind(path), before, "a terminal: it is what it was")
    try:
        os.mknod("null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod("full", 0o666 | stat.S_IFCHR, os.makedev(1, 7))
        os.mknod("block", 0o600 | stat.S_IFBLK, os.makedev(7, 255))
    except PermissionError:
        tool.tap.comment("no right to make device nodes: the terminal is the only device")
        return
    for name, status, says in ("null", GOOD, ""), ("full", FILE, "No space left"), ("block", FILE, "it is a block device"):
        check = kept(tool, name, f"a device like {name}")
        tool.check(f"build -o {name}", status, *tool.build(name), says=says)
        check()


def refused(tool):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        check = kept(tool, "socket", "a socket")
        tool.check("build -o a socket", FILE, *tool.build("socket"), says="it is a socket")
        check()
    os.mkdir("folder")
    check = kept(tool, "folder", "a folder")
    tool.check("build -o a folder", FILE, *tool.build("folder"), says="it is a folder")
    check()
    tool.check("keygen -o /dev/stdout", FILE, "keygen", "-o", "/dev/stdout", says="exists")


def main():
    tap = Tap("image-tool-files")
    tool = Tool(tap, os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        tool.check("keygen", GOOD, "keygen", "-o", "author.pem")
        tool.check("build", GOOD, *tool.build("good"))
        good = pathlib.Path("good").read_bytes()
        os.chmod("good", 0o600)
        tool.check("build over a regular file", GOOD, *tool.build("good"))
        tap.ok(same(pathlib.Path("good").read_bytes(), good), "it is replaced")
        pipes(tool, good)
        inputs(tool, good)
        links(tool, good)
        devices(tool, good)
        refused(tool)
        for output in ">/dev/full", ">&-":
            done = subprocess.run(["sh", "-c", f'exec "$0" info good {output}', tool.path], stderr=subprocess.PIPE, check=False)
            tap.ok(done.returncode == FILE and b"cloister-image: standard output: " in done.stderr, f"info {output}", str(done))
        os.chdir("/")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
