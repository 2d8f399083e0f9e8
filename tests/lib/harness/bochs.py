# SPDX-License-Identifier: MIT
"""Bochs: a machine with Intel's VMX and EPT, one CPU and no IOMMU.

It is 3.0 as tests/lib/bochs/build makes it or, where that is not built or CLOISTER_BOCHS=bochs, Debian 12's
package, 2.7, which does the same in 2.5 times the time. It boots
from a CD made for the run. dom0's command server reaches us over the emulated network card:
10.0.2.2 is this machine. One tick is one instruction."""

import os
import socket
import subprocess

from .channel import Channel
from .images import Missing

BUILD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bochs", "build")
FIRMWARE = ("/usr/share/bochs/BIOS-bochs-latest", "/usr/share/vgabios/vgabios.bin")
GRUB = "/usr/lib/grub/i386-pc"
# Newer models have ADCX and ADOX, with which OpenSSL's P-256 goes wrong, or AVX-512, with which programs
# of dom0 crash.
CPU = "corei7_haswell_4770"
CONFIGURATION = """\
{display}cpu: model={cpu}, count=1, ips=100000000, ignore_bad_msrs=1
clock: sync=none
memory: guest={memory}, host={memory}
romimage: file={firmware[0]}
vgaromimage: file={firmware[1]}
pci: enabled=1, chipset=i440fx, slot1=e1000
e1000: enabled=1, mac=52:54:00:00:00:01, ethmod=slirp, script=none
ata0-master: type=disk, path="{dom0_root}", mode=volatile, journal="{work}/dom0.journal"
ata0-slave: type=disk, path="{tenant_disk}", mode=volatile, journal="{work}/tenant.journal"
ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
ata1-master: type=cdrom, path="{work}/boot.iso", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={console}
panic: action=report
error: action=ignore
info: action=ignore
"""
PACKAGE = "bochs"
PACKAGE_DISPLAY = """\
plugin_ctrl: unmapped=1, biosdev=1, extfpuirq=1, parallel=0, speaker=0, gameport=0, e1000=1
display_library: rfb, options="timeout=0"
"""
OWN_DISPLAY = "display_library: nogui\n"
# Xen drops the first word of each line: the file's name, as older loaders pass it.
MENU = """\
multiboot /xen xen {xen}
module /vmlinux vmlinux {dom0}
module /initrd
boot
"""


def _program():
    chosen = os.environ.get("CLOISTER_BOCHS")
    if chosen:
        return chosen
    own = subprocess.run([BUILD, "--print"], capture_output=True, text=True, check=False)
    return PACKAGE if own.returncode else own.stdout.strip()


class Bochs:
    """As qemu.py's Qemu."""

    log_prefix = "bochs-"  # the machines run at the same time
    program = _program()
    vendor = "intel"
    slowness = 4
    max_cpus = 1
    max_memory = 2048
    root = "/dev/sda"
    iommu = False
    xen_options = ["dom0_mem=768M,max:768M", "no-real-mode", "spec-ctrl=no", "apicv=0",
                   "altp2m"]  # for one of the attacks
    strict_options = ["cloister=insecure-dma"]  # else no enclave is created
    dom0_options = ["rodata=off"]
    # A second CPU measures its speed with interrupts off, and waits for the first one's clock. Bochs holds
    # the host's interrupts back from a guest that is entered so: the first CPU would never get its turn.
    tenant_options = ["lpj=400000"]

    def __init__(self, machine, work):
        for path in FIRMWARE + (GRUB,):
            if not os.path.exists(path):
                raise Missing(f"{path} is not there; tests/setup installs what it belongs to")
        self._machine, self._work = machine, work
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)

    def _path(self, *names):
        return os.path.join(self._work, *names)

    def _make_disc(self, parts, xen_options, dom0_options):
        disc = self._path("disc")
        os.mkdir(disc)
        os.symlink(os.path.abspath(self._machine.xen), os.path.join(disc, "xen"))
        os.symlink(parts["vmlinux"], os.path.join(disc, "vmlinux"))
        os.symlink(self._path("initrd"), os.path.join(disc, "initrd"))
        with open(self._path("menu"), "w", encoding="ascii") as file:
            file.write("set root=(cd)\n" + MENU.format(xen=" ".join(xen_options),
                                                       dom0=" ".join(dom0_options)))
        # Multiboot 1 and no video module: to set a VBE mode ends in a triple fault.
        subprocess.run(["grub-mkimage", "-O", "i386-pc-eltorito", "-p", "/", "-c",
                        self._path("menu"), "-o", os.path.join(disc, "grub"),
                        "biosdisk", "iso9660", "multiboot", "boot", "normal"], check=True)
        subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-f", "-b", "grub",
                        "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
                        "-o", self._path("boot.iso"), disc], check=True, capture_output=True)

    def start(self, parts, xen_options, dom0_options, **options):
        port = self._listener.getsockname()[1]
        self._make_disc(parts, xen_options, dom0_options + [f"VEXEC_HOST=10.0.2.2:{port}"])
        with open(self._path("bochsrc"), "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(
                cpu=CPU, display=PACKAGE_DISPLAY if self.program == PACKAGE else OWN_DISPLAY,
                memory=self._machine.memory, firmware=FIRMWARE, work=self._work,
                console=self._machine.log("console"), **parts))
        process = subprocess.Popen([self.program, "-q", "-f", self._path("bochsrc")],
                                   stdin=subprocess.PIPE, **options)
        process.stdin.write(b"c\n")  # it is built with a debugger, which waits for a command
        process.stdin.flush()
        return process

    def connect(self):
        try:
            return Channel(self._listener.accept()[0])
        except BlockingIOError:
            return None
