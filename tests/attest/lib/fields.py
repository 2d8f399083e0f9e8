# SPDX-License-Identifier: MIT
"""Every field of every message: missing, of another type, truncated, oversized, repeated; and other bodies."""

import base64
import http.client
import json

from service import b64
from tpms import SoftEk
from world import sha256

WRONG = {"a number": 1, "null": None, "a truth": True, "a list": [], "an object": {}, "empty": "", "control": "a\nb",
         "a zero byte": "a\0b", "not ASCII": "ä"}


def message(world, service, host):
    """Each message that hosts and administrators send: method, path, body, largest size, how it is asked."""
    ek, ak = SoftEk("ecc"), host.ak
    ticket = world.ticket(service, ek_sha256=sha256(ek.public))
    offer = service.post("/v1/hosts/enrol", {"ek_public": b64(ek.public), "ek_certificate": None,
                                             "ak_public": b64(ak)}, token=ticket).json
    secret = ek.activate(ak, *(base64.b64decode(offer[name]) for name in ("credential_blob", "encrypted_secret")))
    challenge = host.challenge()
    return [
        ("/v1/hosts/enrol", {"ek_public": b64(ek.public), "ek_certificate": b64(b"x"), "ak_public": b64(ak)},
         16 << 10, {"token": ticket}, ["ek_certificate"], []),
        ("/v1/hosts/activate", {"enrolment": offer["enrolment"], "secret": b64(secret)}, 4 << 10, {}, [], []),
        ("/v1/attest", host.body(challenge, format="jwt", audience="a", nonce="ab" * 8, include="pcrs"), 384 << 10,
         {"token": host.token}, ["format", "audience", "nonce", "include"], ["audience"]),
        ("/v1/tickets", {"ek_sha256": "00" * 32, "lifetime": 60}, 1 << 10, {"identity": "administrator"},
         ["ek_sha256", "lifetime"], []),
        ("/v1/challenge", {}, 1 << 10, {"token": host.token}, [], []),
    ]


def refused(world, service, path, body, how, name, status=400):
    reply = service.post(path, body, **how)
    good = reply.status == status and bool(reply.json.get("message"))
    if not good:
        world.tap.ok(False, f"{path}: {name}: {status} with a message", repr(reply))
    return good


def each_field(world, service, path, body, how, optional, free):
    """How many were refused as they must, of how many."""
    good = total = 0

    def tried(changed, name):
        nonlocal good, total
        total += 1
        good += refused(world, service, path, changed, how, name)

    for field, value in body.items():
        rest = {key: body[key] for key in body if key != field}
        if field not in optional:
            tried(rest, f"{field} missing")
        for name, wrong in WRONG.items():
            if type(wrong) is type(value) and isinstance(value, int) and not isinstance(wrong, bool):
                wrong = 1 << 40
            if not (wrong is None and field in optional):
                tried({**rest, field: wrong}, f"{field}: {name}")
        if isinstance(value, str):
            oversized = {"/v1/attest": 370000, "/v1/tickets": 900, "/v1/hosts/enrol": 11000}.get(path, 3000)
            tried({**rest, field: "A" * oversized}, f"{field}: oversized")
            if field not in free + ["challenge", "enrolment", "policy"]:
                for name, wrong in (("a letter fewer", value[:-1]), ("white space", value + "\n"),
                                    ("wrong padding", value + "="), ("another alphabet", "-" + value[1:])):
                    tried({**rest, field: wrong}, f"{field}: {name}")
        text = json.dumps(body)
        twice = text[:-1] + f', {json.dumps(field)}: {json.dumps(value)}}}'
        tried(twice.encode(), f"{field} twice")
    tried({**body, "unknown": 1}, "an unknown member")
    return good, total


def bodies(world, service, path, body, most, how):
    """What is no such object at all."""
    text = json.dumps(body).encode()
    good = total = 0
    cases = [("no JSON", b"hello"), ("a list", b"[]"), ("a number", b"1"), ("more behind", text + b"x"),
             ("two objects", text + text), ("deep", b'{"a":' * 40 + b"1" + b"}" * 40), ("not UTF-8", b'{"\xff": 1}'),
             ("a zero byte", text[:-1] + b"\0}"), ("apostrophes", text.replace(b'"', b"'") if body else b"{'a':1}"),
             ("a comment", b"/* x */" + text), ("NaN", b'{"a": NaN}')]
    cases += [(f"the first {size} bytes", text[:size]) for size in {1, len(text) // 2, len(text) - 1}
              if 0 < size < len(text)]
    if body:
        cases.append(("nothing", b""))
    for name, data in cases:
        total += 1
        good += refused(world, service, path, data, how, name)
    total += 1
    good += refused(world, service, path, b"{" + b" " * most + b"}", how, "a byte too large", 413)
    return good, total


def run(world):
    tap = world.tap
    service = world.service()
    host = world.enrol(service)
    for path, body, most, how, optional, free in message(world, service, host):
        good, total = each_field(world, service, path, body, how, optional, free)
        tap.ok(good == total, f"{path}: {total} wrong fields are refused", f"{good}")
        good, total = bodies(world, service, path, body, most, how)
        tap.ok(good == total, f"{path}: {total} wrong bodies are refused", f"{good}")
    evidence(world, service, host)
    policies(world, service)
    lines(world, service, host)
    world.status(host.attest(), 200, "after all that: attest")


def evidence(world, service, host):
    for size, status in ((256 << 10, 403), ((256 << 10) + 1, 400), ((300 << 10), 413)):
        world.status(host.attest(evidence=b64(bytes(size))), status, f"evidence of {size} bytes")
    for name in "x" * 64, "no/such", "../good", "%":
        world.status(host.attest(policy=name), 404, f"policy '{name[:10]}'")
    world.status(host.attest(policy="x" * 65), 400, "a policy's name too long")
    world.status(host.attest(format="xml"), 400, "an unknown format")
    world.status(host.attest(audience="x" * 257), 400, "an audience too long")
    for nonce in "0A" * 8, "0a" * 7, "0a" * 33, "0a" * 7 + "0", "0a" * 7 + "0g", "0x" + "0a" * 8:
        world.status(host.attest(nonce=nonce), 400, f"a nonce of a relying party's: {nonce[:20]}")
    world.status(host.attest(include="pcr"), 400, "include what is not there")
    world.status(host.attest(include="logs"), 400, "include something else")


def policies(world, service):
    for name, body in (("no JSON", b"x"), ("a list", b"[]"), ("unknown member", b'{"x": 1}'), ("nothing", b""),
                       ("a PCR 99", b'{"boot": [{"name": "x", "pcrs": {"99": "00"}}]}')):
        reply = service.admin("PUT", "/v1/policies/bad", body)
        world.status(reply, 400, f"policy: {name}", "bad-policy")
    nothing = "00" * 32
    for name, boot, says in (
            ("zeros where a measurement must be", world.boot(PCR4=nothing, PCR8=nothing), "PCRs 4, 8: a value that proves nothing"),
            ("ff", world.boot(PCR7="ff" * 32), "all ff"),
            ("a separator alone", world.boot(PCR9="3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969"),
             "only separators"),
            ("without the firmware", [{"name": "x", "pcrs": {pcr: "11" * 32 for pcr in "4789"}}], "PCRs 0, 2 missing"),
            ("without GRUB's PCRs", [{"name": "x", "pcrs": {pcr: "11" * 32 for pcr in "0247"}}], "PCRs 8, 9 missing")):
        reply = world.put_policy(service, "bad", boot=boot)
        world.status(reply, 400, f"policy: {name}", "bad-policy")
        world.tap.ok(says in reply.json["message"], "it says so", reply.json)
    world.status(service.admin("GET", "/v1/policies/bad"), 404, "a refused policy is not kept")
    conditions(world, service)
    world.status(service.admin("PUT", "/v1/policies/large", b" " * (1 << 20) + b"{}"), 413, "a policy too large")
    for name in "a" * 65, "a/b", "a%2fb", "%C3%A4", "":
        world.status(service.admin("GET", "/v1/policies/" + name), 404, f"policy id '{name[:6]}'")
    for query in "?after=x", "?before=1", "?after=", "?" + "x" * 200:
        reply = service.admin("GET", "/v1/hosts" + query)
        world.tap.ok(reply.status in (400, 414), f"/v1/hosts{query[:12]}: refused", repr(reply))


def conditions(world, service):
    """If-Match: nobody replaces or removes what he has not seen."""
    first = world.put_policy(service, "mine").headers["ETag"]
    text = json.loads(world.maker.ask("policy"))
    body = json.dumps({**text, "boot": world.boot()}).encode()

    def put(tag, name="mine", data=body):
        return service.admin("PUT", f"/v1/policies/{name}", data, headers={"If-Match": tag})

    for name, tag in (("another", '"' + "0" * 64 + '"'), ("weak", "W/" + first), ("without quotes", first.strip('"')),
                      ("a list", f'{first}, "x"'), ("half", first[:20] + '"')):
        world.status(put(tag), 412 if len(tag) < 80 else 400, f"If-Match, {name}: the policy stays")
    world.status(put("*", "missing"), 412, "If-Match: *, where there is no policy", "precondition-failed")
    world.status(service.admin("GET", "/v1/policies/missing"), 404, "none was made")
    world.tap.equal(service.admin("GET", "/v1/policies/mine").headers["ETag"], first, "it is the first one still")
    second = put(first)
    world.status(second, 200, "If-Match with its ETag")
    world.status(put(first), 200, "the same request again, though its ETag is the former one")
    world.status(put(first, data=json.dumps(text).encode() + b" "), 412, "another text with the former ETag", "precondition-failed")
    for tag, status in ((first, 412), (second.headers["ETag"], 200), ("*", 412)):
        reply = service.admin("DELETE", "/v1/policies/mine", headers={"If-Match": tag})
        world.status(reply, status, f"DELETE, If-Match: {tag[:6]}")


def lines(world, service, host):
    """Requests that are not as HTTP has them."""
    for method, path, status in (("GET", "/", 404), ("GET", "/v1/attest", 405), ("PUT", "/v1/challenge", 405),
                                 ("DELETE", "/v1/health", 405), ("GET", "/v1/health/", 404),
                                 ("GET", "/v1/../v1/health", 404), ("POST", "//v1/challenge", 404)):
        world.status(service.ask(method, path), status, f"{method} {path}")
    for method in "PATCH", "TRACE", "BREW":
        world.status(service.ask(method, "/v1/health"), 501, f"{method}", "not-implemented")
    for name, headers in (("Basic", {"Authorization": "Basic eDp5"}), ("an empty token", {"Authorization": "Bearer "}),
                          ("a long token", {"Authorization": "Bearer " + "x" * 200}),
                          ("half a token", {"Authorization": "Bearer " + host.token[:40]}),
                          ("a token and more", {"Authorization": f"Bearer {host.token}x"}),
                          ("another secret", {"Authorization": f"Bearer {host.token[:33]}{'A' * 43}"})):
        world.status(service.post("/v1/challenge", headers=headers), 401, f"Authorization: {name}")
    link = service.connect()
    link.putrequest("POST", "/v1/challenge")
    for _ in range(2):
        link.putheader("Authorization", f"Bearer {host.token}")
    link.endheaders()
    world.tap.equal(link.getresponse().status, 400, "two Authorization headers")
    for size in 9000, 200000:
        try:
            status = service.get("/v1/health", headers={"X": "y" * size}).status
        except (OSError, http.client.HTTPException) as error:
            status = type(error).__name__
        world.tap.ok(status != 200, f"a header of {size} bytes: {status}")
