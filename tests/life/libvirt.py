# SPDX-License-Identifier: MIT
"""The same tenant's life, with libvirt."""

from day import Step
from harness import domain

NAME = "vday"
SAVED = "/var/lib/life.virsh"


def xml():
    """With a second vCPU to add."""
    return domain.xml(NAME).replace("<vcpu>1</vcpu>", "<vcpu current='1'>2</vcpu>").replace(
        "<on_reboot>destroy", "<on_reboot>restart")


STEPS = [
    Step("virsh define", f"virsh -q define /run/life/{NAME}.xml"),
    Step("virsh start", f"virsh -q start {NAME} && lives {NAME}", timeout=180),
    Step("virsh dominfo", f"virsh dominfo {NAME} | grep -E 'Name|OS|State|CPU.s|Max|Persist|Auto'", shown=str.split),
    Step("virsh vcpucount", f"virsh vcpucount {NAME}", shown=str.split),
    Step("virsh suspend: it stands still", f"virsh -q suspend {NAME} && still {NAME}"),
    Step("virsh resume: it goes on", f"virsh -q resume {NAME} && lives {NAME}"),
    Step("virsh setvcpus 2", f"virsh -q setvcpus {NAME} 2 --live", rc=1,
         why="libvirt gives a guest no more than the host has CPUs, one here", shown=str.split),
    Step("virsh setmem", f"virsh -q setmem {NAME} 200M --live && within 60 memory_is {NAME} 200"),
    Step("virsh vcpupin", f"virsh -q vcpupin {NAME} 0 0"),
    Step("virsh schedinfo", f"virsh -q schedinfo {NAME} --set weight=300"),
    Step("virsh domjobinfo", f"virsh domjobinfo {NAME}", shown=str.split),
    Step("virsh domiftune", f"virsh domiftune {NAME} vif1.0", rc=1, why="libvirt has none for Xen, and says so", shown=str.split),
    Step("virsh autostart, and not", f"virsh -q autostart {NAME} && virsh -q autostart --disable {NAME}"),
    Step("virsh save", f"virsh -q save {NAME} {SAVED} && gone {NAME}", timeout=240),
    Step("virsh restore: it goes on", f"virsh -q restore {SAVED} && lives {NAME} && rm {SAVED}", timeout=240),
    Step("virsh managedsave, and start", f"virsh -q managedsave {NAME} && virsh -q start {NAME} && lives {NAME}", timeout=300),
    Step("virsh reboot: a new domain of that name", f"old=$(xl domid {NAME}) && virsh -q reboot {NAME} && "
         f"within 60 new_domain {NAME} $old && lives {NAME}", timeout=240),
    Step("virsh shutdown: it is gone", f"virsh -q shutdown {NAME} && within 60 gone {NAME}", timeout=120),
    Step("virsh create, of what is not running, and destroy",
         f"virsh -q start {NAME} --paused && virsh -q destroy {NAME} && within 30 gone {NAME}", timeout=120),
    Step("virsh undefine", f"virsh -q undefine {NAME}"),
]
