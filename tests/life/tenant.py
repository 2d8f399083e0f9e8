# SPDX-License-Identifier: MIT
"""The life of a PVH tenant, with xl."""

from day import Step

CREATE = "xl create -q /run/life/guest.cfg"
PAUSED = "xl create -q -p /run/life/guest.cfg"
SAVED = "/var/lib/life.save"
MIGRATE = "xl migrate -s '' day 'xl migrate-receive'"

SHORT = [
    Step("xl create", f"{CREATE} && lives day", timeout=180),
    Step("xl pause: it stands still", "xl pause day && state_is day p && still day"),
    Step("xl unpause: it goes on", "xl unpause day && lives day"),
    Step("xl sched-credit2 gives it another weight",
         "xl sched-credit2 -d day -w 512 && xl sched-credit2 -d day | grep -q 512"),
    Step("xl vcpu-pin, and back", "xl vcpu-pin day all 0 && xl vcpu-pin day all all"),
    Step("xl shutdown: it is gone", "xl shutdown -w day && within 30 gone day", timeout=120),
]

NETWORK = ("modprobe -a bridge xen-netback && ip link add life0 type bridge && ip address add 10.9.0.1/24 dev life0 && "
           "ip link set life0 up")
ATTACHED = "xl block-attach day phy:$(cat /run/life/loop),xvdb,w"

LONG = [
    Step("xl create", f"{CREATE} && lives day", timeout=180),
    Step("xl create: a second of that name", CREATE, rc=3, why="the name is taken"),
    Step("xl create: a kernel that is not there", f"{CREATE} 'name=\"other\"' 'kernel=\"/none\"'", rc=3, why="there is none"),
    Step("xl pause: it stands still", "xl pause day && state_is day p && still day"),
    Step("xl unpause: it goes on", "xl unpause day && lives day"),
    Step("xl rename, blanks among the letters", "xl rename day 'a day' && xl domid 'a day' && xl rename 'a day' day"),
    Step("xl vcpu-list", "xl vcpu-list day | awk 'NR == 1 || /day/ { print NF > 5 }'", shown=lambda text: text),
    Step("xl vcpu-set 2: the guest has two", "xl vcpu-set -i day 2 && within 30 brings_up day 1 && vcpus_are day 2"),
    Step("xl vcpu-set 1: the guest has one", "xl vcpu-set day 1 && within 30 vcpus_are day 1"),
    Step("xl vcpu-pin, and back", "xl vcpu-pin day all 0 && xl vcpu-pin day all all"),
    Step("xl mem-set down", "xl mem-set day 200 && within 60 memory_is day 200"),
    Step("xl mem-set up", "xl mem-set day 256 && within 60 memory_is day 256"),
    Step("xl mem-max", "xl mem-max day 300"),
    Step("xl sched-credit2", "xl sched-credit2 -d day -w 512 && xl sched-credit2 -d day | grep -q 512"),
    Step("xl sysrq: the guest's kernel has it", "xl sysrq day h && within 20 kernel_says day sysrq"),
    Step("xl trigger nmi: the guest's kernel has it", "xl trigger day nmi 0 && within 20 kernel_says day NMI && lives day"),
    Step("dom0 makes a bridge", NETWORK),
    Step("xl network-attach: the guest reaches dom0",
         "xl network-attach day bridge=life0 && in_guest day 'until [ -e /sys/class/net/eth0 ]; do sleep 0.2; done; "
         "ip address add 10.9.0.2/24 dev eth0; ip link set eth0 up; sleep 1; ping -c 3 -w 30 10.9.0.1'"),
    Step("xl network-list", "xl network-list day | awk '{ print $1, $2, $4, $5 }'", shown=lambda text: text),
    Step("xl network-detach", "xl network-detach day 0 && in_guest day '! test -e /sys/class/net/eth0'"),
    Step("xl block-attach: the guest reads and writes",
         "modprobe -a loop xen-blkback && truncate -s 8M /var/lib/life.disk && losetup -f --show /var/lib/life.disk "
         f">/run/life/loop && {ATTACHED} && in_guest day 'until [ -b /dev/xvdb ]; do sleep 0.2; done; "
         "echo a block of the guest >/dev/xvdb; sync' && grep -aq 'a block of the guest' /var/lib/life.disk", timeout=120),
    Step("xl block-list", "xl block-list day | awk 'NR == 2 { print $1, $2, $4 }'", shown=lambda text: text),
    Step("xl block-detach", "xl block-detach day xvdb && in_guest day '! test -b /dev/xvdb' && losetup -d $(cat /run/life/loop)"),
    Step("xl save", f"xl save day {SAVED} && gone day", timeout=240),
    Step("xl restore: it goes on", f"xl restore {SAVED} && lives day && rm {SAVED}", timeout=240),
    Step("xl migrate to localhost", f"old=$(xl domid day) && {MIGRATE} && new_domain day $old && lives day", timeout=300),
    Step("xl migrate to localhost again", f"old=$(xl domid day) && {MIGRATE} && new_domain day $old && lives day", timeout=300),
    Step("and its shell answers", "in_guest day 'echo well'", shown=lambda text: text),
    Step("xl reboot: a new domain of that name", "old=$(xl domid day) && xl reboot day && within 60 new_domain day $old && "
         "lives day", timeout=240),
    Step("xl shutdown: it is gone", "xl shutdown -w day && within 30 gone day", timeout=120),
    Step("on_crash=destroy: it is gone", f"{CREATE} 'on_crash=\"destroy\"' && lives day && crash day && within 30 gone day",
         timeout=240),
    Step("on_crash=preserve: it stays, crashed", f"{CREATE} 'on_crash=\"preserve\"' && lives day && crash day && "
         "within 30 state_is day c && xl destroy day && within 30 gone day", timeout=240),
    Step("on_crash=restart: a new domain of that name", f"{CREATE} 'on_crash=\"restart\"' && lives day && "
         "old=$(xl domid day) && crash day && within 60 new_domain day $old && lives day", timeout=300),
    Step("xl destroy", "xl destroy day && within 30 gone day"),
    Step("xl pause: no such domain", "xl pause nobody", rc=1, why="there is none"),
]

CYCLES = 10
FREE = [
    Step("a first guest is created paused and destroyed", f"{PAUSED} && xl destroy day && within 30 gone day"),
    Step(f"{CYCLES} guests are created and destroyed, and no page of each stays",
         f"before=$(pages); for i in $(seq {CYCLES}); do {PAUSED} && xl destroy day && within 30 gone day || exit 1; done; "
         f"within 30 pages_stay $before {CYCLES} || {{ echo $before pages before, $(pages) after; exit 1; }}", timeout=300),
]
