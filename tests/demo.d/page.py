# SPDX-License-Identifier: MIT
"""What tests/demo --html writes: one file, without anything from elsewhere, light or dark as the reader's system is.

    page.write("demo.html", result)      # what --json writes

The boot chain drawn, then every attempt as a row: who, by which way, whether the same program reached what it may (the
control), how it was refused, whether the trace has it, and what it did on stock Xen; then how long what took."""

import html

STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --soft: #57606a; --paper: #ffffff; --line: #d0d7de; --good: #1a7f37;
  --bad: #cf222e; --box: #f6f8fa; --bar: #54aeff; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9198a1; --paper: #0d1117; --line: #3d444d;
  --good: #3fb950; --bad: #f85149; --box: #151b23; --bar: #1f6feb; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--paper); max-width: 75rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } p.soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.6rem; border-bottom: 1px solid var(--line); }
td { overflow-wrap: anywhere; } th { position: sticky; top: 0; background: var(--paper); }
td.who { white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
.wide { overflow-x: auto; } svg text { fill: var(--text); font: 13px system-ui, sans-serif; }
svg .soft { fill: var(--soft); font-size: 11px; } svg rect { fill: var(--box); stroke: var(--line); }
svg .bar { fill: var(--bar); stroke: none; } svg path { stroke: var(--soft); fill: none; }
"""
BOX, GAP, HEIGHT = 190, 34, 96  # of the drawing, px
LONGEST = 350  # of the bars, px
BARS = 1100   # of the drawing with their texts, px
ROW = 24


def text(value):
    return html.escape(str(value), quote=True)


def verdict(good, yes, no):
    return f'<span class="{"good" if good else "bad"}">{text(yes if good else no)}</span>'


def svg(width, height, what, parts):
    return (f'<div class="wide"><svg role="img" aria-label="{text(what)}" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}">{"".join(parts)}</svg></div>')


def chain(links):
    """links: [{"part", "says"}], from what starts first to what is started last."""
    parts = ['<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
             '<path d="M0 0L8 4L0 8"/></marker></defs>']
    for number, link in enumerate(links):
        x = number * (BOX + GAP) + 1
        parts.append(f'<rect x="{x}" y="1" width="{BOX}" height="{HEIGHT - 2}" rx="6"/>'
                     f'<text x="{x + 12}" y="26">{text(link["part"])}</text>')
        for line, words in enumerate(link["says"]):
            parts.append(f'<text class="soft" x="{x + 12}" y="{46 + 16 * line}">{text(words)}</text>')
        if number:
            parts.append(f'<path d="M{x - GAP + 2} {HEIGHT // 2}H{x - 3}" marker-end="url(#tip)"/>')
    what = "the boot chain: " + ", then ".join(link["part"] for link in links)
    return svg(len(links) * (BOX + GAP) - GAP + 2, HEIGHT, what, parts)


def bars(steps):
    """steps: [{"seconds", "text"}], one below the other."""
    longest = max(step["seconds"] for step in steps) or 1
    parts = []
    for number, step in enumerate(steps):
        y = number * ROW
        size = max(1, round(step["seconds"] / longest * LONGEST))
        parts.append(f'<rect class="bar" x="0" y="{y + 5}" width="{size}" height="{ROW - 10}"/>'
                     f'<text x="{size + 8}" y="{y + 17}">{step["seconds"]:.1f} s  {text(step["text"])}</text>')
    return svg(BARS, len(steps) * ROW, "how long each step took", parts)


def table(heads, rows):
    head = "".join(f"<th>{text(one)}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def cell(content, name=""):
    """`content` is markup."""
    return f'<td class="{name}">{content}</td>' if name else f"<td>{content}</td>"


def on_stock(one, stock):
    """What the same program got where there is no Cloister."""
    found = stock.get(one["name"])
    if not found:
        return '<span class="soft">not tried there</span>'
    end = f"; the machine: {found['ended']}" if found.get("ended") else ""
    return f"works: {text(', '.join(found['worked']) or 'nothing')}{text(end)}"


def merged(tried):
    """By program: one may have been tried twice, the second time for the way that ends the machine."""
    found = {}
    for one in tried:
        there = found.setdefault(one["name"], {"worked": []})
        there["worked"] = there["worked"] + one["worked"]
        there["ended"] = one.get("ended") or there.get("ended")
    return found


def attacks(result):
    stock = merged(result["without_cloister"])
    recorded = {True: verdict(True, "recorded", ""), False: verdict(False, "", "NOT RECORDED"), None: "no record is due"}
    rows = [(cell(text(one["actor"]), "who"), cell(text(one["about"])), cell(verdict(one["control_ok"], "works", "FAILED")),
             cell(verdict(one["refused"], "refused", "NOT REFUSED") + f": {text(one['how'])}" +
                  ("" if one["state_unchanged"] else "; " + verdict(False, "", "STATE CHANGED"))),
             cell(recorded[one["traced"]]), cell(on_stock(one, stock)))
            for one in result["attacks"]]
    return table(["Actor", "Tries", "Control", "Outcome", "Trace", "Stock Xen"], rows)


def refusals(result):
    rows = [(cell(text(one["case"])), cell(verdict(one["refused"], "refused", "NOT REFUSED")), cell(text(one["reason"])))
            for one in result["refusals"]]
    return table(["Case", "Outcome", "Reason"], rows)


def facts(result):
    """Sentences on what was found besides."""
    if "refusals" in result:
        return [verdict(result["released"], "The key was given to the enclave of the measured host, and it signed with it; "
                        "OpenSSL outside verifies the signature.", "The key was NOT given, or the signature is wrong.")]
    return [verdict(result["signature_verified"], "An enclave signed a file with a key that it made; OpenSSL outside "
                    "verifies the signature.", "The enclave's signature was NOT verified."),
            verdict(result["audit_violations"] == 0, "The audit found sealed memory nowhere that it must not be.",
                    f"The audit found violations: {result['audit_violations']}."),
            verdict(result["leaked_pages"] == 0, "When both guests had ended the monitor kept no page.",
                    f"Pages that were not given back: {result['leaked_pages']}.")]


def page(result):
    """The whole text, from what --json writes; what was not reached (None, an empty list) is shown as a failure."""
    attested = "refusals" in result
    title = "Cloister: who gets the key" if attested else "Cloister: who gets into an enclave"
    where = " · ".join(str(result[key]) for key in ("machine", "cpu_vendor", "xen") if result.get(key))
    parts = [f"<h1>{title}</h1>", f'<p class="soft">{text(where)}</p>',
             f"<p>{verdict(result['ok'], 'All is as it must be.', 'NOT all is as it must be.')}"
             f"{' But ' + text(result['newer_xen']) + '.' if result.get('newer_xen') else ''}</p>",
             "<ul>", *(f"<li>{one}</li>" for one in facts(result)), "</ul>",
             "<h2>What starts what</h2>", chain(result["chain"]),
             f"<h2>{'Who else asked for the key' if attested else 'Who tried to get in'}</h2>",
             refusals(result) if attested else attacks(result)]
    if result["steps"]:
        parts += ["<h2>How long it took</h2>", bars(result["steps"]),
                  '<p class="soft">Under emulation, on the machine that ran the demo.</p>']
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
            f'<body>{"".join(parts)}</body></html>\n')


def write(path, result):
    with open(path, "w", encoding="utf-8") as file:
        file.write(page(result))
