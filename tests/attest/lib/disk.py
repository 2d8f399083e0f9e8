# SPDX-License-Identifier: MIT
"""A full disk: nothing is half-done, and all is well when there is room again. And a store that is locked."""

import os
import resource
import sqlite3
import time

from tpms import SoftEk
from world import sha256


def run(world):
    service = world.service(name="disk")
    host = world.enrol(service)
    world.status(host.attest(), 200, "before: attest")
    files = [service.folder / ("disk.sqlite" + end) for end in ("", "-wal")]
    pid = service.process.pid
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    challenge = host.challenge()
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (min(os.path.getsize(path) for path in files), most))
    ek = SoftEk("ecc")
    full = [host.attest(challenge), world.put_policy(service, "new"),
            service.admin("POST", "/v1/tickets", {"ek_sha256": sha256(ek.public)}),
            service.admin("DELETE", f"/v1/hosts/{host.id}"), host.attest(headers={"Prefer": "respond-async"})]
    for name, reply in zip(("attest", "a policy", "a ticket", "removing a host", "attest later"), full):
        world.status(reply, 503, f"full disk: {name}", "unavailable")
        world.tap.ok(int(reply.headers.get("Retry-After", 0)) > 0, f"full disk: {name}: Retry-After")
    world.status(service.get("/v1/health"), 503, "full disk: health")
    world.status(service.admin("GET", f"/v1/hosts/{host.id}"), 200, "full disk: what is there can be read")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, most))
    for _ in range(50):
        if service.get("/v1/health").status == 200:
            break
        time.sleep(0.1)
    world.status(service.get("/v1/health"), 200, "room again: health, though nobody asked for anything")
    world.status(service.admin("GET", "/v1/policies/new"), 404, "room again: the policy was not made")
    world.status(host.attest(challenge), 200, "room again: the challenge was not used up")
    world.status(host.attest(challenge), 403, "room again: now it is", "challenge-replayed")
    locked(world, service, host)
    world.tap.equal(service.stop(), 0, "it ends well")
    with sqlite3.connect(files[0]) as store:
        world.tap.equal(store.execute("PRAGMA integrity_check").fetchall(), [("ok",)], "the store is whole")
        world.tap.equal(store.execute("PRAGMA journal_mode").fetchall(), [("wal",)], "it is in WAL mode")
        store.execute("UPDATE meta SET value = X'39' WHERE name = 'schema'")
    store.close()
    status, said = service.run("--config", service.config, "--check")
    world.tap.ok(status == 1 and "version 9" in said, "a store of another version is refused", f"{status}: {said}")


def locked(world, service, host):
    """Somebody holds the store's lock for longer than we wait."""
    other = sqlite3.connect(service.folder / "disk.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    challenge = host.challenge()
    began = time.monotonic()
    world.status(host.attest(challenge), 503, "a locked store", "unavailable")
    world.tap.ok(time.monotonic() - began < 8, "it is not waited for long")
    other.execute("ROLLBACK")
    other.close()
    world.status(host.attest(challenge), 200, "unlocked again")
