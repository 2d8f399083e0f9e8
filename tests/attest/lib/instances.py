# SPDX-License-Identifier: MIT
"""Instances that share a store: whoever would sign as somebody else than the others does not serve."""

import re

from service import Client


def refused(world, store, name, says, **settings):
    made = world.service(start=False, name=name, store=store, **settings)
    made.write_config()
    status, said = made.run("--config", made.config)
    world.tap.ok(status == 3 and re.search(says, said) and "this one" in said,
                 f"{name}: it ends with 3, and says why", f"{status} {said}")


def good(world, store, name, **settings):
    made = world.service(start=False, name=name, store=store, **settings)
    made.start()
    world.status(Client(world.keys, made.port).get("/v1/health"), 200, f"{name}: it serves")
    return made


def run(world):
    store = f"sqlite:{world.folder}/shared.sqlite"
    key, other = world.keys.path("signing.key"), world.keys.path("next.key")
    first = good(world, store, "first")
    refused(world, store, "another key", "signing-key: .*each must be", signing_key=other)
    refused(world, store, "another key, which knows ours", "signing-key: ", signing_key=other, next_signing_key=key)
    refused(world, store, "another issuer", "issuer: .*https://attest.example.*https://other.example",
            issuer="https://other.example")
    same = good(world, store, "the same key")
    world.tap.equal(same.stop(), 0, "it ends")
    world.tap.equal(first.stop(), 0, "and the first")
    alone = good(world, store, "another key, once the others have ended", signing_key=other)
    alone.stop()
    rolling = good(world, store, "in a change of keys", next_signing_key=other)
    changed = good(world, store, "behind it in the change", signing_key=other, next_signing_key=key)
    refused(world, store, "one that knows nothing of the change", "signing-key: ")
    for service in rolling, changed:
        world.tap.equal(service.stop(), 0, f"{service.name}: it ends")
