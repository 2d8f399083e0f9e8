# SPDX-License-Identifier: MIT
"""libvirt's description of a tenant."""

from xml.sax.saxutils import escape

NAMESPACE = "https://cloister.dev/xmlns/domain/1"
KERNEL = "/srv/tenant/vmlinux"
INITRAMFS = "/srv/tenant/initramfs"
COMMAND_LINE = "console=hvc0 quiet random.trust_cpu=on cryptomgr.notests"


def xml(name, memory=256, vcpus=1, enclave_memory=None, uuid=None, command_line=COMMAND_LINE):
    """A PVH guest; sizes in MiB. `enclave_memory` is the quota in Cloister's metadata element.

    The time stamp counter is the CPU's, as it is by default where the CPU has an invariant one. QEMU's has
    none, and Xen would intercept each RDTSC."""
    metadata = ""
    if enclave_memory is not None:
        metadata = (f"<metadata><cloister:enclave-memory xmlns:cloister='{NAMESPACE}' "
                    f"unit='MiB'>{enclave_memory}</cloister:enclave-memory></metadata>")
    identity = f"<uuid>{escape(uuid)}</uuid>" if uuid else ""
    return f"""<domain type='xen'>
  <name>{escape(name)}</name>
  {identity}
  {metadata}
  <memory unit='MiB'>{memory}</memory>
  <vcpu>{vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='xenpvh'>xenpvh</type>
    <kernel>{KERNEL}</kernel>
    <initrd>{INITRAMFS}</initrd>
    <cmdline>{escape(command_line)}</cmdline>
  </os>
  <clock offset='utc'><timer name='tsc' present='yes' mode='native'/></clock>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <console type='pty'/>
  </devices>
</domain>
"""
