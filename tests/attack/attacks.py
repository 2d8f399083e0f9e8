# SPDX-License-Identifier: MIT
"""The attacks: who does what, how it is tried, and which trace record it must leave.

    results = attacks.run_all(machine, enclave)

`enclave` is a fixture.Enclave; with names=[...] only these run. A result is a dictionary:

    name, actor       of the attack
    about             one line for people
    control_ok        the same access to something ordinary succeeded
    refused           every try failed as it must
    how               the refusal, as the attacker saw it
    state_unchanged   the enclave answers, its secret is what it was, Xen, dom0 and the guests live
    traced            the trace has the record it must have. None: no record is due, because nothing
                      that the monitor guards was named (an address that is not mapped, a grant that
                      was never made, a door that this build of Xen does not have), or because QEMU does not
                      report it (dma_faults)
    detail            what went wrong, for people; the records and the program's output
    seconds

An attack that the machine cannot try (it needs a frame's number, which only a test build says; or an
IOMMU) is left out, see `skipped`."""

import dataclasses
import os
import sys
import time
from typing import Callable, Optional

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../lib")]

import abi  # noqa: E402
import tries  # noqa: E402
import ways  # noqa: E402
from fixture import FOLDER, FixtureError, Trace, control, secret_bytes  # noqa: E402

# A guest gets a record back in each second (CLOISTER_TRACE_SHARE): what one attack has used must not hide the next.
BUDGET_SECONDS = 40
FEW = 5  # records
PAGE = 4096
CONTROL, CALL, FAULT, GUARD, FREEZE = abi.event.CONTROL, abi.event.CALL, abi.event.FAULT, abi.event.GUARD, abi.event.FREEZE
DOMAIN, AUDIT, DMA, ENCLAVE, LOCKDOWN = (abi.event.DOMAIN, abi.event.AUDIT, abi.event.DMA, abi.event.ENCLAVE,
                                         abi.event.LOCKDOWN)
STATUS, ENTER, RESUME = abi.call.STATUS, abi.call.ENTER, abi.call.RESUME
EXIT_FAULT, VECTOR_STATE = abi.exit_.FAULT, abi.vector.STATE
EPERM, ENOENT, EIO, EFAULT, EBUSY, EINVAL, ENOSYS = 1, 2, 5, 14, 16, 22, 38
INFO = abi.operation.INFO
# The numbers of all control operations, and the first that there is not.
OPERATIONS = sorted(abi.LISTS["operations"].values())
UNKNOWN = OPERATIONS[-1] + 1
# Domain controls that are refused while enclaves live: xen/include/public/domctl.h; the last no Xen has
SHADOW_OP, SETDOMAINHANDLE, GETHVMCONTEXT = 10, 17, 33
HVMOP_ALTP2M = 25
FROZEN = (15, 17, 18, 22, 29, GETHVMCONTEXT, 34, 42, 46, 54, 56, 57, 60, 62, 64, 65, 66, 67, 72, 73, 74, 75, 77, 78,
          79, 83, 84, 1000, 4242)


@dataclasses.dataclass
class Context:
    """What an attack may know. frames: of the secret, from a test build, else []. The seeds: of patterns
    that an attack may find; those of registers go with Enclave.inside."""
    machine: object
    xen: str  # its version, "4.17"
    enclave: object
    neighbour: Optional[str]
    frames: list
    machine_frames: int
    control_seed: int
    page_seed: int
    register_seeds: tuple

    def domid(self, who):
        if who == "dom0":
            return 0
        return self.machine.domid(self.enclave.domain if who == "tenant" else self.neighbour)

    @property
    def handle(self):
        return f"{self.enclave.handle[0]} {self.enclave.handle[1]}"

    @property
    def sealed(self):
        return " ".join(str(frame) for frame in self.frames)

    def ordinary_page(self):
        return self.enclave.ordinary_page(self.page_seed)


@dataclasses.dataclass
class Attack:
    name: str
    actor: str   # guest root, guest kernel, dom0, another guest, device
    about: str
    where: str   # tenant, dom0, neighbour: where `command` runs; or
    command: Callable  # (context) -> shell command, or with where = "" -> a program's answer
    trace: Optional[Callable] = None  # (context) -> list of records that must be there
    never: Optional[Callable] = None  # (context) -> list of records that must not be there
    frames: bool = False  # needs the frames' numbers
    helper: bool = False  # needs the neighbour
    iommu: bool = False   # needs an IOMMU, and a device that does as it is told
    serial: bool = False  # needs a hand on the serial line
    table: Optional[ways.Program] = None  # of ways: what the machine must have is in it
    vendor: Optional[str] = None  # of the only CPUs that have what is attacked
    not_on: dict = dataclasses.field(default_factory=dict)  # version of Xen -> why it cannot be tried there
    timeout: int = 60


def program(text):
    return lambda c: f"{FOLDER}/{text.format(c=c)}"


def record(**fields):
    return fields


def enter_state(context):
    """Two VM entries that the CPU refuses, each in its own way: see CLOISTER_TEST_STATE."""
    answers = []
    for kind in (1, 2):
        control(context.machine, f"state {kind}")
        thread = spare(context, 1)
        answers.append(context.enclave.ask(f"call {thread:x} 0 1"))
    refused = all(answer.split()[:2] == [str(EXIT_FAULT), f"{VECTOR_STATE:x}"] for answer in answers)
    return {"control": context.enclave.answers() is None, "refused": refused,
            "how": "fault: the CPU refused the state"}, "\n".join(answers)


def references(context):
    """What must be recorded when dom0 names a protected frame: the secret's, where they are known."""
    return [record(event=GUARD, reason="GUARD_REFERENCE", domain=0, **address)
            for address in [{"address": frame, "enclave": context.enclave.id}
                            for frame in context.frames] or [{}]]


def dma_faults(context):
    """QEMU's VT-d reports what it stops, its AMD IOMMU does not."""
    if context.machine.iommu_kind != "intel":
        return []
    return [record(event=DMA, reason="GUARD_DMA", domain=0,
                   address=lambda got: got // PAGE in context.frames or not context.frames)]


ATTACKS = [
    # ---- guest root ----
    Attack("enter-guess", "guest root", "ENTER, RESUME and STATUS with guessed handles",
           "tenant", program("enter-guess {c.handle}"),
           lambda c: [record(event=CALL, reason="RANDOM_HANDLE", error=-ENOENT, operation=op,
                             domain=c.domid("tenant"), cpl=3) for op in (STATUS, ENTER, RESUME)]),
    Attack("enter-states", "guest root", "ENTER and RESUME on threads in every state, from two CPUs",
           "tenant", lambda c: program(f"enter-states {{c.handle}} {spare(c, 4)}")(c),
           lambda c: [record(event=CALL, reason="THREAD_IDLE", error=-EINVAL, operation=RESUME,
                             enclave=c.enclave.id, domain=c.domid("tenant")),
                      record(event=FAULT, reason="ENCLAVE_VIEW", enclave=c.enclave.id,
                             domain=c.domid("tenant")),
                      record(event=CALL, reason="THREAD_DEAD", error=-EIO, operation=ENTER,
                             enclave=c.enclave.id),
                      record(event=CALL, reason="THREAD_DEAD", error=-EIO, operation=RESUME,
                             enclave=c.enclave.id)], timeout=90),
    Attack("enter-threads", "guest root", "ENTER with thread numbers that do not exist",
           "tenant", program("enter-threads {c.handle}"),
           lambda c: [record(event=CALL, reason="NO_SUCH_THREAD", error=-EINVAL, operation=op,
                             enclave=c.enclave.id, domain=c.domid("tenant"))
                      for op in (STATUS, ENTER, RESUME)]),
    Attack("enter-operations", "guest root",
           "unknown calls, control operations and every other hypercall from user mode",
           "tenant", program("enter-operations {c.handle}"),
           lambda c: [record(event=CALL, reason="UNKNOWN_OP", error=-EINVAL, enclave=c.enclave.id,
                             domain=c.domid("tenant"))]),
    Attack("enter-flags", "guest root", "ENTER while single-stepping, and with interrupts off",
           "tenant", program("enter-flags {c.handle}"),
           lambda c: [record(event=CALL, reason="CALLER_FLAGS", error=-EINVAL, operation=op,
                             domain=c.domid("tenant")) for op in (ENTER, RESUME)]),
    Attack("enter-compat", "guest root", "ENTER from 32-bit code",
           "tenant", program("enter-compat {c.handle}"),
           lambda c: [record(event=CALL, reason="CALLER_MODE", error=-EPERM,
                             domain=c.domid("tenant"), cpl=3)]),
    Attack("enter-registers", "guest root", "junk and impossible addresses in every register",
           "tenant", program("enter-registers {c.handle}"),
           lambda c: [record(event=CALL, reason="RANDOM_HANDLE", error=-ENOENT,
                             domain=c.domid("tenant"))]),

    Attack("enter-state", "guest root", "ENTER of threads whose register state the CPU refuses",
           "", enter_state,
           lambda c: [record(event=FAULT, reason="WORLD_STATE", enclave=c.enclave.id)], frames=True),

    # ---- the enclave's own user mode ----
    Attack("user-calls", "enclave user mode", "the enclave's calls to the monitor, and reports into its page tables",
           "tenant", lambda c: program("user-calls {c.handle} {page[buffer_page]} {page[root_page]}".format(
               c=c, page=c.enclave.programs.victim(c.machine)))(c),
           lambda c: [record(event=FAULT, reason="ENCLAVE_MODE", enclave=c.enclave.id, domain=c.domid("tenant"))] +
                     [record(event=ENCLAVE, reason="ENCLAVE_BUFFER", error=-EFAULT, operation=number,
                             enclave=c.enclave.id) for number in (4, 5, 6)]),

    # ---- guest kernel ----
    Attack("kernel-scan", "guest kernel", "reads its whole physical address space for the secret",
           "tenant", lambda c: program(f"kernel-scan {c.enclave.seed:x} {c.control_seed:x} "
                                       f"{c.machine_frames} 64")(c), timeout=150),
    Attack("kernel-enter", "guest kernel", "ENTER from CPL 0, and every control operation",
           "tenant", program("kernel-enter {c.handle}"),
           lambda c: [record(event=CONTROL, reason="NOT_PRIVILEGED", error=-EPERM, operation=op,
                             domain=c.domid("tenant"), cpl=0) for op in (*OPERATIONS, UNKNOWN)]),
    Attack("kernel-multicall", "guest kernel", "ENTER and control operations inside a multicall",
           "tenant", program("kernel-multicall {c.handle}"),
           lambda c: [record(event=CONTROL, reason="NOT_PRIVILEGED", error=-EPERM, operation=op,
                             domain=c.domid("tenant")) for op in (0, 1, 2)]),
    Attack("kernel-flags", "guest kernel", "lets user mode ENTER with interrupts off",
           "tenant", program("kernel-flags {c.handle}"),
           lambda c: [record(event=CALL, reason="CALLER_FLAGS", error=-EINVAL, operation=op,
                             domain=c.domid("tenant"), cpl=3) for op in (ENTER, RESUME)]),
    Attack("kernel-window", "guest kernel",
           "moves, removes and gives back the shared window's pages while they are in use",
           "tenant", lambda c: program("kernel-window {c.handle} " +
                                       c.enclave.ask("frames").split()[-1])(c)),
    Attack("kernel-grants", "guest kernel",
           "looks through all of its grants, and ends those of the shared window by force",
           "tenant", lambda c: program(
               f"kernel-grants {{c.handle}} {c.enclave.seed:x} {c.control_seed:x} "
               f"{c.domid('tenant')} " + " ".join(map(str, c.enclave.references)))(c)),

    Attack("altp2m", "guest kernel", "altp2m and VMFUNC towards the enclave's view, with dom0's help", "",
           tries.altp2m,
           lambda c: [record(event=FREEZE, reason="DOMAIN_ALTP2M", error=-EBUSY, operation=HVMOP_ALTP2M,
                             domain=domain, target=c.domid("tenant")) for domain in (0, c.domid("tenant"))] +
                     [record(event=CONTROL, reason="DOMAIN_ALTP2M")],
           helper=True, vendor="intel",
           not_on={"4.20": "altp2m is for who was created with it there, and libvirt cannot ask for it"}),

    # ---- dom0 ----
    Attack("foreign-map", "dom0", "maps every frame number of the machine and looks for the secret",
           "dom0", lambda c: program(
               f"foreign-map {c.domid('tenant')} {c.enclave.seed:x} {c.page_seed:x} "
               f"{c.ordinary_page():x} {c.sealed}")(c),
           lambda c: references(c) if c.frames else [], timeout=200),
    Attack("raw-entry", "dom0", "page-table entries with raw frame numbers, over all of memory",
           "dom0", lambda c: program(
               f"raw-entry {c.domid('tenant')} {c.enclave.seed:x} {c.page_seed:x} {c.sealed}"
               if c.ordinary_page() else "")(c),
           references, timeout=200),
    Attack("memory-mapping", "dom0", "gives all of memory to another guest as device memory",
           "dom0", lambda c: program(f"memory-mapping {c.domid('neighbour')} {c.sealed}")(c),
           lambda c: [record(event=GUARD, reason="GUARD_MMIO", error=-EPERM, domain=0,
                             target=c.domid("neighbour"), **address)
                      for address in [{"address": frame} for frame in c.frames] or [{}]],
           helper=True),
    Attack("trampoline", "dom0", "looks for the code that starts a CPU, to change it", "dom0",
           program("trampoline")),
    Attack("grant-raw", "dom0", "grant copies by frame number, and grants that name a sealed frame",
           "dom0", lambda c: program(f"grant-raw {c.control_seed:x} {c.enclave.seed:x} {c.sealed}")(c),
           references, frames=True),
    Attack("physmap", "dom0", "add_to_physmap, decrease_reservation and exchange of a sealed frame",
           "dom0", lambda c: program(
               f"physmap {c.domid('tenant')} {c.domid('neighbour')} {c.ordinary_page():x} {c.sealed}")(c),
           frames=True, helper=True),
    Attack("guest-area", "dom0", "has Xen write a vCPU's run state and time into a sealed frame", "dom0",
           lambda c: program(f"guest-area {c.sealed}")(c), references, frames=True,
           not_on={"4.17": "Xen 4.17 does not have this"}),
    Attack("multicall", "dom0", "control operations in a multicall, unknown ones, impossible addresses",
           "dom0", program("multicall"),
           lambda c: [record(event=CONTROL, reason="IN_MULTICALL", error=-EBUSY, operation=op, domain=0)
                      for op in OPERATIONS] +
                     [record(event=CONTROL, reason="UNKNOWN_OP", error=-ENOSYS, operation=op, domain=0)
                      for op in (UNKNOWN, 50)] +
                     [record(event=CONTROL, reason="BAD_POINTER", error=-EFAULT, operation=INFO,
                             domain=0)]),
    Attack("context", "dom0", "saves, traces and reads the vCPUs while one is inside", "",
           tries.registers,
           lambda c: [record(event=FREEZE, reason="ENCLAVES_LIVE", error=-EBUSY, domain=0, operation=op,
                             target=c.domid("tenant")) for op in FROZEN], helper=True, timeout=90),
    Attack("uuid", "dom0", "takes the tenant's UUID away; makes an enclave in a domain that is being built", "dom0",
           lambda c: program(f"uuid {c.domid('tenant')} {c.domid('neighbour')} {FOLDER}/victim.image")(c),
           lambda c: [record(event=FREEZE, reason=reason, error=-EBUSY, domain=0, operation=SETDOMAINHANDLE,
                             target=c.domid(who))
                      for reason, who in (("ENCLAVES_LIVE", "tenant"), ("DOMAIN_UUID", "neighbour"))] +
                     [record(event=CONTROL, reason="DOMAIN_BUILDING", domain=0)], helper=True),
    Attack("save", "dom0", "xl save of the tenant", "", tries.xl_save,
           lambda c: [record(event=FREEZE, reason="ENCLAVES_LIVE", error=-EBUSY, domain=0,
                             operation=GETHVMCONTEXT, target=c.domid("tenant"))], helper=True),
    Attack("migrate", "dom0", "live migration of the tenant", "", tries.migrate,
           lambda c: [record(event=FREEZE, reason="ENCLAVES_LIVE", error=-EBUSY, domain=0,
                             operation=SHADOW_OP, target=c.domid("tenant"))], helper=True),
    Attack("debug-keys", "dom0", "Xen's diagnostics on the console while a vCPU is inside", "",
           tries.debug_keys,
           lambda c: [record(event=LOCKDOWN, reason="LOCKDOWN", rule="debug-key", domain=0, error=-EPERM)], timeout=90),
    Attack("console-input", "dom0", "Xen's console input on the serial line, and then a debug key", "",
           tries.console_input,
           lambda c: [record(event=LOCKDOWN, reason="LOCKDOWN", rule="console-input")], serial=True),
    Attack("xentrace", "dom0", "xentrace of everything while a vCPU is inside", "", tries.xentrace),
    Attack("offline", "dom0", "takes sealed frames offline", "dom0",
           lambda c: program(f"offline {c.sealed}")(c), frames=True),
    Attack("built-out", "dom0", "kexec, livepatch, gdbsx, profiling, sharing, paging: not in this build",
           "dom0", lambda c: program(f"built-out {c.domid('neighbour')}")(c), helper=True),

    # ---- device ----
    Attack("dma", "device", "DMA out of Xen's memory, out of and into sealed frames", "dom0",
           lambda c: program(f"dma {c.control_seed:x} {c.enclave.seed:x} {c.sealed}")(c),
           dma_faults, iommu=True),

    # ---- another guest ----
    Attack("neighbour-guess", "another guest", "ENTER, RESUME and STATUS with the tenant's handle", "",
           tries.neighbour_guess,
           lambda c: [record(event=CALL, reason="RANDOM_HANDLE", error=-ENOENT, operation=op,
                             domain=c.domid("neighbour"), cpl=3) for op in (STATUS, ENTER, RESUME)],
           helper=True),
    Attack("neighbour-grants", "another guest", "maps the tenant's grants by guessing references", "",
           tries.neighbour_grants, helper=True),
    Attack("neighbour-hypercalls", "another guest",
           "control operations, and every hypercall that takes a domain or a frame number", "neighbour",
           lambda c: program(f"neighbour-hypercalls {c.domid('tenant')} {c.control_seed:x} "
                             f"{c.enclave.seed:x} {c.sealed}")(c),
           lambda c: [record(event=CONTROL, reason="NOT_PRIVILEGED", error=-EPERM, operation=op,
                             domain=c.domid("neighbour"), cpl=0) for op in (*OPERATIONS, UNKNOWN)],
           never=lambda c: [record(event=FREEZE, domain=c.domid("neighbour"))]),
]


def tried(program, context):
    return [way for way in program.on(ways.host_of(context.machine)) if way.ours]


def way_records(program, context):
    """The rules' records, each with its address where that is always the same."""
    return [record(event=LOCKDOWN, reason="LOCKDOWN", rule=way.rule, domain=0,
                   **({"address": way.address} if way.address else {}))
            for way in tried(program, context) if way.rule]


def way_attack(program):
    return Attack(program.name, "dom0", program.about, "dom0",
                  lambda c: ways.command(program, "try", tried(program, c), c.frames),
                  lambda c: way_records(program, c), table=program, timeout=240)


ATTACKS += [way_attack(program) for program in ways.PROGRAMS]


def spare(context, count):
    """The first of `count` threads that nobody has used yet; the last of them may be killed."""
    first = context.enclave.spare_thread
    context.enclave.spare_thread += count
    return first


# ---- running ----

def matches(wanted, got):
    return all(value(got[key]) if callable(value) else got[key] == value
               for key, value in wanted.items())


def check_trace(attack, context, records):
    """(traced, what is missing)"""
    for unwanted in attack.never(context) if attack.never else []:
        found = [got for got in records if matches(unwanted, got)]
        if found:
            return False, f"a record like {unwanted}, which tells of what does not concern the actor: {found[0]}"
    due = attack.trace(context) if attack.trace else []
    if not due:
        return None, ""
    missing = [wanted for wanted in due if not any(matches(wanted, got) for got in records)]
    if not missing:
        return True, ""
    shown = {key: value for key, value in missing[0].items() if not callable(value)}
    return False, f"no record like {shown}; there are {len(records)}: {records[:5]}"


def check_state(context):
    """None, or what has changed."""
    machine = context.machine
    if not machine.alive():
        return "the machine has crashed"
    wrong = context.enclave.answers()
    if not wrong and context.frames:
        secret = secret_bytes(context.enclave.seed)
        if any(data != secret for data in context.enclave.read_frames(context.frames)):
            wrong = "the sealed frames do not hold the secret any more"
    if not wrong and context.neighbour and not machine.tenant(context.neighbour, "true"):
        wrong = "the other guest does not answer"
    return wrong


def try_attack(attack, context):
    """The answer: control, refused, how; and the text that goes with it."""
    command = attack.command if not attack.where else attack.command(context)
    try:
        if not attack.where:
            return command(context)
        return tries.run_program(context, attack.where, command, attack.timeout)
    except FixtureError as error:
        return {"control": False, "refused": False, "how": str(error)}, ""


def run(attack, context):
    began = time.monotonic()
    trace = Trace(context.machine)
    answer, text = try_attack(attack, context)
    records = trace.records()
    traced, missing = check_trace(attack, context, records)
    changed = check_state(context)
    spent = min(len([one for one in records if one.get("domain")]), BUDGET_SECONDS)
    if spent > FEW:
        context.machine.dom0(f"sleep {spent}", timeout=300)  # seconds of that machine
    return {
        "name": attack.name, "actor": attack.actor, "about": attack.about,
        "control_ok": bool(answer["control"]), "refused": bool(answer["refused"]),
        "how": answer["how"], "state_unchanged": changed is None, "traced": traced,
        "detail": "\n".join(part for part in (missing, changed, text) if part),
        "records": records[:8], "seconds": round(time.monotonic() - began, 1),
    }


def passed(result):
    return (result["control_ok"] and result["refused"] and result["state_unchanged"] and
            result["traced"] is not False)


def obstacle(attack, context):
    """Why this machine cannot try it, or None."""
    if attack.frames and not context.frames:
        return "only a test build says where sealed frames are"
    if not context.neighbour and (attack.helper or attack.where == "neighbour"):
        return "there is no other guest"
    if attack.iommu and not context.machine.iommu:
        return "this machine has no IOMMU"
    if attack.serial and not context.machine.iommu:
        return "only QEMU has a serial line that can be typed on"
    if attack.table:
        return ways.obstacle(attack.table, context.machine)
    if attack.vendor not in (None, context.machine.vendor):
        return f"only {attack.vendor.capitalize()}'s CPUs have this"
    return attack.not_on.get(context.xen)


def selected(context, names=None):
    return [attack for attack in ATTACKS
            if (names is None or attack.name in names) and not obstacle(attack, context)]


def skipped(context, names=None):
    """The attacks that this machine cannot try, and why: (attack, text)."""
    return [(attack, obstacle(attack, context)) for attack in ATTACKS
            if (names is None or attack.name in names) and obstacle(attack, context)]


def xen_version(machine):
    """As "4.17"."""
    return machine.dom0("echo $(xl info xen_major).$(xl info xen_minor)", check=True).out.strip()


def context_of(machine, enclave, neighbour=None):
    info = machine.dom0("xl info total_memory", check=True).out
    return Context(machine, xen_version(machine), enclave, neighbour, enclave.secret_frames(), int(info) * 256,
                   enclave.seed ^ 0x5555, enclave.seed ^ 0x6666,
                   (enclave.seed ^ 0x7777, enclave.seed ^ 0x8888))


def run_all(machine, enclave, names=None, neighbour=None, on_result=None, on_skipped=None):
    """Runs the attacks one after the other; `on_result` sees each result as it comes, `on_skipped` each
    attack that this machine cannot try, and why."""
    context = context_of(machine, enclave, neighbour)
    results = []
    for attack, why in skipped(context, names) if on_skipped else []:
        on_skipped(attack, why)
    for attack in selected(context, names):
        results.append(run(attack, context))
        if on_result:
            on_result(results[-1])
    return results
