# SPDX-License-Identifier: MIT
"""Tickets are listed and revoked, by ids that enrol nobody; tokens are asked for (RFC 7662)."""

import base64
import json
import time
import urllib.parse

from service import b64
from tpms import SoftEk
from world import sha256

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def enrol(service, ticket, ek, ak):
    return service.post("/v1/hosts/enrol", {"ek_public": b64(ek.public), "ak_public": b64(ak)}, token=ticket)


def listed(service):
    return service.admin("GET", "/v1/tickets").json["tickets"]


def tickets(world, service):
    tap, ek, ak = world.tap, SoftEk("ecc"), world.maker.bytes("key")
    tap.equal(service.admin("GET", "/v1/tickets").json, {"tickets": [], "next": None}, "no ticket yet")
    made = service.admin("POST", "/v1/tickets", {"ek_sha256": sha256(ek.public), "lifetime": 600}).json
    tap.equal(made["id"], sha256(made["ticket"].encode()), "a ticket's id is its SHA-256")
    world.ticket(service)
    found = listed(service)
    tap.equal(({one["id"]: one["ek_sha256"] for one in found}[made["id"]], len(found)), (sha256(ek.public), 2), "both are listed")
    tap.ok(made["ticket"] not in json.dumps(found) and sorted(one["id"] for one in found) == [one["id"] for one in found] and
           None in [one["ek_sha256"] for one in found], "the list has ids, in order, no tickets", str(found))
    page = service.admin("GET", f"/v1/tickets?after={found[0]['id']}").json
    tap.equal([one["id"] for one in page["tickets"]], [found[1]["id"]], "what comes behind one")
    for query in "?after=", "?after=x", "?after=00", f"?after={'0' * 63}", "?before=1":
        world.status(service.admin("GET", "/v1/tickets" + query), 400, f"/v1/tickets{query[:12]}")
    world.status(enrol(service, made["id"], ek, ak), 401, "the id is no ticket")
    offer = enrol(service, made["ticket"], ek, ak)
    world.status(offer, 200, "the ticket is one, until it is revoked")
    for wrong in made["id"][:63], made["id"][:-1] + "x", made["id"].upper(), made["ticket"], "0" * 64:
        world.status(service.admin("DELETE", f"/v1/tickets/{wrong}"), 404, f"DELETE, an id that is none: {wrong[:8]}...")
    world.status(service.admin("DELETE", f"/v1/tickets/{made['id']}"), 200, "it is revoked")
    world.status(service.admin("DELETE", f"/v1/tickets/{made['id']}"), 404, "it is revoked once")
    world.status(enrol(service, made["ticket"], ek, ak), 401, "revoked: it begins nothing")
    secret = ek.activate(ak, *(base64.b64decode(offer.json[name]) for name in ("credential_blob", "encrypted_secret")))
    world.status(service.post("/v1/hosts/activate", {"enrolment": offer.json["enrolment"], "secret": b64(secret)}), 401,
                 "revoked: what was begun with it cannot be finished")
    tap.equal([one["id"] for one in listed(service)], [one["id"] for one in found if one["id"] != made["id"]], "it is not listed")
    host = world.enrol(service)
    tap.equal(len(listed(service)), 1, "a ticket that was used is not listed")
    noted = service.admin("GET", "/v1/audit").json["events"]
    events = [(one["event"], one["result"]) for one in noted if "ticket" in one["event"]]
    tap.ok(("ticket", made["id"]) in events and events.count(("ticket-revoked", made["id"])) == 1,
           "the audit has both, by the id", str(events))
    return host


def introspect(service, token, **options):
    return service.ask("POST", "/v1/introspect", urllib.parse.urlencode({"token": token}).encode(), identity="relying-party",
                       headers=FORM, **options)


def inactive(world, service, token, name):
    reply = introspect(service, token)
    world.tap.ok(reply.status == 200 and reply.json == {"active": False}, f"introspection: {name}: not active, and nothing else",
                 repr(reply))


def tokens(world, service, host):
    tap = world.tap
    jwt, cwt = host.attest(audience="me").json, host.attest(format="cwt", audience="me").json
    for name, one in (("a JWT", jwt), ("a CWT", cwt)):
        reply = introspect(service, one["token"])
        wanted = {"active": True, **{key: one["claims"][key] for key in ("iss", "sub", "aud", "iat", "nbf", "exp")}}
        if name == "a JWT":
            wanted["jti"] = one["claims"]["jti"]
        tap.ok(reply.status == 200 and wanted.items() <= reply.json.items(), f"introspection: {name} is active", repr(reply))
    first, second, third = jwt["token"].split(".")
    for name, wrong in (("a changed signature", f"{first}.{second}.{third[:-4]}AAAA"), ("no signature", f"{first}.{second}."),
                        ("two parts", f"{first}.{second}"), ("a CWT without its end", cwt["token"][:-8]),
                        ("a changed claim", f"{first}.{second[:-4]}AAAA.{third}"), ("alg none",
                        base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=") + f".{second}."),
                        ("the host's own token", host.token), ("a ticket", world.ticket(service)), ("a word", "x")):
        inactive(world, service, wrong, name)
    for name, body in (("nothing", b""), ("no token", b"a=b"), ("two tokens", b"token=a&token=b"), ("an empty one", b"token="),
                       ("half a percent", b"token=a%4"), ("no digits", b"token=%zz"), ("a zero byte", b"token=a%00"),
                       ("a blank", b"token=a+b"), ("JSON", b'{"token": "a"}')):
        world.status(service.ask("POST", "/v1/introspect", body, identity="relying-party", headers=FORM), 400,
                     f"introspection: {name}")
    more = urllib.parse.urlencode({"token_type_hint": "access_token", "token": jwt["token"], "x": "y"}).encode()
    reply = service.ask("POST", "/v1/introspect", more, identity="relying-party", headers=FORM)
    tap.ok(reply.json.get("active") is True, "introspection: other parameters are passed over", repr(reply))
    world.status(service.post("/v1/introspect", b"token=a"), 403, "introspection by nobody", "forbidden")
    world.status(service.post("/v1/introspect", b"token=a", token=host.token), 403, "introspection by a host", "forbidden")
    return jwt["token"], cwt["token"]


def revoked(world, service, host, issued):
    """A host that is removed, or enrolled anew, takes its tokens with it."""
    other = world.enrol(service)
    kept = other.attest().json["token"]
    time.sleep(1.1)
    anew = world.enrol(service, ek=other.ek)
    world.tap.equal(anew.id, other.id, "a host that enrols anew keeps its id")
    inactive(world, service, kept, "a token from before its host was enrolled anew")
    world.tap.ok(introspect(service, anew.attest().json["token"]).json["active"], "a token from after that is active")
    world.tap.ok(introspect(service, issued[0]).json["active"], "a token of a host that is enrolled is active")
    world.status(service.admin("DELETE", f"/v1/hosts/{host.id}"), 200, "the host is removed")
    for name, token in zip(("JWT", "CWT"), issued):
        inactive(world, service, token, f"a removed host's {name}")
    world.status(service.post("/v1/challenge", token=host.token), 401, "a removed host's own token")
    brief = world.service(name="brief", token_lifetime=10, issuer="https://other.example")
    inactive(world, brief, anew.attest().json["token"], "another issuer's, with the same key")
    foreign = world.service(name="foreign", signing_key=world.keys.path("next.key"))
    inactive(world, foreign, anew.attest().json["token"], "another key's")
    short = world.enrol(brief).attest().json["token"]
    world.tap.ok(introspect(brief, short).json["active"], "a token of 10 s is active at first")
    time.sleep(10.5)
    inactive(world, brief, short, "a token that has expired")


def run(world):
    service = world.service()
    host = tickets(world, service)
    revoked(world, service, host, tokens(world, service, host))
