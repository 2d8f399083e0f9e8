#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of tests/demo, from results good and bad, opened in a real browser (Chromium), which says what it shows."""

import copy
import html.parser
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tests/demo.d")]

import page  # noqa: E402
from harness.tap import Tap  # noqa: E402

BROWSER = ["chromium", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--virtual-time-budget=2000"]
BROWSER_SECONDS = 120
HOSTILE = "<script>document.title = 'taken'</script> & \"quoted\" 'too'"

ATTACK = {"name": "ports", "actor": "dom0", "about": "I/O ports", "seconds": 2.5, "control_ok": True, "refused": True,
          "how": "port 0xcf9: still here", "state_unchanged": True, "traced": True}
GOOD = {"ok": True, "machine": "QEMU (emulated, no KVM)", "cpu_vendor": "AMD", "xen": "4.17.5",
        "signature_verified": True, "newer_xen": "", "audit_violations": 0, "leaked_pages": 0,
        "attacks": [ATTACK, dict(ATTACK, name="dma", actor="device", about="DMA", traced=None)],
        "without_cloister": [
            {"name": "ports", "about": "I/O ports", "tried": ["port-92"], "worked": ["port-92"]},
            {"name": "ports", "about": "I/O ports", "tried": ["port-sleep"], "worked": ["port-sleep"], "ended": "suspended"}],
        "chain": [{"part": "Firmware", "says": ["PCR 0: 12", "measures"]}, {"part": "Xen", "says": ["runs"]},
                  {"part": "Enclave", "says": []}],
        "steps": [{"seconds": 12.5, "text": "booting"}, {"seconds": 0.0, "text": "done"}]}
ATTESTED = {"ok": True, "released": True, "chain": GOOD["chain"], "steps": GOOD["steps"], "newer_xen": "",
            "refusals": [{"case": "forged quote", "refused": True, "reason": "signature-wrong"},
                         {"case": "token expired", "refused": True, "reason": "token-expired"}]}


class Shown(html.parser.HTMLParser):
    """What a browser's document holds: texts by element, and what is marked as bad."""

    def __init__(self, document):
        super().__init__()
        self.texts, self.bad, self.counts, self.foreign = [], [], {}, []
        self._open = []
        self.feed(document)

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self._open.append((tag, dict(attributes).get("class") or ""))
        self.foreign += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if any(tag == "style" for tag, _ in self._open) or not data.strip():
            return
        self.texts.append(data.strip())
        if any("bad" in name.split() for _, name in self._open):
            self.bad.append(data.strip())


def browse(result):
    """What Chromium makes of the page: its document after scripts, if there were any, have run."""
    with tempfile.TemporaryDirectory(prefix="cloister-page-") as folder:
        path = pathlib.Path(folder, "demo.html")
        page.write(path, result)
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        done = subprocess.run([*BROWSER, *sandbox, f"--user-data-dir={folder}/profile", "--dump-dom", path.as_uri()],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=BROWSER_SECONDS, check=True)
    return Shown(done.stdout.decode())


def good(tap):
    shown = browse(GOOD)
    tap.equal(shown.bad, [], "nothing of a good result is marked as bad")
    tap.ok("All is as it must be." in shown.texts, "the page says that all is well")
    tap.equal(shown.counts["tr"], 1 + len(GOOD["attacks"]), "each attack has a row")
    tap.equal(shown.counts["svg"], 2, "the boot chain and the timings are drawn")
    tap.ok(any("works: port-92, port-sleep; the machine: suspended" in text for text in shown.texts),
           "and what it got on stock Xen, from both tries")
    tap.ok("not tried there" in shown.texts, "what was not tried there says so")
    tap.ok({"Firmware", "PCR 0: 12", "Xen", "Enclave"} <= set(shown.texts), "the drawing names its parts")
    tap.equal([shown.foreign, shown.counts.get("script", 0)], [[], 0], "nothing comes from elsewhere, and nothing runs")


def attested(tap):
    shown = browse(ATTESTED)
    tap.equal(shown.bad, [], "nothing of a good attestation is marked as bad")
    tap.equal(shown.counts["tr"], 3, "each refusal has a row")
    tap.ok("signature-wrong" in shown.texts, "with its reason")


BAD = {  # what is wrong, and the words that must be marked
    "not refused": ({"attacks": [dict(ATTACK, refused=False)]}, "NOT REFUSED"),
    "a control that failed": ({"attacks": [dict(ATTACK, control_ok=False)]}, "FAILED"),
    "a state that changed": ({"attacks": [dict(ATTACK, state_unchanged=False)]}, "STATE CHANGED"),
    "a refusal without a record": ({"attacks": [dict(ATTACK, traced=False)]}, "NOT RECORDED"),
    "a signature that is wrong": ({"signature_verified": False}, "The enclave's signature was NOT verified."),
    "violations": ({"audit_violations": 2}, "The audit found violations: 2."),
    "an audit that was not reached": ({"audit_violations": None}, "The audit found violations: None."),
    "pages that leak": ({"leaked_pages": 7}, "Pages that were not given back: 7."),
    "a demo that failed": ({"ok": False}, "NOT all is as it must be."),
}


def bad(tap):
    for what, (change, words) in BAD.items():
        shown = Shown(page.page({**GOOD, **change}))
        tap.ok(words in shown.bad, f"{what} is marked as bad", shown.bad)
    shown = Shown(page.page({**ATTESTED, "released": False, "refusals": [dict(ATTESTED["refusals"][0], refused=False)]}))
    tap.ok("NOT REFUSED" in shown.bad and any("NOT given" in text for text in shown.bad),
           "an attestation that failed is marked as bad")


def early(tap):
    """A demo that failed before it had done anything: a page all the same."""
    shown = browse({**GOOD, "ok": False, "xen": None, "signature_verified": False, "audit_violations": None,
                    "leaked_pages": None, "attacks": [], "without_cloister": [], "steps": []})
    tap.ok("NOT all is as it must be." in shown.bad, "the page of a demo that got nowhere says so")


def hostile(tap):
    """Texts come from guests."""
    result = copy.deepcopy(GOOD)
    for key in ("actor", "about", "how", "name"):
        result["attacks"][0][key] = HOSTILE
    result["machine"] = result["newer_xen"] = result["chain"][0]["part"] = result["steps"][0]["text"] = HOSTILE
    result["without_cloister"][0]["worked"] = [HOSTILE]
    shown = browse(result)
    tap.equal(shown.counts.get("script", 0), 0, "a text that is markup stays a text")
    tap.ok(sum(HOSTILE in text for text in shown.texts) >= 6, "and is shown as it is", shown.texts)
    tap.ok("Cloister: who gets into an enclave" in shown.texts and "taken" not in shown.texts, "no script has run")


def main():
    tap = Tap("demo page")
    for test in good, attested, bad, early, hostile:
        tap.run(test.__name__, test, tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
