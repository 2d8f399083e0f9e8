# SPDX-License-Identifier: MIT
"""An HVM guest with QEMU as its device model, and a network card that goes to it."""

import os
import shutil
import subprocess

import pci
from day import Step
from devices import SAFE
from harness import images

SAVED = "/var/lib/life.save"
CREATE = "hvm_create"
MIGRATE = "xl migrate -s '' day 'xl migrate-receive'"
KERNEL = "usr/lib/life-vmlinuz"


def model_disk():
    """It is built if it is not there."""
    done = subprocess.run([os.path.join(images.TESTS, "image/build"), "--model"], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]


def options():
    """QEMU's: the disk with the device model is dom0's third."""
    return ["-drive", f"file={model_disk()},format=raw,if=none,id=model,snapshot=on",
            "-device", "virtio-blk-pci,drive=model" + SAFE] + pci.OPTIONS


def stage(folder):
    """The kernel as firmware starts it; a PVH guest's is of another kind."""
    target = os.path.join(folder, KERNEL)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(images.manifest()["vmlinuz"], target)
    return folder


STEPS = [
    Step("the device model is there", "mkdir -p /srv/model && "
         "mount -o ro /dev/vdc /srv/model && truncate -s 1M /run/life/disc && sh /run/life/model --version"),
    Step("an HVM guest is created", f"{CREATE} && lives day", timeout=400),
    Step("it has the device model's devices", "in_guest day 'cat /sys/bus/pci/devices/*/vendor /sys/bus/pci/devices/*/device'",
         shown=str.split),
    Step("xl pause and unpause", "xl pause day && still day && xl unpause day && lives day"),
    Step("xl cd-eject, and another goes in", "xl cd-eject day hdc && "
         "xl cd-insert day hdc /run/life/disc"),
    Step("xl save", f"xl save day {SAVED} && gone day", timeout=240),
    Step("xl restore: it goes on", f"xl restore {SAVED} && lives day && rm {SAVED}", timeout=240),
    Step("xl migrate to localhost", f"old=$(xl domid day) && {MIGRATE} && new_domain day $old && lives day", timeout=300),
    Step("xl shutdown: it is gone", "xl shutdown -w day && within 60 gone day", timeout=120),
    Step("the card is given away", f"modprobe xen-pciback && xl pci-assignable-add {pci.CARD}"),
    Step("an HVM guest gets it", f"{CREATE} {pci.GIVEN} && lives day", timeout=400),
    Step("the guest drives it, with MSI-X: bytes go out and come back", pci.USE, shown=str.split,
         timeout=180),
    Step("xl destroy: the card is free", f"xl destroy day && within 30 gone day && xl pci-assignable-list | grep {pci.CARD}"),
]
