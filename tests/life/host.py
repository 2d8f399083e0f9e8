# SPDX-License-Identifier: MIT
"""What an operator does with the host itself."""

from day import Refused, Step, numbers_away

GIVEN_KEYS = "AHMVaceghimqrstuz"  # lists, counts and times
REFUSED_KEYS = "d0Q*"             # registers and memory of hosts and guests, the second list of what a PCI device has
SAME_EVERYWHERE = "nr_cpus|max_cpu_id|nr_nodes|cores_per_socket|threads_per_core|hw_caps|virt_caps|total_memory|xen_m|xen_e" \
                  "|xen_version|xen_caps|xen_scheduler|xen_pagesize|platform_params"


def pressed(letter):
    return f"xl dmesg -c >/dev/null; xl debug-keys '{letter}' && sleep 0.3 && xl dmesg | grep -q ."


def given(letter):
    return Step(f"xl debug-keys {letter}", pressed(letter))


def refused(letter):
    return Step(f"xl debug-keys {letter}", pressed(letter), refused=Refused(1, "debug-key"))


STEPS = [
    Step("xl info", f"xl info | grep -E '^({SAME_EVERYWHERE})'", shown=str.split),
    Step("xl info names the same things", "xl info -n | sed -n 's/ *:.*//p' | grep -v ^xen_c", shown=str.split),
    Step("xl list -l", "xl list -l | grep -v '^Password'", shown=numbers_away),
    Step("xl list -v", "xl list -v", shown=lambda text: text.split()[:8]),
    Step("xl uptime", "xl uptime"),
    Step("xl top, once", "xentop -b -i 1 | grep -c Domain-0", shown=str.split),
    Step("xenstore-ls", "xenstore-ls / | sed -n 's/ = .*//p' | sort -u", shown=numbers_away),
    Step("xl cpupool-list", "xl cpupool-list -c", shown=str.split),
    Step("xl cpupool-rename, and back", "xl cpupool-rename Pool-0 pool && xl cpupool-rename pool Pool-0"),
    Step("xenpm lists the CPUs", "xenpm get-cpu-topology", shown=numbers_away),
    Step("xenpm's idle states", "xenpm get-cpuidle-states", shown=numbers_away),
    Step("xenpm's frequencies", "xenpm get-cpufreq-para", shown=numbers_away),
    Step("xl vcpu-pin of dom0", "xl vcpu-pin Domain-0 0 0 && xl vcpu-pin Domain-0 0 all"),
    Step("xl mem-set of dom0, and back",
         "xl mem-set 0 900 && within 30 memory_is 0 900 && xl mem-set 0 1024 && within 30 memory_is 0 1024"),
    Step("xl loadpolicy: there is none", "xl loadpolicy /none", rc=255, why="the file is not there"),
    Step("lspci reads every configuration space", "lspci -xxx >/run/life/lspci && wc -l </run/life/lspci", shown=str.split),
    Step("dom0 sleeps in its own idle loop", "sleep 2 && cat /proc/uptime"),
    *(given(letter) for letter in GIVEN_KEYS),
    *(refused(letter) for letter in REFUSED_KEYS),
    Step("the clock goes a day forward", "date -s '+1 day' && xl list && virsh -q list"),
    Step("the clock goes ten years forward", "date -s '+10 years' && xl list && virsh -q list"),
    Step("the clock goes back", "date -s '-10 years -1 day' && xl list && virsh -q list"),
    Step("Xen's clock chip is set by it", "hwclock -w && hwclock -r"),
    Step("xenconsoled is restarted", "systemctl restart xenconsoled && systemctl is-active xenconsoled"),
    Step("libvirtd is restarted", "systemctl restart libvirtd && within 60 virsh -q list"),
    Step("cloisterd is restarted", "systemctl restart cloisterd && within 30 cloisterctl status", needs="ours"),
    Step("the audit finds no violation", "cloisterctl audit", needs="ours"),
]

CPUS = [
    Step("both CPUs are there", "xl info | grep nr_cpus", shown=str.split),
    Step("xen-hptool cpu-offline 1", "xen-hptool cpu-offline 1", timeout=120),
    Step("xl list, with one CPU", "xl list"),
    Step("xen-hptool cpu-online 1", "xen-hptool cpu-online 1", timeout=120),
    Step("xl vcpu-set of dom0, and back", "xl vcpu-set 0 1 && sleep 2 && xl vcpu-set 0 2"),
    Step("dom0 takes a CPU of its own down and up",
         "echo 0 >/sys/devices/system/cpu/cpu1/online && echo 1 >/sys/devices/system/cpu/cpu1/online"),
    Step("xl cpupool-cpu-remove", "xl cpupool-cpu-remove Pool-0 1"),
    Step("xl cpupool-create, of the free CPU", "xl cpupool-create name=\\\"two\\\" cpus=[\\\"1\\\"] sched=\\\"credit2\\\""),
    Step("a guest in the new pool", "xl create -q /run/life/guest.cfg 'pool=\"two\"' && lives day", timeout=240),
    Step("xl cpupool-migrate", "xl cpupool-migrate day Pool-0 && lives day"),
    Step("xl destroy", "xl destroy day && within 30 gone day"),
    Step("xl cpupool-destroy", "xl cpupool-destroy two"),
    Step("xl cpupool-cpu-add", "xl cpupool-cpu-add Pool-0 1"),
    Step("xl cpupool-list", "xl cpupool-list -c", shown=str.split),
]
