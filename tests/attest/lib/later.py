# SPDX-License-Identifier: MIT
"""Verifications that are answered later: 202, then the verdict."""

import json
import os
import pathlib
import signal
import time

from service import b64


def wait(service, host, place):
    for _ in range(100):
        reply = service.get(place, token=host.token)
        if reply.status != 202:
            return reply
        time.sleep(0.05)
    return reply


def run(world):
    tap, service = world.tap, world.service()
    host, stranger = world.enrol(service), world.enrol(service)
    prefer = {"Prefer": "respond-async"}
    challenge = host.challenge()
    reply = host.attest(challenge, headers=prefer)
    world.status(reply, 202, "Prefer: respond-async")
    place = reply.headers["Location"]
    tap.ok(place == f"/v1/attest/{reply.json['id']}" and int(reply.headers["Retry-After"]) >= 1, "Location, Retry-After",
           str(reply.headers))
    world.status(service.get(place, token=stranger.token), 404, "another host does not see it", "not-found")
    done = wait(service, host, place)
    world.status(done, 200, "the verdict")
    tap.equal(done.json.get("claims", {}).get("eat_nonce"), challenge["nonce"], "it is for this challenge")
    tap.equal(service.get(place, token=host.token).data, done.data, "asked again, it is the same")
    world.status(host.attest(challenge), 403, "its challenge is used", "challenge-replayed")
    again = wait(service, host, host.attest(challenge, headers=prefer).headers["Location"])
    world.status(again, 403, "later, too", "challenge-replayed")
    challenge = host.challenge()
    bad = wait(service, host, host.attest(challenge, headers=prefer,
                                          evidence=b64(world.maker.evidence("00" * 32))).headers["Location"])
    world.status(bad, 403, "what is refused is refused later", "nonce-differs")
    world.status(wait(service, host, host.attest(headers=prefer, policy="missing").headers["Location"]), 404,
                 "no such policy, later")
    world.status(host.attest(headers=prefer, format="xml"), 400, "a malformed body is refused at once")
    world.status(service.get("/v1/attest/" + "0" * 32, token=host.token), 404, "no such verification")
    several(world, service, host, prefer)
    service.stop()
    survives(world, host, prefer)
    waits(world)


def several(world, service, host, prefer):
    """A host cannot fill the store."""
    statuses = [host.attest(headers=prefer).status for _ in range(12)]
    world.tap.ok(set(statuses) <= {202, 429}, "many at once: 202 or 429", str(statuses))


def survives(world, host, prefer):
    """What was promised before a SIGKILL is answered after it."""
    service = world.service(name="killed")
    host = world.enrol(service)
    places = [host.attest(headers=prefer).headers["Location"] for _ in range(4)]
    service.stop(9)
    service.start()
    statuses = [slow(service, host, place) for place in places]
    world.tap.equal(statuses, [200] * 4, "after SIGKILL every verdict comes")
    service.stop()


class Held:
    """A request that lacks its last byte."""

    def __init__(self, service, method, path, body, token=None, identity=None):
        data = json.dumps(body, separators=(",", ":")).encode()
        self.link, self.last = service.connect(identity), data[-1:]
        self.link.putrequest(method, path)
        self.link.putheader("Content-Length", str(len(data)))
        if token:
            self.link.putheader("Authorization", f"Bearer {token}")
        self.link.endheaders(data[:-1])

    def end(self):
        self.link.send(self.last)

    def status(self):
        """And the reply's Location, Retry-After and JSON."""
        reply = self.link.getresponse()
        data = json.loads(reply.read())
        self.link.close()
        return reply.status, reply.headers.get("Location"), int(reply.headers.get("Retry-After", 0)), data


def stop_threads(pid):
    """SIGSTOP, until none of its threads runs any more."""
    os.kill(pid, signal.SIGSTOP)
    for _ in range(1000):
        stats = [path.read_text(encoding="ascii") for path in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")]
        if all(stat.rsplit(") ", 1)[1][0] == "T" for stat in stats):
            return
        time.sleep(0.01)
    raise RuntimeError("the service does not stop")


def behind_others(world, service, host, challenge):
    """
    Evidence that the only worker finds after it has read eight large policies. The service is stopped while it is sent
    the last bytes, so that it finds all nine requests at once, in this order.
    """
    policy = json.loads(world.maker.ask("policy"))
    policy["insecure-incomplete-boot"] = True
    policy["boot"] = [{"name": "x", "pcrs": {"4": f"{i:064x}"}} for i in range(1, 3501)]
    held = [Held(service, "PUT", f"/v1/policies/large{i}", policy, identity="administrator") for i in range(8)]
    held.append(Held(service, "POST", "/v1/attest", host.body(challenge), token=host.token))
    time.sleep(0.5)  # all but the last bytes are read
    stop_threads(service.process.pid)
    for request in held:
        request.end()
    service.process.send_signal(signal.SIGCONT)
    replies = [request.status() for request in held]
    world.tap.equal([reply[0] for reply in replies[:-1]], [200] * 8, "the policies before it are taken")
    return replies[-1]


def waits(world):
    """slow-after: nobody asked for it, but it waited too long."""
    tap, service = world.tap, world.service(name="waits", workers=1, event_threads=1, slow_after=10)
    host = world.enrol(service)
    challenge = host.challenge()
    status, place, retry, said = behind_others(world, service, host, challenge)
    tap.ok(status == 202 and place == f"/v1/attest/{said.get('id')}" and retry >= 1,
           "evidence that waited longer than slow-after: 202 with Location, Retry-After", f"{status} {place} {said}")
    done = wait(service, host, place or "/v1/attest/none")
    world.status(done, 200, "its verdict")
    tap.equal(done.json.get("claims", {}).get("eat_nonce"), challenge["nonce"], "it is for this challenge")
    world.status(host.attest(challenge), 403, "its challenge is used", "challenge-replayed")
    challenge = host.challenge()
    service.stop()
    service.settings["slow-after"] = 60000
    service.start()
    status, _, _, said = behind_others(world, service, host, challenge)
    tap.ok(status == 200 and said["claims"]["eat_nonce"] == challenge["nonce"],
           "the same with a larger slow-after: the verdict at once", f"{status} {said}")
    service.stop()


def slow(service, host, place):
    """A lease of the killed one must run out first."""
    for _ in range(300):
        status = service.get(place, token=host.token).status
        if status != 202:
            return status
        time.sleep(0.1)
    return 202
