# SPDX-License-Identifier: MIT
"""The enclave that is attacked, and the suite's hand on the machine around it.

    programs = fixture.Programs("build/tests/attack")
    programs.install(machine)                       # into dom0
    programs.install(machine, "alice")              # into a tenant
    enclave = fixture.load(machine, "alice", programs)
    enclave.answers()                               # None, or what is wrong

`load` makes the enclave by raw control operations. With agent=True the tenant's cloister-agent and the
host's cloisterd load the same image."""

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

from harness import images  # noqa: E402

FOLDER = "/run/attack"
MASK = (1 << 64) - 1
PAGE_WORDS, PATTERN_WORDS, SECRET_PAGES = 512, 8, 4
PING, FILL, CHECK, SPIN = 0, 1, 2, 3  # lib/victim.h
SPIN_THREAD, SPIN_SECONDS = 2, 60
ANSWER_SECONDS = 90  # of the holder, at most


class FixtureError(Exception):
    """The enclave could not be made, or does not answer."""


def pattern_word(seed, index):
    """As lib/pattern.h."""
    z = (seed + (index + 1) * 0x9e3779b97f4a7c15) & MASK
    z = ((z ^ z >> 30) * 0xbf58476d1ce4e5b9) & MASK
    z = ((z ^ z >> 27) * 0x94d049bb133111eb) & MASK
    return z ^ z >> 31


def secret_bytes(seed):
    return b"".join(pattern_word(seed, i).to_bytes(8, "little") for i in range(PATTERN_WORDS))


def digest(seed, nonce):
    """What the victim's CHECK answers while its secret is what it was."""
    words = [pattern_word(seed, i) for i in range(PATTERN_WORDS)]
    value = 0xcbf29ce484222325 ^ nonce
    for index in range(SECRET_PAGES * PAGE_WORDS):
        value = (value ^ words[index % PATTERN_WORDS]) * 0x100000001b3 & MASK
    return value


def build_door(folder):
    """The test kernel module, against the headers of the images' kernel."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernel")
    module = os.path.join(folder, "attack_door.ko")
    newest = max(os.path.getmtime(os.path.join(source, name)) for name in os.listdir(source))
    if not os.path.exists(module) or os.path.getmtime(module) < newest:
        headers = images.manifest()["kernel_headers"]
        work = os.path.join(folder, "door")
        subprocess.run([os.path.join(source, "build"), headers, work], check=True,
                       stdout=subprocess.DEVNULL)
        shutil.copy(os.path.join(work, "attack_door.ko"), module)


class Programs:
    """What was built of tests/attack: a folder with programs, the victim's images, and the module."""

    def __init__(self, folder):
        self.folder = folder
        build_door(folder)

    def victim(self, machine):
        """What mkvictim says of the image for this machine's CPU."""
        with open(os.path.join(self.folder, f"victim-{machine.vendor}.json"), encoding="utf-8") as file:
            return json.load(file)

    def _tar(self, vendor):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name in sorted(os.listdir(self.folder)):
                path = os.path.join(self.folder, name)
                wanted = (name in (f"victim-{vendor}.image", "attack_door.ko") or
                          os.access(path, os.X_OK) and "." not in name)
                if wanted and os.path.isfile(path):
                    tar.add(path, name.replace("-" + vendor, ""))
        return out.getvalue()

    def install(self, machine, tenant=None, door=False):
        """Copies everything to FOLDER; `door` loads the test module, too."""
        command = f"mkdir -p {FOLDER} && cd {FOLDER} && tar -xf - && chmod 755 [a-z]*"
        if door:
            command += " && { [ -e /dev/attack ] || insmod attack_door.ko; }"
        if tenant:
            machine.tenant(tenant, command, stdin=self._tar(machine.vendor), check=True)
        else:
            machine.dom0(command, stdin=self._tar(machine.vendor), check=True)


def control(machine, command, timeout=60):
    """Runs `control`; its JSON. A refusal is returned, too: it has "error"."""
    result = machine.dom0(f"{FOLDER}/control {command}", timeout=timeout)
    if result.rc not in (0, 1) or not result.out.strip():
        raise FixtureError(f"control {command}: status {result.rc}: {result.out}{result.err}")
    return json.loads(result.out)


class Trace:
    """A place in the monitor's trace; `records` are those written since."""

    def __init__(self, machine):
        self._machine = machine
        self._from = json.loads(machine.dom0(f"{FOLDER}/trace now", check=True).out)

    def records(self):
        place = ",".join(str(number) for number in self._from)
        result = self._machine.dom0(f"{FOLDER}/trace since {place}", check=True)
        return [json.loads(line) for line in result.out.splitlines()]


class Enclave:
    """A loaded victim. domain: its tenant's name; id, handle: the monitor's; seed: of its secret."""

    def __init__(self, machine, domain, programs, seed):
        self.machine, self.domain, self.programs, self.seed = machine, domain, programs, seed
        self.domid = machine.domid(domain)
        self.id = self.handle = self._hold = self._lines = None
        self.references = []
        self.spare_thread = 4  # the next that an attack may kill

    def _start(self, mode):
        self._hold = self.machine.start_in_tenant(self.domain, f"exec {FOLDER}/hold {mode}",
                                                  stdin=None)
        self._lines = self._hold.lines(3600)

    def _line(self):
        """Its next line. One that does not come in time ends the holder."""
        watchdog = threading.Timer(ANSWER_SECONDS, self._hold.kill)
        watchdog.start()
        try:
            for line in self._lines:
                return line
        finally:
            watchdog.cancel()
        result = self._hold.wait(5)
        raise FixtureError(f"the holder of the enclave ended: {result.err}")

    def open_raw(self):
        self._start("raw")
        self.references = [int(ref) for ref in self._line().split()[1:]]
        made = control(self.machine, f"create {self.domid} {FOLDER}/victim.image " +
                       " ".join(str(ref) for ref in self.references))
        if "error" in made:
            raise FixtureError(f"the monitor refuses the enclave: {made['error']} {made['text']}")
        self.id, self.handle = made["enclave"], made["handle"]
        self._hold.write(f"handle {self.handle[0]} {self.handle[1]}\n".encode())

    def open_agent(self):
        self._start(f"agent {FOLDER}/victim.image")
        words = self._line().split()
        self.handle, self.id = words[1:3], int(words[3])

    def begin(self):
        if self._line() != "ready":
            raise FixtureError("the holder of the enclave is not ready")
        self.call(0, FILL, self.seed)

    def ask(self, line):
        self._hold.write(line.encode() + b"\n")
        return self._line()

    def call(self, thread, function, argument):
        outcome, value0, value1 = self.ask(f"call {thread:x} {function:x} {argument:x}").split()
        if int(outcome) != 0:
            raise FixtureError(f"call of function {function}: outcome {outcome} {value0} {value1}")
        return int(value0, 16), int(value1, 16)

    def answers(self):
        """None if the enclave answers its tenant as it must and its secret is what it was."""
        nonce = random.getrandbits(64)
        try:
            if self.call(1, PING, nonce)[0] != (nonce + 1) & MASK:
                return "PING gives a wrong answer"
            if self.call(0, CHECK, nonce)[0] != digest(self.seed, nonce):
                return "the secret has changed"
        except (FixtureError, ValueError) as error:
            return f"the enclave does not answer: {error}"
        return None

    @contextlib.contextmanager
    def inside(self, seed, control_seed):
        """Meanwhile a thread of the enclave keeps the words of `seed` in all of its registers, and an
        ordinary process of the tenant those of `control_seed`. An error if the thread's have changed."""
        if self.ask(f"begin {SPIN_THREAD:x} {SPIN:x} {seed:x}") != "begun":
            raise FixtureError("no second thread in the tenant")
        plain = self.machine.start_in_tenant(
            self.domain, f"echo $$; exec {FOLDER}/spin-plain {control_seed:x} {SPIN_SECONDS}")
        process = next(plain.lines(20), None)
        try:
            if not process:
                raise FixtureError("no ordinary process in the tenant")
            yield
        finally:
            self.machine.tenant(self.domain, f"kill {process}")
            self.ask("poke 0 1")
            outcome = self.ask("end")
            self.ask("poke 0 0")
        if outcome != "0 0 0":
            raise FixtureError(f"the enclave's registers have changed: {outcome}")

    def ordinary_page(self, seed):
        """Puts a pattern into an ordinary page of the tenant's; its page number."""
        return int(self.ask(f"pattern {seed:x}"), 16)

    def secret_frames(self):
        """Where the secret is; only a test build says it, else []."""
        victim = self.programs.victim(self.machine)
        return self.frames(victim["secret_page"], victim["secret_pages"])

    def frames(self, first, count):
        """Of these pages (test build, else [])."""
        result = self.machine.dom0(f"{FOLDER}/control frames {self.id} {first} {count}")
        return json.loads(result.out) if result else []

    def read_frames(self, frames):
        """The first 64 bytes of each (test build)."""
        numbers = " ".join(str(frame) for frame in frames)
        result = self.machine.dom0(f"{FOLDER}/control read {numbers}", check=True)
        return [bytes.fromhex(text) for text in json.loads(result.out)]

    def destroy(self):
        control(self.machine, f"destroy {self.id}")

    def end(self):
        """Ends its holder; an enclave made by raw operations is destroyed, too."""
        if self.references:
            self.destroy()
        self._hold.write(b"")
        self._hold.wait(20)


def load(machine, domain, programs, agent=False, seed=None):
    enclave = Enclave(machine, domain, programs, seed or random.getrandbits(64))
    if agent:
        enclave.open_agent()
    else:
        enclave.open_raw()
    enclave.begin()
    return enclave
