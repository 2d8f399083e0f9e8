# SPDX-License-Identifier: MIT
"""Attacks that take more than one program. Each is a function of attacks.Context that gives the answer
(control, refused, how) and the text that goes with it."""

import json

import fixture
from fixture import FOLDER, pattern_word

REGISTER_WORDS = 46  # victim/entry.S
PIPE = f"{FOLDER}/pipe"
KEYS = "AHMVaceghimqrstuz"  # hv/xen/lockdown/lockdown.c's rows
DUMP_KEYS = "0dvnI*%R"
SWITCH = b"\x01" * 3   # Xen's conswitch


def run_program(context, where, command, timeout=60):
    """An attack program's answer; where: tenant, dom0, neighbour."""
    if where == "dom0":
        result = context.machine.dom0(command, timeout=timeout)
    else:
        name = context.enclave.domain if where == "tenant" else context.neighbour
        result = context.machine.tenant(name, command, timeout=timeout)
    text = f"$ {command}\n{result.err}{result.out}"
    try:
        answer = json.loads(result.out.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {"control": False, "refused": False, "how": f"no answer: status {result.rc}: "
                f"{(result.err.strip().splitlines() or [''])[-1]}"}, text
    return answer, text


def first_line(text, wanted):
    """The first line with the word `wanted`, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return ([line for line in lines if wanted in line] or lines[-1:] or [""])[0]


# ---- saving, migrating, dumping ----

def written(context, command, timeout=150):
    """Runs a command of dom0 that writes a guest to PIPE; (its result, what was found in the stream)."""
    result = context.machine.dom0(
        f"rm -f {PIPE}*; mkfifo {PIPE}; timeout {timeout} {FOLDER}/image-search {context.enclave.seed:x} "
        f"{context.page_seed:x} {PIPE} >{PIPE}.json & {command}; status=$?; "
        # One that never opened it leaves the reader waiting.
        f": <>{PIPE}; wait; tail -n 1 {PIPE}.json; exit $status", timeout=timeout)
    try:
        return result, json.loads(result.out.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return result, {"bytes": 0, "secret": 0, "control": 0}


def xl_save(context):
    """Refused, and what was written by then lacks the secret. The control: the other guest, which has no
    enclaves, can be saved; and an ordinary page of the tenant is in its stream."""
    other, _ = written(context, f"xl save -c {context.domid('neighbour')} {PIPE}")
    context.ordinary_page()
    result, found = written(context, f"xl save {context.domid('tenant')} {PIPE}")
    return {"control": other.rc == 0 and found["control"] >= 1,
            "refused": result.rc != 0 and not found["secret"],
            "how": f"{first_line(result.err, 'busy')}; secret {found['secret']} times in the "
                   f"{found['bytes'] >> 20} MiB written"}, \
        f"the other guest: status {other.rc}\n{other.err}status {result.rc}\n{result.err}{result.out}"


def migrate(context):
    """To this very machine. What it begins with, log-dirty mode, works on the other guest: the control."""
    answer, text = run_program(context, "dom0", f"{FOLDER}/log-dirty {context.domid('tenant')} "
                               f"{context.domid('neighbour')}")
    result = context.machine.dom0(f"xl migrate -s '' {context.domid('tenant')} 'xl migrate-receive'",
                                  timeout=120)
    answer["refused"] = answer["refused"] and result.rc != 0
    return answer, f"{text}xl migrate: status {result.rc}\n{result.err}{result.out}"


# ---- while a vCPU is inside ----

def registers(context):
    seed, control = context.register_seeds
    with context.enclave.inside(seed, control):
        return run_program(context, "dom0", f"{FOLDER}/context {context.domid('tenant')} "
                           f"{context.domid('neighbour')} {seed:x} {control:x}", 90)


def words_in(text, seed, count):
    return sum(text.count(f"{pattern_word(seed, i):x}") for i in range(count))


def debug_keys(context):
    """Those that show registers or memory are refused; the others say nothing of the enclave. That the first do show
    them is to be seen where they are let through: stock.py, shadows.py."""
    seed, control = context.register_seeds
    machine, mark = context.machine, len(context.machine.console())
    with context.enclave.inside(seed, control):
        taken = [key for key in DUMP_KEYS if machine.dom0(f"xl debug-keys '{key}'")]
        lost = [key for key in KEYS if not machine.dom0(f"xl debug-keys {key}")]
    text = machine.console()[mark:]
    found = words_in(text, seed, REGISTER_WORDS)
    return {"control": not lost and len(text) > 1000, "refused": not taken and not found,
            "how": f"taken: {taken or 'none'}; the enclave's registers {found} times in {len(text) >> 10} KiB"}, \
        f"keys lost: {lost}\n{text[-2000:]}"


def switch_console(machine):
    """Three times Ctrl-A on the serial line, then a debug key: what Xen says to it. The same again gives the line
    back to dom0."""
    mark = len(machine.console())
    machine.type(SWITCH)
    machine.type(b"d")
    machine.type(SWITCH)
    return machine.console()[mark:]


def console_input(context):
    text = switch_console(context.machine)
    seen = [words for words in ("Serial input to", "'d' pressed") if words in text]
    return {"control": bool(context.machine.dom0("xl debug-keys h")), "refused": not seen,
            "how": f"Xen answers: {seen}" if seen else "Xen does not listen"}, text


def xentrace(context):
    seed, control = context.register_seeds
    file = f"{FOLDER}/xentrace"
    with context.enclave.inside(seed, control):
        context.machine.dom0(f"rm -f {file}; xentrace -D -S 256 -T 2 {file}", check=True)
    answer = run_program(context, "dom0", f"{FOLDER}/trace-search {file} {seed:x}", 90)
    context.machine.dom0(f"rm -f {file}")
    return answer


def altp2m(context):
    """dom0 allows it to both guests. In the other one, which has no enclaves, it works, VMFUNC too: the
    control; and there no enclave can be made then. In the tenant nobody can switch it on."""
    one, two = context.domid("tenant"), context.domid("neighbour")
    parts = [run_program(context, "dom0", f"{FOLDER}/altp2m-host allow {one} {two}"),
             run_program(context, "neighbour", f"{FOLDER}/altp2m control"),
             run_program(context, "tenant",
                         f"{FOLDER}/altp2m tenant {context.control_seed:x} {context.sealed}"),
             run_program(context, "dom0", f"{FOLDER}/altp2m-host on {one}")]
    made = fixture.control(context.machine, f"create {two} {FOLDER}/victim.image")
    switched_off = context.machine.tenant(context.neighbour, f"{FOLDER}/altp2m off")
    return {"control": all(answer["control"] for answer, _ in parts) and bool(switched_off),
            "refused": all(answer["refused"] for answer, _ in parts) and
            made.get("reason") == "DOMAIN_ALTP2M",
            "how": parts[2][0]["how"]}, "\n".join(text for _, text in parts) + f"\n{made}"


# ---- another guest ----

def neighbour_guess(context):
    answer, text = run_program(context, "neighbour", f"{FOLDER}/enter-guess {context.handle} neighbour")
    wrong = context.enclave.answers()
    answer["control"] = wrong is None
    return answer, f"the tenant's own calls: {wrong or 'answered'}\n{text}"


def neighbour_grants(context):
    """The control: a page that the tenant does grant to the other guest."""
    machine, domain = context.machine, context.enclave.domain
    granter = machine.start_in_tenant(domain, f"exec {FOLDER}/grant-to {context.domid('neighbour')}",
                                      stdin=None)
    try:
        reference = next(granter.lines(20), "none")
        return run_program(context, "neighbour", f"{FOLDER}/neighbour-grants {context.domid('tenant')} "
                           f"0 512 {reference}")
    finally:
        granter.write(b"")
        granter.wait(20)
