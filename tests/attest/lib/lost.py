# SPDX-License-Identifier: MIT
"""
The database commits, and its answer is lost on the way: each request is answered as if nothing had happened, or its client
is told that nobody knows, and the same request again has the same result. It is never said that nothing was changed.
"""

import base64
import socket
import threading
import time

from service import b64
from tpms import SoftEk
from world import sha256

COMMITTED = b"C\0\0\0\x0bCOMMIT\0"  # CommandComplete, of PostgreSQL's protocol


class Line:
    """Between the service and the database. `cuts`: how many answers to COMMIT are lost, with their connections."""

    def __init__(self, port):
        self.port, self.cuts, self.lost = port, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"postgresql://postgres@127.0.0.1:{self.listener.getsockname()[1]}/postgres?sslmode=disable"

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            for pair in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def cut(self):
        """Is this answer to be lost?"""
        with self.lock:
            if not self.cuts:
                return False
            self.cuts -= 1
            self.lost += 1
            return True

    def carry(self, source, sink, answers):
        try:
            while data := source.recv(65536):
                if answers and COMMITTED in data and self.cut():
                    break
                sink.sendall(data)
        except OSError:
            pass
        for sock in source, sink:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def offered(world, service):
    """An enrolment that can be activated: EK, AK, the request."""
    ek, ak = SoftEk("ecc"), world.maker.bytes("key")
    offer = service.post("/v1/hosts/enrol", {"ek_public": b64(ek.public), "ak_public": b64(ak)},
                         token=world.ticket(service, ek_sha256=sha256(ek.public))).json
    secret = ek.activate(ak, *(base64.b64decode(offer[name]) for name in ("credential_blob", "encrypted_secret")))
    return {"enrolment": offer["enrolment"], "secret": b64(secret)}


def one_lost(world, line, service, host):
    """One answer is lost: nobody notices."""
    for name, ask, status in (
            ("attest", lambda: host.attest(), 200), ("a policy", lambda: world.put_policy(service, "lost"), 200),
            ("removing a policy", lambda: service.admin("DELETE", "/v1/policies/lost"), 200),
            ("a ticket", lambda: service.admin("POST", "/v1/tickets", {}), 201),
            ("activate", lambda: service.post("/v1/hosts/activate", offered_now), 200),
            ("attest later", lambda: host.attest(headers={"Prefer": "respond-async"}), 202)):
        offered_now = offered(world, service)
        line.cuts, before = 1, line.lost
        world.status(ask(), status, f"the answer to COMMIT is lost: {name}")
        world.tap.ok(line.lost == before + 1, f"the answer to COMMIT is lost: {name}: it was", str(line.lost))
    line.cuts = 0


def all_lost(world, line, service, host):
    """Each answer is lost: the client is told that nobody knows, and asks the same again."""
    body, activation = host.body(host.challenge()), offered(world, service)
    for name, ask in (("attest", lambda: service.post("/v1/attest", body, token=host.token)),
                      ("activate", lambda: service.post("/v1/hosts/activate", activation))):
        line.cuts = 1000
        reply = ask()
        world.status(reply, 503, f"all answers are lost: {name}", "uncertain")
        world.tap.ok("nothing was changed" not in reply.json["message"] and int(reply.headers["Retry-After"]) > 0,
                     f"all answers are lost: {name}: it says so", repr(reply))
        line.cuts = 0
        time.sleep(1.5)
        replies = [ask(), ask()]
        world.status(replies[0], 200, f"then: {name}: the same request")
        world.tap.ok(replies[0].data == replies[1].data, f"then: {name}: the same result each time", str(replies))
    world.status(service.post("/v1/challenge", token=replies[0].json["token"]), 200, "the token that came at last is good")
    world.status(service.post("/v1/attest", {**body, "audience": "x"}, token=host.token), 403,
                 "the challenge counted once", "challenge-replayed")


def batch(world, line, service):
    """Many at once, in one transaction whose answer is lost: each has its verdict."""
    hosts = [world.enrol(service) for _ in range(12)]
    bodies = [host.body(host.challenge()) for host in hosts]
    replies = [None] * len(hosts)

    def ask(number):
        replies[number] = service.post("/v1/attest", bodies[number], token=hosts[number].token)

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(len(hosts))]
    line.cuts, before = 2, line.lost
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    line.cuts = 0
    world.tap.ok(line.lost == before + 2 and {reply.status for reply in replies} == {200},
                 f"{len(hosts)} at once, two answers lost: each has its token", str([repr(reply)[:90] for reply in replies]))


def run(world, cluster):
    line = Line(cluster.port)
    service = world.service(name="lost", store=line.url)
    host = world.enrol(service)
    world.status(host.attest(), 200, "over a line that works")
    one_lost(world, line, service, host)
    all_lost(world, line, service, host)
    batch(world, line, service)
    world.tap.equal(service.stop(), 0, "it ends well")
    line.close()
