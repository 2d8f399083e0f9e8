# SPDX-License-Identifier: MIT
"""Debian packages of what a build folder holds: hv/debian says what is in which.

    made = packages.make("build")            name -> path of the .deb, in build/packages
    packages.unpack(made, ["cloister-host"], folder)

They are made again only if what goes into them has changed."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess

from .images import Missing
from .machine import MachineError

SOURCE = pathlib.Path(__file__).resolve().parents[3]
DEBIAN = SOURCE / "hv/debian"
# What hv/debian takes from the tree itself, beside what is built.
TAKEN = ("README.md", "LICENSE", "hv", "enclave", "guest-agent", "attest", "tests", "meson.build", "meson_options.txt")
DOCUMENTS = ("README.md", "hv/CAVEATS.md", "hv/OPERATING.md", "hv/SEALING.md", "hv/parts.svg", "enclave/samples",
             "guest-agent/examples", "attest/service/cloister-attestd.sysusers")


class Failed(MachineError):
    """Packages cannot be made; the text says why."""


@contextlib.contextmanager
def building(build):
    """While this lasts nobody else builds in the folder: suites on two machines run side by side."""
    with open(os.path.join(build, "building.lock"), "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def changelog_version():
    first = (DEBIAN / "changelog").read_text(encoding="utf-8").partition("\n")[0]
    return re.fullmatch(r"cloister \((\S+)\) .*", first)[1]


def option(build, name):
    """One of Meson's options of the build folder."""
    with open(os.path.join(build, "meson-info/intro-buildoptions.json"), encoding="utf-8") as file:
        return next(one["value"] for one in json.load(file) if one["name"] == name)


def _check(build):
    for tool in ("dh", "dpkg-buildpackage"):
        if not shutil.which(tool):
            raise Missing(f"{tool} is not installed; tests/setup installs it (packages debhelper, dpkg-dev)")
    if not os.path.exists(os.path.join(build, "build.ninja")):
        raise Missing(f"no build in {build}; meson setup makes it")
    if option(build, "prefix") != "/usr" or not option(build, "hypervisor"):
        raise Failed(f"{build} has another prefix than /usr, or no hypervisor: packages are made of a build with both")
    with open(os.path.join(build, "meson-info/intro-projectinfo.json"), encoding="utf-8") as file:
        project = json.load(file)["version"]
    if project != changelog_version():
        raise Failed(f"meson.build is of version {project}, hv/debian/changelog of {changelog_version()}: make them equal")


def _digest(*tops):
    """Of names, modes and contents of files and folders."""
    total = hashlib.sha256()
    for top in map(pathlib.Path, tops):
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            total.update(f"{path.relative_to(top)}\0{path.lstat().st_mode:o}\0".encode())
            if path.is_symlink():
                total.update(os.readlink(path).encode())
            elif path.is_file():
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def install(build, folder, log):
    """`meson install` into a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", os.path.abspath(folder)],
                   check=True, stdout=log, stderr=log)


def _source_tree(tree):
    """What dpkg-buildpackage runs in: the tree by links, and a debian folder to write into."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name in TAKEN:
        if (SOURCE / name).is_dir():
            (tree / name).symlink_to(SOURCE / name)
        else:
            shutil.copy(SOURCE / name, tree / name)
    shutil.copytree(DEBIAN, tree / "debian")


def _run(build, folder, log):
    tree = folder / "tree/cloister"
    _source_tree(tree)
    environment = dict(os.environ, CLOISTER_BUILD=os.path.abspath(build), DEB_BUILD_OPTIONS="noautodbgsym")
    if subprocess.run(["dpkg-buildpackage", "--build=binary", "--no-sign"], cwd=tree, env=environment, stdin=subprocess.DEVNULL,
                      stdout=log, stderr=log, check=False).returncode:
        raise Failed(f"dpkg-buildpackage failed, see {log.name}")
    for path in folder.glob("*.*"):
        path.unlink()
    for path in (folder / "tree").glob("*_*"):
        path.rename(folder / path.name)
    shutil.rmtree(folder / "tree")


def _made(folder):
    return {path.name.partition("_")[0]: str(path) for path in sorted(folder.glob("*.deb"))}


def make(build, force=False):
    """Packages of what is built there; name -> path."""
    _check(build)
    folder = pathlib.Path(build, "packages")
    folder.mkdir(exist_ok=True)
    with building(build), open(folder / "log", "w", encoding="utf-8") as log:
        install(build, folder / "installed", log)
        key = _digest(folder / "installed", DEBIAN, *(SOURCE / name for name in DOCUMENTS))
        stamp = folder / "key"
        if force or not stamp.exists() or stamp.read_text(encoding="ascii") != key:
            stamp.unlink(missing_ok=True)
            _run(build, folder, log)
            stamp.write_text(key, encoding="ascii")
        return _made(folder)


def unpack(made, names, folder):
    """The files of packages below `folder`, over what is there; their scripts do not run."""
    os.makedirs(folder, exist_ok=True)
    for name in names:
        subprocess.run(["dpkg-deb", "--extract", made[name], folder], check=True)


def lint(build):
    """What lintian calls an error or a warning: its lines."""
    if not shutil.which("lintian"):
        raise Missing("lintian is not installed; CLOISTER_ALL=1 tests/setup installs it")
    changes, = pathlib.Path(build, "packages").glob("*.changes")
    done = subprocess.run(["lintian", "--allow-root", "--tag-display-limit", "0", "--profile", "debian", changes],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    found = [line for line in done.stdout.split("\n") if line.startswith(("E:", "W:"))]
    if done.returncode not in (0, 2) or (done.returncode and not found):
        raise Failed(f"lintian ended with status {done.returncode}: {done.stdout}")
    return found
