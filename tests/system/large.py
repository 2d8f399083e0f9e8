# SPDX-License-Identifier: MIT
"""An enclave of large leaves: it has them, it works, and they are gone with it."""

from scene import BUILD, enclaves, is_clean, kill_in_tenant, wait_for

IMAGE = "/run/span.image"
MIB, LEAF = 8, 2
THREAD_FRAMES = 3  # hv/monitor/core/thread.h


def leaves(enclave):
    """How many tables an enclave's view lacks: each is a large leaf. A view has a root and one table of each level
    above the last for its pages; two for the shared window; and one of the last level for each 512 pages."""
    small = 5 + -(-enclave["pages"] // 512)
    return enclave["pages_added"] + enclave["threads"] * THREAD_FRAMES + small - enclave["frames"]


def turns(machine, image, seed, count):
    """Calls of `turn` in one enclave: the sum of what was wrong, or what the command said."""
    result = machine.tenant("alice", f"cloister run {image} --call 1 --in-hex {seed:016x} --out-size 8 --repeat {count}",
                            timeout=120)
    return result.out.split() if result else result.out + result.err


def test_large(tap, machine):
    machine.push(str(BUILD / f"tests/system/span-{MIB}.image"), IMAGE, tenant="alice")
    running = machine.start_in_tenant("alice", f"exec cloister run {IMAGE} --call 1 --in-hex {1:016x} --out-size 8 "
                                      "--repeat 1000000000 >/dev/null")
    tap.ok(wait_for(lambda: [one for one in enclaves(machine) if one["state"] == "ready"]), f"an enclave of {MIB} MiB")
    for one in enclaves(machine):
        tap.equal(leaves(one), MIB // LEAF, "its view has a large leaf for each 2 MiB")
    audit = machine.dom0("cloisterctl audit")
    tap.ok(audit, "the audit finds nothing wrong", audit.out + audit.err)
    kill_in_tenant(machine, "cloister")
    running.wait(20)
    is_clean(tap, machine, "the end of an enclave of large leaves")
    tap.equal(turns(machine, IMAGE, 0x1122334455667788, 2), ["0" * 16], "each page has what was written to it")
    is_clean(tap, machine, "and of another")


TESTS = [test_large]
