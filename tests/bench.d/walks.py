# SPDX-License-Identifier: MIT
"""Page walks of random reads over 256 MiB, computed: inside an enclave, and in an ordinary process of the same tenant.

Nothing is timed, and no CPU is asked: emulators show neither a TLB nor the reads of a page walk. What is real is the
enclave's part: its own tables are those of the image that was built (tests/system/span.c), and its view is what the
monitor makes of that image's records when the host has frames for every block (tests/system/large.py counts the leaves
of a real one). The rest is a model: a TLB of 1,536 entries that any page of any size may be in, least recently used
goes first, no caches of upper tables. An entry holds the smaller of both pages that translate an address. A walk reads
each of the guest's tables, and each of the second stage's for every one of them and for the address itself (AMD APM
vol. 2, 15.25; Intel SDM vol. 3, 29.3.1). The process has pages of 4 KiB, or of 2 MiB (transparent huge pages), on a
second stage of 2 MiB, which is what Xen gives a tenant."""

import random
import struct
from collections import OrderedDict

PAGE, ENTRIES, LEVELS = 4096, 512, 4
BASE = 0x1000_0000_0000
WRITE, EXECUTE, ZERO = 2, 4, 8
PRESENT, LARGE, ADDRESS = 1, 0x80, 0x000f_ffff_ffff_f000
HEADER = 1024
TLB = 1536
READS, WARM = 40000, 20000


class Image:
    """An enclave's pages as its image has them. order: their numbers as the monitor gets them."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        _, self.page_count, count, _, _, self.root = struct.unpack_from("<6I", data, 16)
        records = struct.iter_unpack("<II", data[HEADER:HEADER + 8 * count])
        at = -(-(HEADER + 8 * count) // PAGE) * PAGE
        self.flags, self.content, self.order = {}, {}, []
        for page, flags in records:
            self.order.append(page)
            self.flags[page] = flags & ~ZERO
            if not flags & ZERO:
                self.content[page] = data[at:at + PAGE]
                at += PAGE

    def walk(self, address):
        """(pages of the tables that are read, level of the leaf: 0 is 4 KiB, 1 is 2 MiB, page that it leads to)."""
        table, tables = self.root, []
        for level in range(LEVELS - 1, -1, -1):
            tables.append(table)
            entry, = struct.unpack_from("<Q", self.content[table], (address >> 12 + 9 * level) % ENTRIES * 8)
            if not entry & PRESENT:
                raise ValueError(f"{address:#x} is not mapped")
            table = (entry & ADDRESS) // PAGE
            if not level or entry & LARGE:
                return tables, level, table + (address >> 12) % ENTRIES ** level
        raise AssertionError


def large_groups(image):
    """The monitor's rule: groups of 512 pages, added in a row, with one permission and no code."""
    groups, run, before = set(), 0, None
    for number, page in enumerate(image.order):
        follows = before is not None and page == before + 1 and image.flags[page] == image.flags[before]
        begins = (page % ENTRIES == 0 and not image.flags[page] & EXECUTE and
                  image.page_count - page >= ENTRIES and len(image.order) - number >= ENTRIES)
        run = 1 if begins else run + 1 if run and follows else 0
        if run == ENTRIES:
            groups.add(page // ENTRIES)
            run = 0
        before = page
    return groups


def misses(tags):
    """How many of 1,000 reads find no entry, when the TLB is warm."""
    tlb, missed = OrderedDict(), 0
    for number, tag in enumerate(tags):
        if tag in tlb:
            tlb.move_to_end(tag)
            continue
        missed += number >= WARM
        tlb[tag] = None
        if len(tlb) > TLB:
            tlb.popitem(last=False)
    return 1000 * missed / (READS - WARM)


def enclave(image, addresses, with_view=True):
    """(walks, table reads) of 1,000 reads at these addresses. with_view=False: as if all leaves of the view were small."""
    groups = large_groups(image) if with_view else set()

    def stage(page):
        return LEVELS - (page // ENTRIES in groups)

    tags, reads = [], 0
    for address in addresses:
        tables, level, page = image.walk(address)
        tags.append(page // ENTRIES if level and page // ENTRIES in groups else -1 - page)
        reads += sum(stage(table) + 1 for table in tables) + stage(page)
    walks = misses(tags)
    return walks, walks * reads / len(tags)


def process(addresses, huge):
    """The same of an ordinary process with pages of 2 MiB, or of 4 KiB, on a second stage of 2 MiB."""
    walks = misses([address >> (21 if huge else 12) for address in addresses])
    levels, stage = LEVELS - huge, LEVELS - 1
    return walks, walks * (levels * (stage + 1) + stage)


def results(path, first_page, mib):
    """Entries as those of report.py: walks, and reads of tables, of 1,000 random reads."""
    image = Image(path)
    chance = random.Random(1)
    addresses = [BASE + (first_page + chance.randrange(mib << 8)) * PAGE for _ in range(READS)]
    rows = [("enclave", "inside an enclave", enclave(image, addresses)),
            ("enclave_small_view", "the same without large leaves in its view", enclave(image, addresses, False)),
            ("process_huge", "a process with pages of 2 MiB", process(addresses, True)),
            ("process", "a process with pages of 4 KiB", process(addresses, False))]
    # An enclave has no more of them than a process that the kernel gives pages of 2 MiB.
    goals = {"walks_enclave": rows[2][2][0], "table_reads_enclave": rows[2][2][1]}
    found = []
    for name, text, both in rows:
        for kind, value in zip(("walks", "table_reads"), both):
            goal = goals.get(f"{kind}_{name}")
            found.append({"name": f"{kind}_{name}", "value": round(value, 1), "unit": f"{kind} / 1000 reads", "goal": goal,
                          "met": None if goal is None else value <= goal, "bound": None if goal is None else "<=",
                          "how": f"random reads over {mib} MiB: {text} (computed)", "machine": "computed",
                          "cpu_vendor": None})
    return found


def first_large(path):
    """The first page of the longest run of large groups."""
    groups = large_groups(Image(path))
    best = begin = None
    for group in sorted(groups):
        begin = group if group - 1 not in groups else begin
        if best is None or group - begin > best[1] - best[0]:
            best = begin, group
    return best[0] * ENTRIES


def show(rows):
    for row in rows:
        met = "" if row["met"] is None else f"  goal <= {row['goal']}: {'met' if row['met'] else 'NOT MET'}"
        print(f"{row['value']:>10.1f} {row['unit']:<26} {row['how']}{met}")
