# SPDX-License-Identifier: MIT
"""A network card with MSI-X goes to a guest and comes back."""

from day import Step
from devices import ECHO, NETWORKS

MODULES = ["e1000e"]
PV_MODULES = ["xen-pcifront", "e1000e"]
NETWORK = NETWORKS["e1000e"]
OPTIONS = ["-netdev", f"user,id=card,net={NETWORK}.0/24,restrict=on,{ECHO.format(network=NETWORK)}",
           "-device", "e1000e,netdev=card,bus=pcie.0,addr=10.0"]
CARD = "00:10.0"
GIVEN = f"'pci=[\"{CARD}\"]'"
PV = "'type=\"pv\"'"
CREATE = "xl create -q /run/life/guest.cfg"
USE = f"in_guest day 'life-card {NETWORK}'"

STEPS = [
    Step("dom0 drives the card", f"load_modules && driven pci e1000e && net_works e1000e {NETWORK}", timeout=120),
    Step("xl pci-assignable-add", f"modprobe xen-pciback && xl pci-assignable-add {CARD} && xl pci-assignable-list"),
    Step("a PV guest gets it", f"{CREATE} {PV} {GIVEN} && lives day", timeout=240),
    Step("xl pci-list", "xl pci-list day", shown=str.split),
    Step("the guest drives it, with MSI-X: bytes go out and come back", USE, shown=str.split, timeout=120),
    Step("xl shutdown: the card is free", f"xl shutdown -w day && within 30 gone day && xl pci-assignable-list | grep {CARD}",
         timeout=120),
    Step("a PV guest without it", f"{CREATE} {PV} 'passthrough=\"enabled\"' && lives day", timeout=240),
    Step("xl pci-attach", f"xl pci-attach day {CARD} && sleep 2 && xl pci-list day | grep {CARD}"),
    Step("xl pci-detach", f"xl pci-detach day {CARD} && sleep 2 && ! xl pci-list day | grep {CARD}"),
    Step("xl pause and unpause of a PV guest", "xl pause day && still day && xl unpause day && lives day"),
    Step("xl save of a PV guest", "xl save day /var/lib/life.save && gone day", timeout=240),
    Step("xl restore of a PV guest", "xl restore /var/lib/life.save && lives day", timeout=240),
    Step("xl destroy", "xl destroy day && within 30 gone day"),
    Step("a PVH guest does not get it", f"{CREATE} {GIVEN}", rc=6, why="Xen gives no PCI device to a PVH guest"),
    Step("xl pci-assignable-remove: dom0 drives it again",
         f"xl pci-assignable-remove -r {CARD} && within 20 driven pci e1000e && net_works e1000e {NETWORK}", timeout=120),
]
