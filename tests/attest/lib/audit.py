# SPDX-License-Identifier: MIT
"""What was done is noted, with who asked and from where, in the transaction that did it; what was not done is not."""

import base64
import json
import time

from service import Host, b64
from tpms import SoftEk
from world import sha256

PREFER = {"Prefer": "respond-async"}


def events(service):
    return service.admin("GET", "/v1/audit").json["events"]


def claim(token, name):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))[name]


def run(world):
    tap = world.tap
    service = world.service()
    found = events(service)
    tap.ok([event["event"] for event in found] == ["policy"] and found[0]["administrator"] == "CN=administrator" and
           found[0]["address"] == "127.0.0.1" and found[0]["subject"] == "good" and abs(found[0]["time"] - time.time()) < 60 and
           found[0]["host"] is None, "a policy: who, from where, when, which", str(found))
    seen = {event["id"] for event in found}

    def new(name, *wanted):
        """The events since the last call have these names; they are returned."""
        fresh = [event for event in events(service) if event["id"] not in seen]
        seen.update(event["id"] for event in fresh)
        tap.equal([event["event"] for event in fresh], list(wanted), f"{name}: {', '.join(wanted) or 'nothing'} is noted")
        return fresh

    ek, ak = SoftEk("ecc"), world.maker.bytes("key")
    ticket = world.ticket(service, ek_sha256=sha256(ek.public))
    made = new("a ticket", "ticket")[0]
    tap.ok(made["subject"] == sha256(ek.public) and ticket not in json.dumps(made), "it names the EK, not the ticket", str(made))
    offer = service.post("/v1/hosts/enrol", {"ek_public": b64(ek.public), "ak_public": b64(ak)}, token=ticket).json
    secret = ek.activate(ak, *(base64.b64decode(offer[key]) for key in ("credential_blob", "encrypted_secret")))
    new("half an enrolment")
    body = {"enrolment": offer["enrolment"], "secret": b64(secret)}
    service.post("/v1/hosts/activate", {**body, "secret": b64(bytes(32))})
    new("a wrong secret")
    done = service.post("/v1/hosts/activate", body).json
    entered = new("an enrolment", "enrolled")[0]
    tap.ok(entered["host"] == done["host"] and entered["address"] == "127.0.0.1" and entered["administrator"] is None and
           done["token"].split(".")[1] not in json.dumps(entered), "it has the host, and no secret", str(entered))
    service.post("/v1/hosts/activate", body)
    new("the same enrolment again")

    host = Host(service, done["token"], world.maker.evidence)
    answer = host.body(host.challenge())
    reply = service.post("/v1/attest", answer, token=host.token)
    verdict = new("a verdict", "verdict")[0]
    tap.ok((verdict["host"], verdict["subject"], verdict["result"]) == (done["host"], "good", "accepted") and
           verdict["token"] == claim(reply.json["token"], "jti"), "it has host, policy, and the token's jti", str(verdict))
    service.post("/v1/attest", answer, token=host.token)
    new("the same request again")
    service.post("/v1/attest", {**answer, "audience": "x"}, token=host.token)
    refused = new("the challenge again", "verdict")[0]
    tap.ok(refused["result"] == "challenge-replayed" and refused["token"] is None, "it has the reason, and no token", str(refused))
    world.put_policy(service, "other", boot=world.boot())
    host.attest(policy="other")
    tap.equal(new("a policy, a refusal", "policy", "verdict")[1]["result"], "boot-not-accepted", "it has the reason")
    service.post("/v1/attest", answer, token="0" * 32 + ".x")
    host.attest(policy="missing")
    new("a stranger, and a policy that is not there")
    place = host.attest(headers=PREFER).headers["Location"]
    for _ in range(100):
        if service.get(place, token=host.token).status != 202:
            break
        time.sleep(0.1)
    new("a verdict later", "verdict-promised", "verdict")
    world.put_policy(service, "open", **{"insecure-any-boot": True})
    new("a policy with a bypass", "insecure-policy")
    for path in "/v1/policies/open", "/v1/policies/open", f"/v1/hosts/{done['host']}", f"/v1/hosts/{done['host']}":
        service.admin("DELETE", path)
    new("removals, and removals of nothing", "policy-removed", "host-removed")
    world.put_policy(service, "bad", boot=[])
    service.ask("DELETE", "/v1/policies/good", token=host.token)
    new("what was refused")
    pages(world, service)
    tap.equal(service.stop(), 0, "it ends well")


def pages(world, service):
    """All events, page by page."""
    for _ in range(3):
        world.ticket(service)
    every = [event["id"] for event in events(service)]
    world.tap.ok(every == sorted(every), "they are in order")
    rest = service.admin("GET", f"/v1/audit?after={every[-3]}").json
    world.tap.ok([event["id"] for event in rest["events"]] == every[-2:] and rest["next"] is None,
                 "what comes behind one", str(rest))
    for query in "?after=", "?after=x", "?before=1":
        world.status(service.admin("GET", "/v1/audit" + query), 400, f"/v1/audit{query}")
