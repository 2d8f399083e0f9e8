# SPDX-License-Identifier: MIT
"""Slow clients, many clients, floods, and half a message."""

import json
import socket
import ssl
import threading
import time


def stream(service, timeout=15):
    sock = socket.create_connection(("127.0.0.1", service.port), timeout)
    return service.context().wrap_socket(sock, server_hostname="localhost")


def ended(link, seconds):
    """How long until the other side ends the connection."""
    began = time.monotonic()
    link.settimeout(seconds)
    try:
        while link.recv(4096):
            pass
    except (ssl.SSLError, ConnectionError):
        pass
    except TimeoutError:
        return None
    return time.monotonic() - began


def slow(world, service, name, link, data):
    """A byte now and then is no request: the connection ends all the same."""
    began = time.monotonic()
    try:
        for byte in data:
            link.sendall(bytes([byte]))
            time.sleep(0.2)
            if time.monotonic() - began > 10:
                break
    except (OSError, ssl.SSLError):
        pass
    took = time.monotonic() - began
    link.close()
    world.tap.ok(1 < took < 8, f"slow {name}: over after {took:.1f} s of 2")


def lorises(world):
    service = world.service(name="slow", request_timeout=2)
    host = world.enrol(service)
    head = f"POST /v1/challenge HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {host.token}\r\n".encode()
    slow(world, service, "TLS handshake", socket.create_connection(("127.0.0.1", service.port), 5), b"\x16" * 100)
    slow(world, service, "header", stream(service), head * 3)
    link = stream(service)
    link.sendall(head + b"Content-Length: 100\r\n\r\n")
    slow(world, service, "body", link, b"{" + b" " * 100)
    for name, connect in (("no handshake", lambda: socket.create_connection(("127.0.0.1", service.port), 5)),
                          ("no request", lambda: stream(service))):
        took = ended(connect(), 10)
        world.tap.ok(took and 1 < took < 6, f"{name}: over after {took} s")
    link = service.connect()
    for pause in 1.2, 1.2, 1.2:
        service.get("/v1/health", connection=link)
        time.sleep(pause)
    world.status(service.get("/v1/health", connection=link), 200, "who asks in time stays connected")
    never_reads(world, service)
    world.status(host.attest(), 200, "after slow ones: attest")
    service.stop()


def never_reads(world, service):
    """Asks for large replies, on and on, and reads none."""
    link = stream(service)
    link.settimeout(1)
    began = time.monotonic()
    try:
        while time.monotonic() - began < 12:
            link.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
    except (TimeoutError, OSError, ssl.SSLError):
        pass
    took = ended(link, 10)
    world.tap.ok(took is not None, f"who never reads is disconnected: after {time.monotonic() - began:.1f} s")


def crowd(world):
    """More connections than allowed: the others wait, and those that do nothing make room."""
    service = world.service(name="crowd", request_timeout=2, connections=20, connections_per_address=20)
    host = world.enrol(service)
    idle = [socket.create_connection(("127.0.0.1", service.port), 5) for _ in range(60)]
    began = time.monotonic()
    status = host.attest().status
    took = time.monotonic() - began
    world.tap.ok(status == 200 and took < 20, f"60 idle connections of 20 allowed: attest after {took:.1f} s")
    for link in idle:
        link.close()
    service.stop()


def flood(world):
    """More at once than there is room for: 429 with Retry-After, and nobody waits for ever."""
    service = world.service(name="flood", queue=2, workers=1)
    host = world.enrol(service)
    statuses, impolite, errors = [], [], []

    def ask():
        try:
            link = service.connect()
            for _ in range(40):
                reply = service.post("/v1/challenge", token=host.token, connection=link)
                statuses.append(reply.status)
                if reply.status == 429 and not int(reply.headers.get("Retry-After", 0)):
                    impolite.append(reply)
        except Exception as error:  # whatever a client may see
            errors.append(error)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    tap = world.tap
    tap.ok(not errors and len(statuses) == 24 * 40, "a flood: every request is answered", str(errors[:3]))
    tap.ok(set(statuses) == {200, 429}, f"a flood: {statuses.count(200)} answered, {statuses.count(429)} times 429",
           str(set(statuses)))
    tap.ok(not impolite, "a flood: each 429 has Retry-After")
    world.status(host.attest(), 200, "after the flood: attest")
    service.stop()


def halves(world):
    """Connections that end in the middle, at every place."""
    service = world.service(name="halves")
    host = world.enrol(service)
    challenge = host.challenge()
    body = json.dumps(host.body(challenge)).encode()
    message = (f"POST /v1/attest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {host.token}\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    for at in list(range(0, len(message), max(1, len(message) // 60))) + [len(message)]:
        link = stream(service)
        link.sendall(message[:at])
        if at % 2:
            link.shutdown(socket.SHUT_RDWR)
        link.close()
    time.sleep(0.5)
    last = service.admin("GET", f"/v1/hosts/{host.id}").json
    world.tap.ok(last["last_reason"] in (None, "challenge-replayed"), "messages that end anywhere", str(last))
    for name, text in (("two lengths", "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
                       ("a length and chunks", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                       ("a negative length", "Content-Length: -1\r\n\r\n"),
                       ("an absurd length", "Content-Length: 99999999999999999999\r\n\r\n"),
                       ("a large length", "Content-Length: 2000000\r\n\r\n"),
                       ("bad chunks", "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
                       ("endless chunks", "Transfer-Encoding: chunked\r\n\r\n" + ("ffff\r\n" + "x" * 65535 + "\r\n") * 40)):
        link = stream(service)
        said = b""
        try:
            link.sendall(f"POST /v1/challenge HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {host.token}\r\n"
                         f"{text}".encode())
            link.settimeout(5)
            said = link.recv(200)
        except (OSError, ssl.SSLError):
            pass
        link.close()
        world.tap.ok(b" 200 " not in said, f"{name}: no 200", repr(said))
    link = stream(service)
    one = f"POST /v1/challenge HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {host.token}\r\nContent-Length: 0\r\n\r\n"
    link.sendall(one.encode() * 5)
    said = b""
    link.settimeout(3)
    try:
        while said.count(b"HTTP/1.1 200") < 5:
            more = link.recv(4096)
            if not more:
                break
            said += more
    except (OSError, ssl.SSLError):
        pass
    world.tap.equal(said.count(b"HTTP/1.1 200"), 5, "five requests at once on one connection")
    link.close()
    world.status(host.attest(), 200, "after all that: attest")
    world.tap.equal(service.stop(), 0, "it ends well")


def run(world):
    lorises(world)
    crowd(world)
    flood(world)
    halves(world)
