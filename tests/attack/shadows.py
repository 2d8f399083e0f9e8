# SPDX-License-Identifier: MIT
"""Secrets have no shadow: dom0 asks for dumps while the monitor signs, and looks for its keys in them.

A machine with two CPUs: one works with the secret, the other asks. A secret is found in any of the forms in which it
lies in registers and on the stack, eight bytes of it are enough."""

import hashlib
import hmac
import json
import re
import struct

from fixture import FOLDER

XEN_OPTIONS = ["cloister-lockdown=debug",  # the closed state has no debug keys
               "debug_stack_lines=120"]    # all of a stack
DUMPS = {"d": 200, "0": 10, "%": 10, "AddA": 20, "*": 2}  # 'A': CPUs one after the other, each by itself
CONTROL_DUMPS, CONTROL_TRIES = 20, 10
HIDDEN = re.compile(r"CPU1: host context not shown: a secret is in use")
SHOWN = re.compile(r"\*\*\* Dumping CPU1 host state: \*\*\*")
WORD = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
SALTS = (b"Cloister sealing 1", b"Cloister counter 1", b"Cloister counters 1: copy", b"Cloister counters 1: index")
WINDOW = 8


def primes():
    found = []
    number = 2
    while len(found) < 64:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def root_bits(number, power):
    """The first 32 bits behind the point of a square or cube root (FIPS 180-4, 4.2.2 and 5.3.3)."""
    scaled, low, high = number << 32 * power, 0, number << 32
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle ** power <= scaled else (low, middle)
    return low & 0xffffffff


ROUNDS = [root_bits(prime, 3) for prime in primes()]
START = [root_bits(prime, 2) for prime in primes()[:8]]


def turn(word, by):
    return (word >> by | word << 32 - by) & 0xffffffff


def first_state(block):
    """SHA-256's state after one block, which no library gives (FIPS 180-4, 6.2.2)."""
    w = list(struct.unpack(">16I", block))
    for i in range(16, 64):
        s0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3
        s1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10
        w.append((w[i - 16] + s0 + w[i - 7] + s1) & 0xffffffff)
    a, b, c, d, e, f, g, h = START
    for i in range(64):
        t1 = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (e & f ^ ~e & g) + ROUNDS[i] + w[i]
        t2 = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (t1 + t2) & 0xffffffff, a, b, c, (d + t1) & 0xffffffff, e, f, g
    return struct.pack(">8I", *((x + y) & 0xffffffff for x, y in zip(START, (a, b, c, d, e, f, g, h))))


def turned(secret, size):
    return b"".join(secret[at:at + size][::-1] for at in range(0, len(secret), size))


def padded(secret, pad):
    return bytes(byte ^ pad for byte in secret.ljust(64, b"\0"))


def forms(secret):
    """All in which it may lie in memory, or as good as it."""
    number = int.from_bytes(secret, "big")
    limbs = struct.pack("<8I", *(number >> 31 * i & 0x7fffffff for i in range(8)))  # BearSSL's i31
    states = [first_state(padded(secret, pad)) for pad in (0x36, 0x5c)]  # an HMAC's key, used
    return ([turned(secret, size) for size in (1, 4, 8, 32)] + [limbs] +
            [padded(secret, pad)[:32] for pad in (0x36, 0x5c)] +
            [turned(state, size) for state in states for size in (1, 4)])


def windows(secrets):
    """{eight bytes: number of the secret}"""
    root = secrets[1]
    everything = secrets + [hmac.digest(salt, root, "sha256") for salt in SALTS]
    return {form[at:at + WINDOW]: number for number, secret in enumerate(everything)
            for form in forms(secret) for at in range(len(form) - WINDOW + 1)}


def find(data, wanted):
    """The numbers of the secrets that stand in these bytes."""
    return {wanted[data[at:at + WINDOW]] for at in range(len(data) - WINDOW + 1) if data[at:at + WINDOW] in wanted}


def find_in_console(text, wanted):
    return find(b"".join(struct.pack("<Q", int(word, 16)) for word in WORD.findall(text)), wanted)


def shadow(machine, command, timeout=300):
    return machine.dom0(f"{FOLDER}/shadow {command}", timeout=timeout, check=True).out


def dump(machine, operation, keys, count):
    """What the console shows of it."""
    mark = len(machine.console())
    shadow(machine, f"dump {operation} '{keys}' {count}")
    return machine.console()[mark:]


def control(tap, machine, operation, wanted, secret):
    """With the mark switched off the secret is there to be found."""
    shadow(machine, "show 1")
    found, tries = set(), 0
    while not secret & found and tries < CONTROL_TRIES:
        text = dump(machine, operation, "d", CONTROL_DUMPS)
        found |= find_in_console(text, wanted)
        tries += 1
    tap.ok(secret & found, f"{operation}: without the mark, {tries * CONTROL_DUMPS} dumps show it",
           f"found {found}, wanted one of {secret}: {text[-3000:]}")
    shadow(machine, "show 0")


def refused(tap, machine, operation, wanted):
    for keys, count in DUMPS.items():
        text = dump(machine, operation, keys, count)
        found = find_in_console(text, wanted)
        hidden, shown = len(HIDDEN.findall(text)), len(SHOWN.findall(text))
        tap.ok(not found, f"{operation}: {count} times debug keys {keys} show no secret", found)
        tap.comment(f"  {len(text) >> 10} KiB, {hidden} of {shown} host contexts of its CPU hidden")
        if keys == "d":  # the lines of two CPUs mix on the console: not all are recognised
            tap.ok(shown > count // 2 and hidden, f"{operation}: of {count} dumps some met it", f"{hidden} of {shown}")


def xentrace(tap, machine, wanted):
    machine.dom0("xentrace -D -S 256 -T 5 /run/shadow.trace >/dev/null 2>&1 & "
                 f"{FOLDER}/shadow dump heartbeat h 100 >/dev/null; wait", timeout=120)
    data = machine.pull("/run/shadow.trace")
    tap.ok(len(data) > 10000 and not find(data, wanted), f"{len(data) >> 10} KiB of xentrace hold no secret")


def run(tap, machine, programs):
    """The tests; the machine has two CPUs and a TPM."""
    programs.install(machine)
    machine.dom0("xl vcpu-pin 0 0 0 && xl vcpu-pin 0 1 1", check=True)
    wanted = windows([bytes.fromhex(secret) for secret in json.loads(shadow(machine, "secrets"))])
    assert first_state(b"\x80" + bytes(63)) == hashlib.sha256(b"").digest()
    for operation, secret in (("heartbeat", {0}), ("load", {2})):
        control(tap, machine, operation, wanted, secret)
        refused(tap, machine, operation, wanted)
    tap.ok(not find_in_console(machine.dom0("xl dmesg", check=True).out[-4096:], wanted), "nor does xl dmesg")
    xentrace(tap, machine, wanted)
    tap.ok(machine.alive(), "Xen and dom0 live")
