#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tests/series, without its compiler: a tree that fits, trees that almost do, and what is no such tree.

usage: test_series.py
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tests/lib"))

from harness.tap import Tap  # noqa: E402

HOOKS = SOURCE / "hv/xen/4.17"
HVM = "xen/arch/x86/hvm"
# Lines that no hook stands beside: file, what is there, what an update could make of it, who is named.
EXITS = (("svm/entry.S", "call nsvm_vcpu_switch", "call nsvm_vcpu_switch2", "svm/entry.S"),
         ("vmx/entry.S", "call nvmx_switch_guest", "call nvmx_switch_guest2", "vmx/entry.S"),
         ("svm/svm.c", "svm_asid_handle_vmrun();", "svm_asid_handle_vmrun(1);", "svm_vmenter_helper() of svm/svm.c"),
         ("svm/svm.c", "sync up the VLAPIC's TPR", "sync up our TPR", "svm_vmexit_handler() of svm/svm.c"),
         ("svm/asid.c", "ASID 0 indicates", "ASID 0 shows", "svm_asid_handle_vmrun() of svm/asid.c"),
         ("vmx/vmx.c", "    lbr_fixup();\n", "    lbr_fixup2();\n", "vmx_vmenter_helper() of vmx/vmx.c"),
         ("vmx/vmx.c", "vmx_do_extint(regs);\n        break;", "break;", "vmx_vmexit_handler() of vmx/vmx.c"),
         ("asid.c", "Test if VCPU has valid", "Has the vCPU a valid", "hvm_asid_handle_vmenter() of asid.c"))


def run(*arguments):
    done = subprocess.run([SOURCE / "tests/series", "--apply-only", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, text=True)
    return done.returncode, done.stdout


def copy_touched(source, folder):
    """The Makefile and what the hooks change, of a Xen source: all that --apply-only looks at."""
    files = {"xen/Makefile", f"{HVM}/asid.c", f"{HVM}/svm/asid.c"}
    for patch in HOOKS.glob("*.patch"):
        files |= set(re.findall(r"^--- a/(\S+)", patch.read_text(), re.M))
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, folder / file)
    return folder


def change(tap, folder, file, old, new, name):
    """The hook must not be put where the source is another one, however little."""
    path = folder / file
    before = path.read_text()
    path.write_text(before.replace(old, new, 1))
    status, out = run("4.17", folder)
    tap.ok(before != path.read_text() and status == 1 and "not ok" in out and f"{file}: this was not found" in out and
           old.split("\n", maxsplit=1)[0].strip() in out, name, out)
    path.write_text(before)


def change_exit(tap, folder, file, old, new, named):
    path = folder / HVM / file
    before = path.read_text()
    path.write_text(before.replace(old, new, 1))
    done = subprocess.run([SOURCE / "hv/xen/exits", "4.17", folder], stderr=subprocess.PIPE, check=False, text=True)
    tap.ok(before != path.read_text() and done.returncode == 1 and done.stderr.count("\n") == 1 and
           f": {named} is not what the fast way" in done.stderr, f"a change of {named} is found", done.stderr)
    path.write_text(before)


def refuse(tap, says, name, *arguments):
    status, out = run(*arguments)
    tap.ok(status == 2 and says in out, name, f"{status}\n{out}")


def main():
    tap = Tap("series")
    found = subprocess.run([SOURCE / "hv/fetch", "--print", "xen"], stdout=subprocess.PIPE, text=True, check=False)
    if not tap.ok(found.returncode == 0, "there is a source of Xen (hv/fetch xen)"):
        return tap.done()
    with tempfile.TemporaryDirectory(prefix="cloister-series-") as name:
        folder = copy_touched(pathlib.Path(found.stdout.strip()), pathlib.Path(name).resolve())
        status, out = run("4.17", folder)
        tap.ok(status == 0 and out.count(" applies\n") == len(list(HOOKS.glob("*.patch"))), "every patch applies", out)
        tap.ok("exits and entries are as they were read" in out, "exits and entries are looked at", out)
        for row in EXITS:
            change_exit(tap, folder, *row)
        path = folder / HVM / "svm/svm.c"
        path.write_text(path.read_text() + "\nint something_else;\n")
        tap.ok(run("4.17", folder)[0] == 0, "what the fast way does not stand in for may change")
        change(tap, folder, "xen/common/domctl.c", "if ( !d && op->cmd != XEN_DOMCTL_getdomaininfo )",
               "if ( !d && op->cmd != XEN_DOMCTL_getdomaininfo2 )", "a line beside a hook is another one")
        change(tap, folder, "xen/arch/x86/hvm/hypercall.c", "    unsigned int token;\n\n    switch",
               "    unsigned int token;\n\n\n    switch", "an empty line more beside a hook")
        (folder / "xen/common/domctl.c").unlink()
        status, out = run("4.17", folder)
        tap.ok(status == 1 and "xen/common/domctl.c" in out, "a file that a hook changes is not there", out)
        refuse(tap, "is Xen 4.17", "a tree of another version", "4.20", folder)
        refuse(tap, "no hooks for Xen 4.16", "a version without hooks", "4.16", folder)
        refuse(tap, "belong together", "a tree without its version", folder)
        refuse(tap, "has no xen/Makefile", "a folder that is no Xen source", "4.17", folder / "xen")
        refuse(tap, "has no xen/Makefile", "a folder that is not there", "4.17", folder / "none")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
