# SPDX-License-Identifier: MIT
"""Two instances with one PostgreSQL, which goes away; one instance is killed."""

import base64
import subprocess
import threading
import time

import lost
from cluster import Cluster
from service import Host, b64
from tpms import SoftEk
from world import sha256

OUTAGE_S = 60
PREFER = {"Prefer": "respond-async"}


def across(world, first, second):
    """What one instance began another goes on with."""
    ek, ak = SoftEk("ecc"), world.maker.bytes("key")
    ticket = world.ticket(first, ek_sha256=sha256(ek.public))
    offer = second.post("/v1/hosts/enrol", {"ek_public": b64(ek.public), "ak_public": b64(ak)}, token=ticket).json
    secret = ek.activate(ak, *(base64.b64decode(offer[name]) for name in ("credential_blob", "encrypted_secret")))
    made = first.post("/v1/hosts/activate", {"enrolment": offer["enrolment"], "secret": b64(secret)})
    world.status(made, 200, "enrolled across two instances")
    host = Host(second, made.json["token"], world.maker.evidence)
    host.id = made.json["host"]
    challenge = first.post("/v1/challenge", token=host.token).json
    world.status(host.attest(challenge), 200, "a challenge of one, answered to the other")
    host.service = first
    world.status(host.attest(challenge), 403, "then to the first", "challenge-replayed")
    world.put_policy(second, "shared")
    world.status(host.attest(policy="shared"), 200, "a policy made at one counts at the other")
    world.put_policy(second, "shared", boot=world.boot())
    world.status(host.attest(policy="shared"), 403, "changed at one, too", "boot-not-accepted")
    place = host.attest(headers=PREFER).headers["Location"]
    host.service = second
    for _ in range(100):
        reply = second.get(place, token=host.token)
        if reply.status != 202:
            break
        time.sleep(0.1)
    world.status(reply, 200, "a verdict that was promised by one, from the other")
    return host


def races(world, first, second, host):
    """One challenge, answered to both at once, many times: it counts once."""
    counts = []
    for _ in range(15):
        challenge = host.challenge()
        replies = []

        def ask(service):
            body = host.body(challenge, audience=f"relying party {threading.get_ident()}")
            replies.append(service.post("/v1/attest", body, token=host.token).status)

        threads = [threading.Thread(target=ask, args=(service,), daemon=True) for service in (first, second) * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counts.append((replies.count(200), replies.count(403)))
    world.tap.equal(set(counts), {(1, 5)}, "one challenge to both at once: it counts once")
    body, replies = host.body(host.challenge()), []
    threads = [threading.Thread(target=lambda service=service: replies.append(
        service.post("/v1/attest", body, token=host.token)), daemon=True) for service in (first, second) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.tap.ok({reply.status for reply in replies} == {200} and len({reply.data for reply in replies}) == 1,
                 "the same request to both at once: one token", str(replies))


class Client(threading.Thread):
    """Attests all the time, to whichever instance answers, as behind one address; keeps what came of it."""

    def __init__(self, services, host):
        super().__init__(daemon=True)
        self.services, self.host = list(services), host
        self.accepted, self.unsure, self.replies, self.slowest, self.going = [], [], [], 0.0, True

    def once(self, ask):
        """The reply of the first that answers."""
        for service in list(self.services):
            try:
                began = time.monotonic()
                reply = ask(service)
                self.slowest = max(self.slowest, time.monotonic() - began)
                return reply
            except Exception:  # this instance is gone: the next
                self.services = self.services[1:] + self.services[:1]
        return None

    def run(self):
        while self.going:
            reply = self.once(lambda service: service.post("/v1/challenge", token=self.host.token))
            self.replies.append(reply)
            if reply is None or reply.status != 200:
                time.sleep(0.1)
                continue
            body = self.host.body(reply.json)
            reply = self.once(lambda service: service.post("/v1/attest", body, token=self.host.token))
            self.replies.append(reply)
            if reply is not None:
                (self.accepted if reply.status == 200 else self.unsure).append((body, reply))

    def end(self):
        self.going = False
        self.join(60)
        if self.is_alive():
            raise RuntimeError("a client waits for ever")

    def statuses(self):
        return {reply.status if reply else None for reply in self.replies}


def killed(world, first, second, host):
    """SIGKILL to one of two: who asks at their address is answered by the other."""
    place = second.post("/v1/attest", host.body(host.challenge()), token=host.token, headers=PREFER).headers["Location"]
    client = Client([second, first], host)
    client.start()
    time.sleep(1.5)
    second.stop(9)
    before = len(client.accepted)
    time.sleep(2)
    client.end()
    world.tap.ok(len(client.accepted) > before > 0, f"one of two killed: {before} verdicts before, "
                 f"{len(client.accepted) - before} after")
    world.tap.ok(client.statuses() <= {200, 403}, "one of two killed: the other answers", str(client.statuses()))
    lost = [reply for body, reply in client.unsure if reply.json["refused"]["reason"] != "challenge-replayed"]
    world.tap.ok(not lost and len(client.unsure) <= 1, "one of two killed: nothing is half-done", str(client.unsure))
    used_up(world, first, client)
    for _ in range(300):
        reply = first.get(place, token=host.token)
        if reply.status != 202:
            break
        time.sleep(0.1)
    world.status(reply, 200, "what the killed one had promised comes from the other")
    second.start()
    host.service = second
    world.status(host.attest(), 200, "the killed one comes back")


def used_up(world, service, client):
    """Each challenge that was answered with a token is used; who asks the same again is answered the same."""
    last = client.accepted[-60:]
    again = [service.post("/v1/attest", {**body, "audience": "another"}, token=client.host.token).json
             .get("refused", {}).get("reason") for body, _ in last]
    world.tap.equal(set(again), {"challenge-replayed"}, f"{len(again)} challenges that were answered are used")
    same = [service.post("/v1/attest", body, token=client.host.token).data == reply.data for body, reply in last]
    world.tap.ok(all(same), f"{len(same)} requests that were answered are answered the same again", str(same))


def outage(world, cluster, first, second, host):
    host.service = first
    fresh, used = host.challenge(), host.challenge()
    world.status(host.attest(used), 200, "before the outage")
    client = Client([first, second], host)
    client.start()
    time.sleep(1)
    sizes = [one.log.stat().st_size for one in (first, second)]
    cluster.stop()
    gone = len(client.replies) + 3  # those under way
    began = time.monotonic()
    for name, reply in (("attest", host.attest(fresh)), ("a policy", world.put_policy(first, "gone")),
                        ("a ticket", first.admin("POST", "/v1/tickets", {})),
                        ("removing a host", first.admin("DELETE", f"/v1/hosts/{host.id}")),
                        ("a challenge", first.post("/v1/challenge", token=host.token))):
        world.status(reply, 503, f"database gone: {name}", "unavailable")
        world.tap.ok(int(reply.headers.get("Retry-After", 0)) > 0, f"database gone: {name}: Retry-After")
    time.sleep(max(0, OUTAGE_S - (time.monotonic() - began)))
    meanwhile = client.replies[gone:]
    said = [one.log.read_text(encoding="utf-8")[size:].count("\n") for one, size in zip((first, second), sizes)]
    cluster.start()
    time.sleep(4)
    client.end()
    tap = world.tap
    tap.ok(max(said) < 20, f"database gone for {OUTAGE_S} s: {said} lines of log")
    tap.ok(len(meanwhile) > 100 and {reply.status if reply else None for reply in meanwhile} == {503},
           f"database gone for {OUTAGE_S} s: {len(meanwhile)} requests, each answered 503", str(client.statuses()))
    tap.ok(client.slowest < 8, f"database gone: nobody waited longer than {client.slowest:.1f} s")
    tap.ok(client.replies[-1].status == 200, "the database is back: answered again", repr(client.replies[-1]))
    reasons = {reply.json["refused"]["reason"] for _, reply in client.unsure if reply.status == 403}
    tap.ok(reasons <= {"challenge-replayed"}, "nothing else was refused", str(reasons))
    used_up(world, first, client)
    world.status(host.attest(used), 403, "what was used before is used", "challenge-replayed")
    world.status(host.attest(fresh), 200, "what was refused with 503 is not used up")
    world.status(first.admin("GET", "/v1/policies/gone"), 404, "the policy was not made")
    world.status(first.admin("GET", f"/v1/hosts/{host.id}"), 200, "the host was not removed")


def restarts(world, cluster, first, second, host):
    """The database is shot again and again under load: no token without its challenge used up."""
    clients = [Client(pair, host) for pair in ((first, second), (second, first))]
    for client in clients:
        client.start()
    for _ in range(3):
        time.sleep(1.5)
        cluster.stop()
        cluster.start()
    time.sleep(2.5)
    for client in clients:
        client.end()
        world.tap.ok(client.statuses() <= {200, 403, 503} and client.accepted, "database shot three times: "
                     f"{len(client.accepted)} tokens, the rest 503", str(client.statuses()))
        used_up(world, first, client)


def by_the_manual(world, cluster):
    """A role that owns its database and nothing else, over TLS, as cloister-attestd(8) has it; and who is refused."""
    cluster.execute("CREATE ROLE cloister LOGIN PASSWORD 'x'", "CREATE DATABASE cloister OWNER cloister")

    def tried(name, address, good, says=""):
        service = world.service(start=False, name="manual", store=address)
        service.write_config()
        status, said = service.run("--config", service.config, "--check")
        world.tap.ok((status == 0) == good and says in said, f"TLS to the database, {name}: {'taken' if good else 'refused'}",
                     f"{status} {said}")
        return service

    ours, others = (world.keys.path(f"{name}.pem") for name in ("ca", "strange-ca"))
    place = f"postgresql://cloister@localhost:{cluster.port}/cloister?sslmode=verify-full&sslrootcert="
    tried("a server without it", place + str(ours), False, "SSL")
    cluster.use_tls(world.keys.path("service.pem"), world.keys.path("service.key"))
    tried("another CA", place + str(others), False, "certificate verify failed")
    other = place.replace("@localhost", "@db.example").replace("?", "?hostaddr=127.0.0.1&")
    tried("another name", other + str(ours), False, "does not match host name")
    tried("a CA that is not there", place + "/nonexistent", False, "/nonexistent")
    service = tried("its CA and name", place + str(ours), True)
    service.start()
    world.put_policy(service)
    world.status(world.enrol(service).attest(), 200, "a role without other rights: enrol, attest")
    world.tap.equal(service.stop(), 0, "a role without other rights: it ends well")


def run(world):
    cluster = Cluster(world.folder / "cluster")
    if not world.tap.ok(cluster.usable, "PostgreSQL is there"):
        return
    cluster.make()
    try:
        by_the_manual(world, cluster)
        first = world.service(start=False, name="first", store=cluster.url)
        second = world.service(start=False, name="second", store=cluster.url)
        starts = [threading.Thread(target=service.start, daemon=True) for service in (first, second)]
        for thread in starts:
            thread.start()
        for thread in starts:
            thread.join()
        world.status(world.put_policy(first), 200, "both start with an empty database")
        host = across(world, first, second)
        races(world, first, second, host)
        lost.run(world, cluster)
        killed(world, first, second, host)
        restarts(world, cluster, first, second, host)
        outage(world, cluster, first, second, host)
        world.tap.equal((first.stop(), second.stop()), (0, 0), "both end well")
        cluster.stop()
        world.status(first.start(wait=False).get("/v1/health"), 503, "it starts without a database")
        cluster.start()
        time.sleep(3)
        world.status(first.get("/v1/health"), 200, "and works when there is one")
    finally:
        try:
            cluster.stop()
        except subprocess.SubprocessError:
            pass
