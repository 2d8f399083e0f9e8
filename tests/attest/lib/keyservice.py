# SPDX-License-Identifier: MIT
"""The key service, as its operator and as strangers see it. Who gets the key is tried by tests/unit/keyservice,
and on a real host by tests/demo --attest."""

from service import KeyService, openssl
from tokens import AUDIENCE


def run(world):
    issuer = world.service()
    host = world.enrol(issuer)
    claims = host.attest(audience=AUDIENCE).json
    enclave = claims["claims"]["submods"]["enclave-0"]["cloister"]
    service = KeyService(world.build, world.keys, world.folder, issuer, audience=AUDIENCE,
                         policy=claims["claims"]["cloister"]["policy_sha256"], measurement=enclave["measurement"])
    options(world, service)
    with service:
        requests(world, service, claims["token"])
    world.tap.equal(service.status, 0, "key service: SIGTERM ends it with status 0")


def options(world, service):
    tap, folder = world.tap, world.folder
    openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", folder / "p384.key")
    openssl("pkcs8", "-topk8", "-in", service.key, "-out", folder / "locked.key", "-passout", "pass:x")
    (folder / "empty.json").write_text("{}", encoding="ascii")
    for name in ("key", "issuer", "issuer-keys", "audience", "policy", "measurement", "certificate", "certificate-key"):
        status, said = service.run(**{name.replace("-", "_"): None})
        tap.ok(status == 2 and f"--{name}" in said and "missing" in said, f"key service without --{name}: status 2",
               f"{status}: {said}")
    for more, wanted, word in ((["--help"], 0, "--minimum-security-version"), (["--version"], 0, "cloister-keyservice"),
                               (["more"], 2, "more"), (["--what"], 2, "what")):
        status, said = service.run(*more)
        tap.ok(status == wanted and word in said, f"key service {more[0]}: status {wanted}", f"{status}: {said}")
    for name, value, wanted, word in (
            ("policy", "00" * 31, 2, "64 hexadecimal digits"), ("policy", "xy" * 32, 2, "64 hexadecimal digits"),
            ("measurement", "0" * 97, 2, "96 hexadecimal digits"), ("author", "", 2, "64 hexadecimal digits"),
            ("minimum-security-version", "4294967296", 2, "0 to 4294967295"), ("minimum-security-version", "-1", 2, "0 to"),
            ("leeway", "3601", 2, "0 to 3600"), ("leeway", "1s", 2, "0 to 3600"),
            ("key", "/missing", 1, "No such file"), ("key", folder / "p384.key", 1, "P-256"),
            ("key", folder / "locked.key", 1, "without a passphrase"), ("issuer-keys", "/missing", 1, "No such file"),
            ("issuer-keys", folder / "empty.json", 1, "keys"), ("certificate", "/missing", 1, "certificate"),
            ("certificate-key", world.keys.path("ca.key"), 1, "certificate"),
            ("listen", "nowhere", 1, "ADDRESS:PORT"), ("listen", "203.0.113.1:1", 1, "cannot listen")):
        status, said = service.run(**{name.replace("-", "_"): value})
        tap.ok(status == wanted and word in said, f"key service --{name} {str(value)[:24]}: {word}", f"{status}: {said}")


def requests(world, service, token):
    tap = world.tap
    tap.ok(service.challenge() != service.challenge(), "key service: each challenge is new")
    reply = service.give(service.challenge(), b"\x01" * 64, token)
    tap.ok(reply.status == 403 and reply.json["refused"]["code"] == "token-enclave-absent",
           "key service: a good token, but of no enclave that asks here", repr(reply))
    reply = service.give("00" * 32, b"\x01" * 64, token)
    tap.ok(reply.status == 403 and reply.json["refused"]["code"] == "challenge",
           "key service: a challenge that it did not give", repr(reply))
    for name, body in (("nothing", b""), ("no JSON", b"{"), ("a list", b"[]"), ("no members", b"{}")):
        reply = service.post("/v1/key", body)
        tap.ok(reply.status == 400 and "error" in reply.json, f"key service: a body with {name}: 400", repr(reply))
    for name, method, path, body, status in (
            ("another path", "POST", "/v1/secret", None, 404), ("a GET", "GET", "/v1/challenge", None, 501),
            ("too large a body", "POST", "/v1/key", b"x" * 100000, 413)):
        reply = service.ask(method, path, body)
        tap.ok(reply.status == status and b"wrapped" not in reply.data, f"key service: {name}: {status}", repr(reply))
