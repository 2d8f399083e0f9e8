# SPDX-License-Identifier: MIT
"""A tenant with an agent and a live enclave: what a host does without harm goes on, what it must not is refused and says
why, and when the enclave has ended all is as before. On stock Xen the same steps are done with an ordinary guest."""

from day import Refused, Step
from tenant import CREATE, MIGRATE, SAVED

LIVE = Refused(1, "ENCLAVES_LIVE")
COUNTER = "/usr/share/cloister/samples/counter.image"
HOLD = ("cloisterctl quota day 64M && { setsid vexec -t 3000 $(xl domid day) -- /bin/bash -c 'exec cloister run "
        f"{COUNTER} --call 2 --repeat 1000000000' </dev/null >/run/life/holder 2>&1 & }} && "
        "{ within 60 has_enclave || { cat /run/life/holder; false; }; }")
END = "in_guest day 'pkill -9 -x cloister' && within 60 has_no_enclave"

STEPS = [
    Step("xl create", f"{CREATE} && lives day", timeout=180),
    Step("its agent answers", "within 90 in_guest day 'cloister status'", needs="ours", timeout=120),
    Step("an enclave starts, and lives", HOLD, needs="ours", timeout=150),
    Step("xl pause: the guest stands still", "xl pause day && still day"),
    Step("xl unpause: it goes on", "xl unpause day && lives day"),
    Step("xl vcpu-pin, and back", "xl vcpu-pin day all 0 && xl vcpu-pin day all all"),
    Step("xl sched-credit2", "xl sched-credit2 -d day -w 512"),
    Step("xl mem-set down, and up", "xl mem-set day 240 && within 60 memory_is day 240 && xl mem-set day 256"),
    Step("xl sysrq", "xl sysrq day h && within 20 kernel_says day sysrq"),
    Step("xl trigger nmi", "xl trigger day nmi 0 && within 20 kernel_says day NMI && lives day"),
    Step("xl save", f"xl save -c day {SAVED} && rm {SAVED}", refused=LIVE, timeout=240),
    Step("and it goes on", "lives day"),
    Step("xl migrate", MIGRATE, refused=LIVE, timeout=300),
    Step("and it goes on, after that", "lives day"),
    Step("xenctx reads its registers outside the enclave", "/usr/lib/xen/bin/xenctx $(xl domid day) 0 | grep -c rip",
         shown=str.split),
    Step("the enclave has lived through it all", "has_enclave", needs="ours"),
    Step("the audit finds no violation", "cloisterctl audit", needs="ours"),
    Step("the enclave ends", END, needs="ours"),
    Step("then: xl save", f"xl save day {SAVED} && gone day", timeout=240),
    Step("then: xl restore", f"xl restore {SAVED} && lives day && rm {SAVED}", timeout=240),
    Step("then: xl migrate to localhost", f"old=$(xl domid day) && {MIGRATE} && new_domain day $old && lives day", timeout=300),
    # The agent looks now and then whether its offer still stands.
    Step("then: the agent finds the host's daemon again", f"within 240 in_guest day 'cloister run {COUNTER} --call 2'",
         needs="ours", timeout=300),
    Step("then: another enclave starts in the guest that has moved", HOLD, needs="ours", timeout=150),
    Step("xl destroy, with a live enclave", "xl destroy day && within 60 gone day"),
    Step("the monitor keeps nothing of it", "within 30 has_no_enclave", needs="ours"),
]
