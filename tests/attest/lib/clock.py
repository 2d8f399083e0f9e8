# SPDX-License-Identifier: MIT
"""The clock is set forward and back while the service runs (libfaketime)."""

import glob
import time


def run(world):
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not world.tap.ok(found, "libfaketime is there"):
        return
    step = world.folder / "step"
    environment = {"LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": str(step), "FAKETIME_NO_CACHE": "1",
                   "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                   # libfaketime would fake the coarse clock, which libevent takes otherwise.
                   "EVENT_PRECISE_TIMER": "1"}

    def set_clock(offset):
        fresh = step.with_suffix(".new")
        fresh.write_text(f"{offset}\n", encoding="ascii")
        fresh.rename(step)
        time.sleep(0.2)

    set_clock("+0")
    service = world.service(name="clock", environment=environment)
    host = world.enrol(service)
    used, fresh = host.challenge(), host.challenge()
    world.status(host.attest(used), 200, "before: attest")
    set_clock("+2h")
    world.status(host.attest(fresh), 403, "two hours forward: an old challenge", "challenge-expired")
    ahead = host.challenge()
    reply = host.attest(host.challenge())
    world.status(reply, 200, "two hours forward: a new challenge")
    world.tap.ok(abs(reply.json["claims"]["iat"] - time.time() - 7200) < 60, "its token has the clock's time")
    set_clock("+0")
    world.status(host.attest(used), 403, "set back: a used challenge is still used", "challenge-replayed")
    world.status(host.attest(ahead), 403, "set back: a challenge from the future", "challenge-early")
    world.status(host.attest(), 200, "set back: a new challenge")
    set_clock("-2d")
    world.status(host.attest(), 200, "two days back: a new challenge")
    world.status(host.attest(used), 403, "two days back: what was used", "challenge-early")
    set_clock("+0")  # or the administrator's certificate is not valid yet
    last = service.admin("GET", f"/v1/hosts/{host.id}").json
    world.tap.ok(last["last_attempt"] < time.time() - 86400, "the attempt is noted with the clock's time", str(last))
    world.tap.equal(service.stop(), 0, "it ends well")
