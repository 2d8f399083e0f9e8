# SPDX-License-Identifier: MIT
"""Where the images of tests/image stand, and the payload archives that go with them."""

import io
import json
import os
import stat
import subprocess

from . import cpio

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Missing(Exception):
    """Something that a machine needs is not there; the text says what to do."""


def manifest():
    """The parts by name: see write_manifest in tests/image/build."""
    result = subprocess.run([os.path.join(TESTS, "image", "build"), "--print"],
                            capture_output=True, text=True, check=False)
    if result.returncode:
        raise Missing(result.stderr.strip() or "the images are not built")
    with open(result.stdout.strip(), encoding="utf-8") as file:
        return json.load(file)


def payload(trees, prefix=""):
    """A cpio archive with what the folders in `trees` hold (later ones win) below `prefix`."""
    out = io.BytesIO()
    archive = cpio.Archive(out)
    libraries = False
    for tree in reversed(list(trees)):
        if not os.path.isdir(tree):
            raise Missing(f"payload folder {tree} is not there")
        archive.tree(tree, prefix, rename=cpio.merged)
        for _, _, files in os.walk(tree):
            libraries = libraries or any(".so" in name for name in files)
    if libraries:
        archive.file(os.path.join(prefix, ".ldconfig"), b"")
    archive.close()
    return out.getvalue()


def write_initrd(path, base, dom0_trees, tenant_trees):
    """The initrd of one run: the image's own, dom0's payload, and the tenant's as a file."""
    with open(base, "rb") as file:
        data = file.read()
    tenant = io.BytesIO()
    if tenant_trees:
        archive = cpio.Archive(tenant)
        archive.file("tenant-payload", payload(tenant_trees))
        archive.close()
    with open(path, "wb") as file:
        file.write(data)
        if dom0_trees:
            file.write(payload(dom0_trees, "payload"))
        file.write(tenant.getvalue())


def executable(path):
    return os.path.isfile(path) and bool(os.stat(path).st_mode & stat.S_IXUSR)
