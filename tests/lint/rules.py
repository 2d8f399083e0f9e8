# SPDX-License-Identifier: MIT
"""Rules for texts that no other program checks. Each takes what it judges and returns its faults, a line each."""

import pathlib
import re

SUBJECT_MOST = 65
# What a subject line must not name: where and by whom the work was done.
COLUMNS = 132
OBJECT = re.compile(r"\bobj-(?:y|bin-y)\s*\+?:?=\s*(.*)")
QUOTED = re.compile(r"'([\w./-]+\.[cS])'")


def columns(path, text):
    return [f"{path}:{number}: {len(line)} columns, at most {COLUMNS}"
            for number, line in enumerate(text.split("\n"), 1) if len(line) > COLUMNS and "://" not in line]


def blanks(path, text):
    """Tabs where the language knows none, blanks at the end of a line, a last line without an end."""
    found = [f"{path}:{number}: blanks at the end" for number, line in enumerate(text.split("\n"), 1)
             if line != line.rstrip()]
    if path.endswith((".c", ".h", ".py")) and "\t" in text:
        found.append(f"{path}: a tab")
    if text and not text.endswith("\n"):
        found.append(f"{path}: the last line has no end")
    return found


def licence(path, text):
    return [] if "SPDX-License-Identifier: " in text[:400] else [f"{path}: no SPDX line"]


def subject(commit, line):
    """A commit's first line: short, one concern, no full stop."""
    found = []
    if len(line) > SUBJECT_MOST:
        found.append(f"{commit}: {len(line)} characters, at most {SUBJECT_MOST}: {line}")
    if line.endswith("."):
        found.append(f"{commit}: ends with a full stop: {line}")
    if not line[:1].isupper():
        found.append(f"{commit}: begins with no capital letter: {line}")
    return found


def paragraphs(path, text):
    """Paragraphs of Markdown that begin with a verb whose subject is the code block above."""
    verbs = ("builds|boots|checks|gives|installs|lists|loads|makes|needs|prints|reads|removes|runs|sets|shows|starts|"
             "stops|takes|tells|tests|waits|writes")
    pattern = re.compile(rf"(?:^```\n|^    [^\n]*\n)\n((?:{verbs})\b[^\n]*)", re.M | re.I)
    return [f"{path}: begins with a verb whose subject is the block above: {match[1][:60]}"
            for match in pattern.finditer(text)]


def objects(text):
    """The files that a makefile of Xen's build names."""
    return sorted(str(pathlib.PurePath(name).with_suffix(".c")) for line in OBJECT.findall(text)
                  for name in line.split() if name.endswith(".o"))


def sources(text, name):
    """The files of the list `name` of a meson.build."""
    match = re.search(rf"^{name} = files\(([^()]*)\)", text, re.M)
    return sorted(QUOTED.findall(match[1])) if match else []


def lists(files):
    """Source lists that must be equal, and files that no list names. files: path -> text, of the whole tree."""
    kbuild = {name: objects(files[f"hv/xen/kbuild/{name}.mk"]) for name in ("cloister", "monitor")}
    found = []
    meson = sources(files["hv/monitor/meson.build"], "monitor_sources")
    if meson != kbuild["monitor"]:
        found.append("hv/monitor/meson.build and hv/xen/kbuild/monitor.mk differ: " +
                     " ".join(sorted(set(meson) ^ set(kbuild["monitor"]))))
    hooks = "".join(text for path, text in files.items() if re.fullmatch(r"hv/xen/[\d.]+/[^/]*\.patch", path))
    named = set(kbuild["cloister"]) | set(re.findall(r'^\+#include "[./]*arch/x86/cloister/([\w/]+\.c)"', hooks, re.M))
    ours = {path[len("hv/xen/"):] for path in files if path.startswith("hv/xen/") and path.endswith(".c")}
    found += [f"hv/xen/{name} is in no list and in no hook" for name in sorted(ours - named)]
    found += [f"hv/xen/{name} is in a list, and is not there" for name in sorted(named - ours)]
    lines = {path: text for path, text in files.items() if path.endswith("meson.build")}
    for path in sorted(files):
        if path.endswith(".c") and not path.startswith(("hv/xen/", "tests/")):
            name = pathlib.PurePath(path)
            if not any(re.search(rf"['/]{re.escape(name.name)}'", lines.get(f"{folder}/meson.build", ""))
                       for folder in name.parents):
                found.append(f"{path} is in no meson.build")
    return found
