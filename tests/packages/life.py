# SPDX-License-Identifier: MIT
"""Packages come, get newer, are refused when they are older, and go: what each leaves."""

import subprocess

from chroot import difference
from versions import repack_all

BEFORE = "0.1.0"
CONFFILES = ("etc/cloister/cloisterd.conf", "etc/cloister/admission.conf", "etc/cloister/agent.conf",
             "etc/cloister/cloister-attestd.conf", "etc/default/grub.d/cloister.cfg", "etc/grub.d/21_cloister")
# What the host and the service have written, and nobody can make again.
DATA = ("var/lib/cloister/counters", "var/log/cloister/trace.log", "var/lib/cloister-attestd/store.sqlite",
        "etc/cloister/attestd/signing.key")
# systemd-sysusers makes a user; it stays, and whoever has files of it still is somebody.
USERS = {f"etc/{name}{end}" for name in ("passwd", "group", "shadow", "gshadow") for end in ("", "-")} | {"etc/.pwd.lock"}
EDITED = "\n# edited by the administrator\n"
GUARDED = ("cloister-hypervisor", "cloister-host", "cloister-attestd")
PROGRAMS = ("cloisterd", "cloisterctl", "cloister-agent", "cloister", "cloister-image", "cloister-verify", "cloister-attestd",
            "cloister-keyservice", "cloister-unify", "cloister-sign", "cloister-ledger")
ENABLED = "etc/systemd/system/multi-user.target.wants/"


def before(made, folder):
    """The version before: its settings and its hypervisor were others."""
    hypervisor, = _boot_files(made["cloister-hypervisor"])
    return repack_all(made, BEFORE, folder, {
        "cloister-host": {"etc/cloister/admission.conf": b"# of before\n"},
        "cloister-agent": {"etc/cloister/agent.conf": b"# of before\n"},
        "cloister-hypervisor": {hypervisor: b"\0"}})


def _boot_files(package):
    listed = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, stdout=subprocess.PIPE).stdout
    names = subprocess.run(["tar", "-t"], input=listed, check=True, stdout=subprocess.PIPE).stdout.decode().split()
    return [name[2:] for name in names if name.startswith("./boot/cloister-xen-")]


def all_are(system, made, status, version):
    return {name: system.state(name) for name in made if system.state(name) != (status, version)}


def install(tap, system, packages, version):
    done = system.dpkg("-i", *packages.values())
    tap.ok(done, f"all packages of {version} are installed", done)
    tap.equal(all_are(system, packages, "installed", version), {}, "dpkg says so")
    for name in PROGRAMS:
        shown = system.run(name, "--help")
        tap.ok(shown.status in (0, 2) and "usage" in shown.text.lower(),
               f"{name} runs there, with what its package depends on", shown)
    enabled = [system.path(f"{ENABLED}{unit}.service").is_symlink() for unit in ("cloisterd", "cloister-agent")]
    tap.equal(enabled, [True, True], "the daemon and the agent start at boot")
    tap.ok(not system.path(ENABLED + "cloister-attestd.service").is_symlink(), "the service does not, before it has keys")
    keys = system.path("etc/cloister/attestd").stat()
    user = system.run("id", "-g", "cloister-attestd")
    tap.equal((keys.st_mode & 0o7777, keys.st_uid, str(keys.st_gid)), (0o750, 0, user.text.strip()),
              "its user is made, and the folder of its keys is for it alone")


def use(system):
    """What administrators and daemons do."""
    for name in ("etc/cloister/cloisterd.conf", "etc/cloister/agent.conf", "etc/default/grub.d/cloister.cfg"):
        system.write(name, system.read(name) + EDITED)
    for name in DATA:
        system.write(name, "data of " + name)


def kept(tap, system, when):
    tap.equal([name for name in DATA if not system.path(name).exists() or system.read(name) != "data of " + name], [],
              f"{when}: counters, log, store and keys are there")


def upgrade(tap, system, made, version):
    done = system.dpkg("--force-confold", "-i", *made.values())
    tap.ok(done, f"{BEFORE} becomes {version}", done)
    tap.equal(all_are(system, made, "installed", version), {}, "dpkg says so")
    kept(tap, system, "after the upgrade")
    for name in "etc/cloister/cloisterd.conf", "etc/default/grub.d/cloister.cfg":
        tap.ok(EDITED in system.read(name) and not system.path(name + ".dpkg-dist").exists(), f"/{name}: what was edited is kept")
    tap.ok(EDITED in system.read("etc/cloister/agent.conf") and "of before" not in system.read("etc/cloister/agent.conf.dpkg-dist"),
           "where the new version has other settings, too, they are beside the edited ones")
    tap.ok("of before" not in system.read("etc/cloister/admission.conf"), "what nobody edited is the new version's")


def refuse_older(tap, system, older, version):
    for name in GUARDED:
        found = system.files(whole=True)
        done = system.dpkg("-i", older[name])
        tap.ok(not done and f"{name}: version {BEFORE} does not replace {version}" in done.text and
               "CLOISTER_DOWNGRADE" in done.text, f"{name} {BEFORE} over {version}: refused, and why", done)
        tap.equal((system.state(name), difference(found, system.files(whole=True))), (("installed", version), []),
                  f"{name}: nothing has changed by that")
    done = system.dpkg("--force-confold", "-i", older["cloister-host"], CLOISTER_DOWNGRADE="yes")
    tap.ok(done and system.state("cloister-host")[1] == BEFORE, "whoever insists gets it", done)


def remove(tap, system, made, older, version):
    done = system.dpkg("--remove", *made)
    tap.ok(done, "all packages are removed", done)
    kept(tap, system, "after the removal")
    tap.equal([name for name in CONFFILES if not system.path(name).exists()], [], "settings stay")
    tap.equal([str(path) for folder in ("boot", "usr/sbin", "usr/bin", "lib/systemd/system", "usr/lib/x86_64-linux-gnu")
               for path in system.path(folder).glob("*cloister*")], [], "programs, units, libraries and the hypervisor do not")
    done = system.dpkg("-i", older["cloister-host"])
    tap.ok(not done and "does not replace" in done.text, "an older version does not come in by that way either", done)
    done = system.dpkg("-i", *made.values())
    tap.ok(done and EDITED in system.read("etc/cloister/cloisterd.conf"), "installed again: the edited settings hold", done)
    tap.equal(all_are(system, made, "installed", version), {}, "dpkg says so")


def purge(tap, system, made, clean):
    done = system.dpkg("--purge", *made)
    tap.ok(done, "all packages are purged", done)
    kept(tap, system, "after the purge")
    tap.equal([name for name in ("/var/lib/cloister ", "/var/log/cloister ", "/var/lib/cloister-attestd ", "/etc/cloister/attestd ")
               if name + "stays" not in done.text], [], "it is said what stays, and where")
    for name in DATA:
        system.path(name).unlink()
        system.path(name).parent.rmdir()
    left = [line for line in difference(clean, system.files()) if line[2:] not in USERS]
    leftover = ["+ etc/cloister"] if "+ etc/cloister" in left else []
    tap.equal(left, leftover, "nothing else is left, and nothing else has changed")
    if leftover:
        system.path("etc/cloister").rmdir()


def run(tap, system, made, older, version):
    clean = system.files()
    if not tap.ok(system.run("update-grub"), "GRUB has its configuration"):
        return
    install(tap, system, older, BEFORE)
    use(system)
    upgrade(tap, system, made, version)
    refuse_older(tap, system, older, version)
    done = system.dpkg("--force-confold", "-i", made["cloister-host"])
    tap.ok(done, "and goes forward again", done)
    remove(tap, system, made, older, version)
    purge(tap, system, made, clean)
    done = system.dpkg("-i", older["cloister-host"])
    tap.ok(done, "after a purge an older version is a new one", done)
    done = system.dpkg("--purge", "cloister-host")
    left = [line for line in difference(clean, system.files()) if line[2:] not in USERS]
    tap.ok(done and not left, "a purge of what was never used leaves nothing", f"{done} {left}")
