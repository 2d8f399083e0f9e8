# SPDX-License-Identifier: MIT
"""The host's client: enrols, attests; what it refuses, what it says, and that a lost answer is no harm."""

import base64
import json
import re
import subprocess

import unitfile
from hostside import Cloister, FakeHost, Proxy, wait
from service import free_port
from tickets import introspect
from world import sha256


def usage(world, cloister, service):
    tap = world.tap
    ticket = world.ticket(service)
    for name, words in (
            ("no command", ()), ("another command", ("x",)), ("no address", ("enrol", "--ticket", ticket)),
            ("no ticket", ("enrol", "https://localhost:1")), ("http", ("enrol", "http://localhost:1", "--ticket", ticket)),
            ("no host", ("enrol", "https://", "--ticket", ticket)), ("no host, a path",
                                                                     ("enrol", "https:///v1", "--ticket", ticket)),
            ("a user", ("enrol", "https://a@localhost", "--ticket", ticket)),
            ("a query", ("enrol", "https://localhost/?a", "--ticket", ticket)),
            ("a blank", ("enrol", "https://localhost /", "--ticket", ticket)),
            ("a long one", ("enrol", "https://" + "a" * 300, "--ticket", ticket)),
            ("an empty ticket", ("enrol", "https://localhost:1", "--ticket", "")),
            ("no ticket's letters", ("enrol", "https://localhost:1", "--ticket", "a b\r\nX: y")),
            ("a long ticket", ("enrol", "https://localhost:1", "--ticket", "a" * 121)),
            ("a ticket elsewhere", ("now", "--ticket", ticket)), ("more words", ("status", "now"))):
        status, said = cloister.run(*words)
        tap.ok(status == 2 and said.startswith("cloisterctl: "), f"usage: {name}: 2", f"{status} {said}")
    for words in (("status",), ("now",)):
        status, said = cloister.run(*words)
        tap.ok(status == 1 and "cloisterctl enrol" in said, f"not enrolled: {words[0]} says what to do", said)
    tap.ok(set(cloister.modes()) <= {"lock"}, "none of it has left anything", str(cloister.modes()))


def strangers(world, cloister, service, host):
    """Whom it does not believe, and who does not answer."""
    tap, keys = world.tap, world.keys
    url, ca, ticket = f"https://localhost:{service.port}", keys.path("ca.pem"), world.ticket(service)
    words = ("enrol", url, "--ticket", ticket)
    nothing = world.folder / "nothing"
    nothing.write_text("hello\n", encoding="ascii")

    def refused(name, says, *words, status=1, **places):
        got, said = cloister.run(*words, **places)
        tap.ok(got == status and re.search(says, said), f"enrol, {name}: {status}, {says!r}", f"{got} {said}")

    refused("nobody listens", "nobody answers", "enrol", f"https://localhost:{free_port()}", "--ticket", ticket)
    refused("no CA", "--ca FILE", *words)
    refused("another CA", "--ca FILE", *words, "--ca", keys.path("strange-ca.pem"))
    other = Proxy(world, service, "127.0.0.2")
    refused("another name", "127.0.0.2.*--ca FILE", "enrol", f"https://127.0.0.2:{other.port}", "--ticket", ticket, "--ca", ca)
    tap.equal(other.seen, [], "enrol, another name: nothing was sent")
    other.close()
    refused("a CA's file that is none", "no certificates in PEM", *words, "--ca", nothing)
    refused("a CA's file that is not there", "cannot be read", *words, "--ca", world.folder / "missing")
    refused("cloisterd away", "systemctl start cloisterd", *words, "--ca", ca, status=3, socket_path=world.folder / "missing")
    refused("a ticket that is none", "not known, used, or too old", "enrol", url, "--ticket", "x" * 43, "--ca", ca)
    refused("no certificate of the EK, and none named", "ek_certificate", *words, "--ca", ca)
    host.problem = "TPM2_CreatePrimary: out of memory"
    refused("the TPM refuses", "cloisterd: TPM2_CreatePrimary", *words, "--ca", ca)
    host.problem = None
    folder = world.folder / "open"
    folder.mkdir(mode=0o755)
    refused("a folder that others can look into", "chmod 700", *words, "--ca", ca, state=folder)
    link = world.folder / "link"
    link.symlink_to(folder)
    refused("a link", "is no folder", *words, "--ca", ca, state=link)
    tap.ok(set(cloister.modes()) <= {"lock"} and not list(folder.iterdir()), "nothing is kept", str(cloister.modes()))


def enrol(world, cloister, service, proxy, host):
    """The answer to the last request is lost; the client is killed; the same command goes on."""
    tap = world.tap
    digest = sha256(base64.b64decode(host.job("identity")["ek_public"]))
    ticket = world.ticket(service, ek_sha256=digest)
    words = ("enrol", f"https://localhost:{proxy.port}/", "--ticket", "-", "--ca", world.keys.path("ca.pem"))
    proxy.rules = [("/v1/hosts/activate", "lose")] * 50
    process = subprocess.Popen(cloister.command(*words), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL,
                               text=True)
    process.stdin.write(ticket + "\n")
    process.stdin.close()
    wait(lambda: sum(path == "/v1/hosts/activate" for path, _ in proxy.seen) >= 2)
    process.kill()
    process.wait()
    bodies = {body for path, body in proxy.seen if path == "/v1/hosts/activate"}
    tap.ok(len(bodies) == 1, "a lost answer: the same request is made again, byte for byte", str(len(bodies)))
    tap.equal(cloister.modes().get("pending.json"), "0o600", "killed: what must be asked again is kept, 0600")
    tap.ok(not cloister.file("enrolment.json").exists(), "killed: it is not enrolled")
    proxy.rules = [("/v1/hosts/activate", (503, {}, b'{"error": "uncertain", "message": "ask again"}'))]
    before = len(proxy.seen)
    status, said = cloister.run(*words, data=ticket + "\n")
    tap.ok(status == 0 and "enrolled at" in said and ticket not in said, "the same command goes on, through a 503", said)
    tap.equal([path for path, _ in proxy.seen[before:]], ["/v1/hosts/activate"] * 2, "it does not begin anew: the ticket is used")
    kept = json.loads(cloister.file("enrolment.json").read_text())
    hosts = service.admin("GET", "/v1/hosts").json["hosts"]
    enrolled = [one for one in service.admin("GET", "/v1/audit").json["events"] if one["event"] == "enrolled"]
    tap.equal(([one["host"] for one in hosts], len(enrolled)), ([kept["host"]], 1), "one host, enrolled once")
    tap.ok(set(cloister.modes().values()) == {"0o600"} and not cloister.file("pending.json").exists(), "each file is 0600",
           str(cloister.modes()))
    tap.ok(ticket not in "".join(path.read_text() for path in cloister.state.iterdir()), "the ticket is not kept")
    status, said = cloister.run(*words, data=ticket + "\n")
    tap.ok(status == 1 and "not known, used" in said, "the same command once more: the ticket is used", said)
    tap.equal(json.loads(cloister.file("enrolment.json").read_text()), kept, "the enrolment stays")
    status, said = cloister.run("status")
    tap.ok(status == 1 and "not yet" in said and kept["host"] in said, "status before the first attestation: 1", said)
    return kept


def attest(world, cloister, service, proxy, kept):
    tap = world.tap
    status, said = cloister.run("now")
    tap.ok(status == 0 and "good until" in said, "now: accepted", said)
    token = cloister.file("token").read_text()
    known = introspect(service, token).json
    tap.ok(known.get("active") is True and known["sub"] == kept["host"], "the token is good, and this host's", str(known))
    status, said = cloister.run("status", "--json")
    tap.ok(status == 0 and json.loads(said)["ok"] and json.loads(said)["expires"] == known["exp"], "status --json: 0", said)
    proxy.rules = [("/v1/attest", "lose")] * 2
    proxy.seen.clear()
    status, said = cloister.run("now")
    bodies = [body for path, body in proxy.seen if path == "/v1/attest"]
    tap.ok(status == 0 and len(bodies) == 3 and len(set(bodies)) == 1,
           "two answers are lost: the same evidence again, accepted", said)
    verdicts = [one["result"] for one in service.admin("GET", "/v1/audit").json["events"] if one["event"] == "verdict"]
    tap.equal(verdicts, ["accepted"] * 2, "the service has judged it once")
    proxy.headers = {"Prefer": "respond-async"}
    status, said = cloister.run("now", "--json")
    proxy.headers = {}
    tap.ok(status == 0 and json.loads(said)["ok"] and any(path.startswith("/v1/attest/") for path, _ in proxy.seen),
           "a verdict that comes later is fetched", said)
    cloister.settings(format="cwt", audience="https://keys.example")
    status, said = cloister.run("now")
    known = introspect(service, cloister.file("token").read_text()).json
    tap.ok(status == 0 and known.get("aud") == "https://keys.example", "a CWT for somebody", f"{said} {known}")
    cloister.settings()


def refused(world, cloister, service, proxy, host):
    """What goes wrong is said with its cause, and the token of before stays."""
    tap, token = world.tap, cloister.file("token").read_text()
    world.put_policy(service, "other", boot=world.boot())

    def tried(name, says, status=1):
        got, said = cloister.run("now")
        tap.ok(got == status and re.search(says, said), f"now, {name}: {status}, {says!r}", f"{got} {said}")
        shown = json.loads(cloister.run("status", "--json")[1])
        tap.ok(shown["ok"] and re.search(says, shown["problem"] or "") and shown["failures"] > 0,
               f"status, {name}: the problem is shown",
               str(shown))

    for name, values, says in (("no such policy", {"policy": "missing"}, "404: there is no such policy"),
                               ("another boot", {"policy": "other"}, "refused in step .*, boot-not-accepted")):
        cloister.settings(**values)
        tried(name, says)
    for name, text, says in (("an unknown setting", "polcy = x\n", "no setting"),
                             ("no format", "format = xml\n", "jwt, cwt or ear"),
                             ("an interval", "interval = 86401\n", "0 to 86400")):
        cloister.config.write_text(text, encoding="ascii")
        got, said = cloister.run("now")
        tap.ok(got == 1 and says in said and "attest.conf" in said, f"settings, {name}: named", said)
    cloister.settings()
    host.problem = "no TPM vouches for the monitor's key"
    tried("cloisterd refuses", "cloisterd: no TPM vouches")
    host.problem = None
    for name, reply, says in (
            ("no JSON", (200, {}, b"<html>"), "not as cloister-attestd does"),
            ("a list", (200, {}, b"[]"), "not as cloister-attestd"),
            ("a zero byte behind it", (200, {}, b'{"nonce": "00"}\0'), "not as cloister-attestd"),
            ("a zero byte in a text", (200, {}, b'{"nonce": "00", "challenge": "a\\u0000b"}'), "not as cloister-attestd"),
            ("a zero byte in a name", (200, {}, b'{"challenge\\u0000": "a"}'), "not as cloister-attestd"),
            ("a number beyond 64 bits", (200, {}, b'{"expires": 18446744073709551616}'), "not as cloister-attestd"),
            ("a member twice", (200, {}, b'{"challenge": "a", "challenge": "b"}'), "not as cloister-attestd"),
            ("a redirection", (302, {"Location": "https://localhost:1/"}, b"{}"), "answers 302"),
            ("no challenge", (200, {}, b'{"nonce": "00"}'), "has no challenge"),
            ("too much", (200, {}, b'{"a": "' + b"x" * 600000 + b'"}'), "more than 512 KiB"),
            ("words with controls", (403, {}, b'{"error": "x", "message": "a\\u001b[31mb"}'), "answers 403")):
        proxy.rules = [("/v1/challenge", reply)]
        tried(f"a challenge: {name}", says)
    for name, reply, says in (("no token", (200, {}, b'{"expires": 1}'), "has no token"),
                              ("a token with controls", (200, {}, b'{"expires": 1, "token": "a\\nb"}'), "has no token"),
                              ("202 to nowhere", (202, {"Location": "/v1/hosts"}, b"{}"), "does not say where")):
        proxy.rules = [("/v1/attest", reply)]
        tried(f"a verdict: {name}", says)
    got, said = cloister.run("now", socket_path=world.folder / "missing")
    tap.ok(got == 3 and "systemctl start cloisterd" in said, "now, cloisterd away: 3", said)
    tap.equal(cloister.file("token").read_text(), token, "the token of before stays")
    tap.equal(cloister.run("now")[0], 0, "and all is well again")


def by_cloisterctl(world, cloister, kept):
    """The operator's command runs the same."""
    tap = world.tap

    def ctl(*words):
        done = subprocess.run([cloister.ctl, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        return done.returncode, done.stdout

    helper = world.folder / "helper"
    places = f"--config {cloister.config} --state {cloister.state}"
    helper.write_text(f'#!/bin/sh\nexec {cloister.program} {places} "$@"\n', encoding="ascii")
    helper.chmod(0o755)
    status, said = ctl("attest", "--helper", helper)
    tap.ok(status == 0 and kept["host"] in said, "cloisterctl attest", said)
    status, said = ctl("--json", "attest", "now", "--helper", helper, "--socket", cloister.host.path)
    tap.ok(status == 0 and json.loads(said)["ok"], "cloisterctl --json attest now", said)
    used = ("enrol", kept["url"], "--ticket", "x" * 43)
    status, said = ctl(*used, "--ca", world.keys.path("ca.pem"), "--helper", helper, "--socket", cloister.host.path)
    tap.ok(status == 1 and "not known, used" in said, "cloisterctl enrol, with a ticket that is none", said)
    status, said = ctl(*used, "--helper", helper, "--socket", cloister.host.path)
    tap.ok(status == 1 and "--ca FILE" in said, "cloisterctl enrol without a CA", said)
    for name, words, wanted, says in (("no helper", ("attest", "--helper", "/nonexistent"), 1, "package cloister-attest"),
                                      ("no ticket", ("enrol", kept["url"]), 2, "--ticket"),
                                      ("attest what", ("attest", "x"), 2, "status or now"),
                                      ("a ticket elsewhere", ("status", "--ticket", "x"), 2, "for 'enrol' only"),
                                      ("an address that begins with -", ("enrol", "--ticket", "x", "--", "--state"), 2,
                                       "no address")):
        status, said = ctl(*(() if "--helper" in words or words[0] == "status" else ("--helper", helper)), *words)
        tap.ok(status == wanted and says in said, f"cloisterctl, {name}: {wanted}", f"{status} {said}")


def removed(world, cloister, service, kept):
    service.admin("DELETE", f"/v1/hosts/{kept['host']}")
    status, said = cloister.run("now")
    world.tap.ok(status == 1 and "cloisterctl enrol" in said, "a host that was removed is told to enrol again", said)


def unit(world, cloister):
    """systemd takes the unit, and forbids nothing that the program does."""
    tap = world.tap
    text = (world.build / "hv/host/cloister-attest.service").read_text(encoding="ascii") if \
        (world.build / "hv/host/cloister-attest.service").exists() else \
        (world.build / "hv/host/attest/cloister-attest.service").read_text(encoding="ascii")
    text = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={cloister.program}", text)
    path = world.folder / "cloister-attest.service"
    for name, change, good in (("as it is", ("", ""), True), ("an unknown name", ("ProtectClock", "ProtectClocks"), False),
                               ("no program", (f"{cloister.program} run", f"{cloister.program}-x run"), False)):
        path.write_text(text.replace(*change), encoding="ascii")
        said = unitfile.analyze("verify", "--man=no", "--recursive-errors=no", path)[1]
        tap.ok(("cloister-attest.service" in said) != good, f"unit file, {name}: {'nothing is said' if good else 'named'}", said)
    path.write_text(text, encoding="ascii")
    status, said = unitfile.analyze("security", "--offline=true", "--threshold=25", path)
    tap.ok(status == 0, "its exposure is at most 2.5 of 10", said[-200:])
    trace = world.folder / "strace"
    done = subprocess.run(["strace", "-f", "-o", trace, *cloister.command("now")], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          text=True, check=False)
    calls = trace.read_text(encoding="utf-8", errors="replace").split("\n", 1)[1]
    made = set(re.findall(r"(?m)^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)", calls))
    permitted = unitfile.allowed(text)
    tap.ok(done.returncode == 0 and {"connect", "openat", "rename"} <= made and made <= permitted,
           f"each of {len(made)} system calls is one that SystemCallFilter allows", f"{done.stdout} {sorted(made - permitted)}")
    tap.equal(unitfile.written(calls, cloister.state), [], "it writes nothing but what it keeps")


def run(world):
    service = world.service()
    world.put_policy(service, "any-boot", **{"insecure-any-boot": True})
    host, proxy = FakeHost(world, world.folder), Proxy(world, service)
    try:
        cloister = Cloister(world, host, world.folder)
        usage(world, cloister, service)
        strangers(world, cloister, service, host)
        kept = enrol(world, cloister, service, proxy, host)
        attest(world, cloister, service, proxy, kept)
        refused(world, cloister, service, proxy, host)
        by_cloisterctl(world, cloister, kept)
        unit(world, cloister)
        removed(world, cloister, service, kept)
    finally:
        proxy.close()
        host.close()
