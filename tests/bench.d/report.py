# SPDX-License-Identifier: MIT
"""From figures to results: what is divided by what, which goal it has, and the table."""

import typing

BATCH = 100  # hypercalls in one repetition
PAGES = 16  # pages in one batch, and page faults in one repetition
DECODE = "_with_decode"

NULL = "VMMCALL (Intel: VMCALL) from user mode with an unknown number, refused by Xen"
ENTER = "ENTER of an enclave that returns at once, by one VMMCALL (Intel: VMCALL) from user mode"
LIBRARY = ("cloister_enclave_call() of a function that does nothing, enclave built with the runtime and "
           "loaded through cloister-agent and cloisterd, less the raw ENTER")
SHA = ("ADD_PAGES from dom0 in batches of 16, per page, over SHA-384 of the same bytes by the same object "
       "code in dom0's user space")
BOOT = ("from virsh create until the tenant answers, all that ran on the tenant's vCPU, in the tenant and in Xen, "
        "against the same Xen without hooks and monitor")
MACHINE = ("the same boot, all that the machine executed but idle time; dom0's share varies by some percent "
           "from boot to boot, so this is no verdict")
HYPERCALL = "the tenant's kernel notifies an event channel 100 times, against the same Xen unpatched"
NONE = None

STRETCH = ("the monitor's test build notes the time-stamp counter when it begins to serve, when it asks whether somebody "
           "waits for the CPU, and when it ends: the most in between, interrupts included; the least of three rounds")
SCALING = "a page of the largest enclave that was measured over the cheapest page of any size"
STRETCHES = {
    "create": "CREATE, with its verification of the author's signature",
    "add_pages": "ADD_PAGES, 256 pages with content", "add_zero_pages": "ADD_PAGES, 256 MiB of zero pages",
    "init": "INIT of an enclave of 256 MiB", "destroy": "DESTROY of it, with its tables",
    "audit": "AUDIT of the machine while it lives", "heartbeat": "HEARTBEAT, a signature",
    "report": "REPORT for an enclave, a signature",
}

# What a tenant can use on an unpatched Xen: figure, what it is, whether the guest's kernel is kept out.
ALTERNATIVES = {
    "vm_event_request": ("listener_request", "a guest request of a user program (HVMOP_guest_request_vm_event), "
                         "answered by a listener in dom0, on Xen unpatched", True),
    "vm_event_write": ("listener_write", "a write of a user program to a page that a listener in dom0 watches "
                       "(mem_access), answered by it, on Xen unpatched", True),
    "event_channel_round_trip": ("event_channel", "a user program's event to one in another tenant, and one back; "
                                 "no data; on Xen unpatched", True),
    "vchan_round_trip": ("vchan", "64 bytes by libxenvchan to a program in another tenant, and 64 back, on Xen "
                         "unpatched", True),
    "altp2m_switch": ("altp2m_switch", "a user program changes to another view of its guest's memory "
                      "(HVMOP_altp2m_switch_p2m) through privcmd, one way, on Xen unpatched; it isolates nothing "
                      "from the guest's kernel, which may do the same", False),
}

# dom0's own devices: the end of the result's name, figure, what it is.
ACCESSES = (
    ("port_read", "port_reads", "100 reads of an I/O port (the second serial line's) by a program of dom0's"),
    ("port_write", "port_writes", "100 writes to it"),
    ("config_read", "config_reads", "100 reads of a PCI device's configuration space through dom0's kernel"),
    ("config_write", "config_writes", "100 writes to its interrupt line register"),
)


def _result(name, value, unit, how, goal=NONE, bound="<="):
    met = None if goal is None else value >= goal if bound == ">=" else value <= goal
    return {"name": name, "value": value, "unit": unit, "goal": goal, "met": met, "how": how,
            "bound": None if goal is None else bound}


def _percent(ours, theirs):
    return round((ours / theirs - 1) * 100, 3)


def _switch(figures, mode, goals):
    null, enter = figures["null_call" + mode], figures["enter_exit" + mode]
    library = figures["library_call" + mode]
    how = "; with Xen decoding the VMMCALL" if mode else ""
    yield _result("null_call_instructions" + mode, null, "instructions", NULL + how)
    yield _result("enter_exit_instructions" + mode, enter, "instructions", ENTER + how)
    yield _result("enter_exit_over_two_null_calls" + mode, round(enter / (2 * null), 4), "ratio",
                  "enter_exit / (2 x null_call)" + how, goals[0])
    yield _result("library_call_instructions" + mode, library, "instructions",
                  "cloister_enclave_call(), as below" + how)
    yield _result("empty_library_call_above_enter_exit" + mode, library - enter, "instructions", LIBRARY + how, goals[1])


def _pages(figures):
    add, zero, sha = figures["add_pages"], figures["add_zero_pages"], figures["sha384_pages"]
    yield _result("add_page_instructions", round(add / PAGES), "instructions",
                  "ADD_PAGES of pages with content, per page")
    yield _result("add_zero_page_instructions", round(zero / PAGES), "instructions",
                  "ADD_PAGES of zero pages (8 bytes of each are measured), per page")
    yield _result("sha384_page_instructions", round(sha / PAGES), "instructions",
                  "SHA-384 of a page and its record, per page")
    yield _result("add_page_over_sha384", round(add / sha, 4), "ratio", SHA, 1.3)


def _sizes(figures):
    """An enclave of each size that was measured, per page."""
    for what, kind in (("zeros", "zero pages"), ("content", "pages with content")):
        for part, how in (("build", "ADD_PAGES and INIT" if what == "zeros" else "ADD_PAGES"),
                          ("end", "DESTROY")):
            costs = {}
            for name, value in figures.items():
                words = name.split("_")
                if len(words) == 3 and (words[0], words[2]) == (what, part):
                    costs[int(words[1])] = value / (int(words[1]) * 256)
            for size, cost in sorted(costs.items()):
                yield _result(f"{part}_{what}_{size}_mib_page_instructions", round(cost), "instructions",
                              f"{how} of an enclave of {size} MiB of {kind}, per page")
            yield _result(f"{part}_{what}_scaling", round(costs[max(costs)] / min(costs.values()), 3), "ratio",
                          f"{SCALING}; {how}, {kind}", 1.1)


def _stretches(figures):
    for name, how in STRETCHES.items():
        yield _result(f"stretch_{name}_instructions", figures[f"stretch_{name}"], "instructions", f"{how}: {STRETCH}",
                      1000000)


def _tax(ours, stock, mode):
    """The tax, and what it is computed from."""
    how = "; with Xen decoding intercepted instructions" if mode else ""

    def tax(name, figure, text, most=1.0):
        return _result(name + mode, _percent(ours[figure + mode], stock[figure + mode]), "percent",
                       text + how, NONE if mode else most)

    if "boot_tenant" + mode in ours:
        for name, figures in (("", ours), ("_stock", stock)):
            yield _result(f"boot_instructions{name}{mode}", figures["boot_tenant" + mode], "instructions",
                          f"a tenant boot, on its vCPU, with Xen {'unpatched' if name else 'and the monitor'}" + how)
        yield tax("tax_boot_percent", "boot_tenant", BOOT)
        yield _result("boot_machine_instructions" + mode, ours["boot" + mode], "instructions", MACHINE + how)
        yield _result("boot_machine_instructions_stock" + mode, stock["boot" + mode], "instructions",
                      MACHINE + "; Xen unpatched" + how)
    yield tax("tax_hypercall_percent", "hypercalls", HYPERCALL)
    yield tax("tax_refused_call_percent", "null_call", "null_call against Xen unpatched")
    yield tax("tax_page_fault_percent", "faults", "16 page faults in anonymous memory of a tenant")
    yield tax("tax_dom0_hypercall_percent", "dom0_hypercalls", "100 xen_version calls of dom0")
    for name, figure, text in ACCESSES:
        yield tax(f"tax_dom0_{name}_percent", f"dom0_{figure}", text, 2.0)
    if not mode:
        yield _result("hypercall_instructions", ours["hypercalls"] // BATCH, "instructions",
                      "one event-channel notification, the tenant's kernel included")


def _alternatives(stock, enter):
    isolating = {}
    for name, (figure, how, isolates) in ALTERNATIVES.items():
        yield _result(name + "_instructions", stock[figure], "instructions", how)
        if isolates:
            isolating[name] = stock[figure]
    cheapest = min(isolating, key=isolating.get)
    yield _result("cheapest_isolating_alternative_over_enter_exit", round(isolating[cheapest] / enter, 3), "ratio",
                  f"{cheapest} / enter_exit: of what isolates from the guest's kernel, it takes the fewest", 10,
                  ">=")


def _qemu(ours, stock):
    yield from _switch(ours, "", (0.6, 300))
    yield from _pages(ours)
    yield from _sizes(ours)
    yield from _stretches(ours)
    yield from _tax(ours, stock, "")
    yield from _switch(ours, DECODE, (NONE, NONE))
    yield from _tax(ours, stock, DECODE)


def _bochs(ours, stock):
    yield from _switch(ours, "", (0.6, 300))
    yield from _tax(ours, stock, "")
    yield from _alternatives(stock, ours["enter_exit"])


# Per machine: its results, the end of their names, and its column's head.
MACHINES = {"qemu": (_qemu, "", "AMD SVM, QEMU"), "bochs": (_bochs, "_vmx", "Intel VMX, Bochs")}


class Measured(typing.NamedTuple):
    """What one machine measured: `ours` and `stock` are figures by name."""

    on: str
    machine: str
    cpu_vendor: str
    xen: str
    ours: dict
    stock: dict

    def results(self):
        """A list for the JSON; a KeyError names a figure that was not measured."""
        of, suffix, _ = MACHINES[self.on]
        return [dict(entry, name=entry["name"] + suffix, machine=self.machine, cpu_vendor=self.cpu_vendor)
                for entry in of(self.ours, self.stock)]


def _number(value):
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def _cell(entry):
    if entry is None:
        return ""
    unit = {"percent": " %", "ratio": " x", "instructions": "  "}[entry["unit"]]
    goal = "" if entry["goal"] is None else f"{entry['bound']} {entry['goal']:g}"
    verdict = {True: "met", False: "MISSED", None: ""}[entry["met"]]
    return f"{_number(entry['value']):>13}{unit} {goal:>7} {verdict:<6}"


def show(measured, results):
    """The table: a row for each name without its suffix, a column for each machine."""
    for one in measured:
        print(f"{MACHINES[one.on][2]}: Cloister on Xen {one.xen}, {one.machine}")
    print("Measured under emulation: instructions, not time. Decoding that QEMU makes necessary is left "
          "out\nunless a name ends in with_decode.\n")
    columns = [{entry["name"].removesuffix(MACHINES[one.on][1]): entry for entry in one.results()}
               for one in measured]
    print(f"{'':<48}" + "".join(f"{MACHINES[one.on][2]:>17}{'':<14}" for one in measured).rstrip())
    for name in dict.fromkeys(name for column in columns for name in column):
        print(f"{name:<48}" + "".join(f"{_cell(column.get(name)):<31}" for column in columns).rstrip())
    missed = [entry["name"] for entry in results if entry["met"] is False]
    print(f"\n{'all goals met' if not missed else 'goals missed: ' + ', '.join(missed)}")
