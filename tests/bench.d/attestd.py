# SPDX-License-Identifier: MIT
"""How many verifications cloister-attestd answers, over loopback TLS with keep-alive, beside the limit."""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "attest/lib"))

from cluster import Cluster  # noqa: E402
from service import Keys, Service  # noqa: E402

HOSTS = 100000
SECONDS = 10
ROUNDS = 5
ASKED = 3333  # per second
CONNECTIONS = 48
MANY_CONNECTIONS = 512
QUEUE = 256
ENROL_POSTGRESQL = (
    "INSERT INTO hosts (id, ek_digest, ak_digest, token_digest, enrolled) SELECT lpad(to_hex(i), 32, '0'), "
    "sha256(convert_to('ek ' || i, 'UTF8')), decode('{digest}', 'hex'), sha256(convert_to('bench-' || i, 'UTF8')), "
    "{now} FROM generate_series(0, {hosts} - 1) AS i")


def _enrol(path, digest):
    """Enters the hosts that attestd-load plays."""
    with sqlite3.connect(path) as store:
        store.executemany(
            "INSERT INTO hosts (id, ek_digest, ak_digest, token_digest, enrolled) VALUES (?, ?, ?, ?, ?)",
            ((f"{i:032x}", hashlib.sha256(b"ek %d" % i).digest(), bytes.fromhex(digest),
              hashlib.sha256(b"bench-%d" % i).digest(), int(time.time())) for i in range(HOSTS)))
    store.close()


def _memory(pid):
    """The most that it ever had, MiB."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s*(\d+)", text)[1]) / 1024


def _cpu(pid):
    """Seconds of CPU that it has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _in_turns(build, run, pid):
    """Service and OpenSSL alternate, so that what else the machine does is spread over both."""
    ecdsa, full = [], []
    before = _cpu(pid)
    for _ in range(ROUNDS):
        done = subprocess.run([build / "tests/bench.d/bench-attest", "0.5"], stdout=subprocess.PIPE, check=True)
        ecdsa.append(json.loads(done.stdout)["ecdsa_p256_verify_per_second"])
        full.append(run("--connections", CONNECTIONS, "--seconds", SECONDS / ROUNDS))
    total = {key: sum(one[key] for one in full) for key in full[0]}
    total["per_second"] = round(total["per_second"] / ROUNDS)
    total["cpu_us"] = (_cpu(pid) - before) * 1e6 / total["accepted"]
    total["ecdsa"] = sum(ecdsa) / ROUNDS
    return total


@contextlib.contextmanager
def _asked(build, folder, enrol, **settings):
    """The service with all hosts, which `enrol` enters, and what runs attestd-load against it."""
    load = [build / "tests/bench.d/attestd-load", "--key", f"{folder}/tpm.key"]
    keys = Keys(folder)
    prepared = json.loads(subprocess.run([*load, "--prepare"], stdout=subprocess.PIPE, check=True).stdout)
    with Service(build / "attest/service/cloister-attestd", keys, folder, queue=QUEUE, slow_after=60000,
                 **settings) as service:
        enrol(prepared["attestation_key"])
        if service.admin("PUT", "/v1/policies/bench", prepared["policy"]).status != 200:
            raise ValueError("the service does not take the policy")
        load += ["--port", str(service.port), "--ca", keys.path("ca.pem"), "--hosts", str(HOSTS),
                 "--seconds", str(SECONDS)]

        def run(*options):
            done = subprocess.run([*load, *map(str, options)], stdout=subprocess.PIPE, check=True)
            return json.loads(done.stdout)

        run("--connections", CONNECTIONS, "--seconds", 1)
        yield service, run


def measure(build):
    with tempfile.TemporaryDirectory(prefix="cloister-bench-") as folder:
        store = pathlib.Path(folder) / "service.sqlite"
        with _asked(build, folder, lambda digest: _enrol(store, digest)) as (service, run):
            full = _in_turns(build, run, service.process.pid)
            asked = run("--connections", MANY_CONNECTIONS, "--rate", ASKED)
            past = run("--connections", MANY_CONNECTIONS)
            memory = _memory(service.process.pid)
    return full, asked, past, memory


def measure_postgresql(build):
    """The same load on a PostgreSQL of its own, with its default settings. None: there is none on this machine."""
    with tempfile.TemporaryDirectory(prefix="cloister-bench-") as outer:
        os.chmod(outer, 0o755)  # PostgreSQL's user passes
        folder = pathlib.Path(outer) / "service"
        folder.mkdir(mode=0o700)
        cluster = Cluster(pathlib.Path(outer) / "cluster")
        if not cluster.usable:
            return None
        cluster.make()
        try:
            with _asked(build, folder, lambda digest: cluster.execute(ENROL_POSTGRESQL.format(
                    hosts=HOSTS, digest=digest, now=int(time.time())), "VACUUM ANALYZE hosts"),
                    store=cluster.url) as (service, run):
                return _in_turns(build, run, service.process.pid)
        finally:
            cluster.stop()


def _broken(*runs):
    if any(run[name] for run in runs for name in ("broken", "refused", "without_retry_after")):
        raise ValueError(f"replies were missing or wrong: {' '.join(map(str, runs))}")


def _over_limit(full):
    return round(full["per_second"] / (full["ecdsa"] / 2), 3)


def results(build, result):
    """`result` makes an entry."""
    full, asked, past, memory = measure(build)
    _broken(full, asked, past)
    return [
        result("verifications_per_second_service", full["per_second"], "1/s",
               f"{CONNECTIONS} connections; each verification is a challenge and an attestation, both committed to "
               f"SQLite where they change something; service and clients share {os.cpu_count()} CPUs"),
        result("verifications_per_second_service_over_limit", _over_limit(full), "ratio",
               "the same over half of the rate at which OpenSSL verifies ECDSA P-256 signatures in one thread, "
               f"{full['ecdsa']:.0f}/s, measured in turns", 0.4),
        result("service_cpu_us_per_verification", round(full["cpu_us"]), "us",
               "CPU time of the service alone, TLS and both requests included"),
        result("hosts", HOSTS, "hosts", "enrolled, all of them asking", HOSTS),
        result("verifications_per_second_asked", ASKED, "1/s", f"by {MANY_CONNECTIONS} connections"),
        result("verifications_per_second_answered", asked["per_second"], "1/s",
               f"of those; {asked['limited']} times 429 with Retry-After; median {asked['median_ms']} ms, "
               f"99 % within {asked['p99_ms']} ms"),
        result("too_many_requests", past["limited"], "replies",
               f"429 with Retry-After, when {MANY_CONNECTIONS} connections ask as fast as they can; "
               f"{past['per_second']} verifications/s were answered meanwhile"),
        result("timeouts", full["timeouts"] + asked["timeouts"] + past["timeouts"], "requests",
               "without a reply within 10 s, in all three runs", 0),
        result("memory_mib", round(memory, 1), "MiB", "the most that the service ever had resident"),
    ] + _results_postgresql(build, result)


def _results_postgresql(build, result):
    full = measure_postgresql(build)
    if full is None:
        print("bench: no PostgreSQL on this machine: the service is measured with SQLite only", file=sys.stderr)
        return []
    _broken(full)
    return [
        result("verifications_per_second_service_postgresql", full["per_second"], "1/s",
               "as verifications_per_second_service, on a PostgreSQL with its default settings, which shares the "
               f"{os.cpu_count()} CPUs, too"),
        result("verifications_per_second_service_postgresql_over_limit", _over_limit(full), "ratio",
               f"as verifications_per_second_service_over_limit, of {full['ecdsa']:.0f}/s"),
        result("service_postgresql_cpu_us_per_verification", round(full["cpu_us"]), "us",
               "CPU time of the service alone, PostgreSQL's not included"),
        result("service_postgresql_timeouts", full["timeouts"], "requests", "without a reply within 10 s", 0),
    ]
