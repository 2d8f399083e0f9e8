# SPDX-License-Identifier: MIT
"""
One client without credentials, at 127.0.0.1, does all it can; a host at 127.0.0.2 is served all the same.
"""

import http.client
import os
import resource
import socket
import ssl
import threading
import time

from framing import HOST, Reader, connect

OTHER = ("127.0.0.2", 0)


class Flood:
    """Threads that do something again and again, until it ends."""

    def __init__(self, what, threads):
        self.what, self.going, self.count = what, True, 0
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]

    def run(self):
        while self.going:
            try:
                self.what()
                self.count += 1
            except (OSError, ssl.SSLError, http.client.HTTPException):
                time.sleep(0.01)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        for thread in self.threads:
            thread.join(20)


def elsewhere(service, timeout=10):
    return http.client.HTTPSConnection("127.0.0.1", service.port, context=service.context(), timeout=timeout,
                                       source_address=OTHER)


def memory(service):
    """Resident KiB."""
    with open(f"/proc/{service.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def idle(world):
    """Connections that do nothing: more than all, from one address."""
    service = world.service(name="idle", connections=64, connections_per_address=40, handshake_timeout=2)
    held = []
    for number in range(90):
        sock = socket.create_connection(("127.0.0.1", service.port), 5)
        try:
            held.append(service.context().wrap_socket(sock, server_hostname="localhost") if number < 60 else sock)
        except (OSError, ssl.SSLError):
            sock.close()
    began = time.monotonic()
    statuses = [service.get("/v1/health", connection=elsewhere(service)).status for _ in range(5)]
    took = time.monotonic() - began
    world.tap.ok(statuses == [200] * 5 and took < 2, f"90 idle connections from one address: 5 probes from another, {took:.1f} s",
                 str(statuses))
    time.sleep(3)
    world.status(service.get("/v1/health"), 200, "they end soon: the first address is served again")
    text = service.admin("GET", "/v1/metrics").data.decode()
    refused = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("cloister_attestd_connections_refused"))
    world.tap.ok(refused >= 30, f"metrics: {refused} connections were refused", text)
    log = service.log.read_text(encoding="utf-8")
    world.tap.equal(log.count("connections-per-address"), 1, "one line of the log")
    for link in held:
        link.close()
    service.stop()


def paced(service, host, seconds):
    """How often the host, at its own address, gets a challenge in that time; and what else it is answered."""
    link, count, others = elsewhere(service), 0, []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        reply = service.post("/v1/challenge", token=host.token, connection=link)
        count += reply.status == 200
        if reply.status != 200:
            others.append(reply.status)
    link.close()
    return count, others


def tokens(world):
    """Tokens that nobody has do not fill the queue."""
    service = world.service(name="tokens", workers=1, queue=16)
    host = world.enrol(service)
    world.status(host.attest(), 200, "before: attest")
    numbers = iter(range(1 << 30))
    local = threading.local()

    def ask():
        if not hasattr(local, "link"):
            local.link = service.connect()
        token = f"{next(numbers):032x}.{'A' * 43}"
        service.post("/v1/challenge", token=token, connection=local.link)

    with Flood(ask, 24) as flood:
        time.sleep(0.5)
        count, others = paced(service, host, 3)
    world.tap.ok(count > 20 and not others, f"{flood.count} requests with unknown tokens: a host is answered {count} times, "
                 "and never 429", str(others[:5]))
    world.status(host.attest(), 200, "after: attest")
    other = world.service(name="restarted", workers=1, queue=16, store=service.settings["store"])
    service.stop()
    with Flood(lambda: other.post("/v1/challenge", token=f"{next(numbers):032x}.{'A' * 43}"), 8):
        time.sleep(0.5)
        count, others = paced(other, host, 2)
    world.tap.ok(count > 5 and not others, f"a service that has just started knows nobody: the host is answered {count} times",
                 str(others[:5]))
    other.stop()


def one_host(world):
    """A host has its share of the queue, not all of it."""
    service = world.service(name="greedy", workers=1, queue=16)
    greedy, host = world.enrol(service), world.enrol(service)
    local = threading.local()

    def ask():
        if not hasattr(local, "link"):
            local.link = service.connect()
        service.post("/v1/challenge", token=greedy.token, connection=local.link)

    with Flood(ask, 20):
        time.sleep(0.5)
        count, others = paced(service, host, 2)
    world.tap.ok(count > 5 and not others, f"a host that asks without end: another is answered {count} times", str(others[:5]))
    service.stop()


def bodies(world):
    """Bodies that nobody may send are not kept."""
    service = world.service(name="bodies", connections=200, connections_per_address=150)
    service.get("/v1/health")
    before = memory(service)
    links = []
    for number in range(120):
        link = connect(service)
        token = f"{number:032x}.{'A' * 43}"
        try:
            link.sendall(b"POST /v1/attest HTTP/1.1\r\n" + HOST + f"Authorization: Bearer {token}\r\n".encode() +
                         b"Content-Length: 393216\r\n\r\n")
            for _ in range(11):
                link.sendall(bytes(32 << 10))
        except (OSError, ssl.SSLError):
            pass
        links.append(link)
    grown = memory(service) - before
    world.tap.ok(grown < 20 << 10, f"120 bodies of 352 KiB with unknown tokens: {grown >> 10} MiB more memory")
    replies = [Reader(link).reply() for link in links[-5:]]
    world.tap.ok({reply and reply[0] for reply in replies} <= {401, 429, None}, "they were refused", str(replies))
    for link in links:
        link.close()
    service.stop()


def descriptors(world):
    """Out of descriptors it waits, says so once, and goes on."""
    service = world.service(name="descriptors")
    pid = service.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 3, hard))
    links = [socket.create_connection(("127.0.0.1", service.port), 5) for _ in range(20)]
    before = cpu(pid)
    time.sleep(3)
    spent = cpu(pid) - before
    size = service.log.stat().st_size
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    for link in links:
        link.close()
    world.status(service.get("/v1/health"), 200, "descriptors again: it goes on")
    log = service.log.read_text(encoding="utf-8")
    world.tap.ok(log.count("no connection can be accepted") == 1 and size < 4096 and spent < 1,
                 f"out of descriptors: {size} bytes of log, {spent:.1f} s of CPU in 3 s", log[-600:])
    service.stop()


def cpu(pid):
    """Seconds of CPU time."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        words = stat.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def run(world):
    idle(world)
    tokens(world)
    one_host(world)
    bodies(world)
    descriptors(world)
