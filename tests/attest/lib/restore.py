# SPDX-License-Identifier: MIT
"""A store that was restored from a backup, as the manual has it: what was answered since is not good again."""

import pathlib
import shutil
import sqlite3

MANUAL = pathlib.Path(__file__).resolve().parents[3] / "attest/service/man/cloister-attestd.8"


def back(world, service, copy, statement=None):
    """The store is what it was; the statement is the manual's."""
    service.stop()
    for end in "", "-wal", "-shm":
        (service.folder / f"{service.name}.sqlite{end}").unlink(missing_ok=True)
    shutil.copy(copy, service.folder / f"{service.name}.sqlite")
    if statement:
        with sqlite3.connect(service.folder / f"{service.name}.sqlite") as store:
            store.execute(statement)
        store.close()
    service.start()


def run(world):
    service, copy = world.service(name="restored"), world.folder / "copy.sqlite"
    host, ticket = world.enrol(service), world.ticket(service)
    challenge = host.challenge()
    lines = MANUAL.read_text(encoding="ascii").splitlines()
    statement = next(line.strip() for line in lines if "DELETE FROM meta" in line).replace("\\-", "-")
    with sqlite3.connect(service.folder / "restored.sqlite") as store, sqlite3.connect(copy) as target:
        store.backup(target)
    target.close()
    store.close()
    world.status(host.attest(challenge), 200, "a challenge is answered after the backup")
    world.status(host.attest(challenge, audience="x"), 403, "it is used", "challenge-replayed")
    back(world, service, copy)
    world.status(host.attest(challenge, audience="x"), 200, "restored as it was, the store would take it again")
    back(world, service, copy, statement)
    world.status(host.attest(challenge, audience="x"), 403, "restored by the manual: it is void", "challenge-unknown")
    world.status(host.attest(), 200, "restored by the manual: the host's token is good, and a new challenge")
    world.status(service.ask("POST", "/v1/hosts/enrol", {}, token=ticket), 400, "restored by the manual: the ticket is known")
    world.tap.equal(service.stop(), 0, "it ends well")
