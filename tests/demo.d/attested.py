# SPDX-License-Identifier: MIT
"""tests/demo --attest: a key service gives its key to an enclave on a measured host, and to nobody else."""

import base64
import contextlib
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
SOURCE = TESTS.parent
sys.path[:0] = [str(TESTS / "lib"), str(TESTS / "attest/lib"), str(TESTS / "measured")]

import host as hosts  # noqa: E402
from handover import XEN, Handover  # noqa: E402
from harness import Machine, MachineError, stack  # noqa: E402
from harness.tpm import Tpm  # noqa: E402
from harness.uefi import Uefi  # noqa: E402
from service import Keys, KeyService, Service, b64, openssl  # noqa: E402

BUILD = hosts.BUILD
TENANT = "tenant"
AUDIENCE = "key service"
LIFETIME = 20  # seconds, of a token
IMAGE_OPTIONS = ["--threads", "4", "--heap", "0", "--stack", "32K", "--shared", "256K", "--version", "1",
                 "--image-id", "00000000000000000000000000000002"]
REQUEST_SIZE, REPORT_AT, REQUEST = 576, 64, 9  # keyvault.h
QUOTE_SIGNATURE = bytes.fromhex("0018000b0020")  # TPMT_SIGNATURE: ECDSA, SHA-256, 32 bytes of r follow
RELAXED = hosts.XEN_CMDLINE.replace("dom0-iommu=strict", "cloister=insecure-dma")
OTHER = hosts.XEN_CMDLINE + " com1_irq=4"


def chain(pcrs):
    """What starts what, and in which PCR the policy wants which value (the first digits are shown)."""
    def values(*numbers):
        return [f"PCR {number}: {pcrs[number][:12]}..." for number in numbers]

    return [{"part": "Firmware (OVMF)", "says": values("0", "2", "7")},
            {"part": "GRUB", "says": values("4", "8", "9")},
            {"part": "Xen with the monitor", "says": ["in PCR 9, its options in 8;", "its record: PCR 13"]},
            {"part": "dom0, cloisterd", "says": ["kernel and initrd in 9;", "carries evidence, untrusted"]},
            {"part": "Enclave", "says": ["measured by the monitor,", "which signs its report"]}]


class AttestedHost:
    """An enrolled host as the service sees it: asks in its name."""

    def __init__(self, service, policy):
        self.service, self.policy, self.token = service, policy, None

    def enrol(self, machine):
        """As its operator does: the TPM proves that it has both keys."""
        keys = json.loads(machine.dom0("cloisterctl tpm --json", timeout=120, check=True).out)
        ek = hashlib.sha256(base64.b64decode(keys["ek_public"])).hexdigest()
        ticket = self.service.admin("POST", "/v1/tickets", {"ek_sha256": ek}).json["ticket"]
        offer = self.service.post("/v1/hosts/enrol", keys, token=ticket)
        machine.push(offer.data, "/run/offer.json")
        proof = json.loads(machine.dom0("cloisterctl activate /run/offer.json", timeout=120, check=True).out)
        done = self.service.post("/v1/hosts/activate", proof)
        if done.status != 200:
            raise MachineError(f"the host cannot be enrolled: {done}")
        self.id, self.token = done.json["host"], done.json["token"]

    def challenge(self):
        return self.service.post("/v1/challenge", token=self.token).json

    def judge(self, challenge, evidence, audience=AUDIENCE):
        return self.service.post("/v1/attest", {"challenge": challenge["challenge"], "evidence": b64(evidence),
                                                "policy": self.policy, "audience": audience}, token=self.token)


def collect(machine, nonce, *reports):
    """The host's evidence, made in dom0."""
    options = ""
    for index, report in enumerate(reports):
        machine.push(report, f"/run/report{index}")
        options += f" --report /run/report{index}"
    machine.dom0(f"cloisterctl evidence --nonce {nonce} {options} -o /run/evidence", timeout=120, check=True)
    return machine.pull("/run/evidence")


def request(machine, image, challenge):
    """A keyvault's transport key and report; it ends after that."""
    run = machine.tenant(TENANT, f"cloister run {image} --call {REQUEST} --in-hex {challenge} "
                         f"--out-size {REQUEST_SIZE}", timeout=90, check=True)
    answer = bytes.fromhex("".join(run.out.split()))
    return answer[:REPORT_AT], answer[REPORT_AT:]


class Attested:
    """The whole course; `result` is what --json writes."""

    def __init__(self, say, file):
        self.say, self.file = say, pathlib.Path(file)
        self.result = {"ok": False, "released": False, "refusals": [], "chain": [], "steps": []}
        self.good = True  # until something is not refused as it must be

    # ---- the parts ----

    def images(self, folder):
        """The keyvault as it should be, and three that are not that."""
        tool, program = BUILD / "enclave/image/cloister-image", BUILD / "enclave/samples/keyvault.elf"
        author, stranger = BUILD / "enclave/samples/author.pem", folder / "stranger.pem"
        hosts.run(tool, "keygen", "-o", stranger)
        kinds = {"good": (author, "2"), "old": (author, "1"), "debug": (author, "2", "--debug"),
                 "another": (stranger, "2")}
        images = {}
        for name, (key, version, *more) in kinds.items():
            path = folder / f"{name}.image"
            hosts.run(tool, "build", "--key", key, "--name", name, *IMAGE_OPTIONS, "--security-version", version, *more,
                      program, "-o", path)
            images[name] = path.read_bytes()
        return images

    def policy(self, host, images):
        """Made from files: the host's, and the image's; the firmware's own PCRs are those of another machine of the
        kind. The relaxed boot is there to show that it is refused for what it is, even by somebody who accepts that
        command line. This firmware cannot be told to clear memory at a reset: accept-no-mor."""
        boots = []
        reference = self.reference(host)
        for name, cmdline in (("release", hosts.XEN_CMDLINE), ("relaxed", RELAXED)):
            host.configure(cmdline, hosts.KERNEL_CMDLINE)
            status, output = host.predict("--json", "--reference", reference, xen=cmdline)
            if status:
                raise MachineError(f"cloister-verify predict: {output}")
            pcrs = json.loads(output)["pcrs"]
            boots.append({"name": name, "pcrs": {pcr: pcrs[pcr] for pcr in ("0", "2", "4", "7", "8", "9")}})
        host.configure(hosts.XEN_CMDLINE, hosts.KERNEL_CMDLINE)
        self.result["chain"] = chain(boots[0]["pcrs"])
        good = images["good"]
        author = hashlib.sha256(good[896:960]).hexdigest()
        return {"name": "keyvaults", "attestation-keys": "enrolled", "boot": boots, "maximum-report-age": 600,
                "accept-no-mor": True,
                "enclaves": [{"name": "keyvault", "author": author, "minimum-security-version": 2}]}

    @staticmethod
    def reference(host):
        """A file with the values that firmware and boot loader lead to, read from outside while GRUB hands over."""
        with Handover("attest-reference", xen=hosts.XEN_ELF, firmware=Uefi(host.disk()), tpm=Tpm(banks="sha256")) as machine:
            if machine.outcome != XEN:
                raise MachineError(f"the reference machine did not boot: {machine.outcome}")
            return hosts.write_pcrs(host.path("reference.pcrs"), machine.pcrs)

    @contextlib.contextmanager
    def machine(self, host, tpm, name):
        """Boots by firmware and GRUB until cloisterd answers."""
        with Machine(f"attest-{name}", xen=hosts.XEN_ELF, firmware=Uefi(host.disk()), tpm=tpm) as machine:
            stack.wait_host(machine)
            yield machine

    # ---- what is shown ----

    def note(self, case, reply, reason):
        """One refusal: it must be one, for this reason."""
        said = reply.json.get("refused") or {}
        found = said.get("reason") or said.get("code") or reply.json.get("error") or f"status {reply.status}"
        refused = reply.status in (401, 403, 409) and "token" not in reply.json and "wrapped" not in reply.json
        good = refused and found == reason
        self.result["refusals"].append({"case": case, "refused": refused, "reason": found})
        self.good = self.good and good
        detail = said.get("text") or said.get("what") or reply.json.get("message") or ""
        print(f"  {case:34} {'refused' if refused else 'NOT REFUSED'}: {found}"
              f"{'' if good else f' (NOT {reason}: {reply})'} {detail}".rstrip(), flush=True)

    def release(self, machine, services):
        """The key's way, from the challenge to a signature by it."""
        attested, keyservice = services
        challenge = keyservice.challenge()
        machine.tenant(TENANT, "rm -f /run/request /run/wrapped; mkfifo /run/wrapped", check=True)
        signing = machine.start_in_tenant(
            TENANT, "cloister-sign --image /run/good.image --public-key /run/key.pem --signature /run/signature "
            f"--challenge {challenge} --request /run/request --wrapped /run/wrapped /run/input", timeout=200)
        machine.tenant(TENANT, f"while [ $(stat -c %s /run/request 2>/dev/null || echo 0) != {REQUEST_SIZE} ]; "
                       "do sleep 0.2; done", timeout=90, check=True)
        asked = machine.pull("/run/request", tenant=TENANT)
        transport, report = asked[:REPORT_AT], asked[REPORT_AT:]
        answer = attested.challenge()
        self.evidence = collect(machine, answer["nonce"], report)
        reply = attested.judge(answer, self.evidence)
        if reply.status != 200:
            raise MachineError(f"the attestation service refuses: {reply}")
        token = reply.json["token"]
        self.say(f"the service's token: {len(token)} characters, good for {LIFETIME} s")
        self.replay = answer
        given = keyservice.give(challenge, transport, token)
        if given.status != 200:
            raise MachineError(f"the key service refuses: {given}")
        machine.tenant(TENANT, "cat >/run/wrapped", stdin=base64.b64decode(given.json["wrapped"]), check=True)
        done = signing.wait(120)
        if not done:
            raise MachineError(f"cloister-sign: {done.err}")
        self.result["released"] = self.verify(machine, keyservice)

    def verify(self, machine, keyservice):
        """By the customer's own public key, which never was on the host."""
        with tempfile.TemporaryDirectory() as folder:
            signature, public = pathlib.Path(folder, "signature"), pathlib.Path(folder, "public")
            signature.write_bytes(machine.pull("/run/signature", tenant=TENANT))
            openssl("ec", "-in", keyservice.key, "-pubout", "-out", public)
            verdict = subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature", signature,
                                      self.file], capture_output=True, text=True)
        self.say(f"the enclave signed with the key that it was given; OpenSSL outside: "
                 f"{verdict.stdout.strip() or verdict.stderr.strip()}")
        return verdict.returncode == 0

    def refuse_enclaves(self, machine, services):
        attested, keyservice = services
        for case, image, reason in (("debug enclave", "debug", "enclave-debug"),
                                    ("another enclave", "another", "enclave-not-accepted"),
                                    ("old security version", "old", "enclave-security-version")):
            _, report = request(machine, f"/run/{image}.image", keyservice.challenge())
            answer = attested.challenge()
            self.note(case, attested.judge(answer, collect(machine, answer["nonce"], report)), reason)

    def refuse_evidence(self, services):
        attested, _ = services
        self.note("replayed evidence", attested.judge(attested.challenge(), self.evidence), "nonce-differs")
        # (The same request again has the same answer, for whoever lost it: another is asked.)
        self.note("replayed challenge", attested.judge(self.replay, self.evidence, "another service"), "challenge-replayed")

    def refuse_forged(self, machine, services):
        attested, keyservice = services
        answer = attested.challenge()
        _, report = request(machine, "/run/good.image", keyservice.challenge())
        evidence = bytearray(collect(machine, answer["nonce"], report))
        evidence[evidence.index(QUOTE_SIGNATURE) + len(QUOTE_SIGNATURE) + 5] ^= 1
        self.note("forged quote", attested.judge(answer, bytes(evidence)), "signature-wrong")

    def refuse_tokens(self, machine, services):
        attested, keyservice = services

        def ask(audience=AUDIENCE):
            challenge, answer = keyservice.challenge(), attested.challenge()
            transport, report = request(machine, "/run/good.image", challenge)
            reply = attested.judge(answer, collect(machine, answer["nonce"], report), audience)
            return challenge, transport, reply.json["token"]

        self.note("token for someone else", keyservice.give(*ask("another service")), "token-audience")
        challenge, transport, token = ask()
        self.note("token of another enclave", keyservice.give(challenge, any_point(), token), "token-enclave-absent")
        time.sleep(LIFETIME + 1)
        self.note("token expired", keyservice.give(challenge, transport, token), "token-expired")

    def refuse_host(self, case, reason, host, tpm, attested):
        """The same TPM, another boot."""
        self.say(f"booting the host again: {case}")
        with self.machine(host, tpm, case.replace(" ", "-")) as machine:
            answer = attested.challenge()
            self.note(case, attested.judge(answer, collect(machine, answer["nonce"])), reason)

    # ---- the course ----

    def first_boot(self, host, tpm, images, services):
        attested, _ = services
        self.say("booting a host by UEFI firmware, GRUB and a TPM: Xen, dom0, the host daemon")
        with self.machine(host, tpm, "host") as machine:
            self.say("enrolling the host by its TPM")
            attested.enrol(machine)
            # This host's operator lets debug enclaves in; a verifier need not.
            machine.dom0("echo allow debug yes >>/etc/cloister/admission.conf; systemctl restart cloisterd", check=True)
            stack.wait_host(machine)
            self.say("starting the tenant")
            machine.start_tenant(TENANT, memory=256, enclave_memory=64)
            stack.wait_agent(machine, TENANT)
            for name, data in images.items():
                machine.push(data, f"/run/{name}.image", tenant=TENANT)
            machine.push(str(self.file), "/run/input", tenant=TENANT)
            self.say("an enclave asks for the key")
            self.release(machine, services)
            print(flush=True)
            self.refuse_evidence(services)
            self.refuse_forged(machine, services)
            self.refuse_enclaves(machine, services)
            self.refuse_tokens(machine, services)
            print(flush=True)

    def other_boots(self, host, tpm, attested, folder):
        changed = host.copy(folder / "changed")
        hosts.change_byte(changed.path("xen.gz"), 4)  # the time in gzip's header: it boots like the other
        self.refuse_host("changed Xen", "boot-not-accepted", changed, tpm, attested)
        host.configure(OTHER, hosts.KERNEL_CMDLINE)
        self.refuse_host("changed command line", "boot-not-accepted", host, tpm, attested)
        host.configure(RELAXED, hosts.KERNEL_CMDLINE)
        self.refuse_host("monitor without IOMMU protection", "monitor-flags", host, tpm, attested)

    def run(self):
        with tempfile.TemporaryDirectory(prefix="cloister-attested-") as name:
            folder = pathlib.Path(name)
            dom0, tenant = stack.stage(str(BUILD))
            host = hosts.Host(folder / "host").make([dom0], [tenant])
            (folder / "tpm").mkdir()
            tpm = Tpm("crb", str(folder / "tpm"), banks="sha256")
            images = self.images(folder)
            keys = Keys(folder)
            self.say("starting the attestation service; its policy is made from the host's files and the image")
            with Service(BUILD / "attest/service/cloister-attestd", keys, folder, token_lifetime=LIFETIME) as service:
                text = json.dumps(self.policy(host, images)).encode()
                put = service.admin("PUT", "/v1/policies/keyvaults", text)
                if put.status not in (200, 201):
                    raise MachineError(f"the policy is refused: {put}")
                attested = AttestedHost(service, "keyvaults")
                with KeyService(BUILD, keys, folder, service, audience=AUDIENCE, policy=hashlib.sha256(text).hexdigest(),
                                measurement=images["good"][144:192].hex(), minimum_security_version=2) as keyservice:
                    self.first_boot(host, tpm, images, (attested, keyservice))
                self.other_boots(host, tpm, attested, folder)
                service.admin("DELETE", f"/v1/hosts/{attested.id}")
                self.note("host not enrolled", service.post("/v1/challenge", token=attested.token), "unauthorized")
        self.result["ok"] = self.good and self.result["released"] and bool(self.result["refusals"])
        return self.result["ok"]


def any_point():
    """A public key that no enclave made: X || Y."""
    text = openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-conv_form", "uncompressed")
    der = openssl("ec", "-pubout", "-outform", "DER", data=text)
    return der[-64:]
