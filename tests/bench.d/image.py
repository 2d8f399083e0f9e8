# SPDX-License-Identifier: MIT
"""Images without a runtime: an enclave that returns at once, which shows what the world switch alone costs; one
that asks for a report and returns; the headers of some with nothing but zero pages, and of one with room for many."""

import hashlib
import os
import struct
import subprocess

PAGE = 4096
BASE = 0x100000000000
READ, WRITE, EXECUTE, ZERO = 1, 2, 4, 8
MAGIC, VERSION, HEADER_SIZE = 0x3130455641434C43, 1, 1024
# Page-table entries (AMD APM vol. 2, 5.3): present, accessed, dirty, writable, no-execute
TABLE, CODE, DATA = 0x63, 0x61, 0x63 | 1 << 63
CALL = {"amd": bytes.fromhex("0f01d9"), "intel": bytes.fromhex("0f01c1")}  # vmmcall, vmcall
RETURN = bytes.fromhex("31c0")  # xor %eax, %eax
SIZES = (4, 64, 256, 1024)  # MiB, of zeros-MIB.image
GDT = struct.pack("<QQQ", 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF)
TSS_OFFSET, GDT_SELECTORS = 256, (8, 16)


def _table(entries):
    table = bytearray(PAGE)
    for index, entry in entries:
        struct.pack_into("<Q", table, index * 8, entry)
    return bytes(table)


def _pages(code):
    """(number, flags, content): code, stack, GDT and TSS, IDT (empty), four levels of tables."""
    def link(level, page):
        return _table([(BASE >> (12 + 9 * level) & 511, page * PAGE | TABLE)])

    leaves = _table([(0, CODE), (1, PAGE | DATA), (2, 2 * PAGE | DATA), (3, 3 * PAGE | DATA)])
    contents = [(READ | EXECUTE, code), (READ | WRITE, b""),
                (READ | WRITE, GDT.ljust(TSS_OFFSET, b"\0")), (READ | WRITE, b""),
                (READ | WRITE, link(3, 5)), (READ | WRITE, link(2, 6)), (READ | WRITE, link(1, 7)),
                (READ | WRITE, leaves)]
    return [(number, flags, content.ljust(PAGE, b"\0"))
            for number, (flags, content) in enumerate(contents)]


def _openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def _signature(key, path):
    """r || s out of DER's SEQUENCE of two INTEGERs."""
    der, at, out = _openssl("dgst", "-sha256", "-sign", key, path), 2, b""
    for _ in range(2):
        size = der[at + 1]
        out += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return out


def _write(path, key, page_count, pages, zeros=0):
    """pages: (number, flags, content) of all, or none: then the image is nothing but its header, of an enclave whose
    first `zeros` pages are zero pages for data."""
    launch = struct.pack("<6I9Q4H3Q", 0, page_count, len(pages) or page_count, 1, 1, 4, BASE,
                         BASE + 2 * PAGE, 0, BASE + PAGE, 0, BASE + 2 * PAGE + TSS_OFFSET, 0,
                         BASE + 2 * PAGE, BASE + 3 * PAGE, len(GDT) - 1, PAGE - 1,
                         *GDT_SELECTORS, 0, 0, 0)
    measurement, records = hashlib.sha384(launch), b""
    for number, flags, content in pages:
        record = struct.pack("<II", number, flags)
        records += record
        measurement.update(record + content)
    for number in range(zeros):
        measurement.update(struct.pack("<II", number, READ | WRITE | ZERO))
    public = _openssl("ec", "-in", key, "-pubout", "-outform", "DER")[-64:]
    header = (struct.pack("<QII", MAGIC, VERSION, HEADER_SIZE) + launch + measurement.digest() +
              b"bench".ljust(16) + os.path.basename(path).encode()[:16].ljust(16) +
              struct.pack("<II", 1, 1) + b"bench".ljust(64, b"\0") + bytes(600) + public)
    with open(path, "wb") as file:
        file.write(header)
    signature = _signature(key, path)
    with open(path, "ab") as file:
        file.write(signature)
        if pages:
            file.write(records.ljust(PAGE - HEADER_SIZE, b"\0"))
            file.write(b"".join(content for _, _, content in pages))


def _ask_report(call):
    """A report into page 1, or #UD, which ends the thread: mov REPORT, %eax; mov 4096, %edi; xor %esi, %esi; the
    call; test %eax, %eax; jz over the next; ud2."""
    import abi  # the build makes what it reads

    return (b"\xb8" + struct.pack("<I", abi.enclave_call.REPORT) + b"\xbf" + struct.pack("<I", PAGE) +
            bytes.fromhex("31f6") + call + bytes.fromhex("85c0 7402 0f0b"))


def write_all(folder, many_pages):
    """return-VENDOR.image, report-VENDOR.image, pages.image and zeros-MIB.image in `folder`, signed by a key that is
    thrown away."""
    key = os.path.join(folder, "key.pem")
    with open(key, "wb") as file:
        file.write(_openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout"))
    for vendor, call in CALL.items():
        for name, code in (("return", RETURN + call), ("report", _ask_report(call) + RETURN + call)):
            pages = _pages(code)
            _write(os.path.join(folder, f"{name}-{vendor}.image"), key, len(pages), pages)
    _write(os.path.join(folder, "pages.image"), key, many_pages, [])
    for mebibytes in SIZES:
        count = mebibytes * 256
        _write(os.path.join(folder, f"zeros-{mebibytes}.image"), key, count, [], zeros=count)
    os.unlink(key)
