# SPDX-License-Identifier: MIT
"""Xen's unified image under Secure Boot: with its signature it boots; unsigned or altered it does not."""

import json
import shutil
import subprocess
import time

from handover import REFUSED, Handover
from harness import Machine
from harness.tpm import Tpm
from harness.uefi import SNAKEOIL_CERT, SNAKEOIL_KEY, SNAKEOIL_PASSWORD, Uefi
from host import (LOADER, SOURCE, XEN_CMDLINE, XEN_EFI, XEN_ELF, change_byte, dom0_pcrs, predict_unified, run,
                  write_pcrs)

FIRMWARE = (0, 1, 2, 3, 5, 6, 7)


def snakeoil(folder):
    """The options that sign with the key that the firmware has enrolled."""
    key = folder / "snakeoil.key"
    run("openssl", "rsa", "-in", SNAKEOIL_KEY, "-passin", f"pass:{SNAKEOIL_PASSWORD}", "-out", key)
    return "--key", key, "--cert", SNAKEOIL_CERT


def stranger(folder):
    """The options that sign with a key that the firmware does not know."""
    key, cert = folder / "stranger.key", folder / "stranger.pem"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=stranger", "-days", "2", "-keyout",
        key, "-out", cert)
    return "--key", key, "--cert", cert


def boot_signed(tap, folder, host, reference):
    """The whole boot; returns the signed image."""
    image, unsigned = folder / "signed.efi", folder / "unsigned.efi"
    host.unify(image, *snakeoil(folder))
    host.unify(unsigned)
    with Machine("measured-signed", xen=XEN_ELF, firmware=Uefi({LOADER: str(image)}, secure_boot=True),
                 tpm=Tpm(banks="sha256")) as machine:
        tap.ok("Using builtin config file" in machine.console(), "signed: the firmware starts Xen, and dom0 runs")
        tap.ok(f"Command line: {XEN_CMDLINE}\n" in machine.console(),
               "Xen's command line is the one in the image",
               [line for line in machine.console().split("\n") if "Command line" in line])
        names = machine.dom0("ls -A /sys/firmware/efi/efivars 2>/dev/null | wc -l", check=True).out.split()
        tap.equal(names, ["0"], "dom0 has none of the firmware's variables")
        values = dom0_pcrs(machine)
    pcrs = write_pcrs(folder / "signed.pcrs", values)
    for kind in image, unsigned:
        status, output = predict_unified(kind, "--pcrs", pcrs)
        tap.ok(status == 0, f"PCR 4 is the one that was predicted from the {kind.stem} image", output)
    tap.equal({values[8], values[9]}, {"00" * 32}, "nothing else is measured on the way")
    status, output = predict_unified(image, "--reference", reference, "--pcrs", pcrs, "--json")
    difference = json.loads(output).get("difference", {})
    tap.ok(status == 1 and difference["pcr"] in FIRMWARE, "a firmware with other keys is not the reference", output)
    return image


def section(image, name):
    """Where a section's content stands in the file."""
    for line in run("objdump", "-h", image).split("\n"):
        words = line.split()
        if len(words) > 5 and words[1] == name:
            return int(words[5], 16), int(words[2], 16)
    raise ValueError(f"{image} has no section {name}")


def altered(name):
    def alter(image):
        offset, size = section(image, name)
        change_byte(image, offset + size // 2)
    return alter


def unsign(image):
    run("sbattach", "--remove", image)


ALTERED = [("without its signature", unsign)] + [
    (f"with a byte of {name} altered", altered(name)) for name in (".text", ".config", ".kernel", ".ramdisk")]


def refused(tap, name, what, image):
    with Handover(f"measured-{name}", xen=XEN_ELF, firmware=Uefi({LOADER: str(image)}, secure_boot=True),
                  tpm=Tpm(banks="sha256")) as machine:
        console = machine.console()
    tap.ok(machine.outcome == REFUSED and "Access Denied" in console and "Xen" not in console,
           f"{what} the image is not started", console[-300:])


def refuse_altered(tap, folder, image, number):
    what, alter = ALTERED[number]
    other = folder / f"altered-{number}.efi"
    shutil.copy(image, other)
    alter(other)
    refused(tap, f"altered-{number}", what, other)


def refuse_stranger(tap, folder, host):
    image = folder / "stranger.efi"
    host.unify(image, *stranger(folder))
    refused(tap, "stranger", "signed with a key that is not enrolled", image)


def unify_repeats(tap, folder, host):
    """The image that a verifier makes from the same files is the host's, byte for byte."""
    again = folder / "again.efi"
    time.sleep(1.1)  # tools that note the time count seconds
    host.unify(again)
    tap.ok(again.read_bytes() == (folder / "unsigned.efi").read_bytes(), "the same files make the same image")
    host.unify(again, cmdline=XEN_CMDLINE + " noht")
    values = [json.loads(predict_unified(image, "--json")[1])["pcrs"]["4"]
              for image in (again, folder / "unsigned.efi")]
    tap.ok(values[0] != values[1], "another command line makes another image and another PCR 4", values)


def unify_refuses(tap, folder, host):
    """The command's own refusals: nothing is written, the reason is said."""
    unify = SOURCE / "hv/xen/unify"
    good = ["--xen", XEN_EFI, "--cmdline", "a", "--kernel", host.path("vmlinuz"), "--kernel-cmdline", "b",
            "--initrd", host.path("initrd.img")]
    output = folder / "refused.efi"

    def change(option, value):
        return [value if i and good[i - 1] == option else word for i, word in enumerate(good)]

    def leave_out(option):
        at = good.index(option)
        return good[:at] + good[at + 2:]

    cases = [(leave_out(option), 2, f"{option} is missing") for option in good[::2]]
    cases += [
        (change("--kernel", "/missing"), 1, "/missing cannot be read"),
        (change("--initrd", "/dev/null"), 1, "/dev/null cannot be read"),
        (change("--cmdline", "a\nkernel=other"), 1, "one line"),
        (change("--kernel-cmdline", "a\tb"), 1, "printable"),
        (change("--xen", host.path("vmlinuz")), 1, "is not a Xen"),
        (change("--xen", XEN_ELF), 1, "no EFI application"),
        (change("--xen", folder / "signed.efi"), 1, "unified image already"),
        (good + ["--key", SNAKEOIL_KEY], 2, "--key without --cert"),
        (good + ["--cert", SNAKEOIL_CERT], 2, "--cert without --key"),
        (good + ["--key", host.path("vmlinuz"), "--cert", SNAKEOIL_CERT], 1, "cannot sign"),
        (good + ["--frob"], 2, "no option --frob"),
        (good + ["/one"], 2, "one output"),
    ]
    for arguments, status, says in cases:
        result = subprocess.run([str(word) for word in (unify, *arguments, output)], capture_output=True, text=True,
                                check=False)
        tap.ok(result.returncode == status and says in result.stderr and not output.exists(), f"unify: {says}",
               f"status {result.returncode}: {result.stderr}")
