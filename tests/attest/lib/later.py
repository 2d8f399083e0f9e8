# SPDX-License-Identifier: MIT
"""Verifications that are answered later: 202, then the verdict."""

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


def slow(service, host, place):
    """A lease of the killed one must run out first."""
    for _ in range(300):
        status = service.get(place, token=host.token).status
        if status != 202:
            return status
        time.sleep(0.1)
    return 202
