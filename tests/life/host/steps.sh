# SPDX-License-Identifier: MIT
# Functions for the steps of a day, sourced by the shell that runs one (day.py).
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# within SECONDS COMMAND...: until it succeeds; 1 if it does not in that time.
within() {
    end=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 0.2
    done
}

# ---- devices ----

# driven BUS DRIVER: is one device of the bus at least bound to it?
driven() {
    for link in /sys/bus/"$1"/drivers/"$2"/*; do
        [ -e "$link/subsystem" ] && return 0
    done
    echo "no device of $1 has the driver $2"
    return 1
}

# scsi_disk PATTERN: the device file of the disk whose place in sysfs matches.
scsi_disk() {
    for disk in /sys/block/sd*; do
        case $(readlink -f "$disk") in
        *$1*) echo "/dev/${disk##*/}"; return 0 ;;
        esac
    done
    return 1
}

# disk_works DEVICE DIGEST: its first MiB is what the test put there; another written behind it comes back.
disk_works() {
    [ -b "$1" ] || { echo "no block device $1"; return 1; }
    digest=$(dd if="$1" bs=64k count=16 iflag=direct status=none | sha256sum)
    [ "${digest%% *}" = "$2" ] || { echo "$1 holds something else: $digest"; return 1; }
    dd if=/dev/urandom of=/run/life/block bs=64k count=16 status=none &&
        dd if=/run/life/block of="$1" bs=64k seek=16 oflag=direct conv=notrunc status=none && sync &&
        dd if="$1" bs=64k skip=16 count=16 iflag=direct status=none | cmp - /run/life/block
}

# card DRIVER: the network interface that it drives.
card() {
    for interface in /sys/class/net/*; do
        [ "$(basename "$(readlink -f "$interface/device/driver")")" = "$1" ] && basename "$interface" && return 0
    done
    return 1
}

# net_works DRIVER NETWORK: bytes go to the emulator's echo service at NETWORK.100 and come back.
net_works() {
    interface=$(card "$1") || { echo "no interface with the driver $1"; return 1; }
    ip link set "$interface" up && ip address replace "$2.15/24" dev "$interface" || return 1
    within 20 grep -q 1 "/sys/class/net/$interface/carrier" || { echo "$interface: no carrier"; return 1; }
    python3 /run/life/echo.py "$2.100" 7
}

# load_modules: those that the image leaves out, in the order of the list.
load_modules() {
    while read -r path; do
        name=$(basename "$path" .ko | tr - _)
        grep -q "^$name " /proc/modules || insmod "$path" || return 1
    done </usr/lib/life-modules
}

# input_event NAME: waits for an event of the input device of this name.
input_event() {
    event=$(grep -l "$1" /sys/class/input/event*/device/name | head -n 1)
    [ -n "$event" ] || { echo "no input device $1"; return 1; }
    event=${event%/device/name}
    timeout 50 head -c 24 "/dev/input/${event##*/}" | wc -c | grep -qx 24
}

# pci_serial: the device file of the serial port on PCI.
pci_serial() {
    for port in /sys/class/tty/ttyS*; do
        case $(readlink -f "$port/device") in
        */pci*) echo "/dev/${port##*/}"; return 0 ;;
        esac
    done
    return 1
}

# bmc: the management controller's answer to Get Device ID.
bmc() {
    cat /sys/class/ipmi/ipmi0/device/bmc/ipmi_version /sys/class/ipmi/ipmi0/device/bmc/device_id
}

# serial_works FROM TO: a line that is written to one port is read from the other.
serial_works() {
    stty -F "$1" 115200 raw -echo && stty -F "$2" 115200 raw -echo || return 1
    timeout 10 head -c 13 <"$2" >/run/life/line &
    sleep 0.5
    printf 'hello, serial' >"$1"
    wait $!
    [ "$(cat /run/life/line)" = "hello, serial" ] || { echo "read from $2: $(cat /run/life/line)"; return 1; }
}

# ---- guests ----

# beat NAME: how often its heart has beaten (guest/etc/rc.d/life).
beat() {
    xenstore-read "/local/domain/$(xl domid "$1")/data/beat"
}

# lives NAME: its heart beats.
lives() {
    within 90 beat "$1" || { echo "$1 has no heartbeat"; xl list; return 1; }
    before=$(beat "$1")
    within 30 beat_is_past "$1" "$before" || { echo "$1's heart stands still at $before"; xl list; return 1; }
}

beat_is_past() {
    [ "$(beat "$1")" != "$2" ]
}

# still NAME: its heart stands still for two seconds.
still() {
    sleep 1
    before=$(beat "$1")
    sleep 2
    [ "$(beat "$1")" = "$before" ] || { echo "$1 lives"; return 1; }
}

gone() {
    ! xl domid "$1" 2>/dev/null
}

# in_guest NAME COMMAND: its root's shell.
in_guest() {
    within 30 timeout 15 vexec -t 10 "$(xl domid "$1")" -- /bin/true || { echo "$1 does not answer"; return 1; }
    vexec -t 60 "$(xl domid "$1")" -- /bin/bash -c "$2"
}

# memory_is NAME MIB: xl shows it, give or take two.
memory_is() {
    has=$(xl list "$1" | awk 'NR == 2 { print $3 }')
    [ "$has" -ge $(($2 - 2)) ] && [ "$has" -le $(($2 + 2)) ]
}

state_is() {
    xl list "$1" | awk 'NR == 2 { print $5 }' | grep -q "$2"
}

# new_domain NAME OLD: it has another number than OLD.
new_domain() {
    xl domid "$1" && [ "$(xl domid "$1")" != "$2" ]
}

# crash NAME: its kernel panics. The shell that did it cannot answer any more, and nothing tells vexec that its peer is gone:
# what follows in the step looks for the crash.
crash() {
    timeout 15 vexec -t 5 "$(xl domid "$1")" -- /bin/bash -c 'sleep 0.5; echo c >/proc/sysrq-trigger' || true
}

# hvm_create SETTING...: or the device model's last words.
hvm_create() {
    xl create -q /run/life/hvm.cfg "$@" || { tail -n 5 /var/log/xen/qemu-dm-day.log; return 1; }
}

# pages: Xen's free pages, without the monitor's frame table, which grows and never shrinks.
pages() {
    kept=0
    if command -v cloisterctl >/dev/null; then
        kept=$(cloisterctl status --json |
            python3 -c 'import json, sys; print(json.load(sys.stdin)["monitor"]["overhead_frames"])')
    fi
    echo $(($(/run/life/free-pages) + kept))
}

# pages_stay BEFORE NUMBER: fewer than NUMBER are not free any more, which Xen may have taken for itself meanwhile.
pages_stay() {
    [ $(($1 - $(pages))) -lt "$2" ]
}

vcpus_are() {
    in_guest "$1" "test \$(grep -c ^processor /proc/cpuinfo) = $2"
}

# brings_up NAME CPU: as udev does where there is one.
brings_up() {
    in_guest "$1" "echo 1 >/sys/devices/system/cpu/cpu$2/online"
}

kernel_says() {
    in_guest "$1" "dmesg | grep -i '$2'"
}

# ---- enclaves ----

has_enclave() {
    cloisterctl enclaves --json | python3 -c 'import json, sys; sys.exit(not json.load(sys.stdin)["enclaves"])'
}

has_no_enclave() {
    ! has_enclave
}
