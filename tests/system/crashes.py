# SPDX-License-Identifier: MIT
"""kill -9 of every process, at every step; a domain that dies. Nothing is leaked, nothing is lost."""

import time

from scene import COUNTER, enclaves, hold, is_clean, kill_in_tenant, start_agent, wait_for
from harness import stack

LARGE = "/run/large.image"  # takes seconds to load: there is time to kill something
UNREACHABLE = 4  # exit status of `cloister`: no agent, or no host daemon


def kill_daemon(machine):
    machine.dom0("systemctl kill -s KILL cloisterd")


def daemon_is_back(tap, machine, when):
    tap.ok(wait_for(lambda: machine.dom0("cloisterctl domains")),
           f"cloisterd comes back after kill -9 {when}")
    stack.wait_agent(machine, "alice")


def start_loading(machine):
    """An application in the middle of loading the large image."""
    running = machine.start_in_tenant("alice", f"exec cloister run {LARGE} --call 2")
    if not wait_for(lambda: [one for one in enclaves(machine) if one["state"] == "building"], 20):
        raise AssertionError(f"no enclave is being built: {enclaves(machine)}")
    return running


def works(tap, machine, what):
    run = machine.tenant("alice", f"cloister run {COUNTER} --call 2", timeout=60)
    tap.ok(run, f"{what}: the next enclave works", run.out + run.err)


def test_daemon(tap, machine):
    running = hold(machine)
    kill_daemon(machine)
    daemon_is_back(tap, machine, "with an enclave alive")
    tap.equal(len(enclaves(machine)), 1, "and finds the enclave again")
    tap.ok(machine.dom0("cloisterctl verify-log"), "the log's chain is whole after kill -9")
    kill_in_tenant(machine, "cloister")
    running.wait(20)
    is_clean(tap, machine, "kill -9 of an application with an enclave")


def test_agent(tap, machine):
    running = hold(machine)
    kill_in_tenant(machine, "cloister-agent")
    time.sleep(1)
    tap.equal(len(enclaves(machine)), 1, "an enclave outlives the agent's kill -9")
    start_agent(machine)
    tap.equal(len(enclaves(machine)), 1, "and the next agent knows whose it is")
    kill_in_tenant(machine, "cloister")
    running.wait(20)
    is_clean(tap, machine, "an application's end after the agent's")


def test_agent_and_application(tap, machine):
    running = hold(machine)
    kill_in_tenant(machine, "cloister-agent")
    kill_in_tenant(machine, "cloister")
    running.wait(20)
    start_agent(machine)
    is_clean(tap, machine, "an enclave whose agent and application were killed")


def test_application_while_loading(tap, machine):
    running = start_loading(machine)
    kill_in_tenant(machine, "cloister")
    running.wait(20)
    is_clean(tap, machine, "kill -9 of an application while it loads")


def test_agent_while_loading(tap, machine):
    running = start_loading(machine)
    kill_in_tenant(machine, "cloister-agent")
    result = running.wait(20)
    tap.ok(result.rc == UNREACHABLE and "agent" in result.err,
           "the application is told that the agent went", f"status {result.rc}: {result.err}")
    is_clean(tap, machine, "kill -9 of the agent while it loads")
    start_agent(machine)
    works(tap, machine, "kill -9 of the agent while it loads")


def test_daemon_while_loading(tap, machine):
    running = start_loading(machine)
    kill_daemon(machine)
    result = running.wait(60)
    tap.ok(result.rc == UNREACHABLE and "cloisterd" in result.err,
           "the application is told that the host went", f"status {result.rc}: {result.err}")
    daemon_is_back(tap, machine, "while an enclave is loaded")
    is_clean(tap, machine, "kill -9 of the host daemon while it loads")
    works(tap, machine, "kill -9 of the host daemon while it loads")


def test_domain_while_loading(tap, machine):
    """The last one: the tenant is gone afterwards."""
    start_loading(machine)
    machine.destroy_tenant("alice")
    is_clean(tap, machine, "a domain destroyed while an enclave is created")
    tap.ok(machine.dom0("cloisterctl audit"), "no audit violation at the end")
    tap.ok(machine.dom0("cloisterctl verify-log"), "the log's chain is whole at the end")
    tap.ok(machine.alive(), "Xen and dom0 live")


TESTS = [test_daemon, test_agent, test_agent_and_application, test_application_while_loading,
         test_agent_while_loading, test_daemon_while_loading, test_domain_while_loading]
