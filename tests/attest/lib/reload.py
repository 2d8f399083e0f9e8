# SPDX-License-Identifier: MIT
"""
SIGHUP: keys, certificates and CAs are read again while requests are served; what is wrong changes nothing. And what systemd
is told, at a socket as it has one.
"""

import base64
import json
import pathlib
import shutil
import signal
import socket
import ssl
import time
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from service import Keys


class Systemd:
    """The socket of NOTIFY_SOCKET, and what came there."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.said = []

    def wait(self, word, seconds=10):
        """Until a message that has this line; False: none came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                self.said.append(self.socket.recv(4096).decode())
            except TimeoutError:
                return False
            if word in self.said[-1].splitlines():
                return True
        return False


def serial(service):
    """Of the certificate that is shown now."""
    with socket.create_connection(("127.0.0.1", service.port), 5) as sock, \
            service.context().wrap_socket(sock, server_hostname="localhost") as stream:
        return stream.getpeercert()["serialNumber"]


def hang_up(world, service, systemd, word):
    """SIGHUP, and what the log says then."""
    before = service.log.stat().st_size
    service.process.send_signal(signal.SIGHUP)
    told = systemd.wait("READY=1")
    said = service.log.read_text(encoding="utf-8")[before:]
    world.tap.ok(told and word in said, f"SIGHUP: the log says: {word}", said)
    world.tap.ok(any("RELOADING=1\nMONOTONIC_USEC=" in one for one in systemd.said[-3:]), "SIGHUP: systemd is told",
                 str(systemd.said[-3:]))


def run(world):
    tap, folder = world.tap, world.folder
    own = folder / "own"
    own.mkdir()
    keys = Keys(own)  # files that change
    old_keys, world.keys = world.keys, keys
    systemd = Systemd(folder)
    service = world.service(start=False, environment={"NOTIFY_SOCKET": str(systemd.path)},
                            next_signing_key=keys.path("next.key"), ek_roots=keys.path("ca.pem"))
    service.start()
    tap.ok(systemd.wait("READY=1"), "systemd is told that it is ready", str(systemd.said))
    tap.ok(systemd.wait("WATCHDOG=1", 3) and systemd.wait("WATCHDOG=1", 3), "systemd is told that it is alive",
           str(systemd.said))
    world.put_policy(service)
    host = world.enrol(service)
    world.status(host.attest(), 200, "before: attest")
    before, kids = serial(service), [key["kid"] for key in service.get("/v1/jwks.json").json["keys"]]
    kept = service.connect()
    service.get("/v1/health", connection=kept)

    hang_up(world, service, systemd, "were read again")
    tap.equal(serial(service), before, "nothing has changed: the same certificate")
    keys._leaf("service", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    hang_up(world, service, systemd, "were read again")
    tap.ok(serial(service) != before, "a new certificate is shown")
    world.status(service.get("/v1/health", connection=kept), 200, "a connection that was open goes on")

    # The keys change places, as cloister-attestd(8) has it.
    service.settings["signing-key"], service.settings["next-signing-key"] = keys.path("next.key"), keys.path("signing.key")
    service.write_config()
    hang_up(world, service, systemd, "were read again")
    tap.equal([key["kid"] for key in service.get("/v1/jwks.json").json["keys"]], kids[::-1], "the signing keys have changed places")
    token = host.attest().json["token"]
    head = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    tap.equal(head["kid"], kids[1], "tokens are signed by the new one")

    wrong(world, service, systemd, keys)
    revoked(world, service, systemd, keys)
    administrators(world, service, systemd, keys)
    tap.equal(service.stop(), 0, "it ends well")
    tap.ok(systemd.wait("STOPPING=1", 2), "systemd is told that it ends", str(systemd.said[-3:]))
    world.keys = old_keys


def wrong(world, service, systemd, keys):
    """Files that cannot be used: what was read before is used on."""
    good = serial(service)
    for name, spoil, word in (
            ("service.pem", lambda path: path.write_text("hello", encoding="ascii"), "no certificates in PEM"),
            ("service.pem", lambda path: path.unlink(), "No such file"),
            ("service.pem", lambda path: shutil.copy(keys.path("administrator.pem"), path), "not the key of the certificate"),
            ("service.key", lambda path: path.chmod(0o644), "others can use it"),
            ("next.key", lambda path: path.write_text("", encoding="ascii"), "P-256"),
            ("ca.pem", lambda path: path.write_bytes(expired(keys)), "has expired on")):
        path = keys.path(name)
        shutil.copy2(path, path.with_suffix(".saved"))
        spoil(path)
        hang_up(world, service, systemd, word)
        shutil.copy2(path.with_suffix(".saved"), path)
        world.status(service.get("/v1/health"), 200, f"a wrong {name} ({word}): it goes on")
        world.tap.equal(serial(service), good, f"a wrong {name} ({word}): the same certificate")
    text = service.config.read_text(encoding="utf-8")
    service.config.write_text(text + "colour = red\n", encoding="utf-8")
    hang_up(world, service, systemd, "no setting 'colour'")
    service.config.write_text(text + "queue = 7\n", encoding="utf-8")
    hang_up(world, service, systemd, "they count after a restart")
    service.write_config()


def expired(keys):
    """A CA that ended yesterday."""
    return dated(keys, "20200101000000Z", "20200102000000Z")


def dated(keys, first, last, key="ca.key"):
    """A self-signed certificate with these dates, as PEM."""
    private = serialization.load_pem_private_key(keys.path(key).read_bytes(), None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dated")])

    def moment(text):
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)

    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
            .serial_number(7).not_valid_before(moment(first)).not_valid_after(moment(last))
            .add_extension(x509.BasicConstraints(True, None), True).sign(private, hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.PEM)


def revoked(world, service, systemd, keys):
    """A certificate that the administrators' CA has revoked."""
    crl = world.folder / "crl.pem"
    kept = service.connect("administrator")
    world.status(service.ask("GET", "/v1/hosts", connection=kept), 200, "an administrator's connection")
    for name, serials, days, status in (("nobody's", [], 2, 200), ("another's", [7], 2, 200),
                                        ("the administrator's", [number(keys, "administrator"), 7], 2, 0),
                                        ("nobody's again", [], 2, 200)):
        crl.write_bytes(revocations(keys, serials, days))
        service.settings["administrator-crl"] = crl
        service.write_config()
        hang_up(world, service, systemd, "were read again")
        try:
            found = service.admin("GET", "/v1/hosts").status
        except (OSError, ssl.SSLError):
            found = 0
        world.tap.equal(found, status, f"revoked: {name}: {status}")
        if name == "the administrator's":
            service.contexts.clear()  # no session that could be resumed
    reply = service.ask("GET", "/v1/hosts", connection=kept)
    world.status(reply, 421, "the connection from before: it must be made again", "connect-again")
    world.status(service.ask("GET", "/v1/hosts", connection=kept), 200, "which it is")
    for name, data, word in (("expired", revocations(keys, [], -1), "has expired on"), ("no list", b"x", "no revocation lists"),
                             ("without a next", keys.path("ca.pem").read_bytes(), "no revocation lists")):
        crl.write_bytes(data)
        hang_up(world, service, systemd, word)
        world.status(service.admin("GET", "/v1/hosts"), 200, f"a list that is wrong ({name}): what was read before")
    service.settings["administrator-crl"] = None
    service.write_config()


def number(keys, name):
    return x509.load_pem_x509_certificate(keys.path(f"{name}.pem").read_bytes()).serial_number


def revocations(keys, serials, days):
    """A list by the suite's CA; the next is due in so many days."""
    private = serialization.load_pem_private_key(keys.path("ca.key").read_bytes(), None)
    issuer = x509.load_pem_x509_certificate(keys.path("ca.pem").read_bytes()).subject
    now = datetime.now(timezone.utc)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer).last_update(now - timedelta(days=3)) \
        .next_update(now + timedelta(days=days))
    for serial_number in serials:
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial_number)
                                                  .revocation_date(now - timedelta(days=1)).build())
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def administrators(world, service, systemd, keys):
    """Another CA for administrators."""
    world.status(service.admin("GET", "/v1/hosts"), 200, "the administrator of the first CA")
    service.settings["administrator-ca"] = keys.path("strange-ca.pem")
    service.write_config()
    hang_up(world, service, systemd, "were read again")
    try:
        status = service.admin("GET", "/v1/hosts").status
    except (OSError, ssl.SSLError):
        status = 0
    world.tap.equal(status, 0, "another CA: the first one's administrator is nobody")
    world.status(service.ask("GET", "/v1/hosts", identity="stranger"), 200, "another CA: its administrator is one")
