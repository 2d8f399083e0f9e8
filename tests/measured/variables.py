# SPDX-License-Identifier: MIT
"""What stands in the firmware's variable store, written from outside while the machine is off: as dom0 could, if it
were let at it. The format is EDK II's (MdeModulePkg/Include/Guid/VariableFormat.h)."""

import struct
import uuid

GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")  # UEFI 2.10, 3.3
PERSISTENT = 0x7  # non-volatile, boot services, runtime
ENTRY = struct.Struct("<HBxIQ16xIII16s")  # start, state, attributes, count, time, key, sizes, vendor
START, ADDED, DELETED = 0x55AA, 0x3F, 0x3D
STORE_HEADER = 28
ACTIVE = 1
# The partition of the boot disk (harness/uefi.py): a hard drive's media device path, 10.3.5.1.
PARTITION = uuid.UUID("2C5C15A2-6A0F-4B52-9C27-3E1D3B6E5A02")


def text(words):
    return (words + "\0").encode("utf-16-le")


def _first(store):
    assert store[0x28:0x2C] == b"_FVH"
    return struct.unpack_from("<H", store, 0x30)[0] + STORE_HEADER


def _places(store, name):
    """Where global variables of this name start, that were not deleted; at last where the rest of the store does."""
    at, places = _first(store), []
    while struct.unpack_from("<H", store, at)[0] == START:
        _, state, _, _, _, name_size, data_size, vendor = ENTRY.unpack_from(store, at)
        found = store[at + ENTRY.size:at + ENTRY.size + name_size]
        if state == ADDED and vendor == GLOBAL.bytes_le and found == text(name):
            places.append(at)
        at += ENTRY.size + name_size + data_size + 3 & ~3
    return places, at


def set_variable(path, name, data):
    """A global variable of this name, in place of an older one."""
    store = bytearray(path.read_bytes())
    places, at = _places(store, name)
    for place in places:
        store[place + 2] = DELETED
    entry = ENTRY.pack(START, ADDED, PERSISTENT, 0, 0, len(text(name)), len(data), GLOBAL.bytes_le) + text(name) + data
    assert set(store[at:at + len(entry)]) == {0xFF}, "the rest of the store is not empty"
    store[at:at + len(entry)] = entry
    path.write_bytes(store)


def get_variable(path, name):
    """Its data; None: there is none."""
    store = path.read_bytes()
    places, _ = _places(store, name)
    if not places:
        return None
    assert len(places) == 1, name
    _, _, _, _, _, name_size, data_size, _ = ENTRY.unpack_from(store, places[0])
    at = places[0] + ENTRY.size + name_size
    return store[at:at + data_size]


def load_option(file, description="a driver", options=b""):
    """EFI_LOAD_OPTION (3.1.3) of a file on the boot disk; `options` are what the firmware hands to it."""
    drive = struct.pack("<BBHIQQ16sBB", 4, 1, 42, 1, 2048, 0, PARTITION.bytes_le, 2, 2)
    name = text(file)
    paths = drive + struct.pack("<BBH", 4, 4, 4 + len(name)) + name + bytes.fromhex("7fff0400")
    return struct.pack("<IH", ACTIVE, len(paths)) + text(description) + paths + options


def add_driver(path, file):
    """The firmware loads it before the boot loader, at each boot."""
    set_variable(path, "Driver0000", load_option(file))
    set_variable(path, "DriverOrder", struct.pack("<H", 0))


def make_driver(application, driver):
    """Of an EFI application: the subsystem of a boot service driver, and it ends as soon as it starts."""
    image = bytearray(application.read_bytes())
    head = struct.unpack_from("<I", image, 0x3C)[0] + 24  # the optional header
    entry = struct.unpack_from("<I", image, head + 16)[0]
    struct.pack_into("<H", image, head + 68, 11)
    sections = head + struct.unpack_from("<H", image, head - 4)[0]
    for at in range(sections, sections + 40 * struct.unpack_from("<H", image, head - 18)[0], 40):
        size, address, _, offset = struct.unpack_from("<IIII", image, at + 8)
        if address <= entry < address + size:
            image[offset + entry - address:offset + entry - address + 3] = b"\x31\xc0\xc3"  # xor eax, eax; ret
            driver.write_bytes(image)
            return
    raise ValueError(f"{application}: no section holds its entry")
