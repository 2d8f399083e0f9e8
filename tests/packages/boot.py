# SPDX-License-Identifier: MIT
"""GRUB's menu, kernels, and a /boot that is full: what cloister-hypervisor does to a machine that must boot."""

import contextlib
import difflib
import re
import subprocess

from chroot import difference

NAME = "cloister-hypervisor"
CLOSED = "iommu=force dom0-iommu=strict cloister-tpm=required"
SETTINGS = "etc/default/grub.d/cloister.cfg"
MENU = "boot/grub/grub.cfg"
BROKEN = "etc/grub.d/99_broken"
ENTRY = re.compile(r"^( *)menuentry '([^']*)'[^\n]*--id '([^']*)' \{\n(.*?)^\1\}", re.M | re.S)
# What opens a host: Xen's options, and what is said.
OPENED = (("dom0-iommu=strict cloister-tpm=required", "lacks iommu=force"),
          ("iommu=force,no-intremap dom0-iommu=strict cloister-tpm=required", "lacks iommu=force"),
          ("iommu=force cloister-tpm=required", "lacks dom0-iommu=strict"),
          ("iommu=force dom0-iommu=strict", "lacks cloister-tpm=required"),
          (CLOSED + " cloister-lockdown=msr", "cloister-lockdown= opens the host"))


def entries(system):
    """id -> title and commands of our menu entries."""
    return {match[3]: (match[2], [line.strip() for line in match[4].splitlines()]) for match in ENTRY.finditer(system.read(MENU))
            if match[3].startswith("cloister")}


def command(entry, word):
    """The line of an entry that begins with a command; what follows."""
    return next((line.partition(" ")[2] for line in entry[1] if line.startswith(word + " ")), None)


def others(system):
    """The menu without our part of it."""
    return re.sub(r"^### BEGIN /etc/grub.d/21_cloister ###.*?^### END /etc/grub.d/21_cloister ###\n\n?", "", system.read(MENU),
                  flags=re.M | re.S)


def same(tap, text, wanted, name):
    tap.ok(text == wanted, name, "\n".join(difflib.unified_diff(wanted.splitlines(), text.splitlines(), lineterm="")))


def no_kernel(tap, system, made):
    system.run("update-grub")
    stock = system.read(MENU)
    done = system.dpkg("-i", made[NAME])
    tap.ok(done and "no kernel in /boot can be dom0" in done.text and "linux-image-amd64" in done.text,
           "without a kernel: it is said, with what to do", done)
    tap.equal(entries(system), {}, "there is no entry then")
    same(tap, others(system), stock, "and the menu is as it was")
    system.kernel("6.1.0-9-other", dom0=False)
    done = system.run("update-grub")
    tap.ok(done and "no kernel in /boot can be dom0" in done.text and not entries(system),
           "so it is with a kernel that cannot be dom0", done)
    system.path("boot/vmlinuz-6.1.0-8-amd64.dpkg-tmp").write_text("half a kernel", encoding="ascii")
    tap.ok(system.run("update-grub") and not entries(system), "and with one that is half there")
    system.path("boot/vmlinuz-6.1.0-8-amd64.dpkg-tmp").unlink()


def menu(tap, system, xen):
    system.kernel("6.1.0-9-amd64")
    done = system.run("update-grub")
    found = entries(system)
    tap.equal(sorted(found), ["cloister", "cloister-6.1.0-9-amd64"], "when there is a kernel there are entries")
    main = found.get("cloister", ("", []))
    tap.equal((command(main, "multiboot2"), command(main, "module2")),
              (f"/boot/cloister-xen-{xen}.gz {CLOSED}", "/boot/vmlinuz-6.1.0-9-amd64 root=/dev/vda1 ro panic=30"),
              "the entry: our Xen with the closed options, and dom0's kernel")
    tap.equal(main[1][-1:], ["module2 --nounzip /boot/initrd.img-6.1.0-9-amd64"], "the initial RAM disk is handed over as it is")
    system.kernel("6.1.0-10-amd64")
    system.kernel("6.1.0-11-amd64", initrd=False)
    system.run("update-grub")
    found = entries(system)
    tap.equal(sorted(found), ["cloister"] + [f"cloister-6.1.0-{number}-amd64" for number in (10, 11, 9)],
              "each kernel of dom0's has one")
    tap.ok("vmlinuz-6.1.0-11-amd64" in command(found["cloister"], "module2"), "the newest is the first")
    tap.ok(not any("initrd" in line for line in found["cloister-6.1.0-11-amd64"][1]), "one without an initrd boots without one")
    text = system.read(MENU)
    tap.ok('set default="0"' in text and text.index("menuentry ") < text.index("'cloister'"),
           "what boots without a choice is what did before", done)


def stays_stock(tap, system):
    ours = others(system)
    system.path("etc/grub.d/21_cloister").chmod(0o644)
    system.run("update-grub")
    without = others(system)
    system.path("etc/grub.d/21_cloister").chmod(0o755)
    system.run("update-grub")
    same(tap, ours, without, "all other entries are as they are without us")
    usual = system.read("etc/default/grub")
    system.write("etc/default/grub", usual + "GRUB_DEFAULT=cloister\n")
    system.run("update-grub")
    tap.ok('set default="cloister"' in system.read(MENU), "GRUB_DEFAULT=cloister makes it the default")
    system.write("etc/default/grub", usual)


def options(tap, system):
    usual = system.read(SETTINGS)
    for words, text in OPENED:
        system.write(SETTINGS, usual.replace(CLOSED, words))
        done = system.run("update-grub")
        line = command(entries(system)["cloister"], "multiboot2")
        tap.ok(done and "warning: " in done.text and text in done.text and line.endswith(words),
               f"{words}: it is done, and said what it opens", done)
    system.write(SETTINGS, usual.replace(CLOSED, CLOSED + " dom0_mem=4G").replace('DOM0=""', 'DOM0="quiet"'))
    done = system.run("update-grub")
    main = entries(system)["cloister"]
    tap.ok("warning: " not in done.text and command(main, "multiboot2").endswith(CLOSED + " dom0_mem=4G") and
           command(main, "module2").endswith("ro panic=30 quiet"), "more options are taken, without a warning", done)
    system.write(SETTINGS, usual)


def previous(tap, system, made, older, xen):
    """Over the older version, with the file that boots before."""
    done = system.dpkg("-i", older[NAME], CLOISTER_DOWNGRADE="yes")
    old = system.path(f"boot/cloister-xen-{xen}.gz").read_bytes()
    done = done and system.dpkg("-i", made[NAME])
    kept = system.path("boot/cloister-xen.previous.gz")
    tap.ok(done and kept.exists() and kept.read_bytes() == old and "sign its PCR values" in done.text,
           "after an upgrade the hypervisor of before is there, and what sealed data needs is said", done)
    found = entries(system)
    tap.equal(command(found.get("cloister-previous", ("", [])), "multiboot2"), f"/boot/cloister-xen.previous.gz {CLOSED}",
              "and has a boot entry")
    done = system.dpkg("-i", made[NAME])
    tap.ok(done and kept.read_bytes() == old, "the same version again changes nothing about that", done)


def no_links(tap, system, made, older, xen):
    """A file system without links, as VFAT is one: `ln` fails."""
    system.write("usr/local/sbin/ln", "#!/bin/sh\nexit 1\n", 0o755)
    system.dpkg("-i", older[NAME], CLOISTER_DOWNGRADE="yes")
    old = system.path(f"boot/cloister-xen-{xen}.gz").read_bytes()
    done = system.dpkg("-i", made[NAME])
    kept = system.path("boot/cloister-xen.previous.gz")
    tap.ok(done and kept.read_bytes() == old, "where /boot knows no links it is copied", done)
    system.dpkg("-i", older[NAME], CLOISTER_DOWNGRADE="yes")
    system.write("usr/local/sbin/cp", "#!/bin/sh\nexit 1\n", 0o755)
    found = system.files()
    done = system.dpkg("-i", made[NAME])
    tap.ok(not done and "cannot be kept" in done.text and not difference(found, system.files()),
           "where neither can be done nothing is upgraded", done)
    for name in "ln", "cp":
        system.path(f"usr/local/sbin/{name}").unlink()
    tap.ok(system.dpkg("-i", made[NAME]), "afterwards it is")


@contextlib.contextmanager
def small_boot(system, free_kib):
    """/boot as a file system of its own, with so much free; yields the file that fills it."""
    boot = system.path("boot")
    copy = system.path("tmp/boot")
    subprocess.run(["cp", "-a", boot, copy], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", boot], check=True)
    subprocess.run(["cp", "-a", f"{copy}/.", boot], check=True)
    free = int(subprocess.run(["df", "-Pk", boot], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-3])
    fill = boot / "fill"
    fill.write_bytes(bytes((free - free_kib) * 1024))
    try:
        yield fill
    finally:
        subprocess.run(["umount", boot], check=True)
        subprocess.run(["rm", "-rf", copy], check=True)


def full(tap, system, made, older):
    system.dpkg("-i", older[NAME], CLOISTER_DOWNGRADE="yes")
    version = system.state(NAME)
    for free in 0, 100, 1000:
        with small_boot(system, free) as fill:
            found = system.files(whole=True)
            done = system.dpkg("-i", made[NAME])
            tap.ok(not done and re.search(r"/boot has \d+ KiB free, and \d+ are needed; nothing was changed", done.text),
                   f"an upgrade with {free} KiB free in /boot: refused, with how much it takes", done)
            tap.equal((system.state(NAME), difference(found, system.files(whole=True))), (version, []), "nothing has changed")
            fill.unlink()
            tap.ok(system.dpkg("-i", made[NAME]), "with room it goes")
        system.dpkg("--force-confold", "-i", older[NAME], CLOISTER_DOWNGRADE="yes")
    system.dpkg("--purge", NAME)
    with small_boot(system, 10):
        found = system.files(whole=True)
        done = system.dpkg("-i", made[NAME])
        tap.ok(not done and "KiB free" in done.text and not difference(found, system.files(whole=True)),
               "a first installation is refused in the same way", done)


def half(tap, system, made, older):
    """Interrupted where GRUB's menu is made."""
    system.run("update-grub")
    menu_before = system.read(MENU)
    system.write(BROKEN, "#!/bin/sh\necho 'no space left' >&2\nexit 1\n", 0o755)
    done = system.dpkg("-i", older[NAME])
    tap.ok(not done and "update-grub failed" in done.text and "dpkg --configure" in done.text,
           "update-grub fails: so does the installation, with what to do", done)
    tap.equal((system.state(NAME)[0], system.read(MENU)), ("half-configured", menu_before),
              "half-configured; the menu is the one of before")
    done = system.dpkg("-i", made[NAME])
    tap.ok(not done and system.state(NAME)[0] == "half-configured" and system.read(MENU) == menu_before,
           "a newer version over it comes as far", done)
    system.path(BROKEN).unlink()
    done = system.dpkg("--configure", "-a")
    tap.ok(done and system.state(NAME)[0] == "installed" and "cloister" in entries(system),
           "when the cause is gone it is configured", done)
    system.write(BROKEN, "#!/bin/sh\nexit 1\n", 0o755)
    done = system.dpkg("--remove", NAME)
    tap.ok(done and "update-grub failed" in done.text and not list(system.path("boot").glob("cloister*")),
           "it can be removed while GRUB is broken, and says what is left to do", done)
    system.dpkg("-i", made[NAME])
    done = system.dpkg("--purge", NAME)
    tap.ok(done and system.state(NAME) == ("", ""), "and purged while half-configured", done)
    system.path(BROKEN).unlink()


def without_grub(tap, system, made):
    system.path(MENU).rename(system.path("tmp/grub.cfg"))
    done = system.dpkg("-i", made[NAME])
    tap.ok(done and "no GRUB that boots this machine" in done.text and not system.path(MENU).exists(),
           "without GRUB's configuration none is made, and it is said", done)
    system.path("tmp/grub.cfg").rename(system.path(MENU))
    done = system.dpkg("--purge", NAME)
    tap.ok(done and not entries(system) and "cloister-xen" not in system.read(MENU),
           "after a purge the menu does not know us", done)


def run(tap, system, made, older, xen):
    tap.run("no kernel", no_kernel, tap, system, made)
    tap.run("the menu", menu, tap, system, xen)
    tap.run("other entries", stays_stock, tap, system)
    tap.run("options", options, tap, system)
    tap.run("the hypervisor of before", previous, tap, system, made, older, xen)
    tap.run("no links", no_links, tap, system, made, older, xen)
    tap.run("a full /boot", full, tap, system, made, older)
    tap.run("half-configured", half, tap, system, made, older)
    tap.run("no GRUB", without_grub, tap, system, made)
