# SPDX-License-Identifier: MIT
"""Enrolment: with a real TPM, and everything that must not enrol."""

import base64
import time

from service import Host, b64, openssl
from tpms import EK_FLAGS, SoftEk, Swtpm
from world import sha256

GOOD_AK = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign"


def enrol(service, ticket, ek, ak, certificate=None):
    return service.post("/v1/hosts/enrol", {"ek_public": b64(ek), "ek_certificate": certificate, "ak_public": b64(ak)},
                        token=ticket)


def parts(offer):
    return base64.b64decode(offer["credential_blob"]), base64.b64decode(offer["encrypted_secret"])


def activate(service, offer, secret):
    return service.post("/v1/hosts/activate", {"enrolment": offer["enrolment"], "secret": b64(secret)})


def real_tpm(world, service, kind):
    tap = world.tap
    tpm = Swtpm(world.folder / f"tpm-{kind}")
    try:
        ek, ak = tpm.make_keys(kind)
        offer = enrol(service, world.ticket(service, ek_sha256=sha256(ek)), ek, ak)
        world.status(offer, 200, f"swtpm, {kind} EK: enrol")
        secret = tpm.activate(*parts(offer.json))
        if not tap.ok(secret is not None, f"swtpm, {kind} EK: TPM2_ActivateCredential", tpm.said):
            return
        done = activate(service, offer.json, secret)
        world.status(done, 200, f"swtpm, {kind} EK: activate")
        listed = service.admin("GET", f"/v1/hosts/{done.json['host']}").json["ek_sha256"]
        tap.equal(listed, sha256(ek), f"swtpm, {kind} EK: it is known by the TPM's own TPM2B_PUBLIC")
        tpm.must("pcrextend", f"13:sha256={world.maker.ask('record')}")

        def evidence(nonce):
            quote = tpm.quote(world.maker.ask("bind", nonce))
            return world.maker.bytes("quoted", nonce, ak.hex(), *(part.hex() for part in quote))

        world.put_policy(service, "any-boot", **{"insecure-any-boot": True})
        host = Host(service, done.json["token"], evidence, "any-boot")
        reply = host.attest()
        world.status(reply, 200, f"swtpm, {kind} EK: its own quote is accepted")
        tap.ok(reply.json.get("claims", {}).get("cloister", {}).get("attestation_key") == sha256(ak[2:]),
               f"swtpm, {kind} EK: the claims name the enrolled key", repr(reply))
        world.status(host.attest(policy="good"), 403, "swtpm: not the boot of the policy", "boot-not-accepted")
        other_key(world, service, tpm, ek, kind)
    finally:
        tpm.close()


def other_key(world, service, tpm, ek, kind):
    """The credential is for the TPM that has both keys: another AK's, another EK's is no use."""
    tpm.must("createak", "-C", "ek.ctx", "-c", "other.ctx", "-G", "ecc", "-g", "sha256", "-s", "ecdsa", "-u",
             "other.pub")
    ticket = world.ticket(service, ek_sha256=sha256(ek))
    offer = enrol(service, ticket, ek, tpm.read("other.pub")).json
    world.tap.ok(tpm.activate(*parts(offer)) is None, f"swtpm, {kind} EK: another AK's credential is refused")
    foreign = SoftEk("rsa" if kind == "rsa" else "ecc")
    offer = enrol(service, world.ticket(service, ek_sha256=sha256(foreign.public)), foreign.public,
                  tpm.read("ak.pub")).json
    world.tap.ok(tpm.activate(*parts(offer)) is None, f"swtpm, {kind} EK: another EK's credential is refused")


def certificates(world, keys):
    """EK certificates: a CA of TPMs, and everything that only looks like one."""
    folder, soft = world.folder, SoftEk("ecc")
    pem = soft.key.public_key().public_bytes(*_spki())
    (folder / "ek.pem").write_bytes(pem)

    def issue(ca, *extensions, key="ek.pem"):
        (folder / "ekext").write_text("".join(line + "\n" for line in extensions), encoding="ascii")
        return openssl("x509", "-req", "-in", keys.path("service.csr"), "-force_pubkey", folder / key, "-CA",
                       keys.path(f"{ca}.pem"), "-CAkey", keys.path(f"{ca}.key"), "-days", "2", "-extfile",
                       folder / "ekext", "-outform", "DER")

    openssl("req", "-new", "-key", keys.path("service.key"), "-subj", "/CN=", "-out", keys.path("service.csr"))
    usage = "extendedKeyUsage=2.23.133.8.1"
    service = world.service(name="roots", ek_roots=keys.path("ca.pem"))
    ak = world.maker.bytes("key")
    good = issue("ca", usage)
    cases = [
        ("a good one", good, 200), ("a good one, zeros behind", good + bytes(40), 200),
        ("without extended key usage", issue("ca"), 200),
        ("another CA's", issue("strange-ca", usage), 403),
        ("for TLS servers", issue("ca", "extendedKeyUsage=serverAuth"), 403),
        ("a CA's own", issue("ca", usage, "basicConstraints=critical,CA:true"), 403),
        ("another key's", issue("ca", usage, key="other.pem") if _other(folder) else b"", 403),
        ("truncated", good[:-1], 403), ("more behind", good + b"xy", 403), ("ff behind", good + b"\xff" * 900, 200),
        ("in the form of TPM 1.2", b"\x10\x01\0" + len(good).to_bytes(2, "big") + good, 200), ("no certificate", b"hello", 403),
        ("a byte changed", good[:-5] + bytes([good[-5] ^ 1]) + good[-4:], 403), ("none", None, 403),
    ]
    for name, der, wanted in cases:
        reply = enrol(service, world.ticket(service), soft.public, ak, der if der is None else b64(der))
        world.status(reply, wanted, f"EK certificate: {name}")
    world.status(enrol(service, world.ticket(service, ek_sha256="00" * 31 + "01"), soft.public, ak, b64(good)), 403,
                 "a good certificate, but the ticket names another EK")
    service.stop()
    chains(world, keys, soft, ak, issue)
    bare = world.service(name="no-roots")
    world.status(enrol(bare, world.ticket(bare), soft.public, ak, b64(good)), 403, "a certificate, but no roots")
    return bare


def chains(world, keys, soft, ak, issue):
    """CAs between the certificate and a root: handed over, listed, or missing by name."""
    folder = world.folder

    def authority(name, above):
        """A CA of this name by another; its certificate, DER."""
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / f"{name}.key",
                "-subj", f"/CN={name}", "-out", folder / f"{name}.csr")
        (folder / "caext").write_text("basicConstraints=critical,CA:true\n", encoding="ascii")
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", f"{above}.pem", "-CAkey", f"{above}.key", "-days", "2",
                "-extfile", folder / "caext", "-out", folder / f"{name}.pem")
        return openssl("x509", "-in", folder / f"{name}.pem", "-outform", "DER")

    one = authority("between-1", str(keys.path("ca.pem")).removesuffix(".pem"))
    two = authority("between-2", folder / "between-1")
    leaf = openssl("x509", "-req", "-in", keys.path("service.csr"), "-force_pubkey", folder / "ek.pem", "-CA",
                   folder / "between-2.pem", "-CAkey", folder / "between-2.key", "-days", "2", "-outform", "DER")
    service = world.service(name="chains", ek_roots=keys.path("ca.pem"))
    for name, sent, wanted, says in (
            ("all handed over", leaf + two + one, 200, ""), ("in another order", leaf + one + two, 200, ""),
            ("filled up behind", leaf + two + one + b"\xff" * 100, 200, ""),
            ("nothing between", leaf, 403, "its issuer's certificate is missing, 'CN=between-2'"),
            ("the first between alone", leaf + two, 403, "its issuer's certificate is missing, 'CN=between-1'"),
            ("the wrong one", leaf + one, 403, "'CN=between-2'"),
            ("something else behind", leaf + b"hello", 403, "behind its certificate"),
            ("too many", leaf + two * 9, 403, "more than 9")):
        reply = enrol(service, world.ticket(service), soft.public, ak, b64(sent))
        world.status(reply, wanted, f"EK certificate, CAs between: {name}")
        world.tap.ok(says in reply.json.get("message", ""), "it says so", repr(reply))
    service.stop()
    service = world.service(name="listed", ek_roots=folder / "between-2.pem")
    world.status(enrol(service, world.ticket(service), soft.public, ak, b64(leaf)), 200,
                 "the CA between is listed, its root is not")
    world.status(enrol(service, world.ticket(service), soft.public, ak, b64(issue("ca"))), 403,
                 "what its root signed is not believed")
    service.stop()


def _spki():
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    return Encoding.PEM, PublicFormat.SubjectPublicKeyInfo


def _other(folder):
    (folder / "other.pem").write_bytes(SoftEk("ecc").key.public_key().public_bytes(*_spki()))
    return True


def replace16(data, offset, value):
    return data[:offset] + value.to_bytes(2, "big") + data[offset + 2:]


def bad_keys(world, service):
    """Keys that are not what they must be: the field that is wrong is named."""
    ek, ak = SoftEk("ecc"), world.maker.bytes("key")

    def tried(name, field, ek_public, ak_public):
        ticket = world.ticket(service, ek_sha256=sha256(ek_public))
        reply = enrol(service, ticket, ek_public, ak_public)
        world.tap.ok(reply.status == 403 and reply.json["message"].startswith(field), f"enrol: {name}", repr(reply))

    for bit, name in ((1, "fixedTPM"), (4, "fixedParent"), (5, "sensitiveDataOrigin"), (16, "restricted"),
                      (17, "decrypt"), (18, "sign")):
        tried(f"EK: {name} changed", "ek_public", SoftEk("ecc", EK_FLAGS ^ 1 << bit).public, ak)
        flags = int.from_bytes(ak[6:10], "big") ^ 1 << bit
        tried(f"AK: {name} changed", "ak_public", ek.public, ak[:6] + flags.to_bytes(4, "big") + ak[10:])
    for offset, value, name in ((2, 8, "type"), (4, 4, "name algorithm"), (44, 0x10, "symmetric"), (46, 256, "key size"),
                                (48, 0x44, "mode"), (50, 0x16, "scheme"), (52, 4, "curve"), (54, 0x20, "KDF")):
        tried(f"EK: {name}", "ek_public", replace16(ek.public, offset, value), ak)
    for cut in 1, 2, 10, 60:
        tried(f"EK: {cut} bytes fewer", "ek_public", ek.public[:-cut], ak)
        tried(f"AK: {cut} bytes fewer", "ak_public", ek.public, ak[:-cut])
    tried("EK: a byte more", "ek_public", ek.public + b"\0", ak)
    tried("AK: a byte more", "ak_public", ek.public, ak + b"\0")
    tried("EK: not on the curve", "ek_public", ek.public[:-1] + bytes([ek.public[-1] ^ 1]), ak)
    rsa = SoftEk("rsa")
    tried("EK: RSA with an even modulus", "ek_public", rsa.public[:-1] + bytes([rsa.public[-1] & 254]), ak)
    tried("EK: RSA-1024", "ek_public", replace16(rsa.public, 52, 1024), ak)
    tried("AK: an endorsement key", "ak_public", ek.public, ek.public)
    tried("EK: an attestation key", "ek_public", ak, ak)


def steps(world, service):
    """Tickets, secrets, and the order of things."""
    ek, ak = SoftEk("rsa"), world.maker.bytes("key")
    ticket = world.ticket(service, ek_sha256=sha256(ek.public))
    world.status(enrol(service, "no-such-ticket", ek.public, ak), 401, "enrol: no such ticket")
    world.status(enrol(service, None, ek.public, ak), 401, "enrol: no ticket")
    other = SoftEk("ecc")
    world.status(enrol(service, ticket, other.public, ak), 403, "enrol: a ticket for another EK")
    world.status(enrol(service, world.ticket(service), other.public, ak), 403, "enrol: neither named nor certified")
    offer = enrol(service, ticket, ek.public, ak).json
    again = enrol(service, ticket, ek.public, ak).json
    secret = ek.activate(ak, *parts(offer))
    try:
        ek.activate(world.maker.bytes("key")[:-1] + b"\0", *parts(offer))
        world.tap.ok(False, "an AK of another name cannot be activated")
    except ValueError:
        world.tap.ok(True, "an AK of another name cannot be activated")
    world.status(activate(service, offer, bytes(32)), 403, "activate: a wrong secret", "refused")
    world.status(activate(service, offer, secret[:31]), 400, "activate: a short secret")
    world.status(activate(service, again, secret), 403, "activate: the secret of another enrolment")
    text = offer["enrolment"]
    changed = text[:40] + ("A" if text[40] != "A" else "B") + text[41:]
    world.status(activate(service, {"enrolment": changed}, secret), 403, "activate: a changed context")
    world.status(activate(service, {"enrolment": text[:-4]}, secret), 403, "activate: a truncated context")
    first = activate(service, offer, secret)
    world.status(first, 200, "activate")
    again_same = activate(service, offer, secret)
    world.status(again_same, 200, "activate: the same request again")
    world.tap.equal(again_same.json, first.json, "activate: the same request again: the same host and token")
    world.status(service.post("/v1/challenge", token=first.json["token"]), 200, "activate: its token is good still")
    world.status(activate(service, again, ek.activate(ak, *parts(again))), 401, "activate: its other enrolment")
    world.status(enrol(service, ticket, ek.public, ak), 401, "enrol: a used ticket")
    anew(world, service, ek, ak, first.json)
    world.status(activate(service, offer, secret), 401, "enrolled anew: the request before, again")


def anew(world, service, ek, ak, first):
    """The same EK again: the host keeps its id, the old token is worth nothing."""
    offer = enrol(service, world.ticket(service, ek_sha256=sha256(ek.public)), ek.public, ak).json
    second = activate(service, offer, ek.activate(ak, *parts(offer))).json
    world.tap.equal(second["host"], first["host"], "enrolled anew: the same host")
    world.status(service.post("/v1/challenge", token=first["token"]), 401, "enrolled anew: the old token")
    world.status(service.post("/v1/challenge", token=second["token"]), 200, "enrolled anew: the new token")


def one_key(world, service):
    """One endorsement key is one host, whatever else the public area says."""
    ek, ak = SoftEk("ecc"), world.maker.bytes("key")
    plain = ek.public
    hosts = []
    for name, public in (("as it is", plain), ("noDA", plain[:8] + bytes([plain[8] ^ 0x04]) + plain[9:]),
                         ("userWithAuth", plain[:9] + bytes([plain[9] ^ 0x40]) + plain[10:]),
                         ("another authPolicy", plain[:12] + b"\x5a" * 32 + plain[44:]),
                         ("no authPolicy", (len(plain) - 34).to_bytes(2, "big") + plain[2:10] + b"\0\0" + plain[44:]),
                         ("as it is, again", plain)):
        offer = enrol(service, world.ticket(service, ek_sha256=sha256(public)), public, ak)
        world.status(offer, 200, f"one EK, {name}: enrol")
        hosts.append(activate(service, offer.json, ek.activate(ak, *parts(offer.json))).json)
        world.tap.equal(hosts[-1].get("host"), hosts[0]["host"], f"one EK, {name}: one host")
        for number, host in enumerate(hosts):
            wanted = 200 if number == len(hosts) - 1 else 401
            world.status(service.post("/v1/challenge", token=host["token"]), wanted, f"one EK, {name}: token {number + 1}")
    listed = service.admin("GET", f"/v1/hosts/{hosts[0]['host']}").json["ek_sha256"]
    world.status(enrol(service, world.ticket(service, ek_sha256=listed), plain, ak), 200, "a ticket by what the list of hosts says")


def late(world):
    service = world.service(name="late", enrolment_lifetime=1)
    ek, ak = SoftEk("ecc"), world.maker.bytes("key")
    offer = enrol(service, world.ticket(service, ek_sha256=sha256(ek.public)), ek.public, ak).json
    secret = ek.activate(ak, *parts(offer))
    time.sleep(2)
    world.status(activate(service, offer, secret), 403, "activate: too late")
    service.stop()


def run(world):
    service = certificates(world, world.keys)
    for kind in "rsa", "ecc":
        real_tpm(world, service, kind)
    bad_keys(world, service)
    steps(world, service)
    one_key(world, service)
    service.stop()
    late(world)
