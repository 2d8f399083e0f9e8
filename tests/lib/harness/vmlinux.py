# SPDX-License-Identifier: MIT
"""The uncompressed kernel inside a bzImage. Unpacking it here saves each boot under emulation the
seconds that it would take there. Layout: Linux, Documentation/x86/boot.rst."""

import bz2
import gzip
import lzma
import shutil
import struct
import subprocess

SETUP_SECTS = 0x1F1
HEADER_MAGIC = 0x202
PAYLOAD_OFFSET = 0x248
PAYLOAD_LENGTH = 0x24C


def _unzstd(data):
    if not shutil.which("zstd"):
        raise ValueError("the kernel is compressed with zstd, which is not installed")
    return subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=False).stdout


UNPACK = {
    b"\x1f\x8b": lambda data: gzip.decompress(data),
    b"\xfd7": lambda data: lzma.LZMADecompressor().decompress(data),
    b"BZ": lambda data: bz2.BZ2Decompressor().decompress(data),
    b"\x28\xb5": _unzstd,
}


def extract(image):
    """The ELF image as bytes; ValueError where `image` is not a bzImage we can read."""
    if image[HEADER_MAGIC:HEADER_MAGIC + 4] != b"HdrS":
        raise ValueError("not a Linux kernel image")
    start = (image[SETUP_SECTS] + 1) * 512
    offset, length = struct.unpack_from("<II", image, PAYLOAD_OFFSET)
    payload = image[start + offset:start + offset + length]
    unpack = UNPACK.get(payload[:2])
    if not unpack:
        raise ValueError(f"kernel compressed in a way we do not know: {payload[:4].hex()}")
    elf = unpack(payload)
    if elf[:4] != b"\x7fELF":
        raise ValueError("the kernel's payload is not ELF")
    return elf
