#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""hv/fetch against a mirror that has, lists, loses and spoils versions.

usage: test_fetch.py
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tests/lib"))

from harness.tap import Tap  # noqa: E402
from mirror import Mirror, environment, tree  # noqa: E402

OLD, MIDDLE, NEW = "4.17.5+72-g01140da4e8-1", "4.17.6-1", "4.17.7+13-g2445b30a44-0+deb12u1"
DAY_S = 86400
ANSWER = re.compile(r"It lacks the fixes of (at least )?(\d+) of Xen's security advisories \(XSA-(\d+) to XSA-(\d+)\)")


class Fetch:
    """hv/fetch with a mirror and a cache of its own."""

    def __init__(self, tap, folder, mirror):
        self.tap, self.folder, self.mirror = tap, folder, mirror
        self._environment = environment(mirror, folder)

    def run(self, *arguments):
        """(status, standard output, standard error)."""
        done = subprocess.run([SOURCE / "hv/fetch", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self._environment, check=False, text=True)
        return done.returncode, done.stdout.strip(), done.stderr

    def gives(self, version, name, *arguments):
        """It must end well and print the folder of this version; what it said is returned."""
        status, out, err = self.run(*arguments)
        self.tap.ok(status == 0 and out == f"{self.folder}/cache/sources/xen-{version}" and
                    pathlib.Path(out, "xen/Makefile").is_file() and
                    pathlib.Path(out, ".complete").read_text() == f"{version}\n", name, f"{status}\n{out}\n{err}")
        return err

    def refuses(self, status, says, name, *arguments):
        found, out, err = self.run(*arguments)
        self.tap.ok(found == status and not out and says in err, name, f"{found}\n{out}\n{err}")

    def looked_long_ago(self):
        """Makes the last look two days old."""
        file = self.folder / "cache/sources/xen/.newer"
        os.utime(file, (time.time() - 2 * DAY_S,) * 2)

    def newer(self):
        return self.run("--newer", "xen")[1]


def facts(folder, first, last):
    """The numbers that hv/xen/VERSION/advisories has for versions after `first` up to `last`, read here anew."""
    lines = [line.split() for line in (SOURCE / "hv/xen" / folder / "advisories").read_text().splitlines()
             if not line.startswith("#")]
    versions = [line[0] for line in lines]
    chosen = lines[versions.index(first) + 1:versions.index(last) + 1]
    return sorted({int(number) for line in chosen for number in line[1:]})


def newest(fetch):
    """Nothing is missing: the newest of any release is taken, from whichever suite has it, and nothing is said."""
    fetch.mirror.add(OLD)
    fetch.mirror.add(NEW, suite="bookworm-security")
    fetch.mirror.add("4.20.4-1")
    fetch.mirror.publish()
    err = fetch.gives(NEW, "the newest 4.17 is taken, out of the security suite", "xen")
    fetch.tap.ok("not the newest" not in err and not fetch.newer(), "and nothing is said to be newer", err)
    fetch.mirror.publish()
    fetch.gives(NEW, "the second time out of the cache", "xen")
    fetch.gives(NEW, "--update on the same day, too", "--update", "xen")
    fetch.tap.equal(fetch.mirror.asked, [], "the mirror was not asked")


def listed_only(fetch):
    """The newest is listed and not to be had: loud, each time."""
    fetch.mirror.add(OLD)
    fetch.mirror.add(MIDDLE, suite="bookworm-updates", lost=[".dsc", ".tar.gz"])
    fetch.mirror.add(NEW, suite="bookworm-security", lost=[".dsc", ".tar.gz"])
    fetch.mirror.publish()
    fetch.refuses(1, "not in", "before: --print has nothing", "--print", "xen")
    err = fetch.gives(OLD, "the newest that is to be had is taken", "xen")
    line = fetch.newer()
    fetch.tap.ok(line.startswith(f"xen {OLD} is not the newest: the mirror lists {NEW} and does not have it"),
                 "--newer names both", line)
    fetch.tap.ok(line in err, "the fetch said the same", err)
    found, wanted = ANSWER.search(line), facts("4.17", "4.17.5+72", "4.17.7")
    fetch.tap.equal(found and found.groups(), ("at least ", str(len(wanted)), str(wanted[0]), str(wanted[-1])),
                    "with the advisories of every release in between, at least, for 13 more commits are not known")
    fetch.tap.ok(line in fetch.gives(OLD, "out of the cache", "xen"), "it is said again")
    status, out, err = fetch.run("--print", "xen")
    fetch.tap.ok(status == 0 and not err, "--print prints the folder alone", out + err)


def comes_later(fetch):
    """What was missing is there the next day."""
    fetch.mirror.add(OLD)
    fetch.mirror.add(NEW, suite="bookworm-security", lost=[".dsc", ".tar.gz"])
    fetch.mirror.publish()
    fetch.gives(OLD, "the old one is there", "xen")
    for file in fetch.mirror.folder.glob(f"work/{NEW}/xen_*"):
        (fetch.mirror.folder / "debian-security/pool/xen" / file.name).write_bytes(file.read_bytes())
    fetch.mirror.publish()
    fetch.gives(OLD, "--update on the same day does not look", "--update", "xen")
    fetch.looked_long_ago()
    fetch.gives(OLD, "without --update nobody looks, however old the look is", "xen")
    fetch.tap.equal(fetch.mirror.asked, [], "the mirror was not asked")
    fetch.gives(NEW, "--update a day later takes the newer one", "--update", "xen")
    fetch.tap.equal(fetch.newer(), "", "and nothing is newer any more")


def later_still_missing(fetch):
    """A source in the cache that nobody has looked after, as a fetch of before left it."""
    fetch.mirror.add(OLD)
    fetch.mirror.publish()
    fetch.gives(OLD, "the only one is taken", "xen")
    fetch.tap.equal(fetch.newer(), "", "nothing is newer")
    (fetch.folder / "cache/sources/xen/.newer").unlink()
    fetch.mirror.add(MIDDLE, lost=[".tar.gz"])
    fetch.mirror.publish()
    fetch.gives(OLD, "--update finds a newer one that is not to be had", "--update", "xen")
    fetch.tap.ok(MIDDLE in fetch.newer() and "No advisory is known" in fetch.newer(),
                 "and says so, and that no advisory is behind it", fetch.newer())


def lost_list(fetch):
    """A .dsc alone is missing: the index has what it says."""
    fetch.mirror.add(OLD)
    fetch.mirror.add(NEW, suite="bookworm-security", lost=[".dsc"])
    fetch.mirror.publish()
    err = fetch.gives(NEW, "without its .dsc the version is taken", "xen")
    fetch.tap.ok("going by the signed index" in err, "and it is said", err)


def spoilt(fetch):
    """An archive that is not what the index lists."""
    fetch.mirror.add(OLD)
    fetch.mirror.add(NEW, suite="bookworm-security")
    archive, = fetch.mirror.folder.glob(f"debian-security/pool/xen/xen_{NEW}.tar.gz")
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    fetch.mirror.publish()
    fetch.gives(OLD, "a changed archive is as good as none", "xen")
    fetch.tap.ok(NEW in fetch.newer(), "and what it should have been is said", fetch.newer())


def nothing(fetch):
    """No version, no mirror."""
    fetch.mirror.add("4.18.5-1")
    fetch.mirror.add("4.170.5-1")
    fetch.mirror.publish()
    fetch.refuses(1, "lists no xen 4.17.", "a mirror of other versions has nothing", "xen")
    fetch.mirror.add(OLD, lost=[".dsc", ".tar.gz"])
    fetch.mirror.publish()
    fetch.refuses(1, f"no version of xen is to be had. Tried:\n  {OLD}", "one that is only listed is named", "xen")
    fetch.refuses(1, "no version of xen", "--update has nothing to fall back to", "--update", "xen")


def unreachable(fetch):
    """The mirror goes away."""
    fetch.mirror.add(OLD)
    fetch.mirror.publish()
    fetch.gives(OLD, "while it was there", "xen")
    fetch.looked_long_ago()
    fetch._environment["CLOISTER_MIRROR"] = "http://127.0.0.1:9/debian"
    err = fetch.gives(OLD, "--update goes on with what is in the cache", "--update", "xen")
    fetch.tap.ok("nobody knows whether there is a newer one" in err, "and says that nobody could look", err)
    fetch._environment["CLOISTER_CACHE"] = str(fetch.folder / "other")
    fetch.refuses(1, "cannot be read", "without one in the cache it fails", "--update", "xen")


def half_read(fetch):
    """One suite's index is missing: what is in the others may be old."""
    fetch.mirror.add(OLD)
    fetch.mirror.publish()
    shutil.rmtree(fetch.mirror.folder / "debian-security/dists/bookworm-security")
    err = fetch.gives(OLD, "without the security suite's index the other's version is taken", "xen")
    fetch.tap.ok(fetch.newer() == f"xen {OLD} may not be the newest: the mirror's index, of security updates perhaps, "
                 "cannot be read" and fetch.newer() in err, "and it is said, and kept", err)


def given(fetch):
    """A source from elsewhere."""
    source = tree(fetch.folder / "given", "4.17.7")
    fetch.refuses(1, "but of 4.17.7", "a source of another version is refused", "--from", source, "xen-4.20")
    fetch.refuses(1, "is no source of Xen", "and what is none", "--from", fetch.folder, "xen")
    fetch.gives("4.17.7", "--from takes a copy", "--from", source, "xen")
    fetch.gives("4.17.7", "which counts from now on", "xen")
    fetch.mirror.add(OLD)
    fetch.mirror.add(NEW, suite="bookworm-security", lost=[".dsc", ".tar.gz"])
    fetch.mirror.publish()
    err = fetch.gives("4.17.7", "--update does not go back to an older one", "--update", "xen")
    fetch.tap.ok(NEW in err and "No advisory is known" in err, "and names what is newer", err)


def usage(fetch):
    for arguments in [], ["xen-4.18"], ["--print"], ["--print", "--newer", "xen"], ["--from", "xen"], ["--from", "/", "bochs"]:
        fetch.refuses(2, "usage: hv/fetch", f"usage: {' '.join(arguments) or 'nothing'}", *arguments)


TESTS = [newest, listed_only, comes_later, later_still_missing, lost_list, spoilt, nothing, unreachable,
         half_read, given, usage]


def main():
    tap = Tap("fetch")
    for test in TESTS:
        with tempfile.TemporaryDirectory(prefix="cloister-fetch-") as folder:
            folder = pathlib.Path(folder).resolve()
            with Mirror(folder / "mirror") as mirror:
                tap.run(test.__name__.replace("_", " "), test, Fetch(tap, folder, mirror))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
