# SPDX-License-Identifier: MIT
"""How fast evidence is verified, beside the signatures that each evidence needs."""

import json
import os
import pathlib
import re
import subprocess

import attestd

SECONDS = "10"
HOW = ("cloister_verify() of evidence with one enclave's report, one thread, over half of the rate at which OpenSSL "
       "verifies ECDSA P-256 signatures in the same process, measured in turns")


def _result(name, value, unit, how, goal=None):
    """More is better; where the goal is 0, less is."""
    met = None if goal is None else value <= 0 if goal == 0 else value >= goal
    return {"name": name, "value": value, "unit": unit, "goal": goal, "met": met, "how": how}


def results(build):
    """Runs the programs that the build folder has; subprocess.SubprocessError or ValueError if they fail."""
    program = build / "tests/bench.d/bench-attest"
    done = subprocess.run([program, SECONDS], stdout=subprocess.PIPE, check=True)
    figures = json.loads(done.stdout)
    size = f"evidence of {figures['evidence_bytes']} bytes"
    return [
        _result("ecdsa_p256_verify_per_second", figures["ecdsa_p256_verify_per_second"], "1/s",
                "OpenSSL, one key, one thread"),
        _result("verifications_per_second_library", figures["verifications_per_second_library"], "1/s",
                f"{size}, ECDSA attestation key, one thread"),
        _result("verifications_per_second_library_rsa", figures["verifications_per_second_library_rsa"], "1/s",
                "the same with an RSA attestation key"),
        _result("verifications_per_second_library_over_limit",
                figures["verifications_per_second_library_over_limit"], "ratio", HOW, 0.6),
    ] + attestd.results(build, _result)


def machine_name():
    found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return f"{found[1] if found else 'unknown CPU'}, {os.cpu_count()} CPUs"


def show(found):
    print(f"Verification of evidence on {machine_name()}\n")
    for entry in found:
        goal = "" if entry["goal"] is None else f"{'<=' if entry['goal'] == 0 else '>='} {entry['goal']:g}"
        verdict = {True: "met", False: "MISSED", None: ""}[entry["met"]]
        print(f"{entry['name']:<54} {entry['value']:>10} {entry['unit']:<5} {goal:>8}  {verdict}".rstrip())
