# SPDX-License-Identifier: MIT
"""Kernel modules for an initial file system, and headers to build modules against."""

import os
import re


def _name(path):
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def load_order(tree, version, wanted):
    """Paths below lib/modules/<version>, each after what it needs. Built-in ones are left out."""
    folder = os.path.join(tree, "lib/modules", version)
    needs = {}
    with open(os.path.join(folder, "modules.dep"), encoding="ascii") as file:
        for line in file:
            path, _, rest = line.partition(":")
            needs[_name(path)] = (path, [_name(entry) for entry in rest.split()])
    with open(os.path.join(folder, "modules.softdep"), encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[:1] == ["softdep"] and "pre:" in words and words[1] in needs:
                for word in words[words.index("pre:") + 1:]:
                    if word.endswith(":"):
                        break
                    needs[words[1]][1].append(word.replace("-", "_"))
    with open(os.path.join(folder, "modules.builtin"), encoding="ascii") as file:
        builtin = {_name(line.strip()) for line in file}
    order = []

    def visit(name):
        if name not in needs:
            return
        path, below = needs[name]
        for entry in below:
            visit(entry)
        if path not in order:
            order.append(path)

    for name in wanted:
        name = name.replace("-", "_")
        if name not in needs and name not in builtin:
            raise ValueError(f"kernel {version} has no module {name}")
        visit(name)
    return order


def add(archive, tree, version, wanted, list_name, only_list=False):
    """Put modules into a cpio archive and their load order into the file `list_name`. Unless
    only_list, modprobe finds them, too."""
    folder = os.path.join(tree, "lib/modules", version)
    order = load_order(tree, version, wanted)
    prefix = f"usr/lib/modules/{version}"
    for path in order:
        archive.copy(os.path.join(folder, path), f"{prefix}/{path}")
    archive.file(list_name, "".join(f"/{prefix}/{path}\n" for path in order).encode())
    if only_list:
        return
    with open(os.path.join(folder, "modules.dep"), encoding="ascii") as file:
        lines = [line for line in file if line.partition(":")[0] in order]
    archive.file(f"{prefix}/modules.dep", "".join(lines).encode())
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            archive.copy(path, f"{prefix}/{name}")


def relocate_headers(tree, version):
    """Debian's header packages expect to stand in /usr; make them work where they were unpacked."""
    source = os.path.join(tree, "usr/src")
    for folder, folders, files in os.walk(source):
        for name in folders + files:
            path = os.path.join(folder, name)
            if os.path.islink(path) and os.readlink(path).startswith("/usr/"):
                target = os.path.join(tree, os.readlink(path).lstrip("/"))
                os.unlink(path)
                os.symlink(os.path.relpath(target, folder), path)
    makefile = os.path.join(source, "linux-headers-" + version, "Makefile")
    with open(makefile, encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"/usr/src/(linux-headers-\S+-common)",
                  r"$(dir $(realpath $(lastword $(MAKEFILE_LIST))))../\1", text)
    with open(makefile, "w", encoding="utf-8") as file:
        file.write(text)
