# SPDX-License-Identifier: MIT
"""
--check changes nothing, whoever calls it; what has expired, and what others can read, is refused; the store is nobody
else's whatever the umask; and what ends soon is said.
"""

import os
import time

from reload import dated


def listing(folder):
    """Each file with its mode, size and time; but not the time of shared memory, in which readers leave their marks."""
    return {path.name: (path.stat().st_mode, path.stat().st_size, path.name.endswith("-shm") or path.stat().st_mtime_ns)
            for path in folder.iterdir() if path.suffix not in (".log", ".conf")}


def moment(days):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))


def unchanged(world, service):
    """Before the first start, while it runs, and after it."""
    store = world.folder / "service.sqlite"
    service.write_config()

    def check(name):
        before = listing(world.folder)
        status, said = service.run("--config", service.config, "--check")
        world.tap.ok(status == 0, f"--check {name}", said)
        world.tap.equal(listing(world.folder), before, f"--check {name}: no file is made or changed")

    check("before the first start")
    world.tap.ok(not store.exists(), "there is no store yet")
    former = os.umask(0)
    try:
        service.start()
    finally:
        os.umask(former)
    world.put_policy(service)
    made = {path.name: oct(path.stat().st_mode & 0o777) for path in world.folder.glob("service.sqlite*")}
    world.tap.ok(len(made) == 3 and set(made.values()) == {"0o600"}, "umask 0: the store's files are 0600", str(made))
    check("while it runs")
    service.stop()
    check("after it has run")
    store.chmod(0o644)
    status, said = service.run("--config", service.config, "--check")
    world.tap.ok(status == 1 and "chmod 0600" in said, "a store that others can read is named", f"{status}: {said}")
    service.start()
    world.tap.ok(store.stat().st_mode & 0o777 == 0o600 and "cannot any more" in service.log.read_text(encoding="utf-8"),
                 "the service takes it away from them, and says so")
    service.stop()


def dates(world, service):
    keys = world.keys
    good = service.config.read_text(encoding="utf-8")
    for name, first, last, word in (("expired long ago", -400, -100, "has expired on"),
                                    ("expired now", -2, -0.0001, "has expired on"),
                                    ("not yet valid", 1, 2, "is not valid before")):
        path = world.folder / "dated.pem"
        for setting, key in (("certificate", "service.key"), ("administrator-ca", "ca.key"), ("ek-roots", "ca.key")):
            path.write_bytes(dated(keys, moment(first), moment(last), key))
            lines = [line for line in good.splitlines() if not line.startswith(setting + " ")]
            service.config.write_text("\n".join([*lines, f"{setting} = {path}", ""]), encoding="utf-8")
            for how in ["--check"], []:
                status, said = service.run("--config", service.config, *how)
                world.tap.ok(status == 3 and word in said and setting in said and "/CN=dated" in said,
                             f"{setting}: {name}: {' '.join(how) or 'it does not start'}", f"{status}: {said}")
    # Of many roots some have always expired.
    path.write_bytes(dated(keys, moment(-9), moment(-8)) + keys.path("ca.pem").read_bytes())
    service.config.write_text(good + f"ek-roots = {path}\n", encoding="utf-8")
    status, said = service.run("--config", service.config, "--check")
    world.tap.equal((status, said), (0, ""), "ek-roots: one of two is good")
    service.config.write_text(good.replace(str(keys.path("ca.pem")), str(path)), encoding="utf-8")
    status, said = service.run("--config", service.config, "--check")
    world.tap.ok(status == 3 and "has expired on" in said, "administrator-ca: one of two is not enough", f"{status}: {said}")
    service.config.write_text(good, encoding="utf-8")


def modes(world, service):
    for setting, name in (("signing-key", "signing.key"), ("certificate-key", "service.key"), ("next-signing-key", "next.key")):
        service.settings["next-signing-key"] = world.keys.path("next.key")
        service.write_config()
        for mode, wanted in ((0o600, 0), (0o400, 0), (0o640, 0), (0o644, 3), (0o604, 3), (0o660, 3), (0o602, 3)):
            world.keys.path(name).chmod(mode)
            status, said = service.run("--config", service.config, "--check")
            world.tap.ok(status == wanted and (not wanted or setting in said and "chmod" in said),
                         f"{setting} with mode {mode:o}: {wanted}", f"{status}: {said}")
        world.keys.path(name).chmod(0o600)


def soon(world):
    """The suite's certificates end in two days."""
    warned = world.service(name="soon")
    silent = world.service(name="later", expiry_warning=1)
    said = [service.log.read_text(encoding="utf-8") for service in (warned, silent)]
    world.tap.ok("the certificate ends in 1 days" in said[0] and "the certificate ends" not in said[1],
                 "what ends in two days is said, 30 days before, not one", str(said))
    text = warned.admin("GET", "/v1/metrics").data.decode()
    left = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("cloister_attestd_certificate_expiry"))
    world.tap.ok(86400 < left <= 2 * 86400, f"metrics: {left} s are left", text)
    for service in warned, silent:
        service.stop()


def run(world):
    service = world.service(start=False)
    unchanged(world, service)
    dates(world, service)
    modes(world, service)
    soon(world)
