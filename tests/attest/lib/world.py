# SPDX-License-Identifier: MIT
"""What the parts of the suite share: keys, a simulated monitor, services that are stopped at the end."""

import base64
import json

from service import Host, Keys, Service, b64
from tpms import Maker, SoftEk


class World:
    def __init__(self, tap, build, folder):
        self.tap, self.build, self.folder = tap, build, folder
        self.program = build / "attest/service/cloister-attestd"
        self.services = []

    def __enter__(self):
        self.keys = Keys(self.folder)
        self.maker = Maker(self.build / "tests/attest/evidence-maker")
        return self

    def __exit__(self, *_):
        for service in self.services:
            if service.process:
                service.stop()
        self.maker.close()

    def service(self, start=True, **settings):
        """One with the policy "good", unless `start` is false."""
        made = Service(self.program, self.keys, self.folder, **settings)
        self.services.append(made)
        if start:
            made.start()
            self.put_policy(made)
        return made

    @staticmethod
    def boot(value="11" * 32, **pcrs):
        """A whole boot configuration of no machine; pcrs: PCR4="..." for another value."""
        values = {str(pcr): pcrs.get(f"PCR{pcr}", value) for pcr in (0, 2, 4, 7, 8, 9)}
        return [{"name": "x", "pcrs": values}]

    def put_policy(self, service, name="good", **changes):
        policy = {**json.loads(self.maker.ask("policy")), **changes}
        return service.admin("PUT", f"/v1/policies/{name}", policy)

    def ticket(self, service, **wanted):
        return service.admin("POST", "/v1/tickets", wanted).json["ticket"]

    def enrol(self, service, kind="ecc", ek=None):
        """A host with the simulated AK and a new EK, or this one, that its ticket names."""
        ek, ak = ek or SoftEk(kind), self.maker.bytes("key")
        ticket = self.ticket(service, ek_sha256=sha256(ek.public))
        offer = service.post("/v1/hosts/enrol", {"ek_public": b64(ek.public), "ek_certificate": None,
                                                 "ak_public": b64(ak)}, token=ticket).json
        secret = ek.activate(ak, base64.b64decode(offer["credential_blob"]),
                             base64.b64decode(offer["encrypted_secret"]))
        made = service.post("/v1/hosts/activate", {"enrolment": offer["enrolment"], "secret": b64(secret)}).json
        host = Host(service, made["token"], self.maker.evidence)
        host.id, host.ek, host.ak = made["host"], ek, ak
        return host

    def status(self, reply, wanted, name, error=None):
        """Records whether a reply is as wanted, its error or refusal's reason included."""
        said = reply.json.get("error") or reply.json.get("refused", {}).get("reason")
        return self.tap.ok(reply.status == wanted and (error is None or error == said), f"{name}: {wanted}"
                           f"{' ' + error if error else ''}", f"{reply!r}")


def sha256(data):
    import hashlib
    return hashlib.sha256(data).hexdigest()
