# SPDX-License-Identifier: MIT
"""`meson install` by itself: below which prefix, and what of an administrator's it leaves alone."""

import json
import os
import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = SOURCE / "hv/install-settings"
PREFIX = "/opt/cloister"


def settings(folder, destdir, *files):
    return subprocess.run([SCRIPT, folder, *map(str, files)], env=dict(os.environ, DESTDIR=str(destdir)),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def keeps(tap, folder):
    """The script that all settings are installed by."""
    folder.mkdir()
    ours = folder / "ours.conf"
    ours.write_text("ours\n", encoding="ascii")
    top = folder / "top"
    target = top / "etc/cloister/ours.conf"
    done = settings("/etc/cloister", top, ours)
    tap.ok(not done.returncode and target.read_text(encoding="ascii") == "ours\n" and not done.stdout,
           "settings are installed", done)
    done = settings("/etc/cloister", top, ours)
    tap.ok(not done.returncode and not done.stdout and len(list(target.parent.iterdir())) == 1,
           "a second time changes nothing", done)
    for kind, text in ("edited", "theirs\n"), ("emptied", ""), ("longer", "ours\nand theirs\n"):
        target.write_text(text, encoding="ascii")
        done = settings("/etc/cloister", top, ours)
        tap.ok(not done.returncode and target.read_text(encoding="ascii") == text and "is kept" in done.stdout and
               pathlib.Path(f"{target}.new").read_text(encoding="ascii") == "ours\n",
               f"{kind}: it is kept, and ours is beside it", done)
    target.unlink()
    target.symlink_to("/dev/null")
    done = settings("/etc/cloister", top, ours)
    tap.ok(not done.returncode and target.is_symlink(), "a link that masks it stays, too", done)
    done = settings("/etc/cloister", top, folder / "none.conf")
    tap.ok(done.returncode, "a file that is not there is an error", done)
    (folder / "file").write_text("", encoding="ascii")
    done = settings("/etc", folder / "file", ours)
    tap.ok(done.returncode, "and so is a folder that cannot be", done)


def places(build):
    """Where the build folder would install its files."""
    found = subprocess.run(["meson", "introspect", "--installed", str(build)], check=True, stdout=subprocess.PIPE).stdout
    return list(json.loads(found).values())


def prefix(tap, folder):
    subprocess.run(["meson", "setup", f"--prefix={PREFIX}", folder, SOURCE], check=True, stdout=subprocess.DEVNULL)
    found = places(folder)
    outside = [path for path in found if not path.startswith(PREFIX + "/")]
    tap.ok(len(found) > 50 and not outside, f"with --prefix={PREFIX} all of {len(found)} files go there", outside)
    tap.ok({f"{PREFIX}/boot/xen.gz", f"{PREFIX}/lib/systemd/system/cloisterd.service"} <= set(found), "hypervisor and units, too")
    commands = (folder / "compile_commands.json").read_text(encoding="utf-8")
    tap.ok(f"{PREFIX}/etc/cloister" in commands, "and programs look for their settings there")


def run(tap, folder, build):
    tap.run("settings", keeps, tap, folder / "settings")
    tap.run("the prefix", prefix, tap, folder / "prefix")
    usual = [path for path in places(build) if not path.startswith(("/usr/", "/boot/"))]
    tap.equal(usual, [], "without one they go to /usr and /boot")
