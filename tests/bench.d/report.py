# SPDX-License-Identifier: MIT
"""From figures to results: what is divided by what, which goal it has, and the table."""

BATCH = 100  # hypercalls in one repetition
PAGES = 16  # pages in one batch, and page faults in one repetition
DECODE = "_with_decode"

NULL = "VMMCALL from user mode with an unknown number, refused by Xen"
ENTER = "ENTER of an enclave that returns at once, by one VMMCALL from user mode"
LIBRARY = ("cloister_enclave_call() of a function that does nothing, enclave built with the runtime and "
           "loaded through cloister-agent and cloisterd, over the raw ENTER")
SHA = ("ADD_PAGES from dom0 in batches of 16, per page, over SHA-384 of the same bytes by the same object "
       "code in dom0's user space")
BOOT = ("from virsh create until the tenant answers, all that ran on the tenant's vCPU, in the tenant and in Xen, "
        "against the same Xen without hooks and monitor")
MACHINE = ("the same boot, all that the machine executed but idle time; dom0's share varies by some percent "
           "from boot to boot, so this is no verdict")
HYPERCALL = "the tenant's kernel notifies an event channel 100 times, against the same Xen unpatched"
NONE = None


def _result(name, value, unit, how, goal=NONE):
    return {"name": name, "value": value, "unit": unit, "goal": goal,
            "met": None if goal is None else value <= goal, "how": how}


def _percent(ours, theirs):
    return round((ours / theirs - 1) * 100, 3)


def _switch(figures, mode):
    null, enter = figures["null_call" + mode], figures["enter_exit" + mode]
    library = figures["library_call" + mode]
    goals = (1.15, 1.3) if not mode else (NONE, NONE)
    how = "; with Xen decoding the VMMCALL" if mode else ""
    yield _result("null_call_instructions" + mode, null, "instructions", NULL + how)
    yield _result("enter_exit_instructions" + mode, enter, "instructions", ENTER + how)
    yield _result("enter_exit_over_two_null_calls" + mode, round(enter / (2 * null), 4), "ratio",
                  "enter_exit / (2 x null_call)" + how, goals[0])
    yield _result("library_call_instructions" + mode, library, "instructions",
                  "cloister_enclave_call(), as below" + how)
    yield _result("empty_library_call_over_enter_exit" + mode, round(library / enter, 4), "ratio",
                  LIBRARY + how, goals[1])


def _pages(figures):
    add, zero, sha = figures["add_pages"], figures["add_zero_pages"], figures["sha384_pages"]
    yield _result("add_page_instructions", round(add / PAGES), "instructions",
                  "ADD_PAGES of pages with content, per page")
    yield _result("add_zero_page_instructions", round(zero / PAGES), "instructions",
                  "ADD_PAGES of zero pages (8 bytes of each are measured), per page")
    yield _result("sha384_page_instructions", round(sha / PAGES), "instructions",
                  "SHA-384 of a page and its record, per page")
    yield _result("add_page_over_sha384", round(add / sha, 4), "ratio", SHA, 1.3)


def _tax(ours, stock, mode):
    """The tax, and what it is computed from."""
    how = "; with Xen decoding intercepted instructions" if mode else ""
    goal = 1.0 if not mode else NONE

    def tax(name, figure, text):
        return _result(name + mode, _percent(ours[figure + mode], stock[figure + mode]), "percent",
                       text + how, goal)

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
    if not mode:
        yield _result("hypercall_instructions", ours["hypercalls"] // BATCH, "instructions",
                      "one event-channel notification, the tenant's kernel included")


def results(ours, stock):
    """A list for the JSON; a KeyError names a figure that was not measured."""
    found = list(_switch(ours, "")) + list(_pages(ours)) + list(_tax(ours, stock, ""))
    return found + list(_switch(ours, DECODE)) + list(_tax(ours, stock, DECODE))


def _number(value):
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def show(found, machine, xen):
    print(f"Cloister on Xen {xen}, {machine}")
    print("Measured under emulation: instructions, not time. Decoding that QEMU makes necessary is left "
          "out\nunless a name ends in with_decode.\n")
    print(f"{'':<50} {'value':>15} {'goal':>8}")
    for entry in found:
        goal = "" if entry["goal"] is None else f"<= {entry['goal']:g}"
        verdict = {True: "met", False: "MISSED", None: ""}[entry["met"]]
        unit = {"percent": " %", "ratio": " x", "instructions": "  "}[entry["unit"]]
        print(f"{entry['name']:<50} {_number(entry['value']):>13}{unit} {goal:>8}  {verdict}".rstrip())
    missed = [entry["name"] for entry in found if entry["met"] is False]
    print(f"\n{'all goals met' if not missed else 'goals missed: ' + ', '.join(missed)}")
