#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The key service as a program, with clients that have no credentials and bad manners: test_serve.py PROGRAM."""

import http.client
import os
import pathlib
import pwd
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import time

FILES = 64
REQUEST_TIME = 20  # s, keyservice.h


class Tap:
    count = failed = 0

    def ok(self, good, name, found=""):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}{'' if good else f' # {found}'}", flush=True)


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Service:
    """Runs with a limit of FILES descriptors; as nobody, where this is root."""

    def __init__(self, program, folder):
        self.log = folder / "log"
        key, jwks = folder / "key", folder / "jwks.json"
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        openssl("req", "-x509", "-key", key, "-subj", "/CN=localhost", "-days", "2", "-out", folder / "certificate")
        jwks.write_text('{"keys":[{"kty":"EC","crv":"P-256","kid":"first","alg":"ES256","use":"sig",'
                        '"x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",'
                        '"y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]}', encoding="ascii")
        for file in folder.iterdir():
            file.chmod(0o644)
        folder.chmod(0o755)
        command = [program, f"--key={key}", "--issuer=https://as.example", f"--issuer-keys={jwks}", "--audience=us",
                   f"--policy={'11' * 32}", f"--author={'22' * 32}", f"--certificate={folder / 'certificate'}",
                   f"--certificate-key={key}", "--listen=127.0.0.1:0"]
        with open(self.log, "wb") as file:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                            preexec_fn=self.prepare)
        while "port" not in self.said():
            if self.process.poll() is not None:
                raise RuntimeError(self.said())
            time.sleep(0.05)
        self.port = int(self.said().split()[-1])

    @staticmethod
    def prepare():
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
        if os.getuid() == 0:
            os.setresuid(*[pwd.getpwnam("nobody").pw_uid] * 3)

    def said(self):
        return self.log.read_text(encoding="ascii")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(self.connect())

    def ticks(self):
        return sum(map(int, pathlib.Path(f"/proc/{self.process.pid}/stat").read_text("ascii").split()[13:15]))


def challenge(stream):
    stream.sendall(b"POST /v1/challenge HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    reply = http.client.HTTPResponse(stream, method="POST")
    reply.begin()
    return reply.status, reply.read()


def answers_at_once(tap, service):
    with service.tls() as stream:
        challenge(stream)
        begin = time.monotonic()
        replies = {challenge(stream) for _ in range(20)}
        took = (time.monotonic() - begin) / 20
    tap.ok(len(replies) == 20 and all(status == 200 for status, _ in replies), "twenty challenges on one connection")
    tap.ok(took < 0.03, "an answer waits for no ACK (40 ms)", f"{took * 1000:.1f} ms each")


def not_dumpable(tap, service):
    owner = os.stat(f"/proc/{service.process.pid}/mem").st_uid
    if os.getuid() == 0:
        tap.ok(owner == 0, "another process of its user cannot read its memory", f"/proc/PID/mem is of user {owner}")
    limit = pathlib.Path(f"/proc/{service.process.pid}/limits").read_text("ascii")
    core = [line.split()[4:6] for line in limit.splitlines() if line.startswith("Max core file size")]
    tap.ok(core == [["0", "0"]], "it leaves no core file", core)


def runs_out(tap, service):
    """Its descriptors are all taken, and more clients wait."""
    clients = [service.connect() for _ in range(FILES + 20)]
    time.sleep(0.5)
    before, size = service.ticks(), len(service.said())
    time.sleep(3)
    used, more = service.ticks() - before, len(service.said()) - size
    tap.ok("no connection can be taken" in service.said(), "out of descriptors: it says so", service.said()[-300:])
    tap.ok(len(service.said()) < 1000 and more < 200, "and says it once", f"{len(service.said())} bytes of log")
    tap.ok(used < 30, "and rests", f"{used} ticks in 3 s")
    for client in clients:
        client.close()
    with service.tls() as stream:
        tap.ok(challenge(stream)[0] == 200, "and serves whoever comes then")


def trickle(stream, data):
    """Bytes of `data` again and again, one each second; how long the other side put up with it."""
    begin = time.monotonic()
    try:
        for at in range(3 * REQUEST_TIME):
            stream.sendall(data[at % len(data):][:1])
            time.sleep(1)
            stream.setblocking(False)
            try:
                if stream.recv(1) == b"":
                    break
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            stream.settimeout(60)
    except OSError:
        pass
    return time.monotonic() - begin


def slow_requests(tap, service):
    """All at once, each in a process: a head, a body, a second request, a handshake."""
    cases = {
        "a head": (True, b"POST /v1/key HTTP/1.1\r\n", b"X-Some: thing\r\n"),
        "a body": (True, b"POST /v1/key HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n", b"{}"),
        "a handshake": (False, b"\x16\x03\x01\x08\x00\x01\x00\x07\xfc\x03\x03", b"\0"),
    }
    children = {}
    for name, (encrypted, begin, rest) in cases.items():
        pid = os.fork()
        if pid == 0:
            stream = service.tls() if encrypted else service.connect()
            stream.sendall(begin)
            took = trickle(stream, rest)
            os._exit(min(int(took), 250))
        children[pid] = name
    for _ in cases:
        pid, status = os.wait()
        seconds = os.waitstatus_to_exitcode(status)
        tap.ok(REQUEST_TIME - 3 <= seconds <= REQUEST_TIME + 4, f"{children[pid]} at a byte a second ends in {REQUEST_TIME} s",
               f"{seconds} s")


def keeps_who_is_quick(tap, service):
    """A connection may last longer than one request."""
    with service.tls() as stream:
        good = 0
        for _ in range(REQUEST_TIME // 4 + 2):
            good += challenge(stream)[0] == 200
            time.sleep(4)
        tap.ok(good == REQUEST_TIME // 4 + 2, "a connection with requests in time goes on", good)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as name:
        service = Service(sys.argv[1], pathlib.Path(name))
        try:
            for part in (answers_at_once, not_dumpable, runs_out, slow_requests, keeps_who_is_quick):
                part(tap, service)
            tap.ok(service.process.poll() is None, "it has lived through all of it")
        finally:
            service.process.terminate()
        tap.ok(service.process.wait(10) == 0, "SIGTERM ends it with status 0")
    print(f"1..{tap.count}")
    return tap.failed != 0


if __name__ == "__main__":
    sys.exit(main())
