# SPDX-License-Identifier: MIT
"""Challenges, verdicts, and tokens that somebody else verifies."""

import base64
import hashlib
import json
import struct
import subprocess
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from service import b64
from world import sha256

AUDIENCE = "https://keys.example"


def unurl(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verifies(jwk, data, signature):
    """ES256 by the Python cryptography package."""
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(unurl(jwk["x"]), "big"),
                                            int.from_bytes(unurl(jwk["y"]), "big"), ec.SECP256R1())
    pair = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        numbers.public_key().verify(pair, data, ec.ECDSA(hashes.SHA256()))
        return True
    except InvalidSignature:
        return False


def thumbprint(jwk):
    text = json.dumps({key: jwk[key] for key in ("crv", "kty", "x", "y")}, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def cbor(data, at=0):
    """(value, where it ends), for what a token may have."""
    kind, small = data[at] >> 5, data[at] & 31
    at += 1
    if small >= 24:
        size = {24: 1, 25: 2, 26: 4, 27: 8}[small]
        value = int.from_bytes(data[at:at + size], "big")
        assert value >= (24 if size == 1 else 1 << 4 * size), "not the shortest"
        small, at = value, at + size
    if kind in (0, 1):
        return (small if kind == 0 else -1 - small), at
    if kind in (2, 3):
        piece = data[at:at + small]
        assert len(piece) == small
        return (piece if kind == 2 else piece.decode()), at + small
    if kind in (4, 5):
        items = []
        for _ in range(small * (kind - 3)):
            item, at = cbor(data, at)
            items.append(item)
        return (items if kind == 4 else dict(zip(items[::2], items[1::2]))), at
    if kind == 6:
        value, at = cbor(data, at)
        return ("tag", small, value), at
    return {20: False, 21: True}[small], at


def head(kind, value):
    return bytes([kind << 5 | value]) if value < 24 else bytes([kind << 5 | 24, value]) if value < 256 else \
        bytes([kind << 5 | 25]) + struct.pack(">H", value)


def jwt(world, service, host):
    tap = world.tap
    challenge = host.challenge()
    now = int(time.time())
    reply = host.attest(challenge, audience=AUDIENCE)
    if not world.status(reply, 200, "attest"):
        return
    keys = {key["kid"]: key for key in service.get("/v1/jwks.json").json["keys"]}
    tap.ok(all(kid == thumbprint(key) for kid, key in keys.items()), "JWKS: kid is the thumbprint of RFC 7638")
    first, second, third = reply.json["token"].split(".")
    header, claims = json.loads(unurl(first)), json.loads(unurl(second))
    tap.equal((header["alg"], header["kid"] in keys, header["typ"]), ("ES256", True, "eat+jwt"), "JWT: its header")
    tap.equal((claims["eat_profile"], claims["bootcount"]), ("tag:cloister.dev,2026:host", claims["cloister"]["tpm_reset_count"]),
              "JWT: profile, and how often the host was booted")
    signed = f"{first}.{second}".encode()
    tap.ok(verifies(keys[header["kid"]], signed, unurl(third)), "JWT: an independent ES256 verifies it")
    tap.ok(not verifies(keys[header["kid"]], signed[:-1] + b"A", unurl(third)), "JWT: changed, it does not verify")
    tap.equal(claims, reply.json["claims"], "JWT: the reply's claims are the token's")
    relying_party(world, service, reply.json["token"], claims)
    tap.equal((claims["iss"], claims["aud"], claims["sub"]), ("https://attest.example", AUDIENCE, host.id),
              "JWT: issuer, audience, subject")
    tap.ok(claims["iat"] - 60 == claims["nbf"] and now - 2 <= claims["iat"] <= now + 5 and
           claims["exp"] == claims["iat"] + 600 == reply.json["expires"], "JWT: its times", str(claims))
    tap.equal(claims["eat_nonce"], challenge["nonce"], "JWT: eat_nonce is the challenge's")
    tap.equal(unurl(claims["ueid"]).hex(), "01" + host.id, "JWT: ueid")
    enclave = claims["submods"]["enclave-0"]
    tap.equal((enclave["dbgstat"], enclave["cloister"]["measurement"], enclave["cloister"]["security_version"]),
              ("disabled-since-boot", "4d" * 48, 5), "JWT: the enclave")
    inner = claims["cloister"]
    policy = service.admin("GET", "/v1/policies/good")
    tap.ok(inner["policy_sha256"] == sha256(policy.data) == policy.headers["ETag"].strip('"') and
           inner["insecure"] is False and inner["attestation_key"] == sha256(host.ak[2:]) and
           {"iommu-strict", "lockdown", "intremap", "mor"} <= set(inner["monitor_flags"]), "JWT: policy, key and monitor",
           str(inner))
    tap.equal((inner["xen_version"], inner["xen_source"], inner["lockdown_table"], inner["firmware_settings"]),
              ("4.17.5", "4.17.5+72-g01140da4e8-1", "7a" * 32, "unchecked"), "JWT: Xen, dom0's table, the firmware's settings")
    other = host.attest().json
    tap.ok(other["claims"]["jti"] != claims["jti"] and "aud" not in other["claims"], "JWT: jti is new, aud as asked")
    world.status(host.attest(challenge), 403, "the same challenge again", "challenge-replayed")


def relying_party(world, service, token, claims):
    """cloister-verify token: accepts it as it is, and nothing else."""
    enclave = claims["submods"]["enclave-0"]["cloister"]
    (world.folder / "token").write_text(token + "\n", encoding="ascii")
    (world.folder / "jwks.json").write_bytes(service.get("/v1/jwks.json").data)
    expected = {"issuer": claims["iss"], "audience": claims["aud"], "policy": claims["cloister"]["policy_sha256"],
                "report-data": enclave["report_data"], "measurement": enclave["measurement"]}
    version = enclave["security_version"]
    for code, changes in (
            (None, {}), (None, {"author": enclave["author"], "minimum-security-version": version}),
            ("token-issuer", {"issuer": "https://other.example"}), ("token-audience", {"audience": "other"}),
            ("token-policy", {"policy": "00" * 32}), ("token-enclave-absent", {"report-data": "00" * 64}),
            ("token-enclave-code", {"measurement": "00" * 48}), ("token-enclave-code", {"author": "00" * 32}),
            ("token-enclave-version", {"minimum-security-version": version + 1})):
        options = [f"--{name}={value}" for name, value in {**expected, **changes}.items()]
        done = subprocess.run([world.build / "attest/command/cloister-verify", "token", "--json", "--token",
                               world.folder / "token", "--keys", world.folder / "jwks.json", *options],
                              capture_output=True, text=True)
        verdict = json.loads(done.stdout or "{}")
        world.tap.ok(done.returncode == bool(code) and verdict.get("accepted") is not bool(code) and
                     verdict.get("refusal", {}).get("code") == code,
                     f"cloister-verify token: {code or 'accepted'}, with {' '.join(changes) or 'nothing'} changed",
                     f"status {done.returncode}: {done.stdout}{done.stderr}")


def checked(world, service, reply, name):
    """Our own command believes it, for this audience and no other."""
    token, keys, claims = world.folder / "token", world.folder / "jwks", reply.json["claims"]
    enclave = claims["submods"]["enclave-0"]["cloister"]
    token.write_text(reply.json["token"] + "\n", encoding="ascii")
    keys.write_text(json.dumps(service.get("/v1/jwks.json").json), encoding="ascii")
    command = [world.build / "attest/command/cloister-verify", "token", "--token", token, "--keys", keys, "--issuer",
               claims["iss"], "--policy", claims["cloister"]["policy_sha256"], "--report-data", enclave["report_data"],
               "--measurement", enclave["measurement"], "--minimum-security-version", str(enclave["security_version"]),
               "--audience"]
    for audience, wanted in (AUDIENCE, 0), (AUDIENCE + "/", 1):
        done = subprocess.run([*command, audience], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        world.tap.ok(done.returncode == wanted and ("token-audience" in done.stdout) == bool(wanted),
                     f"{name}: cloister-verify token for {audience}: {wanted}", done.stdout)


def cwt(world, service, host):
    tap = world.tap
    challenge = host.challenge()
    reply = host.attest(challenge, format="cwt", audience=AUDIENCE)
    if not world.status(reply, 200, "attest for a CWT"):
        return
    data = base64.b64decode(reply.json["token"], validate=True)
    (_, tag, (protected, unprotected, payload, signature)), end = cbor(data)
    header, claims, said = cbor(protected)[0], cbor(payload)[0], reply.json["claims"]
    tap.equal((end, tag, unprotected, header[1], header[16]), (len(data), 18, {}, -7, 263),
              "CWT: COSE_Sign1, ES256, nothing behind")
    checked(world, service, reply, "CWT")
    keys = {key["kid"]: key for key in service.get("/v1/jwks.json").json["keys"]}
    structure = b"\x84" + head(3, 10) + b"Signature1" + head(2, len(protected)) + protected + b"\x40" + \
        head(2, len(payload)) + payload
    key = keys[header[4].decode()]
    tap.ok(verifies(key, structure, signature), "CWT: an independent ES256 verifies it")
    tap.ok(not verifies(key, structure[:-1] + b"\0", signature), "CWT: changed, it does not verify")
    tap.equal([claims[number] for number in (1, 2, 3, 4, 5, 6)],
              [said[name] for name in ("iss", "sub", "aud", "exp", "nbf", "iat")], "CWT: registered claims")
    tap.equal((claims[7].hex(), claims[10].hex(), claims[256].hex()),
              (said["jti"], challenge["nonce"], "01" + host.id), "CWT: cti, eat_nonce, ueid are bytes")
    tap.equal((claims[265], claims[267]), (said["eat_profile"], said["bootcount"]), "CWT: profile and bootcount have their numbers")
    tap.equal((claims["cloister"], claims[266]["enclave-0"]["cloister"], claims[266]["enclave-0"][263]),
              (said["cloister"], said["submods"]["enclave-0"]["cloister"], 2), "CWT: host and enclave")


def nonces(world, service, host):
    """A relying party's own nonce, PCRs on request; and who asks for another nonce is told so."""
    tap, nonce = world.tap, "c0" * 31 + "de"
    plain = host.attest(audience=AUDIENCE).json["claims"]
    tap.ok("pcrs" not in plain["cloister"] and isinstance(plain["eat_nonce"], str), "no PCRs, one nonce, where nobody asks",
           str(plain))
    for kind in "jwt", "cwt":
        challenge = host.challenge()
        reply = host.attest(challenge, audience=AUDIENCE, format=kind, nonce=nonce, include="pcrs")
        if not world.status(reply, 200, f"{kind}: with a nonce and PCRs"):
            continue
        claims = reply.json["claims"]
        tap.equal(claims["eat_nonce"], [challenge["nonce"], nonce], f"{kind}: eat_nonce has both")
        pcrs = claims["cloister"]["pcrs"]
        tap.ok(set(pcrs) == {"0", "2", "4", "7", "8", "9", "13"} and all(len(value) == 64 for value in pcrs.values()) and
               {pcr: pcrs[pcr] for pcr in json.loads(world.maker.ask("policy"))["boot"][0]["pcrs"]} ==
               json.loads(world.maker.ask("policy"))["boot"][0]["pcrs"], f"{kind}: the PCRs are those of the policy's boot",
               str(pcrs))
        for wanted, code in ((nonce, None), (challenge["nonce"], None), ("c0" * 32, "token-nonce"), (nonce[:62], "token-nonce")):
            done = judged(world, service, reply.json, "--nonce", wanted)
            tap.ok((done.returncode, "token-nonce" in done.stdout) == (int(bool(code)), bool(code)),
                   f"{kind}: cloister-verify token --nonce {wanted[:4]}...: {code or 'accepted'}", done.stdout + done.stderr)
    done = judged(world, service, host.attest(audience=AUDIENCE).json, "--nonce", nonce)
    tap.ok(done.returncode == 1 and "token-nonce" in done.stdout, "a token without the nonce is refused", done.stdout)
    for wrong in "c0" * 7, "c0" * 33, "c", "":
        done = judged(world, service, reply.json, "--nonce", wrong)
        tap.ok(done.returncode == 2 and "--nonce" in done.stderr, f"--nonce of {len(wrong)} digits: usage", done.stderr)


def judged(world, service, reply, *more):
    """What cloister-verify says of it."""
    token, keys, claims = world.folder / "token", world.folder / "jwks", reply["claims"]
    enclave = claims.get("submods", {}).get("enclave-0", {}).get("cloister", {})
    token.write_text(reply["token"], encoding="ascii")
    keys.write_bytes(service.get("/v1/jwks.json").data)
    return subprocess.run([world.build / "attest/command/cloister-verify", "token", "--token", token, "--keys", keys, "--issuer",
                           claims["iss"], "--audience", claims["aud"], "--policy",
                           claims.get("cloister", {}).get("policy_sha256", "00" * 32),
                           "--report-data", enclave.get("report_data", "00" * 64), "--measurement",
                           enclave.get("measurement", "00" * 48), *more], capture_output=True, text=True, check=False)


def ear(world, service, host):
    """An EAT Attestation Result: what Veraison's library demands of one, and that it is no token for our own."""
    tap = world.tap
    challenge = host.challenge()
    reply = host.attest(challenge, format="ear", audience=AUDIENCE, nonce="0a" * 16)
    world.status(reply, 200, "EAR")
    first, second, third = reply.json["token"].split(".")
    keys = {key["kid"]: key for key in service.get("/v1/jwks.json").json["keys"]}
    claims = json.loads(unurl(second))
    tap.ok(verifies(keys[json.loads(unurl(first))["kid"]], f"{first}.{second}".encode(), unurl(third)), "EAR: its signature")
    tap.ok(claims["eat_profile"] == "tag:github.com,2023:veraison/ear" and isinstance(claims["iat"], int) and
           set(claims["ear.verifier-id"]) == {"developer", "build"} and claims["eat_nonce"] == "0a" * 16, "EAR: its frame",
           str(claims))
    good = {"instance-identity": 2, "configuration": 2, "executables": 2, "hardware": 2}
    tap.equal({name: (one["ear.status"], one["ear.trustworthiness-vector"]) for name, one in claims["submods"].items()},
              {"host": ("affirming", good), "enclave-0": ("affirming", good)}, "EAR: host and enclave are affirmed")
    policy = sha256(service.admin("GET", "/v1/policies/good").data)
    tap.ok(all(one["ear.appraisal-policy-id"].endswith(policy) for one in claims["submods"].values()), "EAR: by which policy")
    tap.equal(json.loads(unurl(host.attest(challenge := host.challenge(), format="ear").json["token"].split(".")[1]))["eat_nonce"],
              challenge["nonce"], "EAR: without a nonce of its own, the challenge's")
    done = judged(world, service, reply.json)
    tap.ok(done.returncode == 1 and "token-type" in done.stdout, "EAR: no token for cloister-verify: token-type", done.stdout)
    world.put_policy(service, "open", **{"insecure-any-boot": True, "insecure-allow-debug": True})
    world.maker.ask("debug", "01")
    reply = host.attest(policy="open", format="ear")
    world.maker.ask("debug", "00")
    world.status(reply, 200, "EAR: a policy with bypasses, a debug enclave")
    found = {name: one["ear.status"] for name, one in reply.json.get("claims", {}).get("submods", {}).items()}
    tap.equal(found, {"host": "warning", "enclave-0": "contraindicated"}, "EAR: it warns, and of the debug enclave more")


def challenges(world, service, host, stranger):
    tap = world.tap
    one = host.challenge()
    tap.ok(len(one["nonce"]) == 64 and one["expires"] - time.time() > 290, "a challenge", str(one))
    tap.ok(host.challenge()["nonce"] != one["nonce"], "another challenge has another nonce")
    text = one["challenge"]
    for name, changed in (("changed", text[:50] + ("A" if text[50] != "A" else "B") + text[51:]),
                          ("truncated", text[:-8]), ("empty of content", "AQE"), ("of zeros", "A" * 100)):
        world.status(host.attest({**one, "challenge": changed}), 403, f"a challenge {name}", "challenge-unknown")
    world.status(host.attest(stranger.challenge()), 403, "another host's challenge", "challenge-other-host")
    world.status(host.attest({**one, "nonce": "00" * 32}), 403, "evidence for another nonce", "nonce-differs")
    world.status(host.attest(one), 403, "a challenge that was answered wrongly", "challenge-replayed")
    world.status(stranger.attest(policy="missing"), 404, "no such policy", "not-found")
    last = service.admin("GET", f"/v1/hosts/{host.id}").json
    tap.equal(last["last_reason"], "challenge-replayed", "the last reason is kept")
    world.status(host.attest(), 200, "a new challenge")
    last = service.admin("GET", f"/v1/hosts/{host.id}").json
    tap.ok(last["last_reason"] is None and time.time() - last["last_success"] < 10 and
           last["last_attempt"] == last["last_success"], "the last success is kept", str(last))


def refusals(world, service, host):
    """What the library refuses, the service refuses with its words."""
    world.maker.ask("debug", "01")
    reply = host.attest()
    world.maker.ask("debug", "00")
    world.status(reply, 403, "a debug enclave", "enclave-debug")
    refused = reply.json["refused"]
    world.tap.ok(refused["step"] == "enclave" and {"what", "expected", "found", "meaning"} <= set(refused) and
                 "token" not in reply.json, "a refusal has its parts and no token", repr(reply))
    other = world.put_policy(service, "other-boot", boot=world.boot())
    world.status(other, 200, "another policy")
    world.status(host.attest(policy="other-boot"), 403, "another boot", "boot-not-accepted")
    world.put_policy(service, "other-boot")
    world.status(host.attest(policy="other-boot"), 200, "a changed policy counts at once")
    world.put_policy(service, "xen", **{"least-xen": {"4.17": "4.17.7"}})
    reply = host.attest(policy="xen")
    world.status(reply, 403, "an old Xen", "xen-version")
    refused = reply.json["refused"]
    world.tap.equal((refused["expected"], refused["found"]),
                    ("4.17.7 or later", "4.17.5, source: 4.17.5+72-g01140da4e8-1"), "it says which")
    world.put_policy(service, "xen", **{"lockdown-tables": ["11" * 32]})
    world.status(host.attest(policy="xen"), 403, "another table of dom0's", "lockdown-table")
    world.put_policy(service, "xen", **{"least-xen": {"4.17": "4.17.5"}, "lockdown-tables": ["7a" * 32]})
    world.status(host.attest(policy="xen"), 200, "the Xen and the table that are demanded")
    world.put_policy(service, "newer", enclaves=[{"name": "vault", "measurement": "4d" * 48, "minimum-security-version": 6}])
    world.status(host.attest(policy="newer"), 403, "an old security version", "enclave-security-version")
    for size in 1, 100, 500:
        challenge = host.challenge()
        cut = world.maker.evidence(challenge["nonce"])[:-size]
        world.status(host.attest(challenge, evidence=b64(cut)), 403, f"evidence without its last {size} bytes",
                     "truncated")
    world.status(service.admin("DELETE", "/v1/policies/newer"), 200, "remove a policy")
    world.status(host.attest(policy="newer"), 404, "a removed policy")


def expiry(world):
    service = world.service(name="brief", challenge_lifetime=1, next_signing_key=world.keys.path("next.key"))
    host = world.enrol(service)
    challenge = host.challenge()
    time.sleep(2.1)
    world.status(host.attest(challenge), 403, "an expired challenge", "challenge-expired")
    keys = service.get("/v1/jwks.json").json["keys"]
    world.tap.equal(len({key["kid"] for key in keys}), 2, "JWKS: the next key is announced")
    header = json.loads(unurl(host.attest().json["token"].split(".")[0]))
    world.tap.equal(header["kid"], keys[0]["kid"], "JWKS: the current key signs")
    service.stop()


def run(world):
    service = world.service()
    host, stranger = world.enrol(service), world.enrol(service)
    jwt(world, service, host)
    cwt(world, service, host)
    nonces(world, service, host)
    ear(world, service, host)
    challenges(world, service, host, stranger)
    refusals(world, service, host)
    expiry(world)
    world.status(service.admin("DELETE", f"/v1/hosts/{host.id}"), 200, "remove a host")
    world.status(host.service.post("/v1/challenge", token=host.token), 401, "a removed host's token")
    world.status(service.admin("DELETE", f"/v1/hosts/{host.id}"), 404, "remove it again")
    world.tap.equal(service.stop(), 0, "SIGTERM ends it with status 0")
