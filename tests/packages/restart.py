# SPDX-License-Identifier: MIT
"""An upgrade while the daemons run: they are restarted only if the new version can take over. systemd and the monitor
are scripts here, which write down what they are asked; the new daemon checks the settings itself."""

LOG = "run/asked"
SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >>/run/asked
case "$*" in
*is-active*) [ -e "/run/active" ] ;;
esac
"""
INVOKE = """#!/bin/sh
echo "invoke $*" >>/run/asked
case $1 in
restart) [ ! -e /run/fails ] ;;
esac
"""
CTL = """#!/bin/sh
cat /run/status
"""
STUBS = {"usr/local/sbin/systemctl": SYSTEMCTL, "usr/local/sbin/deb-systemd-invoke": INVOKE, "usr/local/sbin/cloisterctl": CTL}
# Package, its unit, its settings, a line that no version takes.
DAEMONS = (("cloister-host", "cloisterd", "etc/cloister/cloisterd.conf", "no-such-setting = 1\n"),
           ("cloister-agent", "cloister-agent", "etc/cloister/agent.conf", "no_such_setting = 1\n"))


def again(system, package, made, active=True):
    """Configure it once more over itself; (how that ended, was the unit restarted?)."""
    system.path(LOG).write_text("", encoding="ascii")
    active_file = system.path("run/active")
    if active:
        active_file.touch()
    else:
        active_file.unlink(missing_ok=True)
    done = system.dpkg("--force-confold", "-i", made[package])
    return done, "invoke restart" in system.read(LOG)


def status(system, text):
    system.write("run/status", text)


def daemon(tap, system, made, package, unit, settings, wrong):
    good = system.read(settings)
    done, restarted = again(system, package, made)
    tap.ok(done and restarted and f"invoke restart {unit}.service" in system.read(LOG),
           f"{unit} runs: an upgrade restarts it", done)
    tap.ok("stop" not in system.read(LOG), "without a stop before")
    done, restarted = again(system, package, made, active=False)
    tap.ok(done and not restarted, f"{unit} was stopped: it stays so", done)
    for text in wrong, good + "\n" + wrong, "half a line\n":
        system.write(settings, text)
        done, restarted = again(system, package, made)
        tap.ok(done and not restarted and "does not take the settings" in done.text and f"systemctl restart {unit}" in done.text,
               f"settings that the new version refuses ({text[-20:]!r}): what runs goes on, and what to do is said", done)
    system.write(settings, good)
    system.path("run/fails").touch()
    done, restarted = again(system, package, made)
    tap.ok(done and restarted and f"journalctl -u {unit}" in done.text, "one that does not start is said, with where to look", done)
    system.path("run/fails").unlink()


def other_monitor(tap, system, made, abi):
    for text, shown in ((f'{{"monitor": {{"abi_version": {abi + 1}}}}}', str(abi + 1)),
                        (f'{{"monitor": {{"abi_version":{abi}0}}}}', f"{abi}0"), ("{}", "unknown"), ("", "unknown")):
        status(system, text)
        done, restarted = again(system, "cloister-host", made)
        tap.ok(done and not restarted and f"speaks ABI {shown}, this version {abi}:" in done.text,
               f"the monitor that runs is another one's ({text or 'no answer'}): cloisterd of before goes on", done)


def service(tap, system, made):
    done, restarted = again(system, "cloister-attestd", made)
    tap.ok(done and not restarted and "does not take the settings" in done.text,
           "the service is not restarted into settings that name no keys", done)
    done, restarted = again(system, "cloister-attestd", made, active=False)
    tap.ok(done and not restarted and "invoke start cloister-attestd" not in system.read(LOG), "nor started where it was not", done)


def run(tap, system, made, abi):
    for name, text in STUBS.items():
        system.write(name, text, 0o755)
    system.path("run/systemd/system").mkdir(parents=True)
    status(system, '{"monitor": {"abi_version": %d, "flags": 3}}' % abi)
    names = ("cloister-host", "cloister-agent", "cloister-attestd")
    system.dpkg("-i", *(made[name] for name in names + ("libcloister0",)))
    for one in DAEMONS:
        tap.run(one[1], daemon, tap, system, made, *one)
    tap.run("another monitor", other_monitor, tap, system, made, abi)
    tap.run("the service", service, tap, system, made)
    for name in STUBS:
        system.path(name).unlink()
