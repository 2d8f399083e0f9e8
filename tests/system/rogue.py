# SPDX-License-Identifier: MIT
"""An agent that lies, disappears or floods: rogue-agent.c in the place of the tenant's agent."""

from scene import BUILD, COUNTER, is_clean, kill_in_tenant, log_lines, start_agent, wait_for

# What rogue-agent must see of the host, by the lie that it tells.
ANSWERS = {
    "magic": ["closed"],
    "long": ["closed"],
    "first": ["closed"],
    "version": ["reply -93 NONE", "closed"],
    "strangers": ["reply -2 NO_SUCH_ENCLAVE"] * 4,
    "grants": ["reply -22 SHARE_GRANT"] * 4 + ["reply -22 SHARE_RANGE", "reply 0 NONE",
                                              "reply -17 SHARE_DUPLICATE", "reply -17 SHARE_FRAME"],
    "pages": ["reply -17 PAGE_DUPLICATE", "reply -22 PAGE_RANGE", "reply -22 PAGE_FLAGS",
              "reply -22 IMAGE_INCOMPLETE"],
    "vanish": [],
}
WHY = {"magic": "this is not a message", "long": "larger than this type can be",
       "first": "the first message of a channel is HELLO", "version": "another version"}


def tell(machine, lie):
    return machine.tenant("alice", f"/run/rogue-agent {lie} {COUNTER}", timeout=60)


def test_lies(tap, machine):
    kill_in_tenant(machine, "cloister-agent")
    machine.push(str(BUILD / "tests/system/rogue-agent"), "/run/rogue-agent", tenant="alice")
    for lie, wanted in ANSWERS.items():
        result = tell(machine, lie)
        tap.equal(result.out.splitlines(), wanted, f"a rogue agent is answered: {lie}")
        if result.err:
            tap.comment(result.err)
        if lie in WHY:
            tap.ok(wait_for(lambda: WHY[lie] in log_lines(machine)), f"the log says why: {lie}",
                   log_lines(machine, 10))
    is_clean(tap, machine, "what a rogue agent had begun")


def test_flood(tap, machine):
    flood = machine.start_in_tenant("alice", f"/run/rogue-agent flood {COUNTER}")
    answered = [bool(machine.dom0("cloisterctl status", timeout=10)) for _ in range(5)]
    tap.ok(all(answered), "the host daemon answers its operator during a flood", answered)
    result = flood.wait(60)
    sent = int(result.out.split()[-1]) if result else 0
    tap.ok(0 < sent < 10000, "a flood is slowed down to the ring and the rate limit",
           f"{sent} requests in 5 s; {result.err}")


def test_after(tap, machine):
    start_agent(machine)
    run = machine.tenant("alice", f"cloister run {COUNTER} --call 2", timeout=60)
    tap.ok(run, "an honest agent works after all of it", run.out + run.err)


TESTS = [test_lies, test_flood, test_after]
