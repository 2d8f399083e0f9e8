# SPDX-License-Identifier: MIT
"""Packages of another version: the same files, but for those that are named."""

import pathlib
import subprocess


def repack(package, version, folder, edits=None):
    """The .deb `package` as `version`, in `folder`. `edits`: path -> what to add at the end of the file, bytes."""
    package = pathlib.Path(package)
    name, old, rest = package.name.split("_", 2)
    root = pathlib.Path(folder, f"{name}-{version}")
    subprocess.run(["dpkg-deb", "--raw-extract", package, root], check=True)
    for path in (root / "DEBIAN").iterdir():
        if path.name != "md5sums":
            path.write_text(path.read_text(encoding="utf-8").replace(old, version), encoding="utf-8")
    for path, text in (edits or {}).items():
        with open(root / path, "ab") as file:
            file.write(text)
    target = pathlib.Path(folder, f"{name}_{version}_{rest}")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", root, target], check=True,
                   stdout=subprocess.DEVNULL)
    return str(target)


def repack_all(made, version, folder, edits):
    """Every package; `edits`: package -> path -> bytes."""
    pathlib.Path(folder).mkdir()
    return {name: repack(path, version, folder, edits.get(name)) for name, path in made.items()}
