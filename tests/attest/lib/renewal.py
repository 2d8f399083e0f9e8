# SPDX-License-Identifier: MIT
"""What the host's unit runs: it renews the token by itself, is patient, says a trouble once, and ends at once."""

import base64
import json
import signal
import time

from hostside import Cloister, FakeHost, Proxy, wait
from world import sha256


def schedule(world, cloister, service, proxy):
    """The unit's command: renews by itself, is patient, says a trouble once, ends at once."""
    tap, log, token = world.tap, world.folder / "run.log", cloister.file("token")
    service.settings["token-lifetime"] = 12
    service.stop()
    service.start()
    process = cloister.start("run", log=log)

    def renewed(before, seconds=30):
        return wait(lambda: token.read_text() != before, seconds)

    before = token.read_text()
    tap.ok(renewed(before), "run: attests when it starts")
    before, began = token.read_text(), time.time()
    tap.ok(renewed(before) and 4.5 < time.time() - began < 8, "run: renews the token when half of its time has passed",
           f"{time.time() - began}")
    before, began = token.read_text(), time.time()
    process.send_signal(signal.SIGHUP)
    tap.ok(renewed(before, 4) and time.time() - began < 4, "run: SIGHUP attests at once")
    service.stop()
    proxy.seen.clear()
    tap.ok(wait(lambda: json.loads(cloister.run("status", "--json")[1])["failures"] >= 3),
           "run: the service is away: it goes on trying")
    tap.ok(len(proxy.seen) < 20, "run: and waits longer each time", str(len(proxy.seen)))
    before = token.read_text()
    service.start()
    tap.ok(renewed(before, 60), "run: the service is back: attested again")
    wait(lambda: "attested again" in log.read_text())
    process.send_signal(signal.SIGTERM)
    began = time.time()
    tap.equal(process.wait(20), 0, "run: SIGTERM ends it with 0")
    tap.ok(time.time() - began < 3, "run: at once")
    said = log.read_text()
    tap.ok("attempt 1: " in said and "attempt 3: " not in said and "attested again, after" in said and
           len(said.splitlines()) < 12,
           "run: a trouble is said when it begins, and when it ends", said)


def run(world):
    service = world.service()
    world.put_policy(service, "any-boot", **{"insecure-any-boot": True})
    host, proxy = FakeHost(world, world.folder), Proxy(world, service)
    try:
        cloister = Cloister(world, host, world.folder)
        ticket = world.ticket(service, ek_sha256=sha256(base64.b64decode(host.job("identity")["ek_public"])))
        status, said = cloister.run("enrol", f"https://localhost:{proxy.port}", "--ticket", ticket, "--ca",
                                    world.keys.path("ca.pem"))
        world.tap.ok(status == 0 and cloister.run("now")[0] == 0, "a host is enrolled, and attested", said)
        schedule(world, cloister, service, proxy)
    finally:
        proxy.close()
        host.close()
