#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of the runtime and the sample enclaves in the simulation.

usage: test_enclaves.py counter|keyvault|probe QEMU VISOR IMAGE
"""
import errno
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from harness.tap import Tap  # noqa: E402
from simulate import Simulation  # noqa: E402

ENCLAVE_BASE = 0x100000000000
SHARED_BASE = 0x200000000000


class Results(Tap):
    def check(self, good, name, seen=None):
        self.ok(good, name, f"seen: {seen}")

    def equals(self, name, wanted):
        """A check for Simulation.call()."""
        return lambda answer: self.check(answer == wanted, name, answer)


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def returned(status, data=b""):
    return "return", -status, data


# --- counter -----------------------------------------------------------------------------------------

ADD, GET = 1, 2


def counter(tap, new):
    enclave = new()
    enclave.call(GET, capacity=8, then=tap.equals("it starts at 0", returned(0, u64(0))))
    enclave.call(ADD, capacity=8, then=tap.equals("add nothing adds 1", returned(0, u64(1))))
    enclave.call(ADD, u64(41), 8, then=tap.equals("add", returned(0, u64(42))))
    enclave.call(GET, capacity=8, thread=1, then=tap.equals("another thread sees it", returned(0, u64(42))))
    enclave.call(ADD, u64(2**64 - 42), 8, then=tap.equals("overflow", returned(errno.EOVERFLOW)))
    enclave.call(GET, capacity=8, then=tap.equals("state kept after overflow", returned(0, u64(42))))
    enclave.call(ADD, u32(1), 8, then=tap.equals("4 bytes are refused", returned(errno.EINVAL)))
    enclave.call(ADD, u64(1) + b"x", 8, then=tap.equals("9 bytes are too many", returned(errno.EMSGSIZE)))
    enclave.call(GET, b"x", 8, then=tap.equals("get takes nothing", returned(errno.EMSGSIZE)))
    enclave.call(GET, capacity=7, then=tap.equals("7 bytes of room", returned(errno.EMSGSIZE)))
    for function in 0, 3, 2**31, 2**32 - 1:
        enclave.call(function, then=tap.equals(f"no function {function}", returned(errno.ENOSYS)))
    enclave.call(GET, capacity=8, then=tap.equals("nothing of that changed it", returned(0, u64(42))))

    # What libcloister never does: the frame itself is bad. (Offsets: struct cloister_call_frame.)
    slot = 4096
    bad = [
        ("in before its place", 8, 63, errno.EFAULT), ("in at 0", 8, 0, errno.EFAULT),
        ("in ends behind the slot", 8, slot - 7, errno.EFAULT), ("in behind the slot", 8, slot, errno.EFAULT),
        ("in far away", 8, 2**32 - 8, errno.EFAULT), ("in_size overflows", 12, 2**32 - 1, errno.EFAULT),
        ("in_size of the slot", 12, slot, errno.EFAULT), ("out before its place", 16, 56, errno.EFAULT),
        ("out ends behind the slot", 16, slot - 7, errno.EFAULT), ("out far away", 16, 2**32 - 8, errno.EFAULT),
        ("out_capacity overflows", 20, 2**32 - 1, errno.EFAULT),
        ("out_capacity of the slot", 20, slot, errno.EFAULT),
    ] + [(f"reserved word {i}", 28 + 4 * i, 1, errno.EINVAL) for i in range(9)]
    for name, offset, value, error in bad:
        enclave.frame(offset, value)
        enclave.call(ADD, u64(1), 8, then=tap.equals("frame: " + name, returned(error)))
    enclave.frame(8, slot - 8)
    enclave.call(ADD, u64(0), 8, then=lambda answer: tap.check(answer[:2] == ("return", 0),
                                                               "frame: in at the very end", answer))
    enclave.run()


# --- keyvault ----------------------------------------------------------------------------------------

GENERATE, PUBLIC, SIGN_DIGEST, SIGN_MESSAGE, BEGIN, UPDATE, END, CANCEL, RECEIVE, IMPORT = range(1, 11)
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")  # RFC 5480


def verifies(public, message, signature):
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("key", "message", "signature")]
        for path, content in zip(paths, (SPKI + public, message, signature)):
            with open(path, "wb") as file:
                file.write(content)
        return subprocess.run(["openssl", "dgst", "-sha256", "-verify", paths[0], "-keyform", "DER",
                               "-signature", paths[2], paths[1]], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0


def keyvault(tap, new):
    import hashlib
    keys = []
    message = bytes(range(256)) * 40

    def key(name):
        def check(answer):
            tap.check(answer[:2] == ("return", 0) and len(answer[2]) == 64, name, answer)
            keys.append(answer[2])
        return check

    def signature(name, text):
        def check(answer):
            good = answer[:2] == ("return", 0) and verifies(keys[0], text, answer[2])
            tap.check(good, name, answer)
            if good:
                tap.check(not verifies(keys[0], text + b"x", answer[2]), name + ": not for another message")
        return check

    enclave = new()
    for function, data, room in (PUBLIC, b"", 64), (SIGN_DIGEST, bytes(32), 72), (SIGN_MESSAGE, b"", 72), \
            (BEGIN, b"", 8):
        enclave.call(function, data, room, then=tap.equals(f"{function}: no key yet", returned(errno.ENOENT)))
    for size, room, error in (31, 576, errno.EINVAL), (33, 576, errno.EMSGSIZE), (32, 575, errno.EMSGSIZE), \
            (32, 576, errno.EOPNOTSUPP):
        enclave.call(RECEIVE, bytes(size), room, then=tap.equals(
            f"a request with {size} bytes, room for {room}, on a machine without an identity", returned(error)))
    for size, room, error in (111, 64, errno.EINVAL), (113, 64, errno.EMSGSIZE), (112, 63, errno.EMSGSIZE), \
            (112, 64, errno.ENOENT):
        enclave.call(IMPORT, bytes(size), room, then=tap.equals(
            f"a key of {size} bytes, room for {room}, that was not asked for", returned(error)))
    enclave.call(GENERATE, capacity=63, then=tap.equals("generate: little room", returned(errno.EMSGSIZE)))
    enclave.call(GENERATE, capacity=64, then=key("generate"))
    enclave.call(GENERATE, capacity=64, then=tap.equals("generate only once", returned(errno.EEXIST)))
    enclave.call(RECEIVE, bytes(32), 576, then=tap.equals("no request with a key", returned(errno.EEXIST)))
    enclave.call(IMPORT, bytes(112), 64, then=tap.equals("no other key", returned(errno.EEXIST)))
    enclave.call(PUBLIC, capacity=64, thread=3, then=key("the public key, from another thread"))
    enclave.call(SIGN_MESSAGE, message, 72, then=signature("sign a message", message))
    enclave.call(SIGN_MESSAGE, b"", 72, then=signature("sign nothing", b""))
    enclave.call(SIGN_DIGEST, hashlib.sha256(message).digest(), 72, thread=1,
                 then=signature("sign a digest", message))
    for size in 0, 31, 33:
        enclave.call(SIGN_DIGEST, bytes(size), 72, then=tap.equals(
            f"a digest of {size} bytes", returned(errno.EINVAL if size < 32 else errno.EMSGSIZE)))
    enclave.call(SIGN_DIGEST, bytes(32), 71, then=tap.equals("little room", returned(errno.EMSGSIZE)))

    # Two streams at the same time, from different threads; numbers count from 1.
    enclave.call(BEGIN, capacity=8, then=tap.equals("begin", returned(0, u64(1))))
    enclave.call(BEGIN, capacity=8, thread=1, then=tap.equals("begin another", returned(0, u64(2))))
    for at in range(0, len(message), 4000):
        enclave.call(UPDATE, u64(1) + message[at:at + 4000], thread=2, then=tap.equals("update", returned(0)))
        enclave.call(UPDATE, u64(2) + b"x", thread=3, then=tap.equals("update another", returned(0)))
    enclave.call(END, u64(1), 72, then=signature("end", message))
    enclave.call(END, u64(2), 72, then=signature("end another", b"xxx"))
    for number in 0, 1, 2, 3, 2**64 - 1:
        enclave.call(UPDATE, u64(number), then=tap.equals(f"no stream {number}", returned(errno.EBADMSG)))
        enclave.call(END, u64(number), 72, then=tap.equals(f"no end of {number}", returned(errno.EBADMSG)))
    for i in range(16):
        enclave.call(BEGIN, capacity=8, then=tap.equals("begin", returned(0, u64(3 + i))))
    enclave.call(BEGIN, capacity=8, then=tap.equals("too many streams", returned(errno.EBUSY)))
    enclave.call(CANCEL, u64(7), then=tap.equals("cancel", returned(0)))
    enclave.call(CANCEL, u64(7), then=tap.equals("cancel only once", returned(errno.EBADMSG)))
    enclave.call(BEGIN, capacity=8, then=tap.equals("begin after cancel", returned(0, u64(19))))
    for function in range(11, 20):
        enclave.call(function, bytes(8), 200, then=tap.equals(f"no function {function}", returned(errno.ENOSYS)))
    enclave.run()
    tap.check(keys[0] == keys[1], "the public key stays")

    other = new()
    other.call(GENERATE, capacity=64, then=key("generate in another enclave"))
    other.run()
    tap.check(keys[2] != keys[0], "another enclave has another key")


# --- probe -------------------------------------------------------------------------------------------

(NOTHING, SUM, EXCEPTIONS, TOUCH, FORBIDDEN, OCALL, REGISTERS, SECRET, FAULT, HEAP, THREAD, SPIN, ECHO, RANDOM,
 STATUS, INTERRUPTIONS, OCALL_BADLY, OVERSIZE, REPORT, CALL, KEY) = range(21)
UD, DF, SS, GP, PF = 6, 8, 12, 13, 14
VIEW = 256
SHARED_PAGES = 32


def probe(tap, new):
    secret = []
    enclave = new()
    enclave.call(NOTHING, then=tap.equals("nothing", returned(0)))
    enclave.call(STATUS, struct.pack("<i", -11), then=tap.equals("a status", returned(11)))
    for status in 1, 2**31 - 1, -4096, -2**31:
        enclave.call(STATUS, struct.pack("<i", status),
                     then=tap.equals(f"status {status} is no errno", returned(errno.EPROTO)))
    enclave.call(OVERSIZE, capacity=8, then=tap.equals("a function that claims too much", returned(errno.EPROTO)))
    enclave.call(REPORT, bytes(64), 512, then=tap.equals("no report without an identity", returned(errno.EOPNOTSUPP)))
    enclave.call(KEY, u32(1) + bytes(36), 32, then=tap.equals("no key without a root", returned(errno.EOPNOTSUPP)))
    for size in 0, 1, 15, 16, 17, 255, 256, 257, 4096, 16000:
        data = bytes((i * 7 + size) & 255 for i in range(size))
        enclave.call(ECHO, data, size, thread=size % 4, then=tap.equals(f"echo {size}", returned(0, data)))
        enclave.call(OCALL, data, size, then=tap.equals(f"OCALL {size}", returned(0, data)))
    enclave.call(ECHO, b"x" * 100, 99, then=tap.equals("echo into little room", returned(errno.EMSGSIZE)))
    for how, error in enumerate((errno.EPROTO, errno.EPROTO, errno.EPROTO, errno.EPROTO, errno.EPROTO, errno.EIO)):
        enclave.call(OCALL_BADLY, bytes([how]), 16,
                     then=tap.equals(f"OCALL answered badly {how}", returned(0, struct.pack("<qQ", -error, 0))))
    enclave.call(EXCEPTIONS, u32(100), 24,
                 then=tap.equals("exceptions inside", returned(0, struct.pack("<6I", *[100] * 5, 0))))
    enclave.call(HEAP, u32(5000), 4, then=tap.equals("heap", returned(0, u32(0))))

    def is_secret(answer):
        address, page, size = struct.unpack_from("<QII", answer[2])
        secret.append((address, page))
        tap.check(size == 4096 and address == ENCLAVE_BASE + page * 4096 and len(answer[2]) == 80
                  and answer[2][16:24] == u64(secret_word(5, 0)), "secret", answer)
    enclave.call(SECRET, u32(5), 80, then=is_secret)

    threads = []
    for i in range(8):
        enclave.call(THREAD, capacity=24, thread=i % 4, then=lambda answer: threads.append(struct.unpack("<IIQQ", answer[2])))
    randoms = []
    for i in range(4):
        enclave.call(RANDOM, capacity=64, then=lambda answer: randoms.append(answer[2]))

    # Forbidden instructions: #GP, and #UD for CPUID.
    for number, name in enumerate(INSTRUCTIONS):
        allowed = {UD} if name == "cpuid" else {GP, UD} if name in EMULATED else {GP}
        if name in NOT_IN_TCG:
            continue
        enclave.call(FORBIDDEN, u32(number), 24, then=lambda answer, name=name, allowed=allowed: tap.check(
            answer[:2] == ("return", 0) and answer[2][:4] == u32(1) and
            struct.unpack_from("<I", answer[2], 4)[0] in allowed, f"{name} raises", answer))
    enclave.call(ECHO, b"alive", 5, then=tap.equals("alive after all that", returned(0, b"alive")))

    # Addresses, handled inside.
    touches = [
        ("read below the enclave", ENCLAVE_BASE - 1, 0, PF, 0), ("read the first page", ENCLAVE_BASE, 0, PF, 0),
        ("write the first page", ENCLAVE_BASE, 1, PF, 2), ("write code", ENCLAVE_BASE + 4096, 1, PF, 3),
        ("execute the shared window", SHARED_BASE, 2, PF, 0x11), ("read at 0", 0, 0, PF, 0),
        ("read behind the holes", SHARED_BASE + (SHARED_PAGES + 7) * 4096, 0, PF, 0),
    ]
    for name, address, access, vector, code in touches:
        # QEMU reports a read-modify-write of a missing page as a read, a CPU as a write.
        wanted = [returned(0, struct.pack("<IIQQ", 1, vector, seen, address)) for seen in (code, code & ~2)]
        enclave.call(TOUCH, struct.pack("<QII", address, access, 1), 24,
                     then=lambda answer, name=name, wanted=wanted: tap.check(answer in wanted, name, answer))
    enclave.call(TOUCH, struct.pack("<QII", ENCLAVE_BASE + 4096, 0, 1), 24,
                 then=tap.equals("read code", returned(0, bytes(24))))
    enclave.call(TOUCH, struct.pack("<QII", SHARED_BASE + 8192, 1, 1), 24,
                 then=tap.equals("write the shared window", returned(0, bytes(24))))

    enclave.tick()
    enclave.call(REGISTERS, u64(100), 24, then=lambda answer: tap.check(
        answer[2][:16] == bytes(16) and struct.unpack_from("<Q", answer[2], 16)[0] > 10,
        "registers last over interruptions", answer))
    enclave.call(SUM, u64(3), 8, thread=2, then=tap.equals("a sum over interruptions", returned(0, u64(a_sum(3)))))
    enclave.call(EXCEPTIONS, u32(20000), 24,
                 then=tap.equals("exceptions and interruptions", returned(0, struct.pack("<6I", *[20000] * 5, 0))))
    enclave.run()
    tap.check([t[0] for t in threads] == [0, 1, 2, 3] * 2, "thread numbers", threads)
    tap.check([t[1] for t in threads] == [1001] * 4 + [1002] * 4, "thread-local variables", threads)
    tap.check([t[2] for t in threads] == list(range(1, 9)), "common variables", threads)
    tap.check(len({t[3] for t in threads}) == 4, "thread-local addresses", threads)
    tap.check(len({r[i:i + 8] for r in randoms for i in range(0, 64, 8)}) == 32, "random words differ", randoms)
    probe_views(tap, new)
    probe_faults(tap, new)


def probe_views(tap, new):
    """What the enclave's own tables allow and the second stage must not. One thread dies of each."""
    cases = [(hole, access) for hole in (0, 1, 2, 3) for access in (0, 1, 2)] + [(4, 2), (5, 1), (6, 2)]
    for i in range(0, len(cases), 4):
        enclave = new()
        for thread, (hole, access) in enumerate(cases[i:i + 4]):
            address = SHARED_BASE + (SHARED_PAGES + hole) * 4096
            enclave.call(TOUCH, struct.pack("<QII", address, access, 1), 24, thread=thread,
                         then=lambda answer, name=f"hole {hole} access {access}": tap.check(
                             answer[:2] == ("fault", VIEW), name, answer))
            enclave.call(NOTHING, thread=thread, then=tap.equals("dead", ("dead",)))
        enclave.run()


def probe_faults(tap, new):
    first = ENCLAVE_BASE >> 12
    wanted = [
        ("invalid opcode", UD, 0), ("a page that does not exist", PF, first), ("stack overflow", PF, None),
        ("double free", 226, None), ("abort", 224, 0), ("stack smashed", 225, 0), ("divide by zero", 0, 0),
        ("write to code", PF, None), ("execute data", PF, None), ("non-canonical address", GP, 0),
        ("stack pointer to nowhere", None, None), ("a page fault in the handler of page faults", PF, None),
        ("execute the shared window", PF, SHARED_BASE >> 12),
    ]
    for i in range(0, len(wanted), 3):
        enclave = new()
        for thread, (name, vector, page) in enumerate(wanted[i:i + 3]):
            enclave.call(FAULT, u32(i + thread), thread=thread,
                         then=lambda answer, name=name, vector=vector, page=page: tap.check(
                             answer[0] == "fault" and
                             (answer[1] == vector if vector is not None else answer[1] in (DF, SS, GP)) and
                             page in (None, answer[2]), name, answer))
            enclave.call(NOTHING, thread=thread, then=tap.equals(name + ": dead", ("dead",)))
            enclave.call(ECHO, b"x", 1, thread=3, then=tap.equals(name + ": others live", returned(0, b"x")))
        enclave.run()


INSTRUCTIONS = """cpuid hlt in out rdmsr wrmsr mov-to-cr0 mov-to-cr3 mov-to-cr4 mov-to-cr8 mov-from-dr7 mov-to-dr7
lgdt lidt lldt ltr rdpmc rdtscp invd wbinvd monitor mwait xsetbv vmrun vmload vmsave stgi clgi invlpga skinit
int-80 icebp sysenter unknown-call""".split()
# What a real CPU intercepts and QEMU's emulation does not: these raise #UD there, ...
EMULATED = {"sysenter", "rdpmc", "rdtscp", "icebp", "monitor", "mwait"}
# ... and this is simply done.
NOT_IN_TCG = {"xsetbv"}


def secret_word(line, word):
    mask = 2**64 - 1
    x = (0x436c6f6973746572 + line * 8 + word + 0x9e3779b97f4a7c15) & mask
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & mask
    x = (x ^ x >> 27) * 0x94d049bb133111eb & mask
    return x ^ x >> 31


def a_sum(millions):
    total, mask = 0, 2**64 - 1
    for i in range(millions * 1000000):
        total = (total + i * 0x9e3779b97f4a7c15) & mask
        total ^= total >> 29
    return total


def main():
    name, qemu, visor, image = sys.argv[1:]
    tap = Results(f"enclave {name}")
    {"counter": counter, "keyvault": keyvault, "probe": probe}[name](tap, lambda: Simulation(qemu, visor, image))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
